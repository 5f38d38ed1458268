/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts of ACL 1.0 (50 to 54), with the texts and codes of AdminBrokerProcessor of
 * 4.9.8. A change goes to shard 0 (TELL_PLAIN_CHANGE), which writes the file, and what the
 * file says then to all shards (TELL_PLAIN), upon which it is answered.
 *
 * The reference lets whoever is authenticated change accounts, keeps what it can't load
 * afterwards, and tells the secret in its refusals; here they are administrators'
 * (tbl/need.h), and nothing is written that can't be read.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "os/file.h"
#include "os/loop.h"
#include "rocketmq/job.h"
#include "rocketmq/jw.h"
#include "rocketmq/plain.h"
#include "rocketmq/server.h"
#include "rocketmq/tell.h"

enum { /* ResponseCode of 4.9 */
	PUT_FAILED = 209,
	DELETE_FAILED = 210,
	WHITE_FAILED = 211
};

/* As where there is no such request. */
static bool
is_on(struct rmq_session *s, const struct rmq_req *q)
{
	if (s->rm->plain != NULL)
		return true;
	rmq_answer_codef(s, &q->ref, RC_REQUEST_CODE_NOT_SUPPORTED,
	    " request type %d not supported", q->ref.code);
	return false;
}

/* --- shard 0 -------------------------------------------------------------------------- */

/* Which file has what is changed; a new account is plain_acl.yml's. */
static enum err
place(const struct plain_set *ps, const json_t *what, unsigned *file)
{
	struct str path = json_text_at(what, "file");
	const json_t *account = json_object_get(what, "account");

	*file = 0;
	if (account != NULL) {
		if (!plain_set_find(
			ps, json_text_at(account, "accessKey"), file))
			*file = 0;
		return ERR_OK;
	}
	if (json_object_get(what, "addresses") == NULL)
		return plain_set_find(ps, json_text_at(what, "key"), file) ?
		    ERR_OK :
		    ERR_NO_KEY;
	if (path.len == 0)
		return ERR_OK;
	while (*file < plain_set_n(ps) &&
	    !str_eq(path, str_of(plain_set_path(ps, *file))))
		(*file)++;
	return *file < plain_set_n(ps) ? ERR_OK : ERR_NO_KEY;
}

/* What the file is to be. */
static enum err
apply(struct rmq *rm, const struct plain_acl *pa, const json_t *what,
    char **yaml, size_t *n, struct diag *diag)
{
	int64_t now = loop_wall_ms(rm->lp);
	struct plain_acl *next = NULL;
	const json_t *v;
	enum err e;

	if ((v = json_object_get(what, "account")) != NULL)
		e = plain_acl_put(pa, v, now, &next, diag);
	else if ((v = json_object_get(what, "addresses")) != NULL)
		e = plain_acl_put_white(pa, v, now, &next, diag);
	else
		e = plain_acl_delete(pa, json_text_at(what, "key"), now, &next);
	if (e != ERR_OK)
		return e;
	e = plain_acl_write(next, yaml, n);
	plain_acl_free(&next);
	return e == ERR_OK ? e : diag_set(diag, e, "%s", err_text(e));
}

static enum err
write_file(struct rmq *rm, const char *path, struct str yaml, struct diag *diag)
{
	enum err e = file_write_atomic(path, yaml.p, yaml.len);

	if (e == ERR_OK)
		return ERR_OK;
	LOG(LOG_ERROR, (int)rm->router->shard, "acl_not_written",
	    LOG_S("file", path), LOG_S("err", err_text(e)));
	return diag_set(diag, e, "%s", err_text(e));
}

/* The files as they are now, one of them changed; text: of the set. */
static enum err
change(struct rmq *rm, const json_t *what, char **text, size_t *n,
    struct diag *diag)
{
	struct plain_set *ps;
	char *yaml = NULL;
	size_t len = 0;
	unsigned file;
	enum err e;

	e = plain_set_read(&ps, rm->conf.acl_file, diag);
	if (e != ERR_OK)
		return e;
	e = place(ps, what, &file);
	if (e == ERR_OK)
		e = apply(
		    rm, plain_set_file(ps, file), what, &yaml, &len, diag);
	if (e == ERR_OK)
		e = write_file(rm, plain_set_path(ps, file),
		    (struct str){ yaml, len }, diag);
	if (e == ERR_OK)
		*text = plain_set_text(ps, file, (struct str){ yaml, len }, n);
	mem_free(yaml);
	plain_set_free(&ps);
	return e;
}

/* Says "!" and why not ("": there is no such account), or what TELL_PLAIN is to say. */
void
rmq_plain_change_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	struct diag diag = { "" };
	char *set = NULL;
	json_t *what;
	size_t n = 0;
	enum err e;

	if (rm->router->shard != 0)
		return;
	what = json_loadb(text.p, text.len, 0, NULL);
	AN(what);
	e = change(rm, what, &set, &n, &diag);
	json_decref(what);
	if (e == ERR_OK) {
		strbuf_add_u64(answer, rmq_plain_next(rm));
		strbuf_addc(answer, '\n');
		strbuf_add(answer, set, n);
		mem_free(set);
		return;
	}
	strbuf_addc(answer, '!');
	if (e != ERR_NO_KEY)
		strbuf_adds(answer, diag_text(&diag, e));
}

/* --- every shard ----------------------------------------------------------------------- */

void
rmq_plain_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	struct str number = str_word(&text, '\n');
	int64_t n;

	(void)answer;
	AZ(num_i64(number, &n));
	rmq_plain_set(rm, (uint64_t)n, text);
}

/* --- changes --------------------------------------------------------------------------- */

/* flag: all shards have it. u32: the code of a refusal; text: the words of one that has no
 * reason. */
static void
changed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const char *said;

	(void)s;
	(void)fx;
	if (j->err != ERR_OK) {
		rmq_job_err(j, j->err, NULL);
		return;
	}
	if (j->flag) {
		rmq_job_say(j, RC_SUCCESS, NULL);
		return;
	}
	said = j->parts[0];
	if (said[0] == '!') {
		rmq_job_say(
		    j, (int)j->u32, said[1] != '\0' ? said + 1 : j->text);
		return;
	}
	j->flag = true;
	/* telling frees what was said before */
	mem_free(j->text);
	j->text = mem_strdup(said);
	rmq_job_tell(j, TELL_PLAIN, str_of(j->text));
}

/* Takes what and failed. */
static void
tell(struct rmq_session *s, const struct rmq_req *q, json_t *what, int code,
    char *failed)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, changed);
	size_t n;
	char *text = json_write(what, &n);

	json_decref(what);
	j->always = true;
	j->u32 = (uint32_t)code;
	j->text = failed;
	rmq_job_hold(j);
	rmq_job_tell(j, TELL_PLAIN_CHANGE, (struct str){ text, n });
	mem_free(text);
	rmq_job_release(j);
}

static json_t *
list(struct str s)
{
	json_t *a = json_array();
	struct str w;

	while (s.len > 0) {
		w = str_word(&s, ',');
		/* NULL: not UTF-8 */
		if (w.len > 0)
			(void)json_array_append_new(
			    a, json_stringn(w.p, w.len));
	}
	return a;
}

static void
put_field(json_t *o, const struct rmq_req *q, const char *name, bool is_list)
{
	struct str v = rheader_get(q->h, name);

	if (v.len > 0)
		(void)json_object_set_new(
		    o, name, is_list ? list(v) : json_stringn(v.p, v.len));
}

void
rmq_do_plain_put(struct rmq_session *s, struct rmq_req *q)
{
	struct str key = rheader_get(q->h, "accessKey");
	json_t *a;

	if (!is_on(s, q))
		return;
	a = json_object();
	put_field(a, q, "accessKey", false);
	put_field(a, q, "secretKey", false);
	put_field(a, q, "whiteRemoteAddress", false);
	AZ(json_object_set_new(a, "admin",
	    json_boolean(str_eq(rheader_get(q->h, "admin"), STR_LIT("true")))));
	put_field(a, q, "defaultTopicPerm", false);
	put_field(a, q, "defaultGroupPerm", false);
	put_field(a, q, "topicPerms", true);
	put_field(a, q, "groupPerms", true);
	tell(s, q, json_pack("{s:o}", "account", a), PUT_FAILED,
	    mem_printf("The accesskey[%.*s] corresponding to accessConfig has "
		       "been updated failed.",
		key.len < 256 ? (int)key.len : 256, key.len > 0 ? key.p : ""));
}

void
rmq_do_plain_delete(struct rmq_session *s, struct rmq_req *q)
{
	struct str key = rheader_get(q->h, "accessKey");
	json_t *what;
	char *failed;

	if (!is_on(s, q))
		return;
	failed = mem_printf("The accesskey[%.*s] corresponding to "
			    "accessConfig has been deleted failed.",
	    key.len < 256 ? (int)key.len : 256, key.len > 0 ? key.p : "");
	what = json_pack("{s:s%}", "key", key.len > 0 ? key.p : "", key.len);
	if (what == NULL) {
		/* no UTF-8, and so no key of the file */
		rmq_answer_code(s, &q->ref, DELETE_FAILED, failed);
		mem_free(failed);
		return;
	}
	tell(s, q, what, DELETE_FAILED, failed);
}

void
rmq_do_plain_white(struct rmq_session *s, struct rmq_req *q)
{
	struct str v = rheader_get(q->h, "globalWhiteAddrs");
	struct str path = rheader_get(q->h, "aclFileFullPath");
	json_t *what;
	char *failed;

	if (!is_on(s, q))
		return;
	failed = mem_printf("The globalWhiteAddresses[%.*s] has been updated "
			    "failed.",
	    v.len < 256 ? (int)v.len : 256, v.len > 0 ? v.p : "");
	/* NULL: not UTF-8, and so no file's name */
	what =
	    json_pack("{s:s%}", "file", path.len > 0 ? path.p : "", path.len);
	if (v.len == 0 || what == NULL) {
		json_decref(what);
		rmq_answer_code(s, &q->ref, WHITE_FAILED, failed);
		mem_free(failed);
		return;
	}
	AZ(json_object_set_new(what, "addresses", list(v)));
	tell(s, q, what, WHITE_FAILED, failed);
}

/* --- questions --------------------------------------------------------------------------- */

static void
add_version(struct strbuf *sb, const struct plain_acl *pa)
{
	int64_t counter, at;

	plain_acl_version(pa, &counter, &at);
	strbuf_addf(sb, "{\"counter\":%lld,\"timestamp\":%lld}",
	    (long long)counter, (long long)at);
}

void
rmq_do_plain_version(struct rmq_session *s, struct rmq_req *q)
{
	const struct rmq_conf *c = &s->rm->conf;
	const struct plain_set *ps = s->rm->plain;
	struct strbuf *sb = &s->rm->text;
	struct rout *o;
	char addr[80];
	unsigned i;

	if (!is_on(s, q))
		return;
	rmq_session_name(s);
	(void)snprintf(addr, sizeof addr, "%s:%u", s->ip, s->port);
	strbuf_reset(sb);
	for (i = 0; i < plain_set_n(ps); i++) {
		strbuf_adds(sb, i == 0 ? "{\"" : ",\"");
		strbuf_add_json(
		    sb, plain_set_path(ps, i), strlen(plain_set_path(ps, i)));
		strbuf_adds(sb, "\":");
		add_version(sb, plain_set_file(ps, i));
	}
	strbuf_addc(sb, '}');
	o = rmq_answer(s, &q->ref, RC_SUCCESS, NULL);
	rout_str(o, "allAclFileVersion", str_of(strbuf_str(sb)));
	strbuf_reset(sb);
	add_version(sb, plain_set_file(ps, 0));
	rout_str(o, "version", str_of(strbuf_str(sb)));
	rout_str(o, "brokerName", str_of(c->broker));
	rout_str(o, "brokerAddr", str_of(addr));
	rout_str(o, "clusterName", str_of(c->cluster));
	rmq_answer_end(s, &q->ref, NULL, 0);
}

static void
texts(struct jw *w, const json_t *a)
{
	size_t i;

	for (i = 0; i < json_array_size(a); i++)
		jw_str(w, json_text(json_array_get(a, i)));
}

static void
account(struct jw *w, const json_t *a)
{
	static const char *const fields[] = { "accessKey", "secretKey",
		"whiteRemoteAddress", "defaultTopicPerm", "defaultGroupPerm" };
	static const char *const lists[] = { "topicPerms", "groupPerms" };
	const json_t *v;
	size_t i;

	jw_object(w);
	for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (json_is_string(json_object_get(a, fields[i])))
			jw_key_str(w, fields[i], json_text_at(a, fields[i]));
	jw_key(w, "admin");
	jw_bool(w, json_is_true(json_object_get(a, "admin")));
	for (i = 0; i < 2; i++) {
		v = json_object_get(a, lists[i]);
		if (!json_is_array(v))
			continue;
		jw_key(w, lists[i]);
		jw_array(w);
		texts(w, v);
		jw_end(w);
	}
	jw_end(w);
}

static void
members(struct jw *w, const struct plain_set *ps)
{
	const json_t *all;
	unsigned i;
	size_t k;

	jw_key(w, "globalWhiteAddrs");
	jw_array(w);
	for (i = 0; i < plain_set_n(ps); i++)
		texts(w,
		    json_object_get(plain_acl_doc(plain_set_file(ps, i)),
			"globalWhiteRemoteAddresses"));
	jw_end(w);
	jw_key(w, "plainAccessConfigs");
	jw_array(w);
	for (i = 0; i < plain_set_n(ps); i++) {
		all = json_object_get(
		    plain_acl_doc(plain_set_file(ps, i)), "accounts");
		for (k = 0; k < json_array_size(all); k++)
			account(w, json_array_get(all, k));
	}
	jw_end(w);
}

void
rmq_do_plain_get(struct rmq_session *s, struct rmq_req *q)
{
	struct jw w;

	if (!is_on(s, q))
		return;
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	members(&w, s->rm->plain);
	jw_end(&w);
	if (jw_err(&w) != ERR_OK)
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the answer is too large");
	else
		rmq_answer_text(s, &q->ref);
}
