/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - one small document by GET, over HTTP or HTTPS (libcurl: the only file that
 * knows it is fetch.c). No redirects, no proxies of the environment, no other protocols;
 * certificates are verified, by ca_file or else by what the system trusts.
 *
 * Blocks for as long as its limits allow, or until *stop, which is looked at about once
 * a second: for threads of their own, of which any number may fetch at a time.
 */
#ifndef OS_FETCH_H
#define OS_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct fetch_conf {
	const char *ca_file; /* PEM; NULL or "": the system's */
	long connect_ms; /* until there is a connection */
	long total_ms; /* for everything, however slowly it comes */
	size_t max; /* bytes of the document */
	bool https_only;
	const atomic_bool *stop; /* NULL: nobody ends it */
};

/* Before the first and after the last fetch, on the main thread. */
void fetch_setup(void);
void fetch_end(void);

/* The document of a 200, NUL-terminated; mem_free() it. ERR_IO: diag says what went
 * wrong; ERR_TOO_BIG. */
enum err fetch_get(char **, size_t *, const char *url,
    const struct fetch_conf *, struct diag *) MUST_CHECK;

#endif
