/*
 * Letters without their case: Unicode's simple case folding, one letter for one letter. É is é, Ж is ж, the
 * final ς is σ and the Kelvin sign is k; ß stays ß (that it is also "ss" is full folding), and so does the
 * dotted İ, which is two letters when it is small. No language, no normal form: é as one letter and e with an
 * accent behind it are two texts.
 *
 * Text is UTF-8; a byte that is none stands for itself. All functions are pure.
 */
#ifndef LY_BASE_FOLD_H
#define LY_BASE_FOLD_H

#include "base/str.h"

/* The letter that stands for both cases of a code point. */
uint32_t ly_fold(uint32_t code_point);
/* Writes the folded form of the character at s.ptr[*pos] (1 to 4 bytes), returns its length and moves *pos past
 * the character. It may be longer or shorter than what was read. Call only with *pos < s.len. */
size_t ly_fold_next(ly_str s, size_t *pos, char dst[4]);

bool ly_fold_eq(ly_str a, ly_str b);
bool ly_fold_starts(ly_str text, ly_str start);
/* True when the words stand in the text; without words always. Fast where the words are ASCII. */
bool ly_fold_has(ly_str text, ly_str words);
/* True when a letter is a capital: who types one means it. */
bool ly_fold_capital(ly_str text);

#endif
