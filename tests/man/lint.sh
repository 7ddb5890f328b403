#!/usr/bin/env bash
# Every page in man/ passes mandoc's lint, and its .Dt says what its file name says.
set -u
cd "$SOURCE/man" || exit 1
command -v mandoc >/dev/null || { echo "skipped: no mandoc"; exit 77; }
status=0
shopt -s nullglob
pages=(*.[1-9])
[ ${#pages[@]} -gt 0 ] || { echo "no pages"; exit 1; }
for page in "${pages[@]}"; do
  # The order EXAMPLES, STANDARDS, SEE ALSO is ours (STYLE.md section 11).
  faults=$(mandoc -T lint -W warning "$page" | grep -v 'sections out of conventional order: Sh SEE ALSO')
  title=${page%.*} section=${page##*.}
  grep -qx "\.Dt ${title^^} $section" "$page" || faults+="
$page: .Dt is not ${title^^} $section"
  grep -q '^\.Sh SECURITY CONSIDERATIONS' "$page" || faults+="
$page: no SECURITY CONSIDERATIONS"
  [ -z "$faults" ] || { echo "$faults"; status=1; }
done
exit $status
