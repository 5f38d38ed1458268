/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/rmq_sign.h"

#include <nettle/hmac.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/base64.h"
#include "base/miniobj.h"
#include "base/vas.h"

/*
 * Of nettle, for its state is a value: OpenSSL's has to be duplicated for each
 * request or started again, and allocates for it (bench/auth_bench).
 */
struct rmq_sign_key {
	unsigned magic;
#define RMQ_SIGN_KEY_MAGIC 0x5167ee01
	struct hmac_sha1_ctx ctx;
};

struct rmq_sign_key *
rmq_sign_key_new(struct str secret)
{
	struct rmq_sign_key *k;

	ALLOC_OBJ(k, RMQ_SIGN_KEY_MAGIC);
	hmac_sha1_set_key(&k->ctx, secret.len, (const uint8_t *)secret.p);
	return k;
}

void
rmq_sign_key_free(struct rmq_sign_key **kp)
{
	struct rmq_sign_key *k;

	TAKE_OBJ_NOTNULL(k, kp, RMQ_SIGN_KEY_MAGIC);
	explicit_bzero(&k->ctx, sizeof k->ctx);
	FREE_OBJ(k);
}

/* UTF-16 puts U+E000 to U+FFFF behind what UTF-8 writes in four bytes. */
static unsigned
rank(unsigned char c)
{
	return c == 0xee || c == 0xef ? c + 0x10u : c;
}

static bool
before(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len, i = 0;

	while (i < n && a.p[i] == b.p[i])
		i++;
	return i == n ?
	    a.len < b.len :
	    rank((unsigned char)a.p[i]) < rank((unsigned char)b.p[i]);
}

static bool
counts(struct str name, bool old)
{
	return !str_eq(name, STR_LIT("Signature")) &&
	    !(old && str_eq(name, STR_LIT("_UNIQUE_KEY_QUERY")));
}

/* By insertion: most come in order, and their first bytes tell them apart. */
static unsigned
sort(const struct rmq_sign_field *f, unsigned n, bool old,
    const struct rmq_sign_field *v[RMQ_SIGN_FIELDS_MAX])
{
	unsigned first[RMQ_SIGN_FIELDS_MAX], c, i, j, m = 0;

	for (i = 0; i < n; i++) {
		if (!counts(f[i].name, old))
			continue;
		c = f[i].name.len > 0 ? rank((unsigned char)*f[i].name.p) : 0;
		for (j = m++; j > 0 &&
		     (c < first[j - 1] ||
			 (c == first[j - 1] &&
			     before(f[i].name, v[j - 1]->name)));
		     j--) {
			v[j] = v[j - 1];
			first[j] = first[j - 1];
		}
		v[j] = &f[i];
		first[j] = c;
	}
	return m;
}

void
rmq_sign(struct rmq_sign_key *k, const struct rmq_sign_field *f, unsigned n,
    struct str body, bool old, char out[RMQ_SIGN_TEXT])
{
	const struct rmq_sign_field *v[RMQ_SIGN_FIELDS_MAX];
	uint8_t mac[SHA1_DIGEST_SIZE];
	unsigned i, m;

	CHECK_OBJ_NOTNULL(k, RMQ_SIGN_KEY_MAGIC);
	assert(n <= RMQ_SIGN_FIELDS_MAX);
	m = sort(f, n, old, v);
	for (i = 0; i < m; i++)
		if (v[i]->value.len > 0)
			hmac_sha1_update(&k->ctx, v[i]->value.len,
			    (const uint8_t *)v[i]->value.p);
	if (body.len > 0)
		hmac_sha1_update(&k->ctx, body.len, (const uint8_t *)body.p);
	/* and it is ready for the next one */
	hmac_sha1_digest(&k->ctx, sizeof mac, mac);
	AN(base64_encode(out, mac, sizeof mac, false) == RMQ_SIGN_TEXT);
}

bool
rmq_sign_check(struct rmq_sign_key *k, const struct rmq_sign_field *f,
    unsigned n, struct str body, bool old, struct str signature)
{
	char text[RMQ_SIGN_TEXT];

	rmq_sign(k, f, n, body, old, text);
	return signature.len == sizeof text &&
	    CRYPTO_memcmp(text, signature.p, sizeof text) == 0;
}
