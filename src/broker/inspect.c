/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/inspect.h"

#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "os/disk_file.h"
#include "os/file.h"
#include "store/local.h"
#include "store/meta_lmdb.h"

static enum err
look(const char *path, bool verbose, struct diag *diag)
{
	struct disk_files *files = NULL;
	struct meta_lmdb *lmdb = NULL;
	struct datadir *dir = NULL;
	struct disk *disk = NULL;
	struct meta *meta = NULL;
	struct loop *lp;
	enum err err;

	lp = loop_new();
	err = datadir_open_readonly(&dir, path, DATADIR_FORMAT, diag);
	if (err == ERR_OK)
		err = meta_lmdb_open(&lmdb, path, true, diag);
	if (err == ERR_OK)
		err = disk_files_new_readonly(&files, path, diag);
	if (err == ERR_OK)
		err = disk_file_new(&disk, files, lp, diag);
	if (err == ERR_OK) {
		meta = meta_lmdb_handle(lmdb, NULL);
		err = local_inspect(disk, meta, stdout, verbose);
		meta_lmdb_handle_free(&meta);
	}
	if (disk != NULL)
		disk_file_free(&disk);
	if (files != NULL)
		disk_files_free(&files);
	if (lmdb != NULL)
		meta_lmdb_close(&lmdb);
	if (dir != NULL)
		datadir_close(&dir);
	loop_free(&lp);
	return err;
}

int
inspect_main(int argc, char **argv)
{
	bool verbose = argc == 3 && strcmp(argv[1], "-v") == 0;
	struct diag diag = { "" };
	enum err err;

	if (argc != 2 && !verbose) {
		fputs("usage: magnetar inspect [-v] DATADIR\n", stderr);
		return 2;
	}
	err = look(argv[argc - 1], verbose, &diag);
	if (err == ERR_OK)
		return 0;
	fprintf(stderr, "magnetar inspect: %s: %s\n", argv[argc - 1],
	    diag.msg[0] != '\0' ? diag.msg : err_text(err));
	return 1;
}
