/* SPDX-License-Identifier: Apache-2.0 */
/* confgen sample|markdown|man: the files that follow from tbl/conf.h. */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"

int
main(int argc, char **argv)
{
	struct strbuf sb;
	int rc = 0;

	strbuf_init(&sb, 1 << 20);
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		conf_sample(&sb);
	else if (argc == 2 && strcmp(argv[1], "markdown") == 0)
		conf_markdown(&sb);
	else if (argc == 2 && strcmp(argv[1], "man") == 0)
		conf_man(&sb);
	else
		rc = 2;
	if (rc == 0 &&
	    (strbuf_err(&sb) != ERR_OK ||
		fwrite(sb.p, 1, sb.len, stdout) != sb.len))
		rc = 1;
	strbuf_fini(&sb);
	return rc;
}
