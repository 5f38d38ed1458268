/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in paths, queries and bodies, checked. */
#include <stdio.h>

#include "http/http_priv.h"

const char *
req_domain(const struct req *rq)
{
	const char *d = rq->var[VAR_DOMAIN];

	return d != NULL ? d : "persistent";
}

enum err
req_topic_parse(struct req *rq)
{
	char *text;
	enum err e;

	if (rq->tn.text != NULL)
		return ERR_OK;
	text = mem_printf("%s://%s/%s/%s", req_domain(rq), rq->var[VAR_TENANT],
	    rq->var[VAR_NS], rq->var[VAR_TOPIC]);
	/* a slash inside of the tenant or namespace would shift the parts */
	e = strchr(rq->var[VAR_TENANT], '/') == NULL &&
		strchr(rq->var[VAR_NS], '/') == NULL ?
	    topic_name_parse(&rq->tn, str_of(text)) :
	    ERR_INVALID_NAME;
	mem_free(text);
	if (e != ERR_OK)
		rq->tn.text = NULL;
	return e;
}

bool
req_topic(struct req *rq)
{
	if (req_topic_parse(rq) == ERR_OK)
		return true;
	req_error(rq, 412, "Topic name is not valid");
	return false;
}

bool
req_ns(struct req *rq, struct str *ns)
{
	char *text;

	if (rq->ns == NULL) {
		text =
		    mem_printf("%s/%s", rq->var[VAR_TENANT], rq->var[VAR_NS]);
		if (strchr(rq->var[VAR_TENANT], '/') != NULL ||
		    !name_is_valid_namespace(str_of(text))) {
			mem_free(text);
			req_error(rq, 412, "Namespace name is not valid");
			return false;
		}
		rq->ns = text;
	}
	*ns = str_of(rq->ns);
	return true;
}

struct str
req_partition(struct req *rq, uint32_t i, char *buf, size_t size)
{
	int n;

	if (rq->partitions == 0)
		return rq->tn.full;
	n = snprintf(buf, size, "%s-partition-%u", rq->tn.text, i);
	assert(n > 0 && (size_t)n < size);
	return (struct str){ .p = buf, .len = (size_t)n };
}

bool
req_query_bool(struct req *rq, const char *key, bool def)
{
	char *v;
	bool b = def;

	/* Java's Boolean.parseBoolean: everything but "true" is false */
	if (mhd_query(rq, key, &v) == ERR_OK && v != NULL && v[0] != '\0')
		b = strcasecmp(v, "true") == 0;
	mem_free(v);
	return b;
}

bool
req_parse(struct req *rq)
{
	json_error_t je;

	if (rq->json != NULL)
		return true;
	if (rq->body.len == 0)
		rq->json = json_null();
	else
		rq->json = json_loadb(rq->body.p, rq->body.len,
		    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);
	if (rq->json != NULL)
		return true;
	req_error(rq, 400, "The body is not JSON: line %d, column %d: %s",
	    je.line, je.column, je.text);
	return false;
}
