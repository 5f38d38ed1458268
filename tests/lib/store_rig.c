/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/store_rig.h"

#include <string.h>

#include "base/mem.h"
#include "store/record.h"

uint64_t
rig_rnd(struct rig *r, uint64_t n)
{
	return disk_mem_random(&r->seed) % n;
}

void
rig_body(uint8_t *p, uint32_t key, uint32_t len)
{
	uint64_t s = key, v;

	for (uint32_t i = 0; i < len; i += 8) {
		v = disk_mem_random(&s);
		memcpy(p + i, &v, len - i < 8 ? len - i : 8);
	}
}

/* --- the client ----------------------------------------------------------- */

static void
ledger_opened(void *owner, struct ledger *lg, const struct ledger_info *info,
    enum err err)
{
	struct rledger *rl = owner;

	assert(rl->kind == 'L' && rl->want);
	rl->want = false;
	rl->err = err;
	if (err != ERR_OK)
		return;
	rl->lg = lg;
	rl->info = *info;
	rl->id = info->id;
	rl->opened = true;
	rl->closed = !info->open;
}

static void
appended(void *owner, int64_t first, uint32_t n, uint64_t index, int64_t ms,
    enum err err)
{
	struct rledger *rl = owner;
	uint64_t want = rl->first_index;

	assert(rl->kind == 'L' && rl->opened);
	assert(rl->acked + rl->failed + n <= rl->n);
	rl->err = err;
	if (err != ERR_OK) {
		/* nothing after it may have been answered */
		memmove(rl->app + rl->acked, rl->app + rl->acked + n,
		    (rl->n - rl->acked - n) * sizeof *rl->app);
		rl->n -= n;
		if (rl->let_go) {
			rl->let_go = rl->opened = false;
			rl->rig->lgs->ops->release(rl->rig->lgs, &rl->lg);
		}
		return;
	}
	assert(first == rl->acked);
	for (uint32_t i = 0; i < rl->acked; i++)
		want += rl->app[i].messages_n;
	for (uint32_t i = rl->acked; i < rl->acked + n; i++)
		if (rl->app[i].rider != NULL)
			rl->app[i].rider->set[rl->app[i].rider_no] =
			    rl->async ? 1 : 2;
	assert(index == want);
	assert(ms == rl->rig->wall_ms || ms < rl->rig->wall_ms);
	rl->acked += n;
}

static void
cursor_grow(struct rcursor *rc, uint32_t no)
{
	if (rc->seq_n == rc->seq_cap) {
		rc->seq_cap = rc->seq_cap == 0 ? 64 : rc->seq_cap * 2;
		rc->seq_no = mem_reallocarray(
		    rc->seq_no, rc->seq_cap, sizeof *rc->seq_no);
	}
	rc->seq_no[rc->seq_n++] = no;
}

static void
journal_opened(void *owner, struct journal *jo, const struct journal_blob *b,
    size_t n, enum err err)
{
	struct rcursor *rc = owner;
	uint8_t got[RIG_ACKS] = { 0 };
	bool delta = false;
	uint32_t v;

	assert(rc->kind == 'C' && !rc->opened);
	rc->err = err;
	if (rc->may_fail && err != ERR_OK)
		return;
	assert(err == ERR_OK);
	for (size_t i = 0; i < n; i++) {
		assert(b[i].len % 4 == 0);
		if (b[i].chunk == JOURNAL_DELTA)
			delta = true;
		else
			assert(!delta);
		for (size_t k = 0; k < b[i].len; k += 4) {
			v = le32_get(b[i].p + k);
			assert(v < RIG_ACKS);
			got[v] = 1;
			rc->newest = v;
		}
	}
	for (uint32_t i = 0; i < RIG_ACKS; i++) {
		/* durable: there; not appended: not there */
		assert(!(rc->set[i] == 2 && !got[i]));
		assert(!(rc->set[i] == 0 && got[i]));
		rc->set[i] = !got[i]		   ? 0 :
		    rc->refused && rc->set[i] == 1 ? 1 :
						     2;
	}
	rc->jo = jo;
	rc->opened = true;
	rc->seq_n = 0;
	rc->done = 0;
	if (!rc->let_go)
		return;
	rc->rig->lgs->ops->journal_release(rc->rig->lgs, &rc->jo);
	rc->let_go = rc->opened = false;
}

static void
journal_done(void *owner, uint64_t seq, enum err err)
{
	struct rcursor *rc = owner;

	assert(rc->kind == 'C');
	if (err != ERR_OK) {
		rc->refused = true;
		return;
	}
	assert(rc->opened);
	assert(seq >= rc->done && seq <= rc->seq_n);
	for (; rc->done < seq; rc->done++)
		rc->set[rc->seq_no[rc->done]] = 2;
}

static void
journal_snapshot(void *owner, struct journal *jo)
{
	struct rcursor *rc = owner;
	uint8_t b[RIG_ACKS * 4];
	size_t n = 0;

	assert(rc->kind == 'C' && (rc->jo == jo || rc->jo == NULL));
	for (uint32_t i = 0; i < RIG_ACKS; i++)
		if (rc->set[i] == 1 || rc->set[i] == 2) {
			le32_put(b + n, i);
			n += 4;
		}
	rc->rig->lgs->ops->journal_snap_put(jo, 0, b, n);
	rc->rig->lgs->ops->journal_snap_del(jo, 1);
}

static void
ledger_closed(void *owner, struct ledger *lg, const struct ledger_info *info,
    enum err err)
{
	struct rledger *rl = owner;

	assert(rl->lg == lg && rl->closing);
	rl->closing = false;
	rl->err = err;
	rl->info = *info;
	rl->closed = true;
	assert(info->last_entry + 1 == rl->acked);
}

static void
space(void *client, bool ok)
{
	struct rig *r = client;

	r->space = ok;
	r->space_calls++;
}

static const struct ledger_client_ops client_ops = {
	.ledger_opened = ledger_opened,
	.appended = appended,
	.journal_opened = journal_opened,
	.journal_done = journal_done,
	.journal_snapshot = journal_snapshot,
	.ledger_closed = ledger_closed,
	.space = space,
};

static void
report(void *priv, enum local_report what, uint64_t seg, uint64_t off,
    uint64_t len)
{
	struct rig *r = priv;

	(void)len;
	r->reports[what]++;
	r->last_seg = seg;
	r->last_off = off;
}

/* --- life ----------------------------------------------------------------- */

void
rig_init(struct rig *r, uint64_t seed)
{
	memset(r, 0, sizeof *r);
	r->seed = seed;
	r->dm = disk_mem_new(seed + 1);
	r->mm = meta_mem_new();
	r->wall_ms = 1700000000000;
	r->mono_ns = 1000000000;
	r->space = true;
	local_conf_init(&r->conf);
	r->conf.segment_bytes = 128u << 10;
	r->conf.group_bytes = 16u << 10;
	r->conf.cache_bytes = 256u << 10;
	r->conf.max_entry_bytes = 20u << 10;
	r->conf.read_bytes = 16u << 10;
	r->conf.index_bytes = 64u << 10;
	r->conf.reads_max = 2;
	r->conf.checkpoint_segments = 2;
	r->conf.rewrite_interval_ns = 20000000;
	r->conf.rewrite_bytes_per_s = 1u << 30;
	r->conf.report = report;
	r->conf.report_priv = r;
	for (int i = 0; i < RIG_LEDGERS; i++) {
		r->l[i].kind = 'L';
		r->l[i].rig = r;
	}
	for (int i = 0; i < RIG_CURSORS; i++) {
		r->c[i].kind = 'C';
		r->c[i].rig = r;
	}
}

enum err
rig_try_start(struct rig *r)
{
	struct diag dg = { .msg = "" };

	r->disk = disk_mem_handle(r->dm);
	r->meta = meta_mem_handle(r->mm);
	r->lgs = local_ledgers_new(&r->conf, r->disk, r->meta, &client_ops, r);
	r->lgs->formats = r->formats;
	r->space = true;
	return local_recover(r->lgs, r->wall_ms, &r->rec, &dg);
}

void
rig_start(struct rig *r)
{
	AZ(rig_try_start(r));
}

static void
gone(struct rig *r)
{
	for (int i = 0; i < RIG_LEDGERS; i++) {
		r->l[i].lg = NULL;
		r->l[i].opened = r->l[i].want = r->l[i].closing = false;
	}
	for (int i = 0; i < RIG_CURSORS; i++) {
		r->c[i].jo = NULL;
		r->c[i].opened = r->c[i].refused = false;
	}
}

static void
handles_drop(struct rig *r)
{
	local_ledgers_free(&r->lgs);
	disk_mem_handle_free(&r->disk);
	meta_mem_handle_free(&r->meta);
	gone(r);
}

void
rig_stop(struct rig *r)
{
	rig_settle(r);
	handles_drop(r);
}

/* The engine is thrown away as it is; disk and meta have forgotten what it had
 * outstanding. */
void
rig_crash(struct rig *r, bool power)
{
	r->power = power;
	if (power)
		disk_mem_crash(r->dm);
	else
		disk_mem_kill(r->dm);
	meta_mem_fail_commits(r->mm, 0, ERR_OK);
	meta_mem_crash(r->mm, rig_rnd(r, 3));
	local_ledgers_free(&r->lgs);
	disk_mem_handle_free(&r->disk);
	meta_mem_handle_free(&r->meta);
	gone(r);
}

void
rig_fini(struct rig *r)
{
	if (r->lgs != NULL)
		rig_stop(r);
	r->power = false;
	for (int i = 0; i < RIG_LEDGERS; i++)
		mem_free(r->l[i].app);
	for (int i = 0; i < RIG_CURSORS; i++)
		mem_free(r->c[i].seq_no);
	disk_mem_free(&r->dm);
	meta_mem_free(&r->mm);
}

/* --- turns ---------------------------------------------------------------- */

static int64_t
poll(struct rig *r)
{
	r->mono_ns += 100000;
	r->wall_ms = 1700000000000 + r->mono_ns / 1000000;
	return r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
}

void
rig_turn(struct rig *r)
{
	size_t n;

	/* now and then a wait that is longer than any of the engine's */
	if (rig_rnd(r, 8) == 0)
		r->mono_ns += (int64_t)rig_rnd(r, 400000000);
	(void)poll(r);
	n = disk_mem_queued(r->dm);
	if (n > 0 && rig_rnd(r, 4) != 0)
		(void)disk_mem_pump(r->dm, 1 + rig_rnd(r, n));
	n = meta_mem_queued(r->mm);
	if (n > 0 && rig_rnd(r, 4) != 0)
		(void)meta_mem_pump(r->mm, 1 + rig_rnd(r, n));
}

void
rig_settle(struct rig *r)
{
	int64_t ns;
	int quiet = 0, slow = 0;

	for (int i = 0; i < 100000 && quiet < 3; i++) {
		ns = poll(r);
		if (disk_mem_queued(r->dm) + meta_mem_queued(r->mm) > 0) {
			(void)disk_mem_pump(r->dm, 0);
			(void)meta_mem_pump(r->mm, 0);
			quiet = 0;
			continue;
		}
		/* pass what it waits for: delays of acks and syncs */
		if (ns > 0 &&
		    (ns < 600000000 || (ns <= 1000000000 && ++slow < 10))) {
			r->mono_ns += ns;
			quiet = 0;
		} else if (ns != 0) {
			quiet++;
		}
	}
	assert(quiet == 3);
}

/* --- ledgers -------------------------------------------------------------- */

struct rledger *
rig_create(struct rig *r, uint32_t i)
{
	struct rledger *rl = &r->l[i];

	assert(!rl->opened && !rl->want);
	rl->n = rl->acked = 0;
	rl->trim = 0;
	rl->deleted = rl->closed = false;
	rl->first_index = 1000 * i;
	rl->id = 0;
	rl->want = true;
	r->lgs->ops->create(r->lgs, rl->first_index, rl);
	for (int k = 0; k < 1000 && rl->want; k++) {
		r->mono_ns += 5000000;
		(void)poll(r);
		(void)disk_mem_pump(r->dm, 0);
		(void)meta_mem_pump(r->mm, 0);
	}
	assert(!rl->want);
	if (rl->err == ERR_NO_SPACE)
		return rig_create(r, i);
	AZ(rl->err);
	return rl;
}

static void
append(struct rledger *rl, uint32_t len, bool sync, struct rcursor *rc,
    uint32_t no)
{
	uint8_t delta[4];
	struct rig *r = rl->rig;
	struct rig_app *a;
	struct attr at;
	struct buf *b;
	struct slice s;

	if (rl->n == rl->cap) {
		rl->cap = rl->cap == 0 ? 64 : rl->cap * 2;
		rl->app = mem_reallocarray(rl->app, rl->cap, sizeof *rl->app);
	}
	a = &rl->app[rl->n++];
	a->key = (uint32_t)rig_rnd(r, UINT32_MAX);
	a->len = len;
	a->messages_n = rl->single ? 1 : 1 + a->key % 3;
	a->rider = rc;
	a->rider_no = no;
	b = buf_new(len + 8);
	rig_body(b->data, a->key, len);
	memset(&at, 0, sizeof at);
	at.format = ENTRY_FORMAT_PULSAR;
	at.aux = (uint8_t)a->key;
	at.flags = (uint16_t)(a->key >> 8);
	at.messages_n = a->messages_n;
	at.publish_time_ms = (int64_t)a->key * 7;
	at.deliver_at_ms = (int64_t)a->key * 11;
	at.key_hash = a->key ^ 1;
	at.tag_hash = a->key ^ 2;
	at.chunk_hash = a->key ^ 3;
	at.producer_hash = (uint64_t)a->key << 20;
	at.sequence = (int64_t)a->key - 5;
	s = slice_of(b, 0, len);
	if (rc == NULL) {
		r->lgs->ops->append(r->lgs, rl->lg, &at, &s, sync);
	} else {
		assert(rc->set[no] == 0);
		rc->set[no] = 3;
		le32_put(delta, no);
		r->lgs->ops->append_with(
		    r->lgs, rl->lg, &at, &s, sync, rc->jo, delta, sizeof delta);
	}
	buf_unref(&b);
}

void
rig_append(struct rledger *rl, uint32_t len, bool sync)
{
	append(rl, len, sync, NULL, 0);
}

void
rig_append_with(struct rledger *rl, uint32_t len, bool sync, struct rcursor *rc,
    uint32_t no)
{
	append(rl, len, sync, rc, no);
}

bool
rig_entry_is(const struct rledger *rl, int64_t i, const struct entry *e)
{
	const struct rig_app *a = &rl->app[i];
	const struct attr *at = &e->attr;
	uint64_t index = rl->first_index;
	uint8_t *b;
	bool same;

	for (int64_t k = 0; k < i; k++)
		index += rl->app[k].messages_n;
	if (e->pos.ledger != rl->id || e->pos.entry != i || e->index != index ||
	    e->body.len != a->len)
		return false;
	if (at->format != ENTRY_FORMAT_PULSAR || at->aux != (uint8_t)a->key ||
	    at->flags != (uint16_t)(a->key >> 8) ||
	    at->messages_n != a->messages_n ||
	    at->publish_time_ms != (int64_t)a->key * 7 ||
	    at->deliver_at_ms != (int64_t)a->key * 11 ||
	    at->key_hash != (a->key ^ 1) || at->tag_hash != (a->key ^ 2) ||
	    at->chunk_hash != (a->key ^ 3) ||
	    at->producer_hash != (uint64_t)a->key << 20 ||
	    at->sequence != (int64_t)a->key - 5)
		return false;
	b = mem_alloc(a->len + 8);
	rig_body(b, a->key, a->len);
	same = memcmp(b, e->body.p, a->len) == 0;
	mem_free(b);
	return same;
}

struct rread {
	struct ledger_read rd;
	bool done;
	enum err err;
};

static void
read_done(struct ledger_read *rd, enum err err)
{
	struct rread *rr = rd->priv;

	rr->done = true;
	rr->err = err;
}

uint32_t
rig_read_all(struct rledger *rl, uint32_t *corrupt)
{
	struct rig *r = rl->rig;
	struct rread rr;
	int64_t at = (int64_t)rl->trim;
	uint32_t n = 0;

	if (corrupt != NULL)
		*corrupt = 0;
	for (;;) {
		memset(&rr, 0, sizeof rr);
		rr.rd.magic = LEDGER_READ_MAGIC;
		rr.rd.lg = rl->lg;
		rr.rd.from = at;
		rr.rd.max_n = 1 + (uint32_t)rig_rnd(r, 40);
		rr.rd.max_bytes = 1 + (uint32_t)rig_rnd(r, 50000);
		rr.rd.done = read_done;
		rr.rd.priv = &rr;
		r->lgs->ops->read(r->lgs, &rr.rd);
		for (int i = 0; i < 10000 && !rr.done; i++)
			rig_turn(r);
		assert(rr.done);
		if (rr.err == ERR_EOF) {
			r->lgs->ops->read_fini(r->lgs, &rr.rd);
			return n;
		}
		if (rr.err == ERR_CORRUPT) {
			AN(corrupt);
			(*corrupt)++;
			assert(rr.rd.next > at);
		} else {
			AZ(rr.err);
			assert(rr.rd.n >= 1);
			for (uint32_t i = 0; i < rr.rd.n; i++) {
				assert(rig_entry_is(
				    rl, rr.rd.ent[i].pos.entry, &rr.rd.ent[i]));
				assert(rr.rd.ent[i].pos.entry >= at + i);
			}
			n += rr.rd.n;
		}
		at = rr.rd.next;
		r->lgs->ops->read_fini(r->lgs, &rr.rd);
	}
}

/* What was answered is there; what is there beyond was appended, in order. */
static void
compare(struct rledger *rl)
{
	uint64_t index = rl->first_index;

	AZ(rl->err);
	assert((rl->async && rl->rig->power) ||
	    rl->info.last_entry + 1 >= (int64_t)rl->acked);
	assert(rl->info.last_entry + 1 <= (int64_t)rl->n);
	rl->n = rl->acked = (uint32_t)(rl->info.last_entry + 1);
	for (uint32_t i = 0; i < rl->n; i++)
		index += rl->app[i].messages_n;
	assert(rl->info.next_index == index);
	assert(rl->info.first_index == rl->first_index);
}

void
rig_reopen(struct rig *r)
{
	for (int i = 0; i < RIG_LEDGERS; i++) {
		struct rledger *rl = &r->l[i];

		if (rl->id == 0 || rl->deleted)
			continue;
		rl->want = true;
		r->lgs->ops->open(r->lgs, rl->id, rl);
	}
	for (int i = 0; i < RIG_CURSORS; i++)
		if (r->c[i].used)
			r->lgs->ops->journal_open(
			    r->lgs, r->c[i].id, false, &r->c[i]);
	for (int k = 0; k < 1000; k++)
		rig_turn(r);
	for (int i = 0; i < RIG_LEDGERS; i++)
		if (r->l[i].id != 0 && !r->l[i].deleted)
			compare(&r->l[i]);
	for (int i = 0; i < RIG_CURSORS; i++)
		assert(!r->c[i].used || r->c[i].opened);
}

/* --- cursors -------------------------------------------------------------- */

struct rcursor *
rig_cursor(struct rig *r, uint32_t i)
{
	struct rcursor *rc = &r->c[i];

	assert(!rc->used);
	rc->id = r->lgs->ops->new_id(r->lgs);
	AN(rc->id);
	rc->used = true;
	r->lgs->ops->journal_open(r->lgs, rc->id, true, rc);
	(void)poll(r);
	assert(rc->opened);
	return rc;
}

void
rig_ack(struct rcursor *rc, uint32_t no, bool urgent)
{
	struct rig *r = rc->rig;
	uint8_t b[4];
	uint64_t seq;

	le32_put(b, no);
	cursor_grow(rc, no);
	if (rc->set[no] == 0)
		rc->set[no] = 1;
	seq = r->lgs->ops->journal_append(r->lgs, rc->jo, b, sizeof b, urgent);
	assert(seq == rc->seq_n);
}
