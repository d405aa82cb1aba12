/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session is a conversation with one cluster, for commands: it runs the client's loop until an
 * answer is there, asks again where the trouble passes, and turns errors into sentences and exit
 * statuses.
 */
#ifndef GYRE_OPS_SESSION_H
#define GYRE_OPS_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "gyre/client/client.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"

#include "connect_options.h"

struct metadata_response;

struct session {
    struct client *client;
    struct loop loop;
    uint64_t deadline_us; /* of the whole command */
    uv_loop_t uv;
    struct loop_uv driver;
    const char *bootstrap; /* borrowed */
    bool is_by_sha_256;    /* it comes in by keys of SCRAM-SHA-256; those of PLAIN are */
    bool is_closed;
};

/* STATUS_OK, or a sentence was printed and there is nothing to close. */
enum exit_status session_open(struct session *session, const struct connect_arguments *connect);
void session_close(struct session *session);

/* End what is not answered yet, with CANCELLED: afterwards nothing can be asked any more. */
void session_hang_up(struct session *session);

/* Run the loop once: timers, what came over the network, other handles of `session->uv`. */
void session_turn(struct session *session);

/* End the wait of session_turn(): called by what runs inside of it and has news for its caller. */
void session_wake(struct session *session);
uint64_t session_now_us(const struct session *session);

/* Let time pass, at most until the deadline. False: the time is over. */
bool session_pause(struct session *session, uint32_t duration_ms);

/*
 * Ask and wait. A broken connection is asked again, through another broker where any will do. The
 * call's answer lives until client_call_release(), which is also needed after a failure. Set
 * node_id, api_key, version_max and request.
 */
enum exit_status session_ask(struct session *session, struct client_call *call);

/* Ask once and wait; what went wrong is the caller's to judge. As session_ask() otherwise. */
enum error session_try(struct session *session, struct client_call *call);

/* As session_try(), of a broker that others stand in for when it is silent for so long. */
enum error session_try_within(struct session *session, struct client_call *call, uint32_t limit_ms);

/* CLOSED, TIMEOUT and NOT_FOUND: asking again may help. */
bool session_is_passing(enum error error);

/* The sentence for an error of a call, and its exit status. */
enum exit_status session_failed(const struct session *session, const struct client_call *call,
                                enum error error);

/* The command's time counts anew from here; 0: it has no end. */
void session_set_timeout(struct session *session, int timeout_s);
bool session_is_over(const struct session *session);

/*
 * Metadata of these topics; `count` -1: of all. The topics are created where the broker allows it
 * if `may_create`. The answer lies in `call`.
 */
enum exit_status session_ask_metadata(struct session *session, struct client_call *call,
                                      const char *const *topics, int count, bool may_create,
                                      const struct metadata_response **out_response);

/* The sentence for what a broker said about `what`; `text` may be null. The exit status of it. */
enum exit_status session_refused(const char *what, int16_t code, struct string text);

/* Is waiting a little and asking again worth it? Pauses if it is, unless the time is over. */
bool session_may_retry(struct session *session, int16_t code);

/* As session_refused(), when session_may_retry() said no: TIMEOUT if only time was wanting. */
enum exit_status session_gave_up(const struct session *session, const char *what, int16_t code,
                                 struct string text);

#endif
