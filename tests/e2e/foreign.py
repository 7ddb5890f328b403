#!/usr/bin/python3
"""A mail program that knows nothing of ours, one change a run: what procmail, mutt and shell scripts do.

    foreign.py append MBOX        message on 0: lock file, then lockf, one write at the end
    foreign.py rewrite MBOX ID FLAGS|gone  the whole file anew, in place, as mailx does it
    foreign.py deliver MAILDIR    message on 0: tmp/, fsync, rename to new/
    foreign.py flag MAILDIR ID FLAGS|gone  rename within cur/ (from new/), or unlink

ID is what stands in Subject; FLAGS are of RAF (seen, answered, flagged), or -. Few imports: it starts in 20 ms.
"""
import errno
import fcntl
import os
import re
import sys
import time


class Locked:
    """MBOX.lock with our pid, then lockf; a lock file whose maker is gone is removed."""

    def __init__(self, path):
        self.path, self.lock = path, path + ".lock"

    def __enter__(self):
        for _ in range(6000):
            try:
                fd = os.open(self.lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                os.write(fd, b"%d\n" % os.getpid())
                os.close(fd)
                break
            except FileExistsError:
                self.remove_stale()
                time.sleep(0.01)
        else:
            sys.exit(75)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        return self.fd

    def remove_stale(self):
        """Only the one that was looked at, and only one of those that find it so."""
        try:
            with open(self.lock) as f:
                octets, age = f.read(), time.time() - os.fstat(f.fileno()).st_mtime
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_left_over = not os.path.exists(f"/proc/{int(octets)}") if octets else age > 1
                if is_left_over and os.path.samestat(os.stat(self.lock), os.fstat(f.fileno())):
                    os.unlink(self.lock)
        except (FileNotFoundError, BlockingIOError):
            pass

    def __exit__(self, *_):
        os.close(self.fd)
        os.unlink(self.lock)


def append(path):
    octets = b"From joe@example.org " + time.asctime().encode() + b"\n" + sys.stdin.buffer.read() + b"\n"
    with Locked(path) as fd:
        os.write(fd, octets)
        os.fsync(fd)


def rewrite(path, name, flags):
    with Locked(path) as fd:
        parts = re.split(rb"(?m)^(?=From \S+ +\w{3} \w{3} +\d+ \d\d:)", os.pread(fd, os.fstat(fd).st_size, 0))
        found = [n for n, part in enumerate(parts) if re.search(rb"^Subject: %s$" % name.encode(), part, re.M)]
        if len(found) != 1:
            sys.exit(f"{name} stands in {path} {len(found)} times")
        header, _, body = parts[found[0]].partition(b"\n\n")
        header = re.sub(rb"\n(?:X-)?Status:[^\n]*", b"", header)
        status = b"\nStatus: " + (b"RO" if "R" in flags else b"O")
        others = "".join(letter for letter in "AF" if letter in flags).encode()
        parts[found[0]] = (b"" if flags == "gone" else
                           header + status + (b"\nX-Status: " + others if others else b"") + b"\n\n" + body)
        octets = b"".join(parts)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_APPEND)
        os.pwrite(fd, octets, 0)
        os.ftruncate(fd, len(octets))
        os.fsync(fd)


def deliver(path):
    name = f"{time.time_ns()}.P{os.getpid()}.elsewhere"
    fd = os.open(f"{path}/tmp/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(fd, sys.stdin.buffer.read())
    os.fsync(fd)
    os.close(fd)
    os.rename(f"{path}/tmp/{name}", f"{path}/new/{name}")


def flag(path, name, flags):
    letters = "".join(sorted({"R": "S", "A": "R", "F": "F"}[letter] for letter in flags)) if flags != "gone" else ""
    for sub in ("new", "cur"):
        for file in os.listdir(f"{path}/{sub}"):
            try:
                with open(f"{path}/{sub}/{file}", "rb") as f:
                    if not re.search(rb"^Subject: %s$" % name.encode(), f.read(4096), re.M):
                        continue
                if flags == "gone":
                    os.unlink(f"{path}/{sub}/{file}")
                else:
                    os.rename(f"{path}/{sub}/{file}", f"{path}/cur/{file.partition(':2,')[0]}:2,{letters}")
                return
            except OSError as error:  # moved from new/ to cur/ meanwhile: seen there
                if error.errno != errno.ENOENT:
                    raise
    sys.exit(f"{name} is not in {path}")


if __name__ == "__main__":
    {"append": append, "rewrite": rewrite, "deliver": deliver, "flag": flag}[sys.argv[1]](*sys.argv[2:])
