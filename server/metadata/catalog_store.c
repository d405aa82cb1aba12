/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of LMDB. Each value stands behind a CRC-32C over key and value, because LMDB has
 * no checksums of its own. The applied index is a row like the others, written in the same
 * transaction.
 */
#include "metadata/catalog_store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gyre/base/crc32c.h"

enum { CHECKSUM_BYTES = 4 };

/* Address space, not memory and not disk: the file grows as it fills. */
static const size_t map_bytes = (size_t)4 << 30;

/* No row's key begins with it. */
static const char index_key[] = "!applied-index";

struct lmdb_store {
    struct catalog_store store;
    MDB_env *environment;
    MDB_dbi database;
};

static struct lmdb_store *lmdb_of(struct catalog_store *store)
{
    return CONTAINER_OF(store, struct lmdb_store, store);
}

static enum error error_from_lmdb(int code)
{
    switch (code) {
    case MDB_SUCCESS: return ERROR_NONE;
    case MDB_NOTFOUND: return ERROR_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC: return ERROR_NO_SPACE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: return ERROR_CORRUPT;
    default: return code > 0 ? error_from_errno(code) : ERROR_IO;
    }
}

static uint32_t checksum(const MDB_val *key, const void *value, size_t length)
{
    return crc32c_extend(crc32c(key->mv_data, key->mv_size), value, length);
}

/* The value behind its checksum; CORRUPT when they do not agree. */
static enum error open_value(const MDB_val *key, const MDB_val *stored, struct bytes *out_value)
{
    if (stored->mv_size < CHECKSUM_BYTES || stored->mv_size > INT32_MAX) {
        return ERROR_CORRUPT;
    }
    char *value = (char *)stored->mv_data + CHECKSUM_BYTES;
    size_t length = stored->mv_size - CHECKSUM_BYTES;
    if (load_be32(stored->mv_data) != checksum(key, value, length)) {
        return ERROR_CORRUPT;
    }
    *out_value = (struct bytes){.bytes = value, .length = (int32_t)length};
    return ERROR_NONE;
}

static bool is_index_key(const MDB_val *key)
{
    return key->mv_size == sizeof index_key - 1 &&
           memcmp(key->mv_data, index_key, key->mv_size) == 0;
}

static enum error visit_row(const MDB_val *key, const MDB_val *stored, catalog_store_visit visit,
                            void *context, uint64_t *index)
{
    struct bytes value = {0};

    enum error error = open_value(key, stored, &value);
    if (error != ERROR_NONE) {
        return error;
    }
    if (!is_index_key(key)) {
        return visit(context, (struct bytes){key->mv_data, (int32_t)key->mv_size}, value);
    }
    if (value.length != sizeof *index) {
        return ERROR_CORRUPT;
    }
    *index = load_be64(value.bytes);
    return ERROR_NONE;
}

static enum error walk(MDB_cursor *cursor, catalog_store_visit visit, void *context,
                       uint64_t *index)
{
    MDB_val key;
    MDB_val stored;

    for (;;) {
        int code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT);
        if (code == MDB_NOTFOUND) {
            return ERROR_NONE;
        }
        if (code != MDB_SUCCESS) {
            return error_from_lmdb(code);
        }
        enum error error = visit_row(&key, &stored, visit, context, index);
        if (error != ERROR_NONE) {
            return error;
        }
    }
}

static enum error lmdb_load(struct catalog_store *store, catalog_store_visit visit, void *context,
                            uint64_t *out_index)
{
    struct lmdb_store *lmdb = lmdb_of(store);
    MDB_txn *transaction = NULL;
    MDB_cursor *cursor = NULL;
    uint64_t index = 0;

    int code = mdb_txn_begin(lmdb->environment, NULL, MDB_RDONLY, &transaction);
    if (code != MDB_SUCCESS) {
        return error_from_lmdb(code);
    }
    code = mdb_cursor_open(transaction, lmdb->database, &cursor);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(transaction);
        return error_from_lmdb(code);
    }
    enum error error = walk(cursor, visit, context, &index);
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
    if (error == ERROR_NONE) {
        *out_index = index;
    }
    return error;
}

static int put(MDB_txn *transaction, MDB_dbi database, MDB_val *key, const void *value,
               size_t length)
{
    MDB_val stored = {.mv_size = length + CHECKSUM_BYTES};

    int code = mdb_put(transaction, database, key, &stored, MDB_RESERVE);
    if (code == MDB_SUCCESS) {
        store_be32(stored.mv_data, checksum(key, value, length));
        memcpy((char *)stored.mv_data + CHECKSUM_BYTES, value, length);
    }
    return code;
}

static int write_row(MDB_txn *transaction, MDB_dbi database, const struct catalog_store_row *row)
{
    MDB_val key = {.mv_size = (size_t)row->key.length, .mv_data = row->key.bytes};

    if (row->value != NULL) {
        return put(transaction, database, &key, row->value->bytes, row->value->size);
    }
    int code = mdb_del(transaction, database, &key, NULL);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static int write_index(MDB_txn *transaction, MDB_dbi database, uint64_t index)
{
    char name[sizeof index_key];
    char value[sizeof index];
    MDB_val key = {.mv_size = sizeof index_key - 1, .mv_data = name};

    memcpy(name, index_key, sizeof name);
    store_be64(value, index);
    return put(transaction, database, &key, value, sizeof value);
}

static enum error lmdb_write(struct catalog_store *store, const struct catalog_store_row *rows,
                             int32_t count, uint64_t index)
{
    struct lmdb_store *lmdb = lmdb_of(store);
    MDB_txn *transaction = NULL;

    int code = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (code != MDB_SUCCESS) {
        return error_from_lmdb(code);
    }
    for (int32_t i = 0; code == MDB_SUCCESS && i < count; i++) {
        code = write_row(transaction, lmdb->database, &rows[i]);
    }
    if (code == MDB_SUCCESS) {
        code = write_index(transaction, lmdb->database, index);
    }
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(transaction);
        return error_from_lmdb(code);
    }
    return error_from_lmdb(mdb_txn_commit(transaction));
}

static enum error lmdb_drop(struct catalog_store *store)
{
    struct lmdb_store *lmdb = lmdb_of(store);
    MDB_txn *transaction = NULL;

    int code = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (code != MDB_SUCCESS) {
        return error_from_lmdb(code);
    }
    code = mdb_drop(transaction, lmdb->database, 0);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(transaction);
        return error_from_lmdb(code);
    }
    return error_from_lmdb(mdb_txn_commit(transaction));
}

static void lmdb_close(struct catalog_store *store)
{
    struct lmdb_store *lmdb = lmdb_of(store);

    mdb_env_close(lmdb->environment);
    free(lmdb);
}

static int open_database(struct lmdb_store *lmdb)
{
    MDB_txn *transaction = NULL;

    int code = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (code != MDB_SUCCESS) {
        return code;
    }
    code = mdb_dbi_open(transaction, NULL, 0, &lmdb->database);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(transaction);
        return code;
    }
    return mdb_txn_commit(transaction);
}

enum error catalog_store_open(const char *directory, struct catalog_store **out_store)
{
    static const struct catalog_store_operations operations = {lmdb_load, lmdb_write, lmdb_drop,
                                                               lmdb_close};
    struct lmdb_store *lmdb = check_alloc_zero(sizeof *lmdb);
    int code = MDB_SUCCESS;

    lmdb->store.operations = &operations;
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        code = errno;
        goto fail_struct;
    }
    code = mdb_env_create(&lmdb->environment);
    if (code != MDB_SUCCESS) {
        goto fail_struct;
    }
    code = mdb_env_set_mapsize(lmdb->environment, map_bytes);
    if (code == MDB_SUCCESS) {
        code = mdb_env_open(lmdb->environment, directory, MDB_NOTLS, 0644);
    }
    if (code == MDB_SUCCESS) {
        code = open_database(lmdb);
    }
    if (code != MDB_SUCCESS) {
        goto fail_environment;
    }
    *out_store = &lmdb->store;
    return ERROR_NONE;

fail_environment:
    mdb_env_close(lmdb->environment);
fail_struct:
    free(lmdb);
    return error_from_lmdb(code);
}
