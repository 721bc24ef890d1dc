/*
 * HTML text. Whatever comes from a model or a data set goes through ly_html_text, both between tags
 * and in quoted attribute values: & < > " ' are escaped; invalid UTF-8, controls other than tab and line
 * feed, and what turns the direction of text become U+FFFD, so that no text can become markup or turn what
 * follows it. URLs and scripts are never made from
 * such text (JSON for a script: LY_JSONW_SCRIPT).
 */
#ifndef LY_TEXT_HTML_H
#define LY_TEXT_HTML_H

#include "base/buf.h"
#include "base/str.h"

void ly_html_text(ly_buf *out, ly_str s);
/* XML 1.0 text (JUnit reports): the same escapes; what XML forbids (U+FFFE, controls) is U+FFFD. */
void ly_xml_text(ly_buf *out, ly_str s);

#endif
