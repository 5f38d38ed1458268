/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "auth/audit.h"
#include "auth/secret.h"
#include "auth/throttle.h"
#include "broker/auth.h"
#include "broker/confmap.h"
#include "broker/reload.h"
#include "broker/shard.h"
#include "broker/tls.h"
#include "core/authz.h"
#include "format/rmq_record.h"
#include "net/quota.h"
#include "http/server.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/prot.h"
#include "broker/openid.h"
#include "os/user.h"
#include "broker/rmq.h"
#include "pulsar/server.h"
#include "rocketmq/server.h"
#include "store/local.h"
#include "store/meta_lmdb.h"

/* Descriptors that aren't clients': of a shard (loop, ring, listeners and their
 * reserves) and of the process; what is open for a moment */
#define FDS_SHARD 16u
#define FDS_PROCESS 64u
#define CONNS_MAX 1000000u

struct broker {
	unsigned magic;
#define BROKER_MAGIC 0xb40ce401
	struct broker_args args;
	struct conf *conf;
	struct datadir *dir;
	struct disk_files *files;
	struct meta_lmdb *lmdb, *due;
	struct secret_box *secrets; /* NULL: nobody is authenticated */
	struct audit *audit;
	struct throttle *throttle; /* of all shards and front-ends */
	char *acl_file; /* NULL: no ACL 1.0 */
	struct openid_service *openid; /* NULL: nobody is authenticated */
	struct quota *quota_pulsar, *quota_rmq, *quota_http;
	unsigned shards_n;
	struct shard *shards;
	struct pubtotal pubtotal; /* the shards' cores' */
	struct http *http;
	struct metrics **metrics; /* of the shards */
	struct loop_signal on_term, on_int, on_hup;
	struct loop_timer drain_timer;
	bool draining;
	unsigned drained_n; /* shard 0's thread */
	int status;
};

struct shard *
broker_shard(struct broker *b, unsigned n)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	assert(n < b->shards_n);
	return &b->shards[n];
}

struct secret_box *
broker_secrets(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->secrets;
}

struct openid_service *
broker_openid(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->openid;
}

struct audit *
broker_audit(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->audit;
}

struct throttle *
broker_throttle(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->throttle;
}

struct quota *
broker_quota_rmq(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->quota_rmq;
}

const char *
broker_acl_file(const struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->acl_file;
}

struct http *
broker_http(struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->http;
}

unsigned
broker_shards_n(const struct broker *b)
{
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	return b->shards_n;
}

unsigned
broker_conns_max(const struct broker *b)
{
	uint64_t fds = prot_raise_fds();
	uint64_t own, n;

	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	own = FDS_PROCESS + b->shards_n * FDS_SHARD +
	    DISK_FDS_MAX(b->shards_n, (unsigned)b->conf->coldReadThreads);
	/* disks make do with fewer */
	if (own > fds / 2)
		own = fds / 2;
	n = (fds - own) / b->shards_n;
	return n < CONNS_MAX ? (unsigned)n : CONNS_MAX;
}

/* --- start -------------------------------------------------------------------- */

static void
report(void *priv, enum local_report what, uint64_t segment, uint64_t off,
    uint64_t len)
{
	struct shard *sh = priv;
	static const struct {
		enum log_level level;
		const char *ev;
	} say[] = {
		[LOCAL_TORN_TAIL] = { LOG_WARN, "log_torn_tail_cut" },
		[LOCAL_CORRUPT] = { LOG_ERROR, "log_corrupt" },
		[LOCAL_IO_ERROR] = { LOG_ERROR, "log_io_error_writes_refused" },
		[LOCAL_META_ERROR] = { LOG_ERROR,
		    "metadata_error_nothing_freed" },
		[LOCAL_NO_SPACE] = { LOG_ERROR, "log_no_space" },
		[LOCAL_SPACE_BACK] = { LOG_INFO, "log_space_back" },
		[LOCAL_RESHARD] = { LOG_INFO, "log_reshard" },
	};

	assert(what < sizeof(say) / sizeof(say[0]));
	LOG(say[what].level, (int)sh->n, say[what].ev,
	    LOG_U("segment", segment), LOG_U("offset", off),
	    LOG_U("bytes", len));
}

/* What a format does to its bodies when they get their place */
static const struct entry_format_ops *const formats[ENTRY_FORMATS_N] = {
	[ENTRY_FORMAT_ROCKETMQ] = &rmq_record_format,
};

static enum err
start_shard(struct broker *b, struct shard *sh, struct diag *diag)
{
	struct local_conf lc;
	struct core_conf cc;
	struct local_recovery rec = { 0 };
	enum err err;

	sh->meta = meta_lmdb_handle(b->lmdb, sh->lp);
	sh->due = meta_lmdb_handle(b->due, sh->lp);
	confmap_core(&cc, b->conf, sh->n, b->shards_n);
	cc.hash_seed = prot_random();
	cc.pubtotal = &b->pubtotal;
	shard_attach_core(sh, &cc);
	err = authz_load(sh->core);
	if (err != ERR_OK)
		return err;
	err = disk_file_new(&sh->disk, b->files, sh->lp, diag);
	if (err != ERR_OK)
		return err;
	confmap_local(&lc, b->conf, sh->n, b->shards_n);
	lc.report = report;
	lc.report_priv = sh;
	sh->ledgers = local_ledgers_new(
	    &lc, sh->disk, sh->meta, &core_ledger_client, sh->core);
	sh->ledgers->formats = formats;
	core_set_ledgers(sh->core, sh->ledgers);
	err = local_recover(sh->ledgers, clock_wall_ms(), &rec, diag);
	if (err != ERR_OK)
		return err;
	if (rec.groups > 0)
		LOG(LOG_INFO, (int)sh->n, "recovered",
		    LOG_U("segments", rec.segments),
		    LOG_U("entries", rec.entries), LOG_U("deltas", rec.deltas),
		    LOG_U("torn_bytes", rec.torn_bytes),
		    LOG_U("corrupt", rec.corrupt));
	return ERR_OK;
}

static enum err
listen_pulsar(struct broker *b, struct diag *diag)
{
	struct sock_addr sa;
	struct pulsar_conf pc;
	struct shard *sh;
	char text[SOCK_TEXT_MAX];
	enum err err;
	unsigned i;

	err = sock_addr_parse(&sa, b->conf->bindAddress,
	    (uint16_t)b->conf->brokerServicePort, diag);
	for (i = 0; err == ERR_OK && i < b->shards_n; i++) {
		sh = &b->shards[i];
		confmap_pulsar(&pc, b->conf, b->shards_n);
		pc.metrics = sh->metrics;
		pc.audit = b->audit;
		pc.throttle = b->throttle;
		pc.quota = b->quota_pulsar;
		pc.may_move = shard_may_move;
		pc.move = shard_move;
		pc.move_priv = sh;
		err = pulsar_conf_check(&pc, diag);
		if (err != ERR_OK)
			return err;
		sh->pulsar = pulsar_new(sh->net, &sh->router, &pc);
		err = listener_new(&sh->listener, sh->net, &sa, i == 0, 1024,
		    pulsar_accept, sh->pulsar, diag);
		if (err == ERR_OK) {
			sa = *listener_addr(sh->listener);
			pulsar_set_port(sh->pulsar, sock_addr_port(&sa));
		}
	}
	if (err != ERR_OK)
		return err;
	printf(
	    "listening pulsar %s\n", sock_addr_text(&sa, text, sizeof(text)));
	return ERR_OK;
}

static enum err
listen_pulsar_tls(struct broker *b, struct diag *diag)
{
	struct sock_addr sa;
	struct shard *sh;
	char text[SOCK_TEXT_MAX];
	enum err err;
	unsigned i;

	err = sock_addr_parse(&sa, b->conf->bindAddress,
	    (uint16_t)b->conf->brokerServicePortTls, diag);
	for (i = 0; err == ERR_OK && i < b->shards_n; i++) {
		sh = &b->shards[i];
		err = listener_new(&sh->listener_tls, sh->net, &sa, i == 0,
		    1024, pulsar_accept_tls, sh->pulsar, diag);
		if (err == ERR_OK) {
			sa = *listener_addr(sh->listener_tls);
			pulsar_set_tls_port(sh->pulsar, sock_addr_port(&sa));
		}
	}
	if (err != ERR_OK)
		return err;
	printf("listening pulsar-tls %s\n",
	    sock_addr_text(&sa, text, sizeof(text)));
	return ERR_OK;
}

static enum err
listen_http(struct broker *b, struct diag *diag)
{
	struct shard *s0 = &b->shards[0];
	struct http_conf hc;
	struct sock_addr sa;
	char text[SOCK_TEXT_MAX];
	enum err err;

	confmap_http(&hc, b->conf);
	hc.pulsar_port = sock_addr_port(listener_addr(s0->listener));
	if (s0->listener_tls != NULL)
		hc.pulsar_tls_port =
		    sock_addr_port(listener_addr(s0->listener_tls));
	if (s0->rmq != NULL)
		hc.namesrv_port =
		    sock_addr_port(listener_addr(s0->rmq_listeners[0]));
	else
		hc.rocketmq.cluster = NULL;
	hc.limits = core_limits(s0->core);
	hc.metrics = b->metrics;
	hc.audit = b->audit;
	hc.throttle = b->throttle;
	hc.quota = b->quota_http;
	hc.metrics_n = b->shards_n;
	err = sock_addr_parse(
	    &sa, b->conf->bindAddress, (uint16_t)b->conf->webServicePort, diag);
	if (err == ERR_OK)
		err = http_new(&b->http, s0->net, &s0->router, &hc, &sa, diag);
	if (err != ERR_OK)
		return err;
	s0->http = b->http;
	http_set_secrets(b->http, b->secrets);
	printf("listening http %s\n",
	    sock_addr_text(http_addr(b->http), text, sizeof(text)));
	return ERR_OK;
}

static enum err
listen_https(struct broker *b, struct diag *diag)
{
	struct tls_ctx *ctx = NULL;
	struct sock_addr sa;
	char text[SOCK_TEXT_MAX];
	enum err err;

	err = broker_tls_http(b->conf, &ctx, diag);
	if (err != ERR_OK)
		return err;
	err = sock_addr_parse(&sa, b->conf->bindAddress,
	    (uint16_t)b->conf->webServicePortTls, diag);
	if (err == ERR_OK)
		err = http_listen_tls(b->http, ctx, &sa, diag);
	tls_ctx_unref(&ctx);
	if (err != ERR_OK)
		return err;
	printf("listening https %s\n",
	    sock_addr_text(http_tls_addr(b->http), text, sizeof(text)));
	return ERR_OK;
}

static enum err
open_storage(struct broker *b, struct diag *diag)
{
	struct disk_files_conf dc = DISK_FILES_CONF_DEFAULT;
	struct core_conf cc;
	struct meta *m;
	enum err err;

	err =
	    datadir_open(&b->dir, b->conf->dataDir, DATADIR_FORMAT, true, diag);
	if (err != ERR_OK)
		return err;
	err = meta_lmdb_open(&b->lmdb, b->conf->dataDir, false, diag);
	if (err == ERR_OK)
		err = meta_lmdb_open_as(
		    &b->due, b->conf->dataDir, "due", false, diag);
	if (err != ERR_OK)
		return err;
	confmap_core(&cc, b->conf, 0, b->shards_n);
	m = meta_lmdb_handle(b->lmdb, NULL);
	err = core_bootstrap(m, &cc);
	if (err == ERR_OK)
		err = broker_auth_open(b->conf, m, &b->secrets, diag);
	meta_lmdb_handle_free(&m);
	if (err != ERR_OK)
		return err;
	dc.readers_n = (unsigned)b->conf->coldReadThreads;
	return disk_files_new(&b->files, b->conf->dataDir, &dc, diag);
}

enum err
broker_start(
    struct broker **bp, const struct broker_args *args, struct diag *diag)
{
	struct broker *b;
	enum err err = ERR_OK;
	unsigned i;

	ALLOC_OBJ(b, BROKER_MAGIC);
	*bp = b;
	b->args = *args;
	b->conf = args->conf;
	if (b->conf->aclEnable && b->conf->rocketmqEnable)
		b->acl_file = b->conf->aclPlainFile[0] != '\0' ?
		    mem_strdup(b->conf->aclPlainFile) :
		    mem_printf("%s/plain_acl.yml", b->conf->dataDir);
	b->throttle = throttle_new(
	    prot_random(), (unsigned)b->conf->authenticationFailureLimit);
	b->shards_n =
	    b->conf->shards > 0 ? (unsigned)b->conf->shards : thread_cpus();
	if (b->shards_n > SHARDS_MAX)
		b->shards_n = SHARDS_MAX;
	if (b->conf->user[0] != '\0')
		err = user_lend(b->conf->user, b->conf->dataDir, diag);
	if (err == ERR_OK)
		err = open_storage(b, diag);
	if (err == ERR_OK)
		err = audit_new(&b->audit, b->conf->auditLogFile, diag);
	if (err != ERR_OK)
		return err;
	printf("data directory %s\n", b->conf->dataDir);
	b->quota_pulsar =
	    quota_new(prot_random(), (unsigned)b->conf->brokerMaxConnections,
		(unsigned)b->conf->brokerMaxConnectionsPerIp);
	b->quota_rmq =
	    quota_new(prot_random(), (unsigned)b->conf->rocketmqMaxConnections,
		(unsigned)b->conf->rocketmqMaxConnectionsPerIp);
	/* how many there are of all addresses, http counts itself */
	b->quota_http = quota_new(
	    prot_random(), 0, (unsigned)b->conf->httpMaxConnectionsPerIp);
	b->shards = mem_zalloc(b->shards_n * sizeof(*b->shards));
	b->metrics = mem_zalloc(b->shards_n * sizeof(struct metrics *));
	for (i = 0; i < b->shards_n; i++) {
		shard_init(&b->shards[i], b, i);
		b->metrics[i] = b->shards[i].metrics;
	}
	for (i = 0; err == ERR_OK && i < b->shards_n; i++)
		err = start_shard(b, &b->shards[i], diag);
	if (err == ERR_OK)
		err = listen_pulsar(b, diag);
	if (err == ERR_OK && b->conf->rocketmqEnable)
		err = broker_rmq_start(b, b->conf, diag);
	if (err == ERR_OK)
		err = broker_tls_set(b, b->conf, false, diag);
	if (err == ERR_OK && b->conf->brokerServicePortTls >= 0)
		err = listen_pulsar_tls(b, diag);
	if (err == ERR_OK)
		err = listen_http(b, diag);
	if (err == ERR_OK && b->conf->webServicePortTls >= 0)
		err = listen_https(b, diag);
	if (err == ERR_OK && conf_authenticates_pulsar(b->conf))
		b->openid = openid_service_new(b);
	if (err == ERR_OK)
		err = broker_auth_set(b, b->conf, false, diag);
	if (err == ERR_OK)
		err = broker_rmq_set_accounts(b, false, diag);
	if (err == ERR_OK)
		err = user_drop(diag);
	return err;
}

/* --- stop ------------------------------------------------------------------------ */

static void
stop_all(struct broker *b)
{
	unsigned i;

	for (i = 0; i < b->shards_n; i++)
		shard_stop(&b->shards[i]);
}

static void
count_drained(struct shard *sh, void *priv)
{
	struct broker *b = priv;

	assert(sh->n == 0);
	if (++b->drained_n == b->shards_n)
		stop_all(b);
}

static void
shard_drained(void *priv)
{
	struct shard *sh = priv;

	if (!atomic_exchange(&sh->drained, true))
		shard_call(&sh->broker->shards[0], count_drained, sh->broker);
}

static void
drain_shard(struct shard *sh, void *priv)
{
	(void)priv;
	shard_deafen(sh);
	pulsar_drain(sh->pulsar);
	if (sh->rmq != NULL)
		rmq_drain(sh->rmq);
	core_drain(sh->core, shard_drained, sh);
}

static void
on_drain_timeout(void *priv)
{
	struct broker *b = priv;

	LOG(LOG_WARN, 0, "drain_timeout");
	b->status = 1;
	stop_all(b);
}

static void
on_stop(void *priv, int signo)
{
	struct broker *b = priv;
	unsigned i;

	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	LOG(LOG_INFO, 0, "stopping", LOG_I("signal", signo));
	if (b->draining) {
		b->status = 1;
		stop_all(b);
		return;
	}
	b->draining = true;
	http_drain(b->http);
	loop_timer_start(&b->drain_timer, DRAIN_MAX_MS * CLOCK_NS_PER_MS);
	for (i = 0; i < b->shards_n; i++)
		shard_call(&b->shards[i], drain_shard, NULL);
}

static void
take_conf(struct shard *sh, void *priv)
{
	core_set_conf(sh->core, priv);
	mem_free(priv);
}

static void
on_hup(void *priv, int signo)
{
	struct broker *b = priv;
	struct diag diag = { "" };
	struct core_conf *cc;
	unsigned i;
	bool well;

	(void)signo;
	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	if (b->draining)
		return;
	well = reload_conf(
	    b->conf, b->args.conf_file, b->args.overrides_n, b->args.overrides);
	/* it may have been rotated, whatever became of the configuration */
	if (audit_reopen(b->audit, b->conf->auditLogFile, &diag) != ERR_OK)
		LOG(LOG_ERROR, 0, "audit_not_reopened",
		    LOG_S("reason", diag.msg));
	if (!well)
		return;
	for (i = 0; i < b->shards_n; i++) {
		cc = mem_alloc(sizeof(*cc));
		confmap_core(cc, b->conf, i, b->shards_n);
		shard_call(&b->shards[i], take_conf, cc);
	}
	if (broker_tls_set(b, b->conf, true, &diag) != ERR_OK)
		LOG(LOG_ERROR, 0, "tls_not_reloaded",
		    LOG_S("reason", diag.msg));
	if (broker_auth_set(b, b->conf, true, &diag) != ERR_OK)
		LOG(LOG_ERROR, 0, "authentication_not_reloaded",
		    LOG_S("reason", diag.msg));
	if (broker_rmq_set_accounts(b, true, &diag) != ERR_OK)
		LOG(LOG_ERROR, 0, "acl_not_reloaded",
		    LOG_S("reason", diag.msg));
}

static void
run_thread(void *priv)
{
	shard_run(priv);
}

int
broker_run(struct broker *b)
{
	struct shard *s0;
	unsigned i;

	CHECK_OBJ_NOTNULL(b, BROKER_MAGIC);
	s0 = &b->shards[0];
	loop_signal_init(&b->on_term, s0->lp, SIGTERM, on_stop, b);
	loop_signal_init(&b->on_int, s0->lp, SIGINT, on_stop, b);
	loop_signal_init(&b->on_hup, s0->lp, SIGHUP, on_hup, b);
	loop_timer_init(&b->drain_timer, s0->lp, on_drain_timeout, b);
	for (i = 1; i < b->shards_n; i++) {
		char name[24]; /* thread_start keeps 15 bytes */

		snprintf(name, sizeof(name), "shard-%u", i);
		thread_start(&b->shards[i].th, name, run_thread, &b->shards[i]);
	}
	printf("ready in %lld ms\n",
	    (long long)((clock_mono_ns() - b->args.started_mono_ns) /
		CLOCK_NS_PER_MS));
	fflush(stdout);
	shard_run(s0);
	for (i = 1; i < b->shards_n; i++)
		thread_join(&b->shards[i].th);
	loop_bind(s0->lp);
	loop_timer_fini(&b->drain_timer);
	loop_signal_fini(&b->on_hup);
	loop_signal_fini(&b->on_int);
	loop_signal_fini(&b->on_term);
	return b->status;
}

static void
settle_shards(struct broker *b)
{
	unsigned i;
	bool moved;

	do {
		moved = false;
		for (i = 0; i < b->shards_n; i++)
			moved |= shard_settle(&b->shards[i]);
	} while (moved);
}

static void
close_shards(struct broker *b)
{
	unsigned i;

	/* a last word may still be on its way to its session's shard */
	settle_shards(b);
	for (i = 0; i < b->shards_n; i++)
		shard_hang_up(&b->shards[i]);
	settle_shards(b);
	for (i = 0; i < b->shards_n; i++)
		shard_close(&b->shards[i]);
}

static void
free_quota(struct quota **qp)
{
	if (*qp != NULL) /* it started so far */
		quota_free(qp);
}

/* Everything acknowledged is durable already: what is still in memory may go. */
void
broker_free(struct broker **bp)
{
	struct broker *b;

	TAKE_OBJ_NOTNULL(b, bp, BROKER_MAGIC);
	if (b->http != NULL) {
		loop_bind(b->shards[0].lp);
		b->shards[0].http = NULL;
		http_free(&b->http);
	}
	if (b->openid != NULL)
		openid_service_stop(b->openid);
	if (b->files != NULL)
		disk_files_give_up(b->files);
	if (b->shards != NULL)
		close_shards(b);
	if (b->openid != NULL)
		openid_service_free(&b->openid);
	if (b->files != NULL)
		disk_files_free(&b->files);
	if (b->lmdb != NULL)
		meta_lmdb_close(&b->lmdb);
	if (b->due != NULL)
		meta_lmdb_close(&b->due);
	if (b->audit != NULL)
		audit_free(&b->audit);
	if (b->throttle != NULL)
		throttle_free(&b->throttle);
	if (b->secrets != NULL)
		secret_box_free(&b->secrets);
	if (b->dir != NULL)
		datadir_close(&b->dir);
	mem_free(b->acl_file);
	mem_free(b->metrics);
	mem_free(b->shards);
	op_thread_fini();
	free_quota(&b->quota_pulsar);
	free_quota(&b->quota_rmq);
	free_quota(&b->quota_http);
	FREE_OBJ(b);
}
