/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's files are accepted, wrong ones refused with a line and a hint. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre/config/config.h"

#include "support/test.h"

struct loaded {
    struct broker_config *config;
    struct config_report report;
    enum error error;
    char path[64];
};

static struct loaded load(const char *text)
{
    struct loaded loaded = {.path = "/tmp/gyre-test-config-XXXXXX"};
    int fd = mkstemp(loaded.path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    loaded.error = config_load(loaded.path, NULL, 0, &loaded.report, &loaded.config);
    assert_int_equal(unlink(loaded.path), 0);
    return loaded;
}

static void forget(struct loaded *loaded)
{
    config_report_release(&loaded->report);
    if (loaded->error == ERROR_NONE) {
        config_free(loaded->config);
    }
}

static void defaults_fill_what_is_not_given(void **state)
{
    struct loaded loaded = load("node.id=3\n");
    const struct broker_config *config = loaded.config;

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_null(loaded.report.text);
    assert_int_equal(config->node_id, 3);
    assert_int_equal(config->broker_id, 3);
    assert_int_equal(config->num_partitions, 1);
    assert_true(config->auto_create_topics_enable);
    assert_true(config->log_retention_ms == CONFIG_NULL);
    assert_true(string_is(config->log_dirs.items[0], "/var/lib/gyre"));
    assert_true(string_is(config->gyre_durability, "fsync"));
    assert_null(config->broker_rack.bytes);
    assert_int_equal(config->kafka_listener_count, 1);
    assert_string_equal(config->kafka_listeners[0].name, "PLAINTEXT");
    assert_string_equal(config->kafka_listeners[0].bind.host, "");
    assert_int_equal(config->kafka_listeners[0].bind.port, 9092);
    assert_true(config->kafka_listeners[0].advertised.host[0] != '\0');
    assert_int_equal(config->rpc_listener.port, 9112);
    assert_true(config->has_admin_listener);
    assert_string_equal(config->admin_listener.host, "127.0.0.1");
    assert_int_equal(config->admin_listener.port, 9132);
    forget(&loaded);
}

static void a_file_of_kraft_mode_is_accepted(void **state)
{
    struct loaded loaded = load("process.roles=broker,controller\n"
                                "node.id=1\n"
                                "controller.quorum.bootstrap.servers=localhost:9093\n"
                                "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                                "inter.broker.listener.name=PLAINTEXT\n"
                                "advertised.listeners=PLAINTEXT://localhost:9092\n"
                                "controller.listener.names=CONTROLLER\n"
                                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,"
                                "PLAINTEXT:PLAINTEXT\n"
                                "num.network.threads=3\nlog.dirs=/tmp/kraft-logs\n"
                                "listener.name.client.ssl.keystore.location=/x\n");

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_int_equal(loaded.config->kafka_listener_count, 1);
    assert_string_equal(loaded.config->kafka_listeners[0].advertised.host, "localhost");
    assert_non_null(strstr(loaded.report.text, ":1: note: 'process.roles' is Kafka's"));
    assert_non_null(strstr(loaded.report.text, "listener 'CONTROLLER' is for Kafka's controllers"));
    assert_int_equal(loaded.report.problem_count, 0);
    forget(&loaded);
}

static void addresses_have_numbers_of_their_own(void **state)
{
    struct string rest = STRING(" 10.0.0.7 : 5,0:0:0:0:0:0:0:1:20 ,, 1.2.3.4:0");
    static const char *const wrong[] = {
        "10.0.0.7",    "10.0.0.7:",           ":5",         "localhost:5", "10.0.0:5",
        "10.0.0.7:-1", "10.0.0.7:2147483648", "1.2.3.4:1,x"};
    char address[CONFIG_ADDRESS_BYTES_MAX];
    char reason[256];
    int limit = 0;

    (void)state;
    assert_int_equal(config_check_address_limits(rest, reason, sizeof reason), ERROR_NONE);
    assert_true(config_next_address_limit(&rest, address, &limit));
    assert_string_equal(address, "10.0.0.7");
    assert_int_equal(limit, 5);
    assert_true(config_next_address_limit(&rest, address, &limit));
    assert_string_equal(address, "::1");
    assert_int_equal(limit, 20);
    assert_true(config_next_address_limit(&rest, address, &limit));
    assert_int_equal(limit, 0);
    assert_false(config_next_address_limit(&rest, address, &limit));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(config_check_address_limits(string_from(wrong[i]), reason, sizeof reason),
                         ERROR_INVALID);
        assert_non_null(strstr(reason, "addresses with numbers"));
    }
}

static void addresses_on_one_port_may_differ(void **state)
{
    struct loaded loaded = load("node.id=1\n"
                                "listeners=PLAINTEXT://127.0.0.1:1,SASL_PLAINTEXT://127.0.0.2:1\n"
                                "gyre.rpc.listeners=[::1]:1\ngyre.admin.listeners=127.0.0.3:1\n"
                                "super.users=User:CN=a,O=b; ;Group:c\n");

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    forget(&loaded);
    loaded = load("node.id=1\nlisteners=PLAINTEXT://:0,SASL_PLAINTEXT://:0\n");
    assert_int_equal(loaded.error, ERROR_NONE);
    forget(&loaded);
}

static void a_key_of_a_listener_without_use_is_named(void **state)
{
    struct loaded loaded = load("node.id=1\nlisteners=SSL://:1\nssl.keystore.location=/k.pem\n"
                                "listener.name.ssl.max.connections=5\n"
                                "listener.name.ssl.max.connections.per.ip=5\n");

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_non_null(
        strstr(loaded.report.text, "'listener.name.ssl.max.connections.per.ip' has no"));
    assert_null(strstr(loaded.report.text, "'listener.name.ssl.max.connections' has"));
    forget(&loaded);
}

static void a_listener_has_options_of_its_own(void **state)
{
    struct loaded loaded = load("node.id=1\nlisteners=SSL://:1\nssl.client.auth=requested\n"
                                "ssl.keystore.location=/k.pem\nssl.keystore.password=hunter2\n"
                                "listener.name.ssl.ssl.client.auth=required\n"
                                "listener.name.ssl.ssl.endpoint.identification.algorithm=\n"
                                "listener.name.ssl.scram-sha-256.ssl.key.password=x\n");
    const struct broker_config *config = loaded.config;
    char text[4096] = "";
    FILE *out;

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_null(loaded.report.text);
    assert_true(string_is(config_listener_option(config, "SSL", "ssl.client.auth"), "required"));
    assert_true(string_is(config_listener_option(config, "rpc", "ssl.client.auth"), "requested"));
    assert_true(
        string_is(config_listener_option(config, "SSL", "ssl.enabled.protocols"), "TLSv1.3"));
    assert_int_equal(
        config_listener_option(config, "SSL", "ssl.endpoint.identification.algorithm").length, 0);
    assert_null(config_listener_option(config, "SSL", "ssl.truststore.location").bytes);
    assert_true(
        broker_option_value(broker_option_find(STRING("ssl.keystore.password")), config, text, 99));
    assert_string_equal(text, "[hidden]");
    out = tmpfile();
    assert_non_null(out);
    config_print(config, out);
    rewind(out);
    while (fgets(text, sizeof text, out) != NULL) {
        assert_null(strstr(text, "hunter2"));
    }
    assert_int_equal(fclose(out), 0);
    forget(&loaded);
}

static void every_problem_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"node.id=1\nnum.partition=3\n", ":2: unknown key 'num.partition'; did you mean "
                                         "'num.partitions'?"},
        {"node.id=1\n\ngyre.regoin=eu\n", ":3: unknown key 'gyre.regoin'; did you mean "
                                          "'gyre.region'?"},
        {"node.id=1\nquite.something.else.altogether=1\n", "neither Gyre nor Kafka has it"},
        {"node.id=1\nnum.partitions=0\n", ":2: num.partitions must be at least 1, is 0"},
        {"node.id=1\nnum.partitions=many\n", "must be a whole number, is 'many'"},
        {"node.id=1\nnum.partitions=99999999999\n", "must be at most"},
        {"node.id=1\nauto.create.topics.enable=yes\n", "must be true or false, is 'yes'"},
        {"node.id=1\ngyre.durability=never\n", "must be one of fsync|memory, is 'never'"},
        {"node.id=1\nlog.cleanup.policy=delet\n", ":2: log.cleanup.policy must be a list of "
                                                  "compact|delete, is 'delet'"},
        {"node.id=1\nlog.cleanup.policy=delete, compact\n",
         ":2: log.cleanup.policy cannot be 'delete, compact': compaction is not available yet"},
        {"node.id=1\ncompression.gzip.level=0\n", "must be -1 or 1 to 9"},
        {"node.id=1\ngyre.cluster.id=prod\n",
         ":2: gyre.cluster.id must be a cluster id of 22 characters, is 'prod'"},
        {"node.id=1\ngyre.cluster.id=AAAAAAAAAAAAAAAAAAAAAA\n", "must be a cluster id"},
        {"num.partitions=1\n", "node.id is not given"},
        {"node.id=1\nbroker.id=2\n", ":2: broker.id and node.id differ"},
        {"node.id=1\nlog.dirs=/a,/b\n", ":2: log.dirs must name one directory, not 2"},
        {"node.id=1\nlisteners=localhost:9092\n", ":2: listeners: 'localhost:9092' is not "
                                                  "NAME://host:port"},
        {"node.id=1\nlisteners=PLAINTEXT://h:99999\n", "is not NAME://host:port"},
        {"node.id=1\nlisteners=FOO://:1\n", "has no protocol in listener.security.protocol.map"},
        {"node.id=1\nlisteners=SSL://:1,SSL://:2\n", "'SSL' is named twice"},
        {"node.id=1\nlisteners=SASL_SSL://:1\n", ":2: listeners: 'SASL_SSL' needs a certificate"},
        {"node.id=1\nlisteners=\n", "has no listener for clients"},
        {"node.id=1\nlisteners=PLAINTEXT://:1,SSL://h:1\n",
         ":2: listeners: port 1 is for 'PLAINTEXT' and for 'SSL'"},
        {"node.id=1\nlisteners=PLAINTEXT://127.0.0.1:9000,SSL://0.0.0.0:9020\n",
         "gyre.rpc.listeners: port 9020 is for 'SSL' and for 'other brokers'"},
        {"node.id=1\nlisteners=PLAINTEXT://h:9000\ngyre.admin.listeners=[::]:9020\n",
         ":3: gyre.admin.listeners: port 9020 is for 'other brokers' and for 'health and metrics'"},
        {"node.id=1\nsuper.users=User:root;admin\n",
         ":2: super.users: 'admin' is no principal, as User:alice is one"},
        {"node.id=1\nadvertised.listeners=PLAINTEXT://0.0.0.0:1\n", "no address that clients"},
        {"node.id=1\nadvertised.listeners=SSL://h:1\n", "is not one of `listeners`"},
        {"node.id=1\ngyre.seed.servers=a:1,b\n", ":2: gyre.seed.servers: 'b' is not host:port"},
        {"node.id=1\ngyre.rpc.listeners=a:1,b:2\n", "is one endpoint too many"},
        {"node.id=1\nlistener.name.ssl.ssl.client.auth=maybe\n",
         ":2: listener.name.ssl.ssl.client.auth must be one of none|requested|required"},
        {"node.id=1\na=\\u1\n", ":2: not a properties file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct loaded loaded = load(cases[i].text);

        assert_true(loaded.error != ERROR_NONE);
        if (strstr(loaded.report.text, cases[i].problem) == NULL) {
            fail_msg("case %zu: '%s' lacks '%s'", i, loaded.report.text, cases[i].problem);
        }
        forget(&loaded);
    }
}

static void several_problems_are_told_at_once(void **state)
{
    struct loaded loaded = load("num.partitions=0\nnum.partition=1\n");

    (void)state;
    assert_int_equal(loaded.error, ERROR_INVALID);
    assert_int_equal(loaded.report.problem_count, 3);
    forget(&loaded);
}

/* Another machine that is told of one of them would dial itself. */
static void every_address_is_not_what_brokers_are_told(void **state)
{
    static const char *const everywhere[] = {"", "0.0.0.0", "[::]"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct loaded loaded;
        char text[200];

        (void)snprintf(text, sizeof text,
                       "node.id=1\nlisteners=PLAINTEXT://%s:9092\n"
                       "advertised.listeners=PLAINTEXT://one.example:9192\n",
                       everywhere[i]);
        loaded = load(text);
        assert_int_equal(loaded.error, ERROR_NONE);
        assert_string_equal(loaded.config->rpc_advertised.host, "one.example");
        assert_int_equal(loaded.config->rpc_advertised.port, 9112);
        forget(&loaded);
    }
}

static void overrides_are_stronger_than_the_file(void **state)
{
    static const char *const overrides[] = {"node.id=9", "listeners=PLAINTEXT://[::1]:0",
                                            "gyre.seed.servers=a:1, [::2]:2",
                                            "gyre.admin.listeners=none"};
    struct config_report report = {0};
    struct broker_config *config;

    (void)state;
    assert_int_equal(config_load(NULL, overrides, 4, &report, &config), ERROR_NONE);
    assert_int_equal(config->node_id, 9);
    assert_string_equal(config->kafka_listeners[0].bind.host, "::1");
    assert_int_equal(config->kafka_listeners[0].bind.port, 0);
    assert_int_equal(config->rpc_listener.port, 0);
    assert_int_equal(config->seed_count, 2);
    assert_string_equal(config->seeds[1].host, "::2");
    assert_int_equal(config->seeds[1].port, 2);
    assert_false(config->has_admin_listener);
    assert_true(string_is(config_given(config, "node.id"), "9"));
    assert_null(config_given(config, "num.partitions").bytes);
    config_report_release(&report);
    config_free(config);
}

static void a_key_that_is_given_twice_is_named_and_the_last_one_holds(void **state)
{
    struct loaded loaded = load("num.partitions=3\nnode.id=1\nnum.partitions = 5\n"
                                "broker.rack=a\n");

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_int_equal(loaded.config->num_partitions, 5);
    assert_non_null(strstr(loaded.report.text,
                           ":1: note: 'num.partitions' is given again on line 3, which holds\n"));
    assert_null(strstr(loaded.report.text, ":3:"));
    assert_null(strstr(loaded.report.text, "broker.rack"));
    forget(&loaded);
}

static void an_option_that_is_only_reported_is_named(void **state)
{
    struct loaded loaded = load("node.id=1\nreplica.lag.time.max.ms=10000\n"
                                "log.retention.ms=5\ngyre.cluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n");
    struct uuid id;

    (void)state;
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_non_null(strstr(loaded.report.text,
                           ":2: note: 'replica.lag.time.max.ms' has no use here: Accepted and "));
    assert_null(strstr(loaded.report.text, "retention"));
    assert_int_equal(loaded.config->replica_lag_time_max_ms, 10000);
    assert_true(config_cluster_id(loaded.config, &id));
    forget(&loaded);
    loaded = load("node.id=1\ngyre.cluster.id=\n");
    assert_int_equal(loaded.error, ERROR_NONE);
    assert_false(config_cluster_id(loaded.config, &id));
    forget(&loaded);
}

static void a_missing_file_is_named(void **state)
{
    struct config_report report = {0};
    struct broker_config *config;

    (void)state;
    assert_int_equal(config_load("/nonexistent/broker.conf", NULL, 0, &report, &config),
                     ERROR_NOT_FOUND);
    assert_string_equal(report.text, "/nonexistent/broker.conf: No such file or directory\n");
    config_report_release(&report);
}

/* Printed and read again, a configuration is the same. */
static void a_printed_configuration_reads_back_the_same(void **state)
{
    struct loaded first = load("node.id=4\nbroker.rack=r\\\\1\nlog.retention.ms=5\n"
                               "listeners=PLAINTEXT://127.0.0.1:9\n"
                               "listener.name.plaintext.max.connections=7\n"
                               "listener.name.plaintext.max.connections=8\n"
                               "listener.name.plaintext.ssl.key.password=secret\n");
    char *printed = NULL;
    char *again = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    struct loaded second;

    (void)state;
    assert_int_equal(first.error, ERROR_NONE);
    config_print(first.config, out);
    (void)fclose(out);
    second = load(printed);
    assert_int_equal(second.error, ERROR_NONE);
    out = open_memstream(&again, &size);
    config_print(second.config, out);
    (void)fclose(out);
    assert_string_equal(printed, again);
    assert_non_null(strstr(printed, "broker.rack=r\\\\1\n"));
    assert_null(strstr(printed, "listener.name.plaintext.max.connections=7\n"));
    assert_non_null(strstr(printed, "listener.name.plaintext.max.connections=8\n"));
    assert_non_null(strstr(printed, "listener.name.plaintext.ssl.key.password=[hidden]\n"));
    free(printed);
    free(again);
    forget(&first);
    forget(&second);
}

/* GYRE_WRITE_EXAMPLE=1 renews the file. */
static void the_example_in_the_tree_is_what_would_be_printed(void **state)
{
    static char stored[65536];
    char *printed = NULL;
    size_t size;
    FILE *file;
    FILE *out = open_memstream(&printed, &size);

    (void)state;
    config_print_example(out);
    (void)fclose(out);
    if (getenv("GYRE_WRITE_EXAMPLE") != NULL) {
        file = fopen(EXAMPLE_FILE, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(printed, 1, size, file), size);
        (void)fclose(file);
    }
    file = fopen(EXAMPLE_FILE, "r");
    assert_non_null(file);
    stored[fread(stored, 1, sizeof stored - 1, file)] = '\0';
    (void)fclose(file);
    assert_string_equal(stored, printed);
    free(printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(a_file_of_kraft_mode_is_accepted),
        cmocka_unit_test(addresses_have_numbers_of_their_own),
        cmocka_unit_test(addresses_on_one_port_may_differ),
        cmocka_unit_test(a_key_of_a_listener_without_use_is_named),
        cmocka_unit_test(a_listener_has_options_of_its_own),
        cmocka_unit_test(every_problem_is_told_with_its_line),
        cmocka_unit_test(several_problems_are_told_at_once),
        cmocka_unit_test(every_address_is_not_what_brokers_are_told),
        cmocka_unit_test(overrides_are_stronger_than_the_file),
        cmocka_unit_test(a_key_that_is_given_twice_is_named_and_the_last_one_holds),
        cmocka_unit_test(an_option_that_is_only_reported_is_named),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_printed_configuration_reads_back_the_same),
        cmocka_unit_test(the_example_in_the_tree_is_what_would_be_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
