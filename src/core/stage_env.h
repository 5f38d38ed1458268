/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_env: the envelope in which an entry lies in a staging log: what is to
 * happen to it, and it itself, ready for its target (doc/format-delay.md). What is
 * read is checked against its length. Pure functions, any thread.
 */
#ifndef CORE_STAGE_ENV_H
#define CORE_STAGE_ENV_H

#include <stdbool.h>

#include "base/str.h"
#include "core/op.h"
#include "store/entry.h"

#define STAGE_OWNER_MAX 4096u

struct stage_env {
	enum stage_outcome outcome;
	uint8_t kind; /* enum dest_kind of who staged it */
	int64_t due_ms; /* 0: none */
	uint64_t hash; /* for OP_STAGE_RECALL; 0: none */
	struct attr attr;
	struct str target, owner; /* borrowed */
	struct slice body; /* a window on the envelope's own */
};

/* A buf of the caller's. target and owner are within NAME_MAX_BYTES and
 * STAGE_OWNER_MAX. */
struct slice stage_env_write(const struct stage_env *);
bool stage_env_read(struct stage_env *, struct slice);

#endif
