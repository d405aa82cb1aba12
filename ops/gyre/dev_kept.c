/* SPDX-License-Identifier: Apache-2.0 */
#include "dev_kept.h"

#include <string.h>

#include "command.h"

static bool has_settings(const struct dev *dev, const struct dev_arguments *arguments)
{
    if (arguments->setting_count != dev->setting_count) {
        return false;
    }
    for (int i = 0; i < dev->setting_count; i++) {
        if (arguments->settings[i].broker_index != dev->settings[i].broker_index ||
            strcmp(arguments->settings[i].text, dev->settings[i].text) != 0) {
            return false;
        }
    }
    return true;
}

static bool has_listeners(const struct dev_security *has, const struct dev_security *asked)
{
    return asked->listener_count == 0 ||
           (asked->listener_count == has->listener_count &&
            memcmp(asked->listeners, has->listeners,
                   (size_t)asked->listener_count * sizeof asked->listeners[0]) == 0);
}

static bool has_super_users(const struct dev_security *has, const struct dev_security *asked)
{
    for (int i = 0; i < asked->super_user_count; i++) {
        int at = 0;

        while (at < has->super_user_count &&
               strcmp(has->super_users[at], asked->super_users[i]) != 0) {
            at++;
        }
        if (at == has->super_user_count) {
            return false;
        }
    }
    return true;
}

static void tell_who_stays(const struct dev *dev, const struct dev_security *asked)
{
    if (!has_listeners(&dev->security, asked) || !has_super_users(&dev->security, asked)) {
        complain("%s is in use and keeps the listeners and administrators that it was made with",
                 dev->dir);
    }
    if (asked->user_count > 0) {
        complain("the users of %s were made with it; from then on `gyre user` makes them",
                 dev->dir);
    }
}

void dev_kept_tell(const struct dev *dev, const struct dev_arguments *arguments)
{
    const struct dev_region *region = &dev->regions[0];
    const struct dev_broker *first = &region->brokers[0];

    if (arguments->is_shaped &&
        (arguments->regions != dev->region_count || arguments->brokers != region->broker_count ||
         arguments->port != first->kafka_port || arguments->first_node_id != first->node_id)) {
        complain("%s is in use and stays as it is: regions %d, brokers %d, port %d, first node "
                 "id %d",
                 dev->dir, dev->region_count, region->broker_count, first->kafka_port,
                 first->node_id);
    }
    if (arguments->setting_count > 0 && !has_settings(dev, arguments)) {
        complain("%s is in use and keeps the properties that it was made with, not those of --set",
                 dev->dir);
    }
    tell_who_stays(dev, &arguments->security);
}
