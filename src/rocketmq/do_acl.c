/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and ACLs (3001 to 3010), with the texts and codes of AdminBrokerProcessor and
 * rocketmq-auth 5.5.0. Passwords are told to super users only, as the reference tells
 * them to everybody who may ask. Every change, and every answer with a password, is in
 * the log.
 */
#include "auth/secret.h"
#include "base/json.h"
#include "base/log.h"
#include "core/authz.h"
#include "rocketmq/acl.h"
#include "rocketmq/gate.h"
#include "rocketmq/job.h"

static struct authz *
rules(const struct rmq_session *s)
{
	return authz_of(s->rm->router->core);
}

static void
audit(struct rmq_session *s, const struct rmq_req *q, const char *what,
    struct str name)
{
	char user[128], of[128];
	struct str ak = rmq_asker(s, q);

	(void)snprintf(user, sizeof user, "%.*s", (int)ak.len, ak.p);
	(void)snprintf(of, sizeof of, "%.*s", (int)name.len, name.p);
	LOG(LOG_INFO, (int)s->rm->router->shard, "acl_admin",
	    LOG_S("peer", conn_peer_text(s->cn)), LOG_S("user", user),
	    LOG_S("what", what), LOG_S("name", of));
}

static void
wrong(struct rmq_session *s, const struct rmq_req *q, const char *why)
{
	rmq_answer_code(s, &q->ref, RC_NO_PERMISSION, why);
}

/* As the reference where no provider is configured. */
static bool
is_on(struct rmq_session *s, const struct rmq_req *q)
{
	/* the users of ACL 1.0 are not these */
	if (s->rm->conf.authentication && s->rm->plain == NULL)
		return true;
	if (q->ref.code == RQ_AUTH_LIST_ACL)
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "java.lang.IllegalStateException: The "
		    "authorizationMetadataProvider is not configured.");
	else
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "An system error occurred, please try again later.");
	return false;
}

static bool
asker_is_super(const struct rmq_session *s, const struct rmq_req *q)
{
	return authz_is_super(rules(s), rmq_asker(s, q));
}

/* --- changes ---------------------------------------------------------------------- */

static void
changed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err == ERR_EXISTS)
		rmq_answer_code(
		    s, &j->ref, RC_NO_PERMISSION, "The user is existed");
	else if (fx->err == ERR_NO_KEY && fx->op == OP_ROLE_PATCH)
		rmq_answer_code(
		    s, &j->ref, RC_NO_PERMISSION, "The user is not exist");
	else if (fx->err == ERR_NO_KEY)
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
	else
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

/* Takes patch; NULL: the role goes. fresh: it must not be there, else it must. */
static void
change(struct rmq_session *s, const struct rmq_req *q, struct str role,
    json_t *patch, bool fresh)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, changed);
	struct op *op;
	size_t n;
	char *p;

	op = rmq_job_op(j, patch != NULL ? OP_ROLE_PATCH : OP_ROLE_DELETE, 0);
	op->topic = op_str(op, role);
	op->flag = fresh;
	op->flag2 = !fresh;
	if (patch != NULL) {
		p = json_write(patch, &n);
		op->text = op_str(op, (struct str){ p, n });
		mem_free(p);
		json_decref(patch);
	}
	rmq_job_route_to(j, 0, &op);
}

/* --- users ------------------------------------------------------------------------ */

static bool
is_word(struct str s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static void
put_secret(
    struct rmq_session *s, json_t *patch, struct str name, struct str password)
{
	char *sealed = secret_seal(s->rm->secrets, name, password);

	AZ(json_object_set_new(patch, "secret", json_string(sealed)));
	mem_free(sealed);
}

static void
put_type(json_t *patch, bool super)
{
	AZ(json_object_set_new(patch, "super", json_boolean(super)));
	AZ(json_object_set_new(patch, "user",
	    json_pack("{s:s}", "type", super ? "Super" : "Normal")));
}

static void
user_put(struct rmq_session *s, const struct rmq_req *q, struct str name,
    const struct jval *u)
{
	bool fresh = q->ref.code == RQ_AUTH_CREATE_USER;
	struct str password = jval_str(jval_get(u, "password"));
	struct str type = jval_str(jval_get(u, "userType"));
	struct str status = jval_str(jval_get(u, "userStatus"));
	json_t *patch;

	if ((is_word(type, "Super") ||
		(!fresh && authz_is_super(rules(s), name))) &&
	    !asker_is_super(s, q)) {
		rmq_answer_codef(s, &q->ref, RC_SYSTEM_ERROR,
		    "The super user can only be %s by super user",
		    fresh ? "create" : "update");
		return;
	}
	if (fresh && password.len == 0) {
		wrong(s, q, "password can not be blank");
		return;
	}
	if (password.len > SECRET_MAX) {
		wrong(s, q, "password is too long");
		return;
	}
	patch = json_object();
	if (password.len > 0)
		put_secret(s, patch, name, password);
	if (fresh || type.len > 0)
		put_type(patch, is_word(type, "Super"));
	if (fresh || status.len > 0)
		AZ(json_object_set_new(patch, "enabled",
		    json_boolean(!is_word(status, "disable"))));
	audit(s, q, fresh ? "create user" : "update user", name);
	change(s, q, name, patch, fresh);
}

static void
user_delete(struct rmq_session *s, const struct rmq_req *q, struct str name)
{
	if (authz_is_super(rules(s), name) && !asker_is_super(s, q)) {
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "The super user can only be delete by super user");
		return;
	}
	audit(s, q, "delete user", name);
	change(s, q, name, NULL, false);
}

static void
write_user(struct jw *w, struct rmq_session *s, struct str name,
    const json_t *doc, bool with_password)
{
	const json_t *v = json_object_get(doc, "secret");
	char *plain = NULL;
	size_t n = 0;

	jw_object(w);
	jw_key_str(w, "username", name);
	if (with_password && json_is_string(v) &&
	    secret_unseal(s->rm->secrets, name, json_text(v), &plain, &n) ==
		ERR_OK) {
		jw_key_str(w, "password", (struct str){ plain, n });
		secret_wipe(&plain, n);
	}
	jw_key_str(w, "userType",
	    json_is_true(json_object_get(doc, "super")) ? STR_LIT("Super") :
							  STR_LIT("Normal"));
	jw_key_str(w, "userStatus",
	    json_is_false(json_object_get(doc, "enabled")) ?
		STR_LIT("disable") :
		STR_LIT("enable"));
	jw_end(w);
}

static bool
is_user(const json_t *doc)
{
	return json_object_get(doc, "secret") != NULL;
}

static void
say(struct rmq_session *s, const struct rmq_req *q, const struct jw *w)
{
	if (jw_err(w) != ERR_OK)
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the answer is too large");
	else
		rmq_answer_text(s, &q->ref);
}

static void
user_get(struct rmq_session *s, const struct rmq_req *q, struct str name)
{
	const json_t *doc = authz_role(rules(s), name);
	bool super = asker_is_super(s, q);
	struct jw w;

	if (doc == NULL || !is_user(doc)) {
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
		return;
	}
	if (super)
		audit(s, q, "read user", name);
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	write_user(&w, s, name, doc, super);
	say(s, q, &w);
}

static bool
has(struct str s, struct str part)
{
	return part.len == 0 || memmem(s.p, s.len, part.p, part.len) != NULL;
}

static void
user_list(struct rmq_session *s, const struct rmq_req *q)
{
	struct str filter = rheader_get(q->h, "filter"), name;
	bool super = asker_is_super(s, q);
	const json_t *doc;
	size_t it = 0;
	struct jw w;

	if (super)
		audit(s, q, "list users", filter);
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_array(&w);
	while ((doc = authz_role_next(rules(s), &it, &name)) != NULL)
		if (is_user(doc) && has(name, filter))
			write_user(&w, s, name, doc, super);
	jw_end(&w);
	say(s, q, &w);
}

/* --- ACLs ------------------------------------------------------------------------- */

/* "User:x"; false: answered */
static bool
subject(struct rmq_session *s, const struct rmq_req *q, struct str *role)
{
	const json_t *doc;

	*role = rheader_get(q->h, "subject");
	if (role->len == 0) {
		wrong(s, q, "The subject is null.");
		return false;
	}
	if (!is_word(str_word(role, ':'), "User") || role->len == 0) {
		wrong(s, q, "The subject type is null.");
		return false;
	}
	doc = authz_role(rules(s), *role);
	if (doc != NULL && is_user(doc))
		return true;
	if (q->ref.code == RQ_AUTH_GET_ACL || q->ref.code == RQ_AUTH_DELETE_ACL)
		wrong(s, q, "The subject is not exist.");
	else
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "The subject of User:%.*s is not exist.",
		    role->len < 128 ? (int)role->len : 128, role->p);
	return false;
}

static void
acl_put(struct rmq_session *s, const struct rmq_req *q, struct str role,
    const struct jval *root)
{
	const char *why;
	json_t *list, *patch;

	list = acl_rules_read(s->rm, jval_get(root, "policies"), &why);
	if (list == NULL) {
		wrong(s, q, why);
		return;
	}
	patch = json_object();
	AZ(json_object_set_new(patch, "rules", list));
	audit(s, q, "put acl", role);
	change(s, q, role, patch, false);
}

/* Of one resource, or all */
static void
acl_delete(struct rmq_session *s, const struct rmq_req *q, struct str role)
{
	struct str res = rheader_get(q->h, "resource");
	const json_t *all =
	    json_object_get(authz_role(rules(s), role), "rules");
	json_t *patch = json_object(), *gone = json_null();
	char *key;

	if (json_object_size(all) == 0) {
		json_decref(patch);
		wrong(s, q, "The acl is not exist.");
		return;
	}
	if (res.len > 0) {
		key = acl_key(rheader_get(q->h, "policyType"), res);
		gone = json_object();
		AZ(json_object_set_new(gone, key, json_null()));
		mem_free(key);
	}
	AZ(json_object_set_new(patch, "rules", gone));
	audit(s, q, "delete acl", role);
	change(s, q, role, patch, false);
}

static void
acl_get(struct rmq_session *s, const struct rmq_req *q, struct str role)
{
	struct jw w;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	if (acl_write(&w, role, authz_role(rules(s), role), STR_NONE))
		say(s, q, &w);
	else
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
}

static void
acl_list(struct rmq_session *s, const struct rmq_req *q)
{
	struct str subj = rheader_get(q->h, "subjectFilter");
	struct str res = rheader_get(q->h, "resourceFilter"), name;
	const json_t *doc;
	size_t it = 0;
	struct jw w;
	char *full;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_array(&w);
	while ((doc = authz_role_next(rules(s), &it, &name)) != NULL) {
		full = mem_printf("User:%.*s", (int)name.len, name.p);
		if (has(str_of(full), subj))
			(void)acl_write(&w, name, doc, res);
		mem_free(full);
	}
	jw_end(&w);
	say(s, q, &w);
}

/* --- which ------------------------------------------------------------------------ */

static void
with_body(struct rmq_session *s, const struct rmq_req *q, struct str name)
{
	const struct jval *root = NULL;
	struct jdoc doc;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&doc, q->body.p, q->body.len, &root) != ERR_OK)
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "An system error occurred, please try again later.");
	else if (q->ref.code <= RQ_AUTH_UPDATE_USER)
		user_put(s, q, name, root);
	else
		acl_put(s, q, name, root);
	jdoc_fini(&doc);
}

void
rmq_do_user(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "username");

	if (q->ref.code == RQ_AUTH_LIST_USER) {
		if (is_on(s, q))
			user_list(s, q);
		return;
	}
	if (name.len == 0)
		rmq_answer_code(
		    s, &q->ref, RC_INVALID_PARAMETER, "The username is blank");
	else if (!is_on(s, q))
		;
	else if (q->ref.code == RQ_AUTH_GET_USER)
		user_get(s, q, name);
	else if (q->ref.code == RQ_AUTH_DELETE_USER)
		user_delete(s, q, name);
	else
		with_body(s, q, name);
}

void
rmq_do_acl(struct rmq_session *s, struct rmq_req *q)
{
	struct str role;

	if (!is_on(s, q))
		return;
	if (q->ref.code == RQ_AUTH_LIST_ACL) {
		acl_list(s, q);
		return;
	}
	if (!subject(s, q, &role))
		return;
	if (q->ref.code == RQ_AUTH_GET_ACL)
		acl_get(s, q, role);
	else if (q->ref.code == RQ_AUTH_DELETE_ACL)
		acl_delete(s, q, role);
	else
		with_body(s, q, role);
}
