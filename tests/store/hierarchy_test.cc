// Trees of mailboxes on disk: each layout of each format, the names that are refused, what other
// programs have made, and that nothing leads out of the mail root.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <thread>

#include "libmail/store/layout.h"
#include "libmail/store/mailbox_name.h"
#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

namespace fs = std::filesystem;

class Tree {
 public:
  // `keys` as in mail_location.
  explicit Tree(const std::string& format, const std::string& keys = {})
      : location_(expect_ok(parse_location(format + ":" + home_.path() + "/m" + keys,
                                           {"boss", home_.path(), ::getuid()}))) {
    settings_.clock = &clock_;
    settings_.lock_timeout = std::chrono::milliseconds(300);
  }
  std::unique_ptr<MailStore> open() {
    if (location_.format == Format::Maildir) {
      return std::make_unique<maildir::MaildirMailStore>(location_, settings_);
    }
    return std::make_unique<mbox::MboxMailStore>(location_, std::string{}, settings_);
  }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] std::string home(const std::string& below) const {
    return home_.path() + "/" + below;
  }
  [[nodiscard]] std::string root(const std::string& below) const { return home("m/" + below); }

 private:
  TemporaryHome home_;
  ManualClock clock_{WallTime{std::chrono::seconds{1'700'000'000}}};
  Settings settings_;
  Location location_;
};

// "INBOX A+ A/b (B)+": +: with others below it; (): \Noselect.
std::string shown(MailStore& store) {
  std::string text;
  for (const auto& one : expect_ok(store.list())) {
    if (!text.empty()) text += ' ';
    text += one.selectable ? one.name : "(" + one.name + ")";
    if (one.has_children) text += '+';
  }
  return text;
}

std::string left_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

struct LayoutCase {
  const char* format;
  const char* keys;
  const char* where;  // A/b lies
};
// As Dovecot 2.3 lays them (tests/interop/hierarchy.py has both).
constexpr LayoutCase kLayouts[] = {
    {"mbox", "", "A/b"},
    {"mbox", ":LAYOUT=maildir++", ".A.b"},
    {"mbox", ":LAYOUT=imapdir", "A.b"},
    {"mbox", ":DIRNAME=mbox", "A/b/mbox"},
    {"mbox", ":INDEX=MEMORY:CONTROL=~/control", "A/b"},
    {"maildir", "", ".A.b/cur"},
    {"maildir", ":LAYOUT=fs", "A/b/cur"},
    {"maildir", ":LAYOUT=imapdir", "A.b/cur"},
    {"maildir", ":LAYOUT=fs:DIRNAME=mAildir", "A/b/mAildir/cur"},
    {"maildir", ":LAYOUT=fs:CONTROL=~/control:INDEX=~/index", "A/b/cur"},
    {"maildir", ":CONTROL=~/control:INDEX=~/index", ".A.b/cur"},
};

void move_about(const LayoutCase& layout) {
  const auto& [format, keys, where] = layout;
  SCOPED_TRACE(std::string(format) + keys);
  Tree tree(format, keys);
  auto store = tree.open();
  expect_ok(store->create("A/b"));
  EXPECT_TRUE(fs::exists(tree.root(where)));
  EXPECT_EQ(shown(*store), "INBOX (A)+ A/b");
  auto box = expect_ok(store->open("A/b"));
  add(*box, kMessage);
  Flags flagged;
  flagged.set(Flag::Flagged);
  flagged.set_keyword("$Work");
  expect_ok(box->change(set_flags(add(*box, kMessage), flagged)));
  const auto validity = expect_ok(box->status()).uid_validity;
  const auto before = all(*box);
  box.reset();
  expect_ok(store->rename("A", "Z/y"));
  EXPECT_EQ(shown(*tree.open()), "INBOX (Z)+ (Z/y)+ Z/y/b");
  const auto moved = tree.open();
  box = expect_ok(moved->open("Z/y/b"));
  EXPECT_EQ(expect_ok(box->status()).uid_validity, validity);
  ASSERT_EQ(all(*box).size(), 2U);
  EXPECT_EQ(all(*box).at(1).uid, before.at(1).uid);
  EXPECT_EQ(all(*box).at(1).flags, flagged);
  EXPECT_EQ(store->open("A/b").error().code, Errc::NotFound);
  box.reset();
  expect_ok(moved->remove("Z/y/b"));
  EXPECT_EQ(moved->open("Z/y/b").error().code, Errc::NotFound);
  // A new one of that name is another mailbox.
  tree.clock().advance(std::chrono::seconds(1));
  expect_ok(moved->create("Z/y/b"));
  box = expect_ok(moved->open("Z/y/b"));
  EXPECT_TRUE(all(*box).empty());
  EXPECT_GT(expect_ok(box->status()).uid_validity, validity);
}

// At once, since a name is free for another mailbox only in the next second.
void at_once(std::span<const LayoutCase> layouts, void (*test)(const LayoutCase& layout)) {
  std::vector<std::jthread> threads;
  for (const auto& layout : layouts) threads.emplace_back([&] { test(layout); });
}

TEST(Hierarchy, EveryLayoutMovesMailWithItsUids) { at_once(kLayouts, move_about); }

TEST(Hierarchy, InboxIsEmptiedByItsRenaming) {
  for (const auto& [format, keys, where] : kLayouts) {
    SCOPED_TRACE(std::string(format) + keys);
    Tree tree(format, keys);
    auto store = tree.open();
    add(*expect_ok(store->open("INBOX")), kMessage);
    expect_ok(store->create("INBOX/sub"));
    expect_ok(store->rename("inbox", "old/mail"));
    EXPECT_EQ(shown(*store), "INBOX+ INBOX/sub (old)+ old/mail");
    EXPECT_TRUE(all(*expect_ok(store->open("INBOX"))).empty());
    EXPECT_EQ(bodies(*expect_ok(store->open("old/mail"))).size(), 1U);
    EXPECT_EQ(store->rename("old", "INBOX").error().code, Errc::Exists);
  }
}

TEST(Hierarchy, RefusesWhatCannotBe) {
  for (const auto& [format, keys, where] : kLayouts) {
    SCOPED_TRACE(std::string(format) + keys);
    Tree tree(format, keys);
    auto store = tree.open();
    expect_ok(store->create("A/b"));
    expect_ok(store->create("C"));
    EXPECT_EQ(store->rename("A", "A/c").error().code, Errc::Denied);
    EXPECT_EQ(store->rename("A", "C").error().code, Errc::Exists);
    EXPECT_EQ(store->rename("none", "C2").error().code, Errc::NotFound);
    EXPECT_EQ(store->remove("INBOX").error().code, Errc::Denied);
    EXPECT_EQ(store->create("A/b").error().code, Errc::Exists);
    EXPECT_FALSE(store->remove("A"));  // \Noselect with one below it
    EXPECT_EQ(shown(*store), "INBOX (A)+ A/b C");
    // What does not fit into a file's name.
    const std::string level(256, 'n');
    EXPECT_EQ(store->create(level).error().code, Errc::Denied);
    EXPECT_EQ(store->create("x/" + level).error().code, Errc::Denied);
    EXPECT_EQ(shown(*store), "INBOX (A)+ A/b C");
  }
}

// What lies in the tree for other reasons is no mailbox and cannot become one.
TEST(Hierarchy, KeepsOffTheFormatsOwnFiles) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"mbox:",
       {"x/.imap", ".imap", ".imap/x", "box.lock", "x/.b.lock", ".nfs01", "x/.nfs01",
        ".subscriptions", "x/.subscriptions", ".subscriptions.tmp1", ".tubepost", ".tubepost/x",
        ".", "..", "x/.", "./x", "../x"}},
      {"mbox::CONTROL=~/m/.ctl:INDEX=~/m/idx", {".ctl", ".ctl/x.state", "idx", "idx/x"}},
      {"mbox::LAYOUT=maildir++", {"imap", "subscriptions", "tubepost", "nfs01"}},
      {"mbox::DIRNAME=mbox", {"mbox", "a/mbox"}},
      {"maildir::LAYOUT=fs",
       {"cur", "x/new", "tmp", "subscriptions", "dovecot-uidlist", "x/tubepost.state",
        "maildirfolder"}},
      {"maildir:", {"a.b"}},
  };
  for (const auto& [what, names] : cases) {
    const auto colon = what.find(':');
    Tree tree(what.substr(0, colon), what.substr(colon + 1));
    auto store = tree.open();
    for (const auto& name : names) {
      EXPECT_EQ(store->create(name).error().code, Errc::Denied) << what << name;
      EXPECT_EQ(store->open(name).error().code, Errc::Denied) << what << name;
    }
    EXPECT_EQ(shown(*store), "INBOX") << what;
  }
}

// As in Dovecot 2.3 (tests/interop/hierarchy.py), but for a home, where others' files begin so.
TEST(Hierarchy, MboxesBeginWithADot) {
  Tree tree("mbox");
  auto store = tree.open();
  for (const char* name : {".foo", "x/.foo", ".dir/x", ".dir/.y", ".lock", ".temp.x"}) {
    expect_ok(store->create(name));
    expect_ok(expect_ok(store->open(name))->status());
  }
  EXPECT_EQ(shown(*store), "INBOX (.dir)+ .dir/.y .dir/x .foo .lock .temp.x (x)+ x/.foo");
  expect_ok(store->rename(".foo", ".bar/.foo"));
  expect_ok(store->remove(".lock"));
  EXPECT_EQ(shown(*store), "INBOX (.bar)+ .bar/.foo (.dir)+ .dir/.y .dir/x .temp.x (x)+ x/.foo");
  Tree home("mbox", "/..:INBOX=~/m/inbox:CONTROL=~/control");
  expect_ok(sys::replace_file(home.home(".forward"), "|command\n", 0600));
  fs::create_directory(home.home(".ssh"));
  auto of_home = home.open();
  for (const char* name : {".forward", ".ssh/x", ".ssh", ".new"}) {
    EXPECT_EQ(of_home->create(name).error().code, Errc::Denied) << name;
    EXPECT_EQ(of_home->open(name).error().code, Errc::Denied) << name;
  }
  EXPECT_EQ(shown(*of_home), "INBOX");
}

TEST(Hierarchy, MailboxesBelowAnMboxThereAreNone) {
  Tree tree("mbox");
  auto store = tree.open();
  expect_ok(store->create("A"));
  EXPECT_EQ(store->create("A/b").error().code, Errc::Denied);
  EXPECT_FALSE(expect_ok(store->list()).at(1).may_have_children);
  // RFC 3501 section 6.3.3: the place for others, which an mbox cannot be.
  expect_ok(store->create("B/"));
  EXPECT_EQ(store->create("B/").error().code, Errc::Exists);
  EXPECT_EQ(store->open("B").error().code, Errc::NotFound);
  expect_ok(store->create("B/c"));
  EXPECT_EQ(shown(*store), "INBOX A (B)+ B/c");
  const auto refused = store->remove("B");
  EXPECT_TRUE(!refused && refused.error().public_text.starts_with("[HASCHILDREN]"));
  expect_ok(store->remove("B/c"));
  EXPECT_EQ(shown(*store), "INBOX A (B)");         // made by itself, stays by itself
  fs::create_directories(tree.root("B/.imap/c"));  // Dovecot's index of what was there
  expect_ok(store->remove("B"));
  EXPECT_EQ(shown(*store), "INBOX A");
  Tree both("mbox", ":DIRNAME=mbox");
  store = both.open();
  expect_ok(store->create("A/"));
  expect_ok(store->create("A/b"));
  EXPECT_EQ(shown(*store), "INBOX (A)+ A/b");
  expect_ok(store->create("A"));
  EXPECT_EQ(shown(*store), "INBOX A+ A/b");
  expect_ok(store->remove("A"));
  EXPECT_EQ(shown(*store), "INBOX (A)+ A/b");
}

TEST(Hierarchy, NoNoselectKeepsNoEmptyPlaces) {
  for (const auto* location : {"mbox", "maildir"}) {
    Tree tree(location, ":LAYOUT=fs:NO-NOSELECT");
    auto store = tree.open();
    expect_ok(store->create("A/b/c"));
    expect_ok(store->remove("A/b/c"));
    EXPECT_EQ(shown(*store), "INBOX") << location;
    expect_ok(store->create("B/"));
    EXPECT_EQ(shown(*store), "INBOX B") << location;
    expect_ok(store->create("C/d"));
    expect_ok(store->rename("C/d", "e"));
    EXPECT_EQ(shown(*store), "INBOX B e") << location;
  }
}

// In a tree of directories a mailbox and those below it share one.
TEST(Hierarchy, ARemovedMaildirLeavesThoseBelowIt) {
  Tree tree("maildir", ":LAYOUT=fs");
  auto store = tree.open();
  expect_ok(store->create("A"));
  expect_ok(store->create("A/b"));
  auto open = expect_ok(store->open("A"));
  add(*open, kMessage);
  add(*expect_ok(store->open("A/b")), kMessage);
  expect_ok(store->remove("A"));
  EXPECT_EQ(shown(*store), "INBOX (A)+ A/b");
  EXPECT_EQ(left_in(tree.root("A")), "b");
  EXPECT_EQ(bodies(*expect_ok(store->open("A/b"))).size(), 1U);
  // Who had it open does not make it again.
  StringSource source{kMessage};
  EXPECT_EQ(open->append(source, {}).error().code, Errc::NotFound);
  EXPECT_EQ(left_in(tree.root("A")), "b");
  expect_ok(store->create("A"));
  EXPECT_TRUE(all(*expect_ok(store->open("A"))).empty());
  expect_ok(store->remove("A/b"));
  EXPECT_EQ(shown(*store), "INBOX A");
}

TEST(Hierarchy, RenamingNeedsAllNewNamesFree) {
  for (const auto& [format, keys] : {std::pair("maildir", ""), {"mbox", ":LAYOUT=maildir++"}}) {
    Tree tree(format, keys);
    auto store = tree.open();
    for (const char* name : {"A", "A/b", "A/c", "Z/c"}) expect_ok(store->create(name));
    EXPECT_EQ(store->rename("A", "Z").error().code, Errc::Exists);
    EXPECT_EQ(shown(*store), "INBOX A+ A/b A/c (Z)+ Z/c");  // none was moved
    // ".AB" is not below ".A".
    expect_ok(store->create("AB"));
    expect_ok(store->rename("A", "Y"));
    EXPECT_EQ(shown(*store), "INBOX AB Y+ Y/b Y/c (Z)+ Z/c");
  }
}

void keep_name(const LayoutCase& layout) {
  const auto& [format, keys, where] = layout;
  const std::string name = "Entw\u00fcrfe & R&D/\u53f0\u5317";
  SCOPED_TRACE(std::string(format) + keys);
  Tree tree(format, keys);
  auto store = tree.open();
  expect_ok(store->create(name));
  EXPECT_TRUE(fs::exists(tree.root(where)));
  EXPECT_EQ(expect_ok(store->list()).back().name, name);
  add(*expect_ok(store->open(name)), kMessage);
  expect_ok(store->subscribe(name, true));
  EXPECT_TRUE(expect_ok(tree.open()->list()).back().subscribed);
  expect_ok(store->rename(name, "plain/" + name));
  EXPECT_EQ(bodies(*expect_ok(store->open("plain/" + name))).size(), 1U);
}

TEST(Hierarchy, NamesLieInModifiedUtf7OrAsTheyAre) {
  constexpr LayoutCase kCases[] = {
      {"mbox", "", "Entw&APw-rfe &- R&-D/&U,BTFw-"},
      {"mbox", ":UTF-8", "Entw\u00fcrfe & R&D/\u53f0\u5317"},
      {"maildir", "", ".Entw&APw-rfe &- R&-D.&U,BTFw-"},
      {"maildir", ":UTF-8", ".Entw\u00fcrfe & R&D.\u53f0\u5317"},
      {"maildir", ":UTF-8:LAYOUT=fs", "Entw\u00fcrfe & R&D/\u53f0\u5317"}};
  at_once(kCases, keep_name);
}

// mutt and mail write names as they are.
TEST(Hierarchy, TakesOthersNamesAsTheyLie) {
  Tree tree("mbox");
  fs::create_directories(tree.root("R&D"));
  spill(tree.root("R&D/Entw\u00fcrfe"),
        "From ann@example.org Thu Nov 26 10:00:00 2026\n" + kMessage);
  spill(tree.root("bad\xff"), "");
  spill(tree.root("new\nline"), "");
  spill(tree.root("box.lock"), "");
  ASSERT_EQ(::mkfifo(tree.root("fifo").c_str(), 0600), 0);
  auto store = tree.open();
  EXPECT_EQ(shown(*store), "INBOX (R&D)+ R&D/Entw\u00fcrfe");
  EXPECT_EQ(bodies(*expect_ok(store->open("R&D/Entw\u00fcrfe"))).size(), 1U);
  expect_ok(store->rename("R&D", "RD"));
  EXPECT_EQ(bodies(*expect_ok(store->open("RD/Entw\u00fcrfe"))).size(), 1U);
  EXPECT_EQ(store->open("fifo").error().code, Errc::NotFound);
}

TEST(Hierarchy, NothingLeadsOutOfTheRoot) {
  for (const auto& [format, keys] : {std::pair("mbox", ""),
                                     {"maildir", ":LAYOUT=fs"},
                                     {"maildir", ""},
                                     {"mbox", ":DIRNAME=mbox"}}) {
    SCOPED_TRACE(std::string(format) + keys);
    Tree tree(format, keys);
    auto store = tree.open();
    expect_ok(store->create("d/inner"));
    fs::create_directories(tree.home("outside/box/cur"));
    spill(tree.home("outside/file"), "From x Thu Nov 26 10:00:00 2026\n\nsecret\n");
    const auto before = left_in(tree.home("outside"));
    fs::create_directory_symlink(tree.home("outside"), tree.root("out"));
    fs::create_directory_symlink(tree.home("outside/box"), tree.root(".box"));
    fs::create_directory_symlink(tree.home("outside/box"), tree.root("box"));
    fs::create_symlink(tree.home("outside/file"), tree.root("file"));
    fs::create_symlink("../../etc/passwd", tree.root("passwd"));
    for (const char* name : {"out/file", "out/box", "box", "file", "passwd", "out", "out/../x"}) {
      EXPECT_FALSE(store->open(name)) << name;
      EXPECT_FALSE(store->remove(name)) << name;
      EXPECT_FALSE(store->rename(name, "taken")) << name;
    }
    for (const char* name : {"out/new", "out/x/y"}) {
      if (*keys == '\0' && std::string(format) == "maildir") break;  // ".out.new" is in the root
      EXPECT_EQ(store->create(name).error().code, Errc::Denied) << name;
      EXPECT_EQ(store->rename("d/inner", name).error().code, Errc::Denied) << name;
    }
    EXPECT_EQ(left_in(tree.home("outside")), before);
    EXPECT_EQ(left_in(tree.home("outside/box")), "cur");
    EXPECT_EQ(shown(*store), "INBOX (d)+ d/inner");
  }
}

// A link within the root is a second name of the same mailbox, not a second mailbox.
TEST(Hierarchy, AnInnerLinkHasNoStateOfItsOwn) {
  for (const auto& [format, keys] : {std::pair("mbox", ""), {"maildir", ":LAYOUT=fs"}}) {
    Tree tree(format, keys);
    auto store = tree.open();
    expect_ok(store->create("d/box"));
    fs::create_directory_symlink("d", tree.root("link"));
    const auto direct = expect_ok(store->open("d/box"));
    const auto linked = expect_ok(store->open("link/box"));
    const Uid uid = add(*direct, kMessage);
    EXPECT_EQ(add(*linked, kMessage).value, uid.value + 1);
    EXPECT_EQ(expect_ok(direct->status()).mailbox_id, expect_ok(linked->status()).mailbox_id);
    EXPECT_EQ(all(*expect_ok(tree.open()->open("link/box"))).size(), 2U);
    EXPECT_EQ(shown(*store), "INBOX (d)+ d/box");
  }
}

TEST(Hierarchy, LongNamesKeepTheirState) {
  const std::string level(250, 'n');
  for (const auto* format : {"mbox", "maildir"}) {
    Tree tree(format, ":LAYOUT=fs");
    auto store = tree.open();
    const std::string name = level + "/" + level + "/" + level;
    expect_ok(store->create(name));
    const auto validity = expect_ok(expect_ok(store->open(name))->status()).uid_validity;
    add(*expect_ok(store->open(name)), kMessage);
    expect_ok(store->rename(level, "short"));
    const auto box = expect_ok(store->open("short/" + level + "/" + level));
    EXPECT_EQ(expect_ok(box->status()).uid_validity, validity);
    EXPECT_EQ(all(*box).size(), 1U);
    EXPECT_EQ(store->create(level + "/" + level + "/" + level + "/" + level).error().code,
              Errc::Denied);
  }
}

// Dovecot lists every directory in the tree but a few (docs/mbox.md).
TEST(Hierarchy, StateOfMboxesMovesToWhereDovecotDoesNotLook) {
  Tree tree("mbox");
  spill(tree.home("x"), "");
  UidValidity validity;
  {
    auto store = tree.open();
    const auto box = expect_ok(store->open("INBOX"));
    add(*box, kMessage);
    add(*box, kMessage);
    expect_ok(box->change(expunge({Uid{1}})));
    validity = expect_ok(box->status()).uid_validity;
  }
  EXPECT_FALSE(fs::exists(tree.root(".tubepost")));
  fs::rename(tree.root(".imap/.tubepost"), tree.root(".tubepost"));  // as it was before
  const auto store = tree.open();
  const auto box = expect_ok(store->open("INBOX"));
  EXPECT_EQ(expect_ok(box->status()).uid_validity, validity);
  ASSERT_EQ(all(*box).size(), 1U);
  EXPECT_EQ(all(*box).front().uid, Uid{2});
  EXPECT_FALSE(fs::exists(tree.root(".tubepost")));
  EXPECT_TRUE(fs::exists(tree.root(".imap/.tubepost/INBOX.state")));
}

// Dovecot keeps its UIDs of the INBOX there; ours lay in CONTROL= itself before.
TEST(Hierarchy, ControlOfTheInboxIsDovecots) {
  Tree tree("maildir", ":CONTROL=~/control");
  UidValidity validity;
  {
    auto store = tree.open();
    const auto box = expect_ok(store->open("INBOX"));
    add(*box, kMessage);
    validity = expect_ok(box->status()).uid_validity;
  }
  EXPECT_TRUE(fs::exists(tree.home("control/.INBOX/dovecot-uidlist")));
  fs::rename(tree.home("control/.INBOX/tubepost.state"), tree.home("control/tubepost.state"));
  fs::remove_all(tree.home("control/.INBOX"));
  EXPECT_EQ(expect_ok(expect_ok(tree.open()->open("INBOX"))->status()).uid_validity, validity);
  EXPECT_FALSE(fs::exists(tree.home("control/tubepost.state")));
}

// With LAYOUT=fs Dovecot takes each directory for a folder, except cur, new and tmp.
TEST(Hierarchy, AMaildirInATreeHasNoOtherDirectories) {
  Tree tree("maildir", ":LAYOUT=fs");
  auto store = tree.open();
  expect_ok(store->create("A"));
  add(*expect_ok(store->open("A")), kMessage);
  add(*expect_ok(store->open("INBOX")), kMessage);
  for (const auto& directory : {tree.root("."), tree.root("A")}) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (!entry.is_directory() || entry.path().filename() == "A") continue;
      const auto name = entry.path().filename().string();
      EXPECT_TRUE(name == "cur" || name == "new" || name == "tmp") << entry.path();
    }
  }
}

TEST(Hierarchy, OnlyTheUserMayLookInto) {
  const auto former = ::umask(0);
  for (const auto& [format, keys, where] : kLayouts) {
    Tree tree(format, keys);
    auto store = tree.open();
    expect_ok(store->create("A/b"));
    add(*expect_ok(store->open("A/b")), kMessage);
    add(*expect_ok(store->open("INBOX")), kMessage);
    expect_ok(store->subscribe("A/b", true));
    for (const auto& entry : fs::recursive_directory_iterator(tree.home(""))) {
      const auto mode = static_cast<unsigned>(entry.status().permissions()) & 07777U;
      EXPECT_EQ(mode, entry.is_directory() ? 0700U : 0600U) << format << keys << entry.path();
    }
  }
  ::umask(former);
}

}  // namespace
}  // namespace mail::store
