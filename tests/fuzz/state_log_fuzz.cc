// State log lines of any octets: applied, written anew (compaction) and applied again they give the
// same state; and a log file of such octets is read, written to and read again.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/state_log.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> lines_of(const mail::store::State& state) {
  std::vector<std::string> lines;
  mail::store::put_lines(state, 0, 0, [&](const std::string& line) { lines.push_back(line); });
  return lines;
}

class File {
 public:
  explicit File(std::string_view octets) {
    const auto fd = ::mkstemp(path_.data());
    check(fd >= 0);
    check(mail::sys::write_all(mail::FileDescriptor{fd}, octets).has_value());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/tubepost-state-XXXXXX";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail;
  log::open("fuzz", log::Sink::Discard);
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  store::State state;
  for (const auto line : ascii::split(input, '\n')) state.apply(line);
  const auto lines = lines_of(state);
  store::State again;
  for (const auto& line : lines) check(again.apply(line));
  check(lines_of(again) == lines);

  const File file{input};
  const SystemClock clock;
  store::StateLog log{file.path(), clock, {}};
  store::Ops ops;
  {
    const auto guard = log.lock();
    check(guard.has_value());
    ops.uid_validity({77});
    check(log.write(ops, false).has_value());
  }
  check(log.state().uid_validity.value == 77 && !log.state().mailbox_id.empty());
  store::StateLog reader{file.path(), clock, {}};
  check(reader.catch_up().has_value());
  check(lines_of(reader.state()) == lines_of(log.state()));
  return 0;
}
