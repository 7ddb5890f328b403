// MemoryResolver: the twin for tests. Names that were not added do not exist.
#pragma once

#include <map>

#include "libmail/base/ascii.h"
#include "libmail/dns/resolver.h"

namespace mail::dns {

class MemoryResolver final : public Resolver {
 public:
  std::map<std::string, std::vector<Mx>, ascii::ILess> mx;
  std::map<std::string, std::vector<std::string>, ascii::ILess> addresses;
  bool is_down = false;

  Result<std::vector<Mx>> find_mx(std::string_view domain) override { return find(mx, domain); }
  Result<std::vector<std::string>> find_addresses(std::string_view host) override {
    return find(addresses, host);
  }

 private:
  template <class Map>
  Result<typename Map::mapped_type> find(const Map& map, std::string_view name) {
    if (is_down) return fail(Errc::Unavailable, EnhancedStatus{4, 4, 3}, "DNS does not answer");
    if (const auto found = map.find(name); found != map.end()) return found->second;
    if (mx.find(name) != mx.end() || addresses.find(name) != addresses.end()) {
      return typename Map::mapped_type{};
    }
    return fail(Errc::NotFound, EnhancedStatus{5, 4, 4}, "Host or domain name not found");
  }
};

}  // namespace mail::dns
