/* SPDX-License-Identifier: Apache-2.0 */
#include "core/name.h"
#include "format/rmq_batch.h"
#include "format/rmq_of_pulsar.h"
#include "format/rmq_props.h"
#include "rocketmq/fit.h"
#include "rocketmq/send.h"
#include "rocketmq/sql92.h"
#include "rocketmq/take.h"

static bool
is_record(const struct entry *ent)
{
	return ent->attr.format == ENTRY_FORMAT_ROCKETMQ;
}

static bool
is_batch(const struct entry *ent)
{
	return (ent->attr.aux & RMQ_SYS_INNER_BATCH) != 0;
}

bool
rmq_take_needed(const struct rmq_session *s, const struct fx *fx)
{
	uint8_t bits = rmq_fit_bits(s);
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++)
		if (!is_record(&fx->entries[i]) ||
		    (fx->entries[i].attr.aux & bits) != 0)
			return true;
	return false;
}

static bool
any_foreign(const struct fx *fx)
{
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++)
		if (!is_record(&fx->entries[i]))
			return true;
	return false;
}

static void
passed(struct rmq *rm, uint64_t messages)
{
	rmq_gauge(rm, M_CONVERT_PASSED, (int)messages);
}

/* --- where it lies, in RocketMQ's words ------------------------------------- */

static bool
target(struct rmq_session *s, struct str topic, struct rmq_of_pulsar *c,
    char **name)
{
	struct topic_name tn;
	bool ours;

	*name = NULL;
	if (topic_name_parse(&tn, topic) != ERR_OK)
		return false;
	*name = rmq_name_of(s->rm, &tn, &ours);
	rmq_session_name(s);
	*c = (struct rmq_of_pulsar){ .topic = str_of(*name),
		.queue_id = tn.partition > 0 ? tn.partition : 0,
		.host = s->store_host };
	topic_name_fini(&tn);
	return *name != NULL;
}

/* --- one message ------------------------------------------------------------ */

static bool
is_wanted(const struct rmq_take *t, uint32_t code)
{
	uint32_t i;

	if (t->tags_n == 0)
		return true;
	for (i = 0; i < t->tags_n; i++)
		if (t->tags[i] == code)
			return true;
	return false;
}

/* false: it would not fit into a frame */
static bool
make(struct rmq *rm, const struct rmq_record *r, struct slice *out)
{
	size_t n = rmq_record_size(r);

	if (n == 0 || n > rm->conf.frame_max - RMQ_HEAD_MAX ||
	    !rmq_record_again(rm, r, out))
		return false;
	return true;
}

static bool
convert(struct rmq *rm, const struct rmq_record *r, struct slice *out)
{
	if (!make(rm, r, out))
		return false;
	rmq_gauge(rm, M_CONVERT_TO_ROCKETMQ, 1);
	return true;
}

/* --- the messages of an entry ------------------------------------------------ */

static void
found(struct rmq_take *t, struct slice record)
{
	t->found[t->n++] = record;
	t->messages++;
	t->bytes += record.len;
}

static bool
has_room(const struct rmq_take *t, size_t bytes)
{
	return t->n == 0 ||
	    (t->n < t->max_n && t->bytes + bytes <= t->max_bytes);
}

/* Those from index on, as far as they were asked for. */
static void
pass_rest(struct rmq *rm, const struct rmq_take *t, const struct entry *ent,
    uint64_t index)
{
	uint64_t end = ent->index + ent->attr.messages_n;

	if (index < t->from)
		index = t->from;
	if (index < end)
		passed(rm, end - index);
}

/* Goes through the messages; false: the rest has no room. */
static bool
take_messages(struct rmq *rm, struct rmq_take *t, const struct rmq_of_pulsar *c,
    struct pulsar_msgs *ms)
{
	const struct entry *ent = c->ent;
	struct pulsar_msg m;
	struct rmq_record r;
	struct slice made;
	uint64_t index;
	enum err e;

	while ((e = pulsar_msgs_next(ms, &m)) == ERR_OK) {
		index = ent->index + m.at;
		if (index < t->from)
			continue;
		if (m.compacted_out) {
			passed(rm, 1);
			continue;
		}
		if (t->tags_n > 0 &&
		    !is_wanted(t, pulsar_tags_code(&m.properties)))
			continue;
		rmq_of_pulsar(c, ms, &m, rm->props, &r);
		if (t->sql != NULL && !sql92_match(t->sql, r.props))
			continue;
		t->next = index;
		if (!has_room(t, rmq_record_size(&r)))
			return false;
		if (convert(rm, &r, &made))
			found(t, made);
		else
			passed(rm, 1);
	}
	/* there are fewer than it said, or what follows can't be read */
	if (e != ERR_EOF)
		pass_rest(rm, t, ent, ent->index + m.at);
	return true;
}

static bool
take_foreign(struct rmq *rm, struct rmq_take *t, struct rmq_of_pulsar *c,
    const struct entry *ent)
{
	struct pulsar_msgs ms;
	bool all;

	c->ent = ent;
	if (ent->attr.format != ENTRY_FORMAT_PULSAR ||
	    pulsar_msgs_open(&ms, span_of(ent->body.p, ent->body.len),
		RMQ_PLAIN_MAX) != ERR_OK) {
		pass_rest(rm, t, ent, ent->index);
		return true;
	}
	all = take_messages(rm, t, c, &ms);
	pulsar_msgs_close(&ms);
	return all;
}

/* --- inner batches ---------------------------------------------------------- */

bool
rmq_take_whole(struct rmq *rm, const struct rmq_record *r, struct slice *out)
{
	struct rmq_record whole = *r;
	struct rmq_props_out po;

	rmq_props_begin(&po, rm->props, sizeof rm->props);
	rmq_props_copy(&po, r->props);
	rmq_props_set_i64(&po, RMQ_PROP_INNER_BASE, r->queue_offset);
	return rmq_props_end(&po, &whole.props) == ERR_OK &&
	    make(rm, &whole, out);
}

/* false: it has no room */
static bool
take_whole(struct rmq *rm, struct rmq_take *t, const struct entry *ent,
    const struct rmq_record *r)
{
	struct slice made;

	t->next = ent->index;
	if (!has_room(t, ent->body.len))
		return false;
	if (!rmq_take_whole(rm, r, &made)) {
		pass_rest(rm, t, ent, ent->index);
		return true;
	}
	found(t, made);
	t->messages += ent->attr.messages_n - 1;
	return true;
}

static bool
take_apart(struct rmq *rm, struct rmq_take *t, const struct entry *ent,
    const struct rmq_record *outer)
{
	struct rmq_unwrap u;
	struct rmq_record r;
	struct slice made;
	uint64_t index;

	rmq_unwrap_init(&u, outer);
	while (
	    u.n < ent->attr.messages_n && rmq_unwrap_next(&u, &r) == ERR_OK) {
		index = (uint64_t)r.queue_offset;
		if (index < t->from ||
		    (t->tags_n > 0 &&
			!is_wanted(t,
			    rmq_tags_code(
				rmq_props_get(r.props, RMQ_PROP_TAGS)))) ||
		    (t->sql != NULL && !sql92_match(t->sql, r.props)))
			continue;
		t->next = index;
		if (!has_room(t, rmq_record_size(&r)))
			return false;
		if (make(rm, &r, &made))
			found(t, made);
		else
			passed(rm, 1);
	}
	/* none, for they were counted when it came */
	pass_rest(rm, t, ent, ent->index + u.n);
	return true;
}

static bool
take_batch(struct rmq_session *s, struct rmq_take *t, const struct entry *ent)
{
	struct rmq_record r;

	if (rmq_record_read(ent->body.p, ent->body.len, &r) != ERR_OK) {
		pass_rest(s->rm, t, ent, ent->index);
		return true;
	}
	if (!t->apart && t->tags_n == 0 && t->sql == NULL &&
	    t->from <= ent->index && rmq_unwraps(s))
		return take_whole(s->rm, t, ent, &r);
	return take_apart(s->rm, t, ent, &r);
}

static bool
take_batch_one(struct rmq *rm, const struct entry *ent, uint64_t locator,
    struct str uniq, struct slice *record)
{
	struct rmq_record outer, r, at = { .size = 0 };
	bool there = false, named = false;
	struct rmq_unwrap u;

	if (rmq_record_read(ent->body.p, ent->body.len, &outer) != ERR_OK)
		return false;
	rmq_unwrap_init(&u, &outer);
	while (!named && rmq_unwrap_next(&u, &r) == ERR_OK) {
		named = uniq.len > 0 &&
		    str_eq(rmq_props_get(r.props, RMQ_PROP_UNIQ_KEY), uniq);
		if (named || (uint64_t)r.phys_offset == locator) {
			at = r;
			there = true;
		}
	}
	return there && make(rm, &at, record);
}

/* --- records of one message --------------------------------------------------- */

static bool
take_record(struct rmq_session *s, struct rmq_take *t, struct rmq_fit *f,
    const struct entry *ent)
{
	struct rmq_record r;
	struct slice rec;

	if (is_batch(ent))
		return take_batch(s, t, ent);
	if (t->sql != NULL &&
	    (rmq_record_read(ent->body.p, ent->body.len, &r) != ERR_OK ||
		!sql92_match(t->sql, r.props)))
		return true;
	t->next = ent->index;
	if (!has_room(t, ent->body.len) || !rmq_fit_goes_on(f))
		return false;
	rec = slice_ref(ent->body);
	if ((ent->attr.aux & rmq_fit_bits(s)) != 0) {
		rmq_fit_record(s, f, &rec);
		if (!has_room(t, rec.len)) {
			slice_unref(&rec);
			return false;
		}
	}
	found(t, rec);
	return true;
}

void
rmq_take_entries(struct rmq_session *s, struct rmq_take *t, const struct fx *fx)
{
	struct rmq *rm = s->rm;
	struct rmq_of_pulsar c;
	struct rmq_fit fit = { 0 };
	char *name = NULL;
	uint32_t i;
	bool ok = true, more = true;

	if (rm->found == NULL)
		rm->found = mem_calloc(READ_AT_MAX, sizeof *rm->found);
	t->found = rm->found;
	t->n = t->messages = 0;
	t->bytes = 0;
	if (any_foreign(fx))
		ok = target(s, t->topic, &c, &name);
	for (i = 0; i < fx->entries_n && more; i++)
		if (is_record(&fx->entries[i]))
			more = take_record(s, t, &fit, &fx->entries[i]);
		else if (ok)
			more = take_foreign(rm, t, &c, &fx->entries[i]);
	if (more)
		t->next = fx->u64;
	mem_free(name);
}

void
rmq_take_drop(struct rmq_take *t)
{
	while (t->n > 0)
		slice_unref(&t->found[--t->n]);
}

bool
rmq_take_one(struct rmq_session *s, const struct entry *ent, struct str topic,
    uint64_t locator, struct str uniq, struct slice *record)
{
	struct rmq_of_pulsar c;
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	struct rmq_record r;
	char *name = NULL;
	bool ok = false;

	if (is_record(ent) && is_batch(ent))
		return take_batch_one(s->rm, ent, locator, uniq, record);
	if (is_record(ent)) {
		*record = slice_ref(ent->body);
		return true;
	}
	if (ent->attr.format != ENTRY_FORMAT_PULSAR ||
	    pulsar_msgs_open(&ms, span_of(ent->body.p, ent->body.len),
		RMQ_PLAIN_MAX) != ERR_OK)
		return false;
	if (target(s, topic, &c, &name)) {
		c.ent = ent;
		while (pulsar_msgs_next(&ms, &m) == ERR_OK) {
			if (ent->locator + m.at != locator)
				continue;
			rmq_of_pulsar(&c, &ms, &m, s->rm->props, &r);
			ok = !m.compacted_out && convert(s->rm, &r, record);
			break;
		}
	}
	pulsar_msgs_close(&ms);
	mem_free(name);
	return ok;
}
