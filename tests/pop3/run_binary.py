#!/usr/bin/python3
"""The transcripts of tests/transcripts/pop3 against the built pop3-serve over an mbox, on a pipe, in lock step; and what
only the binary shows: a mailbox that cannot be opened, a second session where one has the lock, a session that is killed.
"""
import concurrent.futures
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import tubepost
from tubepost import check_equal

tubepost.become_nobody()

SCRIPTS = os.path.join(tubepost.SOURCE, "tests/transcripts/pop3")
FROM = b"From ann@example.org Sat Aug 15 19:02:06 2017\n"
# Of the in-memory world only: failures on demand, TLS, time; a stored message has its last line end.
IN_MEMORY = {"tls", "need_tls", "ssl_required", "scram", "auth", "open", "in_use"}
# Settings of the configuration, by what scripts call them.
CONFIGURED = {"no_flag_updates": "pop3_no_flag_updates = yes", "enable_last": "pop3_enable_last = yes",
              "reuse_xuidl": "pop3_reuse_xuidl = yes", "duplicates": "pop3_uidl_duplicates = rename",
              "uidl_format": "pop3_uidl_format = %s", "deleted_flag": "pop3_deleted_flag = $%s",
              "delete_type": "pop3_delete_type = %s", "workarounds": "pop3_client_workarounds = %s"}
LOGIN = b"USER boss\r\nPASS linuxprobe\r\n"


def message_of(what):
    """tests/pop3/world.h has the same."""
    if what == "dots":
        return "Subject: dots\n.X-Dot: 1\n\n.\n..\n...three\nno.dot\n\n.last\n"
    if what == "bare":
        return "Subject: bare\n"
    if what.startswith('"'):
        return unescape(what[1:-1])
    text, left = "Subject: one\n\n", int(what) - 16
    while left >= 52:
        text, left = text + "x" * 50 + "\n", left - 52
    return text + ("x" * (left - 2) + "\n" if left >= 2 else "")


def unescape(text):
    return re.sub(r"\\(x..|.)", lambda m: {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}.get(
        m[1], chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3 else m[1]), text)


class Session:
    def __init__(self, mail):
        self.process = subprocess.Popen([mail.program("pop3-serve"), *mail.config], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def say(self, octets):
        try:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(self, line, where):
        got = self.process.stdout.readline()
        check_equal(got, line.encode("latin-1") + b"\r\n", where)

    def close(self):
        """What it still says, and its end."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        rest = self.process.stdout.read()
        self.process.wait(30)
        return rest

    def log_in(self):
        self.say(LOGIN)
        for line in ("+OK Tubepost ready.", "+OK", "+OK Logged in."):
            self.expect(line, "login")
        return self


def set_up(mail, messages):
    octets = b"".join(FROM + (("X-IMAPbase: 1500000000 0\n" if n == 0 else "") + text).encode("latin-1") + b"\n"
                      for n, text in enumerate(messages))
    with open(mail.path("mail", "boss"), "wb") as f:
        f.write(octets)
    return mail


def left(mail):
    with open(mail.path("mail", "boss"), "rb") as f:
        return f.read().count(FROM)


def run_script(path):
    name = os.path.basename(path)
    with open(path, encoding="latin-1", newline="\n") as f:
        lines = [line.rstrip("\n") for line in f if line.strip("\n") and not line.startswith("#")]
    settings = [line[2:].split(" ", 1) for line in lines if line.startswith("@ ")]
    names = {setting[0] for setting in settings}
    messages = [setting[1] for setting in settings if setting[0] == "message"]
    if names & IN_MEMORY or "no_end" in messages or "! timeout" in lines:
        return None
    configured = [line % setting[1] if "%" in (line := CONFIGURED[setting[0]]) else line
                  for setting in settings if setting[0] in CONFIGURED]
    with tubepost.System("mbox", extra="\n".join(["auth_mechanisms = plain login", *configured, ""])) as mail:
        mail.add_account("boss", "linuxprobe")
        mail.add_account("ann", " a b ")
        set_up(mail, [message_of(what) for what in messages])
        session = Session(mail)
        if "login" not in names:
            session.say(LOGIN)
            session.expect("+OK Tubepost ready.", name)
            session.expect("+OK", name)
        for number, line in enumerate(lines):
            where = f"{name}, line {number + 1} behind the comments"
            text = line[3:]
            if line.startswith("C:"):
                session.say(text.encode("latin-1") + b"\r\n")
            elif line.startswith("C~"):
                session.say(unescape(text).encode("latin-1"))
            elif line.startswith("S:"):
                session.expect(text, where)
            elif line.startswith("S~"):
                pattern = ".*".join(re.escape(part) for part in text.split("*"))
                got = session.process.stdout.readline().decode("latin-1")
                assert re.fullmatch(pattern + "\r\n", got), f"{where}: {got!r} is no {text}"
            elif line == "! terminate":
                os.killpg(session.process.pid, signal.SIGTERM)  # as systemd does: monitor and front
            elif line == "! close":
                break
        check_equal(session.close(), b"", f"{name}: what follows the last line")
        for setting in settings:
            if setting[0] == "left":
                wanted = 0 if setting[1] == "none" else len(setting[1].split())
                check_equal(left(mail), wanted, f"{name}: messages left")
            if setting[0] == "seen":
                with open(mail.path("mail", "boss"), "rb") as f:
                    seen = len(re.findall(rb"^Status: .*R", f.read(), re.M))
                check_equal(seen, 0 if setting[1] == "none" else len(setting[1].split()), f"{name}: messages seen")
    return name


def refusals():
    with tubepost.System("mbox", extra="pop3_lock_session = yes\n") as mail:
        mail.add_account("boss", "linuxprobe")
        set_up(mail, [message_of("120"), message_of("200")])
        first = Session(mail).log_in()
        second = Session(mail)
        second.say(LOGIN)
        for line in ("+OK Tubepost ready.", "+OK", "-ERR [IN-USE] Mailbox is in use"):
            second.expect(line, "a second session")
        check_equal(second.close(), b"", "behind [IN-USE]")
        # Killed with deletions marked: nothing is deleted, and the lock is free.
        first.say(b"DELE 1\r\nDELE 2\r\n")
        first.expect("+OK Marked to be deleted.", "DELE")
        first.expect("+OK Marked to be deleted.", "DELE")
        first.process.kill()
        first.close()
        third = Session(mail).log_in()
        third.say(b"STAT\r\nQUIT\r\n")
        third.expect("+OK 2 320", "after a kill")
        check_equal(third.close(), b"+OK Logging out.\r\n", "QUIT")

        os.chmod(mail.path("mail", "boss"), 0)
        closed = Session(mail)
        closed.say(LOGIN)
        for line in ("+OK Tubepost ready.", "+OK", "-ERR [SYS/TEMP] Permission denied"):
            closed.expect(line, "a mailbox that cannot be read")
        check_equal(closed.close(), b"", "behind [SYS/TEMP]")
        os.chmod(mail.path("mail", "boss"), 0o600)
        os.rename(mail.path("mail"), mail.path("mail.away"))
        away = Session(mail)
        away.say(LOGIN)
        for line in ("+OK Tubepost ready.", "+OK", "-ERR [SYS/TEMP] Mailbox directory is missing"):
            away.expect(line, "a spool that is not mounted")
        check_equal(away.close(), b"", "behind [SYS/TEMP]")
    return "refusals"


def main():
    paths = sorted(os.path.join(SCRIPTS, name) for name in os.listdir(SCRIPTS))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(refusals)] + [pool.submit(run_script, path) for path in paths]
        done = [run.result() for run in runs]
    played = [name for name in done if name]
    assert len(played) > 20, played
    print(f"{len(played)} dialogues as written, {len(done) - len(played)} are of the in-memory world only")


if __name__ == "__main__":
    main()
