/*
 * Prompt documents: what stands in a prompt file and in the registry.
 *
 *     ---                              front matter, optional: YAML
 *     model: openai:gpt-4o-mini
 *     temperature: 0.2
 *     ---
 *     [system]                         sections, optional: a role alone on its line
 *     You are terse.
 *     [user]
 *     {{question}}
 *
 * A document that does not begin with a section is one user message. Blank lines at the ends of a
 * message are not part of it. Front matter members: model, temperature, top_p, max_output, seed,
 * effort, stop, description; another one is an error, so that a misspelling is seen.
 */
#ifndef LY_PROMPTS_PROMPT_FILE_H
#define LY_PROMPTS_PROMPT_FILE_H

#include "genai/shape.h"
#include "prompts/template.h"

typedef struct ly_prompt_part {
    ly_str role; /* system, user, assistant */
    ly_str text;
    ly_template *template;
} ly_prompt_part;

typedef struct ly_prompt_doc {
    ly_str model;              /* empty = not said */
    double temperature, top_p; /* LY_SHAPE_UNSET */
    int64_t max_output, seed;  /* LY_UNKNOWN */
    ly_str effort, description;
    const ly_str *stop;
    size_t n_stop;
    const ly_prompt_part *parts;
    size_t n_parts;
} ly_prompt_doc;

/* Everything lives in the arena; `text` is copied. LY_E_FORMAT with the line in the document. */
LY_MUST_USE ly_status ly_prompt_doc_parse(ly_str text, ly_arena *arena, ly_prompt_doc **ret,
                                          ly_err *err);
/* Messages with values put in; strings in the arena. */
LY_MUST_USE ly_status ly_prompt_doc_render(const ly_prompt_doc *doc, const ly_json *vars,
                                           const ly_template_opts *opts, ly_arena *arena,
                                           ly_shape_msg **ret_msgs, size_t *ret_n, ly_err *err);
/* Names over all parts; optional only where optional in each. */
LY_MUST_USE ly_status ly_prompt_doc_names(const ly_prompt_doc *doc, ly_arena *arena,
                                          const ly_template_name **ret_names, size_t *ret_n,
                                          ly_err *err);

/* Line difference of two texts, "-", "+" and " " lines with 3 lines of context; *ret_changed = false
 * when they are equal. Myers' algorithm, at most 20,000 lines a side. */
LY_MUST_USE ly_status ly_text_diff(ly_str a, ly_str b, ly_buf *out, bool *ret_changed, ly_err *err);

#endif
