/* SPDX-License-Identifier: Apache-2.0 */
#include <isa-l/crc.h>

#include "base/crc32.h"

uint32_t
crc32_zip(uint32_t crc, const void *p, size_t len)
{
	return crc32_gzip_refl(crc, p, len);
}
