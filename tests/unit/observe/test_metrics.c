/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted comes out in a form that Prometheus' own checker accepts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/metrics.h"

#include "support/test.h"

static const char *api_name(int16_t key)
{
    return key == 0 ? "Produce" : NULL;
}

static void collect(struct metrics_collector *collector, struct metrics_text *text)
{
    char topic[32];
    char labels[64];

    (void)collector;
    metrics_escape("a\"b\\c\nd", 7, topic, sizeof topic);
    (void)snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"0\"", topic);
    metrics_text_family(text, "gyre_partition_end_offset", "gauge", "End of the log.");
    metrics_text_sample(text, "gyre_partition_end_offset", labels, 12.5);
}

static void fill(struct metrics *metrics)
{
    metric_add(metrics, METRIC_RECEIVED_BYTES, 1234567890123);
    metric_set(metrics, METRIC_CONNECTIONS, 3);
    metric_add_api(metrics, API_METRIC_REQUESTS, 0, 5);
    metric_add_api(metrics, API_METRIC_REQUESTS, 30000, 2);
    metric_add_api(metrics, API_METRIC_REQUEST_TIME_US, 0, 1500000);
    metric_observe(metrics, DURATION_METRIC_PRODUCE_TIME, 0);
    metric_observe(metrics, DURATION_METRIC_PRODUCE_TIME, 1000);
    metric_observe(metrics, DURATION_METRIC_PRODUCE_TIME, UINT64_MAX / 2);
}

static void everything_counted_is_exposed(void **state)
{
    struct metrics *metrics = metrics_new();
    struct metrics_text text = {0};
    struct metrics_collector collector = {.collect = collect};

    (void)state;
    fill(metrics);
    metrics_add_collector(metrics, &collector);
    metrics_expose(metrics, api_name, &text);
    assert_non_null(strstr(text.bytes, "\ngyre_network_received_bytes_total 1234567890123\n"));
    assert_non_null(strstr(text.bytes, "\ngyre_connections 3\n"));
    assert_non_null(strstr(text.bytes, "\ngyre_requests_total{api=\"Produce\"} 5\n"));
    assert_non_null(strstr(text.bytes, "\ngyre_requests_total{api=\"other\"} 2\n"));
    assert_non_null(strstr(text.bytes, "\ngyre_request_time_seconds_total{api=\"Produce\"} 1.5\n"));
    assert_non_null(strstr(text.bytes, "gyre_produce_duration_seconds_bucket{le=\"1e-06\"} 1\n"));
    assert_non_null(strstr(text.bytes, "gyre_produce_duration_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text.bytes, "{topic=\"a\\\"b\\\\c\\nd\",partition=\"0\"} 12.5\n"));
    list_remove(&collector.link);
    metrics_text_release(&text);
    metrics_free(metrics);
}

/* A duration is counted in the first slot whose bound is not below it. */
static void a_duration_falls_below_its_bound(void **state)
{
    static const struct {
        uint64_t duration_us;
        int slot;
    } cases[] = {{0, 0},
                 {1, 0},
                 {2, 2},
                 {3, 3},
                 {4, 4},
                 {5, 5},
                 {6, 5},
                 {7, 6},
                 {1024, 20},
                 {1025, 21},
                 {1536, 21},
                 {1537, 22},
                 {UINT64_C(1) << 40, METRIC_HISTOGRAM_SLOTS}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics *metrics = metrics_new();

        metric_observe(metrics, DURATION_METRIC_FETCH_TIME, cases[i].duration_us);
        assert_int_equal(metrics->durations[DURATION_METRIC_FETCH_TIME].slots[cases[i].slot], 1);
        metrics_free(metrics);
    }
}

static void promtool_finds_nothing_to_complain_of(void **state)
{
    struct metrics *metrics = metrics_new();
    struct metrics_text text = {0};
    FILE *promtool;

    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        metrics_free(metrics);
        skip();
    }
    fill(metrics);
    metrics_expose(metrics, api_name, &text);
    promtool = popen("promtool check metrics", "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(text.bytes, 1, text.length, promtool), text.length);
    assert_int_equal(pclose(promtool), 0);
    metrics_text_release(&text);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_counted_is_exposed),
        cmocka_unit_test(a_duration_falls_below_its_bound),
        cmocka_unit_test(promtool_finds_nothing_to_complain_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
