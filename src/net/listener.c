/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "net/listener.h"
#include "net/net_priv.h"
#include "os/clock.h"

/* out of descriptors even for the reserve: look again after */
#define RETRY_NS (100 * CLOCK_NS_PER_MS)

struct listener {
	unsigned magic;
#define LISTENER_MAGIC 0x115e0001
	int fd;
	int reserve_fd; /* given up when there is no other; -1: gone */
	struct net *net;
	struct net_wait wait; /* paused: there was no room */
	struct loop_io io;
	struct loop_timer retry;
	listener_accept_f *cb;
	void *priv;
	struct sock_addr addr;
};

static void
update(struct listener *ln)
{
	bool on = !net_waits(&ln->wait) && !loop_timer_active(&ln->retry);

	loop_io_set(&ln->io, on ? LOOP_READ : 0);
}

static void
keep_reserve(struct listener *ln)
{
	if (ln->reserve_fd < 0)
		ln->reserve_fd = fcntl(ln->fd, F_DUPFD_CLOEXEC, 0);
}

/*
 * No descriptor for a connection that waits: with the reserve's it is accepted
 * and closed, else it would wait for ever and wake us for ever.
 */
static void
shed(struct listener *ln)
{
	struct sock_addr peer;
	enum err err;
	int fd;

	if (ln->reserve_fd >= 0) {
		sock_close(ln->reserve_fd);
		ln->reserve_fd = -1;
	}
	err = sock_accept(ln->fd, &fd, &peer);
	if (err == ERR_OK)
		net_refuse(ln->net, fd, CLOSE_LIMIT);
	else if (err != ERR_AGAIN)
		loop_timer_start(&ln->retry, RETRY_NS);
	keep_reserve(ln);
}

/* Connections have gone. */
static void
on_room(void *priv)
{
	struct listener *ln;

	CAST_OBJ_NOTNULL(ln, priv, LISTENER_MAGIC);
	if (!net_has_room(ln->net, 1))
		net_await_room(ln->net, &ln->wait, on_room, ln);
	update(ln);
}

static void
on_ready(void *priv, int events)
{
	struct listener *ln;
	struct sock_addr peer;
	unsigned i;
	enum err err;
	int fd;

	(void)events;
	CAST_OBJ_NOTNULL(ln, priv, LISTENER_MAGIC);
	for (i = 0; i < LISTENER_BATCH; i++) {
		if (!net_has_room(ln->net, 1)) {
			if (i > 0)
				break; /* it may have been the last one */
			(void)net_evict(ln->net);
			net_await_room(ln->net, &ln->wait, on_room, ln);
			break;
		}
		err = sock_accept(ln->fd, &fd, &peer);
		if (err == ERR_AGAIN)
			break;
		if (err != ERR_OK) {
			if (!net_make_room(ln->net, &ln->wait, on_room, ln))
				shed(ln);
			break;
		}
		ln->net->st.accepted++;
		ln->cb(ln->priv, fd, &peer);
	}
	update(ln);
}

static void
on_retry(void *priv)
{
	struct listener *ln;

	CAST_OBJ_NOTNULL(ln, priv, LISTENER_MAGIC);
	keep_reserve(ln);
	update(ln);
}

enum err
listener_new(struct listener **lnp, struct net *net, const struct sock_addr *sa,
    bool first, int backlog, listener_accept_f *cb, void *priv, struct diag *d)
{
	struct listener *ln;
	enum err err;
	int fd;

	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	*lnp = NULL;
	err = first ? sock_listen_first(sa, backlog, &fd, d) :
		      sock_listen(sa, backlog, &fd, d);
	if (err != ERR_OK)
		return err;
	ALLOC_OBJ(ln, LISTENER_MAGIC);
	ln->fd = fd;
	ln->reserve_fd = -1;
	keep_reserve(ln);
	ln->net = net;
	ln->cb = cb;
	ln->priv = priv;
	sock_local(fd, &ln->addr);
	loop_timer_init(&ln->retry, net->lp, on_retry, ln);
	loop_io_init(&ln->io, net->lp, fd, on_ready, ln);
	net->listeners_n++;
	update(ln);
	*lnp = ln;
	return ERR_OK;
}

void
listener_free(struct listener **lnp)
{
	struct listener *ln;

	TAKE_OBJ_NOTNULL(ln, lnp, LISTENER_MAGIC);
	LOOP_ASSERT(ln->net->lp);
	loop_io_fini(&ln->io);
	loop_timer_fini(&ln->retry);
	net_forget(ln->net, &ln->wait);
	ln->net->listeners_n--;
	if (ln->reserve_fd >= 0)
		sock_close(ln->reserve_fd);
	sock_close(ln->fd);
	FREE_OBJ(ln);
}

const struct sock_addr *
listener_addr(const struct listener *ln)
{
	CHECK_OBJ_NOTNULL(ln, LISTENER_MAGIC);
	return &ln->addr;
}
