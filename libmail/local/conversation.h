// Conversation: how smtp-recv and smtp-send have local end points delivered (DESIGN.md section 4).
// The other side is deliver's monitor behind deliver.sock, which starts a child as the recipient.
// docs/delivery-records.md has the records; local/memory_conversation.h is the twin for tests.
//
//   check():   at RCPT. Is there room, is it writable? Cached by the caller for its session.
//   deliver(): after the dot. The child says `committing` when it holds the lock and nothing but
//              storing is left, and stores only after `go`. Before `go` the asker may hang up
//              (10 s, end of file): NotCommitted, and the message may be queued. After it,
//              deliver() waits while the conversation stands and asks again with the same id at end
//              of file, until there is an answer or `still_wanted` says no.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libmail/alias/end_point.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::local {

enum class Answer : std::uint8_t {
  Ok,            // check: can be stored; deliver: stored (or was stored before under this id)
  Unknown,       // 5.1.1
  Full,          // 4.2.2 (5.2.2 where the administrator says so)
  Unwritable,    // 4.2.0: mailbox directory missing, not permitted
  Later,         // 4.2.1 locked or busy; nothing was stored
  Failed,        // permanent: `status` and `text` say why (command's EX_*, file refused)
  Forwarded,     // deliver: `.forward` or :include: leads to `forward_to`; the asker queues those
                 // durably before it answers. `kept_copy`: stored here as well
  NotCommitted,  // deliver: no answer before `go`; may be queued under the same id
  Unresolved,    // deliver: after `go` the outcome could not be learned: 451, never queue
};

struct Verdict {
  Answer answer = Answer::Later;
  EnhancedStatus status;
  std::string text;                         // public
  std::vector<alias::EndPoint> forward_to;  // Remote end points, or local ones of :include:
  bool kept_copy = false;
};

struct Delivery {
  std::string delivery_id;   // queue::delivery_id(): stable over retries
  std::string queue_id;      // for the Received field and log lines
  std::string reverse_path;  // envelope sender, empty: <>
  alias::EndPoint end_point;
  bool from_queue = false;  // may be tried again: the intent is made durable
  std::uint64_t arrived_microseconds =
      0;  // From_ line's and trace fields' time: same on each retry
};

class Conversation {
 public:
  virtual ~Conversation() = default;
  virtual Verdict check(const alias::EndPoint& end_point, std::uint64_t size_octets) = 0;
  // `message`: descriptor whose octets from offset 0 are the message, LF line ends, beginning with
  // our Received field; Return-Path, X-Original-To and Delivered-To are added by deliver.
  virtual Verdict deliver(const Delivery& delivery, const FileDescriptor& message,
                          const std::function<bool()>& still_wanted) = 0;
};

}  // namespace mail::local
