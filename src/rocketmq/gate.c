/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/gate.h"

#include "auth/audit.h"
#include "auth/rmq_sign.h"
#include "auth/throttle.h"
#include "base/hash.h"
#include "base/log.h"
#include "core/name.h"
#include "format/rmq_name.h"
#include "os/clock.h"
#include "rocketmq/audit.h"
#include "rocketmq/json_body.h"
#include "rocketmq/plain.h"
#include "rocketmq/users.h"

enum how {
	HOW_ANY, /* whoever was authenticated */
	HOW_FIELDS, /* fields of the header name topic and group */
	HOW_SOME_TOPICS, /* and topicList more topics */
	HOW_BUT_GROUPS, /* and filterGroups more groups */
	HOW_BODY, /* members of the body do */
	HOW_CLUSTER,
	HOW_ALL_TOPICS, /* any topic: a rule for all of them */
	HOW_ALL_GROUPS,
	HOW_TOPICS, /* topicConfigList */
	HOW_GROUP, /* groupName of the body */
	HOW_GROUPS, /* groupConfigList */
	HOW_HEARTBEAT,
	HOW_QUEUES, /* consumerGroup and mqSet */
	HOW_ACKS
};

#define PUB (1u << AUTHZ_PRODUCE)
#define SUB (1u << AUTHZ_CONSUME)
#define CREATE (1u << AUTHZ_CREATE)
#define UPDATE (1u << AUTHZ_UPDATE)
#define DELETE (1u << AUTHZ_DELETE)
#define GET (1u << AUTHZ_GET)
#define LIST (1u << AUTHZ_LIST)

static const struct need {
	int32_t code;
	enum how how;
	const char *topic; /* field; "": none */
	uint32_t topic_do; /* one of these is enough */
	const char *group;
	uint32_t group_do;
} needs[] = {
#define NEED(code, how, topic, topic_do, group, group_do) \
	{ code, HOW_##how, topic, topic_do, group, group_do },
#include "rocketmq/tbl/need.h"
};

#define NEEDS_N (sizeof needs / sizeof needs[0])

static const struct need *
need_of(int32_t code)
{
	size_t lo = 0, hi = NEEDS_N, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (needs[mid].code == code)
			return &needs[mid];
		if (needs[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

void
rmq_gate_check(void)
{
	static const int32_t codes[] = {
#define REQUEST(code, name, f) (code),
#include "rocketmq/tbl/request.h"
	};
	size_t i;

	_Static_assert(sizeof codes / sizeof codes[0] == NEEDS_N,
	    "tbl/need.h has not a line for each request of tbl/request.h");
	for (i = 0; i < NEEDS_N; i++)
		assert(needs[i].code == codes[i]);
}

/* --- who ------------------------------------------------------------------------- */

/* MQVersion.V4_9_3 */
#define OLD_VERSION 399

static bool
signed_well(const struct rmq_req *q, struct rmq_sign_key *key)
{
	struct rmq_sign_field f[RMQ_SIGN_FIELDS_MAX];
	const struct rheader *h = q->h;
	unsigned i;

	_Static_assert(RHEADER_FIELDS_MAX <= RMQ_SIGN_FIELDS_MAX,
	    "a header has more fields than can be signed");
	for (i = 0; i < h->fields_n; i++)
		f[i] = (struct rmq_sign_field){ h->f[i].name, h->f[i].value };
	return rmq_sign_check(key, f, h->fields_n,
	    (struct str){ (const char *)q->body.p, q->body.len },
	    h->version <= OLD_VERSION, rheader_get(h, "Signature"));
}

struct str
rmq_asker(const struct rmq_session *s, const struct rmq_req *q)
{
	struct str id = rheader_get(q->h, "AccessKey");

	/* the accounts of plain_acl.yml have no other keys */
	if (s->rm->plain != NULL)
		return id;
	return authz_whose(authz_of(s->rm->router->core), id);
}

static int64_t
now_ms(const struct rmq_session *s)
{
	return loop_mono_ns(s->rm->lp) / CLOCK_NS_PER_MS;
}

/* ACL 1.0 is refused by an exception of the reference's. */
static void
say_no(struct rmq_session *s, const struct rmq_ref *r, const char *why)
{
	if (s->rm->plain != NULL)
		rmq_answer_codef(s, r, RC_SYSTEM_ERROR,
		    "org.apache.rocketmq.acl.common.AclException: %s", why);
	else
		rmq_answer_code(s, r, RC_NO_PERMISSION, why);
}

static bool
refuse(struct rmq_session *s, const struct rmq_req *q, const char *why)
{
	rmq_gauge(s->rm, M_AUTH_FAILED, 1);
	s->proven = false;
	/* who brings none guesses nothing */
	if (rheader_get(q->h, "AccessKey").len > 0 && !s->unseen)
		throttle_failed(
		    s->rm->conf.throttle, conn_peer(s->cn), now_ms(s));
	LOG(LOG_WARN, (int)s->rm->router->shard, "auth_failed",
	    LOG_U("conn", s->id), LOG_S("peer", conn_peer_text(s->cn)),
	    LOG_I("code", q->ref.code), LOG_S("why", why));
	rmq_audit_refused(s, &q->ref, q, rmq_asker(s, q), STR_NONE, why);
	say_no(s, &q->ref, why);
	return false;
}

/* The user stands between before and after. */
static bool
refuse_user(struct rmq_session *s, const struct rmq_req *q, struct str user,
    const char *before, const char *after)
{
	char text[256];

	(void)snprintf(text, sizeof text, "%s%.*s%s", before,
	    user.len < 128 ? (int)user.len : 128, user.p, after);
	return refuse(s, q, text);
}

static bool
authenticate_plain(
    struct rmq_session *s, const struct rmq_req *q, struct str user)
{
	struct rmq_sign_key *key;

	if (user.len == 0)
		return refuse(s, q, "No accessKey is configured");
	if (s->unseen)
		return refuse(s, q, "too many failures of this address.");
	if (rmq_user_get(s->rm->users, user, &key) != RMQ_USER_THERE)
		return refuse_user(s, q, user, "No acl config for ", "");
	s->proven = signed_well(q, key);
	return s->proven ||
	    refuse_user(
		s, q, user, "Check signature failed for accessKey=", "");
}

static bool
authenticate(struct rmq_session *s, const struct rmq_req *q, struct str *user)
{
	struct str id = rheader_get(q->h, "AccessKey");
	struct rmq_sign_key *key;

	*user = id;
	if (s->rm->plain != NULL)
		return authenticate_plain(s, q, *user);
	if (user->len == 0)
		return refuse(s, q, "username cannot be null.");
	if (s->unseen)
		return refuse(s, q, "too many failures of this address.");
	switch (rmq_user_get(s->rm->users, id, &key)) {
	case RMQ_USER_THERE:
		break;
	case RMQ_USER_DISABLED:
		return refuse_user(s, q, *user, "User:", " is disabled.");
	default:
		return refuse_user(s, q, *user, "User:", " is not found.");
	}
	*user = rmq_asker(s, q);
	s->proven = signed_well(q, key);
	return s->proven || refuse(s, q, "check signature failed.");
}

/* --- may he ---------------------------------------------------------------------- */

struct ask {
	struct rmq_session *s;
	const struct rmq_req *q; /* NULL: not there any more */
	const struct rmq_ref *ref;
	struct str user;
};

static bool
may(const struct ask *a, enum authz_kind kind, struct str name, uint32_t any,
    enum authz_answer *last)
{
	struct authz_ask q = { .role = a->user,
		.kind = kind,
		.name = name,
		.from = str_of(a->s->from) };
	unsigned i;

	*last = AUTHZ_UNSAID;
	for (i = 0; i < AUTHZ_ACTIONS_N; i++) {
		if ((any & 1u << i) == 0)
			continue;
		q.action = (enum authz_action)i;
		*last = authz_ask(authz_of(a->s->rm->router->core), &q);
		if (*last == AUTHZ_ALLOWED)
			return true;
	}
	return false;
}

/* In the words of ACL 1.0. */
static void
forbid_plain(const struct ask *a, const char *kind, struct str name)
{
	const struct need *n = need_of(a->ref->code);
	char text[384];

	if (strcmp(kind, "Cluster") == 0 || str_eq(name, STR_LIT("*")) ||
	    (n != NULL &&
		((n->topic_do | n->group_do) & (CREATE | UPDATE | DELETE)) !=
		    0))
		(void)snprintf(text, sizeof text,
		    "Need admin permission for request code=%d, but "
		    "accessKey=%.*s is not",
		    a->ref->code, a->user.len < 128 ? (int)a->user.len : 128,
		    a->user.p);
	else
		(void)snprintf(text, sizeof text,
		    "No default permission for %s:%.*s",
		    strcmp(kind, "Group") == 0 ? "group" : "topic",
		    name.len < 256 ? (int)name.len : 256, name.p);
	say_no(a->s, a->ref, text);
}

static bool
forbid(const struct ask *a, const char *kind, struct str name,
    enum authz_answer why)
{
	struct rmq_session *s = a->s;
	char on[300];

	LOG(LOG_WARN, (int)s->rm->router->shard, "forbidden",
	    LOG_U("conn", s->id), LOG_S("peer", conn_peer_text(s->cn)),
	    LOG_I("code", a->ref->code));
	(void)snprintf(on, sizeof on, "%s:%.*s", kind,
	    name.len < 256 ? (int)name.len : 256, name.p);
	rmq_audit_refused(s, a->ref, a->q, a->user, str_of(on),
	    why == AUTHZ_DENIED ? "denied" : "no matched policies");
	if (s->rm->plain != NULL) {
		forbid_plain(a, kind, name);
		return false;
	}
	rmq_answer_codef(s, a->ref, RC_NO_PERMISSION,
	    "User:%.*s has no permission to access %s:%.*s from %s, %s",
	    a->user.len < 128 ? (int)a->user.len : 128, a->user.p, kind,
	    name.len < 256 ? (int)name.len : 256, name.p, s->from,
	    why == AUTHZ_DENIED ? "the decision is deny." :
				  "no matched policies.");
	return false;
}

/* What it asks for can't be read. */
static bool
forbid_body(const struct ask *a)
{
	rmq_audit_refused(
	    a->s, a->ref, a->q, a->user, STR_NONE, "unreadable body");
	say_no(a->s, a->ref, "parse authorization context error.");
	return false;
}

/* "ns%x" as authorization calls it; false: it is no name. mem_free it. */
static bool
full_name(const struct ask *a, struct str name, char **full, struct str *out)
{
	if (rmq_topic_full(a->s->rm, name, full) != ERR_OK)
		return false;
	*out = authz_topic(str_of(*full));
	return true;
}

static bool
named(const struct ask *a, enum authz_kind kind, const char *word,
    struct str name, uint32_t any)
{
	enum authz_answer why = AUTHZ_UNSAID;
	struct str full;
	char *text;
	bool well;

	/* fields that may be absent; who needs one answers for it */
	if (any == 0 || name.len == 0)
		return true;
	if (!full_name(a, name, &text, &full))
		return forbid(a, word, name, why);
	well = may(a, kind, full, any, &why);
	mem_free(text);
	return well || forbid(a, word, name, why);
}

static bool
group(const struct ask *a, struct str name, uint32_t any)
{
	return named(a, AUTHZ_GROUP, "Group", name, any);
}

static bool
topic(const struct ask *a, struct str name, uint32_t any)
{
	size_t n = rmq_name_group_at(name);

	if (n > 0) {
		/* who gives back sends there */
		if ((any & PUB) != 0)
			any |= SUB;
		return group(a, (struct str){ name.p + n, name.len - n }, any);
	}
	return named(a, AUTHZ_TOPIC, "Topic", name, any);
}

static bool
all(const struct ask *a, enum authz_kind kind, const char *word, uint32_t any)
{
	enum authz_answer why;

	/* no topic has this name: only rules for all of them fit */
	return may(a, kind, STR_LIT("*"), any, &why) ||
	    forbid(a, word, STR_LIT("*"), why);
}

static bool
cluster(const struct ask *a, uint32_t any)
{
	struct str name = str_of(a->s->rm->conf.cluster);
	enum authz_answer why;

	return may(a, AUTHZ_CLUSTER, name, any, &why) ||
	    forbid(a, "Cluster", name, why);
}

/* --- in the body ------------------------------------------------------------------ */

static bool
heartbeat(const struct ask *a, const struct jval *root)
{
	const struct jval *c, *sub;

	JVAL_FOREACH(c, jval_get(root, "consumerDataSet"))
	{
		if (!group(a, jval_str(jval_get(c, "groupName")), SUB))
			return false;
		JVAL_FOREACH(sub, jval_get(c, "subscriptionDataSet"))
		if (!topic(a, jval_str(jval_get(sub, "topic")), SUB))
			return false;
	}
	return true;
}

static bool
queues(const struct ask *a, const struct jval *root)
{
	const struct jval *m;

	if (!group(a, jval_str(jval_get(root, "consumerGroup")), SUB))
		return false;
	JVAL_FOREACH(m, jval_get(root, "mqSet"))
	if (!topic(a, jval_str(jval_get(m, "topic")), SUB))
		return false;
	return true;
}

/* One name, short or long, as clients write it (BatchAck). */
static struct str
either(const struct jval *v, const char *one, const char *other)
{
	const struct jval *m = jval_get(v, one);

	return jval_str(m != NULL ? m : jval_get(v, other));
}

static bool
acks(const struct ask *a, const struct jval *root)
{
	const struct jval *m;

	JVAL_FOREACH(m, jval_get(root, "acks"))
	if (!group(a, either(m, "c", "consumerGroup"), SUB) ||
	    !topic(a, either(m, "t", "topic"), SUB))
		return false;
	return true;
}

static bool
listed(const struct ask *a, const struct need *n, const struct jval *root)
{
	const struct jval *m;

	if (n->how == HOW_TOPICS) {
		JVAL_FOREACH(m, jval_get(root, "topicConfigList"))
		if (!topic(a, jval_str(jval_get(m, "topicName")), n->topic_do))
			return false;
		return true;
	}
	JVAL_FOREACH(m, jval_get(root, "groupConfigList"))
	if (!group(a, jval_str(jval_get(m, "groupName")), n->group_do))
		return false;
	return true;
}

static bool
in_body(const struct ask *a, const struct need *n, const struct jval *root)
{
	switch (n->how) {
	case HOW_HEARTBEAT:
		return heartbeat(a, root);
	case HOW_QUEUES:
		return queues(a, root);
	case HOW_ACKS:
		return acks(a, root);
	case HOW_GROUP:
		return group(
		    a, jval_str(jval_get(root, n->group)), n->group_do);
	case HOW_BODY:
		return topic(a, jval_str(jval_get(root, n->topic)),
			   n->topic_do) &&
		    group(a, jval_str(jval_get(root, n->group)), n->group_do);
	default:
		return listed(a, n, root);
	}
}

static bool
body(const struct ask *a, const struct need *n)
{
	const struct jval *root = NULL;
	struct jdoc doc;
	bool well;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	/* who reads it next may be able to, by another parser or limit */
	if (jdoc_parse(&doc, a->q->body.p, a->q->body.len, &root) == ERR_OK)
		well = in_body(a, n, root);
	else
		well = forbid_body(a);
	jdoc_fini(&doc);
	return well;
}

/* --- in the header ---------------------------------------------------------------- */

static struct str
topic_field(const struct rmq_req *q, const struct need *n)
{
	struct str v;

	if (n->topic[0] == '\0')
		return STR_NONE;
	v = rheader_get(q->h, n->topic);
	/* SEND_MESSAGE_V2 and those like it */
	return v.p != NULL ? v : rheader_letter(q->h, 'b');
}

static struct str
group_field(const struct rmq_req *q, const struct need *n)
{
	return n->group[0] != '\0' ? rheader_get(q->h, n->group) : STR_NONE;
}

static uint64_t
key_of(const struct ask *a, const struct need *n, struct str t, struct str g)
{
	/* a name whose hash is that of a forbidden one can't be found */
	uint64_t k = hash_bytes(a->s->rm->seed ^ (uint64_t)n->code, t.p, t.len);

	k = hash_bytes(k, g.p, g.len);
	return hash_bytes(k, a->user.p, a->user.len) | 1;
}

/* The same as a moment ago, mostly. */
static bool
fields(const struct ask *a, const struct need *n)
{
	struct str t = topic_field(a->q, n), g = group_field(a->q, n);
	struct rmq_session *s = a->s;
	uint64_t version = authz_version(authz_of(s->rm->router->core));
	uint64_t key = key_of(a, n, t, g), *slot;

	if (s->allowed_version != version)
		memset(s->allowed, 0, sizeof s->allowed);
	s->allowed_version = version;
	slot = &s->allowed[key >> 1 & (RMQ_ALLOWED_N - 1)];
	if (*slot == key)
		return true;
	if (!topic(a, t, n->topic_do) || !group(a, g, n->group_do))
		return false;
	*slot = key;
	return true;
}

/* Names by ';', as clients that ask for some topics of a group send them. */
static bool
some_topics(const struct ask *a, const struct need *n)
{
	struct str list = rheader_get(a->q->h, "topicList");

	while (list.len > 0)
		if (!topic(a, str_word(&list, ';'), n->topic_do))
			return false;
	return true;
}

/* Names by ',', of groups whose progress makes a difference. */
static bool
but_groups(const struct ask *a, const struct need *n)
{
	struct str list = rheader_get(a->q->h, "filterGroups");

	while (list.len > 0)
		if (!group(a, str_word(&list, ','), n->group_do))
			return false;
	return true;
}

static bool
authorize(const struct ask *a, const struct need *n)
{
	if (authz_is_super(authz_of(a->s->rm->router->core), a->user))
		return true;
	switch (n->how) {
	case HOW_ANY:
		return true;
	case HOW_FIELDS:
		return fields(a, n);
	case HOW_SOME_TOPICS:
		return fields(a, n) && some_topics(a, n);
	case HOW_BUT_GROUPS:
		return fields(a, n) && but_groups(a, n);
	case HOW_CLUSTER:
		return cluster(a, n->topic_do);
	case HOW_ALL_TOPICS:
		return all(a, AUTHZ_TOPIC, "Topic", n->topic_do);
	case HOW_ALL_GROUPS:
		return all(a, AUTHZ_GROUP, "Group", n->group_do);
	default:
		return body(a, n);
	}
}

static bool
is_open(const struct rmq *rm, int32_t code)
{
	char text[16];
	const char *at = rm->conf.auth_whitelist;
	size_t n = (size_t)snprintf(text, sizeof text, "%d", code);

	for (; at != NULL && (at = strstr(at, text)) != NULL; at += n)
		if ((at == rm->conf.auth_whitelist || at[-1] == ',' ||
			at[-1] == ' ') &&
		    (at[n] == '\0' || at[n] == ',' || at[n] == ' '))
			return true;
	return false;
}

static bool
is_locked(const struct rmq *rm)
{
	return rm->conf.authentication || rm->plain != NULL;
}

bool
rmq_gate_waits(struct rmq_session *s, const struct rmq_req *q)
{
	int64_t ms;

	if (!is_locked(s->rm) || rheader_get(q->h, "AccessKey").len == 0)
		return false;
	if (s->waited) {
		s->waited = false;
		return false;
	}
	ms =
	    throttle_wait_ms(s->rm->conf.throttle, conn_peer(s->cn), now_ms(s));
	s->unseen = ms == THROTTLE_FULL;
	if (ms == 0)
		return false;
	rmq_gauge(s->rm, M_AUTH_SLOWED, 1);
	if (s->unseen)
		return false;
	s->waited = true;
	rmq_session_pause(s, RMQ_PAUSE_LOGIN);
	loop_timer_start(&s->login, ms * CLOCK_NS_PER_MS);
	return true;
}

static bool
asks_rights(const struct rmq *rm)
{
	return rm->plain != NULL ||
	    (rm->conf.authentication && rm->conf.authorization);
}

static bool
pass(struct rmq_session *s, const struct rmq_req *q, const struct need *n,
    struct str *user)
{
	struct ask a = { .s = s, .q = q, .ref = &q->ref };
	bool well;

	if (s->from[0] == '\0')
		(void)sock_addr_host(conn_peer(s->cn), s->from, sizeof s->from);
	if (plain_is_exempt(
		s->rm, rheader_get(q->h, "AccessKey"), str_of(s->from)))
		return true;
	well = authenticate(s, q, &a.user) &&
	    (!asks_rights(s->rm) || authorize(&a, n));
	*user = a.user;
	return well;
}

/* Is it in the audit log although it is allowed? */
static bool
is_noted(const struct need *n)
{
	return ((n->topic_do | n->group_do) & (CREATE | UPDATE | DELETE)) !=
	    0 ||
	    n->code == RQ_AUTH_GET_USER || n->code == RQ_AUTH_LIST_USER;
}

bool
rmq_gate_pass(struct rmq_session *s, const struct rmq_req *q)
{
	struct str user = STR_NONE;
	const struct need *n;
	bool noting = audit_is_on(s->rm->conf.audit);

	if (!is_locked(s->rm) && !noting)
		return true;
	n = need_of(q->ref.code);
	/* what isn't served is answered that */
	if (n == NULL)
		return true;
	if (is_locked(s->rm) && !is_open(s->rm, q->ref.code) &&
	    !pass(s, q, n, &user))
		return false;
	if (noting && is_noted(n))
		rmq_audit_begin(s, q, user);
	return true;
}

bool
rmq_gate_found(struct rmq_session *s, const struct rmq_ref *ref,
    struct str user, struct str full, enum authz_action action)
{
	struct ask a = { .s = s, .ref = ref, .user = user };
	struct topic_name tn;
	char *name;
	bool ours, well;

	if (!asks_rights(s->rm) ||
	    plain_is_exempt(s->rm, user, str_of(s->from)) ||
	    authz_is_super(authz_of(s->rm->router->core), user))
		return true;
	if (topic_name_parse(&tn, full) != ERR_OK)
		return forbid(&a, "Topic", full, AUTHZ_UNSAID);
	name = rmq_name_of(s->rm, &tn, &ours);
	well = name != NULL ? topic(&a, str_of(name), 1u << action) :
			      forbid(&a, "Topic", full, AUTHZ_UNSAID);
	mem_free(name);
	topic_name_fini(&tn);
	return well;
}

bool
rmq_gate_light(struct rmq_session *s, const struct rmq_req *q, struct str name)
{
	struct ask a = { .s = s, .q = q, .ref = &q->ref };
	enum authz_answer why;
	struct str full;
	char *text;

	if (!asks_rights(s->rm) || is_open(s->rm, q->ref.code))
		return true;
	a.user = rmq_asker(s, q);
	if (plain_is_exempt(s->rm, a.user, str_of(s->from)) ||
	    authz_is_super(authz_of(s->rm->router->core), a.user) ||
	    !full_name(&a, name, &text, &full))
		return true;
	(void)may(&a, AUTHZ_TOPIC, full, PUB, &why);
	mem_free(text);
	return why != AUTHZ_DENIED || forbid(&a, "Topic", name, why);
}
