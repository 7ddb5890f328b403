// Certificates on their way from the monitor to whoever shakes hands, and what a front in an
// attacker's hands gets out of it: one certificate of those that are on the list.
#include "libmail/login/certificates.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/channel.h"
#include "libmail/login/monitor.h"
#include "libmail/login/monitor_client.h"

namespace mail::login {
namespace {

FileDescriptor record_of(std::string_view octets) {
  FileDescriptor memory(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_TRUE(sys::write_all(memory, octets));
  return memory;
}

TEST(Certificates, GoThereAndBack) {
  std::vector<tls::Pem> all;
  all.emplace_back("certificate", "key", "a.pem, a.key");
  all.emplace_back(std::string(100'000, 'c'), std::string("k\0k", 3), "");
  const auto record = pack_certificates(all);
  ASSERT_TRUE(record);
  const auto back = unpack_certificates(*record);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back->at(i).certificate, all.at(i).certificate);
    EXPECT_EQ(back->at(i).key, all.at(i).key);
    EXPECT_EQ(back->at(i).origin, all.at(i).origin);
  }
}

TEST(Certificates, EveryCutOfARecordIsRefused) {
  std::vector<tls::Pem> all;
  all.emplace_back("certificate", "key", "files");
  const auto record = pack_certificates(all).value();
  const auto size = static_cast<std::size_t>(sys::fstat(record)->st_size);
  const auto octets = sys::pread_all(record, 0, size).value();
  for (std::size_t cut = 0; cut < size; ++cut) {
    EXPECT_FALSE(unpack_certificates(record_of(octets.substr(0, cut)))) << cut;
  }
  EXPECT_FALSE(unpack_certificates(record_of(octets + "x")));
  EXPECT_FALSE(unpack_certificates(record_of(std::string(4, '\xff') + octets.substr(4))));
  EXPECT_FALSE(unpack_certificates(record_of(octets.substr(0, 4) + std::string(4, '\xff'))));
}

class CertificateRequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    std::string pattern = ::testing::TempDir() + "tubepost-certificates-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    for (const char* name : {"one", "two"}) {
      std::ofstream(directory_ + "/" + name + ".pem") << name << " certificate";
      std::ofstream(directory_ + "/" + name + ".key") << name << " key";
      settings_.tls_settings.named.push_back(
          {std::string(name) + ".test",
           {{directory_ + "/" + name + ".pem", directory_ + "/" + name + ".key", {}}}});
    }
    settings_.tls_settings.named.push_back({"none.test", {{directory_ + "/none.pem", "", {}}}});
    settings_.counters_file = directory_ + "/auth";
    accounts_.add({"boss", 1000, 1000, "/home/boss", ""}, "linuxprobe");
    auto ends = make_channel().value();
    front_.emplace(std::move(ends.first));
    served_ = std::async(std::launch::async, [this, end = std::move(ends.second)] {
      Monitor monitor(settings_, "imap", {}, accounts_, clock_,
                      [](const FileDescriptor&, std::chrono::milliseconds) { return true; });
      FileDescriptor pipe;
      return monitor.serve(end, pipe);
    });
  }
  void TearDown() override {
    front_.reset();
    EXPECT_TRUE(served_.get());
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  Settings settings_;
  auth::MemoryAuthenticator accounts_;
  ManualClock clock_;
  std::optional<MonitorClient> front_;
  std::future<Result<std::optional<HandOver>>> served_;
};

TEST_F(CertificateRequestTest, GivesOneOfTheListOnce) {
  const auto second = front_->certificate(1);
  ASSERT_TRUE(second) << second.error().log_text;
  ASSERT_EQ(second->size(), 1U);
  EXPECT_EQ(second->front().certificate, "two certificate");
  EXPECT_EQ(second->front().key, "two key");
  for (const std::size_t number : {0U, 1U}) {
    const auto again = front_->certificate(number);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::Denied);
  }
  // The login goes on.
  EXPECT_TRUE(front_->verify({"boss", "linuxprobe", "imap", "", "PLAIN", true}));
}

TEST_F(CertificateRequestTest, GivesNothingThatIsNotOnTheList) {
  for (const std::size_t number : {3U, 4U, 0x7fffffffU, 0xffffffffU}) {
    const auto certificate = front_->certificate(number);
    ASSERT_FALSE(certificate);
    EXPECT_EQ(certificate.error().code, Errc::Denied);
  }
  EXPECT_TRUE(front_->certificate(0));
}

TEST_F(CertificateRequestTest, SaysNoPathOfAFileThatCannotBeRead) {
  const auto certificate = front_->certificate(2);
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().code, Errc::NotFound);
  EXPECT_EQ(certificate.error().public_text.find(directory_), std::string::npos);
}

}  // namespace
}  // namespace mail::login
