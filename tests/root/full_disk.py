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
    for store, place in (("mbox", "mail"), ("maildir", "home")):
        with tubepost.System(store) as mail:
            for mounted, size in ((place, "600k"), ("spool", "600k")):
                if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid=65534", "tmpfs",
                                   mail.path(mounted)]).returncode != 0:
                    tubepost.skip("no file system can be mounted here")
            for sub in ("spool/queue", "spool/drop"):
                os.makedirs(mail.path(sub), mode=0o700)
            for top, folders, files in os.walk(mail.dir):
                for name in [top] + [os.path.join(top, one) for one in files]:
                    os.chown(name, 65534, 65534)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    tubepost.become_nobody()
                    with mail:
                        scenario(mail, store)
                        full_queue(mail)
                    status = 0
                except BaseException as error:  # noqa: the child must not return into main
                    print(error, file=sys.stderr)
                finally:
                    sys.stdout.flush()
                    os._exit(status)
            check_equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "the scenario, see above")
            for mounted in (place, "spool"):
                subprocess.run(["umount", mail.path(mounted)])


main()
