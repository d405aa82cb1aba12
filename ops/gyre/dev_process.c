/* SPDX-License-Identifier: Apache-2.0 */
#include "dev_process.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

enum {
    BODY_BYTES = 2048,
    HTTP_OK = 200,
    PROBE_TIMEOUT_MS = 1000,
    POLL_MS = 20,
    WORDS_BYTES = 8192
};

/* ---- what runs ---- */

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t length;

    if (file == NULL) {
        return false;
    }
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0') {
            text[i] = ' ';
        }
    }
    (void)fclose(file);
    return true;
}

/* A process id is used again some day: the command line tells whether it is still ours. */
bool dev_process_is_running(const struct dev_broker *broker)
{
    char path[64];
    char line[DEV_PATH_MAX * 2];
    char home[DEV_PATH_MAX];

    if (broker->pid <= 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)broker->pid);
    (void)snprintf(home, sizeof home, "%s", broker->data_dir);
    return read_file(path, line, sizeof line) && strstr(line, dirname(home)) != NULL;
}

static bool is_paused(const struct dev_broker *broker)
{
    char path[64];
    char line[512];
    const char *state;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)broker->pid);
    if (!read_file(path, line, sizeof line)) {
        return false;
    }
    state = strrchr(line, ')');
    return state != NULL && state[1] == ' ' && (state[2] == 'T' || state[2] == 't');
}

const char *dev_process_state(const struct dev_broker *broker)
{
    if (!dev_process_is_running(broker)) {
        return "stopped";
    }
    if (is_paused(broker)) {
        return "paused";
    }
    return dev_process_is_ready(broker, NULL) ? "ready" : "starting";
}

static void pause_ms(int duration_ms)
{
    struct timespec duration = {duration_ms / 1000, (long)(duration_ms % 1000) * 1000000};

    (void)nanosleep(&duration, NULL);
}

bool dev_process_wait_gone(const struct dev_broker *broker, int limit_ms)
{
    for (int waited_ms = 0; dev_process_is_running(broker); waited_ms += POLL_MS) {
        if (waited_ms >= limit_ms) {
            return false;
        }
        (void)waitpid(broker->pid, NULL, WNOHANG);
        pause_ms(POLL_MS);
    }
    return true;
}

/* ---- starting ---- */

/* gyred lies beside gyre. */
static bool find_program(char path[PATH_MAX])
{
    char self[PATH_MAX - 16];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length <= 0) {
        return false;
    }
    self[length] = '\0';
    (void)snprintf(path, PATH_MAX, "%s/gyred", dirname(self));
    return access(path, X_OK) == 0;
}

static _Noreturn void become_broker(const char *program, const char *config, const char *log)
{
    int output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (setsid() >= 0 && output >= 0 && input >= 0 && dup2(input, STDIN_FILENO) >= 0 &&
        dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0) {
        /* A broker outlives us: it must not hold our caller's pipes and locks. */
        (void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
        (void)execl(program, program, config, (char *)NULL);
    }
    _exit(STATUS_FAILED);
}

bool dev_process_start(const struct dev *dev, const struct dev_region *region,
                       struct dev_broker *broker)
{
    char program[PATH_MAX];
    char config[DEV_PATH_MAX];
    char log[DEV_PATH_MAX];
    int alive[2]; /* our side learns from it when the child has become gyred */
    char nothing;
    pid_t pid;

    if (!find_program(program)) {
        complain("gyred is not beside gyre: %s", program);
        return false;
    }
    dev_path(dev, region, broker, "broker.conf", config);
    dev_path(dev, region, broker, "gyred.log", log);
    if (pipe2(alive, O_CLOEXEC) != 0) {
        complain("cannot start a process: %s", strerror(errno));
        return false;
    }
    pid = fork();
    if (pid == 0) {
        become_broker(program, config, log);
    }
    (void)close(alive[1]);
    if (pid < 0) {
        complain("cannot start a process: %s", strerror(errno));
    } else {
        (void)!read(alive[0], &nothing, 1); /* returns when the exec has closed the other end */
        broker->pid = pid;
    }
    (void)close(alive[0]);
    return pid > 0;
}

/* ---- checking ---- */

/* What gyred says about a file, as far as it fits. */
static void read_words(int descriptor, char *text, size_t size)
{
    size_t length = 0;
    ssize_t more;

    while (length < size - 1 && (more = read(descriptor, text + length, size - 1 - length)) > 0) {
        length += (size_t)more;
    }
    text[length] = '\0';
}

bool dev_process_check(const struct dev *dev, const struct dev_region *region,
                       const struct dev_broker *broker)
{
    char program[PATH_MAX];
    char config[DEV_PATH_MAX];
    char words[WORDS_BYTES];
    int said[2];
    int status = -1;
    pid_t pid;

    if (!find_program(program)) {
        complain("gyred is not beside gyre: %s", program);
        return false;
    }
    dev_path(dev, region, broker, "broker.conf", config);
    if (pipe2(said, O_CLOEXEC) != 0) {
        complain("cannot start a process: %s", strerror(errno));
        return false;
    }
    pid = fork();
    if (pid == 0) {
        if (dup2(said[1], STDOUT_FILENO) >= 0 && dup2(said[1], STDERR_FILENO) >= 0) {
            (void)execl(program, program, "--check-config", "--without-files", config,
                        (char *)NULL);
        }
        _exit(STATUS_FAILED);
    }
    (void)close(said[1]);
    read_words(said[0], words, sizeof words);
    (void)close(said[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        complain("broker %d would not start with these properties:\n%s", broker->node_id, words);
        return false;
    }
    return true;
}

/* ---- formatting ---- */

/* Its arguments are no secret; the passwords go in through `input`, a line each. */
static _Noreturn void become_format(const char *program, const char *config,
                                    const struct dev_security *security, int input)
{
    const char *words[3 + 2 * (DEV_USERS_MAX + 1) + 1];
    int count = 0;
    int output = open("/dev/null", O_WRONLY | O_CLOEXEC);

    words[count++] = program;
    words[count++] = "format";
    words[count++] = config;
    for (int i = 0; i < security->user_count; i++) {
        words[count++] = "--add-scram";
        words[count++] = security->users[i].name;
    }
    words[count] = NULL;
    if (output >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0) {
        (void)execv(program, (char *const *)(uintptr_t)words); /* execv changes nothing */
    }
    _exit(STATUS_FAILED);
}

static bool write_passwords(const struct dev_security *security, int descriptor)
{
    FILE *out = fdopen(descriptor, "w");

    if (out == NULL) {
        (void)close(descriptor);
        return false;
    }
    for (int i = 0; i < security->user_count; i++) {
        (void)fprintf(out, "%s\n", security->users[i].password);
    }
    return fclose(out) == 0;
}

bool dev_process_format(const struct dev *dev, const struct dev_region *region,
                        const struct dev_broker *broker)
{
    char program[PATH_MAX];
    char config[DEV_PATH_MAX];
    int passwords[2];
    int status = -1;
    bool is_written;
    pid_t pid;

    if (!find_program(program)) {
        complain("gyred is not beside gyre: %s", program);
        return false;
    }
    dev_path(dev, region, broker, "broker.conf", config);
    if (pipe2(passwords, O_CLOEXEC) != 0) {
        complain("cannot start a process: %s", strerror(errno));
        return false;
    }
    pid = fork();
    if (pid == 0) {
        become_format(program, config, &dev->security, passwords[0]);
    }
    (void)close(passwords[0]);
    is_written = write_passwords(&dev->security, passwords[1]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !is_written || status != 0) {
        complain("%s: the users could not be put into the data directory", config);
        return false;
    }
    return true;
}

/* ---- readiness ---- */

struct body {
    char bytes[BODY_BYTES];
    size_t length;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct body *body = context;
    size_t length = size * count;
    size_t room = sizeof body->bytes - 1 - body->length;

    memcpy(body->bytes + body->length, bytes, length < room ? length : room);
    body->length += length < room ? length : room;
    return length;
}

static void find_cluster_id(const struct body *body, char *cluster_id)
{
    json_t *json = json_loadb(body->bytes, body->length, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "cluster_id"));

    if (text != NULL) {
        (void)snprintf(cluster_id, 64, "%s", text);
    }
    json_decref(json);
}

bool dev_process_is_ready(const struct dev_broker *broker, char *cluster_id)
{
    struct body body = {.length = 0};
    char url[64];
    long status = 0;
    CURL *curl = curl_easy_init();

    if (curl == NULL) {
        return false;
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/readyz", broker->admin_port);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)PROBE_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(curl);
    if (status == HTTP_OK && cluster_id != NULL) {
        find_cluster_id(&body, cluster_id);
    }
    return status == HTTP_OK;
}
