/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/source.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/mem.h"
#include "os/file.h"

void
source_free(uint8_t **p, size_t n)
{
	if (*p != NULL)
		OPENSSL_cleanse(*p, n);
	mem_free(*p);
	*p = NULL;
}

static enum err
read_file(uint8_t **p, size_t *n, const char *path, size_t max, struct diag *d)
{
	char *text;
	enum err e = file_read(path, max, &text, n);

	if (e != ERR_OK)
		return diag_set(
		    d, ERR_INVALID_ARG, "%s: %s", path, err_text(e));
	*p = (uint8_t *)text;
	return ERR_OK;
}

static enum err
decode(uint8_t **p, size_t *n, struct str b64, size_t max, struct diag *d)
{
	size_t cap = BASE64_DECODED(b64.len);

	if (cap > max + 3)
		return diag_set(d, ERR_INVALID_ARG, "it is too long");
	*p = mem_alloc(cap + 1);
	if (base64_decode(b64, *p, cap, n) == ERR_OK)
		return ERR_OK;
	source_free(p, cap);
	return diag_set(d, ERR_INVALID_ARG,
	    "it is neither a file that is there nor base64");
}

/* RFC 2397, of which "data:;base64," and "data:," are in use; a media type in
 * front of the comma says nothing here. */
static enum err
data_url(uint8_t **p, size_t *n, const char *rest, size_t max, struct diag *d)
{
	static const char mark[] = ";base64";
	const char *comma = strchr(rest, ',');
	size_t head;

	if (comma == NULL)
		return diag_set(
		    d, ERR_INVALID_ARG, "a data URL without a comma");
	head = (size_t)(comma - rest);
	if (head >= sizeof mark - 1 &&
	    memcmp(comma - (sizeof mark - 1), mark, sizeof mark - 1) == 0)
		return decode(p, n, str_of(comma + 1), max, d);
	*n = strlen(comma + 1);
	if (*n > max)
		return diag_set(d, ERR_INVALID_ARG, "it is too long");
	*p = mem_dup(comma + 1, *n + 1);
	return ERR_OK;
}

static int
hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f'    ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F'    ? c - 'A' + 10 :
				      -1;
}

/* false: not well formed, or a NUL */
static bool
unescape(char *s)
{
	char *to = s;
	int hi, lo;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		hi = hex_of(s[1]);
		lo = hi < 0 ? -1 : hex_of(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return true;
}

/* What stands behind "file:", as java.net.URL takes it: query and fragment say nothing,
 * and the host, if there is one, has to be this one. */
static enum err
file_url(uint8_t **p, size_t *n, const char *rest, size_t max, struct diag *d)
{
	static const char local[] = "localhost";
	size_t len = strcspn(rest, "?#");
	char *path;
	enum err e;

	if (strncmp(rest, "//", 2) == 0) {
		rest += 2;
		len -= 2;
		if (strncasecmp(rest, local, sizeof local - 1) == 0) {
			rest += sizeof local - 1;
			len -= sizeof local - 1;
		}
		if (rest[0] != '/')
			return diag_set(d, ERR_INVALID_ARG,
			    "a file: URL of another host, or without a "
			    "path");
	}
	while (len > 0 && rest[len - 1] == ' ')
		len--;
	path = mem_strndup(rest, len);
	if (unescape(path))
		e = read_file(p, n, path, max, d);
	else
		e = diag_set(d, ERR_INVALID_ARG,
		    "a file: URL with a bad escape sequence");
	mem_free(path);
	return e;
}

enum err
source_read(
    uint8_t **p, size_t *n, const char *spec, size_t max, struct diag *d)
{
	*p = NULL;
	*n = 0;
	if (strncmp(spec, "file:", 5) == 0)
		return file_url(p, n, spec + 5, max, d);
	if (strncmp(spec, "data:", 5) == 0)
		return data_url(p, n, spec + 5, max, d);
	if (read_file(p, n, spec, max, d) == ERR_OK)
		return ERR_OK;
	diag_clear(d);
	return decode(p, n, str_of(spec), max, d);
}
