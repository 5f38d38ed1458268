/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cidr.h - blocks of IP addresses: "10.0.0.0/8", "fd00::/8", or one address. An
 * IPv4 address that is written in IPv6's way (::ffff:10.0.0.1) is taken as IPv4.
 * Plain values: any thread.
 */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

struct cidr {
	uint8_t addr[16];
	uint8_t bytes; /* 4 or 16 */
	uint8_t bits; /* that count */
};

/* ERR_INVALID_ARG */
enum err cidr_parse(struct cidr *, struct str) MUST_CHECK;
/* ip: one address, as text; what is none is in no block */
bool cidr_has(const struct cidr *, struct str ip);

#endif
