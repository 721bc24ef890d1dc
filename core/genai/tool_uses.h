/* Tool uses that are charged one by one, counted in the answer; see genai/tool_uses.c. */
#ifndef LY_GENAI_TOOL_USES_H
#define LY_GENAI_TOOL_USES_H

#include "base/arena.h"
#include "genai/canon.h"
#include "otlp/model.h"

/* Fills the counts of tool uses that are still LY_UNKNOWN from the span's answer, where it has some. `model`
 * answered: Gemini's searches are charged by query, and by answer up to Gemini 2.5. Pure; the arena is for
 * unescaping. */
void ly_genai_tool_uses(const ly_span *span, ly_str model, ly_arena *arena, ly_tokens *io_tokens);

#endif
