/* SPDX-License-Identifier: Apache-2.0 */
/* What is written from the table of keys, rather than read. */
#include <inttypes.h>
#include <string.h>

#include "base/conf.h"
#include "base/miniobj.h"

#define WRAP 76

static void
add_choice(struct strbuf *sb, const struct conf_key *k, int64_t i)
{
	const char *p = k->choices;

	for (; i > 0; i--)
		p += strcspn(p, "|") + 1;
	strbuf_add(sb, p, strcspn(p, "|"));
}

static void
add_default(struct strbuf *sb, const struct conf_key *k)
{
	switch (k->type) {
	case CONF_T_BOOL:
		strbuf_adds(sb, k->def ? "true" : "false");
		break;
	case CONF_T_INT:
		strbuf_add_i64(sb, k->def);
		break;
	case CONF_T_ENUM:
		add_choice(sb, k, k->def);
		break;
	case CONF_T_STR:
		strbuf_adds(sb, k->def_str);
		break;
	default:
		WRONG("type of a key");
	}
}

void
conf_value(const struct conf *c, const struct conf_key *k, struct strbuf *sb)
{
	const void *p = (const char *)c + k->offset;

	CHECK_OBJ_NOTNULL(c, CONF_MAGIC);
	switch (k->type) {
	case CONF_T_BOOL:
		strbuf_adds(sb, *(const bool *)p ? "true" : "false");
		break;
	case CONF_T_INT:
		strbuf_add_i64(sb, *(const int64_t *)p);
		break;
	case CONF_T_ENUM:
		add_choice(sb, k, *(const int *)p);
		break;
	case CONF_T_STR:
		strbuf_adds(sb, *(char *const *)p);
		break;
	default:
		WRONG("type of a key");
	}
}

void
conf_dump(const struct conf *c, struct strbuf *sb)
{
	const struct conf_key *k;
	size_t n, i;

	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		if (k[i].type == CONF_T_SECTION)
			continue;
		strbuf_addf(sb, "%s = ", k[i].name);
		conf_value(c, &k[i], sb);
		strbuf_addc(sb, '\n');
	}
}

/* "0..65535 port", "sync, async", "true, false" */
static void
add_range(struct strbuf *sb, const struct conf_key *k)
{
	const char *p;

	switch (k->type) {
	case CONF_T_BOOL:
		strbuf_adds(sb, "true, false");
		break;
	case CONF_T_INT:
		strbuf_addf(
		    sb, "%" PRId64 "..%" PRId64 " %s", k->min, k->max, k->unit);
		break;
	case CONF_T_ENUM:
		for (p = k->choices; *p != '\0'; p++) {
			strbuf_addc(sb, *p == '|' ? ',' : *p);
			if (*p == '|')
				strbuf_addc(sb, ' ');
		}
		break;
	case CONF_T_STR:
		strbuf_addf(sb, "text, up to %" PRId64 " bytes", k->max);
		break;
	default:
		WRONG("type of a key");
	}
}

static void
add_when(struct strbuf *sb, const struct conf_key *k)
{
	strbuf_adds(
	    sb, k->when == CONF_LIVE ? "reloadable" : "needs a restart");
}

/* the text in lines of at most WRAP bytes, each after prefix */
static void
add_wrapped(struct strbuf *sb, const char *prefix, const char *s)
{
	size_t len, n, col = 0;

	while (*s != '\0') {
		n = strcspn(s, " ");
		len = n + (col > 0);
		if (col > 0 && col + len > WRAP) {
			strbuf_addc(sb, '\n');
			col = 0;
			len = n;
		}
		strbuf_adds(sb, col > 0 ? " " : prefix);
		strbuf_add(sb, s, n);
		col += len;
		s += n;
		s += strspn(s, " ");
	}
	strbuf_addc(sb, '\n');
}

void
conf_sample(struct strbuf *sb)
{
	const struct conf_key *k;
	size_t n, i;

	strbuf_adds(sb,
	    "# SPDX-License-Identifier: Apache-2.0\n"
	    "#\n"
	    "# Every key of Magnetar with its default. Keys of Apache Pulsar's\n"
	    "# and RocketMQ's broker.conf that have no meaning here are\n"
	    "# accepted with a warning; any other key is an error.\n");
	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		if (k[i].type == CONF_T_SECTION) {
			strbuf_addf(sb, "\n# ---- %s\n", k[i].doc);
			continue;
		}
		strbuf_addc(sb, '\n');
		add_wrapped(sb, "# ", k[i].doc);
		strbuf_adds(sb, "# (");
		add_range(sb, &k[i]);
		strbuf_adds(sb, "; ");
		add_when(sb, &k[i]);
		strbuf_addf(sb, ")\n%s =", k[i].name);
		if (k[i].type != CONF_T_STR || k[i].def_str[0] != '\0')
			strbuf_addc(sb, ' ');
		add_default(sb, &k[i]);
		strbuf_addc(sb, '\n');
	}
}

void
conf_markdown(struct strbuf *sb)
{
	const struct conf_key *k;
	size_t n, i;

	strbuf_adds(sb,
	    "# Configuration\n\n"
	    "Written from `src/base/tbl/conf.h` by `make conf-files`; don't "
	    "edit.\n\n"
	    "`magnetar -c FILE` reads lines of `key = value`, `-o KEY=VALUE` "
	    "sets one key, `--check`\ntests a file, `--dump-conf` prints what "
	    "is in force. A reloadable key is taken over on\nSIGHUP. Keys of "
	    "Apache Pulsar's and RocketMQ's files that have no meaning here "
	    "are accepted\nwith one warning each; any other key is an error "
	    "that names the nearest.\n");
	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		if (k[i].type == CONF_T_SECTION) {
			strbuf_addf(sb,
			    "\n## %s\n\n"
			    "| key | default | values | reloadable | meaning "
			    "|\n|---|---|---|---|---|\n",
			    k[i].doc);
			continue;
		}
		strbuf_addf(sb, "| `%s` | ", k[i].name);
		add_default(sb, &k[i]);
		strbuf_adds(sb, " | ");
		add_range(sb, &k[i]);
		strbuf_addf(sb, " | %s | %s |\n",
		    k[i].when == CONF_LIVE ? "yes" : "no", k[i].doc);
	}
}

void
conf_man(struct strbuf *sb)
{
	const struct conf_key *k;
	size_t n, i;

	strbuf_adds(sb,
	    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
	    ".\\\" Written from src/base/tbl/conf.h by make conf-files.\n"
	    ".TH MAGNETAR.CONF 5 \"\" magnetar \"File formats\"\n"
	    ".SH NAME\n"
	    "magnetar.conf \\- configuration of the message broker magnetar\n"
	    ".SH DESCRIPTION\n"
	    "Lines of key = value. A line that starts with # is a comment, an\n"
	    "empty value means the default. Keys of Apache Pulsar's and\n"
	    "RocketMQ's broker.conf that have no meaning here are accepted\n"
	    "with one warning each; any other key is an error that names the\n"
	    "nearest one.\n");
	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		if (k[i].type == CONF_T_SECTION) {
			strbuf_addf(sb, ".SH %s\n", k[i].doc);
			continue;
		}
		strbuf_addf(sb, ".TP\n.B %s\n", k[i].name);
		add_wrapped(sb, "", k[i].doc);
		strbuf_adds(sb, "Default: ");
		if (k[i].type == CONF_T_STR && k[i].def_str[0] == '\0')
			strbuf_adds(sb, "empty");
		add_default(sb, &k[i]);
		strbuf_adds(sb, " (");
		add_range(sb, &k[i]);
		strbuf_adds(sb, "; ");
		add_when(sb, &k[i]);
		strbuf_adds(sb, ").\n");
	}
	strbuf_adds(sb, ".SH SEE ALSO\n.BR magnetar (8)\n");
}
