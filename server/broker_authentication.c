/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_authentication.h"

#include "gyre/config/config.h"
#include "gyre/metadata/catalog_security.h"
#include "gyre/observe/log.h"

#include "handlers/broker.h"
#include "network/network.h"

/* Whoever is cut off for this long lets nobody new in, as a revocation may have been missed. */
static const uint64_t STALE_US = 10 * 1000 * 1000;

enum { MESSAGE_BYTES = 256 };

/* ---- what the catalog knows ---- */

static bool find_scram(void *context, struct string user, enum scram_mechanism mechanism,
                       struct scram_credential *out_credential)
{
    const struct broker *broker = context;
    bool is_theirs = false;
    const struct scram_credential *found =
        catalog_find_scram_or_other(broker->catalog, user, mechanism, &is_theirs);

    if (found != NULL) {
        *out_credential = *found;
    }
    return is_theirs;
}

static struct scram_shape choose_shape(void *context, enum scram_mechanism mechanism,
                                       uint64_t number)
{
    const struct broker *broker = context;

    return catalog_scram_shape(broker->catalog, mechanism, number);
}

static struct bytes get_secret(void *context)
{
    const struct broker *broker = context;

    return catalog_region_secret(broker->catalog);
}

static bool find_token(void *context, struct string id, struct delegation_token *out_token)
{
    const struct broker *broker = context;
    const struct delegation_token *found = catalog_find_token(broker->catalog, id);

    if (found != NULL) {
        *out_token = *found;
    }
    return found != NULL;
}

static bool is_fresh(void *context)
{
    const struct broker *broker = context;
    uint64_t limit_us = STALE_US;

    if (broker->catalog_silence_us_max != 0 && broker->catalog_silence_us_max < limit_us) {
        limit_us = broker->catalog_silence_us_max;
    }
    return !catalog_is_stale(broker->catalog, limit_us);
}

/* ---- who is connected ---- */

static bool is_valid(void *context, const struct identity *identity)
{
    const struct broker_authentication *self = context;

    return sasl_service_is_valid(self->broker->sasl, identity);
}

static void on_security_changed(void *context, enum catalog_security kind)
{
    struct broker_authentication *self = context;

    if (self->network != NULL && (kind == CATALOG_SCRAM || kind == CATALOG_TOKEN)) {
        network_recheck_identities(self->network);
    }
}

enum error broker_authentication_start(struct broker_authentication *self, struct broker *broker,
                                       const struct network_options *network)
{
    struct network_options identified = *network;
    struct sasl_service_options options = {
        .loop = broker->loop,
        .pool = broker->pool,
        .spare_pool = broker->spare_pool,
        .config = broker->config,
        .credentials = {.find_scram = find_scram,
                        .choose_shape = choose_shape,
                        .find_token = find_token,
                        .is_fresh = is_fresh,
                        .get_secret = get_secret,
                        .context = broker},
    };
    char message[MESSAGE_BYTES] = "";
    enum error error = sasl_service_new(&options, message, &broker->sasl);

    self->broker = broker;
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "authentication cannot be set up", field_string("reason", message));
        return error;
    }
    self->listener =
        (struct catalog_listener){.security_changed = on_security_changed, .context = self};
    catalog_add_listener(broker->catalog, &self->listener);
    identified.is_valid_identity = is_valid;
    identified.identity_context = self;
    self->network = network_new(&identified);
    return ERROR_NONE;
}

void broker_authentication_stop(struct broker_authentication *self)
{
    self->network = NULL;
    if (self->broker != NULL && self->broker->sasl != NULL) {
        list_remove(&self->listener.link);
        sasl_service_stop(self->broker->sasl);
    }
}

void broker_authentication_free(struct broker_authentication *self)
{
    if (self->broker != NULL) {
        sasl_service_free(self->broker->sasl);
    }
}
