/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/disk_mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/miniobj.h"

#define SECTOR 512u

struct dirty {
	uint64_t off;
	size_t len;
	uint8_t *data;
	STAILQ_ENTRY(dirty) list;
};

struct mfile {
	uint64_t id, size;
	uint8_t *seen, *medium;
	STAILQ_HEAD(, dirty) dirty;
	LIST_ENTRY(mfile) list;
};

struct queue {
	struct disk_req *head, **tail;
	size_t n;
	enum err err; /* of a write that failed: later ones are not tried */
};

enum {
	Q_WRITE,
	Q_READ,
	Q_OTHER,
	Q_N
};

struct handle {
	struct disk d; /* first */
	struct disk_mem *dm;
	struct queue q[Q_N];
	LIST_ENTRY(handle) list;
};

struct disk_mem {
	unsigned magic;
#define DISK_MEM_MAGIC 0xd15c3e30
	uint64_t seed;
	LIST_HEAD(, mfile) files;
	LIST_HEAD(, handle) handles;
	uint32_t fail_write, fail_read;
	enum err fail_write_err, fail_read_err;
	uint64_t limit;
	struct disk_mem_stats st;
};

uint64_t
disk_mem_random(uint64_t *s)
{
	uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
rnd(struct disk_mem *dm, uint64_t n)
{
	return disk_mem_random(&dm->seed) % n;
}

/* --- files ---------------------------------------------------------------- */

static struct mfile *
file_get(struct disk_mem *dm, uint64_t id)
{
	struct mfile *f;

	LIST_FOREACH(f, &dm->files, list)
		if (f->id == id)
			return f;
	return NULL;
}

static void
dirty_drop(struct mfile *f)
{
	struct dirty *w;

	while ((w = STAILQ_FIRST(&f->dirty)) != NULL) {
		STAILQ_REMOVE_HEAD(&f->dirty, list);
		mem_free(w->data);
		mem_free(w);
	}
}

static void
file_free(struct mfile *f)
{
	dirty_drop(f);
	LIST_REMOVE(f, list);
	mem_free(f->seen);
	mem_free(f->medium);
	mem_free(f);
}

static void
file_sync(struct mfile *f)
{
	struct dirty *w;

	STAILQ_FOREACH(w, &f->dirty, list)
		memcpy(f->medium + w->off, w->data, w->len);
	dirty_drop(f);
}

static enum err
file_create(struct disk_mem *dm, uint64_t id, uint64_t len)
{
	struct mfile *f;
	uint64_t used = len;

	assert(file_get(dm, id) == NULL);
	LIST_FOREACH(f, &dm->files, list)
		used += f->size;
	if (dm->limit != 0 && used > dm->limit)
		return ERR_NO_SPACE;
	f = mem_zalloc(sizeof *f);
	f->id = id;
	f->size = len;
	f->seen = mem_zalloc(len);
	f->medium = mem_zalloc(len);
	STAILQ_INIT(&f->dirty);
	LIST_INSERT_HEAD(&dm->files, f, list);
	dm->st.creates++;
	return ERR_OK;
}

static void
file_write(struct mfile *f, uint64_t off, const void *p, size_t len)
{
	struct dirty *w = mem_zalloc(sizeof *w);

	assert(off % DISK_BLOCK == 0 && len % DISK_BLOCK == 0);
	assert(off + len <= f->size);
	memcpy(f->seen + off, p, len);
	w->off = off;
	w->len = len;
	w->data = mem_dup(p, len);
	STAILQ_INSERT_TAIL(&f->dirty, w, list);
}

/* each sector by itself, in one of four manners */
static void
tear(struct disk_mem *dm, uint8_t *to, const uint8_t *from, size_t len)
{
	uint64_t how = rnd(dm, 4), cut = rnd(dm, len / SECTOR + 1);

	for (size_t i = 0; i < len / SECTOR; i++)
		if (how == 0 || (how == 1 && i < cut) ||
		    (how == 2 && rnd(dm, 2) == 0))
			memcpy(to + i * SECTOR, from + i * SECTOR, SECTOR);
}

/* --- requests ------------------------------------------------------------- */

static enum err
write_do(struct disk_mem *dm, struct disk_req *rq)
{
	struct mfile *f = file_get(dm, rq->file);

	if (f == NULL)
		return ERR_NO_FILE;
	if (rq->op == DISK_WRITE)
		dm->st.writes++;
	if (dm->fail_write > 0 && --dm->fail_write == 0) {
		if (rq->op == DISK_WRITE) {
			tear(dm, f->seen + rq->off, rq->data, rq->len);
			memcpy(f->medium + rq->off, f->seen + rq->off, rq->len);
		}
		return dm->fail_write_err;
	}
	if (rq->op == DISK_WRITE) {
		file_write(f, rq->off, rq->data, rq->len);
		dm->st.write_bytes += rq->len;
	}
	if (rq->op == DISK_SYNC || rq->sync) {
		file_sync(f);
		dm->st.syncs++;
	}
	return ERR_OK;
}

static enum err
read_do(struct disk_mem *dm, struct disk_req *rq)
{
	struct mfile *f = file_get(dm, rq->file);

	if (f == NULL)
		return ERR_NO_FILE;
	if (dm->fail_read > 0 && --dm->fail_read == 0)
		return dm->fail_read_err;
	rq->got = rq->off >= f->size	? 0 :
	    f->size - rq->off < rq->len ? f->size - rq->off :
					  rq->len;
	memcpy(rq->data, f->seen + rq->off, rq->got);
	memset((uint8_t *)rq->data + rq->got, 0, rq->len - rq->got);
	dm->st.reads++;
	return ERR_OK;
}

static enum err
other_do(struct disk_mem *dm, struct disk_req *rq)
{
	struct mfile *f;

	if (rq->op == DISK_CREATE)
		return file_create(dm, rq->file, rq->len);
	f = file_get(dm, rq->file);
	if (f == NULL)
		return ERR_NO_FILE;
	if (rq->op == DISK_REMOVE) {
		file_free(f);
		dm->st.removes++;
		return ERR_OK;
	}
	assert(rq->op == DISK_RENAME && file_get(dm, rq->file2) == NULL);
	f->id = rq->file2;
	dm->st.renames++;
	return ERR_OK;
}

static int
queue_of(const struct disk_req *rq)
{
	if (rq->back)
		return Q_OTHER;
	if (rq->op == DISK_WRITE || rq->op == DISK_SYNC)
		return Q_WRITE;
	return rq->op == DISK_READ ? Q_READ : Q_OTHER;
}

static void
submit(struct disk *d, struct disk_req *rq)
{
	struct handle *h = (struct handle *)d;
	struct queue *q;

	CHECK_OBJ_NOTNULL(d, DISK_MAGIC);
	CHECK_OBJ_NOTNULL(rq, DISK_REQ_MAGIC);
	AN(rq->done);
	if (rq->op == DISK_WRITE || rq->op == DISK_READ) {
		assert(rq->off % DISK_BLOCK == 0 && rq->len % DISK_BLOCK == 0 &&
		    rq->len > 0);
		assert((uintptr_t)rq->data % DISK_BLOCK == 0);
	}
	q = &h->q[queue_of(rq)];
	rq->link.next = NULL;
	*q->tail = rq;
	q->tail = &rq->link.next;
	q->n++;
}

static struct disk_req *
queue_take(struct queue *q)
{
	struct disk_req *rq = q->head;

	q->head = rq->link.next;
	if (q->head == NULL)
		q->tail = &q->head;
	q->n--;
	return rq;
}

static enum err
carry_out(struct disk_mem *dm, struct queue *q, struct disk_req *rq)
{
	switch (rq->op) {
	case DISK_WRITE:
	case DISK_SYNC:
		if (rq->back)
			return write_do(dm, rq);
		if (q->err == ERR_OK)
			q->err = write_do(dm, rq);
		return q->err;
	case DISK_READ:
		return read_do(dm, rq);
	default:
		return other_do(dm, rq);
	}
}

size_t
disk_mem_queued(const struct disk_mem *dm)
{
	struct handle *h;
	size_t n = 0;

	LIST_FOREACH(h, &dm->handles, list)
		for (int i = 0; i < Q_N; i++)
			n += h->q[i].n;
	return n;
}

/* any queue that has something */
static struct queue *
pick(struct disk_mem *dm)
{
	struct handle *h;
	struct queue *q[64];
	size_t n = 0;

	LIST_FOREACH(h, &dm->handles, list)
		for (int i = 0; i < Q_N; i++)
			if (h->q[i].n > 0 && n < 64)
				q[n++] = &h->q[i];
	return n == 0 ? NULL : q[rnd(dm, n)];
}

size_t
disk_mem_pump(struct disk_mem *dm, size_t n)
{
	struct disk_req *rq;
	struct queue *q;
	size_t i;
	enum err err;

	CHECK_OBJ_NOTNULL(dm, DISK_MEM_MAGIC);
	if (n == 0)
		n = disk_mem_queued(dm);
	for (i = 0; i < n && (q = pick(dm)) != NULL; i++) {
		rq = queue_take(q);
		err = carry_out(dm, q, rq);
		rq->done(rq, err);
	}
	return i;
}

/* --- crashes -------------------------------------------------------------- */

/* Some of each queue is done without an answer; the write behind that is left
 * in the middle (torn), the rest never began. */
static void
queue_lose(struct disk_mem *dm, struct queue *q, int which, bool torn)
{
	struct disk_req *rq;
	struct mfile *f;
	uint64_t some = rnd(dm, q->n + 1);

	while (q->n > 0) {
		rq = queue_take(q);
		if (which == Q_READ)
			continue;
		if (some > 0) {
			some--;
			(void)carry_out(dm, q, rq);
			continue;
		}
		f = file_get(dm, rq->file);
		if (torn && rq->op == DISK_WRITE && f != NULL &&
		    q->err == ERR_OK)
			file_write(f, rq->off, rq->data, rq->len);
		while (q->n > 0)
			(void)queue_take(q);
	}
}

static void
queues_lose(struct disk_mem *dm, bool torn)
{
	struct handle *h;

	LIST_FOREACH(h, &dm->handles, list)
		for (int i = 0; i < Q_N; i++)
			queue_lose(dm, &h->q[i], i, torn);
}

void
disk_mem_crash(struct disk_mem *dm)
{
	struct mfile *f;
	struct dirty *w;

	queues_lose(dm, true);
	LIST_FOREACH(f, &dm->files, list) {
		STAILQ_FOREACH(w, &f->dirty, list)
			tear(dm, f->medium + w->off, w->data, w->len);
		dirty_drop(f);
		memcpy(f->seen, f->medium, f->size);
	}
	dm->fail_write = dm->fail_read = 0;
}

void
disk_mem_kill(struct disk_mem *dm)
{
	queues_lose(dm, false);
	dm->fail_write = dm->fail_read = 0;
}

/* --- now ------------------------------------------------------------------ */

static struct disk_mem *
dm_of(struct disk *d)
{
	CHECK_OBJ_NOTNULL(d, DISK_MAGIC);
	return ((struct handle *)d)->dm;
}

static enum err
list(struct disk *d, disk_list_f *fn, void *priv)
{
	struct mfile *f;

	LIST_FOREACH(f, &dm_of(d)->files, list)
		fn(priv, f->id, f->size);
	return ERR_OK;
}

static enum err
read_now(struct disk *d, uint64_t file, uint64_t off, void *p, size_t len,
    size_t *got)
{
	struct disk_req rq = {
		.op = DISK_READ, .file = file, .off = off, .data = p, .len = len
	};
	enum err err = read_do(dm_of(d), &rq);

	*got = rq.got;
	return err;
}

static enum err
write_now(
    struct disk *d, uint64_t file, uint64_t off, const void *p, size_t len)
{
	struct mfile *f = file_get(dm_of(d), file);

	if (f == NULL)
		return ERR_NO_FILE;
	file_write(f, off, p, len);
	file_sync(f);
	return ERR_OK;
}

static enum err
create_now(struct disk *d, uint64_t file, uint64_t len)
{
	return file_create(dm_of(d), file, len);
}

static enum err
remove_now(struct disk *d, uint64_t file)
{
	struct mfile *f = file_get(dm_of(d), file);

	if (f == NULL)
		return ERR_NO_FILE;
	file_free(f);
	return ERR_OK;
}

static uint64_t
free_bytes(struct disk *d)
{
	struct disk_mem *dm = dm_of(d);
	struct mfile *f;
	uint64_t used = 0;

	LIST_FOREACH(f, &dm->files, list)
		used += f->size;
	return dm->limit == 0 ? UINT64_MAX :
	    dm->limit > used  ? dm->limit - used :
				0;
}

static const struct disk_ops mem_ops = {
	.name = "mem",
	.submit = submit,
	.list = list,
	.read_now = read_now,
	.write_now = write_now,
	.create_now = create_now,
	.remove_now = remove_now,
	.free_bytes = free_bytes,
};

/* --- life ----------------------------------------------------------------- */

struct disk_mem *
disk_mem_new(uint64_t seed)
{
	struct disk_mem *dm;

	ALLOC_OBJ(dm, DISK_MEM_MAGIC);
	dm->seed = seed;
	LIST_INIT(&dm->files);
	LIST_INIT(&dm->handles);
	return dm;
}

void
disk_mem_free(struct disk_mem **dmp)
{
	struct disk_mem *dm;
	struct mfile *f;

	TAKE_OBJ_NOTNULL(dm, dmp, DISK_MEM_MAGIC);
	assert(LIST_EMPTY(&dm->handles));
	while ((f = LIST_FIRST(&dm->files)) != NULL)
		file_free(f);
	FREE_OBJ(dm);
}

struct disk *
disk_mem_handle(struct disk_mem *dm)
{
	struct handle *h = mem_zalloc(sizeof *h);

	h->d.magic = DISK_MAGIC;
	h->d.ops = &mem_ops;
	h->dm = dm;
	for (int i = 0; i < Q_N; i++)
		h->q[i].tail = &h->q[i].head;
	LIST_INSERT_HEAD(&dm->handles, h, list);
	return &h->d;
}

void
disk_mem_handle_free(struct disk **dp)
{
	struct disk *d;
	struct handle *h;

	TAKE_OBJ_NOTNULL(d, dp, DISK_MAGIC);
	h = (struct handle *)d;
	LIST_REMOVE(h, list);
	mem_free(h);
}

void
disk_mem_fail_write(struct disk_mem *dm, uint32_t n, enum err err)
{
	dm->fail_write = n;
	dm->fail_write_err = err;
}

void
disk_mem_fail_read(struct disk_mem *dm, uint32_t n, enum err err)
{
	dm->fail_read = n;
	dm->fail_read_err = err;
}

void
disk_mem_limit(struct disk_mem *dm, uint64_t bytes)
{
	dm->limit = bytes;
}

void
disk_mem_flip(struct disk_mem *dm, uint64_t file, uint64_t off, uint8_t mask)
{
	struct mfile *f = file_get(dm, file);

	AN(f);
	assert(off < f->size);
	f->seen[off] ^= mask;
	f->medium[off] ^= mask;
}

uint8_t *
disk_mem_data(struct disk_mem *dm, uint64_t file, uint64_t *size)
{
	struct mfile *f = file_get(dm, file);

	if (f == NULL)
		return NULL;
	*size = f->size;
	return f->seen;
}

static int
id_cmp(const void *va, const void *vb)
{
	uint64_t a = *(const uint64_t *)va, b = *(const uint64_t *)vb;

	return a < b ? -1 : a > b;
}

size_t
disk_mem_files(struct disk_mem *dm, uint64_t *ids, size_t max)
{
	struct mfile *f;
	size_t n = 0;

	LIST_FOREACH(f, &dm->files, list)
		if (n < max)
			ids[n++] = f->id;
	if (n > 1)
		qsort(ids, n, sizeof *ids, id_cmp);
	return n;
}

void
disk_mem_stats(const struct disk_mem *dm, struct disk_mem_stats *st)
{
	*st = dm->st;
}
