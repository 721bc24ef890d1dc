#!/usr/bin/env bash
# The installed library outside the tree: pkg-config, the CMake package, what `ldd` shows, and every
# example that stands alone.
set -eu
. "$(dirname "$0")/lib/kit.sh"
say() { printf 'install: %s\n' "$*" >&2; }

cmake --install "$BUILD" --prefix "$dir/usr" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; fail "cmake --install failed"; }
# Moved, because pkg-config files and the package must not remember the prefix.
mv "$dir/usr" "$dir/moved"
pc=$(dirname "$(find "$dir/moved" -name lydite.pc)")
lib=$(dirname "$(find "$dir/moved" -name liblydite-otlp.so)")
export PKG_CONFIG_PATH=$pc
cp -r "$SOURCE/examples" "$dir/examples"
cd "$dir/examples"

sanitize=$(sed -n 's/^LYDITE_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt" | tr ';' ',')
flags=${sanitize:+-fsanitize=$sanitize}
cc -std=c11 -pedantic -Wall -Wextra -Werror $flags minimal.c $(pkg-config --cflags --libs lydite) -o "$dir/minimal"
# Found where it was installed, without LD_LIBRARY_PATH.
LYDITE_EXPORTER=file:"$dir/minimal.jsonl" "$dir/minimal" && [ -s "$dir/minimal.jsonl" ] ||
    fail "a program linked by pkg-config does not find the library"
if [ -z "$sanitize" ]; then
    others=$(ldd "$dir/minimal" | grep -vE 'linux-vdso|ld-linux|libc\.so|liblydite\.so' || true)
    [ -z "$others" ] || fail "a program that links liblydite loads more than libc: $others"
fi

# The other examples, as their first comment says.
ccx() { cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror $flags "$@"; }
ccx rag/*.c $(pkg-config --cflags --libs lydite) -lm -o "$dir/rag"
ccx distributed/main.c $(pkg-config --cflags --libs lydite) -o "$dir/distributed"
ccx curl_auto/main.c $(pkg-config --cflags --libs lydite-curl lydite libcurl) -o "$dir/curl_auto"
if [ -d research_agent ]; then
    ccx -DRESEARCH_NOTES_DIR="\"$PWD/research_agent/notes\"" research_agent/*.c $(pkg-config --cflags --libs lydite libcurl libcjson) -lm -o "$dir/research_agent"
fi
LYDITE_EXPORTER=file:"$dir/rag.jsonl" "$dir/rag" "What does acid dissolve?" rag/touchstone.txt >"$dir/answer"
grep -q 'dissolves silver' "$dir/answer" || fail "rag answered: $(cat "$dir/answer")"
grep -q 'gen_ai.retrieval.documents' "$dir/rag.jsonl" || fail "rag recorded no documents"
LYDITE_EXPORTER=file:"$dir/two.jsonl" "$dir/distributed"
[ "$(grep -o '"traceId":"[0-9a-f]*"' "$dir/two.jsonl" | sort -u | wc -l)" = 1 ] || fail "distributed: not one trace"
if OPENAI_BASE_URL=http://127.0.0.1:1/v1 LYDITE_EXPORTER=file:"$dir/curl.jsonl" "$dir/curl_auto" "hi" 2>/dev/null; then
    fail "curl_auto ignored a refused connection"
fi
grep -q 'curl_7' "$dir/curl.jsonl" || fail "curl_auto did not record the error"

LYDITE_EXPORTER=file:"$dir/out.jsonl" "$dir/minimal"
grep -q '"chat stand-in-model"' "$dir/out.jsonl" || fail "no span in the file"
# Nobody listens there: the program says so and goes on.
LYDITE_ENDPOINT=http://127.0.0.1:1 timeout 20 "$dir/minimal" 2>"$dir/err" || fail "minimal failed"
grep -q '1 span, 0 acknowledged, 1 dropped (shutdown 1)' "$dir/err" || { cat "$dir/err" >&2; fail "the loss is not told"; }

mkdir "$dir/cm" && cat >"$dir/cm/CMakeLists.txt" <<CM
cmake_minimum_required(VERSION 3.13)
project(user C CXX)
find_package(lydite 0.1 REQUIRED)
add_executable(minimal $dir/examples/minimal.c)
target_link_libraries(minimal PRIVATE lydite::lydite)
add_executable(scopes scopes.cc)
target_link_libraries(scopes PRIVATE lydite::lydite)
CM
cat >"$dir/cm/scopes.cc" <<CC
#include <lydite/tracer.hpp>
int main() { lydite::tracer t; auto s = t.start(LYDITE_AGENT, "a"); s.set("k", 1); }
CC
cmake -G Ninja -S "$dir/cm" -B "$dir/cm/build" -DCMAKE_PREFIX_PATH="$dir/moved" -DCMAKE_C_FLAGS="$flags" \
    -DCMAKE_CXX_FLAGS="$flags" >"$dir/log" 2>&1 &&
    cmake --build "$dir/cm/build" >>"$dir/log" 2>&1 || { cat "$dir/log" >&2; fail "find_package(lydite)"; }
LYDITE_EXPORTER=none "$dir/cm/build/minimal" 2>/dev/null

# Symbols: what the headers declare, and nothing else.
nm -D --defined-only "$lib"/liblydite.so | awk '$2 == "T" {sub(/@.*/, "", $3); print $3}' | sort >"$dir/exported"
grep -vE '^lydite_' "$dir/exported" && fail "liblydite exports other names"
grep -oE 'LYDITE_API [^;]*' <(tr '\n' ' ' <"$dir/moved/include/lydite/tracer.h") |
    grep -oE 'lydite_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$dir/declared"
diff "$dir/declared" "$dir/exported" >&2 || fail "header and library disagree (< declared, > exported)"
readelf -d "$lib"/liblydite.so | grep -q NODELETE || fail "liblydite is not nodelete"
say "ok: $(wc -l <"$dir/exported") symbols, $(stat -L -c %s "$lib"/liblydite.so) bytes"
