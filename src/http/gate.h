/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - may this request be made? Who it is, by the Authorization header (Bearer,
 * Basic) or the client's certificate, and whether that role may do what the route asks
 * for (tbl/route.h), as the reference's AuthenticationFilter and PulsarWebResource have
 * it, with their texts and statuses. X-Original-Principal is for whom a proxy speaks.
 *
 * Everything passes while authentication is off; every identity while authorization is.
 * Threads: the shard's.
 */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct req;
struct route;

enum gate {
	GATE_OPEN, /* for anybody */
	GATE_METRICS, /* the same, unless authenticateMetricsEndpoint */
	GATE_ANY, /* for whoever was authenticated */
	GATE_SUPER,
	GATE_TENANT, /* admins of the tenant */
	GATE_NAMESPACE, /* the same, refused as what is done to a namespace: 403 */
	GATE_LIST, /* who may produce or consume in the namespace */
	GATE_LOOKUP, /* who may produce or consume, on the topic */
	GATE_CONSUME /* from the topic, and of the subscription if one is named */
};

/* Before that: how many ms it has to wait, since its address has failed too often
 * (auth/throttle.h); 0: not. */
int64_t gate_wait_ms(struct req *, const struct route *);
/* False: answered, or rq->keyless: to be asked again, soon. */
bool gate_pass(struct req *, const struct route *);
/* It is answered: refusals and whatever isn't a read go into the audit log. */
void gate_audit(struct req *);

#endif
