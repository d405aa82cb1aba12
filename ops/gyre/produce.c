/* SPDX-License-Identifier: Apache-2.0 */
/* gyre produce: each line of stdin becomes a record, as soon as it is there. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/base/check.h"

#include "connect_options.h"
#include "json_print.h"
#include "producer.h"
#include "session.h"

enum {
    CHUNK_BYTES = 64 << 10,
    LINE_BYTES_MAX = 32 << 20,
    BATCH_BYTES_DEFAULT = 256 << 10,
    KEY_KEY_SEPARATOR = 'K',
    KEY_PARTITION = 'p',
    KEY_ACKS = 'a',
    KEY_COMPRESSION = 'z',
    KEY_NO_IDEMPOTENCE = 0x100,
};

struct arguments {
    struct connect_arguments connect;
    struct producer_options producer;
    const char *key_separator; /* NULL: records have no keys */
};

/* ---- arguments ---- */

static const struct argp_option options[] = {
    {"key-separator", KEY_KEY_SEPARATOR, "TEXT", 0, "What stands before it is the key", 0},
    {"partition", KEY_PARTITION, "N", 0, "Only to this one (by key, else in turn)", 0},
    {"acks", KEY_ACKS, "0|1|all", 0, "What counts as written (all)", 0},
    {"compression", KEY_COMPRESSION, "CODEC", 0, "none, gzip, snappy, lz4 or zstd", 0},
    {"no-idempotence", KEY_NO_IDEMPOTENCE, NULL, 0, "A retry may write a record twice", 0},
    {0},
};

static int16_t acks_of(struct argp_state *state, const char *text)
{
    if (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0) {
        return -1;
    }
    return (int16_t)option_number(state, text, 0, 1);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct producer_options *producer = &arguments->producer;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &arguments->connect; return 0;
    case KEY_KEY_SEPARATOR: arguments->key_separator = argument; return 0;
    case KEY_PARTITION:
        producer->partition = (int32_t)option_number(state, argument, 0, INT32_MAX);
        return 0;
    case KEY_ACKS: producer->acks = acks_of(state, argument); return 0;
    case KEY_NO_IDEMPOTENCE: producer->is_idempotent = false; return 0;
    case KEY_COMPRESSION:
        if (!compression_find(string_from(argument), &producer->codec)) {
            argp_error(state, "there is no compression '%s'", argument);
        }
        return 0;
    default: return option_topic(key, argument, state, &producer->topic, "to which topic?");
    }
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    const struct argp_child children[] = {{&connect_options, 0, NULL, 0}, {0}};
    const struct argp parser = {options,
                                parse_option,
                                "TOPIC",
                                "Write the lines of stdin to a topic.\vExamples:\n"
                                "  seq 1000 | gyre produce numbers\n"
                                "  gyre produce clicks --key-separator : --compression zstd < file",
                                children,
                                NULL,
                                NULL};

    *arguments = (struct arguments){.producer = {.partition = PRODUCER_ANY_PARTITION,
                                                 .acks = -1,
                                                 .is_idempotent = true,
                                                 .batch_bytes = BATCH_BYTES_DEFAULT}};
    connect_arguments_init(&arguments->connect);
    (void)argp_parse(&parser, argc, argv, 0, NULL, arguments);
    arguments->producer.timeout_s = arguments->connect.timeout_s;
    arguments->producer.is_idempotent =
        arguments->producer.is_idempotent && arguments->producer.acks == -1;
}

/* ---- stdin ---- */

struct input {
    struct session *session;
    struct producer *producer;
    const char *key_separator;
    char *line; /* owned; the beginning of a line whose end has not come */
    size_t line_length;
    char chunk[CHUNK_BYTES];
    uv_fs_t read;
    bool is_read;
};

static void on_chunk(uv_fs_t *read)
{
    struct input *input = CONTAINER_OF(read, struct input, read);

    input->is_read = true;
    session_wake(input->session);
}

/* The bytes that came; 0: the end. It waits on libuv's pool, so records go out meanwhile. */
static ssize_t read_chunk(struct input *input)
{
    uv_buf_t buffer = uv_buf_init(input->chunk, sizeof input->chunk);
    ssize_t length;

    input->is_read = false;
    CHECK(uv_fs_read(&input->session->uv, &input->read, STDIN_FILENO, &buffer, 1, -1, on_chunk) ==
          0);
    while (!input->is_read) {
        session_turn(input->session);
        if (producer_status(input->producer) != STATUS_OK && !input->is_read) {
            /* The read cannot be called back: leave it behind. */
            (void)fflush(NULL);
            _exit((int)producer_status(input->producer));
        }
    }
    length = input->read.result;
    uv_fs_req_cleanup(&input->read);
    return length;
}

static enum exit_status add_line(struct input *input, const char *line, size_t length)
{
    struct string key = STRING_NULL;
    struct string value = {line, (int32_t)length};

    if (input->key_separator != NULL) {
        size_t separator_length = strlen(input->key_separator);
        const char *separator = memmem(line, length, input->key_separator, separator_length);

        if (separator != NULL) {
            key = (struct string){line, (int32_t)(separator - line)};
            value.bytes = separator + separator_length;
            value.length = (int32_t)(line + length - value.bytes);
        }
    }
    return producer_add(input->producer, key, value);
}

static enum exit_status keep(struct input *input, const char *bytes, size_t length)
{
    if (input->line_length + length > LINE_BYTES_MAX) {
        complain("a line is longer than %d bytes", LINE_BYTES_MAX);
        return STATUS_FAILED;
    }
    input->line = check_realloc(input->line, input->line_length + length + 1);
    memcpy(input->line + input->line_length, bytes, length);
    input->line_length += length;
    return STATUS_OK;
}

static enum exit_status end_line(struct input *input, const char *bytes, size_t length)
{
    enum exit_status status;

    if (input->line_length == 0) {
        return add_line(input, bytes, length);
    }
    status = keep(input, bytes, length);
    if (status == STATUS_OK) {
        status = add_line(input, input->line, input->line_length);
    }
    input->line_length = 0;
    return status;
}

static enum exit_status take_chunk(struct input *input, size_t length)
{
    const char *at = input->chunk;
    const char *end = at + length;
    enum exit_status status = STATUS_OK;

    while (at < end && status == STATUS_OK) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL) {
            return keep(input, at, (size_t)(end - at));
        }
        status = end_line(input, at, (size_t)(newline - at));
        at = newline + 1;
    }
    return status;
}

static enum exit_status take_all(struct input *input)
{
    enum exit_status status = STATUS_OK;
    ssize_t length = 1;

    while (status == STATUS_OK && length > 0) {
        length = read_chunk(input);
        if (length < 0) {
            complain("cannot read: %s", uv_strerror((int)length));
            return STATUS_FAILED;
        }
        status = take_chunk(input, (size_t)length);
        producer_send(input->producer);
    }
    if (status == STATUS_OK && input->line_length > 0) {
        status = add_line(input, input->line, input->line_length);
    }
    return status;
}

/* ---- the command ---- */

static enum exit_status produce_with(struct session *session, const struct arguments *arguments)
{
    struct input *input = check_alloc_zero(sizeof *input);
    enum exit_status status = producer_open(session, &arguments->producer, &input->producer);
    int64_t count;

    if (status == STATUS_OK) {
        input->session = session;
        input->key_separator = arguments->key_separator;
        status = take_all(input);
        if (status == STATUS_OK) {
            status = producer_drain(input->producer);
        }
        count = producer_acknowledged(input->producer);
        if (arguments->connect.output == OUTPUT_JSON) {
            json_print(json_pack("{s:I}", "records", (json_int_t)count));
        } else {
            (void)fprintf(stderr, "%lld records written\n", (long long)count);
        }
    }
    producer_close(input->producer);
    free(input->line);
    free(input);
    return status;
}

int produce_command(int argc, char **argv)
{
    struct arguments arguments;
    struct session session;
    enum exit_status status;

    parse(argc, argv, &arguments);
    status = session_open(&session, &arguments.connect);
    if (status == STATUS_OK) {
        status = produce_with(&session, &arguments);
        session_close(&session);
    }
    return (int)status;
}
