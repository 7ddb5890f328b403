// Any octets give one tree, the same for any division, whose parts lie inside one another.
#include <cstdint>
#include <cstdlib>

#include "libmail/message/envelope.h"
#include "libmail/message/structure.h"

namespace {

using mail::message::Part;

void require(bool claim) {
  if (!claim) std::abort();
}

void check(const Part& part, std::uint64_t begin, std::uint64_t end) {
  require(part.header.offset >= begin && part.header.end() <= end);
  require(part.body.offset == part.header.end() && part.body.end() <= end);
  require(part.body.crlf_octets >= part.body.octets);
  require(!part.is_multipart() || !part.children.empty());
  std::uint64_t at = part.body.offset;
  for (const Part& child : part.children) {
    check(child, at, end);
    at = child.body.end();
  }
  static_cast<void>(mail::message::make_envelope(part.fields));
  static_cast<void>(part.content_type.parameters.find("name"));
}

bool same(const Part& a, const Part& b) {
  if (!(a.header == b.header && a.body == b.body && a.content_type == b.content_type)) return false;
  if (a.children.size() != b.children.size()) return false;
  for (std::size_t i = 0; i < a.children.size(); ++i) {
    if (!same(a.children[i], b.children[i])) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto whole = mail::message::parse_structure(octets);
  check(whole.root, 0, size);
  require(whole.root.body.end() == size);
  mail::message::StructureParser pieces;
  for (std::size_t at = 0; at < size; at += 3) pieces.feed(octets.substr(at, 3));
  require(same(whole.root, pieces.finish().root));
  return 0;
}
