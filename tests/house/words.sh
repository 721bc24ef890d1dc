#!/usr/bin/env bash
# One word for one thing (docs/WORDS.md): the words that the design rules out do not appear in help
# texts, public headers or screens. A permitted use stands in tests/house/words.allow, one fixed string a line.
set -u
cd "${SOURCE:?}" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

"${LYDITE:?}" --help >"$tmp/help.lydite" || exit 1
for cmd in $("$LYDITE" --help | awk '/^  [a-z]/ {print $1}'); do
  "$LYDITE" "$cmd" --help >"$tmp/help.$cmd"
  for verb in $(awk '/^Verbs:/ {on = 1; next} /^$/ {on = 0} on && /^  [a-z]/ {print $1}' "$tmp/help.$cmd"); do
    "$LYDITE" "$cmd" "$verb" --help >"$tmp/help.$cmd.$verb"
  done
done
cp tracer/include/lydite/*.h "$tmp/" 2>/dev/null
cp prompts/include/lydite/*.h "$tmp/" 2>/dev/null
cp tests/viewer/golden/*.txt "$tmp/" 2>/dev/null

pattern='\b(thread id|scorers?|graders?|assessments?|stages?|API tokens?|auth tokens?|bearer tokens?)\b'
hits=$(grep -rniE "$pattern" "$tmp" | sed "s|^$tmp/||" | grep -vFf tests/house/words.allow)
[ -z "$hits" ] || { echo "words that docs/WORDS.md rules out:"; echo "$hits"; exit 1; }
echo "all words are ours"
