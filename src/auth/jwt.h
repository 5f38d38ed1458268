/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.h - JSON web tokens, signed and compact (RFC 7515, 7518, 7519, 8037): HS, RS, PS and
 * ES with SHA-256, 384 and 512, and EdDSA.
 *
 * The key says which algorithms may come: a secret HS, an RSA key RS and PS, a curve the ES
 * of that curve, Ed25519 and Ed448 EdDSA. So a token can choose neither "none" nor a
 * public key as a secret, and of its header nothing but alg, crit (refused), zip and kid
 * is looked at; kid finds a key among those that are there already, and is no path or URL.
 *
 * Keys are read as Pulsar reads them (AuthTokenUtils): "file://" and a path, the path of a
 * file that is there, "data:;base64,..." or "data:,...", or base64. They may be PEM or
 * DER (SubjectPublicKeyInfo, PKCS#8), secrets are bytes of which HS256 needs 32, HS384
 * 48, HS512 64 (RFC 7518 3.2).
 *
 * A key is never changed and wiped with its end. Pure but for reading files. Threads: any.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define JWT_MAX (64u << 10) /* bytes of a token */
#define JWT_KEY_MAX (64u << 10) /* bytes of a key's file */

struct jwt_key;

enum jwt_key_kind {
	JWT_SECRET,
	JWT_PUBLIC,
	JWT_PRIVATE
};

/* ERR_INVALID_ARG: diag says what is wrong with it, and nothing of what is in it. */
enum err jwt_key_read(struct jwt_key **, enum jwt_key_kind, const char *spec,
    struct diag *) MUST_CHECK;
/* The same of bytes. */
enum err jwt_key_make(struct jwt_key **, enum jwt_key_kind, const void *,
    size_t, struct diag *) MUST_CHECK;
/* A public key of a JWK (RFC 7517, 7518 6): RSA, EC, OKP. */
enum err jwt_key_of_jwk(
    struct jwt_key **, const json_t *, struct diag *) MUST_CHECK;
void jwt_key_free(struct jwt_key **);

/* The algorithm that jjwt, the reference's library, signs by with such a key: the
 * strongest HS or RS that its size is made for, the ES of its curve, EdDSA. NULL: a
 * curve of no algorithm. */
const char *jwt_key_alg(const struct jwt_key *);
/* Has it the type that the algorithm's keys have, of whatever size or curve? */
bool jwt_key_is_for(const struct jwt_key *, struct str alg);

/* New keys of the sizes that jjwt makes for an algorithm. ERR_INVALID_ARG: it isn't one,
 * or has no such keys. A secret is source_free()d; pairs are DER: PKCS#8 and
 * SubjectPublicKeyInfo. */
struct jwt_pair {
	uint8_t *private, *public;
	size_t private_len, public_len;
};
enum err jwt_secret_new(
    uint8_t **, size_t *, struct str alg, struct diag *) MUST_CHECK;
enum err jwt_pair_new(
    struct jwt_pair *, struct str alg, struct diag *) MUST_CHECK;
void jwt_pair_fini(struct jwt_pair *);

/* What stands in a token. */
struct jwt {
	json_t *header, *claims;
};
void jwt_fini(struct jwt *);

/* The text of part 0 (header) or 1 (claims), of a token that need not be signed;
 * mem_free() it. ERR_MALFORMED: no JSON object. */
enum err jwt_text_of_part(
    char **, struct str token, unsigned part, struct diag *) MUST_CHECK;
/* Takes a token apart without believing it. ERR_MALFORMED. */
enum err jwt_parse(struct jwt *, struct str token, struct diag *) MUST_CHECK;
/* Is it signed with this key? ERR_AUTHENTICATION. Says nothing of its times. */
enum err jwt_verify(const struct jwt_key *, const struct jwt *,
    struct str token, struct diag *) MUST_CHECK;
/* exp, the last moment at which it is valid, and nbf, with so much leeway, in whole
 * seconds; iat is a time or isn't there (as jjwt has it). *expires_ms: wall, when it is
 * not valid any more; 0: never. ERR_AUTHENTICATION. */
enum err jwt_times(const struct jwt *, int64_t now_ms, int64_t skew_ms,
    int64_t *expires_ms, struct diag *) MUST_CHECK;
/* A claim that is a time. false: it is not there, or none. */
bool jwt_time(const struct jwt *, const char *claim, int64_t *ms);
/* A claim that is a text, or a list of which the first text counts. Empty: none. */
struct str jwt_text(const struct jwt *, const char *claim);
/* Is value the claim, or in its list? */
bool jwt_has(const struct jwt *, const char *claim, struct str value);

/* Signed by a secret or private key; mem_free() it. header's alg must fit the key:
 * ERR_INVALID_ARG. */
enum err jwt_sign(char **, const struct jwt_key *, const struct jwt *,
    struct diag *) MUST_CHECK;

#endif
