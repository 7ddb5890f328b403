#include "libmail/reader/message_list.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/reader/headline.h"

namespace mail::reader {
namespace {

class ListParser {
 public:
  ListParser(const Folder& folder, std::size_t current, Among among)
      : folder_(folder), current_(current), among_(among), chosen_(folder.size() + 1) {}

  Result<std::vector<std::size_t>> parse(std::string_view text) {
    for (const auto word : ascii::words(text)) TRY(add_word(word));
    std::vector<std::size_t> numbers;
    for (std::size_t number = 1; number < chosen_.size(); ++number) {
      if (chosen_.at(number)) numbers.push_back(number);
    }
    if (numbers.empty()) return fail(Errc::NotFound, "No applicable messages");
    return numbers;
  }

 private:
  [[nodiscard]] bool applies(std::size_t number) const {
    if (among_ == Among::All) return true;
    return folder_.at(number).deleted == (among_ == Among::Deleted);
  }

  // The nearest message that applies, from `number` on in steps of +1 or -1; 0 if there is none.
  [[nodiscard]] std::size_t nearest(std::size_t number, bool forward) const {
    while (number >= 1 && number <= folder_.size()) {
      if (applies(number)) return number;
      number = forward ? number + 1 : number - 1;
    }
    return 0;
  }

  // One end of a range: a number or a name of a message; 0 with an error.
  Result<std::size_t> end_of_range(std::string_view word) const {
    if (word == ".") {
      if (current_ == 0) return fail(Errc::NotFound, "No applicable messages");
      return current_;
    }
    if (word == "^" || word == "$") {
      const std::size_t number = word == "^" ? nearest(1, true) : nearest(folder_.size(), false);
      if (number == 0) return fail(Errc::NotFound, "No applicable messages");
      return number;
    }
    const auto number = ascii::to_number<std::size_t>(word);
    if (!number || *number < 1 || *number > folder_.size()) {
      return fail(Errc::NotFound, std::string(word) + ": Invalid message number");
    }
    return *number;
  }

  Result<void> add_word(std::string_view word) {
    if (word == "*") {
      return add_where([](const Entry&) { return true; }, "No applicable messages");
    }
    if (word == "+" || word == "-") {
      const std::size_t number = nearest(word == "+" ? current_ + 1 : current_ - 1, word == "+");
      if (number == 0) {
        return fail(Errc::NotFound,
                    word == "+" ? "Referencing beyond EOF" : "Referencing before 1");
      }
      chosen_.at(number) = true;
      return {};
    }
    if (word.starts_with(':')) return add_by_state(word);
    if (word.starts_with('/')) return add_by_text(word.substr(1));
    if (ascii::is_digit(word.front()) || word.front() == '.' || word.front() == '^' ||
        word.front() == '$') {
      return add_range(word);
    }
    return add_where([&](const Entry& entry) { return is_from(entry, word); },
                     "No applicable messages from {" + std::string(word) + "}");
  }

  Result<void> add_range(std::string_view word) {
    const auto dash = word.find('-', 1);
    const std::size_t first = TRY(end_of_range(word.substr(0, dash)));
    if (dash == std::string_view::npos) {
      if (!applies(first)) {
        return fail(Errc::NotFound, std::to_string(first) + ": Inappropriate message");
      }
      chosen_.at(first) = true;
      return {};
    }
    const std::size_t last = TRY(end_of_range(word.substr(dash + 1)));
    for (std::size_t number = first; number <= last; ++number) {
      if (applies(number)) chosen_.at(number) = true;
    }
    return {};
  }

  Result<void> add_by_state(std::string_view word) {
    const char letter = word.size() == 2 ? word.at(1) : '\0';
    const auto by_flag = [&](store::Flag flag) {
      return add_where([flag](const Entry& e) { return e.flags.has(flag); }, nothing_of(word));
    };
    switch (letter) {
      case 'n':
        return add_where([](const Entry& e) { return e.is_new && !e.is_read; }, nothing_of(word));
      case 'o':
        return add_where([](const Entry& e) { return !e.is_new; }, nothing_of(word));
      case 'r':
        return add_where([](const Entry& e) { return e.is_read; }, nothing_of(word));
      case 'u':
        return add_where([](const Entry& e) { return !e.is_read; }, nothing_of(word));
      case 'd':
        return add_where([](const Entry& e) { return e.deleted; }, nothing_of(word));
      case 'f':
        return by_flag(store::Flag::Flagged);
      case 'a':
        return by_flag(store::Flag::Answered);
      case 't':
        return by_flag(store::Flag::Draft);
      default:
        return fail(Errc::Syntax, "Unknown colon-modifier \"" + std::string(word.substr(1)) + "\"");
    }
  }

  static std::string nothing_of(std::string_view word) {
    return "No messages satisfy " + std::string(word);
  }

  Result<void> add_by_text(std::string_view pattern) {
    std::string field = "subject";
    if (const auto colon = pattern.find(':'); colon != std::string_view::npos && colon > 0) {
      if (message::is_field_name(pattern.substr(0, colon))) {
        field = pattern.substr(0, colon);
        pattern.remove_prefix(colon + 1);
      }
    }
    return add_where(
        [&](const Entry& entry) {
          return ascii::ifind(decoded_field(entry.header, field), pattern) != std::string::npos;
        },
        "No applicable messages");
  }

  template <class Predicate>
  Result<void> add_where(Predicate wanted, std::string nothing_found) {
    bool found = false;
    for (std::size_t number = 1; number <= folder_.size(); ++number) {
      if (!applies(number) || !wanted(folder_.at(number))) continue;
      chosen_.at(number) = true;
      found = true;
    }
    if (!found) return fail(Errc::NotFound, std::move(nothing_found));
    return {};
  }

  const Folder& folder_;
  std::size_t current_;
  Among among_;
  std::vector<bool> chosen_;
};

}  // namespace

Result<std::vector<std::size_t>> parse_message_list(std::string_view text, const Folder& folder,
                                                    std::size_t current, Among among) {
  if (folder.size() == 0) return fail(Errc::NotFound, "No applicable messages");
  return ListParser(folder, current, among).parse(text);
}

}  // namespace mail::reader
