/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "os/file.h"

#define KEY 32u
#define NONCE 12u
#define TAG 16u
#define VERSION 1u
#define HEAD (1u + NONCE)

struct secret_box {
	unsigned magic;
#define SECRET_BOX_MAGIC 0x5ec4e701
	uint8_t key[KEY];
};

struct secret_box *
secret_box_of(const uint8_t key[KEY])
{
	struct secret_box *b;

	ALLOC_OBJ(b, SECRET_BOX_MAGIC);
	memcpy(b->key, key, KEY);
	return b;
}

static enum err
make_key(const char *path, uint8_t key[KEY], struct diag *d)
{
	enum err e;

	AN(RAND_bytes(key, KEY));
	e = file_write_atomic(path, key, KEY);
	return e == ERR_OK ? e : diag_set(d, e, "%s: %s", path, err_text(e));
}

enum err
secret_box_open(struct secret_box **bp, const char *path, struct diag *d)
{
	uint8_t key[KEY];
	char *text = NULL;
	size_t n = 0;
	enum err e;

	*bp = NULL;
	e = file_read(path, KEY, &text, &n);
	if (e == ERR_NO_FILE)
		e = make_key(path, key, d);
	else if (e == ERR_TOO_BIG || (e == ERR_OK && n != KEY))
		e = diag_set(d, ERR_CORRUPT, "%s is not a key", path);
	else if (e == ERR_OK)
		memcpy(key, text, KEY);
	else
		(void)diag_set(d, e, "%s: %s", path, err_text(e));
	if (text != NULL)
		OPENSSL_cleanse(text, n);
	mem_free(text);
	if (e == ERR_OK)
		*bp = secret_box_of(key);
	OPENSSL_cleanse(key, sizeof key);
	return e;
}

void
secret_box_free(struct secret_box **bp)
{
	struct secret_box *b;

	TAKE_OBJ_NOTNULL(b, bp, SECRET_BOX_MAGIC);
	OPENSSL_cleanse(b->key, sizeof b->key);
	FREE_OBJ(b);
}

/* --- one secret ------------------------------------------------------------------- */

static EVP_CIPHER_CTX *
cipher(const struct secret_box *b, bool seal, const uint8_t *nonce,
    struct str name)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	AN(c);
	AN(EVP_CipherInit_ex2(
	    c, EVP_aes_256_gcm(), b->key, nonce, seal ? 1 : 0, NULL));
	AN(EVP_CipherUpdate(
	    c, NULL, &n, (const unsigned char *)name.p, (int)name.len));
	return c;
}

char *
secret_seal(const struct secret_box *b, struct str name, struct str plain)
{
	uint8_t raw[HEAD + SECRET_MAX + TAG] = { VERSION };
	EVP_CIPHER_CTX *c;
	char *out;
	size_t n;
	int k;

	CHECK_OBJ_NOTNULL(b, SECRET_BOX_MAGIC);
	assert(plain.len <= SECRET_MAX);
	AN(RAND_bytes(raw + 1, NONCE));
	c = cipher(b, true, raw + 1, name);
	AN(EVP_CipherUpdate(
	    c, raw + HEAD, &k, (const unsigned char *)plain.p, (int)plain.len));
	n = HEAD + (size_t)k;
	AN(EVP_CipherFinal_ex(c, raw + n, &k));
	AN(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, raw + n));
	n += TAG;
	EVP_CIPHER_CTX_free(c);
	out = mem_alloc(BASE64_ENCODED(n) + 1);
	out[base64_encode(out, raw, n, false)] = '\0';
	return out;
}

static bool
decipher(const struct secret_box *b, struct str name, uint8_t *raw, size_t n,
    char *out)
{
	EVP_CIPHER_CTX *c;
	bool well;
	int k;

	if (n < HEAD + TAG || raw[0] != VERSION)
		return false;
	c = cipher(b, false, raw + 1, name);
	AN(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, raw + n - TAG));
	well = EVP_CipherUpdate(c, (unsigned char *)out, &k, raw + HEAD,
		   (int)(n - HEAD - TAG)) == 1 &&
	    EVP_CipherFinal_ex(c, (unsigned char *)out + k, &k) == 1;
	EVP_CIPHER_CTX_free(c);
	return well;
}

enum err
secret_unseal(const struct secret_box *b, struct str name, struct str sealed,
    char **plain, size_t *len)
{
	uint8_t raw[HEAD + SECRET_MAX + TAG];
	size_t n;

	CHECK_OBJ_NOTNULL(b, SECRET_BOX_MAGIC);
	*plain = NULL;
	*len = 0;
	if (base64_decode(sealed, raw, sizeof raw, &n) != ERR_OK ||
	    n < HEAD + TAG)
		return ERR_CORRUPT;
	*len = n - HEAD - TAG;
	*plain = mem_zalloc(*len + 1);
	if (decipher(b, name, raw, n, *plain))
		return ERR_OK;
	secret_wipe(plain, *len);
	*len = 0;
	return ERR_CORRUPT;
}

void
secret_wipe(char **plain, size_t len)
{
	if (*plain != NULL)
		OPENSSL_cleanse(*plain, len);
	mem_free(*plain);
	*plain = NULL;
}

void
secret_random(char *text, size_t n)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789";
	const uint8_t most = 256 - 256 % (sizeof chars - 1);
	size_t i = 0;
	uint8_t b;

	while (i < n) {
		assert(RAND_bytes(&b, 1) == 1);
		/* each as often as another */
		if (b < most)
			text[i++] = chars[b % (sizeof chars - 1)];
	}
	text[n] = '\0';
}
