/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_priv.h - requests, from the first byte to the answer.
 *
 * mhd.c makes a struct req when a request's headers are there, collects its
 * body and calls req_run(). That finds the route (routes.c) and calls its
 * handler. A handler either answers (req_json, req_text, req_empty,
 * req_error...) or sends operations to the core (req_op, req_send) and names
 * the step that goes on when all of them have answered (req_then). A step is a
 * handler again and finds the answers in ans[]: in the order of sending. It
 * never runs inside of an effect's call, because that may come from within the
 * core. req_fail() answers for the first operation that failed.
 *
 * Memory: what a handler keeps between steps hangs on the request
 * (req_keep) and goes with it.
 */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

#include <jansson.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/strbuf.h"
#include "base/vas.h"
#include "core/name.h"
#include "core/stats.h"
#include "http/gate.h"
#include "http/server.h"
#include "http/uri.h"

enum method {
	HTTP_GET, /* HEAD as well */
	HTTP_PUT,
	HTTP_POST,
	HTTP_DELETE,
	HTTP_METHODS_N /* something else */
};

/* the parts of a path that routes name */
enum var {
	VAR_DOMAIN, /* {d}: persistent or non-persistent */
	VAR_TENANT, /* {t} */
	VAR_NS, /* {n} */
	VAR_TOPIC, /* {topic} */
	VAR_SUB, /* {s} */
	VAR_CLUSTER, /* {c} */
	VAR_NUM, /* {num}: of digits */
	VAR_NUM2, /* {num2} */
	VAR_ROLE, /* {role} */
	VAR_NS_LIMIT, /* {ns_limit}: a name of core/tbl/limit.h */
	VAR_TOPIC_LIMIT, /* {topic_limit} */
	VAR_KEY, /* {key} */
	VAR_N
};

struct auth_try;
struct bridge;
struct front;
struct req;
struct mhd;
struct MHD_Connection;
typedef void req_step_f(struct req *);

struct route {
	enum method method;
	const char *pattern;
	req_step_f *handler;
	enum gate gate;
};

TAILQ_HEAD(bridge_list, bridge);

/* front.c: the connections of both ports, in the order in which they got there */
struct guests {
	unsigned n;
	struct bridge_list waiting; /* for a request, or the rest of its head */
	struct bridge_list sending; /* a body */
	struct bridge_list ending; /* are being told our last words */
	/* passed something on to libmicrohttpd, or got an answer of it, in this
	 * iteration */
	struct bridge_list busy;
};

struct http {
	unsigned magic;
#define HTTP_MAGIC 0x477b0001
	bool draining;
	struct http_conf conf;
	struct loop *lp;
	struct net *net;
	struct router *router;
	struct mhd *mhd;
	struct auth *auth; /* NULL: nobody is asked who he is */
	struct secret_box *secrets; /* borrowed; NULL: none are kept */
	struct front *plain;
	struct front *secure; /* NULL: no HTTPS */
	struct guests guests;
	struct umap reqs; /* by number: those being worked on */
	uint64_t last_n;
	size_t bodies_bytes; /* of all requests; at most HTTP_BODIES_MAX */
	TAILQ_HEAD(, req) ready;
	uint64_t turned; /* the iteration that had http_turn() last */
	struct loop_async wake; /* for one more: `ready` is not empty */
};

struct req_header {
	char *name, *value;
};

struct req {
	unsigned magic;
#define REQ_MAGIC 0x477b0002
	struct http *h;
	uint64_t n; /* dest.conn */
	struct MHD_Connection *conn;
	enum method method;
	bool suspended; /* its connection */
	bool running; /* a step is on the stack */
	bool is_ready; /* in h->ready */
	char *path; /* as sent, without the query */
	struct strbuf body;
	size_t body_bytes; /* of h->bodies_bytes */
	/* what the route found, decoded; NULL: not in the pattern */
	char *var[VAR_N];
	struct topic_name tn; /* text is NULL until req_topic() */
	char *role; /* who was authenticated; NULL: nobody was asked */
	char from[SOCK_TEXT_MAX]; /* with it: IP address of the peer */
	const struct route *route; /* whose gate it waits for */
	struct loop_timer login; /* runs while it waits */
	bool unseen; /* gate_wait_ms() has said so */
	bool keyless; /* gate_pass(): the issuer's keys are being fetched */
	bool refused; /* by the gate */
	bool changes; /* it has passed, and is not a read */
	char *ns; /* tenant/namespace, from req_ns() */
	/* operations of this step */
	struct fx **ans;
	unsigned ans_n, ans_cap, waiting;
	req_step_f *next;
	/* kept by topic handlers between steps */
	uint32_t partitions;
	void *keep;
	void (*keep_free)(void *);
	json_t *json; /* the body */
	uint64_t *words; /* of a batch */
	/* the answer; status 0: none yet */
	unsigned status;
	const char *type; /* Content-Type; NULL: no body */
	struct strbuf out;
	struct req_header *headers;
	unsigned headers_n;
	TAILQ_ENTRY(req) ready_link;
};

/* --- mhd.c ------------------------------------------------------------------ */

enum err mhd_start(struct http *, struct diag *) MUST_CHECK;
void mhd_stop(struct http *);
/* One more connection: the other end of a bridge. Takes fd. False: it was closed. */
bool mhd_add(
    struct http *, int fd, const struct sock_addr *peer, struct bridge *);
/* The request has its answer: goes on with its connection. */
void mhd_resume(struct req *);
/* What was resumed is worked on. */
void mhd_kick(struct http *);
/* Decoded; NULL: not given. The caller frees. ERR_MALFORMED. */
enum err mhd_query(struct req *, const char *key, char **) MUST_CHECK;
/* Borrowed; NULL: not given. */
const char *mhd_header(struct req *, const char *name);
/* The address that the client connected to. */
void mhd_local(struct req *, struct sock_addr *);
void mhd_peer(struct req *, struct sock_addr *);
/* "" where there is none */
const char *mhd_peer_name(struct req *);

/* --- gate.c ----------------------------------------------------------------- */

/* "Bearer x" or "Basic base64", to what a provider takes; *plain, if set, is to be
 * wiped and freed. False: neither. */
bool gate_credentials(
    const char *header, struct auth_try *, char **plain) MUST_CHECK;

/* --- req.c ------------------------------------------------------------------ */

struct req *req_new(struct http *, struct MHD_Connection *, const char *method,
    const char *path);
void req_free(struct req **);
/* The body is there. True: answered; false: waits. */
bool req_run(struct req *);
/* An answer came; takes it. */
void req_answered(struct req *, struct fx **);
/* All have come (from the loop, not from within the core). */
void req_go_on(struct req *);
/* Answers a request that waits 503. */
void req_abort(struct req *);
/* Bytes of body; false: more than conf.body_max, or HTTP_BODIES_MAX of all. */
bool req_body_add(struct req *, const void *, size_t);

struct op *req_op(struct req *, enum op_type, struct str name);
void req_send(struct req *, struct op **);
void req_send_to(struct req *, unsigned shard, struct op **);
void req_then(struct req *, req_step_f *);
/* A step that answers 204, or for the operation that failed. */
req_step_f req_done_empty;
/* answers so far are dropped; before the operations of a next step */
void req_clear(struct req *);
/* The document that the core has answered with, in ans[0]; the caller's. NULL: there is
 * none, which is answered. */
json_t *req_doc(struct req *);
void req_keep(struct req *, void *, void (*free_f)(void *));
/* Index of the first answer that failed, ans_n: none. */
unsigned req_failed(const struct req *);
/* Every answer is this error, and there is one. */
bool req_all(const struct req *, enum err);

void req_empty(struct req *); /* 204 */
/* 200 with what is in out */
void req_json(struct req *);
void req_text(struct req *, const char *type);
void req_header(struct req *, const char *name, const char *value);
void req_error(struct req *, unsigned status, const char *fmt, ...)
    PRINTF(3, 4);
/* The status of an error and its text in Pulsar's words. */
void req_fail(struct req *, enum err, const char *diag);
/* The same for answer i; knows the topic and the subscription of the request. */
void req_fail_ans(struct req *, unsigned i);
/* True: some answer failed, and the request is answered with it. */
bool req_any_failed(struct req *);
/* Parses the body to rq->json; any: also what is neither object nor array.
 * False: answered 400. An empty body is JSON null. */
bool req_parse(struct req *);
bool req_query_bool(struct req *, const char *key, bool def);

/* {d} of the route; routes without one are about persistent topics. */
const char *req_domain(const struct req *);
/* Makes rq->tn of the names that the route found. */
enum err req_topic_parse(struct req *) MUST_CHECK;
/* Checks the names that the route found and makes rq->tn of them. False:
 * answered 412. */
bool req_topic(struct req *);
/* tenant/namespace of the route to buf; false: answered 412 */
bool req_ns(struct req *, struct str *);
/* The name of partition i (or of the topic itself, if it has none). */
struct str req_partition(struct req *, uint32_t i, char *buf, size_t size);

/* --- json.c ----------------------------------------------------------------- */

void json_add_str(struct strbuf *, const char *);
void json_add_json(struct strbuf *, const json_t *);
void json_add_text(struct strbuf *, struct str);
void json_sort_strings(struct str *, size_t n);
/* ["a","b"], sorted */
void json_add_strings(struct strbuf *, struct str *, size_t n);
/* as Java prints a double: 0.0 */
void json_add_double(struct strbuf *, double);
/* "2026-11-25T13:31:57.441Z", with the quotes */
void json_add_time(struct strbuf *, int64_t ms);
void json_add_props(struct strbuf *, const struct prop *, uint32_t n);
void json_add_message_id(
    struct strbuf *, struct pos, int32_t partition, const struct fx *batch);

/* --- routes.c --------------------------------------------------------------- */

/* NULL: answered 404 or 405. */
const struct route *routes_find(struct req *);

#endif
