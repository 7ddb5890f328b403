// Unique-ids of a session's messages.
#include <array>
#include <cstdio>

#include "libmail/base/ascii.h"
#include "libmail/message/header_section.h"
#include "libmail/pop3/header.h"
#include "libmail/pop3/session.h"

namespace mail::pop3 {
namespace {

// No control character may end the line.
std::string on_one_line(std::string id) {
  for (char& c : id) c = ascii::is_control(c) ? '?' : c;
  return id;
}

}  // namespace

// First of: X-UIDL (pop3_reuse_xuidl), the one that the mailbox has kept, the format's.
Result<std::string> Session::make_uidl(const Message& message, const store::FormerIds& former,
                                       bool& is_generated) {
  is_generated = false;
  const bool wants_md5 = format_.uses('m') || (format_.uses('g') && former.guid.empty());
  const bool is_kept = !former.pop3_uidl.empty();
  message::HeaderSection header;
  if (settings_.reuse_xuidl || (wants_md5 && !is_kept)) {
    auto reader = mailbox_->open(message.uid, store::View::Wire);
    if (!reader && reader.error().code != Errc::NotFound) return fail(reader.error());
    if (reader) header = message::HeaderSection::parse(TRY(read_header(**reader)));
  }
  if (settings_.reuse_xuidl) {
    const std::string id = header.find("X-UIDL").value_or("");
    if (!id.empty()) return id;
  }
  if (is_kept) return former.pop3_uidl;
  is_generated = true;
  UidlValues values{message.uid, opened_.uid_validity, "", former.file_name, former.guid};
  if (wants_md5) values.header_md5 = header_md5(header, settings_.md5_of);
  return format_.format(values);
}

Result<void> Session::make_uidls() {
  TRY(load());
  if (!uidls_.empty()) return {};
  const auto former = TRY(mailbox_->former_ids());
  std::vector<std::string> ids;
  std::vector<std::string> generated;
  std::vector<std::size_t> places;  // of the generated ones
  ids.reserve(messages_.size());
  for (const Message& message : messages_) {
    const auto known = former.find(message.uid);
    bool is_generated = false;
    std::string id = TRY(make_uidl(
        message, known == former.end() ? store::FormerIds{} : known->second, is_generated));
    if (is_generated && settings_.rename_duplicates) {
      places.push_back(ids.size());
      generated.push_back(id);
    }
    ids.push_back(on_one_line(std::move(id)));
  }
  if (settings_.rename_duplicates) {
    rename_duplicates(generated);
    for (std::size_t i = 0; i < places.size(); ++i) ids[places[i]] = on_one_line(generated[i]);
  }
  uidls_ = std::move(ids);
  return {};
}

// Dovecot's %u: what the client has probably left there before, by the first message that it
// retrieved now, and what is there at the end.
void Session::note_uidl_change() {
  if (uidls_.empty()) return;
  const auto summary = [&](std::size_t upto, bool with_deleted) {
    std::uint32_t sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < upto; ++i) {
      if (messages_[i].deleted && !with_deleted) continue;
      sum ^= crc32(uidls_[i]);
      ++count;
    }
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%zu/%08x", count, sum);
    return std::string(text.data());
  };
  const std::string before =
      summary(lowest_retrieved_ == 0 ? messages_.size() : lowest_retrieved_ - 1, true);
  const std::string after = summary(messages_.size(), false);
  statistics_.uidls = before == after ? after : before + " -> " + after;
}

}  // namespace mail::pop3
