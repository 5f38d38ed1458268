/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/htpasswd.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <string.h>

#include "auth/apr1.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

#define USERS_MAX 100000u

struct user {
	char *name, *hash;
};

struct htpasswd {
	unsigned magic;
#define HTPASSWD_MAGIC 0x47a55001
	struct map users;
	const struct user *any; /* checked in place of one who is not there */
};

/* --- reading ---------------------------------------------------------------------- */

static struct str
trimmed(struct str s)
{
	while (s.len > 0 && (s.p[s.len - 1] == '\r' || s.p[s.len - 1] == ' '))
		s.len--;
	return s;
}

static void
user_free(struct user *u)
{
	OPENSSL_cleanse(u->hash, strlen(u->hash));
	mem_free(u->hash);
	mem_free(u->name);
	mem_free(u);
}

static bool
take(struct htpasswd *h, struct str line)
{
	struct str name = str_word(&line, ':');
	struct user *u, *old;

	if (name.len == 0 || name.len > HTPASSWD_WORD_MAX || line.len == 0 ||
	    line.len > HTPASSWD_WORD_MAX ||
	    memchr(line.p, 0, line.len) != NULL ||
	    memchr(name.p, 0, name.len) != NULL)
		return false;
	u = mem_alloc(sizeof *u);
	u->name = mem_strndup(name.p, name.len);
	u->hash = mem_strndup(line.p, line.len);
	/* of one name the last counts */
	old = map_del(&h->users, name.p, name.len);
	if (old != NULL)
		user_free(old);
	if (map_add(&h->users, u->name, name.len, u) != ERR_OK) {
		user_free(u);
		return false;
	}
	h->any = u; /* after the one that it replaces has gone */
	return true;
}

enum err
htpasswd_new(struct htpasswd **hp, const void *p, size_t len, struct diag *diag)
{
	struct str rest = { p, len }, line;
	struct htpasswd *h;
	unsigned n = 0;

	ALLOC_OBJ(h, HTPASSWD_MAGIC);
	map_init(&h->users, 1, USERS_MAX);
	*hp = h;
	while (rest.len > 0) {
		line = trimmed(str_word(&rest, '\n'));
		n++;
		if (line.len == 0 || line.p[0] == '#')
			continue;
		if (!take(h, line)) {
			htpasswd_free(hp);
			return diag_set(diag, ERR_INVALID_ARG,
			    "line %u is not user:hash", n);
		}
	}
	return ERR_OK;
}

void
htpasswd_free(struct htpasswd **hp)
{
	struct htpasswd *h;
	struct user *u;

	TAKE_OBJ_NOTNULL(h, hp, HTPASSWD_MAGIC);
	while ((u = map_pop(&h->users)) != NULL)
		user_free(u);
	map_fini(&h->users);
	FREE_OBJ(h);
}

/* --- asking ----------------------------------------------------------------------- */

static bool
same(const char *a, const char *b)
{
	size_t n = strlen(b);

	return strlen(a) == n && CRYPTO_memcmp(a, b, n) == 0;
}

static bool
crypt_fits(const char *password, const char *hash)
{
	struct crypt_data *cd = mem_zalloc(sizeof *cd);
	const char *got = crypt_r(password, hash, cd);
	bool well = got != NULL && got[0] != '*' && same(got, hash);

	OPENSSL_cleanse(cd, sizeof *cd);
	mem_free(cd);
	return well;
}

static bool
fits(struct str password, const char *hash)
{
	char text[HTPASSWD_WORD_MAX + 1], mine[APR1_MAX];
	bool well;

	if (apr1(mine, password, hash))
		return same(mine, hash);
	memcpy(text, password.p, password.len);
	text[password.len] = '\0';
	well = crypt_fits(text, hash);
	OPENSSL_cleanse(text, sizeof text);
	return well;
}

bool
htpasswd_check(const struct htpasswd *h, struct str name, struct str password)
{
	const struct user *u;

	CHECK_OBJ_NOTNULL(h, HTPASSWD_MAGIC);
	if (password.len == 0 || password.len > HTPASSWD_WORD_MAX ||
	    memchr(password.p, 0, password.len) != NULL)
		return false;
	u = map_get(&h->users, name.p, name.len);
	if (u != NULL)
		return fits(password, u->hash);
	if (h->any != NULL)
		(void)fits(password, h->any->hash);
	return false;
}
