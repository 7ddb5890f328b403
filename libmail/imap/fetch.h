// FetchJob: the responses of one FETCH, produced piece by piece as the client takes them. Bodies
// flow through 64 KiB at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmail/imap/command.h"
#include "libmail/imap/message_data.h"
#include "libmail/imap/selected.h"

namespace mail::imap {

class FetchJob {
 public:
  static constexpr std::size_t kEnough = 56U << 10U;  // octets of output at which a step ends

  FetchJob(Selected& selected, Fetch fetch, std::vector<std::size_t> positions, bool condstore);

  // Appends output up to kEnough and a piece; true when all is said. After an error in the middle
  // of a literal (is_broken()) the connection cannot go on.
  Result<bool> step(std::string& out);
  // No step any more: what was marked \Seen and has not been given is unseen again.
  void stop();
  [[nodiscard]] bool is_broken() const { return broken_; }
  // Why some message was left out: NotFound, expunged by another meanwhile (RFC 2180 section
  // 4.1.3), or it cannot be read.
  [[nodiscard]] const std::optional<Error>& missed() const { return missed_; }

 private:
  Result<bool> fill(std::string& out);
  Result<void> mark_seen();
  void unmark();
  Result<void> begin_message(std::string& out);
  Result<void> put_items(std::string& out);
  Result<void> put_item(std::string& out, const FetchItem& item);
  Result<void> put_section_text(std::string& out, const FetchItem& item);
  Result<void> put_stream(std::string& out);
  void end_message(std::string& out);
  void skip_message(Error why);
  [[nodiscard]] const store::MessageInfo& message() const {
    return selected_.message(positions_[at_]);
  }
  [[nodiscard]] const Marks& marks() const { return selected_.marks(positions_[at_]); }

  Selected& selected_;
  Fetch fetch_;
  std::vector<std::size_t> positions_;
  bool condstore_;
  bool sets_seen_ = false;
  bool needs_data_ = false;
  bool needs_measure_ = false;
  bool wants_flags_ = false;

  std::size_t at_ = 0;                      // in positions_
  std::size_t seen_upto_ = 0;               // positions before it are marked
  std::vector<store::MessageInfo> marked_;  // by us, not given yet
  bool in_message_ = false;
  std::size_t next_item_ = 0;
  std::shared_ptr<void> hold_;  // of the mailbox, during a step
  std::optional<MessageData> data_;
  store::Measure measure_;
  std::uint64_t stream_at_ = 0;
  std::uint64_t stream_left_ = 0;
  bool broken_ = false;
  std::optional<Error> missed_;
};

}  // namespace mail::imap
