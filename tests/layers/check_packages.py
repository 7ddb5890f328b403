#!/usr/bin/env python3
"""Makefile.compat is in step with CMake, the sources and the documents.

Each library linked and each foreign header included has its Debian package in DEPS (programs) or
DEPS_CHECK (tests); each target that a document names exists; each program is installed and removed.
"""
import re

import tree

# find_package() and link names -> package that provides them. A name missing here is a fault: add it.
PACKAGE_OF = {
    "OpenSSL": "libssl-dev", "OpenSSL::SSL": "libssl-dev", "OpenSSL::Crypto": "libssl-dev",
    "pam": "libpam0g-dev", "crypt": "libcrypt-dev", "cdb": "libcdb-dev", "utf8proc": "libutf8proc-dev",
    "idn2": "libidn2-dev", "cares": "libc-ares-dev", "pcre2-8": "libpcre2-dev", "edit": "libedit-dev",
    "seccomp": "libseccomp-dev", "z": "zlib1g-dev", "ZLIB": "zlib1g-dev", "ZLIB::ZLIB": "zlib1g-dev",
    "xxhash": "libxxhash-dev", "GTest": "libgtest-dev", "benchmark": "libbenchmark-dev",
    "benchmark::benchmark": "libbenchmark-dev", "GTest::gtest": "libgtest-dev",
    "GTest::gtest_main": "libgtest-dev", "GTest::gmock": "libgmock-dev", "gsasl": "libgsasl-dev",
    "CLI11": "libcli11-dev", "PkgConfig": "pkg-config", "Threads": "", "Threads::Threads": "",
    "dl": "", "resolv": "",
}
HEADERS = {
    "openssl/": "libssl-dev", "security/": "libpam0g-dev", "crypt.h": "libcrypt-dev", "cdb.h": "libcdb-dev",
    "utf8proc.h": "libutf8proc-dev", "idn2.h": "libidn2-dev", "ares.h": "libc-ares-dev",
    "ares_dns.h": "libc-ares-dev", "pcre2.h": "libpcre2-dev", "histedit.h": "libedit-dev",
    "editline/": "libedit-dev", "seccomp.h": "libseccomp-dev", "zlib.h": "zlib1g-dev",
    "xxhash.h": "libxxhash-dev", "tl/expected.hpp": "libexpected-dev", "CLI/": "libcli11-dev",
    "gtest/": "libgtest-dev", "benchmark/": "libbenchmark-dev", "gmock/": "libgmock-dev", "gsasl.h": "libgsasl-dev",
}
# Headers of libc and of the kernel (libc6-dev, linux-libc-dev), which g++ brings.
SYSTEM = re.compile(
    r"(sys|netinet|arpa|net|linux|asm)/\w+\.h|(alloca|dirent|dlfcn|errno|fcntl|fnmatch|glob|grp|iconv|"
    r"ifaddrs|langinfo|limits|locale|malloc|netdb|poll|pthread|pwd|regex|resolv|sched|shadow|signal|spawn|"
    r"stdarg|stddef|stdint|stdio|stdlib|string|strings|sysexits|syslog|termios|time|unistd|wordexp)\.h")
CALLS = r"^\s*(target_link_libraries|find_package|mail_library|mail_program|mail_test)\(([^)]*)\)"


def makefile_variable(text, name):
    joined = text.replace("\\\n", " ")
    return re.search(rf"^{name}\s*=(.*)$", joined, re.M).group(1).split()


def makefile_targets(text):
    joined = text.replace("\\\n", " ")
    return {word for names in re.findall(r"^([a-z][a-z -]*):(?!=)", joined, re.M) for word in names.split()}


def linked_names(text):
    """Foreign names in find_package(), LIBS of our functions and target_link_libraries()."""
    for call, arguments in re.findall(CALLS, tree.without_comments(text), re.M):
        words = arguments.split()
        if call == "find_package":
            yield words[0]
            continue
        if call != "target_link_libraries":
            words = ["x"] + (words[words.index("LIBS") + 1:] if "LIBS" in words else [])
        for word in words[1:]:
            if (word in ("PUBLIC", "PRIVATE", "INTERFACE") or "$" in word
                    or word.startswith(("mail_", "tubepost_", "-"))):
                continue
            yield word


def check_libraries(root, packages_of):
    faults, checked = [], 0
    for path in sorted(root.rglob("CMakeLists.txt")):
        where = path.relative_to(root)
        if where.parts[0] == "build":
            continue
        for name in linked_names(path.read_text()):
            checked += 1
            package = PACKAGE_OF.get(name)
            if package is None:
                faults.append(f"{where}: {name}: from which package? (tests/layers/check_packages.py)")
            elif package and package not in packages_of(where.parts[0]):
                faults.append(f"{where}: {name} needs {package}, which Makefile.compat does not install")
    return faults, checked


def check_headers(root, packages_of):
    faults, checked = [], 0
    for path in tree.files(root, ".h", ".cc"):
        where = path.relative_to(root)
        for line, name in tree.includes(path):
            header = name[1:-1]
            if name[0] == '"' or "." not in header or SYSTEM.fullmatch(header):
                continue  # ours, the C++ library's, the system's
            checked += 1
            package = next((p for start, p in HEADERS.items() if header.startswith(start)), None)
            if package is None:
                faults.append(f"{where}:{line}: <{header}>: from which package?")
            elif package not in packages_of(where.parts[0]):
                faults.append(f"{where}:{line}: <{header}> needs {package}, which Makefile.compat does not install")
    return faults, checked


def check_targets(root, makefile):
    faults, checked = [], 0
    targets = makefile_targets(makefile)
    documents = [root / "README.md", root / "CONTRIBUTING.md", root / "Makefile.compat"]
    for folder in ("docs", "man", "units", ".ci"):
        documents += [path for path in sorted((root / folder).rglob("*")) if path.is_file()]
    for path in documents:
        text = path.read_text(errors="replace")
        # Words up to the end of the target, past VARIABLE=value.
        for name in re.findall(r"make -f Makefile\.compat (?:[A-Z_]+=\S* )*([a-z][a-z-]*)", text):
            checked += 1
            if name not in targets:
                faults.append(f"{path.relative_to(root)}: make -f Makefile.compat {name}: no such target")
    phony = re.search(r"^\.PHONY:(.*)$", makefile.replace("\\\n", " "), re.M).group(1).split()
    for name in phony:
        checked += 1
        if name not in targets:
            faults.append(f"Makefile.compat: .PHONY names {name}, which has no rule")
    for script in set(re.findall(r"\b(units/[a-z-]+)", makefile)):
        checked += 1
        if not (root / script).is_file():
            faults.append(f"Makefile.compat: {script} does not exist")
    return faults, checked


def check_programs(root):
    faults, checked = [], 0
    listed = re.search(r"foreach\(program ([^)]*)\)", (root / "cmd/CMakeLists.txt").read_text()).group(1).split()
    for folder in sorted((root / "cmd").iterdir()):
        if (folder / "main.cc").exists() and folder.name not in listed:
            faults.append(f"cmd/CMakeLists.txt does not list {folder.name}")
    removed = re.search(r"for program in ([^;]*);", (root / "units/install").read_text()).group(1).split()
    readme = (root / "README.md").read_text()
    for name in listed:
        checked += 1
        if name not in removed:
            faults.append(f"units/install --remove leaves {name}")
        if f"`{name}`" not in readme:
            faults.append(f"README.md does not name {name}")
    return faults, checked


def check(root):
    makefile = (root / "Makefile.compat").read_text()
    deps = makefile_variable(makefile, "DEPS")
    for_tests = deps + makefile_variable(makefile, "DEPS_CHECK") + makefile_variable(makefile, "DEPS_BENCH")
    packages_of = lambda top: for_tests if top == "tests" else deps  # noqa: E731
    faults, checked = [], 0
    for more in (check_libraries(root, packages_of), check_headers(root, packages_of),
                 check_targets(root, makefile), check_programs(root)):
        if not more[1]:
            faults.append("one of the checks found nothing to check")
        faults += more[0]
        checked += more[1]
    return faults, checked


if __name__ == "__main__":
    tree.finish(*check(tree.source()), "libraries, headers, targets and programs")
