/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/rmq.h"

#include <limits.h>
#include <stdio.h>

#include "auth/plain_set.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/confmap.h"
#include "broker/shard.h"
#include "rocketmq/server.h"

/* --- ACL 1.0 ----------------------------------------------------------------------- */

struct accounts { /* for one shard */
	uint64_t number;
	char *text; /* of a plain_set */
	size_t len;
};

static void
take_accounts(struct shard *sh, void *priv)
{
	struct accounts *a = priv;

	rmq_plain_set(sh->rmq, a->number, (struct str){ a->text, a->len });
	explicit_bzero(a->text, a->len);
	mem_free(a->text);
	mem_free(a);
}

enum err
broker_rmq_set_accounts(struct broker *b, bool running, struct diag *diag)
{
	const char *path = broker_acl_file(b);
	struct plain_set *ps;
	struct accounts *a;
	uint64_t number;
	unsigned i;
	enum err e;

	if (path == NULL)
		return ERR_OK;
	e = plain_set_read(&ps, path, diag);
	if (e != ERR_OK)
		return e;
	number = rmq_plain_next(broker_shard(b, 0)->rmq);
	for (i = 0; i < broker_shards_n(b); i++) {
		a = mem_zalloc(sizeof *a);
		a->number = number;
		a->text = plain_set_text(ps, UINT_MAX, STR_NONE, &a->len);
		if (running)
			shard_call(broker_shard(b, i), take_accounts, a);
		else
			take_accounts(broker_shard(b, i), a);
	}
	plain_set_free(&ps);
	return ERR_OK;
}

/* --- start ------------------------------------------------------------------------- */

/* One port on every shard; *bound is what it is. */
static enum err
listen_port(struct broker *b, const struct conf *c, unsigned slot, int64_t port,
    const char *what, unsigned *bound, struct diag *diag)
{
	struct sock_addr sa;
	struct shard *sh;
	char text[SOCK_TEXT_MAX];
	enum err err;
	unsigned i;

	err = sock_addr_parse(&sa, c->bindAddress, (uint16_t)port, diag);
	for (i = 0; err == ERR_OK && i < broker_shards_n(b); i++) {
		sh = broker_shard(b, i);
		err = listener_new(&sh->rmq_listeners[slot], sh->net, &sa,
		    i == 0, 1024, rmq_accept, sh->rmq, diag);
		if (err == ERR_OK)
			sa = *listener_addr(sh->rmq_listeners[slot]);
	}
	if (err != ERR_OK)
		return err;
	*bound = sock_addr_port(&sa);
	printf(
	    "listening %s %s\n", what, sock_addr_text(&sa, text, sizeof(text)));
	return ERR_OK;
}

enum err
broker_rmq_start(struct broker *b, const struct conf *c, struct diag *diag)
{
	struct rmq_conf rc;
	struct shard *sh;
	unsigned i, port;
	enum err err;

	for (i = 0; i < broker_shards_n(b); i++) {
		sh = broker_shard(b, i);
		confmap_rmq(&rc, c, broker_shards_n(b));
		rc.metrics = sh->metrics;
		rc.audit = broker_audit(b);
		rc.throttle = broker_throttle(b);
		rc.quota = broker_quota_rmq(b);
		rc.acl_file = broker_acl_file(b);
		rc.post = shard_post_rmq;
		rc.post_priv = sh;
		rc.may_move = shard_may_move;
		rc.move_priv = sh;
		sh->rmq = rmq_new(sh->net, &sh->router, &rc);
		rmq_set_secrets(sh->rmq, broker_secrets(b));
	}
	err = listen_port(b, c, 0, c->namesrvPort, "namesrv", &port, diag);
	if (err == ERR_OK && c->fastListenPort > 0)
		err = listen_port(
		    b, c, 2, c->fastListenPort, "rocketmq-vip", &port, diag);
	if (err == ERR_OK)
		err = listen_port(
		    b, c, 1, c->listenPort, "rocketmq", &port, diag);
	for (i = 0; err == ERR_OK && i < broker_shards_n(b); i++)
		rmq_set_port(broker_shard(b, i)->rmq, port);
	return err;
}
