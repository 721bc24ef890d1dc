/* What terminfo says of this terminal: the strings of its keys, how many colours it has, whether it has a second screen. Nothing else
 * is taken from it. The only file that includes term.h, whose macros are everywhere. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <curses.h>
#include <term.h>

#undef TRUE
#undef FALSE
#undef lines
#undef columns

#include "viewer/terminfo.h"

bool ly_terminfo_read(const char *term, ly_key_name *names, size_t max, size_t *ret_n,
                      int *ret_colors, bool *ret_alternate)
{
    static const struct {
        const char *capability;
        uint32_t code;
    } keys[] = {
        {"kcuu1", LY_KEY_UP},     {"kcud1", LY_KEY_DOWN},    {"kcub1", LY_KEY_LEFT},
        {"kcuf1", LY_KEY_RIGHT},  {"khome", LY_KEY_HOME},    {"kend", LY_KEY_END},
        {"kpp", LY_KEY_PAGE_UP},  {"knp", LY_KEY_PAGE_DOWN}, {"kdch1", LY_KEY_DELETE},
        {"kich1", LY_KEY_INSERT}, {"kcbt", LY_KEY_BACK_TAB},
    };
    int error = 0;
    *ret_n = 0;
    *ret_colors = 0;
    *ret_alternate = true; /* of one that is not known: it ignores what it does not know */
    if (setupterm(term, 1, &error) != OK) {
        return false;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && *ret_n < max; i++) {
        char name[16];
        size_t len = strlen(keys[i].capability);
        memcpy(name, keys[i].capability, len + 1);
        const char *s = tigetstr(name);
        if (s != NULL && s != (const char *)-1 && s[0] == '\033' && s[1] != '\0') {
            names[(*ret_n)++] = (ly_key_name){s, keys[i].code};
        }
    }
    char colors[] = "colors";
    *ret_colors = tigetnum(colors);
    char second[] = "smcup";
    const char *s = tigetstr(second);
    *ret_alternate = s != NULL && s != (const char *)-1;
    return true;
}
