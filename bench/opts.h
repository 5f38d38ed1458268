/* SPDX-License-Identifier: Apache-2.0 */
/* magnetar-bench's command line; `usage` in opts.c describes each option. */
#ifndef BENCH_OPTS_H
#define BENCH_OPTS_H

#include <stdbool.h>
#include <stdint.h>

enum ack_kind {
	ACK_INDIVIDUAL,
	ACK_CUMULATIVE,
	ACK_NONE,
	ACK_BATCH /* RocketMQ's POP: many by one command */
};

enum consume_kind {
	CONSUME_PUSH,
	CONSUME_PULL,
	CONSUME_POP
};

#define PIDS_MAX 8

struct opts {
	bool rocketmq; /* which protocol? */
	char host[256];
	char port[16];
	bool tls;
	const char *token; /* NULL: no authentication */
	const char *access_key, *secret_key; /* RocketMQ's; NULL: none */
	const char *topic;
	const char *label;
	const char *json; /* file, or NULL */
	const char *subscription;
	unsigned topics;
	unsigned producers; /* a topic */
	unsigned consumers; /* a topic */
	unsigned stalled; /* a topic */
	unsigned conns; /* for producers */
	unsigned threads; /* 0: as the three others say */
	unsigned idle; /* connections that do nothing */
	unsigned sub_type; /* pp_CommandSubscribe_SubType */
	unsigned size; /* bytes of a message's payload */
	unsigned batch; /* messages of a batch; 0: single messages */
	double batch_ms; /* a batch waits at most so long for its messages */
	unsigned outstanding; /* messages a producer; 0: 64 MiB's worth */
	double rate; /* messages a second in all; 0: flat out */
	double warm_s;
	double dur_s;
	uint64_t count; /* backlog mode: so many messages; 0: run mode */
	uint64_t make_topics; /* topics mode: so many; 0: not */
	unsigned parallel; /* made at a time */
	enum ack_kind ack;
	unsigned ack_every; /* messages of one ACK command */
	unsigned permits;
	unsigned keys; /* different keys; 0: none */
	int pids[PIDS_MAX]; /* the broker's processes */
	unsigned pids_n; /* 0: not measured */
	/* RocketMQ */
	unsigned queues; /* of a topic */
	bool auto_create; /* topics are made by the first message */
	bool binary; /* headers */
	enum consume_kind consume;
	double invisible_s; /* POP */
	double
	    delay_s; /* messages are due so long after the first; 0: at once */
	double spread_s; /* the last so long after the first */
	bool leave; /* backlog mode: don't consume */
	bool quiet; /* no progress lines */
};

/* Fills o; ends the program if the options make no sense. */
void opts_parse(struct opts *o, int argc, char **argv);
/* of the subscription, or how RocketMQ consumers get their messages */
const char *opts_type_name(const struct opts *o);

#endif
