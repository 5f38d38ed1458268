/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of selectors, by the rules of the reference's token manager: of all
 * that match, the longest. */
#include <strings.h>

#include "rocketmq/sql92_gram.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == '$';
}

static const char *
digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* A comment at p: what follows it; NULL if there is none. One that starts with --
 * needs the end of a line. */
static const char *
comment(const char *p, const char *end)
{
	char second = end - p >= 2 ? p[1] : '\0';

	if (p[0] == '-' && second == '-') {
		for (p += 2; p < end; p++)
			if (*p == '\n' || *p == '\r')
				return p + 1;
		return NULL;
	}
	if (p[0] == '/' && second == '*')
		for (p += 2; end - p >= 2; p++)
			if (p[0] == '*' && p[1] == '/')
				return p + 2;
	return NULL;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	const char *q;

	while (p < end) {
		if (*p == ' ' || (*p >= '\t' && *p <= '\r' && *p != '\v')) {
			p++;
			continue;
		}
		q = comment(p, end);
		if (q == NULL)
			break;
		p = q;
	}
	return p;
}

/* Behind the exponent at p; p itself if there is none. */
static const char *
exponent(const char *p, const char *end)
{
	const char *q = p, *d;

	if (q == end || (*q != 'e' && *q != 'E'))
		return p;
	q++;
	if (q < end && (*q == '+' || *q == '-'))
		q++;
	d = digits(q, end);
	return d == q ? p : d;
}

/* 0 alone, or digits with another first one and perhaps an L */
static const char *
decimal(const char *p, const char *end)
{
	const char *q = p;

	if (*p == '0')
		return p + 1;
	q = digits(p, end);
	if (q > p && q < end && (*q == 'l' || *q == 'L'))
		q++;
	return q;
}

/* digits . digits* exp? | . digits exp? | digits exp; p: there is none */
static const char *
floating(const char *p, const char *end)
{
	const char *whole = digits(p, end), *q;

	if (whole < end && *whole == '.') {
		q = digits(whole + 1, end);
		if (whole == p && q == whole + 1)
			return p;
		return exponent(q, end);
	}
	q = exponent(whole, end);
	return whole > p && q > whole ? q : p;
}

/* Behind the string at p; p if it has no end. Two quotes stand for one; if the
 * last quote of all is missing, the first of the last two is taken for it. */
static const char *
string(const char *p, const char *end)
{
	const char *q, *last = p;

	for (q = p + 1; q < end; q++) {
		if (*q != '\'')
			continue;
		if (q + 1 == end || q[1] != '\'')
			return q + 1;
		q++;
		last = q;
	}
	return last;
}

static int
word(struct str s)
{
	static const struct {
		const char *text;
		int token;
	} words[] = {
		{ "NOT", TOK_NOT },
		{ "AND", TOK_AND },
		{ "OR", TOK_OR },
		{ "BETWEEN", TOK_BETWEEN },
		{ "IN", TOK_IN },
		{ "TRUE", TOK_TRUE },
		{ "FALSE", TOK_FALSE },
		{ "NULL", TOK_NULL_ },
		{ "IS", TOK_IS },
		{ "CONTAINS", TOK_CONTAINS },
		{ "STARTSWITH", TOK_STARTSWITH },
		{ "ENDSWITH", TOK_ENDSWITH },
	};
	size_t i;

	for (i = 0; i < NELEM(words); i++)
		if (strlen(words[i].text) == s.len &&
		    strncasecmp(words[i].text, s.p, s.len) == 0)
			return words[i].token;
	return TOK_ID;
}

static int
sign(const char *p, const char *end, size_t *n)
{
	char second = end - p >= 2 ? p[1] : '\0';

	*n = 1;
	switch (*p) {
	case '(':
		return TOK_LPAREN;
	case ')':
		return TOK_RPAREN;
	case ',':
		return TOK_COMMA;
	case '+':
		return TOK_PLUS;
	case '-':
		return TOK_MINUS;
	case '=':
		return TOK_EQ;
	case '<':
		*n = second == '>' || second == '=' ? 2 : 1;
		return second == '>' ? TOK_NE : second == '=' ? TOK_LE : TOK_LT;
	case '>':
		*n = second == '=' ? 2 : 1;
		return second == '=' ? TOK_GE : TOK_GT;
	default:
		return TOK_BAD;
	}
}

static int
number(const char *p, const char *end, const char **q)
{
	const char *f = floating(p, end);
	const char *d = is_digit(*p) ? decimal(p, end) : p;

	*q = f > d ? f : d;
	return f > d ? TOK_FLOAT : TOK_DECIMAL;
}

int
sql92_yylex(SQL92_YYSTYPE *v, struct sql92_parse *ps)
{
	const char *p = skip_blanks(ps->p, ps->end), *q = p;
	size_t n;
	int token;

	if (p == ps->end) {
		token = TOK_END;
	} else if (is_letter(*p)) {
		while (q < ps->end && (is_letter(*q) || is_digit(*q)))
			q++;
		token = word((struct str){ p, (size_t)(q - p) });
	} else if (*p == '\'') {
		q = string(p, ps->end);
		token = TOK_STRING;
	} else if (is_digit(*p) || *p == '.') {
		token = number(p, ps->end, &q);
	} else {
		token = sign(p, ps->end, &n);
		q = p + n;
	}
	if (q == p && token != TOK_END) {
		token = TOK_BAD;
		q = p + 1;
	}
	ps->token = v->text = (struct str){ p, (size_t)(q - p) };
	ps->p = q;
	return token;
}
