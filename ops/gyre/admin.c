/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "gyre/wire/kafka_error.h"

/* Refused because of who was asked, not because of what: nothing has happened. */
static bool is_misdirected(int16_t code)
{
    return code == KAFKA_ERROR_NOT_CONTROLLER || code == KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
}

enum exit_status admin_ask(struct session *session, struct client_call *call, admin_code_of code_of)
{
    for (;;) {
        enum exit_status status = session_ask(session, call);
        int16_t code = status == STATUS_OK ? code_of(call->response) : (int16_t)KAFKA_ERROR_NONE;

        if (!is_misdirected(code)) {
            return status;
        }
        if (!session_may_retry(session, code)) {
            return session_gave_up(session, session->bootstrap, code,
                                   STRING("Nobody leads the region at the moment."));
        }
        client_call_release(call);
    }
}

enum exit_status admin_run(const struct connect_arguments *connect, admin_work work, void *context)
{
    struct session session;
    enum exit_status status = session_open(&session, connect);

    if (status == STATUS_OK) {
        status = work(&session, context);
        session_close(&session);
    }
    return status;
}

enum exit_status admin_worse(enum exit_status one, enum exit_status other)
{
    return one > other ? one : other;
}
