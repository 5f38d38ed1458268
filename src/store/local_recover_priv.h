/* SPDX-License-Identifier: Apache-2.0 */
/* What local_recover.c (what there is, in which order) and local_replay.c (one
 * log) share during a recovery. */
#ifndef STORE_LOCAL_RECOVER_PRIV_H
#define STORE_LOCAL_RECOVER_PRIV_H

#include "store/local_priv.h"

struct recover {
	struct local *lo;
	struct local_recovery *st;
	struct diag *dg;
	uint64_t *files; /* ids of our class behind the checkpoint */
	uint32_t files_n, files_cap;
	uint32_t class;
	uint8_t *buf; /* a segment */
	uint64_t buf_bytes;
	uint64_t next_group; /* expected */
	uint32_t epoch;
	uint64_t epoch_max;
	bool corrupt;
	bool reshard;
	struct shard_row rows[LOCAL_SHARDS_MAX];
	bool have[LOCAL_SHARDS_MAX];
	uint64_t *dead; /* ledgers to be deleted */
	uint32_t dead_n, dead_cap;
	enum err err;
};

/* Replay the log of a class of segments behind row's checkpoint */
enum err log_replay(
    struct recover *, uint32_t class, const struct shard_row *) MUST_CHECK;

#endif
