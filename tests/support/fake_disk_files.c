/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_disk_files.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

/* Room for `size` bytes, and nobody else's. */
static void bytes_own(struct fake_bytes *bytes, int64_t size)
{
    const char *lent = bytes->capacity == 0 ? bytes->bytes : NULL;
    int64_t capacity = bytes->capacity < 4096 ? 4096 : bytes->capacity;

    if (size <= bytes->capacity) {
        return;
    }
    while (capacity < size && bytes->capacity > 0) {
        capacity *= 2;
    }
    capacity = capacity < size ? size : capacity; /* most never grow again */
    bytes->bytes = check_realloc(lent != NULL ? NULL : bytes->bytes, (size_t)capacity);
    bytes->capacity = capacity;
    if (lent != NULL) {
        memcpy(bytes->bytes, lent, (size_t)(bytes->size < size ? bytes->size : size));
    }
}

static void bytes_resize(struct fake_bytes *bytes, int64_t size)
{
    bytes_own(bytes, size);
    if (size > bytes->size) {
        memset(bytes->bytes + bytes->size, 0, (size_t)(size - bytes->size));
    }
    bytes->size = size;
}

static void bytes_free(struct fake_bytes *bytes)
{
    if (bytes->capacity > 0) {
        free(bytes->bytes);
    }
}

static void bytes_write(struct fake_bytes *bytes, const char *from, int64_t offset, int64_t length)
{
    if (length == 0) {
        return;
    }
    bytes_own(bytes, bytes->size);
    if (offset + length > bytes->size) {
        bytes_resize(bytes, offset + length);
    }
    memcpy(bytes->bytes + offset, from, (size_t)length);
}

struct fake_file *fake_file_new(struct list *files, bool is_directory)
{
    struct fake_file *file = check_alloc_zero(sizeof *file);

    file->is_directory = is_directory;
    file->references = 1;
    list_init(&file->changes);
    list_append(files, &file->link);
    return file;
}

void fake_file_borrow(struct fake_file *file, const struct fake_bytes *bytes)
{
    CHECK(file->now.bytes == NULL);
    CHECK(file->stable.bytes == NULL);
    file->now = file->stable = (struct fake_bytes){.bytes = bytes->bytes, .size = bytes->size};
}

static void flip(struct fake_bytes *bytes, int64_t offset, unsigned bit)
{
    bytes_own(bytes, bytes->size);
    bytes->bytes[offset] = (char)(bytes->bytes[offset] ^ (1 << (bit % 8)));
}

void fake_file_flip(struct fake_file *file, int64_t offset, unsigned bit)
{
    flip(&file->now, offset, bit);
    if (offset < file->stable.size) {
        flip(&file->stable, offset, bit);
    }
}

static void drop_changes(struct fake_file *file)
{
    list_for_each_safe(link, &file->changes) {
        list_remove(link);
        free(list_entry(link, struct fake_change, link));
    }
}

void fake_file_unref(struct fake_file *file)
{
    CHECK(file->references > 0);
    if (--file->references == 0) {
        list_remove(&file->link);
        drop_changes(file);
        bytes_free(&file->now);
        bytes_free(&file->stable);
        free(file);
    }
}

static void add_change(struct fake_file *file, const char *bytes, int64_t offset, int64_t length)
{
    struct fake_change *change = check_alloc(sizeof *change + (length > 0 ? (size_t)length : 0));

    list_init(&change->link);
    change->offset = offset;
    change->length = length;
    if (length > 0) {
        memcpy(change->bytes, bytes, (size_t)length);
    }
    list_append(&file->changes, &change->link);
}

void fake_file_write(struct fake_file *file, const char *bytes, int64_t offset, int64_t length)
{
    bytes_write(&file->now, bytes, offset, length);
    add_change(file, bytes, offset, length);
}

void fake_file_resize(struct fake_file *file, int64_t size)
{
    bytes_resize(&file->now, size);
    add_change(file, NULL, size, -1);
}

static void apply(struct fake_file *file, const struct fake_change *change)
{
    if (change->length < 0) {
        bytes_resize(&file->stable, change->offset);
    } else {
        bytes_write(&file->stable, change->bytes, change->offset, change->length);
    }
}

void fake_file_sync_range(struct fake_file *file, int64_t offset, int64_t length)
{
    /* Sizes travel with the data; a change that overlaps comes along with all before it. */
    list_for_each_safe(link, &file->changes) {
        struct fake_change *change = list_entry(link, struct fake_change, link);

        if (change->length < 0 ||
            (change->offset < offset + length && offset < change->offset + change->length)) {
            apply(file, change);
            list_remove(link);
            free(change);
        }
    }
}

void fake_file_sync(struct fake_file *file)
{
    list_for_each(link, &file->changes) {
        apply(file, list_entry(link, struct fake_change, link));
    }
    drop_changes(file);
}

static void survive_by_sectors(struct fake_file *file, const struct fake_change *change,
                               struct random *random)
{
    int64_t at = change->offset;
    int64_t end = change->offset + change->length;

    while (at < end) {
        int64_t next = (at / FAKE_SECTOR_BYTES + 1) * FAKE_SECTOR_BYTES;

        next = next > end ? end : next;
        if (random_chance(random, 500000)) {
            bytes_write(&file->stable, change->bytes + (at - change->offset), at, next - at);
        }
        at = next;
    }
}

void fake_file_crash(struct fake_file *file, struct random *random, bool tears)
{
    list_for_each(link, &file->changes) {
        struct fake_change *change = list_entry(link, struct fake_change, link);

        if (change->length < 0 || !tears || random_chance(random, 500000)) {
            if (random_chance(random, 500000)) {
                apply(file, change);
            }
        } else {
            survive_by_sectors(file, change, random);
        }
    }
    drop_changes(file);
    file->now.size = 0;
    bytes_write(&file->now, file->stable.bytes, 0, file->stable.size);
}

void fake_file_write_in_part(struct fake_file *file, const char *bytes, int64_t offset,
                             int64_t length, struct random *random)
{
    int64_t at = offset;

    while (at < offset + length) {
        int64_t next = (at / FAKE_SECTOR_BYTES + 1) * FAKE_SECTOR_BYTES;

        next = next > offset + length ? offset + length : next;
        if (random_chance(random, 500000)) {
            fake_file_write(file, bytes + (at - offset), at, next - at);
        }
        at = next;
    }
}
