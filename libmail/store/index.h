// Index: the disposable file that makes a known mailbox open fast (docs/index.md): what replaying
// the state log gave up to some octet of it, and what the format knows of its files.
//
// A stream of octets in pages of 4 KiB, each with a checksum that binds it to its place in this one
// file. Written whole beside the old one and renamed, never altered, so readers and writers need no
// lock; not made durable. Whatever is wrong with it, the reader says Corrupt and does without.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::store {

// Octets [at, at + octets) of the stream.
struct Section {
  std::uint64_t at = 0;
  std::uint64_t octets = 0;
};

// Which octets of which state log the index has in it.
struct LogPosition {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::uint64_t tail_hash = 0;  // of the octets before it
};

// How many of the messages are what.
struct Counts {
  std::uint64_t messages = 0;
  std::uint64_t pending = 0;  // changed, and not in the format's own place yet
  std::uint64_t recent = 0;
  std::uint64_t unseen = 0;
  std::uint64_t unmeasured = 0;
  std::uint64_t octets = 0;  // of the measured ones
  bool operator==(const Counts&) const = default;
};

// The stream begins with it.
struct IndexHeader {
  std::array<char, 16> magic{};
  std::uint64_t nonce = 0;   // of this file
  std::uint64_t octets = 0;  // of the stream
  LogPosition log;
  Section text, keywords, messages, doomed, vanished, names;
  Counts counts;                   // of `messages`
  std::uint64_t first_unseen = 0;  // its number in `messages`, from 0; behind all: there is none
  Section format;                  // the mailbox implementation's own
};

class Index {
 public:
  // Null: none, or one that is of no use.
  static std::shared_ptr<const Index> open(const std::string& path);

  [[nodiscard]] const IndexHeader& header() const { return header_; }
  // Exactly into.size() octets from `at`; Corrupt.
  Result<void> read(std::uint64_t at, std::span<char> into) const;
  Result<std::string> read(const Section& section) const;
  [[nodiscard]] static tl::unexpected<Error> corrupt();

  // All of a section as records of T.
  template <class T>
  Result<std::vector<T>> read_all(const Section& section) const {
    if (section.octets % sizeof(T) != 0 || !is_inside(section)) return corrupt();
    std::vector<T> records(static_cast<std::size_t>(section.octets / sizeof(T)));
    TRY(read(section.at, as_octets(std::span(records))));
    return records;
  }

  template <class T, std::size_t N>
  static std::span<char> as_octets(std::span<T, N> records) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): records lie there as in memory
    return {reinterpret_cast<char*>(records.data()), records.size_bytes()};
  }

 private:
  explicit Index(FileDescriptor fd) : fd_(std::move(fd)) {}
  [[nodiscard]] bool is_inside(const Section& section) const {
    return section.at <= header_.octets && section.octets <= header_.octets - section.at;
  }
  Result<void> load_page(std::uint64_t number) const;

  FileDescriptor fd_;
  IndexHeader header_;
  mutable std::string page_;  // the one read last
  mutable std::uint64_t page_number_ = UINT64_MAX;
};

class IndexWriter {
 public:
  // A temporary file beside `path`; errors are told by finish().
  explicit IndexWriter(std::string path);
  ~IndexWriter();
  IndexWriter(const IndexWriter&) = delete;
  IndexWriter& operator=(const IndexWriter&) = delete;

  void put(std::string_view octets);
  template <class T>
  void put_record(const T& record) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): records lie there as in memory
    put({reinterpret_cast<const char*>(&record), sizeof(T)});
  }
  // From the last end_section(), or the header, to here.
  Section end_section();
  // In `path`'s place, or nothing has changed.
  Result<void> finish(IndexHeader header);

 private:
  void flush(bool last);

  std::string path_;
  std::string temporary_;
  FileDescriptor fd_;
  Result<void> state_;
  std::uint64_t nonce_;
  std::string first_;    // payload of page 0, which is written last
  std::string pending_;  // payload not yet written
  std::uint64_t pages_ = 0;
  std::uint64_t octets_ = 0;
  std::uint64_t section_begin_ = 0;
};

}  // namespace mail::store
