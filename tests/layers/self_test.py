#!/usr/bin/env python3
"""The layer checks see planted faults: a small tree each, one thing wrong."""
import sys
import tempfile
import unittest
from pathlib import Path

import check_binaries
import check_headers
import check_includes
import check_manuals
import check_packages
import tree

TREE = {
    "libmail/base/CMakeLists.txt": "mail_library(base)\n",
    "libmail/base/result.h": "#pragma once\n#include <string>\n",
    "libmail/net/CMakeLists.txt": "mail_library(net DEPENDS base)\n",
    "libmail/net/transport.h": '#pragma once\n#include "libmail/base/result.h"\n',
    "libmail/smtp/CMakeLists.txt": "mail_library(smtp DEPENDS base policy)\n",
    "libmail/smtp/session.cc": '#include "libmail/base/result.h"\n',
    "libmail/policy/CMakeLists.txt": "mail_library(policy DEPENDS base\n             net LIBS cdb)  # a comment\n",
    "libmail/policy/access.cc": '#include "libmail/net/transport.h"\n',
    "cmd/smtp-recv/main.cc": '#include <CLI/CLI.hpp>\n#include "libmail/net/transport.h"\n',
}


class Planted(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        for name, text in TREE.items():
            self.write(name, text)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_fault(self, part, faults):
        self.assertTrue(any(part in fault for fault in faults), faults)


class Includes(Planted):
    def test_sound_tree(self):
        faults, checked = check_includes.check(self.root)
        self.assertEqual(faults, [])
        self.assertEqual(checked, 6)

    def test_undeclared_dependency(self):
        self.write("libmail/base/bad.cc", '#include "libmail/net/transport.h"\n')
        self.assert_fault("base does not depend on net", check_includes.check(self.root)[0])

    def test_protocol_library_uses_net(self):
        self.write("libmail/smtp/bad.cc", '#include "libmail/net/transport.h"\n')
        self.assert_fault("protocol library smtp uses concrete net", check_includes.check(self.root)[0])

    def test_cycle(self):
        self.write("libmail/base/CMakeLists.txt", "mail_library(base DEPENDS smtp)\n")
        self.assert_fault("cycle: ", check_includes.check(self.root)[0])

    def test_libmail_knows_no_cmd(self):
        self.write("libmail/net/bad.cc", '#include "cmd/common/cli.h"\n')
        self.assert_fault("neither cmd nor tests", check_includes.check(self.root)[0])

    def test_confined_headers(self):
        self.write("cmd/smtp-recv/other.cc", "#include <CLI/CLI.hpp>\n")
        self.write("libmail/net/bad.cc", "#  include <openssl/ssl.h>\n")
        faults = check_includes.check(self.root)[0]
        self.assert_fault("cmd/smtp-recv/other.cc:1: <CLI/CLI.hpp>", faults)
        self.assert_fault("libmail/net/bad.cc:1: <openssl/ssl.h>", faults)

    def test_header_that_is_not_there(self):
        self.write("libmail/net/bad.cc", '#include "libmail/base/none.h"\n')
        self.assert_fault("no such header", check_includes.check(self.root)[0])


class Headers(Planted):
    def test_header_that_needs_another(self):
        self.write("libmail/base/bad.h", "#pragma once\ninline std::string name() { return {}; }\n")
        self.write("libmail/base/open.h", "inline int one() { return 1; }\n")
        memory = self.root / "memory"
        faults, checked = check_headers.check(self.root, memory)
        self.assertEqual(checked, 4)
        self.assert_fault("libmail/base/bad.h does not compile alone", faults)
        self.assert_fault("libmail/base/open.h: no #pragma once", faults)
        self.assertEqual(len(faults), 2)
        # Faults are not remembered, and a change of an included header is seen.
        self.assert_fault("bad.h", check_headers.check(self.root, memory)[0])
        self.write("libmail/net/user.h", '#pragma once\n#include "libmail/base/late.h"\nusing Late2 = Late;\n')
        self.write("libmail/base/late.h", "#pragma once\nusing Late = int;\n")
        self.assertEqual(len(check_headers.check(self.root, memory)[0]), 2)
        self.write("libmail/base/late.h", "#pragma once\n")
        self.assert_fault("user.h does not compile alone", check_headers.check(self.root, memory)[0])


class Binaries(unittest.TestCase):
    def test_large_library(self):
        self.assertEqual(check_binaries.faults_of("deliver", ["libc.so.6", "libm.so.6", "libcrypt.so.1"], False), [])
        for library in ("libssl.so.3", "libcrypto.so.3", "libpam.so.0", "libseccomp.so.2"):
            self.assertEqual(len(check_binaries.faults_of("deliver", [library], True)), 1, library)

    def test_cplusplus_library(self):
        self.assertEqual(len(check_binaries.faults_of("deliver", ["libstdc++.so.6", "libgcc_s.so.1"], False)), 2)
        self.assertEqual(check_binaries.faults_of("deliver", ["libstdc++.so.6"], True), [])

    def test_real_file(self):
        libraries = check_binaries.needed(sys.executable if Path(sys.executable).exists() else "/bin/sh")
        self.assertTrue(any(name.startswith("lib") for name in libraries), libraries)


class Packages(Planted):
    MAKEFILE = ".PHONY: all gone\nDEPS = make \\\n  libcdb-dev\nDEPS_CHECK = libgtest-dev\nall deps: x\n\tunits/none\n"

    def test_variables_and_targets(self):
        self.assertEqual(check_packages.makefile_variable(self.MAKEFILE, "DEPS"), ["make", "libcdb-dev"])
        self.assertEqual(check_packages.makefile_targets(self.MAKEFILE), {"all", "deps"})

    def test_libraries(self):
        self.write("libmail/tls/CMakeLists.txt", "find_package(OpenSSL REQUIRED)\nmail_library(tls LIBS oddlib)\n")
        faults, checked = check_packages.check_libraries(self.root, lambda top: ["libcdb-dev"])
        self.assertEqual(checked, 3)
        self.assert_fault("OpenSSL needs libssl-dev", faults)
        self.assert_fault("oddlib: from which package", faults)

    def test_headers(self):
        self.write("libmail/base/odd.cc", "#include <unistd.h>\n#include <odd.h>\n#include <crypt.h>\n")
        faults = check_packages.check_headers(self.root, lambda top: ["libcli11-dev"])[0]
        self.assert_fault("<odd.h>: from which package", faults)
        self.assert_fault("<crypt.h> needs libcrypt-dev", faults)
        self.assertEqual(len(faults), 2)

    def test_targets(self):
        self.write("README.md", "make -f Makefile.compat A=b all, then make -f Makefile.compat fly\n")
        self.write("CONTRIBUTING.md", "")
        self.write("Makefile.compat", self.MAKEFILE)
        faults = check_packages.check_targets(self.root, self.MAKEFILE)[0]
        self.assert_fault("README.md: make -f Makefile.compat fly", faults)
        self.assert_fault(".PHONY names gone", faults)
        self.assert_fault("units/none does not exist", faults)
        self.assertEqual(len(faults), 3)


class Manuals(unittest.TestCase):
    HELP = """Do it
Usage: x [OPTIONS]

Options:
  -h,--help                   Print this help message and exit
  -c,--config FILE ...        File; not --that
  --no-wait                   Do not
                              --wrapped text is no option
"""

    def test_options(self):
        self.assertEqual(check_manuals.options(self.HELP.replace("--wrapped", "a --wrapped")),
                         {"-h", "--help", "-c", "--config", "--no-wait"})

    def test_missing(self):
        shown = {"-c", "--config", "--no-wait"}
        self.assertEqual(check_manuals.missing_options(shown, "-c, --config FILE\n --no-wait: waits not"), [])
        self.assertEqual(check_manuals.missing_options(shown, "--configure --no-wait"), ["--config", "-c"])


class Tree(unittest.TestCase):
    def test_closure(self):
        depends = {"a": ["b"], "b": ["c"], "c": []}
        self.assertEqual(tree.closure("a", depends), {"b", "c"})
        self.assertEqual(tree.area_of("auth/pam/module/x.cc", ["auth", "auth/pam", "a"]), "auth/pam")


if __name__ == "__main__":
    unittest.main()
