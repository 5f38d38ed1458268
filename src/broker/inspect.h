/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h - `magnetar inspect DATADIR`: segments, topics, cursors and every
 * checksum of a data directory, read only. Returns the exit status: 0 whole,
 * 1 damaged or unreadable, 2 wrong use.
 */
#ifndef BROKER_INSPECT_H
#define BROKER_INSPECT_H

int inspect_main(int argc, char **argv);

#endif
