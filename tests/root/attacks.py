#!/usr/bin/python3
"""Who has an account, and a shell, tries for more: another's mail by a login name that leads up, the sessions of others by
locking the places of the live count, and who has none tries to learn which accounts there are."""
import ctypes
import fcntl
import imaplib
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal

if os.getuid() != 0:
    tubepost.skip("needs root")
VMAIL, BOSS, ANN = 61005, 61001, 61002
F_OFD_SETLK = 37


def refused(login):
    try:
        login()
    except imaplib.IMAP4.error as e:
        return str(e)
    raise AssertionError("logged in")


def prepare(mail, lines):
    for sub in ("mail", "home", "etc", "state"):
        os.chmod(mail.path(sub), 0o755)
    with open(mail.path("etc", "passwd"), "w") as f:
        f.write(lines)
    os.chmod(mail.path("etc", "passwd"), 0o600)


def names_that_lead_up():
    """One uid for all, a name's part behind '@' that no passdb looks at, and mail_location with %u."""
    with tubepost.System("maildir") as mail:
        prepare(mail, "")
        users = mail.path("etc", "users")
        with open(users, "w") as f:
            for name in ("ann", "bob"):
                f.write(f"{name}:{{PLAIN}}{name}s:{VMAIL}:{VMAIL}::/nonexistent::\n")
        conf = mail.path("etc", "dovecot.conf")
        with open(conf, "w") as f:
            f.write(f"passdb {{\n  driver = passwd-file\n  args = username_format=%n {users}\n}}\n"
                    f"userdb {{\n  driver = passwd-file\n  args = username_format=%n {users}\n}}\n"
                    f"mail_location = maildir:{mail.path('mail')}/%u\n")
        mail.config += ["-c", conf]
        with open(mail.main_cf) as f:
            text = "".join(line for line in f if not line.startswith(("passwd_file", "mail_location")))
        with open(mail.main_cf, "w") as f:
            f.write(text)
        os.chown(mail.path("mail"), VMAIL, VMAIL)
        mail.listen("imap", "imap-serve")
        for name in ("bob", "ann"):
            with mail.imap(name, name + "s") as imap:
                imap.select()
                imap.append("INBOX", None, None, f"Subject: of {name}\r\n\r\nx\r\n".encode())
        for name in ("ann@/../bob", "ann@../bob", "ann@x/../../bob", "ann@.."):
            for _ in range(2):  # the first one might make a directory for the second
                said = refused(lambda: mail.imap(name, "anns").select())
            assert "not allowed" in said, (name, said)
        check_equal(sorted(os.listdir(mail.path("mail"))), ["ann", "bob"], "what was made")


def places_of_others():
    """ann's own session is hers to trace: she takes its descriptor and locks all there is to lock."""
    with tubepost.System("mbox", extra="mail_max_userip_connections = 3\n") as mail:
        lines = ""
        for name, uid in (("boss", BOSS), ("ann", ANN)):
            home = mail.path("home", name)
            os.makedirs(home, mode=0o700)
            os.chown(home, uid, uid)
            lines += f"{name}:{{PLAIN}}secret:{uid}:{uid}::{home}::\n"
        prepare(mail, lines)
        os.chmod(mail.path("mail"), 0o1777)
        mail.listen("imap", "imap-serve")
        imap = mail.imap("ann", "secret")
        session = next(pid for pid in os.listdir("/proc") if pid.isdigit() and is_session(pid, ANN))
        attacker = os.fork()
        if attacker == 0:
            os.setgroups([])
            os.setresgid(ANN, ANN, ANN)
            os.setresuid(ANN, ANN, ANN)
            libc = ctypes.CDLL(None, use_errno=True)
            pidfd = os.pidfd_open(int(session))
            for number in range(3, 12):
                fd = libc.syscall(438, pidfd, number, 0)  # pidfd_getfd
                if fd < 0:
                    continue
                try:
                    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
                except OSError:
                    continue
            time.sleep(60)
            os._exit(0)
        time.sleep(1)
        try:
            with mail.imap("boss", "secret") as other:
                check_equal(other.select()[0], "OK", "boss, while ann holds what she can")
        finally:
            os.kill(attacker, 9)
            os.waitpid(attacker, 0)
        imap.logout()


def is_session(pid, uid):
    try:
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        return status.startswith("Name:\timap\n") and f"\nUid:\t{uid}\t" in status
    except OSError:
        return False


def which_accounts_there_are():
    """A password too long for crypt(3), and a hash of a kind it does not know, are wrong as any other."""
    with tubepost.System("mbox", extra="auth_failure_delay = 1s\n") as mail:
        hashed = subprocess.run(["openssl", "passwd", "-6", "x"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        prepare(mail, f"boss:{hashed}:{BOSS}:{BOSS}::/nonexistent::\nold:{{SSHA}}abcd:{BOSS}:{BOSS}::/nonexistent::\n")
        mail.listen("imap", "imap-serve")
        answers = {}
        for name in ("boss", "old", "nobody-there"):
            for password in ("y", "y" * 600):
                begin = time.monotonic()
                said = refused(lambda: mail.imap(name, password))
                answers[name, len(password)] = (said, round(time.monotonic() - begin))
        check_equal(len(set(answers.values())), 1, f"ways to be refused: {answers}")


def root_makes_nothing_elsewhere():
    """The INBOX lies outside the home in a directory that is ann's own: she turns it into a link to one of root's."""
    with tubepost.System("mbox") as mail:
        inbox, roots = mail.path("data", "ann", "in", "inbox"), mail.path("roots")
        for path in (roots, mail.path("home", "ann"), os.path.dirname(inbox)):
            os.makedirs(path)
        prepare(mail, f"ann:{{PLAIN}}s:{ANN}:{ANN}::{mail.path('home', 'ann')}::userdb_mail=mbox:~/mail:INBOX={inbox}\n")
        for sub in ("data/ann", "data/ann/in", "home/ann"):
            os.chown(mail.path(sub), ANN, ANN)
        mail.give_to_service_account()
        mail.newaliases()
        mail.start_program("deliver", "--records", "--listen", f"unix:{mail.dir}/run/deliver.sock")
        tubepost.wait_for(lambda: os.path.exists(f"{mail.dir}/run/deliver.sock"), 20, "deliver.sock")
        send = ("deliver", "ann@linuxprobe.com")
        mail.run(*send, input="Subject: one\n\nx\n", check=False)
        tubepost.wait_for(lambda: os.path.exists(inbox) and "one" in open(inbox).read(), 20, "ann's mail")
        check_equal(os.stat(inbox).st_uid, ANN, "owner of ann's mailbox")
        os.rename(os.path.dirname(inbox), mail.path("data", "ann", "away"))
        os.symlink(roots, os.path.dirname(inbox))
        mail.run(*send, input="Subject: two\n\nx\n", check=False)
        time.sleep(3)
        check_equal(os.listdir(roots), [], "what root has made for ann")


def main():
    tubepost.need_service_accounts()
    root_makes_nothing_elsewhere()
    names_that_lead_up()
    places_of_others()
    which_accounts_there_are()
    print("no more than one's own")


main()
