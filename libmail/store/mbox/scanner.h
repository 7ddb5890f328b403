// Reads an mbox as it lies, total over any octets (docs/mbox.md): LF or CRLF, with or without a
// last line end. A message begins at a line that message::parse_from_line() takes; its content ends
// before the one empty line that comes before the next such line or the end. Where the last line
// end is missing it is taken to be there: who appends has to write it. Content-Length is not looked
// at: it is whatever the sender says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/logged_mailbox.h"
#include "libmail/store/view.h"

namespace mail::store::mbox {

// Offsets are octets from the beginning of the file.
struct Found : Item {
  std::uint64_t from = 0;        // of the From_ line
  std::uint64_t content = 0;     // behind it
  std::uint64_t header_end = 0;  // where the header's empty line stands, or would
  std::uint64_t end = 0;         // of the content
  std::uint64_t next = 0;        // behind the separating empty line
  bool lacks_line_end = false;   // the content has one more than there is, behind `end`
  std::uint64_t from_hash = 0;   // of the From_ line
  bool has_bookkeeping = false;  // fields that the Wire view leaves out
  bool is_pseudo = false;        // UW's "FOLDER INTERNAL DATA", not a message
  std::uint32_t file_uid = 0;    // X-UID, whoever wrote it; 0: none
  std::uint64_t body_hash = 0;   // only if asked for
  bool has_id = false;           // ditto: `id` stands in a Received field
};

struct ScanOptions {
  std::vector<Range> holes;  // ascending: octets of unfinished appends, read as if not there
  bool want_body_hash = false;
  std::string id;
};

// X-IMAPbase of the first message, or X-IMAP of the pseudo-message before it: "UIDVALIDITY HIGHEST
// KEYWORD...". X-UIDs up to HIGHEST count: anybody may send such a field.
struct UidBase {
  std::uint32_t uid_validity = 0;  // 0: none
  std::uint32_t uid_last = 0;
  std::uint64_t uid_last_at = 0;  // where its ten digits stand; 0: written in another way
  std::vector<std::string> keywords;
  std::optional<Found> pseudo;
};

struct Scan {
  std::vector<Found> messages;
  UidBase base;
};

Result<Scan> scan(const FileDescriptor& fd, std::uint64_t begin, std::uint64_t end,
                  const ScanOptions& options);

bool is_empty_line(std::string_view line);
std::string_view without_line_end(std::string_view line);
// mutt rewrites Lines along with Content-Length: not a part of what a message is known by.
bool is_lines_field(std::string_view name);

}  // namespace mail::store::mbox
