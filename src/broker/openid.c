/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/openid.h"

#include "auth/auth.h"
#include "auth/openid.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "broker/auth.h"
#include "broker/broker.h"
#include "broker/shard.h"
#include "os/clock.h"
#include "os/fetch.h"
#include "os/mbox.h"
#include "os/thread.h"

#define THREADS 2 /* one issuer that hangs doesn't keep the others */
#define RETRY_MS INT64_C(30000)
#define WANTED_MS INT64_C(1000) /* wanted again sooner: nobody has looked yet */
#define LOOK_MS INT64_C(3600000) /* the clock may have been set */

struct openid_service {
	unsigned magic;
#define OPENID_SERVICE_MAGIC 0x09e41d03
	struct broker *b;
	struct auth *auth; /* of the configuration; NULL: nothing is fetched */
	struct openid_keys *keys;
	struct fetch_conf fetch; /* its ca_file is the next */
	char *ca_file;
	int64_t refresh_ms;
	unsigned generation; /* of the configuration */
	bool under_way[OPENID_ISSUERS_MAX];
	struct loop_timer due;
	struct mbox *jobs;
	bool started; /* its threads */
	struct thread th[THREADS];
	atomic_bool stop;
};

struct job {
	struct mbox_msg msg; /* first */
	unsigned magic;
#define OPENID_JOB_MAGIC 0x09e41d04
	struct openid_service *sv;
	unsigned generation, issuer;
	char *name, *ca_file;
	struct fetch_conf fetch;
	/* what became of it */
	struct jwks *keys; /* NULL: see diag */
	struct diag diag;
};

struct want {
	struct openid_service *sv;
	unsigned issuer;
};

static void
job_free(struct job **jp)
{
	struct job *j;

	TAKE_OBJ_NOTNULL(j, jp, OPENID_JOB_MAGIC);
	if (j->keys != NULL)
		jwks_unref(&j->keys);
	mem_free(j->name);
	mem_free(j->ca_file);
	FREE_OBJ(j);
}

/* --- in threads -------------------------------------------------------------------- */

static enum err
find_uri(struct job *j, char **uri)
{
	char *url = openid_discovery_url(j->name), *text;
	size_t n;
	enum err e;

	j->fetch.max = OPENID_DISCOVERY_MAX;
	e = fetch_get(&text, &n, url, &j->fetch, &j->diag);
	if (e == ERR_OK)
		e = openid_jwks_uri(uri, text, n, j->name, &j->diag);
	if (e != ERR_OK)
		diag_wrap(&j->diag, "%s", url);
	mem_free(text);
	mem_free(url);
	return e;
}

static void
fetch(struct job *j)
{
	char *uri = NULL, *text = NULL;
	size_t n;
	enum err e;

	e = find_uri(j, &uri);
	if (e != ERR_OK)
		return;
	j->fetch.max = JWKS_MAX;
	e = fetch_get(&text, &n, uri, &j->fetch, &j->diag);
	if (e == ERR_OK)
		e = jwks_parse(&j->keys, text, n, &j->diag);
	if (e != ERR_OK)
		diag_wrap(&j->diag, "%s", uri);
	mem_free(text);
	mem_free(uri);
}

static void took(struct shard *, void *);

static void
work(void *priv)
{
	struct openid_service *sv = priv;
	struct mbox_msg *m;
	struct job *j;

	while ((m = mbox_take_one(sv->jobs)) != NULL) {
		CAST_OBJ_NOTNULL(j, (void *)m, OPENID_JOB_MAGIC);
		if (!atomic_load(&sv->stop))
			fetch(j);
		shard_call(broker_shard(sv->b, 0), took, j);
	}
}

/* --- on shard 0 --------------------------------------------------------------------- */

static void
ask(struct openid_service *sv, unsigned i)
{
	unsigned t;
	struct job *j;

	if (sv->under_way[i])
		return;
	sv->under_way[i] = true;
	ALLOC_OBJ(j, OPENID_JOB_MAGIC);
	j->sv = sv;
	j->generation = sv->generation;
	j->issuer = i;
	j->name = mem_strdup(openid_issuer(sv->keys, i)->name);
	j->ca_file = mem_strdup(sv->ca_file);
	j->fetch = sv->fetch;
	j->fetch.ca_file = j->ca_file;
	j->fetch.stop = &sv->stop;
	for (t = 0; !sv->started && t < THREADS; t++)
		thread_start(&sv->th[t], "openid", work, sv);
	sv->started = true;
	mbox_post(sv->jobs, &j->msg);
}

static int64_t
due_ms(const struct openid_service *sv, unsigned i)
{
	const struct openid_issuer *is = openid_issuer(sv->keys, i);
	int64_t ms = is->tried_ms != 0 ? is->tried_ms + RETRY_MS : 0;

	if (is->keys != NULL && is->got_ms + sv->refresh_ms > ms)
		ms = is->got_ms + sv->refresh_ms;
	return ms;
}

static void
look(struct openid_service *sv)
{
	int64_t now_ms = clock_wall_ms(), next_ms = LOOK_MS, ms;
	unsigned i;

	for (i = 0; i < openid_issuers_n(sv->keys); i++) {
		ms = due_ms(sv, i) - now_ms;
		if (ms <= 0)
			ask(sv, i);
		else if (ms < next_ms)
			next_ms = ms;
	}
	loop_timer_start(&sv->due, next_ms * CLOCK_NS_PER_MS);
}

static void
on_due(void *priv)
{
	struct openid_service *sv;

	CAST_OBJ_NOTNULL(sv, priv, OPENID_SERVICE_MAGIC);
	look(sv);
}

static void
publish(struct openid_service *sv)
{
	struct auth *au = auth_with_keys(sv->auth, sv->keys);

	broker_auth_give(sv->b, au);
	auth_unref(&au);
}

static void
keep(struct openid_service *sv, struct job *j)
{
	struct openid_keys *old = sv->keys;

	sv->under_way[j->issuer] = false;
	if (j->keys == NULL)
		LOG(LOG_WARN, 0, "openid_keys_not_fetched",
		    LOG_S("issuer", j->name), LOG_S("why", j->diag.msg));
	else
		LOG(LOG_INFO, 0, "openid_keys_fetched",
		    LOG_S("issuer", j->name));
	sv->keys = openid_keys_with(old, j->issuer, j->keys, clock_wall_ms());
	openid_keys_unref(&old);
	publish(sv);
	look(sv);
}

static void
took(struct shard *sh, void *priv)
{
	struct openid_service *sv;
	struct job *j;

	(void)sh;
	CAST_OBJ_NOTNULL(j, priv, OPENID_JOB_MAGIC);
	sv = j->sv;
	CHECK_OBJ_NOTNULL(sv, OPENID_SERVICE_MAGIC);
	if (!atomic_load(&sv->stop) && j->generation == sv->generation)
		keep(sv, j);
	job_free(&j);
}

static void
wanted(struct shard *sh, void *priv)
{
	struct want *w = priv;
	struct openid_service *sv = w->sv;
	int64_t tried_ms, now_ms = clock_wall_ms();

	(void)sh;
	CHECK_OBJ_NOTNULL(sv, OPENID_SERVICE_MAGIC);
	if (!atomic_load(&sv->stop) && sv->auth != NULL &&
	    w->issuer < openid_issuers_n(sv->keys)) {
		tried_ms = openid_issuer(sv->keys, w->issuer)->tried_ms;
		/* who asked had not seen the last answer */
		if (now_ms < tried_ms || now_ms - tried_ms >= WANTED_MS)
			ask(sv, w->issuer);
	}
	mem_free(w);
}

void
openid_service_want(void *priv, unsigned issuer)
{
	struct openid_service *sv;
	struct want *w;

	CAST_OBJ_NOTNULL(sv, priv, OPENID_SERVICE_MAGIC);
	w = mem_zalloc(sizeof *w);
	w->sv = sv;
	w->issuer = issuer;
	shard_call(broker_shard(sv->b, 0), wanted, w);
}

/* --- life --------------------------------------------------------------------------- */

struct openid_service *
openid_service_new(struct broker *b)
{
	struct openid_service *sv;

	ALLOC_OBJ(sv, OPENID_SERVICE_MAGIC);
	sv->b = b;
	sv->jobs = mbox_new_thread();
	atomic_init(&sv->stop, false);
	loop_timer_init(&sv->due, broker_shard(b, 0)->lp, on_due, sv);
	fetch_setup();
	return sv;
}

static void
forget(struct openid_service *sv)
{
	unsigned i;

	loop_timer_stop(&sv->due);
	for (i = 0; i < OPENID_ISSUERS_MAX; i++)
		sv->under_way[i] = false;
	if (sv->auth != NULL)
		auth_unref(&sv->auth);
	if (sv->keys != NULL)
		openid_keys_unref(&sv->keys);
	MEM_FREE(sv->ca_file);
}

enum err
openid_service_set(struct openid_service *sv, const struct conf *c,
    struct auth **au, struct diag *diag)
{
	struct openid_keys *keys;
	enum err e;

	CHECK_OBJ_NOTNULL(sv, OPENID_SERVICE_MAGIC);
	sv->generation++;
	if (!auth_fetches(*au)) {
		forget(sv);
		return ERR_OK;
	}
	e = openid_keys_new(
	    &keys, c->openIDAllowedTokenIssuers, sv->keys, diag);
	if (e != ERR_OK)
		return e;
	forget(sv);
	sv->keys = keys;
	sv->auth = auth_ref(*au);
	sv->ca_file = mem_strdup(c->openIDTokenIssuerTrustCertsFilePath);
	sv->fetch = (struct fetch_conf){
		.connect_ms = (long)c->openIDHttpConnectionTimeoutMillis,
		.total_ms = (long)(c->openIDHttpConnectionTimeoutMillis +
		    c->openIDHttpReadTimeoutMillis),
		.https_only = c->openIDRequireIssuersUseHttps,
	};
	sv->refresh_ms = c->openIDCacheRefreshAfterWriteSeconds * 1000;
	auth_unref(au);
	*au = auth_with_keys(sv->auth, sv->keys);
	look(sv);
	return ERR_OK;
}

void
openid_service_stop(struct openid_service *sv)
{
	unsigned t;

	CHECK_OBJ_NOTNULL(sv, OPENID_SERVICE_MAGIC);
	atomic_store(&sv->stop, true);
	mbox_shut(sv->jobs);
	for (t = 0; sv->started && t < THREADS; t++)
		thread_join(&sv->th[t]);
	loop_timer_fini(&sv->due);
}

void
openid_service_free(struct openid_service **svp)
{
	struct openid_service *sv;

	TAKE_OBJ_NOTNULL(sv, svp, OPENID_SERVICE_MAGIC);
	assert(atomic_load(&sv->stop));
	mbox_free(&sv->jobs);
	if (sv->auth != NULL)
		auth_unref(&sv->auth);
	if (sv->keys != NULL)
		openid_keys_unref(&sv->keys);
	mem_free(sv->ca_file);
	fetch_end();
	FREE_OBJ(sv);
}
