// Grammar of Postfix's main.cf: logical lines of `name = value`.
#pragma once

#include <string>
#include <string_view>

#include "libmail/config/assignment.h"

namespace mail::config {

// Adds what `text`, the content of `file`, says. A name that only Dovecot knows, or that is a path
// of Dovecot's sections (namespace/inbox/prefix), goes to Dovecot's namespace.
void parse_postfix(std::string_view text, const std::string& file, Reading& into);
// The same after reading the file.
void read_postfix(const std::string& file, Reading& into);

}  // namespace mail::config
