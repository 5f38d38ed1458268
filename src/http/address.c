/* SPDX-License-Identifier: Apache-2.0 */
#include "http/address.h"

#include <ctype.h>
#include <stdio.h>

#include "base/conf.h"

#define HOST_MAX 256

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* The host of "host", "host:port", "[v6]" and "[v6]:port", without brackets;
 * empty if it is none. */
static void
host_of(const char *s, char *buf, size_t size)
{
	const char *p = s, *end;
	size_t n;

	buf[0] = '\0';
	if (s == NULL)
		return;
	if (*p == '[') {
		p++;
		end = strchr(p, ']');
	} else {
		end = p + strcspn(p, ":");
	}
	if (end == NULL || end == p || (size_t)(end - p) >= size)
		return;
	n = (size_t)(end - p);
	for (s = p; s < end; s++)
		if (!isalnum((unsigned char)*s) && strchr(".-_:", *s) == NULL)
			return;
	memcpy(buf, p, n);
	buf[n] = '\0';
}

static void
join(char *buf, size_t size, const char *host, unsigned port)
{
	bool v6 = strchr(host, ':') != NULL;

	(void)snprintf(
	    buf, size, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static void
any(struct req *rq, unsigned port, char *buf, size_t size)
{
	const char *adv = rq->h->conf.advertised_address;
	struct sock_addr sa;
	char host[HOST_MAX];

	if (is_set(adv)) {
		join(buf, size, adv, port);
		return;
	}
	host_of(mhd_header(rq, "Host"), host, sizeof(host));
	if (host[0] == '\0') {
		mhd_local(rq, &sa);
		(void)sock_addr_host(&sa, host, sizeof(host));
	}
	join(buf, size, host, port);
}

void
address_http(struct req *rq, char *buf, size_t size)
{
	any(rq, sock_addr_port(http_addr(rq->h)), buf, size);
}

void
address_pulsar(struct req *rq, char *buf, size_t size)
{
	any(rq, rq->h->conf.pulsar_port, buf, size);
}

void
address_namesrv(struct req *rq, char *buf, size_t size)
{
	const char *adv = rq->h->conf.rocketmq_ip;
	struct sock_addr sa;
	char host[HOST_MAX];

	if (!is_set(adv)) {
		mhd_local(rq, &sa);
		adv = sock_addr_host(&sa, host, sizeof(host));
	}
	join(buf, size, adv, rq->h->conf.namesrv_port);
}

enum err
address_listener(struct req *rq, const char *name, struct addresses *a)
{
	const struct http_conf *conf = &rq->h->conf;
	const char *p = conf->advertised_listeners;
	struct conf_listener l;
	char first[sizeof(l.name)];
	bool found = false;

	address_http(rq, a->http, sizeof(a->http));
	address_pulsar(rq, a->pulsar, sizeof(a->pulsar));
	a->pulsar_tls[0] = a->https[0] = '\0';
	if (http_tls_addr(rq->h) != NULL)
		any(rq, sock_addr_port(http_tls_addr(rq->h)), a->https,
		    sizeof(a->https));
	if (conf->pulsar_tls_port > 0)
		any(rq, conf->pulsar_tls_port, a->pulsar_tls,
		    sizeof(a->pulsar_tls));
	if (!is_set(name))
		name = conf->internal_listener;
	if (!is_set(p))
		return is_set(name) ? ERR_NO_LISTENER : ERR_OK;
	while (conf_listener_next(&p, &l, NULL) == ERR_OK) {
		if (!is_set(name))
			name = memcpy(first, l.name, sizeof(first));
		if (strcmp(l.name, name) != 0)
			continue;
		/* what the listener doesn't have is not at the broker's address */
		if (!found)
			a->pulsar[0] = a->pulsar_tls[0] = '\0';
		if (strcmp(l.scheme, "pulsar") == 0) {
			join(a->pulsar, sizeof(a->pulsar), l.host, l.port);
			found = true;
		} else if (strcmp(l.scheme, "pulsar+ssl") == 0) {
			join(a->pulsar_tls, sizeof(a->pulsar_tls), l.host,
			    l.port);
			found = true;
		} else if (strcmp(l.scheme, "http") == 0) {
			join(a->http, sizeof(a->http), l.host, l.port);
		} else if (strcmp(l.scheme, "https") == 0) {
			join(a->https, sizeof(a->https), l.host, l.port);
		}
	}
	return found ? ERR_OK : ERR_NO_LISTENER;
}
