#!/usr/bin/env python3
"""COPY, MOVE and EXPUNGE of 1,000 messages in mailboxes that have lain on the disk for a while, of servers in turn.

    moves.py BOX NAME:PORT:USER ... [--wait 125] [--rounds 1]

BOX is a Maildir of 2,000 messages or more; each USER (password pw-USER) gets a copy of it in ~/Maildir. Then `sync`, and
after so many seconds the commands; later rounds wait again. Needs root. Prints milliseconds, medians, with the ratio to the first server."""
import argparse
import imaplib
import os
import pwd
import shutil
import statistics
import subprocess
import time

COMMANDS = {
    "COPY 1k": ("COPY", "1:1000", "bulk"),
    "MOVE 1k": ("MOVE", "1:1000", "bulk"),
    "STORE 1k Deleted": ("STORE", "1:1000", "+FLAGS.SILENT", r"(\Deleted)"),
    "EXPUNGE 1k": ("EXPUNGE",),
    "NOOP": ("NOOP",),
}


def lay(box, user):
    account = pwd.getpwnam(user)
    target = account.pw_dir + "/Maildir"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", box, target], check=True)
    subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", target], check=True)


def measure(port, user):
    imap = imaplib.IMAP4("127.0.0.1", port)
    imap.login(user, "pw-" + user)
    imap.create("bulk")
    imap.select("INBOX")
    imap.fetch("1:*", "(UID FLAGS RFC822.SIZE)")
    times = {}
    for label, command in COMMANDS.items():
        begun = time.perf_counter()
        kind, answer = imap.xatom(*command)
        times[label] = (time.perf_counter() - begun) * 1e3
        assert kind == "OK", (label, answer)
    imap.logout()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("box")
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--wait", type=float, default=125)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    servers = [server.split(":") for server in options.servers]
    figures = {name: {label: [] for label in COMMANDS} for name, _, _ in servers}
    for _ in range(options.rounds):
        for _, _, user in servers:
            lay(options.box, user)
        os.sync()
        time.sleep(options.wait)
        for name, port, user in servers:
            for label, took in measure(int(port), user).items():
                figures[name][label].append(took)
    print("| | " + " | ".join(name for name, _, _ in servers) + " |\n|---|" + "---:|" * len(servers))
    for label in COMMANDS:
        medians = [statistics.median(figures[name][label]) for name, _, _ in servers]
        print(f"| {label} | " + " | ".join(f"{took:,.1f} ({took / medians[0]:.2f})" for took in medians) + " |")


if __name__ == "__main__":
    main()
