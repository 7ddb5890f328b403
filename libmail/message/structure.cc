#include "libmail/message/structure.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::message {
namespace {

// A place in the message, with the counts up to it.
struct Mark {
  std::uint64_t offset = 0;
  std::uint64_t bare_line_feeds = 0;
  std::uint64_t lines = 0;
};

Extent between(const Mark& begin, const Mark& end) {
  if (end.offset <= begin.offset) return {begin.offset, 0, 0, 0};
  const std::uint64_t octets = end.offset - begin.offset;
  return {begin.offset, octets, octets + end.bare_line_feeds - begin.bare_line_feeds,
          end.lines - begin.lines};
}

ContentType plain_text() {
  return {"text", "plain", Parameters(std::vector<Parameter>{{"charset", "us-ascii"}})};
}

enum class State : std::uint8_t { Header, Body, Multipart, Epilogue };

struct Frame {
  Part part;
  State state = State::Header;
  bool is_message = false;  // its header section is that of a message
  bool in_digest = false;   // RFC 2046 section 5.1.5: message/rfc822 where no type is given
  Mark header_begin, body_begin;
  std::string boundary;       // of an open multipart
  std::string header_octets;  // held while state is Header
  bool header_cut = false;
};

}  // namespace

class StructureParser::Impl {
 public:
  Impl() { push(true, false); }

  void feed(std::string_view octets) {
    while (!octets.empty()) {
      const std::size_t line_feed = octets.find('\n');
      const bool ends_line = line_feed != std::string_view::npos;
      const std::string_view segment = octets.substr(0, ends_line ? line_feed + 1 : octets.size());
      take(segment, ends_line);
      octets.remove_prefix(segment.size());
    }
  }

  Structure finish() {
    if (!at_line_start_) {
      end_line();
      last_line_end_ = here_;  // there is no line end that could belong to anything
    }
    while (stack_.size() > 1) pop(here_, true);
    close(stack_.back(), here_, true);
    structure_.root = std::move(stack_.back().part);
    return std::move(structure_);
  }

 private:
  void note(StructureDefect defect) {
    auto& defects = structure_.defects;
    if (std::find(defects.begin(), defects.end(), defect) == defects.end())
      defects.push_back(defect);
  }

  void push(bool is_message, bool in_digest) {
    Frame frame;
    frame.is_message = is_message;
    frame.in_digest = in_digest;
    frame.header_begin = here_;
    stack_.push_back(std::move(frame));
    ++parts_;
  }

  // Octets of one line, perhaps not all of it.
  void take(std::string_view segment, bool ends_line) {
    if (at_line_start_) {
      at_line_start_ = false;
      line_begin_ = here_;
      line_.clear();
      // Only lines that can matter are held: those of a header section, and possible boundaries.
      holds_line_ =
          stack_.back().state == State::Header || (segment.front() == '-' && open_multiparts_ > 0);
    }
    const char before = segment.size() > 1 ? segment[segment.size() - 2] : last_octet_;
    here_.offset += segment.size();
    last_octet_ = segment.back();
    if (holds_line_) {
      const std::size_t room = line_.size() < kMaxHeldLine ? kMaxHeldLine - line_.size() : 0;
      line_ += segment.substr(0, room);
      if (segment.size() > room) note_long_line();
    }
    if (!ends_line) return;
    const bool has_cr = before == '\r' && here_.offset - line_begin_.offset > 1;
    const Mark before_line_end{here_.offset - (has_cr ? 2 : 1), here_.bare_line_feeds, here_.lines};
    ++here_.lines;
    if (!has_cr) ++here_.bare_line_feeds;
    end_line();
    last_line_end_ = before_line_end;
  }

  void note_long_line() {
    if (stack_.back().state == State::Header) {
      stack_.back().header_cut = true;
      note(StructureDefect::HeaderCut);
    } else {
      holds_line_ = false;  // too long for a boundary
    }
  }

  void end_line() {
    at_line_start_ = true;
    if (!holds_line_) return;
    if (line_.starts_with("--") && open_multiparts_ > 0 && take_boundary()) return;
    Frame& top = stack_.back();
    if (top.state != State::Header) return;
    if (line_ == "\n" || line_ == "\r\n") return end_header();
    hold_header(top);
  }

  void hold_header(Frame& frame) {
    const std::size_t limit = frame.is_message ? kMaxHeaderSection : kMaxPartHeader;
    const std::size_t room = std::min(limit - std::min(limit, frame.header_octets.size()),
                                      kMaxHeldHeaders - std::min(kMaxHeldHeaders, held_headers_));
    if (frame.header_cut || line_.size() > room) {
      frame.header_cut = true;  // whole lines only, so that no field changes its meaning by the cut
      return note(StructureDefect::HeaderCut);
    }
    frame.header_octets += line_;
    held_headers_ += line_.size();
  }

  // A delimiter of any open multipart, the innermost first: RFC 2046 section 5.1.2 wants those of
  // outer ones recognised inside inner ones.
  bool take_boundary() {
    std::string_view text = line_;
    while (!text.empty() && ascii::is_space(text.back())) text.remove_suffix(1);
    text.remove_prefix(std::min<std::size_t>(text.size(), 2));
    for (std::size_t i = stack_.size(); i-- > 0;) {
      const Frame& frame = stack_[i];
      if (frame.state != State::Multipart || !text.starts_with(frame.boundary)) continue;
      const std::string_view tail = text.substr(frame.boundary.size());
      if (!tail.empty() && tail != "--") continue;
      if (tail.empty() && parts_ >= kMaxParts) {
        note(StructureDefect::TooManyParts);
        return false;
      }
      while (stack_.size() > i + 1) pop(last_line_end_, false);
      if (tail.empty()) {
        push(false, stack_[i].part.content_type.subtype == "digest");
      } else {
        stack_[i].state = State::Epilogue;
        --open_multiparts_;
      }
      return true;
    }
    return false;
  }

  void end_header() {
    Frame& frame = stack_.back();
    frame.body_begin = here_;
    frame.part.header = between(frame.header_begin, here_);
    read_header(frame);
    frame.state = State::Body;
    Part& part = frame.part;
    if (part.is_multipart()) {
      const auto boundary = part.content_type.parameters.find_raw("boundary").value_or("");
      std::string_view trimmed = boundary;
      while (!trimmed.empty() && ascii::is_space(trimmed.back())) trimmed.remove_suffix(1);
      if (trimmed.empty() || trimmed.size() > kMaxBoundary)
        return note(StructureDefect::NoBoundary);
      if (stack_.size() >= kMaxDepth) return note(StructureDefect::TooDeep);
      frame.boundary = trimmed;
      frame.state = State::Multipart;
      ++open_multiparts_;
    } else if (is_message_type(part)) {
      if (stack_.size() >= kMaxDepth) return note(StructureDefect::TooDeep);
      if (parts_ >= kMaxParts) return note(StructureDefect::TooManyParts);
      push(true, false);  // `frame` and `part` may dangle from here
    }
  }

  static bool is_message_type(const Part& part) {
    return part.content_type.is("message", "rfc822") || part.content_type.is("message", "global");
  }

  static void read_header(Frame& frame) {
    HeaderSection fields = HeaderSection::parse(frame.header_octets);
    frame.header_octets.clear();
    frame.header_octets.shrink_to_fit();
    Part& part = frame.part;
    if (const auto body = fields.find("Content-Type"))
      part.content_type = parse_content_type(*body);
    if (part.content_type.type.empty()) {  // RFC 2045 section 5.2
      part.content_type = frame.in_digest ? ContentType{"message", "rfc822", {}} : plain_text();
    }
    part.encoding_name = "7bit";
    if (const auto body = fields.find("Content-Transfer-Encoding")) {
      part.encoding = parse_transfer_encoding(*body);
      const auto name = ascii::words(*body, " \t;(");
      if (!name.empty()) part.encoding_name = ascii::to_lower(name.front());
    }
    if (const auto body = fields.find("Content-Disposition"))
      part.disposition = parse_disposition(*body);
    part.id = fields.find("Content-ID");
    part.description = fields.find("Content-Description");
    part.md5 = fields.find("Content-MD5");
    part.language = fields.find("Content-Language");
    part.location = fields.find("Content-Location");
    if (frame.is_message) part.fields = std::move(fields);
  }

  void pop(const Mark& end, bool at_end_of_message) {
    close(stack_.back(), end, at_end_of_message);
    Part part = std::move(stack_.back().part);
    stack_.pop_back();
    stack_.back().part.children.push_back(std::move(part));
  }

  void close(Frame& frame, const Mark& end, bool at_end_of_message) {
    Part& part = frame.part;
    if (frame.state == State::Header) {
      // A message may consist of a header section only; a part that runs into a boundary may not.
      if (!at_end_of_message || !frame.is_message) note(StructureDefect::HeaderWithoutEnd);
      frame.body_begin = end.offset < frame.header_begin.offset ? frame.header_begin : end;
      part.header = between(frame.header_begin, frame.body_begin);
      read_header(frame);
    }
    if (frame.state == State::Multipart) {
      note(StructureDefect::UnclosedMultipart);
      --open_multiparts_;
    }
    part.body = between(frame.body_begin, end);
    if (part.is_multipart() && part.children.empty()) {
      note(StructureDefect::NoParts);
      part.content_type = plain_text();
    } else if (is_message_type(part) && part.children.empty()) {
      part.content_type = {"application", "octet-stream", {}};
    }
  }

  static constexpr std::size_t kMaxHeldLine = kMaxHeaderSection;

  Structure structure_;
  std::vector<Frame> stack_;
  std::size_t parts_ = 0;
  std::size_t open_multiparts_ = 0;
  std::size_t held_headers_ = 0;
  Mark here_, line_begin_;
  Mark last_line_end_;  // before the line end of the line before this one
  bool at_line_start_ = true;
  bool holds_line_ = false;
  std::string line_;
  char last_octet_ = '\0';
};

StructureParser::StructureParser() : impl_(std::make_unique<Impl>()) {}
StructureParser::~StructureParser() = default;
StructureParser::StructureParser(StructureParser&&) noexcept = default;
StructureParser& StructureParser::operator=(StructureParser&&) noexcept = default;
void StructureParser::feed(std::string_view octets) { impl_->feed(octets); }
Structure StructureParser::finish() { return impl_->finish(); }

Structure parse_structure(std::string_view octets) {
  StructureParser parser;
  parser.feed(octets);
  return parser.finish();
}

const Part* find_part(const Part& root, std::span<const std::uint32_t> numbers) {
  const auto child = [](const Part& part, std::uint32_t number) {
    return number >= 1 && number <= part.children.size() ? &part.children[number - 1] : nullptr;
  };
  const Part* part = &root;
  bool first = true;
  for (const std::uint32_t number : numbers) {
    if (part->is_multipart()) {
      part = child(*part, number);
    } else if (first) {  // "Every message has at least one part number": 1 is the whole body
      part = number == 1 ? part : nullptr;
    } else if (part->holds_message()) {
      const Part& message = part->children.front();
      part = message.is_multipart() ? child(message, number) : number == 1 ? &message : nullptr;
    } else {
      part = nullptr;
    }
    if (part == nullptr) return nullptr;
    first = false;
  }
  return part;
}

}  // namespace mail::message
