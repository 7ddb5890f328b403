#include "libmail/config/bindings.h"

#include <gtest/gtest.h>

namespace mail::config {
namespace {

TEST(Bindings, ValuesReachTheirFields) {
  const auto loaded =
      load_text({{{Grammar::Postfix, "main.cf"},
                  "myorigin = a.org\nrecipient_delimiter = +\nexpand_owner_alias = yes\n"
                  "owner_request_special = no\nmail_location = maildir:~/Maildir\n"
                  "mail_spool_directory = /spool\ntubepost_state_directory = /state\n"
                  "tubepost_spool_directory = /q\nqueue_directory = /var/spool/postfix\n"}},
                Host{"mail.a.org", "", {}});
  ASSERT_TRUE(loaded);
  const auto store = store_settings(*loaded);
  EXPECT_EQ(store.mail_location, "maildir:~/Maildir");
  EXPECT_EQ(store.mail_spool_directory, "/spool");
  EXPECT_EQ(store.state_directory, "/state");
  const auto alias = alias_settings(*loaded);
  EXPECT_EQ(alias.local_domain, "a.org");
  EXPECT_EQ(alias.recipient_delimiter, "+");
  EXPECT_TRUE(alias.expand_owner_alias);
  EXPECT_FALSE(alias.owner_request_special);
  EXPECT_EQ(queue_path(*loaded), "/q/queue");
}

}  // namespace
}  // namespace mail::config
