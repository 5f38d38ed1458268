/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - every handler of tbl/route.h. */
#ifndef HTTP_HANDLERS_H
#define HTTP_HANDLERS_H

#include "http/http_priv.h"

#define ROUTE(m, p, h, g) req_step_f h;
#include "http/tbl/route.h"

#endif
