/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"

void secret_wipe(void *secret, size_t size)
{
    OPENSSL_cleanse(secret, size);
}

/* Without its line end. */
static bool take_line(FILE *from, const char *what, char secret[SECRET_BYTES])
{
    size_t length;

    if (fgets(secret, SECRET_BYTES, from) == NULL) {
        complain("no %s was given", what);
        return false;
    }
    length = strcspn(secret, "\r\n");
    if (secret[length] == '\0' && length == SECRET_BYTES - 1) {
        complain("the %s has more than %d bytes", what, SECRET_BYTES - 2);
        return false;
    }
    secret[length] = '\0';
    if (length == 0) {
        complain("the %s is empty", what);
        return false;
    }
    return true;
}

static bool ask_once(FILE *terminal, const char *question, const char *what,
                     char secret[SECRET_BYTES])
{
    struct termios before;
    struct termios silent;
    bool is_given;

    (void)fprintf(stderr, "%s%s: ", question, what);
    (void)fflush(stderr);
    if (tcgetattr(fileno(terminal), &before) != 0) {
        complain("the terminal cannot be silenced: %s", strerror(errno));
        return false;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
    is_given = take_line(terminal, what, secret);
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return is_given;
}

static bool ask(const char *what, bool is_new, char secret[SECRET_BYTES])
{
    char again[SECRET_BYTES];
    bool is_same;

    if (!ask_once(stdin, is_new ? "new " : "", what, secret)) {
        return false;
    }
    if (!is_new) {
        return true;
    }
    is_same = ask_once(stdin, "once more, new ", what, again) && strcmp(secret, again) == 0;
    secret_wipe(again, sizeof again);
    if (!is_same) {
        complain("that was not the same twice");
    }
    return is_same;
}

bool secret_read(const char *variable, const char *what, bool is_new, char secret[SECRET_BYTES])
{
    const char *given = getenv(variable);

    if (given == NULL) {
        return isatty(STDIN_FILENO) ? ask(what, is_new, secret) : take_line(stdin, what, secret);
    }
    if (given[0] == '\0' || strlen(given) >= SECRET_BYTES) {
        complain("$%s is empty or has more than %d bytes", variable, SECRET_BYTES - 1);
        return false;
    }
    memcpy(secret, given, strlen(given) + 1);
    return true;
}
