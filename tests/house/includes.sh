#!/usr/bin/env bash
# The arrows of the design: a room includes only what its row allows, and third-party headers stay in
# their one room. Prints each include that breaks the law.
set -u
cd "${SOURCE:?}" || exit 1

# room: folder | rooms it may include directly or through those
declare -A allow=(
  [base]="base"
  [text]="base text"
  [otlp]="base otlp"
  [genai]="base text otlp genai"
  [filter]="base text filter"
  [rpc]="base rpc"
  [http]="base text http"
  [store]="base text otlp genai filter store"
  [cost]="base text otlp genai filter store cost"
  [llm]="base text otlp genai http llm"
  [ingest]="base text otlp genai filter store ingest"
  [tracer]="base otlp tracer"
  [tracer/curl]="base text otlp genai tracer"
  [tracer/otlp]="base otlp rpc tracer"
  [collector]="base text otlp genai filter store ingest rpc collector"
  [prompts]="base text otlp genai filter store prompts"
  [judges]="base text otlp genai filter store prompts http llm judges"
  [eval]="base text otlp genai filter store prompts http llm judges eval"
  [viewer]="base text otlp genai filter store ingest cost viewer"
)
rooms="base text otlp genai filter rpc http store cost llm ingest tracer collector prompts judges eval viewer cli"

# third-party header pattern | folders where it may stand
third=(
  'sqlite3\.h|core/store'
  'grpc/|core/rpc'
  'curl/|core/http tracer/curl tracer/include/lydite/curl.h'
  'cjson/|core/text'
  'yaml\.h|core/text'
  'pcre2\.h|core/text'
  'xxhash\.h|core/text core/store'
  'zstd\.h|core/store'
  'zdict\.h|core/store'
  'microhttpd\.h|collector'
  'libdeflate\.h|collector'
  'zlib\.h|collector tracer/otlp core/rpc'
  'openssl/|core/text core/llm collector'
  '(curses|ncurses|term)\.h|viewer'
)

bad=0
complain() { echo "$1"; bad=$((bad + 1)); }

folder_of() { # room -> folder
  case $1 in
    base|text|otlp|genai|filter|rpc|http|store|cost|llm|ingest) echo "core/$1" ;;
    *) echo "$1" ;;
  esac
}

check_room() { # key of allow, files...
  local key=$1 file line target
  shift
  for file in "$@"; do
    while IFS=: read -r line target; do
      local room=${target%%/*}
      case " $rooms " in *" $room "*) ;; *) continue ;; esac
      case " ${allow[$key]} " in
        *" $room "*) ;;
        *) complain "$file:$line: $key may not include \"$target\"" ;;
      esac
    done < <(grep -nE '^\s*#\s*include "' "$file" | sed -E 's/^([0-9]+):.*"([^"]+)".*/\1:\2/')
  done
}

for key in "${!allow[@]}"; do
  dir=$(folder_of "$key")
  [ -d "$dir" ] || continue
  case $key in
    tracer) mapfile -t files < <(find tracer -name '*.[ch]' ! -path 'tracer/curl/*' ! -path 'tracer/otlp/*' ! -path 'tracer/include/*') ;;
    *) mapfile -t files < <(find "$dir" -name '*.[ch]') ;;
  esac
  [ ${#files[@]} -gt 0 ] && check_room "$key" "${files[@]}"
done

for rule in "${third[@]}"; do
  pattern=${rule%|*}
  where=${rule##*|}
  while IFS= read -r hit; do
    file=${hit%%:*}
    ok=no
    for dir in $where; do
      case $file in "$dir"/*|"$dir") ok=yes ;; esac
    done
    [ $ok = yes ] || complain "$hit: that header stays in $where"
  done < <(grep -rnE "^\s*#\s*include <($pattern)" core tracer collector prompts judges eval viewer cli --include='*.[ch]')
done

# SQL stays in the store: no statement text elsewhere.
while IFS= read -r hit; do
  complain "$hit: SQL stays in core/store"
done < <(grep -rnE '"(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|BEGIN IMMEDIATE|PRAGMA) ' core tracer collector prompts judges eval viewer cli --include='*.c' \
         | grep -v '^core/store/' | grep -v '^cli/cmd_sql.c')

[ $bad = 0 ] || { echo "$bad includes against the house's law"; exit 1; }
echo "all arrows point the right way"
