/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A selector is an array of nodes, each after those it is made of; a node is
 * named by its place, 0 is none. The grammar (sql92_gram.y) calls sql92_make_
 * functions, which check what the reference's constructors check.
 */
#ifndef ROCKETMQ_SQL92_PRIV_H
#define ROCKETMQ_SQL92_PRIV_H

#include <stdint.h>

#include "rocketmq/sql92.h"

enum sql92_op {
	SQL_CONST_NULL = 1,
	SQL_CONST_BOOL,
	SQL_CONST_INT,
	SQL_CONST_LONG,
	SQL_CONST_DOUBLE,
	SQL_CONST_STRING,
	SQL_PROP,
	SQL_NEGATE,
	SQL_NOT,
	SQL_CAST, /* a property where a boolean has to be */
	SQL_AND, /* of any number */
	SQL_OR,
	SQL_EQ,
	SQL_GT,
	SQL_GE,
	SQL_LT,
	SQL_LE,
	SQL_CONTAINS,
	SQL_STARTSWITH,
	SQL_ENDSWITH,
	SQL_IN
};

struct sql92_node {
	uint8_t op; /* enum sql92_op */
	bool neg; /* NOT CONTAINS, NOT IN, and so on */
	uint16_t depth; /* of the tree below */
	/* operands; AND, OR: the first and the last of a list; IN: the property and
	 * the first of a list */
	uint32_t a, b;
	uint32_t next; /* in that list */
	union {
		int64_t i; /* of SQL_CONST_BOOL, _INT and _LONG */
		double d;
		struct str s; /* string; name of a property; what is searched */
	};
};

struct sql92 {
	unsigned magic;
#define SQL92_MAGIC 0x5c192e01
	uint32_t root;
	uint32_t nodes_n; /* the first one is not used */
	struct sql92_node *nodes;
	char *strings; /* that the nodes point into */
};

/* A selector that is being parsed. */
struct sql92_parse {
	const char *text, *p, *end;
	struct str token; /* the last one that was read */
	struct sql92 *sql;
	uint32_t nodes_cap;
	size_t strings_n;
	enum err err; /* the first one, with its reason in diag */
	struct diag *diag;
};

/* Sets the error, unless there is one, and returns 0 as a node that isn't. */
uint32_t sql92_fault(struct sql92_parse *, enum err, const char *fmt, ...)
    PRINTF(3, 4);

uint32_t sql92_make_word(struct sql92_parse *, enum sql92_op, bool);
uint32_t sql92_make_decimal(struct sql92_parse *, struct str image);
uint32_t sql92_make_float(struct sql92_parse *, struct str image);
/* image: with its quotes */
uint32_t sql92_make_string(struct sql92_parse *, struct str image);
uint32_t sql92_make_prop(struct sql92_parse *, struct str name);
uint32_t sql92_make_negate(struct sql92_parse *, uint32_t a);
uint32_t sql92_make_not(struct sql92_parse *, uint32_t a);
/* AND, OR */
uint32_t sql92_make_logic(
    struct sql92_parse *, enum sql92_op, uint32_t a, uint32_t b);
uint32_t sql92_make_equal(
    struct sql92_parse *, uint32_t a, uint32_t b, bool neg);
uint32_t sql92_make_null_test(struct sql92_parse *, uint32_t a, bool neg);
/* GT, GE, LT, LE */
uint32_t sql92_make_order(
    struct sql92_parse *, enum sql92_op, uint32_t a, uint32_t b);
uint32_t sql92_make_between(
    struct sql92_parse *, uint32_t a, uint32_t low, uint32_t high, bool neg);
/* CONTAINS, STARTSWITH, ENDSWITH */
uint32_t sql92_make_search(
    struct sql92_parse *, enum sql92_op, uint32_t a, uint32_t string, bool neg);
/* list: strings, put together by sql92_make_list */
uint32_t sql92_make_in(
    struct sql92_parse *, uint32_t a, uint32_t list, bool neg);
uint32_t sql92_make_list(struct sql92_parse *, uint32_t list, uint32_t string);
/* the whole, as a boolean */
void sql92_make_root(struct sql92_parse *, uint32_t a);

struct sql92_value {
	enum {
		SQL_V_ERROR,
		SQL_V_NULL,
		SQL_V_BOOL,
		SQL_V_INT,
		SQL_V_LONG,
		SQL_V_DOUBLE,
		SQL_V_STRING
	} type;
	union {
		int64_t i;
		double d;
		struct str s;
	};
};

/* Which is the greater, as Comparable's of the reference; false: an error. */
bool sql92_compare(
    const struct sql92_value *, const struct sql92_value *, int *order);
struct sql92_value sql92_constant(const struct sql92_node *);

#endif
