// Crash-safe rewriting of an mbox in place, from some octet on (docs/mbox.md). The name of a spool
// file cannot be replaced (its directory is not the user's), and other programs hold it open.
//
// 1. The new octets and a hash of each old block go into a side file, durable. 2. `rewrite` goes
// into the state log, durable. 3. Into the mbox, durable. 4. `rewritten`; the side file goes. A
// crash in between is redone by the next opener, if each block is the old or the new one; what
// other programs have appended meanwhile moves along. Otherwise the side file is set aside and
// nothing written.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/state_log.h"

namespace mail::store::mbox {

// Octets [begin, end) become `with`. Ascending, not overlapping.
struct Splice {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string with;
};

class Rewriter {
 public:
  // All under the mbox's and the log's exclusive locks.
  Rewriter(const FileDescriptor& mbox, std::string path, StateLog& log)
      : mbox_(mbox), path_(std::move(path)), log_(log) {}

  // `finished` joins the line that says it is done. NoSpace and OverQuota leave the mbox as it was.
  Result<void> apply(const std::vector<Splice>& splices, const Ops& finished);
  // Ends what a crash has interrupted; the log has a `rewrite`.
  Result<void> recover();

 private:
  struct Piece {  // of the new octets
    const FileDescriptor* from = nullptr;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string literal;
  };
  [[nodiscard]] std::string side_path(const Rewrite& rewrite) const;
  Result<Rewrite> make_side_file(std::uint64_t begin, std::uint64_t old_end,
                                 const std::vector<Piece>& pieces);
  Result<void> perform(const Rewrite& rewrite, const Ops& finished);
  Result<void> copy(const FileDescriptor& side, const Rewrite& rewrite, std::uint64_t begin,
                    std::uint64_t end);
  Result<void> finish(const Rewrite& rewrite, const Ops& finished);
  Result<bool> is_whole(const FileDescriptor& side, const Rewrite& rewrite);
  enum class Finding : std::uint8_t { Finished, Redo, Foreign };
  Result<Finding> examine(const FileDescriptor& side, const Rewrite& rewrite, std::uint64_t size,
                          std::uint64_t& tail);
  Result<void> set_aside(const Rewrite& rewrite);

  const FileDescriptor& mbox_;
  std::string path_;
  StateLog& log_;
};

}  // namespace mail::store::mbox
