/* SPDX-License-Identifier: Apache-2.0 */
/* gyre consume: records to stdout, one a line, without a group. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "gyre/wire/record.h"

#include "connect_options.h"
#include "consumer.h"
#include "json_print.h"
#include "offsets.h"
#include "session.h"

enum {
    KEY_PARTITION = 'p',
    KEY_COUNT = 'n',
    KEY_EXIT = 'e',
    KEY_KEY_SEPARATOR = 'K',
    KEY_OFFSET = 0x100,
    KEY_FROM_BEGINNING,
};

struct arguments {
    struct connect_arguments connect;
    struct consumer_options consumer;
    const char *key_separator; /* NULL: keys are not shown */
    int64_t left;              /* -1: no limit */
};

static const struct argp_option options[] = {
    {"from-beginning", KEY_FROM_BEGINNING, NULL, 0, "What is there first (only what comes)", 0},
    {"offset", KEY_OFFSET, "N|beginning|end", 0, "Where to begin in each partition", 0},
    {"partition", KEY_PARTITION, "N", 0, "Only this one (all)", 0},
    {"count", KEY_COUNT, "N", 0, "Stop after N records", 0},
    {"exit", KEY_EXIT, NULL, 0, "Stop at what is the end now (go on)", 0},
    {"key-separator", KEY_KEY_SEPARATOR, "TEXT", 0, "Print the key and this before the value", 0},
    {0},
};

static int64_t offset_of(struct argp_state *state, const char *text)
{
    if (strcmp(text, "beginning") == 0) {
        return OFFSETS_BEGINNING;
    }
    return strcmp(text, "end") == 0 ? OFFSETS_END : option_number(state, text, 0, INT64_MAX);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct consumer_options *consumer = &arguments->consumer;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &arguments->connect; return 0;
    case KEY_FROM_BEGINNING: consumer->start = OFFSETS_BEGINNING; return 0;
    case KEY_OFFSET: consumer->start = offset_of(state, argument); return 0;
    case KEY_PARTITION:
        consumer->partition = (int32_t)option_number(state, argument, 0, INT32_MAX);
        return 0;
    case KEY_COUNT: arguments->left = option_number(state, argument, 1, INT64_MAX); return 0;
    case KEY_EXIT: consumer->is_bounded = true; return 0;
    case KEY_KEY_SEPARATOR: arguments->key_separator = argument; return 0;
    default: return option_topic(key, argument, state, &consumer->topic, "from which topic?");
    }
}

/* ---- printing ---- */

static json_t *headers_to_json(const struct record *record)
{
    struct string left = record->headers;
    struct record_header header;
    json_t *headers = json_array();

    while (record_header_next(&left, &header)) {
        json_t *pair = json_array();

        (void)json_array_append_new(pair, json_from_string(header.key));
        (void)json_array_append_new(pair, json_from_string(header.value));
        (void)json_array_append_new(headers, pair);
    }
    return headers;
}

/* One object a line, so that a reader need not wait for the end. */
static void print_json(const struct arguments *arguments, int32_t partition,
                       const struct record *record)
{
    json_t *json =
        json_pack("{s:s, s:i, s:I, s:I, s:o, s:o, s:o}", "topic", arguments->consumer.topic,
                  "partition", (int)partition, "offset", (json_int_t)record->offset, "timestamp",
                  (json_int_t)record->timestamp_ms, "key", json_from_string(record->key), "value",
                  json_from_string(record->value), "headers", headers_to_json(record));

    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(json);
}

static void print_bytes(struct string bytes)
{
    if (bytes.length > 0) {
        (void)fwrite(bytes.bytes, 1, (size_t)bytes.length, stdout);
    }
}

static bool take(void *context, int32_t partition, const struct record *record)
{
    struct arguments *arguments = context;

    if (arguments->connect.output == OUTPUT_JSON) {
        print_json(arguments, partition, record);
    } else {
        if (arguments->key_separator != NULL) {
            print_bytes(record->key);
            (void)fputs(arguments->key_separator, stdout);
        }
        print_bytes(record->value);
        (void)putchar('\n');
    }
    if (arguments->left > 0) {
        arguments->left--;
    }
    return arguments->left != 0 && ferror(stdout) == 0;
}

static void flush(void *context)
{
    (void)context;
    (void)fflush(stdout);
}

int consume_command(int argc, char **argv)
{
    const struct argp_child children[] = {{&connect_options, 0, NULL, 0}, {0}};
    const struct argp parser = {options,
                                parse_option,
                                "TOPIC",
                                "Print the records of a topic.\vWith -o json: one object a line.\n"
                                "--timeout: with --exit also how long to wait for more of what "
                                "is there (then the exit status is 4). Without --exit it waits for "
                                "what is to come for as long as it takes.\n"
                                "\nExamples:\n"
                                "  gyre consume clicks --from-beginning\n"
                                "  gyre consume clicks --partition 0 --offset 4711 --count 1 "
                                "-o json",
                                children,
                                NULL,
                                NULL};
    struct arguments arguments = {.consumer = {.partition = CONSUMER_ALL_PARTITIONS,
                                               .start = OFFSETS_END,
                                               .take = take,
                                               .pause = flush,
                                               .context = &arguments},
                                  .left = -1};
    struct session session;
    enum exit_status status;

    connect_arguments_init(&arguments.connect);
    (void)argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    arguments.consumer.timeout_s = arguments.connect.timeout_s;
    status = session_open(&session, &arguments.connect);
    if (status == STATUS_OK) {
        status = consumer_run(&session, &arguments.consumer);
        session_close(&session);
    }
    return (int)status;
}
