/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/audit.h"

#include "auth/audit.h"
#include "rocketmq/json_body.h"

#define NOTES_MAX 1000u /* of a session; what is over is written at once */
#define BODY_VALUES_MAX 20000u

struct rmq_note {
	LIST_ENTRY(rmq_note) link;
	struct rmq_ref ref;
	char *who, *on;
};

/* --- what it is about ------------------------------------------------------------- */

static void
name(struct strbuf *sb, const char *key, struct str v)
{
	if (v.len == 0 || sb->len > AUDIT_TEXT_MAX)
		return;
	if (v.len > AUDIT_TEXT_MAX)
		v.len = AUDIT_TEXT_MAX;
	if (sb->len > 0)
		strbuf_addc(sb, ' ');
	strbuf_adds(sb, key);
	strbuf_addc(sb, '=');
	strbuf_add(sb, v.p, v.len);
}

static void
in_header(struct strbuf *sb, const struct rmq_req *q)
{
	static const char *const fields[] = { "topic", "group", "groupName",
		"consumerGroup", "destGroup", "username", "subject", "resource",
		"accessKey", "namespace", "key", "brokerName" };
	struct str v;
	size_t i;

	for (i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		v = rheader_get(q->h, fields[i]);
		/* SEND_MESSAGE_V2 and those like it */
		if (i == 0 && v.p == NULL)
			v = rheader_letter(q->h, 'b');
		name(sb, fields[i], v);
	}
}

static void
in_body(struct strbuf *sb, const struct rmq_req *q)
{
	const struct jval *root = NULL, *m;
	struct jdoc doc;

	jdoc_init(&doc, BODY_VALUES_MAX);
	/* what can't be read is refused by whoever carries it out */
	if (jdoc_parse(&doc, q->body.p, q->body.len, &root) == ERR_OK) {
		name(sb, "topic", jval_str(jval_get(root, "topic")));
		name(sb, "group", jval_str(jval_get(root, "groupName")));
		name(sb, "group", jval_str(jval_get(root, "consumerGroup")));
		JVAL_FOREACH(m, jval_get(root, "topicConfigList"))
		name(sb, "topic", jval_str(jval_get(m, "topicName")));
		JVAL_FOREACH(m, jval_get(root, "groupConfigList"))
		name(sb, "group", jval_str(jval_get(m, "groupName")));
	}
	jdoc_fini(&doc);
}

/* mem_free it */
static char *
names(const struct rmq_req *q)
{
	struct strbuf sb;

	strbuf_init(&sb, 4 * AUDIT_TEXT_MAX);
	in_header(&sb, q);
	if (sb.len == 0 && q->body.len > 0 && q->body.p[0] == '{')
		in_body(&sb, q);
	return strbuf_take(&sb);
}

/* --- lines ------------------------------------------------------------------------ */

static void
write_line(struct rmq_session *s, const struct rmq_ref *r, struct str who,
    struct str on, enum audit_result result, int32_t code, const char *why)
{
	const char *what = rmq_request_name(r->code);

	audit_write(s->rm->conf.audit,
	    &(struct audit_event){ .protocol = "rocketmq",
		.who = who,
		.from = conn_peer_text(s->cn),
		.what = what != NULL ? what : "unknown",
		.on = on,
		.result = result,
		.code = code,
		.why = why });
}

void
rmq_audit_refused(struct rmq_session *s, const struct rmq_ref *r,
    const struct rmq_req *q, struct str who, struct str on, const char *why)
{
	char *text = NULL;

	if (!audit_is_on(s->rm->conf.audit))
		return;
	if (on.len == 0 && q != NULL) {
		text = names(q);
		on = str_of(text);
	}
	write_line(s, r, who, on, AUDIT_REFUSED,
	    s->rm->plain != NULL ? RC_SYSTEM_ERROR : RC_NO_PERMISSION, why);
	mem_free(text);
}

static void
end(struct rmq_session *s, struct rmq_note *n, enum audit_result result,
    int32_t code, const char *why)
{
	LIST_REMOVE(n, link);
	s->notes_n--;
	write_line(
	    s, &n->ref, str_of(n->who), str_of(n->on), result, code, why);
	mem_free(n->who);
	mem_free(n->on);
	mem_free(n);
}

void
rmq_audit_begin(struct rmq_session *s, const struct rmq_req *q, struct str who)
{
	struct rmq_note *n = mem_zalloc(sizeof *n);

	n->ref = q->ref;
	n->who = mem_strndup(who.len > 0 ? who.p : "", who.len);
	n->on = names(q);
	LIST_INSERT_HEAD(&s->notes, n, link);
	if (++s->notes_n > NOTES_MAX)
		end(s, n, AUDIT_UNANSWERED, AUDIT_NO_CODE, NULL);
}

void
rmq_audit_answered(struct rmq_session *s, const struct rmq_ref *r, int code,
    const char *remark)
{
	struct rmq_note *n;

	LIST_FOREACH(n, &s->notes, link)
		if (n->ref.opaque == r->opaque && n->ref.code == r->code)
			break;
	if (n == NULL)
		return;
	if (code == RC_SUCCESS)
		end(s, n, AUDIT_DONE, code, NULL);
	else
		end(s, n,
		    code == RC_NO_PERMISSION ? AUDIT_REFUSED : AUDIT_FAILED,
		    code, remark);
}

void
rmq_audit_forget(struct rmq_session *s)
{
	struct rmq_note *n;

	while ((n = LIST_FIRST(&s->notes)) != NULL)
		end(s, n, AUDIT_UNANSWERED, AUDIT_NO_CODE, NULL);
}
