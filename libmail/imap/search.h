// Searcher: SEARCH over the selected view (RFC 3501 section 6.4.4). Headers and bodies are compared
// decoded (RFC 2047, transfer encodings, charsets), in UTF-8, without regard to ASCII case. What
// the index knows (flags, dates, sizes) is looked at before a message is opened.
#pragma once

#include <memory>
#include <vector>

#include "libmail/imap/command.h"
#include "libmail/imap/message_data.h"
#include "libmail/imap/selected.h"

namespace mail::imap {

class Searcher {
 public:
  Searcher(Selected& selected, WallTime now) : selected_(selected), now_(now) {}
  // Positions in the view, ascending. [BADCHARSET] for a charset we do not know.
  Result<std::vector<std::size_t>> run(const Search& search);
  [[nodiscard]] bool used_modseq() const { return used_modseq_; }

 private:
  Result<void> prepare(SearchKey& key, std::string_view charset);
  Result<bool> matches(const SearchKey& key, std::size_t position);
  Result<bool> matches_message(const SearchKey& key, std::size_t position);
  [[nodiscard]] bool measure_matches(const SearchKey& key, const store::Measure& measure) const;
  MessageData& data(store::Uid uid);
  Result<bool> header_matches(const SearchKey& key, store::Uid uid);
  Result<bool> sent_matches(const SearchKey& key, store::Uid uid);
  Result<bool> body_matches(const SearchKey& key, store::Uid uid);
  Result<bool> part_matches(const message::Part& part, std::string_view needle);

  Selected& selected_;
  WallTime now_;
  bool used_modseq_ = false;
  std::shared_ptr<void> hold_;  // of the mailbox, for kHeldMessages
  std::size_t held_messages_ = 0;
  std::optional<MessageData> data_;  // of the message being looked at
};

}  // namespace mail::imap
