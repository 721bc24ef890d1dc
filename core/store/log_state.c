/* The header of the wal-index: see log_state.h. */
#include "store/log_state.h"

#define INDEX_BYTES  32768
#define HEADER_WORDS 12
/* Of the header's words. */
enum { AT_COMMITS = 2, AT_FRAMES = 4, AT_SALT = 8, AT_COPIED = 2 * HEADER_WORDS };

static const volatile uint32_t *map_index(ly_db *db)
{
    sqlite3_file *file = NULL;
    volatile void *map = NULL;
    if (db->immutable ||
        sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods || file->pMethods->iVersion < 2 || !file->pMethods->xShmMap)
        return NULL;
    const int rc = file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0, &map);
    return rc == SQLITE_OK || rc == SQLITE_READONLY ? map : NULL;
}

bool ly_log_state_read(ly_db *db, ly_log_state *ret)
{
    const volatile uint32_t *words = map_index(db);
    /* Two copies stand there, so that one that is being written shows. */
    for (int tries = 0; words && tries < 1000; tries++) {
        uint32_t a[HEADER_WORDS], b[HEADER_WORDS];
        /* Before the header: who lets the log start over changes the header first. */
        ret->copied = words[AT_COPIED];
        __sync_synchronize();
        for (size_t i = 0; i < HEADER_WORDS; i++)
            a[i] = words[i];
        __sync_synchronize();
        for (size_t i = 0; i < HEADER_WORDS; i++)
            b[i] = words[HEADER_WORDS + i];
        if (memcmp(a, b, sizeof a) != 0)
            continue;
        ret->commits = a[AT_COMMITS];
        ret->frames = a[AT_FRAMES];
        memcpy(ret->salt, &a[AT_SALT], sizeof ret->salt);
        return true;
    }
    return false;
}
