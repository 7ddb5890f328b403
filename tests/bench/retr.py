#!/usr/bin/python3
"""All messages of a mailbox by pipelined RETR beside the floor that copy.py measures, in turn, so that both meet the same machine.

    retr.py [--store mbox|maildir] [--messages 10000] [--octets 4096] [--rounds 7] [--fields] [--grown] [--imap]
            BUILD...

The programs of each BUILD serve the same messages: pop3-serve, or imap-serve (--imap: FETCH 1:* BODY.PEEK[]). With --fields each
message has the fields that Dovecot writes into an mbox; with --grown one more has come since the mailbox was read through. Prints medians: messages and MiB a second, the session's CPU, and of each
round the ratio of its rate to the floor's. Run by root it becomes nobody first."""
import argparse
import importlib.util
import os
import socket
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(HERE, "../support")  # not this directory, whose copy.py is not Python's
import tubepost

spec = importlib.util.spec_from_file_location("floor", os.path.join(HERE, "copy.py"))
floor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(floor)

LINE = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eius.\n"


def message(number, octets, fields):
    head = (f"Return-Path: <ann{number % 97}@example.org>\nReceived: from a by b; Sat, 15 Aug 2020 19:02:06 +0200\n"
            f"From: Ann Example <ann{number % 97}@example.org>\nTo: Boss <boss@example.org>\nDate: Sat, 15 Aug 2020 19:02:06 +0200\n"
            f"Subject: message {number}\nMessage-ID: <{number}@example.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n")
    if fields:
        head += f"X-UID: {number}\nStatus: RO\nX-Status: \nX-Keywords:{' ' * 40}\nContent-Length: {octets}\n"
    lines = max(1, (octets - len(head)) // len(LINE) + number % 9 - 4)
    return head + "\n" + LINE * lines


def lay(mail, options):
    """The mailbox, and what copy.py copies."""
    if options.store == "mbox":
        box = mail.path("mail", "boss")
        with open(box, "w") as f:
            for n in range(1, options.messages + 1):
                f.write("From ann@example.org Sat Aug 15 19:02:06 2020\n" + message(n, options.octets, options.fields) + "\n")
        return box
    box = mail.path("home", "boss", "Maildir")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(f"{box}/{sub}")
    for n in range(1, options.messages + 1):
        text = message(n, options.octets, options.fields)
        with open(f"{box}/cur/{1600000000 + n}.M{n}P1.host,S={len(text)},W={len(text) + text.count(chr(10))}:2,S", "w") as f:
            f.write(text)
    return box


def cpu_of(pid):
    try:
        with open(f"/proc/{pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e6
    except OSError:
        return 0.0


def sessions():
    """Processes of sessions, by pid."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().strip() in ("pop3", "imap"):
                    found.add(int(pid))
        except OSError:
            continue
    return found


class Client:
    def __init__(self, mail, imap):
        self.imap = imap
        before = sessions()
        self.socket = socket.create_connection(("127.0.0.1", mail.ports["imap" if imap else "pop3"]), 60)
        self.read_to(b"\r\n")
        for line in [b"a LOGIN boss pw", b"a EXAMINE INBOX"] if imap else [b"USER boss", b"PASS pw"]:
            self.socket.sendall(line + b"\r\n")
            self.read_to(b"\r\na OK", b"a OK") if imap else self.read_to(b"\r\n")
        time.sleep(0.1)
        self.pids = sessions() - before

    def read_to(self, *ends):
        got = b""
        while not (got.endswith(b"\r\n") and any(end in b"\r\n" + got for end in ends)):
            piece = self.socket.recv(1 << 16)
            assert piece, got
            got += piece
        return got

    def cpu(self):
        return sum(cpu_of(pid) for pid in self.pids)

    def take_all(self, count):
        """Seconds, octets."""
        commands = (b"b FETCH 1:* BODY.PEEK[]\r\n" if self.imap
                    else b"".join(b"RETR %d\r\n" % n for n in range(1, count + 1)) + b"NOSUCH\r\n")
        end = b"\r\nb OK" if self.imap else b"\r\n-ERR Unknown command.\r\n"
        buffer, tail, total = bytearray(1 << 18), b"", 0
        begun = time.perf_counter()
        writer = threading.Thread(target=self.socket.sendall, args=(commands,))
        writer.start()
        while not (tail.endswith(b"\r\n") and end in tail):
            got = self.socket.recv_into(buffer)
            assert got, tail
            total += got
            tail = (tail + bytes(memoryview(buffer)[max(0, got - 100):got]))[-100:]
        took = time.perf_counter() - begun
        writer.join()
        return took, total

    def quit(self):
        self.socket.sendall(b"c LOGOUT\r\n" if self.imap else b"RSET\r\nQUIT\r\n")
        while self.socket.recv(1 << 16):
            pass
        self.socket.close()


def once(mail, options):
    client = Client(mail, options.imap)
    cpu = client.cpu()
    took, octets = client.take_all(options.messages)
    used = client.cpu() - cpu
    client.quit()
    return options.messages / took, octets / took / (1 << 20), used


def serve(build, options):
    tubepost.BUILD = build
    mail = tubepost.System(store=options.store)
    mail.add_account("boss", "pw")
    box = lay(mail, options)
    time.sleep(0.2)  # so that its times are believed
    mail.newaliases()
    mail.listen("imap" if options.imap else "pop3", "imap-serve" if options.imap else "pop3-serve")
    once(mail, options)  # the first look
    if options.grown:
        with open(box, "a") as f:
            f.write("From ann@example.org Sat Aug 15 19:02:06 2020\n" + message(0, 1000, False) + "\n")
        time.sleep(0.2)
        once(mail, options)
    return mail, box


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+")
    parser.add_argument("--store", choices=("mbox", "maildir"), default="mbox")
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--fields", action="store_true")
    parser.add_argument("--grown", action="store_true")
    parser.add_argument("--imap", action="store_true")
    options = parser.parse_args()
    tubepost.become_nobody()
    served = []
    figures = {name: [] for name in ["floor", *options.builds]}
    try:
        for build in options.builds:
            served.append((build, *serve(os.path.abspath(build), options)))
        box = served[0][2]
        floor_options = argparse.Namespace(box=box, octets=0)
        if options.store == "mbox":
            floor_options.octets = os.path.getsize(box) // options.messages
        for _ in range(options.rounds):
            figures["floor"].append(floor.once(floor_options))
            for build, mail, _ in served:
                figures[build].append(once(mail, options))
    finally:
        for _, mail, _ in served:
            mail.__exit__(None, None, None)
    for name, rows in figures.items():
        rate, octets, used = (statistics.median(column) for column in zip(*rows))
        ratio = statistics.median(row[0] / base[0] for row, base in zip(rows, figures["floor"]))
        print(f"{rate:10,.0f} messages/s  {octets:7.1f} MiB/s  CPU {used:5.0f} ms  {ratio:.2f}  {name}")


if __name__ == "__main__":
    main()
