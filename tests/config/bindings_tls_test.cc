// From Postfix's and Dovecot's names to tls::Settings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "libmail/config/bindings.h"

namespace mail::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Configuration load_both(const std::string& postfix, const std::string& dovecot = "") {
  auto loaded = load_text(
      {{{Grammar::Postfix, "main.cf"}, postfix}, {{Grammar::Dovecot, "dovecot.conf"}, dovecot}},
      Host{"mail.a.org", "", {}});
  EXPECT_TRUE(loaded);
  if (!loaded) throw std::runtime_error(render(loaded.error()).front());
  return *std::move(loaded);
}

std::vector<std::string> files(const tls::Settings& settings) {
  return tls::files_of(settings.certificates);
}

TEST(TlsBindings, WithoutAFileOurOwnIsUsedAndMade) {
  const auto config = load_both("config_directory = /c\nmyhostname = mx.a.org\n");
  for (const auto& settings :
       {smtp_tls_settings(config, false), login_tls_settings(config, {"imap", {}, {}, {}})}) {
    EXPECT_THAT(files(settings), ElementsAre("/c/cert.pem", "/c/key.pem"));
    EXPECT_EQ(settings.make_for, "mx.a.org");
    EXPECT_EQ(settings.versions, tls::kModernVersions);
    EXPECT_EQ(settings.ciphers, "");
    const std::string whose = ::geteuid() == 0 ? "" : "-" + std::to_string(::geteuid());
    EXPECT_EQ(settings.ticket_file, "/run/tubepost/tls-tickets" + whose);
    EXPECT_EQ(settings.ticket_lifetime, std::chrono::hours(1));
  }
  EXPECT_EQ(smtp_tls_settings(config, false).service, "smtp");
  EXPECT_EQ(login_tls_settings(config, {"imap", {}, {}, {}}).service, "imap");
}

TEST(TlsBindings, PostfixFiles) {
  const auto files_for = [](const std::string& text) {
    return files(smtp_tls_settings(load_both(text), false));
  };
  EXPECT_THAT(files_for("smtpd_tls_cert_file = /a\n"), ElementsAre("/a"));
  EXPECT_THAT(files_for("smtpd_tls_cert_file = /a\nsmtpd_tls_key_file = /b\n"),
              ElementsAre("/a", "/b"));
  EXPECT_THAT(files_for("smtpd_tls_cert_file = /a\nsmtpd_tls_eccert_file = /e\n"
                        "smtpd_tls_eckey_file = /k\n"),
              ElementsAre("/e", "/k", "/a"));
  EXPECT_THAT(files_for("smtpd_tls_cert_file = /a\nsmtpd_tls_chain_files = /x, /y\n"),
              ElementsAre("/x", "/y"));
  EXPECT_THAT(files_for("smtpd_tls_cert_file = none\n"), IsEmpty());
  EXPECT_THAT(files_for("smtpd_tls_cert_file =\n"), IsEmpty());
  EXPECT_THAT(files_for("smtpd_tls_cert_file = /a\nsmtpd_tls_security_level = none\n"), IsEmpty());
}

TEST(TlsBindings, DovecotFiles) {
  const auto files_for = [](const std::string& text) {
    return files(login_tls_settings(load_both("", text), {"pop3", {}, {}, {}}));
  };
  EXPECT_THAT(files_for("ssl_cert = </a\nssl_key = </b\n"), ElementsAre("/a", "/b"));
  EXPECT_THAT(files_for("ssl_cert = /a\n"), ElementsAre("/a"));
  EXPECT_THAT(files_for("ssl_cert = </a\nssl_key = </b\nssl_alt_cert = </c\nssl_alt_key = </d\n"),
              ElementsAre("/a", "/b", "/c", "/d"));
  EXPECT_THAT(files_for("ssl_cert = </a\nprotocol pop3 {\nssl_cert = </p\n}\n"), ElementsAre("/p"));
  EXPECT_THAT(files_for("ssl_cert = </a\nprotocol imap {\nssl_cert = </p\n}\n"), ElementsAre("/a"));
}

TEST(TlsBindings, MandatoryPortsHaveTheirOwnVersionsAndCiphers) {
  const auto config = load_both(
      "smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_mandatory_protocols = TLSv1.3\n"
      "smtpd_tls_exclude_ciphers = aNULL, RC4\nsmtpd_tls_mandatory_ciphers = high\n"
      "tls_preempt_cipherlist = yes\nsmtpd_tls_session_cache_timeout = 30d\n");
  const auto usual = smtp_tls_settings(config, false);
  EXPECT_EQ(usual.versions, tls::kOldVersions | tls::kModernVersions);
  EXPECT_EQ(usual.ciphers, "DEFAULT:!aNULL:!RC4");
  EXPECT_TRUE(usual.prefer_server_ciphers);
  EXPECT_EQ(usual.ticket_lifetime, std::chrono::hours(7 * 24)) << "RFC 8446 section 4.6.1";
  const auto mandatory = smtp_tls_settings(config, true);
  EXPECT_EQ(mandatory.versions, unsigned{TUBEPOST_TLS_1_3});
  EXPECT_EQ(mandatory.ciphers, "HIGH:!aNULL:!eNULL:!aNULL:!RC4");
}

TEST(TlsBindings, DovecotVersionsCiphersTickets) {
  const auto settings =
      login_tls_settings(load_both("",
                                   "ssl_min_protocol = TLSv1.1\nssl_cipher_list = HIGH\n"
                                   "ssl_prefer_server_ciphers = yes\nssl_options = no_ticket\n"),
                         {"imap", {}, {}, {}});
  EXPECT_EQ(settings.versions, TUBEPOST_TLS_1_1 | tls::kModernVersions);
  EXPECT_EQ(settings.ciphers, "HIGH");
  EXPECT_TRUE(settings.prefer_server_ciphers);
  EXPECT_EQ(settings.ticket_file, "");
}

TEST(TlsBindings, NamesOfSectionsAndMapsAreOneList) {
  char name[] = "/tmp/tubepost-sni-XXXXXX";
  const int fd = ::mkstemp(name);
  ::close(fd);
  std::ofstream(name) << "# hosts\nPost.test /k.pem, /c.pem\n.wild.test\n  /w.pem\nlonely\n";
  const auto config =
      load_both(std::string("tls_server_sni_maps = hash:") + name +
                    ", pcre:/none\nlocal_name/main.test/ssl_cert = </m\n",
                "local_name \"dove.test also.test\" {\n ssl_cert = </d\n ssl_key = </dk\n}\n"
                "local_name nothing.test {\n ssl_min_protocol = TLSv1\n}\n");
  const auto shown = [](const tls::Settings& settings) {
    std::vector<std::string> lines;
    for (const auto& named : settings.named) {
      std::string line = named.name;
      for (const auto& file : tls::files_of(named.certificates)) line += " " + file;
      lines.push_back(line);
    }
    return lines;
  };
  EXPECT_THAT(shown(login_tls_settings(config, {"pop3", {}, {}, {}})),
              ElementsAre("main.test /m", "dove.test /d /dk", "also.test /d /dk",
                          "Post.test /k.pem /c.pem", ".wild.test /w.pem"));
  EXPECT_THAT(shown(smtp_tls_settings(config, false)),
              ElementsAre("Post.test /k.pem /c.pem", ".wild.test /w.pem", "main.test /m",
                          "dove.test /d /dk", "also.test /d /dk"));
  EXPECT_THAT(login_tls_settings(config, {"pop3", {}, {}, {}}).name_files, ElementsAre(name));
  // Of the sections only what has no meaning here is told.
  const auto warnings = render(config.warnings());
  EXPECT_THAT(warnings,
              ElementsAre("main.cf:1: tls_server_sni_maps: pcre:/none: not used; only tables with "
                          "a text file are (texthash:, hash:, ...)",
                          "dovecot.conf: no effect here: local_name nothing.test { "
                          "ssl_min_protocol }"));
  ::unlink(name);
}

TEST(TlsBindings, AWrongVersionIsAMistake) {
  const auto loaded = load_text({{{Grammar::Postfix, "main.cf"},
                                  "smtpd_tls_protocols = >=TLSv9\n"
                                  "smtpd_tls_mandatory_protocols = SSLv3\n"}},
                                Host{"mail.a.org", "", {}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(
      render(loaded.error()),
      ElementsAre("main.cf:1: smtpd_tls_protocols: no version of TLS: \">=TLSv9\"; known are "
                  "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
                  "main.cf:2: smtpd_tls_mandatory_protocols: leaves no version of TLS (SSL is "
                  "none)"));
}

TEST(CommandLine, ASettingHoldsOverTheFiles) {
  char name[] = "/tmp/tubepost-o-XXXXXX";
  const int fd = ::mkstemp(name);
  ::close(fd);
  std::ofstream(name) << "ssl_min_protocol = TLSv1.3\nprotocol pop3 {\n"
                         "  ssl_min_protocol = TLSv1.2\n}\n";
  const std::string source = std::string("dovecot:") + name;
  const auto loaded = load({command_line_setting("ssl_min_protocol=TLSv1"), source,
                            command_line_setting("smtpd_tls_protocols = >=TLSv1"),
                            command_line_setting("protocol/imap/ssl_min_protocol=TLSv1.1")});
  ASSERT_TRUE(loaded) << render(loaded.error()).front();
  EXPECT_EQ(loaded->dovecot("pop3").get_string("ssl_min_protocol"), "TLSv1");
  EXPECT_EQ(loaded->dovecot("imap").get_string("ssl_min_protocol"), "TLSv1.1");
  EXPECT_EQ(loaded->dovecot().get_string("ssl_min_protocol"), "TLSv1");
  EXPECT_EQ(loaded->postfix().get_string("smtpd_tls_protocols"), ">=TLSv1");
  EXPECT_THAT(loaded->files(), ElementsAre(name));
  // A session that gets the settings handed over has the same.
  const auto handed = load_serialized(loaded->serialize());
  ASSERT_TRUE(handed);
  EXPECT_EQ(handed->dovecot("pop3").get_string("ssl_min_protocol"), "TLSv1");
  EXPECT_EQ(handed->dovecot("imap").get_string("ssl_min_protocol"), "TLSv1.1");

  EXPECT_THAT(files_named({source, command_line_setting("a=b")}), ElementsAre(name));
  EXPECT_THAT(files_named({command_line_setting("a=b")}), ElementsAre(kDefaultPath));

  const auto wrong = load(
      {source, command_line_setting("ssl_min_protocol=TLSv7"), command_line_setting("nonsense")});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(render(wrong.error()),
              ::testing::Contains(::testing::StartsWith("-o:1: ssl_min_protocol: ")));
  ::unlink(name);
}

}  // namespace
}  // namespace mail::config
