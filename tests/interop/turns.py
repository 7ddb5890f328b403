#!/usr/bin/python3
"""A real Dovecot 2.3 and Tubepost in turn on one set of mailboxes, mbox and Maildir: random operations, each done by the
one or the other, by mail-reader or by a program that knows neither; after each both must show the same, and what was
done.

    turns.py [--operations N] [--seed N] [--format maildir|mbox] [--keep]

Compared over IMAP: UIDVALIDITY, UIDNEXT, UIDs, flags, keywords, INTERNALDATE, RFC822.SIZE, octets, LIST, LSUB; over
POP3: UIDL. Neither's files are ever removed. Dovecot's imap, pop3 and dovecot-lda run on pipes, for the user who runs
this; root becomes nobody first.
"""
import argparse
import calendar
import fcntl
import hashlib
import os
import pwd
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost

DOVECOT = "/usr/lib/dovecot"
KEYWORDS = [f"key{n}" for n in range(40)] + ["$Forwarded", "NonJunk", "$MDNSent"]
SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]
NAMES = ["Sent", "work", "work{}old", "Entw&APw-rfe", "a b", "lists{}dev{}core", "lists", "x-y"]
NAMESPACE = "namespace inbox {\n  inbox = yes\n}\n"
MAX_KEYWORDS = 26  # letters a to z in a Maildir's file names


class Difference(Exception):
    pass


class Imap:
    """One IMAP session on a pipe."""

    def __init__(self, argv, env, login=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=env.pop("ERRORS"),
                                        env=env)
        self.tag = 0
        self.line()
        if login:
            self.ok(login)

    def line(self):
        line = self.process.stdout.readline()
        if not line.endswith(b"\r\n"):
            raise Difference(f"the server went away: {line!r}")
        return line[:-2]

    def response(self):
        """A line with its literals: (text with {N} left in, [literals])."""
        text, literals = b"", []
        while True:
            line = self.line()
            text += line
            size = re.search(rb"\{(\d+)\}$", line)
            if not size:
                return text, literals
            literals.append(self.process.stdout.read(int(size.group(1))))

    def command(self, text, literal=None):
        """(final line, untagged responses)"""
        self.tag += 1
        tag = b"t%d " % self.tag
        data = tag + (text if isinstance(text, bytes) else text.encode())
        if literal is not None:
            data += b" {%d}\r\n" % len(literal)
            self.process.stdin.write(data)
            self.process.stdin.flush()
            while True:
                line = self.line()
                if line.startswith(b"+"):
                    break
                if line.startswith(tag):
                    return line[len(tag):].decode("latin-1"), []
            data = literal
        self.process.stdin.write(data + b"\r\n")
        self.process.stdin.flush()
        untagged = []
        while True:
            response = self.response()
            if response[0].startswith(tag):
                return response[0][len(tag):].decode("latin-1"), untagged
            untagged.append(response)

    def ok(self, text, literal=None):
        final, untagged = self.command(text, literal)
        if not final.startswith("OK"):
            raise Difference(f"{text}: {final}")
        return final, untagged

    def end(self):
        if self.process.poll() is None:
            try:
                self.command("LOGOUT")
            except Difference:
                pass
        self.process.stdin.close()
        self.process.stdout.close()
        status = self.process.wait(30)
        if status not in (0, None):
            raise Difference(f"IMAP session ended with {status}")


def quoted(name):
    return '"' + name + '"'


def internal_date(text):
    """Seconds since 1970."""
    day, month, year, hours, minutes, seconds, sign, zone_hours, zone_minutes = re.match(
        r" ?(\d+)-(\w+)-(\d+) (\d+):(\d+):(\d+) ([-+])(\d\d)(\d\d)$", text).groups()
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    date = calendar.timegm((int(year), months.index(month) + 1, int(day), int(hours), int(minutes), int(seconds)))
    offset = int(zone_hours) * 3600 + int(zone_minutes) * 60
    return date - offset if sign == "+" else date + offset


class Message:
    def __init__(self, uid, flags, date, size, octets):
        self.uid, self.date, self.size = uid, date, size
        self.flags = {flag.lower() for flag in flags if flag.lower() != "\\recent"}
        self.octets = octets
        found = re.search(rb"^Subject: (\S+)", octets, re.M)
        self.subject = found.group(1).decode() if found else "?"

    def shown(self):
        return (self.uid, self.subject, sorted(self.flags), self.date, self.size,
                hashlib.sha256(self.octets).hexdigest()[:12])


class View:
    def __init__(self, imap, name):
        _, untagged = imap.ok(f"EXAMINE {quoted(name)}")
        text = b"\n".join(line for line, _ in untagged)
        self.uid_validity = int(re.search(rb"UIDVALIDITY (\d+)", text).group(1))
        self.uid_next = int(re.search(rb"UIDNEXT (\d+)", text).group(1))
        self.messages = []
        _, untagged = imap.ok("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        for line, literals in untagged:
            if b" FETCH (" not in line or b"BODY[]" not in line:
                continue
            flags = re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode().split()
            self.messages.append(Message(int(re.search(rb"UID (\d+)", line).group(1)), flags,
                                         internal_date(re.search(rb'INTERNALDATE "([^"]*)"', line).group(1).decode()),
                                         int(re.search(rb"RFC822.SIZE (\d+)", line).group(1)),
                                         literals[0] if literals else b""))
        imap.command("UNSELECT")


class Server:
    """One of the two: its sessions and programs."""

    def __init__(self, turns):
        self.turns = turns
        self.working = self.looking = self.standing = None

    def session(self, which):
        if getattr(self, which) is None:
            setattr(self, which, self.imap())
        return getattr(self, which)

    def end(self, which):
        if getattr(self, which):
            session = getattr(self, which)
            setattr(self, which, None)
            session.end()

    def end_all(self):
        for which in ("working", "looking", "standing"):
            self.end(which)

    def env(self):
        return {**os.environ, "USER": self.turns.user, "HOME": self.turns.home, "TZ": "UTC"}


class Theirs(Server):
    name = "Dovecot"

    def imap(self):
        return Imap([f"{DOVECOT}/imap", "-c", self.turns.dovecot_conf], {**self.env(), "ERRORS": self.turns.errors})

    def pop3(self, commands):
        done = subprocess.run([f"{DOVECOT}/pop3", "-c", self.turns.dovecot_conf], input=commands,
                              stdout=subprocess.PIPE, stderr=self.turns.errors, env=self.env(), timeout=60)
        return self.check_pop3(done)

    def check_pop3(self, done):
        text = done.stdout.decode("latin-1").replace("\r\n", "\n")
        if "Logging out" not in text:
            raise Difference(f"{self.name} POP3: {done.returncode} {text}")
        return text.split("\n")

    def deliver(self, message):
        done = subprocess.run([f"{DOVECOT}/dovecot-lda", "-c", self.turns.dovecot_conf, "-f", "ann@example.org"],
                              input=message, stdout=subprocess.PIPE, stderr=self.turns.errors, env=self.env(), timeout=60)
        if done.returncode != 0:
            raise Difference(f"dovecot-lda: {done.returncode}")


class Ours(Theirs):
    name = "Tubepost"

    def program(self, name, *arguments):
        return [self.turns.mail.program(name), *self.turns.mail.config, *arguments]

    def imap(self):
        return Imap(self.program("imap-serve"), {**self.env(), "ERRORS": self.turns.errors}, "LOGIN boss pw")

    def pop3(self, commands):
        done = subprocess.run(self.program("pop3-serve"), input=b"USER boss\r\nPASS pw\r\n" + commands,
                              stdout=subprocess.PIPE, stderr=self.turns.errors, env=self.env(), timeout=60)
        return self.check_pop3(done)[2:]

    def deliver(self, message):
        done = subprocess.run(self.program("deliver", "-i", "-f", "ann@example.org", "boss"), input=message,
                              stdout=subprocess.PIPE, stderr=self.turns.errors, env=self.env(), timeout=60)
        if done.returncode != 0:
            raise Difference(f"deliver: {done.returncode}")


class Turns:
    def __init__(self, store, seed):
        self.store = store
        self.random = random.Random(f"{store} {seed}")
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.mail = tubepost.System(store)
        self.mail.add_account("boss", "pw")
        self.home = self.mail.path("home", "boss")
        self.separator = "/" if store == "mbox" else "."
        self.errors = open(self.mail.path("errors"), "ab")
        self.dovecot_conf = self.mail.path("etc", "dovecot.conf")
        location = f"mbox:~/mail:INBOX={self.mail.path('mail', 'boss')}" if store == "mbox" else "maildir:~/Maildir"
        with open(self.dovecot_conf, "w") as f:
            f.write(f"base_dir = {self.mail.path('run')}\nlog_path = /dev/stderr\nfirst_valid_uid = 1\nssl = no\n"
                    f"mail_location = {location}\nhostname = here.example\nmbox_write_locks = fcntl\n"
                    f"{NAMESPACE}")
        with open(self.mail.path("etc", "namespace.conf"), "w") as f:
            f.write(NAMESPACE)
        self.mail.config += ["-c", "dovecot:" + self.mail.path("etc", "namespace.conf")]
        with open(self.mail.path("etc", "reader.cf"), "w") as f:  # who runs this is not called boss
            f.write(f"mail_location = {location}\n")
        self.mail.newaliases()
        self.mail.start_program("deliver", "--records", "--listen", "unix:" + self.mail.path("run", "deliver.sock"))
        tubepost.wait_for(lambda: os.path.exists(self.mail.path("run", "deliver.sock")), 20, "deliver.sock")
        self.theirs, self.ours = Theirs(self), Ours(self)
        self.servers = [self.theirs, self.ours]
        self.boxes = {"INBOX": []}  # name: [[subject, flags], ...] in the order of their UIDs
        self.subscribed = set()
        self.count = 0
        self.validities = {}
        self.done = []

    # -- what there is
    def path(self, name):
        if self.store == "mbox":
            return self.mail.path("mail", "boss") if name == "INBOX" else os.path.join(self.home, "mail", name)
        return os.path.join(self.home, "Maildir") + ("" if name == "INBOX" else "/." + name)

    def folders(self):
        return list(self.boxes)

    def lettered(self, name):
        """Keywords that have a letter in a Maildir's file names; others are each server's own affair."""
        try:
            with open(os.path.join(self.path(name), "dovecot-keywords")) as f:
                lines = [line.rstrip("\n").split(" ", 1) for line in f]
        except FileNotFoundError:
            return set()
        return {word.lower() for number, word in lines if int(number) < MAX_KEYWORDS}

    def shared_flags(self, name, flags):
        flags = {flag.lower() for flag in flags}
        if self.store == "mbox":
            return flags
        letters = self.lettered(name)
        return {flag for flag in flags if flag[0] == "\\" or flag in letters}

    def message(self):
        self.count += 1
        lines = "".join(f"line {self.random.random()}\n" for _ in range(self.random.randint(0, 60)))
        mid = f"Message-ID: <{self.count}@x>\n" if self.random.random() < 0.8 else ""
        from_line = "From the beginning\n" if self.random.random() < 0.2 else ""
        subject = f"m{self.count}"
        text = f"From: ann@example.org\nTo: boss@linuxprobe.com\nSubject: {subject}\n{mid}\n{lines}{from_line}"
        return subject, text.encode()

    def flags(self):
        chosen = self.random.sample(SYSTEM, self.random.randint(0, 2))
        if self.random.random() < 0.5:
            # Dovecot 2.3.19 shows keywords that neither the mbox nor its own log has when the ninth makes the bits of its
            # index records another octet: less for mbox.
            known = KEYWORDS[-8:] if self.store == "mbox" else KEYWORDS
            chosen += self.random.sample(known, self.random.randint(1, 3))
        return chosen

    def some(self, name, least=1):
        """Positions of a few messages, ascending; the IMAP sequence set."""
        count = len(self.boxes[name])
        chosen = sorted(self.random.sample(range(count), min(count, self.random.randint(least, 4))))
        return chosen, ",".join(str(n + 1) for n in chosen)

    # -- operations; each returns the folders that it touched
    def select(self, server, name):
        imap = server.session("working")
        imap.ok(f"SELECT {quoted(name)}")
        return imap

    def leave(self, imap):
        imap.ok("UNSELECT")

    def op_append(self, server):
        name = self.random.choice(self.folders())
        subject, text = self.message()
        flags = self.flags()
        date = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(1_500_000_000 + self.random.randint(0, 10**8)))
        when = f' "{date} +0000"' if self.random.random() < 0.5 else ""
        server.session("working").ok(f"APPEND {quoted(name)} ({' '.join(flags)}){when}", text.replace(b"\n", b"\r\n"))
        self.boxes[name].append([subject, {flag.lower() for flag in flags}])
        return [name]

    def op_deliver(self, server):
        subject, text = self.message()
        server.deliver(text)
        self.boxes["INBOX"].append([subject, set()])
        return ["INBOX"]

    def op_store(self, server):
        name = self.random.choice([name for name in self.folders() if self.boxes[name]] or [None])
        if not name:
            return []
        imap = self.select(server, name)
        chosen, numbers = self.some(name)
        flags = self.flags()
        how = self.random.choice("+-=")
        command = f"STORE {numbers} {how.strip('=')}FLAGS{self.random.choice(['', '.SILENT'])} ({' '.join(flags)})"
        imap.ok(command)
        self.leave(imap)
        low = {flag.lower() for flag in flags}
        for n in chosen:
            before = self.boxes[name][n][1]
            self.boxes[name][n][1] = low if how == "=" else before | low if how == "+" else before - low
        return [name]

    def transfer(self, server, verb):
        name = self.random.choice([name for name in self.folders() if self.boxes[name]] or [None])
        if not name:
            return []
        target = self.random.choice(self.folders())
        if verb == "MOVE" and target == name:
            return []
        imap = self.select(server, name)
        chosen, numbers = self.some(name)
        imap.ok(f"{verb} {numbers} {quoted(target)}")
        self.leave(imap)
        for n in chosen:
            subject, flags = self.boxes[name][n][:2]
            # Keywords without a letter stand in what only the one or the other reads.
            is_shared = flags == self.shared_flags(name, flags)
            self.boxes[target].append([subject, set(flags)] if is_shared else [subject, set(flags), "keywords unknown"])
        if verb == "MOVE":
            self.boxes[name] = [entry for n, entry in enumerate(self.boxes[name]) if n not in chosen]
        return [name, target]

    def op_copy(self, server):
        return self.transfer(server, "COPY")

    def op_move(self, server):
        return self.transfer(server, "MOVE")

    def op_expunge(self, server):
        name = self.random.choice([name for name in self.folders() if self.boxes[name]] or [None])
        if not name:
            return []
        imap = self.select(server, name)
        chosen, numbers = self.some(name)
        imap.ok(f"STORE {numbers} +FLAGS.SILENT (\\Deleted)")
        if self.random.random() < 0.5:
            imap.ok("EXPUNGE")
            self.leave(imap)
        else:
            imap.ok("CLOSE")
        self.boxes[name] = [entry for n, entry in enumerate(self.boxes[name])
                            if n not in chosen and "\\deleted" not in entry[1]]
        return [name]

    def op_pop3(self, server):
        box = self.boxes["INBOX"]
        chosen = self.random.sample(range(len(box)), min(len(box), 2))
        commands = "".join(f"RETR {n + 1}\r\nDELE {n + 1}\r\n" for n in chosen) + "QUIT\r\n"
        server.pop3(commands.encode())
        self.boxes["INBOX"] = [entry for n, entry in enumerate(box) if n not in chosen]
        return ["INBOX"]

    def op_folder(self, server):
        imap = server.session("working")
        name = self.random.choice(NAMES).replace("{}", self.separator)
        verb = self.random.choice(["CREATE", "CREATE", "DELETE", "RENAME"])
        if verb == "CREATE" and name not in self.boxes and not self.is_level(name):
            imap.ok(f"CREATE {quoted(name)}")
            self.boxes[name] = []
            return [name]
        if verb == "DELETE" and name in self.boxes:
            imap.ok(f"DELETE {quoted(name)}")
            del self.boxes[name]
            self.validities.pop(name, None)
        if verb == "RENAME" and name in self.boxes:
            target = self.random.choice(NAMES).replace("{}", self.separator)
            below = [other for other in self.boxes if other.startswith(name + self.separator)]
            if self.store == "mbox" and (below or self.is_level(name)):
                return []
            if target in self.boxes or self.is_level(target):
                return []
            imap.ok(f"RENAME {quoted(name)} {quoted(target)}")
            renamed = {old: target + old[len(name):] for old in [name, *below]}
            for old, new in renamed.items():
                self.boxes[new] = self.boxes.pop(old)
                self.validities.pop(new, None)
                if old in self.validities:
                    self.validities[new] = self.validities.pop(old)
            return list(renamed.values())
        return []

    def is_level(self, name):
        """A file cannot be a directory too (mbox), and nothing is renamed into itself or over others."""
        if self.store == "mbox" and os.path.isdir(self.path(name)):  # left behind by what was below it
            return True
        return any(other.startswith(name + self.separator) or name.startswith(other + self.separator)
                   for other in self.boxes)

    def op_subscribe(self, server):
        name = self.random.choice(self.folders())
        if name in self.subscribed:
            server.session("working").ok(f"UNSUBSCRIBE {quoted(name)}")
            self.subscribed.remove(name)
        else:
            server.session("working").ok(f"SUBSCRIBE {quoted(name)}")
            self.subscribed.add(name)
        return []

    def op_reader(self, _):
        """mail-reader -f FILE: a few messages shown, marked, deleted."""
        name = self.random.choice([name for name in self.folders() if self.boxes[name]] or [None])
        if not name:
            return []
        chosen, _ = self.some(name)
        effects = {"type": ({"\\seen"}, set()), "touch": ({"\\seen"}, set()), "unread": (set(), {"\\seen"}),
                   "flag": ({"\\flagged"}, set()), "unflag": (set(), {"\\flagged"}),
                   "answered": ({"\\answered"}, set()), "delete": None}
        commands, gone = "", []
        for n in chosen:
            verb = self.random.choice(list(effects))
            commands += f"{verb} {n + 1}\n"
            if verb == "delete":
                gone.append(n)
                continue
            entry = self.boxes[name][n]
            entry[1] = entry[1] - effects[verb][1] | effects[verb][0]
        argv = [self.mail.program("mail-reader"), "--config", self.mail.main_cf, "--config",
                self.mail.path("etc", "reader.cf"), "-n", "-f", self.path(name)]
        done = subprocess.run(argv, input=(commands + "quit\n").encode(), stdout=subprocess.PIPE, stderr=self.errors,
                              env={**os.environ, "HOME": self.home, "MAILRC": "/dev/null", "TZ": "UTC"}, timeout=60)
        if done.returncode != 0:
            raise Difference(f"mail-reader: {done.returncode} {done.stdout.decode('latin-1')[-500:]}")
        self.boxes[name] = [entry for n, entry in enumerate(self.boxes[name]) if n not in gone]
        return [name]

    def op_foreign(self, _):
        name = self.random.choice(self.folders())
        verb = self.random.choice(["drop", "drop", "flag", "remove"])
        return getattr(self, f"{verb}_in_{self.store}")(name)

    # -- programs that know neither
    def drop_in_maildir(self, name):
        subject, text = self.message()
        base = f"{int(time.time())}.{os.getpid()}_{self.count}.elsewhere"
        path = self.path(name)
        with open(f"{path}/tmp/{base}", "wb") as f:
            f.write(text)
        os.rename(f"{path}/tmp/{base}", f"{path}/new/{base}")
        self.boxes[name].append([subject, set()])
        return [name]

    def files(self, name):
        path = self.path(name)
        return [(sub, file) for sub in ("new", "cur") for file in sorted(os.listdir(f"{path}/{sub}"))]

    def subject_of(self, path):
        with open(path, "rb") as f:
            return re.search(rb"^Subject: (\S+)", f.read(), re.M).group(1).decode()

    def pick_file(self, name):
        files = self.files(name)
        if not files:
            return None
        sub, file = self.random.choice(files)
        path = f"{self.path(name)}/{sub}/{file}"
        subject = self.subject_of(path)
        same = [entry for entry in self.boxes[name] if entry[0] == subject]
        return (path, file, same[0]) if len(same) == 1 else None  # of two copies we do not know which

    def flag_in_maildir(self, name):
        picked = self.pick_file(name)
        if not picked:
            return []
        path, file, entry = picked
        base, _, letters = file.partition(":2,")
        letter, flag = self.random.choice([("S", "\\seen"), ("F", "\\flagged"), ("R", "\\answered"), ("T", "\\deleted")])
        if letter in letters:
            letters = letters.replace(letter, "")
            entry[1] = entry[1] - {flag}
        else:
            letters = "".join(sorted(letters + letter))
            entry[1] = entry[1] | {flag}
        os.rename(path, f"{self.path(name)}/cur/{base}:2,{letters}")
        return [name]

    def remove_in_maildir(self, name):
        picked = self.pick_file(name)
        if not picked:
            return []
        os.unlink(picked[0])
        self.boxes[name].remove(picked[2])
        return [name]

    def locked(self, name):
        f = open(self.path(name), "r+b" if os.path.exists(self.path(name)) else "w+b")
        fcntl.lockf(f, fcntl.LOCK_EX)
        return f

    def drop_in_mbox(self, name):
        subject, text = self.message()
        with self.locked(name) as f:
            f.seek(0, 2)
            stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime())
            f.write(b"From joe@example.org " + stamp.encode() + b"\n" + text.replace(b"\nFrom ", b"\n>From ") + b"\n")
        self.boxes[name].append([subject, set()])
        return [name]

    def rewrite(self, name, edit):
        """As mailx does it: the whole file anew, in place."""
        with self.locked(name) as f:
            parts = re.split(rb"(?m)^(?=From \S+ +\S+ \S+ +\d+ )", f.read())
            messages = [part for part in parts if part]
            known = {entry[0]: entry for entry in self.boxes[name]}
            subjects = [re.search(rb"^Subject: (\S+)", part, re.M) for part in messages]
            if not messages or len(known) != len(messages) or not all(subjects):
                return []
            n = self.random.randrange(len(messages))
            messages[n] = edit(messages[n], known[subjects[n].group(1).decode()])
            f.seek(0)
            f.write(b"".join(messages))
            f.truncate()
        return [name]

    def flag_in_mbox(self, name):
        def edit(part, entry):
            header, _, body = part.partition(b"\n\n")
            status = re.search(rb"^Status: (\S*)$", header, re.M)
            letters = status.group(1) if status else b""
            if b"R" in letters:
                letters = letters.replace(b"R", b"")
                entry[1] = entry[1] - {"\\seen"}
            else:
                letters = b"R" + letters
                entry[1] = entry[1] | {"\\seen"}
            header = re.sub(rb"\nStatus: \S*$", b"", header, flags=re.M)
            return header + b"\nStatus: " + letters + b"\n\n" + body
        return self.rewrite(name, edit)

    def remove_in_mbox(self, name):
        def edit(_, entry):
            self.boxes[name].remove(entry)
            return b""
        return self.rewrite(name, edit)

    # -- comparison
    def look(self, name, sides):
        views = {}
        for server in sides:
            views[server.name] = View(server.session("looking"), name)
        ours, theirs = views["Tubepost"], views["Dovecot"]
        for view in views.values():
            for message in view.messages:
                message.flags = self.shared_flags(name, message.flags)
        got = [message.shown() for message in ours.messages]
        wanted = [message.shown() for message in theirs.messages]
        if got != wanted:
            raise Difference(f"{name}: uid, subject, flags, date, size, octets\nDovecot:  {differing(wanted, got)}\n"
                             f"Tubepost: {differing(got, wanted)}")
        identity = (ours.uid_validity, ours.uid_next)
        if identity != (theirs.uid_validity, theirs.uid_next) and self.has_identity(name):
            raise Difference(f"{name}: UIDVALIDITY and UIDNEXT\nDovecot:  {theirs.uid_validity} {theirs.uid_next}\n"
                             f"Tubepost: {ours.uid_validity} {ours.uid_next}")
        for entry, message in zip(self.boxes[name], ours.messages):
            if entry[2:]:
                keywords = {flag for flag in message.flags if flag[0] != "\\"}
                entry[1:] = [{flag for flag in entry[1] if flag[0] == "\\"} | keywords]
        got = [(message.subject, sorted(message.flags)) for message in ours.messages]
        wanted = [(subject, sorted(self.shared_flags(name, flags))) for subject, flags, *_ in self.boxes[name]]
        if got != wanted:
            raise Difference(f"{name}: not what was done\ndone:  {differing(wanted, got)}\nshown: {differing(got, wanted)}")
        if self.has_identity(name):
            known = self.validities.setdefault(name, ours.uid_validity)
            if known != ours.uid_validity:
                raise Difference(f"{name}: UIDVALIDITY was {known} and is {ours.uid_validity}")
        if name == "INBOX":
            for server in self.servers:
                self.look_standing(server, ours)

    def has_identity(self, name):
        """An mbox without a message has nowhere to keep UIDVALIDITY and UIDNEXT."""
        return self.store == "maildir" or bool(self.boxes[name])

    def look_standing(self, server, view):
        """A session that stays in INBOX sees the same."""
        if server.standing is None:
            server.session("standing").ok("EXAMINE INBOX")
        server.standing.ok("NOOP")
        _, untagged = server.standing.ok("UID FETCH 1:* (UID FLAGS)")
        seen = []
        for line, _ in untagged:
            if b" FETCH (" in line and b"UID " in line:
                flags = {flag.lower() for flag in re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode().split()}
                seen.append((int(re.search(rb"UID (\d+)", line).group(1)),
                             sorted(self.shared_flags("INBOX", flags - {"\\recent"}))))
        wanted = [(message.uid, sorted(message.flags)) for message in view.messages]
        if seen != wanted:
            raise Difference(f"{server.name}'s standing session: {differing(seen, wanted)} not {differing(wanted, seen)}")

    def look_at_names(self):
        found = {}
        self.theirs.end("looking")  # a session of Dovecot believes its list of names for a second
        for server in self.servers:
            for command in ("LIST", "LSUB"):
                _, untagged = server.session("looking").ok(f'{command} "" "*"')
                names = set()
                for line, literals in untagged:
                    match = re.match(rb'\* \w+ \(([^)]*)\) "(.)" (.*)$', line)
                    name = literals[0] if literals else match.group(3).strip(b'"')
                    names.add((name.decode(), match.group(2).decode(), b"noselect" in match.group(1).lower()
                               if command == "LIST" else False))
                found[server.name, command] = names
        for command in ("LIST", "LSUB"):
            ours, theirs = found["Tubepost", command], found["Dovecot", command]
            if ours != theirs:
                raise Difference(f"{command}: only Dovecot {sorted(theirs - ours)}, only Tubepost {sorted(ours - theirs)}")
        listed = {name for name, _, noselect in found["Tubepost", "LIST"] if not noselect}
        if listed != set(self.boxes):
            raise Difference(f"LIST: {sorted(listed)} not {sorted(self.boxes)}")

    def look_at_uidl(self):
        order = self.random.sample(self.servers, 2)
        ids = {server.name: server.pop3(b"UIDL\r\nLIST\r\nQUIT\r\n") for server in order}
        got, wanted = ids["Tubepost"], ids["Dovecot"]
        got, wanted = ([line for line in lines if line[:1].isdigit()] for lines in (got, wanted))
        if got != wanted:
            raise Difference(f"POP3 UIDL, LIST:\nDovecot:  {differing(wanted, got)}\nTubepost: {differing(got, wanted)}")

    # -- the game
    OPERATIONS = {"append": 12, "deliver": 10, "store": 22, "copy": 8, "move": 7, "expunge": 6, "pop3": 4, "folder": 6,
                  "subscribe": 3, "reader": 12, "foreign": 16}

    def step(self, number):
        kind = self.random.choices(list(self.OPERATIONS), self.OPERATIONS.values())[0]
        server = self.random.choice(self.servers)
        actor = {"foreign": "another", "reader": "mail-reader"}.get(kind, server.name)
        self.now = f"{number} {kind} by {actor}"
        touched = getattr(self, f"op_{kind}")(server)
        self.done.append(f"{self.now}: {' '.join(touched)}")
        for one in self.servers:
            for which in ("working", "looking", "standing"):
                if self.random.random() < 0.05:
                    one.end(which)
        for name in dict.fromkeys(touched):
            self.look(name, self.random.sample(self.servers, 2))
        if kind in ("folder", "subscribe"):
            self.look_at_names()

    def run(self, operations):
        self.now = "at first"
        # Dovecot has been here: an mbox without a message has no UIDVALIDITY, each would choose its own.
        subject, text = self.message()
        self.theirs.session("working").ok("APPEND INBOX ()", text.replace(b"\n", b"\r\n"))
        self.boxes["INBOX"].append([subject, set()])
        self.look("INBOX", self.servers)
        for number in range(operations):
            self.step(number)
            if number % 25 == 24 or number == operations - 1:
                self.now = f"after {number}"
                self.look_at_names()
                self.look_at_uidl()
                for name in self.folders():
                    self.look(name, self.random.sample(self.servers, 2))
        for server in self.servers:
            server.end_all()


def differing(some, others):
    return [one for one in some if one not in others] or some


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, default=100)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--format", choices=("maildir", "mbox"))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    for name in ("imap", "pop3", "dovecot-lda"):
        if not os.access(f"{DOVECOT}/{name}", os.X_OK):
            tubepost.skip("dovecot-imapd and -pop3d are not installed (make -f Makefile.compat deps-interop)")
    tubepost.become_nobody()
    for store in [options.format] if options.format else ["maildir", "mbox"]:
        began = time.monotonic()
        turns = Turns(store, options.seed)
        with turns.mail:
            try:
                turns.run(options.operations)
            except Difference as difference:
                print(f"{store}, seed {options.seed}, {turns.now}:\n{difference}\nbefore:\n  " + "\n  ".join(turns.done[-12:]),
                      flush=True)
                raise SystemError(f"kept: {turns.mail.dir}") from None
            except BaseException:
                print(f"{store}, seed {options.seed}, {turns.now}, before:\n  " + "\n  ".join(turns.done[-12:]), flush=True)
                raise
        print(f"{store}: {options.operations} operations in turn, seed {options.seed}, {time.monotonic() - began:.1f} s",
              flush=True)


main()
