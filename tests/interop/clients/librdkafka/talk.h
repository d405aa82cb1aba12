/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the conversations of the librdkafka driver share: holding them, reporting them as JSON
 * lines, producing, reading, and administrative calls. One thread. A conversation that cannot go
 * on calls talk_fail(), which does not return; what it held is leaked on purpose.
 */
#ifndef INTEROP_TALK_H
#define INTEROP_TALK_H

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define TALK_BASE_MS    1700000000000
#define TALK_TIMEOUT_MS 60000

/* Holds one conversation; its topic and group names begin with `prefix`. Owned result. */
typedef json_t *(*talk_hold)(const char *prefix);

struct talk {
    const char *name;
    talk_hold hold;
};

/* What became of the messages of one producer. */
struct deliveries {
    int64_t offsets[1024];
    size_t count;
    size_t errors;
    rd_kafka_resp_err_t first_error;
};

struct record {
    const char *key;
    const char *value; /* NULL is sent as null. */
    size_t value_bytes;
    int64_t timestamp;
    int32_t partition;
    bool has_headers;
};

/* A setting list: name, value, ..., NULL. */
typedef const char *const talk_settings[];

__attribute__((noreturn, format(printf, 1, 2))) void talk_fail(const char *format, ...);
int talk_main(int argc, char **argv, const struct talk *talks, size_t count);
/* Has the harness kill or restart a broker; returns when that has been done. */
void talk_ask(const char *action, int32_t broker);
int64_t talk_now_ms(void);
/* Sleeps a moment; fails the conversation when it has waited since `begun` for too long. */
void talk_pause(int64_t begun_ms, const char *what);
void talk_check(rd_kafka_resp_err_t error, const char *what);
/* Text that lives as long as the process: prefix and suffix joined. */
const char *talk_name(const char *prefix, const char *suffix);

rd_kafka_t *talk_client(rd_kafka_type_t type, struct deliveries *deliveries,
                        const char *const *settings);
/* Queues one record; waits while the queue is full. */
void talk_send(rd_kafka_t *producer, const char *topic, const struct record *record);
/* Sends `count` numbers from `first` on to partition `partition` and waits for all of them. */
void talk_produce_numbers(const char *topic, int32_t partition, int first, int count,
                          const char *const *settings, struct deliveries *deliveries);
void talk_flush(rd_kafka_t *producer);

rd_kafka_t *talk_consumer(const char *group, const char *const *settings);
/* The next record, owned; fails after the timeout. Transport errors are waited out. */
rd_kafka_message_t *talk_next(rd_kafka_t *consumer);
void talk_assign(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t offset);
/* Whether the first records of the partition are first, first + step, ... */
bool talk_are_numbers(const char *topic, int32_t partition, int count, int first, int step);

/* Creates a topic of three replicas that keeps its records for ever; returns when it has leaders.*/
void talk_create(const char *topic, int partitions, const char *name, const char *value);
/* Partitions of the topic that have a leader, -1 if it is not there; the leader of partition 0. */
int talk_partitions(const char *topic, int32_t *out_leader);
/* Whether the list of all topics has it. Unlike talk_partitions, never makes the broker create it.
 */
bool talk_is_listed(const char *topic);

/* The client for administrative calls, alive as long as the process. */
rd_kafka_t *talk_admin(void);
rd_kafka_queue_t *talk_queue(void);
/* The answer to the call made before; fails on an error of the whole call. Owned. */
rd_kafka_event_t *talk_answer(void);

#endif
