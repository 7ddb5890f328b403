"""kill_loop.py's deliveries, which are killed, and its program that knows nothing of ours (foreign.py)."""
import os
import subprocess
import sys
import threading
import time

import kill_deliver
from kill_books import ABSENT, MOST, OWNERS, put
from kill_deliver import DETECT_LEAKS, OK, kill_group
from tubepost import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


class Writers:
    """Loop's turns of whoever else writes."""

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
