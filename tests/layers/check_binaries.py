#!/usr/bin/env python3
"""What the dynamic sections say: no server program needs a large library (docs/modules.md)."""
import re
import subprocess
import sys

import tree

SERVERS = ("smtp-recv", "smtp-send", "deliver", "pop3-serve", "imap-serve")
LARGE = r"lib(ssl|crypto|pam|seccomp|krb5|curl|sqlite3|icu\w*)\b"
MODULES = {"tubepost-tls.so": "tubepost_tls_module", "tubepost-pam.so": "tubepost_pam_module",
           "tubepost-digest.so": "tubepost_digest_module"}


def output(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", path))


def faults_of(name, libraries, is_sanitized, is_server=True):
    faults = []
    for library in libraries:
        if is_server and re.match(LARGE, library):
            faults.append(f"{name}: NEEDED {library}; it belongs into a module")
        if not is_sanitized and re.match(r"lib(stdc\+\+|gcc_s)\.so", library):
            faults.append(f"{name}: NEEDED {library}; built without -static-libstdc++ -static-libgcc?")
    return faults


def hardening_faults(path):
    faults = []
    if "GNU_RELRO" not in output("readelf", "-lW", path):
        faults.append(f"{path.name}: no RELRO")
    if not re.search(r"BIND_NOW|\bNOW\b", output("readelf", "-dW", path)):
        faults.append(f"{path.name}: symbols are bound lazily, so RELRO is not full")
    if "DYN" not in re.search(r"Type:.*", output("readelf", "-hW", path)).group(0):
        faults.append(f"{path.name}: not position independent")
    return faults


def main():
    cache = (tree.build() / "CMakeCache.txt").read_text()
    is_sanitized = re.search(r"^TUBEPOST_SANITIZE:\w+=(ON|1|TRUE)", cache, re.M) is not None
    faults, checked = [], 0
    for name in SERVERS:
        path = tree.build() / name
        if not path.exists():
            print(f"{name}: not built")
            continue
        checked += 1
        faults += faults_of(name, needed(path), is_sanitized) + hardening_faults(path)
    if not checked:
        print("no server program is built")
        sys.exit(tree.SKIPPED)
    for name, symbol in MODULES.items():
        path = tree.build() / name
        if not path.exists():
            faults.append(f"{name}: not built though a server program is")
            continue
        checked += 1
        faults += faults_of(name, needed(path), is_sanitized, is_server=False) + hardening_faults(path)
        exported = re.findall(r" [TDBR] (\w+)", output("nm", "-D", "--defined-only", path))
        if exported != [symbol]:
            faults.append(f"{name}: exports {exported}, should be {symbol} alone")
    tree.finish(faults, checked, "binaries")


if __name__ == "__main__":
    main()
