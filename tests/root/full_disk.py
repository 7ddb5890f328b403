#!/usr/bin/python3
"""File systems that are really full: mail that does not fit is put off with 452 or 451, nothing of it is left
behind, what was acknowledged is there octet for octet, and a user can still delete; with the queue's
file system full, mail for other hosts is refused before anything is promised."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

if os.getuid() != 0:
    tubepost.skip("needs root, to mount a small file system")
if "--inside" not in sys.argv:
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, "--inside"])

BODY = "0123456789 0123456789 0123456789\r\n" * 1500  # 51 KB


def send(mail, to, subject):
    with mail.smtp() as smtp:
        smtp.ehlo()
        text = f"Subject: {subject}\r\n\r\n{BODY}"
        code, reply = smtp.mail("a@b.example", [f"SIZE={len(text)}"])
        if code == 250:
            code, reply = smtp.rcpt(to)
        if code == 250:
            code, reply = smtp.data(text)
        return code, reply.decode()


def messages(mail):
    with mail.imap("boss", "secret") as imap:
        if imap.select()[1][0] == b"0":
            return []
        data = imap.fetch("1:*", "(BODY.PEEK[])")[1]
    found = []
    for part in data:
        if isinstance(part, tuple):
            header, body = part[1].split(b"\r\n\r\n", 1)
            check_equal(body.decode(), BODY, "a stored body")
            found.append(header.decode().split("Subject: ")[1].split("\r\n")[0])
    return found


def scenario(mail, place):
    mail.add_account("boss", "secret")
    mail.start(queue=False)
    taken, refused = [], 0
    for number in range(20):
        code, reply = send(mail, "boss@linuxprobe.com", f"n{number}")
        if code == 250:
            taken.append(f"n{number}")
            check_equal(refused, 0, f"n{number} taken after a refusal")
        else:
            assert code in (451, 452), (code, reply)
            refused += 1
    print(f"{place}: {len(taken)} taken, {refused} put off: {reply}")
    assert taken and refused, (taken, refused)
    check_equal(messages(mail), taken, "what was acknowledged")
    # The mail is put off, not lost or doubled; a user makes room.
    with mail.imap("boss", "secret") as imap:
        imap.select()
        check_equal(imap.store("1:2", "+FLAGS", r"(\Deleted)")[0], "OK", "STORE on a full disk")
        check_equal(imap.expunge()[0], "OK", "EXPUNGE on a full disk")
    check_equal(messages(mail), taken[2:], "after two were deleted")
    check_equal(send(mail, "boss@linuxprobe.com", "again")[0], 250, "mail after room was made")
    check_equal(messages(mail), taken[2:] + ["again"], "after room was made")


def little_room_for_windows(mail, _):
    """The state's file system has less room than a window; the mailbox's own has enough."""
    mail.add_account("ann", "secret")
    mail.listen("imap", "imap-serve")
    box, state = mail.path("mail", "ann"), mail.path("home", "ann", "mail")
    with open(box, "w") as f:
        for number in range(300):
            f.write(f"From a@b.example Tue Nov 24 10:00:00 2026\nSubject: w{number}\n\n" + "0123456789\n" * 600 + "\n")
    size = os.stat(box).st_size

    def fill(left):
        room = os.statvfs(state)
        with open(os.path.join(state, f"ballast{left}"), "wb") as f:
            f.write(b"x" * max(0, room.f_bavail * room.f_frsize - left))

    with mail.imap("ann", "secret") as imap:
        check_equal(imap.select(), ("OK", [b"300"]), "SELECT")
        fill(100_000)
        imap.store("1:2", "+FLAGS", r"(\Deleted)")
        check_equal(imap.expunge()[0], "OK", "EXPUNGE with little room")
        smaller = os.stat(box).st_size
        assert smaller < size, "nothing was taken out"
        fill(0)
        check_equal(imap.store("1", "+FLAGS", r"(\Deleted)")[0], "OK", "STORE without room")
        check_equal(imap.expunge()[0], "OK", "EXPUNGE without room")
        check_equal(imap.select(), ("OK", [b"297"]), "what is expunged is hidden")
        check_equal(os.stat(box).st_size, smaller, "the mailbox is left alone")
        for ballast in os.listdir(state):
            if ballast.startswith("ballast"):
                os.unlink(os.path.join(state, ballast))
        imap.close()
    with mail.imap("ann", "secret") as imap:
        imap.select()
        imap.close()
    with open(box) as f:
        text = f.read()
    check_equal([text.count("\nSubject: "), text.count("0123456789\n")], [297, 297 * 600], "once there is room")
    print("windows: smaller where there is little room")


def full_queue(mail):
    for number in range(20):
        code, reply = send(mail, "far@away.example", f"q{number}")
        if code != 250:
            break
    assert code in (451, 452), (code, reply)
    print(f"queue: {number} taken, then {code} {reply}")
    listing = mail.run("smtp-send", "--list")[1]
    check_equal(listing.count("far@away.example"), number, f"messages in the queue:\n{listing}")
    left = [name for name in os.listdir(mail.path("spool", "queue")) if not name.startswith(".")]
    check_equal(len([name for name in left if "." not in name and "lock" not in name]) >= number, True, str(left))


def main():
    def usual(mail, store):
        scenario(mail, store)
        full_queue(mail)

    for store, places, scene in (("mbox", ("mail", "spool"), usual), ("maildir", ("home", "spool"), usual),
                                 ("mbox", ("home/ann/mail",), little_room_for_windows)):
        with tubepost.System(store) as mail:
            if "home/ann/mail" in places:
                os.makedirs(mail.path("home/ann/mail"))
            for mounted in places:
                if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k,mode=700,uid=65534", "tmpfs",
                                   mail.path(mounted)]).returncode != 0:
                    tubepost.skip("no file system can be mounted here")
            for sub in ("spool/queue", "spool/drop"):
                os.makedirs(mail.path(sub), mode=0o700, exist_ok=True)
            for top, folders, files in os.walk(mail.dir):
                for name in [top] + [os.path.join(top, one) for one in files]:
                    os.chown(name, 65534, 65534)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    tubepost.become_nobody()
                    with mail:
                        scene(mail, store)
                    status = 0
                except BaseException as error:  # noqa: the child must not return into main
                    print(error, file=sys.stderr)
                finally:
                    sys.stdout.flush()
                    os._exit(status)
            check_equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "the scenario, see above")
            for mounted in places:
                subprocess.run(["umount", mail.path(mounted)])


main()
