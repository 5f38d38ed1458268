/* SPDX-License-Identifier: Apache-2.0 */
/* The dice: what happens next, faults, and the end, when all must be there. */
#include "tests/sim/sim.h"

#define MS INT64_C(1000000)
#define END_TURNS 4000u

/* mostly small, at times near n */
static unsigned
slow(struct sim *w, unsigned n)
{
	return (unsigned)(rnd(w, n) * rnd(w, n) / n);
}

static void
dice(struct sim *w)
{
	static const uint32_t sizes[] = { 300, 2000, 8000 };

	w->slow_disk = slow(w, 98);
	w->slow_meta = slow(w, 98);
	w->slow_net = slow(w, 90);
	w->slow_client = slow(w, 90);
	w->cuts = (unsigned)rnd(w, 3);
	w->crashes = (unsigned)rnd(w, 4);
	/* most seeds have few kinds of trouble */
	w->enospc = rnd(w, 4) == 0 ? (unsigned)rnd(w, 4) : 0;
	w->eio = rnd(w, 5) == 0 ? (unsigned)rnd(w, 3) : 0;
	w->readfail = rnd(w, 5) == 0 ? (unsigned)rnd(w, 10) : 0;
	w->metafail = rnd(w, 6) == 0 ? (unsigned)rnd(w, 3) : 0;
	w->unloads = rnd(w, 4) == 0 ? (unsigned)rnd(w, 8) : 0;
	w->drains = rnd(w, 4) == 0 ? (unsigned)rnd(w, 3) : 0;
	w->reshards = rnd(w, 4) == 0 ? 500 : 0;
	w->high_water = rnd(w, 2) == 0 ? 10 + (uint32_t)rnd(w, 50) : 1000;
	w->acks_stale = rnd(w, 4) == 0 ? (unsigned)rnd(w, 20) : 0;
	w->acks_reply = (unsigned)rnd(w, 101);
	w->batch = (unsigned)rnd(w, 101);
	w->nacks = (unsigned)rnd(w, 20);
	w->redeliver_all = (unsigned)rnd(w, 100);
	w->closes = (unsigned)rnd(w, 4);
	w->seeks = rnd(w, 4) == 0 ? (unsigned)rnd(w, 20) : 0;
	w->unsubs = rnd(w, 5) == 0 ? (unsigned)rnd(w, 10) : 0;
	w->delays = rnd(w, 2) == 0 ? (unsigned)rnd(w, 60) : 0;
	w->stages = rnd(w, 2) == 0 ? (unsigned)rnd(w, 40) : 0;
	w->body_max = sizes[rnd(w, 3)];
	w->leases = rnd(w, 2) == 0 ? (unsigned)rnd(w, 60) : 0;
	w->reads = rnd(w, 2) == 0 ? (unsigned)rnd(w, 60) : 0;
	/* what clients of both protocols do is in every seed */
	if (w->leases + w->reads + w->stages == 0)
		w->reads = w->stages = 1 + (unsigned)rnd(w, 40);
	w->claims = rnd(w, 2) == 0 ? (unsigned)rnd(w, 20) : 0;
	w->seats = rnd(w, 2) == 0 ? (unsigned)rnd(w, 60) : 0;
	w->deletes = rnd(w, 5) == 0 ? 1 + (unsigned)rnd(w, 3) : 0;
	trace(w,
	    "dice: %u shards, enospc %u, eio %u, readfail %u, metafail %u, "
	    "unloads %u, drains %u, reshards %u, stale %u, seeks %u, unsubs %u",
	    w->shards_n, w->enospc, w->eio, w->readfail, w->metafail,
	    w->unloads, w->drains, w->reshards, w->acks_stale, w->seeks,
	    w->unsubs);
}

static struct conn *
some_conn(struct sim *w)
{
	struct conn *cn;
	uint64_t n = 0;

	LIST_FOREACH(cn, &w->conns, link)
		n++;
	if (n == 0)
		return NULL;
	n = rnd(w, n);
	cn = LIST_FIRST(&w->conns);
	while (n-- > 0)
		cn = LIST_NEXT(cn, link);
	return cn;
}

static void
network(struct sim *w)
{
	struct conn *cn = some_conn(w);
	uint64_t n = 1 + rnd(w, 40);
	bool up;

	if (cn == NULL)
		return;
	if (rnd(w, 1000) < w->cuts && cn->client_up) {
		net_cut(w, cn, rnd(w, 3) == 0);
		return;
	}
	if (!cn->client_up && !cn->cut && rnd(w, 20) == 0)
		net_notice(cn);
	up = rnd(w, 2) == 0;
	while (n-- > 0)
		if (!(up ? net_to_core(w, cn) : net_to_client(w, cn)))
			return;
}

static void
clients(struct sim *w)
{
	uint64_t n = 1 + rnd(w, 6), k;

	for (; n > 0; n--) {
		k = rnd(w, w->producers_n + w->consumers_n);
		client_act(w,
		    k < w->producers_n ? &w->p[k] : &w->c[k - w->producers_n]);
	}
}

static void
pass(struct sim *w, int64_t ns)
{
	w->mono_ns += ns;
	w->wall_ms += ns / MS;
}

static void
time_passes(struct sim *w)
{
	int64_t until;
	unsigned i;

	if (rnd(w, 30) != 0) {
		w->mono_ns += (int64_t)rnd(w, 100000);
		return;
	}
	/* an idle while, so that what waits for time comes */
	until = w->mono_ns + (int64_t)rnd(w, 8) * 250 * MS;
	for (i = 0; i < 100 && world_advance(w, until); i++)
		;
}

static void
again(struct sim *w)
{
	if (rnd(w, 1000) < w->reshards) {
		w->shards_n = 1 + (unsigned)rnd(w, SHARDS_MAX);
		w->st.reshards++;
	}
	world_start(w);
}

static void
crash(struct sim *w)
{
	world_crash(w, rnd(w, 2) == 0);
	again(w);
}

/* true: something was done */
static bool
faults(struct sim *w)
{
	if (rnd(w, 1000) < w->crashes) {
		crash(w);
		return true;
	}
	if (!w->sick && !w->hungry && rnd(w, 1000) < w->drains) {
		world_drain(w);
		again(w);
		return true;
	}
	if (rnd(w, 1000) < w->eio) {
		trace(w, "a write will fail");
		w->st.failed_writes++;
		w->sick = true;
		disk_mem_fail_write(w->dm, 1 + (uint32_t)rnd(w, 4), ERR_IO);
	}
	if (w->sick && rnd(w, 200) == 0) {
		crash(w);
		return true;
	}
	if (rnd(w, 1000) < w->readfail) {
		trace(w, "a read will fail");
		w->st.failed_reads++;
		disk_mem_fail_read(w->dm, 1 + (uint32_t)rnd(w, 4), ERR_IO);
	}
	if (rnd(w, 1000) < w->metafail) {
		trace(w, "commits will fail");
		w->st.failed_commits++;
		w->sick = true;
		meta_mem_fail_commits(w->mm, 1 + rnd(w, 3),
		    rnd(w, 2) == 0 ? ERR_IO : ERR_NO_SPACE);
	}
	if (w->hungry && rnd(w, 150) == 0) {
		trace(w, "room again");
		w->hungry = false;
		world_room(w, UINT32_MAX);
	} else if (rnd(w, 1000) < w->enospc) {
		trace(w, "hardly any room");
		w->st.no_room++;
		w->hungry = true;
		world_room(w, (uint32_t)rnd(w, 3));
	}
	if (rnd(w, 1000) < w->unloads) {
		w->st.unloads++;
		net_admin(
		    w, &w->t[rnd(w, w->topics_n)], OP_TOPIC_UNLOAD, false);
	}
	if (rnd(w, 1000) < w->deletes)
		del_topic(w, &w->t[rnd(w, w->topics_n)]);
	return false;
}

static void
step(struct sim *w)
{
	uint64_t d = rnd(w, 100);
	unsigned i;

	if (faults(w))
		return;
	if (d < 25) {
		for (i = 0; i < 4 && !chance(w, w->slow_net); i++)
			network(w);
	} else if (d < 45) {
		if (!chance(w, w->slow_client))
			clients(w);
		if (chance(w, w->reads))
			reads_act(w);
		if (chance(w, w->leases))
			leases_act(w);
		if (chance(w, w->stages))
			stager_act(w);
		if (chance(w, w->claims))
			claims_act(w);
		if (chance(w, w->seats))
			seats_act(w);
	} else if (d < 65) {
		if (!chance(w, w->slow_disk))
			world_pump(w, 1 + rnd(w, 4), 0);
	} else if (d < 72) {
		if (!chance(w, w->slow_meta))
			world_pump(w, 0, 1 + rnd(w, 4));
	} else if (d < 95) {
		i = (unsigned)rnd(w, w->shards_n);
		world_pump(w, 0, 0);
		world_turn(w, i);
	} else
		time_passes(w);
}

/* --- the end ---------------------------------------------------------------------- */

static void
network_all(struct sim *w)
{
	struct conn *cn, *next;

	for (cn = LIST_FIRST(&w->conns); cn != NULL; cn = next) {
		next = LIST_NEXT(cn, link);
		while (cn->client_up && net_to_client(w, cn))
			;
		while (cn->to_core_n > 0 && net_to_core(w, cn))
			;
		if (!cn->client_up) {
			net_notice(cn);
			(void)net_to_core(w, cn);
		}
	}
}

/* Everybody is served for ms of virtual time. */
static void
settle(struct sim *w, int64_t ms)
{
	int64_t until = w->mono_ns + ms * MS;
	unsigned i;

	for (i = 0; i < 1000000; i++) {
		network_all(w);
		if (!world_advance(w, until))
			return;
	}
	violation(w, "it never comes to rest");
}

static bool
producers_done(struct sim *w)
{
	struct client *cl;
	bool done = true;
	unsigned i;

	for (i = 0; i < w->producers_n; i++) {
		cl = &w->p[i];
		if (cl->pend_n == 0)
			continue;
		done = false;
		if (cl->state == CL_IDLE)
			client_open(w, cl, false);
		else if (cl->state == CL_OPEN)
			client_send(w, cl, UINT32_MAX);
	}
	return done;
}

static void
send_all(struct sim *w)
{
	unsigned i;

	for (i = 0; !producers_done(w); i++) {
		if (i > 200)
			violation(w, "producers never get their receipts");
		settle(w, 100);
	}
}

static void
send_delayed(struct sim *w)
{
	unsigned i;

	w->delays = 60;
	for (i = 0; i < w->producers_n; i++)
		client_new_messages(w, &w->p[i], 20);
	send_all(w);
}

static void
close_all(struct sim *w)
{
	struct client *cl;
	unsigned i, k;

	for (k = 0; k < 3; k++) {
		for (i = 0; i < w->producers_n + w->consumers_n; i++) {
			cl = i < w->producers_n ? &w->p[i] :
						  &w->c[i - w->producers_n];
			if (cl->state == CL_OPEN)
				client_close(w, cl);
		}
		settle(w, 8000); /* what nobody answers is probed */
	}
}

static void
serve(struct sim *w, bool ack)
{
	unsigned i, turn, quiet = 0;
	struct client *cl;
	uint64_t got;

	for (turn = 0; turn < 5000 && quiet < 15; turn++) {
		got = w->st.delivered;
		for (i = 0; i < w->consumers_n; i++) {
			cl = &w->c[i];
			if (cl->state == CL_IDLE)
				client_open(w, cl, true);
			if (cl->state != CL_OPEN)
				continue;
			if (cl->window < 10000)
				client_flow(w, cl, 100000);
			if (ack)
				client_ack_all(w, cl);
		}
		settle(w, 200);
		quiet = w->st.delivered == got ? quiet + 1 : 0;
	}
}

/* One consumer a subscription takes what is left. */
static void
take_all(struct sim *w, bool ack)
{
	struct client *cl;
	struct m_sub *s;
	unsigned i, k, n = 0;

	w->consumers_n = 0;
	for (i = 0; i < w->topics_n; i++)
		for (k = 0; k < SUBS_MAX; k++) {
			s = &w->t[i].subs[k];
			if (!s->durable || s->exists == EX_NO)
				continue;
			cl = &w->c[n++];
			*cl = (struct client){ .i = n,
				.got = cl->got,
				.got_cap = cl->got_cap,
				.t = &w->t[i],
				.sub = s };
			(void)snprintf(cl->name, sizeof cl->name, "end%u", n);
		}
	w->consumers_n = n;
	serve(w, ack);
	for (i = 0; i < n; i++)
		if (w->c[i].state != CL_OPEN)
			violation(w, "t%u %s cannot be subscribed to",
			    w->c[i].t->i, w->c[i].sub->name);
}

/* Every topic by index, from the first message to the last; groups are where they
 * may be. */
static void
read_all(struct sim *w)
{
	struct m_topic *t;
	unsigned i, turn;
	bool more = true;

	for (turn = 0; more; turn++) {
		if (turn > 5000)
			violation(w, "a topic is never read to its end");
		more = false;
		for (i = 0; i < w->topics_n; i++) {
			t = &w->t[i];
			if (reads_next(w, t, turn == 0))
				more = true;
		}
		if (seats_read_next(w, turn == 0))
			more = true;
		settle(w, 20);
		reads_check_rest(w);
	}
}

/* Whatever is out comes back, and is acknowledged. */
static void
lease_all(struct sim *w)
{
	unsigned i, turn, quiet = 0;
	bool more;

	settle(w, 4000);
	for (turn = 0; quiet < 3; turn++) {
		if (turn > 5000)
			violation(w, "leases never come to an end");
		more = false;
		for (i = 0; i < w->topics_n; i++)
			if (leases_next(w, &w->t[i]))
				more = true;
		settle(w, 20);
		leases_check_rest(w);
		quiet = more ? 0 : quiet + 1;
	}
	leases_check_end(w);
}

static void
end(struct sim *w)
{
	trace(w, "the end: faults are over");
	w->ending = true;
	w->hungry = false;
	world_room(w, UINT32_MAX);
	meta_mem_fail_commits(w->mm, 0, ERR_OK);
	disk_mem_fail_write(w->dm, 0, ERR_OK);
	disk_mem_fail_read(w->dm, 0, ERR_OK);
	if (w->sick)
		crash(w);
	settle(w, 6000); /* everything is due by then */
	del_started(w); /* all are answered */
	close_all(w);
	reads_check_rest(w);
	send_all(w);
	stager_commit_all(w);
	seats_fill_all(w);
	settle(w, 1000);
	seats_check_rest(w);
	read_all(w);
	lease_all(w);
	take_all(w, true);
	check_end(w);
	read_all(w);
	stager_check(w);
	/* what is delayed comes to those that are connected */
	send_delayed(w);
	serve(w, true);
	check_end(w);
	/* and nothing of it comes back */
	crash(w);
	read_all(w);
	lease_all(w);
	take_all(w, false);
	check_end(w);
}

void
drive(struct sim *w)
{
	dice(w);
	world_start(w);
	for (w->step = 0; w->step < w->o.steps; w->step++) {
		pass(w, 2000);
		step(w);
		w->st.steps++;
	}
	end(w);
}
