#!/usr/bin/python3
"""pop3-serve with clients that vanish, push everything at once, or keep the maildrop locked, over mbox and Maildir,
plain and TLS: nothing is deleted but by QUIT, and everything is answered.

Run by root it becomes nobody first.
"""
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

tubepost.become_nobody()

PASSWORD = "sesame-1"
BIG = 3_000_000


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """One connection: "plain", "tls" (port 995's way) or "stls"."""

    def __init__(self, mail, way):
        self.socket = socket.create_connection(("127.0.0.1", mail.ports["pop3s" if way == "tls" else "pop3"]), 60)
        if way == "tls":
            self.socket = trusting().wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        self.greeting = self.file.readline()
        if way == "stls":
            check_equal(self.ask("STLS"), b"+OK Begin TLS negotiation now.\r\n", "STLS")
            self.socket = trusting().wrap_socket(self.socket)
            self.file = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.file.readline()

    def log_in(self):
        self.ask("USER boss")
        check_equal(self.ask(f"PASS {PASSWORD}"), b"+OK Logged in.\r\n", "PASS")
        return self

    def vanish(self):
        """Without a farewell: reset, so that what the server still writes fails."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()


def count(mail):
    pop3 = mail.pop3("boss", PASSWORD)
    messages, _ = pop3.stat()
    pop3.quit()
    return messages


def send(mail, subject, size=0):
    with mail.smtp() as smtp:
        smtp.sendmail("ann@linuxprobe.com", ["boss@linuxprobe.com"],
                      f"Subject: {subject}\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72) + "end\r\n")


def vanishing(mail, way):
    before = count(mail)
    # In the middle of a message, with deletions marked.
    client = Client(mail, way).log_in()
    client.ask("DELE 1")
    client.ask("DELE 3")
    client.socket.sendall(b"RETR 2\r\n")
    client.file.read(100_000)
    client.vanish()
    # Behind DELE, without QUIT; and in the middle of the word.
    for last in (b"", b"QUI", b"QUIT"):
        client = Client(mail, way).log_in()
        client.ask("DELE 2")
        client.socket.sendall(last)
        client.vanish()
    check_equal(count(mail), before, f"{way}: messages after clients have vanished")


def in_one_packet(mail, way):
    client = Client(mail, way)
    client.socket.sendall(f"CAPA\r\nUSER boss\r\nPASS {PASSWORD}\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\r\n"
                          "TOP 1 0\r\nNOOP\r\nQUIT\r\n".encode())
    said = client.file.read()
    text = said.decode("latin-1")
    assert text.startswith("+OK\r\nCAPA\r\n") and "\r\n.\r\n+OK\r\n+OK Logged in.\r\n+OK 3 " in text, text[:800]
    assert "+OK 3 messages:\r\n1 " in text and text.endswith("\r\n.\r\n+OK\r\n+OK Logging out.\r\n"), text[-300:]
    assert text.count("\r\nend\r\n.\r\n") == 2, f"{way}: {len(said)} octets"
    assert len(said) > BIG


def ended_in_its_output(mail):
    """A session that ends while messages are being put out: what was retrieved is seen, for every program."""
    def is_seen():
        if mail.store == "maildir":
            return any(name.endswith("S") for name in os.listdir(mail.path("home", "boss", "Maildir", "cur")))
        with open(mail.path("mail", "boss"), "rb") as f:
            return b"\nStatus: RO\n" in f.read()
    check_equal(is_seen(), False, "seen before")
    client = Client(mail, "plain").log_in()
    client.socket.sendall(b"RETR 3\r\n" + b"x" * 20_000 + b"\r\n")
    assert b"Line too long" in client.file.read()
    wait_for(is_seen, 10, "seen what was retrieved")


def locked(mail):
    """pop3_lock_session: another session is refused, a delivery waits until QUIT and is not lost."""
    before = count(mail)
    first = Client(mail, "plain").log_in()
    second = Client(mail, "plain")
    second.ask("USER boss")
    check_equal(second.ask(f"PASS {PASSWORD}"), b"-ERR [IN-USE] Mailbox is in use\r\n", "a second session")
    sender = threading.Thread(target=send, args=(mail, "while it is locked"))
    sender.start()
    sender.join(2)
    check_equal(first.ask("STAT").split()[1], str(before).encode(), "in the session")
    with mail.imap("boss", PASSWORD) as imap:
        status, said = imap.select()
        check_equal(status == "OK" and imap.store("1", "+FLAGS", r"(\Deleted)")[0] == "OK", False,
                    f"IMAP beside it, {said}")
    check_equal(first.ask("RETR 1").startswith(b"+OK"), True, "RETR")
    while first.file.readline() != b".\r\n":
        pass
    check_equal(first.ask("QUIT"), b"+OK Logging out.\r\n", "QUIT")
    sender.join()
    wait_for(lambda: count(mail) == before + 1, 60, "the delivery that waited")


def not_reading(mail):
    """A client that pushes commands and reads nothing: what is kept for it does not grow."""
    client = Client(mail, "plain").log_in()
    client.socket.settimeout(2)
    pushed = 0
    try:
        while pushed < 64 << 20:
            pushed += client.socket.send(b"RETR 2\r\nUIDL\r\nLIST\r\n" * 1000)
    except TimeoutError:
        pass
    assert pushed < 32 << 20, f"{pushed} octets of commands were taken without an answer being read"
    client.vanish()
    # Before login there is an end to commands.
    client = Client(mail, "plain")
    client.socket.sendall(b"NOOP\r\n" * 1000)
    said = client.file.read()
    assert said.endswith(b"-ERR Too many commands before login.\r\n") and said.count(b"+OK") == 200, said[-100:]


def main():
    for store in ("mbox", "maildir"):
        mail = tubepost.System(store)
        certificate, key = mail.path("etc", "cert.pem"), mail.path("etc", "key.pem")
        subprocess.run([os.path.join(tubepost.SOURCE, "units/make-certificate"), "mail.linuxprobe.com", certificate, key],
                       check=True)
        with open(mail.main_cf, "a") as f:
            f.write(f"ssl_cert = <{certificate}\nssl_key = <{key}\n")
        with mail:
            mail.add_account("boss", PASSWORD)
            mail.start()
            mail.listen("pop3s", "pop3-serve", "--implicit-tls")
            for number, size in ((1, 0), (2, BIG), (3, 0)):
                send(mail, f"message {number}", size)
                wait_for(lambda: count(mail) == number, 60, f"delivery {number}")
            ended_in_its_output(mail)
            for way in ("plain", "tls", "stls"):
                vanishing(mail, way)
                in_one_packet(mail, way)
            not_reading(mail)
            mail.processes.pop().terminate()
            with open(mail.main_cf, "a") as f:
                f.write("pop3_lock_session = yes\n")
            locked(mail)
            print(f"{store}: done")


main()
