#!/usr/bin/python3
"""The queue against a peer that behaves as told: mail for two destinations goes out at once; a peer
that comes back gets all that waits after one probe; a refusal comes back as a report; an unknown
outcome is not tried again soon; a runner that is stopped behind a last dot doubles nothing.

Run by root it becomes nobody first: no program here needs a right.
"""
import mailbox
import os
import re
import signal
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import tubepost
from tubepost import check_equal, wait_for

tubepost.become_nobody()


class Peer:
    """An SMTP server; `answer(verb, line)` gives a reply, None for the usual one, "" to hang up."""

    def __init__(self, answer=lambda verb, line: None, port=0):
        self.answer, self.messages, self.connections = answer, [], 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(20)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        usual = {"": "220 peer ESMTP", "EHLO": "250-peer\r\n250-PIPELINING\r\n250 8BITMIME", "DATA": "354 go",
                 "QUIT": "221 bye", ".": "250 2.0.0 taken"}
        stream = connection.makefile("rb")
        recipients, line, verb = [], "", ""
        try:
            while True:
                reply = self.answer(verb, line)
                if reply is None:
                    reply = usual.get(verb, "250 ok")
                if reply == "":
                    return
                if verb == "RCPT" and reply[0] == "2":
                    recipients.append(re.search("<(.*)>", line).group(1))
                if verb == "." and reply[0] == "2":
                    self.messages.append((recipients, octets))
                    recipients = []
                connection.sendall(reply.encode() + b"\r\n")
                if verb == "QUIT":
                    return
                if verb == "DATA" and reply[0] == "3":
                    octets = b""
                    while (got := stream.readline()) not in (b".\r\n", b""):
                        octets += got
                    if not got:
                        return
                    verb, line = ".", "."
                    continue
                line = stream.readline().decode()
                if not line:
                    return
                verb = line.split()[0].upper().split(":")[0] if line.strip() else "?"
        except OSError:
            pass
        finally:
            stream.close()
            connection.close()


def send(mail, recipients, subject="x"):
    with mail.smtp() as client:
        client.sendmail("boss@linuxprobe.com", recipients,
                        f"From: boss@linuxprobe.com\r\nSubject: {subject}\r\n\r\nText\r\n")


def inbox(mail, name):
    try:
        return list(mailbox.mbox(mail.path("mail", name), create=False))
    except (mailbox.NoSuchMailboxError, FileNotFoundError):
        return []


def listing(mail):
    return mail.run("smtp-send", "--list")[1]


def start(port):
    mail = tubepost.System(extra=f"relayhost = [127.0.0.1]:{port}")
    mail.add_account("boss", "linuxprobe")
    mail.add_account("ann", "secret")
    return mail


def two_destinations(peer, mail):
    """From the drop directory, so that the runner has both."""
    began = time.monotonic()
    mail.run("deliver", "-f", "boss@linuxprobe.com", "ann@linuxprobe.com", "bob@peer.example", "eve@other.example",
             input="Subject: two\n\nText\n")
    wait_for(lambda: peer.messages and inbox(mail, "ann"), 10, "both destinations")
    wait_for(lambda: "empty" in listing(mail), 10, "an empty queue")
    took = time.monotonic() - began
    assert took < 10, f"{took} s: one destination waited for a scan"
    check_equal(peer.messages[0][0], ["bob@peer.example", "eve@other.example"], "recipients at the relay host")
    check_equal(len(inbox(mail, "ann")), 1, "messages of ann")


def refused(mail):
    def answer(verb, line):
        if verb == "RCPT" and "nobody" in line:
            return "550 5.1.1 No such user"
        return None
    peer = Peer(answer, mail.relay_port)
    before = len(inbox(mail, "boss"))
    send(mail, ["bob@peer.example", "nobody@peer.example"], "report me")
    wait_for(lambda: len(inbox(mail, "boss")) > before, 10, "a report")
    report = inbox(mail, "boss")[-1]
    check_equal(report.get_content_type(), "multipart/report", "content type")
    check_equal(report["Return-Path"], "<>", "sender of the report")
    explanation, status, returned = report.get_payload()
    assert "<nobody@peer.example>: host said: 550 5.1.1" in explanation.get_payload(), explanation
    fields = status.get_payload()[1]
    check_equal((fields["Final-Recipient"], fields["Action"], fields["Status"], fields["Diagnostic-Code"]),
                ("rfc822; nobody@peer.example", "failed", "5.1.1", "smtp; 550 5.1.1 No such user"), "status fields")
    assert "Subject: report me" in returned.get_payload(), returned
    check_equal([one[0] for one in peer.messages], [["bob@peer.example"]], "messages at the peer")
    wait_for(lambda: "empty" in listing(mail), 10, "an empty queue")
    peer.close()


def comes_back(mail):
    """D4: one probe for all its mail while it is down; when it answers, all goes at once."""
    busy = Peer(lambda verb, line: "421 4.3.2 busy", mail.relay_port)
    for i in range(5):
        send(mail, [f"user{i}@peer.example"], f"number {i}")
    wait_for(lambda: listing(mail).count("421 4.3.2 busy") == 5, 10, "the reason at each message")
    connections = busy.connections
    time.sleep(3)
    assert busy.connections - connections <= 2, f"{busy.connections - connections} probes in 3 s for 5 messages"
    busy.close()
    good = Peer(port=mail.relay_port)
    wait_for(lambda: len(good.messages) == 5, 25, "all five after it came back")
    check_equal(sorted(one[0][0] for one in good.messages), [f"user{i}@peer.example" for i in range(5)], "recipients")
    wait_for(lambda: "empty" in listing(mail), 10, "an empty queue")
    check_equal(len(good.messages), 5, "messages, none twice")
    good.close()


def unknown_outcome(mail):
    """RFC 1047: lost behind the last dot."""
    peer = Peer(lambda verb, line: "" if verb == "." else None, mail.relay_port)
    send(mail, ["bob@peer.example"])
    wait_for(lambda: "may be sent more than once" in listing(mail), 10, "the reason in mailq")
    connections = peer.connections
    time.sleep(4)  # a plain failure would have been probed by now
    check_equal(peer.connections, connections, "connections since")
    peer.answer = lambda verb, line: None
    mail.run("smtp-send", "--flush")
    wait_for(lambda: peer.messages, 10, "delivery after mailq -q")
    wait_for(lambda: "empty" in listing(mail), 10, "an empty queue")
    peer.close()


def stopped_at_the_last_dot(mail):
    """SIGTERM while the peer thinks about a message: its answer is heard, what was not tried waits."""
    reached, thought = threading.Event(), threading.Event()

    def answer(verb, line):
        if verb == ".":
            reached.set()
            thought.wait(20)
        return None
    peer = Peer(answer, mail.relay_port)
    for i in range(3):
        mail.run("deliver", "-f", "boss@linuxprobe.com", f"user{i}@peer.example", input="Subject: x\n\nText\n")
    assert reached.wait(10), "no message"
    os.killpg(mail.runner.pid, signal.SIGTERM)
    time.sleep(0.5)
    thought.set()
    check_equal(mail.runner.wait(15), 0, "exit status of the runner")
    assert "may be sent more than once" not in listing(mail), listing(mail)
    mail.runner = mail.start_program("smtp-send", "--queue", "--stay")
    wait_for(lambda: "empty" in listing(mail), 15, "what was not tried goes at the next start")
    check_equal(sorted(one[0][0] for one in peer.messages), [f"user{i}@peer.example" for i in range(3)], "recipients")
    peer.close()


if __name__ == "__main__":
    first = Peer()
    with start(first.port) as mail:
        mail.relay_port = first.port
        mail.start(queue=False)
        mail.runner = mail.start_program("smtp-send", "--queue", "--stay")
        wait_for(lambda: os.path.exists(mail.path("run", "queue.sock")), 10, "the runner")
        two_destinations(first, mail)
        first.close()
        for case in (refused, comes_back, unknown_outcome, stopped_at_the_last_dot):
            case(mail)
            print(case.__name__, "ok", flush=True)
