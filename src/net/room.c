/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net_priv.h"

#define EVICT_MAX 8 /* strangers that go at a time, of the older half */

/* Those that are being closed make room, too. */
bool
net_evict(struct net *net)
{
	size_t n = (net->strangers_n + 1) / 2, i;
	struct conn *cn;

	if (net->dying_n > 0)
		return true;
	for (i = 0; i < n && i < EVICT_MAX; i++) {
		cn = TAILQ_FIRST(&net->strangers);
		conn_set_stranger(cn, false);
		conn_close(cn, CLOSE_EVICTED);
	}
	return i > 0;
}

bool
net_has_room(const struct net *net, unsigned n)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	return net->conns_n + net->internal_n + n <= net->conf.conns_max;
}

void
net_await_room(struct net *net, struct net_wait *w, net_room_f *cb, void *priv)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	AN(cb);
	assert(!net_waits(w));
	w->cb = cb;
	w->priv = priv;
	w->gone = net->gone;
	TAILQ_INSERT_TAIL(&net->waits, w, link);
}

bool
net_give_room(struct net *net, struct net_wait *w, net_room_f *cb, void *priv)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	if (!net_evict(net))
		return false;
	net_await_room(net, w, cb, priv);
	return true;
}

bool
net_make_room(struct net *net, struct net_wait *w, net_room_f *cb, void *priv)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	if (net->dying_n > 0 || net->conf.elsewhere == NULL ||
	    !net->conf.elsewhere(net->conf.elsewhere_priv, net->strangers_n))
		return net_give_room(net, w, cb, priv);
	net_await_room(net, w, cb, priv);
	return true;
}

void
net_room_given(struct net *net)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	net->gone++;
}

void
net_forget(struct net *net, struct net_wait *w)
{
	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	if (!net_waits(w))
		return;
	TAILQ_REMOVE(&net->waits, w, link);
	w->cb = NULL;
}

/* Who waits again stands behind, with the count as it is now. */
void
net_tell_room(struct net *net)
{
	struct net_wait *w;
	net_room_f *cb;

	while ((w = TAILQ_FIRST(&net->waits)) != NULL && w->gone != net->gone) {
		cb = w->cb;
		net_forget(net, w);
		cb(w->priv);
	}
}
