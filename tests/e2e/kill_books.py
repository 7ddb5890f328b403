"""kill_loop.py's books: what was sent, what may have become of it, and what anybody has seen."""
import collections
import random
import threading
import time

BOXES = ("INBOX", "other")
ABSENT = (None, None)
OWNERS = ("imap1", "imap2", "pop3", "foreign")
MOST = 9  # messages an owner keeps


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
