#!/usr/bin/env bash
# The newaliases binary: what it prints, its exit status, and what it leaves on disk.
set -u
newaliases=$BUILD/newaliases
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
fault() { echo "FAULT: $*"; failures=$((failures + 1)); }
# expect NAME STATUS OUT ERR -- COMMAND...: status, descriptor 1 and descriptor 2, octet for octet.
expect() {
  local name=$1 status=$2 out=$3 err=$4 got
  shift 5
  "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$status" ] || fault "$name: exit status $got, not $status"
  diff <(printf '%s' "$out") out || fault "$name: descriptor 1"
  diff <(printf '%s' "$err") err || fault "$name: descriptor 2"
}
good='mailer-daemon: postmaster
postmaster: root
bin: root
'
printf '%s' "$good" >aliases
printf 'alias_database = hash:%s/aliases\nalias_maps = hash:%s/aliases\n' "$dir" "$dir" >main.cf

expect "summary line" 0 "$dir/aliases: 3 aliases, longest 10 bytes, 44 bytes total
" "" -- "$newaliases" -c main.cf
[ -s aliases.cdb ] || fault "no map was written"
[ "$(stat -c %a aliases.cdb)" = 644 ] || fault "mode of the map"
umask 077
expect "under another umask" 0 "$dir/aliases: 3 aliases, longest 10 bytes, 44 bytes total
" "" -- "$newaliases" -c main.cf
[ "$(stat -c %a aliases.cdb)" = 644 ] || fault "mode of the map under umask 077"
umask 022

# S86: xxoo is unknown before newaliases and known after it; who opened the old map keeps it.
exec 7<aliases.cdb
before=$(sha256sum <aliases.cdb) inode=$(stat -c %i aliases.cdb)
printf 'xxoo: root\n' >>aliases
grep -q xxoo aliases.cdb && fault "xxoo is known before newaliases"
expect "with xxoo" 0 "$dir/aliases: 4 aliases, longest 10 bytes, 52 bytes total
" "" -- "$newaliases" -c main.cf
grep -q xxoo aliases.cdb || fault "xxoo is unknown after newaliases"
[ "$(sha256sum <&7)" = "$before" ] || fault "the map was not replaced but changed in place"
[ "$(stat -c %i aliases.cdb)" != "$inode" ] || fault "the map was written in place"
exec 7<&-

# All mistakes at once, each with its line; the map in use stays.
before=$(sha256sum <aliases.cdb)
cat >aliases <<'X'
mailer-daemon: postmaster
postmaster: root
bin: root
BIN: ann
no colon here
two words: root
empty:
cmd: "|"
inc: :include:relative
open: "ann
a: b
b:
  c
c: a
X
expect "mistakes" 65 "" "$dir/aliases:4: duplicate alias bin (first in line 3)
$dir/aliases:5: no ':' after the alias name: no colon here
$dir/aliases:6: white space in alias name (write \"two words\": in quotes)
$dir/aliases:7: empty: no target after ':'
$dir/aliases:8: cmd: command is empty: \"|\"
$dir/aliases:9: inc: :include: needs a file name from the root (/...): :include:relative
$dir/aliases:10: open: quote or parenthesis is not closed: \"ann
$dir/aliases:11: alias loop: a -> b -> c -> a
$dir/aliases: not compiled; the map in use stays as it was
" -- "$newaliases" -c main.cf
[ "$(sha256sum <aliases.cdb)" = "$before" ] || fault "the map changed although there were mistakes"

# S83
printf 'bin: root\n' >aliases
expect "missing names" 0 "$dir/aliases: 1 aliases, longest 4 bytes, 7 bytes total
" "$dir/aliases: warning: alias mailer-daemon is missing
$dir/aliases: warning: alias postmaster is missing
" -- "$newaliases" -c main.cf

rm aliases.cdb
expect "--check writes nothing" 0 "$dir/aliases: 3 aliases, longest 10 bytes, 44 bytes total
" "" -- bash -c 'printf "%s" "$2" >aliases && exec "$1" -c main.cf --check' - "$newaliases" "$good"
[ ! -e aliases.cdb ] || fault "--check wrote a map"
expect "files as arguments" 0 "other: 2 aliases, longest 4 bytes, 31 bytes total
" "" -- bash -c 'printf "mailer-daemon: root\npostmaster: root\n" >other && exec "$1" other' - "$newaliases"
[ -e other.cdb ] || fault "no map beside the named file"

"$newaliases" nowhere >out 2>err
[ $? = 66 ] || fault "a missing file is not EX_NOINPUT"
grep -q nowhere err || fault "a missing file is not named"
"$newaliases" --no-such-option >out 2>err
[ $? = 64 ] || fault "a wrong option is not EX_USAGE"
printf 'mynetworks_style = hosts\nmessage_size_limit = lots\n' >bad.cf
"$newaliases" -c bad.cf >out 2>err
[ $? = 78 ] || fault "a wrong configuration is not EX_CONFIG"
grep -q 'bad.cf:1: ' err && grep -q 'bad.cf:2: ' err || fault "not every mistake of bad.cf is told"
if [ "$(id -u)" != 0 ]; then
  mkdir closed && cp other closed/aliases && chmod 555 closed
  "$newaliases" closed/aliases >out 2>err
  [ $? = 73 ] || fault "an unwritable directory is not EX_CANTCREAT"
  chmod 755 closed
fi
for left in *.tmp*; do [ ! -e "$left" ] || fault "left behind: $left"; done
[ "$failures" = 0 ]
