/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The effective configuration of one topic, with every default filled in. Computed by
 * config/topic_options from defaults, broker settings and the topic's own; copied by value.
 */
#ifndef GYRE_CONFIG_TOPIC_CONFIG_H
#define GYRE_CONFIG_TOPIC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum topic_compression { /* numbers of the batch attribute, but for PRODUCER */
                         TOPIC_COMPRESSION_PRODUCER = -1,
                         TOPIC_COMPRESSION_NONE = 0,
                         TOPIC_COMPRESSION_GZIP = 1,
                         TOPIC_COMPRESSION_SNAPPY = 2,
                         TOPIC_COMPRESSION_LZ4 = 3,
                         TOPIC_COMPRESSION_ZSTD = 4,
};

struct topic_config {
    bool cleanup_delete;
    bool cleanup_compact;
    bool is_memory_durable;  /* gyre.durability=memory */
    bool is_log_append_time; /* message.timestamp.type */
    bool unclean_leader_election;
    enum topic_compression compression;
    int32_t compression_level; /* of the codec above */
    int32_t max_message_bytes;
    int32_t min_insync_replicas;
    int32_t segment_bytes;
    int32_t index_interval_bytes;
    int64_t segment_ms;
    int64_t retention_ms;    /* -1: none */
    int64_t retention_bytes; /* -1: none */
    int64_t timestamp_before_max_ms;
    int64_t timestamp_after_max_ms;
    int64_t delete_retention_ms;
    int64_t min_compaction_lag_ms;
    int64_t max_compaction_lag_ms;
    double min_cleanable_ratio;
};

#endif
