# boot.sh: sourced. Boots this machine's own root file system, read-only under a tmpfs overlay, with a
# real systemd as process 1 in a container without network. Nothing on the machine is changed.
#
# $SOURCE, with the build in it, is bound to the same place: a checkout below /tmp would be hidden.
#
#   boot_box || skip REASON     sets $leader; `in_box CMD...` runs in it; `halt_box` ends it
skip() { echo "skipped: $*"; exit 77; }

cgroup_roots() {
  if [ "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then
    echo /sys/fs/cgroup
  else
    for root in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
      [ ! -e "$root/cgroup.procs" ] || echo "$root"
    done
  fi
}

boot_box() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed (make -f Makefile.compat deps-interop)"
  command -v nsenter >/dev/null || skip "nsenter is not installed"
  box=$(mktemp -d /tmp/tubepost-box-XXXXXX)
  box_id=tubepost-box-$$
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
  # The mounts live in a namespace of their own and go with it.
  setsid unshare --mount --propagation private bash -c '
    set -e
    box=$1 id=$2 roots=$3 source=$4
    for root in $roots; do mkdir -p "$root/$id" && echo $$ >"$root/$id/cgroup.procs" || true; done
    mount -t tmpfs -o size=2g,mode=755 tmpfs "$box"
    mkdir "$box/upper" "$box/work" "$box/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" "$box/root"
    root=$box/root
    # Quiet: only what is tested starts.
    rm -rf "$root"/etc/systemd/system/*.wants "$root"/var/mail/* "$root"/var/spool/tubepost "$root"/etc/tubepost
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
                e2scrub_reap.service console-getty.service getty-static.service systemd-networkd.service \
                systemd-resolved.service postfix.service dovecot.service dovecot.socket docker.service \
                systemd-logind.service postgresql.service "postgresql@15-main.service" "pg_receivewal@15-main.service"; do
      ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    rm -f "$root/etc/machine-id" "$root/etc/fstab"; : >"$root/etc/fstab"
    echo mail.linuxprobe.com >"$root/etc/hostname"
    printf "127.0.0.1 mail.linuxprobe.com localhost\n::1 localhost\n" >"$root/etc/hosts.box"
    mv "$root/etc/hosts.box" "$root/etc/hosts" 2>/dev/null || cp "$root/etc/hosts.box" "$root/etc/hosts"
    exec systemd-nspawn --directory="$root" --boot --register=no --keep-unit --machine="$id" --hostname=mail.linuxprobe.com \
      --private-network --console=read-only --link-journal=no --settings=no --resolv-conf=off --timezone=off \
      --bind="$source"
  ' box "$box" "$box_id" "$(cgroup_roots | tr '\n' ' ')" "$(cd "$SOURCE" && pwd)" >"$box.log" 2>&1 </dev/null &
  box_pid=$!
  local try child
  for try in $(seq 600); do
    kill -0 "$box_pid" 2>/dev/null || { tail -5 "$box.log"; halt_box; skip "no container can boot here"; }
    leader=
    for child in $(cat "/proc/$box_pid/task/$box_pid/children" 2>/dev/null); do
      grep -qsE '^NSpid:.*[[:space:]]1$' "/proc/$child/status" && leader=$child
    done
    if [ -n "$leader" ]; then
      case $(in_box systemctl is-system-running 2>/dev/null) in
        running | degraded) return 0 ;;
      esac
    fi
    sleep 0.1
  done
  tail -20 "$box.log"
  halt_box
  skip "systemd in the container was not ready within a minute"
}

in_box() {
  nsenter -t "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root \
    LANG=C.UTF-8 TERM=dumb "$@"
}

halt_box() {
  set +e # the box may be gone already
  if [ -n "${box_pid:-}" ] && kill -0 "$box_pid" 2>/dev/null; then
    kill -TERM "$box_pid" 2>/dev/null
    local try
    for try in $(seq 100); do kill -0 "$box_pid" 2>/dev/null || break; sleep 0.1; done
    [ -z "${leader:-}" ] || kill -KILL "$leader" 2>/dev/null
    kill -KILL "$box_pid" 2>/dev/null
  fi
  local root
  for root in $(cgroup_roots); do
    [ ! -d "$root/$box_id" ] || find "$root/$box_id" -depth -type d -exec rmdir {} + 2>/dev/null
  done
  rm -rf --one-file-system "$box" "$box.log"
}
