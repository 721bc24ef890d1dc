/*
 * From one span to its canonical meaning. Pure: the result depends on the span (with its resource and
 * scope) and on LY_RULES_VERSION only; no I/O, no clock, no globals that change, safe in any thread.
 *
 * The engine reads the span's attributes once, finding each key in a hash table of every key that any
 * dialect knows (genai/dialects.h), and then takes for each concept the first usable value in the
 * order of reference/otlp-and-genai-conventions.md §3.5. It knows no dialect by name: dialects are
 * rows of tables.
 */
#ifndef LY_GENAI_NORMALISE_H
#define LY_GENAI_NORMALISE_H

#include "base/err.h"
#include "genai/canon.h"
#include "otlp/model.h"

/*
 * Fills *ret from the span. Strings in it are views into the span's bytes, into `arena` (unescaped
 * JSON, tag lists), or static; so they live as long as the shortest of the span and the arena.
 *
 * Cannot fail on any input: what cannot be read is unknown, and so are values that would have needed
 * memory which the arena refuses. Returns LY_OK.
 * Cost: about 0.3 us for a span of 20 attributes plus under 1 ns a byte of the JSON that has to be
 * looked into (usage and names inside documents); message JSON is not parsed.
 */
ly_status ly_genai_normalise(const ly_span *span, ly_arena *arena, ly_canon *ret);

/* The name by which prices and lists know a provider: "OpenAI", "openai.chat", "az.ai.openai",
 * "vertex_ai", "xai" → "openai", "openai", "azure.ai.openai", "gcp.vertex_ai", "x_ai". A framework's
 * name ("langchain", "gcp.vertex.agent") gives LY_STR_NONE. Unknown names come back in lower case when
 * the arena has room, else as given. */
ly_str ly_genai_provider(ly_str given, ly_arena *arena);

/* The provider that makes the named model ("gpt-4o" → openai, "claude-…" → anthropic), LY_STR_NONE when
 * no rule knows it. Static strings. */
ly_str ly_genai_provider_of_model(ly_str model);

/* Canonical finish reason of any provider's spelling: stop, length, tool_call, content_filter, error;
 * others come back as given (lower case when the arena has room). */
ly_str ly_genai_finish(ly_str given, ly_arena *arena);

/* The model that prices go by: response model, else request model. */
static inline ly_str ly_canon_model(const ly_canon *canon)
{
    return canon->response_model.len ? canon->response_model : canon->request_model;
}

#endif
