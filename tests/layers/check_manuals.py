#!/usr/bin/env python3
"""Each option that a program's --help shows stands in its manual page; pages are sound mdoc."""
import re
import subprocess
import sys

import tree

PROGRAMS = ("smtp-recv", "smtp-send", "deliver", "pop3-serve", "imap-serve", "newaliases", "mail-reader")
SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO", "SECURITY CONSIDERATIONS")


def options(help_text):
    """Options at the beginning of help lines: "  -c,--config TEXT ..."."""
    found = set()
    for line in help_text.splitlines():
        match = re.match(r"\s+(-{1,2}[A-Za-z0-9].*)", line)
        if match:
            head = re.split(r"\s{2,}", match.group(1))[0]
            found |= set(re.findall(r"(?:^|[\s,])(--?[A-Za-z0-9][A-Za-z0-9-]*)", head))
    return found


def missing_options(shown, page_text):
    """The page is rendered without hyphenation marks, so an option is a word of it."""
    words = set(re.findall(r"(?<![\w-])--?[A-Za-z0-9][A-Za-z0-9-]*", page_text))
    return sorted(option for option in shown if option not in words)


def render(page):
    text = subprocess.run(["mandoc", "-Tascii", "-Owidth=1000", str(page)], text=True, capture_output=True,
                          check=True).stdout
    return re.sub(r".\x08", "", text)


def main():
    faults, checked = [], 0
    for page in sorted((tree.source() / "man").glob("*.[1578]")):
        # Errors only: the order of sections is CONTRIBUTING.md's, STANDARDS before SEE ALSO.
        lint = subprocess.run(["mandoc", "-Tlint", "-Werror", str(page)], text=True, capture_output=True)
        if lint.returncode:
            faults.append(lint.stdout.strip() or lint.stderr.strip())
    for name in PROGRAMS:
        program = tree.build() / name
        if not program.exists():
            print(f"{name}: not built")
            continue
        run = subprocess.run([program, "--help"], text=True, capture_output=True, timeout=30,
                             stdin=subprocess.DEVNULL)
        shown = options(run.stdout)
        if run.returncode or not shown:
            faults.append(f"{name} --help: exit status {run.returncode}, {len(shown)} options")
            continue
        pages = sorted((tree.source() / "man").glob(f"{name}.[18]"))
        if not pages:
            faults.append(f"man/{name}.[18]: no such page")
            continue
        checked += len(shown)
        text = render(pages[0])
        for option in missing_options(shown - {"-h", "--help"}, text):
            faults.append(f"{pages[0].name}: {option} is not described")
        for section in SECTIONS:
            if not re.search(rf"^{section}$", text, re.M):
                faults.append(f"{pages[0].name}: no section {section}")
    if not checked and not faults:
        print("no program is built")
        sys.exit(tree.SKIPPED)
    tree.finish(faults, checked, "options")


if __name__ == "__main__":
    main()
