/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.h - a process that root starts becomes a user of its own.
 *
 *	user_lend	before the first thread: everything is done as the user from here
 *			on, but root may be taken back
 *	user_bind	takes it back, on the calling thread, for one bind(2)
 *	user_drop	no way back for any thread, also not by a program that is run
 *
 * So the data directory, and whatever else is opened, is the user's, and what a reload
 * opens again can be opened again; only ports below 1024 need root.
 *
 * Threads: the main one. One user a process.
 */
#ifndef OS_USER_H
#define OS_USER_H

#include <sys/socket.h>

#include "base/err.h"

/*
 * data_dir: made for the user, or checked to be: it and what is in it. If the process is
 * that user already there is nothing to do. ERR_INVALID_ARG: no such user;
 * ERR_PERMISSION: not root, or a directory of somebody else.
 */
enum err user_lend(
    const char *name, const char *data_dir, struct diag *) MUST_CHECK;
/* Nothing unless user_lend() went well. */
enum err user_drop(struct diag *) MUST_CHECK;
/* bind(2), as root while it is lent. errno. */
int user_bind(int fd, const struct sockaddr *, socklen_t);

#endif
