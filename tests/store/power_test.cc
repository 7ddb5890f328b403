// Power lost before any call of an append, a copy, a move, a flag change with fold, an expunge, a
// compaction or a rename of a mailbox, with any part of what was not synced on the disk, and once
// more while the next opener mends what that has left. What was acknowledged is there afterwards
// exactly once, octet for octet, its flags old or new.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/faults.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/disk_record.h"
#include "tests/store/sync_observer.h"

namespace mail::store {
std::function<void(int)> sync_observer;
namespace {
int sync_and_tell(int fd, long number) {
  const long result = ::syscall(number, fd);
  if (result == 0 && sync_observer) sync_observer(fd);
  return static_cast<int>(result);
}
}  // namespace
}  // namespace mail::store

// In place of the C library's, for this program.
extern "C" int fdatasync(int fd) { return mail::store::sync_and_tell(fd, SYS_fdatasync); }
extern "C" int fsync(int fd) { return mail::store::sync_and_tell(fd, SYS_fsync); }

#ifdef TUBEPOST_FAULTS

namespace mail::store {

namespace fs = std::filesystem;

// --- the record

DiskRecord::DiskRecord(std::string root, const std::string& kept)
    : root_(std::move(root)), kept_(root_.string() + kept) {
  fs::create_directory(kept_);
}
DiskRecord::~DiskRecord() {
  stop();
  std::error_code ignored;
  fs::remove_all(kept_, ignored);
}

fs::path DiskRecord::kept(ino_t inode) const { return kept_ / std::to_string(inode); }

void DiskRecord::start() {
  note();
  first_names_ = names_;
  first_contents_ = contents_;
  events_.clear();
  is_started_ = true;
  faults::observe([this](std::string_view) { note(); });
  sync_observer = [this](int fd) { note_sync(fd); };
}

std::size_t DiskRecord::size() {
  if (is_started_) note();
  return events_.size();
}

void DiskRecord::stop() {
  if (!is_started_) return;
  note();
  faults::observe({});
  sync_observer = nullptr;
  is_started_ = false;
}

void DiskRecord::look_at(const fs::path& file, ino_t inode) {
  const std::string octets = slurp(file);
  const auto known = contents_.find(inode);
  if (known == contents_.end()) fs::create_hard_link(file, kept(inode));  // its number stays taken
  if (known != contents_.end() && known->second == octets) return;
  contents_[inode] = octets;
  Event event;
  event.content_of = inode;
  event.content = octets;
  events_.push_back(std::move(event));
}

void DiskRecord::walk(const fs::path& directory, ino_t inode, Names& names) {
  directories_.insert(inode);
  for (const auto& entry : fs::directory_iterator(directory)) {
    struct ::stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0) continue;
    names[{inode, entry.path().filename()}] = status.st_ino;
    if (entry.is_directory()) walk(entry.path(), status.st_ino, names);
    if (entry.is_regular_file()) look_at(entry.path(), status.st_ino);
  }
}

void DiskRecord::note() {
  struct ::stat status {};
  if (::stat(root_.c_str(), &status) != 0) return;
  root_inode_ = status.st_ino;
  Names names;
  walk(root_, root_inode_, names);
  Event event;
  for (const auto& [place, inode] : names_) {
    if (!names.contains(place)) event.entries.push_back({place.first, place.second, 0});
  }
  for (const auto& [place, inode] : names) {
    const auto before = names_.find(place);
    if (before == names_.end() || before->second != inode) {
      event.entries.push_back({place.first, place.second, inode});
    }
  }
  names_ = std::move(names);
  if (!event.entries.empty()) events_.push_back(std::move(event));
}

void DiskRecord::note_sync(int fd) {
  struct ::stat status {};
  if (::fstat(fd, &status) != 0) return;
  note();
  Event event;
  event.sync_of = status.st_ino;
  events_.push_back(std::move(event));
}

DiskRecord::Disk DiskRecord::disk_before(std::size_t end) const {
  Disk disk;
  for (const auto& [inode, octets] : first_contents_) disk.versions[inode] = {octets};
  for (std::size_t i = 0; i < end; ++i) {
    const Event& event = events_.at(i);
    if (event.content_of != 0) {
      auto& versions = disk.versions[event.content_of];
      if (versions.empty()) versions.emplace_back();
      versions.push_back(event.content);
    }
    if (!event.entries.empty()) disk.changes.push_back({event.entries});
    if (event.sync_of == 0) continue;
    if (auto& versions = disk.versions[event.sync_of]; versions.size() > 1) {
      versions.erase(versions.begin(), versions.end() - 1);
    }
    for (Change& change : disk.changes) {
      change.is_durable |=
          std::any_of(change.entries.begin(), change.entries.end(),
                      [&](const Entry& entry) { return entry.directory == event.sync_of; });
    }
  }
  return disk;
}

namespace {
std::string any_of(const std::vector<std::string>& versions, std::mt19937& random) {
  constexpr std::size_t kPage = 4096;
  const auto choose = [&]() -> const std::string& {
    return versions.at(random() % versions.size());
  };
  std::string left(choose().size(), '\0');
  for (std::size_t at = 0; at < left.size(); at += kPage) {
    // A page that was cut off is not written any more; of one cut within, the rest may be NUL.
    const std::string* from = &choose();
    for (int tries = 0; from->size() <= at && tries < 10; ++tries) from = &choose();
    if (at >= from->size()) continue;
    std::string page = from->substr(at, kPage);
    page.resize(std::min(kPage, left.size() - at));
    left.replace(at, page.size(), page);
  }
  return left;
}
}  // namespace

void DiskRecord::lose_power(std::size_t end, Survives what, std::mt19937& random) {
  const Disk disk = disk_before(end);
  Names names = first_names_;
  const auto survives = [&](Survives kind) {
    return what == Survives::All || what == kind || (what == Survives::Some && random() % 2 == 0);
  };
  for (const Change& change : disk.changes) {
    if (!change.is_durable && !survives(Survives::NamesOnly)) continue;
    for (const Entry& entry : change.entries) {
      names[{entry.directory, entry.name}] = entry.inode;
    }
  }
  std::map<ino_t, std::string> contents;
  for (const auto& [inode, versions] : disk.versions) {
    if (versions.empty()) continue;
    contents[inode] = what == Survives::Some         ? any_of(versions, random)
                      : survives(Survives::DataOnly) ? versions.back()
                                                     : versions.front();
  }
  for (const auto& entry : fs::directory_iterator(root_)) fs::remove_all(entry.path());
  fill(root_, root_inode_, names, contents);
}

void DiskRecord::fill(const fs::path& directory, ino_t inode, const Names& names,
                      const std::map<ino_t, std::string>& contents) const {
  for (auto it = names.lower_bound({inode, std::string{}});
       it != names.end() && it->first.first == inode; ++it) {
    if (it->second == 0) continue;
    const fs::path path = directory / it->first.second;
    if (directories_.contains(it->second)) {
      fs::create_directory(path);
      fill(path, it->second, names, contents);
    } else {
      const auto octets = contents.find(it->second);
      const std::string text = octets == contents.end() ? std::string{} : octets->second;
      // One without its maker's mark is waited for, and broken after two minutes (docs/maildir.md).
      if (path.extension() == ".lock" && text.find_first_not_of('\0') == std::string::npos)
        continue;
      spill(kept(it->second), text);
      fs::create_hard_link(kept(it->second), path);
    }
  }
}

// --- what may be there

namespace {

using State = std::optional<Flags>;  // none: not there

// One message in one mailbox: how it was at first, and what was done to it when.
struct Course {
  State first;
  bool is_announced = false;  // an append, by an intent that is durable before it begins
  struct Step {
    State to;
    std::size_t begun = 0, acknowledged = 0;  // events; 0: not yet
    bool may_be_undone = false;               // though it was acknowledged
  };
  std::vector<Step> steps;

  [[nodiscard]] std::vector<State> possible(std::size_t end) const {
    std::vector<State> states{first};
    for (const Step& step : steps) {
      if (step.begun >= end) break;
      const bool is_durable = step.acknowledged != 0 && !step.may_be_undone;
      if (is_durable && step.acknowledged <= end) states.clear();
      states.push_back(step.to);
    }
    return states;
  }
  [[nodiscard]] bool is_in_work(std::size_t end) const {
    return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
      return step.begun < end && (step.acknowledged == 0 || step.acknowledged > end);
    });
  }
};

struct Param {
  const char* name;
  std::unique_ptr<Fixture> (*make)();
  std::string (*root)(Fixture&);
  bool is_mbox;
  bool sync_changes = true;
};

std::string text_of(int number, std::size_t size = 20) {
  return "N: " + std::to_string(number) + "\n\n" +
         std::string(size, static_cast<char>('a' + number)) + "\n";
}

Flags flags_of(std::string_view words) {
  Flags flags;
  for (const auto word : ascii::words(words, " ")) {
    if (word == "seen") flags.set(Flag::Seen);
    if (word == "flagged") flags.set(Flag::Flagged);
    if (word.starts_with("k")) flags.set_keyword(word);
  }
  return flags;
}

class StorePower : public testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    record_ = std::make_unique<DiskRecord>(GetParam().root(*fixture_));
  }
  void TearDown() override {
    record_->stop();
    faults::kill_by_throwing(false);
  }

  // Before the record begins, in INBOX unless told otherwise.
  Uid put(int number, std::size_t size = 20, std::string_view words = {}) {
    AppendOptions options;
    options.flags = flags_of(words);
    const auto store = fixture_->open();
    courses_[{"INBOX", text_of(number, size)}].first = options.flags;
    return add(*expect_ok(store->open("INBOX")), text_of(number, size), options);
  }
  void begin() {
    see();
    record_->start();
    shown_from_ = 0;
  }
  // What a client has been shown stays so.
  void see() {
    const auto store = fixture_->open();
    for (const std::string& name : boxes_) {
      const auto box = expect_ok(store->open(name));
      for (const auto& info : all(*box)) {
        uids_[{name, info.uid}] = {body(*box, info.uid, View::Wire), record_->size()};
      }
      const auto status = expect_ok(box->status());
      identities_[name] = status;
    }
  }
  void wish(const std::string& box, const std::string& text, State to) {
    courses_[{box, text}].steps.push_back({std::move(to), record_->size(), 0});
  }
  void acknowledged() {
    const std::size_t now = record_->size();
    for (auto& [place, course] : courses_) {
      State before = course.first;
      for (auto& step : course.steps) {
        if (step.acknowledged == 0) step.acknowledged = std::max<std::size_t>(now, 1);
        if (!GetParam().sync_changes && before) step.may_be_undone = true;
        before = step.to;
      }
    }
  }
  // Loses power at every event in every way, and looks.
  void lose_power_everywhere();
  void look_after(std::size_t end, const std::string& where);
  void lose_power_again(std::size_t end, const std::string& where, std::mt19937& random);
  void check(MailStore& store, std::size_t end, const std::string& where);

  std::unique_ptr<Fixture> fixture_;
  std::unique_ptr<DiskRecord> record_;
  std::map<std::pair<std::string, std::string>, Course> courses_;  // by mailbox and octets
  std::vector<std::string> boxes_{"INBOX"};
  struct Told {
    std::string wire;
    std::size_t at;  // event
  };
  std::map<std::pair<std::string, Uid>, Told> uids_;
  std::map<std::string, MailboxStatus> identities_;
  std::size_t shown_from_ = 0;
  std::function<void(MailStore&, std::size_t)> then_;  // what else the next one does
  bool is_large_ = false;                              // each call costs a reading of it
  std::string renamed_;                                // the other name of boxes_.back()
};

constexpr std::array kWays{Survives::Nothing,  Survives::All,  Survives::Some,
                           Survives::DataOnly, Survives::Some, Survives::NamesOnly};

bool tries_all() { return std::getenv("TUBEPOST_ALL_FAULTS") != nullptr; }

void StorePower::lose_power_everywhere() {
  record_->stop();
  const std::string here = testing::UnitTest::GetInstance()->current_test_info()->name();
  std::mt19937 random{static_cast<unsigned>(here.size())};
  constexpr std::size_t kImages = 8;  // of each record; all take minutes under sanitizers
  const std::size_t step = tries_all() ? 1 : record_->size() / kImages + 1;
  // The last one first: all is acknowledged, and nothing but what was synced is there.
  for (std::size_t behind = 0; behind < record_->size(); behind += step) {
    const std::size_t end = record_->size() - behind;
    const std::size_t first = behind / step % kWays.size();
    for (std::size_t n = 0; n < (tries_all() ? 40 : 1); ++n) {
      const std::size_t way = (first + n) % kWays.size();
      const auto courses = courses_;
      record_->lose_power(end, kWays.at(way), random);
      const std::string where = "power lost after event " + std::to_string(end) + " of " +
                                std::to_string(record_->size()) + ", way " + std::to_string(way);
      try {
        // Twice in all ways would take hours.
        const bool is_twice =
            tries_all() ? n < kWays.size() : !is_large_ && behind / step == here.size() % kImages;
        if (is_twice) lose_power_again(end, where, random);
        if (!HasFailure()) look_after(end, where + (is_twice ? ", after it was lost again" : ""));
      } catch (const std::exception& error) {
        ADD_FAILURE() << where << ": " << error.what();
      }
      courses_ = courses;
      if (HasFailure()) return;
    }
  }
}

// While the next opener mends, looks and folds, before each of its calls (one of them, unless all
// are tried). Leaves the directory as that loss has left it.
void StorePower::lose_power_again(std::size_t end, const std::string& where, std::mt19937& random) {
  DiskRecord again{GetParam().root(*fixture_), ".kept-again"};
  again.start();
  {
    const auto store = fixture_->open();
    check(*store, end, where);
    for (const auto& name : boxes_) {
      if (const auto box = store->open(name)) expect_ok((*box)->fold());
    }
  }
  again.stop();
  const std::size_t size = again.size();
  if (size == 0 || HasFailure()) return;
  const std::size_t step = tries_all() ? 1 : size;
  for (std::size_t event = tries_all() ? 1 : 1 + random() % size; event <= size; event += step) {
    again.lose_power(event, kWays.at(random() % kWays.size()), random);
    const auto store = fixture_->open();
    check(*store, end, where + ", again after " + std::to_string(event));
    if (HasFailure()) return;
  }
}

void StorePower::look_after(std::size_t end, const std::string& where) {
  for (const bool is_again : {false, true}) {
    const auto store = fixture_->open();
    check(*store, end, where + (is_again ? ", second look" : ""));
    if (HasFailure()) return;
    if (!is_again && then_) then_(*store, end);
    for (const auto& name : boxes_) {
      if (const auto box = store->open(name)) expect_ok((*box)->fold());
    }
  }
}

void StorePower::check(MailStore& store, std::size_t end, const std::string& where) {
  std::map<std::pair<std::string, std::string>, std::vector<Flags>> found;
  for (const auto& name : boxes_) {
    std::unique_ptr<Mailbox> box;
    if (auto opened = store.open(name)) {
      box = std::move(*opened);
    } else if (!renamed_.empty() && name == boxes_.back()) {
      box = expect_ok(store.open(renamed_));
    } else {
      FAIL() << where << ": " << name << ": " << opened.error().log_text;
    }
    const auto is_appended = [&](const auto& it) {
      return it.first.first == name && !it.second.first && it.second.is_in_work(end);
    };
    const bool is_appended_to = std::any_of(courses_.begin(), courses_.end(), is_appended);
    // What an append that nobody was told of has left in an mbox may stand behind the message
    // before it, where the log's word of it was lost too (docs/mbox.md).
    const bool may_have_a_tail =
        GetParam().is_mbox && std::any_of(courses_.begin(), courses_.end(), [&](const auto& it) {
          return is_appended(it) && !it.second.is_announced;
        });
    for (const auto& info : all(*box)) {
      const std::string octets = body(*box, info.uid, View::Wire);
      EXPECT_EQ(octets.size(), size_of(*box, info.uid)) << where;
      const auto told = uids_.find({name, info.uid});
      if (told != uids_.end() && told->second.at <= end) {
        const std::string& wire = told->second.wire;
        EXPECT_TRUE(octets == wire || (may_have_a_tail && octets.starts_with(wire)))
            << where << ": UID " << info.uid.value << " is another";
      }
      const auto course = std::find_if(courses_.begin(), courses_.end(), [&](const auto& it) {
        const std::string wire = to_wire(it.first.second);
        return it.first.first == name &&
               (may_have_a_tail ? octets.starts_with(wire) : octets == wire);
      });
      if (course != courses_.end()) {
        found[course->first].push_back(info.flags);
      } else {  // docs/mbox.md: nobody was told of it
        EXPECT_TRUE(GetParam().is_mbox && is_appended_to)
            << where << ": in " << name << " lies " << octets.substr(0, 300);
      }
    }
    // A rename that was not acknowledged: the mbox may be there without its state, as a new one.
    const bool is_new =
        GetParam().is_mbox && !renamed_.empty() && name == boxes_.back() && end < record_->size();
    if (const auto known = identities_.find(name); known != identities_.end() && !is_new) {
      const auto status = expect_ok(box->status());
      EXPECT_EQ(status.uid_validity, known->second.uid_validity) << where;
      EXPECT_GE(status.uid_next, known->second.uid_next) << where;
      EXPECT_GE(status.highest_modseq, known->second.highest_modseq) << where;
      EXPECT_EQ(status.mailbox_id, known->second.mailbox_id) << where;
    }
  }
  for (const auto& [place, course] : courses_) {
    const auto& [name, text] = place;
    const std::string what = where + ": " + name + ", " + text.substr(0, 4);
    const auto& flags = found[place];
    ASSERT_LE(flags.size(), 1U) << what << " is there twice";
    const State state = flags.empty() ? State{} : State{flags.front()};
    auto possible = course.possible(end);
    // An mbox has no room for the flags of what is being appended: they are noted behind it.
    if (GetParam().is_mbox && course.is_in_work(end) && !course.first) possible.push_back(Flags{});
    EXPECT_THAT(possible, testing::Contains(state))
        << what << (state ? " is there" : " is not there");
  }
}

// --- what is done

TEST_P(StorePower, OfADelivery) {
  for (const bool is_first : {true, false}) {
    for (const bool is_retried : {true, false}) {
      SetUp();
      courses_.clear();
      uids_.clear();
      identities_.clear();
      if (!is_first) {
        put(0, 5000);
        begin();
      } else {
        record_->start();
      }
      AppendOptions options;
      options.delivery_id = "Q77/0";
      options.may_be_retried = is_retried;
      const auto append = [options](MailStore& store) {
        StringSource source{"Received: by mx with SMTP id Q77\n" + text_of(1, 9000)};
        expect_ok(expect_ok(store.open("INBOX"))->append(source, options));
      };
      const std::string text = "Received: by mx with SMTP id Q77\n" + text_of(1, 9000);
      wish("INBOX", text, Flags{});
      courses_.at({"INBOX", text}).is_announced = is_retried;
      append(*fixture_->open());
      acknowledged();
      wish("INBOX", text_of(2), Flags{});
      add(*expect_ok(fixture_->open()->open("INBOX")), text_of(2));
      acknowledged();
      then_ = {};
      if (is_retried) {  // the queue comes again; afterwards it is there
        then_ = [&](MailStore& store, std::size_t end) {
          append(store);
          auto& course = courses_.at({"INBOX", text});
          course.first = Flags{};
          if (course.steps.front().begun >= end) course.steps.clear();
        };
      }
      lose_power_everywhere();
      if (HasFailure()) return;
    }
  }
}

TEST_P(StorePower, OfAnAppendWithFlags) {
  put(0);
  begin();
  AppendOptions options;
  options.flags = flags_of("seen flagged kone");
  const auto store = fixture_->open();
  const auto box = expect_ok(store->open("INBOX"));
  for (const int number : {1, 2}) {
    wish("INBOX", text_of(number, 7000), options.flags);
    add(*box, text_of(number, 7000), options);
    acknowledged();
  }
  lose_power_everywhere();
}

// The message stands in the mbox, its UID cannot be noted: it is cut off again, or the session is
// killed when it has just been. What the log says afterwards is durable.
TEST_P(StorePower, OfAnAppendThatIsTakenBack) {
  if (!GetParam().is_mbox) GTEST_SKIP() << "a Maildir notes the UID before";
  faults::kill_by_throwing(true);
  for (const bool is_killed : {false, true}) {
    for (const std::size_t size : {20U, 7000U}) {  // in the page of what stands before it, or on
      SetUp();
      courses_.clear();
      uids_.clear();
      identities_.clear();
      const Uid first = put(0);
      begin();
      auto store = fixture_->open();
      auto box = expect_ok(store->open("INBOX"));
      all(*box);
      wish("INBOX", text_of(1, size), Flags{});
      wish("INBOX", text_of(1, size), State{});
      // The log's, behind the mbox's; the mbox is cut after the log.
      faults::arm(is_killed ? "fsync:2:EIO,truncate:2:after" : "fsync:2:EIO");
      StringSource source{text_of(1, size)};
      try {
        EXPECT_FALSE(box->append(source, {}));
        EXPECT_FALSE(is_killed);
      } catch (const faults::Killed&) {
      }
      faults::arm("");
      if (is_killed) {
        store = fixture_->open();
        box = expect_ok(store->open("INBOX"));
        EXPECT_EQ(all(*box).size(), 1U);
      }
      acknowledged();
      for (const std::string words : {"seen", "flagged", "kone", "seen ktwo", "flagged kthree"}) {
        wish("INBOX", text_of(0), flags_of(words));
        expect_ok(box->change(set_flags(first, flags_of(words))));
        acknowledged();
      }
      lose_power_everywhere();
      if (HasFailure()) return;
    }
  }
}

TEST_P(StorePower, OfACopyAndAMove) {
  expect_ok(fixture_->open()->create("target"));
  boxes_.emplace_back("target");
  put(0, 5000, "seen");
  put(1, 9000, "flagged ktwo");
  put(2);
  begin();
  const auto store = fixture_->open();
  const auto inbox = expect_ok(store->open("INBOX"));
  const auto target = expect_ok(store->open("target"));
  auto there = all(*inbox);
  there.resize(2);
  wish("target", text_of(0, 5000), there[0].flags);
  wish("target", text_of(1, 9000), there[1].flags);
  expect_ok(append_copies(*inbox, there, *target));
  acknowledged();
  there = {all(*inbox).at(2)};
  wish("target", text_of(2), there[0].flags);
  const auto begun = record_->size();
  expect_ok(append_copies(*inbox, there, *target));
  wish("INBOX", text_of(2), State{});
  expect_ok(inbox->change(expunge({there[0].uid})));
  acknowledged();
  EXPECT_LT(begun, record_->size());
  lose_power_everywhere();
}

TEST_P(StorePower, OfFlagsAndFolds) {
  const Uid first = put(0, 5000);
  const Uid second = put(1, 9000, "seen");
  const Uid third = put(2);
  begin();
  const auto store = fixture_->open();
  const auto box = expect_ok(store->open("INBOX"));
  wish("INBOX", text_of(1, 9000), flags_of("flagged kwork"));
  expect_ok(box->change(set_flags(second, flags_of("flagged kwork"))));
  acknowledged();
  expect_ok(box->fold());
  wish("INBOX", text_of(0, 5000), State{});
  expect_ok(box->change(expunge({first})));
  acknowledged();
  expect_ok(box->fold());
  wish("INBOX", text_of(2), flags_of("seen"));
  expect_ok(box->change(set_flags(third, flags_of("seen"))));
  acknowledged();
  wish("INBOX", text_of(1, 9000), flags_of("seen flagged kwork kmore"));
  expect_ok(box->change(set_flags(second, flags_of("seen flagged kwork kmore"))));
  acknowledged();
  expect_ok(box->fold());
  lose_power_everywhere();
}

// In a Maildir they are renamed later than they are acknowledged.
TEST_P(StorePower, OfTheFlagsOfManyMessages) {
  constexpr int kCount = 110;
  is_large_ = true;
  for (int number = 0; number < kCount; ++number) put(number);
  begin();
  const auto store = fixture_->open();
  const auto box = expect_ok(store->open("INBOX"));
  const Flags flags = flags_of("seen");
  for (int number = 0; number < kCount; ++number) wish("INBOX", text_of(number), flags);
  expect_ok(box->change([&](const Snapshot& snapshot) {
    std::vector<Change> wishes;
    snapshot.for_each([&](const MessageInfo& info) {
      wishes.push_back({info.uid, flags, false, false});
    });
    return wishes;
  }));
  acknowledged();
  EXPECT_EQ(box->is_unsettled(), !GetParam().is_mbox);
  box->settle();
  EXPECT_FALSE(box->is_unsettled());
  expect_ok(box->fold());
  lose_power_everywhere();
}

// A client that has seen a message keeps it by its UID: no other one may get that, though the
// message be gone, or its being gone undone.
TEST_P(StorePower, OfMessagesThatComeAndGo) {
  put(0, 5000);
  begin();
  const auto store = fixture_->open();
  const auto box = expect_ok(store->open("INBOX"));
  for (const int number : {1, 2, 3}) {
    wish("INBOX", text_of(number, 3000), Flags{});
    const Uid uid = add(*box, text_of(number, 3000));
    acknowledged();
    uids_[{"INBOX", uid}] = {to_wire(text_of(number, 3000)), record_->size()};
    wish("INBOX", text_of(number, 3000), flags_of("seen kone"));
    expect_ok(box->change(set_flags(uid, flags_of("seen kone"))));
    acknowledged();
    if (number == 3) break;
    wish("INBOX", text_of(number, 3000), State{});
    expect_ok(box->change(expunge({uid})));
    acknowledged();
  }
  then_ = [&](MailStore& after, std::size_t end) {
    const Uid uid = add(*expect_ok(after.open("INBOX")), text_of(4));
    courses_[{"INBOX", text_of(4)}].first = Flags{};
    const auto told = uids_.find({"INBOX", uid});
    EXPECT_TRUE(told == uids_.end() || told->second.at > end) << uid.value << ", event " << end;
  };
  lose_power_everywhere();
}

// The log becomes a new one, and the index is written.
TEST_P(StorePower, OfACompaction) {
  is_large_ = true;
  const Uid first = put(0);
  put(1, 5000, "seen");
  const auto store = fixture_->open();
  const auto box = expect_ok(store->open("INBOX"));
  const auto log_size = [&] {
    std::uintmax_t most = 0;
    for (const auto& entry : fs::recursive_directory_iterator(GetParam().root(*fixture_))) {
      if (entry.path().string().ends_with(".state")) most = std::max(most, entry.file_size());
    }
    return most;
  };
  const auto flags_number = [](int number) {
    Flags flags;
    flags.set_keyword(std::string(10'000, static_cast<char>('p' + number % 3)));
    return flags;
  };
  int number = 0;
  for (; log_size() < 240'000; ++number) {
    ASSERT_LT(number, 100);
    expect_ok(box->change(set_flags(first, flags_number(number))));
    courses_[{"INBOX", text_of(0)}].first = flags_number(number);
  }
  begin();
  for (const int last = number + 5; number < last; ++number) {
    wish("INBOX", text_of(0), flags_number(number));
    expect_ok(box->change(set_flags(first, flags_number(number))));
    acknowledged();
  }
  EXPECT_LT(log_size(), 240'000U) << "it was not compacted";
  lose_power_everywhere();
}

TEST_P(StorePower, OfARename) {
  const auto store = fixture_->open();
  expect_ok(store->create("old"));
  boxes_.emplace_back("old");
  renamed_ = "new";
  put(0);
  {
    const auto inbox = expect_ok(store->open("INBOX"));
    const auto old = expect_ok(store->open("old"));
    const auto there = all(*inbox);
    expect_ok(append_copies(*inbox, there, *old));
    courses_[{"old", text_of(0)}].first = Flags{};
    expect_ok(old->change(set_flags(all(*old).front().uid, flags_of("flagged kthree"))));
    courses_[{"old", text_of(0)}].first = flags_of("flagged kthree");
  }
  begin();
  expect_ok(store->rename("old", "new"));
  record_->stop();
  const std::size_t renamed_at = record_->size();
  then_ = [&](MailStore& after, std::size_t end) {
    const bool has_old = after.open("old").has_value();
    const bool has_new = after.open("new").has_value();
    EXPECT_NE(has_old, has_new) << "power lost after event " << end;
    if (end >= renamed_at) {
      EXPECT_TRUE(has_new);
    }
  };
  lose_power_everywhere();
}

INSTANTIATE_TEST_SUITE_P(
    Disk, StorePower,
    testing::Values(
        Param{"mbox", []() -> std::unique_ptr<Fixture> { return std::make_unique<MboxFixture>(); },
              [](Fixture& it) { return dynamic_cast<MboxFixture&>(it).home(); }, true},
        Param{"mbox in windows",
              []() -> std::unique_ptr<Fixture> {
                auto made = std::make_unique<MboxFixture>();
                made->settings().rewrite_window = 2000;
                return made;
              },
              [](Fixture& it) { return dynamic_cast<MboxFixture&>(it).home(); }, true},
        Param{"maildir",
              []() -> std::unique_ptr<Fixture> { return std::make_unique<MaildirFixture>(); },
              [](Fixture& it) {
                const auto root = dynamic_cast<MaildirFixture&>(it).root();
                return root.substr(0, root.rfind('/'));
              },
              false},
        Param{"mbox, mail_fsync = never",
              []() -> std::unique_ptr<Fixture> {
                auto made = std::make_unique<MboxFixture>();
                made->settings().sync_changes = false;
                return made;
              },
              [](Fixture& it) { return dynamic_cast<MboxFixture&>(it).home(); }, true, false},
        Param{"maildir, mail_fsync = never",
              []() -> std::unique_ptr<Fixture> {
                auto made = std::make_unique<MaildirFixture>();
                made->settings().sync_changes = false;
                return made;
              },
              [](Fixture& it) {
                const auto root = dynamic_cast<MaildirFixture&>(it).root();
                return root.substr(0, root.rfind('/'));
              },
              false, false}));

}  // namespace
}  // namespace mail::store

#endif
