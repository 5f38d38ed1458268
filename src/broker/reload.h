/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - the configuration from its file and the command line, at the start
 * and again at SIGHUP. Main thread; blocking reads of one small file.
 */
#ifndef BROKER_RELOAD_H
#define BROKER_RELOAD_H

#include "base/conf.h"

/* File first (NULL: none), then the overrides, then conf_check(). Warnings go to
 * the log. */
enum err reload_load(struct conf *, const char *file, int overrides_n,
    char *const *overrides, struct diag *) MUST_CHECK;
/* SIGHUP: load anew and take over the live keys. Says in the log which, which
 * need a restart, or why nothing was changed (false). */
bool reload_conf(
    struct conf *, const char *file, int overrides_n, char *const *overrides);

#endif
