/* SPDX-License-Identifier: Apache-2.0 */
/* Lines stay well-formed whatever is in them, and a noisy place is cut short. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gyre/observe/log.h"

#include "observe/log_line.h"
#include "support/test.h"

static int64_t the_wall_ms = 1700000000123;

static int64_t fixed_wall_ms(void)
{
    return the_wall_ms;
}

static const char *line_text(struct log_line *line)
{
    log_line_end(line);
    line->text[line->length] = '\0';
    return line->text;
}

static void a_line_is_logfmt(void **state)
{
    struct log_line line;

    (void)state;
    log_line_begin(&line, LOG_FORMAT_LOGFMT, 1700000000123, LOG_LEVEL_INFO, "network",
                   "client left");
    log_line_field(&line, field_string("peer", "127.0.0.1:9"));
    log_line_field(&line, field_i64("count", -3));
    log_line_field(&line, field_bool("idle", true));
    log_line_field(&line, field_text("id", STRING_NULL));
    assert_string_equal(line_text(&line),
                        "time=2023-11-14T22:13:20.123Z level=info area=network "
                        "message=\"client left\" peer=127.0.0.1:9 count=-3 idle=true id=null\n");
}

static void a_line_is_json(void **state)
{
    struct log_line line;

    (void)state;
    log_line_begin(&line, LOG_FORMAT_JSON, 1700000000123, LOG_LEVEL_ERROR, "main", "x");
    log_line_field(&line, field_u64("n", 7));
    assert_string_equal(line_text(&line),
                        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\","
                        "\"area\":\"main\",\"message\":\"x\",\"n\":7}\n");
}

static void a_value_cannot_forge_a_line(void **state)
{
    struct log_line line;

    (void)state;
    log_line_begin(&line, LOG_FORMAT_LOGFMT, 0, LOG_LEVEL_INFO, "main", "m");
    log_line_field(&line, field_string("id", "a\nlevel=error \"x\" \x1b[31m"));
    assert_non_null(strstr(line_text(&line), "id=\"a\\u000alevel=error \\\"x\\\" \\u001b[31m\"\n"));
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    struct log_line line;

    (void)state;
    log_line_begin(&line, LOG_FORMAT_JSON, 0, LOG_LEVEL_INFO, "main", "m");
    log_line_field(&line, field_string("id", "a\xff"));
    assert_non_null(strstr(line_text(&line), "\"id\":\"a?\"}\n"));
}

static void a_line_that_is_too_long_ends_well(void **state)
{
    static char long_text[1500];
    struct log_line line;

    (void)state;
    memset(long_text, '"', sizeof long_text - 1);
    log_line_begin(&line, LOG_FORMAT_JSON, 0, LOG_LEVEL_INFO, "main", "m");
    for (int i = 0; i < 4; i++) {
        log_line_field(&line, field_string("long", long_text));
    }
    log_line_end(&line);
    assert_true(line.length <= sizeof line.text);
    assert_memory_equal(line.text + line.length - 2, "}\n", 2);
}

static int count_lines(FILE *file, const char *wanted, char *last, int last_size)
{
    char line[4096];
    int count = 0;

    rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, wanted) != NULL) {
            (void)snprintf(last, (size_t)last_size, "%s", line);
            count++;
        }
    }
    return count;
}

static void write_noisily(int count)
{
    for (int i = 0; i < count; i++) {
        log_info(LOG_MAIN, "noise", field_i64("i", i));
    }
}

static void a_noisy_place_is_cut_short_and_says_so(void **state)
{
    char path[] = "/tmp/gyre-test-log-XXXXXX";
    char last[4096];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "r");
    const struct log_settings settings = {
        .level = LOG_LEVEL_INFO, .path = path, .wall_ms = fixed_wall_ms, .node_id = 7};

    (void)state;
    assert_int_equal(log_start(&settings), ERROR_NONE);
    for (int second = 0; second < 2; second++) {
        write_noisily(25);
        the_wall_ms += 1000;
    }
    log_debug(LOG_MAIN, "hidden");
    log_stop();
    assert_int_equal(count_lines(file, "message=noise", last, sizeof last), 20);
    assert_int_equal(count_lines(file, "node=7", last, sizeof last), 20);
    assert_int_equal(count_lines(file, "kept_back=15", last, sizeof last), 1);
    assert_int_equal(count_lines(file, "hidden", last, sizeof last), 0);
    assert_int_equal(unlink(path), 0);
    (void)fclose(file);
}

/* In a child, because it dies of it. */
static void a_failed_check_writes_out_the_debug_lines(void **state)
{
    char path[] = "/tmp/gyre-test-log-XXXXXX";
    char last[4096];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "r");
    const struct log_settings settings = {.level = LOG_LEVEL_INFO, .path = path, .node_id = -1};
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)close(STDERR_FILENO);
        if (log_start(&settings) != ERROR_NONE) {
            _exit(1);
        }
        log_debug(LOG_RAFT, "what went before", field_i64("term", 9));
        check_failed("here", 1, "never");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_lines(file, "message=\"what went before\" term=9", last, sizeof last),
                     1);
    assert_int_equal(unlink(path), 0);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_logfmt),
        cmocka_unit_test(a_line_is_json),
        cmocka_unit_test(a_value_cannot_forge_a_line),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
        cmocka_unit_test(a_line_that_is_too_long_ends_well),
        cmocka_unit_test(a_noisy_place_is_cut_short_and_says_so),
        cmocka_unit_test(a_failed_check_writes_out_the_debug_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
