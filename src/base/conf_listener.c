/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"

/* copies n bytes with a NUL; false if they don't fit or are none */
static bool
take(char *dst, size_t size, const char *p, size_t n)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(dst, p, n);
	dst[n] = '\0';
	return true;
}

static bool
known_scheme(const char *s)
{
	return strcmp(s, "pulsar") == 0 || strcmp(s, "pulsar+ssl") == 0 ||
	    strcmp(s, "http") == 0 || strcmp(s, "https") == 0;
}

static bool
parse_port(const char *p, size_t n, uint16_t *port)
{
	unsigned v = 0;
	size_t i;

	if (n == 0 || n > 5)
		return false;
	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*port = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* name:scheme://host:port, n bytes */
static bool
parse(const char *p, size_t n, struct conf_listener *l)
{
	const char *q, *end = p + n;

	q = memchr(p, ':', n);
	if (q == NULL || !take(l->name, sizeof l->name, p, (size_t)(q - p)))
		return false;
	p = q + 1;
	q = memmem(p, (size_t)(end - p), "://", 3);
	if (q == NULL ||
	    !take(l->scheme, sizeof l->scheme, p, (size_t)(q - p)) ||
	    !known_scheme(l->scheme))
		return false;
	p = q + 3;
	q = memrchr(p, ':', (size_t)(end - p));
	if (q == NULL || !parse_port(q + 1, (size_t)(end - q) - 1, &l->port))
		return false;
	if (*p == '[') {
		if (q[-1] != ']')
			return false;
		return take(
		    l->host, sizeof l->host, p + 1, (size_t)(q - p) - 2);
	}
	if (memchr(p, ':', (size_t)(q - p)) != NULL)
		return false;
	return take(l->host, sizeof l->host, p, (size_t)(q - p));
}

enum err
conf_listener_next(const char **pp, struct conf_listener *l, struct diag *d)
{
	const char *p = *pp;
	size_t n;

	p += strspn(p, ", ");
	if (*p == '\0') {
		*pp = p;
		return ERR_EOF;
	}
	n = strcspn(p, ", ");
	*pp = p + n;
	if (!parse(p, n, l))
		return diag_set(d, ERR_INVALID_ARG,
		    "advertisedListeners: \"%.*s\" is not "
		    "name:scheme://host:port",
		    (int)(n < 100 ? n : 100), p);
	return ERR_OK;
}
