// Crash-safe rewriting of an mbox in place, from some octet on (docs/mbox.md). The name of a spool
// file cannot be replaced (its directory is not the user's), and other programs hold it open.
//
// Window by window: 1. its new octets and a hash of each old block go into a side file beside the
// state log, durable. 2. The first time: `window` goes into the log, durable. 3. Into the mbox,
// durable. The next opener after a crash does one window again and closes the hole that is left
// behind it, so that every message is there once, changed already or not yet; what other programs
// have appended meanwhile moves along. Where another program has changed the file otherwise, the
// side files are set aside and nothing is written.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/mbox/window.h"
#include "libmail/store/state_log.h"

namespace mail::store::mbox {

inline constexpr std::uint64_t kWindow = 1ULL << 20U;  // octets
// Intents that nobody asks for again: of appends without a delivery id, and of cuts.
inline constexpr std::string_view kOwnId = "append:";

class Rewriter {
 public:
  // All under the mbox's and the log's exclusive locks.
  Rewriter(const FileDescriptor& mbox, std::string path, StateLog& log,
           std::uint64_t window = kWindow)
      : mbox_(mbox), path_(std::move(path)), log_(log), window_(window) {}

  // `finished` joins the line that says it is done. NoSpace and OverQuota leave the mbox as it was,
  // but for a growing part of the splices where others have already been done.
  Result<void> apply(std::vector<Splice> splices, const Ops& finished);
  // Ends what a crash or an error has interrupted; the log has a `window`.
  Result<void> recover();

 private:
  enum class Direction : std::uint8_t { Left, Right };
  [[nodiscard]] std::string side_path(std::size_t slot) const;
  Result<const FileDescriptor*> side(std::size_t slot);
  Result<void> reserve(const Pass& pass);
  Result<Pass> plan(const std::vector<Splice>& splices, Direction direction);
  Result<void> run(const std::vector<Splice>& splices, Direction direction, const Ops& finished);
  Result<WindowRecord> make_record(const Window& window, const Pass& pass);
  Result<void> begin(const Pass& pass);
  Result<void> perform(const Pass& pass);
  Result<void> cut(const Pass& pass, const Ops& finished);
  Result<void> finish(const Ops& finished, bool durable);
  void clear_side_files();

  // recover.cc
  enum class Finding : std::uint8_t { Foreign, NotBegun, Redo, RedoIsCut };
  Result<std::optional<WindowRecord>> last_record(const Rewrite& rewrite);
  Result<Finding> examine(const Rewrite& rewrite, const WindowRecord& record, std::uint64_t size);
  Result<bool> is_extended(const Rewrite& rewrite, const WindowRecord& record, std::uint64_t size,
                           bool is_begun);
  Result<void> redo(const WindowRecord& record, Finding finding, std::uint64_t size);
  Result<void> close_hole(Range hole);
  Result<void> take_back_extension(const Rewrite& rewrite, std::uint64_t size);
  Result<void> set_aside();

  const FileDescriptor& mbox_;
  std::string path_;
  StateLog& log_;
  std::uint64_t window_;
  std::uint64_t id_ = 0;
  bool is_open_ = false;  // the log has a `window`
  std::array<FileDescriptor, 2> sides_;
  std::size_t slot_ = 0;  // of the next record: they alternate, so that the last one stays
};

}  // namespace mail::store::mbox
