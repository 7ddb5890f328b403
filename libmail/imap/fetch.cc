#include "libmail/imap/fetch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/imap/body_structure.h"
#include "libmail/imap/response.h"

namespace mail::imap {

namespace {

using Kind = FetchItem::Kind;

constexpr std::size_t kSeenBatch = 64;       // messages marked \Seen in one change of the mailbox
constexpr std::size_t kPiece = 8U << 10U;    // octets of a body, at least
constexpr std::size_t kOutput = 64U << 10U;  // octets that are sent at once
static_assert(FetchJob::kEnough + kPiece <= kOutput);
constexpr std::array<std::string_view, 10> kEnvelopeFields{
    "Date", "Subject", "From", "Sender",      "Reply-To",
    "To",   "Cc",      "Bcc",  "In-Reply-To", "Message-ID"};

bool needs_measure(Kind kind) { return kind == Kind::InternalDate || kind == Kind::Rfc822Size; }

bool needs_data(Kind kind) {
  return kind != Kind::Flags && kind != Kind::Uid && kind != Kind::ModSeq && !needs_measure(kind);
}

bool has_kind(const std::vector<FetchItem>& items, Kind kind) {
  return std::any_of(items.begin(), items.end(), [&](const auto& i) { return i.kind == kind; });
}

void add_item(std::vector<FetchItem>& items, Kind kind) {
  FetchItem item;
  item.kind = kind;
  item.peek = true;
  items.insert(items.begin(), std::move(item));
}

// A literal has no NUL (RFC 3501 section 9, CHAR8).
void replace_nul(std::string& out, std::size_t from) {
  for (auto at = out.find('\0', from); at != std::string::npos; at = out.find('\0', at)) {
    out[at] = '\x80';
  }
}

}  // namespace

FetchJob::FetchJob(Selected& selected, Fetch fetch, std::vector<std::size_t> positions,
                   bool condstore)
    : selected_(selected),
      fetch_(std::move(fetch)),
      positions_(std::move(positions)),
      condstore_(condstore) {
  if (fetch_.changed_since) {  // RFC 7162 section 3.1.4.1
    std::erase_if(positions_, [&](std::size_t position) {
      return selected_.message(position).modseq.value <= *fetch_.changed_since;
    });
    if (!has_kind(fetch_.items, Kind::ModSeq)) add_item(fetch_.items, Kind::ModSeq);
  }
  // RFC 3501 section 6.4.8: UID is always in the response to UID FETCH.
  if (fetch_.by_uid && !has_kind(fetch_.items, Kind::Uid)) add_item(fetch_.items, Kind::Uid);
  wants_flags_ = has_kind(fetch_.items, Kind::Flags);
  needs_data_ = std::any_of(fetch_.items.begin(), fetch_.items.end(),
                            [](const auto& item) { return needs_data(item.kind); });
  needs_measure_ = std::any_of(fetch_.items.begin(), fetch_.items.end(),
                               [](const auto& item) { return needs_measure(item.kind); });
  sets_seen_ = std::any_of(fetch_.items.begin(), fetch_.items.end(),
                           [](const auto& item) { return needs_data(item.kind) && !item.peek; }) &&
               !selected_.is_read_only();
}

Result<bool> FetchJob::step(std::string& out) {
  out.reserve(kOutput);
  auto done = fill(out);
  hold_.reset();  // never while the client takes its time
  return done;
}

Result<bool> FetchJob::fill(std::string& out) {
  while (out.size() < kEnough) {
    if (stream_left_ > 0) {
      TRY(put_stream(out));
      continue;
    }
    if (at_ == positions_.size()) {
      unmark();
      return true;
    }
    const std::size_t before = out.size();
    const bool is_fresh = !in_message_;
    if (is_fresh) TRY(mark_seen());
    auto done = is_fresh ? begin_message(out) : Result<void>{};
    if (done) done = put_items(out);
    if (!done) {
      out.resize(before);
      if (is_fresh && store::concerns_one_message(done.error())) {
        skip_message(std::move(done).error());
        continue;
      }
      if (!is_fresh) broken_ = true;
      return fail(std::move(done).error());
    }
    if (stream_left_ == 0 && next_item_ == fetch_.items.size()) end_message(out);
  }
  return false;
}

// In batches, so that a run of FETCH BODY[] costs one durable write for many messages. They are
// marked before, as the flags stand in the same response (RFC 3501 section 6.4.5).
Result<void> FetchJob::mark_seen() {
  if (!sets_seen_ || at_ < seen_upto_) return {};
  unmark();
  seen_upto_ = std::min(positions_.size(), at_ + kSeenBatch);
  std::vector<store::Uid> unseen;
  for (std::size_t i = at_; i < seen_upto_; ++i) {
    const auto& candidate = selected_.message(positions_[i]);
    if (!selected_.marks(positions_[i]).gone && !candidate.flags.has(store::Flag::Seen)) {
      unseen.push_back(candidate.uid);
    }
  }
  if (unseen.empty()) return {};
  hold_.reset();
  const auto changes = TRY(selected_.mailbox().change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    for (const store::Uid uid : unseen) {
      const auto info = snapshot.find(uid);
      if (!info) continue;
      store::Change wish;
      wish.uid = uid;
      wish.flags = info->flags;
      wish.flags->set(store::Flag::Seen);
      wishes.push_back(wish);
    }
    return wishes;
  }));
  marked_ = changes.messages;
  selected_.apply(changes, true);
  return {};
}

// Those that could not be read, or that nobody waits for any more; not what another has changed
// since.
void FetchJob::unmark() {
  if (marked_.empty()) return;
  hold_.reset();
  const auto left = std::exchange(marked_, {});
  const auto changes = selected_.mailbox().change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    for (const store::MessageInfo& marked : left) {
      if (snapshot.find(marked.uid) != marked) continue;
      store::Change wish;
      wish.uid = marked.uid;
      wish.flags = marked.flags;
      wish.flags->set(store::Flag::Seen, false);
      wishes.push_back(wish);
    }
    return wishes;
  });
  if (!changes) {
    log::warning(changes.error().log_text);
    return;
  }
  selected_.apply(*changes, true);
}

void FetchJob::stop() {
  stream_left_ = 0;
  unmark();
}

Result<void> FetchJob::begin_message(std::string& out) {
  const bool is_known = message().modseq.value != 0;
  if (marks().gone && !is_known) return fail(Errc::NotFound, "Message is gone");
  if (needs_data_) {
    if (!hold_) hold_ = selected_.mailbox().hold_for_reading();
    data_.emplace(selected_.mailbox(), message().uid);
  }
  if (needs_measure_) measure_ = TRY(selected_.mailbox().measure(message().uid));
  in_message_ = true;
  next_item_ = 0;
  out += "* ";
  put_number(out, positions_[at_] + 1);
  out += " FETCH (";
  return {};
}

Result<void> FetchJob::put_items(std::string& out) {
  while (next_item_ < fetch_.items.size() && stream_left_ == 0) {
    if (next_item_ > 0) out += ' ';
    TRY(put_item(out, fetch_.items[next_item_]));
    ++next_item_;
  }
  return {};
}

void FetchJob::skip_message(Error why) {
  if (!missed_ || missed_->code == Errc::NotFound) missed_ = std::move(why);
  in_message_ = false;
  stream_left_ = 0;
  data_.reset();
  ++at_;
}

void FetchJob::end_message(std::string& out) {
  if (marks().changed) {
    if (!wants_flags_) {  // RFC 3501 section 6.4.5: \Seen set by this FETCH is told
      out += " FLAGS ";
      put_flags(out, message().flags, marks().recent);
    }
    if (condstore_ && !has_kind(fetch_.items, Kind::ModSeq)) {
      out += " MODSEQ (";
      put_number(out, message().modseq.value);
      out += ')';
    }
    selected_.mark_changed(positions_[at_], false);
  }
  out += ")\r\n";
  std::erase_if(marked_, [&](const auto& marked) { return marked.uid == message().uid; });
  in_message_ = false;
  data_.reset();
  ++at_;
}

Result<void> FetchJob::put_item(std::string& out, const FetchItem& item) {
  const auto& info = message();
  switch (item.kind) {
    case Kind::Flags:
      out += "FLAGS ";
      put_flags(out, info.flags, marks().recent);
      return {};
    case Kind::Uid:
      out += "UID ";
      put_number(out, info.uid.value);
      return {};
    case Kind::InternalDate:
      out += "INTERNALDATE ";
      put_internal_date(out, measure_.internal_date);
      return {};
    case Kind::Rfc822Size:
      out += "RFC822.SIZE ";
      put_number(out, measure_.size);
      return {};
    case Kind::ModSeq:
      out += "MODSEQ (";
      put_number(out, info.modseq.value);
      out += ')';
      return {};
    case Kind::Envelope: {
      // Where the structure is asked for too, one reading gives both.
      if (has_kind(fetch_.items, Kind::Body)) TRY(data_->structure());
      if (has_kind(fetch_.items, Kind::BodyStructure)) TRY(data_->body_structure());
      const auto* const header = TRY(data_->fields(kEnvelopeFields));
      out += "ENVELOPE ";
      put_envelope(out, message::make_envelope(*header));
      return {};
    }
    case Kind::Body: {
      const auto* const structure = TRY(data_->structure());
      out += "BODY ";
      put_body(out, structure->root, false);
      return {};
    }
    case Kind::BodyStructure:
      out += "BODYSTRUCTURE ";
      out += TRY(data_->body_structure());
      return {};
    case Kind::BodySection:
      put_section(out, item);
      return put_section_text(out, item);
    case Kind::Rfc822:
      out += "RFC822";
      return put_section_text(out, item);
    case Kind::Rfc822Header:
    case Kind::Rfc822Text: {
      FetchItem as_section = item;
      const bool is_header = item.kind == Kind::Rfc822Header;
      as_section.section.what = is_header ? Section::What::Header : Section::What::Text;
      out += is_header ? "RFC822.HEADER" : "RFC822.TEXT";
      return put_section_text(out, as_section);
    }
  }
  return {};
}

Result<void> FetchJob::put_section_text(std::string& out, const FetchItem& item) {
  const auto found = TRY(data_->find_section(item.section));
  out += ' ';
  if (found.is_nil) {
    out += "NIL";
    return {};
  }
  const std::uint64_t whole = found.text ? found.text->size() : found.octets;
  const std::uint64_t skipped = std::min(whole, item.origin.value_or(0));
  const std::uint64_t octets =
      item.origin ? std::min(item.count, whole - skipped) : whole - skipped;
  if (octets == 0) {
    out += "\"\"";
    return {};
  }
  out += '{';
  put_number(out, octets);
  out += "}\r\n";
  if (found.text) {
    const std::size_t begin = out.size();
    out.append(*found.text, static_cast<std::size_t>(skipped), static_cast<std::size_t>(octets));
    replace_nul(out, begin);
    return {};
  }
  stream_at_ = found.offset + skipped;
  stream_left_ = octets;
  return {};
}

Result<void> FetchJob::put_stream(std::string& out) {
  const std::size_t begin = out.size();
  const std::size_t room = begin + kPiece < kOutput ? kOutput - begin : kPiece;
  const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(room, stream_left_));
  out.resize(begin + piece);
  auto count = TRY(data_->reader())
  ->read(stream_at_, std::span<char>(out).subspan(begin));
  if (!count || *count == 0) {
    broken_ = true;
    out.resize(begin);
    if (!count) return fail(std::move(count).error());
    return fail(Errc::Corrupt, "Message is shorter than it was");
  }
  out.resize(begin + *count);
  replace_nul(out, begin);
  stream_at_ += *count;
  stream_left_ -= *count;
  return {};
}

}  // namespace mail::imap
