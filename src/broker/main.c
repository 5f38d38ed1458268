/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/inspect.h"
#include "broker/reload.h"
#include "broker/token.h"
#include "config.h"
#include "os/clock.h"
#include "os/prot.h"

struct args {
	const char *conf_file;
	char **overrides; /* key=value, -D among them */
	int overrides_n;
	bool check, dump;
};

enum {
	OPT_VERSION = 256,
	OPT_HELP,
	OPT_CHECK,
	OPT_DUMP
};

static void
usage(FILE *f)
{
	fputs("usage: magnetar [-c FILE] [-D DATADIR] [-o KEY=VALUE]...\n"
	      "       magnetar inspect DATADIR\n"
	      "       magnetar token COMMAND ...\n"
	      "  -c FILE       configuration (key = value)\n"
	      "  -D DATADIR    where everything is stored (default ./data)\n"
	      "  -o KEY=VALUE  one key, over the file's\n"
	      "  --check       check the configuration and exit\n"
	      "  --dump-conf   print the configuration in force and exit\n"
	      "  --version, --help\n",
	    f);
}

/* One write a line: whole lines from any thread. */
static void
log_sink(void *arg, enum log_level level, const char *line, size_t len)
{
	ssize_t n;

	(void)arg;
	(void)level;
	n = write(STDERR_FILENO, line, len);
	(void)n; /* nowhere to say it */
}

static int64_t
log_clock(void *arg)
{
	(void)arg;
	return clock_wall_ms() * CLOCK_NS_PER_MS;
}

static void
setup_log(const struct conf *c)
{
	log_setup(&(struct log_conf){
	    .level = c != NULL ? (enum log_level)c->logLevel : LOG_INFO,
	    .format = c != NULL ? (enum log_format)c->logFormat : LOG_TEXT,
	    .sink = log_sink,
	    .clock = log_clock,
	});
}

static void
override(struct args *a, const char *key, const char *val)
{
	size_t n = strlen(key) + strlen(val) + 1;
	char *s = mem_alloc(n);

	(void)snprintf(s, n, "%s%s", key, val);
	a->overrides = mem_realloc(
	    a->overrides, (size_t)(a->overrides_n + 1) * sizeof(char *));
	a->overrides[a->overrides_n++] = s;
}

/* -1: go on, else the exit status. */
static int
parse_args(struct args *a, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "dump-conf", no_argument, NULL, OPT_DUMP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:D:o:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->conf_file = optarg;
			break;
		case 'D':
			override(a, "dataDir=", optarg);
			break;
		case 'o':
			override(a, "", optarg);
			break;
		case OPT_VERSION:
			puts(PACKAGE_STRING);
			return 0;
		case OPT_HELP:
			usage(stdout);
			return 0;
		case OPT_CHECK:
			a->check = true;
			break;
		case OPT_DUMP:
			a->dump = true;
			break;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	return -1;
}

static int
dump(const struct conf *c)
{
	struct strbuf sb;

	strbuf_init(&sb, 1u << 20);
	conf_dump(c, &sb);
	fputs(strbuf_str(&sb), stdout);
	strbuf_fini(&sb);
	return 0;
}

static int
run(struct conf *c, const struct args *a, int64_t started_ns)
{
	struct broker_args ba = { .conf = c,
		.conf_file = a->conf_file,
		.overrides_n = a->overrides_n,
		.overrides = a->overrides,
		.started_mono_ns = started_ns };
	struct broker *b = NULL;
	struct diag diag = { "" };
	enum err err;
	int status;

	prot_raise_fds();
	err = broker_start(&b, &ba, &diag);
	if (err != ERR_OK) {
		fprintf(stderr, "magnetar: %s\n",
		    diag.msg[0] != '\0' ? diag.msg : err_text(err));
		status = 1;
	} else {
		status = broker_run(b);
	}
	broker_free(&b);
	return status;
}

static int
with_conf(const struct args *a, int64_t started_ns)
{
	struct diag diag = { "" };
	struct conf c;
	int status;

	conf_init(&c);
	if (reload_load(&c, a->conf_file, a->overrides_n, a->overrides,
		&diag) != ERR_OK) {
		fprintf(stderr, "magnetar: %s\n", diag.msg);
		status = 2;
	} else if (a->dump) {
		status = dump(&c);
	} else if (a->check) {
		puts("configuration ok");
		status = 0;
	} else {
		setup_log(&c);
		status = run(&c, a, started_ns);
	}
	conf_fini(&c);
	return status;
}

int
main(int argc, char **argv)
{
	int64_t started_ns = clock_mono_ns();
	struct args a = { 0 };
	int status;

	mem_setup();
	prot_init();
	setup_log(NULL);
	if (argc > 1 && strcmp(argv[1], "inspect") == 0)
		return inspect_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "token") == 0)
		return token_main(argc - 1, argv + 1);
	status = parse_args(&a, argc, argv);
	if (status < 0)
		status = with_conf(&a, started_ns);
	while (a.overrides_n > 0)
		mem_free(a.overrides[--a.overrides_n]);
	mem_free(a.overrides);
	return status;
}
