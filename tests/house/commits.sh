#!/usr/bin/env bash
# Subjects read `area: what it does`, at most 60 characters. Skipped where there is no history.
set -u
cd "${SOURCE:?}" || exit 1
git rev-parse --git-dir >/dev/null 2>&1 || { echo "skipped: no history here"; exit 77; }
bad=$(git log --no-merges --format='%h %s' | awk '{h = $1; s = substr($0, length(h) + 2); if (length(s) > 60 || s !~ /^[A-Za-z0-9_,.\/ -]+: ./) print}')
[ -z "$bad" ] && { echo "$(git rev-list --count HEAD) subjects"; exit 0; }
printf '%s\n' "$bad"
exit 1
