#!/usr/bin/python3
"""The first message to an account whose mail_location is a hashed tree: the directories below its fixed part appear,
root's and the user's as they should be, and nobody's link or name leads root to another place."""
import grp
import os
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

if os.getuid() != 0:
    tubepost.skip("needs root")
BOSS, ANN, VMAIL = 61001, 61002, 61005
MAIL = grp.getgrnam("mail").gr_gid


def make(path, mode=0o755, uid=0, gid=0):
    os.mkdir(path)
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def set_location(mail, location):
    with open(mail.main_cf) as f:
        lines = [line for line in f if not line.startswith("mail_location")]
    with open(mail.main_cf, "w") as f:
        f.writelines(lines + [f"mail_location = {location}\n"])


def set_accounts(mail, *accounts):
    with open(mail.path("etc", "passwd"), "w") as f:
        for name, uid in accounts:
            f.write(f"{name}:{{PLAIN}}secret:{uid}:{uid}::/nonexistent::\n")
    os.chmod(mail.path("etc", "passwd"), 0o644)


def what_lies(root, *parts):
    status = os.lstat(os.path.join(root, *parts))
    return oct(stat.S_IMODE(status.st_mode)), status.st_uid, status.st_gid


def restart(mail):
    for process in mail.processes:
        process.terminate()
        process.wait()
    mail.processes.clear()
    if os.path.exists(mail.path("run", "deliver.sock")):
        os.unlink(mail.path("run", "deliver.sock"))
    mail.start_program("deliver", "--records", "--listen", f"unix:{mail.dir}/run/deliver.sock")
    wait_for(lambda: os.path.exists(f"{mail.dir}/run/deliver.sock"), 20, "deliver.sock")
    mail.listen("smtp", "smtp-recv")
    mail.listen("imap", "imap-serve")
    mail.listen("pop3", "pop3-serve")


def send(mail, to, subject="x"):
    """The reply to RCPT or to the message: with the servers of this test nothing is queued."""
    with mail.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("a@b.example")
        code, reply = smtp.docmd(f"RCPT TO:<{to}>")
        if code == 250:
            code, reply = smtp.data(f"Subject: {subject}\r\n\r\nhello\r\n")
        return code


def count(mail, user):
    with mail.imap(user, "secret") as imap:
        return int(imap.select()[1][0])


def check_refused(mail, to, said):
    before = len(mail.log())
    code = send(mail, to)
    assert code // 100 == 4, code
    assert said in mail.log()[before:], mail.log()[before:]


def trees(mail, form, inbox):
    """Everybody's levels are root's, the last one and the index's are the user's."""
    root, index = mail.path("mail"), mail.path("index")
    make(index)
    set_location(mail, f"{form}:{root}/%d/%1n/%n:INDEX={index}/%d/%1n/%n")
    set_accounts(mail, ("boss@linuxprobe.com", BOSS), ("ann", ANN))
    restart(mail)
    # Who logs in before the first message finds an empty mailbox: deliver has made the place for it.
    pop3 = mail.pop3("boss@linuxprobe.com", "secret")
    check_equal(pop3.stat(), (0, 0), "STAT before the first message")
    pop3.quit()
    check_equal(os.path.exists(f"{root}/a"), False, "made for who has not come yet")
    check_equal(count(mail, "ann"), 0, "messages before the first")
    for user, uid, above in (("boss@linuxprobe.com", BOSS, ("linuxprobe.com", "b")), ("ann", ANN, ("a",))):
        name = user.split("@")[0]
        check_equal(send(mail, name + "@linuxprobe.com"), 250, f"the first message to {user}")
        for place in (root, index):
            for depth in range(1, len(above) + 1):
                check_equal(what_lies(place, *above[:depth]), ("0o755", 0, 0), f"{place}: {above[:depth]}")
            check_equal(what_lies(place, *above, name), ("0o700", uid, uid), f"{place}: the user's own")
        check_equal(what_lies(root, *above, name, inbox)[1], uid, "the INBOX")
        check_equal(count(mail, user), 1, "messages")
        with mail.imap(user, "secret") as imap:
            check_equal(imap.create("Sent")[0], "OK", "CREATE")
            check_equal(imap.append("Sent", None, None, b"Subject: x\r\n\r\nx\r\n")[0], "OK", "APPEND")
    check_equal(send(mail, "boss@linuxprobe.com"), 250, "the second message")
    check_equal(count(mail, "boss@linuxprobe.com"), 2, "messages")
    for place in (root, index):
        shutil.rmtree(place)
        make(place)


def nobody_leads_root_astray(mail):
    root, other = mail.path("mail"), mail.path("other")
    os.chmod(root, 0o1777)
    make(other)
    set_location(mail, f"mbox:{root}/%d/%1n/%n")
    set_accounts(mail, ("boss@linuxprobe.com", BOSS), ("b", ANN), ("xan", ANN))
    restart(mail)
    before = os.stat(other).st_mtime_ns
    domain = os.path.join(root, "linuxprobe.com")
    os.symlink(other, domain)
    os.lchown(domain, ANN, ANN)
    check_refused(mail, "boss@linuxprobe.com", domain + " is no directory")
    os.unlink(domain)
    make(domain, 0o755, ANN, ANN)
    check_refused(mail, "boss@linuxprobe.com", "is neither root's nor")
    check_equal(os.listdir(domain), [], "made in another's directory")
    os.rmdir(domain)
    make(os.path.join(root, "b"))
    os.symlink(other, os.path.join(root, "b", "b"))
    os.lchown(os.path.join(root, "b", "b"), ANN, ANN)
    check_refused(mail, "b@linuxprobe.com", f"{root}/b/b is no directory")
    # Made, but not yet given away when the power went: given now. One with content and rights is left.
    make(os.path.join(root, "x"))
    make(os.path.join(root, "x", "xan"), 0)
    check_equal(send(mail, "xan@linuxprobe.com"), 250, "a directory that is not given away yet")
    check_equal(what_lies(root, "x", "xan"), ("0o700", ANN, ANN), "given away")
    check_equal(sorted(os.listdir(root)), ["b", "x"], "what was made")
    check_equal(what_lies(other), ("0o755", 0, 0), "where links lead")
    check_equal(os.stat(other).st_mtime_ns, before, "where links lead")
    # A base that is not there is a disk that is not mounted.
    set_location(mail, f"mbox:{root}/srv/%n")
    restart(mail)
    check_refused(mail, "xan@linuxprobe.com", "is missing")
    assert not os.path.exists(os.path.join(root, "srv"))


def spools(mail):
    """A hashed spool of group mail: directories and files as in /var/mail itself. In a user's own directory
    root makes no lock file either."""
    root, other = mail.path("mail"), mail.path("other")
    shutil.rmtree(root)
    make(root, 0o2775, 0, MAIL)
    home = mail.path("home")
    set_accounts(mail, ("boss", BOSS))
    set_location(mail, f"mbox:{home}/mail:INBOX={root}/%1n/%n")
    os.chown(home, BOSS, BOSS)
    restart(mail)
    check_equal(send(mail, "boss@linuxprobe.com"), 250, "the first message in a spool")
    check_equal(what_lies(root, "b"), ("0o755", 0, 0), "a level of the spool")
    check_equal(what_lies(root, "b", "boss"), ("0o660", BOSS, MAIL), "the mbox")
    check_equal(count(mail, "boss"), 1, "messages in the spool")
    own = os.path.join(root, "own")
    os.symlink(other, own)
    os.lchown(own, BOSS, BOSS)
    set_location(mail, f"mbox:{home}/mail:INBOX={own}/%n")
    restart(mail)
    before = os.stat(other).st_mtime_ns
    assert send(mail, "boss@linuxprobe.com") // 100 == 4
    with open(os.path.join(other, "boss"), "w"):
        os.chown(os.path.join(other, "boss"), BOSS, BOSS)
    before = os.stat(other).st_mtime_ns
    check_equal(send(mail, "boss@linuxprobe.com"), 250, "an mbox behind a user's link")
    check_equal(os.stat(other).st_mtime_ns, before, "a lock file behind a user's link")


def all_of_one_account(mail, form):
    """A tree of vmail's: deliveries and sessions make what is missing by themselves."""
    root = mail.path("vmail")
    make(root, 0o755, VMAIL, VMAIL)
    set_location(mail, f"{form}:{root}/%d/%1n/%n")
    set_accounts(mail, ("boss@linuxprobe.com", VMAIL), ("ann@linuxprobe.com", VMAIL))
    restart(mail)
    check_equal(send(mail, "boss@linuxprobe.com"), 250, "the first message")
    check_equal(count(mail, "boss@linuxprobe.com"), 1, "messages")
    with mail.imap("ann@linuxprobe.com", "secret") as imap:
        check_equal(imap.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n")[0], "OK", "APPEND is the first message")
    check_equal(count(mail, "ann@linuxprobe.com"), 1, "messages")
    for parts in ((), ("linuxprobe.com",), ("linuxprobe.com", "a", "ann")):
        check_equal(what_lies(root, *parts)[1], VMAIL, f"{parts}")
    shutil.rmtree(root)


def main():
    os.umask(0o077)  # whatever the servers are started with
    with tubepost.System("mbox") as mail:
        for sub in ("mail", "home", "etc", "run"):
            os.chmod(mail.path(sub), 0o755)
        mail.give_to_service_account()
        mail.newaliases()
        trees(mail, "mbox", "inbox")
        shutil.rmtree(mail.path("index"))
        trees(mail, "maildir", "new")
        nobody_leads_root_astray(mail)
        spools(mail)
        for form in ("mbox", "maildir"):
            all_of_one_account(mail, form)
    print("new users find their directories")


main()
