"""kill_loop.py's IMAP and POP3 sessions, which are killed."""
import os
import re
import subprocess
import threading
import time

from kill_books import ABSENT, BOXES, MOST, OWNERS, Gone, Refused, put
from kill_deliver import DETECT_LEAKS, kill_group


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


class Sessions:
    """Loop's turns of the two protocols."""

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


def numbers(sequence):
    found = []
    for piece in sequence.split(","):
        first, _, last = piece.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found
