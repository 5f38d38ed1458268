/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters and tenants. */
#include <stdio.h>

#include "base/json.h"
#include "http/address.h"
#include "http/handlers.h"

static void
answer_strings(struct req *rq)
{
	struct fx *fx = rq->ans[0];

	if (req_any_failed(rq))
		return;
	json_add_strings(&rq->out, fx->strings, fx->strings_n);
	req_json(rq);
}

static void
answer_text(struct req *rq)
{
	struct fx *fx = rq->ans[0];

	if (fx->err == ERR_NO_TENANT)
		req_error(rq, 404, "Tenant does not exist");
	else if (!req_any_failed(rq)) {
		strbuf_add(&rq->out, fx->text.p, fx->text.len);
		req_json(rq);
	}
}

static void
ask(struct req *rq, enum op_type type, struct str name, req_step_f *next)
{
	struct op *op;

	op = req_op(rq, type, name);
	req_send(rq, &op);
	req_then(rq, next);
}

void
h_clusters_list(struct req *rq)
{
	ask(rq, OP_CLUSTER_LIST, STR_NONE, answer_strings);
}

/* What is stored, with the URLs of this cluster. */
static void
answer_cluster(struct req *rq)
{
	char host[ADDRESS_MAX], url[ADDRESS_MAX + 16];
	json_t *all, *own = req_doc(rq);

	if (own == NULL)
		return;
	all = json_object();
	if (strcmp(rq->var[VAR_CLUSTER], rq->h->conf.cluster) == 0) {
		address_http(rq, host, sizeof(host));
		(void)snprintf(url, sizeof(url), "http://%s", host);
		AZ(json_object_set_new(all, "serviceUrl", json_string(url)));
		address_pulsar(rq, host, sizeof(host));
		(void)snprintf(url, sizeof(url), "pulsar://%s", host);
		AZ(json_object_set_new(
		    all, "brokerServiceUrl", json_string(url)));
	}
	AZ(json_object_set_new(all, "brokerClientTlsEnabled", json_false()));
	AZ(json_object_set_new(
	    all, "tlsAllowInsecureConnection", json_false()));
	AZ(json_object_set_new(
	    all, "brokerClientTlsEnabledWithKeyStore", json_false()));
	AZ(json_object_update(all, own));
	json_add_json(&rq->out, all);
	json_decref(all);
	json_decref(own);
	req_json(rq);
}

void
h_cluster_get(struct req *rq)
{
	ask(rq, OP_CLUSTER_GET, str_of(rq->var[VAR_CLUSTER]), answer_cluster);
}

void
h_tenants_list(struct req *rq)
{
	ask(rq, OP_TENANT_LIST, STR_NONE, answer_strings);
}

void
h_tenant_get(struct req *rq)
{
	ask(rq, OP_TENANT_GET, str_of(rq->var[VAR_TENANT]), answer_text);
}

/* --- put ----------------------------------------------------------------------- */

static bool
is_cluster(const struct fx *list, const char *name)
{
	uint32_t i;

	for (i = 0; i < list->strings_n; i++)
		if (str_eq(list->strings[i], str_of(name)))
			return true;
	return false;
}

/* Array of texts; absent and null are an empty one. */
static bool
are_texts(json_t *v)
{
	json_t *e;
	size_t i;

	if (v == NULL || json_is_null(v))
		return true;
	if (!json_is_array(v))
		return false;
	json_array_foreach(v, i, e)
	{
		if (!json_is_string(e))
			return false;
	}
	return true;
}

/* TenantsBase.validateClusters, with its texts; false: answered. */
static bool
check_clusters(struct req *rq, const struct fx *list, json_t *v)
{
	json_t *e;
	size_t i;

	if (v == NULL || json_is_null(v)) {
		req_error(rq, 412, "Clusters cannot be null");
		return false;
	}
	if (json_array_size(v) == 0) {
		req_error(rq, 412, "Clusters cannot be empty or blank");
		return false;
	}
	json_array_foreach(v, i, e)
	{
		if (is_cluster(list, json_string_value(e)))
			continue;
		if (json_string_length(e) == 0)
			req_error(rq, 412, "Clusters cannot be empty or blank");
		else
			req_error(rq, 412, "Clusters do not exist");
		return false;
	}
	return true;
}

/* {"adminRoles":[...],"allowedClusters":[...]}: each text once, sorted */
static void
add_texts(struct strbuf *sb, json_t *v)
{
	size_t i, k, n = 0, max = json_array_size(v);
	struct str *s = mem_calloc(max + 1, sizeof(*s));
	struct str t;

	for (i = 0; i < max; i++) {
		t = json_text(json_array_get(v, i));
		for (k = 0; k < n && !str_eq(s[k], t); k++)
			;
		if (k == n)
			s[n++] = t;
	}
	json_add_strings(sb, s, n);
	mem_free(s);
}

static void
tenant_put_done(struct req *rq)
{
	if (rq->ans[0]->err == ERR_EXISTS)
		req_error(rq, 409, "Tenant already exist");
	else if (rq->ans[0]->err == ERR_NO_TENANT)
		req_error(rq, 404, "Tenant %s not found", rq->var[VAR_TENANT]);
	else
		req_done_empty(rq);
}

static void
tenant_put_checked(struct req *rq)
{
	json_t *roles = json_object_get(rq->json, "adminRoles");
	json_t *clusters = json_object_get(rq->json, "allowedClusters");
	struct strbuf sb;
	struct op *op;

	if (req_any_failed(rq) || !check_clusters(rq, rq->ans[0], clusters))
		return;
	req_clear(rq);
	strbuf_init(&sb, rq->h->conf.body_max * 8);
	strbuf_adds(&sb, "{\"adminRoles\":");
	add_texts(&sb, roles);
	strbuf_adds(&sb, ",\"allowedClusters\":");
	add_texts(&sb, clusters);
	strbuf_adds(&sb, "}");
	if (strbuf_err(&sb) != ERR_OK) {
		req_error(rq, 400, "Too many roles");
		strbuf_fini(&sb);
		return;
	}
	op = req_op(rq, OP_TENANT_PUT, str_of(rq->var[VAR_TENANT]));
	op->flag = rq->method == HTTP_PUT;
	op->text =
	    op_str(op, (struct str){ .p = strbuf_str(&sb), .len = sb.len });
	strbuf_fini(&sb);
	req_send(rq, &op);
	req_then(rq, tenant_put_done);
}

void
h_tenant_put(struct req *rq)
{
	if (!req_parse(rq))
		return;
	if (json_is_null(rq->json)) {
		req_error(rq, 412, "TenantInfo is null");
		return;
	}
	if (!json_is_object(rq->json) ||
	    !are_texts(json_object_get(rq->json, "adminRoles")) ||
	    !are_texts(json_object_get(rq->json, "allowedClusters"))) {
		req_error(rq, 400, "The body is not a TenantInfo");
		return;
	}
	if (!name_is_valid_entity(str_of(rq->var[VAR_TENANT]))) {
		req_error(rq, 412, "Tenant name is not valid");
		return;
	}
	ask(rq, OP_CLUSTER_LIST, STR_NONE, tenant_put_checked);
}

void
h_tenant_post(struct req *rq)
{
	h_tenant_put(rq);
}

/* --- delete -------------------------------------------------------------------- */

static void
tenant_deleted(struct req *rq)
{
	enum err e = rq->ans[0]->err;

	if (e == ERR_CONFLICT || e == ERR_PRECONDITION ||
	    e == ERR_INVALID_STATE)
		req_error(rq, 409, "The tenant still has active namespaces");
	else if (e == ERR_NO_TENANT)
		req_error(rq, 404, "Tenant doesn't exist");
	else
		req_done_empty(rq);
}

void
h_tenant_delete(struct req *rq)
{
	ask(rq, OP_TENANT_DELETE, str_of(rq->var[VAR_TENANT]), tenant_deleted);
}
