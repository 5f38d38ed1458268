/* SPDX-License-Identifier: Apache-2.0 */
/*
 * white.h - lists of addresses as RocketMQ's ACL 1.0 writes them
 * (RemoteAddressStrategyFactory of rocketmq-acl 4.9.8):
 *
 *	"", blanks	none
 *	*  *.*.*.*  *:*:*:*:*:*:*:*	all
 *	10.1.2.3  1::2			one
 *	10.1.2.{3,4}  1::{2,3}		some of the last part
 *	10.1.2.3,10.1.2.4		some
 *	10.1.2-5.*  10.1.2.3-9  1::2-f:*	ranges of parts; decimal, of IPv6 hexadecimal
 *
 * Each part of a range counts, where the reference looks at the first one that is no
 * number and leaves out what follows it; * and ranges may be anywhere. An IPv4 address in
 * IPv6's way (::ffff:10.0.0.1) is taken as IPv4. Never more addresses are let in than the
 * reference lets in.
 *
 * Plain values: any thread.
 */
#ifndef AUTH_WHITE_H
#define AUTH_WHITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define WHITE_MAX 4096u /* addresses and ranges of a list */

struct white_range;
struct white {
	unsigned n;
	struct white_range *v;
};

/* Adds what a text of the above names; ERR_INVALID_ARG, with the reference's words in the
 * diag, and nothing is added. */
enum err white_add(struct white *, struct str, struct diag *) MUST_CHECK;
void white_fini(struct white *);
/* ip: one address, as text; what is none is in no list */
bool white_has(const struct white *, struct str ip);

#endif
