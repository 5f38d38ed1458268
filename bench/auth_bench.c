/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signed request of RocketMQ costs: nanoseconds of the check of a SEND of
 * 1 KB, as clients from 4.x on send it, beside those of the bare HMAC-SHA1 over the
 * same bytes in one piece, by nettle and by OpenSSL. Not a test; run by hand.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <nettle/hmac.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/rmq_sign.h"
#include "base/cdefs.h"
#include "base/vas.h"

#define ROUNDS 200000
#define TIMES 9 /* the least of them counts */
#define BODY 1024

static const char secret[] = "12345678";
static char body[BODY];
static struct rmq_sign_field fields[] = {
	{ { "a", 1 }, { "bench_producer", 14 } },
	{ { "b", 1 }, { "TopicTest", 9 } },
	{ { "c", 1 }, { "TBW102", 6 } },
	{ { "d", 1 }, { "8", 1 } },
	{ { "e", 1 }, { "3", 1 } },
	{ { "f", 1 }, { "0", 1 } },
	{ { "g", 1 }, { "1764410000000", 13 } },
	{ { "h", 1 }, { "0", 1 } },
	{ { "i", 1 },
	    { "UNIQ_KEY\x01"
	      "7F0000010BEC4E25154F000000000000\x02WAIT\x01true\x02",
		52 } },
	{ { "j", 1 }, { "0", 1 } },
	{ { "k", 1 }, { "false", 5 } },
	{ { "m", 1 }, { "false", 5 } },
	{ { "n", 1 }, { "broker-a", 8 } },
	{ { "AccessKey", 9 }, { "rocketmq2", 9 } },
	{ { "Signature", 9 }, { NULL, 0 } },
};
static struct rmq_sign_key *key;
static char signature[RMQ_SIGN_TEXT];
static uint8_t whole[BODY + 512];
static size_t whole_n;
static struct hmac_sha1_ctx bare;
static EVP_MAC_CTX *ready;

static double
cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
build(void)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA1" }, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac;
	unsigned i;

	memset(body, 'x', sizeof body);
	key = rmq_sign_key_new((struct str){ secret, sizeof secret - 1 });
	rmq_sign(key, fields, NELEM(fields), (struct str){ body, BODY }, false,
	    signature);
	fields[NELEM(fields) - 1].value =
	    (struct str){ signature, sizeof signature };
	/* AccessKey comes first, by its name */
	for (i = 0; i + 1 < NELEM(fields); i++) {
		memcpy(whole + whole_n, fields[i].value.p, fields[i].value.len);
		whole_n += fields[i].value.len;
	}
	memcpy(whole + whole_n, body, BODY);
	whole_n += BODY;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	ready = EVP_MAC_CTX_new(mac);
	AN(ready);
	EVP_MAC_free(mac);
	AN(EVP_MAC_init(
	    ready, (const unsigned char *)secret, sizeof secret - 1, params));
	hmac_sha1_set_key(&bare, sizeof secret - 1, (const uint8_t *)secret);
}

static void
check(void)
{
	AN(rmq_sign_check(key, fields, NELEM(fields),
	    (struct str){ body, BODY }, false,
	    (struct str){ signature, sizeof signature }));
}

static void
by_nettle(void)
{
	uint8_t mac[SHA1_DIGEST_SIZE];

	hmac_sha1_update(&bare, whole_n, whole);
	hmac_sha1_digest(&bare, sizeof mac, mac); /* ready for the next */
}

static void
by_openssl(void)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n;

	AN(HMAC(
	    EVP_sha1(), secret, sizeof secret - 1, whole, whole_n, mac, &n));
}

static void
by_openssl_ready(void)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t n;

	AN(EVP_MAC_init(ready, NULL, 0, NULL));
	AN(EVP_MAC_update(ready, whole, whole_n));
	AN(EVP_MAC_final(ready, mac, &n, sizeof mac));
}

static double
cost_ns(void (*f)(void))
{
	double t = cpu_ns();
	int i;

	for (i = 0; i < ROUNDS; i++)
		f();
	return (cpu_ns() - t) / ROUNDS;
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*f)(void);
	} rows[] = { { "bare HMAC-SHA1, nettle", by_nettle },
		{ "check of a signature", check },
		{ "bare HMAC-SHA1, OpenSSL, key ready", by_openssl_ready },
		{ "bare HMAC-SHA1, OpenSSL's HMAC()", by_openssl } };
	double least[NELEM(rows)], t;
	unsigned i, k;

	build();
	/* in turn, so that what else the machine does falls on all */
	for (k = 0; k < TIMES; k++)
		for (i = 0; i < NELEM(rows); i++) {
			t = cost_ns(rows[i].f);
			if (k == 0 || t < least[i])
				least[i] = t;
		}
	printf("a request of %zu bytes\n", whole_n);
	for (i = 0; i < NELEM(rows); i++)
		printf("%-36s %6.0f ns %6.1f %%\n", rows[i].name, least[i],
		    100 * least[i] / least[0]);
	EVP_MAC_CTX_free(ready);
	rmq_sign_key_free(&key);
	return 0;
}
