/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A submission on its way:
 *
 *                    we lead                      applied here, same term
 *     LOOKING ──────────────────► SUBMITTED ──────────────────────────────► SPREADING ─► finished
 *       ▲  │                          │ another entry stands there               ▲
 *       │  │ another broker leads     ▼                                          │
 *       │  └────────► ASKED ────► LOOKING                                        │
 *       └──────────────┘ │ not carried out, or unknown                           │
 *                        └────────────── answered: wait until it is applied here ┘
 *
 * A command may be submitted twice when an answer was lost, so every command is written so that a
 * repetition changes nothing (catalog_apply.c). What has no answer in time ends with TIMEOUT.
 */
#include <stdlib.h>

#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_internal.h"
#include "wire_messages/catalog_link.h"

struct submission {
    struct list link;
    struct catalog *catalog; /* NULL: it is gone, and an answer is still to come */
    struct buffer *command;  /* owned */
    catalog_done done;       /* NULL: `peer` asked */
    void *context;
    struct rpc_request peer;
    uint64_t deadline_us;
    uint64_t retry_us;  /* LOOKING: not before */
    bool was_submitted; /* at least once: it may have been carried out */
    bool is_repeated;   /* an earlier answer was lost: it may be done already */
    bool is_ours;       /* SPREADING: we led; otherwise only this broker is waited for */
    uint64_t term;      /* SUBMITTED */
    enum error error;   /* the outcome, from here on */
    uint64_t index;
    enum kafka_error kafka_error;
    struct string message; /* owned */
    int32_t value_length;
    char value[CATALOG_VALUE_BYTES_MAX];
};

static struct submission *submission_of(struct list *link)
{
    return list_entry(link, struct submission, link);
}

static void free_submission(struct submission *submission)
{
    buffer_unref(submission->command);
    string_drop(&submission->message);
    free(submission);
}

/* ---- the end ---- */

static struct buffer_slice encode_answer(const struct submission *submission)
{
    struct catalog_submit_answer answer;
    struct frame_output output;
    char value[CATALOG_VALUE_BYTES_MAX];

    memcpy(value, submission->value, sizeof value);
    catalog_submit_answer_init(&answer);
    answer.error_code = (int16_t)submission->kafka_error;
    answer.index = (int64_t)submission->index;
    answer.value = (struct bytes){value, submission->value_length};
    answer.message = submission->message;
    frame_output_init(&output);
    enum error error =
        catalog_submit_answer_encode(&answer, CATALOG_SUBMIT_ANSWER_VERSION_MAX, &output);
    CHECK(error == ERROR_NONE);
    struct buffer *bytes = frame_output_join(&output);
    frame_output_release(&output);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static void answer_peer(const struct submission *submission)
{
    struct buffer_slice nothing = {0};

    rpc_answer(submission->peer, submission->error,
               submission->error == ERROR_NONE ? encode_answer(submission) : nothing);
}

static void tell(struct submission *submission)
{
    struct catalog_outcome outcome = {
        .error = submission->error,
        .kafka_error = submission->kafka_error,
        .message = submission->message,
        .value = {submission->value, submission->value_length},
        .index = submission->index,
    };

    if (submission->done == NULL) {
        answer_peer(submission);
    } else {
        submission->done(submission->context, &outcome);
    }
}

static void run_finish(struct task *task)
{
    struct catalog *catalog = CONTAINER_OF(task, struct catalog, finish);

    while (!list_is_empty(&catalog->finished)) {
        struct submission *submission = submission_of(catalog->finished.next);
        list_remove(&submission->link);
        catalog->submission_count--;
        tell(submission);
        free_submission(submission);
    }
}

static void finish(struct catalog *catalog, struct submission *submission, enum error error)
{
    list_remove(&submission->link);
    submission->error = error;
    list_append(&catalog->finished, &submission->link);
    loop_defer(catalog->services.loop, &catalog->finish);
}

/* ---- LOOKING ---- */

static void look_again(struct catalog *catalog, struct submission *submission)
{
    list_remove(&submission->link);
    submission->retry_us = loop_now_us(catalog->services.loop) + CATALOG_TICK_US;
    list_append(&catalog->looking, &submission->link);
    catalog_need_tick(catalog);
}

static void set_outcome(struct submission *submission, uint64_t index, enum kafka_error error,
                        struct string message, struct bytes value)
{
    submission->index = index;
    submission->kafka_error = error;
    string_drop(&submission->message);
    submission->message = message.length > 0 ? string_keep(message) : STRING_NULL;
    submission->value_length =
        value.length <= CATALOG_VALUE_BYTES_MAX ? value.length : CATALOG_VALUE_BYTES_MAX;
    if (submission->value_length > 0) {
        memcpy(submission->value, value.bytes, (size_t)submission->value_length);
    }
}

/* A repeated deletion finds nothing, because it is done. */
static void forgive_repetition(struct submission *submission)
{
    static const struct {
        int16_t record;
        enum kafka_error error;
    } missing[] = {
        {CATALOG_DELETE_TOPIC_RECORD, KAFKA_ERROR_UNKNOWN_TOPIC_ID},
        {CATALOG_UNREGISTER_BROKER_RECORD, KAFKA_ERROR_BROKER_ID_NOT_REGISTERED},
        {CATALOG_REMOVE_STREAM_RECORD, KAFKA_ERROR_RESOURCE_NOT_FOUND},
    };
    int16_t record = 0;
    int16_t version = 0;
    struct bytes command = {submission->command->bytes, (int32_t)submission->command->size};

    if (!submission->is_repeated ||
        catalog_commands_head(command, &record, &version) != ERROR_NONE) {
        return;
    }
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (record == missing[i].record && submission->kafka_error == missing[i].error) {
            submission->kafka_error = KAFKA_ERROR_NONE;
            string_drop(&submission->message);
        }
    }
}

static bool decode_answer(struct submission *submission, struct buffer_slice bytes)
{
    struct catalog_submit_answer answer;
    struct reader reader;
    struct arena arena;

    arena_init(&arena, 64 * 1024);
    reader_init(&reader, bytes.bytes, bytes.length);
    enum error error =
        catalog_submit_answer_decode(CATALOG_SUBMIT_ANSWER_VERSION_MAX, &reader, &arena, &answer);
    if (error == ERROR_NONE) {
        set_outcome(submission, (uint64_t)answer.index, (enum kafka_error)answer.error_code,
                    answer.message, answer.value);
    }
    arena_release(&arena);
    return error == ERROR_NONE;
}

static void start_spreading(struct catalog *catalog, struct submission *submission, bool is_ours)
{
    list_remove(&submission->link);
    submission->is_ours = is_ours;
    submission->deadline_us = loop_now_us(catalog->services.loop) + CATALOG_SPREAD_TIMEOUT_US;
    list_append(&catalog->spreading, &submission->link);
    catalog_need_tick(catalog);
}

static void on_answer(void *context, enum error error, struct buffer_slice bytes)
{
    struct submission *submission = context;
    struct catalog *catalog = submission->catalog;

    if (catalog == NULL) {
        free_submission(submission);
        return;
    }
    if (error == ERROR_NONE && decode_answer(submission, bytes)) {
        forgive_repetition(submission);
        if (submission->index <= catalog->state.applied_index ||
            submission->kafka_error != KAFKA_ERROR_NONE) {
            finish(catalog, submission, ERROR_NONE);
        } else {
            start_spreading(catalog, submission, false);
        }
        return;
    }
    if (error != ERROR_NOT_LEADER && error != ERROR_BUSY) {
        submission->was_submitted = true;
        submission->is_repeated = true;
    }
    if (error == ERROR_NO_SPACE || error == ERROR_MALFORMED || error == ERROR_LIMIT ||
        error == ERROR_VERSION) {
        finish(catalog, submission, error);
    } else {
        look_again(catalog, submission);
    }
}

static void ask_leader(struct catalog *catalog, struct submission *submission)
{
    uint64_t now_us = loop_now_us(catalog->services.loop);
    struct buffer *command = buffer_ref(submission->command);
    struct buffer_slice body = {command, command->bytes, command->size};

    list_remove(&submission->link);
    list_append(&catalog->asked, &submission->link);
    rpc_call(catalog->services.rpc, catalog->leader, RPC_CATALOG_SUBMIT, body,
             submission->deadline_us - now_us + CATALOG_SPREAD_TIMEOUT_US, on_answer, submission);
}

/* False: the others have to wait too. */
static bool append(struct catalog *catalog, struct submission *submission)
{
    struct buffer *command = buffer_ref(submission->command);
    struct log_entry entry = {
        .kind = ENTRY_COMMAND,
        .payload = {command, command->bytes, command->size},
    };

    enum error error = consensus_submit(catalog->group, &entry, 1);
    if (error == ERROR_NONE) {
        submission->was_submitted = true;
        submission->index = entry.index;
        submission->term = entry.term;
        list_remove(&submission->link);
        list_append(&catalog->submitted, &submission->link);
        return true;
    }
    if (error == ERROR_NO_SPACE) {
        finish(catalog, submission, error);
        return true;
    }
    if (error == ERROR_NOT_LEADER && submission->done == NULL) {
        finish(catalog, submission, error); /* the peer finds the leader itself */
        return true;
    }
    submission->retry_us = loop_now_us(catalog->services.loop) + CATALOG_TICK_US;
    return false;
}

static void run_pump(struct task *task)
{
    struct catalog *catalog = CONTAINER_OF(task, struct catalog, pump);
    uint64_t now_us = loop_now_us(catalog->services.loop);

    list_for_each_safe(link, &catalog->looking) {
        struct submission *submission = submission_of(link);
        if (now_us >= submission->deadline_us) {
            finish(catalog, submission,
                   submission->was_submitted ? ERROR_TIMEOUT : ERROR_NOT_LEADER);
        } else if (submission->retry_us > now_us || catalog->group == NULL) {
            continue;
        } else if (catalog->leads) {
            if (!append(catalog, submission)) {
                break;
            }
        } else if (submission->done == NULL) {
            finish(catalog, submission, ERROR_NOT_LEADER);
        } else if (catalog->leader >= 0 && catalog->leader != catalog->services.node_id) {
            ask_leader(catalog, submission);
        }
    }
    catalog_need_tick(catalog);
}

static struct submission *new_submission(struct catalog *catalog, struct buffer *command)
{
    struct submission *submission = check_alloc_zero(sizeof *submission);
    bool is_refused = catalog->submission_count >= CATALOG_SUBMISSIONS_MAX;

    list_init(&submission->link);
    submission->catalog = catalog;
    submission->command = command;
    submission->deadline_us = loop_now_us(catalog->services.loop) + CATALOG_SUBMIT_TIMEOUT_US;
    catalog->submission_count++;
    if (is_refused) {
        finish(catalog, submission, ERROR_BUSY);
    } else {
        list_append(&catalog->looking, &submission->link);
        loop_defer(catalog->services.loop, &catalog->pump);
    }
    return submission;
}

void catalog_submit(struct catalog *catalog, struct buffer *command, catalog_done done,
                    void *context)
{
    struct submission *submission = new_submission(catalog, command);

    CHECK(done != NULL);
    submission->done = done;
    submission->context = context;
}

/* Another broker's command. */
static void serve_submit(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct catalog *catalog = context;
    struct buffer_slice nothing = {0};

    if (!catalog->leads) {
        rpc_answer(request, ERROR_NOT_LEADER, nothing);
        return;
    }
    if (body.length > CATALOG_COMMAND_BYTES_MAX) {
        rpc_answer(request, ERROR_LIMIT, nothing);
        return;
    }
    enum error error = catalog_commands_check((struct bytes){body.bytes, (int32_t)body.length});
    if (error != ERROR_NONE) {
        rpc_answer(request, error, nothing);
        return;
    }
    struct submission *submission = new_submission(catalog, buffer_copy(body.bytes, body.length));
    submission->peer = request;
}

/* ---- what happens to them ---- */

void catalog_submit_applied(struct catalog *catalog, uint64_t index, uint64_t term)
{
    const struct catalog_result *result = &catalog->result;
    struct submission *ours = NULL;

    list_for_each_safe(link, &catalog->submitted) {
        struct submission *submission = submission_of(link);
        if (submission->index > index) {
            break;
        }
        if (submission->index == index && submission->term == term) {
            ours = submission;
        } else {
            look_again(catalog, submission); /* another leader's entry took its place */
        }
    }
    if (ours != NULL) {
        char value[CATALOG_VALUE_BYTES_MAX];
        memcpy(value, result->value, sizeof value);
        set_outcome(ours, index, result->error, string_from(result->message),
                    (struct bytes){value, result->value_length});
        forgive_repetition(ours);
        if (ours->kafka_error != KAFKA_ERROR_NONE || catalog_spread_has_reached(catalog, index)) {
            finish(catalog, ours, ERROR_NONE);
        } else {
            start_spreading(catalog, ours, true);
        }
    }
    list_for_each_safe(link, &catalog->spreading) {
        struct submission *submission = submission_of(link);
        if (!submission->is_ours && submission->index <= index) {
            finish(catalog, submission, ERROR_NONE);
        }
    }
    if (!list_is_empty(&catalog->looking)) {
        loop_defer(catalog->services.loop, &catalog->pump); /* the window has room again */
    }
}

void catalog_submit_restored(struct catalog *catalog, uint64_t index)
{
    list_for_each_safe(link, &catalog->submitted) {
        struct submission *submission = submission_of(link);
        if (submission->index <= index) {
            finish(catalog, submission, ERROR_TIMEOUT); /* nobody knows how it went */
        }
    }
    list_for_each_safe(link, &catalog->spreading) {
        struct submission *submission = submission_of(link);
        if (submission->index <= index) {
            finish(catalog, submission, ERROR_NONE);
        }
    }
}

void catalog_submit_spread(struct catalog *catalog, uint64_t index)
{
    list_for_each_safe(link, &catalog->spreading) {
        struct submission *submission = submission_of(link);
        if (submission->is_ours && submission->index > index) {
            break; /* ours lie in order */
        }
        if (submission->is_ours) {
            finish(catalog, submission, ERROR_NONE);
        }
    }
}

void catalog_submit_leader_changed(struct catalog *catalog)
{
    list_for_each(link, &catalog->looking) {
        submission_of(link)->retry_us = 0;
    }
    loop_defer(catalog->services.loop, &catalog->pump);
}

static void expire(struct catalog *catalog, struct list *list, uint64_t now_us, enum error error)
{
    list_for_each_safe(link, list) {
        struct submission *submission = submission_of(link);
        if (now_us >= submission->deadline_us) {
            finish(catalog, submission, error);
        }
    }
}

void catalog_submit_tick(struct catalog *catalog, uint64_t now_us)
{
    expire(catalog, &catalog->submitted, now_us, ERROR_TIMEOUT);
    /* It is committed; who has not seen it by now is slow. */
    expire(catalog, &catalog->spreading, now_us, ERROR_NONE);
    if (!list_is_empty(&catalog->looking)) {
        loop_defer(catalog->services.loop, &catalog->pump);
    }
}

/* Those that were asked have the time limit of their call. */
bool catalog_submit_is_idle(const struct catalog *catalog)
{
    return list_is_empty(&catalog->looking) && list_is_empty(&catalog->submitted) &&
           list_is_empty(&catalog->spreading);
}

void catalog_submit_init(struct catalog *catalog)
{
    list_init(&catalog->looking);
    list_init(&catalog->submitted);
    list_init(&catalog->asked);
    list_init(&catalog->spreading);
    list_init(&catalog->finished);
    task_init(&catalog->pump, run_pump);
    task_init(&catalog->finish, run_finish);
    rpc_serve(catalog->services.rpc, RPC_CATALOG_SUBMIT, serve_submit, catalog);
}

static void cancel(struct catalog *catalog, struct list *list)
{
    list_for_each_safe(link, list) {
        finish(catalog, submission_of(link), ERROR_CANCELLED);
    }
}

void catalog_submit_release(struct catalog *catalog)
{
    list_for_each_safe(link, &catalog->asked) {
        struct submission *submission = submission_of(link);
        struct catalog_outcome outcome = {.error = ERROR_CANCELLED};
        list_remove(link);
        submission->catalog = NULL; /* on_answer() frees it */
        submission->done(submission->context, &outcome);
    }
    cancel(catalog, &catalog->looking);
    cancel(catalog, &catalog->submitted);
    cancel(catalog, &catalog->spreading);
    run_finish(&catalog->finish);
    task_cancel(&catalog->pump);
    task_cancel(&catalog->finish);
}
