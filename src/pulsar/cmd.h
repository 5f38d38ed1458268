/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that aren't hot, through nanopb. tbl/cmd.h is the table.
 *
 * For each command there are two inline functions that check the type of their
 * argument:
 *
 *	enum err cmd_decode_SUBSCRIBE(struct span cmd, pp_CommandSubscribe *m)
 *	size_t cmd_encode_ERROR(uint8_t *out, size_t room,
 *	    const pp_CommandError *m)
 *
 * Decoding fills the struct: defaults of the protocol where a field is absent,
 * has_x beside optional numbers and messages, an absent span (p == NULL) for
 * strings, bytes, and the message ids of SUBSCRIBE and SEEK (msgid_decode).
 * Repeated fields are a span_rep. Everything points into the frame.
 * ERR_MALFORMED: it isn't such a message, or a required field is missing. An
 * enum may hold any number that the peer sent.
 *
 * Encoding writes a whole frame and returns its length, or 0 if it needs more
 * than room bytes: then cmd_size_X says how many. Start with `= {0}` and set
 * what is wanted, has_x included.
 *
 * Include this, not the generated header. Any thread: no state.
 */
#ifndef PULSAR_CMD_H
#define PULSAR_CMD_H

#include "base/cdefs.h"
#include "base/err.h"
#include "pulsar/span_pb.h"
/* the generated header declares span_field once a message */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#include "proto/pulsar.pb.h"
#pragma GCC diagnostic pop

enum cmd_from {
	CMD_FROM_CLIENT = 1,
	CMD_FROM_BROKER = 2,
	CMD_FROM_EITHER = 3
};

enum cmd_type {
#define CMD(name, number, msg, from) CMD_##name = number,
#include "pulsar/tbl/cmd.h"
	CMD__MAX
};

/* "SUBSCRIBE", for logs; NULL: no such command in this version */
const char *cmd_name(uint32_t type);
/* May a client send it? False for what doesn't exist. */
bool cmd_from_client(uint32_t type);

/* any message of pulsar.proto; the wrappers below are for the commands */
enum err cmd_decode_msg(struct span in, const pb_msgdesc_t *desc, void *msg,
    size_t msg_size) MUST_CHECK;
size_t cmd_encode_frame(uint8_t *out, size_t room, enum cmd_type type,
    const pb_msgdesc_t *desc, const void *msg);
size_t cmd_size_frame(
    enum cmd_type type, const pb_msgdesc_t *desc, const void *msg);

#define CMD(name, number, m, from)                                           \
	static inline MUST_CHECK enum err cmd_decode_##name(                 \
	    struct span cmd, pp_##m *msg)                                    \
	{                                                                    \
		return cmd_decode_msg(cmd, &pp_##m##_msg, msg, sizeof *msg); \
	}                                                                    \
	static inline size_t cmd_encode_##name(                              \
	    uint8_t *out, size_t room, const pp_##m *msg)                    \
	{                                                                    \
		return cmd_encode_frame(                                     \
		    out, room, CMD_##name, &pp_##m##_msg, msg);              \
	}                                                                    \
	static inline size_t cmd_size_##name(const pp_##m *msg)              \
	{                                                                    \
		return cmd_size_frame(CMD_##name, &pp_##m##_msg, msg);       \
	}
#include "pulsar/tbl/cmd.h"

#endif
