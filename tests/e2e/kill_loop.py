#!/usr/bin/python3
"""Many write into one mailbox at once, each of them killed at any moment, and another program beside them.

    kill_loop.py [mbox|maildir] [--kills N | --seconds N]

At once, over INBOX and the folder "other": two IMAP sessions that append, set flags, copy, move and expunge; a POP3
session that retrieves and deletes; deliveries by record conversation (some of them retried until they are taken) and by
`deliver USER`; a program that knows nothing of ours (foreign.py). An index or a cache is removed now and then.

Every message has an id and one owner: only that one alters it, so what may be there is known at any time as a set of
worlds (flags in INBOX or none, flags in "other" or none). What is acknowledged (tagged OK, +OK to QUIT, OK to the record,
exit status 0) leaves one world, what is cut off by SIGKILL the worlds before and after. Each session begins with a look at
all of its owner's messages; from time to time and at the end everybody stands still, and a fresh session and the files
themselves are compared with all that is known. Also: octets are those that were sent, a UID is never another message's,
UIDVALIDITY stays, MODSEQ never goes back, nothing is there twice.

Seconds of it in CI, TUBEPOST_SOAK=MINUTES for long. TUBEPOST_SEED repeats the choices (not the scheduler's).
"""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)
import kill_deliver
import tubepost
from kill_deliver import DETECT_LEAKS, OK, SEED, SOAK, children, kill_group
from tubepost import wait_for

BOXES = ("INBOX", "other")
ABSENT = (None, None)
OWNERS = ("imap1", "imap2", "pop3", "foreign")
MOST = 9  # messages an owner keeps
HIDDEN = rb"\n(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|Content-Length):[^\n]*(?=\n)"


class Gone(Exception):
    """The program was killed before it answered."""


class Refused(Exception):
    """It said no."""


def put(world, box, flags):
    return (flags, world[1]) if box == 0 else (world[0], flags)


class Message:
    def __init__(self, number, owner, rng, store, way):
        self.id, self.owner, self.way, self.store = f"K{number:06d}.0", owner, way, store
        self.from_queue, self.attempts = way == "retried", 0
        count = rng.choice((1, 1, 3, 3, 10, 40) if way in ("foreign", "foreign-file") else (1, 3, 3, 10, 40, 200, 200, 4000))
        lines = [f"line {i} of {self.id} " + "x" * rng.randrange(50) for i in range(count)]
        lines.insert(rng.randrange(len(lines) + 1), "From here on it is quoted")
        lines.insert(rng.randrange(len(lines) + 1), "")
        self.octets = (f"Received: from client.example by mail.linuxprobe.com id {self.id[:-2]}\n"
                       f"Subject: {self.id}\n\n" + "\n".join(lines) + "\n").encode()
        if way == "foreign":
            self.octets = self.octets.replace(b"\nFrom ", b"\n>From ")
        self.worlds = {ABSENT}
        self.uids = [0, 0]
        self.is_settled = False  # its creation is over, one way or the other

    def is_stored_as(self, octets):
        """Octets with LF, without bookkeeping."""
        wanted = self.octets
        if self.store == "mbox":
            wanted = wanted.replace(b"\nFrom ", b"\n>From ")
        if self.way == "user":  # with header fields that deliver adds
            return octets.partition(b"\n\n")[2] == wanted.partition(b"\n\n")[2]
        if self.way in ("retried", "once"):
            wanted = (b"Return-Path: <ann@example.org>\nX-Original-To: boss@linuxprobe.com\n"
                      b"Delivered-To: boss@linuxprobe.com\n" + wanted)
        return octets == wanted

    def outcome(self, steps, how):
        """`steps` change a world. Done, refused (nothing of it) or unknown (any of them may have been reached)."""
        reached, now = set(self.worlds), set(self.worlds)
        for step in steps:
            now = {step(world) for world in now}
            reached |= now
        self.worlds = now if how == "done" else reached if how == "unknown" else self.worlds


class Books:
    """What was acknowledged, and what anybody has seen."""

    def __init__(self, store, rng):
        self.store, self.rng, self.lock = store, rng, threading.Lock()
        self.messages, self.uids, self.validities = {}, {}, {}
        self.modseqs = collections.defaultdict(int)
        self.counts = collections.Counter()
        self.done = []

    def new(self, way, owner=None):
        with self.lock:
            message = Message(len(self.messages), owner or self.rng.choice(OWNERS), random.Random(self.rng.random()),
                              self.store, way)
            self.messages[message.id] = message
        return message

    def own(self, owner):
        with self.lock:
            return [message for message in self.messages.values() if message.owner == owner and message.worlds != {ABSENT}
                    and (message.is_settled or message.way == "user")]

    def note_uid(self, box, validity, uid, name):
        with self.lock:
            assert self.validities.setdefault(box, validity) == validity, \
                f"{BOXES[box]}: UIDVALIDITY was {self.validities[box]} and is {validity}"
            known = self.uids.setdefault((box, uid), name)
            assert known == name, f"{BOXES[box]}: UID {uid} was {known} and is {name}"

    def note(self, *words):
        with self.lock:
            self.done.append(" ".join(str(word) for word in (f"{time.time():.3f}", *words)))

    def newest_modseq(self, key):
        with self.lock:
            return self.modseqs[key]

    def note_modseq(self, key, value, before):
        assert value >= before, f"MODSEQ of {key} was {before} and is {value}"
        with self.lock:
            self.modseqs[key] = max(self.modseqs[key], value)

    def finish(self, message, steps, how):
        message.outcome(steps, how)
        self.note(message.id, how, sorted(message.worlds, key=repr))
        with self.lock:
            self.counts["acknowledged" if how == "done" else how] += 1

    def check(self, message, seen, uids, who):
        """What a look has shown of it; from now on this is so."""
        worlds = message.worlds
        if message.owner == "pop3":  # RETR may set it
            seen = tuple(flags if flags is None else flags - {"\\seen"} for flags in seen)
        if not message.is_settled:  # in the queue
            if seen == ABSENT:
                return
            message.is_settled, worlds = True, {(frozenset(), None)}
        assert seen in worlds, f"{who}: {message.id} ({message.way}, {message.owner}) is {shown(seen)}, not " + \
            " or ".join(shown(world) for world in worlds) + "\n" + "\n".join(self.history(message))
        for box in (0, 1):
            if message.uids[box] and uids[box]:
                assert message.uids[box] == uids[box], \
                    f"{who}: {message.id} in {BOXES[box]} was UID {message.uids[box]} and is {uids[box]}"
            message.uids[box] = uids[box]
        message.worlds = {seen}

    def history(self, message):
        with self.lock:
            return [line for line in self.done if message.id in line or "refused" in line][-20:]


def shown(world):
    return "{" + ", ".join(f"{box}: {'-' if flags is None else sorted(flags)}" for box, flags in zip(BOXES, world)) + "}"


class Program:
    """A program of ours on pipes, in a process group of its own, that may be killed."""

    def __init__(self, loop, name, *arguments):
        self.loop, self.is_killed, self.may_hang_up, self.timer = loop, False, False, None
        with open(loop.mail.path("log"), "ab") as log:
            self.process = subprocess.Popen([loop.mail.program(name), *loop.mail.config, *arguments],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            start_new_session=True, env={**os.environ, **DETECT_LEAKS})

    def during(self, what, call, is_to_be_killed):
        """call(), killed at some moment of it or just before or behind it."""
        began = time.monotonic()
        if is_to_be_killed:
            self.timer = threading.Timer(self.loop.rng.uniform(0, 1.25) * self.loop.usual[what], self.kill, [what])
            self.timer.start()
        try:
            return call()
        finally:
            if not self.is_killed:
                self.loop.usual[what] += 0.3 * (time.monotonic() - began - self.loop.usual[what])

    def kill(self, what):
        with self.loop.may_kill:
            if self.process.poll() is None:
                self.is_killed = True
                kill_group(self.process)
                self.loop.killed(what)

    def gone(self):
        if self.may_hang_up and not self.is_killed:
            self.loop.books.counts["hung up"] += 1
            return Gone()
        assert self.is_killed, f"{self.process.args[0]} ended unasked with {self.process.wait(30)}\n{self.loop.mail.log()[-3000:]}"
        return Gone()

    def write(self, octets):
        try:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.gone() from None

    def line(self):
        line = self.process.stdout.readline()
        if not line.endswith(b"\r\n"):
            raise self.gone()
        return line[:-2]

    def end(self):
        """When this returns, none of its processes is there."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        if self.timer:
            self.timer.join()
        self.process.stdout.read()  # to its end: the last holder is gone
        self.process.stdout.close()
        status = self.process.wait(60)
        assert self.is_killed or status == 0, f"{self.process.args[0]} ended with {status}\n{self.loop.mail.log()[-3000:]}"


class Imap(Program):
    def __init__(self, loop):
        super().__init__(loop, "imap-serve")
        self.tag = 0

    def response(self):
        text, literals = b"", []
        while True:
            line = self.line()
            text += line
            size = re.search(rb"\{(\d+)\}$", line)
            if not size:
                return text, literals
            literals.append(self.process.stdout.read(int(size.group(1))))
            if len(literals[-1]) < int(size.group(1)):
                raise self.gone()

    def command(self, text, literal=None):
        """The text of the tagged OK, and the untagged responses."""
        self.tag += 1
        tag = b"t%d " % self.tag
        data = tag + text.encode()
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        self.write(data + b"\r\n")
        untagged = []
        while True:
            response = self.response()
            if response[0].startswith(tag):
                final = response[0][len(tag):].decode()
                if not final.startswith("OK"):
                    raise Refused(final)
                return final, untagged
            untagged.append(response)

    def log_in(self):
        self.line()
        self.command("LOGIN boss pw")

    def select(self, box):
        books, key = self.loop.books, (BOXES[box],)
        before = books.newest_modseq(key)
        _, untagged = self.command(f"SELECT {BOXES[box]}")
        text = b"\n".join(line for line, _ in untagged)
        self.validity = int(re.search(rb"UIDVALIDITY (\d+)", text).group(1))
        books.note_modseq(key, int(re.search(rb"HIGHESTMODSEQ (\d+)", text).group(1)), before)
        return int(re.search(rb"(\d+) EXISTS", text).group(1))

    def fetch(self, box):
        """{id: (uid, flags)} of the selected mailbox, every message compared with what was sent."""
        books, found = self.loop.books, {}
        befores = dict(books.modseqs)
        # A literal that was announced and is expunged meanwhile leaves a server no choice.
        self.may_hang_up = self.loop.working > 0
        while True:
            try:
                _, untagged = self.command("UID FETCH 1:* (UID FLAGS MODSEQ ENVELOPE BODY.PEEK[])")
                break
            except Refused as refusal:  # another session has expunged meanwhile, or was killed in it
                assert re.search("EXPUNGEISSUED|INUSE", str(refusal)) and self.loop.working > 0, refusal
                self.command("NOOP")
        self.may_hang_up = False
        for line, literals in untagged:
            if b" FETCH (" not in line or not literals:
                continue
            uid = int(re.search(rb"UID (\d+)", line).group(1))
            name = self.loop.identify(literals[0].replace(b"\r\n", b"\n"), f"UID {uid} of {BOXES[box]}")
            assert b' "%s" ' % name.encode() in line, f"UID {uid} of {BOXES[box]} is {name}, its ENVELOPE another's: {line}"
            books.note_uid(box, self.validity, uid, name)
            modseq = int(re.search(rb"MODSEQ \((\d+)\)", line).group(1))
            books.note_modseq((BOXES[box], uid), modseq, befores.get((BOXES[box], uid), 0))
            flags = re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode().lower().split()
            found.setdefault(name, []).append((uid, frozenset(flags) - {"\\recent"}))
        return found

    def look(self, owned, who):
        """Both mailboxes against what the messages of `owned` may be."""
        found = []
        for box in (0, 1):
            self.select(box)
            found.append(self.fetch(box))
        for message in owned:
            for box in (0, 1):
                assert len(found[box].get(message.id, ())) < 2, f"{message.id} is twice in {BOXES[box]}: {found[box][message.id]}"
            (uid, flags), (other_uid, other_flags) = (places.get(message.id, [(0, None)])[0] for places in found)
            self.loop.books.check(message, (flags, other_flags), (uid, other_uid), who)
        return found


class Loop:
    def __init__(self, store, rng):
        self.store, self.rng = store, rng
        self.books = Books(store, rng)
        self.mail = tubepost.System(store, extra="minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n")
        self.usual = collections.defaultdict(lambda: 0.03)
        self.kills = collections.Counter()
        self.may_kill = threading.Lock()
        self.failures, self.is_over = [], False
        self.condition, self.resting, self.working = threading.Condition(), False, 0

    def killed(self, what):
        self.kills[what] += 1

    def path(self, box):
        if self.store == "mbox":
            return (self.mail.path("mail", "boss"), self.mail.path("home", "boss", "mail", "other"))[box]
        return self.mail.path("home", "boss", "Maildir", *(".other",)[:box])

    def identify(self, octets, where):
        found = re.search(rb"^Subject: (\S+)$", octets, re.M)
        message = self.books.messages.get(found.group(1).decode() if found else None)
        assert message and message.is_stored_as(octets), \
            f"{where} is not what was sent:\n{octets[:500]!r}\n... {octets[-200:]!r}\n{message and message.way}"
        return message.id

    # -- everybody works, or everybody stands still
    def work(self, turn):
        try:
            while not self.is_over and not self.failures:
                with self.condition:
                    self.condition.wait_for(lambda: not self.resting)
                    self.working += 1
                try:
                    turn()
                finally:
                    with self.condition:
                        self.working -= 1
                        self.condition.notify_all()
        except BaseException as failure:  # told by the main thread
            self.failures.append(failure)

    def rest(self, check):
        with self.condition:
            self.resting = True
            self.condition.wait_for(lambda: self.working == 0)
        if not self.failures:
            check()
        with self.condition:
            self.resting = False
            self.condition.notify_all()

    # -- one IMAP session
    def imap_turn(self, owner, rng):
        session = Imap(self)
        last = rng.randrange(4)
        has_end = rng.random() < 0.25
        try:
            session.during("look", lambda: self.begin_imap(session, owner), last == 0 and not has_end)
            for number in range(1, last + 1):
                self.imap_step(session, owner, rng, number == last and not has_end)
            session.during("logout", lambda: session.command("LOGOUT"), has_end and rng.random() < 0.5)
        except Gone:
            pass
        finally:
            session.end()

    def begin_imap(self, session, owner):
        owned = self.books.own(owner)
        session.log_in()
        session.look(owned, owner)

    def imap_step(self, session, owner, rng, is_to_be_killed):
        box = rng.randrange(2)
        there = [message for message in self.books.own(owner) if message.is_settled and
                 len(message.worlds) == 1 and all(world[box] is not None for world in message.worlds) and message.uids[box]]
        kinds = ["append"] * 3 if len(self.books.own(owner)) < MOST else ["expunge"] * 3
        kinds += ["store"] * 4 + ["copy", "move", "move", "expunge"] if there else []
        kind = rng.choice(kinds or ["append"])
        if kind == "append":
            self.imap_append(session, box, rng, is_to_be_killed)
            return
        movable = [message for message in there if message.worlds == {put(ABSENT, box, next(iter(message.worlds))[box])}]
        most = 8 if kind == "expunge" and len(there) > MOST else 4
        chosen = rng.sample(there, min(len(there), rng.randint(1, most))) if kind in ("store", "expunge") else \
            rng.sample(movable, min(len(movable), rng.randint(1, 4)))
        if chosen:
            session.select(box)
            self.imap_alter(session, kind, box, chosen, rng, is_to_be_killed)

    def imap_append(self, session, box, rng, is_to_be_killed):
        message = self.books.new("append", rng.choice(OWNERS[:2]) if box else None)
        flags = rng.sample(["\\Seen", "\\Flagged", "\\Draft", "k1"], rng.randrange(3)) if message.owner[:4] == "imap" else []
        steps = [*self.bare(box), lambda world: put(world, box, frozenset(flag.lower() for flag in flags))]
        how, final = self.ask(session, "append", f"APPEND {BOXES[box]} ({' '.join(flags)})", is_to_be_killed,
                              message.octets.replace(b"\n", b"\r\n"))
        self.books.finish(message, steps, how)
        if how == "done":
            found = re.search(r"APPENDUID (\d+) (\d+)", final)
            if found:
                message.uids[box] = int(found.group(2))
                self.books.note_uid(box, int(found.group(1)), message.uids[box], message.id)
        message.is_settled = True
        if how == "unknown":
            raise Gone()

    def bare(self, box):
        """An mbox has no room for flags in what is appended: the message stands there first, then its flags are noted."""
        return [lambda world: put(world, box, frozenset())] if self.store == "mbox" else []

    def ask(self, session, kind, text, is_to_be_killed, literal=None):
        self.books.note("asks", text)
        try:
            final, _ = session.during(kind, lambda: session.command(text, literal), is_to_be_killed)
            return "done", final
        except Refused as refusal:
            self.books.note("refused", text, refusal)
            return "refused", str(refusal)
        except Gone:
            return "unknown", ""

    def imap_alter(self, session, kind, box, chosen, rng, is_to_be_killed):
        uids = ",".join(str(message.uids[box]) for message in chosen)
        target, sign = 1 - box, rng.choice("+-=")
        flags = frozenset(rng.sample(["\\seen", "\\flagged", "\\answered", "k1", "k2", "k3"], rng.randint(1, 3)))
        changed = {"+": lambda old: old | flags, "-": lambda old: old - flags, "=": lambda old: flags}[sign]
        copy = lambda world: put(world, target, world[box])
        remove = lambda world: put(world, box, None)
        delete = lambda world: put(world, box, world[box] | {"\\deleted"})
        steps = {"store": [lambda world: put(world, box, changed(world[box]))], "copy": [*self.bare(target), copy], "move": [*self.bare(target), copy, remove],
                 "expunge": [delete, remove]}[kind]
        text = {"store": f"UID STORE {uids} {sign.strip('=')}FLAGS ({' '.join(flags)})", "copy": f"UID COPY {uids} {BOXES[target]}",
                "move": f"UID MOVE {uids} {BOXES[target]}", "expunge": f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)"}[kind]
        ids = " ".join(message.id for message in chosen)
        self.books.note(kind, BOXES[box], ids)
        how, final = self.ask(session, kind, text, is_to_be_killed and (kind != "expunge" or rng.random() < 0.3))
        if kind == "expunge" and how == "done":
            how, final = self.ask(session, kind, f"UID EXPUNGE {uids}", is_to_be_killed)
            how = "unknown" if how == "refused" else how
        if kind == "move" and how == "refused":
            how = "unknown"
        for message in chosen:
            if kind in ("copy", "move"):
                message.uids[target] = 0
            self.books.finish(message, steps, how)
        found = re.search(r"COPYUID (\d+) (\S+) (\S+)\]", final) if how == "done" else None
        if found:
            by_uid = {message.uids[box]: message for message in chosen}
            for old, new in zip(numbers(found.group(2)), numbers(found.group(3)), strict=True):
                by_uid[old].uids[target] = new
                self.books.note_uid(target, int(found.group(1)), new, by_uid[old].id)
        if kind in ("move", "expunge"):
            for message in chosen:
                message.uids[box] = 0
        if how == "unknown":
            raise Gone()

    # -- one POP3 session
    def pop3_turn(self, rng):
        session = Program(self, "pop3-serve")
        owned = {message.id: message for message in self.books.own("pop3")}
        end = rng.random()
        try:
            numbered = session.during("pop3", lambda: self.begin_pop3(session, owned), end < 0.15)
            chosen = rng.sample(sorted(numbered), min(len(numbered), rng.randint(1, 3 if len(owned) < MOST else 12)))
            for name in chosen:
                octets = self.pop3_text(session, f"RETR {numbered[name]}")
                assert self.identify(octets, "RETR") == name, f"RETR of {name} gave another message"
            chosen = chosen[len(owned) < MOST and rng.random() < 0.7:]
            for name in chosen:
                self.pop3_line(session, f"DELE {numbered[name]}")
            if rng.random() < 0.1:  # without QUIT nothing is deleted
                session.is_killed = True
                kill_group(session.process)
                self.killed("pop3 before quit")
                return
            self.pop3_quit(session, [owned[name] for name in chosen], end < 0.75)
        except Gone:
            pass
        finally:
            session.end()

    def pop3_line(self, session, text):
        session.write(text.encode() + b"\r\n")
        line = session.line().decode()
        if not line.startswith("+OK"):
            raise Refused(f"{text}: {line}")
        return line

    def pop3_text(self, session, text):
        for tries in range(5):  # flags may be folded in while it is read
            try:
                self.pop3_line(session, text)
                break
            except Refused as refusal:
                self.books.note("refused", refusal)
                time.sleep(0.01)
        else:
            return b""  # another's, and gone meanwhile
        lines = []
        while (line := session.line()) != b".":
            lines.append(line.removeprefix(b".") + b"\n")
        return b"".join(lines)

    def begin_pop3(self, session, owned):
        """{id: number} of its messages; all of them must be there."""
        session.line()
        self.pop3_line(session, "USER boss")
        self.pop3_line(session, "PASS pw")
        count, found = int(self.pop3_line(session, "STAT").split()[1]), {}
        for number in range(1, count + 1):
            subject = re.search(rb"^Subject: (\S+)", self.pop3_text(session, f"TOP {number} 0"), re.M)
            name = subject.group(1).decode() if subject else ""
            assert name not in found or name not in owned, f"{name} is there twice for POP3"
            found[name] = number
        for name, message in owned.items():
            seen = (frozenset(), None) if name in found else ABSENT
            self.books.check(message, seen, (message.uids[0], 0), "pop3")
        return {name: number for name, number in found.items() if name in owned}

    def pop3_quit(self, session, chosen, is_to_be_killed):
        steps = [lambda world: put(world, 0, None)]
        try:
            session.during("quit", lambda: self.pop3_line(session, "QUIT"), is_to_be_killed)
            how = "done"
        except (Gone, Refused):
            how = "unknown"
        for message in chosen:
            message.uids[0] = 0
            self.books.finish(message, steps, how)

    # -- deliveries
    ARRIVE = [lambda world: (frozenset(), None)]

    def record_turn(self, rng):
        """A `deliver --records` of its own, killed; asked again or not."""
        while sum(len(self.books.own(owner)) for owner in OWNERS) > 5 * MOST and not self.resting and not self.is_over:
            time.sleep(0.05)
        is_retried = rng.random() < 0.6
        message = self.books.new("retried" if is_retried else "once")
        while True:
            answer = self.ask_deliver(message, rng.random() < 0.6)
            if answer == OK or not is_retried:
                break
            if rng.random() < 0.3:
                time.sleep(rng.uniform(0, 0.3))
        # LATER stands for the queue that takes it over: it was not stored.
        how = "done" if answer == OK else "unknown" if answer is None else "refused"
        self.books.finish(message, self.ARRIVE, how)
        message.is_settled = True

    def ask_deliver(self, message, is_to_be_killed):
        ours, theirs = kill_deliver.socket.socketpair(kill_deliver.socket.AF_UNIX, kill_deliver.socket.SOCK_SEQPACKET)
        with open(self.mail.path("log"), "ab") as log:
            process = subprocess.Popen([self.mail.program("deliver"), *self.mail.config, "--records"], stdin=theirs,
                                       stdout=log, stderr=log, start_new_session=True, env={**os.environ, **DETECT_LEAKS})
        theirs.close()
        timer = self.arm(process, "record") if is_to_be_killed else None
        began = time.monotonic()
        answer = kill_deliver.converse(ours, message)
        self.disarm(timer, "record", began)
        process.wait(60)
        assert answer is not None or timer, f"deliver ended without an answer\n{self.mail.log()[-3000:]}"
        if answer is None:
            wait_for(lambda: not is_group_alive(process.pid), 30, "the end of a killed deliver")
        return answer

    def arm(self, process, what):
        timer = threading.Timer(self.rng.uniform(0, 1.25) * self.usual[what], self.kill_process, [process, what])
        timer.start()
        return timer

    def disarm(self, timer, what, began):
        if timer:
            timer.cancel()
            timer.join()
        else:
            self.usual[what] += 0.2 * (time.monotonic() - began - self.usual[what])

    def kill_process(self, process, what):
        with self.may_kill:
            if process.poll() is None:
                kill_group(process)
                self.killed(what)

    def user_turn(self, rng):
        """`deliver USER` beside a running system, which is killed as well."""
        message = self.books.new("user")
        began = time.monotonic()
        process = subprocess.Popen([self.mail.program("deliver"), *self.mail.config, "-f", "ann@example.org", "boss"],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True, env={**os.environ, **DETECT_LEAKS})
        timer = self.arm(process, "user") if rng.random() < 0.4 else None
        try:
            process.communicate(message.octets[message.octets.index(b"Subject"):], timeout=60)
        except BrokenPipeError:
            process.wait(60)
        self.disarm(timer, "user", began)
        is_taken = process.returncode == 0
        assert is_taken or timer, f"deliver: {process.returncode}\n{self.mail.log()[-3000:]}"
        with self.books.lock:
            self.books.counts["acknowledged" if is_taken else "unknown"] += 1
        message.is_taken = is_taken
        message.worlds = {ABSENT, (frozenset(), None)}  # when the queue comes to it
        if rng.random() < 0.7:
            self.server_kill(rng)
        time.sleep(rng.uniform(0, 0.5))

    def server_kill(self, rng):
        time.sleep(rng.uniform(0, 0.15))
        with self.may_kill:
            chance = rng.random()
            if chance < 0.1:
                self.server.restart()
                self.killed("server")
            elif chance < 0.2:
                kill_group(self.runner)
                self.killed("runner")
                self.runner.wait()
                self.mail.processes.remove(self.runner)
                self.start_runner()
            else:
                self.kills["recipients"] += self.server.kill_some(rng)

    def start_runner(self):
        self.runner = self.mail.start_program("smtp-send", "--queue", "--stay", env=DETECT_LEAKS)

    # -- the other program
    def foreign_turn(self, rng):
        if rng.random() < 0.1:
            self.remove_index(rng)
        there = [message for message in self.books.own("foreign") if message.is_settled and
                 len(message.worlds) == 1 and message.worlds != {ABSENT}]
        if not there or rng.random() < 0.5:
            way = "foreign" if self.store == "mbox" else "foreign-file"
            message = self.books.new(way, rng.choice(OWNERS))
            verb = ["append" if self.store == "mbox" else "deliver", self.path(0)]
            how = self.run_foreign(verb, message.octets, rng.random() < 0.5)
            self.books.finish(message, self.ARRIVE, how)
            message.is_settled = True
        else:
            for message in rng.sample(there, 1 if len(there) < MOST else 3):
                self.foreign_change(message, rng)
        time.sleep(rng.uniform(0, 0.2))

    def foreign_change(self, message, rng):
        letters = "gone" if rng.random() < (0.3 if len(self.books.own("foreign")) < MOST else 0.9) else "".join(rng.sample("RAF", rng.randint(0, 3))) or "-"
        names = {"R": "\\seen", "A": "\\answered", "F": "\\flagged"}
        flags = None if letters == "gone" else frozenset(names[letter] for letter in letters if letter in names)
        self.books.note("foreign", message.id, letters)
        if self.store == "maildir":
            how = self.run_foreign(["flag", self.path(0), message.id, letters.strip("-")], b"", rng.random() < 0.5)
        else:
            # Who rewrites an mbox between our death and our next opener takes a half-moved file for the mailbox
            # (docs/mbox.md): somebody of ours looks first, and none is killed until it is done.
            with self.may_kill:
                self.look_at_all()
                how = self.run_foreign(["rewrite", self.path(0), message.id, letters], b"", False)
        if flags is None:
            message.uids[0] = 0
        self.books.finish(message, [lambda world: put(world, 0, flags)], how)

    def run_foreign(self, arguments, octets, is_to_be_killed):
        process = subprocess.Popen([sys.executable, "-I", "-S", os.path.join(HERE, "foreign.py"), *arguments],
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        timer = self.arm(process, "foreign") if is_to_be_killed else None
        began = time.monotonic()
        try:
            _, errors = process.communicate(octets, timeout=90)
        except BrokenPipeError:
            errors = b""
            process.wait(60)
        self.disarm(timer, "foreign", began)
        if process.returncode == 0:
            return "done"
        assert timer or self.store == "maildir", f"foreign.py {arguments}: {errors.decode()}"
        return "unknown" if process.returncode < 0 else "refused"

    def remove_index(self, rng):
        folder = self.mail.dir
        found = [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names
                 if name.endswith((".index", ".cache"))]
        if found:
            try:
                os.unlink(rng.choice(found))
            except FileNotFoundError:
                pass

    # -- everything
    def look_at_all(self):
        subprocess.run([self.mail.program("imap-serve"), *self.mail.config],
                       input=b"a LOGIN boss pw\r\nb SELECT INBOX\r\nc LOGOUT\r\n", stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, env={**os.environ, **DETECT_LEAKS}, timeout=60, check=True)

    def check_all(self, is_end=False):
        session = Imap(self)
        session.log_in()
        with self.books.lock:
            every = list(self.books.messages.values())
        found = session.look([message for message in every if message.is_settled or message.way == "user"], "fresh reader")
        session.command("LOGOUT")
        session.end()
        for box in (0, 1):
            lies = self.read_files(box)
            assert sorted(lies) == sorted(name for name, places in found[box].items() for _ in places), \
                f"{BOXES[box]}: not in both files and view: {sorted(set(lies) ^ set(found[box]))}"
            for name, flags in lies.items():
                assert flags == [places[1] for places in found[box][name]], \
                    f"{BOXES[box]}: {name} is {flags} in the file, {found[box][name]} in the view\n" + \
                    "\n".join(self.books.history(self.books.messages[name]))
        if is_end:
            lost = [message.id for message in every if message.way == "user" and message.is_taken and not message.is_settled]
            assert not lost, f"acknowledged and never seen: {lost}"
        log = self.mail.log()
        assert not re.search(r"AddressSanitizer|runtime error:|damaged", log), log[-3000:]
        aside = [name for _, _, names in os.walk(self.mail.dir) for name in names if ".damaged-" in name]
        assert not aside, f"set aside: {aside}"

    def read_files(self, box):
        """{id: [flags]} as any program finds them."""
        found = {}
        if self.store == "maildir":
            with open(self.path(box) + "/dovecot-keywords") as f:
                words = [line.split()[1].lower() for line in f]
            letters = {"S": "\\seen", "R": "\\answered", "F": "\\flagged", "T": "\\deleted", "D": "\\draft",
                       **{chr(ord("a") + n): word for n, word in enumerate(words)}}
            for sub in ("new", "cur"):
                for name in os.listdir(f"{self.path(box)}/{sub}"):
                    with open(f"{self.path(box)}/{sub}/{name}", "rb") as f:
                        id_ = self.identify(f.read().replace(b"\r\n", b"\n"), name)
                    flags = frozenset(letters[letter] for letter in name.partition(":2,")[2])
                    found.setdefault(id_, []).append(flags)
            return found
        with open(self.path(box), "rb") as f:
            octets = f.read()
        assert octets == b"" or octets.endswith(b"\n\n"), octets[-200:]
        pieces = re.split(rb"(?:^|\n\n)From [^\n]+ \d\d:\d\d:\d\d \d{4}\n", octets)
        assert pieces[0] == b"", pieces[0][:200]
        for number, piece in enumerate(pieces[1:]):
            header, _, body = (b"\n" + (piece[:-2] if number == len(pieces) - 2 else piece) + b"\n").partition(b"\n\n")
            flags = set()
            for field, letters in ((b"Status", {"R": "\\seen"}), (b"X-Status", {"A": "\\answered", "F": "\\flagged",
                                                                                 "T": "\\draft", "D": "\\deleted"})):
                value = re.search(rb"\n%s: *(\S*)" % field, header)
                flags |= {letters[letter] for letter in (value.group(1).decode() if value else "") if letter in letters}
            words = re.search(rb"\nX-Keywords:([^\n]*)", header)
            flags |= set(words.group(1).decode().lower().split() if words else ())
            stored = (re.sub(HIDDEN, b"", header + b"\n") + b"\n" + body)[1:]
            found.setdefault(self.identify(stored, f"number {number + 1}"), []).append(frozenset(flags))
        return found

    def run(self, most_kills, seconds):
        self.mail.add_account("boss", "pw")
        self.mail.newaliases()
        self.server = kill_deliver.Server(self.mail)
        self.start_runner()
        self.mail.run("imap-serve", input="a LOGIN boss pw\r\nb CREATE other\r\nc APPEND other (k1 k2 k3) {12+}\r\nA: b\r\n\r\nFr\r\n"
                      "\r\nd SELECT other\r\ne STORE 1 FLAGS (\\Deleted)\r\nf CLOSE\r\ng APPEND INBOX (k1 k2 k3) {12+}\r\n"
                      "A: b\r\n\r\nFr\r\n\r\nd SELECT INBOX\r\ne STORE 1 FLAGS (\\Deleted)\r\nf CLOSE\r\ng LOGOUT\r\n", env=DETECT_LEAKS)
        rngs = [random.Random(self.rng.random()) for _ in range(6)]
        turns = [lambda: self.imap_turn("imap1", rngs[0]), lambda: self.imap_turn("imap2", rngs[1]),
                 lambda: self.pop3_turn(rngs[2]), lambda: self.record_turn(rngs[3]), lambda: self.user_turn(rngs[4]),
                 lambda: self.foreign_turn(rngs[5])]
        workers = [threading.Thread(target=self.work, args=(turn,)) for turn in turns]
        began = time.monotonic()
        for worker in workers:
            worker.start()
        rests, next_rest = 0, began + 4
        while not self.failures and (self.kills.total() - self.kills["foreign"] < most_kills if most_kills else
                                     time.monotonic() - began < seconds):
            time.sleep(0.1)
            if time.monotonic() > next_rest:
                self.rest(self.check_all)
                rests, next_rest = rests + 1, time.monotonic() + (4 if rests < 3 else 15)
                if rests % 8 == 0:
                    print(f"  {time.monotonic() - began:.0f} s: {self.kills.total()} kills, {dict(self.books.counts)}", flush=True)
        self.is_over = True
        for worker in workers:
            worker.join()
        if self.failures:
            raise self.failures[0]
        wait_for(lambda: "empty" in self.mail.run("smtp-send", "--list", env=DETECT_LEAKS)[1], 60, "an empty queue")
        self.check_all(is_end=True)
        counts = self.books.counts
        assert min(self.kills[what] for what in ("append", "store", "move", "expunge", "record", "quit", "foreign")) > 0 or \
            not (SOAK or most_kills), f"not everything was killed: {dict(self.kills)}"
        print(f"{self.store}: {self.kills.total()} kills in {time.monotonic() - began:.0f} s, {rests + 1} times compared: "
              f"{len(self.books.messages)} messages, {counts['acknowledged']} changes acknowledged, {counts['unknown']} cut off, "
              f"{counts['refused']} refused; 0 lost, 0 doubled\n  killed: "
              + ", ".join(f"{what} {count}" for what, count in sorted(self.kills.items())), flush=True)


def numbers(sequence):
    found = []
    for piece in sequence.split(","):
        first, _, last = piece.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def is_group_alive(group):
    """Any process of it that is not a zombie."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    fields = f.read().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    return True
            except OSError:
                pass
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", nargs="*", default=["mbox", "maildir"])
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=int(os.environ["TUBEPOST_SOAK"]) * 60 if SOAK else 10)
    options = parser.parse_args()
    print(f"TUBEPOST_SEED={SEED}", flush=True)
    for store in options.store:
        loop = Loop(store, random.Random(f"{SEED}{store}loop"))
        with loop.mail:
            loop.run(options.kills, options.seconds)


if __name__ == "__main__":
    main()
