/* Files embedded by cmake/Embed.cmake: the schema, and the text that the built-in dictionary is made of. */
#ifndef LY_STORE_EMBED_H
#define LY_STORE_EMBED_H

#include <stddef.h>

typedef struct ly_embedded_file {
    const char *name;
    const char *bytes; /* a NUL follows that is not counted in len */
    size_t len;
} ly_embedded_file;

/* schema/NN_noun.sql in order */
extern const ly_embedded_file ly_embedded_schema[];
extern const size_t ly_embedded_schema_n;
/* dictionary/ *.txt */
extern const ly_embedded_file ly_embedded_dictionary[];
extern const size_t ly_embedded_dictionary_n;

#endif
