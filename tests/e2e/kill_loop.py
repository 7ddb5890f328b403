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
from kill_books import BOXES, Books
from kill_deliver import DETECT_LEAKS, SEED, SOAK
from kill_sessions import Imap, Sessions
from kill_writers import Writers
from tubepost import wait_for

HIDDEN = rb"\n(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|Content-Length):[^\n]*(?=\n)"


class Loop(Sessions, Writers):
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
