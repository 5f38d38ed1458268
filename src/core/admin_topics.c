/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the topics of a namespace, without those of the system. */
#include "core/admin_priv.h"

/* Adds domain and key, the full name, unless it is hidden. */
static void
add(struct admin *ad, const char *domain, const void *key, size_t len)
{
	struct topic_name tn;
	char *p;

	p = mem_printf("%s%.*s", domain, (int)len, (const char *)key);
	if (topic_name_parse(&tn, str_of(p)) == ERR_OK) {
		if (!topic_name_is_system(&tn))
			admin_name(ad, tn.full.p, tn.full.len);
		topic_name_fini(&tn);
	}
	mem_free(p);
}

/* --- topics ---------------------------------------------------------------------- */

static void
end_topics(struct admin *ad)
{
	struct core *co = ad->co;
	struct topic *t;
	size_t it;

	if (!ad->op->flag2) {
		admin_end_strings(ad);
		return;
	}
	MAP_FOREACH(t, co->topics, it) {
		if (!t->name.persistent && t->state == TOPIC_READY &&
		    str_eq(t->name.ns, ad->op->topic))
			add(ad, "non-persistent://", t->name.key.p,
			    t->name.key.len);
	}
	admin_end_strings(ad);
}

static void
listed(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	const size_t skip = sizeof META_TOPIC - 1;
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL)
		add(ad, "persistent://", (const char *)key + skip,
		    keylen - skip);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		end_topics(ad);
}

static void
list(struct admin *ad)
{
	if (ad->op->flag)
		admin_list_below(ad, META_TOPIC, ad->op->topic, 0, listed);
	else
		end_topics(ad);
}

/* --- partitioned topics ------------------------------------------------------------- */

static const struct domain {
	const char *prefix, *scheme;
} domains[] = {
	{ META_PARTITIONED "persistent/", "persistent://" },
	{ META_PARTITIONED "non-persistent/", "non-persistent://" },
};
#define DOMAINS_N (sizeof domains / sizeof domains[0])

static void partitioned_list(struct admin *);

static void
partitioned_listed(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	const struct domain *d;
	struct admin *ad;
	size_t skip;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	d = &domains[ad->step];
	skip = strlen(d->prefix);
	if (key != NULL)
		add(ad, d->scheme, (const char *)key + skip, keylen - skip);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else if (++ad->step < DOMAINS_N)
		partitioned_list(ad);
	else
		admin_end_strings(ad);
}

static void
partitioned_list(struct admin *ad)
{
	admin_list_below(
	    ad, domains[ad->step].prefix, ad->op->topic, 0, partitioned_listed);
}

void
admin_topics(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	if (!name_is_valid_namespace(ad->op->topic))
		admin_end(ad, ERR_PRECONDITION, "Namespace name is not valid");
	else
		admin_need_ns(ad, "Namespace does not exist",
		    ad->op->type == OP_TOPIC_LIST ? list : partitioned_list);
}
