#include <pthread.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/queue.h"
#include "tests/test.h"

static void test_buf_grows_to_its_maximum(void **state)
{
    (void)state;
    ly_buf b;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&b, 10);
    assert_string_equal(ly_buf_text(&b), "");
    ly_buf_c(&b, "0123456789");
    assert_int_equal(ly_buf_status(&b, "text", &err), LY_OK);
    ly_buf_char(&b, 'x');
    assert_int_equal(ly_buf_status(&b, "text", &err), LY_E_LIMIT);
    assert_string_equal(err.text, "text is larger than 10 bytes");
    assert_str(ly_buf_view(&b), "0123456789"); /* what fitted stays; nothing is half-written */
    assert_null(ly_buf_take(&b, NULL));
    ly_buf_c(&b, "again");
    size_t len;
    char *taken = ly_buf_take(&b, &len);
    assert_string_equal(taken, "again");
    assert_int_equal(len, 5);
    ly_free(taken);
    ly_buf_release(&b);
    ly_buf zero = {0};
    ly_buf_c(&zero, "x");
    assert_int_equal(zero.failed, LY_E_LIMIT);
}

static void test_buf_numbers_and_formats(void **state)
{
    (void)state;
    ly_buf b;
    ly_buf_init(&b, 4096);
    ly_buf_i64(&b, INT64_MIN);
    ly_buf_char(&b, ' ');
    ly_buf_u64(&b, UINT64_MAX);
    assert_str(ly_buf_view(&b), "-9223372036854775808 18446744073709551615");
    ly_buf_reset(&b);
    char big[600];
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    ly_buf_fmt(&b, "<%s>", big);
    assert_int_equal(b.len, 601);
    ly_buf_cut(&b, 2);
    assert_str(ly_buf_view(&b), "<y");
    ly_buf_release(&b);
}

static void test_buf_out_of_memory_is_sticky(void **state)
{
    (void)state;
    ly_buf b;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&b, 4096);
    ly_mem_fail_at(1, false);
    ly_buf_c(&b, "lost");
    ly_mem_fail_at(0, false);
    ly_buf_c(&b, "also lost");
    assert_int_equal(b.len, 0);
    assert_int_equal(ly_buf_status(&b, "text", &err), LY_E_NOMEM);
    ly_buf_release(&b);
}

static void test_arena_reuses_its_blocks(void **state)
{
    (void)state;
    ly_arena a;
    ly_arena_init(&a, 1024, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(ly_arena_alloc(&a, 100, 8));
    uint64_t before = ly_mem_count();
    for (int round = 0; round < 50; round++) {
        ly_arena_reset(&a);
        for (int i = 0; i < 100; i++)
            assert_non_null(ly_arena_alloc(&a, 100, 8));
    }
    assert_int_equal(ly_mem_count() - before, 0);
    ly_arena_release(&a);
}

static void test_arena_alignment_maximum_and_overflow(void **state)
{
    (void)state;
    ly_arena a;
    ly_arena_init(&a, 256, 8192);
    for (size_t align = 1; align <= 64; align *= 2) {
        assert_non_null(ly_arena_alloc(&a, 3, 1));
        void *p = ly_arena_alloc(&a, 24, align);
        assert_true(p && (uintptr_t)p % align == 0);
    }
    assert_null(ly_arena_alloc(&a, 9000, 8));
    assert_null(ly_arena_zalloc(&a, SIZE_MAX / 4, 8, 8));
    ly_str copy = ly_arena_copy(&a, LY_S(""));
    assert_non_null(copy.ptr);
    assert_str(ly_arena_fmt(&a, "%d-%s", 7, "x"), "7-x");
    ly_arena_release(&a);
    ly_arena_release(&a);
}

static void test_grow(void **state)
{
    (void)state;
    int *items = NULL;
    size_t cap = 0;
    assert_true(ly_grow(&items, &cap, 3, 20, sizeof *items) && cap >= 3);
    items[2] = 5;
    assert_true(ly_grow(&items, &cap, 20, 20, sizeof *items));
    assert_int_equal(items[2], 5);
    assert_false(ly_grow(&items, &cap, 21, 20, sizeof *items));
    ly_free(items);
}

static void test_queue_bounds(void **state)
{
    (void)state;
    ly_queue *q = NULL;
    void *item = NULL;
    int a, b, c;
    assert_int_equal(ly_queue_new(100, 3, &q, NULL), LY_OK);
    assert_int_equal(ly_queue_push(q, &a, 500, 0), LY_OK); /* alone, larger than the bound */
    assert_int_equal(ly_queue_push(q, &b, 1, 0), LY_E_FULL);
    assert_int_equal(ly_queue_pop(q, &item, 0), LY_OK);
    assert_ptr_equal(item, &a);
    assert_int_equal(ly_queue_push(q, &a, 60, 0), LY_OK);
    assert_int_equal(ly_queue_push(q, &b, 60, 1000000), LY_E_FULL);
    assert_int_equal(ly_queue_push(q, &b, 40, 0), LY_OK);
    assert_int_equal(ly_queue_cost(q), 100);
    ly_queue_close(q);
    assert_int_equal(ly_queue_push(q, &c, 1, 0), LY_E_CLOSED);
    assert_int_equal(ly_queue_pop(q, &item, 0), LY_OK);
    assert_int_equal(ly_queue_pop(q, &item, 0), LY_OK);
    assert_ptr_equal(item, &b);
    assert_int_equal(ly_queue_pop(q, &item, UINT64_MAX), LY_E_CLOSED);
    ly_queue_free(q);
}

#define PER_THREAD 5000

static void *push_many(void *arg)
{
    ly_queue *q = arg;
    for (uintptr_t i = 1; i <= PER_THREAD; i++) {
        if (ly_queue_push(q, (void *)i, 1, UINT64_MAX) != LY_OK)
            return (void *)1;
    }
    return NULL;
}

static void *pop_sum(void *arg)
{
    ly_queue *q = arg;
    uintptr_t sum = 0;
    void *item;
    while (ly_queue_pop(q, &item, UINT64_MAX) == LY_OK)
        sum += (uintptr_t)item;
    return (void *)sum;
}

static void test_queue_between_threads(void **state)
{
    (void)state;
    ly_queue *q = NULL;
    pthread_t push[3], pop[2];
    assert_int_equal(ly_queue_new(16, 16, &q, NULL), LY_OK);
    for (size_t i = 0; i < 2; i++)
        pthread_create(&pop[i], NULL, pop_sum, q);
    for (size_t i = 0; i < 3; i++)
        pthread_create(&push[i], NULL, push_many, q);
    for (size_t i = 0; i < 3; i++) {
        void *failed;
        pthread_join(push[i], &failed);
        assert_null(failed);
    }
    ly_queue_close(q);
    uintptr_t sum = 0;
    for (size_t i = 0; i < 2; i++) {
        void *part;
        pthread_join(pop[i], &part);
        sum += (uintptr_t)part;
    }
    assert_int_equal(sum, 3ull * PER_THREAD * (PER_THREAD + 1) / 2);
    ly_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_grows_to_its_maximum),
        cmocka_unit_test(test_buf_numbers_and_formats),
        cmocka_unit_test(test_buf_out_of_memory_is_sticky),
        cmocka_unit_test(test_arena_reuses_its_blocks),
        cmocka_unit_test(test_arena_alignment_maximum_and_overflow),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_queue_bounds),
        cmocka_unit_test(test_queue_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
