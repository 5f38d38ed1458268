/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - what clients are told to connect to: advertisedAddress; without
 * it the host that the request names, as that is how this client reaches the
 * broker; without that (HTTP/1.0) the address that it came to.
 */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "http/http_priv.h"

#define ADDRESS_MAX 280 /* "[host]:port" with NUL */

/* host:port; "": there is none */
struct addresses {
	char pulsar[ADDRESS_MAX], pulsar_tls[ADDRESS_MAX];
	char http[ADDRESS_MAX], https[ADDRESS_MAX];
};

/* host:port of HTTP and of Pulsar's protocol */
void address_http(struct req *, char *buf, size_t size);
void address_pulsar(struct req *, char *buf, size_t size);
/* ip:port of RocketMQ's name server: brokerIP1, or the address that the request
 * came to */
void address_namesrv(struct req *, char *buf, size_t size);
/* Of a named listener (empty: the internal one, if there are listeners, else
 * as above); http is that of the listener or the plain one. ERR_NO_LISTENER. */
enum err address_listener(
    struct req *, const char *name, struct addresses *) MUST_CHECK;

#endif
