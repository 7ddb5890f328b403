#!/usr/bin/python3
"""Scripts that pipe into `deliver`, also by the name sendmail: recipients from arguments and header, Bcc and
what an earlier mailbox said dropped, lines of any length, the lone dot, exit statuses, nothing listening.

Run by root it becomes nobody first.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost
from tubepost import check_equal, wait_for

tubepost.become_nobody()


def stored(mail, user):
    """Messages of a user as (header, body), and the mailbox emptied."""
    def all_of():
        with mail.imap(user, "secret") as imap:
            count = int(imap.select()[1][0])
            if count == 0:
                return []
            data = imap.fetch("1:*", "(BODY.PEEK[])")[1]
            imap.store("1:*", "+FLAGS", r"(\Deleted)")
            imap.expunge()
        return [tuple(part[1].split(b"\r\n\r\n", 1)) for part in data if isinstance(part, tuple)]
    return wait_for(all_of, 20, f"mail for {user}")


def main():
    with tubepost.System("maildir") as mail:
        for user in ("boss", "ann"):
            mail.add_account(user, "secret")
        mail.start()

        # Recipients from the header; Bcc is honoured and gone, as is what another mailbox said.
        mail.run("deliver", "-t", "-f", "ann", input=(
            "Return-Path: <old@x.example>\nContent-Length: 99\nTo: boss\nBcc: ann@linuxprobe.com\nSubject: t\n\nhi\n"))
        for user in ("boss", "ann"):
            [(header, body)] = stored(mail, user)
            check_equal(body, b"hi\r\n", "body")
            check_equal(header.split(b"\r\n")[0], b"Return-Path: <ann@linuxprobe.com>", "the only Return-Path")
            for gone in (b"old@x.example", b"Content-Length", b"Bcc:"):
                assert gone not in header, header
            for added in (b"\r\nFrom: ", b"\r\nDate: ", b"\r\nMessage-Id: <"):
                assert added in header, header

        # Lines longer than any buffer, with CR in them and at pieces' ends; dots.
        long = b"." + b"abc\rdef" * 60000 + b"\r" * 70000 + b"."
        text = b"first\n" + long + b"\r\n..\n. \n.x\nlast"
        mail.run("deliver", "boss", input=b"Subject: long\n\n" + text + b"\n.\nnot any more\n")
        check_equal(stored(mail, "boss")[0][1].replace(b"\r\n", b"\n"), text.replace(b"\r\n", b"\n") + b"\n", "long lines")
        mail.run("deliver", "-i", "boss", input=b"Subject: dots\n\none\n.\ntwo\n")
        check_equal(stored(mail, "boss")[0][1], b"one\r\n.\r\ntwo\r\n", "with -i a lone dot is text")

        # No header at all; by the name sendmail, with options that mean nothing here.
        sendmail = mail.path("sendmail")
        os.symlink(mail.program("deliver"), sendmail)
        mail.program = lambda name, before=mail.program: sendmail if name == "sendmail" else before(name)
        mail.run("sendmail", "-oi", "-oem", "-B8BITMIME", "boss", input=b"no header here\n")
        check_equal(stored(mail, "boss")[0][1], b"no header here\r\n", "text without header")

        # Refusals: unknown user 67, no recipient 64, not an address 65; nothing is taken for the others then.
        check_equal(mail.run("deliver", "boss", "nobody-here", input="x\n", check=False)[0], 67, "unknown user")
        check_equal(mail.run("deliver", input="x\n", check=False)[0], 64, "no recipient")
        check_equal(mail.run("deliver", "-t", input="Subject: x\n\nx\n", check=False)[0], 65, "none in the header")
        check_equal(mail.run("deliver", "<>@", input="x\n", check=False)[0], 65, "not an address")
        with mail.imap("boss", "secret") as imap:
            check_equal(imap.select()[1], [b"0"], "nothing of what was refused")
    print("deliver takes what scripts pipe into it")


main()
