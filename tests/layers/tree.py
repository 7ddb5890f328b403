"""The source tree as the layer checks see it: areas, their declared dependencies, includes."""
import os
import re
import sys
from pathlib import Path

SKIPPED = 77  # CTest: skipped (tests/CMakeLists.txt)


def source():
    return Path(os.environ.get("SOURCE", Path(__file__).resolve().parents[2]))


def build():
    return Path(os.environ["BUILD"])


def files(root, *suffixes):
    """Sources under libmail, cmd and tests, in a fixed order."""
    for top in ("libmail", "cmd", "tests"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def includes(path):
    """(line, "name" or <name>) of each #include."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if match:
            yield number, match.group(1)


def without_comments(text):
    return re.sub(r"#.*", "", text)


def areas(root):
    """{area: [areas named in DEPENDS]} of every mail_library() in libmail."""
    found = {}
    for path in sorted((root / "libmail").rglob("CMakeLists.txt")):
        for call in re.findall(r"^mail_library\(([^)]*)\)", without_comments(path.read_text()), re.M):
            words = call.split()
            depends, reading = [], False
            for word in words[1:]:
                if word in ("DEPENDS", "LIBS"):
                    reading = word == "DEPENDS"
                elif reading:
                    depends.append(word)
            found[words[0]] = depends
    return found


def area_of(path, names):
    """The area a path below libmail/ lies in: the longest one that holds it."""
    fitting = [name for name in names if path == name or path.startswith(name + "/")]
    return max(fitting, key=len, default=None)


def closure(name, depends, via=()):
    """Everything `name` may use; ValueError names a cycle."""
    if name in via:
        raise ValueError("cycle: " + " -> ".join(via[via.index(name):] + (name,)))
    reached = set()
    for other in depends.get(name, ()):
        reached.add(other)
        reached |= closure(other, depends, via + (name,))
    return reached


def finish(faults, checked, what):
    """Ends the check: prints each fault; nothing checked is a fault too."""
    for fault in faults:
        print(fault)
    if not checked:
        print(f"no {what} was checked")
    print(f"{checked} {what} checked, {len(faults)} faults")
    sys.exit(1 if faults or not checked else 0)
