#!/usr/bin/python3
"""What goes wrong at a site: mistakes in main.cf while the servers run, alias loops and garbage, a mailbox
directory that is missing, garbage on every port. Each is told clearly, and nothing is lost.

Run by root it becomes nobody first.
"""
import os
import random
import smtplib
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

tubepost.become_nobody()

SEED = 20261124


def message(subject):
    return f"From: a@b.example\r\nSubject: {subject}\r\n\r\n{subject}\r\n"


def send(mail, to, subject):
    """The reply's code and text after the dot, or to RCPT."""
    with mail.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("a@b.example")
        code, text = smtp.rcpt(f"{to}@linuxprobe.com")
        if code == 250:
            code, text = smtp.data(message(subject))
        return code, text.decode("utf-8", "replace")


def subjects(mail, user="boss"):
    with mail.imap(user, "secret") as imap:
        if imap.select()[1][0] == b"0":
            return []
        data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [part[1].decode().split("Subject: ")[1].strip() for part in data if isinstance(part, tuple)]


def broken_configuration(mail):
    with open(mail.main_cf) as f:
        good = f.read()
    with open(mail.main_cf, "w") as f:
        f.write(good + "mydestinaton = x\nmessage_size_limit = much\nmynetworks = 300.1.2.3\n")
    status, out, err = mail.run("smtp-recv", "--check", check=False)
    lines = err.splitlines()
    check_equal(status, 78, f"exit status of --check: {err}")
    first = good.count("\n") + 1
    for number, words in ((0, ("mydestinaton", "mydestination")), (1, ("message_size_limit", "much")),
                          (2, ("mynetworks", "300.1.2.3"))):
        assert any(f"main.cf:{first + number}:" in line and all(word in line for word in words) for line in lines), \
            f"mistake {number} is not told:\n{err}"
    # The servers go on with what was good, and say so.
    check_equal(send(mail, "boss", "while broken")[0], 250, "mail while main.cf is broken")
    check_equal(subjects(mail), ["while broken"], "read while main.cf is broken")
    assert "the last good configuration is kept" in mail.log(), mail.log()
    # A program started now cannot: nothing is lost, as its caller tries again.
    status, _, err = mail.run("deliver", "boss", input=message("refused"), check=False)
    assert status in (75, 78) and "mydestinaton" in err, (status, err)
    with open(mail.main_cf, "w") as f:
        f.write(good + "message_size_limit = 1000\n")
    code, text = send(mail, "boss", "x" * 5000)
    check_equal(code, 552, f"the new limit holds at the next connection: {text}")
    with open(mail.main_cf, "w") as f:
        f.write(good)
    check_equal(send(mail, "boss", "mended")[0], 250, "mail after main.cf was mended")
    check_equal(subjects(mail), ["while broken", "mended"], "after main.cf was mended")


def broken_from_the_start(mail):
    """A server that is started with mistakes refuses for now, and works once they are mended."""
    with open(mail.main_cf) as f:
        good = f.read()
    with open(mail.main_cf, "w") as f:
        f.write(good + "message_size_limit = much\n")
    mail.config = ["-c", "postfix:" + mail.main_cf]
    working = mail.ports.pop("smtp")
    mail.listen("smtp", "smtp-recv")
    try:
        mail.smtp()
        raise AssertionError("a server without a configuration has greeted")
    except smtplib.SMTPConnectError as refusal:
        check_equal(refusal.smtp_code, 421, "the greeting")
    with open(mail.main_cf, "w") as f:
        f.write(good)
    check_equal(send(mail, "boss", "after a bad start")[0], 250, "mail once main.cf is mended")
    mail.config, mail.ports["smtp"] = ["-c", mail.main_cf], working
    assert "after a bad start" in subjects(mail), subjects(mail)


def bad_aliases(mail):
    good = "mailer-daemon: postmaster\npostmaster: root\nroot: boss\n"
    mail.write_aliases(good)
    mail.newaliases()
    mail.write_aliases(good + "first: second\nno colon here\nsecond: \"unclosed\n: nobody\nthird:\n")
    status, out, err = mail.run("newaliases", check=False)
    assert status != 0, out
    for line in (5, 6, 7):
        assert f"aliases:{line}:" in err, f"line {line} is not told:\n{err}"
    # What was compiled before still holds.
    check_equal(send(mail, "postmaster", "by the old map")[0], 250, "mail by the map of before")
    mail.write_aliases(good + "a: b\nb: c\nc: a\n")
    status, out, err = mail.run("newaliases", check=False)
    check_equal(status, 65, f"exit status for a loop: {err}")
    assert "aliases:4: alias loop: a -> b -> c -> a" in err, err
    mail.write_aliases(good + "self: self, boss\n")
    mail.newaliases()
    code, text = send(mail, "self", "self")
    assert code in (250, 550), (code, text)
    mail.write_aliases(good)
    mail.newaliases()
    assert "by the old map" in subjects(mail), subjects(mail)


def missing_directory(mail):
    before = subjects(mail)
    # A missing home is made, as Dovecot makes it; one that may not be written in is as good as missing.
    place = mail.path("mail") if mail.store == "mbox" else mail.path("home", "boss", "Maildir")
    os.rename(place, place + ".away")
    if mail.store == "maildir":
        os.chmod(mail.path("home", "boss"), 0o500)
    code, text = send(mail, "boss", "nowhere to store it")
    assert code // 100 == 4, (code, text)
    log = mail.log()
    assert place in log, f"the log does not name {place}:\n{log[-1500:]}"
    assert not os.path.exists(place), f"{place} was made by us"
    try:
        imap = mail.imap("boss", "secret")
        answer = imap.select()
        assert answer[0] != "OK" or answer[1] == [b"0"], answer
    except tubepost.imaplib.IMAP4.error as error:
        assert "UNAVAILABLE" in str(error) or "AUTHENTICATIONFAILED" not in str(error), error
    os.chmod(mail.path("home", "boss"), 0o700)
    os.rename(place + ".away", place)
    check_equal(subjects(mail), before, "after the directory is back")
    check_equal(send(mail, "boss", "stored again")[0], 250, "mail after the directory is back")
    check_equal(subjects(mail), before + ["stored again"], "after the directory is back")


def garbage(mail):
    random.seed(SEED)
    before = subjects(mail)
    words = {"smtp": [b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<boss@linuxprobe.com>\r\n", b"DATA\r\n", b"BDAT 9\r\n",
                      b"RSET\r\n", b"AUTH PLAIN =\r\n", b"\r\n.\n.\r\n"],
             "pop3": [b"USER boss\r\n", b"PASS secret\r\n", b"RETR 1\r\n", b"TOP 1 -1\r\n", b"STLS\r\n"],
             "imap": [b"a LOGIN boss secret\r\n", b"a SELECT INBOX\r\n", b"a FETCH 1:* (BODY[\r\n", b"a LOGIN {4}\r\n",
                      b"a SEARCH OR (\r\n", b"a APPEND INBOX {99999999999999999999}\r\n", b"{5+}\r\n"]}
    for service, known in words.items():
        for _ in range(12):
            octets = b""
            for _ in range(random.randrange(1, 30)):
                octets += random.choice(known + [random.randbytes(random.randrange(1, 400)), b"\0" * 100,
                                                 b"A" * random.randrange(3000), b"\r\n", b"\n", b"\r"])
            with socket.create_connection(("127.0.0.1", mail.ports[service]), 20) as s:
                s.settimeout(20)
                try:
                    s.sendall(octets)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except (ConnectionError, BrokenPipeError):
                    pass  # hung up on us: what garbage may expect
    log = mail.log()
    for bad in ("killed by signal", "AddressSanitizer", "runtime error", "terminate called", "bug"):
        assert bad not in log, f"{bad}:\n{log[-3000:]}"
    check_equal([s for s in subjects(mail) if s in before], before, "messages after the garbage")
    check_equal(send(mail, "boss", "after garbage")[0], 250, "mail after the garbage")


def main():
    for store in ("mbox", "maildir"):
        with tubepost.System(store) as mail:
            mail.add_account("boss", "secret")
            mail.start()
            check_equal(subjects(mail), [], "at first")  # and every server has read its configuration
            check_equal(send(mail, "nobody-here", "x")[0], 550, "an unknown user")
            for trouble in (broken_configuration, broken_from_the_start, bad_aliases, missing_directory, garbage):
                trouble(mail)
                print(f"{store}: {trouble.__name__.replace('_', ' ')}")


main()
