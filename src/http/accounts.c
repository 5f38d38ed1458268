/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: roles that have a record (core/authz.h), and their access keys. A secret key is
 * made here, told once in the answer to its creation, and kept sealed (auth/secret.h, under
 * the access key's name). Pulsar has no such routes, so these are ours.
 */
#include "auth/secret.h"
#include "base/json.h"
#include "core/authz.h"
#include "http/handlers.h"
#include "os/clock.h"

static const struct authz *
rules(const struct req *rq)
{
	return authz_of(rq->h->router->core);
}

/* NULL: answered. */
static const json_t *
account(struct req *rq)
{
	const json_t *doc = authz_role(rules(rq), str_of(rq->var[VAR_ROLE]));

	if (doc == NULL)
		req_error(rq, 404, "The account does not exist");
	return doc;
}

/* --- reads ------------------------------------------------------------------------ */

void
h_accounts_list(struct req *rq)
{
	struct str *names = NULL, name;
	size_t it = 0, n = 0;

	while (authz_role_next(rules(rq), &it, &name) != NULL) {
		names = mem_reallocarray(names, n + 1, sizeof *names);
		names[n++] = name;
	}
	json_add_strings(&rq->out, names, n);
	mem_free(names);
	req_json(rq);
}

static bool
is_enabled(const json_t *doc)
{
	return !json_is_false(json_object_get(doc, "enabled"));
}

static void
add_key(struct req *rq, const char *id, const json_t *key, bool first)
{
	const json_t *created = json_object_get(key, "created");

	strbuf_adds(&rq->out, first ? "{\"accessKey\":" : ",{\"accessKey\":");
	json_add_str(&rq->out, id);
	strbuf_addf(
	    &rq->out, ",\"enabled\":%s", is_enabled(key) ? "true" : "false");
	if (json_is_integer(created)) {
		strbuf_adds(&rq->out, ",\"created\":");
		json_add_time(&rq->out, json_integer_value(created));
	}
	strbuf_addc(&rq->out, '}');
}

void
h_account_get(struct req *rq)
{
	const char *name = rq->var[VAR_ROLE], *id;
	const json_t *doc = account(rq);
	bool first = true;
	json_t *keys, *v;

	if (doc == NULL)
		return;
	strbuf_adds(&rq->out, "{\"name\":");
	json_add_str(&rq->out, name);
	strbuf_addf(&rq->out,
	    ",\"enabled\":%s,\"super\":%s,\"granted\":%s,\"keys\":[",
	    is_enabled(doc) ? "true" : "false",
	    json_is_true(json_object_get(doc, "super")) ? "true" : "false",
	    authz_has_grants(rules(rq), str_of(name)) ? "true" : "false");
	/* RocketMQ's password: the access key is the name */
	if (json_object_get(doc, "secret") != NULL) {
		add_key(rq, name, NULL, true);
		first = false;
	}
	keys = json_object_get(doc, "keys");
	json_object_foreach(keys, id, v)
	{
		add_key(rq, id, v, first);
		first = false;
	}
	strbuf_adds(&rq->out, "]}");
	req_json(rq);
}

/* --- changes ---------------------------------------------------------------------- */

/* To shard 0; patch NULL: none. Takes it. */
static void
change(struct req *rq, enum op_type type, bool fresh, struct str key,
    json_t *patch, req_step_f *next)
{
	struct op *op = req_op(rq, type, str_of(rq->var[VAR_ROLE]));
	char *text;
	size_t n;

	op->flag = fresh;
	op->flag2 = !fresh;
	if (key.len > 0)
		op->sub = op_str(op, key);
	if (patch != NULL) {
		text = json_write(patch, &n);
		op->text = op_str(op, (struct str){ text, n });
		mem_free(text);
		json_decref(patch);
	}
	req_send_to(rq, 0, &op);
	req_then(rq, next);
}

/* {"enabled": bool, "super": bool}, both optional; false: answered. */
static bool
settings(struct req *rq, bool with_super, json_t **patch)
{
	const char *key;
	json_t *v;

	if (!req_parse(rq))
		return false;
	*patch = json_object();
	json_object_foreach(rq->json, key, v)
	{
		if (!json_is_boolean(v) ||
		    (strcmp(key, "enabled") != 0 &&
			(!with_super || strcmp(key, "super") != 0))) {
			json_decref(*patch);
			req_error(rq, 400,
			    with_super ? "Only enabled and super can be set, "
					 "to true or false" :
					 "Only enabled can be set, to true or "
					 "false");
			return false;
		}
		AZ(json_object_set(*patch, key, v));
	}
	return true;
}

void
h_account_put(struct req *rq)
{
	json_t *patch;

	if (strlen(rq->var[VAR_ROLE]) > NAME_MAX_BYTES)
		req_error(rq, 412, "The name is too long");
	else if (settings(rq, true, &patch))
		change(
		    rq, OP_ROLE_PATCH, true, STR_NONE, patch, req_done_empty);
}

void
h_account_post(struct req *rq)
{
	json_t *patch;

	if (settings(rq, true, &patch))
		change(
		    rq, OP_ROLE_PATCH, false, STR_NONE, patch, req_done_empty);
}

void
h_account_delete(struct req *rq)
{
	/* flag: not while something is granted to it */
	change(rq, OP_ROLE_DELETE, true, STR_NONE, NULL, req_done_empty);
}

/* --- keys ------------------------------------------------------------------------- */

#define ID_CHARS 24u
#define SECRET_CHARS 40u

struct fresh_key {
	char id[ID_CHARS + 1], secret[SECRET_CHARS + 1];
};

static void
fresh_key_free(void *p)
{
	explicit_bzero(p, sizeof(struct fresh_key));
	mem_free(p);
}

static void
key_made(struct req *rq)
{
	const struct fresh_key *k = rq->keep;

	if (req_any_failed(rq))
		return;
	strbuf_addf(&rq->out, "{\"accessKey\":\"%s\",\"secretKey\":\"%s\"}",
	    k->id, k->secret);
	req_header(rq, "Cache-Control", "no-store");
	req_json(rq);
}

void
h_account_key_make(struct req *rq)
{
	struct fresh_key *k;
	char *sealed;

	if (rq->h->secrets == NULL) {
		req_error(rq, 412,
		    "No secrets are kept while authenticationEnabled is off");
		return;
	}
	k = mem_zalloc(sizeof *k);
	req_keep(rq, k, fresh_key_free);
	secret_random(k->id, ID_CHARS);
	secret_random(k->secret, SECRET_CHARS);
	sealed = secret_seal(rq->h->secrets, str_of(k->id), str_of(k->secret));
	change(rq, OP_ROLE_KEY, true, str_of(k->id),
	    json_pack("{s:s,s:b,s:I}", "secret", sealed, "enabled", 1,
		"created", (json_int_t)clock_wall_ms()),
	    key_made);
	mem_free(sealed);
}

void
h_account_key_post(struct req *rq)
{
	json_t *patch;

	if (settings(rq, false, &patch))
		change(rq, OP_ROLE_KEY, false, str_of(rq->var[VAR_KEY]), patch,
		    req_done_empty);
}

void
h_account_key_delete(struct req *rq)
{
	change(rq, OP_ROLE_KEY, false, str_of(rq->var[VAR_KEY]), NULL,
	    req_done_empty);
}
