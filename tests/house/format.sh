#!/usr/bin/env bash
# clang-format agrees with every C file; skipped where it is not installed.
set -u
cd "${SOURCE:?}" || exit 1
tool=$(command -v clang-format-14) || { echo "skipped: clang-format-14 is not installed"; exit 77; }
mapfile -t files < <(git ls-files '*.c' '*.h' 2>/dev/null || find . -name '*.[ch]' ! -path './build*')
out=$("$tool" --dry-run "${files[@]}" 2>&1 | grep -oE '^[^:]+:[0-9]+' | sort -u)
[ -z "$out" ] && { echo "${#files[@]} files are formatted"; exit 0; }
echo "$out" | head -40
echo "run: clang-format-14 -i on these"
exit 1
