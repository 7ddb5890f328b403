// What the types of parameters (parameter.h) do not say about POP3's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/config/config.h"

namespace mail::config {

// `name`: without `protocol/NAME/`; nothing for other parameters and right values.
std::optional<std::string> mistake_of_pop3(std::string_view name, std::string_view value,
                                           const Reader& settings);

}  // namespace mail::config
