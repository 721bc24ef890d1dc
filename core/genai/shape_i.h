/* Inside the shapes: what the reply readers and the stream gatherer share. */
#ifndef LY_GENAI_SHAPE_I_H
#define LY_GENAI_SHAPE_I_H

#include "genai/shape.h"
#include "text/json.h"

/* Counts as reported, before they are made disjoint; LY_UNKNOWN = not said. */
typedef struct ly_shape_usage {
    int64_t in, out, cache_read, cache_write, cache_write_1h, reasoning, total, tool_in;
    int64_t in_audio, out_audio, cache_audio;
} ly_shape_usage;

#define LY_SHAPE_USAGE_NONE                                                                   \
    ((ly_shape_usage){LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, \
                      LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN})

/* Reads the usage object of a shape; members that are there replace those of *usage (streams repeat). */
void ly_shape_usage_read(ly_shape shape, const ly_json *node, ly_shape_usage *usage);
/* Makes the buckets by the shape's meaning of the counts, numbers in contradiction winning (§4.2). */
void ly_shape_usage_buckets(ly_shape shape, const ly_shape_usage *usage, ly_tokens *ret_tokens,
                            unsigned *ret_mode);
/* The usage object of a reply, wherever the shape keeps it; NULL when there is none. */
const ly_json *ly_shape_usage_node(ly_shape shape, const ly_json *reply);

/* What the usage object says that the call cost: `cost`, or `cost.total_cost`. */
void ly_shape_cost_read(const ly_json *usage, ly_shape_reply *reply);

/* A provider's word for why it stopped -> ours (a static string), or the word itself. */
ly_str ly_shape_finish(ly_shape shape, ly_str raw);
/* Fills the error members when `node` has an error object; true then. */
bool ly_shape_error(ly_shape shape, const ly_json *node, ly_shape_reply *reply);

#endif
