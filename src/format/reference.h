/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h - bodies of ENTRY_FORMAT_REFERENCE: where the one message that the
 * entry stands for is stored. Whoever reads it fetches it from there; it may be
 * there no more.
 *
 *     off len
 *       0   1  version   1
 *       1   8  ledger    big-endian
 *       9   8  entry     big-endian
 *      17   n  topic     full name, to the end
 *
 * Pure functions.
 */
#ifndef FORMAT_REFERENCE_H
#define FORMAT_REFERENCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pos.h"
#include "base/str.h"

struct reference {
	struct pos pos;
	struct str topic; /* read: inside of the body */
};

/* The caller's; topic is at most 64 KiB. */
struct slice reference_make(const struct reference *);
enum err reference_read(struct slice body, struct reference *) MUST_CHECK;

#endif
