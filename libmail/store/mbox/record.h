// Record: the octets that an append puts into an mbox: for each message the From_ line, bookkeeping
// fields, the message with LF line ends and its "From " lines quoted, a last line end if it lacks
// one, and the separating empty line.
//
// It can be made any number of times, a piece at a time; small ones are kept.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/hash.h"
#include "libmail/store/mailbox.h"

namespace mail::store::mbox {

class Record {
 public:
  // A message, out of one of the two.
  struct Part {
    std::string from_line;
    MessageSource* source = nullptr;
    const NewMessage* message = nullptr;
    std::string fields{};  // left out where the message begins as no header does
  };
  explicit Record(std::vector<Part> parts) : parts_(std::move(parts)) {}

  Result<void> measure();  // reads the sources once; the rest needs it
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Where each message begins.
  [[nodiscard]] const std::vector<std::uint64_t>& starts() const { return starts_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t body_hash() const { return body_hash_; }
  // The (first) message brings Status fields and the like of its own.
  [[nodiscard]] bool has_bookkeeping() const { return has_bookkeeping_; }

  Result<void> write(const FileDescriptor& fd, std::uint64_t at);
  // Whether each octet of [at, min(end, at + size())) is this record's or NUL.
  Result<bool> is_prefix_or_nul(const FileDescriptor& fd, std::uint64_t at, std::uint64_t end);

 private:
  Result<void> restart();
  Result<std::string_view> next();  // empty at the end

  Result<void> open_source();

  std::vector<Part> parts_;
  std::size_t part_ = 0;
  std::unique_ptr<MessageSource> opened_;
  MessageSource* source_ = nullptr;  // of parts_.at(part_)
  std::vector<std::uint64_t> starts_;
  std::string small_;  // all of it, if it is small
  bool is_small_ = false;
  std::string piece_;
  bool are_fields_due_ = false;
  enum class Stage : std::uint8_t { Start, Message, End } stage_ = Stage::Start;
  message::ToLf to_lf_;
  message::FromQuoter quoter_;
  bool read_before_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t body_hash_ = 0;
  bool has_bookkeeping_ = false;
};

}  // namespace mail::store::mbox
