#!/usr/bin/env python3
"""dovecot.conf's grammar: doveconf (Dovecot 2.3) and pop3-serve --print-config read the same in many small files.

Where doveconf refuses a file, so must we, and the reverse; where both take it, the value must be the same.
Debian's own files, as dovecot-core installs them, must load unchanged."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost  # noqa: E402

if not shutil.which("doveconf"):
    tubepost.skip("no doveconf")
version = subprocess.run(["doveconf", "-n", "-c", "/dev/null"], capture_output=True, text=True).stdout
if not version.startswith("# 2.3."):
    tubepost.skip("not Dovecot 2.3")

POP3 = os.path.join(tubepost.BUILD, "pop3-serve")
work = tempfile.mkdtemp(prefix="tubepost-grammar-")
os.makedirs(f"{work}/inc/nothing")
for name, text in {"inc/1.conf": "hostname = one\n", "inc/2.conf": "hostname = two\n", "inc/driver": "driver = pam\n",
                   "inc/open": "protocol pop3 {\n", "inc/deep.conf": "!include sub*.ext\n",
                   "inc/sub1.ext": "hostname = deep\n"}.items():
    with open(f"{work}/{name}", "w") as f:
        f.write(text)

# Text of the file and the setting that is asked for, as it holds for POP3.
CASES = [
    # Values, quotation marks, escapes, comments.
    ('hostname = a b', "hostname"), ('hostname=a', "hostname"), ('hostname =', "hostname"), ('hostname == a', "hostname"),
    ('\thostname\t=\ta\tb\t ', "hostname"), ('hostname = a\r', "hostname"),
    ('hostname = "a \\"b\\" c\\\\d"', "hostname"), ("hostname = 'a \\'b'", "hostname"), ('hostname = "a\\nb"', "hostname"),
    ('hostname = "a" b', "hostname"), ('hostname = "a"b"', "hostname"), ('hostname = "a # b"  # c', "hostname"),
    ("hostname = users' mail # c", "hostname"), ('hostname = a "b # c" # d', "hostname"), ('hostname = a#b', "hostname"),
    ('hostname = a # b', "hostname"), ('hostname =# a', "hostname"), ('hostname = "a # b', "hostname"),
    ('hostname = "<a"', "hostname"), ('hostname = "{ }"', "hostname"), ('hostname = a {', "hostname"), ('hostname = }', "hostname"),
    # Continued lines.
    ('hostname = a \\\n   b \\\n c', "hostname"), ('hostname = a\\\nb', "hostname"), ('hostname = a \\ # x\nb', "hostname"),
    ('hostname = a \\\n# x\nmail_home = b', "hostname"), ('hostname = a \\\n\nmail_home = b', "mail_home"),
    ('hostname = a \\\n# x\nb', "hostname"), ('hostname = a \\', "hostname"), ('host\\\nname = a', "hostname"),
    # Files as values.
    ('ssl_cert = </etc/hostname', "ssl_cert"), ('ssl_cert = <   /etc/hostname # x', "ssl_cert"),
    ('ssl_cert = <</etc/hostname', "ssl_cert"), ('ssl_ca = "</etc/hostname"', "ssl_ca"),
    # Variables.
    ('mail_home = a\nmail_home = $mail_home b', "mail_home"), ('mail_home = a\nmail_home = "$mail_home b"', "mail_home"),
    ('mail_home = a\nhostname = $mail_home$mail_home', "hostname"), ('mail_home = a\nhostname = ($mail_home)', "hostname"),
    ('mail_home = a\nhostname = $mail_home.', "hostname"), ('mail_home = a\nhostname = x  $mail_home', "hostname"),
    ('hostname = $nothing x', "hostname"), ('hostname = $ENV:HOME', "hostname"), ('hostname = $', "hostname"),
    ('hostname = $hostname x', "hostname"), ('hostname = $mail_home x', "hostname"), ('hostname = x $ssl', "hostname"),
    ('hostname = x $auth_verbose $mbox_lock_timeout $imap_max_line_length $mail_max_userip_connections', "hostname"),
    ('auth_mechanisms = $auth_mechanisms login', "auth_mechanisms"), ('protocols = $protocols imap', "protocols"),
    ('hostname = %{env:HOME} %u %Lu %{user}', "hostname"),
    ('mail_home = a\nprotocol pop3 {\n mail_home = $mail_home b\n}', "mail_home"),
    ('mail_home = a\nprotocol pop3 {\n mail_home = $mail_home b\n}\nmail_home = c', "mail_home"),
    ('protocol pop3 {\n hostname = $mail_home b\n}', "hostname"),
    ('mail_location = x\nnamespace inbox {\n inbox = yes\n location = $mail_location\n}', "namespace/inbox/location"),
    # Inclusion.
    ('!include inc/*.conf', "hostname"), ('!include inc/1.conf', "hostname"), ('!include inc/none', "hostname"),
    ('!include inc/none*', "hostname"), ('!include_try inc/none', "hostname"), ('!include_try inc/none*', "hostname"),
    ('!include "inc/1.conf"', "hostname"), ('!include inc/1.conf # x', "hostname"), ('!include inc/1.conf inc/2.conf', "hostname"),
    ('!include inc/{2,1}.conf', "hostname"), ('!include inc/[12].conf', "hostname"), ('!includex inc/1.conf', "hostname"),
    ('!include inc/n*g', "hostname"), ('!include inc/deep.conf', "hostname"), (f'!include {work}/inc/1.conf', "hostname"),
    ('passdb {\n !include inc/driver\n}', "hostname"), ('!include inc/1.conf\nhostname = three', "hostname"),
    ('hostname = three\n!include inc/1.conf', "hostname"), ('!include', "hostname"),
    # Sections.
    ('service imap-login {\n inet_listener imap {\n port = 10\n }\n}', "service/imap-login/inet_listener/imap/port"),
    ('service imap-login { inet_listener imap { port = 10 } }', "hostname"), ('service imap-login\n{\n}', "hostname"),
    ('namespace inbox {\n inbox = yes\n} # x', "namespace/inbox/inbox"), ('namespace inbox {\n inbox = yes }', "hostname"),
    ('namespace inbox{\n}', "hostname"), ('namespace inbox { # x\n inbox = yes\n}', "namespace/inbox/inbox"),
    ('namespace inbox {\n inbox = yes', "hostname"), ('}', "hostname"), ('namespace "in box" {\n prefix = a\n}', "hostname"),
    ('namespace inbox {\n prefix = a\n}\nnamespace inbox {\n prefix = b\n}', "namespace/inbox/prefix"),
    ('namespace inbox {\n mailbox "Sent Items" {\n auto = create\n }\n}', "hostname"),
    ('namespace inbox {\n mailbox Sent {\n auto = maybe\n }\n}', "hostname"), ('hostname', "hostname"), ('hostname a', "hostname"),
    ('= a', "hostname"), ('passdb x {\n driver = pam\n}\npassdb x {\n driver = pam\n}', "hostname"),
    ('plugin {\n quota = a\n}\nplugin {\n quota = b\n}', "plugin/quota"), ('dict {\n quota = a\n}', "dict/quota"),
    ('service auth {\n unix_listener /var/spool/postfix/private/auth {\n  mode = 0660\n }\n}', "hostname"),
    ('metric x {\n filter = event=imap*\n}', "hostname"),
    # Filters.
    ('protocol pop3 {\n hostname = a\n}\nhostname = b', "hostname"), ('protocol imap {\n hostname = a\n}\nhostname = b', "hostname"),
    ('protocol pop3 {\n hostname = a\n}\nprotocol pop3 {\n hostname = b\n}', "hostname"),
    ('protocol !imap {\n hostname = a\n}', "hostname"), ('protocol !pop3 {\n hostname = a\n}', "hostname"),
    ('protocol !imap {\n hostname = a\n}\nprotocol pop3 {\n hostname = b\n}', "hostname"),
    ('protocol pop3 {\n hostname = b\n}\nprotocol !imap {\n hostname = a\n}', "hostname"),
    ('protocol imap pop3 {\n hostname = a\n}', "hostname"), ('protocol "pop3" {\n hostname = a\n}', "hostname"),
    ('protocol other {\n hostname = a\n}', "hostname"), ('protocol {\n hostname = a\n}', "hostname"),
    ('protocol imap {\n protocol pop3 {\n }\n}', "hostname"), ('protocol imap {\n local 10.0.0.0/8 {\n }\n}', "hostname"),
    ('remote 10.0.0.0/8 {\n local 10.0.0.0/8 {\n }\n}', "hostname"), ('local 10.0.0.0/8 {\n remote 10.0.0.0/8 {\n }\n}', "hostname"),
    ('remote 10.0.0.0/8 {\n local_name a {\n }\n}', "hostname"), ('local_name a {\n local 10.0.0.1 {\n }\n}', "hostname"),
    ('remote 10.0.0.1 10.0.0.2 {\n}', "hostname"), ('remote "10.0.0.1 10.0.0.2" {\n hostname = a\n}', "hostname"),
    ('local ::1 {\n hostname = a\n}', "hostname"), ('local_name "a.test b.test" {\n ssl = no\n}', "ssl"),
]
for value in ("yes", "Yes", "YES", "y", "Y", "1", "true", "TRUE", "no", "No", "n", "0", "false", "on", "off", "", "enabled"):
    CASES.append((f"auth_verbose = {value}", "auth_verbose"))
for value in ("30 secs", "30secs", "30s", "30", "0", "1 hour", "5m", "5 m", "2 weeks", "2w", "1 min", "3 days", "500 msecs", "500ms",
              "1 milliseconds", "1.5 hours", "1 mon", "1 year", "-1 s", "1 foo", "1h 5m", "infinite", "5 MINS", "1 hou", "2 seconds"):
    CASES.append((f"mbox_lock_timeout = {value}", "mbox_lock_timeout"))
for value in ("256M", "1 GB", "1g", "64k", "64 k", "64 kB", "100", "10b", "1T", "1x", "-1", "unlimited", "1 KiB", "0", "", "5 k b"):
    CASES.append((f"mbox_min_index_size = {value}", "mbox_min_index_size"))
for value in ("5", "0", "0x10", "-1", "unlimited", "1k", "", "5 x"):
    CASES.append((f"mail_max_userip_connections = {value}", "mail_max_userip_connections"))
for value in ("required", "Required", "yes", "other", ""):
    CASES.append((f"ssl = {value}", "ssl"))
CASES += [("mail_fsync = other", "mail_fsync"), ("lock_method = dotlock", "lock_method"), ("pop3_delete_type = expunge", "pop3_delete_type")]


# What doveconf refuses and we take: spellings of 2.4, of other settings, and of people.
LENIENT = ("auth_verbose = n", "auth_verbose = 0", "mbox_lock_timeout = 500 msecs", "mbox_lock_timeout = 500ms",
           "mbox_lock_timeout = 1 milliseconds", "mbox_min_index_size = unlimited", "mail_max_userip_connections = unlimited")
# $name of a setting in another part of Dovecot stays as it is there; here it is the value.
WIDER = {"mail_home = a\nhostname = x  $mail_home": "x a", "hostname = $mail_home x": " x",
         "protocol pop3 {\n hostname = $mail_home b\n}": " b"}

UNITS = {"k": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "B": 1, "secs": 1, "mins": 60, "hours": 3600, "days": 86400, "weeks": 604800,
         "msecs": 0.001, "s": 1, "sec": 1, "min": 60, "m": 60, "hour": 3600, "h": 3600, "day": 86400, "d": 86400, "week": 604800, "w": 604800,
         "second": 1, "seconds": 1, "ms": 0.001, "milliseconds": 0.001, "g": 2**30, "GB": 2**30, "kB": 2**10, "b": 1, "MINS": 60, "hou": 3600, "KiB": 2**10}


def plain(name, value):
    """A quantity as a number, a boolean as yes or no; other text as it is."""
    if name in ("mbox_lock_timeout", "mbox_min_index_size"):
        number, unit = re.match(r"(\d+) *(\w*)", value).groups()
        return int(number) * UNITS.get(unit, 1)
    if name == "auth_verbose":
        return "yes" if value.lower() in ("yes", "y", "1") else "no"
    return value


def unescape(text):
    """What our print escapes."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), text).replace("\\\\", "\\")


def of_doveconf(path, name):
    """(taken, value): dovenull's absence matters to a start, not to the file."""
    if name.startswith(("plugin/", "dict/")):  # asked for as a whole
        section, key = name.split("/")
        done = subprocess.run(["doveconf", "-c", path, section], capture_output=True, text=True)
        return True, re.search(rf"^  {key} = (.*)$", done.stdout, re.M).group(1)
    done = subprocess.run(["doveconf", "-f", "protocol=pop3", "-c", path, name], capture_output=True, text=True)
    whole = subprocess.run(["doveconf", "-n", "-c", path], capture_output=True, text=True)
    fatal = [line for line in (done.stderr + whole.stderr).splitlines()
             if ("Fatal" in line or "Error" in line) and "dovenull" not in line]
    if fatal:
        return False, fatal[0]
    for line in done.stdout.split("\n"):
        if line.startswith(name + " ="):
            return True, line[len(name) + 3:]
    return True, ""


def of_ours(path, name):
    done = subprocess.run([POP3, "-c", "dovecot:" + path, "--print-config"], capture_output=True, text=True)
    if done.returncode == 78:
        return False, done.stderr.strip()
    if done.returncode != 0:
        raise AssertionError(f"{path}: exit status {done.returncode}\n{done.stderr}")
    section = done.stdout.split("# dovecot\n")[1]
    for line in section.split("\n"):
        if line.startswith(name + " = "):
            value, origin = line[len(name) + 3:].rsplit("  # ", 1)
            return True, None if origin == "default" else value
    return True, None


def compare_small_files():
    wrong = []
    for number, (text, name) in enumerate(CASES):
        path = f"{work}/{number}.conf"
        with open(path, "w", newline="") as f:
            f.write(text + "\n")
        theirs_taken, theirs = of_doveconf(path, name)
        ours_taken, ours = of_ours(path, name)
        if text in WIDER:
            theirs = WIDER[text]
        if theirs_taken != ours_taken and text not in LENIENT:
            wrong.append(f"{text!r}: Dovecot {'takes' if theirs_taken else 'refuses'} it ({theirs}), we do not agree ({ours})")
        elif theirs_taken and ours is not None and plain(name, unescape(ours)) != plain(name, theirs):
            wrong.append(f"{text!r}: {name} is {theirs!r} to Dovecot, {ours!r} to us")
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(CASES)} differ:\n" + "\n".join(wrong))
    print(f"{len(CASES)} small files are read as doveconf reads them")


def load_stock_files():
    """As installed, and copied elsewhere with everything commented out made live where doveconf takes that."""
    files = [p for p in ("/etc/dovecot/dovecot.conf", "/usr/share/dovecot/dovecot.conf") if os.path.exists(p)]
    for path in files:
        done = subprocess.run([POP3, "-c", path, "--check"], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{path}: {done.stderr}")
        said = [line for line in done.stderr.splitlines() if "no effect here" not in line]
        if said:
            raise AssertionError(f"{path}: more than one line about what has no effect:\n" + "\n".join(said))
        print(f"{path} loads unchanged; said: {done.stderr.strip()}")
    # Every setting that the stock files show commented out, one by one.
    names = 0
    unknown = []
    for path in glob.glob("/etc/dovecot/conf.d/*.conf"):
        for line in open(path, errors="replace"):
            setting = re.match(r"#([a-z][a-z0-9_]+) = ?(.*)$", line)
            if not setting or not setting.group(2).strip():
                continue
            small = f"{work}/one.conf"
            with open(small, "w") as f:
                f.write(f"{setting.group(1)} = {setting.group(2)}\n")
            taken, why = of_doveconf(small, setting.group(1))
            ours_taken, ours = of_ours(small, setting.group(1))
            if taken and not ours_taken:
                raise AssertionError(f"{path}: {line.strip()}: Dovecot takes it ({why}), we do not: {ours}")
            done = subprocess.run([POP3, "-c", "dovecot:" + small, "--check"], capture_output=True, text=True)
            if taken and "unknown" in done.stderr:
                unknown.append(setting.group(1))
            names += 1
    if unknown:
        raise AssertionError(f"not known: {unknown}")
    print(f"{names} settings that stand commented out in conf.d are known and load")


def load_every_setting():
    """doveconf's dump of all that it knows, services and listeners too, is a file for us as well."""
    small, whole = f"{work}/small.conf", f"{work}/whole.conf"
    with open(small, "w") as f:
        f.write("passdb {\n driver = pam\n}\nuserdb {\n driver = passwd\n}\nmetric x {\n filter = event=x\n}\n"
                "namespace inbox {\n inbox = yes\n mailbox Sent {\n }\n}\n")
    with open(whole, "w") as f:
        subprocess.run(["doveconf", "-c", small], stdout=f, stderr=subprocess.DEVNULL)
    done = subprocess.run([POP3, "-c", whole, "--check"], capture_output=True, text=True)
    if done.returncode != 0 or "unknown" in done.stderr:
        raise AssertionError(f"doveconf's dump: {done.stderr}")
    print(f"doveconf's dump of {sum(1 for _ in open(whole))} lines loads")


try:
    compare_small_files()
    load_every_setting()
    load_stock_files()
finally:
    shutil.rmtree(work)
