/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/vas.h"

#define NS_PER_S INT64_C(1000000000)

_Atomic int log__level = LOG__MAX;

/* written by log_setup only, before threads */
static struct log_conf conf;

static const char *const level_names[LOG__MAX] = { "DEBUG", "INFO", "WARN",
	"ERROR" };

void
log_setup(const struct log_conf *c)
{
	AN(c->clock);
	conf = *c;
	log_set_level(c->sink != NULL ? c->level : LOG__MAX);
}

void
log_set_level(enum log_level l)
{
	atomic_store_explicit(&log__level, (int)l, memory_order_relaxed);
}

const char *
log_level_name(enum log_level l)
{
	assert((unsigned)l < LOG__MAX);
	return level_names[l];
}

/*
 * Is this line of the site inside of its burst? Two threads may both see a
 * new second; that lets a few lines more through, which does no harm.
 */
static bool
admit(struct log_site *site, int64_t now, uint32_t *suppressed)
{
	int64_t sec = now / NS_PER_S;

	*suppressed = 0;
	if (atomic_exchange(&site->second, sec) != sec) {
		atomic_store(&site->n, 1);
		*suppressed = atomic_exchange(&site->suppressed, 0);
		return true;
	}
	if (atomic_fetch_add(&site->n, 1) < LOG_SITE_BURST)
		return true;
	(void)atomic_fetch_add(&site->suppressed, 1);
	return false;
}

static void
add_time(struct strbuf *sb, int64_t now)
{
	time_t sec = (time_t)(now / NS_PER_S);
	struct tm tm;
	char ts[32];

	AN(gmtime_r(&sec, &tm));
	AN(strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", &tm));
	strbuf_addf(sb, "%s.%03dZ", ts, (int)(now % NS_PER_S / 1000000));
}

static bool
is_plain(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == '"' || s[i] == '=' ||
		    s[i] == '\\' || s[i] == 0x7f)
			return false;
	return len > 0;
}

static void
add_str(struct strbuf *sb, const char *s, size_t len)
{
	bool plain = conf.format == LOG_TEXT && is_plain(s, len);

	/* a long value must not push the rest of the line out */
	if (len > LOG_LINE_MAX / 8)
		len = LOG_LINE_MAX / 8;
	if (plain) {
		strbuf_add(sb, s, len);
		return;
	}
	strbuf_addc(sb, '"');
	strbuf_add_json(sb, s, len);
	strbuf_addc(sb, '"');
}

static void
add_key(struct strbuf *sb, const char *key)
{
	if (conf.format == LOG_JSON)
		strbuf_addf(sb, ",\"%s\":", key);
	else
		strbuf_addf(sb, " %s=", key);
}

static void
add_kv(struct strbuf *sb, const struct log_kv *kv)
{
	const char *s = kv->s;

	add_key(sb, kv->key);
	switch (kv->type) {
	case LOG_KV_STR:
		if (s == NULL)
			s = "-";
		add_str(sb, s, strlen(s));
		break;
	case LOG_KV_MEM:
		add_str(sb, s, kv->len);
		break;
	case LOG_KV_I64:
		strbuf_add_i64(sb, kv->i);
		break;
	case LOG_KV_U64:
		strbuf_add_u64(sb, kv->u);
		break;
	default:
		WRONG("type of a log value");
	}
}

static void
add_head(
    struct strbuf *sb, int64_t now, enum log_level l, int shard, const char *ev)
{
	if (conf.format == LOG_JSON) {
		strbuf_adds(sb, "{\"ts\":\"");
		add_time(sb, now);
		strbuf_addf(sb, "\",\"level\":\"%s\"", level_names[l]);
	} else {
		add_time(sb, now);
		strbuf_addf(sb, " %s", level_names[l]);
	}
	if (shard != LOG_NO_SHARD) {
		add_key(sb, "shard");
		strbuf_add_i64(sb, shard);
	}
	add_key(sb, "ev");
	add_str(sb, ev, strlen(ev));
}

void
log_write(struct log_site *site, enum log_level l, int shard, const char *ev,
    const struct log_kv *kv, size_t n)
{
	struct log_kv sup = LOG_U("suppressed", 0);
	struct strbuf sb;
	uint32_t suppressed;
	int64_t now;
	size_t i, room;

	assert((unsigned)l < LOG__MAX);
	now = conf.clock(conf.clock_arg);
	if (!admit(site, now, &suppressed))
		return;
	/* escaping makes a byte six at worst */
	room = LOG_LINE_MAX * 8;
	strbuf_init(&sb, room);
	add_head(&sb, now, l, shard, ev);
	if (suppressed > 0) {
		sup.u = suppressed;
		add_kv(&sb, &sup);
	}
	for (i = 0; i < n && sb.len < LOG_LINE_MAX; i++)
		if (kv[i].key != NULL)
			add_kv(&sb, &kv[i]);
	strbuf_adds(&sb, conf.format == LOG_JSON ? "}\n" : "\n");
	if (strbuf_err(&sb) == ERR_OK)
		conf.sink(conf.sink_arg, l, sb.p, sb.len);
	strbuf_fini(&sb);
}
