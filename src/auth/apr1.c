/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/apr1.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/vas.h"

#define MAGIC "$apr1$"
#define SALT_MAX 8u
#define MD5_BYTES 16u
#define ROUNDS 1000

struct md5 {
	EVP_MD_CTX *c;
};

static void
begin(struct md5 *m)
{
	AN(EVP_DigestInit_ex(m->c, EVP_md5(), NULL));
}

static void
add(struct md5 *m, const void *p, size_t n)
{
	AN(EVP_DigestUpdate(m->c, p, n));
}

static void
end(struct md5 *m, uint8_t out[MD5_BYTES])
{
	AN(EVP_DigestFinal_ex(m->c, out, NULL));
}

/* The first digest, in which the password goes by its length's bits. */
static void
first(struct md5 *m, uint8_t h[MD5_BYTES], struct str pw, struct str salt)
{
	size_t n;

	begin(m);
	add(m, pw.p, pw.len);
	add(m, salt.p, salt.len);
	add(m, pw.p, pw.len);
	end(m, h);
	begin(m);
	add(m, pw.p, pw.len);
	add(m, MAGIC, sizeof MAGIC - 1);
	add(m, salt.p, salt.len);
	for (n = pw.len; n > 0; n -= n > MD5_BYTES ? MD5_BYTES : n)
		add(m, h, n > MD5_BYTES ? MD5_BYTES : n);
	for (n = pw.len; n > 0; n >>= 1)
		add(m, (n & 1) != 0 ? "" : pw.p, 1);
	end(m, h);
}

/* And a thousand more. */
static void
stir(struct md5 *m, uint8_t h[MD5_BYTES], struct str pw, struct str salt)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		begin(m);
		if (i % 2 != 0)
			add(m, pw.p, pw.len);
		else
			add(m, h, MD5_BYTES);
		if (i % 3 != 0)
			add(m, salt.p, salt.len);
		if (i % 7 != 0)
			add(m, pw.p, pw.len);
		if (i % 2 != 0)
			add(m, h, MD5_BYTES);
		else
			add(m, pw.p, pw.len);
		end(m, h);
	}
}

static char *
put(char *out, unsigned v, int n)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz";

	for (; n > 0; n--, v >>= 6)
		*out++ = alphabet[v & 0x3f];
	return out;
}

static void
text(char *out, const uint8_t h[MD5_BYTES])
{
	unsigned i;

	for (i = 0; i < 5; i++)
		out = put(out,
		    (unsigned)h[i] << 16 | (unsigned)h[i + 6] << 8 |
			h[i == 4 ? 5 : i + 12],
		    4);
	out = put(out, h[11], 2);
	*out = '\0';
}

bool
apr1(char *out, struct str pw, const char *setting)
{
	const size_t magic = sizeof MAGIC - 1;
	uint8_t h[MD5_BYTES];
	struct md5 m;
	struct str salt;

	if (strncmp(setting, MAGIC, magic) != 0)
		return false;
	salt = str_of(setting + magic);
	salt = str_word(&salt, '$');
	if (salt.len > SALT_MAX)
		salt.len = SALT_MAX;
	m.c = EVP_MD_CTX_new();
	AN(m.c);
	first(&m, h, pw, salt);
	stir(&m, h, pw, salt);
	EVP_MD_CTX_free(m.c);
	memcpy(out, MAGIC, magic);
	memcpy(out + magic, salt.p, salt.len);
	out[magic + salt.len] = '$';
	text(out + magic + salt.len + 1, h);
	OPENSSL_cleanse(h, sizeof h);
	return true;
}
