/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/hash.h"
#include "format/rmq_id.h"
#include "format/rmq_props.h"
#include "format/rmq_record.h"
#include "rocketmq/send.h"

#define CHUNK_BYTES (256u << 10)

/* --- how much is under way -------------------------------------------------- */

void
rmq_publish_began(struct rmq_session *s, size_t bytes)
{
	struct rmq *rm = s->rm;

	s->pending_bytes += bytes;
	if (++s->pending_n >= rm->conf.pending_max ||
	    s->pending_bytes >= rm->conf.pending_bytes_max)
		rmq_session_pause(s, RMQ_PAUSE_PUBLISHES);
	rm->pending_bytes += bytes;
	if (rm->pending_bytes < rm->conf.shard_pending_bytes_max ||
	    (s->paused & RMQ_PAUSE_SHARD) != 0)
		return;
	LIST_INSERT_HEAD(&rm->starved, s, starved_link);
	rmq_session_pause(s, RMQ_PAUSE_SHARD);
}

struct rmq_session *
rmq_publish_ended(struct rmq *rm, uint64_t session, size_t bytes)
{
	struct rmq_session *s = rmq_session_get(rm, session), *v;

	assert(bytes <= rm->pending_bytes);
	rm->pending_bytes -= bytes;
	if (rm->pending_bytes <= rm->conf.shard_pending_bytes_max / 2)
		while ((v = LIST_FIRST(&rm->starved)) != NULL) {
			LIST_REMOVE(v, starved_link);
			rmq_session_resume(v, RMQ_PAUSE_SHARD);
		}
	if (s == NULL)
		return NULL;
	AN(s->pending_n);
	s->pending_n--;
	s->pending_bytes -= bytes;
	if (s->pending_n <= rm->conf.pending_max / 2 &&
	    s->pending_bytes <= rm->conf.pending_bytes_max / 2)
		rmq_session_resume(s, RMQ_PAUSE_PUBLISHES);
	return s;
}

/*
 * A queue over its rate: what waits for it must not use up what the connection may
 * have under way, or it would be paused, with the pulls and heartbeats on it.
 */
static bool
is_crowded(const struct rmq_session *s, const struct outlet *o)
{
	const struct rmq_conf *conf = &s->rm->conf;

	return outlet_is_throttled(o) &&
	    (s->pending_n >= conf->pending_max / 2 ||
		s->pending_bytes >= conf->pending_bytes_max / 2 ||
		s->rm->pending_bytes >= conf->shard_pending_bytes_max / 2);
}

/* --- records ---------------------------------------------------------------- */

/* Room for a record of n bytes: a part of the shard's chunk, or one of its own.
 * The reference is the caller's. */
static struct slice
room(struct rmq *rm, uint32_t n)
{
	struct slice sl;
	struct buf *b;

	if (n > CHUNK_BYTES / 4) {
		b = buf_new(n);
		b->len = n;
		return slice_of(b, 0, n);
	}
	if (rm->chunk != NULL && rm->chunk_at + n > CHUNK_BYTES)
		buf_unref(&rm->chunk);
	if (rm->chunk == NULL) {
		rm->chunk = buf_new(CHUNK_BYTES);
		rm->chunk_at = 0;
	}
	sl = slice_ref(slice_of(rm->chunk, rm->chunk_at, n));
	rm->chunk_at += n;
	return sl;
}

static uint32_t
key_hash(const struct rmq_msg_props *p, uint16_t *flags)
{
	struct str key = p->sharding.len > 0 ? p->sharding : p->keys;

	/* one without a key goes to any consumer of Key_Shared */
	if (key.len == 0)
		return hash_sticky(p->uniq.p, p->uniq.len);
	*flags |= ATTR_HAS_KEY;
	return hash_sticky(key.p, key.len);
}

bool
rmq_record_make(struct rmq_session *s, const struct rmq_message *m,
    struct slice *record, struct attr *a)
{
	struct rmq_record r;
	uint8_t *p;
	size_t n;

	rmq_session_name(s);
	r = (struct rmq_record){ .queue_id = (int32_t)m->queue,
		.flag = m->flag,
		.sys_flag = m->sys_flag,
		.born_ms = m->born_ms,
		.reconsume_times = m->reconsume,
		.prepared_offset = m->prepared_offset,
		.body = m->body,
		.body_crc = rmq_body_crc(m->body.p, m->body.len),
		.topic = m->topic,
		.props = m->props,
		.born = m->born_host,
		.store = s->store_host };
	n = rmq_record_size(&r);
	if (n == 0)
		return false;
	*record = room(s->rm, (uint32_t)n);
	p = (uint8_t *)(uintptr_t)record->p; /* nobody else has it yet */
	(void)rmq_record_write(p, &r);
	*a = (struct attr){ .format = ENTRY_FORMAT_ROCKETMQ,
		.aux = (uint8_t)m->sys_flag,
		.messages_n = 1,
		.publish_time_ms = m->born_ms,
		.sequence = -1,
		.tag_hash = rmq_tags_code(m->p.tags) };
	a->key_hash = key_hash(&m->p, &a->flags);
	if (m->inner_n > 0) {
		a->messages_n = m->inner_n;
		a->flags |= ATTR_BATCH;
		a->tag_hash = 0; /* each has its own */
	}
	return true;
}

bool
rmq_record_again(struct rmq *rm, const struct rmq_record *r, struct slice *out)
{
	size_t n = rmq_record_size(r);

	if (n == 0)
		return false;
	*out = room(rm, (uint32_t)n);
	/* nobody else has it yet */
	(void)rmq_record_write((uint8_t *)(uintptr_t)out->p, r);
	return true;
}

/* --- properties ------------------------------------------------------------- */

/* Milliseconds of each delay level, from 1 */
static const int64_t level_ms[] = { 0, 1000, 5000, 10000, 30000, 60000, 120000,
	180000, 240000, 300000, 360000, 420000, 480000, 540000, 600000, 1200000,
	1800000, 3600000, 7200000 };
#define LEVELS ((int64_t)(sizeof level_ms / sizeof level_ms[0]) - 1)

int64_t
rmq_delay_level_ms(int64_t level)
{
	if (level <= 0)
		return 0;
	return level_ms[level < LEVELS ? level : LEVELS];
}

struct scan {
	struct rmq_msg_props *p;
	int64_t now_ms, timer_ms, level;
};

static int64_t
number(struct str v)
{
	int64_t n;

	return rtext_i64(v, &n) == ERR_OK && n > 0 ? n : 0;
}

static bool
is(struct str name, const struct str *prop)
{
	return str_eq(name, *prop);
}

bool
rmq_is_async(struct str wait)
{
	return wait.len > 0 &&
	    (wait.len != 4 || strncasecmp(wait.p, "true", 4) != 0);
}

/* Java's NumberUtils.toInt */
static int32_t
priority(struct str v)
{
	int32_t n;

	return rtext_i32(v, &n) == ERR_OK && n >= 0 ? n : -1;
}

/* TopicMessageType.parseFromMessageProperty */
static bool
is_typed(struct str name)
{
	return is(name, &RMQ_PROP_DELAY) ||
	    is(name, &RMQ_PROP_TIMER_DELIVER_MS) ||
	    is(name, &RMQ_PROP_TIMER_DELAY_SEC) ||
	    is(name, &RMQ_PROP_TIMER_DELAY_MS) ||
	    is(name, &RMQ_PROP_SHARDING_KEY);
}

/* Notes what it says; true: it is stored. */
static bool
look(struct scan *sc, struct str name, struct str v)
{
	struct rmq_msg_props *p = sc->p;
	int64_t n;

	p->typed |= is_typed(name);
	if (is(name, &RMQ_PROP_UNIQ_KEY))
		p->uniq = v;
	else if (is(name, &RMQ_PROP_KEYS))
		p->keys = v;
	else if (is(name, &RMQ_PROP_TAGS))
		p->tags = v;
	else if (is(name, &RMQ_PROP_SHARDING_KEY))
		p->sharding = v;
	else if (is(name, &RMQ_PROP_WAIT)) {
		p->async = rmq_is_async(v);
		return false;
	} else if (is(name, &RMQ_PROP_POP_CK))
		return false;
	else if (is(name, &RMQ_PROP_INNER_NUM)) {
		p->inner_num = v;
		return false;
	} else if (is(name, &RMQ_PROP_INNER_MULTI_DISPATCH))
		p->multi = v;
	else if (is(name, &RMQ_PROP_PRIORITY))
		p->priority = priority(v);
	else if (is(name, &RMQ_PROP_TRAN_MSG))
		p->transaction = v.len == 4 && strncasecmp(v.p, "true", 4) == 0;
	else if (is(name, &RMQ_PROP_DELAY))
		sc->level = number(v);
	else if (is(name, &RMQ_PROP_TIMER_DELIVER_MS) ||
	    is(name, &RMQ_PROP_START_DELIVER_TIME))
		sc->timer_ms = number(v);
	else if (is(name, &RMQ_PROP_TIMER_DELAY_SEC)) {
		n = number(v);
		sc->timer_ms =
		    n > INT64_MAX / 2000 ? INT64_MAX : sc->now_ms + n * 1000;
	} else if (is(name, &RMQ_PROP_TIMER_DELAY_MS)) {
		n = number(v);
		sc->timer_ms = n > INT64_MAX / 2 ? INT64_MAX : sc->now_ms + n;
	} else if (is(name, &RMQ_PROP_CLUSTER) ||
	    is(name, &RMQ_PROP_MSG_REGION) || is(name, &RMQ_PROP_TRACE_ON))
		return false; /* said anew */
	return true;
}

/* One for a message that came without: as a client would make it */
static struct str
uniq_make(struct rmq *rm, int64_t now_ms, char mem[RMQ_ID_MAX])
{
	struct rmq_uniq u = { .pid = (uint16_t)rm->router->shard,
		.loader = (uint32_t)rm->seed,
		.month_ms = rmq_month_ms(now_ms),
		.counter = (uint16_t)rm->uniq_seq++ };

	return (struct str){ mem, rmq_uniq_put(mem, &u) };
}

static void
dues(struct scan *sc)
{
	/* DELAY wins over the timer, as in the reference */
	if (sc->level > 0)
		sc->p->deliver_ms = sc->now_ms + rmq_delay_level_ms(sc->level);
	else if (sc->timer_ms > sc->now_ms) {
		sc->p->deliver_ms = sc->timer_ms;
		sc->p->timer = true;
	}
}

void
rmq_added_init(struct rmq *rm)
{
	struct rmq_props_out out;
	struct str all;

	rmq_props_begin(&out, rm->props, sizeof rm->props);
	rmq_props_add(&out, RMQ_PROP_MSG_REGION, STR_LIT("DefaultRegion"));
	rmq_props_add(&out, RMQ_PROP_TRACE_ON, STR_LIT("true"));
	rmq_props_add(&out, RMQ_PROP_CLUSTER, str_of(rm->conf.cluster));
	if (rmq_props_end(&out, &all) != ERR_OK)
		WRONG("a cluster's name that is too long for a property");
	rm->added = mem_strndup(all.p, all.len);
}

enum err
rmq_props_take(struct rmq *rm, struct str sent, int64_t now_ms,
    struct str *stored, struct rmq_msg_props *p)
{
	struct rmq_props_iter it = rmq_props_iter(sent);
	struct scan sc = { .p = p, .now_ms = now_ms };
	struct rmq_props_out out;
	struct str name, v;
	char uniq[RMQ_ID_MAX];

	*p = (struct rmq_msg_props){ .priority = -1 };
	if (sent.len > rm->conf.max_properties_bytes)
		return ERR_TOO_BIG;
	rmq_props_begin(&out, rm->props, sizeof rm->props);
	while (rmq_props_next(&it, &name, &v))
		if (look(&sc, name, v))
			rmq_props_keep(&out, name, v);
	if (p->priority >= 0 && (p->typed || p->transaction)) {
		rmq_props_delete(&out, RMQ_PROP_PRIORITY);
		p->priority = -1;
	}
	if (p->uniq.len == 0)
		rmq_props_add(
		    &out, RMQ_PROP_UNIQ_KEY, uniq_make(rm, now_ms, uniq));
	rmq_props_append(&out, str_of(rm->added));
	dues(&sc);
	if (rmq_props_end(&out, stored) != ERR_OK)
		return ERR_TOO_BIG;
	if (p->uniq.len == 0)
		p->uniq = rmq_props_get(*stored, RMQ_PROP_UNIQ_KEY);
	return ERR_OK;
}

/* --- storing ---------------------------------------------------------------- */

void
rmq_store(struct rmq_session *s, const struct rmq_ref *ref, struct rmq_topic *t,
    const struct rmq_message *m, outlet_done_f *done, void *priv)
{
	struct outlet_msg om = { .ref = *ref,
		.done = done,
		.priv = priv,
		.queue = m->queue,
		.async = m->p.async,
		.size = m->size };
	struct outlet *o = rmq_outlet(t, m->queue);
	struct fx_receipt r = { .err = ERR_OK };

	if (m->p.uniq.len < sizeof om.uniq) {
		memcpy(om.uniq, m->p.uniq.p, m->p.uniq.len);
		om.uniq_len = (uint8_t)m->p.uniq.len;
	}
	if (is_crowded(s, o))
		r.err = ERR_THROTTLED;
	else if (!rmq_record_make(s, m, &om.body, &om.attr))
		r.err = ERR_TOO_BIG;
	om.bytes = om.body.len;
	rmq_publish_began(s, om.bytes);
	if (r.err == ERR_OK && outlet_publish(o, &om)) {
		rmq_gauge(s->rm, M_PUB_ENTRIES, 1);
		rmq_gauge(s->rm, M_PUB_MSGS, (int)om.attr.messages_n);
		rmq_gauge(s->rm, M_PUB_BYTES, (int)om.bytes);
		return;
	}
	if (r.err == ERR_OK) {
		r.err = ERR_BUSY;
		slice_unref(&om.body);
	}
	done(s->rm, &om, &r);
}

/* Why a message could not be stored, in a code that no client counts as sent */
void
rmq_not_stored(struct rmq_session *s, const struct rmq_ref *ref, enum err e)
{
	switch (e) {
	case ERR_NO_SPACE:
		rmq_answer_code(s, ref, RC_SERVICE_NOT_AVAILABLE,
		    "service not available now. It may be caused by one of the "
		    "following reasons: the broker's disk is full, messages "
		    "are put to the slave, message store has been shut down, "
		    "etc.");
		break;
	case ERR_TOO_BIG:
		rmq_answer_code(s, ref, RC_MESSAGE_ILLEGAL, err_text(e));
		break;
	case ERR_THROTTLED:
		/* as the reference's BrokerFastFailure says it */
		rmq_gauge(s->rm, M_RMQ_THROTTLED, 1);
		rmq_answer_codef(s, ref, RC_SYSTEM_BUSY,
		    "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a "
		    "while, period in queue: %dms, size of queue: %u",
		    PRODUCER_LATE_MS, s->pending_n);
		break;
	default:
		rmq_answer_err(s, ref, e, NULL);
	}
}

static const struct rout_ready sent_same = { .n = 2,
	.json =
	    STR_LIT("\"MSG_REGION\":\"DefaultRegion\",\"TRACE_ON\":\"true\""),
	.binary = STR_LIT("\0\012MSG_REGION\0\0\0\015DefaultRegion"
			  "\0\010TRACE_ON\0\0\0\004true") };

struct rout *
rmq_sent_begin(struct rmq_session *s, const struct rmq_ref *ref, struct str id,
    uint32_t queue, uint64_t offset, struct str uniq)
{
	struct rout *o = rmq_answer(s, ref, RC_SUCCESS, NULL);

	rout_str(o, "msgId", id);
	rout_i64(o, "queueId", queue);
	rout_i64(o, "queueOffset", (int64_t)offset);
	if (uniq.len > 0)
		rout_str(o, "transactionId", uniq);
	rout_put_ready(o, &sent_same);
	return o;
}

struct rout *
rmq_sent_ok(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r,
    struct rmq_session **sp)
{
	struct rmq_session *s;
	char id[RMQ_ID_MAX];
	size_t n;

	*sp = s = rmq_publish_ended(rm, m->ref.session, m->bytes);
	if (s == NULL)
		return NULL;
	if (r->err != ERR_OK) {
		rmq_not_stored(s, &m->ref, r->err);
		return NULL;
	}
	n = rmq_offset_id_put(id, &s->store_host, (int64_t)r->locator);
	return rmq_sent_begin(s, &m->ref, (struct str){ id, n }, m->queue,
	    r->index, (struct str){ m->uniq, m->uniq_len });
}

void
rmq_sent(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	struct rmq_session *s;

	if (rmq_sent_ok(rm, m, r, &s) != NULL)
		rmq_answer_end(s, &m->ref, NULL, 0);
}

void
rmq_illegal(struct rmq_session *s, const struct rmq_ref *ref)
{
	rmq_answer_codef(s, ref, RC_MESSAGE_ILLEGAL,
	    "the message is illegal, maybe msg body or properties length not "
	    "matched. msg body length limit %uB, msg properties length limit "
	    "32KB.",
	    s->rm->conf.max_message_bytes);
}
