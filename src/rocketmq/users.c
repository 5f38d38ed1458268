/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/users.h"

#include "auth/rmq_sign.h"
#include "auth/secret.h"
#include "core/authz.h"
#include "rocketmq/plain.h"
#include "rocketmq/rmq_priv.h"

#define USERS_KEPT 10000u

struct user {
	char *name;
	enum rmq_user_state state;
	struct rmq_sign_key *key; /* NULL unless THERE */
};

struct rmq_users {
	unsigned magic;
#define RMQ_USERS_MAGIC 0x40c05e45
	struct rmq *rm;
	uint64_t version; /* of authorization, that they are of */
	struct map known;
};

struct rmq_users *
rmq_users_new(struct rmq *rm)
{
	struct rmq_users *us;

	ALLOC_OBJ(us, RMQ_USERS_MAGIC);
	us->rm = rm;
	map_init(&us->known, rm->seed, USERS_KEPT);
	return us;
}

static void
forget(struct rmq_users *us)
{
	struct user *u;

	while ((u = map_pop(&us->known)) != NULL) {
		if (u->key != NULL)
			rmq_sign_key_free(&u->key);
		mem_free(u->name);
		mem_free(u);
	}
}

void
rmq_users_free(struct rmq_users **usp)
{
	struct rmq_users *us;

	TAKE_OBJ_NOTNULL(us, usp, RMQ_USERS_MAGIC);
	forget(us);
	map_fini(&us->known);
	FREE_OBJ(us);
}

static bool
is_disabled(const json_t *doc)
{
	return json_is_false(json_object_get(doc, "enabled"));
}

/* What has the secret of an access key: its role's document, or its own. */
static const json_t *
find(const struct rmq_users *us, struct str name, bool *disabled)
{
	const struct authz *az = authz_of(us->rm->router->core);
	const json_t *doc = authz_role(az, name);
	struct str role;

	*disabled = is_disabled(doc);
	if (doc == NULL) {
		doc = authz_key(az, name, &role);
		*disabled = is_disabled(doc) ||
		    (doc != NULL && is_disabled(authz_role(az, role)));
	}
	return doc;
}

static enum rmq_user_state
account(struct rmq_users *us, struct str name, struct rmq_sign_key **key)
{
	const struct plain_account *a = plain_set_account(us->rm->plain, name);

	if (a == NULL)
		return RMQ_USER_NONE;
	*key = rmq_sign_key_new(a->secret);
	return RMQ_USER_THERE;
}

static enum rmq_user_state
unseal(struct rmq_users *us, struct str name, struct rmq_sign_key **key)
{
	const json_t *doc, *v;
	bool disabled;
	char *plain;
	size_t n;

	if (us->rm->plain != NULL)
		return account(us, name, key);
	doc = find(us, name, &disabled);
	if (doc == NULL)
		return RMQ_USER_NONE;
	if (disabled)
		return RMQ_USER_DISABLED;
	v = json_object_get(doc, "secret");
	if (!json_is_string(v) || us->rm->secrets == NULL ||
	    secret_unseal(us->rm->secrets, name,
		(struct str){ json_string_value(v), json_string_length(v) },
		&plain, &n) != ERR_OK)
		return RMQ_USER_NO_SECRET;
	*key = rmq_sign_key_new((struct str){ plain, n });
	secret_wipe(&plain, n);
	return RMQ_USER_THERE;
}

enum rmq_user_state
rmq_user_get(struct rmq_users *us, struct str name, struct rmq_sign_key **key)
{
	uint64_t version;
	struct user *u;
	bool disabled;

	CHECK_OBJ_NOTNULL(us, RMQ_USERS_MAGIC);
	version = authz_version(authz_of(us->rm->router->core));
	if (us->version != version || us->known.n == USERS_KEPT)
		forget(us);
	us->version = version;
	u = map_get(&us->known, name.p, name.len);
	if (u == NULL) {
		*key = NULL;
		/* whoever asks may think of any number of names */
		if (find(us, name, &disabled) == NULL)
			return RMQ_USER_NONE;
		u = mem_zalloc(sizeof *u);
		u->name = mem_strndup(name.p, name.len);
		u->state = unseal(us, name, &u->key);
		AZ(map_add(&us->known, u->name, name.len, u));
	}
	*key = u->key;
	return u->state;
}
