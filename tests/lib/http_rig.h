/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_rig.h - an HTTP server without a core: a router whose shards are scripts.
 * A test says which operations it expects, in order, and what each is answered;
 * then it makes requests over loopback. One thread: the client's waiting runs
 * the loop. What does not go as scripted is kept as text and fails the test
 * that asks (rig_get and its kin do).
 */
#ifndef TESTS_LIB_HTTP_RIG_H
#define TESTS_LIB_HTTP_RIG_H

#include "base/strbuf.h"
#include "core/stats.h"
#include "http/server.h"

struct rig_script {
	enum op_type op;
	const char *topic; /* NULL: any */
	unsigned on; /* shard + 1; 0: any */
	enum err err;
	enum fx_type fx; /* of ERR_OK; FX_DONE by default */
	const char *diag;
	uint32_t u32;
	bool flag;
	struct pos pos;
	const char *text;
	const char *const *strings; /* NULL at the end */
	struct topic_stats *stats; /* taken */
	struct topic_stats **list; /* taken, NULL at the end */
	const struct entry *ent;
	void (*check)(const struct op *);
};

struct rig {
	struct router router; /* first */
	unsigned magic;
#define RIG_MAGIC 0x417600d1
	struct loop *lp;
	struct net *net;
	struct http *http;
	struct http_conf conf;
	struct metrics *metrics[1];
	const struct route_sink *sink;
	void *sink_priv;
	struct rig_script script[128];
	unsigned script_n, done_n;
	bool later; /* answer from the loop, not within the call */
	struct op *held[64];
	unsigned held_n;
	char fault[512]; /* what did not go as scripted */
	/* the client */
	int fd;
	struct strbuf in; /* of the connection */
	char head[8192], body[1 << 20]; /* of the last answer */
	size_t body_len;
	int status;
};

void rig_init(struct rig *);
void rig_start(struct rig *);
void rig_fini(struct rig *);
void rig_expect(struct rig *, const struct rig_script *);
/* Answers what is held. */
void rig_release(struct rig *);
/* A request on the connection, which stays open; the status, -1: closed. */
int rig_do(struct rig *, const char *method, const char *path, const char *body,
    const char *type);
int rig_raw(struct rig *, const char *bytes, size_t len);
/* Sends, runs the loop a little and doesn't wait for an answer. */
void rig_send(struct rig *, const char *bytes, size_t len);
int rig_wait(struct rig *);
void rig_hang_up(struct rig *);
/* A header of the last answer, NULL: none. Static memory. */
const char *rig_header(struct rig *, const char *name);

#endif
