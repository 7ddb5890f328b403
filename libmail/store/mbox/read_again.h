// A message that was found before, read once more where it lay: is it still that one?
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/mbox/places.h"
#include "libmail/store/view.h"

namespace mail::store::mbox {

struct Again {
  std::uint64_t fingerprint = 0;
  // Fields of its content that the Wire view leaves out; empty: find them yourself.
  std::vector<Range> bookkeeping;
};

// `octets`: from its From_ line up to the next, if they are in memory; empty: it is read. Nothing:
// its header section or its content ends elsewhere now.
Result<std::optional<Again>> read_again(const FileDescriptor& fd, const Place& place,
                                        std::string_view octets);

}  // namespace mail::store::mbox
