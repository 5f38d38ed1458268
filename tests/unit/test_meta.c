/* SPDX-License-Identifier: Apache-2.0 */
/* One suite over both engines of meta.h, then what only one of them has. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "os/loop.h"
#include "os/thread.h"
#include "store/meta_lmdb.h"
#include "store/meta_mem.h"
#include "tests/unit/scratch.h"

static struct loop *lp;
static struct meta_mem *mm;
static struct meta_lmdb *ml;
static struct meta *m;

static int
setup_lmdb(void **state)
{
	struct diag d;

	(void)state;
	if (!scratch_make("/tmp"))
		return 1;
	lp = loop_new();
	if (meta_lmdb_open(&ml, scratch, false, &d) != ERR_OK)
		return 1;
	m = meta_lmdb_handle(ml, lp);
	return 0;
}

static int
teardown_lmdb(void **state)
{
	(void)state;
	meta_lmdb_handle_free(&m);
	meta_lmdb_close(&ml);
	loop_free(&lp);
	scratch_remove();
	return 0;
}

static int
setup_mem(void **state)
{
	(void)state;
	mm = meta_mem_new();
	m = meta_mem_handle(mm);
	return 0;
}

static int
teardown_mem(void **state)
{
	(void)state;
	meta_mem_handle_free(&m);
	meta_mem_free(&mm);
	return 0;
}

static void
pump(const int *what, int n)
{
	int i;

	for (i = 0; i < 100000 && *what < n; i++) {
		if (mm != NULL)
			(void)meta_mem_pump(mm, 0);
		else
			loop_run_once(lp, true);
	}
	assert_int_equal(*what, n);
}

/* ---- answers, collected as text */

struct answers {
	int n;
	enum err err;
	char text[8192];
	size_t len;
	size_t items;
};

static void
say(struct answers *a, const void *p, size_t len)
{
	assert_true(a->len + len + 1 < sizeof a->text);
	if (len > 0)
		memcpy(a->text + a->len, p, len);
	a->len += len;
	a->text[a->len] = '\0';
}

static void
on_get(void *priv, enum err err, const void *val, size_t len)
{
	struct answers *a = priv;

	a->n++;
	a->err = err;
	say(a, val, len);
}

static void
on_list(void *priv, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct answers *a = priv;

	if (key == NULL) {
		a->n++;
		a->err = err;
		return;
	}
	assert_ok(err);
	a->items++;
	say(a, key, keylen);
	if (val != NULL) {
		say(a, "=", 1);
		say(a, val, len);
	}
	say(a, ";", 1);
}

static void
on_commit(void *priv, enum err err)
{
	struct answers *a = priv;

	a->n++;
	a->err = err;
}

static void
expect_get(const char *key, const char *want)
{
	struct answers a = { 0 };
	enum err err;
	size_t len;
	void *val;

	m->ops->get(m, key, strlen(key), on_get, &a);
	assert_int_equal(a.n, 0);
	pump(&a.n, 1);
	assert_int_equal(a.err, want == NULL ? ERR_NO_KEY : ERR_OK);
	assert_string_equal(a.text, want == NULL ? "" : want);
	err = m->ops->get_now(m, key, strlen(key), &val, &len);
	assert_int_equal(err, want == NULL ? ERR_NO_KEY : ERR_OK);
	if (want != NULL) {
		assert_int_equal(len, strlen(want));
		assert_memory_equal(val, want, len);
	}
	mem_free(val);
}

static void
expect_list(const char *prefix, size_t limit, bool values, const char *want)
{
	struct answers a = { 0 };

	m->ops->list(m, prefix, strlen(prefix), limit, values, on_list, &a);
	assert_int_equal(a.n, 0);
	pump(&a.n, 1);
	assert_ok(a.err);
	assert_string_equal(a.text, want);
	if (limit != 0 || !values)
		return;
	memset(&a, 0, sizeof a);
	assert_ok(m->ops->list_now(m, prefix, strlen(prefix), on_list, &a));
	assert_int_equal(a.n, 1);
	assert_string_equal(a.text, want);
}

/* "k=v", "-k" delete, "*p" delete prefix, "?k" expect, "!k" expect not,
 * "~p" expect no key with the prefix */
static struct meta_txn *
txn(const char *ops)
{
	struct meta_txn *t = meta_txn_new();
	char *copy = mem_strdup(ops), *save, *w, *eq;

	for (w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		eq = strchr(w, '=');
		if (eq != NULL)
			meta_txn_put(
			    t, w, (size_t)(eq - w), eq + 1, strlen(eq + 1));
		else if (*w == '-')
			meta_txn_del(t, w + 1, strlen(w + 1));
		else if (*w == '*')
			meta_txn_del_prefix(t, w + 1, strlen(w + 1));
		else if (*w == '~')
			meta_txn_expect_none(t, w + 1, strlen(w + 1));
		else
			meta_txn_expect(t, w + 1, strlen(w + 1), *w == '?');
	}
	mem_free(copy);
	return t;
}

static enum err
commit(const char *ops)
{
	struct meta_txn *t = txn(ops);
	struct answers a = { 0 };

	m->ops->commit(m, &t, on_commit, &a);
	assert_null(t);
	assert_int_equal(a.n, 0);
	pump(&a.n, 1);
	return a.err;
}

/* ---- the suite */

static void
test_basic(void **state)
{
	struct meta_txn *t;

	(void)state;
	expect_get("a", NULL);
	expect_list("", 0, true, "");
	assert_ok(commit("a/1=x b=y a/2= a0=z a=w"));
	expect_get("a/1", "x");
	expect_get("a/2", "");
	expect_get("a/", NULL);
	expect_list("", 0, true, "a=w;a/1=x;a/2=;a0=z;b=y;");
	expect_list("a/", 0, true, "a/1=x;a/2=;");
	expect_list("a/", 0, false, "a/1;a/2;");
	expect_list("a", 2, true, "a=w;a/1=x;");
	expect_list("c", 0, true, "");
	assert_ok(commit("a/1=longer -b -nothere"));
	expect_list("", 0, true, "a=w;a/1=longer;a/2=;a0=z;");
	assert_ok(commit("*a/ *none"));
	expect_list("", 0, true, "a=w;a0=z;");
	t = txn("q=1");
	assert_ok(m->ops->commit_now(m, &t));
	assert_null(t);
	expect_get("q", "1");
	/* order inside a transaction is kept */
	assert_ok(commit("*a a=new -q q=2"));
	expect_list("", 0, true, "a=new;q=2;");
}

static void
test_conditions(void **state)
{
	struct meta_txn *t;

	(void)state;
	assert_ok(commit("!k k=1"));
	assert_err(commit("!k k=2"), ERR_CONFLICT);
	assert_err(commit("other=1 ?none"), ERR_CONFLICT);
	expect_list("", 0, true, "k=1;");
	/* against the state before: its own put does not count */
	assert_err(commit("n=1 ?n"), ERR_CONFLICT);
	assert_ok(commit("?k -k !n n=1"));
	expect_list("", 0, true, "n=1;");
	assert_ok(commit("p/1=a p0=b"));
	assert_err(commit("~p/ q=1"), ERR_CONFLICT);
	assert_err(commit("~p/1 *p"), ERR_CONFLICT);
	assert_ok(commit("~p/2 ~p1 ~o ~z *p"));
	assert_ok(commit("~p"));
	expect_list("", 0, true, "n=1;");
	t = txn("?gone");
	assert_err(m->ops->commit_now(m, &t), ERR_CONFLICT);
}

static void
expect_after(
    const char *prefix, const char *after, size_t limit, const char *want)
{
	struct answers a = { 0 };

	m->ops->list_after(m, prefix, strlen(prefix), after, strlen(after),
	    limit, on_list, &a);
	assert_int_equal(a.n, 0);
	pump(&a.n, 1);
	assert_ok(a.err);
	assert_string_equal(a.text, want);
}

static void
test_list_after(void **state)
{
	(void)state;
	assert_ok(commit("a=0 p/1=a p/2=b p/3=c p0=d"));
	expect_after("p/", "p/", 0, "p/1=a;p/2=b;p/3=c;");
	expect_after("p/", "p/1", 0, "p/2=b;p/3=c;");
	/* one that is not there */
	expect_after("p/", "p/11", 1, "p/2=b;");
	expect_after("p/", "p/3", 0, "");
	expect_after("p", "p/2", 0, "p/3=c;p0=d;");
}

/* what is queued together is still done one after the other */
static void
test_order(void **state)
{
	struct answers a[6];
	struct meta_txn *t;

	(void)state;
	memset(a, 0, sizeof a);
	t = txn("!k k=1");
	m->ops->commit(m, &t, on_commit, &a[0]);
	m->ops->get(m, "k", 1, on_get, &a[1]);
	t = txn("!k k=2");
	m->ops->commit(m, &t, on_commit, &a[2]);
	t = txn("?k k=3 l=4");
	m->ops->commit(m, &t, NULL, NULL);
	m->ops->list(m, "", 0, 0, true, on_list, &a[3]);
	t = txn("-k");
	m->ops->commit(m, &t, on_commit, &a[4]);
	m->ops->get(m, "k", 1, on_get, &a[5]);
	pump(&a[5].n, 1);
	assert_ok(a[0].err);
	assert_string_equal(a[1].text, "1");
	assert_err(a[2].err, ERR_CONFLICT);
	assert_string_equal(a[3].text, "k=3;l=4;");
	assert_ok(a[4].err);
	assert_err(a[5].err, ERR_NO_KEY);
}

static void
test_binary_keys(void **state)
{
	uint8_t key[META_KEY_MAX], big[META_KEY_MAX];
	struct answers a = { 0 };
	struct meta_txn *t;
	size_t n, len;
	uint64_t id;
	void *val;

	(void)state;
	t = meta_txn_new();
	for (id = 1; id < 5; id++) {
		n = meta_key_id(key, META_LEDGER, id << (8 * id));
		meta_txn_put(t, key, n, &id, sizeof id);
	}
	memset(big, 0xff, sizeof big);
	meta_txn_put(t, big, sizeof big, "end", 3);
	meta_txn_put(t, "\0\0", 2, "nul", 3);
	assert_ok(m->ops->commit_now(m, &t));
	n = meta_key_id(key, META_LEDGER, 2u << 16);
	assert_int_equal(n, strlen(META_LEDGER) + 8);
	assert_ok(m->ops->get_now(m, key, n, &val, &len));
	assert_int_equal(len, 8);
	memcpy(&id, val, sizeof id);
	mem_free(val);
	assert_int_equal(id, 2);
	m->ops->list(m, META_LEDGER, strlen(META_LEDGER), 0, true, on_list, &a);
	pump(&a.n, 1);
	assert_int_equal(a.items, 4);
	memset(&a, 0, sizeof a);
	m->ops->list(m, big, 10, 0, true, on_list, &a);
	pump(&a.n, 1);
	assert_int_equal(a.items, 1);
	assert_ok(commit("*ledger/"));
	memset(&a, 0, sizeof a);
	m->ops->list(m, "", 0, 0, false, on_list, &a);
	pump(&a.n, 1);
	assert_int_equal(a.items, 2);
}

/* values over the first map and many keys */
static void
test_large(void **state)
{
	struct meta_lmdb_stats st;
	struct answers a = { 0 };
	struct meta_txn *t;
	char key[32];
	uint8_t *big;
	size_t len, i;
	void *val;

	(void)state;
	big = mem_zalloc(META_VALUE_MAX);
	for (i = 0; i < 6; i++) {
		big[5] = (uint8_t)i;
		(void)snprintf(key, sizeof key, "big%zu", i);
		t = meta_txn_new();
		meta_txn_put(t, key, strlen(key), big, META_VALUE_MAX);
		m->ops->commit(m, &t, on_commit, &a);
	}
	pump(&a.n, 6);
	assert_ok(a.err);
	for (i = 0; i < 6; i++) {
		(void)snprintf(key, sizeof key, "big%zu", i);
		assert_ok(m->ops->get_now(m, key, strlen(key), &val, &len));
		assert_int_equal(len, META_VALUE_MAX);
		assert_int_equal(((uint8_t *)val)[5], i);
		mem_free(val);
	}
	mem_free(big);
	t = meta_txn_new();
	for (i = 0; i < 20000; i++) {
		(void)snprintf(key, sizeof key, "topic/%06zu", i);
		meta_txn_put(t, key, strlen(key), key, strlen(key));
	}
	assert_ok(m->ops->commit_now(m, &t));
	if (ml == NULL)
		return;
	meta_lmdb_stats(ml, &st);
	assert_true(st.grown >= 1);
	assert_true(st.map_bytes >= 128u << 20);
	assert_true(st.txns < st.commits + st.gets + st.grown + 3);
}

static void
count_items(void *priv, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct answers *a = priv;

	assert_ok(err);
	if (key == NULL)
		a->n++;
	else {
		assert_int_equal(keylen, len);
		assert_memory_equal(key, val, len);
		a->items++;
	}
}

static void
test_long_list(void **state)
{
	struct answers a = { 0 };
	struct meta_txn *t;
	char key[32];
	size_t i;

	(void)state;
	t = meta_txn_new();
	for (i = 0; i < 60000; i++) {
		(void)snprintf(key, sizeof key, "topic/%06zu", i);
		meta_txn_put(t, key, strlen(key), key, strlen(key));
	}
	assert_ok(m->ops->commit_now(m, &t));
	m->ops->list(m, "topic/", 6, 0, true, count_items, &a);
	pump(&a.n, 1);
	assert_int_equal(a.items, 60000);
	memset(&a, 0, sizeof a);
	assert_ok(m->ops->list_now(m, "topic/", 6, count_items, &a));
	assert_int_equal(a.n, 1);
	assert_int_equal(a.items, 60000);
	memset(&a, 0, sizeof a);
	m->ops->list(m, "topic/01", 8, 0, true, count_items, &a);
	pump(&a.n, 1);
	assert_int_equal(a.items, 10000);
}

/* ---- LMDB's own */

static void
test_reopen(void **state)
{
	struct diag d;

	(void)state;
	assert_ok(commit("a=1 b=2"));
	meta_lmdb_handle_free(&m);
	meta_lmdb_close(&ml);
	assert_ok(meta_lmdb_open(&ml, scratch, true, &d));
	m = meta_lmdb_handle(ml, NULL);
	meta_lmdb_handle_free(&m);
	m = meta_lmdb_handle(ml, lp);
	expect_list("", 0, true, "a=1;b=2;");
	meta_lmdb_handle_free(&m);
	meta_lmdb_close(&ml);
	assert_err(meta_lmdb_open(&ml, "/nonexistent", true, &d), ERR_NO_FILE);
	assert_null(ml);
	assert_true(strlen(d.msg) > 0);
	assert_ok(meta_lmdb_open(&ml, scratch, false, &d));
	m = meta_lmdb_handle(ml, lp);
}

/* freeing a handle finishes what is queued */
static void
test_handle_free(void **state)
{
	struct answers a = { 0 };
	struct meta_txn *t;
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		t = txn("x=1");
		m->ops->commit(m, &t, on_commit, &a);
	}
	meta_lmdb_handle_free(&m);
	assert_int_equal(a.n, 50);
	m = meta_lmdb_handle(ml, lp);
}

#define SHARDS 3
#define COMMITS 200

struct shard {
	struct thread th;
	int id, done, conflicts;
	struct loop *lp;
	struct meta *m;
};

static void shard_commit(struct shard *sh, int i);

static void
shard_done(void *priv, enum err err)
{
	struct shard *sh = priv;

	if (err == ERR_CONFLICT)
		sh->conflicts++;
	else
		assert_ok(err);
	if (++sh->done == COMMITS)
		loop_stop(sh->lp);
	else if (sh->done % 4 == 0)
		shard_commit(sh, sh->done);
}

/* four at once; all shards race for the same keys */
static void
shard_commit(struct shard *sh, int i)
{
	struct meta_txn *t;
	char key[32];
	int k;

	for (k = i; k < i + 4; k++) {
		(void)snprintf(key, sizeof key, "race%03d", k);
		t = meta_txn_new();
		meta_txn_expect(t, key, strlen(key), false);
		meta_txn_put(t, key, strlen(key), &sh->id, sizeof sh->id);
		sh->m->ops->commit(sh->m, &t, shard_done, sh);
	}
}

static void
shard_run(void *priv)
{
	struct shard *sh = priv;

	sh->lp = loop_new();
	sh->m = meta_lmdb_handle(ml, sh->lp);
	shard_commit(sh, 0);
	loop_run(sh->lp);
}

static void
test_shards(void **state)
{
	struct shard sh[SHARDS];
	struct meta_lmdb_stats st;
	int i, conflicts = 0;

	(void)state;
	memset(sh, 0, sizeof sh);
	for (i = 0; i < SHARDS; i++) {
		sh[i].id = i;
		thread_start(&sh[i].th, "shard", shard_run, &sh[i]);
	}
	for (i = 0; i < SHARDS; i++) {
		thread_join(&sh[i].th);
		loop_bind(sh[i].lp);
		meta_lmdb_handle_free(&sh[i].m);
		loop_free(&sh[i].lp);
		conflicts += sh[i].conflicts;
	}
	assert_int_equal(conflicts, COMMITS * (SHARDS - 1));
	meta_lmdb_stats(ml, &st);
	assert_int_equal(st.commits, COMMITS * SHARDS);
	assert_int_equal(st.conflicts, conflicts);
	/* batched */
	assert_true(st.txns <= COMMITS * SHARDS / 2);
}

/* ---- the memory engine's own */

static void
test_crash(void **state)
{
	struct answers a = { 0 };
	struct meta_txn *t;
	uint64_t h;

	(void)state;
	assert_ok(commit("a=1"));
	h = meta_mem_hash(mm);
	t = txn("a=2");
	m->ops->commit(m, &t, on_commit, &a);
	m->ops->get(m, "a", 1, on_get, &a);
	t = txn("b=1");
	m->ops->commit(m, &t, on_commit, &a);
	assert_int_equal(meta_mem_queued(mm), 3);
	meta_mem_crash(mm, 1);
	assert_int_equal(meta_mem_queued(mm), 0);
	assert_int_equal(a.n, 0);
	expect_list("", 0, true, "a=2;");
	assert_true(meta_mem_hash(mm) != h);
	assert_ok(commit("a=1"));
	assert_true(meta_mem_hash(mm) == h);
	t = txn("c=1");
	m->ops->commit(m, &t, on_commit, &a);
	meta_mem_crash(mm, 0);
	assert_true(meta_mem_hash(mm) == h);
	meta_mem_fail_commits(mm, 1, ERR_NO_SPACE);
	assert_err(commit("a=9"), ERR_NO_SPACE);
	assert_true(meta_mem_hash(mm) == h);
	assert_ok(commit("d=1"));
	assert_int_equal(meta_mem_keys(mm), 2);
}

static void
test_pump(void **state)
{
	struct answers a = { 0 };

	(void)state;
	m->ops->get(m, "a", 1, on_get, &a);
	m->ops->get(m, "a", 1, on_get, &a);
	assert_int_equal(meta_mem_pump(mm, 1), 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(meta_mem_pump(mm, 0), 1);
	assert_int_equal(meta_mem_pump(mm, 0), 0);
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup_lmdb, teardown_lmdb)
#define M(f) cmocka_unit_test_setup_teardown(f, setup_mem, teardown_mem)

int
main(void)
{
	const struct CMUnitTest mem_tests[] = {
		M(test_basic),
		M(test_conditions),
		M(test_list_after),
		M(test_order),
		M(test_binary_keys),
		M(test_large),
		M(test_long_list),
		M(test_crash),
		M(test_pump),
	};
	const struct CMUnitTest lmdb_tests[] = {
		L(test_basic),
		L(test_conditions),
		L(test_list_after),
		L(test_order),
		L(test_binary_keys),
		L(test_large),
		L(test_long_list),
		L(test_reopen),
		L(test_handle_free),
		L(test_shards),
	};
	int failed;

	failed = cmocka_run_group_tests(mem_tests, NULL, NULL);
	failed += cmocka_run_group_tests(lmdb_tests, NULL, NULL);
	return failed;
}
