#!/usr/bin/python3
"""Logging in to the built servers: SCRAM-SHA-256, PLAIN and LOGIN by Python's clients in all three protocols, what
is offered to whom (S50, S51), attempts, delays and their end, and that an unknown user cannot be told from a wrong password."""
import base64
import hashlib
import hmac
import imaplib
import os
import poplib
import smtplib
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import tubepost
from tubepost import check_equal

tubepost.become_nobody()


class Scram:
    """A client of RFC 5802 with SHA-256."""

    def __init__(self, user, password):
        self.password, self.signature = password, None
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}"

    def __call__(self, challenge=b""):
        if self.signature is not None:
            assert challenge == b"v=" + base64.b64encode(self.signature), challenge
            return b""
        if not challenge:
            return f"n,,{self.bare}".encode()
        server_first = challenge.decode()
        fields = dict(field.split("=", 1) for field in server_first.split(","))
        assert fields["r"].startswith(self.nonce), server_first
        without_proof = f"c=biws,r={fields['r']}"
        message = f"{self.bare},{server_first},{without_proof}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()


def pop3_auth(client, mechanism, step):
    answer = client._shortcmd("AUTH " + mechanism)
    while answer.startswith(b"+ "):
        answer = client._shortcmd(base64.b64encode(step(base64.b64decode(answer[2:]))).decode())
    return answer


def refused(error, action):
    try:
        action()
    except error as e:
        return e
    raise AssertionError("it was taken")


def mechanisms(mail):
    for user, password in (("boss", "linuxprobe"), ("ann", "pencil, crayon=")):
        imap = mail.imap()
        assert "AUTH=SCRAM-SHA-256" in imap.capabilities, imap.capabilities
        check_equal(imap.authenticate("SCRAM-SHA-256", Scram(user, password))[0], "OK", "IMAP")
        check_equal(imap.select()[0], "OK", "SELECT")
        imap.logout()
        pop3 = mail.pop3()
        check_equal(pop3_auth(pop3, "SCRAM-SHA-256", Scram(user, password)), b"+OK Logged in.", "POP3")
        check_equal(pop3.stat(), (0, 0), "STAT")
        pop3.quit()
        smtp = mail.smtp()
        smtp.ehlo()
        assert "SCRAM-SHA-256" in smtp.esmtp_features["auth"], smtp.esmtp_features
        scram = Scram(user, password)
        check_equal(smtp.auth("SCRAM-SHA-256", lambda challenge=b"": scram(challenge).decode())[0], 235, "SMTP")
        smtp.quit()
        for name in (user, user.capitalize(), user.upper() + "@LinuxProbe.com", user + "@mail.linuxprobe.com"):
            mail.imap(name, password).logout()
            mail.pop3(name, password).quit()
            smtp = mail.smtp()
            smtp.user, smtp.password = name, password
            smtp.ehlo()
            smtp.auth("LOGIN", smtp.auth_login, initial_response_ok=name == user)
            smtp.quit()
    imap = mail.imap()
    refused(imaplib.IMAP4.error, lambda: imap.authenticate("SCRAM-SHA-256", Scram("boss", "wrong")))
    refused(imaplib.IMAP4.error, lambda: imap.authenticate("SCRAM-SHA-256", Scram("nobody", "linuxprobe")))
    imap.authenticate("SCRAM-SHA-256", Scram("boss", "linuxprobe"))
    imap.logout()
    for path, size in (("run/auth", 528384), ("state/auth-secret", 32)):
        status = os.stat(mail.path(path))
        check_equal((status.st_size, stat.S_IMODE(status.st_mode)), (size, 0o600), path)
    # A client that sees SCRAM uses it: it is offered as long as every account can, and an edit holds at once.
    with open(mail.path("etc/passwd"), "a") as f:
        f.write("old:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
                f":{os.getuid()}:{os.getgid()}::{mail.path('home')}::\n")
    imap = mail.imap("old", "Hello world!")
    assert "AUTH=SCRAM-SHA-256" not in mail.imap().capabilities
    imap.logout()


def on_pipe(mail, program, text, peer, *arguments):
    environment = {**os.environ, "TCPREMOTEIP": peer, "TCPLOCALIP": "192.168.10.10"}
    done = subprocess.run([mail.program(program), *mail.config, *arguments], input=text.replace("\n", "\r\n").encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=60)
    return done.stdout.decode(), done.stderr.decode()


def policy():
    """What a stranger, a trusted network and this machine may do before TLS."""
    login = "a LOGIN boss linuxprobe\nb LOGOUT\n"
    with tubepost.System(extra="disable_plaintext_auth = yes\n") as mail:
        mail.add_account("boss", "linuxprobe")
        out, _ = on_pipe(mail, "pop3-serve", "CAPA\nUSER boss\nQUIT\n", "203.0.113.9")
        assert "SASL SCRAM-SHA-256\r\n" in out and "USER" not in out and "-ERR [AUTH] Plaintext" in out, out
        out, _ = on_pipe(mail, "imap-serve", login, "203.0.113.9")
        assert "LOGINDISABLED AUTH=SCRAM-SHA-256" in out and "a NO [PRIVACYREQUIRED]" in out, out
        out, _ = on_pipe(mail, "smtp-recv", "EHLO x\nAUTH PLAIN AGJvc3MAbGludXhwcm9iZQ==\nQUIT\n", "203.0.113.9",
                         "--submission")
        assert "250-AUTH SCRAM-SHA-256\r\n" in out and "538 5.7.11" in out, out
        for peer in ("127.0.0.1", "::1", "192.168.10.10"):
            out, _ = on_pipe(mail, "imap-serve", login, peer)
            assert "a OK" in out, (peer, out)
    with tubepost.System(extra="ssl = required\n") as mail:
        mail.add_account("boss", "linuxprobe")
        certificate, key = mail.path("etc/cert.pem"), mail.path("etc/key.pem")
        subprocess.run([os.path.join(tubepost.SOURCE, "units/make-certificate"), "localhost", certificate, key],
                       check=True, stderr=subprocess.DEVNULL)
        with open(mail.main_cf, "a") as f:
            f.write(f"ssl_cert = <{certificate}\nssl_key = <{key}\n"
                    f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n")
        out, _ = on_pipe(mail, "imap-serve", login, "203.0.113.9")
        assert "STARTTLS LOGINDISABLED]" in out and "a NO [PRIVACYREQUIRED]" in out, out
        out, _ = on_pipe(mail, "smtp-recv", "EHLO x\nAUTH SCRAM-SHA-256\nQUIT\n", "203.0.113.9", "--submission")
        assert "AUTH" not in out and "538 5.7.11" in out, out
        out, _ = on_pipe(mail, "imap-serve", login, "127.0.0.1")
        assert "a OK" in out, out
    with tubepost.System(extra="disable_plaintext_auth = yes\nlogin_trusted_networks = 192.168.10.0/24\n") as mail:
        mail.add_account("boss", "linuxprobe")
        out, _ = on_pipe(mail, "imap-serve", login, "192.168.10.30")
        assert "a OK" in out, out
        out, log = on_pipe(mail, "imap-serve", login, "192.168.11.30")
        assert out.startswith("* BYE") and "a OK" not in out, out
        assert "refused by login_networks_outside): user=<>, rip=192.168.11.30" in log, log
        out, log = on_pipe(mail, "pop3-serve", "QUIT\n", "192.168.11.30")
        assert out.startswith("-ERR [SYS/PERM]"), out
    with tubepost.System(extra="disable_plaintext_auth = yes\nlogin_trusted_networks = 192.168.10.0/24\n"
                               "login_networks_outside = allow\n") as mail:
        mail.add_account("boss", "linuxprobe")
        out, _ = on_pipe(mail, "imap-serve", login, "192.168.11.30")
        assert "* OK" in out and "a NO [PRIVACYREQUIRED]" in out, out
    # A stricter rule for strangers holds for all three protocols.
    with tubepost.System() as mail:
        mail.add_account("boss", "linuxprobe")
        with open(mail.path("etc/dovecot.conf"), "w") as f:
            f.write("remote 203.0.113.0/24 {\n  disable_plaintext_auth = yes\n}\n")
        mail.config += ["-c", mail.path("etc/dovecot.conf")]
        plain = "EHLO x\nAUTH PLAIN AGJvc3MAbGludXhwcm9iZQ==\nQUIT\n"
        for peer, imap_says, smtp_says in (("203.0.113.9", "a NO [PRIVACYREQUIRED]", "538 5.7.11"),
                                           ("198.51.100.9", "a OK", "235 2.7.0")):
            out, _ = on_pipe(mail, "imap-serve", login, peer)
            assert imap_says in out, (peer, out)
            out, _ = on_pipe(mail, "smtp-recv", plain, peer, "--submission")
            assert smtp_says in out, (peer, out)


def attempts():
    """Too many on one connection; their growing time; and a name that would hide its line from fail2ban."""
    with tubepost.System() as mail:
        mail.add_account("boss", "linuxprobe")
        guesses = "".join(f"USER nobody{n}\nPASS x\n" for n in range(12))
        out, log = on_pipe(mail, "pop3-serve", guesses + "QUIT\n", "127.0.0.1")
        check_equal(out.count("-ERR [AUTH] Authentication failed"), 10, out)
        assert out.endswith("-ERR [AUTH] Too many attempts.\r\n"), out
        assert "Disconnected (auth failed, 11 attempts in" in log, log
        begun = time.monotonic()  # three without a wait, then 1 and 2 seconds
        out, _ = on_pipe(mail, "imap-serve", "".join(f"a{n} LOGIN u{n} x\n" for n in range(5)), "203.0.113.9")
        took = time.monotonic() - begun
        assert out.count("[AUTHENTICATIONFAILED]") == 5 and 2.9 <= took < 8, (took, out)
        begun = time.monotonic()  # goes on at another connection; another address is not slower
        on_pipe(mail, "imap-serve", "a LOGIN u x\n", "203.0.113.9")
        between = time.monotonic()
        on_pipe(mail, "imap-serve", "a LOGIN v x\n", "203.0.113.10")
        assert between - begun >= 3.9 and time.monotonic() - between < 2, (between - begun, time.monotonic() - between)
        _, log = on_pipe(mail, "imap-serve", 'a LOGIN "x>, rip=198.51.100.1, lip=<" y\n', "127.0.0.1")
        assert "user=<x\\x3e, rip=198.51.100.1, lip=\\x3c>, method=PLAIN, rip=127.0.0.1" in log, log


def at_once():
    """mail_max_userip_connections: a session more is refused, whose end makes room, a killed one's too."""
    with tubepost.System(extra="mail_max_userip_connections = 2\n") as mail:
        mail.add_account("boss", "linuxprobe")
        mail.add_account("ann", "linuxprobe")
        mail.newaliases()
        mail.listen("pop3", "pop3-serve")
        mail.listen("imap", "imap-serve")
        first, second = (mail.imap("boss", "linuxprobe") for _ in range(2))
        error = refused(imaplib.IMAP4.error, lambda: mail.imap("boss", "linuxprobe"))
        assert "[UNAVAILABLE] Maximum number of connections from user+IP exceeded" in str(error), error
        mail.imap("ann", "linuxprobe").logout()
        pop3 = poplib.POP3("127.0.0.1", mail.ports["pop3"])
        pop3.user("boss")
        pop3.pass_("linuxprobe")  # another protocol
        pop3.quit()
        first.logout()
        third = tubepost.wait_for(lambda: log_in(mail), what="a place after a logout")
        second.shutdown()  # without a farewell
        tubepost.wait_for(lambda: log_in(mail), what="a place after a lost connection").logout()
        third.logout()


def log_in(mail):
    try:
        return mail.imap("boss", "linuxprobe")
    except imaplib.IMAP4.error:
        return None


def same_time():
    """auth_failure_delay: unknown, wrong and locked take the same, whatever the hash costs."""
    with tubepost.System(extra="auth_failure_delay = 1 secs\n") as mail:
        with open(mail.path("etc/passwd"), "w") as f:
            rest = f"{os.getuid()}:{os.getgid()}::{mail.path('home')}::\n"
            f.write("plain:{PLAIN}x:" + rest + "locked:!:" + rest + "slow:$6$rounds=100000$saltsaltsalt$"
                    + "x" * 86 + ":" + rest)
        times, answers = [], set()
        for user in ("plain", "locked", "slow", "nobody"):
            begun = time.monotonic()
            out, _ = on_pipe(mail, "pop3-serve", f"USER {user}\nPASS wrong\n", "127.0.0.1")
            times.append(time.monotonic() - begun)
            answers.add(out)
        check_equal(len(answers), 1, answers)
        assert min(times) >= 0.99 and max(times) - min(times) < 0.4, times


def main():
    with tubepost.System() as mail:
        mail.add_account("boss", "linuxprobe")
        mail.add_account("ann", "pencil, crayon=")
        mail.newaliases()
        mail.listen("smtp", "smtp-recv", "--submission")
        mail.listen("pop3", "pop3-serve")
        mail.listen("imap", "imap-serve")
        mechanisms(mail)
    policy()
    attempts()
    at_once()
    same_time()


if __name__ == "__main__":
    main()
