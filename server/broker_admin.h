/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port of a running broker: health, readiness, metrics. */
#ifndef GYRE_BROKER_ADMIN_H
#define GYRE_BROKER_ADMIN_H

#include <uv.h>

#include "gyre/base/error.h"

struct admin_http;
struct broker;
struct broker_tls;

/* *out_admin stays as it is where no admin port is wanted. */
MUST_USE
enum error broker_admin_open(uv_loop_t *uv, struct broker *broker, struct broker_tls *tls,
                             struct admin_http **out_admin);

#endif
