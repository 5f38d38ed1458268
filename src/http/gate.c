/* SPDX-License-Identifier: Apache-2.0 */
#include "http/gate.h"

#include <stdio.h>
#include <strings.h>

#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/throttle.h"
#include "base/base64.h"
#include "base/log.h"
#include "core/authz.h"
#include "http/http_priv.h"
#include "os/clock.h"

/* --- who ------------------------------------------------------------------------ */

static int64_t
now_ms(const struct req *rq)
{
	return loop_mono_ns(rq->h->lp) / CLOCK_NS_PER_MS;
}

static bool
refuse(struct req *rq, const char *why, bool tried)
{
	struct http *h = rq->h;
	struct sock_addr peer;

	if (h->conf.metrics_n > h->router->shard)
		metrics_inc(h->conf.metrics[h->router->shard], M_AUTH_FAILED);
	if (tried) {
		mhd_peer(rq, &peer);
		throttle_failed(h->conf.throttle, &peer, now_ms(rq));
	}
	LOG(LOG_WARN, (int)h->router->shard, "http_auth_failed",
	    LOG_S("peer", rq->from), LOG_S("why", why));
	req_header(rq, "WWW-Authenticate", "Bearer");
	req_error(rq, 401, "Authentication required");
	return false;
}

bool
gate_credentials(const char *header, struct auth_try *t, char **plain)
{
	struct str b64;
	size_t n;

	if (strncasecmp(header, "Bearer ", 7) == 0) {
		t->method = str_of("token");
		t->data = str_of(header + 7);
		return true;
	}
	if (strncasecmp(header, "Basic ", 6) != 0)
		return false;
	b64 = str_of(header + 6);
	*plain = mem_alloc(BASE64_DECODED(b64.len) + 1);
	if (base64_decode(
		b64, (uint8_t *)*plain, BASE64_DECODED(b64.len), &n) != ERR_OK)
		return false;
	t->method = str_of("basic");
	t->data = (struct str){ *plain, n };
	return true;
}

static bool
authenticate(struct req *rq)
{
	const char *header = mhd_header(rq, "Authorization");
	struct auth_try t = { .method = STR_LIT("none") };
	struct auth_result res;
	char *plain = NULL;
	struct diag diag;
	enum err e = ERR_OK;

	diag_clear(&diag);
	t.now_ms = clock_wall_ms();
	t.cert_cn = str_of(mhd_peer_name(rq));
	if (rq->unseen)
		e = diag_set(&diag, ERR_AUTHENTICATION,
		    "too many failures of this address");
	else if (header != NULL) {
		if (strlen(header) > AUTH_DATA_MAX ||
		    !gate_credentials(header, &t, &plain))
			e = diag_set(&diag, ERR_AUTHENTICATION,
			    "no Authorization header of a kind that is known");
	} else if (t.cert_cn.len > 0)
		t.method = str_of("tls");
	if (e == ERR_OK)
		e = auth_check(rq->h->auth, &t, &res, &diag);
	if (plain != NULL) {
		explicit_bzero(plain, t.data.len);
		mem_free(plain);
	}
	rq->keyless = e == ERR_AGAIN;
	if (rq->keyless)
		return false;
	if (e != ERR_OK)
		return refuse(
		    rq, diag_text(&diag, e), header != NULL && !rq->unseen);
	rq->role = res.role;
	return true;
}

/* --- may it --------------------------------------------------------------------- */

static bool
may(struct req *rq, struct str role, enum authz_kind kind, struct str name,
    enum authz_action a)
{
	return authz_ask(authz_of(rq->h->router->core),
		   &(struct authz_ask){ .role = role,
		       .kind = kind,
		       .name = name,
		       .action = a,
		       .from = str_of(rq->from) }) == AUTHZ_ALLOWED;
}

/* As core/authz.h calls the route's topic; false: it is no name, which the
 * handler says better. */
static bool
topic_of(struct req *rq, struct str *name)
{
	if (req_topic_parse(rq) != ERR_OK)
		return false;
	*name = authz_topic(rq->tn.full);
	return true;
}

static bool
may_lookup(struct req *rq, struct str role, struct str topic)
{
	unsigned a;

	for (a = AUTHZ_PRODUCE; a <= AUTHZ_SINKS; a++)
		if (may(rq, role, AUTHZ_TOPIC, topic, (enum authz_action)a))
			return true;
	return false;
}

static bool
may_topic(struct req *rq, struct str role, enum gate g)
{
	const struct authz *az = authz_of(rq->h->router->core);
	struct str name;

	if (!topic_of(rq, &name))
		return authz_is_tenant_admin(
		    az, role, str_of(rq->var[VAR_TENANT]));
	if (g == GATE_LOOKUP)
		return may_lookup(rq, role, name);
	return may(rq, role, AUTHZ_TOPIC, name, AUTHZ_CONSUME) &&
	    (rq->var[VAR_SUB] == NULL ||
		authz_ask_sub(az, role, str_of(rq->from), rq->tn.ns,
		    str_of(rq->var[VAR_SUB])) == AUTHZ_SUB_OPEN);
}

static bool
may_list(struct req *rq, struct str role)
{
	char *ns = mem_printf("%s/%s", rq->var[VAR_TENANT], rq->var[VAR_NS]);
	bool well;

	well = may(rq, role, AUTHZ_NAMESPACE, str_of(ns), AUTHZ_PRODUCE) ||
	    may(rq, role, AUTHZ_NAMESPACE, str_of(ns), AUTHZ_CONSUME);
	mem_free(ns);
	return well;
}

static bool
role_may(struct req *rq, struct str role, enum gate g)
{
	const struct authz *az = authz_of(rq->h->router->core);

	switch (g) {
	case GATE_SUPER:
		return authz_is_super(az, role);
	case GATE_TENANT:
	case GATE_NAMESPACE:
		return authz_is_tenant_admin(
		    az, role, str_of(rq->var[VAR_TENANT]));
	case GATE_LIST:
		return may_list(rq, role);
	case GATE_LOOKUP:
	case GATE_CONSUME:
		return may_topic(rq, role, g);
	default:
		return true;
	}
}

static bool
forbid(struct req *rq, enum gate g)
{
	LOG(LOG_WARN, (int)rq->h->router->shard, "http_forbidden",
	    LOG_S("peer", rq->from), LOG_S("role", rq->role),
	    LOG_S("path", rq->path));
	switch (g) {
	case GATE_SUPER:
		req_error(rq, 401, "This operation requires super-user access");
		break;
	case GATE_NAMESPACE:
		req_error(rq, 403,
		    "Unauthorized to validateNamespaceOperation on namespace "
		    "[%s/%s]",
		    rq->var[VAR_TENANT], rq->var[VAR_NS]);
		break;
	case GATE_LIST:
		req_error(rq, 403,
		    "Unauthorized to validateNamespaceOperation for operation "
		    "[GET_TOPICS] on namespace [%s/%s]",
		    rq->var[VAR_TENANT], rq->var[VAR_NS]);
		break;
	case GATE_LOOKUP:
	case GATE_CONSUME:
		req_error(rq, 401,
		    "Unauthorized to validateTopicOperation for operation [%s] "
		    "on topic [%s://%s/%s/%s]",
		    g == GATE_LOOKUP ? "LOOKUP" : "CONSUME", req_domain(rq),
		    rq->var[VAR_TENANT], rq->var[VAR_NS], rq->var[VAR_TOPIC]);
		break;
	default:
		req_error(rq, 401,
		    "Don't have permission to administrate resources on this "
		    "tenant");
		break;
	}
	return false;
}

static bool
authorize(struct req *rq, enum gate g)
{
	const struct authz *az = authz_of(rq->h->router->core);
	const char *header = mhd_header(rq, "X-Original-Principal");
	struct str role = str_of(rq->role), original = STR_NONE;

	if (header != NULL)
		original = str_of(header);
	if (authz_is_proxy(az, role)) {
		if (original.len == 0 || authz_is_proxy(az, original)) {
			req_error(rq, 401,
			    "Original principal cannot be empty if the request "
			    "is via proxy.");
			return false;
		}
		return (role_may(rq, role, g) && role_may(rq, original, g)) ||
		    forbid(rq, g);
	}
	if (original.len > 0 && !str_eq(original, role)) {
		req_error(rq, 401, "Invalid combination of Original principal");
		return false;
	}
	return role_may(rq, role, g) || forbid(rq, g);
}

static bool
is_open(const struct http *h, const struct route *r)
{
	return h->auth == NULL || r->gate == GATE_OPEN ||
	    (r->gate == GATE_METRICS && !h->conf.metrics_gate);
}

int64_t
gate_wait_ms(struct req *rq, const struct route *r)
{
	struct http *h = rq->h;
	struct sock_addr peer;
	int64_t ms;

	if (is_open(h, r) || mhd_header(rq, "Authorization") == NULL)
		return 0;
	mhd_peer(rq, &peer);
	ms = throttle_wait_ms(h->conf.throttle, &peer, now_ms(rq));
	if (ms != 0 && h->conf.metrics_n > h->router->shard)
		metrics_inc(h->conf.metrics[h->router->shard], M_AUTH_SLOWED);
	rq->unseen = ms == THROTTLE_FULL;
	return rq->unseen ? 0 : ms;
}

static bool
pass(struct req *rq, const struct route *r)
{
	const struct http *h = rq->h;
	struct sock_addr peer;

	if (is_open(h, r))
		return true;
	mhd_peer(rq, &peer);
	(void)sock_addr_host(&peer, rq->from, sizeof rq->from);
	if (!authenticate(rq))
		return false;
	return !h->conf.authorization || authorize(rq, r->gate);
}

bool
gate_pass(struct req *rq, const struct route *r)
{
	bool well;

	rq->keyless = false;
	well = pass(rq, r);
	rq->refused = !well && !rq->keyless;
	rq->changes = well && r->method != HTTP_GET;
	return well;
}

void
gate_audit(struct req *rq)
{
	static const char *const names[HTTP_METHODS_N] = { "GET", "PUT", "POST",
		"DELETE" };
	struct audit *a = rq->h->conf.audit;
	const char *original;
	char from[SOCK_TEXT_MAX];
	struct sock_addr peer;
	enum audit_result result = AUDIT_REFUSED;

	/* what has no route needs no line: anybody may think of any number */
	if ((!rq->refused && !rq->changes) || !audit_is_on(a))
		return;
	if (!rq->refused)
		result = rq->status < 400 ? AUDIT_DONE : AUDIT_FAILED;
	original = mhd_header(rq, "X-Original-Principal");
	mhd_peer(rq, &peer);
	audit_write(a,
	    &(struct audit_event){ .protocol = "http",
		.who = rq->role != NULL ? str_of(rq->role) : STR_NONE,
		.of = original != NULL ? str_of(original) : STR_NONE,
		.from = sock_addr_text(&peer, from, sizeof from),
		.what = names[rq->method],
		.on = str_of(rq->path),
		.result = result,
		.code = (int32_t)rq->status });
}
