/*
 * Interned attribute keys, for hosts whose keys are not literals. The table is bounded, because a key
 * built from user input would otherwise grow it without end.
 */
#include "tracer/keys.h"

#include <pthread.h>

#include "base/mem.h"

#define TABLE_SIZE 8192u
#define MAX_KEYS   4096u

/* Guards both. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *table[TABLE_SIZE];
static uint32_t n_keys;

const char *ly_key_intern(ly_str key)
{
    const char *found = NULL;
    uint32_t at = (uint32_t)ly_str_hash(key) % TABLE_SIZE;
    pthread_mutex_lock(&lock);
    while (table[at] && !ly_str_eqc(key, table[at])) {
        at = (at + 1) % TABLE_SIZE;
    }
    if (!table[at] && n_keys < MAX_KEYS) {
        table[at] = ly_str_dup(key);
        n_keys += table[at] != NULL;
    }
    found = table[at];
    pthread_mutex_unlock(&lock);
    return found;
}

void ly_key_fork_lock(void)
{
    pthread_mutex_lock(&lock);
}

void ly_key_fork_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void ly_key_after_fork(void)
{
    pthread_mutex_init(&lock, NULL);
}
