#include "libmail/net/network.h"

#include <gtest/gtest.h>

namespace mail::net {
namespace {

TEST(Address, ReadsAndWrites) {
  const struct {
    std::string_view text, canonical;
  } cases[] = {{"192.0.2.1", "192.0.2.1"},
               {"::ffff:192.0.2.1", "192.0.2.1"},  // mapped (RFC 4291 section 2.5.5.2)
               {"[2001:DB8::1]", "2001:db8::1"},
               {"IPv6:2001:db8:0:0::1", "2001:db8::1"},
               {"fe80::1%eth0", "fe80::1"}};
  for (const auto& [text, canonical] : cases) {
    ASSERT_TRUE(Address::parse(text)) << text;
    EXPECT_EQ(Address::parse(text)->to_string(), canonical);
  }
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "300.1.1.1", "::g", "localhost", "[]"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

TEST(Network, Contains) {
  const auto networks =
      parse_networks("192.168.10.0/24, 127.0.0.0/8 [::1]/128\t2001:db8::/33 10.0.0.1").value();
  for (const std::string_view inside : {"192.168.10.30", "::ffff:192.168.10.1", "127.9.9.9", "::1",
                                        "2001:db8:7fff::1", "10.0.0.1"}) {
    EXPECT_TRUE(contains(networks, inside)) << inside;
  }
  for (const std::string_view outside :
       {"192.168.11.30", "128.0.0.1", "::2", "2001:db8:8000::1", "10.0.0.2", "", "rubbish"}) {
    EXPECT_FALSE(contains(networks, outside)) << outside;
  }
  EXPECT_TRUE(Network::parse("0.0.0.0/0")->contains(*Address::parse("1.2.3.4")));
}

TEST(Network, RefusesMistakes) {
  for (const std::string_view text :
       {"192.168.10.1/24", "192.168.10.0/33", "192.168.10.0/", "::/129", "x/8"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

}  // namespace
}  // namespace mail::net
