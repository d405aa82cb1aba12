/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/error_map.h"

enum kafka_error error_map_to_kafka(enum error error)
{
    switch (error) {
    case ERROR_NONE: return KAFKA_ERROR_NONE;
    case ERROR_NOT_LEADER: return KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    case ERROR_AGAIN:
    case ERROR_BUSY:
    case ERROR_NO_DESCRIPTORS:
    case ERROR_TIMEOUT: return KAFKA_ERROR_REQUEST_TIMED_OUT;
    case ERROR_CANCELLED:
    case ERROR_CLOSED: return KAFKA_ERROR_NETWORK_EXCEPTION;
    case ERROR_CORRUPT:
    case ERROR_IO:
    case ERROR_NO_SPACE:
    case ERROR_VERSION: return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    case ERROR_RANGE: return KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    case ERROR_INVALID:
    case ERROR_MALFORMED: return KAFKA_ERROR_INVALID_REQUEST;
    case ERROR_LIMIT: return KAFKA_ERROR_POLICY_VIOLATION;
    case ERROR_UNSUPPORTED: return KAFKA_ERROR_UNSUPPORTED_VERSION;
    case ERROR_NOT_FOUND: return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    case ERROR_EXISTS: return KAFKA_ERROR_TOPIC_ALREADY_EXISTS;
    case ERROR_NO_MEMORY:
    case ERROR_STATE: break;
    }
    return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
}
