#!/usr/bin/env bash
# A deployment on a real systemd: installed, sockets started, mail sent in by a script, read by POP3, by
# IMAP and with mail-reader as system users with PAM, an alias added and effective, a user created after
# the start; afterwards no process of ours is left. In both kinds of installation: a unit per connection
# (tubepost.target) and accepting services (tubepost-busy.target).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
trap 'status=$?; halt_box; exit $status' EXIT
boot_box

build=$(cd "$BUILD" && pwd)
source=$(cd "$SOURCE" && pwd)
# A sanitized build has no place for LeakSanitizer's ptrace in a unit.
in_box systemctl set-environment ASAN_OPTIONS=detect_leaks=0
in_box env ASAN_OPTIONS=detect_leaks=0 bash -eu -c "
  cmake --install '$build' --prefix /usr >/dev/null
  '$source/units/install' >/tmp/install.log 2>&1 || { cat /tmp/install.log; exit 1; }
  userdel -r boss >/dev/null 2>&1 || true
  useradd -m boss
  echo boss:linuxprobe | chpasswd
  printf 'myhostname = mail.linuxprobe.com\nmydomain = linuxprobe.com\nmyorigin = \$mydomain\nmydestination = \$myhostname , \$mydomain\ndisable_plaintext_auth = no\n' >>/etc/tubepost/main.cf
  printf 'mailer-daemon: postmaster\npostmaster: root\nbin: root\n' >/etc/aliases
  newaliases
"
for target in tubepost.target tubepost-busy.target; do
  echo "== $target"
  in_box bash -eu -c "
    systemctl enable --now $target \$(ls /usr/lib/systemd/system/tubepost*.socket /usr/lib/systemd/system/tubepost*.timer /usr/lib/systemd/system/tubepost*.path | xargs -n1 basename | while read unit; do
      grep -q 'WantedBy=.*$target' /usr/lib/systemd/system/\$unit && echo \$unit; done) >/dev/null 2>&1
    systemctl start $target"
  in_box systemctl --failed --no-legend --plain
  in_box env ASAN_OPTIONS=detect_leaks=0 python3 "$source/tests/systemd/clients.py" "$target" || {
    in_box journalctl --no-pager -n 80 -o short-monotonic
    exit 1
  }
  in_box systemctl disable --now "$target" $(in_box sh -c 'cd /usr/lib/systemd/system; ls tubepost*.socket tubepost*.timer tubepost*.path') >/dev/null 2>&1 || true # clean-up; not what is tested
done
