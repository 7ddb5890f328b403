#!/usr/bin/python3
"""A real Postfix sends into Tubepost by SMTP and LMTP, and takes mail from it: what arrives is what was sent,
every message once; a recipient it refuses comes back as a report, one it defers stays in our queue with
its reason; mail waits while it is down.

Postfix's master must be root, so this needs root; Tubepost runs as nobody.
"""
import email
import mailbox
import os
import pwd
import shutil
import smtplib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, free_port, wait_for

if os.getuid() != 0:
    tubepost.skip("Postfix's master must be started by root")
if not os.path.exists("/usr/sbin/postfix"):
    tubepost.skip("Postfix is not installed (make -f Makefile.compat deps-interop)")

NOBODY = pwd.getpwnam("nobody")
OURS, THEIRS = "linuxprobe.com", "peer.example"
# What mail may hold on its way: dots, a long line, 8-bit text, From lines, spaces at the end.
BODY = ("plain\r\n.dot\r\n..two dots\r\n.\r\nFrom here on\r\n" + "x" * 900 + "\r\nGr\u00fc\u00dfe \u4f60\u597d\r\ntrailing  \r\n"
        "\r\n\r\nlast line without much\r\n")


class Postfix:
    SERVICES = """pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, routes):
        self.dir = tempfile.mkdtemp(prefix="postfix-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        for sub in ("etc", "queue", "data", "box"):
            os.mkdir(self.path(sub))
        owner = pwd.getpwnam("postfix")
        os.chown(self.path("data"), owner.pw_uid, owner.pw_gid)
        os.chown(self.path("box"), NOBODY.pw_uid, NOBODY.pw_gid)
        self.inbox = self.path("box", "inbox")
        with open(self.path("etc", "main.cf"), "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {self.path('queue')}
data_directory = {self.path('data')}
maillog_file = {self.path('log')}
maillog_file_prefixes = /tmp
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.{THEIRS}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {THEIRS}
virtual_mailbox_base = {self.path('box')}
virtual_mailbox_maps = static:inbox
virtual_mailbox_limit = 0
virtual_uid_maps = static:{NOBODY.pw_uid}
virtual_gid_maps = static:{NOBODY.pw_gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions = check_recipient_access inline:{{
  {{no@{THEIRS} = 550 5.7.1 not for you}} {{later@{THEIRS} = 450 4.2.0 come back}} }} permit_mynetworks reject
transport_maps = inline:{{ {' '.join('{%s = %s}' % route for route in routes)} }}
minimal_backoff_time = 300s
""")
        with open(self.path("etc", "master.cf"), "w") as f:
            f.write(f"127.0.0.1:{self.port} inet n - n - - smtpd\n{self.SERVICES}")

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def command(self, word):
        done = subprocess.run(["postfix", "-c", self.path("etc"), word], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**os.environ, "MAIL_CONFIG": self.path("etc")})
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def start(self):
        status, text = self.command("start")
        check_equal(status, 0, f"postfix start: {text}\n{self.log()}")

    def log(self):
        try:
            with open(self.path("log"), errors="replace") as f:
                return f.read()[-4000:]
        except OSError:
            return ""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.command("stop")
        if kind is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print("--- Postfix\n" + self.log(), file=sys.stderr)


def message(subject, to):
    return (f"From: a@{THEIRS}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@{THEIRS}>\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            + BODY).encode()


def subjects_and_bodies(mail, user):
    with mail.imap(user, "secret") as imap:
        count = int(imap.select()[1][0])
        data = imap.fetch("1:*", "(BODY.PEEK[])")[1] if count else []
    both = [part[1].split(b"\r\n\r\n", 1) + [email.message_from_bytes(part[1])["Subject"]]
            for part in data if isinstance(part, tuple)]
    return [(subject, body) for _, body, subject in both]


def scenario(mail, postfix):
    for user in ("boss", "ann"):
        mail.add_account(user, "secret")
    mail.start()
    mail.listen("lmtp", "deliver", "--lmtp")
    peer = smtplib.SMTP("127.0.0.1", postfix.port, timeout=60)

    # In, by SMTP and by LMTP, and to two users at once.
    peer.sendmail(f"a@{THEIRS}", [f"boss@{OURS}"], message("by-smtp", f"boss@{OURS}"), ["BODY=8BITMIME"])
    peer.sendmail(f"a@{THEIRS}", [f"ann@{OURS}"], message("by-lmtp", f"ann@{OURS}"), ["BODY=8BITMIME"])
    wait_for(lambda: len(subjects_and_bodies(mail, "boss")) == 1, 30, "mail from Postfix by SMTP")
    wait_for(lambda: len(subjects_and_bodies(mail, "ann")) == 1, 30, "mail from Postfix by LMTP")
    check_equal(subjects_and_bodies(mail, "boss"), [("by-smtp", BODY.encode())], "by SMTP")
    check_equal(subjects_and_bodies(mail, "ann"), [("by-lmtp", BODY.encode())], "by LMTP")

    # Many, as Postfix's own queue manager sends them: some connections at once, pipelined, reused.
    names = [f"many-{i}" for i in range(60)]
    for name in names:
        peer.sendmail(f"a@{THEIRS}", [f"boss@{OURS}"], message(name, f"boss@{OURS}"))
    wait_for(lambda: len(subjects_and_bodies(mail, "boss")) >= 61, 60, "sixty messages")
    arrived = subjects_and_bodies(mail, "boss")[1:]
    check_equal(sorted(subject for subject, _ in arrived), sorted(names), "sixty messages, each once")
    check_equal({body for _, body in arrived}, {BODY.encode()}, "their bodies")

    # A user we do not have: Postfix hears it at RCPT and reports to its sender.
    peer.sendmail(f"a@{THEIRS}", [f"nobody-here@{OURS}"], message("unknown", f"nobody-here@{OURS}"))
    wait_for(lambda: os.path.exists(postfix.inbox) and "nobody-here" in open(postfix.inbox).read(), 30, "their bounce")
    text = open(postfix.inbox, errors="replace").read()
    assert "Status: 5.1.1" in text, text

    # Out.
    os.unlink(postfix.inbox)
    with mail.smtp() as smtp:
        smtp.sendmail(f"boss@{OURS}", [f"one@{THEIRS}", f"two@{THEIRS}"], message("out", f"one@{THEIRS}"),
                      ["BODY=8BITMIME"])
    wait_for(lambda: os.path.exists(postfix.inbox) and open(postfix.inbox, "rb").read().count(b"\nSubject: out\n") == 2,
             30, "mail to Postfix")
    got = [part.as_bytes(unixfrom=False).split(b"\n\n", 1)[1].rstrip(b"\n") for part in mailbox.mbox(postfix.inbox)]
    wanted = BODY.encode().replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ").rstrip(b"\n")
    check_equal(got, [wanted, wanted], "what Postfix has stored")

    # Refused for one recipient, deferred for another, taken for the third: one message.
    with mail.smtp() as smtp:
        smtp.sendmail(f"boss@{OURS}", [f"no@{THEIRS}", f"later@{THEIRS}", f"three@{THEIRS}"],
                      message("mixed", f"no@{THEIRS}"))
    wait_for(lambda: len(subjects_and_bodies(mail, "boss")) == 62, 30, "our report")
    report = subjects_and_bodies(mail, "boss")[-1][1].decode().replace("\r\n ", " ")
    for line in ("Final-Recipient: rfc822; no@peer.example", "Action: failed", "Status: 5.7.1",
                 "Diagnostic-Code: smtp; 550 5.7.1 <no@peer.example>: Recipient address rejected: not for you",
                 "Remote-MTA: dns; [127.0.0.1]"):
        assert line in report, f"{line} is missing in\n{report}"
    assert "later@" not in report and "three@" not in report, report
    wait_for(lambda: b"\nSubject: mixed\n" in open(postfix.inbox, "rb").read(), 30, "the third recipient's copy")
    queue = mail.run("smtp-send", "--list")[1]
    assert "later@peer.example" in queue and "come back" in queue and "three@" not in queue, queue


def main():
    with tubepost.System("maildir") as mail:
        mail.ports["smtp"], mail.ports["lmtp"] = free_port(), free_port()
        with Postfix([(f"ann@{OURS}", f"lmtp:[127.0.0.1]:{mail.ports['lmtp']}"),
                      (OURS, f"smtp:[127.0.0.1]:{mail.ports['smtp']}")]) as postfix:
            with open(mail.main_cf, "a") as f:
                f.write(f"relayhost = [127.0.0.1]:{postfix.port}\n")
            for top, folders, files in os.walk(mail.dir):
                for name in [top] + [os.path.join(top, one) for one in folders + files]:
                    os.chown(name, NOBODY.pw_uid, NOBODY.pw_gid)
            postfix.start()
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    tubepost.become_nobody()
                    with mail:
                        scenario(mail, postfix)
                    status = 0
                except BaseException as error:  # noqa: the child must not return into main
                    print(error, file=sys.stderr)
                finally:
                    os._exit(status)
            check_equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "the scenario, see above")
    print("Postfix in by SMTP and LMTP, out by SMTP: every message once, octet for octet")


main()
