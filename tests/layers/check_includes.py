#!/usr/bin/env python3
"""Includes follow the layer diagram: DEPENDS in libmail/*/CMakeLists.txt (CONTRIBUTING.md)."""
import tree

PROTOCOLS = ("smtp", "pop3", "imap", "lmtp")
# A protocol library knows interfaces; octets come through a Transport's edge in net, mail through
# store/mailbox.h and queue/queue.h.
NEVER_IN_PROTOCOLS = ("net", "tls", "auth/pam", "store/", "queue/directory", "queue/memory")

# Foreign headers that only these folders may know.
CONFINED = {
    "<CLI/": ("cmd/common/cli.h", "cmd/*/main.cc"),
    "<openssl/": ("libmail/tls/module/*", "libmail/auth/digest/module/*", "tests/*"),
    "<security/": ("libmail/auth/pam/module/*", "tests/*"),
    "<gtest/": ("tests/*",),
    "<gmock/": ("tests/*",),
}


def is_concrete(area):
    return any(area == name or (name.endswith("/") and area.startswith(name))
               for name in NEVER_IN_PROTOCOLS)


def check(root):
    faults, checked = [], 0
    depends = tree.areas(root)
    for name, others in depends.items():
        for other in others:
            if other not in depends:
                faults.append(f"libmail/{name}/CMakeLists.txt: DEPENDS {other}: no such area")
    allowed = {}
    for name in depends:
        try:
            allowed[name] = tree.closure(name, depends) | {name}
        except ValueError as cycle:
            faults.append(f"libmail/{name}/CMakeLists.txt: {cycle}")
            return faults, checked
    for path in tree.files(root, ".h", ".cc"):
        where = path.relative_to(root)
        top, below = where.parts[0], "/".join(where.parts[1:])
        mine = tree.area_of(below, depends) if top == "libmail" else None
        if top == "libmail" and mine is None:
            faults.append(f"{where}: lies in no area with a mail_library()")
            continue
        for line, name in tree.includes(path):
            checked += 1
            for start, places in CONFINED.items():
                if name.startswith(start) and not any(where.match(place) or
                                                      str(where).startswith(place.rstrip("*"))
                                                      for place in places):
                    faults.append(f"{where}:{line}: {name} belongs in {', '.join(places)}")
            if top != "libmail":
                continue
            if name.startswith('"cmd/') or name.startswith('"tests/'):
                faults.append(f"{where}:{line}: libmail knows neither cmd nor tests: {name}")
            if not name.startswith('"libmail/'):
                continue
            theirs = tree.area_of(name[len('"libmail/'):-1], depends)
            if theirs is None or not (root / name[1:-1]).is_file():
                faults.append(f"{where}:{line}: {name}: no such header")
            elif theirs not in allowed[mine]:
                faults.append(f"{where}:{line}: {mine} does not depend on {theirs}: {name}")
            elif mine in PROTOCOLS and is_concrete(theirs):
                faults.append(f"{where}:{line}: protocol library {mine} uses concrete {theirs}: {name}")
    return faults, checked


if __name__ == "__main__":
    tree.finish(*check(tree.source()), "includes")
