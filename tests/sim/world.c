/* SPDX-License-Identifier: Apache-2.0 */
/* Disk, metadata and shards: start, crash, turns, time. */
#include "tests/sim/sim.h"

#include <string.h>

#include "core/name.h"

#define WALL_START INT64_C(1700000000000)

static void
conf_core(struct sim *w)
{
	w->conf = (struct core_conf){
		.shards_n = w->shards_n,
		.cluster = "standalone",
		.auto_topic = true,
		.auto_sub = true,
		.default_partitions = 1,
		.max_message_bytes = 1 << 20,
		.failover_delay_ms = rnd(w, 2) == 0 ? 0 : 1000,
		.delayed = true,
		.hash_ring = rnd(w, 3) != 0,
		.hash_ring_points = 100,
		.batch_index_ack = true,
		.sync = true,
		.ledger_max_entries = 20 + rnd(w, 300),
		.ledger_max_bytes = 1 << 30,
		.ledger_min_roll_ms = rnd(w, 2) == 0 ? 0 : 500,
		.ledger_max_roll_ms = 60000,
		.inactive_ms = 60000,
		.idle_unload_ms = 500 + (int64_t)rnd(w, 20000),
		.max_waiting_reads = 1000,
		.max_leases = 1000,
		.max_pending_publishes = 16384,
	};
	if (rnd(w, 2) == 0)
		w->conf.due_window = 4 + (uint32_t)rnd(w, 100);
	if (rnd(w, 3) == 0)
		w->conf.ledger_max_entries = 50000;
	if (rnd(w, 3) == 0)
		w->conf.limits.v[LIM_MAX_UNACKED_CONSUMER].n =
		    20 + (uint32_t)rnd(w, 100);
	if (rnd(w, 3) == 0)
		w->conf.limits.v[LIM_MAX_UNACKED_SUB].n =
		    40 + (uint32_t)rnd(w, 200);
}

static void
conf_local(struct sim *w)
{
	struct local_conf *c = &w->lconf;

	local_conf_init(c);
	c->nshards = w->shards_n;
	c->segment_bytes = (64u << 10) << rnd(w, 3);
	c->group_bytes = c->segment_bytes / (4u << rnd(w, 2));
	c->max_entry_bytes = c->segment_bytes / 4;
	c->cache_bytes = (uint64_t)c->segment_bytes * (1 + rnd(w, 8));
	c->index_bytes = rnd(w, 2) == 0 ? 4096 : 1 << 20;
	c->min_free_segments = 1 + (uint32_t)rnd(w, 2);
	c->max_free_segments = c->min_free_segments + (uint32_t)rnd(w, 3);
	c->checkpoint_segments = 1 + (uint32_t)rnd(w, 4);
	c->read_bytes = 4096u << rnd(w, 5);
	c->reads_max = 1 + (uint32_t)rnd(w, 8);
}

void
world_init(struct sim *w)
{
	w->wall_ms = WALL_START;
	w->mono_ns = 1000000000;
	w->dm = disk_mem_new(rnd(w, UINT64_MAX));
	w->mm = meta_mem_new();
	w->shards_n = 1 + (rnd(w, 4) == 0);
	conf_core(w);
	conf_local(w);
	spy_reset(w);
}

unsigned
world_shard_of(const struct sim *w, const char *topic)
{
	return topic_shard(str_of(topic), w->shards_n);
}

static void
set_time(struct sim *w)
{
	unsigned i;

	for (i = 0; i < w->shards_n; i++)
		core_set_time(w->sh[i].co, w->wall_ms, w->mono_ns);
}

static void
start_shard(struct sim *w, unsigned i)
{
	struct shard *sh = &w->sh[i];

	sh->w = w;
	sh->i = i;
	w->conf.shard = w->lconf.shard = i;
	w->conf.shards_n = w->lconf.nshards = w->shards_n;
	sh->disk = disk_mem_handle(w->dm);
	sh->meta = meta_mem_handle(w->mm);
	if (core_bootstrap(sh->meta, &w->conf) != ERR_OK)
		violation(w, "bootstrap of shard %u failed", i);
	sh->co = core_new(&w->conf, &check_out, sh, sh->meta);
	sh->lgs = local_ledgers_new(
	    &w->lconf, sh->disk, sh->meta, spy_client(), sh->co);
	core_set_ledgers(sh->co, sh->lgs);
}

void
world_start(struct sim *w)
{
	struct local_recovery rec;
	struct diag dg;
	unsigned i;
	enum err e;

	w->dead = w->sick = false;
	meta_mem_fail_commits(w->mm, 0, ERR_OK);
	w->life++;
	for (i = 0; i < w->shards_n; i++)
		start_shard(w, i);
	del_started(w);
	for (i = 0; i < w->shards_n; i++) {
		e = local_recover(w->sh[i].lgs, w->wall_ms, &rec, &dg);
		if (e != ERR_OK)
			violation(
			    w, "recovery of shard %u: %s", i, err_text(e));
		trace(w,
		    "recovered shard %u: %ju segments, %ju groups, %ju entries, "
		    "%ju torn bytes",
		    i, (uintmax_t)rec.segments, (uintmax_t)rec.groups,
		    (uintmax_t)rec.entries, (uintmax_t)rec.torn_bytes);
		if (rec.corrupt != 0)
			violation(w, "recovery of shard %u met damage", i);
		spy_attach(w, &w->sh[i]);
	}
}

static void
add_stats(struct sim *w)
{
	struct local_stats st;
	unsigned i;

	for (i = 0; i < w->shards_n; i++) {
		local_stats(w->sh[i].lgs, &st);
		w->st.groups += st.groups;
		w->st.reads += st.reads;
		w->st.checkpoints += st.checkpoints;
		w->st.sealed += st.segments_sealed;
		w->st.freed += st.segments_freed;
		w->st.recycled += st.segments_recycled;
	}
}

static void
stop_shards(struct sim *w)
{
	struct shard *sh;
	unsigned i;

	w->dead = true;
	for (i = 0; i < w->shards_n; i++) {
		sh = &w->sh[i];
		core_free(&sh->co);
		local_ledgers_free(&sh->lgs);
	}
	/* what a dying core asks for never came */
	meta_mem_crash(w->mm, 0);
	AZ(disk_mem_queued(w->dm));
	for (i = 0; i < w->shards_n; i++) {
		disk_mem_handle_free(&w->sh[i].disk);
		meta_mem_handle_free(&w->sh[i].meta);
	}
}

void
world_crash(struct sim *w, bool power)
{
	trace(w, "%s", power ? "power loss" : "kill");
	if (power)
		w->st.power_losses++;
	else
		w->st.kills++;
	add_stats(w);
	reads_floor(w);
	meta_mem_crash(w->mm, rnd(w, meta_mem_queued(w->mm) + 1));
	if (power)
		disk_mem_crash(w->dm);
	else
		disk_mem_kill(w->dm);
	stop_shards(w);
	net_crash(w);
	ack_crash(w);
	reads_crash(w);
	leases_crash(w);
	seats_crash();
	claims_crash(w);
	stager_crash(w, w->drained);
	w->drained = false;
	model_crash(w);
	spy_reset(w);
}

static void
drained(void *priv)
{
	++*(unsigned *)priv;
}

void
world_drain(struct sim *w)
{
	int64_t until = w->mono_ns + INT64_C(60000000000);
	unsigned done = 0, i;

	trace(w, "shut down");
	w->st.shutdowns++;
	seats_drain();
	for (i = 0; i < w->shards_n; i++)
		core_drain(w->sh[i].co, drained, &done);
	for (i = 0; i < 100000 && done < w->shards_n; i++)
		if (!world_advance(w, until))
			break;
	if (done < w->shards_n)
		violation(w, "a shut down does not end");
	model_drained(w);
	w->drained = true;
	world_crash(w, rnd(w, 2) == 0);
}

void
world_room(struct sim *w, uint32_t segments)
{
	uint64_t ids[1024];

	if (segments == UINT32_MAX) {
		disk_mem_limit(w->dm, 0);
		return;
	}
	segments += (uint32_t)disk_mem_files(w->dm, ids, 1024);
	disk_mem_limit(w->dm, (uint64_t)segments * w->lconf.segment_bytes);
}

bool
world_failed(const struct sim *w)
{
	struct local_stats st;
	unsigned i;

	for (i = 0; i < w->shards_n; i++) {
		local_stats(w->sh[i].lgs, &st);
		if (st.failed)
			return true;
	}
	return false;
}

void
world_fini(struct sim *w)
{
	world_crash(w, false);
	disk_mem_free(&w->dm);
	meta_mem_free(&w->mm);
	op_thread_fini();
}

/* --- time --------------------------------------------------------------------- */

void
world_turn(struct sim *w, unsigned i)
{
	struct shard *sh = &w->sh[i];

	net_late(w);
	(void)core_poll(sh->co, w->wall_ms, w->mono_ns);
	(void)sh->lgs->ops->poll(sh->lgs, w->wall_ms, w->mono_ns);
	(void)stager_posts(w);
	net_late(w);
}

void
world_pump(struct sim *w, size_t disk, size_t meta)
{
	set_time(w);
	if (disk > 0)
		(void)disk_mem_pump(w->dm, disk);
	if (meta > 0)
		(void)meta_mem_pump(w->mm, meta);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a < 0 || (b >= 0 && b < a))
		return b;
	return a;
}

static int64_t
due_ns(struct sim *w)
{
	int64_t due = -1;
	struct shard *sh;
	unsigned i;

	for (i = 0; i < w->shards_n; i++) {
		sh = &w->sh[i];
		(void)core_poll(sh->co, w->wall_ms, w->mono_ns);
		due = sooner(
		    due, sh->lgs->ops->poll(sh->lgs, w->wall_ms, w->mono_ns));
		due = sooner(due, core_due(sh->co));
	}
	return due;
}

bool
world_advance(struct sim *w, int64_t until_ns)
{
	int64_t due, ns;

	set_time(w);
	net_late(w);
	due = due_ns(w);
	if (disk_mem_queued(w->dm) + meta_mem_queued(w->mm) > 0) {
		world_pump(w, disk_mem_queued(w->dm), meta_mem_queued(w->mm));
		return true;
	}
	if (stager_posts(w) || due == 0 || !STAILQ_EMPTY(&w->late))
		return true;
	ns = until_ns - w->mono_ns;
	if (due >= 0 && due < ns)
		ns = due;
	if (ns <= 0)
		return false;
	w->mono_ns += ns;
	w->wall_ms = WALL_START + w->mono_ns / 1000000;
	return true;
}
