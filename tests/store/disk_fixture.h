// A home directory of its own for each test, and stores over it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "libmail/base/clock.h"
#include "libmail/store/maildir/mail_store.h"
#include "libmail/store/mbox/mail_store.h"
#include "tests/store/conformance.h"

namespace mail::store {

class TemporaryHome {
 public:
  TemporaryHome() {
    // In memory where there is such a place: the fault tests sync ten thousand times.
    const std::filesystem::path memory = "/dev/shm";
    const auto base =
        std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    std::string pattern = base / "tubepost-store-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TemporaryHome(const TemporaryHome&) = delete;
  TemporaryHome& operator=(const TemporaryHome&) = delete;
  ~TemporaryHome() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  const std::ifstream in(path, std::ios::binary);
  std::ostringstream octets;
  octets << in.rdbuf();  // whole: octet by octet is most of the time of a test under sanitizers
  return std::move(octets).str();
}
inline void spill(const std::string& path, const std::string& octets) {
  std::ofstream(path, std::ios::binary) << octets;
}
inline void spill_behind(const std::string& path, const std::string& octets) {
  std::ofstream(path, std::ios::binary | std::ios::app) << octets;
}

class MboxFixture : public Fixture {
 public:
  MboxFixture() {
    settings_.clock = &clock_;
    settings_.lock_timeout = std::chrono::milliseconds(300);
    std::filesystem::create_directory(home_.path() + "/spool");
  }
  std::unique_ptr<MailStore> open() override { return open_mbox(); }
  std::unique_ptr<mbox::MboxMailStore> open_mbox() {
    return std::make_unique<mbox::MboxMailStore>(
        Location{Format::Mbox, home_.path() + "/mail", inbox(), {}, {}, "fs"}, std::string{},
        settings_);
  }
  ManualClock& clock() override { return clock_; }
  [[nodiscard]] std::string inbox() const { return home_.path() + "/spool/boss"; }
  [[nodiscard]] const std::string& home() const { return home_.path(); }
  Settings& settings() { return settings_; }  // before open()

 protected:
  TemporaryHome home_;
  ManualClock clock_{WallTime{std::chrono::seconds{1'700'000'000}}};
  Settings settings_;
};

class MaildirFixture final : public Fixture {
 public:
  MaildirFixture() {
    settings_.clock = &clock_;
    settings_.lock_timeout = std::chrono::milliseconds(300);
  }
  std::unique_ptr<MailStore> open() override {
    return std::make_unique<maildir::MaildirMailStore>(
        Location{Format::Maildir, root(), root(), {}, {}, "Maildir++"}, settings_);
  }
  ManualClock& clock() override { return clock_; }
  [[nodiscard]] std::string root() const { return home_.path() + "/Maildir"; }
  [[nodiscard]] Settings& settings() { return settings_; }

 private:
  TemporaryHome home_;
  ManualClock clock_{WallTime{std::chrono::seconds{1'700'000'000}}};
  Settings settings_;
};

}  // namespace mail::store
