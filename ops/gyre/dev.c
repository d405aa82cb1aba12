/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyre dev: regions on this machine. What `up` made stays in its directory, on the same ports and
 * with the same data, until the directory is removed.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gyre/runtime/clock.h"

#include "command.h"
#include "dev_kept.h"
#include "dev_options.h"
#include "dev_ports.h"
#include "dev_process.h"
#include "dev_region.h"

enum { POLL_MS = 50, PROGRESS_MS = 5000 };

/* ---- choosing brokers ---- */

typedef bool (*broker_action)(struct dev *dev, struct dev_region *region, int broker_index,
                              const struct dev_arguments *arguments);

/* False if the action failed anywhere, or if nothing was chosen. */
static bool for_chosen(struct dev *dev, const struct dev_arguments *arguments, broker_action act)
{
    int chosen = 0;
    bool is_good = true;

    for (int r = 0; r < dev->region_count; r++) {
        struct dev_region *region = &dev->regions[r];

        if (arguments->region != NULL && strcmp(arguments->region, region->name) != 0) {
            continue;
        }
        for (int b = 0; b < region->broker_count; b++) {
            if (arguments->node_id < 0 || arguments->node_id == region->brokers[b].node_id) {
                chosen++;
                is_good = act(dev, region, b, arguments) && is_good;
            }
        }
    }
    if (chosen == 0) {
        complain("there is no such broker in %s", dev->dir);
    }
    return is_good && chosen > 0;
}

static bool make_directories(const struct dev *dev, const struct dev_region *region,
                             const struct dev_broker *broker)
{
    char path[DEV_PATH_MAX];

    if (!dev_make_directory(dev->dir)) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/%s", dev->dir, region->name);
    if (!dev_make_directory(path)) {
        return false;
    }
    dev_path(dev, region, broker, "", path);
    return dev_make_directory(path);
}

/* Before a directory is in use: it keeps the properties that it was made with. */
static bool check_config(struct dev *dev, struct dev_region *region, int broker_index,
                         const struct dev_arguments *arguments)
{
    struct dev_broker *broker = &region->brokers[broker_index];

    (void)arguments;
    return make_directories(dev, region, broker) && dev_write_config(dev, region, broker_index) &&
           dev_process_check(dev, region, broker);
}

static bool settings_fit(const struct dev_arguments *arguments)
{
    for (int i = 0; i < arguments->setting_count; i++) {
        const struct dev_setting *setting = &arguments->settings[i];

        if (setting->broker_index >= arguments->brokers) {
            complain("--set %d:%s is of no broker: they are 0 to %d", setting->broker_index,
                     setting->text, arguments->brokers - 1);
            return false;
        }
    }
    return true;
}

/* The first users go into the data directories: whichever broker forms the region brings them. */
static bool format_one(struct dev *dev, struct dev_region *region, int broker_index,
                       const struct dev_arguments *arguments)
{
    struct dev_broker *broker = &region->brokers[broker_index];

    (void)arguments;
    if (dev->security.user_count == 0) {
        return true;
    }
    return dev_process_format(dev, region, broker);
}

/* Of all before the first is started: a region is not to come up in part. */
static bool check_ports(struct dev *dev, struct dev_region *region, int broker_index,
                        const struct dev_arguments *arguments)
{
    const struct dev_broker *broker = &region->brokers[broker_index];

    (void)arguments;
    return dev_process_is_running(broker) || dev_ports_are_free(dev, broker);
}

/* A broker that is paused goes on; one that is gone starts. */
static bool start_one(struct dev *dev, struct dev_region *region, int broker_index,
                      const struct dev_arguments *arguments)
{
    struct dev_broker *broker = &region->brokers[broker_index];

    (void)arguments;
    if (dev_process_is_running(broker)) {
        return kill(broker->pid, SIGCONT) == 0;
    }
    return make_directories(dev, region, broker) && dev_write_config(dev, region, broker_index) &&
           dev_process_start(dev, region, broker);
}

static bool kill_one(struct dev *dev, struct dev_region *region, int broker_index,
                     const struct dev_arguments *arguments)
{
    struct dev_broker *broker = &region->brokers[broker_index];

    (void)dev;
    if (!dev_process_is_running(broker)) {
        complain("broker %d of %s does not run", broker->node_id, region->name);
        return false;
    }
    if (kill(broker->pid, arguments->signal) != 0) {
        complain("cannot signal broker %d: %s", broker->node_id, strerror(errno));
        return false;
    }
    if (arguments->signal != SIGKILL && arguments->signal != SIGTERM) {
        return true;
    }
    (void)kill(broker->pid, SIGCONT); /* who is paused obeys no SIGTERM */
    if (!dev_process_wait_gone(broker, arguments->timeout_s * 1000)) {
        complain("broker %d did not stop in time", broker->node_id);
        return false;
    }
    return true;
}

/* ---- waiting ---- */

static int count_ready(struct dev *dev, const struct dev_arguments *arguments, int *out_chosen,
                       bool *out_is_dead)
{
    int ready = 0;

    *out_chosen = 0;
    for (int r = 0; r < dev->region_count; r++) {
        struct dev_region *region = &dev->regions[r];

        for (int b = 0; b < region->broker_count; b++) {
            struct dev_broker *broker = &region->brokers[b];

            if ((arguments->region != NULL && strcmp(arguments->region, region->name) != 0) ||
                (arguments->node_id >= 0 && arguments->node_id != broker->node_id)) {
                continue;
            }
            (*out_chosen)++;
            *out_is_dead = *out_is_dead || !dev_process_is_running(broker);
            ready += dev_process_is_ready(broker, region->cluster_id);
        }
    }
    return ready;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_monotonic_us(clock_system()) / 1000);
}

static enum exit_status wait_ready(struct dev *dev, const struct dev_arguments *arguments)
{
    struct timespec pause = {0, (long)POLL_MS * 1000000};
    int64_t told_ms = now_ms();
    int64_t end_ms = told_ms + (int64_t)arguments->timeout_s * 1000;
    bool is_dead = false;
    int chosen;

    while (now_ms() < end_ms) {
        int ready = count_ready(dev, arguments, &chosen, &is_dead);

        if (ready == chosen) {
            return STATUS_OK;
        }
        if (is_dead) {
            complain("a broker has ended; its gyred.log in %s says why", dev->dir);
            return STATUS_FAILED;
        }
        if (now_ms() - told_ms >= PROGRESS_MS) {
            told_ms = now_ms();
            (void)fprintf(stderr, "%d of %d brokers are ready\n", ready, chosen);
        }
        (void)nanosleep(&pause, NULL);
    }
    complain("not ready after %d s", arguments->timeout_s);
    return STATUS_TIMEOUT;
}

/* ---- printing ---- */

static void print_json(const struct dev *dev, bool has_states)
{
    json_t *json = dev_to_json(dev, has_states);

    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(json);
}

static void print_table(const struct dev *dev)
{
    (void)printf("%-12s %-8s %-9s %-8s %-22s %s\n", "REGION", "BROKER", "STATE", "PID", "KAFKA",
                 "DATA");
    for (int r = 0; r < dev->region_count; r++) {
        const struct dev_region *region = &dev->regions[r];

        for (int b = 0; b < region->broker_count; b++) {
            const struct dev_broker *broker = &region->brokers[b];

            (void)printf("%-12s %-8d %-9s %-8d 127.0.0.1:%-12d %s\n", region->name, broker->node_id,
                         dev_process_state(broker),
                         dev_process_is_running(broker) ? (int)broker->pid : 0, broker->kafka_port,
                         broker->data_dir);
        }
    }
}

/* What is now, for programs; people see by the silence that it is done. */
static int report(const struct dev *dev, const struct dev_arguments *arguments, int status)
{
    if (arguments->output == OUTPUT_JSON) {
        print_json(dev, true);
    }
    return status;
}

static void print(const struct dev *dev, enum output_format format, bool has_states)
{
    char path[DEV_PATH_MAX];

    if (format == OUTPUT_JSON) {
        print_json(dev, has_states);
    } else {
        print_table(dev);
        if (dev_security_client_file(dev, path, sizeof path)) {
            (void)printf("an administrator gets in with --command-config %s\n", path);
        }
    }
}

/* ---- the verbs ---- */

static bool resolve_dir(const char *dir, char resolved[PATH_MAX])
{
    if (!dev_make_directory(dir)) {
        return false;
    }
    if (realpath(dir, resolved) == NULL || strlen(resolved) >= sizeof((struct dev *)0)->dir) {
        complain("cannot use %s", dir);
        return false;
    }
    return true;
}

/* With `out_lock` as whoever starts brokers leaves it; held until that is closed. */
static struct dev *load(const char *dir, int *out_lock)
{
    static struct dev dev;
    char resolved[PATH_MAX];

    if (realpath(dir, resolved) == NULL) {
        complain("%s: %s", dir, strerror(errno));
        return NULL;
    }
    if (out_lock != NULL && (*out_lock = dev_lock(resolved)) < 0) {
        return NULL;
    }
    return dev_load(&dev, resolved) ? &dev : NULL;
}

/* To stop brokers: those that are being started have their process ids by then. Stopping takes
 * long, and others may start and stop brokers meanwhile. */
static struct dev *load_to_stop(const char *dir)
{
    int lock = -1;
    struct dev *dev = load(dir, &lock);

    if (lock >= 0) {
        (void)close(lock);
    }
    return dev;
}

/* Others may have started brokers while ours became ready. */
static bool save_cluster_ids(const struct dev *ready)
{
    static struct dev dev;
    int lock = dev_lock(ready->dir);
    bool is_good = lock >= 0 && dev_load(&dev, ready->dir);

    for (int r = 0; is_good && r < dev.region_count && r < ready->region_count; r++) {
        memcpy(dev.regions[r].cluster_id, ready->regions[r].cluster_id,
               sizeof dev.regions[r].cluster_id);
    }
    is_good = is_good && dev_save(&dev);
    if (lock >= 0) {
        (void)close(lock);
    }
    return is_good;
}

/* What is not there yet is laid out, protected and formatted before anything starts. */
static bool make_new(struct dev *dev, const char *dir, const struct dev_arguments *arguments)
{
    memcpy(dev->dir, dir, strlen(dir) + 1); /* resolve_dir() checked the length */
    dev_plan(dev, arguments->brokers, arguments->regions, arguments->port,
             arguments->first_node_id);
    dev->setting_count = arguments->setting_count;
    memcpy(dev->settings, arguments->settings, sizeof dev->settings);
    dev->security = arguments->security;
    if (dev->security.listener_count == 0) {
        dev->security.listeners[dev->security.listener_count++] = DEV_SASL_SSL;
    }
    if (dev->security.listener_count > 1 && arguments->brokers > DEV_BROKERS_LISTENERS_MAX) {
        complain("more than one listener goes with at most %d brokers", DEV_BROKERS_LISTENERS_MAX);
        return false;
    }
    dev_security_complete(&dev->security);
    return for_chosen(dev, arguments, check_ports) && for_chosen(dev, arguments, check_config) &&
           dev_security_prepare(dev) && for_chosen(dev, arguments, format_one) && dev_save(dev);
}

static int up(int argc, char **argv)
{
    static const struct argp_option options[] = {
        DEV_OPTION_DIR,
        DEV_OPTION_OUTPUT,
        DEV_OPTION_TIMEOUT,
        {"brokers", DEV_KEY_BROKERS, "N", 0, "Brokers in each region (3)", 0},
        {"regions", DEV_KEY_REGIONS, "N", 0, "Regions (1)", 0},
        {"port", DEV_KEY_PORT, "PORT", 0, "First port (19092)", 0},
        {"listeners", DEV_KEY_LISTENERS, "PROTOCOL,...", 0,
         "PLAINTEXT, SASL_PLAINTEXT, SSL, SASL_SSL; the first at the broker's port, the others "
         "50, 60 and 70 higher (SASL_SSL)",
         0},
        {"plaintext", DEV_KEY_PLAINTEXT, NULL, 0, "No encryption and no users anywhere", 0},
        {"user", DEV_KEY_USER, "NAME:PASSWORD", 0, "A user, for SCRAM and PLAIN; repeatable", 0},
        {"super-user", DEV_KEY_SUPER_USER, "NAME", 0,
         "Who may do everything; repeatable; ANONYMOUS is whoever comes without a name", 0},
        {"set", DEV_KEY_SET, "[B:]KEY=VALUE", 0, "A property of all brokers, or of broker B", 0},
        {"first-node-id", DEV_KEY_FIRST_NODE_ID, "N", 0, "Node id of the first broker (0)", 0},
        {0},
    };
    static struct dev dev;
    static struct dev_arguments arguments;
    char dir[PATH_MAX];
    enum exit_status status;
    int lock;

    dev_parse(options,
              "Start regions on this machine; return when they are healthy.\v"
              "On a directory in use: start what is not running, on the same ports and data.\n\n"
              "With SASL there is an administrator with a password: the first --super-user, else "
              "admin, whose password is random. DIR/client.properties lets gyre and Java in, "
              "DIR/kcat.conf kcat; "
              "DIR/pki has ca.crt, client.crt and client.key.\n\n"
              "Examples:\n"
              "  gyre dev up --dir /tmp/g\n"
              "  gyre dev up --dir /tmp/g --brokers 1 --port 9092 --plaintext --set "
              "num.partitions=4 -o json\n"
              "  gyre dev up --dir /tmp/g --listeners SASL_SSL,PLAINTEXT --super-user ANONYMOUS "
              "--user alice:secret",
              argc, argv, &arguments);
    if (!resolve_dir(arguments.dir, dir) || (lock = dev_lock(dir)) < 0) {
        return STATUS_FAILED;
    }
    bool is_in_use = dev_exists(dir);
    if (!is_in_use && !settings_fit(&arguments)) {
        return STATUS_USAGE;
    }
    if (is_in_use ? !dev_load(&dev, dir) : !make_new(&dev, dir, &arguments)) {
        return STATUS_FAILED;
    }
    if (is_in_use) {
        dev_kept_tell(&dev, &arguments);
    }
    if (!for_chosen(&dev, &arguments, check_ports) || !for_chosen(&dev, &arguments, start_one) ||
        !dev_save(&dev)) {
        return STATUS_FAILED;
    }
    (void)close(lock); /* others may start brokers that ours wait for */
    status = wait_ready(&dev, &arguments);
    if (status == STATUS_OK && save_cluster_ids(&dev)) {
        print(&dev, arguments.output, false);
    }
    return (int)status;
}

static int down(int argc, char **argv)
{
    static const struct argp_option options[] = {
        DEV_OPTION_DIR, DEV_OPTION_TIMEOUT, DEV_OPTION_OUTPUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;
    bool is_good = true;

    dev_parse(options,
              "Stop all brokers in order; the data stays.\vExample:\n  gyre dev down --dir /tmp/g",
              argc, argv, &arguments);
    dev = load_to_stop(arguments.dir);
    if (dev == NULL) {
        return STATUS_FAILED;
    }
    for (int r = 0; r < dev->region_count; r++) {
        for (int b = 0; b < dev->regions[r].broker_count; b++) {
            struct dev_broker *broker = &dev->regions[r].brokers[b];

            if (dev_process_is_running(broker)) {
                (void)kill(broker->pid, SIGCONT);
                (void)kill(broker->pid, SIGTERM);
            }
        }
    }
    for (int r = 0; r < dev->region_count; r++) {
        for (int b = 0; b < dev->regions[r].broker_count; b++) {
            struct dev_broker *broker = &dev->regions[r].brokers[b];

            if (!dev_process_wait_gone(broker, arguments.timeout_s * 1000)) {
                complain("broker %d did not stop in time; it is killed", broker->node_id);
                (void)kill(broker->pid, SIGKILL);
                is_good = false;
            }
        }
    }
    return report(dev, &arguments, is_good ? STATUS_OK : STATUS_TIMEOUT);
}

static int status_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {DEV_OPTION_DIR, DEV_OPTION_OUTPUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;
    bool is_dead = false;
    int chosen;

    dev_parse(options,
              "Say what runs.\vExit status 3 when a broker is not ready.\n\n"
              "Example:\n  gyre dev status --dir /tmp/g -o json",
              argc, argv, &arguments);
    dev = load(arguments.dir, NULL);
    if (dev == NULL) {
        return STATUS_FAILED;
    }
    print(dev, arguments.output, true);
    return count_ready(dev, &arguments, &chosen, &is_dead) == chosen ? STATUS_OK : STATUS_UNHEALTHY;
}

static int kill_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {
        DEV_OPTION_DIR,
        DEV_OPTION_BROKER,
        DEV_OPTION_REGION,
        DEV_OPTION_TIMEOUT,
        DEV_OPTION_OUTPUT,
        {"signal", DEV_KEY_SIGNAL, "NAME", 0, "KILL (the default), STOP, TERM, HUP, ...", 0},
        {0},
    };
    struct dev_arguments arguments;
    struct dev *dev;

    dev_parse(options,
              "Kill or pause brokers.\vExamples:\n"
              "  gyre dev kill --dir /tmp/g --broker 1\n"
              "  gyre dev kill --dir /tmp/g --broker 1 --signal STOP",
              argc, argv, &arguments);
    if (arguments.node_id < 0 && arguments.region == NULL) {
        complain("which one? (--broker or --region)");
        return STATUS_USAGE;
    }
    dev = load_to_stop(arguments.dir);
    if (dev == NULL || !for_chosen(dev, &arguments, kill_one)) {
        return STATUS_FAILED;
    }
    return report(dev, &arguments, STATUS_OK);
}

static int start_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {DEV_OPTION_DIR,    DEV_OPTION_BROKER,
                                                 DEV_OPTION_REGION, DEV_OPTION_TIMEOUT,
                                                 DEV_OPTION_OUTPUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;
    int lock;

    dev_parse(options,
              "Start brokers that were killed, continue those that were paused.\v"
              "Example:\n  gyre dev start --dir /tmp/g --broker 1",
              argc, argv, &arguments);
    dev = load(arguments.dir, &lock);
    if (dev == NULL || !for_chosen(dev, &arguments, check_ports) ||
        !for_chosen(dev, &arguments, start_one) || !dev_save(dev)) {
        return STATUS_FAILED;
    }
    (void)close(lock); /* others may start brokers that ours wait for */
    return report(dev, &arguments, (int)wait_ready(dev, &arguments));
}

int dev_command(int argc, char **argv)
{
    static const struct command verbs[] = {
        {"up", "start regions and wait until they are healthy", up},
        {"down", "stop them in order; the data stays", down},
        {"status", "say what runs", status_verb},
        {"kill", "kill or pause brokers", kill_verb},
        {"start", "start what was killed, continue what was paused", start_verb},
    };

    static const struct command_table table = {
        .path = "gyre dev",
        .intro = "Run regions on this machine.",
        .examples = "  gyre dev up --dir /tmp/g --brokers 3 --plaintext\n"
                    "  gyre dev kill --dir /tmp/g --broker 1\n"
                    "  gyre dev status --dir /tmp/g\n"
                    "  gyre dev start --dir /tmp/g --broker 1\n"
                    "  gyre dev down --dir /tmp/g\n",
        .commands = verbs,
        .count = sizeof verbs / sizeof verbs[0],
    };

    return command_dispatch(&table, argc, argv);
}
