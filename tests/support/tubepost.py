"""A Tubepost of its own for a test: one directory, free loopback ports, started and ended here.

    with System(store="mbox") as mail:          # an ordinary user's, accounts from a password file
        mail.add_account("boss", "linuxprobe")
        mail.start()
        mail.smtp().sendmail(...)

Programs come from $BUILD. Everything started ends with the with-block, by its pid.
"""
import imaplib
import os
import poplib
import pty
import pwd
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import termios
import time

BUILD = os.environ.get("BUILD") or os.path.join(os.path.dirname(__file__), "../../build/check")
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def become_nobody():
    """Root becomes nobody: what these tests show needs no right."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.environ["HOME"] = "/nonexistent"


def need_service_accounts():
    """The two accounts that an installation makes (units/tubepost.sysusers)."""
    for name in ("tubepost", "tubepost-front"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=10.0, what="condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def check_equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}:\n--- wanted\n{wanted}\n--- got\n{got}\n---")


class System:
    def __init__(self, store="mbox", extra="", domain="linuxprobe.com", host="mail.linuxprobe.com"):
        self.dir = tempfile.mkdtemp(prefix="tubepost-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.store = store
        self.processes = []
        self.logs = []
        self.ports = {}
        for sub in ("etc", "run", "spool/queue", "spool/drop", "state", "mail", "home"):
            os.makedirs(f"{self.dir}/{sub}", mode=0o700, exist_ok=True)
        location = (f"mbox:~/mail:INBOX={self.dir}/mail/%u" if store == "mbox" else "maildir:~/Maildir")
        self.main_cf = f"{self.dir}/etc/main.cf"
        with open(self.main_cf, "w") as f:
            f.write(f"""myhostname = {host}
mydomain = {domain}
myorigin = $mydomain
inet_interfaces = all
mydestination = $myhostname , $mydomain
mynetworks = 127.0.0.0/8
tubepost_spool_directory = {self.dir}/spool
tubepost_state_directory = {self.dir}/state
tubepost_run_directory = {self.dir}/run
deliver_socket = {self.dir}/run/deliver.sock
passwd_file = {self.dir}/etc/passwd
alias_maps = hash:{self.dir}/etc/aliases
alias_database = hash:{self.dir}/etc/aliases
mail_spool_directory = {self.dir}/mail
mail_location = {location}
disable_plaintext_auth = no
auth_failure_delay = 0
{extra}
""")
        open(f"{self.dir}/etc/passwd", "w").close()
        self.write_aliases("mailer-daemon: postmaster\npostmaster: root\n")
        self.config = ["-c", self.main_cf]

    # -- set-up
    def give_to_service_account(self):
        """Run directory and spool, as units/tubepost.tmpfiles has them; anybody may look into the state directory."""
        need_service_accounts()
        os.makedirs(self.path("state", "state"), exist_ok=True)
        for sub in ("state", "state/state"):
            os.chmod(self.path(sub), 0o755)
        owner = pwd.getpwnam("tubepost")
        for sub in ("run", "spool", "spool/drop", "spool/queue"):
            os.chown(self.path(sub), owner.pw_uid, owner.pw_gid)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def program(self, name):
        return os.path.join(BUILD, name)

    def write_aliases(self, text):
        with open(self.path("etc", "aliases"), "w") as f:
            f.write(text)

    def add_account(self, name, password):
        home = self.path("home", name)
        os.makedirs(home, mode=0o700, exist_ok=True)
        with open(self.path("etc", "passwd"), "a") as f:
            f.write(f"{name}:{{PLAIN}}{password}:{os.getuid()}:{os.getgid()}::{home}::\n")

    def run(self, name, *arguments, input=b"", env=None, check=True, timeout=60):
        """Runs a program to its end; (status, stdout, stderr) as text."""
        if isinstance(input, str):
            input = input.encode()
        done = subprocess.run([self.program(name), *self.config, *arguments], input=input,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              env={**os.environ, **(env or {})})
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{name} {arguments}: exit status {done.returncode}\n{out}\n{err}")
        return done.returncode, out, err

    def newaliases(self):
        return self.run("newaliases")[1]

    # -- servers
    def start_program(self, name, *arguments, env=None):
        log = open(self.path("log"), "ab")
        process = subprocess.Popen([self.program(name), *self.config, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True,
                                   env={**os.environ, **(env or {})})
        log.close()
        self.processes.append(process)
        return process

    def listen(self, service, name, *arguments):
        port = self.ports.setdefault(service, free_port())
        process = self.start_program(name, *arguments, "--listen", f"127.0.0.1:{port}")
        def answers():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}\n{self.log()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_for(answers, 20, f"{name} on port {port}")
        return process

    def start(self, queue=True):
        self.newaliases()
        self.start_program("deliver", "--records", "--listen", f"unix:{self.dir}/run/deliver.sock")
        wait_for(lambda: os.path.exists(f"{self.dir}/run/deliver.sock"), 20, "deliver.sock")
        if queue:
            self.start_program("smtp-send", "--queue", "--stay")
        self.listen("smtp", "smtp-recv")
        self.listen("pop3", "pop3-serve")
        self.listen("imap", "imap-serve")
        return self

    def log(self):
        try:
            with open(self.path("log"), errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    # -- clients
    def smtp(self):
        return smtplib.SMTP("127.0.0.1", self.ports["smtp"], local_hostname="client.example", timeout=60)

    def pop3(self, user=None, password=None):
        client = poplib.POP3("127.0.0.1", self.ports["pop3"], timeout=60)
        if user:
            client.user(user)
            client.pass_(password)
        return client

    def imap(self, user=None, password=None):
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        if user:
            client.login(user, password)
        return client

    def terminal(self, name, *arguments, lines=(), env=None, columns=80, rows=100):
        """Runs a program on a terminal that does not echo; types `lines` at its prompts; its output."""
        return on_terminal([self.program(name), *arguments], lines, env, columns, rows)

    # -- end
    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is not None and kind is not SystemExit:
            print("--- log\n" + self.log()[-6000:], file=sys.stderr)
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def on_terminal(command, lines=(), env=None, columns=80, rows=100, timeout=60):
    lines = [line.encode() for line in lines]
    pid, master = pty.fork()
    if pid == 0:
        attributes = termios.tcgetattr(0)
        attributes[3] &= ~termios.ECHO
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(0, termios.TCSANOW, attributes)
        import fcntl
        import struct
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", **(env or {})})
    output = b""
    deadline = time.monotonic() + timeout
    unanswered = 0
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            output += piece
        # Type the next line once the prompt stands there.
        if lines and output.endswith(b"& ") and len(output) > unanswered:
            unanswered = len(output)
            os.write(master, lines.pop(0) + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), output.decode("utf-8", "replace")
