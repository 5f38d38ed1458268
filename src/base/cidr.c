/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cidr.h"

#include <arpa/inet.h> /* inet_pton, which is only a function of its text */
#include <string.h>

#include "base/num.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static enum err
address(struct cidr *c, struct str s)
{
	char text[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof text)
		return ERR_INVALID_ARG;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	c->bytes = 4;
	if (inet_pton(AF_INET, text, c->addr) != 1) {
		c->bytes = 16;
		if (inet_pton(AF_INET6, text, c->addr) != 1)
			return ERR_INVALID_ARG;
	}
	c->bits = (uint8_t)(c->bytes * 8);
	return ERR_OK;
}

/* ::ffff:a.b.c.d is a.b.c.d */
static void
unmap(struct cidr *c)
{
	if (c->bytes != 16 || memcmp(c->addr, mapped, sizeof mapped) != 0 ||
	    c->bits < 96)
		return;
	memmove(c->addr, c->addr + 12, 4);
	c->bytes = 4;
	c->bits = (uint8_t)(c->bits - 96);
}

enum err
cidr_parse(struct cidr *c, struct str s)
{
	struct str ip = str_word(&s, '/');
	int64_t bits;
	enum err e;

	*c = (struct cidr){ 0 };
	e = address(c, ip);
	if (e == ERR_OK && s.p[-1] == '/') {
		if (num_i64(s, &bits) != ERR_OK || bits < 0 || bits > c->bits)
			return ERR_INVALID_ARG;
		c->bits = (uint8_t)bits;
	}
	if (e == ERR_OK)
		unmap(c);
	return e;
}

bool
cidr_has(const struct cidr *c, struct str ip)
{
	struct cidr a = { 0 };
	unsigned whole = c->bits / 8, rest = c->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (address(&a, ip) != ERR_OK)
		return false;
	unmap(&a);
	if (a.bytes != c->bytes || memcmp(a.addr, c->addr, whole) != 0)
		return false;
	return rest == 0 || ((a.addr[whole] ^ c->addr[whole]) & mask) == 0;
}
