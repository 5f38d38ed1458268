/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "base/miniobj.h"
#include "base/num.h"
#include "format/rmq_props.h"
#include "rocketmq/sql92_priv.h"

#define DOUBLE_MAX 1024 /* characters of a property that is a double */

struct run {
	const struct sql92 *sql;
	sql92_get_f *get;
	void *priv;
};

static const struct sql92_value v_error = { .type = SQL_V_ERROR };
static const struct sql92_value v_null = { .type = SQL_V_NULL };

static struct sql92_value
v_bool(bool b)
{
	return (struct sql92_value){ .type = SQL_V_BOOL, .i = b };
}

static struct sql92_value eval(const struct run *, uint32_t n);

/* ---- text to double, as Double.valueOf reads it */

static size_t
span_of_digits(const char *p, bool hex)
{
	return strspn(p, hex ? "0123456789abcdefABCDEF" : "0123456789");
}

/* digits, point, digits; the digits that there are */
static size_t
mantissa(const char **pp, bool hex)
{
	const char *p = *pp;
	size_t n = span_of_digits(p, hex), m;

	p += n;
	if (*p == '.') {
		m = span_of_digits(p + 1, hex);
		p += 1 + m;
		n += m;
	}
	*pp = p;
	return n;
}

/* Is it a number to Java? A sign has been taken. */
static bool
is_java_double(const char *p)
{
	bool hex = p[0] == '0' && (p[1] | 0x20) == 'x';
	char exp = hex ? 'p' : 'e';
	size_t n;

	if (strcmp(p, "NaN") == 0 || strcmp(p, "Infinity") == 0)
		return true;
	if (hex)
		p += 2;
	if (mantissa(&p, hex) == 0)
		return false;
	if ((*p | 0x20) == exp) {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		n = span_of_digits(p, false);
		if (n == 0)
			return false;
		p += n;
	} else if (hex)
		return false;
	if (*p != '\0' && strchr("fFdD", *p) != NULL)
		p++;
	return *p == '\0';
}

static bool
text_double(struct str s, double *v)
{
	char text[DOUBLE_MAX + 1];
	const char *p = text;

	while (s.len > 0 && (unsigned char)s.p[0] <= ' ') {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	if (s.len > DOUBLE_MAX || memchr(s.p, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (*p == '+' || *p == '-')
		p++;
	if (!is_java_double(p))
		return false;
	*v = strtod(text, NULL);
	return true;
}

/* ---- comparing */

static int
order_of(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* Double.compareTo: NaN is the greatest and equal to itself, -0.0 below 0.0. */
static int
order_of_doubles(double a, double b)
{
	if (a < b)
		return -1;
	if (a > b)
		return 1;
	if (a == b)
		return (__builtin_signbit(b) != 0) -
		    (__builtin_signbit(a) != 0);
	return (a != a) - (b != b);
}

static int
order_of_strings(struct str a, struct str b)
{
	int r = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return r != 0 ? r : order_of((int64_t)a.len, (int64_t)b.len);
}

static bool
is_integer(const struct sql92_value *v)
{
	return v->type == SQL_V_INT || v->type == SQL_V_LONG;
}

static double
as_double(const struct sql92_value *v)
{
	return v->type == SQL_V_DOUBLE ? v->d : (double)v->i;
}

/* The text as a value of the type that it is compared with. */
static bool
convert(struct str s, const struct sql92_value *like, struct sql92_value *out)
{
	int32_t i32;

	out->type = like->type;
	switch (like->type) {
	case SQL_V_BOOL:
		out->i = s.len == 4 && strncasecmp(s.p, "true", 4) == 0;
		return true;
	case SQL_V_INT:
		if (num_i32(s, &i32) != ERR_OK)
			return false;
		out->i = i32;
		return true;
	case SQL_V_LONG:
		return num_i64(s, &out->i) == ERR_OK;
	case SQL_V_DOUBLE:
		return text_double(s, &out->d);
	default:
		return false;
	}
}

bool
sql92_compare(
    const struct sql92_value *l, const struct sql92_value *r, int *order)
{
	struct sql92_value converted;

	if (l->type == SQL_V_STRING && r->type == SQL_V_STRING) {
		*order = order_of_strings(l->s, r->s);
		return true;
	}
	if (l->type == SQL_V_STRING) {
		if (!convert(l->s, r, &converted))
			return false;
		l = &converted;
	} else if (r->type == SQL_V_STRING) {
		/* the reference fails on its own cast here */
		if (l->type == SQL_V_BOOL || !convert(r->s, l, &converted))
			return false;
		r = &converted;
	}
	if (l->type == SQL_V_BOOL || r->type == SQL_V_BOOL)
		*order = l->type == r->type ? order_of(l->i, r->i) : -1;
	else if (is_integer(l) && is_integer(r))
		*order = order_of(l->i, r->i);
	else
		*order = order_of_doubles(as_double(l), as_double(r));
	return true;
}

static struct sql92_value
eval_equal(const struct run *run, const struct sql92_node *n)
{
	struct sql92_value l = eval(run, n->a), r;
	int order;

	if (l.type == SQL_V_ERROR)
		return l;
	r = eval(run, n->b);
	if (r.type == SQL_V_ERROR)
		return r;
	if (l.type == SQL_V_NULL)
		return r.type == SQL_V_NULL ? v_bool(true) : v_null;
	if (r.type == SQL_V_NULL)
		return v_bool(false);
	if (!sql92_compare(&l, &r, &order))
		return v_error;
	return v_bool(order == 0);
}

static struct sql92_value
eval_order(const struct run *run, const struct sql92_node *n)
{
	struct sql92_value l = eval(run, n->a), r;
	int order;

	if (l.type == SQL_V_NULL || l.type == SQL_V_ERROR)
		return l;
	r = eval(run, n->b);
	if (r.type == SQL_V_NULL || r.type == SQL_V_ERROR)
		return r;
	/* text has no order of its own: two texts are numbers or nothing */
	if (l.type == SQL_V_STRING && r.type == SQL_V_STRING) {
		struct sql92_value d = { .type = SQL_V_DOUBLE };

		if (!convert(l.s, &d, &l) || !convert(r.s, &d, &r))
			return v_error;
	}
	if (!sql92_compare(&l, &r, &order))
		return v_error;
	switch (n->op) {
	case SQL_GT:
		return v_bool(order > 0);
	case SQL_GE:
		return v_bool(order >= 0);
	case SQL_LT:
		return v_bool(order < 0);
	default:
		return v_bool(order <= 0);
	}
}

/* ---- the rest */

static struct sql92_value
eval_logic(const struct run *run, const struct sql92_node *n)
{
	bool stop = n->op == SQL_OR;
	bool null = false;
	uint32_t m;
	struct sql92_value v;

	for (m = n->a; m != 0; m = run->sql->nodes[m].next) {
		v = eval(run, m);
		if (v.type == SQL_V_ERROR)
			return v;
		if (v.type == SQL_V_NULL)
			null = true;
		else if ((v.i != 0) == stop)
			return v_bool(stop);
	}
	return null ? v_null : v_bool(!stop);
}

static bool
found(const struct sql92_node *n, struct str s)
{
	if (n->op == SQL_CONTAINS)
		return memmem(s.p, s.len, n->s.p, n->s.len) != NULL;
	if (n->op == SQL_STARTSWITH)
		return str_starts(s, n->s);
	return s.len >= n->s.len &&
	    memcmp(s.p + s.len - n->s.len, n->s.p, n->s.len) == 0;
}

static struct sql92_value
eval_search(const struct run *run, const struct sql92_node *n)
{
	struct sql92_value v;

	/* for nothing is searched with NOT neither */
	if (n->s.len == 0)
		return v_bool(false);
	v = eval(run, n->a);
	if (v.type == SQL_V_ERROR)
		return v;
	if (v.type != SQL_V_STRING)
		return v_bool(false);
	return v_bool(found(n, v.s) != n->neg);
}

static struct sql92_value
eval_in(const struct run *run, const struct sql92_node *n)
{
	const struct sql92_node *m;
	struct sql92_value v = eval(run, n->a);
	uint32_t i;
	bool in = false;

	if (v.type != SQL_V_STRING)
		return v;
	for (i = n->b; i != 0 && !in; i = m->next) {
		m = &run->sql->nodes[i];
		in = str_eq(m->s, v.s);
	}
	return v_bool(in != n->neg);
}

static struct sql92_value
eval_unary(const struct run *run, const struct sql92_node *n)
{
	struct sql92_value v = eval(run, n->a);

	if (v.type == SQL_V_ERROR || v.type == SQL_V_NULL)
		return v;
	switch (n->op) {
	case SQL_NOT:
		return v_bool(v.i == 0);
	case SQL_CAST:
		return v_bool(false); /* text, which is no boolean */
	default:
		break;
	}
	if (v.type == SQL_V_DOUBLE)
		v.d = -v.d;
	else if (is_integer(&v))
		v.i = -v.i;
	else
		return v_null;
	return v;
}

struct sql92_value
sql92_constant(const struct sql92_node *n)
{
	switch (n->op) {
	case SQL_CONST_BOOL:
		return v_bool(n->i != 0);
	case SQL_CONST_INT:
		return (struct sql92_value){ .type = SQL_V_INT, .i = n->i };
	case SQL_CONST_LONG:
		return (struct sql92_value){ .type = SQL_V_LONG, .i = n->i };
	case SQL_CONST_DOUBLE:
		return (struct sql92_value){ .type = SQL_V_DOUBLE, .d = n->d };
	case SQL_CONST_STRING:
		return (struct sql92_value){ .type = SQL_V_STRING, .s = n->s };
	default:
		return v_null;
	}
}

/* As deep as the selector is, which is at most SQL92_DEPTH. */
static struct sql92_value
eval(const struct run *run, uint32_t i)
{
	const struct sql92_node *n = &run->sql->nodes[i];
	struct str s;

	switch (n->op) {
	case SQL_PROP:
		s = run->get(run->priv, n->s);
		return s.p == NULL ?
		    v_null :
		    (struct sql92_value){ .type = SQL_V_STRING, .s = s };
	case SQL_NEGATE:
	case SQL_NOT:
	case SQL_CAST:
		return eval_unary(run, n);
	case SQL_AND:
	case SQL_OR:
		return eval_logic(run, n);
	case SQL_EQ:
		return eval_equal(run, n);
	case SQL_GT:
	case SQL_GE:
	case SQL_LT:
	case SQL_LE:
		return eval_order(run, n);
	case SQL_CONTAINS:
	case SQL_STARTSWITH:
	case SQL_ENDSWITH:
		return eval_search(run, n);
	case SQL_IN:
		return eval_in(run, n);
	default:
		return sql92_constant(n);
	}
}

enum sql92_result
sql92_eval(const struct sql92 *s, sql92_get_f *get, void *priv)
{
	struct run run = { s, get, priv };
	struct sql92_value v;

	CHECK_OBJ_NOTNULL(s, SQL92_MAGIC);
	v = eval(&run, s->root);
	switch (v.type) {
	case SQL_V_BOOL:
		return v.i != 0 ? SQL92_TRUE : SQL92_FALSE;
	case SQL_V_NULL:
		return SQL92_NULL;
	default:
		return SQL92_ERROR;
	}
}

static struct str
get_prop(void *priv, struct str name)
{
	const struct str *props = priv;

	return rmq_props_get(*props, name);
}

bool
sql92_match(const struct sql92 *s, struct str props)
{
	return sql92_eval(s, get_prop, &props) == SQL92_TRUE;
}
