// PlaceFixture: a spool, a home and settings over them in a directory of its own, with real
// mailboxes (mbox by the factory), and an account `boss` whose files they are.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/local/recipient.h"
#include "libmail/store/factory/open.h"

namespace mail::local {

inline std::string slurp(const std::string& path) {
  const std::ifstream in(path, std::ios::binary);
  std::ostringstream octets;
  octets << in.rdbuf();
  return std::move(octets).str();
}

// A message as smtp-recv hands it over.
inline FileDescriptor open_message(const std::string& octets) {
  FileDescriptor fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(fd.is_open());
  EXPECT_TRUE(sys::write_all(fd, octets));
  return fd;
}

inline const std::string kMessage =
    "Received: from client.example by mail.linuxprobe.com id Q1\n"
    "Subject: hello\n\nHello~\n";
inline const std::string kFields =
    "Return-Path: <ann@example.org>\n"
    "X-Original-To: boss@linuxprobe.com\n"
    "Delivered-To: boss@linuxprobe.com\n";

class RecordingHelper final : public Helper {
 public:
  Result<void> make_mailbox() override {
    ++made;
    return refuse_mailbox ? fail(Errc::Denied, EnhancedStatus{4, 2, 0}, "no") : Result<void>{};
  }
  Result<void> take_dotlock(std::chrono::milliseconds /*timeout*/) override {
    if (lock_is_held) return fail(Errc::InUse, "Mailbox is in use");
    ++locked;
    return {};
  }
  void release_dotlock() override { ++released; }
  int made = 0, locked = 0, released = 0;
  bool lock_is_held = false, refuse_mailbox = false;
};

class PlaceFixture : public testing::Test {
 protected:
  PlaceFixture() {
    log::open("deliver", log::Sink::Discard);
    std::signal(SIGPIPE, SIG_IGN);
    std::string pattern = std::filesystem::temp_directory_path() / "tubepost-local-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir_ = pattern;
    std::filesystem::create_directories(dir_ + "/spool");
    std::filesystem::create_directories(dir_ + "/home");
    Settings& settings = world_.settings;
    settings.mail.mail_location = "mbox:~/mail:INBOX=" + dir_ + "/spool/%u";
    settings.mail.state_directory = dir_ + "/state";
    settings.state_directory = dir_ + "/state/state";
    settings.myorigin = "linuxprobe.com";
    settings.recipient_delimiter = "+";
    settings.lock_timeout = std::chrono::milliseconds(200);
    settings.lock_timeout_in_transaction = std::chrono::milliseconds(100);
    world_.is_local_domain = [](std::string_view domain) {
      return domain.empty() || domain == "linuxprobe.com";
    };
    world_.open_mailbox =
        [this](const auth::Identity& identity, const Place& place,
               std::chrono::milliseconds lock_timeout) -> Result<std::unique_ptr<store::Mailbox>> {
      store::Settings mail = world_.settings.mail;
      mail.lock_timeout = lock_timeout;
      if (!place.location.empty()) mail.mail_location = place.location;
      const auto mail_store = TRY(store::open_mail_store(mail, identity));
      return mail_store->open("INBOX");
    };
    // Not uid 0, whoever runs the test: its .forward may name commands.
    boss_ = {"boss", 1000, 1000, dir_ + "/home", ""};
  }
  ~PlaceFixture() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  [[nodiscard]] std::string spool(const std::string& name = "boss") const {
    return dir_ + "/spool/" + name;
  }
  [[nodiscard]] std::string home(const std::string& name) const { return dir_ + "/home/" + name; }
  static void write(const std::string& path, const std::string& octets, mode_t mode = 0600) {
    std::ofstream(path, std::ios::binary) << octets;
    ::chmod(path.c_str(), mode);
  }
  void forward(const std::string& octets) { write(home(".forward"), octets); }

  static Delivery delivery(std::string id = "Q1.0", bool from_queue = false) {
    Delivery delivery;
    delivery.delivery_id = std::move(id);
    delivery.queue_id = "Q1";
    delivery.reverse_path = "ann@example.org";
    delivery.end_point.target = "boss";
    delivery.end_point.original_to = "boss@linuxprobe.com";
    delivery.from_queue = from_queue;
    delivery.arrived_microseconds = 1'500'000'000'000'000;
    return delivery;
  }
  Verdict deliver(const Delivery& what, const std::string& octets = kMessage) {
    const auto message = open_message(octets);
    Recipient recipient(world_, helper_, boss_);
    return recipient.deliver(what, message, [this] {
      ++asked_;
      return go_;
    });
  }

  // Messages of an mbox, without their From_ lines and separating empty lines.
  static std::vector<std::string> messages(const std::string& path) {
    std::vector<std::string> found;
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("From ")) {
        found.emplace_back();
      } else if (!found.empty()) {
        found.back() += line + "\n";
      }
    }
    for (auto& message : found) {
      if (message.ends_with("\n\n")) message.pop_back();
    }
    return found;
  }

  std::string dir_;
  World world_;
  RecordingHelper helper_;
  auth::Identity boss_;
  bool go_ = true;
  int asked_ = 0;
};

}  // namespace mail::local
