/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/disk_engine.h"

#include "disk_thread.h"

struct disk *disk_engine_new(uv_loop_t *uv, const char **out_name)
{
    if (out_name != NULL) {
        *out_name = "threads";
    }
    return disk_thread_new(uv);
}

void disk_engine_free(struct disk *disk)
{
    struct disk_engine *engine;

    if (disk != NULL) {
        engine = CONTAINER_OF(disk, struct disk_engine, disk);
        engine->free_engine(engine);
    }
}
