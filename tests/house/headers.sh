#!/usr/bin/env bash
# Every header compiles alone. Public ones also as pedantic C11 and as C++, under the strictest flags.
set -u
cd "${SOURCE:?}" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
n=0
try() { # what, compiler arguments...
  local what=$1
  shift
  n=$((n + 1))
  "$@" 2>"$tmp/out" || { echo "$what"; head -5 "$tmp/out"; bad=$((bad + 1)); }
}
curl_flags=$(pkg-config --cflags libcurl)
while IFS= read -r header; do
  case $header in *.hpp) ;; *)
    echo "#include <${header#*/include/}>" >"$tmp/a.c"
    try "$header as C11" gcc -std=c11 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wundef -Werror \
      -Itracer/include -Iprompts/include $curl_flags -fsyntax-only "$tmp/a.c" ;;
  esac
  echo "#include <${header#*/include/}>" >"$tmp/a.cc"
  try "$header as C++" g++ -std=c++17 -pedantic -Wall -Wextra -Wshadow -Werror \
    -Itracer/include -Iprompts/include $curl_flags -fsyntax-only "$tmp/a.cc"
done < <(find tracer/include prompts/include -name '*.h' -o -name '*.hpp' 2>/dev/null)
while IFS= read -r header; do
  echo "#include \"$header\"" >"$tmp/a.c"
  try "$header alone" gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Icore -I. -Itracer/include -Iprompts/include -fsyntax-only "$tmp/a.c"
done < <(find core collector prompts judges eval viewer cli tracer -name '*.h' ! -path '*/include/*' | sed 's|^core/||')
[ $bad = 0 ] || { echo "$bad of $n header checks failed"; exit 1; }
echo "$n header checks passed"
