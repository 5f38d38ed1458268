/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net_priv.h"

static const struct {
	const char *text, *counter;
	bool is_error;
} reasons[CLOSE__MAX] = {
	[CLOSE_NONE] = { "open", "none", false },
#define CLOSE(name, counter, is_error, text) \
	[CLOSE_##name] = { text, #counter, is_error },
#include "base/tbl/close.h"
};

const char *
close_text(enum close_reason r)
{
	assert(r < CLOSE__MAX);
	return reasons[r].text;
}

const char *
close_counter(enum close_reason r)
{
	assert(r < CLOSE__MAX);
	return reasons[r].counter;
}

bool
close_is_error(enum close_reason r)
{
	assert(r < CLOSE__MAX);
	return reasons[r].is_error;
}

struct net *
net_new(struct loop *lp, const struct net_conf *conf)
{
	struct net *net;

	LOOP_ASSERT(lp);
	ALLOC_OBJ(net, NET_MAGIC);
	net->lp = lp;
	net->conf = *conf;
	TAILQ_INIT(&net->conns);
	TAILQ_INIT(&net->dirty);
	TAILQ_INIT(&net->work);
	TAILQ_INIT(&net->rx_waiting);
	TAILQ_INIT(&net->partial);
	TAILQ_INIT(&net->strangers);
	TAILQ_INIT(&net->waits);
	net->pool = rxpool_new();
	return net;
}

void
net_free(struct net **np)
{
	struct net *net;

	TAKE_OBJ_NOTNULL(net, np, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	AZ(net->listeners_n);
	net_close_all(net, CLOSE_SHUTDOWN);
	while (net->conns_n > 0)
		(void)net_flush(net);
	assert(TAILQ_EMPTY(&net->waits));
	assert(net->tail_owner == NULL);
	if (net->cur != NULL)
		buf_unref(&net->cur);
	rxpool_close(&net->pool);
	chunks_trim(net, true);
	FREE_OBJ(net);
}

struct loop *
net_loop(struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return net->lp;
}

void
net_refuse(struct net *net, int fd, enum close_reason why)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	sock_close_reset(fd);
	net->st.closed[why]++;
}

void
net_link_conn(struct net *net, struct conn *cn)
{
	TAILQ_INSERT_TAIL(&net->conns, cn, link);
	net->conns_n++;
	if (cn->conf->internal)
		net->internal_n++;
	else
		net->st.opened++;
}

void
net_mark_dirty(struct conn *cn)
{
	if (cn->dirty)
		return;
	cn->dirty = true;
	TAILQ_INSERT_TAIL(&cn->net->dirty, cn, dirty_link);
}

bool
net_flush(struct net *net)
{
	struct conn *cn;

	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	/* what becomes dirty meanwhile has its turn after a look at the others */
	assert(TAILQ_EMPTY(&net->work));
	TAILQ_CONCAT(&net->work, &net->dirty, dirty_link);
	while ((cn = TAILQ_FIRST(&net->work)) != NULL) {
		TAILQ_REMOVE(&net->work, cn, dirty_link);
		cn->dirty = false;
		conn_work(cn);
	}
	net_tell_room(net);
	return !TAILQ_EMPTY(&net->dirty);
}

void
net_close_all(struct net *net, enum close_reason reason)
{
	struct conn *cn;

	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	TAILQ_FOREACH(cn, &net->conns, link)
		conn_close(cn, reason);
}

size_t
net_conns_n(const struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return net->conns_n;
}

size_t
net_strangers_n(const struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return net->strangers_n;
}

void
net_second(struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	frames_check(net);
	rxpool_trim(net->pool);
	chunks_trim(net, false);
}

void
net_get_stats(struct net *net, struct net_stats *st)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	*st = net->st;
	st->open_n = net->conns_n - net->internal_n;
	st->rx_held_bytes = net->rx_held;
	st->tx_queued_bytes = net->tx_queued;
	rxpool_count(net->pool, &st->bufs_n, &st->bufs_free_n);
}
