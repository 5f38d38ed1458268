/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cdefs.h"
#include "bench/link.h"
#include "bench/opts.h"
#include "pulsar/cmd.h"

static const char usage[] =
    "magnetar-bench: load for any broker that speaks the Pulsar protocol or\n"
    "RocketMQ's remoting\n"
    "\n"
    "  --url URL             [pulsar://]HOST:PORT, a broker (localhost:6650), or\n"
    "                        rocketmq://HOST:PORT, a name server\n"
    "  --tls                 speak TLS, whatever the certificate\n"
    "  --token TOKEN         authenticate with it (Pulsar)\n"
    "  --topic NAME          (persistent://public/default/bench; RocketMQ: bench)\n"
    "  --topics N            NAME-0 ... NAME-(N-1) instead of NAME (1)\n"
    "  --producers N         a topic (1)\n"
    "  --consumers N         a topic (0)\n"
    "  --stalled N           a topic, on a subscription of their own, that never\n"
    "                        read what they asked for (0)\n"
    "  --subscription NAME   or consumer group (bench)\n"
    "  --type TYPE           exclusive, failover, shared or key_shared (exclusive)\n"
    "  --conns N             connections for the producers (1)\n"
    "  --threads N           like a client with N threads: N producers, a connection\n"
    "                        each, and one message or batch outstanding on it\n"
    "  --idle N              connections more, that do nothing (0)\n"
    "  --size BYTES          of a message's payload (1024)\n"
    "  --batch N             messages of a batch; 0: single messages (0)\n"
    "  --batch-ms MS         at a rate, a batch is sent after so long (1)\n"
    "  --outstanding N       messages a producer; 0: 64 MiB, RocketMQ 256, or at\n"
    "                        a rate 4096 (0)\n"
    "  --rate R              messages a second in all, open loop, latency from the\n"
    "                        intended time; 0: flat out (0)\n"
    "  --warm S --dur S      seconds before and of the measurement (5, 10)\n"
    "  --count N             backlog mode: publish N messages behind\n"
    "                        a subscription, then consume them\n"
    "  --leave               backlog mode: publish only\n"
    "  --make-topics N       topics mode: NAME-0 ... NAME-(N-1), each with\n"
    "                        a durable subscription and one unacked message\n"
    "  --parallel N          topics made at a time (64)\n"
    "  --ack KIND            individual, cumulative or none; POP: individual, batch\n"
    "                        or none (individual)\n"
    "  --ack-every N         messages acknowledged by one command (100)\n"
    "  --permits N           a consumer's queue (1000); of one pull or pop (32)\n"
    "  --keys N              key-0 ... key-(N-1) in turn; 0: no keys (0)\n"
    "  --pid PID[,PID...]    the broker's, for its CPU time and memory\n"
    "  --label TEXT          names the row\n"
    "  --json FILE           appends the result to FILE as one line; - is stdout\n"
    "  --quiet               no progress lines\n"
    "\n"
    "RocketMQ only (queues of one broker are used):\n"
    "  --access-key NAME --secret-key SECRET\n"
    "                        sign each request\n"
    "  --queues N            of a topic; it is made, unless it is there (8)\n"
    "  --auto-create         topics are made by a first message, as clients do\n"
    "  --header KIND         json or binary (json; POP is always json)\n"
    "  --consume KIND        push: long polling, the offset committed every 5 s;\n"
    "                        pull: no waiting at the broker; pop (push)\n"
    "  --invisible S         what is popped is the consumer's for so long (60)\n"
    "  --delay S             backlog mode: messages are due S after the first was\n"
    "                        sent, and consumed from then on (0)\n"
    "  --spread S            and spread evenly over so long (0)\n"
    "\n"
    "Latencies are in ms. CPU is user and system time of the broker in seconds\n"
    "for a million messages published (run) or consumed (backlog).\n";

enum {
	O_URL = 256,
	O_TLS,
	O_TOKEN,
	O_ACCESS_KEY,
	O_SECRET_KEY,
	O_TOPIC,
	O_TOPICS,
	O_PRODUCERS,
	O_CONSUMERS,
	O_STALLED,
	O_SUBSCRIPTION,
	O_TYPE,
	O_CONNS,
	O_THREADS,
	O_IDLE,
	O_SIZE,
	O_BATCH,
	O_BATCH_MS,
	O_OUTSTANDING,
	O_RATE,
	O_WARM,
	O_DUR,
	O_COUNT,
	O_MAKE_TOPICS,
	O_PARALLEL,
	O_ACK,
	O_ACK_EVERY,
	O_PERMITS,
	O_KEYS,
	O_PID,
	O_LABEL,
	O_JSON,
	O_LEAVE,
	O_QUIET,
	O_QUEUES,
	O_AUTO_CREATE,
	O_HEADER,
	O_CONSUME,
	O_INVISIBLE,
	O_DELAY,
	O_SPREAD,
	O_HELP
};

static const struct option table[] = {
	{ "url", required_argument, NULL, O_URL },
	{ "tls", no_argument, NULL, O_TLS },
	{ "token", required_argument, NULL, O_TOKEN },
	{ "access-key", required_argument, NULL, O_ACCESS_KEY },
	{ "secret-key", required_argument, NULL, O_SECRET_KEY },
	{ "topic", required_argument, NULL, O_TOPIC },
	{ "topics", required_argument, NULL, O_TOPICS },
	{ "producers", required_argument, NULL, O_PRODUCERS },
	{ "consumers", required_argument, NULL, O_CONSUMERS },
	{ "stalled", required_argument, NULL, O_STALLED },
	{ "subscription", required_argument, NULL, O_SUBSCRIPTION },
	{ "type", required_argument, NULL, O_TYPE },
	{ "conns", required_argument, NULL, O_CONNS },
	{ "threads", required_argument, NULL, O_THREADS },
	{ "idle", required_argument, NULL, O_IDLE },
	{ "size", required_argument, NULL, O_SIZE },
	{ "batch", required_argument, NULL, O_BATCH },
	{ "batch-ms", required_argument, NULL, O_BATCH_MS },
	{ "outstanding", required_argument, NULL, O_OUTSTANDING },
	{ "rate", required_argument, NULL, O_RATE },
	{ "warm", required_argument, NULL, O_WARM },
	{ "dur", required_argument, NULL, O_DUR },
	{ "count", required_argument, NULL, O_COUNT },
	{ "make-topics", required_argument, NULL, O_MAKE_TOPICS },
	{ "parallel", required_argument, NULL, O_PARALLEL },
	{ "ack", required_argument, NULL, O_ACK },
	{ "ack-every", required_argument, NULL, O_ACK_EVERY },
	{ "permits", required_argument, NULL, O_PERMITS },
	{ "keys", required_argument, NULL, O_KEYS },
	{ "pid", required_argument, NULL, O_PID },
	{ "label", required_argument, NULL, O_LABEL },
	{ "json", required_argument, NULL, O_JSON },
	{ "leave", no_argument, NULL, O_LEAVE },
	{ "quiet", no_argument, NULL, O_QUIET },
	{ "queues", required_argument, NULL, O_QUEUES },
	{ "auto-create", no_argument, NULL, O_AUTO_CREATE },
	{ "header", required_argument, NULL, O_HEADER },
	{ "consume", required_argument, NULL, O_CONSUME },
	{ "invisible", required_argument, NULL, O_INVISIBLE },
	{ "delay", required_argument, NULL, O_DELAY },
	{ "spread", required_argument, NULL, O_SPREAD },
	{ "help", no_argument, NULL, O_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char *const types[] = {
	[pp_CommandSubscribe_SubType_Exclusive] = "exclusive",
	[pp_CommandSubscribe_SubType_Shared] = "shared",
	[pp_CommandSubscribe_SubType_Failover] = "failover",
	[pp_CommandSubscribe_SubType_Key_Shared] = "key_shared",
};

static const char *const acks[] = {
	[ACK_INDIVIDUAL] = "individual",
	[ACK_CUMULATIVE] = "cumulative",
	[ACK_NONE] = "none",
	[ACK_BATCH] = "batch",
};

static const char *const headers[] = { "json", "binary" };

static const char *const consumes[] = {
	[CONSUME_PUSH] = "push",
	[CONSUME_PULL] = "pull",
	[CONSUME_POP] = "pop",
};

static double
number(const char *s, double min, double max)
{
	char *end;
	double d;

	errno = 0;
	d = strtod(s, &end);
	if (errno != 0 || end == s || *end != '\0' || !(d >= min && d <= max))
		die("%s: a number from %.0f to %.0f is wanted", s, min, max);
	return d;
}

static unsigned
whole(const char *s, unsigned min, unsigned max)
{
	double d = number(s, min, max);

	if (d != (double)(unsigned)d)
		die("%s: a whole number is wanted", s);
	return (unsigned)d;
}

static unsigned
word(const char *s, const char *const *list, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (strcmp(s, list[i]) == 0)
			return i;
	}
	die("%s: not one of %s ... %s", s, list[0], list[n - 1]);
}

static void
url(struct opts *o, const char *s)
{
	const char *colon;
	size_t n;

	o->rocketmq = strncmp(s, "rocketmq://", 11) == 0;
	if (o->rocketmq)
		s += 11;
	else if (strncmp(s, "pulsar://", 9) == 0)
		s += 9;
	n = strcspn(s, "/");
	colon = memchr(s, ':', n);
	if (colon == NULL || colon == s ||
	    (size_t)(colon - s) >= sizeof o->host ||
	    n - (size_t)(colon + 1 - s) >= sizeof o->port)
		die("%s: HOST:PORT is wanted", s);
	memcpy(o->host, s, (size_t)(colon - s));
	o->host[colon - s] = '\0';
	n -= (size_t)(colon + 1 - s);
	memcpy(o->port, colon + 1, n);
	o->port[n] = '\0';
}

static void
pids(struct opts *o, const char *s)
{
	char one[16];
	size_t n;

	do {
		n = strcspn(s, ",");
		if (n >= sizeof one || o->pids_n == PIDS_MAX)
			die("%s: at most %d process ids are wanted", s,
			    PIDS_MAX);
		memcpy(one, s, n);
		one[n] = '\0';
		o->pids[o->pids_n++] = (int)whole(one, 1, 1 << 30);
		s += n;
	} while (*s++ == ',');
}

static bool
option_rocketmq(struct opts *o, int opt, const char *s)
{
	switch (opt) {
	case O_QUEUES:
		o->queues = whole(s, 1, 1024);
		break;
	case O_ACCESS_KEY:
		o->access_key = s;
		break;
	case O_SECRET_KEY:
		o->secret_key = s;
		break;
	case O_AUTO_CREATE:
		o->auto_create = true;
		break;
	case O_HEADER:
		o->binary = word(s, headers, NELEM(headers)) == 1;
		break;
	case O_CONSUME:
		o->consume =
		    (enum consume_kind)word(s, consumes, NELEM(consumes));
		break;
	case O_INVISIBLE:
		o->invisible_s = number(s, 1, 86400);
		break;
	case O_DELAY:
		o->delay_s = number(s, 0, 365 * 86400.0);
		break;
	case O_SPREAD:
		o->spread_s = number(s, 0, 365 * 86400.0);
		break;
	default:
		return false;
	}
	return true;
}

/* options of a number */
static bool
option_number(struct opts *o, int opt, const char *s)
{
	switch (opt) {
	case O_TOPICS:
		o->topics = whole(s, 1, 1000000);
		break;
	case O_PRODUCERS:
		o->producers = whole(s, 0, 100000);
		break;
	case O_CONSUMERS:
		o->consumers = whole(s, 0, 100000);
		break;
	case O_STALLED:
		o->stalled = whole(s, 0, 1000);
		break;
	case O_CONNS:
		o->conns = whole(s, 1, 10000);
		break;
	case O_THREADS:
		o->threads = whole(s, 1, 10000);
		break;
	case O_IDLE:
		o->idle = whole(s, 0, 60000);
		break;
	case O_SIZE:
		o->size = whole(s, 0, 5 << 20);
		break;
	case O_BATCH:
		o->batch = whole(s, 0, 100000);
		break;
	case O_OUTSTANDING:
		o->outstanding = whole(s, 0, 10000000);
		break;
	case O_ACK_EVERY:
		o->ack_every = whole(s, 1, 10000);
		break;
	case O_PERMITS:
		o->permits = whole(s, 1, 1000000);
		break;
	case O_KEYS:
		o->keys = whole(s, 0, 1000000);
		break;
	case O_MAKE_TOPICS:
		o->make_topics = whole(s, 1, 100000000);
		break;
	case O_PARALLEL:
		o->parallel = whole(s, 1, 10000);
		break;
	case O_BATCH_MS:
		o->batch_ms = number(s, 0, 10000);
		break;
	case O_RATE:
		o->rate = number(s, 0, 1e9);
		break;
	case O_WARM:
		o->warm_s = number(s, 0, 86400);
		break;
	case O_DUR:
		o->dur_s = number(s, 0.1, 86400);
		break;
	case O_COUNT:
		o->count = (uint64_t)number(s, 1, 1e12);
		break;
	default:
		return false;
	}
	return true;
}

static void
option(struct opts *o, int opt, const char *s)
{
	if (option_number(o, opt, s) || option_rocketmq(o, opt, s))
		return;
	switch (opt) {
	case O_URL:
		url(o, s);
		break;
	case O_TLS:
		o->tls = true;
		break;
	case O_TOKEN:
		o->token = s;
		break;
	case O_TOPIC:
		o->topic = s;
		break;
	case O_SUBSCRIPTION:
		o->subscription = s;
		break;
	case O_TYPE:
		o->sub_type = word(s, types, NELEM(types));
		break;
	case O_ACK:
		o->ack = (enum ack_kind)word(s, acks, NELEM(acks));
		break;
	case O_PID:
		pids(o, s);
		break;
	case O_LABEL:
		o->label = s;
		break;
	case O_JSON:
		o->json = s;
		break;
	case O_LEAVE:
		o->leave = true;
		break;
	case O_QUIET:
		o->quiet = true;
		break;
	case O_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("try magnetar-bench --help\n", stderr);
		exit(2);
	}
}

/* What was not said, and what can't be. */
static void
settle_rocketmq(struct opts *o)
{
	if (o->topic == NULL)
		o->topic = "bench";
	if (o->permits == 0)
		o->permits = 32;
	if (o->outstanding == 0)
		o->outstanding = o->rate > 0 ? 4096 : 256;
	if (o->make_topics != 0 || o->stalled != 0 || o->token != NULL)
		die("--make-topics, --stalled and --token are for Pulsar");
	if ((o->access_key == NULL) != (o->secret_key == NULL))
		die("--access-key and --secret-key go together");
	if (o->ack == ACK_CUMULATIVE)
		die("cumulative acks are for Pulsar");
	if (o->consume == CONSUME_POP && o->binary)
		die("a binary header has no room for the codes of POP");
	if (o->delay_s + o->spread_s > 0 &&
	    (o->count == 0 || o->batch != 0 || o->size < 24))
		die("delays are for backlog mode, single messages of at least "
		    "24 bytes");
	if ((uint64_t)o->batch * (o->size + 128) > 4 << 20)
		die("a batch of %u messages is over 4 MiB", o->batch);
}

static void
settle_pulsar(struct opts *o)
{
	unsigned long fits;

	if (o->topic == NULL)
		o->topic = "persistent://public/default/bench";
	if (o->permits == 0)
		o->permits = 1000;
	if (o->ack == ACK_CUMULATIVE &&
	    (o->sub_type == pp_CommandSubscribe_SubType_Shared ||
		o->sub_type == pp_CommandSubscribe_SubType_Key_Shared))
		die("cumulative acks don't go with a shared subscription");
	if (o->ack == ACK_BATCH || o->delay_s + o->spread_s > 0 ||
	    o->access_key != NULL || o->secret_key != NULL)
		die("--ack batch, --delay, --spread and keys are for "
		    "RocketMQ");
	if (o->make_topics != 0)
		o->batch = 0;
	if ((uint64_t)o->batch * (o->size + 16) > 5 << 20)
		die("a batch of %u messages is over 5 MiB", o->batch);
	if (o->outstanding == 0) {
		fits = (64ul << 20) / (o->size + 64);
		o->outstanding = fits < 1 ? 1 : (unsigned)fits;
	}
}

void
opts_parse(struct opts *o, int argc, char **argv)
{
	int opt;

	*o = (struct opts){
		.host = "localhost",
		.port = "6650",
		.subscription = "bench",
		.label = "",
		.topics = 1,
		.producers = 1,
		.conns = 1,
		.size = 1024,
		.batch_ms = 1,
		.warm_s = 5,
		.dur_s = 10,
		.ack_every = 100,
		.parallel = 64,
		.queues = 8,
		.invisible_s = 60,
	};
	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1)
		option(o, opt, optarg);
	if (optind != argc)
		die("%s: not an option", argv[optind]);
	if (o->count != 0 && o->consumers == 0)
		o->consumers = 1;
	if (o->threads != 0) {
		o->producers = o->conns = o->threads;
		o->outstanding = o->batch == 0 ? 1 : o->batch;
	}
	if (o->rocketmq)
		settle_rocketmq(o);
	else
		settle_pulsar(o);
	if (o->batch > o->outstanding)
		o->batch = o->outstanding;
}

const char *
opts_type_name(const struct opts *o)
{
	return o->rocketmq ? consumes[o->consume] : types[o->sub_type];
}
