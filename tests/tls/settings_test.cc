#include "libmail/tls/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "libmail/base/sys.h"
#include "libmail/tls/own_certificate.h"
#include "libmail/tls/server_context.h"
#include "tests/tls/openssl_client.h"

namespace mail::tls {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kV10 = TUBEPOST_TLS_1_0;
constexpr unsigned kV11 = TUBEPOST_TLS_1_1;
constexpr unsigned kV12 = TUBEPOST_TLS_1_2;
constexpr unsigned kV13 = TUBEPOST_TLS_1_3;

TEST(Versions, PostfixWords) {
  struct Case {
    std::string text;
    unsigned wanted;  // 0: an error
  };
  for (const auto& [text, wanted] : std::vector<Case>{
           {">=TLSv1.2", kV12 | kV13},
           {">=TLSv1", kV10 | kV11 | kV12 | kV13},
           {">=SSLv3", kV10 | kV11 | kV12 | kV13},
           {">= TLSv1", 0},
           {">=TLSv1.1 <=TLSv1.2", kV11 | kV12},
           {">=0303", kV12 | kV13},
           {"<=0x0303", kV10 | kV11 | kV12},
           {"", kV10 | kV11 | kV12 | kV13},
           {"!SSLv2, !SSLv3", kV10 | kV11 | kV12 | kV13},
           {"!SSLv2,!SSLv3,!TLSv1,!TLSv1.1", kV12 | kV13},
           {"TLSv1.2", kV12},
           {"tlsv1.2:TLSV1.3", kV12 | kV13},
           {"TLSv1, !TLSv1", 0},
           {"SSLv3", 0},
           {"<=SSLv3", 0},
           {"TLSv1.4", 0},
           {">=", 0},
           {"!", 0},
           {"TLS", 0},
       }) {
    const auto versions = parse_protocols(text);
    EXPECT_EQ(versions.value_or(0), wanted) << text;
    if (!versions) {
      EXPECT_EQ(versions.error().code, Errc::Config);
    }
  }
}

TEST(Versions, DovecotWords) {
  EXPECT_EQ(parse_min_protocol("ANY").value_or(0), kV10 | kV11 | kV12 | kV13);
  EXPECT_EQ(parse_min_protocol("SSLv3").value_or(0), kV10 | kV11 | kV12 | kV13);
  EXPECT_EQ(parse_min_protocol("TLSv1").value_or(0), kV10 | kV11 | kV12 | kV13);
  EXPECT_EQ(parse_min_protocol("TLSv1.1").value_or(0), kV11 | kV12 | kV13);
  EXPECT_EQ(parse_min_protocol("TLSv1.2").value_or(0), kV12 | kV13);
  EXPECT_EQ(parse_min_protocol("TLSv1.3").value_or(0), kV13);
  EXPECT_EQ(parse_min_protocol("LATEST").value_or(0), kV13);
  EXPECT_FALSE(parse_min_protocol("TLSv2"));
}

TEST(Names, ExactGoesFirstThenTheLongestPattern) {
  const std::vector<NamedCertificates> named = {{".example.org", {}},
                                                {"*.example.org", {}},
                                                {"mail.example.org", {}},
                                                {".sub.example.org", {}}};
  struct Case {
    std::string name;
    long wanted;
  };
  for (const auto& [name, wanted] : std::vector<Case>{
           {"mail.example.org", 2},
           {"MAIL.EXAMPLE.ORG", 2},
           {"mail.example.org.", 2},
           {"other.example.org", 0},
           {"a.b.example.org", 0},
           {"a.sub.example.org", 3},
           {"example.org", -1},
           {".example.org", 0},  // no host can be named so; whatever is shown does no harm
           {"", -1},
           {".", -1},
           {"example.com", -1},
           {"*", -1},
           {std::string(256, 'a') + ".example.org", -1},
       }) {
    EXPECT_EQ(find_name(named, name), wanted) << name;
  }
  EXPECT_EQ(find_name({}, "mail.example.org"), -1);
}

class OwnCertificateTest : public ::testing::Test {
 protected:
  OwnCertificateTest() {
    char name[] = "/tmp/tubepost-own-XXXXXX";
    directory_ = ::mkdtemp(name);
    files_ = {directory_ + "/cert.pem", directory_ + "/key.pem", {}};
  }
  ~OwnCertificateTest() override { testing::run("rm -r " + directory_); }

  [[nodiscard]] Result<std::shared_ptr<ServerContext>> load(const std::string& host) const {
    Settings settings;
    settings.certificates = {files_};
    settings.make_for = host;
    settings.service = "test";
    return ServerContext::load(settings);
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    return sys::read_file(path).value_or("");
  }
  [[nodiscard]] std::string describe() const {
    testing::run("openssl x509 -noout -subject -ext subjectAltName,extendedKeyUsage -in " +
                 files_.certificate + " > " + directory_ + "/text");
    const bool is_there = std::system(("openssl x509 -noout -text -in " + files_.certificate +
                                       " > " + directory_ + "/text 2>&1")
                                          .c_str()) == 0;
    return is_there ? text(directory_ + "/text") : "";
  }

  std::string directory_;
  CertificateFiles files_;
};

TEST_F(OwnCertificateTest, IsMadeWhereNoneIs) {
  const auto context = load("mail.example.org");
  ASSERT_TRUE(context) << context.error().log_text;
  const auto description = describe();
  EXPECT_THAT(description, HasSubstr("Subject: CN = mail.example.org"));
  EXPECT_THAT(description, HasSubstr("DNS:mail.example.org"));
  EXPECT_THAT(description, HasSubstr("prime256v1"));
  EXPECT_THAT(description, HasSubstr("CA:FALSE"));
  EXPECT_TRUE(testing::run("openssl x509 -checkend 315000000 -in " + files_.certificate));
  EXPECT_FALSE(testing::run("openssl x509 -checkend 315500000 -in " + files_.certificate));
  struct ::stat status {};
  ASSERT_EQ(::stat(files_.key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(files_.certificate.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  EXPECT_EQ(sys::list_directory(directory_)->size(), 3U) << "nothing else is left (text is ours)";
}

TEST_F(OwnCertificateTest, IsNeverReplaced) {
  ASSERT_TRUE(load("one.example.org"));
  const auto certificate = text(files_.certificate);
  const auto key = text(files_.key);
  ASSERT_TRUE(load("two.example.org"));
  EXPECT_EQ(text(files_.certificate), certificate);
  EXPECT_EQ(text(files_.key), key);
}

// As when a process was killed between the two files, or somebody has put a key there.
TEST_F(OwnCertificateTest, AKeyThatIsThereGetsItsCertificate) {
  ASSERT_TRUE(load("one.example.org"));
  const auto key = text(files_.key);
  ASSERT_EQ(::unlink(files_.certificate.c_str()), 0);
  ASSERT_TRUE(load("two.example.org"));
  EXPECT_EQ(text(files_.key), key);
  EXPECT_THAT(describe(), HasSubstr("CN = two.example.org"));
}

TEST_F(OwnCertificateTest, ACertificateWithoutItsKeyIsTold) {
  ASSERT_TRUE(load("one.example.org"));
  ASSERT_EQ(::unlink(files_.key.c_str()), 0);
  const auto context = load("one.example.org");
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().log_text,
            files_.key + ": missing, but its certificate " + files_.certificate + " is there");
}

TEST_F(OwnCertificateTest, ANameThatIsNoneMakesNone) {
  for (const std::string host : {"a,URI:http://b", "", "a b"}) {
    const auto made = make_own_certificate(files_, host);
    ASSERT_FALSE(made) << host;
    EXPECT_THAT(made.error().log_text, HasSubstr("not a host name"));
    EXPECT_FALSE(sys::exists(files_.key));
  }
}

TEST_F(OwnCertificateTest, ProcessesMakeOnePair) {
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(load("mail.example.org") ? 0 : 1);
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(load("mail.example.org"));
}

}  // namespace
}  // namespace mail::tls
