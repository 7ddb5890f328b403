#include "libmail/config/bindings.h"

#include <gtest/gtest.h>

namespace mail::config {
namespace {

TEST(Bindings, ValuesReachTheirFields) {
  const auto loaded =
      load_text({{{Grammar::Postfix, "main.cf"},
                  "myorigin = a.org\nrecipient_delimiter = +\nexpand_owner_alias = yes\n"
                  "owner_request_special = no\nmail_location = maildir:~/Maildir\n"
                  "maildir_copy_with_hardlinks = no\n"
                  "mail_spool_directory = /spool\ntubepost_state_directory = /state\n"
                  "tubepost_spool_directory = /q\nqueue_directory = /var/spool/postfix\n"}},
                Host{"mail.a.org", "", {}});
  ASSERT_TRUE(loaded);
  const auto store = store_settings(*loaded);
  EXPECT_EQ(store.mail_location, "maildir:~/Maildir");
  EXPECT_FALSE(store.copy_with_hardlinks);
  EXPECT_EQ(store.mail_spool_directory, "/spool");
  EXPECT_EQ(store.state_directory, "/state");
  const auto alias = alias_settings(*loaded);
  EXPECT_EQ(alias.local_domain, "a.org");
  EXPECT_EQ(alias.recipient_delimiter, "+");
  EXPECT_TRUE(alias.expand_owner_alias);
  EXPECT_FALSE(alias.owner_request_special);
  EXPECT_EQ(queue_path(*loaded), "/q/queue");
}

TEST(Bindings, MboxLocks) {
  using Method = store::MboxLocks::Method;
  const auto locks = [](const std::string& text) {
    const auto loaded =
        load_text({{{Grammar::Dovecot, "dovecot.conf"}, text}}, Host{"mail.a.org", "", {}});
    return store_settings(*loaded, {"imap", {}, {}, {}}).mbox_locks;
  };
  const auto unset = locks("");
  EXPECT_EQ(unset.read, std::vector{Method::Fcntl});
  EXPECT_EQ(unset.write, std::vector{Method::Fcntl});
  EXPECT_FALSE(unset.timeout);
  EXPECT_EQ(unset.dotlock_change_timeout, std::chrono::seconds(120));
  // Debian's: in a spool no session can make one.
  EXPECT_EQ(locks("mbox_write_locks = fcntl dotlock\n").write,
            (std::vector{Method::Fcntl, Method::DotlockTry}));
  EXPECT_EQ(locks("mbox_write_locks = dotlock\n").write, std::vector{Method::Dotlock});
  EXPECT_EQ(locks("mbox_write_locks = dotlock flock\n").write,
            (std::vector{Method::Dotlock, Method::Flock}));
  const auto set = locks(
      "mbox_read_locks = flock lockf\nmbox_lock_timeout = 30 secs\n"
      "mbox_dotlock_change_timeout = 7 mins\nprotocol imap {\n"
      "  mbox_write_locks = dotlock_try lockf\n}\n");
  EXPECT_EQ(set.read, (std::vector{Method::Flock, Method::Fcntl}));
  EXPECT_EQ(set.write, (std::vector{Method::DotlockTry, Method::Fcntl}));
  EXPECT_EQ(set.timeout, std::chrono::seconds(30));
  EXPECT_EQ(set.dotlock_change_timeout, std::chrono::minutes(7));
}

TEST(Bindings, MailFsync) {
  for (const std::string value : {"always", "optimized", "never"}) {
    const auto loaded = load_text({{{Grammar::Dovecot, "dovecot.conf"}, "mail_fsync = " + value}},
                                  Host{"mail.a.org", "", {}});
    EXPECT_TRUE(loaded->warnings().empty()) << value;
    EXPECT_EQ(store_settings(*loaded).sync_changes, value != "never") << value;
  }
}

}  // namespace
}  // namespace mail::config
