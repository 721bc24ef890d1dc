/* The sanitiser and the width table: every byte, an attack corpus, widths, fitting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/term.h"
#include "base/utf8.h"

static void cleaned(ly_buf *out, ly_str text, unsigned flags)
{
    ly_buf_reset(out);
    ly_term_clean(out, text, flags);
}

/* Nothing that drives a terminal: no C0 (but a permitted line feed), no DEL, no C1, no bidirectional
 * control, valid UTF-8 throughout. */
static void assert_harmless(ly_str s, unsigned flags)
{
    assert_true(ly_utf8_valid(s));
    size_t pos = 0;
    while (pos < s.len) {
        uint32_t cp = ly_utf8_next(s, &pos);
        if (cp == '\n') {
            assert_true(flags & LY_TERM_LINES);
            continue;
        }
        assert_true(cp >= 0x20);
        assert_false(cp >= 0x7F && cp <= 0x9F);
        assert_false(cp >= 0x202A && cp <= 0x202E);
        assert_false(cp >= 0x2066 && cp <= 0x2069);
        assert_false(cp >= 0xE0000 && cp <= 0xE007F);
        if (flags & LY_TERM_ASCII) {
            assert_true(cp < 0x7F);
        }
    }
}

static const unsigned all_flags[] = {LY_TERM_ONE_LINE, LY_TERM_LINES, LY_TERM_ASCII,
                                     LY_TERM_LINES | LY_TERM_ASCII};

static void every_byte_alone_and_in_pairs(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 4096);
    for (unsigned f = 0; f < LY_COUNT(all_flags); f++) {
        for (int a = 0; a < 256; a++) {
            char one[1] = {(char)a};
            cleaned(&out, ly_str_n(one, 1), all_flags[f]);
            assert_true(out.len > 0);
            assert_harmless(ly_buf_view(&out), all_flags[f]);
            for (int b = 0; b < 256; b++) {
                char two[2] = {(char)a, (char)b};
                cleaned(&out, ly_str_n(two, 2), all_flags[f]);
                assert_harmless(ly_buf_view(&out), all_flags[f]);
            }
        }
    }
    ly_buf_release(&out);
}

static void every_code_point(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 4096);
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char bytes[8] = "a";
        size_t n = 1 + ly_utf8_put(cp, bytes + 1);
        cleaned(&out, ly_str_n(bytes, n), LY_TERM_ONE_LINE);
        assert_harmless(ly_buf_view(&out), LY_TERM_ONE_LINE);
        size_t pos = 0;
        while (pos < out.len) {
            int cells;
            ly_str cluster = ly_term_cluster(ly_buf_view(&out), &pos, &cells);
            assert_true(cluster.len > 0 && cells >= 0 && cells <= 2);
        }
    }
    ly_buf_release(&out);
}

static const char *const attacks[] = {
    "\x1b[2J\x1b[H",                                /* clear */
    "\x1b]0;title\x07",                             /* OSC title */
    "\x1b]52;c;cm0gLXJmIC8=\x07",                   /* OSC 52 clipboard write */
    "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", /* OSC 8 link */
    "\x1bP+q544e\x1b\\",                            /* DCS */
    "\x1b_G a=T\x1b\\",                             /* APC graphics */
    "\x1b^pm\x1b\\",                                /* PM */
    "\xc2\x9b\x32J",                                /* C1 CSI as UTF-8 */
    "\x9b\x32J",                                    /* C1 CSI as a raw byte */
    "\x1b[6n\x1b[c\x1b[?1049h",                     /* queries, alternate screen */
    "a\rb",                                         /* overprint */
    "a\x08\x08rm",                                  /* backspace */
    "\xe2\x80\xae"
    "cod.exe",                              /* right-to-left override */
    "\xf3\xa0\x80\x81\xf3\xa0\x81\xa1",     /* tag characters */
    "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", /* overlong, surrogate, too large */
    "\x0e\x0f\x05\x11\x13",                 /* shifts, ENQ, flow control */
};

static void attack_corpus(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 65536);
    for (unsigned f = 0; f < LY_COUNT(all_flags); f++) {
        for (size_t i = 0; i < LY_COUNT(attacks); i++) {
            cleaned(&out, ly_str_c(attacks[i]), all_flags[f]);
            assert_harmless(ly_buf_view(&out), all_flags[f]);
        }
    }
    cleaned(&out, LY_S("\x1b[31mred"), 0);
    assert_string_equal(ly_buf_text(&out), "\\x1b[31mred");
    cleaned(&out,
            LY_S("a\xe2\x80\xae"
                 "b"),
            0);
    assert_string_equal(ly_buf_text(&out), "a\\u{202E}b");
    cleaned(&out, LY_S("one\r\ntwo\nthree"), LY_TERM_LINES);
    assert_string_equal(ly_buf_text(&out), "one\ntwo\nthree");
    cleaned(&out, LY_S("one\ntwo"), 0);
    assert_string_equal(ly_buf_text(&out), "one\xe2\x8f\x8etwo");
    cleaned(&out, LY_S("one\ntwo\xc3\xa9"), LY_TERM_ASCII);
    assert_string_equal(ly_buf_text(&out), "one\\ntwo\\u{00E9}");
    ly_buf_release(&out);
}

static void stacked_marks_are_limited(void **state)
{
    (void)state;
    ly_buf text, out;
    ly_buf_init(&text, 4096);
    ly_buf_init(&out, 65536);
    ly_buf_c(&text, "a");
    for (int i = 0; i < 100; i++) {
        ly_buf_c(&text, "\xcc\x81");
    }
    cleaned(&out, ly_buf_view(&text), 0);
    size_t kept = 0, from = 0;
    while ((from = ly_str_find(ly_buf_view(&out), LY_S("\xcc\x81"), from)) != SIZE_MAX) {
        kept++;
        from++;
    }
    /* An escape is a new base, so marks come in groups; no group is longer than six. */
    assert_true(kept < 100);
    assert_int_equal(ly_str_find(ly_buf_view(&out),
                                 LY_S("\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81"),
                                 0),
                     SIZE_MAX);
    /* A mark with nothing before it would land on our border. */
    cleaned(&out, LY_S("\xcc\x81x"), 0);
    assert_string_equal(ly_buf_text(&out), "\\u{0301}x");
    ly_buf_release(&text);
    ly_buf_release(&out);
}

static const struct {
    const char *text;
    size_t cells;
} widths[] = {
    {"", 0},
    {"abc", 3},
    {"\xe6\x97\xa5\xe6\x9c\xac", 4},                     /* CJK */
    {"\xef\xbd\xb1", 1},                                 /* half-width katakana */
    {"\xef\xbc\xa1", 2},                                 /* full-width A */
    {"e\xcc\x81", 1},                                    /* e + acute */
    {"\xf0\x9f\xab\xa8", 2},                             /* U+1FAE8: newer than glibc 2.36 */
    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", 2}, /* woman technologist (joined) */
    {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2},             /* thumb with skin tone */
    {"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 2},             /* flag DE */
    {"\xe2\x9d\xa4\xef\xb8\x8f", 2},                     /* heart + VS16 */
    {"\xe2\x9d\xa4", 1},                                 /* heart, text */
    {"1\xef\xb8\x8f\xe2\x83\xa3", 2},                    /* keycap 1 */
    {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2},         /* Hangul jamo */
    {"\xe2\x94\x80\xe2\x94\x82\xe2\x96\x8f", 3},         /* box, eighth block */
    {"\xd7\xa9\xd7\x9c", 2},                             /* Hebrew */
};

static void width_table(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 4096);
    for (size_t i = 0; i < LY_COUNT(widths); i++) {
        cleaned(&out, ly_str_c(widths[i].text), 0);
        /* All of these are printable: cleaning must not touch them. */
        assert_string_equal(ly_buf_text(&out), widths[i].text);
        assert_int_equal(ly_term_width(ly_buf_view(&out)), widths[i].cells);
    }
    ly_buf_release(&out);
}

static void fit_is_exact(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 4096);
    for (size_t i = 0; i < LY_COUNT(widths); i++) {
        for (size_t cells = 0; cells < 8; cells++) {
            ly_buf_reset(&out);
            ly_term_fit(&out, ly_str_c(widths[i].text), cells, true, 0);
            assert_int_equal(ly_term_width(ly_buf_view(&out)), cells);
            ly_buf_reset(&out);
            ly_term_fit(&out, ly_str_c(widths[i].text), cells, false, 0);
            assert_true(ly_term_width(ly_buf_view(&out)) <= cells);
        }
    }
    ly_buf_reset(&out);
    ly_term_fit(&out, LY_S("abcdef"), 4, true, 0);
    assert_string_equal(ly_buf_text(&out), "abc\xe2\x80\xa6");
    ly_buf_reset(&out);
    ly_term_fit(&out, LY_S("abcdef"), 4, true, LY_TERM_ASCII);
    assert_string_equal(ly_buf_text(&out), "abc~");
    ly_buf_reset(&out);
    ly_term_fit(&out, LY_S("abcd"), 4, true, 0);
    assert_string_equal(ly_buf_text(&out), "abcd");
    ly_buf_reset(&out);
    ly_term_fit(&out, LY_S("\xe6\x97\xa5\xe6\x9c\xac"), 3, true, 0);
    assert_string_equal(ly_buf_text(&out), "\xe6\x97\xa5\xe2\x80\xa6");
    ly_buf_release(&out);
}

static void random_bytes(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 65536);
    uint64_t seed = 42;
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t n = 0;
        while (n < sizeof text) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            if (seed >> 63) {
                text[n++] = (char)(seed >> 40);
            } else if (n + 4 <= sizeof text) {
                static const uint32_t bases[] = {0x300,  0x200D,  0xFE0F, 0x1F468, 0x1F1E6, 0x1F3FB,
                                                 0x202E, 0xE0061, 0x4E00, 0x1160,  0xAC00,  0x41};
                n += ly_utf8_put(bases[(seed >> 40) % LY_COUNT(bases)], text + n);
            } else {
                break;
            }
        }
        unsigned flags = all_flags[round % 4];
        cleaned(&out, ly_str_n(text, n), flags);
        assert_harmless(ly_buf_view(&out), flags);
        if (!(flags & LY_TERM_LINES)) {
            ly_buf fit;
            ly_buf_init(&fit, 65536);
            size_t cells = (size_t)(round % 70);
            ly_term_fit(&fit, ly_buf_view(&out), cells, true, flags);
            assert_int_equal(ly_term_width(ly_buf_view(&fit)), cells);
            ly_buf_release(&fit);
        }
    }
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_alone_and_in_pairs),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(attack_corpus),
        cmocka_unit_test(stacked_marks_are_limited),
        cmocka_unit_test(width_table),
        cmocka_unit_test(fit_is_exact),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
