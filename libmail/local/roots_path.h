// Where root may make a file for a user: only where no user can turn the path to another place.
#pragma once

#include <string>

namespace mail::local {

// Whether each directory above `path`, and each symbolic link among them, is root's, and only the
// last may be written by others (a spool: group mail, or for all with the sticky bit).
bool is_roots_path(const std::string& path);

}  // namespace mail::local
