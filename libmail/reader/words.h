// Words of a command line: separated by white space, with '...', "..." and \ as in mailx.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mail::reader {

std::vector<std::string> split_words(std::string_view line);

}  // namespace mail::reader
