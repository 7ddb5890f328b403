#include "libmail/base/module.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <vector>

#include "libmail/base/sys.h"

namespace mail::base {
namespace {

std::string directory_of_binary() {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink("/proc/self/exe", target.data(), target.size());
  if (size <= 0) return {};
  const std::string path(target.data(), static_cast<std::size_t>(size));
  return path.substr(0, path.rfind('/'));
}

std::vector<std::string> module_directories() {
  std::vector<std::string> directories;
  // Whoever starts a privileged program must not choose what code it loads.
  if (::geteuid() != 0 && ::getauxval(AT_SECURE) == 0) {
    const char* chosen = std::getenv("TUBEPOST_MODULES");  // NOLINT(concurrency-mt-unsafe)
    if (chosen != nullptr && *chosen == '/') directories.emplace_back(chosen);
  }
  if (const auto own = directory_of_binary(); !own.empty()) {
    directories.push_back(own);
    directories.push_back(own +
                          "/../lib/tubepost");  // installed with another prefix than built for
  }
  directories.emplace_back(TUBEPOST_PREFIX "/lib/tubepost");
  return directories;
}

}  // namespace

Result<void*> open_module(const std::string& name, const char* symbol) {
  for (const auto& directory : module_directories()) {
    std::string path = directory;
    path.append("/").append(name);
    if (!sys::exists(path)) continue;
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* address = library == nullptr ? nullptr : ::dlsym(library, symbol);
    if (address != nullptr) return address;
    const char* why = ::dlerror();
    return fail(Errc::Unavailable, "Not available now",
                path + ": " + (why == nullptr ? "cannot be opened" : why));
  }
  return fail(Errc::Unavailable, "Not available now", name + ": module not found");
}

}  // namespace mail::base
