#!/usr/bin/python3
"""Unique-ids of POP3 beside a real Dovecot 2.3 over the same mailboxes: whoever was there first, a client that left its
mail on the server fetches nothing anew. Dovecot's pop3 runs on a pipe, for the user who runs this.

Run by root it becomes nobody first.
"""
import os
import pwd
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal

tubepost.become_nobody()

DOVECOT = "/usr/lib/dovecot/pop3"
MESSAGES = [
    b"Return-Path: <a@x>\nReceived: from a by b\n\tid 123; Sat\nDelivered-To: boss@x\n"
    b"Date: Sat, 1 Jan 2022 00:00:00 +0000\nMessage-ID: <1@x>\nX-UIDL: abc123\nSubject: one\n\nbody\n",
    b"Date: Sat, 1 Jan 2022 00:00:00 +0000\nMessage-ID:   <2@x>\nSubject: two\n\nbody\n",
    b"Subject: three\n\nbody\n",
    b"Subject: three\n\nbody\n",
    b"Message-Id:\t<5@x>\nReceived: one\nReceived: two\nX-Delivery-ID: 7\nDelivered-To: z\nSubject: s\n f2\n\nbody\n",
    b"DATE:now\nreceived:\n by x\n\nbody\n",
]
FORMATS = {
    "maildir": ["%08Xu%08Xv", "%u.%v", "%f", "%g", "%Mf", "%-12.8f", "%2.3v", "%03u", "%-3v", "%012Xv", "%LXv-%XUv",
                "%Rf", "%XMu", "%Xv%%"],
    "mbox": ["%08Xu%08Xv", "%m", "%g", "%v-%u", "%08LXu%-4m", "%.5m"],
}
SETTINGS = {
    "maildir": [["pop3_reuse_xuidl = yes"], ["pop3_uidl_duplicates = rename", "pop3_uidl_format = %v"]],
    "mbox": [["pop3_reuse_xuidl = yes"], ["pop3_uidl_duplicates = rename", "pop3_uidl_format = %m"]],
}


class Bench:
    def __init__(self, store):
        self.mail = tubepost.System(store)
        self.mail.add_account("boss", "pw")
        self.home = self.mail.path("home", "boss")
        self.store = store
        self.said = ""  # by the last one, on its descriptor 2
        with open(self.mail.main_cf) as f:
            self.main_cf = f.read()

    def fill(self):
        """A mailbox that no server has seen."""
        for name in ("Maildir", "mail"):
            shutil.rmtree(os.path.join(self.home, name), ignore_errors=True)
        shutil.rmtree(self.mail.path("state"), ignore_errors=True)
        os.mkdir(self.mail.path("state"))
        if self.store == "mbox":
            with open(self.mail.path("mail", "boss"), "wb") as f:
                f.write(b"".join(b"From a@x Sat Jan  1 00:00:00 2022\n" + text + b"\n" for text in MESSAGES))
            return
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.home, "Maildir", sub))
        for n, text in enumerate(MESSAGES):
            sizes = "" if n == 3 else f",S={len(text)},W={len(text) + text.count(10)}"
            with open(os.path.join(self.home, "Maildir", "cur", f"{1600000000 + n}.M{n}P1.host{sizes}:2,"), "wb") as f:
                f.write(text)

    def settings(self, lines):
        return "".join(line + "\n" for line in lines)

    def dovecot(self, lines, commands=b"UIDL\r\nQUIT\r\n"):
        location = (f"mbox:~/mail:INBOX={self.mail.path('mail', 'boss')}" if self.store == "mbox"
                    else "maildir:~/Maildir")
        conf = self.mail.path("etc", "dovecot.conf")
        with open(conf, "w") as f:
            f.write(f"base_dir = {self.mail.path('run')}\nlog_path = /dev/stderr\nfirst_valid_uid = 1\n"
                    f"ssl = no\nmail_location = {location}\n{self.settings(lines)}")
        done = subprocess.run([DOVECOT, "-c", conf], input=commands, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={"USER": pwd.getpwuid(os.getuid()).pw_name, "HOME": self.home, "PATH": "/usr/bin"},
                              timeout=60)
        assert b"Logging out" in done.stdout, (done.stdout, done.stderr)
        self.said = done.stderr.decode()
        return done.stdout.decode("latin-1")

    def tubepost(self, lines, commands=b"UIDL\r\nQUIT\r\n"):
        with open(self.mail.main_cf, "w") as f:
            f.write(self.main_cf + self.settings(lines))
        out = subprocess.run([self.mail.program("pop3-serve"), *self.mail.config],
                             input=b"USER boss\r\nPASS pw\r\n" + commands, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=60)
        assert b"Logging out" in out.stdout, (out.stdout, out.stderr)
        self.said = out.stderr.decode()
        return out.stdout.decode("latin-1").split("+OK Logged in.\r\n")[1]


def ids(text):
    lines = text.split("\r\n")
    return lines[1:lines.index(".")]


def compare(bench, lines):
    bench.fill()
    theirs = ids(bench.dovecot(lines))
    check_equal(len(theirs), len(MESSAGES), f"{bench.store} {lines}")
    check_equal(ids(bench.tubepost(lines)), theirs, f"{bench.store} {lines}: taken over from Dovecot")
    bench.fill()
    ours = ids(bench.tubepost(lines))
    if bench.store == "mbox" and any(variable in str(lines) for variable in ("%u", "%v", "Xu", "Xv", "reuse")):
        return  # UIDs stand in the mbox only when it is rewritten for another reason (docs/mbox.md)
    check_equal(ids(bench.dovecot(lines)), ours, f"{bench.store} {lines}: taken over by Dovecot")
    check_equal(ids(bench.tubepost(lines)), ours, f"{bench.store} {lines}: and back")


def saved(bench):
    """pop3_save_uidl, or a migration: P in dovecot-uidlist goes before any format."""
    bench.fill()
    theirs = ids(bench.dovecot(["pop3_save_uidl = yes", "pop3_uidl_format = old-%u-%f"]))
    check_equal(ids(bench.tubepost([])), theirs, "saved unique-ids")
    text = b"Subject: later\n\nbody\n"
    with open(os.path.join(bench.home, "Maildir", "new", "1700000000.M1P1.host"), "wb") as f:
        f.write(text)
    check_equal(ids(bench.tubepost([]))[:-1], theirs, "saved unique-ids, a message later")
    check_equal(ids(bench.dovecot([])), ids(bench.tubepost([])), "Dovecot reads its records as before")


def deleted_flag(bench):
    """Hidden by one, hidden by the other."""
    lines = ["pop3_uidl_format = %u"]
    ours, theirs = ["pop3_deleted_flag = $$POP3Deleted"], ['pop3_deleted_flag = "$POP3Deleted"']
    bench.fill()
    bench.dovecot(lines + theirs, b"DELE 2\r\nQUIT\r\n")
    check_equal(len(ids(bench.tubepost(lines + ours))), len(MESSAGES) - 1, "hidden by Dovecot")
    bench.tubepost(lines + ours, b"DELE 1\r\nQUIT\r\n")
    check_equal(len(ids(bench.dovecot(lines + theirs))), len(MESSAGES) - 2, "hidden by both")
    check_equal(len(ids(bench.dovecot(lines))), len(MESSAGES), "and still there")


def logout_line(bench):
    # (Dovecot 2.3.19 fills in %u only where %o is asked for too.)
    commands = b"UIDL\r\nRETR 2\r\nRETR 3\r\nTOP 1 0\r\nDELE 2\r\nDELE 3\r\nQUIT\r\n"
    lines = ["pop3_uidl_format = %f"]
    form = "end i=%i t=%t p=%p r=%r b=%b d=%d/%{deleted_bytes} m=%m s=%s u=%u o=%o"
    found = []
    for run in (bench.dovecot, bench.tubepost):
        bench.fill()
        run(lines + [f"pop3_logout_format = {form}"], commands)
        found.append(bench.said[bench.said.rindex("end i="):].split(" o=")[0])
    check_equal(found[1], found[0], "pop3_logout_format")


def main():
    if not os.access(DOVECOT, os.X_OK):
        tubepost.skip("dovecot-pop3d is not installed (make -f Makefile.compat deps-interop)")
    for store in ("maildir", "mbox"):
        bench = Bench(store)
        with bench.mail:
            for text in FORMATS[store]:
                compare(bench, [f"pop3_uidl_format = {text}"])
            for lines in SETTINGS[store]:
                compare(bench, lines)
            deleted_flag(bench)
            if store == "maildir":
                saved(bench)
                logout_line(bench)
            print(f"{store}: {len(FORMATS[store])} formats")


main()
