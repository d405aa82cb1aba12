/* SPDX-License-Identifier: Apache-2.0 */
#include "format_users.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/sasl/credential.h"

#include "metadata/catalog_commands.h"

enum {
    PASSWORD_BYTES_MAX = 1024,
    NAME_BYTES_MAX = 1024,
    SALT_BYTES = 24,
    MECHANISMS_MAX = 2,
    ITERATIONS_DEFAULT = 8192,
};

struct new_user {
    struct string name;
    enum scram_mechanism mechanism; /* UNKNOWN: both */
    int32_t iterations;
};

static enum error refuse(const char *user, const char *problem)
{
    (void)fprintf(stderr, "--add-scram %s: %s\n", user, problem);
    return ERROR_INVALID;
}

/* ---- who ---- */

static const char *take_option(struct string option, struct new_user *user)
{
    struct string name = STRING("name=");
    struct string iterations = STRING("iterations=");
    char text[12] = "";

    if (option.length > name.length && memcmp(option.bytes, name.bytes, (size_t)name.length) == 0) {
        user->name = (struct string){option.bytes + name.length, option.length - name.length};
        return NULL;
    }
    if (option.length > iterations.length &&
        option.length - iterations.length < (int32_t)sizeof text &&
        memcmp(option.bytes, iterations.bytes, (size_t)iterations.length) == 0) {
        char *end = NULL;
        memcpy(text, option.bytes + iterations.length, (size_t)(option.length - iterations.length));
        long number = strtol(text, &end, 10);
        if (*end == '\0' && number >= SCRAM_ITERATIONS_MIN && number <= SCRAM_ITERATIONS_MAX) {
            user->iterations = (int32_t)number;
            return NULL;
        }
        return "iterations are from 4096 to 16384";
    }
    return "only name=NAME and iterations=N stand between the brackets; the password is read from "
           "standard input, where no list of processes shows it";
}

/* "[name=admin,iterations=8192]" */
static const char *take_options(const char *text, struct new_user *user)
{
    size_t length = strlen(text);

    if (length < 2 || text[0] != '[' || text[length - 1] != ']') {
        return "after the mechanism follows [name=NAME]";
    }
    const char *at = text + 1;
    const char *end = text + length - 1;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *next = comma == NULL ? end : comma;
        const char *problem = take_option((struct string){at, (int32_t)(next - at)}, user);
        if (problem != NULL) {
            return problem;
        }
        at = comma == NULL ? end : comma + 1;
    }
    return user->name.length > 0 ? NULL : "the name is missing";
}

static enum error parse(const char *text, struct new_user *user)
{
    const char *equals = strchr(text, '=');
    const char *problem = NULL;

    *user = (struct new_user){.iterations = ITERATIONS_DEFAULT};
    if (equals == NULL) {
        user->name = string_from(text);
    } else {
        user->mechanism = credential_mechanism((struct string){text, (int32_t)(equals - text)});
        problem = user->mechanism == SCRAM_UNKNOWN ? "the mechanism is SCRAM-SHA-256 or "
                                                     "SCRAM-SHA-512"
                                                   : take_options(equals + 1, user);
    }
    if (problem == NULL && (user->name.length < 1 || user->name.length > NAME_BYTES_MAX)) {
        problem = "the name is empty or too long";
    }
    /* What stands behind "password=" must not be repeated on a terminal. */
    return problem == NULL ? ERROR_NONE : refuse(equals == NULL ? text : "...", problem);
}

/* ---- passwords ---- */

static bool read_line(FILE *file, char *line, size_t size)
{
    if (fgets(line, (int)size, file) == NULL) {
        return false;
    }
    size_t length = strcspn(line, "\r\n");
    bool is_whole = line[length] != '\0' || feof(file) != 0;
    line[length] = '\0';
    return is_whole && length > 0;
}

/* Without echo where somebody types it. */
static bool read_password(FILE *file, struct string name, char *password, size_t size)
{
    struct termios before;
    bool is_terminal = tcgetattr(fileno(file), &before) == 0;

    if (is_terminal) {
        struct termios quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)fprintf(stderr, "Password of %.*s: ", STRING_ARGUMENTS(name));
        (void)tcsetattr(fileno(file), TCSAFLUSH, &quiet);
    }
    bool is_read = read_line(file, password, size);
    if (is_terminal) {
        (void)tcsetattr(fileno(file), TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    return is_read;
}

/* ---- keys ---- */

static enum error add(struct catalog_set_scram *command, struct arena *arena,
                      const struct new_user *user, enum scram_mechanism mechanism,
                      struct string password)
{
    struct scram_credential *credential = arena_alloc(arena, sizeof *credential);

    CHECK(credential != NULL); /* the arena has no limit */
    credential->mechanism = mechanism;
    credential->iterations = user->iterations;
    credential->salt_length = SALT_BYTES;
    if (RAND_bytes(credential->salt, SALT_BYTES) != 1) {
        return ERROR_IO;
    }
    enum error error = credential_set_password(credential, password);
    int32_t key = credential_key_bytes(mechanism);
    command->upsertions.items[command->upsertions.count++] = (struct catalog_set_scram_upsertions){
        .user = user->name,
        .mechanism = (int8_t)mechanism,
        .iterations = user->iterations,
        .salt = {(char *)credential->salt, SALT_BYTES},
        .stored_key = {(char *)credential->stored_key, key},
        .server_key = {(char *)credential->server_key, key},
    };
    return error;
}

static enum error add_user(struct catalog_set_scram *command, struct arena *arena, const char *text,
                           FILE *passwords)
{
    char password[PASSWORD_BYTES_MAX];
    struct new_user user;

    enum error error = parse(text, &user);
    if (error != ERROR_NONE) {
        return error;
    }
    if (!read_password(passwords, user.name, password, sizeof password)) {
        OPENSSL_cleanse(password, sizeof password);
        return refuse(text, "its password is a line of standard input, not empty");
    }
    for (int mechanism = SCRAM_SHA_256; mechanism <= SCRAM_SHA_512 && error == ERROR_NONE;
         mechanism++) {
        if (user.mechanism == SCRAM_UNKNOWN || (int)user.mechanism == mechanism) {
            error =
                add(command, arena, &user, (enum scram_mechanism)mechanism, string_from(password));
        }
    }
    OPENSSL_cleanse(password, sizeof password);
    return error == ERROR_NONE ? error : refuse(text, error_text(error));
}

enum error format_users_read(const char *const *users, int count, FILE *passwords,
                             struct buffer **out_command)
{
    struct catalog_set_scram command;
    struct arena arena;
    enum error error = ERROR_NONE;

    CHECK(count <= FORMAT_USERS_MAX);
    arena_init(&arena, SIZE_MAX / 2);
    catalog_set_scram_init(&command);
    error = catalog_set_scram_upsertions_array_alloc(&command.upsertions, &arena,
                                                     count * MECHANISMS_MAX);
    command.upsertions.count = 0;
    for (int i = 0; i < count && error == ERROR_NONE; i++) {
        error = add_user(&command, &arena, users[i], passwords);
    }
    if (error == ERROR_NONE) {
        error = catalog_commands_of(set_scram, SET_SCRAM, &command, out_command);
    }
    arena_release(&arena);
    return error;
}
