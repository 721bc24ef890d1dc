# What quickstart and check share: the packages, their installation, the build. Sourced, not run.
# shellcheck shell=bash

# Debian package : what it is for
lydite_packages=(
  "gcc:C compiler" "g++:C++ header test" "cmake:build" "ninja-build:build" "pkg-config:build"
  "libgrpc-dev:OTLP/gRPC" "libcurl4-openssl-dev:HTTP client" "libcjson-dev:JSON documents"
  "libsqlite3-dev:the store" "libmicrohttpd-dev:OTLP/HTTP" "libzstd-dev:compression" "libdeflate-dev:gzip"
  "libssl-dev:TLS and hashes" "libxxhash-dev:content hashes" "libyaml-dev:YAML" "libpcre2-dev:regular expressions"
  "libncurses-dev:terminfo" "ca-certificates:TLS to providers"
)
lydite_test_packages=(
  "libcmocka-dev:unit tests" "python3:test oracles" "protobuf-compiler:protobuf oracle"
  "python3-protobuf:protobuf oracle" "tmux:viewer in a real terminal" "sqlite3:reads the file as others do"
  "curl:speaks to the collector" "clang-format-14:format" "git:format" "valgrind:counts instructions"
)

say() { printf '%s\n' "$*"; }
die() { # code, text
  printf '%s\n' "$2" >&2
  exit "$1"
}

# Refuses other systems before anything is touched.
need_debian() {
  local id=unknown like=""
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && printf %s "${ID:-unknown}")
    like=$(. /etc/os-release && printf %s "${ID_LIKE:-}")
  fi
  case " $id $like " in
    *" debian "*|*" ubuntu "*) return 0 ;;
  esac
  printf 'This script installs Debian or Ubuntu packages; this system is "%s". Nothing was changed.\n' "$id" >&2
  printf 'Lydite needs: a C11 and a C++17 compiler, CMake 3.25, Ninja, pkg-config, and the development files of\n' >&2
  printf '  gRPC (C core), libcurl, cJSON, SQLite 3.40, libmicrohttpd, zstd, libdeflate, OpenSSL 3, xxHash,\n  libyaml, PCRE2, ncurses (terminfo); for the tests cmocka.\n' >&2
  printf 'With these installed: cmake -B build -G Ninja && ninja -C build\n' >&2
  exit 3
}

# need_packages INSTALL(yes|no) entry... : names what is missing and installs it.
need_packages() {
  local install=$1 entry name missing=()
  shift
  for entry in "$@"; do
    name=${entry%%:*}
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" != installed ]; then
      missing+=("$entry")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Missing Debian packages:"
  for entry in "${missing[@]}"; do
    printf '  %-24s %s\n' "${entry%%:*}" "${entry#*:}"
  done
  local names=("${missing[@]%%:*}")
  if [ "$install" = no ]; then
    die 3 "--no-install: install them yourself: apt-get install ${names[*]}"
  fi
  local sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die 3 "not root and no sudo: install them yourself: apt-get install ${names[*]}"
    sudo=sudo
  fi
  say "Installing them${sudo:+ with sudo} ..."
  if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >"$log_dir/apt.log" 2>&1; then
    $sudo apt-get update -qq >>"$log_dir/apt.log" 2>&1
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >>"$log_dir/apt.log" 2>&1 ||
      { tail -n 5 "$log_dir/apt.log" >&2; die 3 "apt-get could not install them; the whole log: $log_dir/apt.log"; }
  fi
}

# build_in FOLDER cmake arguments... [-- target...]
build_in() {
  local dir=$1 args=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do args+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  mkdir -p "$dir"
  if ! cmake -S . -B "$dir" -G Ninja "${args[@]}" >"$dir/configure.log" 2>&1; then
    tail -n 20 "$dir/configure.log" >&2
    die 3 "cmake failed; the whole log: $dir/configure.log"
  fi
  if ! ninja -C "$dir" "$@" >"$dir/build.log" 2>&1; then
    grep -E 'error|FAILED' "$dir/build.log" | head -n 20 >&2
    die 3 "the build failed; the whole log: $dir/build.log"
  fi
}
