/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room.h - descriptors for a newcomer where there are none, and who waits for them.
 *
 * net_make_room() closes the oldest strangers of the shard (conn_set_stranger), a few
 * at a time and none while others are being closed anyway; where another shard has
 * more of them, it has that one do so (net_conf.elsewhere). Their descriptors are
 * there when net_flush() has closed them; it then calls those who wait, in the order
 * in which they came, and each tries again at once, before anybody accepts. It may
 * find them taken by others and ask anew: so it ends with room, or with nobody left
 * to go.
 *
 * Where it is conns_max that leaves no room, only the shard's own can make it:
 * net_give_room().
 *
 * A wait is embedded in whatever waits, zeroed before its first use, and forgotten
 * (net_forget) before that goes.
 *
 * Threads: the shard's; asserted.
 */
#ifndef NET_ROOM_H
#define NET_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/net.h"

/* From net_flush(): connections have gone. It doesn't wait any more. */
typedef void net_room_f(void *priv);

struct net_wait {
	net_room_f *cb; /* NULL: it doesn't wait */
	void *priv;
	uint64_t gone; /* net->gone as it began to */
	TAILQ_ENTRY(net_wait) link;
};

/* May n more be opened, by conns_max? */
bool net_has_room(const struct net *, unsigned n);
/* False: there is nobody who could go. True: cb will be called. */
bool net_make_room(
    struct net *, struct net_wait *, net_room_f *cb, void *priv) MUST_CHECK;
/* The same of this shard's own strangers only: also for another shard. */
bool net_give_room(
    struct net *, struct net_wait *, net_room_f *cb, void *priv) MUST_CHECK;
/* Another shard has: cb of those who wait is called from the next net_flush(). */
void net_room_given(struct net *);
/* Until some connection has gone, whichever. */
void net_await_room(
    struct net *, struct net_wait *, net_room_f *cb, void *priv);
/* It waits no longer, if it did. */
void net_forget(struct net *, struct net_wait *);
static inline bool
net_waits(const struct net_wait *w)
{
	return w->cb != NULL;
}

#endif
