#!/usr/bin/env bash
# The ban works: a file that uses a banned function does not compile, and every file of ours is
# compiled with the banning header.
set -u
cd "${SOURCE:?}" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
for call in 'strcpy(a, b)' 'strcat(a, b)' 'strncpy(a, b, 1)' 'sprintf(a, "x")' 'malloc(1)' 'calloc(1, 1)' \
            'realloc(a, 1)' 'strdup(a)' 'strtok(a, b)' 'atoi(a)' 'atof(a)' 'system(a)' 'localtime(0)' 'mktime(0)'; do
  printf 'void f(char *a, char *b);\nvoid f(char *a, char *b)\n{\n    (void)a;\n    (void)b;\n    (void)%s;\n}\n' "$call" >"$tmp/a.c"
  if gcc -std=c11 -D_GNU_SOURCE -include core/base/banned.h -fsyntax-only "$tmp/a.c" 2>/dev/null; then
    echo "$call compiles"
    bad=1
  fi
done
if [ -f "${BUILD:?}/compile_commands.json" ]; then
  missing=$(python3 - "$BUILD/compile_commands.json" "$SOURCE" <<'P'
import json, sys
for c in json.load(open(sys.argv[1])):
    f = c["file"]
    rel = f[len(sys.argv[2]) + 1:]
    if rel.split("/")[0] in ("core", "tracer", "collector", "prompts", "judges", "eval", "viewer", "cli") and f.endswith(".c") \
       and "banned.h" not in c["command"]:
        print(rel)
P
)
  [ -z "$missing" ] || { echo "compiled without base/banned.h:"; echo "$missing"; bad=1; }
fi
# Waits end by the monotonic clock: one that ends by the wall clock lasts an hour longer when that is set back.
found=$(grep -rnE 'CLOCK_REALTIME|pthread_cond_timedwait|pthread_cond_init' --include='*.[ch]' \
  core tracer collector prompts judges eval viewer cli | grep -vE '^core/base/(clock|thread|queue)\.c:')
[ -z "$found" ] || { echo "use ly_wall_ns() of base/clock.h, ly_cond_init() and ly_cond_until() of base/thread.h:"; echo "$found"; bad=1; }
[ $bad = 0 ] && echo "the ban holds"
exit $bad
