// The monitor against a front in an attacker's hands: it gets nothing but permitted guesses at the
// permitted rate.
#include "libmail/login/monitor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/channel.h"
#include "libmail/login/monitor_client.h"
#include "libmail/login/standing.h"

namespace mail::login {
namespace {

using std::chrono::milliseconds;

class MonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    std::string pattern = ::testing::TempDir() + "tubepost-monitor-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    settings_.counters_file = dir_ + "/auth";
    accounts_.add({"boss", 1000, 1000, "/home/boss", ""}, "linuxprobe");
    accounts_.add({"root", 0, 0, "/root", ""}, "toor");
    begin();
  }
  void TearDown() override {
    end();
    std::filesystem::remove_all(dir_);
  }
  // A new connection.
  void begin(const std::string& service = "pop3") {
    end();
    auto ends = make_channel().value();
    front_ = std::move(ends.first);
    monitor_end_ = std::move(ends.second);
    served_ = std::async(std::launch::async, [this, service] {
      net::Peer peer;
      peer.address = "192.0.2.1";
      peer.local_address = "192.0.2.9";
      Monitor monitor(settings_, service, peer, accounts_, clock_,
                      [this](const FileDescriptor&, milliseconds time) {
                        waited_ += time;
                        longest_ = std::max(longest_, time);
                        clock_.advance(time);
                        return !hangs_up_;
                      });
      FileDescriptor pipe;
      auto result = monitor.serve(monitor_end_, pipe);
      has_pipe_ = pipe.is_open();
      if (result && *result) places_.push_back(monitor.release_place());
      monitor_end_.reset();
      return result;
    });
  }
  Result<std::optional<HandOver>> end() {
    front_.reset();
    if (!served_.valid()) return std::optional<HandOver>();
    return served_.get();
  }
  // What the monitor says to these octets; nothing: it has ended the conversation.
  std::optional<Answer> say(std::string_view octets, FileDescriptor* attached = nullptr) {
    if (!send_packet(front_, octets)) return std::nullopt;
    const auto packet = receive_packet(front_, attached);
    if (!packet) return std::nullopt;
    return parse_answer(*packet).value();
  }
  std::optional<Answer> ask(const Request& request, FileDescriptor* attached = nullptr) {
    return say(serialize(request).value(), attached);
  }
  static VerifyRequest right() { return {"boss", "linuxprobe", "PLAIN", false}; }
  static VerifyRequest wrong() { return {"boss", "guess", "PLAIN", false}; }
  static BecomeRequest become() { return {"boss", "", "", "", false}; }

  std::string dir_;
  Settings settings_;
  auth::MemoryAuthenticator accounts_;
  ManualClock clock_;
  FileDescriptor front_, monitor_end_;
  std::vector<FileDescriptor> places_;  // of the sessions that were made
  std::future<Result<std::optional<HandOver>>> served_;
  milliseconds waited_{0}, longest_{0};
  bool hangs_up_ = false;
  bool has_pipe_ = false;
};

TEST_F(MonitorTest, LogsIn) {
  EXPECT_TRUE(ask(right())->ok);
  FileDescriptor pipe;
  const auto answer = ask(BecomeRequest{"Boss", "a1", "NOOP\r\n", "TLSv1.3", true}, &pipe);
  ASSERT_TRUE(answer && answer->ok);
  EXPECT_TRUE(pipe.is_open());
  const auto record = end();
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->identity.user, "boss");
  EXPECT_EQ((*record)->identity.uid, 1000U);
  EXPECT_EQ((*record)->unread, "NOOP\r\n");
  EXPECT_EQ((*record)->tag, "a1");
  EXPECT_TRUE(has_pipe_);
  EXPECT_EQ(waited_.count(), 0);
}

TEST(AccountOf, AllSpellingsOfAnAccountAreCountedAsOne) {
  Settings settings;
  settings.accounts.names.domains = {"example.org"};
  EXPECT_EQ(account_of(settings, "Ann@Example.org"), "ann");
  EXPECT_EQ(account_of(settings, "ann@example.net"), "ann@example.net");
  auth::Passdb passdb;
  passdb.driver = auth::Passdb::Driver::PasswordFile;
  passdb.path = "/etc/users";
  passdb.username_format = "%n";
  settings.accounts.passdbs = {passdb};
  EXPECT_EQ(account_of(settings, "ann@example.net"), "ann");
  // In a file for each domain they are two.
  settings.accounts.passdbs.front().path = "/etc/%d/users";
  EXPECT_EQ(account_of(settings, "ann@example.net"), "ann@example.net");
}

TEST_F(MonitorTest, SoManySessionsOfOneAccountFromOneAddress) {
  settings_.max_userip_connections = 2;
  settings_.live_file = dir_ + "/live";
  const auto log_in = [&](const std::string& service) {
    begin(service);
    const auto answer = ask(right());
    if (answer && answer->ok) {
      EXPECT_TRUE(ask(become())->ok);
    }
    end();
    return answer;
  };
  EXPECT_TRUE(log_in("imap")->ok);
  EXPECT_TRUE(log_in("imap")->ok);
  const auto refused = log_in("imap");
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->ok);
  EXPECT_EQ(refused->code, Errc::Unavailable);
  EXPECT_NE(refused->text.find("mail_max_userip_connections=2"), std::string::npos);
  EXPECT_TRUE(log_in("pop3")->ok);  // counted by itself
  ASSERT_EQ(places_.size(), 3U);
  // No place lies in a file that another uid can lay its hands on.
  EXPECT_TRUE(sys::exists(settings_.live_file + "-1000"));
  EXPECT_FALSE(sys::exists(settings_.live_file));
  places_.erase(places_.begin());
  EXPECT_TRUE(log_in("imap")->ok);
  EXPECT_FALSE(log_in("imap")->ok);
  // An attempt that comes to nothing holds no place.
  places_.clear();
  begin("imap");
  EXPECT_TRUE(ask(right())->ok);
  EXPECT_TRUE(ask(right())->ok);
  EXPECT_FALSE(ask(wrong())->ok);
  EXPECT_TRUE(log_in("imap")->ok);
  EXPECT_TRUE(log_in("imap")->ok);
}

TEST_F(MonitorTest, AWrongPasswordIsNoLogin) {
  const auto answer = ask(wrong());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->ok);
  EXPECT_EQ(answer->code, Errc::BadCredentials);
  EXPECT_EQ(waited_, settings_.auth_failure_delay);
  EXPECT_FALSE(ask(become()));
  EXPECT_EQ(end().error().code, Errc::Denied);
}

TEST_F(MonitorTest, BecomeIsForWhoHasLoggedIn) {
  EXPECT_FALSE(ask(become()));  // nobody has
  EXPECT_EQ(end().error().code, Errc::Denied);

  begin();  // another name in it changes nothing
  ASSERT_TRUE(ask(right())->ok);
  ASSERT_TRUE(ask(BecomeRequest{"root", "", "", "", false}));
  const auto record = end();
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->identity.user, "boss");
  EXPECT_EQ((*record)->identity.uid, 1000U);

  begin();  // a failure takes back what was proved before
  ASSERT_TRUE(ask(right())->ok);
  ASSERT_FALSE(ask(wrong())->ok);
  EXPECT_FALSE(ask(become()));
  EXPECT_EQ(end().error().code, Errc::Denied);

  begin();  // twice is once
  ASSERT_TRUE(ask(right())->ok);
  ASSERT_TRUE(ask(become())->ok);
  EXPECT_FALSE(ask(become()));
  EXPECT_TRUE(*end());
}

TEST_F(MonitorTest, RootAndSystemAccountsGetNoSession) {
  const auto answer = ask(VerifyRequest{"root", "toor", "PLAIN", false});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, Errc::Denied);
  EXPECT_FALSE(ask(become()));
  EXPECT_EQ(end().error().code, Errc::Denied);
}

TEST_F(MonitorTest, SmtpMakesNoSessions) {
  begin("smtp");
  ASSERT_TRUE(ask(right())->ok);
  EXPECT_FALSE(ask(become()));
  EXPECT_EQ(end().error().code, Errc::Denied);
}

TEST_F(MonitorTest, GuessesAreCounted) {
  for (unsigned i = 0; i < kMaxAttempts; ++i) {
    const auto answer = ask(wrong());
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->code, Errc::BadCredentials);
  }
  // 10 answers at 2 s each, and before them 0 0 0 1 2 4 8 15 15 15 s by address.
  EXPECT_GE(waited_, milliseconds(20'000 + 60'000));
  EXPECT_LE(longest_, kMaxAddressDelay);
  const auto asked = accounts_.asked().size();
  EXPECT_EQ(ask(right())->code, Errc::TooMany);  // not even looked at
  EXPECT_EQ(accounts_.asked().size(), asked);
  EXPECT_FALSE(ask(right()));
  EXPECT_EQ(end().error().code, Errc::Denied);
  EXPECT_EQ(accounts_.asked().size(), asked);

  // The next connection goes on where this one ended.
  waited_ = milliseconds{0};
  begin();
  ASSERT_TRUE(ask(wrong()));
  EXPECT_EQ(waited_, kMaxAddressDelay + settings_.auth_failure_delay);
}

TEST_F(MonitorTest, WhoHangsUpHasGuessedAllTheSame) {
  for (int i = 0; i < 3; ++i) {
    begin();
    ask(wrong());
  }
  hangs_up_ = true;  // while it waits for the fourth
  begin();
  EXPECT_FALSE(ask(wrong()));
  EXPECT_TRUE(end());
  EXPECT_EQ(accounts_.asked().size(), 3U);
  hangs_up_ = false;
  waited_ = milliseconds{0};
  begin();
  ask(wrong());
  EXPECT_EQ(waited_, milliseconds(2000) + settings_.auth_failure_delay);  // the fifth
}

TEST_F(MonitorTest, UnknownAndWrongLookAlike) {
  const auto known = ask(wrong());
  const auto first = waited_;
  waited_ = milliseconds{0};
  const auto unknown = ask(VerifyRequest{"nobody", "guess", "PLAIN", false});
  EXPECT_EQ(known->text, unknown->text);
  EXPECT_EQ(known->code, unknown->code);
  EXPECT_EQ(waited_, first);
}

TEST_F(MonitorTest, ScramOnlyInItsOrder) {
  const FinishScramRequest proof{std::string(32, 'p'), ""};
  const BeginScramRequest first{"boss", "n,,", "c", "n=boss,r=c", false};
  EXPECT_FALSE(ask(proof));  // final without first
  EXPECT_EQ(end().error().code, Errc::Denied);

  begin();
  ASSERT_TRUE(ask(first)->ok);
  EXPECT_FALSE(ask(become()));  // a challenge is no login
  EXPECT_EQ(end().error().code, Errc::Denied);

  begin();
  ASSERT_TRUE(ask(first)->ok);
  EXPECT_EQ(ask(proof)->code, Errc::BadCredentials);
  EXPECT_FALSE(ask(proof));  // one proof for one challenge
  EXPECT_EQ(end().error().code, Errc::Denied);

  begin();  // a password between them closes the challenge
  ASSERT_TRUE(ask(first)->ok);
  ASSERT_TRUE(ask(wrong()));
  EXPECT_FALSE(ask(proof));

  begin();  // challenges are attempts too
  for (unsigned i = 0; i < kMaxAttempts; ++i) ASSERT_TRUE(ask(first)->ok);
  EXPECT_EQ(ask(first)->code, Errc::TooMany);
  EXPECT_FALSE(ask(first));
  EXPECT_EQ(end().error().code, Errc::Denied);
}

TEST_F(MonitorTest, ScramLogsInThroughTheClient) {
  const auto digest = auth::digest::Digest::open().value();
  MonitorClient client(std::move(front_));
  const std::string bare = "n=boss,r=c";
  const auto first = client.begin_scram({"boss", "n,,", "c", bare, "pop3", "", false}).value();
  const auto keys = auth::derive_scram_keys(
      digest, "linuxprobe", base64::decode("W22ZaJ0SNY7soEsUEjb6gQ==").value(), 4096);
  const auto salted = digest.pbkdf2("linuxprobe", keys->salt, 4096).value();
  std::string proof = digest.hmac(salted, "Client Key").value();
  const auto nonce = first.substr(2, first.find(',') - 2);
  const auto signature =
      digest.hmac(keys->stored_key, bare + "," + first + ",c=biws,r=" + nonce).value();
  for (std::size_t i = 0; i < proof.size(); ++i) {
    proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  }
  const auto outcome = client.finish_scram({proof, ""});
  ASSERT_TRUE(outcome) << outcome.error().log_text;
  EXPECT_EQ(outcome->identity.user, "boss");
  EXPECT_EQ(outcome->server_signature.size(), 32U);
  // A replay on another connection meets another challenge; here the same nonce is not asked again.
  EXPECT_FALSE(client.finish_scram({proof, ""}));
}

TEST_F(MonitorTest, WhatIsNotInTheTableEndsIt) {
  const auto good = serialize(right()).value();
  std::string negative = good;
  negative.replace(8, 4, std::string(4, '\xff'));  // the length of the name
  std::string flag = good;
  flag[4] = 2;
  std::string padding = good;
  padding[200] = 'x';
  std::string kind = good;
  kind[0] = 6;
  std::string far = good;
  far[3] = '\x80';
  for (const auto& octets :
       {std::string("x"), good.substr(0, 7), good.substr(0, good.size() - 1), good + "x", negative,
        flag, padding, kind, far, std::string(kMaxMessage, 'x'), good + good}) {
    begin();
    EXPECT_FALSE(say(octets));
    EXPECT_FALSE(end());
  }
  EXPECT_TRUE(accounts_.asked().empty());
  // Longer than any packet: the kernel cuts it, the monitor sees that.
  begin();
  const int size = 1 << 20;
  ::setsockopt(front_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const std::string huge(kMaxMessage + 1000, 'x');
  static_cast<void>(::send(front_.get(), huge.data(), huge.size(), MSG_NOSIGNAL));
  front_.reset();
  EXPECT_TRUE(accounts_.asked().empty());
}

TEST_F(MonitorTest, ACertificateIsOneOfTheListAndOnce) {
  EXPECT_EQ(ask(CertificateRequest{0})->code, Errc::Denied);  // the list is empty
  EXPECT_EQ(ask(CertificateRequest{0xffffffffU})->code, Errc::Denied);
  EXPECT_TRUE(end());
  tls::NamedCertificates named;
  named.name = "mail.example";
  named.certificates.emplace_back().certificate = dir_ + "/none.pem";
  settings_.tls_settings.named.push_back(std::move(named));
  begin();
  EXPECT_EQ(ask(CertificateRequest{1})->code, Errc::Denied);
  FileDescriptor attached;
  const auto missing = ask(CertificateRequest{0}, &attached);
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->ok);
  EXPECT_EQ(missing->text.find(dir_), std::string::npos);  // no path of ours is told
  EXPECT_FALSE(attached.is_open());
  EXPECT_EQ(ask(CertificateRequest{0})->code, Errc::Denied);  // once
  EXPECT_FALSE(ask(become()));                                // and no login
  EXPECT_EQ(end().error().code, Errc::Denied);
}

// Any order of all kinds, from a seed: a session comes only of a right password.
TEST_F(MonitorTest, AnyOrderAtAll) {
  std::vector<std::string> packets;
  for (const Request& request :
       {Request(wrong()), Request(become()),
        Request(BeginScramRequest{"boss", "n,,", "c", "n=boss,r=c", false}),
        Request(FinishScramRequest{std::string(32, 'p'), ""}), Request(CertificateRequest{0}),
        Request(VerifyRequest{"root", "toor", "PLAIN", false})}) {
    packets.push_back(serialize(request).value());
  }
  std::uint32_t seed = 4711;
  for (int run = 0; run < 100; ++run) {
    begin();
    for (int step = 0; step < 6; ++step) {
      seed = seed * 1664525U + 1013904223U;
      const auto answer = say(packets.at((seed >> 16U) % packets.size()));
      if (!answer) break;
      EXPECT_TRUE(!answer->ok || !answer->scram.empty());
    }
    const auto served = end();
    EXPECT_TRUE(!served || !*served);
  }
}

TEST(Standing, DecidesWhatMayTravel) {
  const auto policy = [](const char* address, auto change) {
    Settings settings;
    change(settings);
    net::Peer peer;
    peer.address = address;
    peer.local_address = "192.168.10.10";
    const auto standing = stand(settings, peer).value();
    if (standing.is_refused) return std::string("refused");
    const auto sasl = sasl_policy(settings, standing);
    return std::string(sasl.allows_plaintext(false) ? "plaintext" : "")
        .append(sasl.allows_login(false) ? " login" : "");
  };
  const auto defaults = [](Settings&) {};
  EXPECT_EQ(policy("192.0.2.1", defaults), " login");
  EXPECT_EQ(policy("127.0.0.1", defaults), "plaintext login");
  EXPECT_EQ(policy("::1", defaults), "plaintext login");
  EXPECT_EQ(policy("192.168.10.10", defaults), "plaintext login");  // from itself
  EXPECT_EQ(policy("", defaults), "plaintext login");               // a pipe
  const auto free = [](Settings& s) { s.disable_plaintext_auth = false; };
  EXPECT_EQ(policy("192.0.2.1", free), "plaintext login");
  const auto required = [](Settings& s) {
    s.disable_plaintext_auth = false;
    s.ssl = Settings::Ssl::Required;
  };
  EXPECT_EQ(policy("192.0.2.1", required), "");
  EXPECT_EQ(policy("127.0.0.1", required), "plaintext login");
  const auto chapter = [](Settings& s) { s.trusted_networks = "192.168.10.0/24 10.0.0.0/8"; };
  EXPECT_EQ(policy("192.168.10.30", chapter), "plaintext login");
  EXPECT_EQ(policy("10.1.2.3", chapter), "plaintext login");
  EXPECT_EQ(policy("192.168.11.30", chapter), "refused");
  EXPECT_EQ(policy("127.0.0.1", chapter), "plaintext login");
  const auto dovecot = [](Settings& s) {
    s.trusted_networks = "192.168.10.0/24";
    s.refuse_outside = false;
  };
  EXPECT_EQ(policy("192.168.11.30", dovecot), " login");
}

}  // namespace
}  // namespace mail::login
