#!/usr/bin/python3
"""Real mail clients against a running Tubepost, on mbox and on Maildir: curl, swaks, s-nail, mutt, mbsync,
fetchmail, getmail send and read, plain and TLS, and leave mail on the server; and what Outlook does. A client that is not installed is passed over.

Run by root it becomes nobody first.
"""
import email
import mailbox
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, on_terminal, wait_for

tubepost.become_nobody()

PASSWORD = "sesame-1"
DOMAIN = "linuxprobe.com"


def run(*command, input=b"", env=None, wanted=0):
    done = subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env={**os.environ, **(env or {})})
    text = done.stdout.decode("utf-8", "replace")
    check_equal(done.returncode, wanted, f"{' '.join(command)}\n{text}\nstatus")
    return text


class Bench:
    """A system with boss and ann, and a home for clients."""

    def __init__(self, mail):
        self.mail = mail
        self.home = tempfile.mkdtemp(prefix="home-", dir=mail.dir)
        os.environ["HOME"] = self.home

    def port(self, service):
        return self.mail.ports[service]

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def clear(self):
        with self.mail.imap("boss", PASSWORD) as imap:
            imap.select()
            imap.store("1:*", "+FLAGS", r"(\Deleted)")
            imap.expunge()

    def subjects(self, user="boss"):
        with self.mail.imap(user, PASSWORD) as imap:
            count = int(imap.select()[1][0])
            if count == 0:
                return []
            data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            return [email.message_from_bytes(part[1])["Subject"] for part in data if isinstance(part, tuple)]

    def send(self, *subjects):
        with self.mail.smtp() as smtp:
            for subject in subjects:
                smtp.sendmail(f"ann@{DOMAIN}", [f"boss@{DOMAIN}"],
                              f"From: ann@{DOMAIN}\r\nTo: boss@{DOMAIN}\r\nSubject: {subject}\r\n"
                              f"Message-ID: <{subject}@client>\r\n\r\nbody of {subject}\r\n.dots\r\n")


def curl(bench):
    message = f"From: ann@{DOMAIN}\nSubject: by curl\n\nhello\n".encode()
    run("curl", "-sS", "--crlf", f"smtp://127.0.0.1:{bench.port('smtp')}", "--mail-from", f"ann@{DOMAIN}",
        "--mail-rcpt", f"boss@{DOMAIN}", "-T", "-", input=message)
    run("curl", "-sSk", "--crlf", "--ssl-reqd", "-u", f"ann:{PASSWORD}",
        f"smtp://127.0.0.1:{bench.port('submission')}", "--mail-from", f"ann@{DOMAIN}",
        "--mail-rcpt", f"boss@{DOMAIN}", "-T", "-", input=message.replace(b"by curl", b"by curl, submitted"))
    check_equal(bench.subjects(), ["by curl", "by curl, submitted"], "after curl")
    for scheme in ("pop3", "pop3s"):
        text = run("curl", "-sSk", "-u", f"boss:{PASSWORD}", f"{scheme}://127.0.0.1:{bench.port(scheme)}/2")
        assert "Subject: by curl, submitted\r\n" in text, text
    for scheme in ("imap", "imaps"):
        text = run("curl", "-sSk", "-u", f"boss@{DOMAIN}:{PASSWORD}",
                   f"{scheme}://127.0.0.1:{bench.port(scheme)}/INBOX;MAILINDEX=1")
        assert "Subject: by curl\r\n" in text, text
    # Refusals a user meets: no such user, wrong password (curl's exit codes).
    run("curl", "-sS", "--crlf", f"smtp://127.0.0.1:{bench.port('smtp')}", "--mail-from", "x@y.example",
        "--mail-rcpt", f"nobody-here@{DOMAIN}", "-T", "-", input=message, wanted=55)
    run("curl", "-sS", "-u", "boss:wrong", f"pop3://127.0.0.1:{bench.port('pop3')}/1", wanted=67)


def swaks(bench):
    common = ("swaks", "--server", "127.0.0.1", "--to", f"boss@{DOMAIN}", "--from", f"ann@{DOMAIN}")
    text = run(*common, "--port", str(bench.port("smtp")), "--header", "Subject: by swaks")
    assert "<** " not in text and "<-  221 2.0.0" in text, text
    text = run(*common, "--port", str(bench.port("submission")), "--auth", "LOGIN", "--auth-user", "ann",
               "--auth-password", PASSWORD, "--header", "Subject: by swaks, submitted")
    assert "<-  235 2.7.0" in text, text
    text = run(*common, "--port", str(bench.port("smtp")), "--pipeline", "--header", "Subject: by swaks, pipelined")
    assert "<** " not in text, text
    check_equal(bench.subjects(), ["by swaks", "by swaks, submitted", "by swaks, pipelined"], "after swaks")


def s_nail(bench):
    run("s-nail", "-:/", "-S", "v15-compat=y", "-S", f"mta=smtp://127.0.0.1:{bench.port('smtp')}",
        "-S", "smtp-auth=none", "-S", f"from=ann@{DOMAIN}", "-s", "by s-nail", f"boss@{DOMAIN}",
        input=b"hello from s-nail\n")
    bench.send("second")
    for scheme in ("pop3", "imap"):
        text = run("s-nail", "-:/", "-S", "v15-compat=y", "-S", "quiet", "-R", "-S", "pop3-bulk-load", "-f",
                   f"{scheme}://boss:{PASSWORD}@127.0.0.1:{bench.port(scheme)}", input=b"headers\ntype 1\nxit\n")
        assert "by s-nail" in text and "second" in text and "hello from s-nail" in text, text
    check_equal(bench.subjects(), ["by s-nail", "second"], "after s-nail")


def mutt(bench):
    rc = bench.write("muttrc", f"set from=ann@{DOMAIN} smtp_url=smtp://127.0.0.1:{bench.port('smtp')}/ copy=no\n"
                               "set ssl_starttls=no ssl_force_tls=no\n")
    run("mutt", "-F", rc, "-s", "by mutt", f"boss@{DOMAIN}", input=b"hello from mutt\n")
    bench.send("second")
    check_equal(bench.subjects(), ["by mutt", "second"], "sent by mutt")
    saved = os.path.join(bench.home, "saved")
    rc = bench.write("muttrc2", f"set imap_user=boss imap_pass={PASSWORD} ssl_starttls=no ssl_force_tls=no\n"
                                "set mbox_type=mbox confirmappend=no confirmcreate=no delete=yes wait_key=no\n"
                                f"set timeout=1 sleep_time=0 folder={bench.home}\n"
                                f"folder-hook . 'push \"<save-message><kill-line>{saved}<enter><flag-message><quit>\"'\n")
    status, screen = on_terminal(["mutt", "-F", rc, "-f", f"imap://127.0.0.1:{bench.port('imap')}/INBOX"],
                                 columns=100, rows=30)
    check_equal(status, 0, f"mutt\n{screen}")
    kept = mailbox.mbox(saved)
    check_equal([message["Subject"] for message in kept], ["by mutt"], "saved by mutt")
    check_equal(bench.subjects(), ["second"], "left by mutt")
    with bench.mail.imap("boss", PASSWORD) as imap:
        imap.select()
        check_equal(b"\\Flagged" in imap.fetch("1", "(FLAGS)")[1][0], True, "flagged by mutt")


def mbsync(bench):
    bench.send("one", "two", "three")
    local = os.path.join(bench.home, "local")
    os.mkdir(local)
    rc = bench.write("mbsyncrc", f"""IMAPAccount tubepost
Host 127.0.0.1
Port {bench.port('imap')}
User boss
Pass {PASSWORD}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account tubepost

MaildirStore near
Path {local}/
Inbox {local}/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    run("mbsync", "-c", rc, "-a")
    box = mailbox.Maildir(f"{local}/INBOX", factory=None)
    check_equal(sorted(message["Subject"] for message in box), ["one", "three", "two"], "fetched by mbsync")
    for key, message in list(box.items()):
        if message["Subject"] == "two":
            box.remove(key)
        if message["Subject"] == "three":
            message.set_subdir("cur")
            message.set_flags("FS")
            box[key] = message
    new = mailbox.MaildirMessage(f"From: me@{DOMAIN}\nSubject: made here\n\nlocal\n")
    new.set_subdir("cur")
    new.set_flags("S")
    box.add(new)
    drafts = mailbox.Maildir(f"{local}/Folder One", create=True)
    drafts.add(mailbox.MaildirMessage("Subject: in a folder\n\nx\n"))
    run("mbsync", "-c", rc, "-a")
    check_equal(bench.subjects(), ["one", "three", "made here"], "after mbsync's way back")
    with bench.mail.imap("boss", PASSWORD) as imap:
        imap.select()
        flags = imap.fetch("2", "(FLAGS)")[1][0]
        check_equal(b"\\Flagged" in flags and b"\\Seen" in flags, True, f"flags by mbsync {flags}")
        check_equal(imap.select('"Folder One"')[1], [b"1"], "a folder made by mbsync")
    text = run("mbsync", "-c", rc, "-a")
    assert "error" not in text.lower(), text


def fetchmail(bench):
    for protocol in ("pop3", "imap"):
        bench.send("first", "second")
        out = os.path.join(bench.home, f"fetched-{protocol}")
        rc = bench.write("fetchmailrc", f"""set no bouncemail
poll 127.0.0.1 service {bench.port(protocol)} protocol {protocol} auth password
  user "boss" password "{PASSWORD}" mda "/bin/cat >> {out}" sslproto "" fetchall
""")
        run("fetchmail", "-f", rc, "-v", env={"FETCHMAILHOME": bench.home, "LOGNAME": "client", "USER": "client"})
        with open(out) as f:
            text = f.read()
        assert "Subject: first" in text and "Subject: second" in text and "\n.dots\n" in text, text
        check_equal(bench.subjects(), [], f"left by fetchmail with {protocol}")


def subject_of(path):
    with open(path, "rb") as f:
        return email.message_from_binary_file(f)["Subject"]


def getmail(bench):
    # getmail forks for every message and waits a minute for a child that ended before it began to wait (seen on
    # a loaded machine with its Maildir destination): the command sleeps a little.
    for kind, protocol, delete in (("SimplePOP3Retriever", "pop3", "true"), ("SimpleIMAPRetriever", "imap", "true"),
                                   ("SimpleIMAPSSLRetriever", "imaps", "true")):
        bench.send("first", "second")
        target = os.path.join(bench.home, f"getmail-{protocol}")
        os.makedirs(target)
        rc = bench.write("getmailrc", f"""[retriever]
type = {kind}
server = 127.0.0.1
port = {bench.port(protocol)}
username = boss
password = {PASSWORD}

[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat > {target}/$$ && sleep 0.5")

[options]
delete = {delete}
read_all = true
verbose = 2
""")
        run("getmail", "--getmaildir", bench.home, "--rcfile", rc)
        check_equal(sorted(subject_of(os.path.join(target, name)) for name in os.listdir(target)),
                    ["first", "second"], f"fetched by getmail with {protocol}")
        check_equal(bench.subjects(), [], f"left by getmail with {protocol}")


def fetchmail_keeps(bench):
    """`keep` and `uidl`: a second poll fetches nothing, a third only what is new."""
    bench.send("first", "second")
    out = os.path.join(bench.home, "kept")
    ids = os.path.join(bench.home, "fetchids")
    rc = bench.write("fetchmailrc", f"""set no bouncemail
set idfile "{ids}"
poll 127.0.0.1 service {bench.port("pop3")} protocol pop3 uidl auth password
  user "boss" password "{PASSWORD}" mda "/bin/cat >> {out}" sslproto "" keep
""")
    env = {"FETCHMAILHOME": bench.home, "LOGNAME": "client", "USER": "client"}
    run("fetchmail", "-f", rc, env=env)
    run("fetchmail", "-f", rc, env=env, wanted=1)  # 1: no new mail
    bench.send("third")
    run("fetchmail", "-f", rc, env=env)
    with open(out) as f:
        check_equal([line[9:-1] for line in f if line.startswith("Subject: ")], ["first", "second", "third"],
                    "fetched by fetchmail with keep and uidl")
    check_equal(bench.subjects(), ["first", "second", "third"], "left by fetchmail")


def getmail_keeps(bench):
    """delete = false, read_all = false: the same for getmail, over TLS."""
    bench.send("first", "second")
    target = os.path.join(bench.home, "getmail-kept")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(target, sub))
    rc = bench.write("getmailrc-kept", f"""[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = {bench.port("pop3s")}
username = boss
password = {PASSWORD}

[destination]
type = Maildir
path = {target}/

[options]
delete = false
read_all = false
""")
    for new in ([], [], ["third"]):
        bench.send(*new)
        run("getmail", "--getmaildir", bench.home, "--rcfile", rc)
    check_equal(sorted(message["Subject"] for message in mailbox.Maildir(target)), ["first", "second", "third"],
                "fetched by getmail, left on the server")


class Outlook:
    """Outlook's way with POP3: port 995 first, STLS on 110, cleartext; a bare AUTH; mail left on the server."""

    def __init__(self, bench, way):
        port = bench.port("pop3s" if way == "tls" else "pop3")
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        if way == "tls":
            self.secure()
        self.file = self.socket.makefile("rb")
        self.expect("+OK")
        if way == "stls":
            self.ask("STLS")
            self.secure()
            self.file = self.socket.makefile("rb")

    def secure(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def expect(self, beginning):
        line = self.file.readline().decode("latin-1").rstrip("\r\n")
        assert line.startswith(beginning), line
        return line

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        return self.expect("+OK")

    def ask_lines(self, command):
        self.ask(command)
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        return lines

    def poll(self, known):
        """What is new by UIDL; nothing is deleted."""
        mechanisms = self.ask_lines("AUTH")
        assert "PLAIN" in mechanisms and "LOGIN" in mechanisms, mechanisms
        capabilities = self.ask_lines("CAPA")
        assert {"TOP", "UIDL", "USER", "UTF8", "EXPIRE NEVER"} <= set(capabilities), capabilities
        self.ask("USER boss")
        self.ask(f"PASS {PASSWORD}")
        count = int(self.ask("STAT").split()[1])
        ids = [line.split(" ", 1) for line in self.ask_lines("UIDL")]
        sizes = self.ask_lines("LIST")
        check_equal((len(ids), len(sizes)), (count, count), "UIDL and LIST")
        new = [(number, uid) for number, uid in ids if uid not in known]
        fetched = []
        for number, uid in new:
            size = int(next(line for line in sizes if line.startswith(number + " ")).split()[1])
            lines = self.ask_lines(f"RETR {number}")
            check_equal(sum(len(line) + 2 - line.startswith("..") for line in lines), size, "size by LIST")
            fetched += [line[9:] for line in lines if line.startswith("Subject: ")]
            known.add(uid)
        self.ask("QUIT")
        check_equal(self.file.read(), b"", "behind QUIT")
        return fetched


def outlook(bench):
    for way in ("tls", "stls", "plain"):
        bench.clear()
        known = set()
        bench.send("first", "second")
        check_equal(Outlook(bench, way).poll(known), ["first", "second"], f"{way}: first poll")
        check_equal(Outlook(bench, way).poll(known), [], f"{way}: second poll")
        bench.send("third")
        # Another way to connect, the same unique-ids.
        check_equal(Outlook(bench, "plain").poll(known), ["third"], f"{way}: third poll")
        check_equal(bench.subjects(), ["first", "second", "third"], f"{way}: left on the server")


CLIENTS = [("curl", curl), ("swaks", swaks), ("s-nail", s_nail), ("mutt", mutt), ("mbsync", mbsync),
           ("fetchmail", fetchmail), ("getmail", getmail), ("fetchmail", fetchmail_keeps), ("getmail", getmail_keeps), ("python3", outlook)]


def main():
    there = [(name, use) for name, use in CLIENTS if shutil.which(name)]
    if not there:
        tubepost.skip("no mail client is installed (make -f Makefile.compat deps-interop)")
    wanted = sys.argv[1:]
    for store in ("mbox", "maildir"):
        mail = tubepost.System(store)
        certificate, key = mail.path("etc", "cert.pem"), mail.path("etc", "key.pem")
        subprocess.run([os.path.join(tubepost.SOURCE, "units/make-certificate"), f"mail.{DOMAIN}", certificate, key],
                       check=True)
        with open(mail.main_cf, "a") as f:
            f.write(f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n"
                    f"ssl_cert = <{certificate}\nssl_key = <{key}\n")
        with mail:
            mail.add_account("boss", PASSWORD)
            mail.add_account("ann", PASSWORD)
            mail.start()
            mail.listen("pop3s", "pop3-serve", "--implicit-tls")
            mail.listen("imaps", "imap-serve", "--implicit-tls")
            mail.listen("submission", "smtp-recv", "--submission")
            for name, use in there:
                if wanted and name not in wanted:
                    continue
                bench = Bench(mail)
                bench.clear()
                use(bench)
                print(f"{store}: {use.__name__}")


main()
