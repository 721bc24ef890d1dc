/*
 * Messages out of the shapes in which clients and providers write them. Used inside core/genai only.
 *
 * shapes.c reads one value (JSON or native) and knows no attribute names; messages.c knows where values
 * stand. Everything is read leniently: a shape that is not known becomes one part with its raw text.
 */
#ifndef LY_GENAI_SHAPES_H
#define LY_GENAI_SHAPES_H

#include "genai/messages.h"
#include "genai/val.h"

/* At most this many messages of a direction, parts of a message, tools, documents. */
enum { LY_SHAPE_MAX = 4096 };

typedef struct ly_msg_list {
    ly_message *items;
    size_t n, cap;
} ly_msg_list;

typedef struct ly_part_list {
    ly_part *items;
    size_t n, cap;
} ly_part_list;

typedef struct ly_tool_list {
    ly_tool_def *items;
    size_t n, cap;
} ly_tool_list;

typedef struct ly_doc_list {
    ly_document *items;
    size_t n, cap;
} ly_doc_list;

typedef struct ly_reader {
    ly_arena *arena;
    ly_part_list system;
    ly_msg_list input, output;
    ly_tool_list tools;
    ly_doc_list docs;
    bool truncated, failed, withheld;
} ly_reader;

/* Grow the list in the arena; NULL when a limit or the arena's end is reached (noted in the reader). */
ly_part *ly_reader_part(ly_reader *r, ly_part_list *list);
ly_tool_def *ly_reader_tool(ly_reader *r);
ly_document *ly_reader_doc(ly_reader *r);

/* Appends what `val` says to `list`. A bare text or part becomes a message of `role`. Requests bring their
 * system prompt and tools along, which go to the reader where it has none. */
void ly_shape_messages(ly_reader *r, ly_val val, const char *role, ly_msg_list *list);
/* Appends the parts that `val` (text, a part, a list of parts) says. */
void ly_shape_parts(ly_reader *r, ly_val val, ly_part_list *parts);
void ly_shape_message_add(ly_reader *r, ly_msg_list *list, ly_str role, const ly_part_list *parts);
/* Tool definitions: a list, a map by name, or one of them, in any provider's form. */
void ly_shape_tools(ly_reader *r, ly_val val);
/* Documents: a list of objects or texts, perhaps wrapped. */
void ly_shape_docs(ly_reader *r, ly_val val);
/* The words of the first member that is given (names with '|' between). */
ly_str ly_shape_text(ly_reader *r, ly_val object, const char *names);
/* A call's arguments, or a schema: a string as it stands, anything else as JSON text. */
ly_str ly_shape_arguments(ly_reader *r, ly_val val);
/* Takes typed wrappers off: {"type":"json","value":…}. */
ly_val ly_shape_unwrap(ly_reader *r, ly_val val);

/* True for what clients write in the place of content that was switched off or masked. */
bool ly_shape_withheld(ly_str text);

#endif
