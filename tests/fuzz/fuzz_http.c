/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a request, as far as the gate sees it: its route, the names in it, and
 * the credentials of its header. The topic that is asked about has to be one of the
 * tenant and namespace that are asked about.
 *
 * Input: a method, ' ', a path, '\n', the Authorization header.
 */
#include <stdint.h>

#include "auth/auth.h"
#include "http/http_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http http = { .magic = HTTP_MAGIC, .conf = HTTP_CONF_DEFAULT };

static void
fuzz_names(struct req *rq)
{
	const char *tenant = rq->var[VAR_TENANT], *ns = rq->var[VAR_NS];
	const struct topic_name *tn = &rq->tn;
	struct str local;
	unsigned i;

	for (i = 0; i < VAR_N; i++)
		if (rq->var[i] != NULL)
			assert(uri_is_utf8(rq->var[i], strlen(rq->var[i])));
	if (rq->var[VAR_TOPIC] == NULL)
		return;
	assert(tenant != NULL && ns != NULL);
	if (req_topic_parse(rq) != ERR_OK)
		return;
	assert(str_eq(tn->tenant, str_of(tenant)));
	assert(str_eq(tn->ns_local, str_of(ns)));
	local = str_of(rq->var[VAR_TOPIC]);
	assert(str_eq(tn->local, local));
	assert(tn->persistent == (strcmp(req_domain(rq), "persistent") == 0));
}

static void
fuzz_path(const char *method, const char *path)
{
	struct req *rq;

	if (http.lp == NULL)
		http.lp = loop_new();
	rq = req_new(&http, NULL, method, path);
	if (routes_find(rq) != NULL)
		fuzz_names(rq);
	else
		assert(rq->status >= 400);
	req_free(&rq);
}

static void
fuzz_header(const char *header)
{
	struct auth_try t = { .method = STR_LIT("none") };
	char *plain = NULL;

	if (gate_credentials(header, &t, &plain))
		assert(t.data.len <= strlen(header));
	mem_free(plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, method, path;
	char *m, *p, *h;

	method = str_word(&rest, ' ');
	path = str_word(&rest, '\n');
	m = mem_strndup(method.p, method.len);
	p = mem_strndup(path.p, path.len);
	h = mem_strndup(rest.p, rest.len);
	fuzz_path(m, p);
	fuzz_header(h);
	mem_free(m);
	mem_free(p);
	mem_free(h);
	return 0;
}
