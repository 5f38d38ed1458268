/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of selectors. As in the reference's: the operands of a comparison
 * are unary expressions, so NOT binds closer, and one token after a complete
 * expression ends it without an error.
 */
%code requires {
#include "rocketmq/sql92_priv.h"
}

%define api.pure full
%define api.prefix {sql92_yy}
%define api.token.prefix {TOK_}
%define parse.error detailed
/* stop's first ten after a comparison, alone and as the operand of = and <> */
%expect 30
%param { struct sql92_parse *ps }

%union {
	uint32_t node;
	struct str text;
}

%code provides {
int sql92_yylex(SQL92_YYSTYPE *, struct sql92_parse *);
}

%code {
static void
sql92_yyerror(struct sql92_parse *ps, const char *why)
{
	(void)sql92_fault(ps, ERR_INVALID_ARG, "%s, at '%.*s'", why,
	    (int)(ps->token.len < 40 ? ps->token.len : 40), ps->token.p);
}

#define YYMAXDEPTH 1000
}

%token END 0 "end of selector"
%token NOT AND OR BETWEEN IN TRUE FALSE NULL_ "NULL" IS
%token CONTAINS STARTSWITH ENDSWITH
%token EQ "=" NE "<>" GT ">" GE ">=" LT "<" LE "<="
%token LPAREN "(" RPAREN ")" COMMA "," PLUS "+" MINUS "-"
%token BAD "unreadable text"
%token <text> ID "name" STRING "string" DECIMAL "number" FLOAT "float"

%type <node> or_expr and_expr equality comparison unary primary literal string
%type <node> list

%%

selector:
	or_expr			{ sql92_make_root(ps, $1); }
|	or_expr stop		{ sql92_make_root(ps, $1); YYACCEPT; }
;

/*
 * What cannot go on with an expression. The first ones go on with a comparison
 * but not with a null test; bison prefers to go on, which is right.
 */
stop:
	NOT | BETWEEN | IN | CONTAINS | STARTSWITH | ENDSWITH | ">" | ">=" | "<"
|	"<=" | ID | STRING | DECIMAL | FLOAT | TRUE | FALSE | NULL_ | "(" | ")" | ","
|	"+" | "-"
;

or_expr:
	and_expr
|	or_expr OR and_expr	{ $$ = sql92_make_logic(ps, SQL_OR, $1, $3); }
;

and_expr:
	equality
|	and_expr AND equality	{ $$ = sql92_make_logic(ps, SQL_AND, $1, $3); }
;

equality:
	comparison
|	equality "=" comparison	{ $$ = sql92_make_equal(ps, $1, $3, false); }
|	equality "<>" comparison { $$ = sql92_make_equal(ps, $1, $3, true); }
|	equality IS NULL_	{ $$ = sql92_make_null_test(ps, $1, false); }
|	equality IS NOT NULL_	{ $$ = sql92_make_null_test(ps, $1, true); }
;

comparison:
	unary
|	comparison ">" unary	{ $$ = sql92_make_order(ps, SQL_GT, $1, $3); }
|	comparison ">=" unary	{ $$ = sql92_make_order(ps, SQL_GE, $1, $3); }
|	comparison "<" unary	{ $$ = sql92_make_order(ps, SQL_LT, $1, $3); }
|	comparison "<=" unary	{ $$ = sql92_make_order(ps, SQL_LE, $1, $3); }
|	comparison CONTAINS string
		{ $$ = sql92_make_search(ps, SQL_CONTAINS, $1, $3, false); }
|	comparison NOT CONTAINS string
		{ $$ = sql92_make_search(ps, SQL_CONTAINS, $1, $4, true); }
|	comparison STARTSWITH string
		{ $$ = sql92_make_search(ps, SQL_STARTSWITH, $1, $3, false); }
|	comparison NOT STARTSWITH string
		{ $$ = sql92_make_search(ps, SQL_STARTSWITH, $1, $4, true); }
|	comparison ENDSWITH string
		{ $$ = sql92_make_search(ps, SQL_ENDSWITH, $1, $3, false); }
|	comparison NOT ENDSWITH string
		{ $$ = sql92_make_search(ps, SQL_ENDSWITH, $1, $4, true); }
|	comparison BETWEEN unary AND unary
		{ $$ = sql92_make_between(ps, $1, $3, $5, false); }
|	comparison NOT BETWEEN unary AND unary
		{ $$ = sql92_make_between(ps, $1, $4, $6, true); }
|	comparison IN "(" list ")"
		{ $$ = sql92_make_in(ps, $1, $4, false); }
|	comparison NOT IN "(" list ")"
		{ $$ = sql92_make_in(ps, $1, $5, true); }
;

list:
	string
|	list "," string		{ $$ = sql92_make_list(ps, $1, $3); }
;

unary:
	primary
|	"+" unary		{ $$ = $2; }
|	"-" unary		{ $$ = sql92_make_negate(ps, $2); }
|	NOT unary		{ $$ = sql92_make_not(ps, $2); }
;

primary:
	literal
|	ID			{ $$ = sql92_make_prop(ps, $1); }
|	"(" or_expr ")"		{ $$ = $2; }
;

literal:
	string
|	DECIMAL			{ $$ = sql92_make_decimal(ps, $1); }
|	FLOAT			{ $$ = sql92_make_float(ps, $1); }
|	TRUE			{ $$ = sql92_make_word(ps, SQL_CONST_BOOL, true); }
|	FALSE			{ $$ = sql92_make_word(ps, SQL_CONST_BOOL, false); }
|	NULL_			{ $$ = sql92_make_word(ps, SQL_CONST_NULL, false); }
;

string:
	STRING			{ $$ = sql92_make_string(ps, $1); }
;
