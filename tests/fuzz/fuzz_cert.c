/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role in a certificate: what a client's says of its name, once it is trusted.
 *
 * Input: a certificate, DER.
 */
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "os/tls_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Roles become keys of metadata and go into JSON. */
static void
check(const char *name)
{
	const uint8_t *p = (const uint8_t *)name;
	size_t n = strlen(name), used;

	assert(n > 0);
	for (; n > 0; p += used, n -= used)
		if (utf8_next(p, n, &used) == UTF8_BAD)
			assert(used == 3 && memcmp(p, "\xef\xbf\xbd", 3) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	X509 *cert = d2i_X509(NULL, &p, (long)size);
	char *name;

	ERR_clear_error();
	if (cert == NULL)
		return 0;
	name = tls_cert_name(cert);
	if (name != NULL)
		check(name);
	mem_free(name);
	X509_free(cert);
	ERR_clear_error();
	return 0;
}
