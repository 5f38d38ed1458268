/* SPDX-License-Identifier: Apache-2.0 */
#include "pulsar/may.h"

#include "auth/audit.h"
#include "base/log.h"
#include "core/authz.h"
#include "pulsar/session_priv.h"

static const struct authz *
rules(const struct pulsar *p)
{
	return authz_of(p->router->core);
}

static struct str
opt(const char *s)
{
	return s != NULL ? str_of(s) : STR_NONE;
}

bool
may_speak(const struct pulsar *p, struct str role, struct str original)
{
	const struct authz *az = rules(p);

	if (!p->conf.authorization)
		return true;
	if (authz_is_proxy(az, role))
		return original.len > 0 && !authz_is_proxy(az, original);
	return original.len == 0 || str_eq(original, role);
}

/* --- one role ------------------------------------------------------------------- */

static bool
has(const struct authz *az, struct str role, struct str from, struct str topic,
    enum authz_action a)
{
	return authz_ask(az,
		   &(struct authz_ask){ .role = role,
		       .kind = AUTHZ_TOPIC,
		       .name = topic,
		       .action = a,
		       .from = from }) == AUTHZ_ALLOWED;
}

static bool
may_consume(const struct authz *az, struct str role, struct str from,
    struct str topic, struct str sub, const char **why)
{
	enum authz_sub a;

	if (!has(az, role, from, topic, AUTHZ_CONSUME))
		return false;
	if (sub.len == 0)
		return true;
	a = authz_ask_sub(az, role, from, authz_ns_of(AUTHZ_TOPIC, topic), sub);
	if (a == AUTHZ_SUB_PREFIX && why != NULL)
		*why = "Failed to create consumer - The subscription name "
		       "needs to be prefixed by the authentication role";
	return a == AUTHZ_SUB_OPEN;
}

static bool
may_lookup(
    const struct authz *az, struct str role, struct str from, struct str topic)
{
	unsigned a;

	for (a = AUTHZ_PRODUCE; a <= AUTHZ_SINKS; a++)
		if (has(az, role, from, topic, (enum authz_action)a))
			return true;
	return false;
}

static bool
role_may(const struct session *s, struct str role, enum may what,
    struct str topic, struct str sub, const char **why)
{
	const struct authz *az = rules(s->p);
	struct str from = str_of(s->from);

	switch (what) {
	case MAY_PRODUCE:
		return has(az, role, from, topic, AUTHZ_PRODUCE);
	case MAY_CONSUME:
		return may_consume(az, role, from, topic, sub, why);
	case MAY_LOOKUP:
		break;
	}
	return may_lookup(az, role, from, topic);
}

/* --- a session ------------------------------------------------------------------ */

void
session_audit(
    const struct session *s, const char *what, struct str on, const char *why)
{
	audit_write(s->p->conf.audit,
	    &(struct audit_event){ .protocol = "pulsar",
		.who = opt(s->who.role),
		.of = opt(s->who.original),
		.from = conn_peer_text(s->cn),
		.what = what,
		.on = on,
		.result = AUDIT_REFUSED,
		.code = AUDIT_NO_CODE,
		.why = why });
}

static void
refused(const struct session *s, enum may what, struct str topic,
    struct str sub, const char *why)
{
	static const char *const names[] = { [MAY_LOOKUP] = "LOOKUP",
		[MAY_PRODUCE] = "PRODUCER",
		[MAY_CONSUME] = "SUBSCRIBE" };
	char *on = NULL;

	if (!audit_is_on(s->p->conf.audit))
		return;
	if (sub.len > 0)
		on = mem_printf(
		    "%.*s %.*s", (int)topic.len, topic.p, (int)sub.len, sub.p);
	session_audit(s, names[what], on != NULL ? str_of(on) : topic, why);
	mem_free(on);
}

static bool
may(const struct session *s, enum may what, struct str topic, struct str sub,
    const char **why)
{
	struct str role = opt(s->who.role), original = opt(s->who.original);

	if (!may_speak(s->p, role, original) ||
	    !role_may(s, role, what, topic, sub, why))
		return false;
	return original.len == 0 || str_eq(role, original) ||
	    role_may(s, original, what, topic, sub, why);
}

bool
session_may(const struct session *s, enum may what, struct str topic,
    struct str sub, const char **why)
{
	const char *none = NULL;

	if (!s->p->conf.authorization)
		return true;
	if (why == NULL)
		why = &none;
	if (may(s, what, topic, sub, why))
		return true;
	refused(s, what, topic, sub, *why);
	return false;
}

static bool
role_may_list(const struct session *s, struct str role, struct str ns)
{
	const struct authz *az = rules(s->p);
	struct authz_ask a = { .role = role,
		.kind = AUTHZ_NAMESPACE,
		.name = ns,
		.from = str_of(s->from) };

	a.action = AUTHZ_PRODUCE;
	if (authz_ask(az, &a) == AUTHZ_ALLOWED)
		return true;
	a.action = AUTHZ_CONSUME;
	return authz_ask(az, &a) == AUTHZ_ALLOWED;
}

bool
session_may_list(const struct session *s, struct str ns)
{
	struct str role = opt(s->who.role), original = opt(s->who.original);

	if (!s->p->conf.authorization)
		return true;
	if (may_speak(s->p, role, original) && role_may_list(s, role, ns) &&
	    (original.len == 0 || str_eq(role, original) ||
		role_may_list(s, original, ns)))
		return true;
	session_audit(s, "GET_TOPICS_OF_NAMESPACE", ns, NULL);
	return false;
}

/* --- again ---------------------------------------------------------------------- */

void
may_changed(struct pulsar *p)
{
	if (!p->conf.authorization)
		return;
	p->recheck = true;
	pulsar_later_kick(p);
}

static void
recheck(struct session *s)
{
	struct umap *lost = &s->p->lost;
	struct prod *pr;
	struct cons *c;
	size_t it;

	if (s->state != SESSION_CONNECTED)
		return;
	UMAP_FOREACH(pr, &s->producers, it)
	if ((pr->state == PLACE_OPEN || pr->state == PLACE_OPENING) &&
	    !session_may(s, MAY_PRODUCE, str_of(pr->topic), STR_NONE, NULL))
		AZ(umap_add(lost, pr->id, pr));
	while ((pr = umap_pop(lost)) != NULL)
		producer_disconnect(s, pr);
	UMAP_FOREACH(c, &s->consumers, it)
	if ((c->state == PLACE_OPEN || c->state == PLACE_OPENING) &&
	    !session_may(
		s, MAY_CONSUME, str_of(c->topic), str_of(c->sub), NULL))
		AZ(umap_add(lost, c->id, c));
	while ((c = umap_pop(lost)) != NULL)
		consumer_disconnect(s, c);
}

void
may_recheck(struct pulsar *p)
{
	struct session *s;
	size_t it, n = 0, i;
	uint64_t *ids;

	if (!p->recheck)
		return;
	p->recheck = false;
	/* an old client is disconnected altogether: the table changes */
	ids = mem_calloc(p->sessions.n + 1, sizeof *ids);
	UMAP_FOREACH(s, &p->sessions, it)
	ids[n++] = s->id;
	for (i = 0; i < n; i++) {
		s = session_get(p, ids[i]);
		if (s != NULL)
			recheck(s);
	}
	mem_free(ids);
}
