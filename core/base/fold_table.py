#!/usr/bin/env python3
"""Writes fold_table.h on standard output: python3 fold_table.py > fold_table.h

Simple case folding as CaseFolding.txt of the Unicode Character Database has it (status C and S), read
from Python's own copy of that database; its version stands at the top of what this writes.
"""
import unicodedata


def fold(cp):
    """A letter whose full folding is several letters has a simple one only where a small letter is its pair."""
    full = chr(cp).casefold()
    if len(full) == 1:
        return ord(full)
    small = chr(cp).lower()
    return ord(small) if len(small) == 1 else cp


runs = []  # lo, hi, step, what is added, small letters
for cp in range(0x80, 0x110000):
    if 0xD800 <= cp <= 0xDFFF or fold(cp) == cp:
        continue
    add, small = fold(cp) - cp, unicodedata.category(chr(cp)) == "Ll"
    last = runs[-1] if runs else None
    if last and last[3:] == [add, small] and (
            cp - last[1] == last[2] or (last[0] == last[1] and cp - last[1] <= 2)):
        last[2] = cp - last[1]
        last[1] = cp
    else:
        runs.append([cp, cp, 1, add, small])

print("/* Made by fold_table.py from the Unicode Character Database %s; do not edit. */"
      % unicodedata.unidata_version)
print("#ifndef LY_BASE_FOLD_TABLE_H\n#define LY_BASE_FOLD_TABLE_H\n\n#include <stdint.h>\n")
print("/* Every step-th code point from lo to hi folds to itself + add; small: they are small letters that have\n"
      " * another form as their pair, as the long s has. */")
print("typedef struct fold_run {\n    uint32_t lo, hi;\n    uint8_t step, small;\n    int32_t add;\n} fold_run;\n")
print("static const fold_run fold_runs[] = {")
line = "   "
for lo, hi, step, add, small in runs:
    item = " {0x%04X, 0x%04X, %d, %d, %d}," % (lo, hi, step, small, add)
    if len(line) + len(item) > 100:
        print(line)
        line = "   "
    line += item
print(line + "\n};\n\n#endif")
