/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/rmq_sign.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

#define SHA1_BYTES 20u

struct rmq_sign_key {
	unsigned magic;
#define RMQ_SIGN_KEY_MAGIC 0x5167ee01
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
};

struct rmq_sign_key *
rmq_sign_key_new(struct str secret)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA1" }, 0),
		OSSL_PARAM_construct_end(),
	};
	struct rmq_sign_key *k;

	ALLOC_OBJ(k, RMQ_SIGN_KEY_MAGIC);
	k->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	AN(k->mac);
	k->ctx = EVP_MAC_CTX_new(k->mac);
	AN(k->ctx);
	/* a key of no bytes is one all the same */
	AN(EVP_MAC_init(k->ctx,
	    (const unsigned char *)(secret.len > 0 ? secret.p : ""), secret.len,
	    params));
	return k;
}

void
rmq_sign_key_free(struct rmq_sign_key **kp)
{
	struct rmq_sign_key *k;

	TAKE_OBJ_NOTNULL(k, kp, RMQ_SIGN_KEY_MAGIC);
	EVP_MAC_CTX_free(k->ctx);
	EVP_MAC_free(k->mac);
	FREE_OBJ(k);
}

/* UTF-16 puts U+E000 to U+FFFF behind what UTF-8 writes in four bytes. */
static unsigned
rank(unsigned char c)
{
	return c == 0xee || c == 0xef ? c + 0x10u : c;
}

static int
cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len, i;

	for (i = 0; i < n; i++)
		if (a.p[i] != b.p[i])
			return rank((unsigned char)a.p[i]) <
				rank((unsigned char)b.p[i]) ?
			    -1 :
			    1;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool
counts(struct str name, bool old)
{
	return !str_eq(name, STR_LIT("Signature")) &&
	    !(old && str_eq(name, STR_LIT("_UNIQUE_KEY_QUERY")));
}

void
rmq_sign(const struct rmq_sign_key *k, const struct rmq_sign_field *f,
    unsigned n, struct str body, bool old, char out[RMQ_SIGN_TEXT])
{
	const struct rmq_sign_field *v[RMQ_SIGN_FIELDS_MAX];
	unsigned char mac[SHA1_BYTES];
	EVP_MAC_CTX *c;
	unsigned i, j, m = 0;
	size_t len;

	CHECK_OBJ_NOTNULL(k, RMQ_SIGN_KEY_MAGIC);
	assert(n <= RMQ_SIGN_FIELDS_MAX);
	for (i = 0; i < n; i++) {
		if (!counts(f[i].name, old))
			continue;
		for (j = m++; j > 0 && cmp(f[i].name, v[j - 1]->name) < 0; j--)
			v[j] = v[j - 1];
		v[j] = &f[i];
	}
	c = EVP_MAC_CTX_dup(k->ctx);
	AN(c);
	for (i = 0; i < m; i++)
		if (v[i]->value.len > 0)
			AN(EVP_MAC_update(c,
			    (const unsigned char *)v[i]->value.p,
			    v[i]->value.len));
	if (body.len > 0)
		AN(EVP_MAC_update(c, (const unsigned char *)body.p, body.len));
	AN(EVP_MAC_final(c, mac, &len, sizeof mac));
	EVP_MAC_CTX_free(c);
	assert(base64_encode(out, mac, sizeof mac, false) == RMQ_SIGN_TEXT);
}

bool
rmq_sign_check(const struct rmq_sign_key *k, const struct rmq_sign_field *f,
    unsigned n, struct str body, bool old, struct str signature)
{
	char text[RMQ_SIGN_TEXT];

	rmq_sign(k, f, n, body, old, text);
	return signature.len == sizeof text &&
	    CRYPTO_memcmp(text, signature.p, sizeof text) == 0;
}
