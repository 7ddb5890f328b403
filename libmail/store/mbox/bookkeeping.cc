#include "libmail/store/mbox/bookkeeping.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/store/view.h"

namespace mail::store::mbox {
namespace {

constexpr std::size_t kRoom = 32;  // octets: X-Status and a keyword

struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string with;

  [[nodiscard]] std::size_t gone() const { return end - begin; }
};

// One field's first line in the header and what becomes of it.
struct Slot {
  Edit edit;
  bool is_there = false;
  bool is_same = false;
};

class HeaderEdit {
 public:
  HeaderEdit(std::string_view header, const std::vector<Field>& fields)
      : header_(header),
        fields_(fields),
        line_end_(header.ends_with("\r\n") ? "\r\n" : "\n"),
        slots_(fields.size()) {
    find_lines();
    for (std::size_t i = 0; i < fields_.size(); ++i) place(i);
  }

  void leave_room() {
    if (is_done()) return;
    const auto carrier = carrier_index();
    if (carrier == fields_.size()) return;
    Slot& slot = slots_.at(carrier);
    const std::string before =
        std::string(fields_.at(carrier).name) + ": " + fields_[carrier].value;
    std::size_t added = before.size() + line_end_.size();
    std::size_t removed = slot.is_there ? slot.edit.gone() : 0;
    for (const Edit& edit : dropped_) removed += edit.gone();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (i == carrier) continue;
      // Spaces stand in one line only.
      if (slots_.at(i).edit.with.size() < slots_.at(i).edit.gone()) slots_.at(i).is_same = false;
      if (!changes(slots_.at(i))) continue;
      added += slots_.at(i).edit.with.size();
      removed += slots_.at(i).edit.gone();
    }
    const std::size_t pad = removed >= added ? removed - added : kRoom;
    slot.edit.with = before + std::string(pad, ' ') + line_end_;
    slot.is_same = false;
  }

  [[nodiscard]] std::optional<Splice> splice(std::uint64_t at) const {
    if (is_done()) return std::nullopt;
    std::vector<Edit> edits = dropped_;
    for (const Slot& slot : slots_) {
      if (changes(slot)) edits.push_back(slot.edit);
    }
    std::stable_sort(edits.begin(), edits.end(),
                     [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    Splice splice{at + edits.front().begin, at + edits.back().end, {}};
    std::size_t from = edits.front().begin;
    for (const Edit& edit : edits) {
      splice.with += header_.substr(from, edit.begin - from);
      splice.with += edit.with;
      from = edit.end;
    }
    return splice;
  }

 private:
  static bool changes(const Slot& slot) {
    return !slot.is_same && (slot.is_there || !slot.edit.with.empty());
  }
  [[nodiscard]] bool is_done() const {
    return dropped_.empty() && std::none_of(slots_.begin(), slots_.end(), changes);
  }

  void find_lines() {
    std::size_t at = 0;
    while (at < header_.size()) {
      std::size_t end = header_.find('\n', at) + 1;
      while (end < header_.size() && ascii::is_wsp(header_.at(end))) {
        end = header_.find('\n', end) + 1;
      }
      take_line(at, end);
      at = end;
    }
  }

  // A line without a colon is no field, whatever word it is; nor is one that begins with a blank,
  // where there is none before it.
  void take_line(std::size_t begin, std::size_t end) {
    const auto line = header_.substr(begin, end - begin);
    const auto name = field_name_of(line);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (!ascii::iequals(name, fields_.at(i).name)) continue;
      Slot& slot = slots_.at(i);
      if (slot.is_there) {
        dropped_.push_back({begin, end, {}});
      } else {
        slot.is_there = true;
        slot.edit = {begin, end, {}};
        const auto value = ascii::trim(line.substr(line.find(':') + 1));
        slot.is_same = value == fields_.at(i).value;
      }
    }
  }

  void place(std::size_t index) {
    const Field& field = fields_.at(index);
    Slot& slot = slots_.at(index);
    if (!field.value.empty()) {
      slot.edit.with = std::string(field.name) + ": " + field.value + line_end_;
    }
    // Dovecot believes no X-UID and no keyword before it.
    const bool is_base = field.name == "X-IMAPbase";
    if (is_base && slot.is_there && is_late(slot)) {
      dropped_.push_back(slot.edit);
      dropped_.back().with.clear();
      slot.is_there = slot.is_same = false;
    }
    if (!slot.is_there) slot.edit.begin = slot.edit.end = is_base ? 0 : header_.size();
  }
  [[nodiscard]] bool is_late(const Slot& base) const {
    return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
      return slot.is_there && slot.edit.begin < base.edit.begin;
    });
  }

  // The field whose line the spaces stand in.
  [[nodiscard]] std::size_t carrier_index() const {
    std::size_t carrier = fields_.size();
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_.at(i).name == "Status" && carrier == fields_.size()) carrier = i;
      const bool is_used = slots_.at(i).is_there || !fields_.at(i).value.empty();
      if (fields_.at(i).name == "X-Keywords" && is_used) carrier = i;
    }
    return carrier;
  }

  std::string_view header_;
  const std::vector<Field>& fields_;
  std::string line_end_;
  std::vector<Slot> slots_;    // of fields_
  std::vector<Edit> dropped_;  // lines of fields that stand there already
};

}  // namespace

std::vector<Field> flag_fields(const Flags& flags, bool old) {
  Field status{"Status", {}};
  if (flags.has(Flag::Seen)) status.value += 'R';
  if (old) status.value += 'O';
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

std::string to_lines(const std::vector<Field>& fields) {
  std::string lines;
  for (const Field& field : fields) {
    if (!field.value.empty()) lines += std::string(field.name) + ": " + field.value + "\n";
  }
  return lines;
}

std::optional<Splice> set_fields(std::string_view header, std::uint64_t at,
                                 const std::vector<Field>& fields, Room room) {
  HeaderEdit edit{header, fields};
  if (room == Room::Leave) edit.leave_room();
  return edit.splice(at);
}

}  // namespace mail::store::mbox
