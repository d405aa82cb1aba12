/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are kept twice, as they are and as they are on stable storage; each directory has the list
 * of changes between the two. Descriptors are slots. Each lane is a queue whose head finishes when
 * a timer expires; reads have a timer each.
 */
#include "support/fake_disk.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "support/fake_disk_files.h"
#include "support/fake_disk_names.h"

enum { DESCRIPTORS_MAX = 65536, OPERATIONS = DISK_REMOVE_DIRECTORY + 1, FD_BASE = 1000 };

/* A request on its way. */
struct flight {
    struct list link;
    struct timer timer;
    struct fake_disk *fake;
    struct disk_request *request;
    enum disk_lane lane;
};

struct fake_disk {
    struct disk disk;
    struct loop *loop;
    struct random random;
    struct fake_names names;
    struct fake_file **descriptors; /* slots; NULL: free */
    int descriptor_count;
    int descriptors_open;
    int descriptors_peak;
    int descriptors_max;
    struct list lanes[3];     /* of flights, oldest first */
    uint64_t delay_min_us[3]; /* by lane */
    uint64_t delay_max_us[3];
    int64_t capacity;
    int fail_count[OPERATIONS];
    enum error fail_error[OPERATIONS];
    uint64_t counts[OPERATIONS];
    bool is_resident;
};

int64_t fake_disk_used(const struct fake_disk *fake)
{
    int64_t used = 0;

    list_for_each(link, &fake->names.files) {
        used += list_entry(link, struct fake_file, link)->now.size;
    }
    return used;
}

/* ---- descriptors ---- */

static int descriptor_new(struct fake_disk *fake, struct fake_file *file)
{
    int slot = 0;

    while (slot < fake->descriptor_count && fake->descriptors[slot] != NULL) {
        slot++;
    }
    if (slot == fake->descriptor_count) {
        CHECK(slot < DESCRIPTORS_MAX);
        fake->descriptor_count++;
        fake->descriptors = check_realloc(fake->descriptors, (size_t)fake->descriptor_count *
                                                                 sizeof(struct fake_file *));
    }
    file->references++;
    fake->descriptors_open++;
    if (fake->descriptors_open > fake->descriptors_peak) {
        fake->descriptors_peak = fake->descriptors_open;
    }
    fake->descriptors[slot] = file;
    return slot + FD_BASE;
}

static struct fake_file *descriptor_file(const struct fake_disk *fake, int fd)
{
    CHECK(fd >= FD_BASE);
    CHECK(fd < FD_BASE + fake->descriptor_count);
    CHECK(fake->descriptors[fd - FD_BASE] != NULL);
    return fake->descriptors[fd - FD_BASE];
}

static void descriptor_close(struct fake_disk *fake, int fd)
{
    struct fake_file *file = descriptor_file(fake, fd);

    fake->descriptors[fd - FD_BASE] = NULL;
    fake->descriptors_open--;
    fake_file_unref(file);
}

/* ---- operations ---- */

static int64_t vectors_length(const struct disk_request *request)
{
    int64_t length = 0;

    for (int i = 0; i < request->vector_count; i++) {
        length += (int64_t)request->vectors[i].iov_len;
    }
    return length;
}

static char *vectors_join(const struct disk_request *request)
{
    char *joined = check_alloc((size_t)vectors_length(request));
    size_t length = 0;

    for (int i = 0; i < request->vector_count; i++) {
        const struct iovec *vector = &request->vectors[i];

        if (vector->iov_len > 0) {
            memcpy(joined + length, vector->iov_base, vector->iov_len);
        }
        length += vector->iov_len;
    }
    return joined;
}

static bool fits(const struct fake_disk *fake, const struct fake_file *file, int64_t end)
{
    return end <= file->now.size || fake->capacity == INT64_MAX ||
           fake_disk_used(fake) + end - file->now.size <= fake->capacity;
}

static enum error perform_open(struct fake_disk *fake, struct disk_request *request)
{
    struct fake_file *file = fake_names_find(&fake->names, request->path);

    request->opened_fd = -1;
    if (file == NULL && (request->flags & DISK_CREATE) == 0) {
        return ERROR_NOT_FOUND;
    }
    if (file != NULL && (request->flags & DISK_EXCLUSIVE) != 0) {
        return ERROR_EXISTS;
    }
    if (file == NULL) {
        if (!fake_names_has_parent(&fake->names, request->path)) {
            return ERROR_NOT_FOUND;
        }
        file = fake_names_create(&fake->names, request->path, false);
    }
    request->opened_fd = descriptor_new(fake, file);
    return ERROR_NONE;
}

static enum error perform_write(struct fake_disk *fake, struct disk_request *request, bool durable)
{
    struct fake_file *file = descriptor_file(fake, request->fd);
    int64_t length = vectors_length(request);
    char *joined;

    if (!fits(fake, file, request->offset + length)) {
        return ERROR_NO_SPACE;
    }
    joined = vectors_join(request);
    fake_file_write(file, joined, request->offset, length);
    free(joined);
    if (durable) {
        fake_file_sync_range(file, request->offset, length);
    }
    request->bytes = length;
    return ERROR_NONE;
}

static enum error perform_read(struct fake_disk *fake, struct disk_request *request)
{
    const struct fake_file *file = descriptor_file(fake, request->fd);
    int64_t at = request->offset;

    for (int i = 0; i < request->vector_count && at < file->now.size; i++) {
        int64_t length = (int64_t)request->vectors[i].iov_len;

        if (length > file->now.size - at) {
            length = file->now.size - at;
        }
        memcpy(request->vectors[i].iov_base, file->now.bytes + at, (size_t)length);
        at += length;
        request->bytes += length;
    }
    return ERROR_NONE;
}

static enum error perform_allocate(struct fake_disk *fake, struct disk_request *request)
{
    struct fake_file *file = descriptor_file(fake, request->fd);
    int64_t end = request->offset + request->length;

    if (!fits(fake, file, end)) {
        return ERROR_NO_SPACE;
    }
    if (end > file->now.size) {
        fake_file_resize(file, end);
    }
    return ERROR_NONE;
}

static bool lacks_descriptor(const struct fake_disk *fake, const struct disk_request *request)
{
    return (request->operation == DISK_OPEN || request->operation == DISK_SYNC_DIRECTORY ||
            request->operation == DISK_SYNC_ALL) &&
           fake->descriptors_open >= fake->descriptors_max;
}

static bool fails_on_purpose(struct fake_disk *fake, struct disk_request *request)
{
    int *count = &fake->fail_count[request->operation];

    fake->counts[request->operation]++;
    if (*count > 0 && --*count == 0) {
        request->error = fake->fail_error[request->operation];
        request->opened_fd = -1;
        return true;
    }
    return false;
}

static enum error perform_on_fd(struct fake_disk *fake, struct disk_request *request)
{
    struct fake_file *file = descriptor_file(fake, request->fd);

    if (request->operation == DISK_CLOSE) {
        descriptor_close(fake, request->fd);
    } else if (request->operation == DISK_SYNC) {
        fake_file_sync(file);
    } else {
        fake_file_resize(file, request->offset);
    }
    return ERROR_NONE;
}

static void sync_all(struct fake_names *names)
{
    list_for_each(link, &names->files) {
        fake_file_sync(list_entry(link, struct fake_file, link));
    }
    fake_names_sync_all(names);
}

static void perform(struct fake_disk *fake, struct disk_request *request)
{
    struct fake_names *names = &fake->names;

    request->error = ERROR_NONE;
    request->bytes = 0;
    if (fails_on_purpose(fake, request)) {
        return;
    }
    if (lacks_descriptor(fake, request)) {
        request->error = ERROR_NO_DESCRIPTORS;
        request->opened_fd = -1;
        return;
    }
    switch (request->operation) {
    case DISK_OPEN: request->error = perform_open(fake, request); break;
    case DISK_READ_AT: request->error = perform_read(fake, request); break;
    case DISK_WRITE_AT: request->error = perform_write(fake, request, false); break;
    case DISK_WRITE_DURABLE: request->error = perform_write(fake, request, true); break;
    case DISK_CLOSE:
    case DISK_SYNC:
    case DISK_TRUNCATE: request->error = perform_on_fd(fake, request); break;
    case DISK_WRITE_BACK: break; /* stable is only what was synced */
    case DISK_ALLOCATE: request->error = perform_allocate(fake, request); break;
    case DISK_SYNC_DIRECTORY: request->error = fake_names_sync(names, request->path); break;
    case DISK_SYNC_ALL: sync_all(names); break;
    case DISK_RENAME:
        request->error = fake_names_rename(names, request->path, request->to_path);
        break;
    case DISK_UNLINK: request->error = fake_names_remove(names, request->path, false); break;
    case DISK_MAKE_DIRECTORY:
        request->error = fake_names_make_directory(names, request->path);
        break;
    case DISK_REMOVE_DIRECTORY:
        request->error = fake_names_remove(names, request->path, true);
        break;
    }
}

/* ---- lanes ---- */

static void start_flight(struct flight *flight)
{
    struct fake_disk *fake = flight->fake;
    uint64_t least_us = fake->delay_min_us[flight->lane];
    uint64_t spread = fake->delay_max_us[flight->lane] - least_us + 1;

    timer_start(fake->loop, &flight->timer, least_us + random_below(&fake->random, spread));
}

static void on_landed(struct timer *timer)
{
    struct flight *flight = CONTAINER_OF(timer, struct flight, timer);
    struct fake_disk *fake = flight->fake;
    struct disk_request *request = flight->request;
    struct list *lane = &fake->lanes[flight->lane];

    list_remove(&flight->link);
    if (flight->lane != DISK_LANE_READ && !list_is_empty(lane)) {
        start_flight(list_first(lane, struct flight, link));
    }
    free(flight);
    perform(fake, request);
    request->done(request);
}

static void fake_submit(struct disk *disk, enum disk_lane lane, struct disk_request *request)
{
    struct fake_disk *fake = CONTAINER_OF(disk, struct fake_disk, disk);
    struct flight *flight = check_alloc_zero(sizeof *flight);
    bool is_first = list_is_empty(&fake->lanes[lane]);

    CHECK(request->done != NULL);
    flight->fake = fake;
    flight->request = request;
    flight->lane = lane;
    timer_init(&flight->timer, on_landed);
    list_init(&flight->link);
    list_append(&fake->lanes[lane], &flight->link);
    if (is_first || lane == DISK_LANE_READ) {
        start_flight(flight);
    }
}

static void fake_execute(struct disk *disk, struct disk_request *request)
{
    perform(CONTAINER_OF(disk, struct fake_disk, disk), request);
}

static enum error fake_stat(struct disk *disk, const char *path, struct disk_stat *out_stat)
{
    struct fake_disk *fake = CONTAINER_OF(disk, struct fake_disk, disk);
    const struct fake_file *file = fake_names_find(&fake->names, path);

    if (file == NULL) {
        return ERROR_NOT_FOUND;
    }
    *out_stat =
        (struct disk_stat){.size_bytes = file->now.size, .is_directory = file->is_directory};
    return ERROR_NONE;
}

static enum error fake_list(struct disk *disk, const char *path,
                            void (*visit)(void *context, const char *name), void *context)
{
    struct fake_disk *fake = CONTAINER_OF(disk, struct fake_disk, disk);

    return fake_names_list(&fake->names, path, visit, context);
}

static enum error fake_space(struct disk *disk, const char *path, int64_t *out_total,
                             int64_t *out_usable)
{
    struct fake_disk *fake = CONTAINER_OF(disk, struct fake_disk, disk);

    (void)path;
    *out_total = fake->capacity;
    *out_usable = fake->capacity - fake_disk_used(fake);
    return ERROR_NONE;
}

static bool fake_is_resident(struct disk *disk, int fd, int64_t offset, int64_t length)
{
    const struct fake_disk *fake = CONTAINER_OF(disk, struct fake_disk, disk);

    return fake->is_resident && descriptor_file(fake, fd)->now.size >= offset + length;
}

void fake_disk_set_resident(struct fake_disk *fake, bool is_resident)
{
    fake->is_resident = is_resident;
}

/* ---- the world outside ---- */

struct fake_disk *fake_disk_new(struct loop *loop, uint64_t seed)
{
    static const struct disk_operations operations = {.submit = fake_submit,
                                                      .execute = fake_execute,
                                                      .stat = fake_stat,
                                                      .list = fake_list,
                                                      .space = fake_space,
                                                      .is_resident = fake_is_resident};
    struct fake_disk *fake = check_alloc_zero(sizeof *fake);

    fake->disk.operations = &operations;
    fake->loop = loop;
    random_seed(&fake->random, seed);
    fake_names_init(&fake->names);
    for (int i = 0; i < 3; i++) {
        list_init(&fake->lanes[i]);
    }
    fake->capacity = INT64_MAX;
    fake->descriptors_max = DESCRIPTORS_MAX;
    fake_disk_set_delay(fake, 20, 200);
    return fake;
}

struct fake_disk *fake_disk_copy(const struct fake_disk *fake, struct loop *loop, uint64_t seed)
{
    struct fake_disk *copy = fake_disk_new(loop, seed);

    fake_names_copy(&copy->names, &fake->names);
    return copy;
}

/* Requests under way: some were carried out, some in part, most not at all. */
static void drop_flights(struct fake_disk *fake, bool in_part)
{
    for (int i = 0; i < 3; i++) {
        bool is_head = true;

        list_for_each_safe(link, &fake->lanes[i]) {
            struct flight *flight = list_entry(link, struct flight, link);
            struct disk_request *request = flight->request;

            if (is_head && request->operation == DISK_WRITE_DURABLE && in_part) {
                char *joined = vectors_join(request);

                fake_file_write_in_part(descriptor_file(fake, request->fd), joined, request->offset,
                                        vectors_length(request), &fake->random);
                free(joined);
            } else if (is_head && random_chance(&fake->random, 500000)) {
                perform(fake, request);
            }
            is_head = false;
            timer_stop(fake->loop, &flight->timer);
            list_remove(link);
            free(flight);
        }
    }
}

static void close_all(struct fake_disk *fake)
{
    for (int i = 0; i < fake->descriptor_count; i++) {
        if (fake->descriptors[i] != NULL) {
            descriptor_close(fake, i + FD_BASE);
        }
    }
}

void fake_disk_free(struct fake_disk *fake)
{
    if (fake == NULL) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        list_for_each_safe(link, &fake->lanes[i]) {
            struct flight *flight = list_entry(link, struct flight, link);

            timer_stop(fake->loop, &flight->timer);
            list_remove(link);
            free(flight);
        }
    }
    close_all(fake);
    fake_names_release(&fake->names);
    free(fake->descriptors);
    free(fake);
}

struct disk *fake_disk_as_disk(struct fake_disk *fake)
{
    return &fake->disk;
}

void fake_disk_set_loop(struct fake_disk *fake, struct loop *loop)
{
    fake->loop = loop;
}

void fake_disk_set_delay(struct fake_disk *fake, uint64_t min_us, uint64_t max_us)
{
    for (int lane = 0; lane < 3; lane++) {
        fake_disk_set_lane_delay(fake, (enum disk_lane)lane, min_us, max_us);
    }
}

void fake_disk_set_lane_delay(struct fake_disk *fake, enum disk_lane lane, uint64_t min_us,
                              uint64_t max_us)
{
    CHECK(min_us <= max_us);
    fake->delay_min_us[lane] = min_us;
    fake->delay_max_us[lane] = max_us;
}

void fake_disk_crash(struct fake_disk *fake, bool tears)
{
    drop_flights(fake, tears);
    close_all(fake);
    fake_names_crash(&fake->names, &fake->random);
    list_for_each(link, &fake->names.files) {
        fake_file_crash(list_entry(link, struct fake_file, link), &fake->random, tears);
    }
}

void fake_disk_kill(struct fake_disk *fake)
{
    drop_flights(fake, false);
    close_all(fake);
}

void fake_disk_set_capacity(struct fake_disk *fake, int64_t bytes)
{
    fake->capacity = bytes;
}

bool fake_disk_flip(struct fake_disk *fake, const char *path, int64_t offset, unsigned bit)
{
    struct fake_file *file = fake_names_find(&fake->names, path);

    if (file == NULL || offset < 0 || offset >= file->now.size) {
        return false;
    }
    fake_file_flip(file, offset, bit);
    return true;
}

void fake_disk_set_descriptors(struct fake_disk *fake, int count)
{
    fake->descriptors_max = count;
}

int fake_disk_descriptors_peak(const struct fake_disk *fake)
{
    return fake->descriptors_peak;
}

int64_t fake_disk_size(const struct fake_disk *fake, const char *path)
{
    const struct fake_file *file = fake_names_find(&fake->names, path);

    return file == NULL ? -1 : file->now.size;
}

const char *fake_disk_bytes(const struct fake_disk *fake, const char *path)
{
    const struct fake_file *file = fake_names_find(&fake->names, path);

    return file == NULL ? NULL : file->now.bytes;
}

void fake_disk_for_each_file(const struct fake_disk *fake, const char *prefix,
                             void (*visit)(void *context, const char *path), void *context)
{
    fake_names_for_each_file(&fake->names, prefix, visit, context);
}

void fake_disk_fail(struct fake_disk *fake, enum disk_operation operation, int count,
                    enum error error)
{
    fake->fail_count[operation] = count;
    fake->fail_error[operation] = error;
}

bool fake_disk_fails_soon(const struct fake_disk *fake, enum disk_operation operation)
{
    return fake->fail_count[operation] > 0;
}

uint64_t fake_disk_count(const struct fake_disk *fake, enum disk_operation operation)
{
    return fake->counts[operation];
}
