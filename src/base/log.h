/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the process: one line an event, of keys and values.
 *
 *	LOG(LOG_INFO, sh, "conn_open", LOG_U("conn", id), LOG_S("peer", addr));
 *
 *	2026-11-25T10:00:00.123Z INFO shard=0 ev=conn_open conn=7 peer=1.2.3.4:5
 *
 * or, with logFormat = json, one JSON object a line. A value with a space,
 * a quote, an equals sign or a control character is quoted and escaped, so
 * that what a peer sends can't forge a line. Lines are cut at 4 KiB.
 *
 * Nothing is logged per message. A site (a LOG in the source) writes at most
 * LOG_SITE_BURST lines a second; the next line of that site then carries
 * suppressed=N. core/ and the formats of store/ don't log: they return what
 * happened, and their caller logs.
 *
 * This layer has neither clock nor file: the broker installs both with
 * log_setup before the first thread starts. Without a sink lines are dropped.
 * LOG may be called on any thread; so the sink must take whole lines from any
 * thread (one write() a line does).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cdefs.h"

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
	LOG__MAX
};

enum log_format {
	LOG_TEXT,
	LOG_JSON
};

#define LOG_SITE_BURST 10
#define LOG_LINE_MAX 4096

/* no shard: boot, the metadata thread, a writer */
#define LOG_NO_SHARD (-1)

/* line ends in \n and is not NUL terminated */
typedef void log_sink_f(
    void *arg, enum log_level, const char *line, size_t len);
/* nanoseconds since 1970, UTC */
typedef int64_t log_clock_f(void *arg);

struct log_conf {
	enum log_level level; /* of the least important line that is kept */
	enum log_format format;
	log_sink_f *sink;
	void *sink_arg;
	log_clock_f *clock;
	void *clock_arg;
};

struct log_kv {
	const char *key; /* NULL: none, skipped */
	enum {
		LOG_KV_STR,
		LOG_KV_MEM,
		LOG_KV_I64,
		LOG_KV_U64
	} type;
	uint32_t len; /* of LOG_KV_MEM */
	union {
		const void *s;
		int64_t i;
		uint64_t u;
	};
};

struct log_site {
	_Atomic int64_t second;
	_Atomic uint32_t n;
	_Atomic uint32_t suppressed;
};

/* a string (NULL prints as -), bytes, a signed and an unsigned number */
#define LOG_S(k, v)                                      \
	{                                                \
		.key = (k), .type = LOG_KV_STR, .s = (v) \
	}
#define LOG_M(k, v, n)                                               \
	{                                                            \
		.key = (k), .type = LOG_KV_MEM, .len = (n), .s = (v) \
	}
#define LOG_I(k, v)                                      \
	{                                                \
		.key = (k), .type = LOG_KV_I64, .i = (v) \
	}
#define LOG_U(k, v)                                      \
	{                                                \
		.key = (k), .type = LOG_KV_U64, .u = (v) \
	}

#define LOG(level_, shard_, ev_, ...)                                  \
	do {                                                           \
		static struct log_site site_;                          \
		if (log_enabled(level_)) {                             \
			const struct log_kv kv_[] = { { .key = NULL }, \
				##__VA_ARGS__ };                       \
			log_write(&site_, level_, shard_, ev_, kv_,    \
			    sizeof kv_ / sizeof kv_[0]);               \
		}                                                      \
	} while (0)

extern _Atomic int log__level;

static inline bool
log_enabled(enum log_level l)
{
	return (int)l >=
	    atomic_load_explicit(&log__level, memory_order_relaxed);
}

/* Before any other thread runs; again to change sink or format likewise. */
void log_setup(const struct log_conf *);
/* Any thread, any time (SIGHUP). */
void log_set_level(enum log_level);
/* "INFO" */
const char *log_level_name(enum log_level);

void log_write(struct log_site *, enum log_level, int shard, const char *ev,
    const struct log_kv *, size_t n);

#endif
