/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET_BROKER_RUNTIME_INFO: what all shards count, and the keys that tools read.
 * There are no queues of requests before threads here, so their sizes and waits
 * are 0; an index is there with its message, so nothing is behind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "rocketmq/job.h"
#include "rocketmq/jw.h"
#include "rocketmq/runtime.h"
#include "rocketmq/tell.h"

#define SAMPLE_S 10u
#define DAY_MS INT64_C(86400000)

enum counter {
	C_PUT,
	C_GET,
	C_PUT_BYTES,
	C_PUT_10, /* in the last 10 s, 60 s and 600 s, per second, x 1000 */
	C_PUT_60,
	C_PUT_600,
	C_GET_10,
	C_GET_60,
	C_GET_600,
	C_PUT_TODAY,
	C_PUT_YESTERDAY,
	C_GET_TODAY,
	C_GET_YESTERDAY,
	C_N
};

static int64_t
counted(const struct rmq *rm, enum metric m)
{
	return rm->conf.metrics != NULL ? metrics_get(rm->conf.metrics, m) : 0;
}

void
rmq_rates_tick(struct rmq *rm)
{
	struct rmq_rates *r = rm->rates;
	int64_t put = counted(rm, M_PUB_MSGS), get = counted(rm, M_DISP_MSGS);
	int64_t day = loop_wall_ms(rm->lp) / DAY_MS;

	if (r->day != 0 && day != r->day) {
		r->put_yesterday = r->put_today;
		r->get_yesterday = r->get_today;
		r->put_today = put;
		r->get_today = get;
	}
	r->day = day;
	if (r->n > 0 && ++r->seconds < SAMPLE_S)
		return;
	r->seconds = 0;
	r->head = (r->head + 1) % RATES_N;
	r->v[r->head].put = put;
	r->v[r->head].get = get;
	if (r->n < RATES_N)
		r->n++;
}

/* Between the last sample and the one so many before it; 0 until it is there */
static int64_t
rate(const struct rmq_rates *r, bool put, unsigned back)
{
	unsigned at;
	int64_t d;

	if (back >= r->n)
		return 0;
	at = (r->head + RATES_N - back) % RATES_N;
	d = put ? r->v[r->head].put - r->v[at].put :
		  r->v[r->head].get - r->v[at].get;
	return d * 1000 / (back * SAMPLE_S);
}

void
rmq_counters_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	const struct rmq_rates *r = rm->rates;
	const int64_t v[C_N] = {
		[C_PUT] = counted(rm, M_PUB_MSGS),
		[C_GET] = counted(rm, M_DISP_MSGS),
		[C_PUT_BYTES] = counted(rm, M_PUB_BYTES),
		[C_PUT_10] = rate(r, true, 1),
		[C_PUT_60] = rate(r, true, 6),
		[C_PUT_600] = rate(r, true, 60),
		[C_GET_10] = rate(r, false, 1),
		[C_GET_60] = rate(r, false, 6),
		[C_GET_600] = rate(r, false, 60),
		[C_PUT_TODAY] = r->put_today,
		[C_PUT_YESTERDAY] = r->put_yesterday,
		[C_GET_TODAY] = r->get_today,
		[C_GET_YESTERDAY] = r->get_yesterday,
	};
	unsigned i;

	(void)text;
	for (i = 0; i < C_N; i++)
		strbuf_addf(answer, "%" PRId64 " ", v[i]);
}

/* --- the answer ------------------------------------------------------------- */

static void
pair(struct jw *w, const char *key, const char *value)
{
	jw_key_str(w, key, str_of(value));
}

static void
pair_num(struct jw *w, const char *key, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, v);
	pair(w, key, text);
}

static void
pair_rates(struct jw *w, const char *key, const int64_t *v)
{
	char text[96];

	(void)snprintf(text, sizeof text, "%.3f %.3f %.3f", (double)v[0] / 1000,
	    (double)v[1] / 1000, (double)v[2] / 1000);
	pair(w, key, text);
}

static void
say_counts(struct jw *w, const int64_t *v)
{
	static const int64_t none[3];
	char text[32];

	pair_rates(w, "putTps", &v[C_PUT_10]);
	pair_rates(w, "getTransferredTps", &v[C_GET_10]);
	pair_rates(w, "getTotalTps", &v[C_GET_10]);
	pair_rates(w, "getFoundTps", &v[C_GET_10]);
	pair_rates(w, "getMissTps", none);
	pair_num(w, "msgPutTotalYesterdayMorning", v[C_PUT_YESTERDAY]);
	pair_num(w, "msgPutTotalTodayMorning", v[C_PUT_TODAY]);
	pair_num(w, "msgPutTotalTodayNow", v[C_PUT]);
	pair_num(w, "msgGetTotalYesterdayMorning", v[C_GET_YESTERDAY]);
	pair_num(w, "msgGetTotalTodayMorning", v[C_GET_TODAY]);
	pair_num(w, "msgGetTotalTodayNow", v[C_GET]);
	pair_num(w, "putMessageTimesTotal", v[C_PUT]);
	pair_num(w, "putMessageSizeTotal", v[C_PUT_BYTES]);
	(void)snprintf(text, sizeof text, "%.1f",
	    v[C_PUT] > 0 ? (double)v[C_PUT_BYTES] / (double)v[C_PUT] : 0.0);
	pair(w, "putMessageAverageSize", text);
	pair_num(w, "commitLogMinOffset", 0);
	pair_num(w, "commitLogMaxOffset", v[C_PUT_BYTES]);
}

static void
say_queues(struct jw *w)
{
	static const char *const pools[] = { "sendThreadPoolQueue",
		"pullThreadPoolQueue", "queryThreadPoolQueue",
		"ackThreadPoolQueue", "litePullThreadPoolQueue" };
	static const char *const zeros[] = { "EndTransactionQueueSize",
		"pageCacheLockTimeMills", "timerReadBehind",
		"timerOffsetBehind", "timerCongestNum", "dispatchBehindBytes",
		"dispatchMaxBuffer", "startAcceptSendRequestTimeStamp" };
	char key[64];
	size_t i;

	for (i = 0; i < sizeof pools / sizeof pools[0]; i++) {
		(void)snprintf(key, sizeof key, "%sSize", pools[i]);
		pair_num(w, key, 0);
		(void)snprintf(
		    key, sizeof key, "%sHeadWaitTimeMills", pools[i]);
		pair_num(w, key, 0);
		(void)snprintf(key, sizeof key, "%sCapacity", pools[i]);
		pair_num(w, key, 0);
	}
	for (i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
		pair_num(w, zeros[i], 0);
	pair(w, "timerEnqueueTps", "0.0");
	pair(w, "timerDequeueTps", "0.0");
	pair(w, "remainHowManyDataToFlush", "0 B");
}

static void
say_state(struct jw *w, const struct rmq *rm)
{
	int64_t up = (loop_wall_ms(rm->lp) - rm->boot_ms) / 1000;
	uint64_t total = 0, avail = 0;
	char text[128];

	pair(w, "brokerActive", rm->draining ? "false" : "true");
	pair(w, "brokerVersionDesc", "V5_3_3");
	pair_num(w, "brokerVersion", RHEADER_VERSION);
	pair_num(w, "bootTimestamp", rm->boot_ms);
	(void)snprintf(text, sizeof text,
	    "[ %" PRId64 " days, %" PRId64 " hours, %" PRId64
	    " minutes, %" PRId64 " seconds ]",
	    up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
	pair(w, "runtime", text);
	pair_num(w, "earliestMessageTimeStamp", -1);
	if (rm->conf.data_dir == NULL ||
	    file_disk_space(rm->conf.data_dir, &total, &avail) != ERR_OK ||
	    total == 0)
		return;
	(void)snprintf(
	    text, sizeof text, "%.2f", (double)(total - avail) / (double)total);
	pair(w, "commitLogDiskRatio", text);
	pair(w, "consumeQueueDiskRatio", text);
	(void)snprintf(text, sizeof text, "Total : %.1f GiB, Free : %.1f GiB.",
	    (double)total / (1 << 30), (double)avail / (1 << 30));
	pair(w, "commitLogDirCapacity", text);
}

static void
said(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	int64_t v[C_N] = { 0 };
	unsigned i, k;
	struct jw w;
	char *at;

	AZ(fx);
	for (i = 0; i < j->parts_n; i++)
		for (k = 0, at = j->parts[i]; k < C_N; k++)
			v[k] += strtoll(at, &at, 10);
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key(&w, "table");
	jw_object(&w);
	say_state(&w, s->rm);
	say_counts(&w, v);
	say_queues(&w);
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_runtime(struct rmq_session *s, struct rmq_req *q)
{
	rmq_job_tell(rmq_job_new(s, &q->ref, said), TELL_COUNTERS, STR_NONE);
}
