/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/histo.h"
#include "base/miniobj.h"

struct metric_row {
	const char *name, *label, *help;
	enum metric_type type;
};

static const struct metric_row rows[M__MAX] = {
#define METRIC(name, type, prom, help) \
	[M_##name] = { prom, NULL, help, METRIC_##type },
#define METRIC_OF(name, type, prom, label, help) \
	[M_##name] = { prom, label, help, METRIC_##type },
#include "base/tbl/metrics.h"
};

struct metrics *
metrics_new(uint64_t seed)
{
	struct metrics *m;
	size_t i;

	m = mem_aligned(_Alignof(struct metrics), sizeof *m);
	for (i = 0; i < M__MAX; i++)
		atomic_init(&m->v[i], 0);
	m->histos = histos_new(seed);
	return m;
}

void
metrics_free(struct metrics **mp)
{
	struct metrics *m = *mp;

	*mp = NULL;
	histos_free(&m->histos);
	mem_free(m);
}

int64_t
metrics_sum(struct metrics *const *m, size_t n, enum metric id)
{
	int64_t sum = 0, v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = metrics_get(m[i], id);
		if (rows[id].type != METRIC_MAX)
			sum += v;
		else if (v > sum)
			sum = v;
	}
	return sum;
}

void
metrics_text(struct strbuf *sb, struct metrics *const *m, size_t n)
{
	int i;

	for (i = 0; i < M__MAX; i++) {
		if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
			prom_head(sb, rows[i].name, rows[i].type, rows[i].help);
		prom_begin(sb, rows[i].name);
		if (rows[i].label != NULL)
			strbuf_addf(sb, "{%s}", rows[i].label);
		prom_end_i64(sb, metrics_sum(m, n, (enum metric)i));
	}
}

const char *
metric_name(enum metric id)
{
	assert((unsigned)id < M__MAX);
	return rows[id].name;
}

const char *
metric_label(enum metric id)
{
	assert((unsigned)id < M__MAX);
	return rows[id].label;
}

const char *
metric_help(enum metric id)
{
	assert((unsigned)id < M__MAX);
	return rows[id].help;
}

enum metric_type
metric_type(enum metric id)
{
	assert((unsigned)id < M__MAX);
	return rows[id].type;
}

void
prom_head(struct strbuf *sb, const char *name, enum metric_type type,
    const char *help)
{
	if (help != NULL)
		strbuf_addf(sb, "# HELP %s %s\n", name, help);
	strbuf_addf(sb, "# TYPE %s %s\n", name,
	    type == METRIC_COUNTER	 ? "counter" :
		type == METRIC_HISTOGRAM ? "histogram" :
					   "gauge");
}

void
prom_begin(struct strbuf *sb, const char *name)
{
	strbuf_adds(sb, name);
}

/* the strbuf ends in a name, or in a quote after a label */
void
prom_label(struct strbuf *sb, const char *key, const char *val)
{
	const char *p = strbuf_str(sb);

	if (sb->len > 0 && p[sb->len - 1] == '"')
		strbuf_addc(sb, ',');
	else
		strbuf_addc(sb, '{');
	strbuf_adds(sb, key);
	strbuf_adds(sb, "=\"");
	for (; *val != '\0'; val++) {
		if (*val == '\\' || *val == '"')
			strbuf_addc(sb, '\\');
		if (*val == '\n')
			strbuf_adds(sb, "\\n");
		else
			strbuf_addc(sb, *val);
	}
	strbuf_addc(sb, '"');
}

static void
end(struct strbuf *sb)
{
	const char *p = strbuf_str(sb);

	if (sb->len > 0 && p[sb->len - 1] == '"')
		strbuf_addc(sb, '}');
	strbuf_addc(sb, ' ');
}

void
prom_end_i64(struct strbuf *sb, int64_t v)
{
	end(sb);
	strbuf_add_i64(sb, v);
	strbuf_addc(sb, '\n');
}

void
prom_end_double(struct strbuf *sb, double v)
{
	end(sb);
	if (isnan(v))
		strbuf_adds(sb, "NaN");
	else if (isinf(v))
		strbuf_adds(sb, v > 0 ? "+Inf" : "-Inf");
	else
		strbuf_addf(sb, "%.17g", v);
	strbuf_addc(sb, '\n');
}
