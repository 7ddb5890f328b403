#!/usr/bin/python3
"""deliver, killed at any time: every acknowledged message is in the mailbox exactly once, byte for byte.

Three ways, each on mbox and Maildir:

points   the asker's side of docs/delivery-records.md, and a `deliver --records` that dies at its Nth system
         call (before, in the middle of, or after it); the message is asked for again, under the same delivery
         id, until it is acknowledged.
moments  the same with an accepting deliver whose monitors and recipients get SIGKILL at random moments, one of
         them alone or all, two messages at once.
whole    `deliver USER` as scripts call it, beside a running system whose programs die as well: exit status 0
         is the acknowledgement; what was not acknowledged may be there or not, but never in part.

A few seconds of it in CI; with TUBEPOST_SOAK=MINUTES every system call, and so many of the rest. TUBEPOST_SEED repeats
the choices (not the scheduler's).
"""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import tubepost
from tubepost import wait_for

tubepost.become_nobody()

SOAK = bool(os.environ.get("TUBEPOST_SOAK"))
SEED = int(os.environ.get("TUBEPOST_SEED") or random.randrange(1 << 31))
DETECT_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # killed processes have no say in it

# --- the asker's side of docs/delivery-records.md

DELIVER, GO, OUTCOME, COMMITTING = 2, 3, 17, 18
OK, LATER = 0, 4
ROOMS = (128, 64, 512, 1728, 512, 512, 64, 512)


def record(type_, flags=0, arrived=0, texts=("",) * 8):
    head = struct.pack("<HHIBB3HQQ", 1, type_, flags, 0, 0, 0, 0, 0, 0, arrived)
    octets = [text.encode() for text in texts]
    head += b"".join(struct.pack("<H", len(text)) for text in octets)
    body = b"".join(text.ljust(room, b"\0") for text, room in zip(octets, ROOMS))
    return (head + body).ljust(4096, b"\0")


def parse_outcome(packet):
    """(type, answer, text)"""
    _, type_, _, _, answer = struct.unpack_from("<HHIBB", packet)
    length = struct.unpack_from("<8H", packet, 32)[7]
    return type_, answer, packet[3568:3568 + length].decode()


class Message:
    def __init__(self, number, rng):
        self.id = f"K{number:06d}.0"
        lines = [f"line {i} of {self.id} " + "x" * rng.randrange(70) for i in range(rng.choice((1, 5, 50, 2000)))]
        lines.insert(rng.randrange(len(lines) + 1), "From here on it is quoted")
        lines.insert(rng.randrange(len(lines) + 1), "")
        self.octets = (f"Received: from client.example by mail.linuxprobe.com id {self.id[:-2]}\n"
                       f"Subject: {self.id}\n\n" + "\n".join(lines) + "\n").encode()
        self.from_queue = rng.random() < 0.5
        self.attempts = 0

    def stored(self, store):
        octets = (b"Return-Path: <ann@example.org>\nX-Original-To: boss@linuxprobe.com\n"
                  b"Delivered-To: boss@linuxprobe.com\n" + self.octets)
        return octets.replace(b"\nFrom ", b"\n>From ") if store == "mbox" else octets


def converse(ours, message):
    """One attempt on a connection. The answer, or None when it ended without one."""
    message.attempts += 1
    fd = os.memfd_create("message")
    try:
        os.write(fd, message.octets)
        ours.settimeout(30)
        first = record(DELIVER, 1 if message.from_queue else 0, 1_500_000_000_000_000,
                       (message.id, message.id[:-2], "ann@example.org", "boss", "boss@linuxprobe.com", "", "", ""))
        socket.send_fds(ours, [first], [fd])
        packet = ours.recv(4097)
        if packet and parse_outcome(packet)[0] == COMMITTING:
            ours.send(record(GO))
            packet = ours.recv(4097)
        if not packet:
            return None
        type_, answer, text = parse_outcome(packet)
        assert type_ == OUTCOME, type_
        assert answer in (OK, LATER), f"{message.id}: answer {answer} {text}"
        return answer
    except (BrokenPipeError, ConnectionResetError):
        return None
    finally:
        os.close(fd)
        ours.close()


def ask(mail, message, fault=None):
    """One attempt with a deliver of its own, which ends with the connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with open(mail.path("log"), "ab") as log:
        process = subprocess.Popen([mail.program("deliver"), *mail.config, "--records"], stdin=theirs, stdout=log,
                                   stderr=log, start_new_session=True,
                                   env={**os.environ, **DETECT_LEAKS, **({"TUBEPOST_FAULT": fault} if fault else {})})
    theirs.close()
    answer = converse(ours, message)
    process.wait(60)
    return answer


class Server:
    """The accepting deliver; its processes can be killed."""

    def __init__(self, mail):
        self.mail, self.path, self.process = mail, f"{mail.dir}/run/deliver.sock", None
        self.last_refusal = ""
        self.restart()

    def restart(self):
        if self.process:
            kill_group(self.process)
            self.process.wait()
            self.mail.processes.remove(self.process)
            if os.path.exists(self.path):
                os.unlink(self.path)
        self.process = self.mail.start_program("deliver", "--records", "--listen", f"unix:{self.path}",
                                               env=DETECT_LEAKS)
        wait_for(lambda: os.path.exists(self.path), 20, "deliver.sock")

    def ask(self, message):
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.connect(self.path)
        except OSError as error:  # it is being started again
            ours.close()
            assert os.path.isdir(self.mail.dir), f"somebody has removed {self.mail.dir}"
            self.last_refusal = f"{error}, server's exit status {self.process.poll()}"
            time.sleep(0.05)
            return None
        return converse(ours, message)

    def kill_some(self, rng):
        """Monitors or recipients, each of them or one alone."""
        monitors = children(self.process.pid)
        victims = monitors + [child for monitor in monitors for child in children(monitor)]
        if victims and rng.random() < 0.6:
            victims = [rng.choice(victims)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return len(victims)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(word) for word in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def insist(mail, message, asking=None, why=lambda: ""):
    """Asks until it is acknowledged."""
    deadline = time.monotonic() + 60
    while (asking(message) if asking else ask(mail, message)) != OK:
        assert time.monotonic() < deadline, \
            f"{message.id} is not taken; last refusal: {why() or 'none'}\n{mail.log()[-3000:]}"
        time.sleep(0.02)


# --- what lies there

def read_mailbox(mail, store):
    """Messages as they lie in boss's mailbox."""
    if store == "maildir":
        found = []
        for sub in ("new", "cur"):
            folder = mail.path("home", "boss", "Maildir", sub)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                with open(os.path.join(folder, name), "rb") as f:
                    found.append(f.read())
        return found
    try:
        with open(mail.path("mail", "boss"), "rb") as f:
            octets = f.read()
    except FileNotFoundError:
        return []
    pieces = re.split(rb"(?:^|\n\n)From [^\n]+ \d\d:\d\d:\d\d \d{4}\n", octets)
    assert pieces[0] == b"", pieces[0][:200]
    assert octets == b"" or octets.endswith(b"\n\n"), octets[-200:]
    pieces = pieces[1:]
    if pieces:
        pieces[-1] = pieces[-1][:-2]
    return [piece + b"\n" for piece in pieces]


def look(mail):
    """Somebody reads the mailbox: unfinished appends are resolved by whoever opens it."""
    subprocess.run([mail.program("pop3-serve"), *mail.config], input=b"USER boss\r\nPASS linuxprobe\r\nSTAT\r\nQUIT\r\n",
                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **DETECT_LEAKS}, timeout=60)


def check_all(mail, store, messages):
    found = read_mailbox(mail, store)
    wanted = {message.stored(store): message for message in messages}
    seen = set()
    for octets in found:
        assert octets in wanted, f"this was never sent whole:\n{octets[:400]!r}\n... {octets[-200:]!r}"
        assert octets not in seen, f"{wanted[octets].id} is there twice, {wanted[octets].attempts} attempts"
        seen.add(octets)
    lost = [message.id for octets, message in wanted.items() if octets not in seen]
    assert not lost, f"acknowledged and lost: {lost}"


# --- the three ways

def system(store):
    mail = tubepost.System(store, extra="minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n")
    mail.add_account("boss", "linuxprobe")
    mail.newaliases()
    return mail


def kill_at_points(store, rng, seconds):
    with system(store) as mail:
        messages = []

        def one(n, action):
            message = Message(len(messages), rng)
            messages.append(message)
            if ask(mail, message, fault=f"*:{n}:{action}") != OK:
                if n % 3 == 1:
                    look(mail)
                if n % 3 == 2:  # another message comes between
                    other = Message(len(messages), rng)
                    messages.append(other)
                    insist(mail, other)
                insist(mail, message)
                return False
            return message.attempts == 1

        # How many calls there are: double until a run is not hit.
        most = 64
        while not one(most, "kill"):
            most *= 2
            assert most < 4096
        points = [(n, action) for n in range(1, most + 1) for action in ("kill", "torn", "after")]
        rng.shuffle(points)
        deadline = time.monotonic() + seconds
        hit = sum(m.attempts > 1 for m in messages)
        for n, action in points:
            if not SOAK and time.monotonic() > deadline:
                break
            hit += not one(n, action)
        check_all(mail, store, messages)
        assert hit > 0, "no fault point was hit: is this a build with TUBEPOST_FAULTS?"
        print(f"{store}, points: {len(messages)} messages, {sum(m.attempts for m in messages)} attempts, {hit} kills, "
              f"less than {most} calls")


def kill_at_moments(store, rng, seconds):
    with system(store) as mail:
        server = Server(mail)
        messages, failures, lock = [], [], threading.Lock()
        deadline = time.monotonic() + seconds

        def work(own):
            try:
                while time.monotonic() < deadline and not failures:
                    with lock:
                        message = Message(len(messages), own)
                        messages.append(message)
                    insist(mail, message, server.ask, lambda: server.last_refusal)
            except BaseException as failure:  # told by the main thread
                failures.append(failure)

        workers = [threading.Thread(target=work, args=(random.Random(rng.random()),)) for _ in range(2)]
        for worker in workers:
            worker.start()
        kills = 0
        while time.monotonic() < deadline and not failures:
            time.sleep(rng.uniform(0, 0.06))
            kills += server.kill_some(rng)
            if rng.random() < 0.02:
                server.restart()
            if rng.random() < 0.02:
                look(mail)
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]
        check_all(mail, store, messages)
        attempts = sum(m.attempts for m in messages)
        assert kills > 0 and attempts > len(messages), "nothing was killed"
        print(f"{store}, moments: {len(messages)} messages, {attempts} attempts, {kills} kills")


def kill_whole(store, rng, seconds):
    """`deliver USER`, deliver.sock's server and the queue runner, all of them killed now and then."""
    with system(store) as mail:
        server = Server(mail)
        runner = mail.start_program("smtp-send", "--queue", "--stay", env=DETECT_LEAKS)

        def restart_runner():
            nonlocal runner
            kill_group(runner)
            runner.wait()
            mail.processes.remove(runner)
            runner = mail.start_program("smtp-send", "--queue", "--stay", env=DETECT_LEAKS)

        sent = {}  # marker: (body, acknowledged)
        usual = 0.3
        begin = time.monotonic()
        is_enough = lambda: sum(acknowledged for _, acknowledged in sent.values()) >= 3
        while time.monotonic() - begin < seconds or (not is_enough() and time.monotonic() - begin < 60):
            marker = f"W{len(sent):06d}"
            body = "\n".join([f"begin {marker}"] + ["y" * rng.randrange(78) for _ in range(rng.choice((1, 40, 3000)))]
                             + [f"end {marker}"]) + "\n"
            text = f"From: ann@example.org\nTo: boss@linuxprobe.com\nSubject: {marker}\n\n{body}"
            process = subprocess.Popen([mail.program("deliver"), *mail.config, "-f", "ann@example.org", "boss"],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       start_new_session=True, env={**os.environ, **DETECT_LEAKS})
            timer = None
            if rng.random() < 0.6:
                timer = threading.Timer(rng.uniform(0, 1.3 * usual), lambda: kill_group(process))
                timer.start()
            called = time.monotonic()
            try:
                process.communicate(text.encode(), timeout=60)
            except BrokenPipeError:
                process.wait(60)
            if timer:
                timer.cancel()
                timer.join()
            else:
                usual = time.monotonic() - called
            sent[marker] = (body.encode(), process.returncode == 0)
            chance = rng.random()
            if chance < 0.1:
                server.restart()
            elif chance < 0.2:
                restart_runner()
            elif chance < 0.5:
                server.kill_some(rng)
        assert is_enough(), "hardly anything was acknowledged"
        restart_runner()
        wait_for(lambda: "empty" in mail.run("smtp-send", "--list", env=DETECT_LEAKS)[1], 60, "an empty queue")
        look(mail)
        found = {}
        for octets in read_mailbox(mail, store):
            header, body = octets.split(b"\n\n", 1)
            marker = re.search(rb"^Subject: (W\d+)$", header, re.M).group(1).decode()
            assert body == sent[marker][0], f"{marker} is not whole:\n{octets[:300]!r}\n... {octets[-100:]!r}"
            found[marker] = found.get(marker, 0) + 1
        for marker, (_, acknowledged) in sent.items():
            count = found.get(marker, 0)
            assert count == 1 if acknowledged else count <= 1, \
                f"{marker} is there {count} times, acknowledged: {acknowledged}"
        print(f"{store}, whole: {len(sent)} messages, {sum(a for _, a in sent.values())} acknowledged, "
              f"{len(found)} in the mailbox")


def main():
    print(f"TUBEPOST_SEED={SEED}")
    ways = {"points": (kill_at_points, 2.5), "moments": (kill_at_moments, 2.0), "whole": (kill_whole, 2.0)}
    stores = [word for word in sys.argv[1:] if word in ("mbox", "maildir")] or ["mbox", "maildir"]
    chosen = [word for word in sys.argv[1:] if word in ways] or list(ways)
    for store in stores:
        for name in chosen:
            way, seconds = ways[name]
            way(store, random.Random(f"{SEED}{store}{name}"), int(os.environ["TUBEPOST_SOAK"]) * 60 if SOAK else seconds)


if __name__ == "__main__":
    main()
