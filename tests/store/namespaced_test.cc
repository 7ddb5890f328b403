#include "libmail/store/namespaced.h"

#include <gtest/gtest.h>

#include "libmail/store/memory/mail_store.h"

namespace mail::store {
namespace {

using Strings = std::vector<std::string>;

const SystemClock kClock;

NamespacedStore open(const Namespace& names, const Strings& mailboxes) {
  auto inner = std::make_unique<memory::MemoryMailStore>(std::make_shared<memory::World>(kClock));
  for (const auto& name : mailboxes) EXPECT_TRUE(inner->create(name)) << name;
  return {std::move(inner), names};
}
Strings listed(NamespacedStore& mail_store) {
  Strings names;
  const auto all = mail_store.list();
  for (const auto& one : *all) names.push_back(one.name + (one.has_children ? "+" : ""));
  return names;
}

TEST(NamespacedStore, CouriersInbox) {
  auto courier = open({"INBOX.", '.'}, {"Sent", "Work/2026", "odd.name"});
  // A level with a dot in it has no name here.
  EXPECT_EQ(listed(courier), (Strings{"INBOX+", "INBOX.Sent", "INBOX.Work+", "INBOX.Work.2026"}));
  EXPECT_TRUE(courier.open("INBOX.Sent"));
  EXPECT_TRUE(courier.open("inbox.Sent"));
  EXPECT_TRUE(courier.open("Inbox"));
  EXPECT_TRUE(courier.open("INBOX.Work.2026"));
  EXPECT_TRUE(courier.open("INBOX."));  // a separator at the end counts for nothing
  EXPECT_TRUE(courier.open("INBOX.Sent."));
  EXPECT_FALSE(courier.open("Sent"));
  EXPECT_FALSE(courier.open("INBOX.Nothing"));
  EXPECT_EQ(courier.create("Other").error().code, Errc::NotFound);
  EXPECT_EQ(courier.create("INBOX.a/b").error().code, Errc::Denied);
  EXPECT_TRUE(courier.create("INBOX.New.Below"));
  EXPECT_TRUE(courier.rename("INBOX.Sent", "INBOX.Old"));
  EXPECT_TRUE(courier.subscribe("INBOX.Old", true));
  EXPECT_TRUE(courier.remove("INBOX.Work.2026"));
  EXPECT_EQ(listed(courier), (Strings{"INBOX+", "INBOX.New+", "INBOX.New.Below", "INBOX.Old"}));
}

TEST(NamespacedStore, DotsWithoutPrefixAndPrefixWithoutDots) {
  auto dots = open({"", '.'}, {"Sent", "Work/2026"});
  EXPECT_EQ(listed(dots), (Strings{"INBOX", "Sent", "Work+", "Work.2026"}));
  EXPECT_FALSE(dots.open("Work/2026"));
  auto mail = open({"Mail/", '/'}, {"Sent", "a.b/c"});
  EXPECT_EQ(listed(mail), (Strings{"INBOX", "Mail/Sent", "Mail/a.b+", "Mail/a.b/c"}));
  EXPECT_TRUE(mail.open("Mail/a.b/c"));
  EXPECT_FALSE(mail.open("mail/a.b/c"));
}

}  // namespace
}  // namespace mail::store
