// Where each message of an mbox lies, by UID; in memory, or in the index until it has to change.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/index.h"
#include "libmail/store/mbox/scanner.h"
#include "libmail/store/types.h"

namespace mail::store::mbox {

// Offsets are octets from the beginning of the file. Lies in the index as it is in memory.
struct Place {
  std::uint64_t from = 0;        // of the From_ line
  std::uint64_t header_end = 0;  // where the header's empty line stands, or would
  std::uint64_t end = 0;         // of the content
  std::uint64_t from_hash = 0;   // of the From_ line
  Uid uid;
  std::uint32_t line_octets : 24 = 0;    // of the From_ line
  std::uint32_t gap : 5 = 0;             // octets of the separating empty line
  std::uint32_t lacks_line_end : 1 = 0;  // Found
  std::uint32_t is_told : 1 = 0;         // X-UID is its UID
  std::uint32_t has_bookkeeping : 1 = 0;

  [[nodiscard]] std::uint64_t content() const { return from + line_octets; }
  [[nodiscard]] std::uint64_t next() const { return end + gap; }
  bool operator==(const Place&) const = default;
};
static_assert(sizeof(Place) == 40);

Place place_of(const Found& found);

class Places {
 public:
  void clear() { *this = {}; }
  void assign(std::vector<Place> places);  // in any order
  // Stays there; read as it is asked for.
  void assign(std::shared_ptr<const Index> index, const Section& section);
  // They came from an index, and nothing is otherwise since.
  [[nodiscard]] bool is_as_in_index() const { return is_as_in_index_; }

  [[nodiscard]] std::size_t size() const { return in_index_ + own_.size(); }
  [[nodiscard]] Uid last_uid() const { return last_uid_; }  // the highest
  // Corrupt: the index is damaged. `rank`: how many are likely to come before it.
  [[nodiscard]] Result<std::optional<Place>> find(Uid uid, std::size_t rank) const;
  // Of messages whose From_ lines begin there, ascending as their UIDs do; NotFound.
  [[nodiscard]] Result<std::vector<Uid>> uids_at(const std::vector<std::uint64_t>& from) const;

  void append(const Place& place);    // its UID is above all, or the last one
  [[nodiscard]] Result<void> load();  // into memory, wholly
  // After load().
  [[nodiscard]] const std::vector<Place>& all() const { return own_; }

 private:
  [[nodiscard]] Result<Place> at(std::size_t index) const;

  std::shared_ptr<const Index> index_;
  Section section_;
  std::size_t in_index_ = 0;  // so many of the index's are the first
  bool is_as_in_index_ = false;
  std::vector<Place> own_;  // ascending UID
  Uid last_uid_;
};

}  // namespace mail::store::mbox
