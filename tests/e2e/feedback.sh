#!/usr/bin/env bash
# The registry on the command line, and the collector's GET /v1/prompts and POST /v1/scores.
set -u
. "$(dirname "$0")/lib/kit.sh"
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db NO_COLOR=1

# ---- prompts
printf 'Answer: {{q}}\n' >a.txt
printf -- '---\nmodel: openai:gpt-4o-mini\n---\n[system]\nBe brief.\n[user]\n{{q}}\n' >b.txt
"$LYDITE" prompt put a.txt --name answer | grep -qx 'answer@1' || fail "put"
"$LYDITE" prompt put b.txt --name answer -m 'with a system message' --alias production | grep -qx 'answer@2' || fail "put 2"
"$LYDITE" prompt put a.txt --name answer | grep -q 'answer@1 (was there already)' || fail "put again"
"$LYDITE" prompt show answer@2 | cmp -s - b.txt || fail "show is not what was put"
"$LYDITE" prompt render answer --var q=why | grep -qx why || fail "render"
"$LYDITE" prompt render answer 2>err; [ $? = 3 ] && grep -q 'no value for {{q}}' err || fail "missing variable: $(cat err)"
"$LYDITE" prompt render answer@1 --var 'q={{x}} <b>' | grep -qx 'Answer: {{x}} <b>' || fail "a value was read as a template"
"$LYDITE" prompt alias answer@1 production >/dev/null || fail "alias"
"$LYDITE" prompt rollback answer production | grep -q '1 -> 2' || fail "rollback"
printf 'x {{#open}}\n' >bad.txt
"$LYDITE" prompt put bad.txt 2>err; [ $? = 3 ] && grep -q 'bad.txt: .*never closed' err || fail "bad template: $(cat err)"
"$LYDITE" prompt list | grep -q bad && fail "a bad template was kept"

# ---- data sets
printf 'id,q,expected\n1,a,A\n2,b,B\n3,c,C\n4,d,D\n' >d.csv
"$LYDITE" dataset put d.csv | grep -q '^d@1  4 rows' || fail "dataset put"
"$LYDITE" dataset put d.csv | grep -q 'was there already' || fail "dataset put again"
"$LYDITE" dataset export d --csv >out.csv || fail "export"
"$LYDITE" dataset put out.csv --name d | grep -q '^d@1 ' || fail "export and put is not the same content"
"$LYDITE" dataset split d dev test --percent 50 | grep -q '^dev@1  2 rows' || fail "split"
printf 'id,q\n1,"never closed\n' >e.csv
"$LYDITE" dataset put e.csv 2>err; [ $? = 3 ] && grep -q 'e.csv' err || fail "bad csv: $(cat err)"
printf 'a,a\n1,2\n' >e.csv
"$LYDITE" dataset put e.csv 2>err; [ $? = 3 ] && grep -q 'two columns are named a' err || fail "double column: $(cat err)"
printf 'a,b\n1\n' >e.csv
"$LYDITE" dataset put e.csv 2>err; [ $? = 3 ] && grep -q 'line 2 has 1 fields' err || fail "short row: $(cat err)"
"$LYDITE" dataset list | grep -q '^e ' && fail "a bad file was kept"

# ---- over HTTP
collector collect.log
port=$http
http() { # METHOD PATH [BODY]
  exec 9<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "${#3}" "$3" >&9
  cat <&9
  exec 9>&-
}
http GET /v1/prompts/answer@production '' >reply
grep -q '200 OK' reply && grep -q '"version":2' reply && grep -q 'Be brief' reply || fail "GET prompt: $(cat reply)"
http GET /v1/prompts/nothing '' >reply
grep -q ' 404 ' reply || fail "GET of no prompt: $(cat reply)"
t=0af7651916cd43dd8448eb211c80319c
http POST /v1/scores "{\"trace_id\":\"$t\",\"name\":\"thumbs\",\"value\":true}" >reply
grep -q '200 OK' reply && grep -q '"score_ids":\["' reply || fail "POST score: $(cat reply)"
http POST /v1/scores "{\"scores\":[{\"trace_id\":\"$t\",\"name\":\"a\",\"value\":1},{\"trace_id\":\"$t\",\"name\":\"b\"}]}" >reply
grep -q ' 400 ' reply && grep -q 'a score needs' reply || fail "POST of a bad score: $(cat reply)"
[ "$("$LYDITE" score list --json | wc -l)" = 1 ] || fail "half of a bad request was kept"
"$LYDITE" score list --json | grep -q '"name":"thumbs","value":1,' || fail "score"
id=$("$LYDITE" score list --json | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')
"$LYDITE" score retract "$id" && [ "$("$LYDITE" score list --json | wc -l)" = 0 ] || fail "retract"
echo ok
