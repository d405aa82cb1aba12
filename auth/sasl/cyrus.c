/* SPDX-License-Identifier: Apache-2.0 */
#include "cyrus.h"

#include <pthread.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

enum { REASON_BYTES = 200 };

struct cyrus_session {
    sasl_conn_t *connection; /* owned */
    bool is_started;
    char reason[REASON_BYTES];
};

static const char *the_keytab;
static const char *the_saslauthd;

/* ---- callbacks of the library ---- */

static int verify_file(void *context, const char *file, sasl_verify_type_t type)
{
    (void)context;
    return type == SASL_VRFY_PLUGIN && strstr(file, "libgssapiv2.") != NULL ? SASL_OK
                                                                            : SASL_CONTINUE;
}

static int get_option(void *context, const char *plugin, const char *option, const char **result,
                      unsigned *length)
{
    (void)context;
    (void)plugin;
    if (strcmp(option, "keytab") == 0 && the_keytab != NULL) {
        *result = the_keytab;
    } else if (strcmp(option, "pwcheck_method") == 0) {
        *result = "saslauthd";
    } else if (strcmp(option, "saslauthd_path") == 0 && the_saslauthd != NULL) {
        *result = the_saslauthd;
    } else if (strcmp(option, "mech_list") == 0) {
        *result = "GSSAPI";
    } else {
        return SASL_FAIL;
    }
    if (length != NULL) {
        *length = (unsigned)strlen(*result);
    }
    return SASL_OK;
}

/* There is no directory of configuration files. The library reads the path and does not keep it. */
static int get_configuration_path(void *context, char **path)
{
    static char nowhere[] = "/nonexistent";

    (void)context;
    *path = nowhere;
    return SASL_OK;
}

static int take_log(void *context, int level, const char *message)
{
    (void)context;
    if (level == SASL_LOG_ERR || level == SASL_LOG_FAIL) {
        log_debug(LOG_AUTH, "cyrus-sasl", field_string("message", message));
    }
    return SASL_OK;
}

/*
 * May who has authenticated be who it asks to be? Only itself. Java asks with the realm that the
 * library leaves out where it is the default one; whatever it says there, the name that counts is
 * the one that was authenticated (cyrus_session_name()).
 */
/* NOLINTNEXTLINE(readability-function-size): the library asks so. */
static int judge_request(sasl_conn_t *connection, void *context, const char *requested,
                         unsigned requested_length, const char *identity, unsigned identity_length,
                         const char *realm, unsigned realm_length, struct propctx *properties)
{
    bool has_realm = memchr(identity, '@', identity_length) != NULL;

    (void)context;
    (void)realm;
    (void)realm_length;
    (void)properties;
    if (requested_length >= identity_length && memcmp(requested, identity, identity_length) == 0 &&
        (requested_length == identity_length ||
         (!has_realm && requested[identity_length] == '@'))) {
        return SASL_OK;
    }
    sasl_seterror(connection, 0, "Requested identity not authenticated identity");
    return SASL_BADAUTH;
}

/* The library takes callbacks as functions without arguments. */
#define CALLBACK(function) ((int (*)(void))(void (*)(void))(function))

static const sasl_callback_t callbacks[] = {
    {SASL_CB_VERIFYFILE, CALLBACK(verify_file), NULL},
    {SASL_CB_GETOPT, CALLBACK(get_option), NULL},
    {SASL_CB_GETCONFPATH, CALLBACK(get_configuration_path), NULL},
    {SASL_CB_LOG, CALLBACK(take_log), NULL},
    {SASL_CB_PROXY_POLICY, CALLBACK(judge_request), NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

/* ---- its mutexes ---- */

static void *mutex_new(void)
{
    pthread_mutex_t *mutex = check_alloc(sizeof *mutex);

    CHECK(pthread_mutex_init(mutex, NULL) == 0);
    return mutex;
}

static int mutex_lock(void *mutex)
{
    return pthread_mutex_lock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static int mutex_unlock(void *mutex)
{
    return pthread_mutex_unlock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static void mutex_free(void *mutex)
{
    (void)pthread_mutex_destroy(mutex);
    free(mutex);
}

enum error cyrus_open(const char *keytab, const char *saslauthd)
{
    static bool is_open;

    the_keytab = keytab;
    the_saslauthd = saslauthd;
    if (!is_open) {
        sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
        is_open = sasl_server_init(callbacks, "gyre") == SASL_OK;
    }
    return is_open ? ERROR_NONE : ERROR_UNSUPPORTED;
}

/* ---- sessions ---- */

enum error cyrus_session_new(const char *service, const char *host,
                             struct cyrus_session **out_session)
{
    struct cyrus_session *session = check_alloc_zero(sizeof *session);

    /* No realm (an empty one would be appended to names), and success may carry a last word. */
    if (sasl_server_new(service, host, NULL, NULL, NULL, NULL, SASL_SUCCESS_DATA,
                        &session->connection) != SASL_OK) {
        free(session);
        return ERROR_UNSUPPORTED;
    }
    *out_session = session;
    return ERROR_NONE;
}

void cyrus_session_free(struct cyrus_session *session)
{
    if (session != NULL) {
        sasl_dispose(&session->connection);
        free(session);
    }
}

enum error cyrus_session_step(struct cyrus_session *session, struct string message,
                              struct string *out_answer)
{
    const char *answer = NULL;
    unsigned length = 0;
    int result;

    if (session->is_started) {
        result = sasl_server_step(session->connection, message.bytes, (unsigned)message.length,
                                  &answer, &length);
    } else {
        session->is_started = true;
        result = sasl_server_start(session->connection, "GSSAPI", message.bytes,
                                   (unsigned)message.length, &answer, &length);
    }
    *out_answer = (struct string){answer == NULL ? "" : answer, (int32_t)length};
    if (result == SASL_OK || result == SASL_CONTINUE) {
        return result == SASL_OK ? ERROR_NONE : ERROR_AGAIN;
    }
    (void)snprintf(session->reason, sizeof session->reason, "%s",
                   sasl_errdetail(session->connection));
    return ERROR_INVALID;
}

const char *cyrus_session_name(const struct cyrus_session *session)
{
    const void *name = NULL;

    return sasl_getprop(session->connection, SASL_AUTHUSER, &name) == SASL_OK ? name : NULL;
}

const char *cyrus_session_reason(const struct cyrus_session *session)
{
    return session->reason;
}

bool cyrus_is_password(const char *service, const char *user, const char *password)
{
    sasl_conn_t *connection = NULL;
    bool is_right;

    if (sasl_server_new(service, "localhost", NULL, NULL, NULL, NULL, 0, &connection) != SASL_OK) {
        return false;
    }
    is_right = sasl_checkpass(connection, user, (unsigned)strlen(user), password,
                              (unsigned)strlen(password)) == SASL_OK;
    sasl_dispose(&connection);
    return is_right;
}
