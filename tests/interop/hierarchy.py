#!/usr/bin/python3
"""Trees of mailboxes: a real Dovecot 2.3 and Tubepost do the same commands with the same mail_location, each in a home of
its own; answers, LIST and LSUB have to be the same, and each then lists what the other has made. Where they differ on
purpose (docs/configuration.md) the command is not among these. Both run on pipes, for the user who runs this.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost

DOVECOT = "/usr/lib/dovecot"
NAMESPACE = "namespace inbox {\n  inbox = yes\n%s}\n"

# {} is between levels, P the prefix.
SCRIPT = """
CREATE PA
CREATE PB{}C{}D
CREATE PM
CREATE PM{}x
CREATE Pplace{}
LIST "" *
LIST "" %
LIST "" PB{}%
RENAME PB PZ
RENAME PZ PZ{}y
RENAME PZ{}C PZ{}E
RENAME PA PZ{}E{}D
RENAME Pnone Pother
CREATE PZ{}E{}D
DELETE PA
DELETE PA
SUBSCRIBE PZ{}E{}D
LSUB "" *
LSUB "" %
LIST (SUBSCRIBED) "" * RETURN (CHILDREN)
UNSUBSCRIBE PZ{}E{}D
DELETE Pplace
CREATE INBOX{}sub
CREATE inbox
DELETE INBOX
CREATE P~x
CREATE Px{}~
CREATE P..
CREATE P{}abs
CREATE Pa{}{}b
CREATE "Pa b"
CREATE PEntw&APw-rfe{}R&-D
SUBSCRIBE PEntw&APw-rfe{}R&-D
LIST "" *
LSUB "" *
""".strip().split("\n")

# Levels that begin with a dot, in directories of mboxes. (.subscriptions and .nfs can be created in Dovecot, and are not listed.)
DOTS = """
CREATE .foo
CREATE x/.foo
CREATE .dir/x
CREATE .dir/.y
CREATE .imap
CREATE x/.imap
CREATE .imap/x
CREATE .lock
CREATE foo.lock
CREATE .a.lock
CREATE d.lock/x
CREATE .temp.1.x
CREATE .foo
LIST "" *
LIST "" %
SUBSCRIBE .foo
RENAME .dir/x .new/.x
DELETE .lock
DELETE .dir/.y
LIST "" *
LSUB "" *
""".strip().split("\n")

# mail_location, lines of the namespace, the separator, perhaps a script of its own
LOCATIONS = [
    ("mbox:~/mail:INBOX=~/spool-inbox", "", "/"),
    ("mbox:~/mail:DIRNAME=mbox:CONTROL=~/control", "", "/"),
    ("mbox:~/mail:UTF-8:INDEX=~/index", "  separator = .\n", "."),
    ("mbox:~/mail", "", "/", DOTS),
    ("maildir:~/Maildir", "", "."),
    ("maildir:~/Maildir:CONTROL=~/control:INDEX=~/index", "  prefix = INBOX.\n", "."),
    ("maildir:~/Maildir:LAYOUT=fs", "", "/"),
    ("maildir:~/Maildir:LAYOUT=fs:DIRNAME=mAildir:INDEX=MEMORY", "", "/"),
    ("maildir:~/Maildir:LAYOUT=imapdir:UTF-8:SUBSCRIPTIONS=subs", "  separator = /\n", "/"),
]


def normal(line):
    """A LIST line with its attributes in one order, without \\Marked and \\Unmarked."""
    found = re.match(r"(\* \w+ )\(([^)]*)\)(.*)", line)
    attributes = sorted(set(found.group(2).lower().split()) - {"\\marked", "\\unmarked"})
    return f"{found.group(1)}({' '.join(attributes)}){found.group(3)}"


class Site:
    def __init__(self, location, namespace):
        self.mail = tubepost.System()
        self.mail.add_account("boss", "pw")
        self.home = self.mail.path("home", "boss")
        text = open(self.mail.main_cf).read()
        with open(self.mail.main_cf, "w") as f:
            f.write(re.sub("mail_location = .*", lambda _: "mail_location = " + location, text))
        conf = self.mail.path("etc", "namespace.conf")
        with open(conf, "w") as f:
            f.write(NAMESPACE % namespace)
        self.mail.config += ["-c", "dovecot:" + conf]
        self.dovecot_conf = self.mail.path("etc", "dovecot.conf")
        with open(self.dovecot_conf, "w") as f:
            f.write(f"base_dir = {self.mail.path('run')}\nlog_path = /dev/stderr\nfirst_valid_uid = 1\nssl = no\n"
                    f"mail_location = {location}\nhostname = here.example\nmbox_write_locks = fcntl\n"
                    + NAMESPACE % namespace)
        self.env = {**os.environ, "USER": "boss", "HOME": self.home, "TZ": "UTC"}

    def __enter__(self):
        self.mail.__enter__()
        return self

    def __exit__(self, *what):
        return self.mail.__exit__(*what)

    def ours(self, commands):
        argv = [self.mail.program("imap-serve"), *self.mail.config]
        return self.run(argv, ["LOGIN boss pw", *commands])[1:]

    def theirs(self, commands):
        return self.run([f"{DOVECOT}/imap", "-c", self.dovecot_conf], commands)

    def run(self, argv, commands):
        """[(command, OK or NO, sorted untagged lines)]"""
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.env, cwd=self.home)
        process.stdout.readline()
        results = []
        for number, command in enumerate([*commands, "LOGOUT"]):
            tag = b"t%d " % number
            process.stdin.write(tag + command.encode() + b"\r\n")
            process.stdin.flush()
            untagged = []
            while True:
                line = process.stdout.readline().rstrip(b"\r\n")
                if not line:
                    raise AssertionError(f"{argv[0]}: gone at {command}\n{process.stderr.read().decode()}")
                if line.startswith(tag):
                    results.append((command, line.split()[1].decode(), sorted(untagged)))
                    break
                if line.startswith((b"* LIST", b"* LSUB")):
                    untagged.append(normal(line.decode()))
        process.communicate(timeout=60)
        return results[:-1]


def compare(location, namespace, separator, commands=SCRIPT):
    prefix = namespace.split("=")[1].strip() if "prefix" in namespace else ""
    script = [re.sub(r'(?<=[ "])P', prefix, line).replace("{}", separator) for line in commands]
    look = ['LIST "" *', 'LSUB "" *']
    with Site(location, namespace) as ours, Site(location, namespace) as theirs:
        for got, wanted in zip(ours.ours(script), theirs.theirs(script)):
            tubepost.check_equal(got, wanted, f"{location}: {got[0]}")
        tubepost.check_equal(ours.theirs(look), ours.ours(look), f"{location}: Dovecot on what is Tubepost's")
        tubepost.check_equal(theirs.ours(look), theirs.theirs(look), f"{location}: Tubepost on what is Dovecot's")
        # With the states of both in one tree neither takes the other's files for folders.
        name = prefix + "Post"
        ours.ours([f"CREATE {name}", f"SELECT {name}", "SELECT INBOX"])
        ours.theirs([f"SELECT {name}", "SELECT INBOX"])
        tubepost.check_equal(ours.theirs(look), ours.ours(look), f"{location}: both in one tree")


def main():
    if not os.access(f"{DOVECOT}/imap", os.X_OK):
        tubepost.skip("dovecot-imapd is not installed (make -f Makefile.compat deps-interop)")
    tubepost.become_nobody()
    for location in LOCATIONS:
        compare(*location)
        print(location[0], location[1].strip(), flush=True)


main()
