// SocketConversation: the asking side of docs/delivery-records.md over real sockets.
//
// One connection per end point, made when first needed and kept (kMaxKept of them, least recently
// used goes first), so that the child that answered at RCPT is the one that stores. A kept
// connection that turns out dead before Committing is replaced once: without `go` nothing can have
// been stored.
#pragma once

#include <chrono>
#include <functional>
#include <list>

#include "libmail/base/clock.h"
#include "libmail/local/conversation.h"
#include "libmail/local/record.h"

namespace mail::local {

class SocketConversation final : public Conversation {
 public:
  // Makes a connection; errors are "no answer". Usually connect_packet_socket(deliver.sock).
  using Connect = std::function<Result<FileDescriptor>()>;
  struct Limits {
    std::chrono::milliseconds check{10'000};       // for the answer to Check
    std::chrono::milliseconds committing{10'000};  // DESIGN.md section 4.3
    std::chrono::milliseconds ask_again{500};      // pause between two asks after end of file
    // Asks after the first `go`, and `go`s among them, that may end without an answer; then
    // Unresolved. (A command of the recipient's can end deliver's child, and is run each time.)
    unsigned asks = 20, gos = 3;
    std::size_t kept = 8;
  };
  explicit SocketConversation(Connect connect) : SocketConversation(std::move(connect), Limits{}) {}
  SocketConversation(Connect connect, Limits limits)
      : connect_(std::move(connect)), limits_(limits) {}

  Verdict check(const alias::EndPoint& end_point, std::uint64_t size_octets) override;
  Verdict deliver(const Delivery& delivery, const FileDescriptor& message,
                  const std::function<bool()>& still_wanted) override;

 private:
  struct Line {
    alias::EndPoint end_point;
    FileDescriptor socket;
    bool fresh = true;  // no answer came over it yet
  };
  Result<Line> take_line(const alias::EndPoint& end_point);
  void keep(Line line);
  Result<Verdict> ask_check(Line& line, const std::string& request);
  Result<Verdict> receive_verdict(Line& line, MonotonicTime deadline);
  Result<Verdict> receive_outcome(Line& line, const std::function<bool()>& still_wanted);

  // One ask of deliver(): `gos` is counted up once `go` has been sent.
  Result<Verdict> ask_deliver(Line& line, const std::string& request, int message, unsigned& gos,
                              const std::function<bool()>& still_wanted);

  Connect connect_;
  Limits limits_;
  std::list<Line> lines_;  // most recently used first
  std::vector<alias::EndPoint> forwards_;
};

}  // namespace mail::local
