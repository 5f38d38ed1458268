/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/miniobj.h"
#include "base/strbuf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/mbox.h"
#include "os/thread.h"

/* every byte may become six */
#define LINE_MAX_BYTES (32u << 10)
#define BATCH_MAX (1u << 20)

struct audit {
	unsigned magic;
#define AUDIT_MAGIC 0xa0d17109
	struct mbox *mb;
	struct thread th;
	int fd; /* the writer's; -1: none */
	bool torn; /* its last line is cut */
	_Atomic bool on;
	_Atomic uint32_t waiting; /* lines in the mailbox */
	_Atomic uint64_t written, dropped;
	_Atomic uint64_t missing; /* dropped since the last line */
	_Atomic int64_t second; /* in which so many refusals came */
	_Atomic uint32_t refusals;
};

struct note {
	struct mbox_msg link; /* first */
	bool reopen;
	int fd; /* of reopen; -1: none */
	uint64_t missing; /* as the line says */
	size_t len;
	char *line;
};

/* Lines that are to be written, and how many they say are missing before them. */
struct batch {
	struct strbuf sb;
	uint64_t lines, missing;
};

/* --- the writer ------------------------------------------------------------------- */

/* told: how many that are missing the lost ones would have told of */
static void
lose(struct audit *a, uint64_t n, uint64_t told)
{
	(void)atomic_fetch_add(&a->missing, n + told);
	(void)atomic_fetch_add(&a->dropped, n);
}

static void
flush(struct audit *a, struct batch *b)
{
	const char *p = strbuf_str(&b->sb);
	size_t left = b->sb.len;
	ssize_t n;

	if (left > 0 && a->torn && a->fd >= 0)
		a->torn = write(a->fd, "\n", 1) != 1;
	while (left > 0) {
		n = a->fd >= 0 ? write(a->fd, p, left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		p += n;
		left -= (size_t)n;
	}
	if (left == 0)
		(void)atomic_fetch_add(&a->written, b->lines);
	else {
		if (a->fd >= 0)
			LOG(LOG_ERROR, LOG_NO_SHARD, "audit_not_written",
			    LOG_U("lines", b->lines),
			    LOG_S("why", strerror(errno)));
		a->torn |= left < b->sb.len && p[-1] != '\n';
		lose(a, b->lines, b->missing);
	}
	strbuf_reset(&b->sb);
	b->lines = b->missing = 0;
}

static void
take(struct audit *a, struct batch *b, const struct note *n)
{
	if (n->reopen) {
		flush(a, b);
		if (a->fd >= 0)
			(void)close(a->fd);
		a->fd = n->fd;
		a->torn = false;
		return;
	}
	strbuf_add(&b->sb, n->line, n->len);
	b->lines++;
	b->missing += n->missing;
	(void)atomic_fetch_sub(&a->waiting, 1);
	if (b->sb.len >= BATCH_MAX)
		flush(a, b);
}

static void
run(void *priv)
{
	struct batch b = { .lines = 0 };
	struct mbox_msg *m, *next;
	struct audit *a;
	struct note *n;

	CAST_OBJ_NOTNULL(a, priv, AUDIT_MAGIC);
	strbuf_init(&b.sb, BATCH_MAX + LINE_MAX_BYTES);
	while ((m = mbox_wait(a->mb)) != NULL) {
		for (; m != NULL; m = next) {
			next = m->next;
			n = (struct note *)m;
			take(a, &b, n);
			mem_free(n->line);
			mem_free(n);
		}
		flush(a, &b);
	}
	strbuf_fini(&b.sb);
}

/* --- the file --------------------------------------------------------------------- */

static enum err
open_file(const char *path, int *fd, struct diag *diag)
{
	*fd = -1;
	if (path[0] == '\0')
		return ERR_OK;
	*fd = open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (*fd >= 0)
		return ERR_OK;
	return diag_set(diag, file_err(errno),
	    "auditLogFile %s can't be opened: %s", path, strerror(errno));
}

enum err
audit_new(struct audit **ap, const char *path, struct diag *diag)
{
	struct audit *a;
	enum err e;
	int fd;

	*ap = NULL;
	e = open_file(path, &fd, diag);
	if (e != ERR_OK)
		return e;
	ALLOC_OBJ(a, AUDIT_MAGIC);
	a->fd = fd;
	a->on = fd >= 0;
	a->mb = mbox_new_thread();
	thread_start(&a->th, "audit", run, a);
	*ap = a;
	return ERR_OK;
}

enum err
audit_reopen(struct audit *a, const char *path, struct diag *diag)
{
	struct note *n;
	enum err e;
	int fd;

	CHECK_OBJ_NOTNULL(a, AUDIT_MAGIC);
	e = open_file(path, &fd, diag);
	if (e != ERR_OK)
		return e;
	n = mem_zalloc(sizeof *n);
	n->reopen = true;
	n->fd = fd;
	mbox_post(a->mb, &n->link);
	atomic_store(&a->on, fd >= 0);
	return ERR_OK;
}

void
audit_free(struct audit **ap)
{
	struct audit *a;

	TAKE_OBJ_NOTNULL(a, ap, AUDIT_MAGIC);
	mbox_shut(a->mb);
	thread_join(&a->th);
	mbox_free(&a->mb);
	if (a->fd >= 0)
		(void)close(a->fd);
	FREE_OBJ(a);
}

/* --- a line ----------------------------------------------------------------------- */

bool
audit_is_on(const struct audit *a)
{
	return a != NULL && atomic_load_explicit(&a->on, memory_order_relaxed);
}

static void
add(struct strbuf *sb, const char *key, struct str v)
{
	if (v.len == 0)
		return;
	if (v.len > AUDIT_TEXT_MAX)
		v.len = AUDIT_TEXT_MAX;
	strbuf_addf(sb, ",\"%s\":\"", key);
	strbuf_add_json(sb, v.p, v.len);
	strbuf_addc(sb, '"');
}

static struct str
opt(const char *s)
{
	return s != NULL ? str_of(s) : STR_NONE;
}

static void
add_time(struct strbuf *sb, int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	char text[32];
	struct tm tm;

	AN(gmtime_r(&s, &tm));
	AN(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm));
	strbuf_addf(sb, "{\"ts\":\"%s.%03dZ\"", text, (int)(wall_ms % 1000));
}

static void
line(struct strbuf *sb, const struct audit_event *ev, int64_t now_ms,
    uint64_t missing)
{
	static const char *const results[AUDIT_RESULTS_N] = { "done", "failed",
		"refused", "unanswered" };

	assert((unsigned)ev->result < AUDIT_RESULTS_N);
	add_time(sb, now_ms);
	add(sb, "protocol", str_of(ev->protocol));
	add(sb, "who", ev->who);
	add(sb, "for", ev->of);
	add(sb, "from", opt(ev->from));
	add(sb, "what", str_of(ev->what));
	add(sb, "on", ev->on);
	add(sb, "result", str_of(results[ev->result]));
	if (ev->code != AUDIT_NO_CODE)
		strbuf_addf(sb, ",\"code\":%d", (int)ev->code);
	add(sb, "why", opt(ev->why));
	if (missing > 0)
		strbuf_addf(
		    sb, ",\"dropped\":%llu", (unsigned long long)missing);
	strbuf_adds(sb, "}\n");
}

/* Two threads may both see a new second: a few lines more do no harm. */
static bool
admit(struct audit *a, enum audit_result result, int64_t now_ms)
{
	int64_t second = now_ms / 1000;
	uint32_t max = AUDIT_QUEUE_MAX;

	if (result == AUDIT_REFUSED) {
		max /= 2;
		if (atomic_exchange(&a->second, second) != second)
			atomic_store(&a->refusals, 0);
		if (atomic_fetch_add(&a->refusals, 1) >= AUDIT_REFUSALS_PER_S)
			return false;
	}
	if (atomic_fetch_add(&a->waiting, 1) < max)
		return true;
	(void)atomic_fetch_sub(&a->waiting, 1);
	return false;
}

void
audit_write(struct audit *a, const struct audit_event *ev)
{
	int64_t now_ms;
	struct strbuf sb;
	struct note *n;

	if (!audit_is_on(a))
		return;
	CHECK_OBJ_NOTNULL(a, AUDIT_MAGIC);
	now_ms = clock_wall_ms();
	if (!admit(a, ev->result, now_ms)) {
		lose(a, 1, 0);
		return;
	}
	n = mem_zalloc(sizeof *n);
	n->missing = atomic_exchange(&a->missing, 0);
	strbuf_init(&sb, LINE_MAX_BYTES);
	line(&sb, ev, now_ms, n->missing);
	AZ(strbuf_err(&sb));
	n->len = sb.len;
	n->line = strbuf_take(&sb);
	strbuf_fini(&sb);
	mbox_post(a->mb, &n->link);
}

void
audit_get_stats(const struct audit *a, struct audit_stats *st)
{
	*st = (struct audit_stats){ 0 };
	if (a == NULL)
		return;
	st->written = atomic_load(&a->written);
	st->dropped = atomic_load(&a->dropped);
}
