#!/usr/bin/env bash
# ./quickstart itself, in a folder with blanks and letters beyond ASCII: this build stands for its own, so all
# but the package manager and the compiler is the real thing. What it prints must work as typed.
set -u
dir=$(mktemp -d)
held=
trap '[ -z "$held" ] || kill "$held" 2>/dev/null; rm -rf "$dir"' EXIT
fail() { printf 'quickstart: %s\n' "$*" >&2; [ ! -s "$dir/out" ] || tail -n 20 "$dir/out" >&2; exit 1; }
grep -qiE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release || exit 77
top="$dir/a b/wörk 'x'"
mkdir -p "$top/cmake" "$top/build" "$top/examples" "$dir/fake" "$dir/höme"
cp "$SOURCE/quickstart" "$top/"
cp "$SOURCE/cmake/setup.sh" "$top/cmake/"
cp -r "$SOURCE/examples/quickstart" "$top/examples/"
# The programs of this build; the collector on ports of its own choice, since other tests need the usual two.
mkdir "$top/build/bin"
ln -s "$BUILD"/bin/* "$top/build/bin/"
rm "$top/build/bin/lydite"
cat >"$top/build/bin/lydite" <<END
#!/bin/sh
[ "\$1" = collect ] && shift && exec "$LYDITE" collect --grpc-port 0 --http-port 0 "\$@"
exec "$LYDITE" "\$@"
END
chmod +x "$top/build/bin/lydite"
cat >"$dir/fake/cmake" <<END
#!/bin/sh
[ "\$1" = --install ] && exec $(command -v cmake) --install "$BUILD" --prefix "\$4"
exit 0
END
printf '#!/bin/sh\nexit 0\n' >"$dir/fake/ninja"
printf '#!/bin/sh\nprintf installed\n' >"$dir/fake/dpkg-query"
chmod +x "$dir/fake/"*
go() { # want arguments...
  local want=$1 code=0
  shift
  env -i PATH="$dir/fake:$PATH" HOME="$dir/höme" ${san:+"$san"} "$top/quickstart" --no-install "$@" >"$dir/out" 2>&1 || code=$?
  [ $code = "$want" ] || fail "$*: exit $code, want $want"
}
said() { grep -qF -- "$1" "$dir/out" || fail "it does not say: $1"; }
# A sanitized build is told what it is told elsewhere.
san=${LSAN_OPTIONS:+LSAN_OPTIONS=$LSAN_OPTIONS}

# Mistakes first: each is told before anything is built.
go 2 --prefix
go 2 --prefix ''
go 2 --bogus
touch "$dir/file"
go 3 --prefix "$dir/file/below"
said 'cannot be written'
env -u HOME PATH="$dir/fake:$PATH" "$top/quickstart" --no-install >"$dir/out" 2>&1 && fail 'without HOME'
said 'HOME is not set'
[ ! -e "$top/quickstart.db" ] || fail 'a mistake made a database'

# The whole job; a relative prefix is meant from where the user stands.
cd "$dir" || exit 1
go 0 --prefix 'pre fix'
said '10 spans, 10 acknowledged, 0 dropped'
said 'POST /v1/traces: 200'
said '(attempt 1 of 2)'
said 'VERDICT'
said 'stand-in'
[ -x "$dir/pre fix/bin/lydite" ] || fail 'nothing installed in the prefix'
cp "$dir/out" "$dir/whole"
# The lines to set, then the three commands, in the shell that someone would paste them into.
grep '^  export ' "$dir/whole" >"$dir/lines"
grep -q 'PATH=' "$dir/lines" || fail 'no line to set'
found=$(env -u PKG_CONFIG_PATH bash -c '. "$1" && command -v lydite && printf %s "$PKG_CONFIG_PATH"' _ "$dir/lines") || fail 'the lines to set'
printf '%s\n' "$found" | grep -qxF "$dir/pre fix/bin/lydite" || fail "PATH: $found"
if grep -q PKG_CONFIG_PATH "$dir/lines"; then # a lydite that pkg-config knows already needs none
  [ -e "$(printf '%s\n' "$found" | tail -n 1)/lydite.pc" ] || fail "PKG_CONFIG_PATH: $found"
fi
sed -n '/^== Done/,$s/^  //p' "$dir/whole" >"$dir/next"
[ "$(wc -l <"$dir/next")" = 3 ] || fail 'not three commands'
cd / || exit 1
while read -r line; do
  bash -c "$line" </dev/null >"$dir/out" 2>&1 || fail "as typed: $line"
  [ -s "$dir/out" ] || fail "prints nothing: $line"
done <"$dir/next"

# A collector that records into its database is not robbed of it.
"$LYDITE" collect --db "$top/quickstart.db" --grpc-port 0 --http-port 0 >"$dir/log" 2>&1 &
held=$!
for _ in $(seq 600); do grep -q 'OTLP/gRPC' "$dir/log" && break; kill -0 $held || fail 'no collector'; sleep 0.1; done
go 3 --no-install-self
said "(pid $held)"
[ "$("$LYDITE" trace list --db "$top/quickstart.db" --json | wc -l)" -ge 2 ] || fail 'its traces are gone'
exit 0
