#include "libmail/auth/scram.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libmail/auth/crypt_password.h"
#include "libmail/auth/memory_authenticator.h"
#include "libmail/auth/password_file.h"
#include "libmail/auth/sasl.h"
#include "libmail/auth/scram_server.h"
#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"

namespace mail::auth {
namespace {

std::string b64(std::string_view octets) { return base64::encode(octets); }
std::string unb64(std::string_view text) { return base64::decode(text).value(); }

TEST(Scram, FirstMessages) {
  const struct {
    const char* name;
    std::string message;
    std::string expected;  // "user|nonce|gs2|bare", or "! ..."
  } kCases[] = {
      {"RFC 7677 section 3", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
       "user|rOprNGfwEbeRWgbNEkqO|n,,|n=user,r=rOprNGfwEbeRWgbNEkqO"},
      {"could bind", "y,,n=user,r=x", "user|x|y,,|n=user,r=x"},
      {"quoted", "n,,n=a=2Cb=3Dc,r=x", "a,b=c|x|n,,|n=a=2Cb=3Dc,r=x"},
      {"acts as oneself", "n,a=user,n=user,r=x", "user|x|n,a=user,|n=user,r=x"},
      {"extension", "n,,n=user,r=x,t=1,u=2", "user|x|n,,|n=user,r=x,t=1,u=2"},
      {"acts as another", "n,a=boss,n=user,r=x", "! Authorization identity is not yours"},
      {"binds", "p=tls-unique,,n=user,r=x", "! channel binding is not offered"},
      {"mandatory extension first", "n,,m=x,n=user,r=x", "! no user name"},
      {"mandatory extension behind", "n,,n=user,r=x,m=1", "! unknown mandatory extension"},
      {"no header", "n=user,r=x", "! no GS2 header"},
      {"other flag", "x,,n=user,r=x", "! no GS2 header"},
      {"no name", "n,,n=,r=x", "! bad user name"},
      {"bad quoting", "n,,n=a=2cb,r=x", "! '=' in a name"},
      {"control in a name", "n,,n=a\nb,r=x", "! bad user name"},
      {"not UTF-8", "n,,n=a\xff,r=x", "! bad user name"},
      {"no nonce", "n,,n=user", "! no nonce"},
      {"empty nonce", "n,,n=user,r=", "! bad nonce"},
      {"longest nonce", "n,,n=u,r=" + std::string(128, 'x'),
       "u|" + std::string(128, 'x') + "|n,,|n=u,r=" + std::string(128, 'x')},
      {"nonce too long", "n,,n=u,r=" + std::string(129, 'x'), "! bad nonce"},
      {"space in a nonce", "n,,n=user,r=x y", "! bad attribute"},
      {"attribute without value", "n,,n=user,r=x,t=", "! bad attribute"},
      {"too long", "n,,n=u,r=x,t=" + std::string(1024, 'x'), "! too long"},
      {"nothing", "", "! no GS2 header"},
  };
  for (const auto& c : kCases) {
    const auto first = parse_scram_first(c.message);
    std::string got;
    if (first) {
      got = first->user + '|' + first->nonce + '|' + first->gs2_header + '|' + first->bare;
    } else {
      got = first.error().public_text;
      if (const auto at = got.find(": "); at != std::string::npos) got = got.substr(at + 2);
      got = "! " + got;
    }
    EXPECT_EQ(got, c.expected) << c.name;
  }
}

TEST(Scram, FinalMessages) {
  const std::string proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  const auto good = parse_scram_final("c=biws,r=ab,p=" + proof);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->channel_binding, "n,,");
  EXPECT_EQ(good->nonce, "ab");
  EXPECT_EQ(good->extensions, "");
  EXPECT_EQ(b64(good->proof), proof);
  const auto extended = parse_scram_final("c=biws,r=ab,t=1,u=2,p=" + proof);
  ASSERT_TRUE(extended);
  EXPECT_EQ(extended->extensions, ",t=1,u=2");
  for (const std::string& message :
       {std::string(), std::string("c=biws"), std::string("c=biws,r=ab"),
        std::string("c=biws,r=ab,p="), std::string("c=biws,r=ab,p=AAAA"),
        std::string("c=b!ws,r=ab,p=") + proof, std::string("r=ab,c=biws,p=") + proof,
        std::string("c=biws,r=ab,m=1,p=") + proof, "c=biws,r=ab,p=" + proof + ",x=1",
        "c=biws,r=ab,t=" + std::string(300, 'x') + ",p=" + proof,
        std::string("c=biws,r=a\0b,p=", 15) + proof}) {
    EXPECT_FALSE(parse_scram_final(message)) << message;
  }
}

// RFC 7677 section 3, octet for octet.
TEST(Scram, ExampleOfTheRfc) {
  MemoryAuthenticator accounts;
  accounts.add({"user", 1, 1, "", ""}, "pencil");
  auto exchange = SaslExchange::begin("SCRAM-SHA-256", {&accounts, "imap", "", false}).value();
  auto step = exchange.start(b64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  ASSERT_TRUE(std::holds_alternative<Challenge>(step));
  EXPECT_EQ(unb64(std::get<Challenge>(step).base64),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  step =
      exchange.respond(b64("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                           "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  ASSERT_TRUE(std::holds_alternative<Challenge>(step));
  EXPECT_EQ(unb64(std::get<Challenge>(step).base64),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  step = exchange.respond("");
  ASSERT_TRUE(std::holds_alternative<Identity>(step));
  EXPECT_EQ(std::get<Identity>(step).user, "user");
  EXPECT_EQ(exchange.user(), "user");
}

class ScramFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "tubepost-scram-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  PasswordFile file(const std::string& text) {
    std::ofstream(dir_ + "/passwd") << text;
    return {dir_ + "/passwd", LoginNames{{"linuxprobe.com"}}, dir_ + "/secret"};
  }
  // A client's whole exchange: the account, or the error.
  static std::string log_in(PasswordFile& accounts, const std::string& user,
                            const std::string& password) {
    const auto digest = digest::Digest::open().value();
    const std::string bare = "n=" + user + ",r=clientnonce";
    const auto first = accounts.begin_scram({user, "n,,", "clientnonce", bare, "imap", "", false});
    if (!first) return std::string(to_string(first.error().code));
    const auto nonce = std::string(nonce_of(*first));
    const auto salt_at = first->find(",s=") + 3;
    const auto salt = unb64(first->substr(salt_at, first->rfind(",i=") - salt_at));
    const auto iterations =
        static_cast<unsigned>(std::stoul(first->substr(first->rfind(",i=") + 3)));
    const auto salted = digest.pbkdf2(password, salt, iterations).value();
    const auto client_key = digest.hmac(salted, "Client Key").value();
    const auto stored_key = digest.sha256(client_key).value();
    const auto message = bare + "," + *first + ",c=biws,r=" + nonce;
    const auto signature = digest.hmac(stored_key, message).value();
    std::string proof = client_key;
    for (std::size_t i = 0; i < proof.size(); ++i) {
      proof[i] = static_cast<char>(proof[i] ^ signature[i]);
    }
    const auto outcome = accounts.finish_scram({proof, ""});
    if (!outcome) return std::string(to_string(outcome.error().code));
    const auto server_key = digest.hmac(salted, "Server Key").value();
    EXPECT_EQ(outcome->server_signature, digest.hmac(server_key, message).value());
    return outcome->identity.user;
  }
  static std::string salt_of(PasswordFile& accounts, const std::string& user) {
    const auto first =
        accounts.begin_scram({user, "n,,", "c", "n=x,r=c", "imap", "", false}).value();
    return first.substr(first.find(",s="));
  }
  static std::string stored(const std::string& password, unsigned iterations = 4096) {
    const auto digest = digest::Digest::open().value();
    return "{SCRAM-SHA-256}" +
           to_text(derive_scram_keys(digest, password, "0123456789abcdef", iterations).value());
  }
  std::string dir_;
};

TEST_F(ScramFile, LogsIn) {
  auto accounts = file("boss:" + stored("pencil") + ":1000:1000::/h::\n" +
                       "ann:{PLAIN}crayon:1001:1001::/h::\n"
                       "eve:{PLAIN}chalk:1002:1002::/h::nologin\n"
                       "old:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJues"
                       "I68u4OTLiBFdcbYEdFCoEOfaS35inz1:1003:1003::/h::\n"
                       "locked:{SCRAM-SHA-256}!:1004:1004::/h::\n"
                       "broken:{SCRAM-SHA-256}4096,x:1005:1005::/h::\n");
  const std::string bad(to_string(Errc::BadCredentials));
  EXPECT_EQ(log_in(accounts, "boss", "pencil"), "boss");
  EXPECT_EQ(log_in(accounts, "Boss@LinuxProbe.com", "pencil"), "boss");
  EXPECT_EQ(log_in(accounts, "ann", "crayon"), "ann");
  EXPECT_EQ(log_in(accounts, "boss", "pencils"), bad);
  EXPECT_EQ(log_in(accounts, "nobody", "pencil"), bad);
  EXPECT_EQ(log_in(accounts, "old", "Hello world!"), bad);  // its hash cannot be used
  EXPECT_EQ(log_in(accounts, "locked", ""), bad);
  EXPECT_EQ(log_in(accounts, "eve", "chalk"), to_string(Errc::Denied));
  EXPECT_EQ(log_in(accounts, "broken", "x"), to_string(Errc::Unavailable));
}

TEST_F(ScramFile, StoredKeysServePlainToo) {
  auto accounts = file("boss:" + stored("p\xc3\xa4ncil") + ":1000:1000::/h::\n");
  EXPECT_TRUE(accounts.verify({"boss", "p\xc3\xa4ncil", "pop3", ""}));
  // SASLprep: composed or not, it is one password.
  EXPECT_TRUE(accounts.verify({"boss", "pa\xcc\x88ncil", "pop3", ""}));
  EXPECT_FALSE(accounts.verify({"boss", "pancil", "pop3", ""}));
  EXPECT_FALSE(accounts.verify({"nobody", "pencil", "pop3", ""}));
}

// units/make-password, and Dovecot's keys of RFC 7677's example.
TEST_F(ScramFile, PasswordsOfOthersTools) {
  for (const char* password : {"pencil", "p\xc3\xa4n cil:"}) {
    const std::string command = "printf '%s\\n' '" + std::string(password) +
                                "' | " TUBEPOST_SOURCE_DIR "/units/make-password";
    std::FILE* pipe = ::popen(command.c_str(), "re");
    ASSERT_NE(pipe, nullptr);
    std::array<char, 400> line{};
    EXPECT_NE(std::fgets(line.data(), line.size(), pipe), nullptr);
    EXPECT_EQ(::pclose(pipe), 0);
    const std::string made(ascii::trim(line.data()));
    EXPECT_EQ(matches_stored_password(password, made).value_or(false), true) << made;
    EXPECT_EQ(matches_stored_password("other", made).value_or(true), false) << made;
  }
  EXPECT_TRUE(matches_stored_password("pencil",
                                      "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
                                      "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
                                      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
                  .value());
}

// Who is not there is asked as the others are: each name has its salt, at each asking the same.
TEST_F(ScramFile, UnknownUsersCannotBeTold) {
  auto accounts = file("boss:" + stored("x", 5000) + ":1::\nboss2:" + stored("x", 5000) +
                       ":1000:1000::/h::\nann:{PLAIN}y:1001:1001::/h::\n");
  const auto nobody = salt_of(accounts, "nobody");
  EXPECT_EQ(nobody, salt_of(accounts, "nobody"));
  EXPECT_EQ(nobody, salt_of(accounts, "Nobody@linuxprobe.com"));
  EXPECT_NE(nobody, salt_of(accounts, "nobody2"));
  EXPECT_EQ(nobody.size(), salt_of(accounts, "boss2").size());
  for (const char* user : {"boss2", "ann", "nobody"}) {
    EXPECT_TRUE(salt_of(accounts, user).ends_with(",i=5000")) << user;
  }
  PasswordFile another_process(dir_ + "/passwd", LoginNames{{"linuxprobe.com"}}, dir_ + "/secret");
  EXPECT_EQ(nobody, salt_of(another_process, "nobody"));
}

TEST_F(ScramFile, SecretIsOursAlone) {
  const std::string path = dir_ + "/secret";
  const auto made = read_or_make_secret(path);
  ASSERT_TRUE(made) << made.error().log_text;
  EXPECT_EQ(made->size(), 32U);
  EXPECT_EQ(read_or_make_secret(path).value(), *made);
  struct ::stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(read_or_make_secret(path).error().code, Errc::Denied);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::filesystem::resize_file(path, 5);
  EXPECT_EQ(read_or_make_secret(path).error().code, Errc::Corrupt);
}

TEST_F(ScramFile, AProofIsTakenOnce) {
  auto accounts = file("boss:{PLAIN}pencil:1000:1000::/h::\n");
  EXPECT_EQ(accounts.finish_scram({std::string(32, 'x'), ""}).error().code, Errc::BadSequence);
  ASSERT_TRUE(accounts.begin_scram({"boss", "n,,", "c", "n=boss,r=c", "imap", "", false}));
  EXPECT_EQ(accounts.finish_scram({std::string(32, 'x'), ""}).error().code, Errc::BadCredentials);
  EXPECT_EQ(accounts.finish_scram({std::string(32, 'x'), ""}).error().code, Errc::BadSequence);
}

// What was said on one connection is of no use on another: each has a nonce of its own.
TEST_F(ScramFile, NoncesAreNew) {
  auto accounts = file("boss:{PLAIN}pencil:1000:1000::/h::\n");
  const ScramFirst first{"boss", "n,,", "c", "n=boss,r=c", "imap", "", false};
  const auto one = accounts.begin_scram(first).value();
  const auto two = accounts.begin_scram(first).value();
  EXPECT_NE(nonce_of(one), nonce_of(two));
  EXPECT_EQ(nonce_of(one).size(), 1U + 24U);
  EXPECT_EQ(one.substr(one.find(',')), two.substr(two.find(',')));
}

TEST_F(ScramFile, OfferedWhereEveryAccountCan) {
  EXPECT_TRUE(file("a:{PLAIN}x:1:1::::\nb:" + stored("x") + ":1:1::::\n").can_scram());
  EXPECT_TRUE(file("a:{PLAIN}x:1:1::::\nb:!:1:1::::\n").can_scram());
  EXPECT_FALSE(file("a:{PLAIN}x:1:1::::\nb:$6$x$y:1:1::::\n").can_scram());
  EXPECT_FALSE(file("").can_scram());
  EXPECT_FALSE(PasswordFile(dir_ + "/none", {}).can_scram());
}

TEST(Digest, KnownAnswers) {
  const auto digest = digest::Digest::open().value();
  // FIPS 180-2 B.1; RFC 4231 section 4.3; RFC 7914 section 11.
  EXPECT_EQ(ascii::to_hex(digest.sha256("abc").value()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ascii::to_hex(digest.hmac("Jefe", "what do ya want for nothing?").value()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ascii::to_hex(digest.pbkdf2("passwd", "salt", 1).value()),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
}

TEST(Digest, Saslprep) {
  const auto digest = digest::Digest::open().value();
  const struct {
    const char* name;
    std::string in;
    std::optional<std::string> out;
  } kCases[] = {
      // RFC 4013 section 3.
      {"soft hyphen", "I\xc2\xadX", "IX"},
      {"no change", "user", "user"},
      {"case stays", "USER", "USER"},
      {"NFKC", "\xc2\xaa", "a"},
      {"NFKC makes two", "\xe2\x85\xa8", "IX"},
      {"control", "\x07", std::nullopt},
      {"directions", "\xd8\xa7\x31", std::nullopt},
      {"right to left", "\xd8\xa7\x31\xd8\xa8", "\xd8\xa7\x31\xd8\xa8"},
      {"no-break space", "a\xc2\xa0z", "a z"},
      {"grows", "\xef\xb7\xba",
       "\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 "
       "\xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 \xd9\x88\xd8\xb3\xd9\x84\xd9\x85"},
      {"private use", "\xee\x80\x80", std::nullopt},
      {"not UTF-8", "\xff", std::nullopt},
  };
  for (const auto& c : kCases) {
    const auto got = digest.saslprep(c.in);
    EXPECT_EQ(got ? std::optional(*got) : std::nullopt, c.out) << c.name;
  }
}

}  // namespace
}  // namespace mail::auth
