#!/usr/bin/python3
"""vsz_limit: a session that needs more memory than it may hold says so, in the protocol and in the log, and its
mailbox stays as it was; the limits are those of the configuration. Builds with AddressSanitizer have no limit
(libmail/confine/memory.h): skipped there, BUILD=build/release shows it.

Run by root it becomes nobody first.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

tubepost.become_nobody()

PASSWORD = "sesame-1"
MESSAGES = 60_000


def is_sanitized(path):
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def data_limits(mail):
    """RLIMIT_DATA of each process that runs by this configuration, in MiB."""
    limits = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if mail.dir.encode() not in f.read():
                    continue
            with open(f"/proc/{pid}/limits") as f:
                value = re.search(r"^Max data size +(\S+)", f.read(), re.M)[1]
            limits.append(value if value == "unlimited" else int(value) >> 20)
        except (OSError, TypeError):
            continue
    return limits


def write_settings(mail, base, lines):
    with open(mail.main_cf, "w") as f:
        f.write(base)
    with open(mail.path("etc", "dovecot.conf"), "w") as f:
        f.write(lines)


def refused(mail, program, said, wanted):
    done = subprocess.run([mail.program(program), *mail.config], input=said, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    assert wanted in done.stdout, (done.stdout[-300:], done.stderr[-300:])
    assert b"out of memory (vsz_limit)" in done.stderr, done.stderr[-300:]


def main():
    if is_sanitized(os.path.join(tubepost.BUILD, "pop3-serve")):
        tubepost.skip("built with AddressSanitizer")
    with tubepost.System("mbox") as mail:
        mail.add_account("boss", PASSWORD)
        mail.config += ["-c", mail.path("etc", "dovecot.conf")]
        with open(mail.main_cf) as f:
            base = f.read()
        write_settings(mail, base, "")
        path = mail.path("mail", "boss")
        message = b"From a@x Sat Jan  1 00:00:00 2022\nSubject: x\n\nbody\n\n"
        with open(path, "wb") as f:
            f.write(message * MESSAGES)

        write_settings(mail, base, "default_vsz_limit = 16M\n")
        login = f"USER boss\r\nPASS {PASSWORD}\r\n".encode()
        refused(mail, "pop3-serve", login + b"DELE 1\r\nQUIT\r\n", b"-ERR [SYS/TEMP] Service not available")
        refused(mail, "imap-serve", f"a LOGIN boss {PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n".encode(), b"* BYE [UNAVAILABLE]")
        check_equal(os.path.getsize(path), len(message) * MESSAGES, "the mailbox afterwards")
        # Its own service's limit goes first; the same mailbox opens.
        write_settings(mail, base, "default_vsz_limit = 16M\nservice pop3 {\n  vsz_limit = 200M\n}\n")
        done = subprocess.run([mail.program("pop3-serve"), *mail.config], input=login + b"STAT\r\nQUIT\r\n",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert f"+OK {MESSAGES} ".encode() in done.stdout, (done.stdout[-300:], done.stderr[-300:])

        write_settings(mail, base, "service pop3-login {\n  vsz_limit = 48M\n}\nservice pop3 {\n  vsz_limit = 0\n}\n")
        mail.listen("pop3", "pop3-serve")
        pop3 = mail.pop3()
        wait_for(lambda: 48 in data_limits(mail), what="the front's limit")
        pop3.user("boss")
        pop3.pass_(PASSWORD)
        check_equal(set(data_limits(mail)), {"unlimited"}, "a session without a limit")
        pop3.quit()
        print(f"{MESSAGES} messages in 16 MiB are refused cleanly")


main()
