#!/usr/bin/env python3
"""Writes width_table.h on standard output: python3 width_table.py > width_table.h

Needs the PyPI package wcwidth, whose tables are made from the Unicode Character Database; the
version of Unicode stands at the top of what this writes. Run it when that version moves.
"""
import sys
import unicodedata

from wcwidth import table_grapheme, table_wide, table_zero

version = sorted(table_wide.WIDE_EASTASIAN, key=lambda v: [int(p) for p in v.split(".")])[-1]


def merge(ranges):
    out = []
    for lo, hi in sorted(ranges):
        if out and lo <= out[-1][1] + 1:
            out[-1][1] = max(out[-1][1], hi)
        else:
            out.append([lo, hi])
    return out


def minus(ranges, holes):
    gone = set()
    for lo, hi in holes:
        gone.update(range(lo, hi + 1))
    points = [c for lo, hi in ranges for c in range(lo, hi + 1) if c not in gone]
    return merge([(c, c) for c in points])


# What a reader cannot see: format, private use, surrogates, noncharacters, line separators, fillers,
# default-ignorable code points. Variation selectors and the joiner are judged by their neighbours.
hidden = [(c, c) for c in range(0x80, 0x110000)
          if unicodedata.category(chr(c)) in ("Cf", "Co", "Cs", "Zl", "Zp")]
hidden += [(0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164),
           (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xFDD0, 0xFDEF), (0xE0000, 0xE00FF),
           (0xE01F0, 0xE0FFF)]
hidden += [(p * 0x10000 + 0xFFFE, p * 0x10000 + 0xFFFF) for p in range(17)]
hidden = minus(merge(hidden), [(0x200D, 0x200D)])

tables = [
    ("wide", "two cells: East Asian wide and full width, emoji presentation",
     merge(table_wide.WIDE_EASTASIAN[version])),
    ("mark", "no cell of its own: combining marks, variation selectors, Hangul vowels and finals",
     minus(merge(table_zero.ZERO_WIDTH[version]), hidden + [(0, 0x9F), (0x200D, 0x200D)])),
    ("pictograph", "Extended_Pictographic: may be joined by U+200D and widened by U+FE0F",
     merge(table_grapheme.EXTENDED_PICTOGRAPHIC)),
    ("hidden", "shown escaped, never as itself", hidden),
]
print("/* Made by width_table.py from the Unicode Character Database %s; do not edit. */" % version)
print("#ifndef LY_BASE_WIDTH_TABLE_H\n#define LY_BASE_WIDTH_TABLE_H\n")
print('#define LY_UNICODE_VERSION "%s"\n' % version)
print("typedef struct cp_range {\n    uint32_t lo, hi;\n} cp_range;\n")
for name, what, ranges in tables:
    print("/* %s */\nstatic const cp_range %s_ranges[] = {" % (what, name))
    line = "   "
    for lo, hi in ranges:
        item = " {0x%04X, 0x%04X}," % (lo, hi)
        if len(line) + len(item) > 98:
            print(line)
            line = "   "
        line += item
    print(line + "\n};\n")
print("#endif")
