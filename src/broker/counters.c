/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/counters.h"

#include "auth/audit.h"
#include "base/metrics.h"
#include "base/miniobj.h"
#include "broker/broker.h"
#include "core/stage.h"
#include "store/local.h"

static void
copy_net(struct metrics *m, struct net *net)
{
	static const enum metric by_reason[CLOSE__MAX] = {
#define CLOSE(name, counter, is_error, text) [CLOSE_##name] = M_CLOSED_##name,
#include "base/tbl/close.h"
	};
	struct net_stats st;
	unsigned i;

	net_get_stats(net, &st);
	for (i = CLOSE_NONE + 1; i < CLOSE__MAX; i++)
		metrics_set(m, by_reason[i], st.closed[i]);
	metrics_set(m, M_CONN_OPENED, st.opened);
	metrics_set(m, M_CONN_REFUSED, st.closed[CLOSE_LIMIT]);
	metrics_set(m, M_CONN_ACTIVE, st.open_n);
	metrics_set(m, M_TLS_HANDSHAKES, st.tls_handshakes);
	metrics_set(m, M_BYTES_IN, st.rx_bytes);
	metrics_set(m, M_BYTES_OUT, st.tx_bytes);
}

static void
copy_log(struct metrics *m, const struct ledgers *lgs)
{
	struct local_stats st;

	local_stats(lgs, &st);
	metrics_set(m, M_LOG_ENTRIES, st.appends);
	metrics_set(m, M_LOG_ENTRY_BYTES, st.append_bytes);
	metrics_set(m, M_LOG_GROUPS, st.groups);
	metrics_set(m, M_LOG_BYTES, st.group_bytes);
	metrics_set(m, M_LOG_SYNCS, st.syncs);
	metrics_set(m, M_LOG_CORRUPT, st.corrupt);
	metrics_set(m, M_SEG_ACTIVE, st.segments);
	metrics_set(m, M_SEG_BYTES, st.segment_bytes);
	metrics_set(m, M_SEG_FREE, st.segments_free);
	metrics_set(m, M_PEEKS, st.peeks);
	metrics_set(m, M_READ_COLD, st.reads);
}

static void
copy_staged(struct metrics *m, const struct core *co)
{
	struct stage_stats st;

	stages_stats(co, &st);
	metrics_set(m, M_STAGED, st.staged);
	metrics_set(m, M_STAGE_APPENDED, st.appended);
	metrics_set(m, M_STAGE_NOTIFIED, st.notified);
	metrics_set(m, M_STAGE_RESOLVED, st.resolved);
	metrics_set(m, M_STAGE_RECALLED, st.recalled);
	metrics_set(m, M_STAGE_DROPPED, st.dropped);
	metrics_set(m, M_STAGE_PUT_OFF, st.put_off);
	metrics_set(m, M_STAGE_LATE, (uint64_t)st.late_ms);
}

/* There is one for all shards. */
static void
copy_audit(struct metrics *m, const struct audit *a)
{
	struct audit_stats st;

	audit_get_stats(a, &st);
	metrics_set(m, M_AUDIT_WRITTEN, st.written);
	metrics_set(m, M_AUDIT_DROPPED, st.dropped);
}

void
counters_copy(struct shard *sh)
{
	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	copy_net(sh->metrics, sh->net);
	if (sh->ledgers != NULL)
		copy_log(sh->metrics, sh->ledgers);
	copy_staged(sh->metrics, sh->core);
	if (sh->n == 0)
		copy_audit(sh->metrics, broker_audit(sh->broker));
	metrics_set(sh->metrics, M_OPS_SENT, sh->crossed_ops);
	metrics_set(sh->metrics, M_FX_SENT, sh->crossed_effects);
}
