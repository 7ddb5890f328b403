#!/usr/bin/env python3
"""Every header compiles alone and is guarded by #pragma once.

A header that is the first include of some .cc is proved by the build; the others are compiled here.
What was compiled without fault is remembered in the build directory until a file changes.
"""
import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import tree

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-DTUBEPOST_VERSION=\"0\"",
         "-DTUBEPOST_PREFIX=\"/usr\"", "-DTUBEPOST_SOURCE_DIR=\"/\"", "-DTUBEPOST_FAULTS=1"]


def proved_by_build(root):
    first = set()
    for path in tree.files(root, ".cc"):
        for _, name in tree.includes(path):
            first.add(name.strip('"<>'))
            break
    return first


def digest(root, header):
    """Of the header and all of ours that it includes."""
    seen, todo, state = set(), [header], hashlib.sha256(repr(FLAGS).encode())
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        state.update(path.read_bytes())
        todo.extend(root / name[1:-1] for _, name in tree.includes(path) if name.startswith('"'))
    return state.hexdigest()


def compile_alone(root, header):
    run = subprocess.run(["g++", *FLAGS, f"-I{root}", "-x", "c++", "-"], text=True, capture_output=True,
                         input=f'#include "{header.relative_to(root)}"\n')
    return run.stderr if run.returncode else ""


def check(root, memory):
    faults, checked = [], 0
    proved = proved_by_build(root)
    todo = []
    for header in tree.files(root, ".h"):
        checked += 1
        where = str(header.relative_to(root))
        if "#pragma once" not in header.read_text():
            faults.append(f"{where}: no #pragma once")
        if where in proved:
            continue
        stamp = memory / digest(root, header)
        if not stamp.exists():
            todo.append((header, stamp))
    memory.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for (header, stamp), text in zip(todo, pool.map(lambda one: compile_alone(root, one[0]), todo)):
            if text:
                faults.append(f"{header.relative_to(root)} does not compile alone:\n{text}")
            else:
                stamp.touch()
    return faults, checked


if __name__ == "__main__":
    tree.finish(*check(tree.source(), tree.build() / "headers_alone"), "headers")
