#!/usr/bin/python3
"""The scripts of tests/transcripts/relay against the built smtp-send, in its form `smtp-send HOST
RECIPIENT...`: one connection on loopback each, every line it says compared, its result lines and its
exit status too. Scripts about what that form cannot be told (several messages, sizes, SMTPUTF8) or
that wait for a deadline are left to the unit test."""
import concurrent.futures
import os
import re
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import tubepost

SCRIPTS = os.path.join(HERE, "../transcripts/relay")
LEFT_OUT = ("messages", "size", "smtputf8", "8bit", "body_fails", "block")


def unescape(text):
    def one(found):
        code = found.group(1)
        return bytes.fromhex(code[1:].decode()) if code[:1] == b"x" else {
            b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}.get(code, code)
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", one, text)


class Script:
    def __init__(self, path):
        self.settings, self.steps = [], []
        with open(path, "rb") as f:
            for line in f.read().split(b"\n"):
                head, text = line[:2], line[3:]
                if head == b"@ ":
                    name, _, value = line[2:].partition(b" ")
                    self.settings.append((name.decode(), value))
                elif head in (b"S:", b"C:"):
                    self.steps.append((head[:1], text + b"\r\n"))
                elif head == b"S~":
                    self.steps.append((b"S", unescape(text)))
                elif line.startswith(b"!"):
                    self.steps.append((b"!", line[2:]))

    def all(self, name):
        return [value for key, value in self.settings if key == name]

    def fits(self):
        return (not any(self.all(name) for name in LEFT_OUT)
                and not any(key in LEFT_OUT for key, _ in self.settings)
                and (b"!", b"timeout") not in self.steps
                and not any(step[0] == b"S" and b"SMTPUTF8" in step[1] for step in self.steps))


def serve(listener, steps, faults):
    try:
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            stream = connection.makefile("rb")
            for kind, octets in steps:
                if kind == b"S":
                    connection.sendall(octets)
                elif kind == b"!":
                    return
                else:
                    line = stream.readline()
                    if line != octets:
                        faults.append(f"client says {line!r}, not {octets!r}")
                        return
            rest = stream.read()
            if rest:
                faults.append(f"client says more: {rest!r}")
    except OSError as error:
        faults.append(f"server: {error}")


def as_result(recipient, setting):
    """'sent 2.0.0 250 ok' of a script as a pattern of smtp-send's line; log_text escapes once more."""
    outcome, status, text = setting.split(b" ", 2)
    recipient = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in recipient.decode())
    pattern = re.escape(f"{outcome.decode()} {recipient} {status.decode()} {text.decode()[:400]}")
    return pattern.replace(r"\*", ".*").replace(re.escape("\\x"), r"\\+x") + ".*"


def play(path, config):
    script = Script(path)
    if not script.fits():
        return False
    faults = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=serve, args=(listener, script.steps, faults))
        thread.start()
        recipients = [unescape(to) for to in script.all("to")] or [b"bob@peer.example"]
        sender = (script.all("from") or [b"ann@linuxprobe.com"])[0].replace(b"<>", b"")
        body = unescape(script.all("body")[0]) if script.all("body") else b"Hello\n"
        from_option = ["--from", sender] if sender else []
        done = subprocess.run([os.path.join(tubepost.BUILD, "smtp-send"), "-c", config, *from_option,
                               f"[127.0.0.1]:{listener.getsockname()[1]}", *recipients],
                              input=body, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        thread.join()
    wanted = script.all("result")
    if script.all("greet"):
        status, text = script.all("greet")[0].split(b" ", 1)
        outcome = b"failed" if status.startswith(b"5") else b"deferred"
        wanted = [b" ".join((outcome, status, text))] * len(recipients)
    words = [one.split(b" ")[0] for one in wanted]
    exit_status = 75 if {b"deferred", b"unknown"} & set(words) else 69 if b"failed" in words else 0
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode != exit_status:
        faults.append(f"exit status {done.returncode}, not {exit_status}: {done.stderr.decode()}")
    if len(lines) != len(wanted):
        faults.append(f"{len(lines)} result lines, not {len(wanted)}")
    for line, recipient, setting in zip(lines, recipients, wanted):
        if not re.fullmatch(as_result(recipient, setting), line):
            faults.append(f"result {line!r}, not {setting!r}")
    if faults:
        raise AssertionError(f"{os.path.basename(path)}:\n  " + "\n  ".join(faults))
    return True


if __name__ == "__main__":
    with tubepost.System() as system:
        paths = sys.argv[1:] or sorted(os.path.join(SCRIPTS, name) for name in os.listdir(SCRIPTS))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            played = sum(pool.map(lambda path: play(path, system.main_cf), paths))
    assert played >= 50 or sys.argv[1:], f"only {played} scripts played"
    print(f"{played} of {len(paths)} scripts")
