/* SPDX-License-Identifier: Apache-2.0 */
#include "core/admin_priv.h"

void
admin_clusters(struct core *co, struct op **opp)
{
	core_answer(co, opp, ERR_NOT_SUPPORTED, NULL);
}
void
admin_tenants(struct core *co, struct op **opp)
{
	core_answer(co, opp, ERR_NOT_SUPPORTED, NULL);
}
void
admin_namespaces(struct core *co, struct op **opp)
{
	core_answer(co, opp, ERR_NOT_SUPPORTED, NULL);
}
void
admin_topics(struct core *co, struct op **opp)
{
	core_answer(co, opp, ERR_NOT_SUPPORTED, NULL);
}
