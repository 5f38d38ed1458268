/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: tbl/conf.h as a struct, its parser and its documents.
 *
 * A file is lines of `key = value` or `key=value`; space around both is
 * dropped, a line that starts with # or ! is a comment, an empty value means
 * the default. A key may stand twice, the last one counts.
 *
 * A key that is not in the table is an error that names the nearest one. Keys
 * of Pulsar's and RocketMQ's files that have no meaning here are accepted
 * with one warning each (tbl/conf_ignored.h). Of these some would promise
 * something when they are set, encryption or authentication: they are
 * accepted with the one value that promises nothing and are an error
 * otherwise (tbl/conf_refused.h).
 *
 * Base reads no file: the caller passes the text. conf_init sets the
 * defaults; conf_parse and conf_set change single keys; conf_check looks at
 * keys together, once all are set. Strings belong to the struct conf.
 *
 * After boot a struct conf is read by any thread and changed by none; a
 * reload parses into a second one and applies it with conf_reload, on the
 * thread that owns the broker's conf, and hands copies of the live keys out.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

enum conf_flush_policy {
	CONF_FLUSH_SYNC,
	CONF_FLUSH_ASYNC
};

enum conf_topic_type {
	CONF_TOPIC_NON_PARTITIONED,
	CONF_TOPIC_PARTITIONED
};

enum conf_inactive_mode {
	CONF_INACTIVE_NO_SUBSCRIPTIONS,
	CONF_INACTIVE_CAUGHT_UP
};

enum conf_tls_mode {
	CONF_TLS_DISABLED,
	CONF_TLS_PERMISSIVE,
	CONF_TLS_ENFORCING
};

enum conf_client_auth {
	CONF_CLIENT_NONE,
	CONF_CLIENT_OPTIONAL,
	CONF_CLIENT_REQUIRE
};

/* of a protocol, of a key that is there for all */
enum conf_switch {
	CONF_SWITCH_SAME,
	CONF_SWITCH_TRUE,
	CONF_SWITCH_FALSE
};

struct conf {
	unsigned magic;
#define CONF_MAGIC 0xc04f0001
#define CONF_SECTION(title)
#define CONF_BOOL(key, def, when, doc) bool key;
#define CONF_INT(key, def, min, max, unit, when, doc) int64_t key;
#define CONF_ENUM(key, def, choices, when, doc) int key;
#define CONF_STR(key, def, longest, when, doc) char *key;
#include "base/tbl/conf.h"
};

enum conf_type {
	CONF_T_SECTION,
	CONF_T_BOOL,
	CONF_T_INT,
	CONF_T_ENUM,
	CONF_T_STR
};

enum conf_when {
	CONF_LIVE,
	CONF_RESTART
};

/* A row of the table; for a section only type and doc (its title) are set. */
struct conf_key {
	const char *name;
	const char *doc;
	enum conf_type type;
	enum conf_when when;
	size_t offset; /* in struct conf */
	int64_t def, min, max; /* of STR: max is the longest */
	const char *def_str;
	const char *choices; /* of ENUM: "a|b|c" */
	const char *unit; /* of INT */
};

/* one line of text for a person */
typedef void conf_warn_f(void *arg, const char *msg);

void conf_init(struct conf *);
void conf_fini(struct conf *);
/* dst is a conf_init'ed one, whose content goes */
void conf_copy(struct conf *dst, const struct conf *src);

/*
 * ERR_INVALID_ARG with the reason in diag; the conf keeps what it had. warn
 * may be NULL.
 */
enum err conf_set(struct conf *, const char *key, const char *value,
    conf_warn_f *warn, void *arg, struct diag *) MUST_CHECK;
/* "key=value", as on the command line */
enum err conf_set_arg(struct conf *, const char *arg, conf_warn_f *warn,
    void *warn_arg, struct diag *) MUST_CHECK;
/*
 * name: of the file, for messages. Stops at the first error and says
 * name:line: reason; the keys before it are set.
 */
enum err conf_parse(struct conf *, const char *name, const char *text,
    size_t len, conf_warn_f *warn, void *arg, struct diag *) MUST_CHECK;
/* Do the keys go together? ERR_INVALID_ARG with the reason in diag. */
enum err conf_check(const struct conf *, struct diag *) MUST_CHECK;

/* Do clients have to say who they are, and is asked what they may? HTTP goes with
 * Pulsar. */
bool conf_authenticates_pulsar(const struct conf *);
bool conf_authenticates_rocketmq(const struct conf *);
bool conf_authorizes_pulsar(const struct conf *);
bool conf_authorizes_rocketmq(const struct conf *);

/* Is there a port of Pulsar's, or of HTTP, with TLS? */
bool conf_tls_pulsar(const struct conf *);

/*
 * Takes over the live keys of next. changed gets the names of the keys taken
 * over, ignored those that differ but need a restart, both separated by
 * commas.
 */
void conf_reload(struct conf *, const struct conf *next, struct strbuf *changed,
    struct strbuf *ignored);

/* the table, rows in the file's order */
const struct conf_key *conf_keys(size_t *n);
/* NULL if there is none */
const struct conf_key *conf_key_find(const char *name);
/* the value of a key as a file would say it */
void conf_value(const struct conf *, const struct conf_key *, struct strbuf *);

/* a key = value line of each key */
void conf_dump(const struct conf *, struct strbuf *);
/* conf/magnetar.conf, doc/configuration.md, doc/magnetar.conf.5 */
void conf_sample(struct strbuf *);
void conf_markdown(struct strbuf *);
void conf_man(struct strbuf *);

/*
 * One address of advertisedListeners. Walks the text: *p starts as the text
 * and moves on; ERR_EOF after the last. ERR_INVALID_ARG if it is malformed.
 * host has no brackets when it is an IPv6 address.
 */
struct conf_listener {
	char name[64];
	char scheme[16]; /* pulsar, pulsar+ssl, http, https */
	char host[256];
	uint16_t port;
};
enum err conf_listener_next(
    const char **p, struct conf_listener *, struct diag *) MUST_CHECK;

#endif
