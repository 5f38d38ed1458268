/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32 as of gzip and java.util.zip, computed with the best instructions of
 * the machine. Chainable, from 0: crc32_zip(crc32_zip(0, a, n), b, m) is the
 * checksum of a followed by b. "123456789" gives 0xcbf43926. Any thread.
 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_zip(uint32_t crc, const void *p, size_t len);

#endif
