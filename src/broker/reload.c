/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/reload.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/file.h"

#define CONF_FILE_MAX (1u << 20)
#define NAMES_MAX 4096

static void
warn(void *arg, const char *msg)
{
	(void)arg;
	LOG(LOG_WARN, LOG_NO_SHARD, "conf", LOG_S("warning", msg));
}

enum err
reload_load(struct conf *c, const char *file, int overrides_n,
    char *const *overrides, struct diag *diag)
{
	char *text;
	size_t len;
	enum err err;
	int i;

	if (file != NULL) {
		err = file_read(file, CONF_FILE_MAX, &text, &len);
		if (err != ERR_OK) {
			(void)snprintf(diag->msg, sizeof(diag->msg), "%s: %s",
			    file, err_text(err));
			return err;
		}
		err = conf_parse(c, file, text, len, warn, NULL, diag);
		mem_free(text);
		if (err != ERR_OK)
			return err;
	}
	for (i = 0; i < overrides_n; i++) {
		err = conf_set_arg(c, overrides[i], warn, NULL, diag);
		if (err != ERR_OK)
			return err;
	}
	return conf_check(c, diag);
}

bool
reload_conf(
    struct conf *c, const char *file, int overrides_n, char *const *overrides)
{
	struct strbuf changed, ignored;
	struct conf next;
	struct diag diag = { "" };
	enum err err;

	conf_init(&next);
	err = reload_load(&next, file, overrides_n, overrides, &diag);
	if (err != ERR_OK) {
		LOG(LOG_ERROR, LOG_NO_SHARD, "reload_refused",
		    LOG_S("reason", diag.msg));
		conf_fini(&next);
		return false;
	}
	strbuf_init(&changed, NAMES_MAX);
	strbuf_init(&ignored, NAMES_MAX);
	conf_reload(c, &next, &changed, &ignored);
	log_set_level((enum log_level)c->logLevel);
	LOG(LOG_INFO, LOG_NO_SHARD, "reloaded",
	    LOG_S("changed", strbuf_str(&changed)),
	    LOG_S("needs_restart", strbuf_str(&ignored)));
	strbuf_fini(&ignored);
	strbuf_fini(&changed);
	conf_fini(&next);
	return true;
}
