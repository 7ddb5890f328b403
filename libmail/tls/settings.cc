#include "libmail/tls/settings.h"

#include "libmail/base/ascii.h"

namespace mail::tls {
namespace {

constexpr std::size_t kMaxHostName = 255;  // octets, RFC 1035 section 2.3.4

// How much of `name` the pattern says; 0: it does not match. Dovecot's "*.example.org" stands for
// one label, Postfix's ".example.org" for one or more.
std::size_t match(std::string_view pattern, std::string_view name) {
  const bool is_one_label = pattern.starts_with("*.");
  const auto suffix = is_one_label ? pattern.substr(1) : pattern;
  if (!suffix.starts_with('.') || name.size() <= suffix.size()) return 0;
  const auto front = name.substr(0, name.size() - suffix.size());
  if (is_one_label && front.find('.') != std::string_view::npos) return 0;
  return ascii::iequals(name.substr(front.size()), suffix) ? suffix.size() : 0;
}

}  // namespace

std::vector<std::string> watched_files(const Settings& settings) {
  auto files = files_of(settings.certificates);
  files.insert(files.end(), settings.name_files.begin(), settings.name_files.end());
  return files;
}

long find_name(const std::vector<NamedCertificates>& named, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);  // RFC 6066 forbids it, some clients send it
  if (name.empty() || name.size() > kMaxHostName) return -1;
  long best = -1;
  std::size_t length = 0;
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (ascii::iequals(named[i].name, name)) return static_cast<long>(i);
    if (const auto size = match(named[i].name, name); size > length) {
      best = static_cast<long>(i);
      length = size;
    }
  }
  return best;
}

}  // namespace mail::tls
