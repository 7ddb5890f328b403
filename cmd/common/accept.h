// What programs that accept connections have in common: the last good configuration serves. When a
// file of it changes, the program executes itself anew, but only if what the files say now can be
// used (DESIGN.md section 2).
#pragma once

#include <string>
#include <vector>

#include "libmail/config/config.h"
#include "libmail/net/listener.h"

namespace mail::cmd {

// `config` is what load(config_paths) gave; its mistakes are logged here. Loads what children would
// otherwise load again and again.
net::AcceptSettings prepare_to_accept(const std::vector<std::string>& config_paths,
                                      const config::Loaded& config, std::vector<std::string> argv);

}  // namespace mail::cmd
