#include "libmail/reader/words.h"

#include "libmail/base/cursor.h"

namespace mail::reader {

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  Cursor in{line};
  for (;;) {
    in.take_while(ascii::is_space);
    if (in.at_end()) return words;
    std::string word;
    char quote = '\0';
    while (!in.at_end() && (quote != '\0' || !ascii::is_space(in.peek()))) {
      const char c = in.next();
      if (c == '\\' && quote != '\'' && !in.at_end()) {
        word += in.next();
      } else if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote && quote != '\0') {
        quote = '\0';
      } else {
        word += c;
      }
    }
    words.push_back(std::move(word));
  }
}

}  // namespace mail::reader
