#!/usr/bin/python3
"""Real uids: mail for root is stored as root without capabilities; what root's .forward names is done
as default_privs and never as uid 0; mail for others is stored as they are (DESIGN.md section 3)."""
import os
import pwd
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

if os.getuid() != 0:
    tubepost.skip("needs root")
NOBODY = pwd.getpwnam("nobody")
DAEMON = pwd.getpwnam("daemon")


def main():
    with tubepost.System("mbox", extra="default_privs = nobody\n") as mail:
        os.chmod(mail.path("mail"), 0o1777)
        for sub in ("home", "etc"):
            os.chmod(mail.path(sub), 0o755)
        with open(mail.path("etc", "passwd"), "w") as f:
            for name, account in (("root", pwd.getpwnam("root")), ("daemon", DAEMON)):
                home = mail.path("home", name)
                os.makedirs(home, exist_ok=True)
                os.chown(home, account.pw_uid, account.pw_gid)
                f.write(f"{name}:{{PLAIN}}x:{account.pw_uid}:{account.pw_gid}::{home}::\n")
            f.write(f"nobody:{{PLAIN}}x:{NOBODY.pw_uid}:{NOBODY.pw_gid}::/nonexistent::\n")
        os.makedirs(mail.path("state", "state"), exist_ok=True)
        os.chmod(mail.path("state"), 0o755)
        os.chmod(mail.path("state", "state"), 0o755)
        # Where Tubepost is installed, submission runs as its account.
        try:
            owner = pwd.getpwnam("tubepost")
        except KeyError:
            owner = pwd.getpwuid(0)
        os.chmod(mail.dir, 0o755)
        for sub in ("run", "spool", "spool/drop", "spool/queue"):
            os.chown(mail.path(sub), owner.pw_uid, owner.pw_gid)
        out = mail.path("out")
        os.makedirs(out)
        os.chmod(out, 0o777)
        mail.newaliases()
        mail.start_program("deliver", "--records", "--listen", f"unix:{mail.dir}/run/deliver.sock")
        wait_for(lambda: os.path.exists(f"{mail.dir}/run/deliver.sock"), 20, "deliver.sock")

        def send(to):
            status, _, err = mail.run("deliver", to, input=f"Subject: for {to}\n\nhello\n", check=False)
            check_equal(status, 0, f"deliver {to}: {err}")

        send("daemon")
        wait_for(lambda: os.path.exists(mail.path("mail", "daemon")), 10, "daemon's mailbox")
        status = os.stat(mail.path("mail", "daemon"))
        check_equal(status.st_uid, DAEMON.pw_uid, "owner of daemon's mailbox")
        send("root")
        wait_for(lambda: os.path.exists(mail.path("mail", "root")), 10, "root's mailbox")
        check_equal(os.stat(mail.path("mail", "root")).st_uid, 0, "owner of root's mailbox")

        # A command and a file of root's .forward, and root's own mailbox beside them.
        command = mail.path("out", "command")
        os.makedirs(mail.path("home", "root"), exist_ok=True)
        with open(mail.path("home", "root", ".forward"), "w") as f:
            f.write(f'\\root\n"|id -u > {out}/uid; cat > {command}"\n')
        os.chmod(mail.path("home", "root"), 0o755)
        before = open(mail.path("mail", "root")).read().count("\nSubject: ")
        send("root")
        wait_for(lambda: os.path.exists(command) and "hello" in open(command).read(), 15, "the command's output")
        check_equal(open(f"{out}/uid").read().strip(), str(NOBODY.pw_uid), "uid of the command in root's .forward")
        check_equal(open(mail.path("mail", "root")).read().count("\nSubject: "), before + 1, "root's own copy")
    print("root's .forward is served by default_privs")


main()
