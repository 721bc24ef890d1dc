/*
 * YAML files (lydite.yaml, suites, price books, templates' front matter) as ly_json trees.
 *
 * libyaml reads YAML 1.1; its surprises are closed off: only the core schema of YAML 1.2 gives types
 * (null ~, true/false, decimal 0x 0o integers, floats), so `no`, `on`, `1:30` and `2026-11-21` are
 * strings; quoted and block scalars are always strings; keys are strings. A repeated key, a second
 * document, a tag other than !!str !!int !!float !!bool !!null !!map !!seq, and a merge key (<<) are
 * errors. An alias shares its anchor's tree; the sum of nodes that aliases stand for is limited, so
 * that a "billion laughs" file costs nothing.
 * Every node has its `line`.
 */
#ifndef LY_TEXT_YAML_H
#define LY_TEXT_YAML_H

#include "text/json.h"

/* Parses one document of at most LY_MAX_TEXT_FILE_BYTES and LY_MAX_YAML_DEPTH levels. An empty file is
 * null. Everything is copied to the arena. LY_E_FORMAT "line L, column C: ..."; LY_E_LIMIT;
 * LY_E_NOMEM. */
LY_MUST_USE ly_status ly_yaml_parse(ly_str text, ly_arena *arena, ly_json **ret, ly_err *err);

#endif
