#!/usr/bin/env bash
# run.sh: pam_test against the real libpam with a service directory, passwords and accounts of the
# test (libpam_wrapper, libnss_wrapper). Runs as whoever calls it.
set -eu
libraries=
for name in libpam_wrapper.so libnss_wrapper.so; do
  path=$(find /usr/lib -name "$name" -print -quit)
  [ -n "$path" ] || { echo "$name is not installed"; exit 77; }
  libraries="$libraries:$path"
done
matrix=$(find /usr/lib -name pam_matrix.so -print -quit)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/services"
cat >"$dir/services/tubepost" <<SERVICE
auth     required  $matrix passdb=$dir/passwords verbose
account  required  pam_listfile.so item=user sense=deny onerr=fail file=$dir/locked
account  required  $matrix passdb=$dir/passwords verbose
password required  pam_deny.so
session  required  pam_permit.so
SERVICE
printf '%s required pam_deny.so\n' auth account password session >"$dir/services/other"
printf '%s:tubepost\n' alice:secret boss:redhat locked:secret ghost:secret elsewhere:secret |
  sed 's/^elsewhere:secret:tubepost/elsewhere:secret:other/' >"$dir/passwords"
echo locked >"$dir/locked"
cat >"$dir/passwd" <<PASSWD
alice:x:5001:5001::/home/alice:/bin/sh
boss:x:5002:5002::/home/boss:/bin/sh
locked:x:5003:5003::/home/locked:/bin/sh
elsewhere:x:5004:5004::/home/elsewhere:/bin/sh
nopassword:x:5005:5005::/home/nopassword:/bin/sh
PASSWD
: >"$dir/group"
# A sanitized program wants its run-time library first.
asan=$(ldd "$BUILD/pam_test" | awk '/libasan/ { print $3 }')
# pam_wrapper copies libpam and leaves the path of its copy allocated; leaks of ours are seen by the
# other tests of the module interface.
ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="${asan:-}$libraries" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR="$dir/services" \
  NSS_WRAPPER_PASSWD="$dir/passwd" NSS_WRAPPER_GROUP="$dir/group" \
  "$BUILD/pam_test" --gtest_brief=1 "$@"
