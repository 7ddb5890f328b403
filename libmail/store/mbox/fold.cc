// Taking acknowledged flags and expunges over into the mbox: Status, X-Status and X-Keywords as
// Dovecot and Heirloom mailx have them. A message with nothing to say gets no field.
#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kMaxHeader = 16ULL << 20U;  // octets; beyond it flags stay in the log

struct Field {
  std::string_view name;
  std::string value;  // empty: no such field
  bool is_written = false;
};

std::vector<Field> fields_for(const Entry& entry) {
  const Flags& flags = entry.flags;
  Field status{"Status", {}};
  if (flags.has(Flag::Seen)) status.value += 'R';
  if (entry.old) status.value += 'O';
  Field x_status{"X-Status", {}};
  if (flags.has(Flag::Answered)) x_status.value += 'A';
  if (flags.has(Flag::Flagged)) x_status.value += 'F';
  if (flags.has(Flag::Draft)) x_status.value += 'T';
  if (flags.has(Flag::Deleted)) x_status.value += 'D';
  Field keywords{"X-Keywords", {}};
  for (const auto& keyword : flags.keywords) {
    if (!keywords.value.empty()) keywords.value += ' ';
    keywords.value += keyword;
  }
  return {status, x_status, keywords};
}

}  // namespace

Result<void> MboxMailbox::splice_fields(const Found& found, const Entry& entry,
                                        std::vector<Splice>& splices) {
  const std::uint64_t size = found.header_end - found.content;
  if (size > kMaxHeader) return {};
  const std::string header =
      TRY(sys::pread_all(fd_, found.content, static_cast<std::size_t>(size)));
  if (!header.empty() && header.back() != '\n') return {};  // ends inside a line: not ours to mend
  const std::string line_end = header.ends_with("\r\n") ? "\r\n" : "\n";
  auto fields = fields_for(entry);
  std::size_t at = 0;
  while (at < header.size()) {
    // A line without a colon is no field, whatever word it is.
    const auto name_end = header.find_first_of(":\n", at);
    const bool is_field = header.at(name_end) == ':';
    std::size_t end = header.find('\n', at) + 1;
    while (end < header.size() && ascii::is_wsp(header.at(end))) end = header.find('\n', end) + 1;
    const auto name = ascii::trim(std::string_view{header}.substr(at, name_end - at));
    for (Field& field : fields) {
      if (!is_field || !ascii::iequals(name, field.name)) continue;
      std::string line;
      if (!field.value.empty() && !field.is_written) {
        line = std::string(field.name) + ": " + field.value + line_end;
      }
      field.is_written = true;
      if (std::string_view{header}.substr(at, end - at) != line) {
        splices.push_back({found.content + at, found.content + end, line});
      }
    }
    at = end;
  }
  std::string added;
  for (const Field& field : fields) {
    if (!field.is_written && !field.value.empty()) {
      added += std::string(field.name) + ": " + field.value + line_end;
    }
  }
  if (!added.empty()) splices.push_back({found.header_end, found.header_end, added});
  return {};
}

Result<void> MboxMailbox::fold() {
  TRY(refresh());
  const auto has_pending = [&] {
    return !state().doomed.empty() ||
           std::any_of(state().messages.begin(), state().messages.end(),
                       [](const auto& entry) { return entry.second.pending; });
  };
  if (!has_pending()) return {};
  const auto held = lock(sys::Lock::Exclusive, Missing::Fail);
  if (!held) return fail(held.error());
  TRY(log_.catch_up());
  TRY(look());
  const auto guard = TRY(log_.lock());
  if (!has_pending()) return {};
  std::vector<Splice> splices;
  Ops finished;
  const std::uint64_t size = TRY(size_now());
  for (const Found& found : found_) {
    if (state().doomed.contains(found.uid)) {
      splices.push_back({found.from, std::min(found.next, size), {}});
      finished.gone(found.uid, state().doomed.at(found.uid).modseq);
      continue;
    }
    const auto entry = state().messages.find(found.uid);
    if (entry == state().messages.end() || !entry->second.pending) continue;
    TRY(splice_fields(found, entry->second, splices));
    finished.stored(found.uid, entry->second.modseq, entry->second.flags, entry->second.old);
  }
  if (splices.empty()) return log_.write(finished, true);
  Rewriter rewriter{fd_, path_, log_};
  TRY(rewriter.apply(splices, finished));
  // Where everything lies now: one look while nobody else can change it.
  return look();
}

void MboxMailbox::take_over(bool /*flags*/, bool expunged) {
  if (!expunged) return;  // flags wait for fold(): a rewrite for each would be too much
  if (auto folded = fold(); !folded) {
    log::info("mailbox " + log::escape(path_) +
              ": expunged messages stay, hidden, for now: " + folded.error().log_text);
  }
}

}  // namespace mail::store::mbox
