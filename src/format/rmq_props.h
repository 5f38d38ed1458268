/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties of a RocketMQ message: text of the form
 * name \x01 value \x02 name \x01 value \x02 ...
 *
 * Read as the clients read it: the last \x02 may be missing, what has no name
 * or no value is passed over, and of two with one name the last counts. All
 * strings point into what was given.
 *
 * A struct rmq_props_out is a new text in memory of the caller's, of at most
 * RMQ_PROPS_MAX bytes: copied from another, then changed. What doesn't fit
 * makes it fail as a whole, when it is asked at the end.
 *
 * Any thread; no allocation.
 */
#ifndef FORMAT_RMQ_PROPS_H
#define FORMAT_RMQ_PROPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

#define RMQ_PROP_NAME_END '\x01'
#define RMQ_PROP_VALUE_END '\x02'

/* RMQ_PROP_KEYS and so on, each a struct str */
#define PROP(name, text) extern const struct str RMQ_PROP_##name;
#include "format/tbl/rmq_prop.h"

struct rmq_props_iter {
	const char *p, *end;
};

static inline struct rmq_props_iter
rmq_props_iter(struct str props)
{
	return (struct rmq_props_iter){ props.p,
		props.len != 0 ? props.p + props.len : props.p };
}

bool rmq_props_next(
    struct rmq_props_iter *, struct str *name, struct str *value);

/* STR_NONE if there is none */
struct str rmq_props_get(struct str props, struct str name);
/* n of them in one pass: values[i] is that of *names[i] */
void rmq_props_get_many(struct str props, const struct str *const *names,
    struct str *values, size_t n);

/* Can it stand in a text of properties? */
bool rmq_prop_valid(struct str name, struct str value);

struct rmq_props_out {
	char *p;
	size_t cap, len;
	bool over;
};

/* cap: of p; more than RMQ_PROPS_MAX is of no use */
void rmq_props_begin(struct rmq_props_out *, char *p, size_t cap);
/* Adds what stands in props, in that order. */
void rmq_props_copy(struct rmq_props_out *, struct str props);
/* Adds a property that isn't there; valid, or nothing is added. */
void rmq_props_add(struct rmq_props_out *, struct str name, struct str value);
/* The same for one that rmq_props_next() gave, of which less is to be looked at: name
 * and value stand side by side. */
void rmq_props_keep(struct rmq_props_out *, struct str name, struct str value);
/* Adds a whole text that rmq_props_end() gave, as it is. */
void rmq_props_append(struct rmq_props_out *, struct str props);
void rmq_props_add_i64(struct rmq_props_out *, struct str name, int64_t);
void rmq_props_delete(struct rmq_props_out *, struct str name);
/* The same as delete and add. */
void rmq_props_set(struct rmq_props_out *, struct str name, struct str value);
void rmq_props_set_i64(struct rmq_props_out *, struct str name, int64_t);
/* ERR_TOO_BIG: not all had room */
enum err rmq_props_end(const struct rmq_props_out *, struct str *) MUST_CHECK;

/* By which brokers filter: Java's String.hashCode of TAGS; 0 for none. */
uint32_t rmq_tags_code(struct str tags);

/* The next one of KEYS, which stand between blanks; *keys is what is left. */
bool rmq_keys_next(struct str *keys, struct str *key);

#endif
