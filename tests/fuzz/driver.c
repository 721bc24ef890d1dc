/*
 * Runs a fuzz target without libFuzzer: each file of a folder, then mutations of them.
 *
 * usage: fuzz_x CORPUS_DIR [RUNS [SEED]]     or     fuzz_x FILE
 *
 * The mutations follow from the seed, so a failure is had again with the same arguments; the number of
 * the run is printed when the target dies. Each input lies in an allocation of exactly its size, so
 * that sanitizers see every overrun.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fuzz.h"

#define MAX_FILES 4096
#define MAX_BYTES (1u << 20)

typedef struct input {
    uint8_t *bytes;
    size_t n;
} input;

static input files[MAX_FILES];
static size_t n_files;
static volatile sig_atomic_t run_number;
static uint64_t state = 1;

static uint64_t next_random(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    return z ^ z >> 31;
}

static size_t below(size_t n)
{
    return n > 0 ? (size_t)(next_random() % n) : 0;
}

static void on_death(int signal_number)
{
    char text[64];
    int n = snprintf(text, sizeof text, "died in run %d\n", (int)run_number);
    (void)!write(2, text, (size_t)n);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool load(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || n_files == MAX_FILES) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    size_t n = (size_t)st.st_size < MAX_BYTES ? (size_t)st.st_size : MAX_BYTES, at = 0;
    uint8_t *bytes = ly_malloc(n);
    while (bytes && at < n) {
        ssize_t got = read(fd, bytes + at, n - at);
        if (got <= 0) {
            break;
        }
        at += (size_t)got;
    }
    close(fd);
    if (!bytes) {
        return false;
    }
    files[n_files++] = (input){bytes, at};
    return true;
}

static void load_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[4200];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        load(name);
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
}

/* One change in place or in size; *n stays within room. */
static void mutate_once(uint8_t *bytes, size_t *n, size_t room)
{
    static const uint8_t telling[] = {0,    1,    2,    8,    0x0A, 0x12, 0x20,
                                      0x22, 0x2C, 0x30, 0x5B, 0x5C, 0x5D, 0x7B,
                                      0x7D, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF};
    size_t at = below(*n + 1), len = 1 + below(below(16) == 0 ? 256 : 8);
    switch (next_random() % 7) {
    case 0: /* one bit */
        if (at < *n) {
            bytes[at] ^= (uint8_t)(1u << below(8));
        }
        break;
    case 1: /* a byte that readers look for */
        if (at < *n) {
            bytes[at] = telling[below(sizeof telling)];
        }
        break;
    case 2: /* cut out */
        len = len < *n - at ? len : *n - at;
        memmove(bytes + at, bytes + at + len, *n - at - len);
        *n -= len;
        break;
    case 3: /* a piece of it again, elsewhere */
        len = len < *n ? len : *n;
        if (*n + len <= room && len > 0) {
            uint8_t piece[512];
            memcpy(piece, bytes + below(*n - len + 1), len);
            memmove(bytes + at + len, bytes + at, *n - at);
            memcpy(bytes + at, piece, len);
            *n += len;
        }
        break;
    case 4: { /* a piece of another input */
        const input *other = &files[below(n_files)];
        len = len < other->n ? len : other->n;
        if (*n + len <= room && len > 0) {
            memmove(bytes + at + len, bytes + at, *n - at);
            memcpy(bytes + at, other->bytes + below(other->n - len + 1), len);
            *n += len;
        }
        break;
    }
    case 5: /* the end off */
        if (below(4) == 0) {
            *n = at;
        }
        break;
    default: /* a byte plus or minus one */
        if (at < *n) {
            bytes[at] = (uint8_t)(bytes[at] + (below(2) ? 1 : -1));
        }
        break;
    }
}

static void run_mutation(void)
{
    const input *base = &files[below(n_files)];
    size_t n = base->n, room = base->n + 4096;
    uint8_t *work = ly_malloc(room);
    if (!work) {
        return;
    }
    memcpy(work, base->bytes, n);
    for (size_t i = 1 + below(6); i > 0; i--) {
        mutate_once(work, &n, room);
    }
    uint8_t *exact = ly_malloc(n);
    if (exact) {
        memcpy(exact, work, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    ly_free(exact);
    ly_free(work);
}

int main(int argc, char **argv)
{
    struct stat st;
    if (argc < 2 || stat(argv[1], &st) != 0) {
        fprintf(stderr, "usage: %s CORPUS_DIR|FILE [RUNS [SEED]]\n", argv[0]);
        return 2;
    }
    if (S_ISDIR(st.st_mode)) {
        load_folder(argv[1]);
    } else {
        load(argv[1]);
    }
    if (n_files == 0) {
        fprintf(stderr, "%s: no inputs\n", argv[1]);
        return 1;
    }
    signal(SIGSEGV, on_death);
    signal(SIGABRT, on_death);
    for (size_t i = 0; i < n_files; i++) {
        run_number = -(int)i - 1;
        LLVMFuzzerTestOneInput(files[i].bytes, files[i].n);
    }
    long runs = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    int64_t until = ly_mono_ns() + 20 * LY_NS_PER_SEC; /* a slow build does what it can */
    for (run_number = 0; run_number < runs && ly_mono_ns() < until; run_number++) {
        run_mutation();
    }
    printf("%zu inputs, %d mutations\n", n_files, (int)run_number);
    for (size_t i = 0; i < n_files; i++) {
        ly_free(files[i].bytes);
    }
    return 0;
}
