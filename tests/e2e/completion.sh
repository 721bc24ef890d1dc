#!/usr/bin/env bash
# The completion scripts in the shells that they are for: they parse, they load, and a word that was begun ends
# as the command table says. A shell that is not installed is left out, and said to be.
set -u
lydite=${LYDITE:?}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp LC_ALL=C.UTF-8
cd "$tmp" || exit 1
bad=0
complain() { echo "$1"; bad=1; }
"$lydite" completion bash >bash.sh && "$lydite" completion zsh >_lydite && "$lydite" completion fish >lydite.fish || complain "completion"

# What is typed, and one of the words that must be offered. Behind a verb no verb is offered again.
cases=('lydite tr|trace' 'lydite trace li|list' 'lydite trace list --fail|--fail-empty' 'lydite cost --b|--by'
       'lydite prompt promote --ru|--run' 'lydite completion z|zsh' 'lydite man tr|trace' 'lydite cost expl|explain')

in_bash() { # line -> words
  bash --norc -c 'source ./bash.sh; COMP_WORDS=($1); [[ $1 == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lydite; printf "%s\n" "${COMPREPLY[@]}"' - "$1"
}
in_fish() { fish --no-config -c 'source ./lydite.fish; complete -C $argv[1]' "$1" | cut -f1; }

bash -n bash.sh || complain "bash: the script does not parse"
shells=bash
if command -v fish >/dev/null && fish --no-config -c true 2>/dev/null; then
  shells="$shells fish"
  fish --no-execute lydite.fish || complain "fish: the script does not parse"
else
  echo "fish is not here"
fi
for shell in $shells; do
  for case in "${cases[@]}"; do
    "in_$shell" "${case%|*}" 2>err >out || complain "$shell: ${case%|*}: $(cat err)"
    grep -qxF -- "${case#*|}" out || complain "$shell: ${case%|*} is offered $(tr '\n' ' ' <out), not ${case#*|}"
  done
  "in_$shell" 'lydite trace list ' >out 2>&1
  grep -qx show out && complain "$shell: a verb is offered behind a verb"
  "in_$shell" 'lydite trace import _ly' >out 2>&1
  grep -qx _lydite out || complain "$shell: no names of files"
done

# zsh completes only where someone types: on a terminal, sourced and from a folder of the function path.
if command -v zsh >/dev/null && command -v python3 >/dev/null; then
  zsh -n _lydite || complain "zsh: the script does not parse"
  mkdir functions
  cp _lydite functions/
  for how in sourced found; do
    python3 - $how "${cases[@]}" <<'P' || complain "zsh, $how: a word is not completed"
import os, pty, re, select, sys, time
how, cases = sys.argv[1], [c.rsplit("|", 1) for c in sys.argv[2:]] + [("lydite trace import fun", "functions/")]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="ready> ", ZDOTDIR=os.getcwd())
    os.execvp("zsh", ["zsh", "-f", "-i"])
seen = b""
def until(want):
    global seen
    end = time.monotonic() + 60
    while want not in seen:
        if time.monotonic() > end: print("no", want, "in", seen); os.kill(pid, 9); sys.exit(1)
        if select.select([fd], [], [], 0.2)[0]: seen += os.read(fd, 65536)
    seen = seen[seen.index(want) + len(want):]
until(b"ready> ")
load = "source ./_lydite" if how == "sourced" else ":"
path = "" if how == "sourced" else "fpath=(./functions $fpath); "
os.write(fd, (path + "autoload -Uz compinit; compinit -u -d ./dump; " + load + "; print set''up\n").encode())
until(b"setup"); until(b"ready> ")
for typed, word in cases:
    os.write(fd, typed.encode() + b"\t")
    until((typed[:typed.rindex(" ") + 1] + word).encode())
    os.write(fd, b"\x15\n")
    until(b"ready> ")
os.write(fd, b"exit\n")
P
  done
else
  echo "zsh or python3 is not here"
fi
exit $bad
