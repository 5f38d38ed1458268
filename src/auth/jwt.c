/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "auth/jwt_priv.h"
#include "base/base64.h"
#include "base/compress.h"
#include "base/json.h"
#include "base/num.h"

/* more than anybody means */
#define TIME_MAX_S INT64_C(253402300800) /* 10000-01-01 */

void
jwt_fini(struct jwt *j)
{
	json_decref(j->header);
	json_decref(j->claims);
	*j = (struct jwt){ 0 };
}

/* --- taking apart ----------------------------------------------------------------- */

static enum err
bad(struct diag *d, const char *what)
{
	return diag_set(d, ERR_MALFORMED, "not a JSON web token: %s", what);
}

/* As it stands in tokens: the alphabet for URLs, without padding. */
static bool
is_url64(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '+' || s.p[i] == '/' || s.p[i] == '=')
			return false;
	return true;
}

/* NULL: it is none. */
static json_t *
object_of_text(const void *p, size_t n)
{
	json_t *js = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);

	if (js != NULL && !json_is_object(js)) {
		json_decref(js);
		js = NULL;
	}
	return js;
}

/* NULL: no base64. With a NUL behind it. */
static char *
decoded(struct str b64, size_t *n)
{
	size_t cap = BASE64_DECODED(b64.len);
	char *p = mem_alloc(cap + 1);

	if (is_url64(b64) &&
	    base64_decode(b64, (uint8_t *)p, cap, n) == ERR_OK) {
		p[*n] = '\0';
		return p;
	}
	mem_free(p);
	return NULL;
}

/* zip (RFC 7516 4.1.3, which jjwt also takes in signed tokens): NULL, "DEF" or
 * "GZIP". Bombs are bounded. NULL: none. */
static json_t *
object_of(struct str b64, const char *zip)
{
	struct buf *b = NULL;
	json_t *js = NULL;
	size_t n;
	char *p = decoded(b64, &n);

	if (p != NULL && zip == NULL)
		js = object_of_text(p, n);
	else if (p != NULL &&
	    compress_inflate(zip[0] == 'D' ? COMPRESS_ZLIB : COMPRESS_GZIP, p,
		n, JWT_MAX, &b) == ERR_OK) {
		js = object_of_text(b->data, b->len);
		buf_unref(&b);
	}
	mem_free(p);
	return js;
}

/* false: one that we don't know. jjwt takes null and "" for none. */
static bool
zip_of(const json_t *header, const char **zip)
{
	const json_t *v = json_object_get(header, "zip");

	*zip = NULL;
	if (v == NULL || json_is_null(v) ||
	    (json_is_string(v) && json_string_length(v) == 0))
		return true;
	*zip = json_string_value(v);
	return *zip != NULL &&
	    (strcmp(*zip, "DEF") == 0 || strcmp(*zip, "GZIP") == 0);
}

static bool
split(struct str token, struct str part[3])
{
	unsigned i;

	for (i = 0; i < 3; i++)
		part[i] = str_word(&token, '.');
	return token.len == 0 && part[0].len > 0 && part[1].len > 0 &&
	    part[2].len > 0;
}

enum err
jwt_text_of_part(char **text, struct str token, unsigned n, struct diag *d)
{
	struct str part = STR_NONE;
	json_t *js = NULL;
	unsigned i;
	size_t len;

	*text = NULL;
	if (token.len > JWT_MAX)
		return bad(d, "it is too long");
	for (i = 0; i <= n; i++)
		part = str_word(&token, '.');
	*text = decoded(part, &len);
	if (*text != NULL)
		js = object_of_text(*text, len);
	if (js != NULL) {
		json_decref(js);
		return ERR_OK;
	}
	mem_free(*text);
	*text = NULL;
	return bad(d, "a part is no JSON object in base64url");
}

enum err
jwt_parse(struct jwt *j, struct str token, struct diag *d)
{
	struct str part[3];
	const char *zip;

	*j = (struct jwt){ 0 };
	if (token.len > JWT_MAX)
		return bad(d, "it is too long");
	if (!split(token, part))
		return bad(d, "it has not three parts");
	j->header = object_of(part[0], NULL);
	if (j->header != NULL && !zip_of(j->header, &zip)) {
		jwt_fini(j);
		return bad(d, "it is compressed in a way that is not ours");
	}
	if (j->header != NULL)
		j->claims = object_of(part[1], zip);
	if (j->claims != NULL)
		return ERR_OK;
	jwt_fini(j);
	return bad(d, "a part is no JSON object in base64url");
}

/* --- believing it ------------------------------------------------------------------ */

static enum err
no(struct diag *d, const char *why)
{
	return diag_set(d, ERR_AUTHENTICATION, "%s", why);
}

enum err
jwt_verify(const struct jwt_key *k, const struct jwt *j, struct str token,
    struct diag *d)
{
	const struct jwt_alg *a;
	uint8_t sig[JWT_SIG_MAX];
	struct str part[3];
	size_t n;

	CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
	a = jwt_alg_of(json_text(json_object_get(j->header, "alg")));
	if (a == NULL)
		return no(d, "the token's algorithm is not one of ours");
	if (json_object_get(j->header, "crit") != NULL)
		return no(d, "the token has a critical header");
	if (!jwt_alg_fits(a, k))
		return no(d, "the token's algorithm doesn't fit the key");
	AN(split(token, part));
	if (!is_url64(part[2]) ||
	    base64_decode(part[2], sig, sizeof sig, &n) != ERR_OK)
		return no(d, "the token's signature is no base64url");
	/* header and claims as they came, with the dot between them */
	if (!jwt_sig_verify(
		a, k, token.p, part[0].len + 1 + part[1].len, sig, n))
		return no(d, "the token's signature doesn't match");
	return ERR_OK;
}

/* Whole seconds, as jjwt reads them: what is behind the point doesn't count, a text of
 * digits does. false: no time. */
static bool
time_of(const json_t *v, int64_t *ms)
{
	double s;

	if (json_is_string(v)) {
		if (num_i64(json_text(v), ms) != ERR_OK)
			return false;
	} else if (json_is_integer(v)) {
		*ms = json_integer_value(v);
	} else if (json_is_real(v)) {
		s = json_real_value(v);
		if (!(s > -(double)TIME_MAX_S && s < (double)TIME_MAX_S))
			return false;
		*ms = (int64_t)s;
	} else {
		return false;
	}
	if (*ms < -TIME_MAX_S || *ms > TIME_MAX_S)
		return false;
	*ms *= 1000;
	return true;
}

/* found: also null is none. false: it is no time. */
static bool
claimed_time(const struct jwt *j, const char *claim, bool *found, int64_t *ms)
{
	const json_t *v = json_object_get(j->claims, claim);

	*found = v != NULL && !json_is_null(v);
	return !*found || time_of(v, ms);
}

bool
jwt_time(const struct jwt *j, const char *claim, int64_t *ms)
{
	bool found;

	return claimed_time(j, claim, &found, ms) && found;
}

enum err
jwt_times(const struct jwt *j, int64_t now_ms, int64_t skew_ms,
    int64_t *expires_ms, struct diag *d)
{
	bool found;
	int64_t ms;

	*expires_ms = 0;
	if (!claimed_time(j, "iat", &found, &ms))
		return no(d, "the token's iat is no time");
	if (!claimed_time(j, "nbf", &found, &ms))
		return no(d, "the token's nbf is no time");
	if (found && now_ms + skew_ms < ms)
		return no(d, "the token is not valid yet");
	if (!claimed_time(j, "exp", &found, &ms))
		return no(d, "the token's exp is no time");
	if (!found)
		return ERR_OK;
	if (now_ms > ms + skew_ms)
		return no(d, "the token has expired");
	*expires_ms = ms + skew_ms + 1;
	return ERR_OK;
}

struct str
jwt_text(const struct jwt *j, const char *claim)
{
	const json_t *v = json_object_get(j->claims, claim);

	if (json_is_array(v))
		v = json_array_get(v, 0);
	return json_is_string(v) ? json_text(v) : STR_NONE;
}

bool
jwt_has(const struct jwt *j, const char *claim, struct str value)
{
	const json_t *v = json_object_get(j->claims, claim), *e;
	size_t i;

	if (json_is_string(v))
		return str_eq(json_text(v), value);
	for (i = 0; i < json_array_size(v); i++) {
		e = json_array_get(v, i);
		if (json_is_string(e) && str_eq(json_text(e), value))
			return true;
	}
	return false;
}

/* --- making one -------------------------------------------------------------------- */

static size_t
put_part(char *out, const json_t *js)
{
	size_t len, n;
	char *text = json_write(js, &len);

	n = base64_encode(out, text, len, true);
	mem_free(text);
	while (n > 0 && out[n - 1] == '=')
		n--;
	return n;
}

enum err
jwt_sign(
    char **out, const struct jwt_key *k, const struct jwt *j, struct diag *d)
{
	const struct jwt_alg *a;
	uint8_t sig[JWT_SIG_MAX];
	char *text;
	size_t n, cap;

	CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
	a = jwt_alg_of(json_text(json_object_get(j->header, "alg")));
	if (a == NULL || !k->can_sign || !jwt_alg_fits(a, k))
		return diag_set(
		    d, ERR_INVALID_ARG, "the algorithm doesn't fit the key");
	cap = json_dumpb(j->header, NULL, 0, JSON_COMPACT) +
	    json_dumpb(j->claims, NULL, 0, JSON_COMPACT);
	if (cap > JWT_MAX / 2)
		return diag_set(d, ERR_INVALID_ARG, "the token is too long");
	text = mem_alloc(BASE64_ENCODED(cap) + BASE64_ENCODED(sizeof sig) + 16);
	n = put_part(text, j->header);
	text[n++] = '.';
	n += put_part(text + n, j->claims);
	cap = jwt_sig_make(a, k, text, n, sig);
	if (cap == 0) {
		mem_free(text);
		return diag_set(d, ERR_INVALID_ARG, "the key can't sign");
	}
	text[n++] = '.';
	n += base64_encode(text + n, sig, cap, true);
	while (text[n - 1] == '=')
		n--;
	text[n] = '\0';
	*out = text;
	return ERR_OK;
}
