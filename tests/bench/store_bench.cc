// Google Benchmark of libmail/store: what opening, listing, flagging, folding and appending cost,
// by the number of messages (docs/benchmarks.md has figures and the command). Mailboxes lie below
// $BENCH_DIR (default: the temporary directory), which should be on a disk.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "libmail/store/maildir/mail_store.h"
#include "libmail/store/mbox/mail_store.h"
#include "libmail/store/message_source.h"

namespace mail::store {
namespace {

namespace fs = std::filesystem;

class Home {
 public:
  Home() {
    const char* const base = std::getenv("BENCH_DIR");
    path_ = fs::path(base != nullptr ? base : fs::temp_directory_path().c_str()) /
            ("tubepost-bench-" + std::to_string(::getpid()));
    fs::create_directories(path_);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A mailbox of `count` messages of 1 to 3 KiB that nobody of ours has seen, made once.
fs::path mailbox(Format format, std::int64_t count) {
  static const Home home;
  const bool is_mbox = format == Format::Mbox;
  const fs::path root = home.path() / ((is_mbox ? "mbox-" : "maildir-") + std::to_string(count));
  if (fs::exists(root)) return root;
  fs::create_directories(root / "mail");
  const auto message = [](std::int64_t n) {
    return "From: ann@example.org\nTo: boss@example.org\nSubject: message " + std::to_string(n) +
           "\nMessage-ID: <" + std::to_string(n) + "@example.org>\n\n" +
           std::string(static_cast<std::size_t>(1000 + n % 2000), 'x') + "\n";
  };
  if (is_mbox) {
    std::ofstream out(root / "inbox", std::ios::binary);
    for (std::int64_t n = 0; n < count; ++n) {
      out << "From ann@example.org Sat Aug 15 19:02:06 2020\n" << message(n) << '\n';
    }
  } else {
    for (const char* name : {"cur", "new", "tmp"}) fs::create_directories(root / "mail" / name);
    for (std::int64_t n = 0; n < count; ++n) {
      const std::string text = message(n);
      const std::string name = std::to_string(1'600'000'000 + n) +
                               ".M1P1Q1.host,S=" + std::to_string(text.size()) +
                               ",W=" + std::to_string(text.size() + 6) + ":2,S";
      std::ofstream(root / "mail" / "cur" / name, std::ios::binary) << text;
    }
  }
  ::usleep(200'000);  // so that the times of the files are believed
  return root;
}

void forget_state(const fs::path& root) {
  fs::remove_all(root / "mail" / ".imap");
  for (const char* name : {"tubepost.state", "tubepost.index", "dovecot-uidlist"}) {
    fs::remove(root / "mail" / name);
  }
}

struct Opened {
  std::unique_ptr<MailStore> store;
  std::unique_ptr<Mailbox> box;
};

Opened open(Format format, const fs::path& root) {
  Opened opened;
  const std::string mail = root / "mail";
  if (format == Format::Mbox) {
    opened.store = std::make_unique<mbox::MboxMailStore>(
        Location{format, mail, root / "inbox", {}, {}, "fs"}, std::string{}, Settings{});
  } else {
    opened.store = std::make_unique<maildir::MaildirMailStore>(
        Location{format, mail, mail, {}, {}, "Maildir++"}, Settings{});
  }
  opened.box = opened.store->open("INBOX").value();
  return opened;
}

void check(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().log_text);
}

void make_known(Format format, const fs::path& root) {
  const auto opened = open(format, root);
  opened.box->since(ModSeq{}).value();
  check(opened.box->fold());
}

void first_open(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    forget_state(root);
    state.ResumeTiming();
    benchmark::DoNotOptimize(open(format, root).box->since(ModSeq{}).value());
  }
}

void open_unchanged(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  for (auto _ : state) benchmark::DoNotOptimize(open(format, root).box->status().value());
}

void open_and_list(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  {
    const auto opened = open(format, root);
    opened.box->since(ModSeq{}).value();
    opened.box->since(ModSeq{1}).value();
    const auto after = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
    state.counters["octets_kept_per_message"] =
        static_cast<double>(after - before) / static_cast<double>(state.range(0));
  }
  for (auto _ : state) benchmark::DoNotOptimize(open(format, root).box->since(ModSeq{}).value());
}

void set_flagged(Mailbox& box, Uid uid, bool on) {
  box.change([&](const Snapshot& now) {
       auto flags = now.find(uid).value().flags;
       flags.set(Flag::Flagged, on);
       return std::vector<Change>{{uid, flags, false, false}};
     })
      .value();
}

void flag(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto opened = open(format, root);
  bool on = false;
  const Uid uid{static_cast<std::uint32_t>(state.range(0) / 2)};
  for (auto _ : state) set_flagged(*opened.box, uid, on = !on);
}

void flag_and_fold(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto opened = open(format, root);
  bool on = false;
  const Uid uid{static_cast<std::uint32_t>(state.range(0) / 2)};
  const auto fold = [&] {
    set_flagged(*opened.box, uid, on = !on);
    check(opened.box->fold());
  };
  fold();  // leaves room: first_fold
  for (auto _ : state) fold();
}

// Each time of another message, in whose header there is no room yet.
void first_fold(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto opened = open(format, root);
  auto uid = static_cast<std::uint32_t>(state.range(0) / 2);
  for (auto _ : state) {
    set_flagged(*opened.box, Uid{uid++}, true);
    check(opened.box->fold());
  }
}

void append(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto opened = open(format, root);
  for (auto _ : state) {
    StringSource source{"Subject: one more\n\n" + std::string(1000, 'y') + "\n"};
    opened.box->append(source, {}).value();
  }
}

void read_one(benchmark::State& state, Format format) {
  const auto root = mailbox(format, state.range(0));
  make_known(format, root);
  const auto opened = open(format, root);
  opened.box->status().value();
  std::uint32_t uid = 0;
  std::array<char, 4096> into{};
  for (auto _ : state) {
    uid = uid % static_cast<std::uint32_t>(state.range(0)) + 1;
    const auto reader = opened.box->open(Uid{uid}, View::Wire).value();
    benchmark::DoNotOptimize(reader->read(0, into).value());
  }
}

void add_all() {
  using Run = void (*)(benchmark::State&, Format);
  const std::vector<std::pair<std::string, Run>> runs{{"first_open", first_open},
                                                      {"open_unchanged", open_unchanged},
                                                      {"open_and_list", open_and_list},
                                                      {"read_one", read_one},
                                                      {"flag", flag},
                                                      {"flag_and_fold", flag_and_fold},
                                                      {"first_fold", first_fold},
                                                      {"append", append}};
  const char* const most = std::getenv("BENCH_MOST");  // messages
  const std::int64_t limit = most != nullptr ? std::atoll(most) : 100'000;
  for (const auto& [name, run] : runs) {
    for (const Format format : {Format::Mbox, Format::Maildir}) {
      const std::string whole = name + (format == Format::Mbox ? "/mbox" : "/maildir");
      auto* const made = benchmark::RegisterBenchmark(
          whole.c_str(), [run = run, format](benchmark::State& state) { run(state, format); });
      made->Unit(benchmark::kMillisecond)->UseRealTime();
      for (std::int64_t count = 1000; count <= limit; count *= 10) made->Arg(count);
    }
  }
}

}  // namespace
}  // namespace mail::store

int main(int argc, char** argv) {
  mail::store::add_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
