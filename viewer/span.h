/* Parts of one span as text, for the detail pane; `span show` prints them together. */
#ifndef LY_VIEWER_SPAN_H
#define LY_VIEWER_SPAN_H

#include "viewer/viewer.h"

typedef enum ly_span_section {
    LY_SECTION_SUMMARY,
    LY_SECTION_INPUT,
    LY_SECTION_OUTPUT,
    LY_SECTION_ATTRIBUTES,
    LY_SECTION_EVENTS, /* and links and log records */
} ly_span_section;

/* Appends clean lines; long values are cut with a note unless how->all. A part without anything says so, and why a generation has no messages. */
void ly_span_part(const ly_span_full *full, const ly_messages *m, ly_span_section section,
                  const ly_print_opts *how, ly_buf *out);

#endif
