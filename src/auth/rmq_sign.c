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

/*
 * The header of a send (V2) names its fields by a letter each: put in their order by
 * that alone. false: two fields begin alike, or one doesn't with ASCII.
 */
static bool
by_letter(const struct rmq_sign_field *f, unsigned n,
    const struct rmq_sign_field *v[RMQ_SIGN_FIELDS_MAX], unsigned *m)
{
	const struct rmq_sign_field *at[128];
	uint64_t set[2] = { 0, 0 }, bit;
	unsigned i, k = 0, w;
	unsigned char c;

	for (i = 0; i < n; i++) {
		if (f[i].name.len == 0 ||
		    (c = (unsigned char)*f[i].name.p) > 127)
			return false;
		bit = UINT64_C(1) << (c & 63);
		if ((set[c >> 6] & bit) != 0)
			return false;
		set[c >> 6] |= bit;
		at[c] = &f[i];
	}
	for (w = 0; w < 2; w++)
		for (; set[w] != 0; set[w] &= set[w] - 1)
			v[k++] = at[w << 6 | (unsigned)__builtin_ctzll(set[w])];
	*m = k;
	return true;
}

/* By insertion: most come in order. */
static unsigned
by_name(const struct rmq_sign_field *f, unsigned n,
    const struct rmq_sign_field *v[RMQ_SIGN_FIELDS_MAX])
{
	unsigned i, j;

	for (i = 0; i < n; i++) {
		for (j = i; j > 0 && before(f[i].name, v[j - 1]->name); j--)
			v[j] = v[j - 1];
		v[j] = &f[i];
	}
	return n;
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
	if (!by_letter(f, n, v, &m))
		m = by_name(f, n, v);
	for (i = 0; i < m; i++)
		if (v[i]->value.len > 0 && counts(v[i]->name, old))
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
