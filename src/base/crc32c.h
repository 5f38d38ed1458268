/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C (Castagnoli), as Pulsar's frames and our log use it, computed with
 * the best instructions of the machine. Chainable: start with 0 and feed the
 * result back: crc32c(crc32c(0, a, n), b, m) is the checksum of a followed by
 * b. "123456789" gives 0xe3069283. Any thread.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
