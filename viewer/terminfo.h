/* What terminfo says of a terminal: key strings, colours, whether there is a second screen to work on. */
#ifndef LY_VIEWER_TERMINFO_H
#define LY_VIEWER_TERMINFO_H

#include "viewer/input.h"

/* False when terminfo does not know the terminal; the xterm sequences of the decoder remain. The
 * strings are terminfo's and live as long as the process. */
bool ly_terminfo_read(const char *term, ly_key_name *names, size_t max, size_t *ret_n,
                      int *ret_colors, bool *ret_alternate);

#endif
