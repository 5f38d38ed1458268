/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/token.h"

#include <ctype.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "auth/secret.h"
#include "auth/source.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "base/vas.h"
#include "os/clock.h"
#include "os/file.h"

#define FAILED 1
#define WRONG_USE 2
#define YEARS_MAX 5000 /* tokens that are read end before the year 10000 */
#define S_PER_DAY 86400

struct args {
	const char *alg, *subject, *expiry, *secret, *private, *public;
	const char *output, *output_private, *output_public, *token_file;
	const char *token; /* the argument */
	json_t *headers;
	bool from_stdin, base64;
};

/* --- from the command line --------------------------------------------------------- */

enum {
	OPT_SECRET = 256,
	OPT_PRIVATE,
	OPT_PUBLIC,
	OPT_OUTPUT_PRIVATE,
	OPT_OUTPUT_PUBLIC,
	OPT_HEADERS
};

static bool
add_header(json_t *headers, const char *arg)
{
	const char *eq = strchr(arg, '=');
	char *key;
	int r;

	if (eq == NULL || eq == arg) {
		fprintf(stderr, "a header is written key=value, not %s\n", arg);
		return false;
	}
	key = mem_strndup(arg, (size_t)(eq - arg));
	if (strcmp(key, "zip") == 0 || strcmp(key, "crit") == 0) {
		fprintf(
		    stderr, "the header %s says how the rest is read\n", key);
		mem_free(key);
		return false;
	}
	r = json_object_set_new(headers, key, json_string(eq + 1));
	mem_free(key);
	return r == 0;
}

static bool
take(struct args *a, int opt, const char *arg)
{
	const char **to = opt == 'a'  ? &a->alg :
	    opt == 's'		      ? &a->subject :
	    opt == 'e'		      ? &a->expiry :
	    opt == 'o'		      ? &a->output :
	    opt == 'f'		      ? &a->token_file :
	    opt == OPT_SECRET	      ? &a->secret :
	    opt == OPT_PRIVATE	      ? &a->private :
	    opt == OPT_PUBLIC	      ? &a->public :
	    opt == OPT_OUTPUT_PRIVATE ? &a->output_private :
	    opt == OPT_OUTPUT_PUBLIC  ? &a->output_public :
					NULL;

	if (opt == OPT_HEADERS)
		return add_header(a->headers, arg);
	if (opt == 'i')
		a->from_stdin = true;
	else if (opt == 'b')
		a->base64 = true;
	else if (to == NULL)
		return false; /* getopt has said it */
	else
		*to = arg;
	return true;
}

/* --- keys ------------------------------------------------------------------------- */

static int
fail(struct diag *d, enum err e)
{
	fprintf(stderr, "magnetar token: %s\n", diag_text(d, e));
	return FAILED;
}

/* An algorithm says no more than what type of key is meant, as in the reference. */
static enum err
read_key(struct jwt_key **k, const struct args *a, struct diag *d)
{
	bool pair = a->secret == NULL;
	enum err e;

	e = jwt_key_read(k,
	    !pair		   ? JWT_SECRET :
		a->private != NULL ? JWT_PRIVATE :
				     JWT_PUBLIC,
	    !pair		   ? a->secret :
		a->private != NULL ? a->private :
				     a->public,
	    d);
	if (e != ERR_OK || !pair || jwt_key_is_for(*k, str_of(a->alg)))
		return e;
	jwt_key_free(k);
	return diag_set(
	    d, ERR_INVALID_ARG, "the key is none of %s (-a)", a->alg);
}

static int
write_key(const char *path, const void *p, size_t n, struct diag *d)
{
	enum err e = file_write_atomic(path, p, n);

	if (e == ERR_OK)
		return 0;
	return fail(d, diag_set(d, e, "%s: %s", path, err_text(e)));
}

static int
create_secret_key(const struct args *a, struct diag *d)
{
	const char *alg = a->alg != NULL ? a->alg : "HS256";
	char *text = NULL;
	uint8_t *p;
	size_t n, len;
	enum err e;
	int status = 0;

	e = jwt_secret_new(&p, &n, str_of(alg), d);
	if (e != ERR_OK)
		return fail(d, e);
	len = BASE64_ENCODED(n);
	text = mem_alloc(len);
	if (a->base64)
		len = base64_encode(text, p, n, false);
	if (a->output != NULL)
		status = write_key(a->output, a->base64 ? (void *)text : p,
		    a->base64 ? len : n, d);
	else
		(void)fwrite(a->base64 ? (void *)text : p, 1,
		    a->base64 ? len : n, stdout);
	secret_wipe(&text, len);
	source_free(&p, n);
	return status;
}

static int
create_key_pair(const struct args *a, struct diag *d)
{
	struct jwt_pair pair;
	int status;
	enum err e;

	e = jwt_pair_new(&pair, str_of(a->alg), d);
	if (e != ERR_OK)
		return fail(d, e);
	status = write_key(a->output_public, pair.public, pair.public_len, d);
	if (status == 0)
		status = write_key(
		    a->output_private, pair.private, pair.private_len, d);
	jwt_pair_fini(&pair);
	return status;
}

/* --- making tokens ----------------------------------------------------------------- */

/* "10", "10s", "3d", ...: seconds, of any sign. */
static bool
relative_s(const char *text, int64_t *s)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 },
		{ 'd', S_PER_DAY }, { 'w', 7 * S_PER_DAY },
		{ 'y', 365 * S_PER_DAY } };
	struct str num = str_of(text);
	int64_t n, per = 1;
	size_t i;

	if (num.len > 0 && !isdigit((unsigned char)num.p[num.len - 1])) {
		num.len--;
		for (i = 0; i < sizeof units / sizeof *units; i++)
			if (units[i].unit ==
			    tolower((unsigned char)num.p[num.len]))
				break;
		if (i == sizeof units / sizeof *units)
			return false;
		per = units[i].s;
	}
	if (num_i64(num, &n) != ERR_OK ||
	    n > YEARS_MAX * INT64_C(365) * S_PER_DAY / per ||
	    n < -YEARS_MAX * INT64_C(365) * S_PER_DAY / per)
		return false;
	*s = n * per;
	return true;
}

static int
create(const struct args *a, struct diag *d)
{
	struct jwt j = { .header = a->headers };
	int64_t s = 0;
	struct jwt_key *k;
	char *text = NULL;
	enum err e;

	if (a->expiry != NULL && !relative_s(a->expiry, &s)) {
		fprintf(stderr,
		    "-e %s: no time of the form 30s, 10m, 1h, 3d, 2w, 10y\n",
		    a->expiry);
		return WRONG_USE;
	}
	e = read_key(&k, a, d);
	if (e != ERR_OK)
		return fail(d, e);
	j.claims = json_pack("{s:s}", "sub", a->subject);
	if (j.claims == NULL || jwt_key_alg(k) == NULL) {
		e = diag_set(d, ERR_INVALID_ARG,
		    j.claims == NULL ? "the subject is not UTF-8" :
				       "there is no algorithm for the key");
	} else {
		(void)json_object_del(j.header, "alg"); /* last, as jjwt's */
		AZ(json_object_set_new(
		    j.header, "alg", json_string(jwt_key_alg(k))));
		if (a->expiry != NULL)
			AZ(json_object_set_new(j.claims, "exp",
			    json_integer(clock_wall_ms() / 1000 + s)));
		e = jwt_sign(&text, k, &j, d);
	}
	json_decref(j.claims);
	jwt_key_free(&k);
	if (e != ERR_OK)
		return fail(d, e);
	puts(text);
	secret_wipe(&text, strlen(text));
	return 0;
}

/* --- reading tokens ---------------------------------------------------------------- */

static char *
first_line(FILE *f)
{
	char *text = mem_alloc(JWT_MAX + 2);

	if (fgets(text, JWT_MAX + 2, f) == NULL)
		text[0] = '\0';
	return text;
}

/* From the first place that there is; secret_wipe() it. NULL: nowhere, which was said. */
static char *
the_token(const struct args *a, struct diag *d)
{
	const char *env = getenv("TOKEN");
	char *text = NULL;
	size_t n;
	enum err e;

	if (a->token != NULL) {
		text = mem_strdup(a->token);
	} else if (a->from_stdin) {
		text = first_line(stdin);
	} else if (a->token_file != NULL) {
		e = file_read(a->token_file, JWT_MAX + 2, &text, &n);
		if (e != ERR_OK)
			(void)fail(d,
			    diag_set(
				d, e, "%s: %s", a->token_file, err_text(e)));
	} else if (env != NULL) {
		text = mem_strdup(env);
	} else {
		fputs("Token needs to be either passed as an argument or "
		      "through `--stdin`, `--token-file` or by the `TOKEN` "
		      "environment variable\n",
		    stderr);
	}
	if (text != NULL)
		text[strcspn(text, " \t\r\n")] = '\0';
	return text;
}

static int
show(const struct args *a, struct diag *d)
{
	char *token = the_token(a, d), *text = NULL;
	unsigned i;
	enum err e = ERR_OK;

	if (token == NULL)
		return FAILED;
	for (i = 0; i < 2 && e == ERR_OK; i++) {
		e = jwt_text_of_part(&text, str_of(token), i, d);
		if (e == ERR_OK)
			printf("%s%s\n", i > 0 ? "---\n" : "", text);
		mem_free(text);
	}
	secret_wipe(&token, strlen(token));
	return e == ERR_OK ? 0 : fail(d, e);
}

/* As Java writes a map. */
static void
put_value(struct strbuf *sb, const json_t *v)
{
	char other[64]; /* numbers, true, false, null */
	size_t i;

	switch (json_typeof(v)) {
	case JSON_STRING:
		strbuf_add(sb, json_string_value(v), json_string_length(v));
		break;
	case JSON_ARRAY:
		strbuf_addc(sb, '[');
		for (i = 0; i < json_array_size(v); i++) {
			strbuf_adds(sb, i > 0 ? ", " : "");
			put_value(sb, json_array_get(v, i));
		}
		strbuf_addc(sb, ']');
		break;
	case JSON_OBJECT: {
		json_t *o = (json_t *)(uintptr_t)v; /* iterators want it so */
		void *it = json_object_iter(o);

		strbuf_addc(sb, '{');
		for (; it != NULL; it = json_object_iter_next(o, it)) {
			strbuf_adds(sb, it != json_object_iter(o) ? ", " : "");
			strbuf_adds(sb, json_object_iter_key(it));
			strbuf_addc(sb, '=');
			put_value(sb, json_object_iter_value(it));
		}
		strbuf_addc(sb, '}');
		break;
	}
	default:
		i = json_dumpb(v, other, sizeof other, JSON_ENCODE_ANY);
		strbuf_add(sb, other, i < sizeof other ? i : 0);
	}
}

/* jjwt has a set of audiences, also of one. */
static void
aud_as_list(json_t *claims)
{
	json_t *aud = json_object_get(claims, "aud");

	if (json_is_string(aud))
		AZ(json_object_set_new(claims, "aud", json_pack("[O]", aud)));
}

static int
validate(const struct args *a, struct diag *d)
{
	char *token = the_token(a, d);
	struct jwt_key *k = NULL;
	struct jwt j = { 0 };
	struct strbuf sb;
	int64_t until;
	enum err e;

	if (token == NULL)
		return FAILED;
	e = read_key(&k, a, d);
	if (e == ERR_OK)
		e = jwt_parse(&j, str_of(token), d);
	if (e == ERR_OK)
		e = jwt_verify(k, &j, str_of(token), d);
	if (e == ERR_OK)
		e = jwt_times(&j, clock_wall_ms(), 0, &until, d);
	if (e == ERR_OK) {
		aud_as_list(j.claims);
		strbuf_init(&sb, 4 * JWT_MAX);
		put_value(&sb, j.claims);
		puts(strbuf_str(&sb));
		strbuf_fini(&sb);
	}
	jwt_fini(&j);
	if (k != NULL)
		jwt_key_free(&k);
	secret_wipe(&token, strlen(token));
	return e == ERR_OK ? 0 : fail(d, e);
}

/* --- commands ---------------------------------------------------------------------- */

struct command {
	const char *name;
	int (*run)(const struct args *, struct diag *);
	const char *shorts;
	const struct option *longs;
	const char *usage;
};

/* A short one with "=" behind it, as in -s=me, is a long one to getopt. */
#define WITH(name, opt)                            \
	{                                          \
		name, required_argument, NULL, opt \
	}
#define FLAG(name, opt)                      \
	{                                    \
		name, no_argument, NULL, opt \
	}
#define END                      \
	{                        \
		NULL, 0, NULL, 0 \
	}

static const struct option create_longs[] = { WITH("subject", 's'),
	WITH("s", 's'), WITH("expiry-time", 'e'), WITH("e", 'e'),
	WITH("a", 'a'), WITH("secret-key", OPT_SECRET), WITH("sk", OPT_SECRET),
	WITH("private-key", OPT_PRIVATE), WITH("pk", OPT_PRIVATE),
	WITH("signature-algorithm", 'a'), WITH("headers", OPT_HEADERS),
	WITH("hs", OPT_HEADERS), END };
static const struct option validate_longs[] = { FLAG("stdin", 'i'),
	WITH("token-file", 'f'), WITH("f", 'f'), WITH("a", 'a'),
	WITH("secret-key", OPT_SECRET), WITH("sk", OPT_SECRET),
	WITH("public-key", OPT_PUBLIC), WITH("pk", OPT_PUBLIC),
	WITH("signature-algorithm", 'a'), END };
static const struct option show_longs[] = { FLAG("stdin", 'i'),
	WITH("token-file", 'f'), WITH("f", 'f'), END };
static const struct option secret_longs[] = { WITH("signature-algorithm", 'a'),
	WITH("a", 'a'), WITH("output", 'o'), WITH("o", 'o'),
	FLAG("base64", 'b'), END };
static const struct option pair_longs[] = { WITH("signature-algorithm", 'a'),
	WITH("a", 'a'), WITH("output-private-key", OPT_OUTPUT_PRIVATE),
	WITH("output-public-key", OPT_OUTPUT_PUBLIC), END };

static const struct command commands[] = {
	{ "create", create, "s:e:a:", create_longs,
	    "-s SUBJECT -sk KEY | -pk KEY [-a ALGORITHM] [-e TIME]\n"
	    "                              [-hs KEY=VALUE]..." },
	{ "validate", validate, "ia:f:", validate_longs,
	    "-sk KEY | -pk KEY [-a ALGORITHM] [-i | -f FILE | TOKEN]" },
	{ "show", show, "if:", show_longs, "[-i | -f FILE | TOKEN]" },
	{ "create-secret-key", create_secret_key, "a:o:b", secret_longs,
	    "[-a ALGORITHM] [-o FILE] [-b]" },
	{ "create-key-pair", create_key_pair, "a:", pair_longs,
	    "[-a ALGORITHM] --output-private-key FILE\n"
	    "                              --output-public-key FILE" },
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int
usage(FILE *f, const struct command *only)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (only == NULL || only == &commands[i])
			fprintf(f, "%s magnetar token %s %s\n",
			    i == 0 || only != NULL ? "usage:" : "      ",
			    commands[i].name, commands[i].usage);
	return WRONG_USE;
}

/* "" if nothing is missing. */
static const char *
missing(const struct command *c, const struct args *a)
{
	if (c->run == create && (a->subject == NULL || a->subject[0] == '\0'))
		return "a subject (-s)";
	if (c->run == create_key_pair &&
	    (a->output_private == NULL || a->output_public == NULL))
		return "--output-private-key and --output-public-key";
	return "";
}

/* 0: one. The words are the reference's, also where nothing is signed. */
static int
one_key(const struct command *c, const struct args *a)
{
	bool pair = a->private != NULL || a->public != NULL;

	if ((c->run != create && c->run != validate) ||
	    (a->secret != NULL) != pair)
		return 0;
	fprintf(stderr,
	    "%s --secret-key %s --%s-key needs to be passed for signing a "
	    "token\n",
	    pair ? "Only one of" : "Either", pair ? "and" : "or",
	    c->run == create ? "private" : "public");
	return FAILED;
}

static int
run(const struct command *c, struct args *a, int argc, char **argv)
{
	struct diag diag = { "" };
	int opt, status;

	while ((opt = getopt_long_only(
		    argc, argv, c->shorts, c->longs, NULL)) != -1)
		if (!take(a, opt, optarg))
			return usage(stderr, c);
	if (argc - optind > (c->run == show || c->run == validate ? 1 : 0))
		return usage(stderr, c);
	a->token = optind < argc ? argv[optind] : NULL;
	if (a->alg == NULL && c->run != create_secret_key)
		a->alg = "RS256";
	if (missing(c, a)[0] != '\0') {
		fprintf(stderr, "magnetar token %s needs %s\n", c->name,
		    missing(c, a));
		return usage(stderr, c);
	}
	status = one_key(c, a);
	return status == 0 ? c->run(a, &diag) : status;
}

int
token_main(int argc, char **argv)
{
	struct args a = { 0 };
	int status;
	size_t i;

	for (i = 0; argc > 1 && i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			break;
	if (argc > 1 && i == COMMANDS &&
	    (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		(void)usage(stdout, NULL);
		return 0;
	}
	if (argc < 2 || i == COMMANDS)
		return usage(stderr, NULL);
	(void)setvbuf(stdout, NULL, _IONBF, 0); /* no copies of secrets */
	a.headers = json_object();
	status = run(&commands[i], &a, argc - 1, argv + 1);
	json_decref(a.headers);
	if (ferror(stdout) && status == 0) {
		fputs("magnetar token: standard output can't be written\n",
		    stderr);
		status = FAILED;
	}
	return status;
}
