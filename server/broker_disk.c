/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_disk.h"

#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/disk_engine.h"

enum error broker_disk_open(const struct broker_config *config, uv_loop_t *uv,
                            struct disk **out_disk)
{
    const char *engine;
    enum error error = disk_engine_new(uv, config->gyre_disk_engine, out_disk, &engine);

    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "the disk engine does not work on this system",
                  field_string("gyre.disk.engine", engine),
                  field_string("do", "set gyre.disk.engine=auto, or let the process use io_uring"));
    } else {
        log_info(LOG_MAIN, "the disk is driven", field_string("engine", engine));
    }
    return error;
}
