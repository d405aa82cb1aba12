/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/error.h"

#include <errno.h>

static const char *const names[] = {
#define X(name, text) #name,
    ERROR_LIST(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
    ERROR_LIST(X)
#undef X
};

const char *error_name(enum error error)
{
    CHECK((size_t)error < sizeof names / sizeof names[0]);
    return names[error];
}

const char *error_text(enum error error)
{
    CHECK((size_t)error < sizeof texts / sizeof texts[0]);
    return texts[error];
}

enum error error_from_errno(int number)
{
    switch (number) {
    case 0: return ERROR_NONE;
    case EAGAIN: return ERROR_AGAIN;
    case EDQUOT:
    case ENOSPC: return ERROR_NO_SPACE;
    case EMFILE:
    case ENFILE: return ERROR_NO_DESCRIPTORS;
    case EEXIST: return ERROR_EXISTS;
    case EINVAL: return ERROR_INVALID;
    case ENOENT: return ERROR_NOT_FOUND;
    case ENOMEM: return ERROR_NO_MEMORY;
    case ETIMEDOUT: return ERROR_TIMEOUT;
    case ECANCELED: return ERROR_CANCELLED;
    case EPIPE:
    case ECONNRESET: return ERROR_CLOSED;
    default: return ERROR_IO;
    }
}
