// From a recipient's domain to the hosts that are tried.
#include "libmail/relay/next_hop.h"

#include <gtest/gtest.h>

#include <set>

#include "libmail/base/log.h"
#include "libmail/dns/memory_resolver.h"

namespace mail::relay {
namespace {

// Names that fail for the moment, beside those of MemoryResolver.
class Dns final : public dns::Resolver {
 public:
  dns::MemoryResolver known;
  std::set<std::string> unknown_now;

  Result<std::vector<dns::Mx>> find_mx(std::string_view domain) override {
    if (fails(domain)) return fail(Errc::Unavailable, EnhancedStatus{4, 4, 3}, "SERVFAIL");
    return known.find_mx(domain);
  }
  Result<std::vector<std::string>> find_addresses(std::string_view host) override {
    if (fails(host)) return fail(Errc::Unavailable, EnhancedStatus{4, 4, 3}, "SERVFAIL");
    return known.find_addresses(host);
  }

 private:
  [[nodiscard]] bool fails(std::string_view name) const {
    return unknown_now.count(std::string(name)) != 0;
  }
};

class NextHop : public testing::Test {
 protected:
  NextHop() {
    log::open("smtp-send", log::Sink::Discard);
    settings.myhostname = "mail.linuxprobe.com";
    auto& mx = dns.known.mx;
    auto& addresses = dns.known.addresses;
    mx["example.org"] = {{20, "b.example.org"}, {10, "a.example.org"}, {30, "c.example.org"}};
    addresses["a.example.org"] = {"2001:db8::a", "192.0.2.10"};
    addresses["b.example.org"] = {"192.0.2.20"};
    addresses["c.example.org"] = {"192.0.2.30"};
    addresses["plain.example"] = {"192.0.2.40"};
    mx["null.example"] = {{0, ""}};
    mx["null-and-more.example"] = {{0, ""}, {10, "b.example.org"}};
    mx["ours.example"] = {{10, "Mail.LinuxProbe.com"}};
    mx["backup.example"] = {{10, "a.example.org"},
                            {20, "mail.linuxprobe.com"},
                            {20, "b.example.org"},
                            {30, "c.example.org"}};
    mx["no-address.example"] = {{10, "nowhere.example"}, {20, "empty.example"}};
    addresses["empty.example"] = {};
    mx["half.example"] = {{10, "nowhere.example"}, {20, "b.example.org"}};
    mx["dark.example"] = {{10, "dark-mx.example"}, {20, "nowhere.example"}};
    dns.unknown_now = {"dark-mx.example", "servfail.example", "dark-host.example"};
    mx["literal.example"] = {{10, "192.0.2.99"}};
    addresses["mail.linuxprobe.com"] = {"192.168.10.10"};
    addresses["local"] = {"192.0.2.50"};
  }

  // "host[address]:port ..." or "STATUS".
  std::string find(const std::string& destination) {
    const auto hosts =
        find_hosts(destination, settings, dns, [](std::size_t) { return std::size_t{0}; });
    if (!hosts) return to_string(hosts.error().status);
    std::string out;
    for (const auto& host : *hosts) {
      out += (out.empty() ? "" : " ") + host.name + '[' + host.address +
             "]:" + std::to_string(host.port);
    }
    return out;
  }

  Dns dns;
  Settings settings;
};

TEST_F(NextHop, DestinationIsTheDomainOrTheRelayHost) {
  EXPECT_EQ(destination_of(settings, "ann@Example.ORG"), "example.org");
  EXPECT_EQ(destination_of(settings, "\"a@b\"@example.org"), "example.org");
  EXPECT_EQ(destination_of(settings, "ann@[192.0.2.1]"), "[192.0.2.1]");
  // A domain "local" is not our own mailboxes (kLocalDestination).
  EXPECT_EQ(destination_of(settings, "ann@local"), "local.");
  settings.relayhost = "[smarthost.example]:587";
  EXPECT_EQ(destination_of(settings, "ann@example.org"), "[smarthost.example]:587");
  settings.relayhost = "local";
  EXPECT_EQ(destination_of(settings, "ann@example.org"), "local.");
}

TEST_F(NextHop, MxByPreferenceThenEachAddress) {
  EXPECT_EQ(
      find("example.org"),
      "a.example.org[2001:db8::a]:25 a.example.org[192.0.2.10]:25 b.example.org[192.0.2.20]:25 "
      "c.example.org[192.0.2.30]:25");
  EXPECT_EQ(find("EXAMPLE.org"), find("example.org"));
  EXPECT_EQ(find("example.org:2525").substr(0, 32), "a.example.org[2001:db8::a]:2525 ");
}

TEST_F(NextHop, EqualPreferencesAreShuffled) {
  dns.known.mx["equal.example"] = {
      {10, "a.example.org"}, {10, "b.example.org"}, {10, "c.example.org"}, {5, "plain.example"}};
  std::set<std::string> firsts;
  for (std::size_t seed = 0; seed < 24; ++seed) {
    std::size_t left = seed;
    const auto hosts = find_hosts("equal.example", settings, dns, [&](std::size_t below) {
      const std::size_t chosen = left % below;
      left /= below;
      return chosen;
    });
    ASSERT_TRUE(hosts);
    ASSERT_EQ(hosts->size(), 5U);  // a has two addresses
    EXPECT_EQ(hosts->front().name, "plain.example") << "the best stays first";
    firsts.insert(hosts->at(1).name);
  }
  EXPECT_EQ(firsts, (std::set<std::string>{"a.example.org", "b.example.org", "c.example.org"}));
}

// RFC 5321 section 5.1: without MX, the domain's own address is an implicit MX.
TEST_F(NextHop, WithoutMxTheAddress) {
  EXPECT_EQ(find("plain.example"), "plain.example[192.0.2.40]:25");
  EXPECT_EQ(find("empty.example"), "5.4.4");
}

TEST_F(NextHop, NullMx) {
  EXPECT_EQ(find("null.example"), "5.1.10");
  dns.known.mx["null.example"] = {{0, "."}};
  EXPECT_EQ(find("null.example"), "5.1.10");
  // RFC 7505 section 3: a null MX beside others is a mistake, not a refusal.
  EXPECT_EQ(find("null-and-more.example"), "b.example.org[192.0.2.20]:25");
}

TEST_F(NextHop, NamesThatDoNotExist) {
  EXPECT_EQ(find("missing.example"), "5.1.2");
  EXPECT_EQ(find("[missing.example]"), "5.1.2");
  EXPECT_EQ(find("[empty.example]"), "5.4.4");
}

// DNS that does not answer never bounces mail.
TEST_F(NextHop, DnsFailureIsTemporary) {
  EXPECT_EQ(find("servfail.example"), "4.4.3");
  EXPECT_EQ(find("[dark-host.example]"), "4.4.3");
  EXPECT_EQ(find("dark.example"), "4.4.3");
  dns.known.is_down = true;
  EXPECT_EQ(find("example.org"), "4.4.3");
}

TEST_F(NextHop, MxWithoutAddress) {
  EXPECT_EQ(find("half.example"), "b.example.org[192.0.2.20]:25");
  EXPECT_EQ(find("no-address.example"), "5.4.4");
}

TEST_F(NextHop, NeverToOurselvesNorBehind) {
  EXPECT_EQ(find("backup.example"), "a.example.org[2001:db8::a]:25 a.example.org[192.0.2.10]:25");
  EXPECT_EQ(find("ours.example"), "5.4.6");
  EXPECT_EQ(find("mail.linuxprobe.com"), "5.4.6");  // the implicit MX
}

TEST_F(NextHop, BracketsMeanThatHost) {
  EXPECT_EQ(find("[a.example.org]"), "a.example.org[2001:db8::a]:25 a.example.org[192.0.2.10]:25");
  EXPECT_EQ(find("[a.example.org]:587").substr(0, 31), "a.example.org[2001:db8::a]:587 ");
  EXPECT_EQ(find("[example.org]"), "5.4.4");  // has MX, no address
}

TEST_F(NextHop, AddressLiterals) {
  EXPECT_EQ(find("[192.0.2.1]"), "192.0.2.1[192.0.2.1]:25");
  EXPECT_EQ(find("[192.0.2.1]:2525"), "192.0.2.1[192.0.2.1]:2525");
  EXPECT_EQ(find("192.0.2.1"), "192.0.2.1[192.0.2.1]:25");
  // RFC 5321 section 4.1.3; destination_of() makes it lower case.
  EXPECT_EQ(find("[IPv6:2001:db8::1]"), "2001:db8::1[2001:db8::1]:25");
  EXPECT_EQ(find(destination_of(settings, "ann@[IPv6:2001:DB8::1]")),
            "2001:db8::1[2001:db8::1]:25");
  EXPECT_EQ(find("[2001:db8::1]:26"), "2001:db8::1[2001:db8::1]:26");
  EXPECT_EQ(find("literal.example"), "192.0.2.99[192.0.2.99]:25");
}

TEST_F(NextHop, Ports) {
  settings.port = 2525;
  EXPECT_EQ(find("[192.0.2.1]"), "192.0.2.1[192.0.2.1]:2525");
  EXPECT_EQ(find("[192.0.2.1]:smtp"), "192.0.2.1[192.0.2.1]:25");
  EXPECT_EQ(find("[192.0.2.1]:submission"), "192.0.2.1[192.0.2.1]:587");
  EXPECT_EQ(find("plain.example:26"), "plain.example[192.0.2.40]:26");
}

TEST_F(NextHop, WhatIsNoDestination) {
  for (const char* text :
       {"", "[]", "[a.example.org", "[a.example.org]x", "[a.example.org]25",
        "plain.example:", "plain.example:x", "plain.example:65536", "plain.example:-1", ":25"}) {
    EXPECT_EQ(find(text), "4.3.5") << text;
  }
}

// A mistake in relayhost must not bounce everybody's mail.
TEST_F(NextHop, MistakesInRelayHostAreTemporary) {
  for (const char* text : {"missing.example", "[missing.example]:587", "null.example",
                           "ours.example", "[empty.example]"}) {
    settings.relayhost = text;
    EXPECT_EQ(find(text), "4.3.5") << text;
  }
  settings.relayhost = "[dark-host.example]";
  EXPECT_EQ(find("[dark-host.example]"), "4.4.3");
}

TEST_F(NextHop, LocalIsADomainToo) {
  dns.known.addresses["local."] = {"192.0.2.50"};
  EXPECT_EQ(find(destination_of(settings, "ann@local")), "local.[192.0.2.50]:25");
}

}  // namespace
}  // namespace mail::relay
