#!/usr/bin/python3
"""A spool of mode 2775 root:mail and a user outside group mail, as Debian has it: sessions and mail-reader read,
flag, delete and expunge there while mail arrives and others hold each kind of lock."""
import fcntl
import grp
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

if os.getuid() != 0:
    tubepost.skip("needs root")
BOSS = 61001
MAIL = grp.getgrnam("mail").gr_gid


def message(subject):
    return f"From boss@example.org Tue Nov 24 10:00:00 2026\nSubject: {subject}\n\nhello {subject}\n\n"


def subjects(path):
    with open(path) as f:
        return [line[9:].strip() for line in f if line.startswith("Subject: ")]


def as_boss(mail, command, input=b""):
    """mail-reader as the user, in no group but the own one."""
    def become():
        os.setgroups([])
        os.setgid(BOSS)
        os.setuid(BOSS)
    home = mail.path("home", "boss")
    done = subprocess.run([mail.program("mail-reader"), "--config", mail.main_cf, *command], input=input,
                          preexec_fn=become, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, cwd=home,
                          env={**os.environ, "HOME": home, "USER": "boss", "LOGNAME": "boss"})
    return done.stdout.decode("utf-8", "replace")


class Foreign:
    """A process of another program that holds a lock for `seconds`."""
    def __init__(self, box, how, seconds):
        script = {
            "fcntl": "fcntl.fcntl(f, fcntl.F_SETLK, __import__('struct').pack('hhqqhi', fcntl.F_WRLCK, 0, 0, 0, 0, 0))",
            "lockf": "fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
            "flock": "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
            "dotlock": "os.close(os.open(sys.argv[1] + '.lock', os.O_CREAT | os.O_EXCL))",
        }[how]
        end = "os.unlink(sys.argv[1] + '.lock')" if how == "dotlock" else "pass"
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import fcntl, os, sys, time\nf = open(sys.argv[1], 'r+')\n{script}\n"
             f"print('held', flush=True)\ntime.sleep({seconds})\n{end}\n", box], stdout=subprocess.PIPE)
        check_equal(self.process.stdout.readline(), b"held\n", f"{how} is held")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.wait()
        self.process.stdout.close()


def check_session(mail, box, tag):
    """Flag, expunge and append, while mail keeps arriving."""
    with open(box, "w") as f:
        f.write("".join(message(f"{tag} {i}") for i in range(20)))
    os.chown(box, BOSS, MAIL)
    os.chmod(box, 0o660)
    arrived = []

    def deliver():
        for i in range(8):
            mail.run("deliver", "-f", "ann@example.org", "boss", input=f"Subject: new {i}\n\nhello\n")
            arrived.append(f"new {i}")
    mail.run("deliver", "-f", "ann@example.org", "boss", input="Subject: first\n\nhello\n")
    wait_for(lambda: "first" in subjects(box), 20, "the first delivery")
    thread = threading.Thread(target=deliver)
    thread.start()
    with mail.imap("boss", "secret") as imap:
        check_equal(imap.select("INBOX")[0], "OK", "SELECT")
        check_equal(imap.store("1:4", "+FLAGS", "(\\Flagged)")[0], "OK", "STORE")
        for number in range(5):
            check_equal(imap.store("2", "+FLAGS", "(\\Deleted)")[0], "OK", "STORE Deleted")
            check_equal(imap.expunge()[0], "OK", "EXPUNGE")
        check_equal(imap.fetch("1", "(BODY.PEEK[])")[0], "OK", "FETCH")
        imap.close()
    thread.join()
    check_equal(len(arrived), 8, "deliveries")
    wait_for(lambda: set(arrived) <= set(subjects(box)), 30, "deliveries in the spool")
    wanted = [f"{tag} 0"] + [f"{tag} {i}" for i in range(6, 20)] + ["first"]
    check_equal(subjects(box)[:len(wanted)], wanted, "what lies in the spool")
    check_equal(sorted(subjects(box)[len(wanted):]), arrived, "what has arrived")
    wanted = subjects(box)
    assert not os.path.exists(box + ".lock"), "a lock file was left"
    out = as_boss(mail, ["-n"], b"delete 1\nquit\n")
    check_equal(subjects(box), wanted[1:], f"after mail-reader: {out}")
    with open(box) as f:
        assert "X-Status: F" not in f.read().split("\n\n")[0], "the flagged one is gone"


def check_foreign(mail, box, how, is_obeyed):
    before = len(subjects(box))
    with Foreign(box, how, 1.5):
        start = time.monotonic()
        with mail.imap("boss", "secret") as imap:
            check_equal(imap.select("INBOX")[0], "OK", f"SELECT beside {how}")
            check_equal(imap.append("INBOX", None, None, b"Subject: beside\r\n\r\nx\r\n")[0], "OK", f"APPEND, {how}")
        waited = time.monotonic() - start
    check_equal(len(subjects(box)), before + 1, f"messages, {how}")
    assert (waited > 1) == is_obeyed, f"{how}: waited {waited:.1f} s"


def check_stale(mail, box):
    before = len(subjects(box))
    with mail.imap("boss", "secret") as imap:
        status, said = imap.append("INBOX", None, None, b"Subject: stale\r\n\r\nx\r\n")
        check_equal(status, "OK", f"beside a stale lock file: {said}")
    check_equal(len(subjects(box)), before + 1, "messages beside a stale lock file")


def set_locks(mail, text):
    with open(mail.main_cf) as f:
        lines = [line for line in f if not line.startswith("mbox_")]
    with open(mail.main_cf, "w") as f:
        f.writelines(lines + [text])


def main():
    with tubepost.System("mbox") as mail:
        for sub in ("home", "etc"):
            os.chmod(mail.path(sub), 0o755)
        os.chown(mail.path("mail"), 0, MAIL)
        os.chmod(mail.path("mail"), 0o2775)
        os.chmod(mail.main_cf, 0o644)
        home = mail.path("home", "boss")
        os.makedirs(home, mode=0o700)
        os.chown(home, BOSS, BOSS)
        with open(mail.path("etc", "passwd"), "w") as f:
            f.write(f"boss:{{PLAIN}}secret:{BOSS}:{BOSS}::{home}::\n")
        os.chmod(mail.path("etc", "passwd"), 0o600)
        mail.give_to_service_account()
        mail.newaliases()
        mail.start_program("deliver", "--records", "--listen", f"unix:{mail.dir}/run/deliver.sock")
        wait_for(lambda: os.path.exists(f"{mail.dir}/run/deliver.sock"), 20, "deliver.sock")
        mail.start_program("smtp-send", "--queue", "--stay")
        mail.listen("imap", "imap-serve")
        box = mail.path("mail", "boss")
        for tag, locks in (("unset", ""), ("debian", "mbox_write_locks = fcntl dotlock\n"),
                           ("try", "mbox_write_locks = dotlock_try flock\n")):
            set_locks(mail, locks)
            check_session(mail, box, tag)
        # Another's lock file is waited for even where the user may make none.
        for how in ("fcntl", "lockf", "flock", "dotlock"):
            check_foreign(mail, box, how, True)
        with open(box + ".lock", "w") as f:
            f.write("0")
        for path in (box, box + ".lock"):
            os.utime(path, (time.time() - 300, time.time() - 300))
        check_stale(mail, box)
        os.unlink(box + ".lock")
        set_locks(mail, "mbox_write_locks = dotlock\nmbox_lock_timeout = 5 secs\n")
        before = subjects(box)
        with mail.imap("boss", "secret") as imap:
            check_equal(imap.select("INBOX")[0], "OK", "SELECT")
            status, said = imap.append("INBOX", None, None, b"Subject: never\r\n\r\nx\r\n")
            check_equal((status, subjects(box)), ("NO", before), f"dotlock alone: {said}")
            check_equal(imap.store("1", "+FLAGS", "(\\Deleted)")[0], "OK", "STORE goes into the log")
        assert "boss.lock cannot be made (dotlock_try would go on without)" in mail.log(), mail.log()
        # The same where the directory is the user's: the lock file is waited for.
        os.chmod(mail.path("mail"), 0o2777)
        check_foreign(mail, box, "dotlock", True)
        check_foreign(mail, box, "flock", False)
        if os.path.exists("/usr/bin/lockfile"):  # procmail's
            subprocess.run(["/usr/bin/lockfile", "-r0", box + ".lock"], check=True)
            threading.Timer(1.5, lambda: os.unlink(box + ".lock")).start()
            start = time.monotonic()
            with mail.imap("boss", "secret") as imap:
                check_equal(imap.append("INBOX", None, None, b"Subject: l\r\n\r\nx\r\n")[0], "OK", "APPEND, lockfile")
            assert time.monotonic() - start > 1, "lockfile(1) was not waited for"
    print("the spool is locked as its other programs expect")


main()
