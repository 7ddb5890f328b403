// One `name = value` as a file has it, before expansion and type check; what both grammars yield.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libmail/config/mistake.h"
#include "libmail/config/parameter.h"

namespace mail::config {

enum class Grammar : std::uint8_t { Postfix, Dovecot };

struct Assignment {
  Space space = Space::Postfix;
  Grammar grammar = Grammar::Postfix;  // Postfix: the value may refer to $name
  std::string name;                    // Dovecot's sections as a path
  std::string value;
  Origin origin;
};

// What reading a file and everything it includes gave.
struct Reading {
  std::vector<Assignment> assignments;  // in the order of the files
  Mistakes mistakes;
  Mistakes warnings;
  std::vector<std::string> files;  // every file opened: an accepting parent watches them
  // Items of "/file"s that are known already and not read again.
  std::map<std::string, std::vector<std::string>> file_items;
};

}  // namespace mail::config
