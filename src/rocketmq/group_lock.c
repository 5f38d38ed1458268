/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of orderly consumers: a client holds a queue until it lets go or has not
 * asked again for RMQ_LOCK_MS.
 */
#include <jansson.h>
#include <stdio.h>

#include "rocketmq/group.h"

#define KEY_MAX 256

static bool
is_held(const struct rmq_lock *l, int64_t now_ms)
{
	return now_ms - l->at_ms <= RMQ_LOCK_MS;
}

static bool
take(struct rmq_group *g, const char *key, const char *client, int64_t now_ms)
{
	struct rmq_lock *l = map_get(&g->locks, key, strlen(key));

	if (l == NULL) {
		l = mem_zalloc(sizeof *l);
		l->key = mem_strdup(key);
		if (map_add(&g->locks, l->key, strlen(key), l) != ERR_OK) {
			mem_free(l->key);
			mem_free(l);
			return false;
		}
	} else if (strcmp(l->client, client) != 0 && is_held(l, now_ms))
		return false;
	if (l->client == NULL || strcmp(l->client, client) != 0) {
		mem_free(l->client);
		l->client = mem_strdup(client);
	}
	l->at_ms = now_ms;
	return true;
}

static void
drop(struct rmq_group *g, struct rmq_lock *l)
{
	AN(map_del(&g->locks, l->key, strlen(l->key)));
	mem_free(l->key);
	mem_free(l->client);
	mem_free(l);
}

static void
let_go(struct rmq_group *g, const char *key, const char *client)
{
	struct rmq_lock *l = map_get(&g->locks, key, strlen(key));

	if (l != NULL && strcmp(l->client, client) == 0)
		drop(g, l);
}

/* The queue's key; false: it can't be read */
static bool
queue_key(const json_t *mq, char key[KEY_MAX])
{
	const char *topic = json_string_value(json_object_get(mq, "topic"));
	const json_t *id = json_object_get(mq, "queueId");

	if (topic == NULL || !json_is_integer(id))
		return false;
	return snprintf(key, KEY_MAX, "%s@%lld", topic,
		   (long long)json_integer_value(id)) < KEY_MAX;
}

static int
dumped(const char *p, size_t n, void *priv)
{
	strbuf_add(priv, p, n);
	return 0;
}

static json_t *
body_parse(const struct rmq_msg *msg, const char **client,
    const json_t **queues, struct rmq_reply *r)
{
	json_t *js = json_loadb(msg->body, msg->body_len, 0, NULL);

	*client = json_string_value(json_object_get(js, "clientId"));
	*queues = json_object_get(js, "mqSet");
	if (*client != NULL && json_is_array(*queues))
		return js;
	json_decref(js);
	r->code = RC_SYSTEM_ERROR;
	(void)snprintf(r->remark, sizeof r->remark, "the body can't be read");
	return NULL;
}

void
rmq_group_lock(struct rmq *rm, struct rmq_group *g, const struct rmq_msg *msg,
    struct rmq_reply *r)
{
	const json_t *queues, *mq;
	const char *client, *comma = "";
	char key[KEY_MAX];
	json_t *js;
	size_t i;

	js = body_parse(msg, &client, &queues, r);
	if (js == NULL)
		return;
	if (g == NULL)
		g = rmq_group_make(rm, msg->group);
	strbuf_adds(r->text, "{\"lockOKMQSet\":[");
	json_array_foreach(queues, i, mq)
	{
		if (g == NULL || !queue_key(mq, key) ||
		    !take(g, key, client, loop_wall_ms(rm->lp)))
			continue;
		strbuf_adds(r->text, comma);
		if (json_dump_callback(mq, dumped, r->text, JSON_COMPACT) != 0)
			WRONG("what was read can't be written");
		comma = ",";
	}
	strbuf_adds(r->text, "]}");
	json_decref(js);
}

void
rmq_group_unlock(struct rmq *rm, struct rmq_group *g, const struct rmq_msg *msg,
    struct rmq_reply *r)
{
	const json_t *queues, *mq;
	const char *client;
	char key[KEY_MAX];
	json_t *js;
	size_t i;

	(void)rm;
	js = body_parse(msg, &client, &queues, r);
	if (js == NULL)
		return;
	if (g != NULL)
		json_array_foreach(queues, i, mq) if (queue_key(mq, key))
		    let_go(g, key, client);
	json_decref(js);
}

void
rmq_group_locks_expire(struct rmq_group *g, int64_t now_ms)
{
	struct rmq_lock *l, *old;
	size_t it;

	do {
		old = NULL;
		MAP_FOREACH(l, &g->locks, it)
			if (!is_held(l, now_ms)) {
				old = l;
				break;
			}
		if (old != NULL)
			drop(g, old);
	} while (old != NULL);
}
