/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `enum error` is what a fallible function returns inside the broker. What a client is told is
 * `enum kafka_error` (wire/kafka_error.h); server/handlers/error_map.c alone knows both.
 *
 * Detail (a path, a line, a reason) is logged where it is known and is not carried along.
 */
#ifndef GYRE_BASE_ERROR_H
#define GYRE_BASE_ERROR_H

#include "gyre/base/check.h"

#define ERROR_LIST(X)                                                                              \
    X(NONE, "no error")                                                                            \
    X(AGAIN, "try again later")                                                                    \
    X(BUSY, "a limit on work in flight is reached")                                                \
    X(CANCELLED, "the work was given up")                                                          \
    X(CLOSED, "the other side closed the connection")                                              \
    X(CORRUPT, "stored bytes do not match their checksum")                                         \
    X(EXISTS, "it exists already")                                                                 \
    X(INVALID, "the argument is not valid")                                                        \
    X(IO, "the operating system refused an input or output operation")                             \
    X(LIMIT, "a configured limit is reached")                                                      \
    X(MALFORMED, "the bytes do not follow the format")                                             \
    X(NO_DESCRIPTORS, "no file descriptor is free")                                                \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(NO_SPACE, "no space is left on the device")                                                  \
    X(NOT_FOUND, "there is no such thing")                                                         \
    X(NOT_LEADER, "this broker does not lead the group")                                           \
    X(RANGE, "the offset or index is out of range")                                                \
    X(STATE, "the operation is not allowed in this state")                                         \
    X(TIMEOUT, "the time ran out")                                                                 \
    X(UNAUTHENTICATED, "the other side does not accept who we say we are")                         \
    X(UNSUPPORTED, "the operation is not supported")                                               \
    X(VERSION, "the format is newer than this program")

enum error {
#define X(name, text) ERROR_##name,
    ERROR_LIST(X)
#undef X
};

/* "NO_SPACE" and "no space is left on the device". Static strings. Thread: any. */
const char *error_name(enum error error);
const char *error_text(enum error error);

/* Translate errno: ENOSPC and EDQUOT to NO_SPACE, EMFILE and ENFILE to NO_DESCRIPTORS, ENOENT
 * to NOT_FOUND, others to IO or nearer. */
enum error error_from_errno(int number);

#endif
