/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of passwords, whoever wrote it, and names and passwords that are asked of
 * it. Of hashes only $apr1$ is ours: those of the C library are not computed.
 *
 * Input: a user's name, '\n', a password, '\n', the file.
 */
#include <stdint.h>

#include "auth/htpasswd.h"
#include "base/vas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_apr1(struct str file)
{
	struct str line, hash;

	while (file.len > 0) {
		hash = line = str_word(&file, '\n');
		if (line.len == 0 || line.p[0] == '#')
			continue;
		(void)str_word(&hash, ':');
		if (!str_starts(hash, STR_LIT("$apr1$")))
			return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str file = { (const char *)data, size };
	struct str user = str_word(&file, '\n'), word = str_word(&file, '\n');
	struct htpasswd *h = NULL;
	struct diag diag;

	diag_clear(&diag);
	if (htpasswd_new(&h, file.p, file.len, &diag) != ERR_OK) {
		AZ(h);
		assert(diag_text(&diag, ERR_OK)[0] != '\0');
		return 0;
	}
	if (is_apr1(file)) {
		(void)htpasswd_check(h, user, word);
		(void)htpasswd_check(h, STR_LIT("somebody else"), word);
	}
	htpasswd_free(&h);
	return 0;
}
