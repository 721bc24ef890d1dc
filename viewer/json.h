/* Members of JSON Lines that several of the room's files write. Unknown is null. */
#ifndef LY_VIEWER_JSON_H
#define LY_VIEWER_JSON_H

#include <stdio.h>

#include "text/jsonw.h"
#include "viewer/rows.h"
#include "viewer/viewer.h"

void ly_json_opt_str(ly_jsonw *w, const char *key, ly_str v);
void ly_json_opt_i64(ly_jsonw *w, const char *key, int64_t v);
/* Pico-dollars as an exact decimal number of dollars. */
void ly_json_opt_money(ly_jsonw *w, const char *key, int64_t pico);
/* n bytes (8 or 16) as lower-case hexadecimal. */
void ly_json_id(ly_jsonw *w, const char *key, const uint8_t *id, size_t n);
/* span_id, parent_id, name, type, times, status, model, tokens, cost, ... of one node. */
/* lost: ly_store_lost. */
void ly_json_node_members(ly_jsonw *w, const ly_node *n, bool lost);

#endif
