/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEND and what comes of it. Nothing is allocated or logged here unless a message
 * is refused.
 *
 * What fits a frame is accepted (as in the reference, whose SEND_ERROR for a
 * message over the limit belongs to a policy of topics that isn't here yet).
 *
 * Receipts and errors of one producer go out in the order of its messages: a
 * message that is refused here waits for those before it.
 */
#include "base/hash.h"
#include "format/rmq_of_pulsar.h"
#include "pulsar/session_priv.h"

/* At most so many messages to non-persistent topics are under way. */
#define NP_PENDING_MAX 1000

/* --- how much is under way -------------------------------------------------- */

/* Of the shard: whoever sends the one too many waits. */
static void
shard_more(struct session *s, size_t bytes)
{
	struct pulsar *p = s->p;

	p->pending_bytes += bytes;
	if (p->pending_bytes < p->conf.shard_pending_bytes_max ||
	    (s->paused & PAUSE_SHARD) != 0)
		return;
	LIST_INSERT_HEAD(&p->starved, s, starved_link);
	session_pause(s, PAUSE_SHARD);
}

static void
shard_less(struct pulsar *p, size_t bytes)
{
	struct session *s;

	assert(bytes <= p->pending_bytes);
	p->pending_bytes -= bytes;
	if (p->pending_bytes > p->conf.shard_pending_bytes_max / 2)
		return;
	while ((s = LIST_FIRST(&p->starved)) != NULL) {
		LIST_REMOVE(s, starved_link);
		session_resume(s, PAUSE_SHARD);
	}
}

static void
more(struct session *s, size_t bytes)
{
	s->pending_bytes += bytes;
	shard_more(s, bytes);
	if (++s->pending_n >= s->p->conf.pending_max ||
	    s->pending_bytes >= s->p->conf.pending_bytes_max)
		session_pause(s, PAUSE_PUBLISHES);
}

/*
 * A receipt doesn't say how long its message was; the mean of what is under way
 * is taken off, which is exact in the sum.
 */
static void
less(struct session *s, unsigned n)
{
	const struct pulsar_conf *conf = &s->p->conf;
	size_t bytes;

	assert(n > 0 && n <= s->pending_n);
	bytes = n == s->pending_n ? s->pending_bytes :
				    s->pending_bytes / s->pending_n * n;
	s->pending_bytes -= bytes;
	s->pending_n -= n;
	shard_less(s->p, bytes);
	if (s->pending_n <= conf->pending_max / 2 &&
	    s->pending_bytes <= conf->pending_bytes_max / 2)
		session_resume(s, PAUSE_PUBLISHES);
}

static void
began(struct session *s, struct prod *pr, size_t bytes)
{
	pr->pending_n++;
	pr->sent_n++;
	s->np_n += !pr->persistent;
	more(s, bytes);
}

static void
ended(struct session *s, struct prod *pr, unsigned n)
{
	assert(n <= pr->pending_n);
	pr->pending_n -= n;
	pr->done_n += n;
	if (!pr->persistent)
		s->np_n -= n;
	less(s, n);
}

/* --- refusals --------------------------------------------------------------- */

static void
say_error(struct session *s, const struct prod *pr, uint64_t sequence,
    int error, const char *text)
{
	uint8_t *o = conn_reserve(s->cn, HOT_SEND_ERROR_MAX);

	conn_commit(
	    s->cn, hot_send_error_encode(o, pr->id, sequence, error, text));
	s->p->st.refused++;
}

static void
say_receipt(struct session *s, const struct prod *pr, uint64_t sequence,
    uint64_t highest, uint64_t ledger, uint64_t entry)
{
	const struct hot_receipt r = {
		.producer_id = pr->id,
		.sequence_id = sequence,
		.highest_sequence_id = highest,
		.ledger = ledger,
		.entry = entry,
	};

	conn_commit(s->cn,
	    hot_send_receipt_encode(
		conn_reserve(s->cn, HOT_SEND_RECEIPT_MAX), &r));
}

static void
say_refusal(struct session *s, const struct prod *pr, const struct refusal *rf)
{
	if (rf->error < 0)
		say_receipt(s, pr, rf->sequence, rf->highest_sequence,
		    HOT_NO_ID, HOT_NO_ID);
	else
		say_error(s, pr, rf->sequence, rf->error, rf->text);
}

/* Those whose turn has come. */
static void
refusals_due(struct session *s, struct prod *pr)
{
	struct refusal *rf;

	while ((rf = STAILQ_FIRST(&pr->refusals)) != NULL &&
	    rf->after <= pr->done_n) {
		STAILQ_REMOVE_HEAD(&pr->refusals, link);
		say_refusal(s, pr, rf);
		mem_free(rf);
		less(s, 1);
	}
}

static void
refuse(struct session *s, struct prod *pr, const struct hot_send *send,
    int error, const char *text)
{
	bool batch = send->highest_sequence_id >= send->sequence_id;
	struct refusal *rf,
	    now = {
		    .after = pr->sent_n,
		    .sequence = error >= 0 && batch ?
			send->highest_sequence_id :
			send->sequence_id,
		    .highest_sequence = send->highest_sequence_id,
		    .error = error,
		    .text = text,
	    };

	if (pr->pending_n == 0) {
		say_refusal(s, pr, &now);
		return;
	}
	rf = mem_dup(&now, sizeof now);
	STAILQ_INSERT_TAIL(&pr->refusals, rf, link);
	more(s, 0);
}

void
send_forget(struct session *s, struct prod *pr)
{
	struct refusal *rf;

	while ((rf = STAILQ_FIRST(&pr->refusals)) != NULL) {
		STAILQ_REMOVE_HEAD(&pr->refusals, link);
		mem_free(rf);
		less(s, 1);
	}
	if (pr->pending_n > 0)
		ended(s, pr, pr->pending_n);
}

/* --- SEND ------------------------------------------------------------------- */

static void
fill_attr(struct attr *a, const struct prod *pr, const struct hot_send *send,
    const struct pulsar_meta *meta, bool has_crc)
{
	*a = (struct attr){
		.format = ENTRY_FORMAT_PULSAR,
		.aux = (uint8_t)meta->marker_type,
		.messages_n = meta->is_batch ? (uint32_t)meta->num_messages : 1,
		.publish_time_ms = (int64_t)meta->publish_time_ms,
		.deliver_at_ms = meta->deliver_at_ms,
		/* messages of a batch have one each: whoever takes it apart looks */
		.tag_hash =
		    meta->is_batch ? 0 : pulsar_tags_code(&meta->properties),
		.key_hash = pulsar_sticky_hash(meta),
		.producer_hash = pr->name_hash,
		.sequence =
		    (int64_t)(send->highest_sequence_id > send->sequence_id ?
			    send->highest_sequence_id :
			    send->sequence_id),
	};
	if (meta->is_batch)
		a->flags |= ATTR_BATCH;
	if (meta->ordering_key.p != NULL || meta->partition_key.p != NULL)
		a->flags |= ATTR_HAS_KEY;
	if (meta->encryption_keys_n > 0)
		a->flags |= ATTR_ENCRYPTED;
	if (meta->marker_type != 0)
		a->flags |= ATTR_MARKER;
	if (!has_crc)
		a->flags |= ATTR_NO_CHECKSUM;
	if (meta->num_chunks > 1) {
		a->flags |= ATTR_CHUNK;
		if (meta->chunk_id == meta->num_chunks - 1)
			a->flags |= ATTR_CHUNK_LAST;
		a->chunk_hash =
		    (uint32_t)hash_bytes(0, meta->uuid.p, meta->uuid.n);
	}
}

/* What Pulsar's Producer checks, in its order; true: publish it. */
static bool
check(struct session *s, struct prod *pr, const struct hot_send *send,
    const struct frame *fr, struct pulsar_body *fb, struct pulsar_meta *meta)
{
	if (pulsar_body_parse(fr->body, fb) != ERR_OK) {
		session_malformed(s);
		return false;
	}
	if (!pulsar_body_verify(fb)) {
		refuse(s, pr, send, pp_ServerError_ChecksumError,
		    "Checksum failed on the broker");
		return false;
	}
	if (pulsar_meta_decode(fb->meta, meta) != ERR_OK ||
	    (meta->is_batch &&
		(meta->num_messages < 1 ||
		    meta->num_messages > SEND_MESSAGES_MAX))) {
		session_malformed(s);
		return false;
	}
	if (send->has_txn) {
		refuse(s, pr, send, pp_ServerError_NotAllowedError,
		    "Transactions are not enabled.");
		return false;
	}
	return true;
}

static void
count(struct session *s, const struct core_publish *pub)
{
	struct metrics *m = s->p->conf.metrics;

	if (m == NULL)
		return;
	metrics_inc(m, M_PUB_ENTRIES);
	metrics_add(m, M_PUB_MSGS, pub->attr.messages_n);
	metrics_add(m, M_PUB_BYTES, pub->body.len);
}

void
do_send(struct session *s, const struct frame *fr, struct buf *b)
{
	struct core_publish pub;
	struct hot_send send;
	struct pulsar_meta meta;
	struct pulsar_body fb;
	struct prod *pr;

	if (unlikely(hot_send_decode(fr->cmd, &send) != ERR_OK)) {
		session_malformed(s);
		return;
	}
	pr = prod_get(s, send.producer_id);
	if (unlikely(pr == NULL || pr->state != PLACE_OPEN)) {
		/* on its way when the broker, or the client, closed it */
		if (pr != NULL && pr->state >= PLACE_CLOSING &&
		    pr->state != PLACE_ABANDONED)
			return;
		session_close(s, CLOSE_PROTOCOL);
		return;
	}
	if (unlikely(!check(s, pr, &send, fr, &fb, &meta)))
		return;
	if (unlikely(!pr->persistent && s->np_n >= NP_PENDING_MAX)) {
		/* dropped, and said so; as many as SEND says, like Pulsar */
		pr->dropped_n +=
		    send.num_messages > 0 ? (uint32_t)send.num_messages : 1;
		refuse(s, pr, &send, -1, NULL);
		return;
	}
	fill_attr(&pub.attr, pr, &send, &meta, fb.has_crc);
	pub.producer = pr->handle;
	pub.body = slice_of(
	    b, (uint32_t)(fb.stored.p - b->data), (uint32_t)fb.stored.n);
	pub.sequence = send.sequence_id;
	pub.highest_sequence = send.highest_sequence_id;
	pub.dropped_n = pr->dropped_n;
	pr->dropped_n = 0;
	began(s, pr, fb.stored.n);
	count(s, &pub);
	route_publish(s->p->router, &pub);
}

/* --- receipts --------------------------------------------------------------- */

/*
 * Only those errors go out as SEND_ERROR that a client takes for the message's
 * fault. For any other, the producer is closed: the client opens it again and
 * sends what has no receipt. (A SEND_ERROR would make C++ and Python drop the
 * connection that all their producers and consumers share.)
 */
static void
failed(struct session *s, struct prod *pr, const struct fx_receipt *r)
{
	uint64_t sequence = r->highest_sequence > r->sequence ?
	    r->highest_sequence :
	    r->sequence;

	switch (r->err) {
	case ERR_TOPIC_TERMINATED:
	case ERR_NOT_ALLOWED:
	case ERR_NOT_SUPPORTED:
	case ERR_TOO_BIG:
	case ERR_TXN_NOT_ENABLED:
		say_error(
		    s, pr, sequence, err_pulsar(r->err), err_text(r->err));
		break;
	case ERR_NO_SPACE:
	case ERR_CLOSED:
	case ERR_NO_PRODUCER:
		/* FX_PRODUCER_CLOSED comes, or has been */
		break;
	default:
		producer_disconnect(s, pr);
	}
}

void
send_receipt(struct session *s, const struct fx_receipt *r)
{
	struct prod *pr = prod_get(s, r->dest.tag);

	if (unlikely(pr == NULL || pr->pending_n == 0))
		return;
	ended(s, pr, 1);
	if (likely(r->err == ERR_OK)) {
		if (unlikely(r->pos.entry < 0))
			say_receipt(s, pr, r->sequence, r->highest_sequence,
			    HOT_NO_ID, HOT_NO_ID);
		else
			say_receipt(s, pr, r->sequence, r->highest_sequence,
			    r->pos.ledger, (uint64_t)r->pos.entry);
	} else
		failed(s, pr, r);
	if (unlikely(!STAILQ_EMPTY(&pr->refusals)))
		refusals_due(s, pr);
}
