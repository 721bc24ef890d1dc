#include "viewer/input.h"

#include "base/utf8.h"

#define ESC_MS   50   /* an ESC that is followed by nothing is the key */
#define HALF_MS  500  /* the rest of a sequence may come late over a slow line */
#define PASTE_MS 5000 /* and so may that of a paste */

static bool key(ly_input *in, uint32_t code, ly_key *ret)
{
    in->n = 0;
    *ret = (ly_key){.code = code, .pasted = in->pasting};
    return true;
}

static bool drop(ly_input *in)
{
    in->n = 0;
    return false;
}

/* Final byte of a CSI or SS3 sequence without a number that matters. */
static uint32_t by_letter(unsigned char c)
{
    switch (c) {
    case 'A':
        return LY_KEY_UP;
    case 'B':
        return LY_KEY_DOWN;
    case 'C':
        return LY_KEY_RIGHT;
    case 'D':
        return LY_KEY_LEFT;
    case 'H':
        return LY_KEY_HOME;
    case 'F':
        return LY_KEY_END;
    case 'Z':
        return LY_KEY_BACK_TAB;
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
        return LY_KEY_F1 + (uint32_t)(c - 'P');
    case 'M':
        return LY_KEY_ENTER; /* keypad Enter, SS3 M */
    default:
        return 0;
    }
}

/* CSI n ~ */
static uint32_t by_number(unsigned n)
{
    static const uint32_t low[] = {0,          LY_KEY_HOME,    LY_KEY_INSERT,    LY_KEY_DELETE,
                                   LY_KEY_END, LY_KEY_PAGE_UP, LY_KEY_PAGE_DOWN, LY_KEY_HOME,
                                   LY_KEY_END};
    if (n < LY_COUNT(low)) {
        return low[n];
    }
    if (n >= 11 && n <= 15) {
        return LY_KEY_F1 + n - 11;
    }
    if (n >= 17 && n <= 21) {
        return LY_KEY_F1 + n - 12;
    }
    if (n >= 23 && n <= 24) {
        return LY_KEY_F1 + n - 13;
    }
    return 0;
}

/* SGR mouse: CSI < button ; col ; row M|m. Button 32 is a move with the first one down. */
static bool mouse(ly_input *in, ly_key *ret)
{
    unsigned v[3] = {0, 0, 0};
    size_t field = 0;
    for (size_t i = 3; i + 1 < in->n && field < 3; i++) {
        unsigned char c = in->pending[i];
        if (c == ';') {
            field++;
        } else if (c >= '0' && c <= '9' && v[field] < 100000) {
            v[field] = v[field] * 10 + (unsigned)(c - '0');
        }
    }
    bool press = in->pending[in->n - 1] == 'M';
    bool wheel = v[0] == 64 || v[0] == 65;
    if ((v[0] != 0 && v[0] != 32 && !wheel) || v[1] == 0 || v[2] == 0) {
        return drop(in);
    }
    (void)key(in,
              wheel        ? (v[0] == 64 ? LY_KEY_WHEEL_UP : LY_KEY_WHEEL_DOWN)
              : !press     ? LY_KEY_RELEASE
              : v[0] == 32 ? LY_KEY_DRAG
                           : LY_KEY_PRESS,
              ret);
    ret->col = (int)v[1] - 1;
    ret->row = (int)v[2] - 1;
    return true;
}

/* The numbers of ESC [ ? a ; b ..., as many as there is room for; the others are 0. */
static void numbers(const ly_input *in, size_t from, unsigned v[2])
{
    size_t field = 0;
    v[0] = v[1] = 0;
    for (size_t i = from; i + 1 < in->n && field < 2; i++) {
        unsigned char c = in->pending[i];
        if (c == ';') {
            field++;
        } else if (c >= '0' && c <= '9' && v[field] < 100000) {
            v[field] = v[field] * 10 + (unsigned)(c - '0');
        }
    }
}

/* What the terminal answers to ly_terminal_ask. A cursor in row 1 would be F3 with a modifier. */
static bool report(ly_input *in, unsigned char final, ly_key *ret)
{
    unsigned v[2];
    bool private = in->pending[2] == '?';
    uint32_t code = private && final == 'y'    ? LY_KEY_IS_MODE
                    : private && final == 'c'  ? LY_KEY_IS_END
                    : !private && final == 'R' ? LY_KEY_IS_CURSOR
                                               : 0;
    numbers(in, private ? 3 : 2, v);
    if (code == 0 || (code == LY_KEY_IS_CURSOR && v[0] < 2)) {
        return false;
    }
    (void)key(in, code, ret);
    ret->row = (int)v[0];
    ret->col = (int)v[1];
    return true;
}

/* A complete CSI sequence: ESC [ ... final. */
static bool csi(ly_input *in, ly_key *ret)
{
    unsigned char final = in->pending[in->n - 1];
    unsigned n = 0;
    if (in->n > 3 && in->pending[2] == '<') {
        return mouse(in, ret);
    }
    for (size_t i = 2; i + 1 < in->n && in->pending[i] >= '0' && in->pending[i] <= '9'; i++) {
        n = n < 100000 ? n * 10 + (unsigned)(in->pending[i] - '0') : n;
    }
    if (final == '~' && (n == 200 || n == 201)) {
        in->pasting = n == 200;
        return drop(in);
    }
    if (!in->pasting && report(in, final, ret)) {
        return true;
    }
    if (in->n > 3 && strchr("?>=", in->pending[2]) != NULL) {
        return drop(in); /* what it was not asked */
    }
    uint32_t code = final == '~' ? by_number(n) : by_letter(final);
    /* "M" alone ends an old mouse report, not a key. */
    return code != 0 && final != 'M' ? key(in, code, ret) : drop(in);
}

/* 1 = a name of terminfo, 0 = could become one, -1 = no. */
static int named(const ly_input *in, uint32_t *ret_code)
{
    int best = -1;
    for (size_t i = 0; i < in->n_names; i++) {
        const char *s = in->names[i].sequence;
        size_t len = strlen(s);
        if (len >= in->n && memcmp(s, in->pending, in->n) == 0) {
            if (len == in->n) {
                *ret_code = in->names[i].code;
                return 1;
            }
            best = 0;
        }
    }
    return best;
}

/* Does a string that begins so answer something? If not it is Alt with a key, and the byte a key. */
static bool answers(unsigned char second, unsigned char third)
{
    bool digit = third >= '0' && third <= '9';
    return second == ']'   ? digit
           : second == 'P' ? digit || (third != 0 && strchr(">+=!$?|", third) != NULL)
                           : second == '_' && third == 'G';
}

static bool escape(ly_input *in, ly_key *ret)
{
    uint32_t code = 0;
    int name = in->pasting ? -1 : named(in, &code);
    if (name == 1) {
        return key(in, code, ret);
    }
    if (in->n == 1) {
        return false;
    }
    unsigned char second = in->pending[1], last = in->pending[in->n - 1];
    if (second == '[') {
        if (in->n == 2) {
            return false;
        }
        if (last >= 0x40 && last <= 0x7E && !(in->n == 3 && last == '[')) {
            return csi(in, ret);
        }
        return in->n == LY_INPUT_PENDING || last < 0x20 ? drop(in) : false;
    }
    if (second == 'O') {
        if (in->n == 2) {
            return false;
        }
        code = by_letter(last);
        return code != 0 ? key(in, code, ret) : drop(in);
    }
    if (second == ']' || second == 'P' || second == '_' || second == '^' || second == 'X') {
        if (in->n == 2) {
            return false;
        }
        in->n = 0;
        in->swallowing = answers(second, last);
        return in->swallowing ? false : ly_input_byte(in, last, ret);
    }
    if (second == LY_KEY_ESC) {
        in->n = 1; /* two in a row: the first is a key, the second may begin a sequence */
        *ret = (ly_key){.code = LY_KEY_ESC};
        return true;
    }
    in->again = second; /* the Esc was a key, this is the next one */
    return key(in, LY_KEY_ESC, ret);
}

static size_t utf8_need(unsigned char c)
{
    return c < 0x80                ? 1
           : c >= 0xC2 && c < 0xE0 ? 2
           : c >= 0xE0 && c < 0xF0 ? 3
           : c >= 0xF0 && c < 0xF5 ? 4
                                   : 0;
}

bool ly_input_byte(ly_input *in, unsigned char byte, ly_key *ret_key)
{
    if (in->swallowing) {
        /* Ends with BEL or with ESC \ (the backslash is then dropped as Alt-\). */
        if (byte == 7 || byte == 0x18 || byte == 0x1A) {
            in->swallowing = false;
        } else if (byte == LY_KEY_ESC) {
            in->swallowing = false;
            in->pending[0] = 0;
            in->n = 0;
            in->pending[in->n++] = byte;
            in->pending[1] = 0;
        }
        return false;
    }
    if (in->n >= LY_INPUT_PENDING) {
        in->n = 0;
    }
    in->pending[in->n++] = byte;
    if (in->pending[0] == LY_KEY_ESC) {
        if (in->n == 2 && byte == '\\') {
            return drop(in); /* the end of a swallowed string */
        }
        return escape(in, ret_key);
    }
    size_t need = utf8_need(in->pending[0]);
    if (need == 0) {
        return drop(in);
    }
    if (in->n > 1 && (byte & 0xC0) != 0x80) {
        in->n = 0;
        return ly_input_byte(in, byte,
                             ret_key); /* a broken character: start again with this byte */
    }
    if (in->n < need) {
        return false;
    }
    size_t pos = 0;
    uint32_t cp = ly_utf8_next(ly_str_n(in->pending, in->n), &pos);
    if (cp == LY_UTF8_BAD) {
        return drop(in);
    }
    if (cp == '\n') {
        cp = LY_KEY_ENTER;
    } else if (cp == 8) {
        cp = LY_KEY_BACKSPACE;
    }
    return key(in, cp, ret_key);
}

bool ly_input_more(ly_input *in, ly_key *ret_key)
{
    unsigned char byte = in->again;
    in->again = 0;
    return byte != 0 && ly_input_byte(in, byte, ret_key);
}

bool ly_input_flush(ly_input *in, ly_key *ret_key)
{
    bool esc = in->n >= 1 && in->pending[0] == LY_KEY_ESC && in->n == 1;
    if (in->n == 0 && !in->swallowing) {
        in->pasting = false; /* its end was lost: the keyboard comes back */
    }
    in->swallowing = false;
    if (esc) {
        return key(in, LY_KEY_ESC, ret_key);
    }
    in->n = 0;
    return false;
}

int ly_input_wait_ms(const ly_input *in)
{
    if (in->n == 1 && in->pending[0] == LY_KEY_ESC) {
        return ESC_MS;
    }
    return in->n > 0 || in->swallowing ? HALF_MS : in->pasting ? PASTE_MS : 0;
}
