// An mbox of any octets: places ascend, sizes are what they say, and reading from any message on
// gives the same as reading from the start.
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/hash.h"
#include "libmail/store/mbox/read_again.h"
#include "libmail/store/message_source.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

class StringReader final : public mail::store::MessageReader {
 public:
  explicit StringReader(std::string_view octets) : octets_(octets) {}
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  mail::Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    if (offset >= octets_.size()) return std::size_t{0};
    return octets_.substr(static_cast<std::size_t>(offset)).copy(into.data(), into.size());
  }

 private:
  std::string_view octets_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const mail::FileDescriptor fd{::memfd_create("mbox", MFD_CLOEXEC)};
  check(mail::sys::write_all(fd, input).has_value());
  mail::store::mbox::ScanOptions options;
  options.want_body_hash = true;
  options.id = "Q1";
  const auto whole = mail::store::mbox::scan(fd, 0, size, options).value();
  std::uint64_t at = 0;
  for (const auto& found : whole.messages) {
    check(found.from >= at && found.from < found.content && found.content <= found.header_end);
    check(found.header_end <= found.end && found.end <= found.next && found.next <= size);
    check(input.substr(found.from, 5) == "From ");
    at = found.next;
    // The wire size: CRLF line ends, bookkeeping left out.
    std::string content{input.substr(found.content, found.end - found.content)};
    check(found.lacks_line_end == (!content.empty() && !content.ends_with('\n')));
    if (found.lacks_line_end) content += '\n';
    StringReader reader{content};
    std::string shown;
    std::uint64_t begin = 0;
    const auto fields = mail::store::find_bookkeeping_fields(reader).value();
    for (const auto& hidden : fields) {
      check(hidden.begin >= begin && hidden.begin < hidden.end && hidden.end <= content.size());
      shown += content.substr(begin, hidden.begin - begin);
      begin = hidden.end;
    }
    shown += content.substr(begin);
    check(found.has_bookkeeping == (begin != 0));
    check(mail::message::to_crlf(shown).size() == found.measure.size);
    // The fingerprint, unless it has a Lines field: of the From_ line and all else that is shown.
    const auto line = input.substr(found.from, found.content - found.from);
    const auto known =
        std::string(line.substr(0, line.find_last_not_of("\r\n") + 1)) + "\n" + shown;
    if (mail::ascii::ifind(shown, "lines") == std::string::npos) {
      check(found.fingerprint == mail::store::hash_of(known));
    }
    const auto place = mail::store::mbox::place_of(found);
    const auto octets = input.substr(found.from, found.next - found.from);
    for (const auto& ahead : {octets, std::string_view{}}) {
      const auto again = mail::store::mbox::read_again(fd, place, ahead).value();
      check(again && again->fingerprint == found.fingerprint);
      if (again->bookkeeping.empty() && found.header_end - found.from > 60'000) continue;
      check(again->bookkeeping.size() == fields.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        check(again->bookkeeping[i].begin == fields[i].begin);
        check(again->bookkeeping[i].end == fields[i].end);
      }
    }
  }
  if (!whole.messages.empty()) check(at == size);
  if (whole.messages.size() > 1) {
    const auto& last = whole.messages.back();
    const auto rest = mail::store::mbox::scan(fd, last.from, size, options).value();
    check(rest.messages.size() == 1 && rest.messages.front().fingerprint == last.fingerprint);
    check(rest.messages.front().measure.size == last.measure.size &&
          rest.messages.front().end == last.end);
  }
  // A hole anywhere is read as if it were not there.
  options.holes = {{size / 3, size / 2}};
  static_cast<void>(mail::store::mbox::scan(fd, 0, size, options).value());
  return 0;
}
