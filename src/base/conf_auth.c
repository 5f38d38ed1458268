/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

static bool
switched(bool both, int own)
{
	return own == CONF_SWITCH_SAME ? both : own == CONF_SWITCH_TRUE;
}

bool
conf_authenticates_pulsar(const struct conf *c)
{
	return switched(
	    c->authenticationEnabled, c->pulsarAuthenticationEnabled);
}

bool
conf_authenticates_rocketmq(const struct conf *c)
{
	return c->rocketmqEnable &&
	    switched(
		c->authenticationEnabled, c->rocketmqAuthenticationEnabled);
}

bool
conf_authorizes_pulsar(const struct conf *c)
{
	return switched(c->authorizationEnabled, c->pulsarAuthorizationEnabled);
}

bool
conf_authorizes_rocketmq(const struct conf *c)
{
	return c->rocketmqEnable &&
	    switched(c->authorizationEnabled, c->rocketmqAuthorizationEnabled);
}
