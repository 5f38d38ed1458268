/* SPDX-License-Identifier: Apache-2.0 */
/* tls_priv.h - tls_ctx.c makes contexts, tls.c has the connections. */
#ifndef OS_TLS_PRIV_H
#define OS_TLS_PRIV_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "os/tls.h"

struct tls_ctx {
	unsigned magic;
#define TLS_CTX_MAGIC 0x715c0001
	_Atomic unsigned refs;
	SSL_CTX *ssl;
	bool trusts; /* clients by trust_path, not any */
	bool own; /* its certificate was made here */
	BIO_METHOD *bio; /* of connections: tls_bio_method() */
};

/* Between OpenSSL and a struct tls, which is the BIO's data. */
BIO_METHOD *tls_bio_method(void);
/* The last common name of its subject, UTF-8, to mem_free; NULL: none that can be
 * told from others. */
char *tls_cert_name(const X509 *);

#endif
