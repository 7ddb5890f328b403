// The resolver against a name server of our own on loopback.
#include "libmail/dns/cares_resolver.h"

#include <gmock/gmock.h>

#include "tests/dns/fake_server.h"

namespace mail::dns {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kOwner = pointer(kQuestionAt);
const Made kServfail{.rcode = 2};
const Made kNothing{};  // the name exists

std::unique_ptr<Resolver> resolver_at(const std::string& servers, bool ipv4 = true,
                                      bool ipv6 = true) {
  auto opened = open_resolver({servers, 200, 1, ipv4, ipv6});
  EXPECT_TRUE(opened);
  return *std::move(opened);
}

TEST(CaresResolver, FindsMx) {
  FakeServer server({{"example.org 15",
                      {.answers = {mx(kOwner, 20, name("b.example.org")),
                                   mx(kOwner, 10, name("a.example.org"))}}},
                     {"null.example 15", {.answers = {mx(kOwner, 0, name(""))}}},
                     {"alias.example 15",
                      {.answers = {cname(kOwner, name("real.example")),
                                   mx(name("real.example"), 5, name("mx.real.example"))}}},
                     {"none.example 15", kNothing},
                     {"broken.example 15", kServfail},
                     {"damaged.example 15", {.answers = {record(kOwner, Type::Mx, "x")}}}});
  const auto resolver = resolver_at(server.address());
  EXPECT_THAT(*resolver->find_mx("example.org"),
              ElementsAre(Mx{20, "b.example.org"}, Mx{10, "a.example.org"}));
  EXPECT_THAT(*resolver->find_mx("EXAMPLE.org"), testing::SizeIs(2));
  EXPECT_THAT(*resolver->find_mx("null.example"), ElementsAre(Mx{0, ""}));
  EXPECT_THAT(*resolver->find_mx("alias.example"), ElementsAre(Mx{5, "mx.real.example"}));
  EXPECT_THAT(*resolver->find_mx("none.example"), IsEmpty());
  const auto missing = resolver->find_mx("missing.example");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::NotFound);
  EXPECT_EQ(to_string(missing.error().status), "5.4.4");
  for (const char* name : {"broken.example", "damaged.example"}) {
    const auto broken = resolver->find_mx(name);
    ASSERT_FALSE(broken) << name;
    EXPECT_EQ(to_string(broken.error().status), "4.4.3") << name;
  }
}

TEST(CaresResolver, NamesThatAreNone) {
  FakeServer server({});
  const auto resolver = resolver_at(server.address());
  const std::string long_label(64, 'x');
  for (const auto& name : {std::string("a..b"), long_label + ".example"}) {
    const auto found = resolver->find_mx(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, Errc::NotFound) << name;
  }
  EXPECT_EQ(server.asked(), 0);
}

TEST(CaresResolver, FindsAddressesOfBothFamilies) {
  const FakeServer::Answers answers{
      {"mx.example 1", {.answers = {a(kOwner, "192.0.2.1")}}},
      {"mx.example 28", {.answers = {aaaa(kOwner, "2001:db8::1")}}},
      {"four.example 1", {.answers = {a(kOwner, "192.0.2.4")}}},
      {"four.example 28", kNothing},
      {"half.example 1", {.answers = {a(kOwner, "192.0.2.5")}}},
      {"half.example 28", kServfail},
      {"none.example 1", kNothing},
      {"none.example 28", kNothing},
      // What bounced mail before: one family has nothing, the other cannot be told now.
      {"dark.example 1", kServfail},
      {"dark.example 28", kNothing}};
  FakeServer server(answers);
  const auto both = resolver_at(server.address());
  EXPECT_THAT(*both->find_addresses("mx.example"), ElementsAre("2001:db8::1", "192.0.2.1"));
  EXPECT_THAT(*both->find_addresses("four.example"), ElementsAre("192.0.2.4"));
  EXPECT_THAT(*both->find_addresses("half.example"), ElementsAre("192.0.2.5"));
  EXPECT_THAT(*both->find_addresses("none.example"), IsEmpty());
  EXPECT_EQ(both->find_addresses("missing.example").error().code, Errc::NotFound);
  const auto dark = both->find_addresses("dark.example");
  ASSERT_FALSE(dark);
  EXPECT_EQ(to_string(dark.error().status), "4.4.3");

  const auto v4 = resolver_at(server.address(), true, false);
  EXPECT_THAT(*v4->find_addresses("mx.example"), ElementsAre("192.0.2.1"));
  const auto v6 = resolver_at(server.address(), false, true);
  EXPECT_THAT(*v6->find_addresses("mx.example"), ElementsAre("2001:db8::1"));
}

TEST(CaresResolver, TruncatedAnswersAreAskedForByTcp) {
  const Made cut{.flags = 0x8380, .answers = {mx(kOwner, 30, name("last.example"))}};
  const Made whole{
      .answers = {mx(kOwner, 30, name("last.example")), mx(kOwner, 10, name("first.example"))}};
  FakeServer server({{"example.org 15", cut}, {"cut.example 15", cut}},
                    {{"example.org 15", whole}, {"cut.example 15", cut}});
  const auto resolver = resolver_at(server.address());
  EXPECT_THAT(*resolver->find_mx("example.org"),
              ElementsAre(Mx{30, "last.example"}, Mx{10, "first.example"}));
  EXPECT_EQ(server.asked_by_tcp(), 1);
  const auto cut_again = resolver->find_mx("cut.example");
  ASSERT_FALSE(cut_again);
  EXPECT_EQ(to_string(cut_again.error().status), "4.4.3");
}

TEST(CaresResolver, ABrokenServerIsPassedOver) {
  FakeServer broken({{"example.org 15", kServfail}});
  FakeServer good({{"example.org 15", {.answers = {mx(kOwner, 10, name("mx.example.org"))}}}});
  const auto resolver = resolver_at(broken.address() + "," + good.address());
  const auto found = resolver->find_mx("example.org");
  ASSERT_TRUE(found) << found.error().log_text;
  EXPECT_THAT(*found, ElementsAre(Mx{10, "mx.example.org"}));
  EXPECT_GE(broken.asked(), 1);
}

TEST(CaresResolver, NoServerAtAll) {
  std::string address;
  {
    FakeServer server({});
    address = server.address();
  }
  const auto found = resolver_at(address)->find_mx("example.org");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::Unavailable);
  EXPECT_EQ(to_string(found.error().status), "4.4.3");
}

TEST(CaresResolver, SettingsAreChecked) {
  const auto opened = open_resolver({"not an address", 200, 1, true, true});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::Config);
}

}  // namespace
}  // namespace mail::dns
