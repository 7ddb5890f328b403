#!/usr/bin/python3
"""A message of 50 MB passes through SMTP, queue, LMTP, POP3 and IMAP, on mbox and Maildir, and no process
grows by its size: the peak of each program with it is compared with its peak for a message of 100 KB.

Run by root it becomes nobody first.
"""
import hashlib
import os
import smtplib
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, free_port, wait_for

tubepost.become_nobody()

SIZE = 50_000_000
ALLOWED = 12_000  # KiB that a peak may differ: buffers of fixed size, lines of a descriptor table
# The sanitizer keeps freed memory back; without that its builds show what the program holds.
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}
PROGRAMS = ("smtp-recv", "smtp-send", "deliver", "pop3-serve", "imap-serve")


class Peaks(threading.Thread):
    """The highest VmHWM of each program, of processes below `directory` (their configuration's path)."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.directory = directory.encode()
        self.peaks, self.done = {}, False

    def run(self):
        while not self.done:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    # A session calls itself `imap`; whose it is says its program.
                    name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                    if name not in PROGRAMS or not self.is_ours(pid):
                        continue
                    with open(f"/proc/{pid}/status") as f:
                        status = dict(line.split(":", 1) for line in f if ":" in line)
                    if status["Name"].strip() == "exe":
                        continue  # before it has a name: still loading
                    name += " " + status["Name"].strip()
                    self.peaks[name] = max(self.peaks.get(name, 0), int(status["VmHWM"].split()[0]))
                except (OSError, KeyError):
                    continue
            time.sleep(0.02)

    def is_ours(self, pid):
        for what in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{what}", "rb") as f:
                if self.directory in f.read():
                    return True
        return False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        time.sleep(0.1)
        self.done = True
        self.join()


def make_message(size):
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ +/=\r\n"
    dotted = b".line with a dot\r\nFrom the middle of a body\r\n"
    body = (line * 60 + dotted) * (size // (len(line) * 60 + len(dotted)))
    return b"From: ann@linuxprobe.com\r\nTo: boss@linuxprobe.com\r\nSubject: large\r\n\r\n" + body, body


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def pass_through(mail, size):
    """Sends by SMTP to one (delivered inside the transaction) and to two (queued), by LMTP; reads by POP3 and IMAP."""
    message, body = make_message(size)
    for user in ("boss", "ann"):
        with mail.imap(user, "secret") as imap:
            imap.select()
            imap.store("1:*", "+FLAGS", r"(\Deleted)")
            imap.expunge()
    with mail.smtp() as smtp:
        smtp.sendmail("ann@linuxprobe.com", ["boss@linuxprobe.com"], message)
        smtp.sendmail("ann@linuxprobe.com", ["boss@linuxprobe.com", "ann@linuxprobe.com"], message)
    with smtplib.LMTP("127.0.0.1", mail.ports["lmtp"], timeout=60) as lmtp:
        lmtp.sendmail("ann@linuxprobe.com", ["boss@linuxprobe.com"], message)
    del message

    def count(user):
        with mail.imap(user, "secret") as imap:
            return int(imap.select()[1][0])
    wait_for(lambda: count("boss") == 3 and count("ann") == 1, 60, "three messages")
    if mail.store == "mbox":
        body = body.replace(b"\nFrom ", b"\n>From ")
    wanted = digest(body)
    pop3 = mail.pop3("boss", "secret")
    for number in (1, 2, 3):
        lines = pop3.retr(number)[1]
        check_equal(digest(b"\r\n".join(lines[lines.index(b"") + 1:]) + b"\r\n"), wanted, f"POP3 message {number}")
    pop3.quit()
    with mail.imap("ann", "secret") as imap:
        imap.select()
        check_equal(digest(imap.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1]), wanted, "IMAP BODY[TEXT]")
        whole = imap.fetch("1", "(RFC822)")[1][0][1]
        check_equal(digest(whole.split(b"\r\n\r\n", 1)[1]), wanted, "IMAP RFC822")
        # A part, structure, search and copy of it.
        imap.fetch("1", "(BODYSTRUCTURE ENVELOPE BODY.PEEK[TEXT]<1000.2000>)")
        check_equal(imap.search(None, "BODY", '"ABCDEFGHIJKLMNOPQRSTUVWXYZ +/="')[1], [b"1"], "SEARCH BODY")
        check_equal(imap.search(None, "TEXT", '"not there anywhere"')[1], [b""], "SEARCH TEXT")
        imap.create("Copies")
        check_equal(imap.copy("1", "Copies")[0], "OK", "COPY")
        check_equal(imap.append("Copies", None, None, whole)[0], "OK", "APPEND")
        imap.select("Copies")
        check_equal(digest(imap.fetch("2", "(BODY.PEEK[TEXT])")[1][0][1]), wanted, "appended")
        imap.store("1:*", "+FLAGS", r"(\Deleted)")
        imap.expunge()


def main():
    for store in ("mbox", "maildir"):
        with tubepost.System(store, extra="message_size_limit = 100000000\nmailbox_size_limit = 0\n") as mail:
            for user in ("boss", "ann"):
                mail.add_account(user, "secret")
            os.environ.update(ENVIRONMENT)
            os.environ["TUBEPOST_TEST"] = mail.dir  # by which Peaks knows our processes
            mail.start()
            mail.listen("lmtp", "deliver", "--lmtp")
            with Peaks(mail.dir) as small:
                pass_through(mail, 100_000)
            with Peaks(mail.dir) as large:
                pass_through(mail, SIZE)
        for program in PROGRAMS:
            assert any(name.startswith(program) for name in large.peaks), f"{program} was not seen"
        for name in ("imap-serve imap", "pop3-serve pop3"):
            assert name in large.peaks, f"no session of {name} was seen: {large.peaks}"
        seen = sorted(set(small.peaks) & set(large.peaks))
        for name in seen:
            print(f"{store}: {name}: {small.peaks[name]} KiB with 100 KB, {large.peaks[name]} KiB with 50 MB")
        for name in seen:
            assert large.peaks[name] <= small.peaks[name] + ALLOWED, f"{store}: {name} grows with the message"


main()
