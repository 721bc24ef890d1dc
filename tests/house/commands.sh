#!/usr/bin/env bash
# What every command owes its user: help with an example, a man page, completion from the same table.
set -u
lydite=${LYDITE:?}
bad=0
complain() { echo "$1"; bad=1; }
"$lydite" --version | grep -qE '^lydite [0-9]+\.[0-9]+' || complain "--version"
"$lydite" completion bash | bash -n || complain "bash completion does not parse"
commands=$("$lydite" --help | awk '/^  [a-z]/ {print $1}')
for cmd in $commands; do
  help=$("$lydite" "$cmd" --help) || complain "$cmd --help exits $?"
  "$lydite" man "$cmd" | grep -q '^\.TH LYDITE' || complain "man $cmd"
  "$lydite" completion bash | grep -q "    $cmd) " || complain "completion lacks $cmd"
  verbs=$(awk '/^Verbs:/ {on = 1; next} /^$/ {on = 0} on && /^  [a-z]/ {print $1}' <<<"$help")
  if [ -z "$verbs" ]; then
    grep -q '^Example:' <<<"$help" || complain "$cmd --help has no example"
  fi
  for verb in $verbs; do
    "$lydite" "$cmd" "$verb" --help | grep -q '^Example:' || complain "$cmd $verb --help has no example"
  done
  "$lydite" "$cmd" --no-such-option >/dev/null 2>&1
  [ $? = 2 ] || complain "$cmd --no-such-option does not exit 2"
done
"$lydite" no-such-command >/dev/null 2>&1
[ $? = 2 ] || complain "an unknown command does not exit 2"
[ $bad = 0 ] && echo "$(wc -w <<<"$commands") commands owe nothing"
exit $bad
