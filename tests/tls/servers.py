#!/usr/bin/python3
"""TLS of the built servers, with Python's OpenSSL as client: certificates by name, versions by port,
resumed sessions, renewed certificates, plaintext behind STARTTLS, what is said about bad files.

Run by root it becomes nobody first. With --root it stays root, in mount namespace and /etc of its own, and the
servers have the capabilities of their units: monitors that read the keys, fronts that may open nothing.
"""
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../e2e")]
import chapter
import tubepost
from tubepost import check_equal, wait_for

AS_ROOT = "--root" in sys.argv
if not AS_ROOT:
    tubepost.become_nobody()
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 is what is tested

PASSWORD = "sesame-1"
STARTS = {  # service: its greeting's lines, the command, the good answer's beginning
    "smtp": ("STARTTLS", b"220 "),
    "submission": ("STARTTLS", b"220 "),
    "pop3": ("STLS", b"+OK"),
    "imap": ("t STARTTLS", b"t OK"),
}


def make_certificate(directory, name, key="ec -pkeyopt ec_paramgen_curve:prime256v1"):
    subprocess.run(f"openssl req -x509 -newkey {key} -nodes -days 2 -subj /CN={name} "
                   f"-keyout {directory}/{name}.key -out {directory}/{name}.pem",
                   shell=True, check=True, stderr=subprocess.DEVNULL)
    return f"{directory}/{name}.pem", f"{directory}/{name}.key"


def replace(source, target):
    """A new file in the other's place, as renewal tools do it."""
    shutil.copy(source, target + ".new")
    os.rename(target + ".new", target)


def common_name(der):
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "multiline"],
                          input=der, capture_output=True, check=True).stdout.decode()
    return text.split("commonName")[1].split("=")[1].strip()


def client_context(oldest=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = oldest or newest
        context.maximum_version = newest
    return context


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        octet = sock.recv(1)
        if not octet:
            break
        line += octet
    return line


def read_reply(sock):
    """SMTP's last line, or the line of the others."""
    while True:
        line = read_line(sock)
        if not (line[:3].isdigit() and line[3:4] == b"-"):
            return line


class Tester:
    def __init__(self, mail):
        self.mail = mail
        self.context = client_context()

    def plain(self, service):
        sock = socket.create_connection(("127.0.0.1", self.mail.ports[service]), 20)
        sock.settimeout(20)
        return sock

    def ask_for_tls(self, sock, service, behind=b""):
        command, good = STARTS[service]
        read_reply(sock)
        if service in ("smtp", "submission"):
            sock.sendall(b"EHLO client.example\r\n")
            read_reply(sock)
        sock.sendall(command.encode() + b"\r\n" + behind)
        answer = read_reply(sock)
        assert answer.startswith(good), (service, answer)

    def connect(self, service, name=None, context=None, session=None):
        """After the handshake and one exchange (TLS 1.3's tickets come with it): the TLS socket."""
        sock = self.plain(service)
        if service in STARTS:
            self.ask_for_tls(sock, service)
        tls = (context or self.context).wrap_socket(sock, server_hostname=name, session=session)
        if service not in STARTS:
            read_reply(tls)
        tls.sendall(b"a NOOP\r\n" if service.startswith("imap") else b"CAPA\r\n" if service.startswith("pop")
                    else b"NOOP\r\n")
        read_line(tls)
        return tls

    def shown(self, service, name=None):
        with self.connect(service, name) as tls:
            return common_name(tls.getpeercert(binary_form=True))

    def log_has(self, *words):
        wait_for(lambda: all(word in self.mail.log() for word in words), 10, f"log with {words}")


def test_names(t):
    for service in t.mail.ports:
        if service == "pop3s-old":
            continue
        check_equal(t.shown(service), "mail.test", f"{service}: certificate without a name")
        check_equal(t.shown(service, "unknown.test"), "mail.test", f"{service}: of an unknown name")
        check_equal(t.shown(service, "dovecot.test"), "dovecot.test", f"{service}: local_name")
        check_equal(t.shown(service, "postfix.test"), "postfix.test", f"{service}: tls_server_sni_maps")
        check_equal(t.shown(service, "broken.test"), "mail.test", f"{service}: of a broken pair")
    etc = t.mail.path("etc")
    t.log_has(f"{etc}/dovecot.test.pem, {etc}/postfix.test.key", "key values mismatch")


def test_versions(t):
    def version(service, newest):
        try:
            with t.connect(service, context=client_context(newest=newest)) as tls:
                return tls.version()
        except (ssl.SSLError, ConnectionResetError):
            return None

    v = ssl.TLSVersion
    for service in ("pop3s", "imaps", "submissions", "smtp", "pop3", "imap"):
        got = [version(service, x) for x in (v.TLSv1, v.TLSv1_1, v.TLSv1_2, v.TLSv1_3)]
        check_equal(got, [None, None, "TLSv1.2", "TLSv1.3"], f"{service}: versions")
    got = [version("pop3s-old", x) for x in (v.TLSv1, v.TLSv1_1, v.TLSv1_2, v.TLSv1_3)]
    check_equal(got, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"], "the port for old clients: versions")
    t.log_has("TLS handshake: unsupported protocol")


def test_kinds_of_key(t):
    def kind(ciphers):
        context = client_context(newest=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(ciphers)
        with t.connect("smtp", context=context) as tls:
            return tls.cipher()[0]
    check_equal(kind("ECDHE-RSA-AES128-GCM-SHA256"), "ECDHE-RSA-AES128-GCM-SHA256", "RSA certificate")
    check_equal(kind("ECDHE-ECDSA-AES128-GCM-SHA256"), "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA certificate")


def test_resumption(t):
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = newest
        for service, other, stranger in (("pop3s", "pop3", "imaps"), ("imap", "imaps", "smtp"),
                                         ("submission", "submission", "pop3")):
            with t.connect(service, context=context) as first:
                check_equal(first.session_reused, False, f"{service}: first handshake resumed")
                session = first.session
            with t.connect(other, context=context, session=session) as again:
                check_equal(again.session_reused, True, f"{service} to {other}, {newest.name}: resumed")
            with t.connect(stranger, context=context, session=session) as not_again:
                check_equal(not_again.session_reused, False, f"{service} to {stranger}: resumed")
    name = "tls-tickets" if os.getuid() == 0 else f"tls-tickets-{os.getuid()}"
    mode = os.stat(t.mail.path("run", name)).st_mode & 0o777
    check_equal(mode, 0o600, "mode of the secrets of tickets")


def test_single_connection(t):
    """inetd's form: the socket is descriptor 0; sessions go on in the accepting form and back."""
    with t.connect("pop3s") as first:
        session = first.session
    for attempt in range(2):
        ours, theirs = socket.socketpair()
        process = subprocess.Popen([t.mail.program("pop3-serve"), *t.mail.config, "--implicit-tls"],
                                   stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        with t.context.wrap_socket(ours, session=session) as tls:
            check_equal(read_line(tls)[:3], b"+OK", "greeting of a single connection")
            check_equal(tls.session_reused, True, "a single connection: resumed")
            session = tls.session
            tls.sendall(b"QUIT\r\n")
            read_line(tls)
        process.wait(20)


def test_injection(t):
    """RFC 3207 section 4.2, CVE-2011-0411: what came in plaintext is never taken for encrypted."""
    injected = {"smtp": b"RSET\r\nMAIL FROM:<evil@x.example>\r\n", "submission": b"EHLO evil.example\r\n",
                "pop3": b"CAPA\r\nUSER boss\r\n", "imap": b"i1 CAPABILITY\r\ni2 LOGOUT\r\n"}
    asked = {"smtp": (b"RCPT TO:<boss@linuxprobe.com>\r\n", b"503 5.5.1 Error: send HELO/EHLO first\r\n"),
             "submission": (b"MAIL FROM:<boss@linuxprobe.com>\r\n", b"503 5.5.1 Error: send HELO/EHLO first\r\n"),
             "pop3": (b"PASS " + PASSWORD.encode() + b"\r\n", b"-ERR No username given.\r\n"),
             "imap": (b"a NOOP\r\n", b"a OK")}
    for service, (question, answer) in asked.items():
        # In the same segment: read with the command.
        with t.plain(service) as sock:
            t.ask_for_tls(sock, service, behind=injected[service])
            with t.context.wrap_socket(sock) as tls:
                tls.sendall(question)
                got = read_line(tls)
                assert got.startswith(answer), (service, "injected commands were answered", got)
        # After the answer: it is no TLS, and the connection ends without a word about it.
        with t.plain(service) as sock:
            t.ask_for_tls(sock, service)
            sock.sendall(injected[service])
            rest = b""
            try:
                while piece := sock.recv(4096):
                    rest += piece
            except ConnectionResetError:
                pass
            assert rest[:1] in (b"", b"\x15"), (service, "plaintext was answered", rest)


def test_login_under_tls(t):
    with t.connect("pop3s") as tls:
        while read_line(tls) != b".\r\n":
            pass
        for command in ("USER boss", f"PASS {PASSWORD}", "STAT"):
            tls.sendall(command.encode() + b"\r\n")
            line = read_line(tls)
            assert line.startswith(b"+OK"), (command, line)
    t.log_has("pop3-login: Login: user=<boss>", ", TLS")


def test_renewal(t):
    etc = t.mail.path("etc")
    make_certificate(f"{etc}/new", "renewed.test")
    served = ("pop3s", "imap", "smtp")
    time.sleep(0.01)
    # Half of the pair: the last good one goes on.
    replace(f"{etc}/new/renewed.test.pem", f"{etc}/mail.test.pem")
    for service in served:
        check_equal(t.shown(service), "mail.test", f"{service}: half renewed")
    t.log_has("certificate and key do not belong together", "the last good certificate is kept")
    replace(f"{etc}/new/renewed.test.key", f"{etc}/mail.test.key")
    for service in served:
        check_equal(t.shown(service), "renewed.test", f"{service}: renewed")
    # One of the others: it is read when it is needed.
    make_certificate(f"{etc}/new", "again.test")
    replace(f"{etc}/new/again.test.pem", f"{etc}/dovecot.test.pem")
    replace(f"{etc}/new/again.test.key", f"{etc}/dovecot.test.key")
    for service in served:
        check_equal(t.shown(service, "dovecot.test"), "again.test", f"{service}: a name's, renewed")


def test_own_certificate():
    """No file is named: a certificate is made, once, and both kinds of servers use it."""
    with tubepost.System(host="made.test") as mail:
        with open(mail.main_cf, "a") as f:
            f.write(f"config_directory = {mail.path('etc')}\n")
        mail.add_account("boss", PASSWORD)
        mail.newaliases()
        mail.listen("pop3", "pop3-serve")
        mail.listen("smtp", "smtp-recv")
        mail.listen("imaps", "imap-serve", "--implicit-tls")
        t = Tester(mail)
        before = open(mail.path("etc", "cert.pem")).read()
        for service in ("pop3", "smtp", "imaps"):
            check_equal(t.shown(service), "made.test", f"{service}: own certificate")
        check_equal(open(mail.path("etc", "cert.pem")).read(), before, "the certificate that was made")
        check_equal(os.stat(mail.path("etc", "key.pem")).st_mode & 0o777, 0o600, "mode of its key")
        check_equal(mail.log().count("self-signed certificate made"), 1, "certificates made")


def test_bad_files():
    """Each line names the file; what needs no TLS is served all the same."""
    with tubepost.System() as mail:
        mail.add_account("boss", PASSWORD)
        mail.newaliases()
        etc = mail.path("etc")
        certificate, key = make_certificate(etc, "one.test")
        _, other = make_certificate(etc, "two.test")
        subprocess.run(f"openssl pkcs8 -topk8 -passout pass:x -in {key} -out {etc}/locked.key", shell=True, check=True)
        for ssl_key, words in ((other, ("two.test.key", "do not belong together")),
                               (f"{etc}/locked.key", ("locked.key", "passphrase")),
                               (f"{etc}/none.key", ("none.key", "No such file"))):
            for program, options, greeting in (
                    ("pop3-serve", ("-o", f"ssl_cert=<{certificate}", "-o", f"ssl_key=<{ssl_key}"), "+OK"),
                    ("smtp-recv", ("-o", f"smtpd_tls_cert_file={certificate}", "-o", f"smtpd_tls_key_file={ssl_key}"),
                     "220 ")):
                _, out, err = mail.run(program, *options, input="QUIT\r\n")
                assert out.startswith(greeting), (program, out)
                assert all(word in err for word in words), (program, words, err)
        status, _, err = mail.run("smtp-recv", "-o", "smtpd_tls_protocols=>=TLSv9", "--check", check=False)
        check_equal(status, 78, "a wrong version is a mistake")
        assert "-o:1: smtpd_tls_protocols: no version of TLS: \">=TLSv9\"" in err, err


def test_required():
    with tubepost.System() as mail:
        with open(mail.main_cf, "a") as f:
            f.write(f"config_directory = {mail.path('etc')}\nsmtpd_tls_security_level = encrypt\n")
        mail.newaliases()
        _, out, _ = mail.run("smtp-recv", input="EHLO a\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n")
        assert "530 5.7.0 Must issue a STARTTLS command first" in out, out
        _, out, _ = mail.run("smtp-recv", "-o", "smtpd_tls_security_level=none", input="EHLO a\r\nQUIT\r\n")
        assert "STARTTLS" not in out, out


class UnitSystem(tubepost.System):
    """Started as the units start them: root with three capabilities, so that only root's own files can be read."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        owner = pwd.getpwnam("tubepost")
        os.makedirs(self.path("bin"))
        for name in ("smtp-recv", "pop3-serve", "imap-serve", "newaliases"):
            with open(self.path("bin", name), "w") as f:
                f.write("#!/bin/sh\nexec setpriv --bounding-set -all,+setuid,+setgid,+sys_chroot "
                        f"{tubepost.BUILD}/{name} \"$@\"\n")
            os.chmod(self.path("bin", name), 0o755)
        # As tubepost.tmpfiles: the directory is tubepost's, the file in it the monitors'.
        tickets = self.path("run", "tls-tickets")
        os.close(os.open(tickets, os.O_CREAT | os.O_WRONLY, 0o600))
        for sub in ("run", "spool", "spool/drop", "spool/queue"):
            os.chown(self.path(sub), owner.pw_uid, owner.pw_gid)
        for sub in ("etc", "home", "run"):
            os.chmod(self.path(sub), 0o755)
        os.chmod(self.path("mail"), 0o1777)

    def program(self, name):
        return self.path("bin", name)

    def add_account(self, name, password):
        nobody = pwd.getpwnam("nobody")
        home = self.path("home", name)
        os.makedirs(home, mode=0o700)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        with open(self.path("etc", "passwd"), "a") as f:
            f.write(f"{name}:{{PLAIN}}{password}:{nobody.pw_uid}:{nobody.pw_gid}::{home}::\n")


def main():
    with (UnitSystem if AS_ROOT else tubepost.System)(host="mail.test") as mail:
        etc = mail.path("etc")
        os.mkdir(f"{etc}/new")
        for name in ("mail.test", "dovecot.test", "postfix.test"):
            make_certificate(etc, name)
        make_certificate(etc, "rsa.test", "rsa:2048")
        # Postfix: key before certificate.
        with open(f"{etc}/chain.pem", "w") as f:
            for part in ("postfix.test.key", "postfix.test.pem"):
                f.write(open(f"{etc}/{part}").read())
        with open(f"{etc}/sni", "w") as f:
            f.write(f"postfix.test {etc}/chain.pem\n")
        with open(mail.main_cf, "a") as f:
            f.write(f"""
smtpd_tls_cert_file = {etc}/rsa.test.pem
smtpd_tls_key_file = {etc}/rsa.test.key
smtpd_tls_eccert_file = {etc}/mail.test.pem
smtpd_tls_eckey_file = {etc}/mail.test.key
smtpd_tls_mandatory_protocols = >=TLSv1.2
tls_server_sni_maps = hash:{etc}/sni
""")
        with open(f"{etc}/dovecot.conf", "w") as f:
            f.write(f"""
ssl_cert = <{etc}/mail.test.pem
ssl_key = <{etc}/mail.test.key
protocol pop3 {{
  ssl_min_protocol = TLSv1.2
}}
local_name "dovecot.test also.test" {{
  ssl_cert = <{etc}/dovecot.test.pem
  ssl_key = <{etc}/dovecot.test.key
}}
local_name broken.test {{
  ssl_cert = <{etc}/dovecot.test.pem
  ssl_key = <{etc}/postfix.test.key
}}
""")
        mail.config += ["-c", f"{etc}/dovecot.conf"]
        mail.add_account("boss", PASSWORD)
        mail.newaliases()
        mail.listen("smtp", "smtp-recv")
        mail.listen("submission", "smtp-recv", "--submission")
        mail.listen("submissions", "smtp-recv", "--submission", "-o", "smtpd_tls_wrappermode=yes")
        mail.listen("pop3", "pop3-serve")
        mail.listen("imap", "imap-serve")
        mail.listen("pop3s", "pop3-serve", "--implicit-tls")
        mail.listen("imaps", "imap-serve", "--implicit-tls")
        mail.listen("pop3s-old", "pop3-serve", "--implicit-tls", "-o", "ssl_min_protocol=TLSv1")
        t = Tester(mail)
        for test in (test_names, test_versions, test_kinds_of_key, test_resumption, test_single_connection,
                     test_injection, test_login_under_tls, test_renewal):
            test(t)
            print("ok", test.__name__)
    if AS_ROOT:
        return
    for test in (test_own_certificate, test_bad_files, test_required):
        test()
        print("ok", test.__name__)


if __name__ == "__main__":
    if AS_ROOT:
        chapter.enter_own_machine()
    main()
