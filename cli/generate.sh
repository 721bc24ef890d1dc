#!/bin/sh
# generate.sh LYDITE FOLDER: man pages and completion scripts from the program's own tables.
set -eu
lydite=$1
out=$2
"$lydite" man >"$out/man/lydite.1"
for command in $("$lydite" --help | awk '/^  [a-z]/ {print $1}'); do
  "$lydite" man "$command" >"$out/man/lydite-$command.1"
done
for shell in bash fish zsh; do
  "$lydite" completion "$shell" >"$out/lydite.$shell"
done
