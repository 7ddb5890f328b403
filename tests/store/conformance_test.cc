// What every MailStore and Mailbox promises (mail_store.h, mailbox.h). Each implementation's own
// test instantiates it.
#include "tests/store/conformance.h"

namespace mail::store {

TEST_P(StoreConformance, MissingInboxIsEmpty) {
  EXPECT_TRUE(all(*inbox_).empty());
  const auto status = expect_ok(inbox_->status());
  EXPECT_NE(status.uid_validity.value, 0U);
  EXPECT_GE(status.uid_next.value, 1U);
}

TEST_P(StoreConformance, AppendsAndReadsBothViews) {
  const Uid uid = add(*inbox_, kMessage);
  const auto found = all(*inbox_);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].uid, uid);
  EXPECT_EQ(body(*inbox_, uid, View::Stored), kMessage);
  const std::string wire = "From: ann@example.org\r\nSubject: one\r\n\r\nHello\r\nthere\r\n";
  EXPECT_EQ(body(*inbox_, uid, View::Wire), wire);
  EXPECT_EQ(size_of(*inbox_, uid), wire.size());
  EXPECT_EQ(body(*reopened(), uid, View::Wire), wire);
}

TEST_P(StoreConformance, CrlfInIsCrlfOnTheWire) {
  const std::string wire = "Subject: two\r\n\r\nHello\r\n";
  const Uid uid = add(*inbox_, wire);
  EXPECT_EQ(body(*inbox_, uid, View::Wire), wire);
  EXPECT_EQ(size_of(*inbox_, uid), wire.size());
}

TEST_P(StoreConformance, ReadsRangesInAnyOrder) {
  std::string text = "Subject: long\n\n";
  for (int i = 0; i < 60'000; ++i) text += "line " + std::to_string(i) + "\n";
  const Uid uid = add(*inbox_, text);
  const auto reader = expect_ok(inbox_->open(uid, View::Wire));
  const std::string whole = expect_ok(read_all(*reader));
  ASSERT_EQ(whole.size(), reader->size());
  for (const std::uint64_t at :
       {whole.size() - 10, 0UL, 5UL, 400'000UL, 65'536UL, 65'535UL, 700'001UL}) {
    std::string piece(20, '\0');
    std::size_t have = 0;
    while (have < piece.size()) {
      const auto got = expect_ok(reader->read(at + have, std::span(piece).subspan(have)));
      if (got == 0) break;
      have += got;
    }
    EXPECT_EQ(piece.substr(0, have), whole.substr(at, 20)) << at;
  }
  std::string nothing(4, 'x');
  EXPECT_EQ(expect_ok(reader->read(whole.size(), nothing)), 0U);
}

TEST_P(StoreConformance, KeepsFlagsAndKeywords) {
  const Uid uid = add(*inbox_, kMessage);
  Flags flags;
  flags.set(Flag::Seen);
  flags.set(Flag::Flagged);
  flags.set_keyword("$Forwarded");
  flags.set_keyword("work");
  const auto changes = expect_ok(inbox_->change(set_flags(uid, flags)));
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(changes.messages[0].flags, flags);
  EXPECT_EQ(all(*reopened())[0].flags, flags);
  expect_ok(inbox_->fold());
  EXPECT_EQ(all(*inbox_)[0].flags, flags);
  EXPECT_EQ(all(*reopened())[0].flags, flags);
  EXPECT_EQ(body(*inbox_, uid, View::Wire), to_wire(kMessage));
  Flags none;
  expect_ok(inbox_->change(set_flags(uid, none)));
  expect_ok(inbox_->fold());
  EXPECT_EQ(all(*reopened())[0].flags, none);
}

TEST_P(StoreConformance, EverySystemFlagSurvives) {
  for (const Flag flag : {Flag::Seen, Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Draft}) {
    Flags flags;
    flags.set(flag);
    const Uid uid = add(*inbox_, kMessage);
    expect_ok(inbox_->change(set_flags(uid, flags)));
    expect_ok(inbox_->fold());
    EXPECT_EQ(all(*reopened()).back().flags, flags) << static_cast<int>(flag);
    EXPECT_EQ(body(*inbox_, uid, View::Wire), to_wire(kMessage));
  }
}

TEST_P(StoreConformance, RecentGoesOnce) {
  const Uid uid = add(*inbox_, kMessage);
  EXPECT_FALSE(all(*inbox_)[0].old);
  expect_ok(inbox_->change([&](const Snapshot&) {
    return std::vector<Change>{{uid, std::nullopt, true, false}};
  }));
  EXPECT_TRUE(all(*inbox_)[0].old);
  EXPECT_TRUE(all(*reopened())[0].old);
  expect_ok(inbox_->fold());
  EXPECT_TRUE(all(*reopened())[0].old);
}

TEST_P(StoreConformance, AppendTakesFlagsAndDate) {
  AppendOptions options;
  options.flags.set(Flag::Seen);
  options.flags.set_keyword("todo");
  options.internal_date = WallTime{std::chrono::seconds{1'502'794'926}};
  add(*inbox_, kMessage, options);
  const auto box = reopened();
  const auto info = all(*box)[0];
  EXPECT_EQ(info.flags, options.flags);
  EXPECT_EQ(measured(*box, info.uid).internal_date, options.internal_date);
}

TEST_P(StoreConformance, AppendsSeveralAsOneChange) {
  const Uid before = add(*inbox_, kMessage);
  Flags flags;
  flags.set(Flag::Seen);
  flags.set_keyword("todo");
  const WallTime date{std::chrono::seconds{1'502'794'926}};
  const std::vector<NewMessage> messages{new_message("A: 1\r\n\r\none\r\n", flags, date),
                                         new_message("B: 2\n\ntwo\n\n"),
                                         new_message("C: 3\n\n", flags)};
  const auto uids = expect_ok(inbox_->append_all(messages));
  ASSERT_EQ(uids.size(), 3U);
  for (const bool anew : {false, true}) {
    const auto box = anew ? reopened() : expect_ok(store_->open("INBOX"));
    const auto found = all(*box);
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found[0].uid, before);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(found[i + 1].uid, uids[i]);
    EXPECT_LT(uids[0], uids[1]);
    EXPECT_LT(uids[1], uids[2]);
    EXPECT_EQ(found[1].flags, flags);
    EXPECT_EQ(measured(*box, uids[0]).internal_date, date);
    EXPECT_EQ(found[2].flags, Flags{});
    EXPECT_EQ(found[3].flags, flags);
    EXPECT_EQ(body(*box, uids[0], View::Wire), "A: 1\r\n\r\none\r\n");
    EXPECT_EQ(body(*box, uids[1]), "B: 2\n\ntwo\n\n");
    EXPECT_EQ(body(*box, uids[2], View::Wire), "C: 3\r\n\r\n");
    expect_ok(box->fold());
  }
  EXPECT_TRUE(expect_ok(inbox_->append_all({})).empty());
  EXPECT_GT(add(*inbox_, kMessage), uids[2]);
}

TEST_P(StoreConformance, AppendsAllOrNone) {
  const Uid first = add(*inbox_, kMessage);
  const NewMessage gone{[]() -> Result<std::unique_ptr<MessageSource>> {
                          return fail(Errc::NotFound, "Message is gone");
                        },
                        {},
                        {}};
  const std::vector<NewMessage> messages{new_message(kMessage), gone, new_message(kMessage)};
  const auto stored = inbox_->append_all(messages);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Errc::NotFound);
  EXPECT_EQ(all(*inbox_).size(), 1U);
  EXPECT_EQ(all(*reopened()).size(), 1U);
  EXPECT_EQ(body(*inbox_, first), kMessage);
}

TEST_P(StoreConformance, CopiesToAnotherAndWithinTheMailbox) {
  Flags seen;
  seen.set(Flag::Seen);
  AppendOptions options;
  options.flags = seen;
  options.internal_date = WallTime{std::chrono::seconds{1'502'794'926}};
  add(*inbox_, kMessage, options);
  add(*inbox_, "Status: RO\nSubject: 2\n\ntwo\nFrom here\n");
  expect_ok(store_->create("copies"));
  const auto other = expect_ok(store_->open("copies"));
  const auto infos = all(*inbox_);
  const auto there = expect_ok(append_copies(*inbox_, infos, *other));
  const auto here = expect_ok(append_copies(*inbox_, infos, *inbox_));
  ASSERT_EQ(there.size(), 2U);
  ASSERT_EQ(here.size(), 2U);
  ASSERT_EQ(all(*inbox_).size(), 4U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto wire = body(*inbox_, infos[i].uid, View::Wire);
    EXPECT_EQ(body(*other, there[i], View::Wire), wire);
    EXPECT_EQ(body(*inbox_, here[i], View::Wire), wire);
    EXPECT_EQ(all(*other)[i].flags, infos[i].flags);
    EXPECT_EQ(measured(*inbox_, here[i]), measured(*inbox_, infos[i].uid));
    EXPECT_EQ(measured(*other, there[i]), measured(*inbox_, infos[i].uid));
    EXPECT_EQ(all(*inbox_)[2 + i].flags, infos[i].flags);
  }
  // One that is gone: nothing is copied.
  auto gone = infos;
  gone.push_back(infos.back());
  gone.back().uid = {infos.back().uid.value + 100};
  EXPECT_EQ(append_copies(*inbox_, gone, *other).error().code, Errc::NotFound);
  EXPECT_EQ(all(*other).size(), 2U);
  add(*inbox_, kMessage);  // nothing holds it any more
}

// More than is kept in memory: read a second time, under the lock, out of the same mailbox too.
TEST_P(StoreConformance, CopiesMuch) {
  std::vector<MessageInfo> infos;
  for (char c = 'a'; c < 'e'; ++c) {
    std::string line(70, c);
    std::string text = "Subject: " + line + "\n\n";
    while (text.size() < 2'500'000) text += line + "\n";
    add(*inbox_, text);
  }
  infos = all(*inbox_);
  const auto uids = expect_ok(append_copies(*inbox_, infos, *inbox_));
  ASSERT_EQ(uids.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(body(*inbox_, uids[i]) == body(*inbox_, infos[i].uid)) << i;
  }
  add(*reopened(), kMessage);
}

TEST_P(StoreConformance, ReadsUnderAHold) {
  const Uid first = add(*inbox_, kMessage);
  const Uid second = add(*inbox_, "Subject: 2\n\ntwo\n");
  const auto other = reopened();
  {
    const auto hold = other->hold_for_reading();
    const auto again = other->hold_for_reading();
    EXPECT_EQ(body(*other, second), "Subject: 2\n\ntwo\n");
    EXPECT_EQ(body(*inbox_, first), kMessage);  // readers are not kept out
  }
  expect_ok(inbox_->change(expunge({first})));
  expect_ok(inbox_->fold());
  const auto hold = other->hold_for_reading();
  EXPECT_EQ(body(*other, second), "Subject: 2\n\ntwo\n");
  EXPECT_EQ(other->open(first, View::Wire).error().code, Errc::NotFound);
}

TEST_P(StoreConformance, ExpungeIsFinal) {
  const Uid first = add(*inbox_, "Subject: 1\n\none\n");
  const Uid second = add(*inbox_, "Subject: 2\n\ntwo\n");
  const Uid third = add(*inbox_, "Subject: 3\n\nthree\n");
  const auto changes = expect_ok(inbox_->change(expunge({second})));
  EXPECT_EQ(changes.vanished, std::vector<Uid>{second});
  EXPECT_EQ(inbox_->open(second, View::Wire).error().code, Errc::NotFound);
  EXPECT_EQ(body(*inbox_, first), "Subject: 1\n\none\n");
  EXPECT_EQ(body(*inbox_, third), "Subject: 3\n\nthree\n");
  const auto again = reopened();
  EXPECT_EQ(all(*again).size(), 2U);
  expect_ok(again->fold());
  EXPECT_EQ(bodies(*again),
            (std::vector<std::string>{"Subject: 1\n\none\n", "Subject: 3\n\nthree\n"}));
  // The highest UID expunged is not given again (RFC 9051 section 2.3.1.1).
  expect_ok(again->change(expunge({third})));
  expect_ok(again->fold());
  EXPECT_GT(add(*again, kMessage), third);
}

TEST_P(StoreConformance, ExpungeOfAllLeavesAnEmptyMailbox) {
  std::vector<Uid> uids;
  for (int i = 0; i < 5; ++i) uids.push_back(add(*inbox_, kMessage));
  expect_ok(inbox_->change(expunge(uids)));
  expect_ok(inbox_->fold());
  EXPECT_TRUE(all(*reopened()).empty());
}

TEST_P(StoreConformance, SinceTellsDifferences) {
  const Uid first = add(*inbox_, kMessage);
  const Uid second = add(*inbox_, kMessage);
  auto changes = expect_ok(inbox_->since(ModSeq{0}));
  EXPECT_TRUE(changes.complete);
  const auto start = changes.upto;
  changes = expect_ok(inbox_->since(start));
  EXPECT_TRUE(changes.messages.empty());
  EXPECT_TRUE(changes.vanished.empty());
  Flags seen;
  seen.set(Flag::Seen);
  const auto other = reopened();
  expect_ok(other->change(set_flags(second, seen)));
  changes = expect_ok(inbox_->since(start));
  EXPECT_FALSE(changes.complete);
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(changes.messages[0].uid, second);
  EXPECT_EQ(changes.messages[0].flags, seen);
  EXPECT_GT(changes.messages[0].modseq, start);
  const auto middle = changes.upto;
  expect_ok(other->change(expunge({first})));
  const Uid third = add(*other, kMessage);
  changes = expect_ok(inbox_->since(middle));
  EXPECT_EQ(changes.vanished, std::vector<Uid>{first});
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(changes.messages[0].uid, third);
  EXPECT_GE(changes.upto, changes.messages[0].modseq);
}

TEST_P(StoreConformance, ModSeqsAscendThoughTheClockStepsBack) {
  add(*inbox_, kMessage);
  const auto before = expect_ok(inbox_->since(ModSeq{0})).upto;
  fixture_->clock().step_wall_clock(-std::chrono::hours(48));
  const auto other = reopened();
  const Uid uid = add(*other, kMessage);
  const auto changes = expect_ok(inbox_->since(before));
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(changes.messages[0].uid, uid);
  EXPECT_GT(changes.messages[0].modseq, before);
}

TEST_P(StoreConformance, IdentityIsStable) {
  const Uid first = add(*inbox_, kMessage);
  const Uid second = add(*inbox_, kMessage);
  EXPECT_LT(first, second);
  const auto status = expect_ok(inbox_->status());
  EXPECT_GT(status.uid_next, second);
  const auto other = reopened();
  const auto again = expect_ok(other->status());
  EXPECT_EQ(again.uid_validity, status.uid_validity);
  EXPECT_EQ(again.uid_next, status.uid_next);
  EXPECT_EQ(again.mailbox_id, status.mailbox_id);
  EXPECT_FALSE(again.mailbox_id.empty());
  const auto found = all(*other);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].uid, first);
  EXPECT_EQ(found[1].uid, second);
  EXPECT_EQ(found, all(*inbox_));
}

// A client that knows (name, UIDVALIDITY, UID) must never be given another message for it.
TEST_P(StoreConformance, ANameUsedAnewIsAnotherMailbox) {
  std::set<std::uint32_t> seen;
  for (int round = 0; round < 4; ++round) {
    auto& clock = fixture_->clock();
    clock.step_wall_clock(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now() - clock.now()));
    expect_ok(store_->create("again"));
    {
      const auto box = expect_ok(store_->open("again"));
      add(*box, kMessage);
      EXPECT_TRUE(seen.insert(expect_ok(box->status()).uid_validity.value).second) << round;
    }
    if (round % 2 == 0) {
      expect_ok(store_->remove("again"));
    } else {
      expect_ok(store_->rename("again", "kept" + std::to_string(round)));
    }
  }
}

TEST_P(StoreConformance, DeliveryIsIdempotent) {
  AppendOptions options;
  options.delivery_id = "4B2F/1";
  for (const bool retried : {true, false}) {
    options.may_be_retried = retried;
    options.delivery_id += 'x';
    StringSource source{kMessage};
    EXPECT_FALSE(expect_ok(inbox_->append(source, options)).was_stored_before);
    expect_ok(source.rewind());
    EXPECT_TRUE(expect_ok(inbox_->append(source, options)).was_stored_before);
    expect_ok(source.rewind());
    EXPECT_TRUE(expect_ok(reopened()->append(source, options)).was_stored_before);
  }
  EXPECT_EQ(bodies(*inbox_), (std::vector<std::string>{kMessage, kMessage}));
}

TEST_P(StoreConformance, NoGoStoresNothing) {
  AppendOptions options;
  options.delivery_id = "once";
  options.go = [] { return false; };
  StringSource source{kMessage};
  EXPECT_EQ(inbox_->append(source, options).error().code, Errc::InUse);
  EXPECT_TRUE(all(*inbox_).empty());
  options.go = [] { return true; };
  expect_ok(source.rewind());
  EXPECT_FALSE(expect_ok(inbox_->append(source, options)).was_stored_before);
  EXPECT_EQ(all(*inbox_).size(), 1U);
}

TEST_P(StoreConformance, TwoOpenersSeeEachOther) {
  const auto other = reopened();
  const Uid first = add(*inbox_, "Subject: a\n\na\n");
  const Uid second = add(*other, "Subject: b\n\nb\n");
  EXPECT_LT(first, second);
  EXPECT_EQ(bodies(*inbox_), bodies(*other));
  EXPECT_EQ(bodies(*inbox_).size(), 2U);
  const auto reader = expect_ok(inbox_->open(second, View::Stored));
  expect_ok(other->change(expunge({first})));
  expect_ok(other->fold());
  // Octets have moved in an mbox: the reader still gives its own message.
  EXPECT_EQ(expect_ok(read_all(*reader)), "Subject: b\n\nb\n");
  EXPECT_EQ(bodies(*inbox_), std::vector<std::string>{"Subject: b\n\nb\n"});
}

TEST_P(StoreConformance, ChangeIsOneStep) {
  std::vector<Uid> uids;
  for (int i = 0; i < 20; ++i) uids.push_back(add(*inbox_, kMessage));
  const auto other = reopened();
  const auto before = expect_ok(other->since(ModSeq{0})).upto;
  // The edit sees everything, and what it wishes for messages that are not there is left out.
  const auto changes = expect_ok(inbox_->change([&](const Snapshot& snapshot) {
    std::vector<Change> wishes;
    std::vector<Uid> seen;
    snapshot.for_each([&](const MessageInfo& info) {
      Flags flags = info.flags;
      flags.set(Flag::Deleted);
      wishes.push_back({info.uid, flags, true, false});
      seen.push_back(info.uid);
      EXPECT_EQ(snapshot.find(info.uid), info);
    });
    EXPECT_EQ(seen, uids);
    EXPECT_FALSE(snapshot.find(Uid{4'000'000'000U}));
    wishes.push_back({Uid{4'000'000'000U}, Flags{}, false, true});
    return wishes;
  }));
  EXPECT_EQ(changes.messages.size(), uids.size());
  EXPECT_TRUE(changes.vanished.empty());
  EXPECT_EQ(expect_ok(other->since(before)).messages, changes.messages);
  // Nothing new: nothing changes.
  const auto none = expect_ok(inbox_->change([&](const Snapshot& snapshot) {
    return std::vector<Change>{{uids[0], snapshot.find(uids[0])->flags, true, false}};
  }));
  EXPECT_TRUE(none.messages.empty());
}

TEST_P(StoreConformance, FromLineNamesSenderAndDate) {
  AppendOptions options;
  options.envelope_sender = "ann@example.org";
  options.internal_date = WallTime{std::chrono::seconds{1'502'794'926}};
  const Uid uid = add(*inbox_, "Return-Path: <ann@example.org>\n" + kMessage, options);
  const auto line = expect_ok(inbox_->from_line(uid));
  EXPECT_THAT(line, testing::StartsWith("From ann@example.org  "));
  EXPECT_THAT(line, testing::EndsWith("2017"));
}

TEST_P(StoreConformance, SecondExclusiveOpenerIsRefused) {
  expect_ok(inbox_->lock_exclusively());
  {
    const auto other = reopened();
    EXPECT_EQ(other->lock_exclusively().error().code, Errc::InUse);
  }
  inbox_.reset();
  expect_ok(reopened()->lock_exclusively());
}

TEST_P(StoreConformance, ExclusiveOpenerKeepsOthersFromChanges) {
  const Uid uid = add(*inbox_, kMessage);
  expect_ok(inbox_->lock_exclusively());
  const Edit expunge = [&](const Snapshot& /*snapshot*/) {
    Change change;
    change.uid = uid;
    change.expunge = true;
    return std::vector<Change>{change};
  };
  {
    const auto other = reopened();
    StringSource source{kMessage};
    EXPECT_EQ(other->append(source, {}).error().code, Errc::InUse);
    EXPECT_EQ(other->change(expunge).error().code, Errc::InUse);
  }
  add(*inbox_, kMessage);
  EXPECT_EQ(expect_ok(inbox_->since({})).messages.size(), 2U);
  EXPECT_EQ(expect_ok(inbox_->change(expunge)).vanished.size(), 1U);
  expect_ok(inbox_->fold());
  inbox_.reset();
  const auto other = reopened();
  add(*other, kMessage);
  EXPECT_EQ(expect_ok(other->since({})).messages.size(), 2U);
}

TEST_P(StoreConformance, CreatesListsRenamesRemoves) {
  expect_ok(store_->create("Sent"));
  EXPECT_EQ(store_->create("Sent").error().code, Errc::Exists);
  expect_ok(store_->create("Lists/K\u00f6ln"));
  const auto names = [&] {
    std::vector<std::string> found;
    for (const auto& entry : expect_ok(store_->list())) {
      if (entry.selectable) found.push_back(entry.name);
    }
    return found;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{"INBOX", "Lists/K\u00f6ln", "Sent"}));
  for (const auto& entry : expect_ok(store_->list())) {
    EXPECT_EQ(entry.has_children, entry.name == "Lists") << entry.name;
  }
  auto sent = expect_ok(store_->open("Sent"));
  const Uid uid = add(*sent, kMessage);
  const auto status = expect_ok(sent->status());
  expect_ok(sent->fold());
  expect_ok(store_->rename("Sent", "Old/Sent"));
  EXPECT_EQ(names(), (std::vector<std::string>{"INBOX", "Lists/K\u00f6ln", "Old/Sent"}));
  EXPECT_EQ(store_->open("Sent").error().code, Errc::NotFound);
  sent = expect_ok(store_->open("Old/Sent"));
  EXPECT_EQ(body(*sent, uid), kMessage);
  EXPECT_EQ(expect_ok(sent->status()).mailbox_id, status.mailbox_id);
  expect_ok(store_->rename("Lists", "Verteiler"));
  EXPECT_EQ(names(), (std::vector<std::string>{"INBOX", "Old/Sent", "Verteiler/K\u00f6ln"}));
  EXPECT_EQ(store_->rename("Nothing", "Else").error().code, Errc::NotFound);
  EXPECT_EQ(store_->rename("Old/Sent", "INBOX").error().code, Errc::Exists);
  expect_ok(store_->remove("Old/Sent"));
  EXPECT_EQ(store_->remove("Old/Sent").error().code, Errc::NotFound);
  EXPECT_EQ(store_->remove("inbox").error().code, Errc::Denied);
  // Made again under an old name it is another mailbox.
  expect_ok(store_->create("Old/Sent"));
  sent = expect_ok(store_->open("Old/Sent"));
  EXPECT_TRUE(all(*sent).empty());
  EXPECT_NE(expect_ok(sent->status()).mailbox_id, status.mailbox_id);
}

TEST_P(StoreConformance, Subscribes) {
  expect_ok(store_->create("Work"));
  expect_ok(store_->subscribe("Work", true));
  other_ = fixture_->open();
  const auto subscribed = [&](MailStore& store) {
    std::vector<std::string> found;
    for (const auto& entry : expect_ok(store.list())) {
      if (entry.subscribed) found.push_back(entry.name);
    }
    return found;
  };
  EXPECT_EQ(subscribed(*other_), std::vector<std::string>{"Work"});
  // The subscription outlives the mailbox.
  expect_ok(other_->remove("Work"));
  EXPECT_EQ(subscribed(*store_), std::vector<std::string>{"Work"});
  EXPECT_FALSE(expect_ok(store_->list()).back().exists);
  EXPECT_FALSE(expect_ok(store_->list()).back().selectable);
  expect_ok(other_->subscribe("Work", false));
  EXPECT_TRUE(subscribed(*store_).empty());
  EXPECT_EQ(expect_ok(store_->list()).size(), 1U);
}

TEST_P(StoreConformance, RefusesNames) {
  for (const std::string name : {"", "..", "a/../b", "/etc/passwd", "~root", "a//b", "a//", "/",
                                 "a\nb", "\xff\xfe", "../INBOX", "."}) {
    EXPECT_EQ(store_->create(name).error().code, Errc::Denied) << name;
    EXPECT_EQ(store_->open(name).error().code, Errc::Denied) << name;
  }
  EXPECT_EQ(store_->create(std::string("a\0b", 3)).error().code, Errc::Denied);
  EXPECT_EQ(store_->create("inbox").error().code, Errc::Exists);
  EXPECT_EQ(store_->create("inbox/").error().code, Errc::Exists);
  EXPECT_EQ(store_->open("Missing").error().code, Errc::NotFound);
  EXPECT_TRUE(store_->open("inbox").has_value());
}

}  // namespace mail::store
