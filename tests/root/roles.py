#!/usr/bin/python3
"""What the kernel holds each role of a login server to, seen from outside: uid, groups, capabilities,
no-new-privs, seccomp, root directory, descriptors (DESIGN.md section 3); and that the session of one user
reaches nothing of another's, nor of its own user's beside the mail."""
import os
import pwd
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

if os.getuid() != 0:
    tubepost.skip("needs root")
BOSS, ANN = 61001, 61002


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def children_of(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if status_of(entry)["PPid"] == str(pid):
                found.append(int(entry))
        except (OSError, KeyError):
            continue
    return found


def kinds_of_descriptors(pid):
    return {os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")}


def check_confined(pid, uid, gid, what):
    status = status_of(pid)
    check_equal(status["Uid"].split(), [str(uid)] * 4, f"{what}: uid")
    check_equal(status["Gid"].split(), [str(gid)] * 4, f"{what}: gid")
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        check_equal(int(status[capabilities], 16), 0, f"{what}: {capabilities}")
    check_equal(status["NoNewPrivs"], "1", f"{what}: no new privileges")
    check_equal(status["Seccomp"], "2", f"{what}: seccomp")
    return status


def roles_of_a_connection(server, peer):
    """Monitor and front that serve this connection: they hold its socket."""
    ours, theirs = peer.getsockname()[1], peer.getpeername()[1]
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    inode = next(row[9] for row in rows if row[1].endswith(f":{theirs:04X}") and row[2].endswith(f":{ours:04X}"))

    def holders():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/fd/0") == f"socket:[{inode}]":
                    found.append(int(pid))
            except OSError:
                continue
        monitors = [pid for pid in found if status_of(pid)["PPid"] == str(server.pid)]
        fronts = [pid for pid in found if [int(status_of(pid)["PPid"])] == monitors]
        return (monitors[0], fronts[0]) if len(monitors) == len(fronts) == 1 else None
    return wait_for(holders, 10, "monitor and front")


def check_server(mail, service, greeting, login, session_name):
    server = mail.listen(service, f"{session_name}-serve")
    wait_for(lambda: not children_of(server.pid), 10, "the probe's end")
    front_account = pwd.getpwnam("tubepost-front")
    with socket.create_connection(("127.0.0.1", mail.ports[service])) as peer:
        lines = peer.makefile("rb")
        assert lines.readline().startswith(greeting), "greeting"
        monitor, front = roles_of_a_connection(server, peer)
        status = check_confined(front, front_account.pw_uid, front_account.pw_gid, f"{service} front")
        check_equal(status["Groups"].split(), [], f"{service} front: groups")
        check_equal(os.readlink(f"/proc/{front}/root"), mail.path("state", "empty"), f"{service} front: root")
        check_equal(os.listdir(f"/proc/{front}/root/"), [], f"{service} front: what lies in its root")
        check_equal(kinds_of_descriptors(front) - {"socket", "/dev/null", mail.path("log")}, set(),
                    f"{service} front: descriptors")
        check_equal(status_of(monitor)["Uid"].split()[0], "0", f"{service} monitor: uid")
        for line in login:
            peer.sendall(line + b"\r\n")
            assert b"OK" in lines.readline(), line
        # The monitor has become the session; the front has gone (no TLS here).
        session = wait_for(lambda: status_of(monitor)["Name"] == session_name and monitor, 10, "the session")
        status = check_confined(session, BOSS, BOSS, f"{service} session")
        check_equal(status["Groups"].split(), [str(BOSS)], f"{service} session: groups")
        check_equal(children_of(session), [], f"{service} session: children")
        check_equal(kinds_of_descriptors(session) & {mail.path("etc", "passwd"), mail.main_cf}, set(),
                    f"{service} session: descriptors")


def check_walls(mail):
    """A link in boss's folders leads to ann's mailbox, one to boss's own file outside the mail."""
    ann = mail.path("mail", "ann")
    with open(mail.path("home", "boss", "diary"), "w") as f:
        f.write("From boss Tue Nov 24 10:00:00 2026\nSubject: diary\n\nsecret\n")
    os.makedirs(mail.path("home", "boss", "mail", "deep"), exist_ok=True)
    os.symlink(ann, mail.path("home", "boss", "mail", "anns"))
    os.symlink(mail.path("home", "boss", "diary"), mail.path("home", "boss", "mail", "deep", "diary"))
    with open(mail.path("home", "boss", "mail", "own"), "w") as f:
        f.write("From boss Tue Nov 24 10:00:00 2026\nSubject: own\n\nhello\n")
    for directory, folders, files in os.walk(mail.path("home", "boss")):
        for name in [directory] + [os.path.join(directory, one) for one in folders + files]:
            os.lchown(name, BOSS, BOSS)
    with mail.imap("boss", "secret") as imap:
        check_equal(imap.select("own")[0:1], ("OK",), "a folder of one's own")
        for name in ("anns", "deep/diary"):
            status, said = imap.select(name)
            check_equal(status, "NO", f"SELECT {name}: {said}")
        check_equal(imap.select("INBOX")[0], "OK", "INBOX")
        check_equal(imap.append("INBOX", None, None, b"Subject: a\r\n\r\nb\r\n")[0], "OK", "APPEND to the spool")
        check_equal(imap.create("made")[0], "OK", "CREATE")
        check_equal(imap.copy("1", "made")[0], "OK", "COPY")


def main():
    tubepost.need_service_accounts()
    with tubepost.System("mbox") as mail:
        for sub, mode in (("mail", 0o1777), ("home", 0o755), ("etc", 0o755), ("state", 0o755)):
            os.chmod(mail.path(sub), mode)
        with open(mail.path("etc", "passwd"), "w") as f:
            for name, uid in (("boss", BOSS), ("ann", ANN)):
                home = mail.path("home", name)
                os.makedirs(home, mode=0o700)
                os.chown(home, uid, uid)
                f.write(f"{name}:{{PLAIN}}secret:{uid}:{uid}::{home}::\n")
                box = mail.path("mail", name)
                with open(box, "w") as box_file:
                    box_file.write(f"From {name} Tue Nov 24 10:00:00 2026\nSubject: of {name}\n\nhello\n")
                os.chmod(box, 0o600)
                os.chown(box, uid, uid)
        os.chmod(mail.path("etc", "passwd"), 0o600)
        check_server(mail, "imap", b"* OK", [b"a LOGIN boss secret"], "imap")
        check_server(mail, "pop3", b"+OK", [b"USER boss", b"PASS secret"], "pop3")
        check_walls(mail)
    print("each role is held to its table")


main()
