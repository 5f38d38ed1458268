/* SPDX-License-Identifier: Apache-2.0 */
#include "pulsar/login.h"

#include "auth/auth.h"
#include "auth/throttle.h"
#include "base/log.h"
#include "os/clock.h"
#include "pulsar/may.h"

#define KEYS_LOOK_MS 20

/* AuthData.REFRESH_AUTH_DATA of the reference: bring new ones */
static const char refresh_data[] = "PulsarAuthRefresh";

void
who_fini(struct who *w)
{
	mem_free(w->role);
	mem_free(w->original);
	mem_free(w->method);
	*w = (struct who){ 0 };
}

static int64_t
now_ms(const struct session *s)
{
	return loop_mono_ns(s->p->lp) / CLOCK_NS_PER_MS;
}

static void
refuse(struct session *s, int error, const char *text, const char *why)
{
	pulsar_gauge(s->p, M_AUTH_FAILED, 1);
	LOG(LOG_WARN, (int)s->p->router->shard, "auth_failed",
	    LOG_U("conn", s->id), LOG_S("peer", conn_peer_text(s->cn)),
	    LOG_S("why", why));
	session_audit(s,
	    s->state == SESSION_CONNECTED ? "AUTH_RESPONSE" : "CONNECT",
	    STR_NONE, why);
	session_error(s, HOT_NO_REQUEST, error, text);
	session_close_flushed(s, CLOSE_AUTHENTICATION);
}

/* What it said of itself isn't so. */
static void
refuse_credentials(struct session *s, struct span data, const char *why)
{
	/* who brings none guesses nothing */
	if (data.n > 0 && !s->who.unseen)
		throttle_failed(
		    s->p->conf.throttle, conn_peer(s->cn), now_ms(s));
	refuse(s, pp_ServerError_AuthenticationError, "Failed to authenticate",
	    why);
}

bool
login_waits(struct session *s)
{
	int64_t ms;

	if (s->p->auth == NULL || s->who.waited)
		return false;
	s->who.waited = true;
	ms = throttle_wait_ms(s->p->conf.throttle, conn_peer(s->cn), now_ms(s));
	if (ms == 0)
		return false;
	pulsar_gauge(s->p, M_AUTH_SLOWED, 1);
	s->who.unseen = ms == THROTTLE_FULL;
	if (s->who.unseen)
		return false;
	session_pause(s, PAUSE_LOGIN);
	loop_timer_start(&s->login_timer, ms * CLOCK_NS_PER_MS);
	return true;
}

/* The keys to verify its token by are being fetched: the command is looked at again,
 * soon, as if it had come then. */
static void
wait_for_keys(struct session *s)
{
	s->who.keyless = true;
	session_pause(s, PAUSE_LOGIN);
	loop_timer_start(&s->login_timer, KEYS_LOOK_MS * CLOCK_NS_PER_MS);
}

/* --- credentials ---------------------------------------------------------------- */

static enum err
check(struct session *s, struct str method, struct str data,
    struct auth_result *res, struct diag *diag)
{
	struct auth_try t = {
		.method = method,
		.data = data,
		.cert_cn = str_of(conn_peer_name(s->cn)),
		.now_ms = clock_wall_ms(),
	};

	diag_clear(diag);
	if (s->who.unseen)
		return diag_set(diag, ERR_AUTHENTICATION,
		    "too many failures of this address");
	if (data.len > AUTH_DATA_MAX)
		return diag_set(
		    diag, ERR_AUTHENTICATION, "The credentials are too long");
	return auth_check(s->p->auth, &t, res, diag);
}

/* False: refused, or to be looked at again. */
static bool
believed(struct session *s, struct str method, struct span data,
    struct auth_result *res)
{
	struct diag diag;
	enum err e = check(s, method, str_of_span(data), res, &diag);

	if (e == ERR_AGAIN)
		wait_for_keys(s);
	else if (e != ERR_OK)
		refuse_credentials(
		    s, data, diag_text(&diag, ERR_AUTHENTICATION));
	return e == ERR_OK;
}

/* Clients of long ago name the method by a number. */
static struct str
method_of(const pp_CommandConnect *m)
{
	if (m->auth_method_name.n > 0)
		return str_of_span(m->auth_method_name);
	switch (m->auth_method) {
	case pp_AuthMethod_AuthMethodYcaV1:
		return str_of("ycav1");
	case pp_AuthMethod_AuthMethodAthens:
		return str_of("athens");
	default:
		return str_of("none");
	}
}

/* For whom a proxy speaks: what it says, or what its client's own credentials say
 * where we are to look at those. */
static bool
original(struct session *s, const pp_CommandConnect *m)
{
	struct auth_result res;

	if (m->original_principal.n == 0)
		return true;
	if (!s->p->conf.auth_original || m->original_auth_data.n == 0) {
		s->who.original =
		    mem_strndup((const char *)m->original_principal.p,
			m->original_principal.n);
		return true;
	}
	if (!believed(s, str_of_span(m->original_auth_method),
		m->original_auth_data, &res))
		return false;
	/* from now on it is these that expire and are asked for again */
	s->who.original = res.role;
	s->who.expires_ms = res.expires_ms;
	mem_free(s->who.method);
	s->who.method = mem_strndup(
	    (const char *)m->original_auth_method.p, m->original_auth_method.n);
	return true;
}

/* CONNECT comes again. */
static void
forget_role(struct session *s)
{
	MEM_FREE(s->who.role);
	MEM_FREE(s->who.method);
	s->who.expires_ms = 0;
}

bool
login_connect(struct session *s, const pp_CommandConnect *m)
{
	struct auth_result res;
	struct str method;

	if (s->p->auth == NULL)
		return true;
	method = method_of(m);
	if (!believed(s, method, m->auth_data, &res))
		return false;
	s->who.role = res.role;
	s->who.expires_ms = res.expires_ms;
	s->who.method = mem_strndup(method.p, method.len);
	s->who.refreshes = m->feature_flags.supports_auth_refresh;
	if (!original(s, m)) {
		if (s->who.keyless)
			forget_role(s);
		return false;
	}
	if (!may_speak(s->p, str_of(s->who.role),
		s->who.original != NULL ? str_of(s->who.original) : STR_NONE)) {
		refuse(s, pp_ServerError_AuthorizationError, "Invalid roles.",
		    "role and original principal don't go together");
		return false;
	}
	return true;
}

/* --- new ones ------------------------------------------------------------------- */

static void
challenge(struct session *s)
{
	pp_CommandAuthChallenge m = {
		.server_version = span_str(s->p->conf.version),
		.has_challenge = true,
		.challenge = {
			.auth_method_name = span_str(s->who.method),
			.auth_data = span_str(refresh_data),
		},
		.has_protocol_version = true,
		.protocol_version = s->version,
	};

	s->who.challenged = true;
	SESSION_SEND(s, AUTH_CHALLENGE, CommandAuthChallenge, &m);
}

static void
on_login_due(void *priv)
{
	struct session *s;

	bool waited;

	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	waited = s->who.keyless;
	s->who.keyless = false;
	session_resume(s, PAUSE_LOGIN);
	if (s->state != SESSION_CONNECTED)
		return;
	if (waited) { /* its AUTH_RESPONSE comes now */
		login_watch(s);
		return;
	}
	if (s->who.expires_ms == 0 || clock_wall_ms() < s->who.expires_ms) {
		login_watch(s);
		return;
	}
	if (s->who.challenged || !s->who.refreshes ||
	    (s->who.original != NULL && !s->p->conf.auth_original)) {
		session_close(s, CLOSE_EXPIRED);
		return;
	}
	challenge(s);
	login_watch(s);
}

void
login_watch(struct session *s)
{
	if (s->who.expires_ms == 0 || s->p->conf.auth_check_ns == 0)
		return;
	loop_timer_start(&s->login_timer, s->p->conf.auth_check_ns);
}

void
login_init(struct session *s)
{
	loop_timer_init(&s->login_timer, s->p->lp, on_login_due, s);
}

void
login_fini(struct session *s)
{
	loop_timer_fini(&s->login_timer);
	who_fini(&s->who);
}

void
login_response(struct session *s, const pp_CommandAuthResponse *m)
{
	struct auth_result res;
	const char *expected = s->who.role;
	bool same;

	if (s->who.original != NULL && s->p->conf.auth_original)
		expected = s->who.original;
	if (s->p->auth == NULL || !s->who.challenged) {
		refuse(s, pp_ServerError_AuthenticationError,
		    "Failed to authenticate", "nobody was asked");
		return;
	}
	if (!believed(s, str_of_span(m->response.auth_method_name),
		m->response.auth_data, &res))
		return;
	same = strcmp(res.role, expected) == 0;
	mem_free(res.role);
	if (!same) {
		refuse(s, pp_ServerError_AuthenticationError,
		    "Failed to authenticate",
		    "the role changed with its new credentials");
		return;
	}
	s->who.challenged = false;
	s->who.expires_ms = res.expires_ms;
	login_watch(s);
}
