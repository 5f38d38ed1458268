/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target without a fuzzer: replay DIR gives it each file of DIR, then
 * the file cut at every place, then with every byte changed in some ways.
 * The same every time, on any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vas.h"

#define FILE_MAX 65536
#define STEPS_MAX 160 /* places of a file that are cut or changed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of its own, so that a sanitizer sees a read past its end. */
static void
give(const uint8_t *data, size_t size, size_t at, uint8_t change)
{
	uint8_t *copy = malloc(size + (size == 0));

	assert(copy != NULL);
	memcpy(copy, data, size);
	if (at < size)
		copy[at] ^= change;
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
replay(const uint8_t *data, size_t size)
{
	static const uint8_t changes[] = { 0x01, 0x02, 0x20, 0x80, 0xff };
	size_t step = size / STEPS_MAX + 1, at, i;

	give(data, size, size, 0);
	for (at = 0; at < size; at += step) {
		give(data, at, size, 0);
		for (i = 0; i < sizeof changes; i++)
			give(data, size, at, changes[i]);
	}
}

int
main(int argc, char **argv)
{
	static uint8_t data[FILE_MAX];
	char path[1024];
	struct dirent *de;
	size_t n, files = 0;
	DIR *dir;
	FILE *f;

	if (argc != 2 || (dir = opendir(argv[1])) == NULL) {
		(void)fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 2;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", argv[1], de->d_name);
		f = fopen(path, "rb");
		if (f == NULL) {
			perror(path);
			return 1;
		}
		n = fread(data, 1, sizeof data, f);
		(void)fclose(f);
		replay(data, n);
		files++;
	}
	(void)closedir(dir);
	(void)printf("%s: %zu files\n", argv[0], files);
	return files == 0;
}
