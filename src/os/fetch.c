/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fetch.h"

#include <curl/curl.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vas.h"

void
fetch_setup(void)
{
	assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void
fetch_end(void)
{
	curl_global_cleanup();
}

static size_t
take(char *p, size_t size, size_t n, void *priv)
{
	struct strbuf *sb = priv;

	strbuf_add(sb, p, size * n);
	return strbuf_err(sb) == ERR_OK ? size * n : 0;
}

static int
go_on(void *priv, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all,
    curl_off_t ul)
{
	const struct fetch_conf *fc = priv;

	(void)dl_all;
	(void)dl;
	(void)ul_all;
	(void)ul;
	return fc->stop != NULL && atomic_load(fc->stop) ? 1 : 0;
}

/* Options that this libcurl doesn't have would leave something open. */
#define SET(c, opt, val) assert(curl_easy_setopt((c), (opt), (val)) == CURLE_OK)

static void
set_up(CURL *c, const char *url, const struct fetch_conf *fc, struct strbuf *sb,
    char *error)
{
	union {
		const struct fetch_conf *fc;
		void *lib;
	} u = { .fc = fc };

	SET(c, CURLOPT_URL, url);
	SET(c, CURLOPT_PROTOCOLS_STR, fc->https_only ? "https" : "http,https");
	SET(c, CURLOPT_FOLLOWLOCATION, 0L);
	SET(c, CURLOPT_PROXY, "");
	SET(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(c, CURLOPT_NOSIGNAL, 1L);
	SET(c, CURLOPT_QUICK_EXIT, 1L);
	SET(c, CURLOPT_CONNECTTIMEOUT_MS, fc->connect_ms);
	SET(c, CURLOPT_TIMEOUT_MS, fc->total_ms);
	SET(c, CURLOPT_MAXFILESIZE, (long)fc->max);
	SET(c, CURLOPT_WRITEFUNCTION, take);
	SET(c, CURLOPT_WRITEDATA, sb);
	SET(c, CURLOPT_NOPROGRESS, 0L);
	SET(c, CURLOPT_XFERINFOFUNCTION, go_on);
	SET(c, CURLOPT_XFERINFODATA, u.lib);
	SET(c, CURLOPT_ERRORBUFFER, error);
	if (fc->ca_file != NULL && fc->ca_file[0] != '\0') {
		SET(c, CURLOPT_CAINFO, fc->ca_file);
		SET(c, CURLOPT_CAPATH, NULL);
	}
}

enum err
fetch_get(char **text, size_t *n, const char *url, const struct fetch_conf *fc,
    struct diag *d)
{
	char error[CURL_ERROR_SIZE] = "";
	CURL *c = curl_easy_init();
	struct strbuf sb;
	long status = 0;
	CURLcode r;
	enum err e = ERR_OK;

	*text = NULL;
	*n = 0;
	AN(c);
	strbuf_init(&sb, fc->max + 1); /* and a NUL */
	set_up(c, url, fc, &sb, error);
	r = curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	if (strbuf_err(&sb) != ERR_OK || sb.len > fc->max ||
	    r == CURLE_FILESIZE_EXCEEDED)
		e = diag_set(d, ERR_TOO_BIG, "more than %zu bytes", fc->max);
	else if (r != CURLE_OK)
		e = diag_set(d, ERR_IO, "%s",
		    error[0] != '\0' ? error : curl_easy_strerror(r));
	else if (status != 200)
		e = diag_set(d, ERR_IO, "status %ld", status);
	if (e == ERR_OK) {
		strbuf_addc(&sb, '\0'); /* also where nothing came */
		*n = sb.len - 1;
		*text = strbuf_take(&sb);
	}
	strbuf_fini(&sb);
	return e;
}
