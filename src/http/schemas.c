/* SPDX-License-Identifier: Apache-2.0 */
/* No topic has a schema yet: the answers that Pulsar gives for such a one. */
#include "http/handlers.h"

void
h_schema_get(struct req *rq)
{
	if (req_topic(rq))
		req_error(rq, 404, "Schema not found");
}

void
h_schema_get_version(struct req *rq)
{
	h_schema_get(rq);
}

void
h_schemas_get(struct req *rq)
{
	if (!req_topic(rq))
		return;
	strbuf_adds(&rq->out, "{\"getSchemaResponses\":[]}");
	req_json(rq);
}

/* Nothing is there to be deleted, which is no error. */
void
h_schema_delete(struct req *rq)
{
	if (!req_topic(rq))
		return;
	strbuf_adds(&rq->out, "{\"version\":0}");
	req_json(rq);
}
