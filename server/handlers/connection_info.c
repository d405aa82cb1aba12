/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/connection_info.h"

#include "gyre/access/identity.h"
#include "gyre/config/config.h"

#include "handlers/authentication.h"

static bool asks_for_sasl(const struct listener_info *listener)
{
    return listener->security_protocol == SECURITY_PROTOCOL_SASL_PLAINTEXT ||
           listener->security_protocol == SECURITY_PROTOCOL_SASL_SSL;
}

void connection_info_init(struct connection_info *info, const struct listener_info *listener)
{
    *info = (struct connection_info){
        .listener = listener,
        .identity = identity_anonymous(),
        .is_authenticated = !asks_for_sasl(listener),
    };
}

void connection_info_release(struct connection_info *info)
{
    authentication_free(info->authentication);
    info->authentication = NULL;
    identity_unref(info->identity);
    info->identity = NULL;
}

void connection_info_identify(struct connection_info *info, struct identity *identity,
                              uint64_t session_ends_us)
{
    identity_unref(info->identity);
    info->identity = identity;
    info->is_authenticated = true;
    info->session_ends_us = session_ends_us;
}
