/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the audit log: one JSON object a line for each administrative change, each
 * refused access and each answer with a secret in it.
 *
 *	{"ts":"2026-11-25T10:00:00.123Z","protocol":"http","who":"root",
 *	 "from":"10.0.0.7:51034","what":"PUT","on":"/admin/v2/tenants/a",
 *	 "result":"done","code":204}
 *
 *	who	the role as the client has it; absent where nobody was asked, or
 *		where it didn't get as far as saying who it is. Of what is refused it
 *		may not be proved ("why" says so)
 *	for	the role that a proxy speaks for
 *	what	the method or command
 *	on	what it is about; absent: of all, or nothing was named
 *	result	done, failed, refused, unanswered (the client left first)
 *	code	the protocol's own, where it has one
 *	why	of refusals
 *	dropped	how many lines before this one are missing
 *
 * No tokens, passwords, signatures or bodies: callers give names only. Strings are cut
 * at AUDIT_TEXT_MAX bytes, and what is not UTF-8 is replaced.
 *
 * audit_write() makes the line and hands it to a thread of its own, which appends to the
 * file (mode 0600; written, not synced). At most AUDIT_QUEUE_MAX lines wait for it,
 * refusals at most half of that and AUDIT_REFUSALS_PER_S a second, so that whoever is
 * refused can neither fill the disk nor push the changes out. What doesn't fit, or can't
 * be written, is dropped and counted.
 *
 * Threads: audit_new, audit_reopen and audit_free the main thread's, the rest any.
 */
#ifndef AUTH_AUDIT_H
#define AUTH_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define AUDIT_QUEUE_MAX 8192u
#define AUDIT_REFUSALS_PER_S 200u
#define AUDIT_TEXT_MAX 1024u

struct audit;

enum audit_result {
	AUDIT_DONE,
	AUDIT_FAILED,
	AUDIT_REFUSED,
	AUDIT_UNANSWERED,
	AUDIT_RESULTS_N
};

#define AUDIT_NO_CODE INT32_MIN

struct audit_event {
	const char *protocol; /* "pulsar", "rocketmq", "http" */
	struct str who, of; /* "for"; empty: absent */
	const char *from; /* address and port */
	const char *what;
	struct str on; /* empty: absent */
	enum audit_result result;
	int32_t code;
	const char *why; /* NULL: absent */
};

struct audit_stats {
	uint64_t written, dropped;
};

/* path "": nothing is written until audit_reopen() names a file. Errors as of open(). */
enum err audit_new(struct audit **, const char *path, struct diag *) MUST_CHECK;
/* The file is opened anew, under this name or the same (it was rotated), or closed:
 * "". When that fails, lines go where they went before. */
enum err audit_reopen(
    struct audit *, const char *path, struct diag *) MUST_CHECK;
/* What was handed over is written first. Nobody else uses it any more. */
void audit_free(struct audit **);

/* Is anything written? NULL: no. */
bool audit_is_on(const struct audit *);
/* Nothing unless audit_is_on(). */
void audit_write(struct audit *, const struct audit_event *);
/* audit NULL: zeroes */
void audit_get_stats(const struct audit *, struct audit_stats *);

#endif
