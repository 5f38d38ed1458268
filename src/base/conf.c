/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/miniobj.h"

#define KEY_MAX 96
#define VALUE_MAX 4096

static const struct conf_key keys[] = {
#define CONF_SECTION(title) { .type = CONF_T_SECTION, .doc = title },
#define CONF_BOOL(key, def_, when_, doc_)             \
	{ .name = #key,                               \
		.type = CONF_T_BOOL,                  \
		.when = CONF_##when_,                 \
		.offset = offsetof(struct conf, key), \
		.def = def_,                          \
		.doc = doc_ },
#define CONF_INT(key, def_, min_, max_, unit_, when_, doc_) \
	{ .name = #key,                                     \
		.type = CONF_T_INT,                         \
		.when = CONF_##when_,                       \
		.offset = offsetof(struct conf, key),       \
		.def = def_,                                \
		.min = min_,                                \
		.max = max_,                                \
		.unit = unit_,                              \
		.doc = doc_ },
#define CONF_ENUM(key, def_, choices_, when_, doc_)   \
	{ .name = #key,                               \
		.type = CONF_T_ENUM,                  \
		.when = CONF_##when_,                 \
		.offset = offsetof(struct conf, key), \
		.def = def_,                          \
		.choices = choices_,                  \
		.doc = doc_ },
#define CONF_STR(key, def_, longest, when_, doc_)     \
	{ .name = #key,                               \
		.type = CONF_T_STR,                   \
		.when = CONF_##when_,                 \
		.offset = offsetof(struct conf, key), \
		.def_str = def_,                      \
		.max = longest,                       \
		.doc = doc_ },
#include "base/tbl/conf.h"
};

static const char *const ignored_keys[] = {
#define CONF_IGNORED(key) #key,
#include "base/tbl/conf_ignored.h"
};

static const struct conf_refused {
	const char *key, *harmless;
} refused_keys[] = {
#define CONF_REFUSED(key, value) { #key, value },
#include "base/tbl/conf_refused.h"
};

/* other spellings of a key, and of its value where they differ too */
static const struct conf_alias {
	const char *key, *value, *to_key, *to_value;
} aliases[] = {
	{ "flushDiskType", "SYNC_FLUSH", "flushPolicy", "sync" },
	{ "flushDiskType", "ASYNC_FLUSH", "flushPolicy", "async" },
	{ "maxConnections", NULL, "brokerMaxConnections", NULL },
	/* both protocols' files have the key, and one file can't mean both */
	{ "pulsar.authenticationEnabled", NULL, "pulsarAuthenticationEnabled",
	    NULL },
	{ "rocketmq.authenticationEnabled", NULL,
	    "rocketmqAuthenticationEnabled", NULL },
	{ "pulsar.authorizationEnabled", NULL, "pulsarAuthorizationEnabled",
	    NULL },
	{ "rocketmq.authorizationEnabled", NULL, "rocketmqAuthorizationEnabled",
	    NULL },
	{ "pulsar.authorizationProvider", NULL, "authorizationProvider", NULL },
	{ "rocketmq.authorizationProvider", NULL, "authorizationProvider",
	    NULL },
	/* system properties of RocketMQ */
	{ "rocketmq.acl.plain.file", NULL, "aclPlainFile", NULL },
	{ "tls.server.mode", NULL, "tlsMode", NULL },
	{ "tls.test.mode.enable", NULL, "tlsTestModeEnable", NULL },
	{ "tls.server.certPath", NULL, "tlsServerCertPath", NULL },
	{ "tls.server.keyPath", NULL, "tlsServerKeyPath", NULL },
	{ "tls.server.keyPassword", NULL, "tlsServerKeyPassword", NULL },
	{ "tls.server.need.client.auth", NULL, "tlsServerNeedClientAuth",
	    NULL },
	{ "tls.server.authClient", NULL, "tlsServerAuthClient", NULL },
	{ "tls.server.trustCertPath", NULL, "tlsServerTrustCertPath", NULL },
};

static void *
member(const struct conf *c, const struct conf_key *k)
{
	return (char *)(uintptr_t)c + k->offset;
}

static bool *
as_bool(const struct conf *c, const struct conf_key *k)
{
	assert(k->type == CONF_T_BOOL);
	return member(c, k);
}

static int64_t *
as_int(const struct conf *c, const struct conf_key *k)
{
	assert(k->type == CONF_T_INT);
	return member(c, k);
}

static int *
as_enum(const struct conf *c, const struct conf_key *k)
{
	assert(k->type == CONF_T_ENUM);
	return member(c, k);
}

static char **
as_str(const struct conf *c, const struct conf_key *k)
{
	assert(k->type == CONF_T_STR);
	return member(c, k);
}

/* dst's key becomes src's, or the default if src is NULL */
static void
assign(struct conf *dst, const struct conf_key *k, const struct conf *src)
{
	switch (k->type) {
	case CONF_T_SECTION:
		break;
	case CONF_T_BOOL:
		*as_bool(dst, k) = src != NULL ? *as_bool(src, k) : k->def;
		break;
	case CONF_T_INT:
		*as_int(dst, k) = src != NULL ? *as_int(src, k) : k->def;
		break;
	case CONF_T_ENUM:
		*as_enum(dst, k) = src != NULL ? *as_enum(src, k) : (int)k->def;
		break;
	case CONF_T_STR:
		mem_free(*as_str(dst, k));
		*as_str(dst, k) =
		    mem_strdup(src != NULL ? *as_str(src, k) : k->def_str);
		break;
	default:
		WRONG("type of a key");
	}
}

void
conf_init(struct conf *c)
{
	size_t i;

	INIT_OBJ(c, CONF_MAGIC);
	for (i = 0; i < NELEM(keys); i++)
		assign(c, &keys[i], NULL);
}

void
conf_fini(struct conf *c)
{
	size_t i;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	for (i = 0; i < NELEM(keys); i++)
		if (keys[i].type == CONF_T_STR)
			MEM_FREE(*as_str(c, &keys[i]));
	FINI_OBJ(c);
}

void
conf_copy(struct conf *dst, const struct conf *src)
{
	size_t i;

	CHECK_OBJ_NOTNULL(dst, CONF_MAGIC);
	CHECK_OBJ_NOTNULL(src, CONF_MAGIC);
	for (i = 0; i < NELEM(keys); i++)
		assign(dst, &keys[i], src);
}

const struct conf_key *
conf_keys(size_t *n)
{
	*n = NELEM(keys);
	return keys;
}

const struct conf_key *
conf_key_find(const char *name)
{
	size_t i;

	for (i = 0; i < NELEM(keys); i++)
		if (keys[i].name != NULL && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* ---- the nearest name */

/* edits between a and b, letters' case aside; b is no longer than KEY_MAX */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[KEY_MAX + 1], diag, up, best;
	size_t i, j, n = strlen(b);

	assert(n <= KEY_MAX);
	for (j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (i = 0; a[i] != '\0'; i++) {
		diag = row[0];
		row[0] = (unsigned)i + 1;
		for (j = 0; j < n; j++) {
			up = row[j + 1];
			best = diag;
			if (tolower((unsigned char)a[i]) !=
			    tolower((unsigned char)b[j]))
				best++;
			if (up + 1 < best)
				best = up + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
			diag = up;
		}
	}
	return row[n];
}

static void
closer(const char *key, const char *cand, const char **best, unsigned *dist)
{
	unsigned d;

	if (cand == NULL)
		return;
	d = distance(key, cand);
	if (d < *dist) {
		*dist = d;
		*best = cand;
	}
}

static const char *
nearest(const char *key)
{
	const char *best = NULL;
	unsigned dist = UINT32_MAX;
	size_t i;

	/* those that mean something win a tie */
	for (i = 0; i < NELEM(keys); i++)
		closer(key, keys[i].name, &best, &dist);
	for (i = 0; i < NELEM(refused_keys); i++)
		closer(key, refused_keys[i].key, &best, &dist);
	for (i = 0; i < NELEM(ignored_keys); i++)
		closer(key, ignored_keys[i], &best, &dist);
	AN(best);
	return best;
}

/* ---- setting */

static enum err
set_bool(
    struct conf *c, const struct conf_key *k, const char *v, struct diag *d)
{
	if (strcasecmp(v, "true") == 0)
		*as_bool(c, k) = true;
	else if (strcasecmp(v, "false") == 0)
		*as_bool(c, k) = false;
	else
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: \"%.60s\" is neither true nor false", k->name, v);
	return ERR_OK;
}

static enum err
set_int(struct conf *c, const struct conf_key *k, const char *v, struct diag *d)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(v, &end, 10);
	if (end == v || *end != '\0')
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: \"%.60s\" is not a number", k->name, v);
	if (errno == ERANGE || n < k->min || n > k->max)
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: %.60s is not in %" PRId64 "..%" PRId64 " (%s)",
		    k->name, v, k->min, k->max, k->unit);
	*as_int(c, k) = n;
	return ERR_OK;
}

/* Which of "a|b|c" is v? -1: none. */
static int
choice(const char *choices, const char *v)
{
	const char *p = choices;
	size_t n;
	int i;

	for (i = 0;; i++) {
		n = strcspn(p, "|");
		if (n == strlen(v) && strncasecmp(p, v, n) == 0)
			return i;
		if (p[n] == '\0')
			return -1;
		p += n + 1;
	}
}

static enum err
set_enum(
    struct conf *c, const struct conf_key *k, const char *v, struct diag *d)
{
	int i = choice(k->choices, v);

	if (i < 0)
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: \"%.60s\" is none of %s", k->name, v, k->choices);
	*as_enum(c, k) = i;
	return ERR_OK;
}

static enum err
set_str(struct conf *c, const struct conf_key *k, const char *v, struct diag *d)
{
	const char *p;

	if (strlen(v) > (size_t)k->max)
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: longer than %" PRId64 " bytes", k->name, k->max);
	for (p = v; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return diag_set(d, ERR_INVALID_ARG,
			    "%s: a control character in the value", k->name);
	mem_free(*as_str(c, k));
	*as_str(c, k) = mem_strdup(v);
	return ERR_OK;
}

static enum err
set_key(struct conf *c, const struct conf_key *k, const char *v, struct diag *d)
{
	if (*v == '\0') {
		assign(c, k, NULL);
		return ERR_OK;
	}
	switch (k->type) {
	case CONF_T_BOOL:
		return set_bool(c, k, v, d);
	case CONF_T_INT:
		return set_int(c, k, v, d);
	case CONF_T_ENUM:
		return set_enum(c, k, v, d);
	case CONF_T_STR:
		return set_str(c, k, v, d);
	default:
		WRONG("type of a key");
	}
}

/* A key that is not ours: silently harmless, ignored, refused or unknown. */
static enum err
foreign(const char *key, const char *value, conf_warn_f *warn, void *arg,
    struct diag *d)
{
	char msg[KEY_MAX + 64];
	const struct conf_refused *r;
	size_t i;

	for (i = 0; i < NELEM(refused_keys); i++) {
		r = &refused_keys[i];
		if (strcmp(r->key, key) != 0)
			continue;
		if (*value == '\0' || choice(r->harmless, value) >= 0)
			return ERR_OK;
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: not supported, can only be \"%s\"", key, r->harmless);
	}
	for (i = 0; i < NELEM(ignored_keys); i++) {
		if (strcmp(ignored_keys[i], key) != 0)
			continue;
		(void)snprintf(msg, sizeof msg,
		    "%s has no meaning here and is ignored", key);
		if (warn != NULL)
			warn(arg, msg);
		return ERR_OK;
	}
	return diag_set(d, ERR_INVALID_ARG,
	    "unknown key \"%s\"; the nearest is %s", key, nearest(key));
}

static enum err
unalias(const char **key, const char **value, struct diag *d)
{
	bool known = false;
	size_t i;

	for (i = 0; i < NELEM(aliases); i++) {
		if (strcmp(aliases[i].key, *key) != 0)
			continue;
		known = true;
		if (aliases[i].value != NULL && **value != '\0' &&
		    strcasecmp(aliases[i].value, *value) != 0)
			continue;
		*key = aliases[i].to_key;
		if (aliases[i].value != NULL && **value != '\0')
			*value = aliases[i].to_value;
		return ERR_OK;
	}
	if (known)
		return diag_set(d, ERR_INVALID_ARG,
		    "%s: \"%.60s\" is not a value of it", *key, *value);
	return ERR_OK;
}

enum err
conf_set(struct conf *c, const char *key, const char *value, conf_warn_f *warn,
    void *arg, struct diag *d)
{
	const struct conf_key *k;
	enum err e;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	if (strlen(key) > KEY_MAX)
		return diag_set(
		    d, ERR_INVALID_ARG, "a key of more than %d bytes", KEY_MAX);
	e = unalias(&key, &value, d);
	if (e != ERR_OK)
		return e;
	k = conf_key_find(key);
	if (k != NULL)
		return set_key(c, k, value, d);
	return foreign(key, value, warn, arg, d);
}

/* the window without space at its ends */
static void
trim(const char **p, size_t *len)
{
	while (*len > 0 && isspace((unsigned char)**p)) {
		++*p;
		--*len;
	}
	while (*len > 0 && isspace((unsigned char)(*p)[*len - 1]))
		--*len;
}

static enum err
set_line(struct conf *c, const char *line, size_t len, conf_warn_f *warn,
    void *arg, struct diag *d)
{
	char key[KEY_MAX + 1], value[VALUE_MAX + 1];
	const char *eq, *k = line, *v;
	size_t klen, vlen;

	eq = memchr(line, '=', len);
	if (eq == NULL)
		return diag_set(d, ERR_INVALID_ARG,
		    "\"%.*s\" is not key = value", (int)(len < 60 ? len : 60),
		    line);
	klen = (size_t)(eq - line);
	v = eq + 1;
	vlen = len - klen - 1;
	trim(&k, &klen);
	trim(&v, &vlen);
	if (klen == 0 || klen > KEY_MAX)
		return diag_set(d, ERR_INVALID_ARG, "no key before the =");
	if (vlen > VALUE_MAX)
		return diag_set(d, ERR_INVALID_ARG,
		    "a value of more than %d bytes", VALUE_MAX);
	memcpy(key, k, klen);
	key[klen] = '\0';
	memcpy(value, v, vlen);
	value[vlen] = '\0';
	if (strlen(key) != klen || strlen(value) != vlen)
		return diag_set(d, ERR_INVALID_ARG, "a NUL in the line");
	return conf_set(c, key, value, warn, arg, d);
}

enum err
conf_set_arg(struct conf *c, const char *line, conf_warn_f *warn,
    void *warn_arg, struct diag *d)
{
	return set_line(c, line, strlen(line), warn, warn_arg, d);
}

enum err
conf_parse(struct conf *c, const char *name, const char *text, size_t len,
    conf_warn_f *warn, void *arg, struct diag *d)
{
	const char *nl, *p;
	size_t n, full;
	unsigned lineno = 0;
	enum err e;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	while (len > 0) {
		lineno++;
		nl = memchr(text, '\n', len);
		full = nl != NULL ? (size_t)(nl - text) + 1 : len;
		p = text;
		n = full;
		text += full;
		len -= full;
		trim(&p, &n);
		if (n == 0 || *p == '#' || *p == '!')
			continue;
		e = set_line(c, p, n, warn, arg, d);
		if (e != ERR_OK) {
			diag_wrap(d, "%s:%u", name, lineno);
			return e;
		}
	}
	return ERR_OK;
}

/* ---- checking and reloading */

static enum err
check_listeners(const struct conf *c, struct diag *d)
{
	const char *p = c->advertisedListeners;
	struct conf_listener l;
	bool internal = c->internalListenerName[0] == '\0';
	enum err e;

	while ((e = conf_listener_next(&p, &l, d)) == ERR_OK)
		if (strcmp(l.name, c->internalListenerName) == 0)
			internal = true;
	if (e != ERR_EOF)
		return e;
	if (!internal)
		return diag_set(d, ERR_INVALID_ARG,
		    "internalListenerName: \"%.60s\" is not one of "
		    "advertisedListeners",
		    c->internalListenerName);
	return ERR_OK;
}

bool
conf_tls_pulsar(const struct conf *c)
{
	return c->brokerServicePortTls >= 0 || c->webServicePortTls >= 0;
}

static enum err
check_tls(const struct conf *c, struct diag *d)
{
	bool cert = c->tlsServerCertPath[0] != '\0';

	if (conf_tls_pulsar(c) &&
	    (c->tlsCertificateFilePath[0] == '\0' ||
		c->tlsKeyFilePath[0] == '\0'))
		return diag_set(d, ERR_INVALID_ARG,
		    "ports with TLS need tlsCertificateFilePath and "
		    "tlsKeyFilePath");
	if (c->tlsRequireTrustedClientCertOnConnect &&
	    c->tlsTrustCertsFilePath[0] == '\0' &&
	    !c->tlsAllowInsecureConnection)
		return diag_set(d, ERR_INVALID_ARG,
		    "tlsRequireTrustedClientCertOnConnect needs "
		    "tlsTrustCertsFilePath");
	if (c->tlsMode == CONF_TLS_DISABLED)
		return ERR_OK;
	if (cert != (c->tlsServerKeyPath[0] != '\0'))
		return diag_set(d, ERR_INVALID_ARG,
		    "of tlsServerCertPath and tlsServerKeyPath one is empty");
	if (!cert && !c->tlsTestModeEnable)
		return diag_set(d, ERR_INVALID_ARG,
		    "tlsTestModeEnable is false: tlsServerCertPath is needed, "
		    "or tlsMode = disabled");
	if (c->tlsServerAuthClient && c->tlsServerTrustCertPath[0] == '\0')
		return diag_set(d, ERR_INVALID_ARG,
		    "tlsServerAuthClient needs tlsServerTrustCertPath");
	return ERR_OK;
}

static enum err
check_auth(const struct conf *c, struct diag *d)
{
	if ((conf_authorizes_pulsar(c) && !conf_authenticates_pulsar(c)) ||
	    (conf_authorizes_rocketmq(c) && !conf_authenticates_rocketmq(c)))
		return diag_set(d, ERR_INVALID_ARG,
		    "authorizationEnabled needs authenticationEnabled");
	return ERR_OK;
}

enum err
conf_check(const struct conf *c, struct diag *d)
{
	enum err e;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	if (c->managedLedgerMaxLedgerRolloverTimeMinutes <
	    c->managedLedgerMinLedgerRolloverTimeMinutes)
		return diag_set(d, ERR_INVALID_ARG,
		    "managedLedgerMaxLedgerRolloverTimeMinutes is less than "
		    "managedLedgerMinLedgerRolloverTimeMinutes");
	if (c->brokerServicePort != 0 &&
	    c->brokerServicePort == c->webServicePort)
		return diag_set(d, ERR_INVALID_ARG,
		    "brokerServicePort and webServicePort are the same");
	/* two messages in flight must fit, or nothing moves */
	if (c->bufferBudgetMB * 1048576 < 2 * c->maxMessageSize)
		return diag_set(d, ERR_INVALID_ARG,
		    "bufferBudgetMB is less than twice maxMessageSize");
	/* the log takes entries of up to a quarter of a segment (store/local.h),
	 * and an entry is its message and some kilobytes */
	if (c->segmentSizeMB * 1048576 < 5 * c->maxMessageSize)
		return diag_set(d, ERR_INVALID_ARG,
		    "segmentSizeMB is less than five times maxMessageSize");
	e = check_auth(c, d);
	if (e == ERR_OK)
		e = check_tls(c, d);
	return e != ERR_OK ? e : check_listeners(c, d);
}

static bool
differs(const struct conf *a, const struct conf *b, const struct conf_key *k)
{
	switch (k->type) {
	case CONF_T_SECTION:
		return false;
	case CONF_T_BOOL:
		return *as_bool(a, k) != *as_bool(b, k);
	case CONF_T_INT:
		return *as_int(a, k) != *as_int(b, k);
	case CONF_T_ENUM:
		return *as_enum(a, k) != *as_enum(b, k);
	case CONF_T_STR:
		return strcmp(*as_str(a, k), *as_str(b, k)) != 0;
	default:
		WRONG("type of a key");
	}
}

void
conf_reload(struct conf *c, const struct conf *next, struct strbuf *changed,
    struct strbuf *ignored)
{
	struct strbuf *sb;
	size_t i;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	CHECK_OBJ_NOTNULL(next, CONF_MAGIC);
	for (i = 0; i < NELEM(keys); i++) {
		if (!differs(c, next, &keys[i]))
			continue;
		if (keys[i].when == CONF_LIVE) {
			assign(c, &keys[i], next);
			sb = changed;
		} else {
			sb = ignored;
		}
		if (sb->len > 0)
			strbuf_addc(sb, ',');
		strbuf_adds(sb, keys[i].name);
	}
}
