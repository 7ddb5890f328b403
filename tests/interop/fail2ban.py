#!/usr/bin/python3
"""fail2ban's stock filters find failed logins in our lines, as syslog and the journal have them, and nothing else
(docs/accounts.md has the jail)."""
import imaplib
import os
import poplib
import re
import shutil
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import tubepost
from tubepost import check_equal

PROGRAM = shutil.which("fail2ban-regex")
DOVECOT = 'dovecot[_daemon="(?:tubepost/)?(?:pop3|imap)-serve"]'
POSTFIX = 'postfix[mode=auth, _daemon="(?:tubepost/)?smtp-recv"]'


def matched(path, name, lines, match):
    log = os.path.join(path, "syslog")
    with open(log, "w") as f:
        for line in lines:
            f.write(f"Nov 25 00:00:01 mail {name}[123]: {line}\n")
    out = subprocess.run([PROGRAM, log, match], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    found = re.search(r"Lines: \d+ lines, \d+ ignored, (\d+) matched", out)
    assert found, out
    return int(found.group(1))


def failing(action):
    try:
        action()
    except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException):
        return
    raise AssertionError("a wrong password was taken")


def main():
    if PROGRAM is None:
        tubepost.skip("fail2ban is not installed")
    tubepost.become_nobody()
    with tubepost.System() as mail:
        mail.add_account("boss", "linuxprobe")
        mail.newaliases()
        mail.listen("smtp", "smtp-recv", "--submission")
        mail.listen("pop3", "pop3-serve")
        mail.listen("imap", "imap-serve")
        mail.pop3("boss", "linuxprobe").quit()
        mail.imap("boss", "linuxprobe").logout()
        mail.pop3().quit()
        for password in ("wrong", "bad"):
            failing(lambda: mail.pop3("boss", password))
            failing(lambda: mail.imap("nobody@linuxprobe.com", password))
            failing(lambda: mail.imap('"x>, rip=198.51.100.1, lip=<"', password))
            smtp = mail.smtp()
            failing(lambda: smtp.login("boss", password))
            smtp.close()
        lines = []
        def all_there():
            lines[:] = [re.sub(r"^(<\d>|tubepost/[\w-]+\[\d+\]: )", "", line) for line in mail.log().splitlines()]
            return sum("auth failed" in line for line in lines) == 6
        tubepost.wait_for(all_there, 20, "six lines of failed logins")
        for name in ("pop3-serve", "tubepost/imap-serve"):
            check_equal(matched(mail.dir, name, lines, DOVECOT), 6, f"{name}: {lines}")
        sasl = sum("authentication failed" in line for line in lines)
        assert sasl >= 2, lines
        for name in ("smtp-recv", "tubepost/smtp-recv"):
            check_equal(matched(mail.dir, name, lines, POSTFIX), sasl, f"{name}: {lines}")


if __name__ == "__main__":
    main()
