/* The input decoder: sequences to keys, halves, pastes, what is swallowed. */
#include "test.h"

#include "viewer/input.h"

static size_t feed(ly_input *in, const char *bytes, size_t n, ly_key *keys, size_t max)
{
    size_t got = 0;
    for (size_t i = 0; i < n; i++) {
        ly_key key;
        bool complete = ly_input_byte(in, (unsigned char)bytes[i], &key);
        while (complete && got < max) {
            keys[got++] = key;
            complete = ly_input_more(in, &key);
        }
    }
    return got;
}

static const struct {
    const char *bytes;
    uint32_t codes[6];
    size_t n;
} cases[] = {
    {"j", {'j'}, 1},
    {"\x1b[A\x1b[B\x1bOC\x1bOD", {LY_KEY_UP, LY_KEY_DOWN, LY_KEY_RIGHT, LY_KEY_LEFT}, 4},
    {"\x1b[5~\x1b[6~\x1b[H\x1b[4~", {LY_KEY_PAGE_UP, LY_KEY_PAGE_DOWN, LY_KEY_HOME, LY_KEY_END}, 4},
    {"\x1b[1;5A", {LY_KEY_UP}, 1},
    {"\r\n\t\x7f\x08",
     {LY_KEY_ENTER, LY_KEY_ENTER, LY_KEY_TAB, LY_KEY_BACKSPACE, LY_KEY_BACKSPACE},
     5},
    {"\xe6\x97\xa5", {0x65e5}, 1},
    {"\xe6j", {'j'}, 1}, /* a broken character does not take the key with it */
    {"\xff"
     "a",
     {'a'},
     1},
    {"\x1b]52;c;xyz\x07"
     "k",
     {'k'},
     1}, /* an answer of the terminal is no typing */
    {"\x1bP1$r0m\x1b\\k", {'k'}, 1},
    {"\x1b[?62;22c"
     "k",
     {LY_KEY_IS_END, 'k'},
     2},
    {"\x1b[?2026;2$yk", {LY_KEY_IS_MODE, 'k'}, 2},
    {"\x1b[2;6Rk", {LY_KEY_IS_CURSOR, 'k'}, 2},
    {"\x1b[1;2R", {LY_KEY_F1 + 2}, 1}, /* Shift-F3; row 1 is not asked for */
    {"\x1bOR", {LY_KEY_F1 + 2}, 1},
    {"\x1b[>41;354;0ck", {'k'}, 1},
    {"\x1b[?1u\x1b[?6;0;1yk", {LY_KEY_IS_MODE, 'k'}, 2},
    {"\x1b]jk", {'j', 'k'}, 2}, /* Alt with a key, not the begin of a string without an end */
    {"\x1bPj\x1bXk\x1b^l\x1b_m", {'j', 'k', 'l', 'm'}, 4},
    {"\x1b_Gi=1;OK\x1b\\k", {'k'}, 1},
    {"\x1b[<0;3;4M\x1b[<32;5;6M\x1b[<0;5;6m", {LY_KEY_PRESS, LY_KEY_DRAG, LY_KEY_RELEASE}, 3},
    {"\x1b[<64;3;4Mk", {LY_KEY_WHEEL_UP, 'k'}, 2},
    {"\x1b\x1b[A", {LY_KEY_ESC, LY_KEY_UP}, 2},
    {"\x1bj", {LY_KEY_ESC, 'j'}, 2}, /* typed ahead; Alt is no way to a command of its own */
    {"\x1b\xe6\x97\xa5", {LY_KEY_ESC, 0x65e5}, 2},
    {"\x1bq\x1b[B", {LY_KEY_ESC, 'q', LY_KEY_DOWN}, 3},
};

static void sequences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ly_input in = {.n = 0};
        ly_key keys[8];
        size_t n = feed(&in, cases[i].bytes, strlen(cases[i].bytes), keys, 8);
        if (n != cases[i].n) {
            fail_msg("case %zu: %zu keys instead of %zu", i, n, cases[i].n);
        }
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(keys[k].code, cases[i].codes[k]);
        }
    }
}

static void escape_alone_needs_silence(void **state)
{
    (void)state;
    ly_input in = {.n = 0};
    ly_key key;
    assert_false(ly_input_byte(&in, 27, &key));
    assert_true(ly_input_flush(&in, &key));
    assert_int_equal(key.code, LY_KEY_ESC);
    assert_false(ly_input_flush(&in, &key));
}

/* What never ends does not keep the keyboard: after silence it is given up. */
static void nothing_holds_the_keyboard(void **state)
{
    (void)state;
    static const char *const begun[] = {"\x1b]0;title", "\x1bP1$r", "\x1b_G",
                                        "\x1b[12;",     "\xe6\x97", "\x1bO"};
    ly_key key[8];
    for (size_t i = 0; i < sizeof begun / sizeof begun[0]; i++) {
        ly_input in = {.n = 0};
        assert_int_equal(ly_input_wait_ms(&in), 0);
        assert_int_equal(feed(&in, begun[i], strlen(begun[i]), key, 8), 0);
        assert_true(ly_input_wait_ms(&in) >= 200); /* a slow line may bring the rest */
        assert_false(ly_input_flush(&in, key));
        assert_int_equal(ly_input_wait_ms(&in), 0);
        assert_int_equal(feed(&in, "j", 1, key, 8), 1);
        assert_int_equal(key[0].code, 'j');
    }
    ly_input in = {.n = 0};
    assert_int_equal(feed(&in, "\x1b[200~half", 10, key, 8), 4);
    assert_true(ly_input_wait_ms(&in) >= 1000);
    assert_false(ly_input_flush(&in, key));
    assert_int_equal(feed(&in, "j", 1, key, 8), 1);
    assert_false(key[0].pasted);
}

static void a_paste_is_marked(void **state)
{
    (void)state;
    ly_input in = {.n = 0};
    ly_key keys[8];
    const char *bytes = "\x1b[200~Q\r\x1b[201~Q";
    assert_int_equal(feed(&in, bytes, strlen(bytes), keys, 8), 3);
    assert_true(keys[0].pasted && keys[1].pasted);
    assert_false(keys[2].pasted);
}

static void terminfo_names_win(void **state)
{
    (void)state;
    static const ly_key_name names[] = {{"\x1b[11~", LY_KEY_HOME}, {"\x1bOX", LY_KEY_END}};
    ly_input in = {.names = names, .n_names = 2};
    ly_key keys[4];
    assert_int_equal(feed(&in, "\x1b[11~\x1bOX", 8, keys, 4), 2);
    assert_int_equal(keys[0].code, LY_KEY_HOME);
    assert_int_equal(keys[1].code, LY_KEY_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences),
        cmocka_unit_test(escape_alone_needs_silence),
        cmocka_unit_test(nothing_holds_the_keyboard),
        cmocka_unit_test(a_paste_is_marked),
        cmocka_unit_test(terminfo_names_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
