/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors from text to nodes. What the make functions refuse, the reference's
 * constructors refuse. */
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/miniobj.h"
#include "base/num.h"
#include "rocketmq/sql92_gram.h"

#define NODES_FIRST 16
#define FLOAT_MAX 400 /* characters of a floating-point literal */

uint32_t
sql92_fault(struct sql92_parse *ps, enum err e, const char *fmt, ...)
{
	char why[200];
	va_list ap;

	if (ps->err != ERR_OK)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	/* what clients of the reference read, and then what it only logs */
	ps->err = diag_set(ps->diag, e, "Invalid MessageSelector. %s", why);
	return 0;
}

/* ---- nodes */

static struct sql92_node *
at(struct sql92_parse *ps, uint32_t n)
{
	assert(n > 0 && n < ps->sql->nodes_n);
	return &ps->sql->nodes[n];
}

static uint16_t
depth_of(struct sql92_parse *ps, uint32_t n)
{
	return n == 0 ? 0 : at(ps, n)->depth;
}

/* 0 if there was an error, also before: callers need not look at theirs. */
static uint32_t
new_node(struct sql92_parse *ps, enum sql92_op op, uint32_t a, uint32_t b)
{
	struct sql92 *sql = ps->sql;
	struct sql92_node *node;
	uint16_t depth;

	if (ps->err != ERR_OK)
		return 0;
	if (sql->nodes_n == SQL92_NODES_MAX)
		return sql92_fault(ps, ERR_TOO_BIG, "It is too long");
	depth = depth_of(ps, a);
	if (depth_of(ps, b) > depth)
		depth = depth_of(ps, b);
	if (depth == SQL92_DEPTH)
		return sql92_fault(ps, ERR_TOO_BIG, "It is too deep");
	if (sql->nodes_n == ps->nodes_cap) {
		ps->nodes_cap *= 2;
		sql->nodes = mem_realloc(
		    sql->nodes, ps->nodes_cap * sizeof sql->nodes[0]);
	}
	node = &sql->nodes[sql->nodes_n];
	memset(node, 0, sizeof *node);
	node->op = (uint8_t)op;
	node->depth = (uint16_t)(depth + 1);
	node->a = a;
	node->b = b;
	return sql->nodes_n++;
}

/* Strings are together never longer than the selector. */
static char *
string_room(struct sql92_parse *ps)
{
	return ps->sql->strings + ps->strings_n;
}

static bool
is_constant(const struct sql92_node *n)
{
	return n->op <= SQL_CONST_STRING;
}

static bool
is_number(const struct sql92_node *n)
{
	return n->op >= SQL_CONST_INT && n->op <= SQL_CONST_DOUBLE;
}

static bool
is_boolean(const struct sql92_node *n)
{
	return n->op == SQL_CONST_NULL || n->op == SQL_CONST_BOOL ||
	    n->op >= SQL_NOT;
}

static uint32_t
as_boolean(struct sql92_parse *ps, uint32_t n)
{
	if (ps->err != ERR_OK)
		return 0;
	if (is_boolean(at(ps, n)))
		return n;
	if (at(ps, n)->op == SQL_PROP)
		return new_node(ps, SQL_CAST, n, 0);
	return sql92_fault(ps, ERR_INVALID_ARG,
	    "Expression will not result in a boolean value");
}

/* ---- literals and names */

uint32_t
sql92_make_word(struct sql92_parse *ps, enum sql92_op op, bool v)
{
	uint32_t n = new_node(ps, op, 0, 0);

	if (n != 0)
		at(ps, n)->i = v;
	return n;
}

uint32_t
sql92_make_decimal(struct sql92_parse *ps, struct str image)
{
	struct str s = image;
	int64_t v;
	uint32_t n;

	if ((s.p[s.len - 1] | 0x20) == 'l')
		s.len--;
	if (num_i64(s, &v) != ERR_OK)
		return sql92_fault(ps, ERR_INVALID_ARG,
		    "Number %.*s is out of range",
		    (int)(image.len < 60 ? image.len : 60), image.p);
	n = new_node(ps, v <= INT32_MAX ? SQL_CONST_INT : SQL_CONST_LONG, 0, 0);
	if (n != 0)
		at(ps, n)->i = v;
	return n;
}

uint32_t
sql92_make_float(struct sql92_parse *ps, struct str image)
{
	char text[FLOAT_MAX + 1];
	double v;
	uint32_t n;

	if (image.len > FLOAT_MAX)
		return sql92_fault(ps, ERR_TOO_BIG, "A number is too long");
	memcpy(text, image.p, image.len);
	text[image.len] = '\0';
	v = strtod(text, NULL);
	if (v > DBL_MAX)
		return sql92_fault(ps, ERR_INVALID_ARG,
		    "%.60s is greater than 1.7976931348623157E308", text);
	/* no zero either; DBL_TRUE_MIN is Java's Double.MIN_VALUE */
	if (v < DBL_TRUE_MIN)
		return sql92_fault(
		    ps, ERR_INVALID_ARG, "%.60s is less than 4.9E-324", text);
	n = new_node(ps, SQL_CONST_DOUBLE, 0, 0);
	if (n != 0)
		at(ps, n)->d = v;
	return n;
}

uint32_t
sql92_make_string(struct sql92_parse *ps, struct str image)
{
	uint32_t n = new_node(ps, SQL_CONST_STRING, 0, 0);
	char *to = string_room(ps);
	size_t i, len = 0;

	if (n == 0)
		return 0;
	for (i = 1; i + 1 < image.len; i++) {
		to[len++] = image.p[i];
		if (image.p[i] == '\'')
			i++;
	}
	ps->strings_n += len;
	at(ps, n)->s = (struct str){ to, len };
	return n;
}

uint32_t
sql92_make_prop(struct sql92_parse *ps, struct str name)
{
	uint32_t n = new_node(ps, SQL_PROP, 0, 0);
	char *to = string_room(ps);

	if (n == 0)
		return 0;
	memcpy(to, name.p, name.len);
	ps->strings_n += name.len;
	at(ps, n)->s = (struct str){ to, name.len };
	return n;
}

/* ---- expressions */

uint32_t
sql92_make_negate(struct sql92_parse *ps, uint32_t a)
{
	return new_node(ps, SQL_NEGATE, a, 0);
}

uint32_t
sql92_make_not(struct sql92_parse *ps, uint32_t a)
{
	a = as_boolean(ps, a);
	return new_node(ps, SQL_NOT, a, 0);
}

/* a OR b OR c is one node: a long selector is a list, not a deep tree. The
 * order of evaluation, and where it stops, stay the same. */
uint32_t
sql92_make_logic(
    struct sql92_parse *ps, enum sql92_op op, uint32_t a, uint32_t b)
{
	struct sql92_node *list;
	uint32_t n;

	a = as_boolean(ps, a);
	b = as_boolean(ps, b);
	if (ps->err != ERR_OK)
		return 0;
	if (at(ps, a)->op == op) {
		list = at(ps, a);
		at(ps, list->b)->next = b;
		list->b = b;
		if (at(ps, b)->depth >= list->depth) {
			if (at(ps, b)->depth == SQL92_DEPTH)
				return sql92_fault(
				    ps, ERR_TOO_BIG, "It is too deep");
			list->depth = (uint16_t)(at(ps, b)->depth + 1);
		}
		return a;
	}
	n = new_node(ps, op, a, b);
	if (n != 0)
		at(ps, a)->next = b;
	return n;
}

static uint32_t
equal(struct sql92_parse *ps, uint32_t a, uint32_t b, bool neg)
{
	uint32_t n = new_node(ps, SQL_EQ, a, b);

	return neg ? new_node(ps, SQL_NOT, n, 0) : n;
}

uint32_t
sql92_make_equal(struct sql92_parse *ps, uint32_t a, uint32_t b, bool neg)
{
	const struct sql92_node *l, *r;

	if (ps->err != ERR_OK)
		return 0;
	l = at(ps, a);
	r = at(ps, b);
	if (l->op == SQL_CONST_NULL || r->op == SQL_CONST_NULL)
		return sql92_fault(
		    ps, ERR_INVALID_ARG, "'NULL' cannot be compared.");
	if (l->op == SQL_CONST_BOOL && is_constant(r) && !is_boolean(r))
		return sql92_fault(ps, ERR_INVALID_ARG,
		    "'%s' cannot be compared with a constant",
		    l->i != 0 ? "TRUE" : "FALSE");
	return equal(ps, a, b, neg);
}

uint32_t
sql92_make_null_test(struct sql92_parse *ps, uint32_t a, bool neg)
{
	uint32_t null = sql92_make_word(ps, SQL_CONST_NULL, false);

	return equal(ps, a, null, neg);
}

static bool
is_ordered(struct sql92_parse *ps, uint32_t n)
{
	const struct sql92_node *node;

	if (ps->err != ERR_OK)
		return false;
	node = at(ps, n);
	if (is_constant(node) ? is_number(node) : !is_boolean(node))
		return true;
	(void)sql92_fault(ps, ERR_INVALID_ARG,
	    "A value cannot be compared: only numbers have an order");
	return false;
}

uint32_t
sql92_make_order(
    struct sql92_parse *ps, enum sql92_op op, uint32_t a, uint32_t b)
{
	if (!is_ordered(ps, a) || !is_ordered(ps, b))
		return 0;
	return new_node(ps, op, a, b);
}

/* Constants have to be in order. */
static bool
range_ok(struct sql92_parse *ps, uint32_t low, uint32_t high)
{
	struct sql92_value l, h;
	int order;

	if (ps->err != ERR_OK)
		return false;
	if (!is_constant(at(ps, low)) || !is_constant(at(ps, high)))
		return true;
	l = sql92_constant(at(ps, low));
	h = sql92_constant(at(ps, high));
	if (l.type == SQL_V_NULL || h.type == SQL_V_NULL)
		(void)sql92_fault(ps, ERR_INVALID_ARG,
		    "Illegal values of between, values can not be null!");
	else if (!sql92_compare(&h, &l, &order) || order < 0)
		(void)sql92_fault(ps, ERR_INVALID_ARG,
		    "Illegal values of between, left value must less than or "
		    "equal to right value");
	return ps->err == ERR_OK;
}

uint32_t
sql92_make_between(
    struct sql92_parse *ps, uint32_t a, uint32_t low, uint32_t high, bool neg)
{
	uint32_t l, h;

	if (!neg && !range_ok(ps, low, high))
		return 0;
	l = sql92_make_order(ps, neg ? SQL_LT : SQL_GE, a, low);
	h = sql92_make_order(ps, neg ? SQL_GT : SQL_LE, a, high);
	return sql92_make_logic(ps, neg ? SQL_OR : SQL_AND, l, h);
}

uint32_t
sql92_make_search(struct sql92_parse *ps, enum sql92_op op, uint32_t a,
    uint32_t string, bool neg)
{
	uint32_t n = new_node(ps, op, a, 0);

	if (n == 0)
		return 0;
	at(ps, n)->neg = neg;
	at(ps, n)->s = at(ps, string)->s;
	return n;
}

uint32_t
sql92_make_list(struct sql92_parse *ps, uint32_t list, uint32_t string)
{
	/* the first one holds the end of the list, in a place it doesn't need */
	if (ps->err != ERR_OK)
		return 0;
	if (at(ps, list)->b == 0)
		at(ps, list)->next = string;
	else
		at(ps, at(ps, list)->b)->next = string;
	at(ps, list)->b = string;
	return list;
}

uint32_t
sql92_make_in(struct sql92_parse *ps, uint32_t a, uint32_t list, bool neg)
{
	uint32_t n;

	if (ps->err != ERR_OK)
		return 0;
	if (at(ps, a)->op != SQL_PROP)
		return sql92_fault(ps, ERR_INVALID_ARG,
		    "Expected a property for In expression");
	n = new_node(ps, SQL_IN, a, list);
	if (n != 0)
		at(ps, n)->neg = neg;
	return n;
}

void
sql92_make_root(struct sql92_parse *ps, uint32_t a)
{
	ps->sql->root = as_boolean(ps, a);
}

/* ---- life */

void
sql92_free(struct sql92 **sp)
{
	struct sql92 *s;

	TAKE_OBJ_NOTNULL(s, sp, SQL92_MAGIC);
	MEM_FREE(s->nodes);
	MEM_FREE(s->strings);
	FREE_OBJ(s);
}

enum err
sql92_new(struct str text, struct sql92 **out, struct diag *diag)
{
	struct sql92_parse ps = { .text = text.p,
		.p = text.p,
		.nodes_cap = NODES_FIRST,
		.diag = diag };
	int r;

	*out = NULL;
	if (text.len > SQL92_TEXT_MAX)
		return diag_set(diag, ERR_TOO_BIG,
		    "Invalid MessageSelector. It is longer than %d bytes",
		    SQL92_TEXT_MAX);
	ps.end = text.p + text.len;
	ALLOC_OBJ(ps.sql, SQL92_MAGIC);
	ps.sql->nodes = mem_alloc(ps.nodes_cap * sizeof ps.sql->nodes[0]);
	ps.sql->nodes_n = 1;
	ps.sql->strings = mem_alloc(text.len + 1);
	r = sql92_yyparse(&ps);
	/* 2: the parser's own stack, which is bounded */
	if (r == 2 && ps.err != ERR_TOO_BIG) {
		ps.err = ERR_OK;
		(void)sql92_fault(&ps, ERR_TOO_BIG, "It is too deep");
	}
	if (ps.err != ERR_OK) {
		sql92_free(&ps.sql);
		return ps.err;
	}
	assert(r == 0 && ps.sql->root != 0);
	ps.sql->nodes = mem_realloc(
	    ps.sql->nodes, ps.sql->nodes_n * sizeof ps.sql->nodes[0]);
	*out = ps.sql;
	return ERR_OK;
}
