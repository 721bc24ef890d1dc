/* What the JSON and YAML tree builders share. Internal to core/text. */
#ifndef LY_TEXT_JSON_IMPL_H
#define LY_TEXT_JSON_IMPL_H

#include "text/json.h"

/* Sets kind and value from a number in JSON's notation. */
void ly_json_number(ly_str raw, bool integer, ly_json *node);
/* Gives an object its index when it is large; false when the arena is used up. */
bool ly_json_index(ly_arena *arena, ly_json *object);
/* Position of the last member of that name, SIZE_MAX when there is none. */
size_t ly_json_find(const ly_json *object, ly_str key);

#endif
