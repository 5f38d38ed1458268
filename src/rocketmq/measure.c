/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/measure.h"

#include <ctype.h>

#include "core/name.h"
#include "rocketmq/systopic.h"

/* --- requests --------------------------------------------------------------- */

/* What is told apart: a number, to find the row by. Codes of requests have 18 bits
 * (200151), those of answers 12. Peers may ask for any code, and answer any to what
 * is passed on to them: what has no name is one. */
#define CODE_MAX 0x3ffffu
#define CODE_OTHER CODE_MAX
#define ANSWER_MAX 0xfffu
#define ANSWER_OTHER ANSWER_MAX
#define ONEWAY (1u << 30)
#define WAITED (1u << 31)

static uint32_t
key_of(uint32_t code, uint32_t answer, bool oneway, bool waited)
{
	return (code < CODE_MAX ? code : CODE_OTHER) |
	    (answer < ANSWER_MAX ? answer : ANSWER_OTHER) << 18 |
	    (oneway ? ONEWAY : 0) | (waited ? WAITED : 0);
}

static int32_t
code_of(uint32_t key)
{
	return (int32_t)(key & CODE_MAX);
}

static int32_t
answer_of(uint32_t key)
{
	return (int32_t)(key >> 18 & ANSWER_MAX);
}

/* The rows that were found last: each has its place by its key, or one behind it.
 * There are few; those that have no room are found the long way. */
#define SLOTS 256u /* a power of two */
#define SLOTS_USED 192u

struct rmq_measured {
	unsigned used;
	struct {
		uint32_t key;
		struct histo *h; /* NULL: free */
	} v[SLOTS];
};

void
rmq_measure_init(struct rmq *rm)
{
	rm->measured = mem_zalloc(sizeof *rm->measured);
}

void
rmq_measure_fini(struct rmq *rm)
{
	MEM_FREE(rm->measured);
}

static const char *
answer_name(int32_t code)
{
	static const struct {
		int32_t code;
		const char *name;
	} v[] = {
#define RESPONSE(code, name) { code, #name },
#include "rocketmq/tbl/response.h"
#undef RESPONSE
	};
	size_t i;

	for (i = 0; i < NELEM(v); i++)
		if (v[i].code == code)
			return v[i].name;
	return NULL;
}

/* In small letters, as the reference's RemotingHelper has names. */
static void
put_name(struct strbuf *sb, const char *key, const char *name)
{
	char text[64];
	size_t i;

	for (i = 0; name[i] != '\0' && i < sizeof text - 1; i++)
		text[i] = (char)tolower((unsigned char)name[i]);
	text[i] = '\0';
	prom_label(sb, key, text);
}

static void
rpc_labels(struct strbuf *sb, const void *priv)
{
	uint32_t key = *(const uint32_t *)priv;
	const char *code = rmq_request_name(code_of(key)),
		   *answer = answer_name(answer_of(key));

	prom_label(sb, "protocol_type", "remoting");
	put_name(sb, "request_code", code != NULL ? code : "other");
	put_name(sb, "response_code", answer != NULL ? answer : "other");
	prom_label(
	    sb, "is_long_polling", (key & WAITED) != 0 ? "true" : "false");
	prom_label(sb, "result", (key & ONEWAY) != 0 ? "oneway" : "success");
}

static struct histo *
rpc_row(struct rmq *rm, uint32_t key)
{
	struct rmq_measured *me = rm->measured;
	uint32_t i = (key * UINT32_C(0x9e3779b1)) >> 24;
	bool code, answer;
	struct histo *h;

	for (; me->v[i].h != NULL; i = (i + 1) % SLOTS)
		if (me->v[i].key == key)
			return me->v[i].h;
	code = rmq_request_name(code_of(key)) != NULL;
	answer = answer_name(answer_of(key)) != NULL;
	if (!code)
		key |= CODE_OTHER;
	if (!answer)
		key |= ANSWER_OTHER << 18;
	h = histo_row(rm->conf.metrics, H_RMQ_RPC,
	    (struct str){ (const char *)&key, sizeof key }, rpc_labels, &key);
	if (h != NULL && code && answer && me->used < SLOTS_USED) {
		me->v[i].key = key;
		me->v[i].h = h;
		me->used++;
	}
	return h;
}

void
rmq_measure_answer(struct rmq *rm, const struct rmq_ref *r, int code)
{
	struct histo *h = rpc_row(rm,
	    key_of((uint32_t)r->code, (uint32_t)code, r->oneway, r->waited));

	if (h != NULL)
		histo_add(h, (uint64_t)(loop_mono_ns(rm->lp) - r->began_ns));
}

/* --- messages --------------------------------------------------------------- */

/* BrokerMetricsManager.getMessageType */
enum message_type {
	TYPE_NORMAL,
	TYPE_FIFO,
	TYPE_DELAY,
	TYPE_TRANSACTION,
};

static const char *const type_names[RMQ_MESSAGE_TYPES] = {
	[TYPE_NORMAL] = "normal",
	[TYPE_FIFO] = "fifo",
	[TYPE_DELAY] = "delay",
	[TYPE_TRANSACTION] = "transaction",
};

static enum message_type
type_of(const struct rmq_msg_props *p)
{
	if (p->transaction)
		return TYPE_TRANSACTION;
	if (p->sharding.p != NULL)
		return TYPE_FIFO;
	return p->typed || p->deliver_ms > 0 ? TYPE_DELAY : TYPE_NORMAL;
}

struct topic_labels {
	struct str topic;
	const char *key, *value; /* one more; NULL: none */
	const char *key2, *value2;
};

static void
topic_labels(struct strbuf *sb, const void *priv)
{
	const struct topic_labels *l = priv;
	char name[NAME_MAX_BYTES + 1];
	size_t n =
	    l->topic.len < NAME_MAX_BYTES ? l->topic.len : NAME_MAX_BYTES;

	memcpy(name, l->topic.p, n);
	name[n] = '\0';
	prom_label(sb, "topic", name);
	if (l->key != NULL) {
		prom_label(sb, l->key, l->value);
		prom_label(sb, l->key2, l->value2);
	}
}

static struct histo *
size_row(struct rmq_topic *t, enum message_type type)
{
	struct str name = str_of(t->name);
	char key[NAME_MAX_BYTES + 1];

	if (rmq_topic_is_retry(name) || rmq_topic_is_dlq(name))
		return NULL;
	assert(name.len < sizeof key);
	memcpy(key, name.p, name.len);
	key[name.len] = (char)type;
	return histo_row(t->rm->conf.metrics, H_RMQ_MESSAGE_SIZE,
	    (struct str){ key, name.len + 1 }, topic_labels,
	    &(struct topic_labels){ .topic = name,
		.key = "message_type",
		.value = type_names[type],
		.key2 = "is_system",
		.value2 = systopic_is(&t->rm->conf, name) ? "true" : "false" });
}

struct histo *
rmq_measure_size_row(struct rmq_topic *t, const struct rmq_msg_props *p)
{
	enum message_type type = type_of(p);

	if (unlikely(t->sizes[type] == NULL))
		t->sizes[type] = size_row(t, type);
	return t->sizes[type];
}

struct histo *
rmq_measure_delay_row(struct rmq *rm, struct str topic)
{
	return histo_row(rm->conf.metrics, H_RMQ_DELAY, topic, topic_labels,
	    &(struct topic_labels){ .topic = topic,
		.key = "storage_type",
		.value = "local",
		.key2 = "storage_medium",
		.value2 = "disk" });
}

struct histo *
rmq_measure_finish_row(struct rmq *rm, struct str topic)
{
	return histo_row(rm->conf.metrics, H_RMQ_FINISH, topic, topic_labels,
	    &(struct topic_labels){ .topic = topic });
}
