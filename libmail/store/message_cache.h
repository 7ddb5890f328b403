// MessageCache: a disposable file beside the index (docs/index.md) with what a session has worked
// out of messages' octets, for the next one that asks: ENVELOPE, lists of header fields and
// BODYSTRUCTURE come from it without the message being read. Filled by what is asked for.
//
// Bodies never change under a UID, so nothing in it ever has to be altered; it belongs to one
// mailbox id and UIDVALIDITY, and is begun anew under others. Blocks of about 64 KiB, each with
// checksums that bind it to its place in this file, are appended under a lock that nobody waits
// for; readers need none. Not made durable. Whatever is damaged is not there, and no error is
// anybody's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/store/message_table.h"

namespace mail::store {

class MessageCache {
 public:
  // What is kept of a message. A number stays with its meaning; another meaning, another number.
  enum class Kind : std::uint8_t {
    Fields,         // some header fields as they stand in View::Wire (imap/message_data.cc)
    BodyStructure,  // IMAP's BODYSTRUCTURE, as it is sent
  };
  static constexpr std::size_t kKinds = 2;
  static constexpr std::size_t kMaxOctets = 16U << 10U;  // of one; longer ones are not kept

  // Beside the index; empty: nothing is kept, as where there is no index.
  static std::string path_for(const std::string& index_path);

  explicit MessageCache(std::string path) : path_(std::move(path)) {}
  ~MessageCache();  // writes what has been added
  MessageCache(const MessageCache&) = delete;
  MessageCache& operator=(const MessageCache&) = delete;

  // Whose messages it is asked for from here on. `messages` outlives the cache: those that are not
  // there any more are left out when the file is written anew.
  void belong_to(std::string_view mailbox_id, UidValidity uid_validity,
                 const MessageTable& messages);

  // Valid until the next call.
  std::optional<std::string_view> find(Uid uid, Kind kind);
  void add(Uid uid, Kind kind, std::string_view octets);
  void flush();  // to the file

 private:
  struct Record {  // of a block, ascending; their octets follow in the same order
    std::uint32_t uid = 0;
    std::uint32_t kind : 8 = 0;
    std::uint32_t octets : 24 = 0;
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> key() const { return {uid, kind}; }
  };
  struct BlockHeader {
    std::uint32_t octets = 0;  // behind it
    std::uint32_t records = 0;
    std::uint32_t first_uid = 0, last_uid = 0;
    std::uint64_t payload_checksum = 0;
    std::uint64_t checksum = 0;  // of what is before it
  };
  struct Place {  // of a block
    std::uint64_t at = 0;
    BlockHeader header;
  };
  struct Loaded {
    std::uint64_t at = UINT64_MAX;
    std::vector<Record> records;
    std::vector<std::uint32_t> offsets;  // of each record's octets in `payload`
    std::string payload;
  };
  using Pending = std::map<std::pair<std::uint32_t, std::uint32_t>, std::string>;  // Record::key()

  void forget();
  bool open_file(int flags);
  bool read_file_header();
  void read_blocks();
  bool load(const Place& place, Loaded& into) const;
  static std::optional<std::string_view> find_in(const Loaded& loaded, Uid uid, Kind kind);
  bool lock_for_writing();
  static bool put_block(const FileDescriptor& fd, std::uint64_t nonce, std::uint64_t& end,
                        const Pending& records);
  [[nodiscard]] std::size_t count_records() const;
  [[nodiscard]] bool is_worth_writing_anew() const;
  void write_anew();

  std::string path_;
  std::uint64_t owner_ = 0;  // hash of mailbox id and UIDVALIDITY
  const MessageTable* messages_ = nullptr;

  bool has_looked_ = false;
  FileDescriptor fd_;
  std::uint64_t nonce_ = 0;
  std::vector<Place> blocks_;
  bool is_damaged_ = false;
  std::uint64_t end_ = 0;  // of the last whole block
  std::array<Loaded, kKinds> loaded_;
  Pending pending_;
  std::size_t pending_octets_ = 0;
};

}  // namespace mail::store
