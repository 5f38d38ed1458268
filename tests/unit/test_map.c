/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "base/map.h"

#define KEYS 5000

static char keys[KEYS][8];
static unsigned char in[KEYS];

/* a small generator with a fixed seed, so that a failure comes again */
static uint32_t
next(uint32_t *s)
{
	*s = *s * 1664525 + 1013904223;
	return *s >> 8;
}

static void
test_str(void **state)
{
	struct map m;
	size_t n = 0, it;
	uint32_t s = 1, i, k;
	void *v;

	(void)state;
	map_init(&m, 42, KEYS);
	memset(in, 0, sizeof in);
	for (i = 0; i < KEYS; i++)
		(void)snprintf(keys[i], sizeof keys[i], "k%u", i);
	assert_null(map_get(&m, "x", 1));
	assert_null(map_del(&m, "x", 1));
	for (i = 0; i < 200000; i++) {
		k = next(&s) % KEYS;
		if (next(&s) % 3 != 0) {
			assert_err(
			    map_add(&m, keys[k], strlen(keys[k]), keys[k]),
			    in[k] ? ERR_EXISTS : ERR_OK);
			n += !in[k];
			in[k] = 1;
		} else {
			v = map_del(&m, keys[k], strlen(keys[k]));
			assert_ptr_equal(v, in[k] ? keys[k] : NULL);
			n -= in[k];
			in[k] = 0;
		}
		assert_int_equal(m.n, n);
	}
	for (k = 0; k < KEYS; k++) {
		v = map_get(&m, keys[k], strlen(keys[k]));
		assert_ptr_equal(v, in[k] ? keys[k] : NULL);
	}
	i = 0;
	MAP_FOREACH(v, &m, it)
		i++;
	assert_int_equal(i, n);
	for (i = 0; (v = map_pop(&m)) != NULL; i++)
		assert_null(map_get(&m, v, strlen(v)));
	assert_int_equal(i, n);
	assert_int_equal(m.n, 0);
	assert_ok(map_add(&m, "", 0, keys));
	assert_ptr_equal(map_get(&m, "", 0), keys);
	map_fini(&m);
}

static void
test_u64(void **state)
{
	struct umap m;
	size_t n = 0, it;
	uint32_t s = 1, i, k;
	void *v;

	(void)state;
	umap_init(&m, 42, KEYS);
	memset(in, 0, sizeof in);
	for (i = 0; i < 200000; i++) {
		k = next(&s) % KEYS;
		if (next(&s) % 3 != 0) {
			assert_err(umap_add(&m, k * 1024ULL, keys[k]),
			    in[k] ? ERR_EXISTS : ERR_OK);
			n += !in[k];
			in[k] = 1;
		} else {
			v = umap_del(&m, k * 1024ULL);
			assert_ptr_equal(v, in[k] ? keys[k] : NULL);
			n -= in[k];
			in[k] = 0;
		}
		assert_int_equal(m.n, n);
	}
	for (k = 0; k < KEYS; k++)
		assert_ptr_equal(
		    umap_get(&m, k * 1024ULL), in[k] ? keys[k] : NULL);
	i = 0;
	UMAP_FOREACH(v, &m, it)
	i++;
	assert_int_equal(i, n);
	for (i = 0; umap_pop(&m) != NULL; i++)
		continue;
	assert_int_equal(i, n);
	assert_null(umap_get(&m, 0));
	umap_fini(&m);
}

static void
test_max(void **state)
{
	struct map m;
	struct umap u;

	(void)state;
	map_init(&m, 1, 2);
	assert_ok(map_add(&m, "a", 1, &m));
	assert_ok(map_add(&m, "b", 1, &m));
	assert_err(map_add(&m, "c", 1, &m), ERR_BUSY);
	assert_err(map_add(&m, "b", 1, &m), ERR_EXISTS);
	assert_ptr_equal(map_del(&m, "a", 1), &m);
	assert_ok(map_add(&m, "c", 1, &m));
	map_fini(&m);
	umap_init(&u, 1, 1);
	assert_ok(umap_add(&u, 0, &m));
	assert_err(umap_add(&u, 1, &m), ERR_BUSY);
	umap_fini(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
