/* Letters without case: one for one, whatever their length in bytes; what is not UTF-8 stands for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fold.h"

static void letters(void **state)
{
    (void)state;
    static const struct {
        uint32_t from, to;
    } cases[] = {
        {'A', 'a'},       {'z', 'z'},       {'@', '@'},         {'[', '['},
        {0xC9, 0xE9},     {0xE9, 0xE9},     {0x416, 0x436},     {0x0401, 0x0451}, /* É Ж Ё */
        {0xDF, 0xDF},     {0x1E9E, 0xDF},   {0x130, 0x130},     {0x131, 0x131},   /* ß ẞ İ ı */
        {0x3A3, 0x3C3},   {0x3C2, 0x3C3},   {0x212A, 'k'},      {0x17F, 's'},     /* Σ ς K ſ */
        {0x212B, 0xE5},   {0xB5, 0x3BC},    {0x23A, 0x2C65},    {0x1F88, 0x1F80},
        {0x100, 0x101},   {0x101, 0x101},   {0x10C7, 0x2D27},   {0x13A0, 0x13A0},
        {0xAB70, 0x13A0}, {0xFF21, 0xFF41}, {0x10400, 0x10428}, {0x1E921, 0x1E943},
        {0xD7, 0xD7},     {0xF7, 0xF7},     {0x4E2D, 0x4E2D},   {0x10FFFF, 0x10FFFF},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++)
        assert_int_equal(ly_fold(cases[i].from), cases[i].to);
    /* Folded twice is folded once. */
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        assert_int_equal(ly_fold(ly_fold(cp)), ly_fold(cp));
}

static const struct {
    const char *text, *words;
    bool has, starts, equal;
} pairs[] = {
    {"", "", true, true, true},
    {"abc", "", true, true, false},
    {"", "a", false, false, false},
    {"ÉLAN vital", "élan", true, true, false},
    {"son ÉLAN", "élan", true, false, false},
    {"élan", "ÉLAN", true, true, true},
    {"elan", "élan", false, false, false},
    {"ЖУК", "жук", true, true, true},
    {"МАЙСКИЙ ЖУК", "жук", true, false, false},
    {"STRASSE", "straße", false, false, false},
    {"STRAẞE", "straße", true, true, true},
    {"ΣΊΣΥΦΟΣ", "σίσυφος", true, true, true},
    {"300 \xe2\x84\xaa", "300 k", true, true, true},
    {"300 K", "300 \xe2\x84\xaa", true, true, true},
    {"Maſſe", "masse", true, true, true},
    {"no long s: masse", "masse", true, false, false},
    {"ȺȾ", "ⱥⱦ", true, true, true},
    {"日本語", "本", true, false, false},
    {"GPT-4o", "gpt-4O", true, true, true},
    {"aab", "ab", true, false, false},
    {"a\xff\xfe"
     "b",
     "A\xff\xfe", true, true, false},
    {"\xff", "\xfe", false, false, false},
    {"\xc3", "\xc3", true, true, true}, /* cut in the middle */
    {"é", "\xc3", false, false, false},
};

static void texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(pairs); i++) {
        ly_str text = ly_str_c(pairs[i].text), words = ly_str_c(pairs[i].words);
        if (ly_fold_has(text, words) != pairs[i].has ||
            ly_fold_starts(text, words) != pairs[i].starts ||
            ly_fold_eq(text, words) != pairs[i].equal)
            fail_msg("\"%s\" and \"%s\"", pairs[i].text, pairs[i].words);
    }
}

static uint32_t dice(uint32_t n)
{
    static uint64_t seed = 7;
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

static void some_letters(ly_buf *out, int n)
{
    static const char *const bits[] = {"a", "B", "k", "S", "\xe2\x84\xaa", "ſ", "É",
                                       "é", "Ж", "-", "語"};
    ly_buf_reset(out);
    for (int i = 0; i < n; i++)
        ly_buf_c(out, bits[dice(LY_COUNT(bits))]);
}

static void folded(const ly_buf *from, ly_buf *out)
{
    char letter[4];
    ly_str s = ly_buf_view(from);
    ly_buf_reset(out);
    for (size_t i = 0; i < s.len;) {
        size_t n = ly_fold_next(s, &i, letter);
        ly_buf_add(out, letter, n);
    }
}

/* The quick search and the plain one say the same: words stand in a text when their folded bytes do. */
static void found_as_bytes(void **state)
{
    (void)state;
    ly_buf text, words, text_folded, words_folded;
    ly_buf *const all[] = {&text, &words, &text_folded, &words_folded};
    for (size_t i = 0; i < LY_COUNT(all); i++)
        ly_buf_init(all[i], 1024);
    for (int round = 0; round < 200000; round++) {
        some_letters(&text, round % 9);
        some_letters(&words, 1 + round % 3);
        folded(&text, &text_folded);
        folded(&words, &words_folded);
        bool want =
            ly_str_find(ly_buf_view(&text_folded), ly_buf_view(&words_folded), 0) != SIZE_MAX;
        if (ly_fold_has(ly_buf_view(&text), ly_buf_view(&words)) != want)
            fail_msg("\"%s\" in \"%s\"", ly_buf_text(&words), ly_buf_text(&text));
    }
    for (size_t i = 0; i < LY_COUNT(all); i++)
        ly_buf_release(all[i]);
}

static void capitals(void **state)
{
    (void)state;
    static const char *const with[] = {"A", "éÉ", "жЖ", "ẞ", "ΑΒ", "x\xffY"};
    static const char *const without[] = {"",  "a", "é",    "ж",    "ß",  "ς",
                                          "ſ", "µ", "日本", "\xff", "4-o"};
    for (size_t i = 0; i < LY_COUNT(with); i++)
        assert_true(ly_fold_capital(ly_str_c(with[i])));
    for (size_t i = 0; i < LY_COUNT(without); i++)
        assert_false(ly_fold_capital(ly_str_c(without[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(letters), cmocka_unit_test(texts),
                                       cmocka_unit_test(found_as_bytes),
                                       cmocka_unit_test(capitals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
