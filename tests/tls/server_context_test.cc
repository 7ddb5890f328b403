#include "libmail/tls/server_context.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/tls/openssl_client.h"

namespace mail::tls {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using ::testing::HasSubstr;
using ::testing::StartsWith;

MonotonicTime in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

int count_descriptors() {
  int count = 0;
  ::DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// Octets that no compression or repetition hides the loss of.
std::string make_octets(std::size_t size) {
  std::string octets(size, '\0');
  std::uint32_t state = 1;
  for (auto& octet : octets) {
    state = state * 1664525U + 1013904223U;
    octet = static_cast<char>(state >> 24U);
  }
  return octets;
}

class ServerContextTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::signal(SIGPIPE, SIG_IGN);
    char name[] = "/tmp/tubepost-tls-XXXXXX";
    directory_ = ::mkdtemp(name);
    one_ = testing::make_certificate(directory_, "one");
    two_ = testing::make_certificate(directory_, "two");
  }
  static void TearDownTestSuite() { testing::run("rm -r " + directory_); }

  static Settings settings_of(const std::string& certificate, const std::string& key) {
    Settings settings;
    settings.certificates = {{certificate, key, {}}};
    settings.service = "test";
    return settings;
  }
  static std::shared_ptr<ServerContext> load(
      const Settings& settings = settings_of(one_.certificate, one_.key)) {
    auto context = ServerContext::load(settings);
    EXPECT_TRUE(context) << context.error().log_text;
    return *context;
  }
  static net::DescriptorTransport::Settings with_tls() {
    net::DescriptorTransport::Settings settings;
    settings.start_tls = ServerContext::starter(load());
    settings.write_timeout = 20s;
    settings.tls_timeout = 20s;
    return settings;
  }
  static std::string read_all(net::Transport& io, std::size_t size) {
    std::string octets;
    while (octets.size() < size) {
      const auto piece = io.read_some(in(20s));
      if (!piece || piece->empty()) break;
      octets += *piece;
    }
    return octets;
  }
  static Error load_error(const std::string& certificate, const std::string& key) {
    const auto context = ServerContext::load(settings_of(certificate, key));
    EXPECT_FALSE(context);
    return context ? Error{} : context.error();
  }

  static inline std::string directory_;
  static inline testing::Certificate one_;
  static inline testing::Certificate two_;
};

TEST_F(ServerContextTest, ShakesHandsAndSpeaksBothWays) {
  std::string answer;
  Client client([&](SSL* ssl, int) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    ASSERT_TRUE(testing::send(ssl, "EHLO a\r\n"));
    answer = testing::receive(ssl, 8);
  });
  net::DescriptorTransport io(client.server(), client.server(), with_tls());
  EXPECT_FALSE(io.is_tls());
  ASSERT_TRUE(io.start_tls());
  EXPECT_TRUE(io.is_tls());
  EXPECT_EQ(io.tls_description(), "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
  EXPECT_EQ(read_all(io, 8), "EHLO a\r\n");
  ASSERT_TRUE(io.write_all("250 ok\r\n"));
  client.join();
  EXPECT_EQ(answer, "250 ok\r\n");
}

TEST_F(ServerContextTest, SpeaksTls12AndNothingOlder) {
  {
    Client client([](SSL* ssl, int) { EXPECT_EQ(::SSL_connect(ssl), 1); }, TLS1_2_VERSION);
    const auto channel = load()->accept(client.server(), in(10s));
    ASSERT_TRUE(channel) << channel.error().log_text;
    EXPECT_THAT((*channel)->description(), StartsWith("TLSv1.2 with cipher ECDHE-ECDSA-"));
  }
  Client client([](SSL* ssl, int) { EXPECT_NE(::SSL_connect(ssl), 1); }, TLS1_1_VERSION);
  const auto channel = load()->accept(client.server(), in(10s));
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::Denied);
  EXPECT_THAT(channel.error().log_text, HasSubstr("unsupported protocol"));
}

TEST_F(ServerContextTest, RefusesRenegotiation) {
  Client client(
      [](SSL* ssl, int) {
        ASSERT_EQ(::SSL_connect(ssl), 1);
        ::SSL_renegotiate(ssl);
        EXPECT_NE(::SSL_do_handshake(ssl), 1);
      },
      TLS1_2_VERSION);
  net::DescriptorTransport io(client.server(), client.server(), with_tls());
  ASSERT_TRUE(io.start_tls());
  const auto got = io.read_some(in(10s));
  EXPECT_TRUE(!got || got->empty());
}

// RFC 3207 section 4.2, CVE-2011-0411.
TEST_F(ServerContextTest, PlaintextReadAheadIsDropped) {
  Client client([](SSL* ssl, int) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    EXPECT_TRUE(testing::send(ssl, "EHLO after\r\n"));
  });
  net::DescriptorTransport io(client.server(), client.server(), with_tls());
  io.unread("RCPT TO:<injected@example.org>\r\n");
  ASSERT_TRUE(io.start_tls());
  EXPECT_EQ(read_all(io, 12), "EHLO after\r\n");
}

TEST_F(ServerContextTest, PlaintextStillInTheSocketIsNoTls) {
  Client client([](SSL* ssl, int fd) {
    ASSERT_EQ(::write(fd, "RSET\r\n", 6), 6);
    EXPECT_NE(::SSL_connect(ssl), 1);
  });
  net::DescriptorTransport io(client.server(), client.server(), with_tls());
  const auto started = io.start_tls();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::Denied);
  EXPECT_THAT(started.error().log_text, HasSubstr("TLS handshake: "));
  EXPECT_FALSE(io.is_tls());
  client.close_server();
}

TEST_F(ServerContextTest, HandshakeEndsWithThePeerOrTheDeadline) {
  {
    Client client([](SSL*, int) {});
    const auto channel = load()->accept(client.server(), in(10s));
    ASSERT_FALSE(channel);
    EXPECT_EQ(channel.error().code, Errc::Closed);
  }
  Client client([](SSL*, int fd) {
    char octet = 0;
    static_cast<void>(::read(fd, &octet, 1));
  });
  ASSERT_EQ(::fcntl(client.server(), F_SETFL, O_NONBLOCK), 0);
  const auto begun = std::chrono::steady_clock::now();
  const auto channel = load()->accept(client.server(), in(80ms));
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::Timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 80ms);
  client.close_server();
}

TEST_F(ServerContextTest, ClosedPeerReadsAsEndOfInput) {
  for (const bool orderly : {true, false}) {
    Client client([orderly](SSL* ssl, int) {
      ASSERT_EQ(::SSL_connect(ssl), 1);
      ASSERT_TRUE(testing::send(ssl, "QUIT\r\n"));
      if (orderly) ::SSL_shutdown(ssl);
    });
    net::DescriptorTransport io(client.server(), client.server(), with_tls());
    ASSERT_TRUE(io.start_tls());
    EXPECT_EQ(read_all(io, 6), "QUIT\r\n");
    client.join();
    const auto end = io.read_some(in(10s));
    ASSERT_TRUE(end) << end.error().log_text;
    EXPECT_EQ(*end, "");
    bool failed = false;
    for (int at = 0; at < 100 && !failed; ++at) failed = !io.write_all("221 bye\r\n");
    EXPECT_TRUE(failed) << (orderly ? "orderly" : "abrupt");
  }
}

TEST_F(ServerContextTest, SaysCloseNotify) {
  int error = SSL_ERROR_NONE;
  Client client([&](SSL* ssl, int) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    char octet = 0;
    std::size_t got = 0;
    error = ::SSL_get_error(ssl, ::SSL_read_ex(ssl, &octet, 1, &got));
  });
  {
    net::DescriptorTransport io(client.server(), client.server(), with_tls());
    ASSERT_TRUE(io.start_tls());
  }
  client.close_server();
  client.join();
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
}

TEST_F(ServerContextTest, LargeTransfersArriveWhole) {
  const std::string octets = make_octets(6U << 20U);
  std::string received;
  Client client([&](SSL* ssl, int) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    EXPECT_TRUE(testing::send(ssl, octets));
    received = testing::receive(ssl, octets.size());
  });
  net::DescriptorTransport io(client.server(), client.server(), with_tls());
  ASSERT_TRUE(io.start_tls());
  EXPECT_TRUE(read_all(io, octets.size()) == octets);
  const auto written = io.write_all(octets);
  EXPECT_TRUE(written) << written.error().log_text;
  client.join();
  EXPECT_TRUE(received == octets);
}

// More octets in one record than the reader asks for: they wait inside, where poll(2) sees nothing.
TEST_F(ServerContextTest, TellsOfDecryptedOctetsThatWait) {
  Client client([](SSL* ssl, int fd) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    ASSERT_TRUE(testing::send(ssl, "0123456789"));
    char octet = 0;
    static_cast<void>(::read(fd, &octet, 1));
  });
  const auto channel = load()->accept(client.server(), in(10s));
  ASSERT_TRUE(channel);
  char piece[4];
  ASSERT_EQ((*channel)->read(piece, sizeof piece).value_or(0), 4U);
  EXPECT_TRUE((*channel)->has_pending());
  char rest[6];
  ASSERT_EQ((*channel)->read(rest, sizeof rest).value_or(0), 6U);
  EXPECT_FALSE((*channel)->has_pending());
  ASSERT_EQ(::fcntl(client.server(), F_SETFL, O_NONBLOCK), 0);
  const auto none = (*channel)->read(rest, sizeof rest);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::InUse);
  EXPECT_FALSE((*channel)->wants_write());
  client.close_server();
}

TEST_F(ServerContextTest, SendsTheChainOfTheFile) {
  const std::string file = directory_ + "/chain.pem";
  write_file(file, read_file(one_.certificate) + "\n" + read_file(two_.certificate));
  const auto context = ServerContext::load(settings_of(file, one_.key));
  ASSERT_TRUE(context) << context.error().log_text;
  int certificates = 0;
  Client client([&](SSL* ssl, int) {
    ASSERT_EQ(::SSL_connect(ssl), 1);
    certificates = sk_X509_num(::SSL_get_peer_cert_chain(ssl));
  });
  EXPECT_TRUE((*context)->accept(client.server(), in(10s)));
  client.join();
  EXPECT_EQ(certificates, 2);
}

TEST_F(ServerContextTest, OneFileMayHoldBoth) {
  const std::string file = directory_ + "/both.pem";
  write_file(file, read_file(one_.key) + read_file(one_.certificate));
  EXPECT_TRUE(ServerContext::load(settings_of(file, file)));
}

TEST_F(ServerContextTest, SaysWhatIsWrongWithTheFiles) {
  EXPECT_EQ(load_error(directory_ + "/none.pem", one_.key).code, Errc::NotFound);
  EXPECT_THAT(load_error(one_.certificate, directory_ + "/none.key").log_text,
              HasSubstr("none.key"));

  const auto mismatch = load_error(one_.certificate, two_.key);
  EXPECT_EQ(mismatch.code, Errc::Config);
  EXPECT_THAT(mismatch.log_text, HasSubstr("two.key"));
  EXPECT_THAT(mismatch.log_text, HasSubstr("key values mismatch"));
  EXPECT_EQ(mismatch.public_text, "TLS not available");

  EXPECT_THAT(load_error(one_.key, one_.key).log_text, HasSubstr(": certificate"));
  EXPECT_THAT(load_error(one_.certificate, one_.certificate).log_text, HasSubstr(": private key"));

  // No server asks a terminal for a passphrase.
  const std::string locked = directory_ + "/locked.key";
  ASSERT_TRUE(
      testing::run("openssl pkcs8 -topk8 -passout pass:x -in " + one_.key + " -out " + locked));
  EXPECT_THAT(load_error(one_.certificate, locked).log_text,
              HasSubstr("locked.key: private key: protected by a passphrase"));

  // A damaged certificate in the chain is not the end of the chain.
  std::string damaged = read_file(two_.certificate);
  damaged.replace(damaged.find('\n') + 5, 6, "******");
  const std::string file = directory_ + "/damaged.pem";
  write_file(file, read_file(one_.certificate) + damaged);
  EXPECT_EQ(load_error(file, one_.key).code, Errc::Config);
}

TEST_F(ServerContextTest, LeavesNoDescriptorOpen) {
  const auto connect = [] {
    Client client([](SSL* ssl, int) { EXPECT_EQ(::SSL_connect(ssl), 1); });
    EXPECT_TRUE(load()->accept(client.server(), in(10s)));
  };
  connect();
  const int before = count_descriptors();
  for (int at = 0; at < 5; ++at) connect();
  load_error(one_.certificate, two_.key);
  EXPECT_EQ(count_descriptors(), before);
}

}  // namespace
}  // namespace mail::tls
