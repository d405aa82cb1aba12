/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/disk_engine.h"

#include "disk_thread.h"

enum error disk_engine_new(uv_loop_t *uv, struct string wanted, struct disk **out_disk,
                           const char **out_name)
{
    enum error error = ERROR_UNSUPPORTED;

    if (!string_is(wanted, "threads")) {
        *out_name = "io_uring";
        error = disk_uring_new(uv, out_disk);
    }
    if (error != ERROR_NONE && !string_is(wanted, "io_uring")) {
        *out_name = "threads";
        *out_disk = disk_thread_new(uv);
        error = ERROR_NONE;
    }
    return error;
}

void disk_engine_free(struct disk *disk)
{
    struct disk_engine *engine;

    if (disk != NULL) {
        engine = CONTAINER_OF(disk, struct disk_engine, disk);
        engine->free_engine(engine);
    }
}
