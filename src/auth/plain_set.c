/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/plain_set.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "base/vas.h"
#include "os/file.h"

#define DEPTH_MAX 8u /* of directories */

struct plain_file {
	char *path;
	char *yaml;
	size_t len;
	struct plain_acl *acl;
};

struct plain_set {
	unsigned magic;
#define PLAIN_SET_MAGIC 0x9a1ac5e7
	unsigned n;
	struct plain_file *v;
	struct map by_key; /* accounts of all files */
};

static struct plain_set *
set_new(void)
{
	struct plain_set *ps;

	ALLOC_OBJ(ps, PLAIN_SET_MAGIC);
	/* its keys are an administrator's: no seed */
	map_init(&ps->by_key, 0, PLAIN_SET_FILES_MAX * PLAIN_ACCOUNTS_MAX);
	return ps;
}

void
plain_set_free(struct plain_set **psp)
{
	struct plain_file *f;
	struct plain_set *ps;
	unsigned i;

	TAKE_OBJ_NOTNULL(ps, psp, PLAIN_SET_MAGIC);
	map_fini(&ps->by_key);
	for (i = 0; i < ps->n; i++) {
		f = &ps->v[i];
		if (f->acl != NULL)
			plain_acl_free(&f->acl);
		explicit_bzero(f->yaml, f->len);
		mem_free(f->yaml);
		mem_free(f->path);
	}
	mem_free(ps->v);
	FREE_OBJ(ps);
}

static enum err
keys_add(struct plain_set *ps, const struct plain_file *f, struct diag *diag)
{
	const struct plain_account *a;
	unsigned i, other;

	for (i = 0; i < plain_acl_n(f->acl); i++) {
		a = plain_acl_at(f->acl, i);
		if (map_add(&ps->by_key, a->key.p, a->key.len,
			(void *)(uintptr_t)a) == ERR_OK)
			continue;
		AN(plain_set_find(ps, a->key, &other));
		return diag_set(diag, ERR_INVALID_ARG,
		    "%s: accessKey=%.*s stands in %s, too", f->path,
		    a->key.len < 100 ? (int)a->key.len : 100, a->key.p,
		    ps->v[other].path);
	}
	return ERR_OK;
}

/* Takes path and yaml. */
static enum err
add(struct plain_set *ps, char *path, char *yaml, size_t len, struct diag *diag)
{
	struct plain_file *f;
	enum err e;

	ps->v = mem_reallocarray(ps->v, ps->n + 1, sizeof *ps->v);
	f = &ps->v[ps->n++];
	*f = (struct plain_file){ .path = path, .yaml = yaml, .len = len };
	e = plain_acl_read(&f->acl, (struct str){ yaml, len }, diag);
	if (e == ERR_OK)
		return keys_add(ps, f, diag);
	diag_wrap(diag, "%s", path);
	return e;
}

/* --- from the disk ------------------------------------------------------------------ */

static enum err
read_one(struct plain_set *ps, const char *path, bool must, size_t *left,
    struct diag *diag)
{
	size_t len = 0;
	char *yaml;
	enum err e;

	/* it would end its line of the text */
	if (strchr(path, '\n') != NULL)
		return diag_set(
		    diag, ERR_INVALID_ARG, "a file's name has a newline in it");
	e = file_read(path, PLAIN_ACL_BYTES_MAX, &yaml, &len);
	if (e == ERR_NO_FILE && !must) {
		yaml = mem_strdup("");
		e = ERR_OK;
	}
	if (e != ERR_OK)
		return diag_set(diag, e, "%s: %s", path, err_text(e));
	if (len > *left) {
		mem_free(yaml);
		return diag_set(diag, ERR_INVALID_ARG,
		    "%s: more than %u bytes with those before it", path,
		    PLAIN_SET_BYTES_MAX);
	}
	*left -= len;
	return add(ps, mem_strdup(path), yaml, len, diag);
}

/* "acl" beside the file, or where it lies. */
static char *
directory_of(const char *path)
{
	const char *end = strrchr(path, '/');
	struct str dir = { path, end != NULL ? (size_t)(end - path) : 0 };

	if ((dir.len == 3 || (dir.len > 3 && dir.p[dir.len - 4] == '/')) &&
	    memcmp(dir.p + dir.len - 3, "acl", 3) == 0)
		return mem_strndup(dir.p, dir.len);
	return mem_printf("%.*sacl", end != NULL ? (int)dir.len + 1 : 0, path);
}

enum err
plain_set_read(struct plain_set **psp, const char *path, struct diag *diag)
{
	static const char *const ends[] = { ".yml", ".yaml", NULL };
	struct file_names names = { 0 };
	size_t i, left = PLAIN_SET_BYTES_MAX;
	struct plain_set *ps = set_new();
	char *dir = directory_of(path);
	enum err e;

	*psp = NULL;
	e = file_names_list(&names, dir, ends, DEPTH_MAX, PLAIN_SET_FILES_MAX);
	if (e == ERR_NO_FILE)
		e = ERR_OK;
	else if (e != ERR_OK)
		e = diag_set(diag, e, "%s: %s", dir, err_text(e));
	if (e == ERR_OK)
		e = read_one(ps, path, false, &left, diag);
	for (i = 0; e == ERR_OK && i < names.n; i++)
		if (strcmp(names.v[i], path) != 0)
			e = read_one(ps, names.v[i], true, &left, diag);
	file_names_free(&names);
	mem_free(dir);
	if (e != ERR_OK)
		plain_set_free(&ps);
	*psp = ps;
	return e;
}

/* --- as one text -------------------------------------------------------------------- */

/* Each file: length, blank, name, newline, what is in it. */
char *
plain_set_text(
    const struct plain_set *ps, unsigned i, struct str yaml, size_t *len)
{
	const struct plain_file *f;
	struct strbuf sb;
	unsigned k;
	struct str s;

	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	strbuf_init(&sb, 2 * PLAIN_SET_BYTES_MAX);
	for (k = 0; k < ps->n; k++) {
		f = &ps->v[k];
		s = k == i ? yaml : (struct str){ f->yaml, f->len };
		strbuf_addf(&sb, "%zu %s\n", s.len, f->path);
		strbuf_add(&sb, s.p, s.len);
	}
	AZ(strbuf_err(&sb));
	*len = sb.len;
	return strbuf_take(&sb);
}

enum err
plain_set_parse(struct plain_set **psp, struct str text, struct diag *diag)
{
	struct plain_set *ps = set_new();
	struct str n, path;
	enum err e = ERR_OK;
	int64_t len;

	*psp = NULL;
	while (e == ERR_OK && text.len > 0) {
		path = str_word(&text, '\n');
		n = str_word(&path, ' ');
		if (num_i64(n, &len) != ERR_OK || len < 0 ||
		    (uint64_t)len > text.len || path.len == 0 ||
		    memchr(path.p, '\0', path.len) != NULL ||
		    ps->n > PLAIN_SET_FILES_MAX) {
			e = diag_set(diag, ERR_INVALID_ARG, "no set of files");
			break;
		}
		e = add(ps, mem_strndup(path.p, path.len),
		    mem_strndup(text.p, (size_t)len), (size_t)len, diag);
		text.p += len;
		text.len -= (size_t)len;
	}
	if (e != ERR_OK)
		plain_set_free(&ps);
	*psp = ps;
	return e;
}

/* --- questions ------------------------------------------------------------------------ */

unsigned
plain_set_n(const struct plain_set *ps)
{
	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	return ps->n;
}

const char *
plain_set_path(const struct plain_set *ps, unsigned i)
{
	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	assert(i < ps->n);
	return ps->v[i].path;
}

const struct plain_acl *
plain_set_file(const struct plain_set *ps, unsigned i)
{
	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	assert(i < ps->n);
	return ps->v[i].acl;
}

bool
plain_set_find(const struct plain_set *ps, struct str key, unsigned *file)
{
	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	for (*file = 0; *file < ps->n; (*file)++)
		if (plain_acl_account(ps->v[*file].acl, key) != NULL)
			return true;
	return false;
}

const struct plain_account *
plain_set_account(const struct plain_set *ps, struct str key)
{
	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	return map_get(&ps->by_key, key.p, key.len);
}

bool
plain_set_is_white(const struct plain_set *ps, struct str ip)
{
	unsigned i;

	CHECK_OBJ_NOTNULL(ps, PLAIN_SET_MAGIC);
	for (i = 0; i < ps->n; i++)
		if (white_has(plain_acl_white(ps->v[i].acl), ip))
			return true;
	return false;
}
