// What a session says of a message is the same whether it reads it or another has read it before
// (MessageData and the mailbox's MessageCache).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "libmail/imap/session.h"
#include "libmail/store/maildir/mail_store.h"
#include "libmail/store/message_source.h"
#include "tests/imap/harness.h"

namespace mail::imap {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& messages() {
  static const std::vector<std::string> all{
      std::string(kExample),
      std::string(kMultipart),
      "no header at all\r\n",
      "\r\nbody\r\n",
      "Subject: no end of line",
      "Subject: \r\n folded\r\n\tthrice\r\nSubject: second\r\nsubject : third\r\n\r\n",
      "From someone Sat Aug 15 19:02:06 2020\r\nTo: a@b, c@d\r\nTo: e@f\r\n\r\n",
      " begins folded\r\nDate: 1\r\nno colon\r\n and its folding\r\nCc: x@y\r\n\r\n",
      std::string("Subject: nul ") + '\0' + " in it\r\nReferences: <1@a>\r\n <2@b>\r\n\r\n",
      "X-Other: only\r\n\r\n",
      "Subject: " + std::string(20'000, 'x') + "\r\n\r\n",
      "Reply-To: a: b@c, d@e;\r\nBcc: <\"q\\\"uote\"@x>\r\nSubject: \xc3\xa4\xff\r\n\r\n",
  };
  return all;
}

class ImapCache : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "tubepost-imap-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    settings_.clock = &clock_;
    const auto store = open();
    const auto inbox = store->open("INBOX").value();
    for (const auto& octets : messages()) {
      store::StringSource source{octets};
      ASSERT_TRUE(inbox->append(source, {}));
    }
  }
  void TearDown() override { fs::remove_all(home_); }
  std::unique_ptr<store::MailStore> open() {
    return std::make_unique<store::maildir::MaildirMailStore>(
        store::Location{
            store::Format::Maildir, home_ + "/Maildir", home_ + "/Maildir", {}, {}, "Maildir++"},
        settings_);
  }
  // What a session of its own answers, without what SELECT says.
  std::string answer(std::string_view commands) {
    const auto store = open();
    Session session{*store, clock_, {}, "a", ""};
    const auto take = [&] {
      std::string all;
      for (std::string part; !(part = session.take_output()).empty();) all += part;
      return all;
    };
    take();
    session.receive("a SELECT INBOX\r\n");
    take();
    session.receive(commands);
    std::string said = take();
    session.receive("z LOGOUT\r\n");
    take();
    return said;
  }
  [[nodiscard]] std::string cache_path() const { return home_ + "/Maildir/tubepost.cache"; }

  std::string home_;
  ManualClock clock_;
  store::Settings settings_;
};

constexpr std::string_view kQuestions[] = {
    "b FETCH 1:* (UID ENVELOPE)\r\n",
    "b FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n",
    "b FETCH 1:* (BODYSTRUCTURE BODY)\r\n",
    "b FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject From To Date References)])\r\n",
    "b FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject X-Other)] ENVELOPE)\r\n",
    "b FETCH 1:* (BODY.PEEK[HEADER.FIELDS.NOT (Subject)] BODY.PEEK[HEADER.FIELDS (cc)]<2.9>)\r\n",
    "b FETCH 1:* (ENVELOPE BODY.PEEK[HEADER] BODY.PEEK[1.MIME])\r\n",
    "b SEARCH SUBJECT third\r\n",
    "b SEARCH HEADER To \"\"\r\n",
    "b SEARCH SENTSINCE 1-Jan-1990\r\n",
    "b SEARCH OR FROM gray TEXT minutes\r\n",
};

TEST_F(ImapCache, AnswersAreTheSame) {
  std::vector<std::string> wanted;
  for (const auto question : kQuestions) {
    fs::remove(cache_path());
    wanted.push_back(answer(question));
    EXPECT_NE(wanted.back().find("b OK"), std::string::npos) << wanted.back();
  }
  // All that can be there is, from here on.
  answer("b FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n");
  ASSERT_TRUE(fs::exists(cache_path()));
  for (std::size_t i = 0; i < std::size(kQuestions); ++i) {
    EXPECT_EQ(answer(kQuestions[i]), wanted.at(i)) << kQuestions[i];
  }
  // And filled in any other order.
  fs::remove(cache_path());
  for (std::size_t i = std::size(kQuestions); i-- > 0;) {
    EXPECT_EQ(answer(kQuestions[i]), wanted.at(i)) << kQuestions[i];
  }
}

TEST_F(ImapCache, MessagesAreNotReadAgain) {
  const std::string question =
      "b FETCH 1:9 (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)])\r\n"
      "c SEARCH 1:9 SUBJECT third\r\n";
  const std::string wanted = answer(question);
  EXPECT_NE(wanted.find("IMAP4rev1 WG mtg"), std::string::npos);
  EXPECT_NE(wanted.find("* SEARCH 6\r\n"), std::string::npos);
  // Not even to see whether they are there.
  for (const auto& file : fs::directory_iterator(home_ + "/Maildir/cur")) {
    fs::permissions(file, fs::perms::none);
    std::ofstream(file.path(), std::ios::app).close();
    fs::resize_file(file, 0);
  }
  EXPECT_EQ(answer(question), wanted);
  EXPECT_EQ(answer("b FETCH 1 BODY.PEEK[HEADER]\r\n").find("IMAP4rev1"), std::string::npos);
}

TEST_F(ImapCache, WithoutAnIndexNothingIsKept) {
  const auto store =
      std::make_unique<store::maildir::MaildirMailStore>(store::Location{store::Format::Maildir,
                                                                         home_ + "/Maildir",
                                                                         home_ + "/Maildir",
                                                                         "MEMORY",
                                                                         {},
                                                                         "Maildir++"},
                                                         settings_);
  Session session{*store, clock_, {}, "a", ""};
  session.receive("a SELECT INBOX\r\nb FETCH 1:* ENVELOPE\r\nc LOGOUT\r\n");
  for (std::string part; !(part = session.take_output()).empty();) {
  }
  EXPECT_FALSE(fs::exists(cache_path()));
}

}  // namespace
}  // namespace mail::imap
