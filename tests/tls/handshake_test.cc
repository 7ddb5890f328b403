// What a handshake comes to: versions, kinds of key, certificates by name, resumed sessions; each
// with a real OpenSSL client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>

#include "libmail/base/sys.h"
#include "libmail/tls/server_context.h"
#include "libmail/tls/ticket_secrets.h"
#include "tests/tls/openssl_client.h"

namespace mail::tls {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using testing::Client;
using ::testing::HasSubstr;

MonotonicTime in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

struct Wish {  // of a client
  int lowest = TLS1_VERSION;
  int highest = TLS1_3_VERSION;
  std::string name;        // SNI
  std::string signatures;  // kinds of key it takes
  std::string groups;      // "P-384:P-256": the first is guessed
  SSL_SESSION* session = nullptr;
};
struct Outcome {
  std::string description;  // of the server; empty: refused
  std::string error;
  bool resumed = false;
  bool server_says_resumed = false;
  std::string name;  // of the certificate
  testing::SslSession session;
};

class HandshakeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::signal(SIGPIPE, SIG_IGN);
    char name[] = "/tmp/tubepost-handshake-XXXXXX";
    directory_ = ::mkdtemp(name);
    one_ = testing::make_certificate(directory_, "one");
    two_ = testing::make_certificate(directory_, "two");
    rsa_ = testing::make_certificate(directory_, "rsa", "rsa:2048");
  }
  static void TearDownTestSuite() { testing::run("rm -r " + directory_); }
  void SetUp() override { testing::run("rm -f " + ticket_file()); }

  static std::string ticket_file() { return directory_ + "/tickets"; }
  static Settings plain_settings() {
    Settings settings;
    settings.certificates = {{one_.certificate, one_.key, {}}};
    settings.service = "test";
    return settings;
  }
  static Settings ticket_settings(const std::string& service = "test") {
    Settings settings = plain_settings();
    settings.service = service;
    settings.ticket_file = ticket_file();
    return settings;
  }

  // A server process of its own, as far as TLS goes: a context made anew.
  static Outcome connect(const Settings& settings, const Wish& wish, const NamedReader& read = {}) {
    const auto context = ServerContext::load(settings);
    EXPECT_TRUE(context) << context.error().log_text;
    (*context)->read_tickets();
    return connect(**context, wish, read);
  }
  static Outcome connect(ServerContext& context, const Wish& wish, const NamedReader& read = {}) {
    Outcome outcome;
    Client client(
        [&](SSL* ssl, int) {
          ::SSL_set_min_proto_version(ssl, wish.lowest);
          if (!wish.name.empty()) SSL_set_tlsext_host_name(ssl, wish.name.c_str());
          if (!wish.signatures.empty()) SSL_set1_sigalgs_list(ssl, wish.signatures.c_str());
          if (!wish.groups.empty()) SSL_set1_groups_list(ssl, wish.groups.c_str());
          if (wish.session != nullptr) ::SSL_set_session(ssl, wish.session);
          if (::SSL_connect(ssl) != 1) return;
          // TLS 1.3 sends tickets behind the handshake: they are read with the first octets.
          if (testing::receive(ssl, 2) != "ok") return;
          outcome.name = testing::peer_name(ssl);
          outcome.resumed = ::SSL_session_reused(ssl) == 1;
          outcome.session.reset(::SSL_get1_session(ssl));
          ::SSL_shutdown(ssl);
        },
        wish.highest);
    const auto channel = context.accept(client.server(), in(10s), read);
    if (channel) {
      outcome.description = (*channel)->description();
      outcome.server_says_resumed = (*channel)->was_resumed();
      EXPECT_TRUE((*channel)->write("ok", 2));
    } else {
      outcome.error = channel.error().log_text;
    }
    client.join();
    return outcome;
  }

  static inline std::string directory_;
  static inline testing::Certificate one_;
  static inline testing::Certificate two_;
  static inline testing::Certificate rsa_;
};

TEST_F(HandshakeTest, SpeaksTheVersionsThatAreAllowed) {
  struct Case {
    std::string protocols;
    int version;
    std::string wanted;  // empty: refused
  };
  for (const auto& [protocols, version, wanted] : std::vector<Case>{
           {">=TLSv1.2", TLS1_3_VERSION, "TLSv1.3"},
           {">=TLSv1.2", TLS1_2_VERSION, "TLSv1.2"},
           {">=TLSv1.2", TLS1_1_VERSION, ""},
           {">=TLSv1.2", TLS1_VERSION, ""},
           {">=TLSv1", TLS1_VERSION, "TLSv1"},
           {">=TLSv1", TLS1_1_VERSION, "TLSv1.1"},
           {">=TLSv1", TLS1_3_VERSION, "TLSv1.3"},
           {"!SSLv2, !SSLv3", TLS1_VERSION, "TLSv1"},
           {"!TLSv1.3", TLS1_3_VERSION, ""},
           {"TLSv1.3", TLS1_2_VERSION, ""},
           {"TLSv1, TLSv1.2", TLS1_1_VERSION, ""},
           {"TLSv1, TLSv1.2", TLS1_VERSION, "TLSv1"},
       }) {
    Settings settings = plain_settings();
    settings.certificates = {{one_.certificate, one_.key, {}}, {rsa_.certificate, rsa_.key, {}}};
    settings.versions = parse_protocols(protocols).value();
    const auto outcome = connect(settings, {version, version, "", "", "", nullptr});
    const std::string description = outcome.description;
    EXPECT_EQ(description.substr(0, description.find(' ')), wanted) << protocols;
    if (wanted.empty()) {
      EXPECT_THAT(outcome.error, AnyOf(HasSubstr("protocol"), HasSubstr("version"))) << protocols;
    }
  }
}

// An Outlook 2007 on Windows 7 in its oldest dress: TLS 1.0, RSA key exchange, AES, SHA-1.
TEST_F(HandshakeTest, TheSwitchForOldClientsBringsTheirCiphers) {
  Settings settings = plain_settings();
  settings.certificates = {{rsa_.certificate, rsa_.key, {}}};
  settings.versions = parse_min_protocol("TLSv1").value();
  const auto context = ServerContext::load(settings);
  ASSERT_TRUE(context);
  bool connected = false;
  Client client(
      [&](SSL* ssl, int) {
        ::SSL_set_cipher_list(ssl, "AES128-SHA:@SECLEVEL=0");
        connected = ::SSL_connect(ssl) == 1;
      },
      TLS1_VERSION);
  const auto channel = (*context)->accept(client.server(), in(10s));
  client.join();
  EXPECT_TRUE(connected);
  ASSERT_TRUE(channel) << channel.error().log_text;
  EXPECT_EQ((*channel)->description(), "TLSv1 with cipher AES128-SHA (128/128 bits)");
}

TEST_F(HandshakeTest, CiphersAreThoseOfTheList) {
  Settings settings = plain_settings();
  settings.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  const auto outcome = connect(settings, {TLS1_VERSION, TLS1_2_VERSION, "", "", "", nullptr});
  EXPECT_EQ(outcome.description,
            "TLSv1.2 with cipher ECDHE-ECDSA-AES128-GCM-SHA256 (128/128 bits)");
  settings.ciphers = "NO-SUCH-CIPHER";
  const auto context = ServerContext::load(settings);
  ASSERT_FALSE(context);
  EXPECT_THAT(context.error().log_text, HasSubstr("list of ciphers: no cipher match"));
}

TEST_F(HandshakeTest, ShowsTheKindOfKeyTheClientTakes) {
  Settings settings = plain_settings();
  settings.certificates = {{one_.certificate, one_.key, {}}, {rsa_.certificate, rsa_.key, {}}};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(connect(settings, {version, version, "", "ECDSA+SHA256", "", nullptr}).name,
              "one.test");
    EXPECT_EQ(
        connect(settings, {version, version, "", "RSA-PSS+SHA256:RSA+SHA256", "", nullptr}).name,
        "rsa.test");
  }
}

TEST_F(HandshakeTest, ChainFilesHoldKeysBeforeCertificates) {
  const auto text = [](const std::string& path) { return sys::read_file(path).value(); };
  const std::string first = directory_ + "/first.pem";
  const std::string second = directory_ + "/second.pem";
  // The key of the second pair stands at the end of the first file.
  std::ofstream(first) << text(one_.key) + text(one_.certificate) + text(rsa_.key);
  std::ofstream(second) << text(rsa_.certificate);
  Settings settings = plain_settings();
  settings.certificates = {{"", "", {first, second}}};
  EXPECT_EQ(
      connect(settings, {TLS1_2_VERSION, TLS1_3_VERSION, "", "ECDSA+SHA256", "", nullptr}).name,
      "one.test");
  EXPECT_EQ(
      connect(settings, {TLS1_2_VERSION, TLS1_3_VERSION, "", "RSA-PSS+SHA256", "", nullptr}).name,
      "rsa.test");

  settings.certificates = {{"", "", {second}}};
  const auto context = ServerContext::load(settings);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().log_text, second + ": no private key in it");
}

class NamesTest : public HandshakeTest {
 protected:
  Settings settings() {
    Settings settings = ticket_settings();
    settings.named = {{"two.test", {{two_.certificate, two_.key, {}}}},
                      {"*.wild.test", {{rsa_.certificate, rsa_.key, {}}}},
                      {"broken.test", {{two_.certificate, one_.key, {}}}},
                      {"missing.test", {{directory_ + "/none.pem", "", {}}}}};
    return settings;
  }
  NamedReader reader(const Settings& settings) {
    return [&](std::size_t number) {
      ++reads_;
      return read_certificates(settings.named.at(number).certificates);
    };
  }
  int reads_ = 0;
};

TEST_F(NamesTest, PicksTheCertificateThatTheClientNames) {
  const Settings all = settings();
  struct Case {
    std::string asked, shown;
    int reads;
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto& [asked, shown, reads] : std::vector<Case>{
             {"", "one.test", 0},
             {"one.test", "one.test", 0},
             {"unknown.test", "one.test", 0},
             {"two.test", "two.test", 1},
             {"TWO.Test", "two.test", 1},
             {"a.wild.test", "rsa.test", 1},
             {"a.b.wild.test", "one.test", 0},
             {"wild.test", "one.test", 0},
             // What cannot be had is logged; the default one is better than nothing.
             {"broken.test", "one.test", 1},
             {"missing.test", "one.test", 1},
         }) {
      reads_ = 0;
      const auto outcome = connect(all, {version, version, asked, "", "", nullptr}, reader(all));
      EXPECT_EQ(outcome.name, shown) << asked;
      EXPECT_EQ(reads_, reads) << asked;
    }
  }
}

TEST_F(NamesTest, IsAskedForOnceAfterAHelloRetryRequest) {
  const Settings all = settings();
  // A group we do not take is guessed first.
  const auto outcome =
      connect(all, {TLS1_3_VERSION, TLS1_3_VERSION, "two.test", "", "ffdhe8192:P-256", nullptr},
              reader(all));
  EXPECT_EQ(outcome.name, "two.test");
  EXPECT_EQ(reads_, 1);
}

TEST_F(NamesTest, AResumedSessionNeedsNoCertificate) {
  const Settings all = settings();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto first = connect(all, {version, version, "two.test", "", "", nullptr}, reader(all));
    reads_ = 0;
    const auto again =
        connect(all, {version, version, "two.test", "", "", first.session.get()}, reader(all));
    EXPECT_TRUE(again.resumed);
    EXPECT_EQ(reads_, 0);
  }
}

TEST_F(NamesTest, FilesOpenedEarlyAreReadLate) {
  Settings all = settings();
  const std::string copy = directory_ + "/copy.pem";
  std::ofstream(copy) << std::ifstream(two_.certificate).rdbuf() << std::ifstream(two_.key).rdbuf();
  all.named = {{"two.test", {{copy, "", {}}}}};
  const auto read = open_named(all);
  ASSERT_EQ(::unlink(copy.c_str()), 0);
  EXPECT_EQ(connect(all, {TLS1_VERSION, TLS1_3_VERSION, "two.test", "", "", nullptr}, read).name,
            "two.test");
}

TEST_F(HandshakeTest, ResumesWhatAnotherProcessBegan) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto first = connect(ticket_settings(), {version, version, "", "", "", nullptr});
    EXPECT_FALSE(first.resumed);
    EXPECT_FALSE(first.server_says_resumed);
    const auto again =
        connect(ticket_settings(), {version, version, "", "", "", first.session.get()});
    EXPECT_TRUE(again.resumed) << first.description;
    EXPECT_TRUE(again.server_says_resumed);
    // Early data stays off (RFC 8446 section 8).
    EXPECT_EQ(::SSL_SESSION_get_max_early_data(first.session.get()), 0U);
  }
}

TEST_F(HandshakeTest, WithoutATicketFileNothingIsResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto first = connect(plain_settings(), {version, version, "", "", "", nullptr});
    EXPECT_EQ(::SSL_SESSION_has_ticket(first.session.get()), 0);
    EXPECT_FALSE(
        connect(plain_settings(), {version, version, "", "", "", first.session.get()}).resumed);
  }
}

TEST_F(HandshakeTest, AnotherServiceResumesNothing) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto first = connect(ticket_settings("pop3"), {version, version, "", "", "", nullptr});
    const Wish again{version, version, "", "", "", first.session.get()};
    EXPECT_FALSE(connect(ticket_settings("imap"), again).resumed);
    // Nor does a port with other versions or ciphers.
    Settings stricter = ticket_settings("pop3");
    stricter.ciphers = "ECDHE+AESGCM";
    EXPECT_FALSE(connect(stricter, again).resumed);
    EXPECT_TRUE(connect(ticket_settings("pop3"), again).resumed);
  }
}

TEST_F(HandshakeTest, AfterTwoRotationsTheHandshakeIsFull) {
  const auto secrets = [](std::chrono::seconds ago) {
    return read_ticket_secrets(ticket_file(), 1h, SystemClock().now() - ago).value();
  };
  Settings patient = ticket_settings();
  patient.ticket_lifetime = 4h;  // takes the secrets as they are
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    testing::run("rm -f " + ticket_file());
    const auto old = secrets(90min);
    const auto issued = connect(patient, {version, version, "", "", "", nullptr});
    Wish again{version, version, "", "", "", issued.session.get()};
    // One rotation: the old secret still opens.
    const auto resumed = connect(ticket_settings(), again);
    EXPECT_TRUE(resumed.resumed);
    const auto both = sys::read_file(ticket_file()).value();
    EXPECT_NE(both.find(old), std::string::npos);

    // Two: at 65 minutes ago and now.
    testing::run("rm -f " + ticket_file());
    const auto older = secrets(130min);
    const auto issued_then = connect(patient, {version, version, "", "", "", nullptr});
    ASSERT_EQ(secrets(65min).substr(kTicketSecret), older);
    again.session = issued_then.session.get();
    EXPECT_TRUE(connect(patient, again).resumed);
    EXPECT_FALSE(connect(ticket_settings(), again).resumed);
  }
}

}  // namespace
}  // namespace mail::tls
