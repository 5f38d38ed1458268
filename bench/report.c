/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"

static double
seconds(const struct snap *a, const struct snap *z)
{
	return (double)(z->at_ns - a->at_ns) / 1e9;
}

static double
ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void
report_progress(struct bench *b, int64_t since_ns,
    const struct counters *before, const char *what)
{
	double s = (double)(mono_ns() - since_ns) / 1e9;
	const struct counters *c = &b->c;

	if (b->o->quiet || s <= 0)
		return;
	fprintf(stderr,
	    "%-8s out %9.0f/s %8.1f MB/s   in %9.0f/s %8.1f MB/s   "
	    "publish p50 %.2f p99 %.2f max %.2f ms%s\n",
	    what, (double)(c->published - before->published) / s,
	    (double)(c->published - before->published) * b->o->size / s / 1e6,
	    (double)(c->received - before->received) / s,
	    (double)(c->received_bytes - before->received_bytes) / s / 1e6,
	    ms(hist_percentile(&b->publish_now, 50)),
	    ms(hist_percentile(&b->publish_now, 99)), ms(b->publish_now.max_ns),
	    c->failed != 0 ? "   FAILURES" : "");
}

/* ---- JSON, one line */

static void
text(FILE *f, const char *key, const char *s)
{
	fprintf(f, ", \"%s\": \"", key);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", (unsigned)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

static void
latency(FILE *f, const char *key, const struct hist *h)
{
	if (h->n == 0)
		return;
	fprintf(f,
	    ", \"%s\": {\"n\": %" PRIu64 ", \"mean\": %.3f, \"p50\": %.3f, "
	    "\"p99\": %.3f, \"p99.9\": %.3f, \"max\": %.3f}",
	    key, h->n, hist_mean_ns(h) / 1e6, ms(hist_percentile(h, 50)),
	    ms(hist_percentile(h, 99)), ms(hist_percentile(h, 99.9)),
	    ms(h->max_ns));
}

static void
head(FILE *f, const struct bench *b, const char *cmd)
{
	const struct opts *o = b->o;

	fprintf(f, "{\"cmd\": \"%s\"", cmd);
	text(f, "label", o->label);
	text(f, "topic", o->topic);
	text(f, "protocol", o->rocketmq ? "rocketmq" : "pulsar");
	text(f, "type", opts_type_name(o));
	fprintf(f,
	    ", \"topics\": %u, \"producers\": %u, \"consumers\": %u, "
	    "\"stalled\": %u, \"conns\": %u, \"idle\": %u, \"size\": %u, "
	    "\"batch\": %u, \"outstanding\": %u, \"rate\": %.1f",
	    o->topics, o->producers, o->consumers, o->stalled, o->conns,
	    o->idle, o->size, o->batch, o->outstanding, o->rate);
}

/* CPU for msgs messages, between two points. */
static void
cost(FILE *f, const struct bench *b, const struct snap *a, const struct snap *z,
    uint64_t msgs)
{
	double s = seconds(a, z), cpu = z->broker.cpu_s - a->broker.cpu_s;
	double own = z->own_cpu_s - a->own_cpu_s;

	fprintf(f, ", \"gen_cpu_s\": %.3f, \"gen_cores\": %.3f", own, own / s);
	if (b->o->pids_n == 0 || z->broker.cpu_s < 0)
		return;
	fprintf(f, ", \"broker_cpu_s\": %.3f, \"broker_cores\": %.3f", cpu,
	    cpu / s);
	if (msgs != 0)
		fprintf(f, ", \"broker_cpu_s_per_M\": %.3f",
		    cpu / (double)msgs * 1e6);
	fprintf(f,
	    ", \"broker_write_bytes\": %" PRId64
	    ", \"rss_mib\": %.1f, \"rss_anon_mib\": %.1f, "
	    "\"hwm_mib\": %.1f, \"pss_mib\": %.1f",
	    z->broker.written_bytes - a->broker.written_bytes,
	    (double)z->broker.rss_kib / 1024, (double)z->broker.anon_kib / 1024,
	    (double)z->broker.peak_kib / 1024,
	    (double)z->broker.pss_kib / 1024);
}

static void
faults(FILE *f, const struct bench *b)
{
	const struct counters *c = &b->c;

	fprintf(f,
	    ", \"published_total\": %" PRIu64 ", \"received_total\": %" PRIu64
	    ", \"failed\": %" PRIu64 ", \"bad_checksum\": %" PRIu64
	    ", \"redelivered\": %" PRIu64 ", \"gaps\": %" PRIu64
	    ", \"doubles\": %" PRIu64 ", \"early\": %" PRIu64
	    ", \"strangers\": %" PRIu64 ", \"busy\": %" PRIu64
	    ", \"late\": %" PRIu64,
	    c->published, c->received, c->failed, c->bad_checksum,
	    c->redelivered, c->gaps, c->doubles, c->early, c->strangers,
	    c->busy, c->late);
	if (b->first_error[0] != '\0')
		text(f, "last_error", b->first_error);
}

static FILE *
json_open(const struct bench *b)
{
	FILE *f;

	if (b->o->json == NULL)
		return NULL;
	if (strcmp(b->o->json, "-") == 0)
		return stdout;
	f = fopen(b->o->json, "a");
	if (f == NULL)
		die("%s: %s", b->o->json, strerror(errno));
	return f;
}

static void
json_close(FILE *f)
{
	fputs("}\n", f);
	if (fflush(f) != 0 || (f != stdout && fclose(f) != 0))
		die("JSON: %s", strerror(errno));
}

/* ---- for people */

static void
print_latency(const char *what, const struct hist *h)
{
	if (h->n == 0)
		return;
	printf("  %-10s p50 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms  (%" PRIu64
	       ")\n",
	    what, ms(hist_percentile(h, 50)), ms(hist_percentile(h, 99)),
	    ms(hist_percentile(h, 99.9)), ms(h->max_ns), h->n);
}

static void
print_cost(const struct bench *b, const struct snap *a, const struct snap *z,
    uint64_t msgs)
{
	double s = seconds(a, z), cpu = z->broker.cpu_s - a->broker.cpu_s;

	printf("  generator  %.2f cores\n", (z->own_cpu_s - a->own_cpu_s) / s);
	if (b->o->pids_n == 0 || z->broker.cpu_s < 0)
		return;
	printf("  broker     %.2f cores, %.2f s a million, RssAnon %.1f MiB, "
	       "peak %.1f MiB, Pss %.1f MiB, written %.1f MB\n",
	    cpu / s, msgs == 0 ? 0 : cpu / (double)msgs * 1e6,
	    (double)z->broker.anon_kib / 1024,
	    (double)z->broker.peak_kib / 1024, (double)z->broker.pss_kib / 1024,
	    (double)(z->broker.written_bytes - a->broker.written_bytes) / 1e6);
}

static void
print_faults(const struct bench *b)
{
	const struct counters *c = &b->c;

	if (c->failed + c->bad_checksum + c->redelivered + c->gaps +
		c->doubles + c->early + c->strangers ==
	    0)
		return;
	printf("  FAULTS     %" PRIu64 " refused (%s), %" PRIu64
	       " bad checksums, %" PRIu64 " redelivered, %" PRIu64
	       " missing, %" PRIu64 " doubled, %" PRIu64 " early, %" PRIu64
	       " not as acknowledged\n",
	    c->failed, b->first_error, c->bad_checksum, c->redelivered, c->gaps,
	    c->doubles, c->early, c->strangers);
}

void
report_run(struct bench *b, const struct snap w[2])
{
	uint64_t out = w[1].c.published - w[0].c.published;
	uint64_t in = w[1].c.received - w[0].c.received;
	double s = seconds(&w[0], &w[1]);
	uint64_t msgs = out != 0 ? out : in;
	FILE *f;

	printf("%s: published %.0f/s %.1f MB/s, received %.0f/s %.1f MB/s, "
	       "in %.1f s\n",
	    b->o->label[0] != '\0' ? b->o->label : "run", (double)out / s,
	    (double)out * b->o->size / s / 1e6, (double)in / s,
	    (double)(w[1].c.received_bytes - w[0].c.received_bytes) / s / 1e6,
	    s);
	print_latency("publish", &b->publish);
	print_latency("end to end", &b->e2e);
	print_cost(b, &w[0], &w[1], msgs);
	print_faults(b);
	f = json_open(b);
	if (f == NULL)
		return;
	head(f, b, "run");
	fprintf(f,
	    ", \"window_s\": %.3f, \"msgs\": %" PRIu64
	    ", \"msg_s\": %.1f, \"mb_s\": %.2f, \"recv_msg_s\": %.1f, "
	    "\"recv_mb_s\": %.2f",
	    s, out, (double)out / s, (double)out * b->o->size / s / 1e6,
	    (double)in / s,
	    (double)(w[1].c.received_bytes - w[0].c.received_bytes) / s / 1e6);
	cost(f, b, &w[0], &w[1], msgs);
	latency(f, "pub_ms", &b->publish);
	latency(f, "e2e_ms", &b->e2e);
	faults(f, b);
	json_close(f);
}

void
report_backlog(struct bench *b, const struct backlog *bl)
{
	const struct snap *p = bl->publish, *d = bl->drain;
	double ps = seconds(&p[0], &p[1]), ds = seconds(&d[1], &d[2]);
	uint64_t out = p[1].c.published - p[0].c.published;
	uint64_t in = d[2].c.received - d[1].c.received;
	double bytes = (double)(d[2].c.received_bytes - d[1].c.received_bytes);
	FILE *f;

	printf("%s: published %" PRIu64 " at %.0f/s %.1f MB/s, consumed at "
	       "%.0f/s %.1f MB/s (from 10 %% on), all in %.2f s\n",
	    b->o->label[0] != '\0' ? b->o->label : "backlog", out,
	    (double)out / ps, (double)out * b->o->size / ps / 1e6,
	    (double)in / ds, bytes / ds / 1e6, seconds(&d[0], &d[2]));
	print_latency("due: stored", &b->due_store);
	print_latency("due: here", &b->due_come);
	if (b->c.late != 0)
		printf("  LATE       %" PRIu64
		       " were sent when they were due: --delay is too short\n",
		    b->c.late);
	print_cost(b, &d[1], &d[2], in);
	print_faults(b);
	f = json_open(b);
	if (f == NULL)
		return;
	head(f, b, "backlog");
	fprintf(f,
	    ", \"count\": %" PRIu64 ", \"publish_msg_s\": %.1f, "
	    "\"publish_mb_s\": %.2f, \"expected\": %" PRIu64
	    ", \"got\": %" PRIu64 ", \"total_s\": %.3f, \"window_s\": %.3f, "
	    "\"msgs\": %" PRIu64 ", \"msg_s\": %.1f, \"mb_s\": %.2f",
	    b->o->count, (double)out / ps, (double)out * b->o->size / ps / 1e6,
	    b->o->count, b->c.received, seconds(&d[0], &d[2]), ds, in,
	    (double)in / ds, bytes / ds / 1e6);
	cost(f, b, &d[1], &d[2], in);
	latency(f, "due_stored_ms", &b->due_store);
	latency(f, "due_here_ms", &b->due_come);
	faults(f, b);
	json_close(f);
}

void
report_topics(struct bench *b, const struct snap e[2])
{
	uint64_t n = b->o->make_topics;
	double s = seconds(&e[0], &e[1]);
	FILE *f;

	printf("%s: %" PRIu64 " topics in %.1f s, %.0f/s\n",
	    b->o->label[0] != '\0' ? b->o->label : "topics", n, s,
	    (double)n / s);
	print_cost(b, &e[0], &e[1], n);
	f = json_open(b);
	if (f == NULL)
		return;
	head(f, b, "topics");
	fprintf(f,
	    ", \"count\": %" PRIu64 ", \"total_s\": %.3f, "
	    "\"topics_s\": %.1f",
	    n, s, (double)n / s);
	cost(f, b, &e[0], &e[1], n);
	json_close(f);
}
