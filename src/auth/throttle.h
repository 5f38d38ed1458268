/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h - failed logins of an address make its next ones wait, so that passwords
 * can't be tried as fast as connections can be made.
 *
 * An address that fails `limit` times within THROTTLE_WINDOW_MS is slow until so long
 * after its last failure: what comes from it is looked at in slots of THROTTLE_SLOT_MS,
 * one after another over all of its connections; where more than THROTTLE_WAIT_MAX_MS
 * would have to be waited it is refused unseen. Good credentials wait like bad ones, or
 * the answer's time would tell. Nobody else waits, and whoever waits does so by a timer
 * of its own. Front-ends don't ask for connections that have shown good credentials.
 *
 * Of IPv6 a /64 counts as one address. At most THROTTLE_ADDRS_MAX are known; where there
 * is no room, one that failed least recently is forgotten.
 *
 * Threads: any, and one throttle is for all of them, so that who comes to many shards has
 * no more tries. There is no lock: a table of atomics, in which who never failed is looked
 * for by reading alone; failures and slots are written by compare-and-swap. Where one is
 * forgotten while it fails on another thread, a failure may be counted for the wrong one,
 * or for none. No clock: times are the caller's, monotonic, and those of one clock.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "os/sock.h"

#define THROTTLE_WINDOW_MS INT64_C(60000)
#define THROTTLE_SLOT_MS INT64_C(250)
#define THROTTLE_WAIT_MAX_MS INT64_C(5000)
#define THROTTLE_ADDRS_MAX 4096u

struct throttle;

/* limit 0: nobody ever waits. seed: a random one. */
struct throttle *throttle_new(uint64_t seed, unsigned limit);
void throttle_free(struct throttle **);

/* Credentials from there were refused. NULL throttle: nothing. */
void throttle_failed(
    struct throttle *, const struct sock_addr *, int64_t now_ms);
/* Some come from there: how many ms they have to wait before they are looked at (a slot is
 * taken), 0: none, THROTTLE_FULL: refuse them. */
#define THROTTLE_FULL INT64_C(-1)
int64_t throttle_wait_ms(
    struct throttle *, const struct sock_addr *, int64_t now_ms);
size_t throttle_addrs_n(const struct throttle *);

#endif
