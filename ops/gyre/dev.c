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
#include <sys/stat.h>
#include <time.h>

#include "command.h"
#include "dev_process.h"
#include "dev_region.h"

enum option_key {
    KEY_DIR = 'd',
    KEY_OUTPUT = 'o',
    KEY_BROKERS = 'n',
    KEY_REGIONS = 0x100,
    KEY_PORT,
    KEY_PLAINTEXT,
    KEY_SET,
    KEY_FIRST_NODE_ID,
    KEY_BROKER,
    KEY_REGION,
    KEY_SIGNAL,
    KEY_TIMEOUT,
};

enum { PORT_DEFAULT = 19092, BROKERS_DEFAULT = 3, TIMEOUT_DEFAULT_S = 60, POLL_MS = 50 };

struct dev_arguments {
    const char *dir;
    enum output_format output;
    int brokers;
    int regions;
    int port;
    int first_node_id;
    int timeout_s;
    int node_id; /* -1: all */
    const char *region;
    int signal;
    int setting_count;
    struct dev_setting settings[DEV_SETTINGS_MAX];
};

/* ---- arguments ---- */

static int number_of(struct argp_state *state, const char *text, long low, long high)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < low || value > high) {
        argp_error(state, "'%s' is not a number from %ld to %ld", text, low, high);
    }
    return (int)value;
}

static int signal_of(struct argp_state *state, const char *text)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"KILL", SIGKILL}, {"TERM", SIGTERM}, {"STOP", SIGSTOP},
                   {"CONT", SIGCONT}, {"INT", SIGINT},   {"ABRT", SIGABRT}};

    if (strncmp(text, "SIG", 3) == 0) {
        text += 3;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (strcmp(text, signals[i].name) == 0) {
            return signals[i].number;
        }
    }
    argp_error(state, "'%s' is not one of KILL, TERM, STOP, CONT, INT, ABRT", text);
    return 0;
}

/* KEY=VALUE, or B:KEY=VALUE for broker B (from 0). */
static void add_setting(struct argp_state *state, struct dev_arguments *arguments, const char *text)
{
    struct dev_setting *setting = &arguments->settings[arguments->setting_count];
    char *end;
    long broker = strtol(text, &end, 10);

    if (arguments->setting_count == DEV_SETTINGS_MAX) {
        argp_error(state, "more than %d settings", DEV_SETTINGS_MAX);
    }
    setting->broker_index = -1;
    if (end != text && *end == ':') {
        setting->broker_index = (int)broker;
        text = end + 1;
    }
    if (strchr(text, '=') == NULL || strlen(text) >= sizeof setting->text) {
        argp_error(state, "'%s' is not KEY=VALUE", text);
    }
    (void)snprintf(setting->text, sizeof setting->text, "%s", text);
    arguments->setting_count++;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct dev_arguments *arguments = state->input;

    switch (key) {
    case KEY_DIR: arguments->dir = argument; return 0;
    case KEY_OUTPUT:
        if (!output_format_parse(argument, &arguments->output)) {
            argp_error(state, "'%s' is neither table nor json", argument);
        }
        return 0;
    case KEY_BROKERS: arguments->brokers = number_of(state, argument, 1, DEV_BROKERS_MAX); return 0;
    case KEY_REGIONS: arguments->regions = number_of(state, argument, 1, DEV_REGIONS_MAX); return 0;
    case KEY_PORT: arguments->port = number_of(state, argument, 1024, 64000); return 0;
    case KEY_PLAINTEXT: return 0; /* there is nothing else yet */
    case KEY_SET: add_setting(state, arguments, argument); return 0;
    case KEY_FIRST_NODE_ID:
        arguments->first_node_id = number_of(state, argument, 0, INT_MAX - 100);
        return 0;
    case KEY_BROKER: arguments->node_id = number_of(state, argument, 0, INT_MAX); return 0;
    case KEY_REGION: arguments->region = argument; return 0;
    case KEY_SIGNAL: arguments->signal = signal_of(state, argument); return 0;
    case KEY_TIMEOUT: arguments->timeout_s = number_of(state, argument, 1, 3600); return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", argument); return 0;
    case ARGP_KEY_END:
        if (arguments->dir == NULL) {
            argp_error(state, "which directory? (--dir)");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", KEY_DIR, "DIR", 0, "The regions' directory", 0                                      \
    }
#define OPTION_OUTPUT                                                                              \
    {                                                                                              \
        "output", KEY_OUTPUT, "table|json", 0, "What to print", 0                                  \
    }
#define OPTION_REGION                                                                              \
    {                                                                                              \
        "region", KEY_REGION, "NAME", 0, "Only this region", 0                                     \
    }
#define OPTION_BROKER                                                                              \
    {                                                                                              \
        "broker", KEY_BROKER, "ID", 0, "Only this node id", 0                                      \
    }
#define OPTION_TIMEOUT                                                                             \
    {                                                                                              \
        "timeout", KEY_TIMEOUT, "SECONDS", 0, "How long to wait (60)", 0                           \
    }

static void parse(const struct argp_option *options, const char *documentation, int argc,
                  char **argv, struct dev_arguments *arguments)
{
    const struct argp parser = {options, parse_option, NULL, documentation, NULL, NULL, NULL};

    *arguments = (struct dev_arguments){.brokers = BROKERS_DEFAULT,
                                        .regions = 1,
                                        .port = PORT_DEFAULT,
                                        .timeout_s = TIMEOUT_DEFAULT_S,
                                        .node_id = -1,
                                        .signal = SIGKILL};
    (void)argp_parse(&parser, argc, argv, 0, NULL, arguments);
}

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

static bool make_directory(const char *path)
{
    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        complain("cannot make %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool make_directories(const struct dev *dev, const struct dev_region *region,
                             const struct dev_broker *broker)
{
    char path[DEV_PATH_MAX];

    if (!make_directory(dev->dir)) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/%s", dev->dir, region->name);
    if (!make_directory(path)) {
        return false;
    }
    dev_path(dev, region, broker, "", path);
    return make_directory(path);
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
    if (arguments->signal == SIGKILL || arguments->signal == SIGTERM) {
        return dev_process_wait_gone(broker, arguments->timeout_s * 1000);
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

static int wait_ready(struct dev *dev, const struct dev_arguments *arguments)
{
    struct timespec pause = {0, (long)POLL_MS * 1000000};
    bool is_dead = false;
    int chosen;

    for (int waited_ms = 0; waited_ms < arguments->timeout_s * 1000; waited_ms += POLL_MS) {
        int ready = count_ready(dev, arguments, &chosen, &is_dead);

        if (ready == chosen) {
            return STATUS_OK;
        }
        if (is_dead) {
            complain("a broker has ended; its gyred.log in %s says why", dev->dir);
            return STATUS_FAILED;
        }
        if (waited_ms > 0 && waited_ms % 5000 == 0) {
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
                         dev_process_state(broker), (int)broker->pid, broker->kafka_port,
                         broker->data_dir);
        }
    }
}

static void print(const struct dev *dev, enum output_format format, bool has_states)
{
    if (format == OUTPUT_JSON) {
        print_json(dev, has_states);
    } else {
        print_table(dev);
    }
}

/* ---- the verbs ---- */

static bool resolve_dir(const char *dir, char resolved[PATH_MAX])
{
    if (!make_directory(dir)) {
        return false;
    }
    if (realpath(dir, resolved) == NULL || strlen(resolved) >= sizeof((struct dev *)0)->dir) {
        complain("cannot use %s", dir);
        return false;
    }
    return true;
}

static struct dev *load(const char *dir)
{
    static struct dev dev;
    char resolved[PATH_MAX];

    if (realpath(dir, resolved) == NULL) {
        complain("%s: %s", dir, strerror(errno));
        return NULL;
    }
    return dev_load(&dev, resolved) ? &dev : NULL;
}

static int up(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        OPTION_OUTPUT,
        OPTION_TIMEOUT,
        {"brokers", KEY_BROKERS, "N", 0, "Brokers in each region (3)", 0},
        {"regions", KEY_REGIONS, "N", 0, "Regions (1)", 0},
        {"port", KEY_PORT, "PORT", 0, "First port (19092)", 0},
        {"plaintext", KEY_PLAINTEXT, NULL, 0, "Listen without encryption", 0},
        {"set", KEY_SET, "[B:]KEY=VALUE", 0, "A property of all brokers, or of broker B", 0},
        {"first-node-id", KEY_FIRST_NODE_ID, "N", 0, "Node id of the first broker (0)", 0},
        {0},
    };
    static struct dev dev;
    struct dev_arguments arguments;
    char dir[PATH_MAX];
    int status;

    parse(options,
          "Start regions on this machine; return when they are healthy.\v"
          "On a directory in use: start what is not running, on the same ports and data.\n\n"
          "Examples:\n"
          "  gyre dev up --dir /tmp/g\n"
          "  gyre dev up --dir /tmp/g --brokers 1 --port 9092 --set num.partitions=4 -o json",
          argc, argv, &arguments);
    if (!resolve_dir(arguments.dir, dir)) {
        return STATUS_FAILED;
    }
    if (dev_exists(dir)) {
        if (!dev_load(&dev, dir)) {
            return STATUS_FAILED;
        }
    } else {
        memcpy(dev.dir, dir, strlen(dir) + 1); /* resolve_dir() checked the length */
        dev_plan(&dev, arguments.brokers, arguments.regions, arguments.port,
                 arguments.first_node_id);
        dev.setting_count = arguments.setting_count;
        memcpy(dev.settings, arguments.settings, sizeof dev.settings);
    }
    if (!for_chosen(&dev, &arguments, start_one) || !dev_save(&dev)) {
        return STATUS_FAILED;
    }
    status = wait_ready(&dev, &arguments);
    if (status == STATUS_OK && dev_save(&dev)) {
        print(&dev, arguments.output, false);
    }
    return status;
}

static int down(int argc, char **argv)
{
    static const struct argp_option options[] = {OPTION_DIR, OPTION_TIMEOUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;
    bool is_good = true;

    parse(options,
          "Stop all brokers in order; the data stays.\vExample:\n  gyre dev down --dir /tmp/g",
          argc, argv, &arguments);
    dev = load(arguments.dir);
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
    return is_good ? STATUS_OK : STATUS_TIMEOUT;
}

static int status_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {OPTION_DIR, OPTION_OUTPUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;
    bool is_dead = false;
    int chosen;

    parse(options,
          "Say what runs.\vExit status 3 when a broker is not ready.\n\n"
          "Example:\n  gyre dev status --dir /tmp/g -o json",
          argc, argv, &arguments);
    dev = load(arguments.dir);
    if (dev == NULL) {
        return STATUS_FAILED;
    }
    print(dev, arguments.output, true);
    return count_ready(dev, &arguments, &chosen, &is_dead) == chosen ? STATUS_OK : STATUS_UNHEALTHY;
}

static int kill_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        OPTION_BROKER,
        OPTION_REGION,
        OPTION_TIMEOUT,
        {"signal", KEY_SIGNAL, "NAME", 0, "KILL (the default), STOP, TERM, ...", 0},
        {0},
    };
    struct dev_arguments arguments;
    struct dev *dev;

    parse(options,
          "Kill or pause brokers.\vExamples:\n"
          "  gyre dev kill --dir /tmp/g --broker 1\n"
          "  gyre dev kill --dir /tmp/g --broker 1 --signal STOP",
          argc, argv, &arguments);
    if (arguments.node_id < 0 && arguments.region == NULL) {
        complain("which one? (--broker or --region)");
        return STATUS_USAGE;
    }
    dev = load(arguments.dir);
    return dev != NULL && for_chosen(dev, &arguments, kill_one) ? STATUS_OK : STATUS_FAILED;
}

static int start_verb(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR, OPTION_BROKER, OPTION_REGION, OPTION_TIMEOUT, {0}};
    struct dev_arguments arguments;
    struct dev *dev;

    parse(options,
          "Start brokers that were killed, continue those that were paused.\v"
          "Example:\n  gyre dev start --dir /tmp/g --broker 1",
          argc, argv, &arguments);
    dev = load(arguments.dir);
    if (dev == NULL || !for_chosen(dev, &arguments, start_one) || !dev_save(dev)) {
        return STATUS_FAILED;
    }
    return wait_ready(dev, &arguments);
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

    return command_dispatch("gyre dev", "Run regions on this machine.", verbs,
                            (int)(sizeof verbs / sizeof verbs[0]), argc, argv);
}
