/* SPDX-License-Identifier: Apache-2.0 */
#include "core/name.h"

#include <ctype.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/vas.h"

#define PARTITION "-partition-"

static const struct str domain_persistent = STR_LIT("persistent://");
static const struct str domain_np = STR_LIT("non-persistent://");
static const struct str default_ns = STR_LIT("public/default/");

static struct str
sub(struct str s, size_t from, size_t to)
{
	return (struct str){ .p = s.p + from, .len = to - from };
}

static size_t
find(struct str s, size_t from, char c)
{
	while (from < s.len && s.p[from] != c)
		from++;
	return from;
}

bool
name_is_valid_entity(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    memchr("-=:._", s.p[i], 5) == NULL)
			return false;
	return s.len > 0;
}

bool
name_is_valid_namespace(struct str s)
{
	size_t slash = find(s, 0, '/');

	return slash < s.len && name_is_valid_entity(sub(s, 0, slash)) &&
	    name_is_valid_entity(sub(s, slash + 1, s.len));
}

/* Index of the partition that the name ends in, and where the suffix starts.
 * As TopicName.getPartitionIndex: no leading zeros, no sign, fits an int. */
static int32_t
partition_of(struct str full, size_t *at)
{
	size_t n = sizeof(PARTITION) - 1, i, d;
	int64_t v = 0;

	*at = full.len;
	for (d = full.len; d > 0 && isdigit((unsigned char)full.p[d - 1]); d--)
		;
	if (d == full.len || full.len - d > 10 || d < n ||
	    memcmp(full.p + d - n, PARTITION, n) != 0)
		return -1;
	if (full.p[d] == '0' && full.len - d > 1)
		return -1;
	for (i = d; i < full.len; i++)
		v = v * 10 + (full.p[i] - '0');
	if (v > INT32_MAX)
		return -1;
	*at = d - n;
	return (int32_t)v;
}

struct str
topic_name_base(struct str name)
{
	size_t at;

	(void)partition_of(name, &at);
	return (struct str){ name.p, at };
}

static bool
is_blank(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!isspace((unsigned char)s.p[i]))
			return false;
	return true;
}

static bool
split(struct topic_name *tn, size_t domain_len)
{
	struct str f = tn->full;
	size_t a, b, at;

	a = find(f, domain_len, '/');
	if (a == f.len)
		return false;
	b = find(f, a + 1, '/');
	if (b == f.len || b + 1 == f.len || find(f, b + 1, '/') != f.len)
		return false; /* too short, or a V1 name of four parts */
	tn->tenant = sub(f, domain_len, a);
	tn->ns_local = sub(f, a + 1, b);
	tn->ns = sub(f, domain_len, b);
	tn->local = sub(f, b + 1, f.len);
	tn->key = sub(f, domain_len, f.len);
	tn->partition = partition_of(f, &at);
	tn->base = sub(f, 0, at);
	return at > b + 1 && !is_blank(tn->local) &&
	    name_is_valid_entity(tn->tenant) &&
	    name_is_valid_entity(tn->ns_local);
}

static bool
has_scheme(struct str s)
{
	size_t i;

	for (i = 0; i + 2 < s.len; i++)
		if (memcmp(s.p + i, "://", 3) == 0)
			return true;
	return false;
}

enum err
topic_name_parse(struct topic_name *tn, struct str in)
{
	struct str pre[2] = { domain_persistent, STR_NONE };
	size_t n = 0, i;
	char *p;

	*tn = (struct topic_name){ .persistent = true };
	if (in.len == 0 || in.len > NAME_MAX_BYTES ||
	    memchr(in.p, '\0', in.len) != NULL)
		return ERR_INVALID_NAME;
	if (str_starts(in, domain_np)) {
		tn->persistent = false;
		pre[0] = STR_NONE;
	} else if (str_starts(in, domain_persistent)) {
		pre[0] = STR_NONE;
	} else if (has_scheme(in)) {
		return ERR_INVALID_NAME;
	} else if (memchr(in.p, '/', in.len) == NULL) {
		pre[1] = default_ns;
	}
	tn->text = p = mem_alloc(pre[0].len + pre[1].len + in.len + 1);
	for (i = 0; i < 2; i++) {
		if (pre[i].len > 0)
			memcpy(p + n, pre[i].p, pre[i].len);
		n += pre[i].len;
	}
	memcpy(p + n, in.p, in.len);
	n += in.len;
	p[n] = '\0';
	tn->full = (struct str){ .p = p, .len = n };
	if (n > NAME_MAX_BYTES ||
	    !split(
		tn, tn->persistent ? domain_persistent.len : domain_np.len)) {
		topic_name_fini(tn);
		return ERR_INVALID_NAME;
	}
	return ERR_OK;
}

void
topic_name_fini(struct topic_name *tn)
{
	mem_free(tn->text);
	*tn = (struct topic_name){ 0 };
}

/* The local name without a partition. */
static struct str
local_base(const struct topic_name *tn)
{
	return sub(tn->base, (size_t)(tn->local.p - tn->full.p), tn->base.len);
}

bool
topic_name_is_system(const struct topic_name *tn)
{
	static const struct str heads[] = { STR_LIT("__change_events"),
		STR_LIT("__transaction_buffer_snapshot"),
		STR_LIT("__transaction_log_"),
		STR_LIT("transaction_coordinator_assign") };
	static const struct str pending = STR_LIT("__transaction_pending_ack");
	struct str base = local_base(tn);
	size_t i;

	if (str_eq(tn->ns, STR_LIT("pulsar/system")))
		return true;
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (str_starts(base, heads[i]))
			return true;
	return base.len >= pending.len &&
	    memcmp(base.p + base.len - pending.len, pending.p, pending.len) ==
	    0;
}

bool
topic_name_is_light(const struct topic_name *tn)
{
	return str_starts(local_base(tn), STR_LIT("%LMQ%"));
}

bool
topic_name_is_hidden(const struct topic_name *tn)
{
	static const struct str heads[] = { STR_LIT("%RETRY%"),
		STR_LIT("%DLQ%"), STR_LIT("%LMQ%"), STR_LIT("RMQ_SYS_"),
		STR_LIT("rmq_sys_") };
	static const struct str names[] = { STR_LIT("SCHEDULE_TOPIC_XXXX"),
		STR_LIT("TRANS_CHECK_MAX_TIME_TOPIC"),
		STR_LIT("OFFSET_MOVED_EVENT"), STR_LIT("SELF_TEST_TOPIC"),
		STR_LIT("TBW102") };
	struct str base = local_base(tn);
	size_t i;

	if (topic_name_is_system(tn))
		return true;
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (str_starts(base, heads[i]))
			return true;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(base, names[i]))
			return true;
	return false;
}

/* Number of the staging log; false: it is none. */
static bool
staging_number(struct str full, uint64_t *n)
{
	static const struct str head = STR_LIT(TOPIC_STAGING);
	size_t i;

	if (!str_starts(full, head))
		return false;
	*n = 0;
	for (i = head.len; i < full.len && isdigit((unsigned char)full.p[i]) &&
	     *n < UINT32_MAX;
	     i++)
		*n = *n * 10 + (uint64_t)(full.p[i] - '0');
	return i > head.len;
}

unsigned
topic_shard(struct str full, unsigned shards_n)
{
	uint64_t run, n;
	int32_t partition;
	size_t at;

	assert(shards_n > 0);
	if (staging_number(full, &n))
		return (unsigned)(n % shards_n);
	partition = partition_of(full, &at);
	run = partition < 0 ? 0 : (uint64_t)partition / TOPIC_RUN;
	return (unsigned)((hash_bytes(0, full.p, at) + run) % shards_n);
}
