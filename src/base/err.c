/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/vas.h"

struct err_row {
	const char *name;
	const char *text;
	int16_t pulsar;
	int16_t rocketmq;
	int16_t http;
	int32_t grpc;
};

static const struct err_row err_rows[ERR__MAX] = {
	[ERR_OK] = { "OK", "OK", -1, 0, 200, 20000 },
#define ERR(name, text, pulsar, rocketmq, http, grpc) \
	[ERR_##name] = { #name, text, pulsar, rocketmq, http, grpc },
#include "base/tbl/err.h"
};

static const struct err_row *
row(enum err e)
{
	assert((unsigned)e < ERR__MAX);
	return &err_rows[e];
}

const char *
err_name(enum err e)
{
	return row(e)->name;
}

const char *
err_text(enum err e)
{
	return row(e)->text;
}

int
err_pulsar(enum err e)
{
	assert(e != ERR_OK);
	return row(e)->pulsar;
}

int
err_rocketmq(enum err e)
{
	return row(e)->rocketmq;
}

int
err_http(enum err e)
{
	return row(e)->http;
}

int
err_grpc(enum err e)
{
	return row(e)->grpc;
}

void
diag_clear(struct diag *d)
{
	if (d != NULL)
		d->msg[0] = '\0';
}

enum err
diag_set(struct diag *d, enum err e, const char *fmt, ...)
{
	va_list ap;

	if (d != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(d->msg, sizeof d->msg, fmt, ap);
		va_end(ap);
	}
	return e;
}

void
diag_wrap(struct diag *d, const char *fmt, ...)
{
	char old[sizeof d->msg];
	va_list ap;
	size_t n;

	if (d == NULL)
		return;
	memcpy(old, d->msg, sizeof old);
	va_start(ap, fmt);
	(void)vsnprintf(d->msg, sizeof d->msg, fmt, ap);
	va_end(ap);
	n = strlen(d->msg);
	if (old[0] != '\0')
		(void)snprintf(d->msg + n, sizeof d->msg - n, ": %s", old);
}

const char *
diag_text(const struct diag *d, enum err e)
{
	if (d != NULL && d->msg[0] != '\0')
		return d->msg;
	return err_text(e);
}
