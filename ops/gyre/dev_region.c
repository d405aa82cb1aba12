/* SPDX-License-Identifier: Apache-2.0 */
#include "dev_region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "command.h"
#include "dev_process.h"

enum { DEV_DIRECTORY_MODE = 0750, DEV_SECRET_MODE = 0600 };

void dev_path(const struct dev *dev, const struct dev_region *region,
              const struct dev_broker *broker, const char *name, char path[DEV_PATH_MAX])
{
    (void)snprintf(path, DEV_PATH_MAX, "%s/%s/broker-%d%s%s", dev->dir, region->name,
                   broker->node_id, name[0] == '\0' ? "" : "/", name);
}

void dev_plan(struct dev *dev, int brokers, int regions, int port, int first_node_id)
{
    dev->region_count = regions;
    for (int r = 0; r < regions; r++) {
        struct dev_region *region = &dev->regions[r];

        region->index = r + 1;
        region->broker_count = brokers;
        if (regions == 1) {
            (void)snprintf(region->name, sizeof region->name, "local");
        } else {
            (void)snprintf(region->name, sizeof region->name, "region-%d", r + 1);
        }
        for (int b = 0; b < brokers; b++) {
            struct dev_broker *broker = &region->brokers[b];

            broker->node_id = first_node_id + b;
            broker->kafka_port = port + DEV_REGION_PORTS * r + b;
            broker->rpc_port = broker->kafka_port + DEV_RPC_PORT;
            broker->admin_port = broker->kafka_port + DEV_ADMIN_PORT;
            dev_path(dev, region, broker, "data", broker->data_dir);
        }
    }
}

/* ---- files ---- */

bool dev_make_directory(const char *path)
{
    if (mkdir(path, DEV_DIRECTORY_MODE) != 0 && errno != EEXIST) {
        complain("cannot make %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

int dev_lock(const char *dir)
{
    int descriptor = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor < 0 || flock(descriptor, LOCK_EX) != 0) {
        complain("cannot lock %s: %s", dir, strerror(errno));
        return -1;
    }
    return descriptor;
}

static void beside(const char *path, char out[DEV_PATH_MAX])
{
    (void)snprintf(out, DEV_PATH_MAX, "%s.new", path);
}

FILE *dev_create_secret(const char *path)
{
    char unfinished[DEV_PATH_MAX];
    int descriptor;
    FILE *file = NULL;

    beside(path, unfinished);
    descriptor = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, DEV_SECRET_MODE);
    if (descriptor >= 0 && fchmod(descriptor, DEV_SECRET_MODE) == 0) {
        file = fdopen(descriptor, "w");
    }
    if (file == NULL) {
        complain("cannot write %s: %s", path, strerror(errno));
    }
    return file;
}

bool dev_finish_file(FILE *file, const char *path)
{
    char unfinished[DEV_PATH_MAX];
    bool is_written = ferror(file) == 0;

    beside(path, unfinished);
    if (fclose(file) != 0 || !is_written || rename(unfinished, path) != 0) {
        complain("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* ---- dev.json ---- */

static void file_of(const char *dir, char path[DEV_PATH_MAX])
{
    (void)snprintf(path, DEV_PATH_MAX, "%s/dev.json", dir);
}

bool dev_exists(const char *dir)
{
    char path[DEV_PATH_MAX];
    struct stat status;

    file_of(dir, path);
    return stat(path, &status) == 0;
}

static json_t *listeners_to_json(const struct dev_security *security,
                                 const struct dev_broker *broker)
{
    json_t *json = json_object();

    for (int i = 0; i < security->listener_count; i++) {
        (void)json_object_set_new(
            json, dev_protocol_name(security->listeners[i]),
            json_sprintf("127.0.0.1:%d", broker->kafka_port + dev_listener_port(i)));
    }
    return json;
}

static json_t *broker_to_json(const struct dev_security *security, const struct dev_broker *broker,
                              bool has_states)
{
    bool is_running = dev_process_is_running(broker);
    json_t *json =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:s}", "node_id", broker->node_id, "pid",
                  is_running ? (int)broker->pid : 0, "kafka_port", broker->kafka_port, "rpc_port",
                  broker->rpc_port, "admin_port", broker->admin_port, "data_dir", broker->data_dir);

    (void)json_object_set_new(json, "listeners", listeners_to_json(security, broker));
    if (has_states) {
        (void)json_object_set_new(json, "state", json_string(dev_process_state(broker)));
    }
    return json;
}

static json_t *region_to_json(const struct dev *dev, const struct dev_region *region,
                              bool has_states)
{
    char bootstrap[DEV_BROKERS_MAX * 24] = "";
    char console[64];
    json_t *brokers = json_array();
    size_t used = 0;

    for (int i = 0; i < region->broker_count; i++) {
        used += (size_t)snprintf(bootstrap + used, sizeof bootstrap - used, "%s127.0.0.1:%d",
                                 i == 0 ? "" : ",", region->brokers[i].kafka_port);
        (void)json_array_append_new(
            brokers, broker_to_json(&dev->security, &region->brokers[i], has_states));
    }
    (void)snprintf(console, sizeof console, "http://127.0.0.1:%d/", region->brokers[0].admin_port);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o}", "name", region->name, "index", region->index,
                     "cluster_id", region->cluster_id, "bootstrap", bootstrap, "console", console,
                     "brokers", brokers);
}

json_t *dev_to_json(const struct dev *dev, bool has_states)
{
    json_t *regions = json_array();
    json_t *json;
    char path[DEV_PATH_MAX];

    for (int i = 0; i < dev->region_count; i++) {
        (void)json_array_append_new(regions, region_to_json(dev, &dev->regions[i], has_states));
    }
    json = json_pack("{s:s, s:o}", "dir", dev->dir, "regions", regions);
    if (dev_security_client_file(dev, path, sizeof path)) {
        (void)json_object_set_new(json, "client_properties", json_string(path));
    }
    return json;
}

bool dev_save(const struct dev *dev)
{
    char path[DEV_PATH_MAX];
    json_t *json = dev_to_json(dev, false);
    json_t *settings = json_array();
    FILE *file;
    bool is_written;

    for (int i = 0; i < dev->setting_count; i++) {
        (void)json_array_append_new(settings,
                                    json_pack("{s:i, s:s}", "broker", dev->settings[i].broker_index,
                                              "set", dev->settings[i].text));
    }
    (void)json_object_set_new(json, "settings", settings);
    (void)json_object_set_new(json, "security", dev_security_to_json(&dev->security));
    file_of(dev->dir, path);
    file = dev_create_secret(path);
    is_written = file != NULL && json_dumpf(json, file, JSON_INDENT(2)) == 0;
    json_decref(json);
    return file != NULL && dev_finish_file(file, path) && is_written;
}

static bool load_broker(struct dev_broker *broker, json_t *json)
{
    const char *data_dir;
    int pid;

    if (json_unpack(json, "{s:i, s:i, s:i, s:i, s:i, s:s}", "node_id", &broker->node_id, "pid",
                    &pid, "kafka_port", &broker->kafka_port, "rpc_port", &broker->rpc_port,
                    "admin_port", &broker->admin_port, "data_dir", &data_dir) != 0) {
        return false;
    }
    broker->pid = pid;
    (void)snprintf(broker->data_dir, sizeof broker->data_dir, "%s", data_dir);
    return true;
}

static bool load_region(struct dev_region *region, json_t *json)
{
    const char *name;
    const char *cluster_id;
    json_t *brokers;
    json_t *item;
    size_t i;

    if (json_unpack(json, "{s:s, s:i, s:s, s:o}", "name", &name, "index", &region->index,
                    "cluster_id", &cluster_id, "brokers", &brokers) != 0 ||
        json_array_size(brokers) == 0 || json_array_size(brokers) > DEV_BROKERS_MAX) {
        return false;
    }
    (void)snprintf(region->name, sizeof region->name, "%s", name);
    (void)snprintf(region->cluster_id, sizeof region->cluster_id, "%s", cluster_id);
    json_array_foreach(brokers, i, item)
    {
        if (!load_broker(&region->brokers[region->broker_count++], item)) {
            return false;
        }
    }
    return true;
}

static bool load_json(struct dev *dev, json_t *json)
{
    json_t *regions;
    json_t *settings;
    json_t *item;
    size_t i;

    if (json_unpack(json, "{s:o, s:o}", "regions", &regions, "settings", &settings) != 0 ||
        json_array_size(regions) == 0 || json_array_size(regions) > DEV_REGIONS_MAX ||
        json_array_size(settings) > DEV_SETTINGS_MAX) {
        return false;
    }
    json_array_foreach(regions, i, item)
    {
        if (!load_region(&dev->regions[dev->region_count++], item)) {
            return false;
        }
    }
    json_array_foreach(settings, i, item)
    {
        struct dev_setting *setting = &dev->settings[dev->setting_count++];
        const char *text;

        if (json_unpack(item, "{s:i, s:s}", "broker", &setting->broker_index, "set", &text) != 0) {
            return false;
        }
        (void)snprintf(setting->text, sizeof setting->text, "%s", text);
    }
    return dev_security_load(&dev->security, json_object_get(json, "security"));
}

bool dev_load(struct dev *dev, const char *dir)
{
    char path[DEV_PATH_MAX];
    json_error_t error;
    json_t *json;
    bool is_good;

    file_of(dir, path);
    json = json_load_file(path, 0, &error);
    if (json == NULL) {
        complain("%s: no region was made here (%s); `gyre dev up --dir %s` makes one", path,
                 error.text, dir);
        return false;
    }
    memset(dev, 0, sizeof *dev);
    (void)snprintf(dev->dir, sizeof dev->dir, "%s", dir);
    is_good = load_json(dev, json);
    json_decref(json);
    if (!is_good) {
        complain("%s: not what `gyre dev up` writes", path);
    }
    return is_good;
}

/* ---- broker.conf ---- */

static void print_seeds(FILE *out, const struct dev_region *region)
{
    (void)fputs("gyre.seed.servers=", out);
    for (int i = 0; i < region->broker_count; i++) {
        (void)fprintf(out, "%s127.0.0.1:%d", i == 0 ? "" : ",", region->brokers[i].rpc_port);
    }
    (void)fputc('\n', out);
}

bool dev_write_config(const struct dev *dev, const struct dev_region *region, int broker_index)
{
    const struct dev_broker *broker = &region->brokers[broker_index];
    char path[DEV_PATH_MAX];
    FILE *out;

    dev_path(dev, region, broker, "broker.conf", path);
    out = dev_create_secret(path);
    if (out == NULL) {
        return false;
    }
    (void)fprintf(out, "# written by `gyre dev up`\nnode.id=%d\n", broker->node_id);
    dev_security_print_config(dev, region, broker, out);
    (void)fprintf(out, "log.dirs=%s\n", broker->data_dir);
    (void)fprintf(out, "gyre.region=%s\ngyre.region.index=%d\n", region->name, region->index);
    (void)fprintf(out, "gyre.rpc.listeners=127.0.0.1:%d\n", broker->rpc_port);
    (void)fprintf(out, "gyre.admin.listeners=127.0.0.1:%d\n", broker->admin_port);
    print_seeds(out, region);
    for (int i = 0; i < dev->setting_count; i++) {
        if (dev->settings[i].broker_index < 0 || dev->settings[i].broker_index == broker_index) {
            (void)fprintf(out, "%s\n", dev->settings[i].text);
        }
    }
    return dev_finish_file(out, path);
}
