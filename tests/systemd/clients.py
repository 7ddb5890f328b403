#!/usr/bin/env python3
"""Runs inside the booted container (deploy.sh): what users and scripts do with the installed system."""
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tubepost import check_equal, on_terminal, wait_for

OURS = ("smtp-recv", "smtp-send", "deliver", "pop3-serve", "imap-serve", "newaliases", "mail-reader")


def our_processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            exe = os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0]
        except OSError:
            continue
        if exe in OURS:
            found.append(f"{pid} {exe}")
    return found


def send(to, text, port=25):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail("boss@linuxprobe.com", [to], f"From: boss@linuxprobe.com\r\nTo: {to}\r\nSubject: {text}\r\n\r\n{text}\r\n")


def count_of(user):
    try:
        with open(f"/var/mail/{user}") as f:
            return f.read().count("\nSubject: ")
    except FileNotFoundError:
        return 0


def over_tls():
    """Each port that speaks TLS, at once or after STLS and STARTTLS, with the certificate made at installation."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for client in (poplib.POP3_SSL("127.0.0.1", 995, timeout=30, context=context), poplib.POP3("127.0.0.1", 110, timeout=30)):
        if not isinstance(client, poplib.POP3_SSL):
            client.stls(context)
        client.user("boss")
        client.pass_("linuxprobe")
        assert client.retr(1)[1][-1] == b"Hello~"
        client.quit()
    for client in (imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=context, timeout=30),
                   imaplib.IMAP4("127.0.0.1", 143, timeout=30)):
        if not isinstance(client, imaplib.IMAP4_SSL):
            client.starttls(context)
        client.login("boss", "linuxprobe")
        check_equal(client.select("INBOX"), ("OK", [b"1"]), "SELECT over TLS")
        client.logout()
    before = count_of("root")
    for client in (smtplib.SMTP_SSL("127.0.0.1", 465, timeout=30, context=context), smtplib.SMTP("127.0.0.1", 587, timeout=30)):
        if not isinstance(client, smtplib.SMTP_SSL):
            client.starttls(context=context)
        client.login("boss", "linuxprobe")
        client.sendmail("boss@linuxprobe.com", ["root@linuxprobe.com"], "Subject: submitted\r\n\r\nby TLS\r\n")
        client.quit()
    wait_for(lambda: count_of("root") == before + 2, 30, "two submitted messages")
    # The second handshake of a client is the short one, though another process answers.
    sessions = []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", 993), timeout=30) as plain:
            with context.wrap_socket(plain, session=sessions[-1] if sessions else None) as tls:
                assert tls.recv(100).startswith(b"* OK"), "greeting over TLS"
                sessions.append(tls.session)
                reused = tls.session_reused
    assert reused, "the second session was a full handshake"


def main(target):
    for path in ("/var/mail/boss", "/var/mail/root"):
        if os.path.exists(path):
            os.unlink(path)
    send("boss@linuxprobe.com", "Hello~")
    send("root@linuxprobe.com", "to root")
    check_equal(count_of("boss"), 1, "messages in /var/mail/boss right after 250")
    status = os.stat("/var/mail/boss")
    import grp, pwd
    check_equal(pwd.getpwuid(status.st_uid).pw_name, "boss", "owner of /var/mail/boss")
    check_equal(status.st_mode & 0o007, 0, "others' rights on /var/mail/boss")

    for login in ("boss", "boss@linuxprobe.com"):
        client = poplib.POP3("127.0.0.1", 110, timeout=30)
        client.user(login)
        client.pass_("linuxprobe")
        check_equal(client.stat()[0], 1, "POP3 STAT")
        assert client.retr(1)[1][-1] == b"Hello~"
        client.quit()
    client = imaplib.IMAP4("127.0.0.1", 143)
    client.login("boss", "linuxprobe")
    check_equal(client.select("INBOX"), ("OK", [b"1"]), "SELECT")
    client.logout()
    try:
        client = poplib.POP3("127.0.0.1", 110, timeout=30)
        client.user("root")
        client.pass_("whatever")
        raise AssertionError("root logged in by POP3")
    except poplib.error_proto:
        pass

    status, shown = on_terminal(["mail-reader", "-n"], ["1", "quit"], env={"MAIL": "/var/mail/root"})
    assert status == 0 and '"/var/mail/root": 1 message 1 new' in shown and "to root" in shown, shown
    assert "Held 1 message in /var/mail/root" in shown, shown
    status, shown = on_terminal(["setpriv", "--reuid", "boss", "--regid", "boss", "--init-groups", "env", "HOME=/home/boss",
                                 "USER=boss", "mail-reader", "-n"], ["1", "quit"], env={"MAIL": ""})
    assert status == 0 and "Hello~" in shown and "Held 1 message in /var/mail/boss" in shown, shown

    over_tls()

    # A user made after the start, an alias made after the start; nothing is restarted.
    subprocess.run("userdel -r late >/dev/null 2>&1; useradd -m late && echo late:secret | chpasswd", shell=True, check=True)
    send("late@linuxprobe.com", "for late")
    client = poplib.POP3("127.0.0.1", 110, timeout=30)
    client.user("late")
    client.pass_("secret")
    check_equal(client.stat()[0], 1, "POP3 STAT of the new user")
    client.quit()
    try:
        send(f"xxoo-{target.split('.')[0]}@linuxprobe.com", "too early")
        raise AssertionError("an unknown alias was taken")
    except smtplib.SMTPRecipientsRefused:
        pass
    with open("/etc/aliases", "a") as f:
        f.write(f"xxoo-{target.split('.')[0]}: root\n")
    subprocess.run(["newaliases"], check=True, stdout=subprocess.DEVNULL)
    before = count_of("root")
    send(f"xxoo-{target.split('.')[0]}@linuxprobe.com", "by alias")
    check_equal(count_of("root"), before + 1, "alias mail in root's mailbox")

    # A script as an ordinary user: the drop directory, then the runner.
    before = count_of("boss")
    subprocess.run(["setpriv", "--reuid", "late", "--regid", "late", "--init-groups", "deliver", "boss"],
                   input=b"Subject: from a script\n\nhello\n", check=True)
    wait_for(lambda: count_of("boss") == before + 1, 30, "a script's message in /var/mail/boss")
    # Two recipients: through the queue.
    with smtplib.SMTP("127.0.0.1", 25, timeout=30) as client:
        client.sendmail("x@elsewhere.example", ["boss@linuxprobe.com", "root@linuxprobe.com"], "Subject: both\r\n\r\nboth\r\n")
    wait_for(lambda: count_of("boss") == before + 2, 30, "a message to two")

    wait_for(lambda: not our_processes(), 40, f"no process of ours left (left: {our_processes()})")
    print(f"{target}: sent, read by POP3, IMAP and mail-reader, nothing left running")


main(sys.argv[1])
