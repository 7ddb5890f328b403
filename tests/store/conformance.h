// What every MailStore and Mailbox promises (mail_store.h, mailbox.h), as parameterised tests that
// each implementation runs: INSTANTIATE_TEST_SUITE_P(Mbox, StoreConformance, Values(factory)).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libmail/store/mail_store.h"
#include "libmail/store/message_source.h"
#include "libmail/store/view.h"

namespace mail::store {

// One user's mail for the length of a test; open() may be called many times, as by many sessions.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual std::unique_ptr<MailStore> open() = 0;
  virtual ManualClock& clock() = 0;
};
using FixtureFactory = std::function<std::unique_ptr<Fixture>()>;
struct Implementation {
  std::string name;
  FixtureFactory make;
};
inline void PrintTo(const Implementation& it, std::ostream* os) { *os << it.name; }

// The value, or a failed test with the log text.
template <class T>
T expect_ok(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().log_text;
    if constexpr (!std::is_void_v<T>) throw std::runtime_error(result.error().log_text);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline Uid add(Mailbox& box, const std::string& octets, AppendOptions options = {}) {
  StringSource source{octets};
  return expect_ok(box.append(source, options)).uid;
}

inline NewMessage new_message(std::string octets, Flags flags = {},
                              std::optional<WallTime> date = {}) {
  return {[octets = std::move(octets)]() -> Result<std::unique_ptr<MessageSource>> {
            return std::make_unique<StringSource>(octets);
          },
          std::move(flags), date};
}

inline std::string body(Mailbox& box, Uid uid, View view = View::Stored) {
  const auto reader = expect_ok(box.open(uid, view));
  return expect_ok(read_all(*reader));
}

inline std::vector<MessageInfo> all(Mailbox& box) {
  return expect_ok(box.since(ModSeq{0})).messages;
}

inline Measure measured(Mailbox& box, Uid uid) { return expect_ok(box.measure(uid)); }
inline std::uint64_t size_of(Mailbox& box, Uid uid) { return measured(box, uid).size; }

inline std::vector<std::string> bodies(Mailbox& box) {
  std::vector<std::string> found;
  for (const auto& info : all(box)) found.push_back(body(box, info.uid));
  return found;
}

inline Edit set_flags(Uid uid, Flags flags) {
  return [=](const Snapshot&) { return std::vector<Change>{{uid, flags, false, false}}; };
}
inline Edit expunge(std::vector<Uid> uids) {
  return [=](const Snapshot&) {
    std::vector<Change> changes;
    for (const Uid uid : uids) changes.push_back({uid, std::nullopt, false, true});
    return changes;
  };
}

class StoreConformance : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    store_ = fixture_->open();
    inbox_ = expect_ok(store_->open("INBOX"));
  }
  std::unique_ptr<Mailbox> reopened(const std::string& name = "INBOX") {
    other_ = fixture_->open();
    return expect_ok(other_->open(name));
  }
  std::unique_ptr<Fixture> fixture_;
  std::unique_ptr<MailStore> store_;
  std::unique_ptr<MailStore> other_;
  std::unique_ptr<Mailbox> inbox_;
};

inline std::string to_wire(const std::string& text) {
  std::string wire;
  for (const char c : text) {
    if (c == '\n') wire += '\r';
    wire += c;
  }
  return wire;
}

inline const std::string kMessage = "From: ann@example.org\nSubject: one\n\nHello\nthere\n";

}  // namespace mail::store
