/* SPDX-License-Identifier: Apache-2.0 */
/* Torn tails at every kind of boundary, damage in the middle, newer formats. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "store/record.h"
#include "tests/lib/store_rig.h"

static struct rig rig;
static uint64_t files[64];

/* offset of the last group of the newest segment that has groups; number n from
 * the end (0: the last) */
static bool
group_place(struct rig *r, uint32_t back, uint64_t *file, uint32_t *off,
    struct group_head *h)
{
	size_t n = disk_mem_files(r->dm, files, 64);
	uint64_t size;
	uint8_t *p;
	struct {
		uint64_t file;
		uint32_t off;
		struct group_head h;
	} all[4096];
	uint32_t m = 0;

	for (size_t i = 0; i < n; i++) {
		p = disk_mem_data(r->dm, files[i], &size);
		for (uint32_t o = 0; o + GROUP_HEAD <= size; o += DISK_BLOCK)
			if (group_check(p + o, size - o, files[i], &all[m].h) ==
			    GROUP_OK) {
				all[m].file = files[i];
				all[m++].off = o;
			}
	}
	if (back >= m)
		return false;
	*file = all[m - 1 - back].file;
	*off = all[m - 1 - back].off;
	*h = all[m - 1 - back].h;
	return true;
}

static void
damage(struct rig *r, uint64_t file, uint32_t off, uint32_t len)
{
	uint64_t size;
	uint8_t *p = disk_mem_data(r->dm, file, &size);

	for (uint32_t i = 0; i < len; i++)
		disk_mem_flip(r->dm, file, off + i, p[off + i]);
}

/* 8 groups of 3 ledgers, each its own write */
static void
groups_make(struct rig *r)
{
	for (uint32_t l = 0; l < 3; l++)
		(void)rig_create(r, l);
	for (uint32_t g = 0; g < 8; g++) {
		for (uint32_t l = 0; l < 3; l++)
			for (uint32_t k = 0; k < 2; k++)
				rig_append(&r->l[l], 1000 + g, true);
		rig_settle(r);
	}
}

/* From byte `from` of the last group on, everything is zeroes: the group is cut
 * if anything of it is missing, and nothing else is. */
static void
test_torn_tail(void **state)
{
	struct rig *r = &rig;
	struct group_head h;
	uint64_t file;
	uint32_t off, corrupt, from, step;
	bool cut;

	(void)state;
	for (from = 0; from < 8192; from += step) {
		step = from < 200 ? 4 : from % 1096 < 24 ? 8 : 40;
		rig_init(r, 20);
		rig_start(r);
		groups_make(r);
		rig_stop(r);
		assert_true(group_place(r, 0, &file, &off, &h));
		assert_in_range(h.len, 4097, 8192);
		damage(r, file, off + from, 8192 - from);
		r->l[0].async = r->l[1].async = r->l[2].async = true;
		r->power = true;
		rig_start(r);
		cut = from < h.len - 8;
		assert_int_equal(r->rec.corrupt, 0);
		if (cut && from >= 24)
			assert_int_equal(r->reports[LOCAL_TORN_TAIL], 1);
		rig_reopen(r);
		for (uint32_t l = 0; l < 3; l++) {
			if (cut)
				assert_int_equal(r->l[l].n, 14);
			else
				assert_in_range(r->l[l].n, 14, 16);
			assert_int_equal(
			    rig_read_all(&r->l[l], &corrupt), r->l[l].n);
			rig_append(&r->l[l], 100, true);
		}
		rig_settle(r);
		/* what comes behind the cut holds */
		rig_crash(r, true);
		r->l[0].async = r->l[1].async = r->l[2].async = false;
		rig_start(r);
		rig_reopen(r);
		rig_fini(r);
	}
}

/* A tail of several groups of which a middle one was torn: what follows it was
 * never acknowledged, and must not come back after new groups took its place */
static void
test_torn_leftovers(void **state)
{
	struct rig *r = &rig;
	struct group_head h;
	uint64_t file, size;
	uint32_t off;

	(void)state;
	rig_init(r, 21);
	rig_start(r);
	groups_make(r);
	rig_stop(r);
	/* as if the last two had been in flight together */
	assert_true(group_place(r, 0, &file, &off, &h));
	{
		uint8_t *p = disk_mem_data(r->dm, file, &size) + off;

		h.synced = h.number - 2;
		group_head_put(p, &h);
	}
	assert_true(group_place(r, 1, &file, &off, &h));
	damage(r, file, off + 1200, 600);
	for (uint32_t l = 0; l < 3; l++)
		r->l[l].async = true;
	r->power = true;
	rig_start(r);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 0);
	assert_int_equal(r->reports[LOCAL_TORN_TAIL], 1);
	rig_reopen(r);
	for (uint32_t l = 0; l < 3; l++) {
		assert_int_equal(r->l[l].n, 12);
		r->l[l].async = false;
	}
	/* the same size, so the leftover comes right behind it */
	for (uint32_t l = 0; l < 3; l++)
		for (uint32_t k = 0; k < 2; k++)
			rig_append(&r->l[l], 1006, true);
	rig_settle(r);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	for (uint32_t l = 0; l < 3; l++)
		assert_int_equal(r->l[l].n, 14);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 0);
	rig_fini(r);
}

/* One byte in a group that others follow, which say it was synced */
static void
middle(uint32_t at, uint32_t lost_max)
{
	struct rig *r = &rig;
	struct group_head h;
	uint64_t file;
	uint32_t off, corrupt, seen = 0, all = 0;

	rig_init(r, 22);
	rig_start(r);
	groups_make(r);
	rig_stop(r);
	assert_true(group_place(r, 4, &file, &off, &h));
	disk_mem_flip(r->dm, file, off + at, 0x10);
	rig_start(r);
	assert_int_equal(r->rec.corrupt, 1);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 1);
	assert_int_equal(r->reports[LOCAL_TORN_TAIL], 0);
	assert_int_equal(r->last_seg, file);
	assert_true(r->last_off >= off && r->last_off < off + 8192);
	rig_reopen(r);
	for (uint32_t l = 0; l < 3; l++) {
		assert_int_equal(r->l[l].n, 16);
		/* its numbers must not be given again */
		assert_true(r->l[l].closed);
		seen += rig_read_all(&r->l[l], &corrupt);
		all += 16;
	}
	assert_in_range(all - seen, 1, lost_max);
	/* and again, once it is covered by a checkpoint */
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	rig_stop(r);
	rig_start(r);
	assert_int_equal(r->rec.corrupt, 0);
	rig_reopen(r);
	for (uint32_t l = 0; l < 3; l++) {
		assert_true(r->l[l].closed);
		seen -= rig_read_all(&r->l[l], &corrupt);
	}
	assert_int_equal(seen, 0);
	rig_fini(r);
}

static void
test_middle(void **state)
{
	(void)state;
	middle(0, 6); /* magic */
	middle(30, 6); /* head */
	middle(48, 6); /* crc of records */
	middle(64, 6); /* a record's crc */
	middle(68, 6); /* a record's length */
	middle(64 + 40, 1); /* a record's attributes */
	middle(64 + 200, 1); /* a body */
	middle(64 + 1200, 1);
	middle(6000, 1);
}

/* Damage in a sealed segment, met by a cold read: that entry and no other */
static void
test_cold(void **state)
{
	struct rig *r = &rig;
	uint32_t corrupt;
	uint64_t size;

	(void)state;
	for (uint32_t at = 0; at < 4000; at += 37) {
		rig_init(r, 23);
		rig_start(r);
		(void)rig_create(r, 0);
		for (uint32_t i = 0; i < 400; i++) {
			rig_append(&r->l[0], 1000, true);
			if (i % 20 == 0)
				rig_settle(r);
		}
		rig_settle(r);
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
		rig_stop(r);
		AN(disk_mem_files(r->dm, files, 64));
		AN(disk_mem_data(r->dm, files[0], &size));
		disk_mem_flip(r->dm, files[0], 8192 + at, 0x04);
		rig_start(r);
		assert_int_equal(r->rec.corrupt, 0);
		rig_reopen(r);
		assert_in_range(rig_read_all(&r->l[0], &corrupt), 399, 400);
		rig_fini(r);
	}
}

/* A damaged footer is made again from the groups */
static void
test_footer(void **state)
{
	struct rig *r = &rig;
	uint32_t corrupt;
	uint64_t size;

	(void)state;
	for (uint32_t at = 0; at < 4096; at += 128) {
		rig_init(r, 24);
		rig_start(r);
		(void)rig_create(r, 0);
		for (uint32_t i = 0; i < 400; i++) {
			rig_append(&r->l[0], 1000, true);
			if (i % 20 == 0)
				rig_settle(r);
		}
		rig_settle(r);
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
		rig_stop(r);
		AN(disk_mem_files(r->dm, files, 64));
		AN(disk_mem_data(r->dm, files[0], &size));
		disk_mem_flip(r->dm, files[0], size - 4096 + at, 0x80);
		rig_start(r);
		rig_reopen(r);
		assert_int_equal(rig_read_all(&r->l[0], &corrupt), 400);
		assert_int_equal(corrupt, 0);
		rig_fini(r);
	}
}

static void
test_newer(void **state)
{
	struct rig *r = &rig;
	struct group_head h;
	uint64_t file, size;
	uint32_t off;
	uint8_t *p;

	(void)state;
	rig_init(r, 25);
	rig_start(r);
	groups_make(r);
	rig_stop(r);
	assert_true(group_place(r, 3, &file, &off, &h));
	p = disk_mem_data(r->dm, file, &size) + off;
	le16_put(p + GROUP_OFF(version), LOG_VERSION + 1);
	le32_put(p + GROUP_OFF(head_crc),
	    crc32c(record_seed(file), p + 8, GROUP_HEAD - 8));
	assert_err(rig_try_start(r), ERR_NEWER_FORMAT);
	local_ledgers_free(&r->lgs);
	disk_mem_handle_free(&r->disk);
	meta_mem_handle_free(&r->meta);
	rig_fini(r);
}

static void
test_codec(void **state)
{
	uint8_t b[256];
	struct attr a = { .format = 1,
		.aux = 2,
		.flags = 0x345,
		.messages_n = 6,
		.publish_time_ms = -7,
		.deliver_at_ms = 8,
		.key_hash = 9,
		.tag_hash = 10,
		.producer_hash = UINT64_MAX,
		.sequence = -1,
		.chunk_hash = 11 };
	const struct entry_place at = {
		.pos = { 5, 6 }, .index = 7, .store_time_ms = 8
	};
	struct record_head h;
	struct entry e;
	uint32_t n;

	(void)state;
	n = record_put_entry(b, 77, &at, &a, NULL, "hello", 5);
	assert_int_equal(n, 104);
	assert_true(record_head(b, n, &h));
	assert_true(record_check(b, &h, 77));
	assert_false(record_check(b, &h, 78));
	assert_int_equal(h.len, n);
	assert_false(record_head(b, n - 1, &h));
	record_entry(b, NULL, &e);
	assert_int_equal(e.pos.ledger, 5);
	assert_int_equal(e.pos.entry, 6);
	assert_int_equal(e.index, 7);
	assert_int_equal(e.attr.store_time_ms, 8);
	a.store_time_ms = 8;
	assert_memory_equal(&a.publish_time_ms, &e.attr.publish_time_ms,
	    offsetof(struct attr, chunk_hash) + 4 -
		offsetof(struct attr, publish_time_ms));
	assert_int_equal(e.attr.flags, 0x345);
	assert_memory_equal(e.body.p, "hello", 5);
	for (uint32_t i = 0; i < 101; i++) {
		b[i] ^= 1;
		assert_false(record_head(b, n, &h) && record_check(b, &h, 77) &&
		    h.type == RECORD_ENTRY);
		b[i] ^= 1;
	}
	n = record_put_cursor(b, 77, 9, "abc", 3);
	assert_int_equal(n, 32);
	assert_true(record_head(b, n, &h));
	assert_true(record_check(b, &h, 77));
	assert_int_equal(h.type, RECORD_CURSOR);
}

static enum err
inspect(struct rig *r, char *out, size_t len)
{
	struct disk *d = disk_mem_handle(r->dm);
	struct meta *m = meta_mem_handle(r->mm);
	FILE *f = fmemopen(out, len, "w");
	enum err err;

	assert_non_null(f);
	err = local_inspect(d, m, f, true);
	(void)fclose(f);
	disk_mem_handle_free(&d);
	meta_mem_handle_free(&m);
	return err;
}

static void
test_inspect(void **state)
{
	struct rig *r = &rig;
	struct group_head h;
	static char out[65536];
	uint64_t file;
	uint32_t off;

	(void)state;
	rig_init(r, 26);
	rig_start(r);
	for (uint32_t i = 0; i < 2; i++)
		(void)rig_cursor(r, i);
	groups_make(r);
	rig_ack(&r->c[0], 5, true);
	for (uint32_t i = 0; i < 300; i++) {
		rig_append(&r->l[0], 1000, true);
		if (i % 16 == 0)
			rig_settle(r);
	}
	rig_stop(r);
	assert_ok(inspect(r, out, sizeof out));
	assert_non_null(strstr(out, "ledgers: 3, entries 348,"));
	assert_non_null(strstr(out, "cursors: 1\n"));
	assert_non_null(strstr(out, "sealed"));
	assert_non_null(strstr(out, "damaged places: 0"));
	assert_true(group_place(r, 8, &file, &off, &h));
	disk_mem_flip(r->dm, file, off + 300, 1);
	assert_err(inspect(r, out, sizeof out), ERR_CORRUPT);
	assert_non_null(strstr(out, "damaged record, ledger"));
	rig_fini(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codec),
		cmocka_unit_test(test_torn_tail),
		cmocka_unit_test(test_torn_leftovers),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_cold),
		cmocka_unit_test(test_footer),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_inspect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
