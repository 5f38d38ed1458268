/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - `magnetar token COMMAND`: JSON web tokens and their keys, with the options,
 * the output and the exit statuses of `pulsar tokens` (TokensCliUtils of Pulsar 4.2):
 * 0 done, 1 it can't be done or the token is not valid, 2 wrong use.
 *
 * Where it is stricter: files of keys get mode 0600; a token needs a subject, and no
 * header that changes how the rest is read (zip, crit). EdDSA is there as well.
 */
#ifndef BROKER_TOKEN_H
#define BROKER_TOKEN_H

int token_main(int argc, char **argv);

#endif
