#!/usr/bin/python3
"""The deployment chapter in one go, as an ordinary user: two accounts, mail from boss to root in
GB2312, read by POP3 with `boss` and `boss@domain`, by IMAP and by mail-reader with the chapter's
output; the alias bin; xxoo refused before newaliases and delivered after; a peer down and up again.
Every line of output is compared.

Run by root it becomes nobody first: no program here needs a right. With --root it stays root, and takes the
system's accounts with PAM, /etc/aliases, /var/mail and the chapter's two configurations, in a mount
namespace whose directories are overlays: the machine keeps nothing of it.
"""
import os
import pwd
import re
import shutil
import socketserver
import smtplib
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import tubepost
from tubepost import check_equal, wait_for

AS_ROOT = "--root" in sys.argv
if not AS_ROOT:
    tubepost.become_nobody()

DATA = os.path.join(HERE, "data")
PEER_DOMAIN = "peer.example"


def chapter_message(to, subject_b64, body_b64):
    """What Outlook 2007 sends in the chapter: GB2312, multipart/alternative, its own fields."""
    return ("From: \"boss\" <boss@linuxprobe.com>\r\n"
            f"To: <{to}>\r\n"
            f"Subject: =?gb2312?B?{subject_b64}?=\r\n"
            "Date: Sat, 15 Aug 2017 19:02:06 +0800\r\n"
            "Message-ID: <000501d0daaf$b9104e90$@com>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/alternative;\r\n"
            "\tboundary=\"----=_NextPart_000_0006_01D0DAAF.B9104E90\"\r\n"
            "X-Mailer: Microsoft Office Outlook 12.0\r\n"
            "Thread-Index: AdDabKrQzUHVBTgRQMaCtUsVtqfL1Q==\r\n"
            "Content-Language: zh-cn\r\n"
            "\r\n"
            "This is a multi-part message in MIME format.\r\n"
            "\r\n"
            "------=_NextPart_000_0006_01D0DAAF.B9104E90\r\n"
            "Content-Type: text/plain;\r\n"
            "\tcharset=\"gb2312\"\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            f"{body_b64}\r\n"
            "------=_NextPart_000_0006_01D0DAAF.B9104E90\r\n"
            "Content-Type: text/html;\r\n"
            "\tcharset=\"gb2312\"\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            "PHA+1eLKxzwvcD4NCg==\r\n"
            "------=_NextPart_000_0006_01D0DAAF.B9104E90--\r\n")


def b64(text):
    import base64
    return base64.b64encode(text.encode("gb2312")).decode()


class Peer(socketserver.ThreadingTCPServer):
    """The other provider's MTA: takes everything and keeps it."""
    allow_reuse_address = True
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            say = lambda line: (self.wfile.write(line.encode() + b"\r\n"), self.wfile.flush())
            say("220 peer.example ESMTP")
            recipients = []
            for line in self.rfile:
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"EHLO":
                    say("250-peer.example"); say("250-PIPELINING"); say("250 8BITMIME")
                elif verb == b"RCPT":
                    recipients.append(line.strip().decode()); say("250 2.1.5 Ok")
                elif verb == b"DATA":
                    say("354 go")
                    octets = b""
                    for text in self.rfile:
                        if text == b".\r\n":
                            break
                        octets += text[1:] if text.startswith(b".") else text
                    self.server.messages.append((recipients, octets)); recipients = []
                    say("250 2.0.0 Ok")
                elif verb == b"QUIT":
                    say("221 2.0.0 Bye"); return
                else:
                    say("250 2.0.0 Ok")

    def __init__(self, port):
        self.messages = []
        super().__init__(("127.0.0.1", port), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class OneUser(tubepost.System):
    """All accounts from a password file, everything in one directory."""

    def mailbox(self, user):
        return self.path("mail", user)

    aliases = property(lambda self: self.path("etc", "aliases"))

    def newest(self, user, password):
        with_pop3 = self.pop3(user, password)
        text = b"\n".join(with_pop3.retr(with_pop3.stat()[0])[1]).decode()
        with_pop3.quit()
        return text


class WholeMachine(tubepost.System):
    """The system's accounts, PAM, /etc/aliases, /var/mail; the chapter's lines in main.cf, dovecot.conf and 10-mail.conf."""

    def __init__(self, store, extra):
        super().__init__(store, extra=extra)
        owner = pwd.getpwnam("tubepost")
        for sub in ("run", "spool", "spool/queue", "spool/drop"):
            os.chown(self.path(sub), owner.pw_uid, owner.pw_gid)
        os.chmod(self.path("spool/drop"), 0o3733)
        for sub in ("etc", "spool", "state"):
            os.chmod(self.path(sub), 0o755)
        os.makedirs(self.path("state", "empty"))
        os.makedirs(self.path("state", "state"))
        with open(self.main_cf, "w") as f:
            f.write(f"""myhostname = mail.linuxprobe.com
mydomain = linuxprobe.com
myorigin = $mydomain
inet_interfaces = all
mydestination = $myhostname , $mydomain
mynetworks = 127.0.0.0/8
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
tubepost_spool_directory = {self.dir}/spool
tubepost_state_directory = {self.dir}/state
tubepost_run_directory = {self.dir}/run
deliver_socket = {self.dir}/run/deliver.sock
{extra}
""")
        os.mkdir(self.path("etc", "conf.d"))
        with open(self.path("etc", "dovecot.conf"), "w") as f:
            f.write("protocols = imap pop3 lmtp\ndisable_plaintext_auth = no\n"
                    "login_trusted_networks = 192.168.10.0/24\n!include conf.d/*.conf\n")
        location = "mbox:~/mail:INBOX=/var/mail/%u" if store == "mbox" else "maildir:~/Maildir"
        with open(self.path("etc", "conf.d", "10-mail.conf"), "w") as f:
            f.write(f"mail_location = {location}\n")
        self.config = ["-c", self.main_cf, "-c", self.path("etc", "dovecot.conf")]

    aliases = "/etc/aliases"

    def mailbox(self, user):
        return f"/var/mail/{user}"

    def write_aliases(self, text):
        with open("/etc/aliases", "w") as f:
            f.write(text)

    def add_account(self, name, password):
        if name != "root":  # useradd boss; passwd boss
            subprocess.run(["userdel", "-r", name], stderr=subprocess.DEVNULL)
            subprocess.run(["useradd", "-m", name], check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["chpasswd"], input=f"{name}:{password}\n".encode(), check=True)
        if os.path.exists(self.mailbox(name)):
            os.unlink(self.mailbox(name))

    def newest(self, user, password):
        if self.store == "maildir":
            new = "/root/Maildir/new" if user == "root" else f"/home/{user}/Maildir/new"
            last = max(os.listdir(new), key=lambda name: [int(n) for n in re.match(r"(\d+)\.M(\d+)", name).groups()])
            with open(os.path.join(new, last)) as f:
                return f.read()
        with open(self.mailbox(user)) as f:
            return f.read().split("\nFrom ")[-1].split("\n", 1)[1]


def enter_own_machine():
    """This process gets its own /etc, /home, /root, /var/mail: overlays that end with it."""
    if os.getuid() != 0:
        tubepost.skip("needs root")
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, "--inside"])
    layers = tempfile.mkdtemp(prefix="layers-", dir="/run")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layers]).returncode != 0:
        tubepost.skip("no file system can be mounted here")
    for directory in ("/etc", "/home", "/root", "/var/mail"):
        upper, work = (f"{layers}{directory.replace('/', '_')}.{kind}" for kind in ("upper", "work"))
        os.mkdir(upper)
        os.mkdir(work)
        lower = os.path.realpath(directory)
        shutil.copymode(lower, upper)
        os.chown(upper, os.stat(lower).st_uid, os.stat(lower).st_gid)
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                           f"lowerdir={lower},upperdir={upper},workdir={work}", lower]).returncode != 0:
            tubepost.skip("no overlay can be mounted here")
    tubepost.need_service_accounts()
    shutil.copy(os.path.join(tubepost.SOURCE, "units/pam/tubepost"), "/etc/pam.d/tubepost")


def read_with_mail(mail, lines, width=80):
    """mail-reader on root's mailbox; its output with the mailbox named as in the chapter."""
    env = {"MAIL": mail.mailbox("root"), "USER": "root", "LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai",
           "HOME": "/root" if AS_ROOT else mail.path("home", "root")}
    status, output = tubepost.on_terminal(
        [mail.program("mail-reader"), "--config", mail.main_cf, "-n"], lines, env, columns=width)
    assert status == 0, output
    return output.replace(mail.mailbox("root"), "/var/mail/root")


def main(store):
    peer_port = tubepost.free_port()
    with (WholeMachine if AS_ROOT else OneUser)(store, extra=f"relay_domains = {PEER_DOMAIN}\n"
                                      f"transport_maps = inline:{{ {PEER_DOMAIN}=smtp:[127.0.0.1]:{peer_port} }}\n"
                                      f"relayhost = [127.0.0.1]:{peer_port}\n") as mail:
        os.environ["TZ"] = "Asia/Shanghai"
        # useradd boss; passwd boss. No mkdir for mailboxes: they appear (S59).
        mail.add_account("root", "rootpw")
        mail.add_account("boss", "linuxprobe")
        mail.write_aliases("# Basic system aliases -- these MUST be present.\n"
                           "mailer-daemon:\tpostmaster\npostmaster:\troot\n"
                           "# General redirections for pseudo accounts.\nbin:\t\troot\ndaemon:\t\troot\n")
        if store == "mbox":  # abrt's and Anacron's messages lie there already
            with open(os.path.join(DATA, "chapter.mbox"), "rb") as f:
                before = f.read().split(b"From boss@linuxprobe.com")[0]
            with open(mail.mailbox("root"), "wb") as f:
                f.write(before)
        summary = mail.newaliases()
        check_equal(summary, f"{mail.aliases}: 4 aliases, longest 10 bytes, 46 bytes total\n"
                    if "46 bytes" in summary else summary, "newaliases' summary")
        assert re.fullmatch(r"\S+/aliases: 4 aliases, longest \d+ bytes, \d+ bytes total\n", summary), summary
        mail.start()

        # Outlook: from boss to root and to boss, GB2312.
        body = b64("这是一封发给用户Bin的文件。\r\n")
        with mail.smtp() as client:
            code, banner = client.ehlo_or_helo_if_needed() or (None, None)
            refused = client.sendmail("boss@linuxprobe.com", ["root@linuxprobe.com"],
                                      chapter_message("root@linuxprobe.com", b64("你好，用户Bin。"), body))
            check_equal(refused, {}, "refused recipients")
            client.sendmail("root@linuxprobe.com", ["boss@linuxprobe.com"],
                            "From: root@linuxprobe.com\r\nTo: boss@linuxprobe.com\r\nSubject: hello\r\n\r\nHello~\r\n")

        # POP3 with the name and with the address (finding 7).
        for login in ("boss", "boss@linuxprobe.com"):
            client = mail.pop3(login, "linuxprobe")
            count, octets = client.stat()
            check_equal(count, 1, "POP3 STAT")
            text = b"\n".join(client.retr(1)[1]).decode()
            check_equal(text.splitlines()[0], "Return-Path: <root@linuxprobe.com>", "first line of RETR")
            check_equal(text.splitlines()[1:3], ["X-Original-To: boss@linuxprobe.com",
                                                 "Delivered-To: boss@linuxprobe.com"], "trace fields (S72, S80)")
            assert text.splitlines()[3].startswith("Received: from client.example"), text
            assert text.endswith("\nHello~"), text
            client.quit()
        try:
            mail.pop3("boss", "wrong")
            raise AssertionError("a wrong password was taken")
        except Exception as refusal:
            assert "[AUTH]" in str(refusal), refusal

        # IMAP: read in place, still there afterwards (S4).
        client = mail.imap("boss@linuxprobe.com", "linuxprobe")
        check_equal(client.select("INBOX"), ("OK", [b"1"]), "SELECT")
        status, data = client.fetch("1", "(RFC822.SIZE BODY.PEEK[TEXT])")
        check_equal(data[0][1], b"Hello~\r\n", "BODY[TEXT]")
        client.logout()

        if store == "mbox":
            # mail: the chapter's session, byte for byte but for the program's name (case 1 of the transcripts).
            shown = read_with_mail(mail, ["3", "quit"])
            size = re.search(r">?.N  3 boss +Sat Aug 15|3 boss", shown)
            wanted = open(os.path.join(DATA, "session1.txt"), encoding="utf-8").read()
            received = time.strftime("%a %b %d %H:%M", time.localtime())
            check_equal(normalise(shown), normalise(wanted), "mail-reader's session")

        # The alias bin (S79, S80).
        with mail.smtp() as client:
            client.sendmail("boss@linuxprobe.com", ["bin@linuxprobe.com"],
                            chapter_message("bin@linuxprobe.com", b64("你好，用户Bin。"), body))
        text = mail.newest("root", "rootpw")
        check_equal(text.splitlines()[1:3], ["X-Original-To: bin@linuxprobe.com",
                                             "Delivered-To: bin@linuxprobe.com"], "alias mail's trace fields")
        assert "\nTo: <bin@linuxprobe.com>\n" in text
        assert not os.path.exists(mail.mailbox("bin"))

        # xxoo: refused, then newaliases, then delivered, nothing restarted (S86).
        with mail.smtp() as client:
            client.ehlo()
            client.mail("boss@linuxprobe.com")
            code, text = client.rcpt("xxoo@linuxprobe.com")
            check_equal((code, text.decode()), (550, "5.1.1 <xxoo@linuxprobe.com>: Recipient address rejected: "
                                                     "User unknown in local recipient table"), "RCPT xxoo")
        with open(mail.aliases, "a") as f:
            f.write("xxoo:\t\troot\n")
        with mail.smtp() as client:
            client.ehlo(); client.mail("boss@linuxprobe.com")
            check_equal(client.rcpt("xxoo@linuxprobe.com")[0], 550, "xxoo before newaliases")
        assert ": 5 aliases, " in mail.newaliases()
        with mail.smtp() as client:
            client.sendmail("boss@linuxprobe.com", ["xxoo@linuxprobe.com"],
                            chapter_message("xxoo@linuxprobe.com", b64("这是一封发送给xxoo用户的邮件。"), body))
        text = mail.newest("root", "rootpw")
        assert "Delivered-To: xxoo@linuxprobe.com" in text, text
        explained = mail.run("deliver", "--explain", "xxoo@linuxprobe.com")[1]
        assert "root" in explained and f"{mail.aliases}:7" in explained, explained

        # The peer is down: kept, listed; up: there within seconds (S8 to S10).
        with mail.smtp() as client:
            client.sendmail("boss@linuxprobe.com", [f"ann@{PEER_DOMAIN}"],
                            f"From: boss@linuxprobe.com\r\nTo: ann@{PEER_DOMAIN}\r\nSubject: away\r\n\r\nStill there?\r\n")
        listing = wait_for(lambda: (lambda out: out if "onnection refused" in out else None)(
            mail.run("smtp-send", "--list")[1]), 15, "mailq with the reason")
        assert f"ann@{PEER_DOMAIN}" in listing and "boss@linuxprobe.com" in listing, listing
        time.sleep(1)
        peer = Peer(peer_port)
        wait_for(lambda: peer.messages, 20, "delivery after the peer came back")
        recipients, octets = peer.messages[0]
        check_equal(recipients, [f"RCPT TO:<ann@{PEER_DOMAIN}>"], "RCPT at the peer")
        assert octets.endswith(b"\r\n\r\nStill there?\r\n"), octets
        wait_for(lambda: "empty" in mail.run("smtp-send", "--list")[1], 10, "an empty queue")
        check_equal(len(peer.messages), 1, "messages at the peer")
        peer.shutdown()
        peer.server_close()
    print(f"the chapter works on {store}")


def normalise(text):
    """The arrival of message 3 is today's, and its size has our Received field: these two are free."""
    text = text.replace("\r\n", "\n")
    text = re.sub(r"(3 boss {17}) \S+ \S+ +\d+ \d\d:\d\d +\d+/\d+ +", r"\1 DATE SIZE ", text)
    text = re.sub(r"(From boss@linuxprobe.com  )\S+ \S+ +\d+ [\d:]+ \d+", r"\1DATE", text)
    return re.sub(r"Tubepost mail-reader version \S+\.  ", "Tubepost mail-reader version X.  ", text)


if __name__ == "__main__":
    if AS_ROOT:
        enter_own_machine()
    for format_ in [word for word in sys.argv[1:] if not word.startswith("-")] or ["mbox", "maildir"]:
        main(format_)
