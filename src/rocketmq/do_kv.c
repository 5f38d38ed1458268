/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name server's tables of keys and values: a document each, so that two
 * admins never write the same one over.
 */
#include "rocketmq/job.h"
#include "rocketmq/jw.h"

#define HEAD "rocketmq/kv/"

/* Name of the document; of a namespace's beginning without a key */
static char *
doc_name(struct str ns, struct str key)
{
	return mem_printf(HEAD "%.*s\x01%.*s", (int)ns.len, ns.p, (int)key.len,
	    key.len > 0 ? key.p : "");
}

static void
kv_route(struct rmq_job *j, enum op_type type, struct str value)
{
	struct op *op = rmq_job_op(j, type, 0);

	op->topic = op_str(op, str_of(j->text));
	op->text = op_str(op, value);
	op->flag = type == OP_DOC_LIST;
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

/* False: answered */
static bool
kv_fields(struct rmq_session *s, const struct rmq_req *q, bool with_key,
    struct str *ns, struct str *key)
{
	*ns = rheader_get(q->h, "namespace");
	*key = rheader_get(q->h, "key");
	if (ns->p == NULL)
		rmq_answer_field(s, &q->ref, "namespace");
	else if (with_key && key->p == NULL)
		rmq_answer_field(s, &q->ref, "key");
	else if (ns->len + key->len + sizeof HEAD > NAME_MAX_BYTES)
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "namespace and key are too long");
	else
		return true;
	return false;
}

static void
done(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err == ERR_NO_KEY && fx->op == OP_DOC_DELETE)
		fx->err = ERR_OK; /* as the reference */
	rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

void
rmq_do_kv_put(struct rmq_session *s, struct rmq_req *q)
{
	struct str ns, key, value = rheader_get(q->h, "value");
	struct rmq_job *j;

	if (!kv_fields(s, q, true, &ns, &key))
		return;
	if (value.p == NULL) {
		rmq_answer_field(s, &q->ref, "value");
		return;
	}
	j = rmq_job_new(s, &q->ref, done);
	j->text = doc_name(ns, key);
	kv_route(j, OP_DOC_PUT, value);
}

void
rmq_do_kv_delete(struct rmq_session *s, struct rmq_req *q)
{
	struct str ns, key;
	struct rmq_job *j;

	if (!kv_fields(s, q, true, &ns, &key))
		return;
	j = rmq_job_new(s, &q->ref, done);
	j->text = doc_name(ns, key);
	kv_route(j, OP_DOC_DELETE, STR_NONE);
}

static void
got(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const char *ns = j->text + sizeof HEAD - 1;
	const char *key = strchr(ns, 1);

	if (fx->err == ERR_NO_KEY) {
		rmq_answer_codef(s, &j->ref, RC_QUERY_NOT_FOUND,
		    "No config item, Namespace: %.*s Key: %s", (int)(key - ns),
		    ns, key + 1);
	} else if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
	} else {
		rout_str(rmq_answer(s, &j->ref, RC_SUCCESS, NULL), "value",
		    fx->text.p != NULL ? fx->text : STR_LIT(""));
		rmq_answer_end(s, &j->ref, NULL, 0);
	}
}

void
rmq_do_kv_get(struct rmq_session *s, struct rmq_req *q)
{
	struct str ns, key;
	struct rmq_job *j;

	if (!kv_fields(s, q, true, &ns, &key))
		return;
	j = rmq_job_new(s, &q->ref, got);
	j->text = doc_name(ns, key);
	kv_route(j, OP_DOC_GET, STR_NONE);
}

static void
listed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const char *ns = j->text + sizeof HEAD - 1;
	struct jw w;
	uint32_t i;

	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	if (fx->strings_n == 0) {
		rmq_answer_codef(s, &j->ref, RC_QUERY_NOT_FOUND,
		    "No config item, Namespace: %.*s", (int)(strlen(ns) - 1),
		    ns);
		return;
	}
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key(&w, "table");
	jw_object(&w);
	for (i = 0; i + 1 < fx->strings_n; i += 2) {
		jw_name(&w, fx->strings[i]);
		jw_str(&w,
		    fx->strings[i + 1].p != NULL ? fx->strings[i + 1] :
						   STR_LIT(""));
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_kv_list(struct rmq_session *s, struct rmq_req *q)
{
	struct str ns, key;
	struct rmq_job *j;

	if (!kv_fields(s, q, false, &ns, &key))
		return;
	j = rmq_job_new(s, &q->ref, listed);
	j->text = doc_name(ns, STR_NONE);
	kv_route(j, OP_DOC_LIST, STR_NONE);
}
