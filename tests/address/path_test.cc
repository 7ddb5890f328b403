#include "libmail/address/path.h"

#include <gtest/gtest.h>

namespace mail::address {
namespace {

struct Case {
  std::string_view text;
  std::string_view wire;  // "" = refused
};

TEST(ReversePath, EveryAlternativeOfTheGrammar) {
  const Case cases[] = {
      {"<>", "<>"},
      {"<ann@example.org>", "<ann@example.org>"},
      {"<Smith@Bar.COM>", "<Smith@Bar.COM>"},
      {"<@hosta.int,@jkl.org:userc@d.bar.org>", "<userc@d.bar.org>"},  // RFC 5321 appendix F.2
      {"<@a:b@c>", "<b@c>"},
      {"<\"Joe\\\\Blow\"@y.z>", "<\"Joe\\\\Blow\"@y.z>"},
      {"<\"ann\"@example.org>", "<ann@example.org>"},  // section 4.1.2: the same local part
      {"<\"a b\"@example.org>", "<\"a b\"@example.org>"},
      {"<\"\"@example.org>", "<\"\"@example.org>"},
      {"<\"a@b\"@example.org>", "<\"a@b\"@example.org>"},
      {"<!#$%&'*+-/=?^_`{|}~@x.y>", "<!#$%&'*+-/=?^_`{|}~@x.y>"},
      {"<a@[192.0.2.1]>", "<a@[192.0.2.1]>"},
      {"<a@[IPv6:2001:db8::1]>", "<a@[IPv6:2001:db8::1]>"},
      {"<a@[ipv6:::ffff:192.0.2.1]>", "<a@[IPv6:::ffff:192.0.2.1]>"},
      {"<a@under_score.example>", "<a@under_score.example>"},
      {"<\xC3\xBCser@ex\xC3\xA4mple.org>", "<\xC3\xBCser@ex\xC3\xA4mple.org>"},
      {"<\"\xE4\xBD\xA0 \xE5\xA5\xBD\"@x.y>", "<\"\xE4\xBD\xA0 \xE5\xA5\xBD\"@x.y>"},
      // Refused.
      {"", ""},
      {"ann@example.org", ""},
      {"<ann@example.org", ""},
      {"< ann@example.org>", ""},
      {"<ann @example.org>", ""},
      {"<ann>", ""},
      {"<postmaster>", ""},
      {"<@example.org>", ""},
      {"<@a:@b>", ""},
      {"<.ann@example.org>", ""},
      {"<ann.@example.org>", ""},
      {"<a..b@example.org>", ""},
      {"<ann@>", ""},
      {"<ann@-example.org>", ""},
      {"<ann@example-.org>", ""},
      {"<ann@example..org>", ""},
      {"<ann@example.org.>", ""},
      {"<ann@exa mple.org>", ""},
      {"<ann@[192.0.2.256]>", ""},
      {"<ann@[192.0.2]>", ""},
      {"<ann@[2001:db8::1]>", ""},
      {"<ann@[IPv6:2001:db8::1::2]>", ""},
      {"<ann@[IPv6:192.0.2.1]>", ""},
      {"<ann@[foo:bar]>", ""},
      {"<ann@[]>", ""},
      {"<\"a\tb\"@x.y>", ""},
      {"<\"a\nb\"@x.y>", ""},
      {"<\"open@x.y>", ""},
      {"<a\xFF@x.y>", ""},
      {"<a@\xC0\x80.y>", ""},
      {std::string_view("<a\0b@x.y>", 9), ""},
  };
  for (const auto& [text, wire] : cases) {
    Cursor in{text};
    const auto path = parse_reverse_path(in);
    EXPECT_EQ(path ? to_string(*path) : "", wire) << text;
    EXPECT_EQ(in.position(), path ? text.size() : 0U) << text;
    if (!path) {
      EXPECT_EQ(to_string(path.error().status), "5.1.3");
    }
  }
}

TEST(ReversePath, LeavesWhatFollows) {
  Cursor in{"<ann@example.org> SIZE=5"};
  ASSERT_TRUE(parse_reverse_path(in));
  EXPECT_EQ(in.rest(), " SIZE=5");
}

TEST(ForwardPath, BarePostmaster) {
  Cursor in{"<PostMaster>"};
  const auto path = parse_forward_path(in);
  ASSERT_TRUE(path);
  EXPECT_TRUE(path->is_bare_postmaster());
  EXPECT_EQ(to_string(*path), "<PostMaster>");
  Cursor with_domain{"<postmaster@example.org>"};
  EXPECT_FALSE(parse_forward_path(with_domain)->is_bare_postmaster());
  for (const std::string_view text : {"<>", "<root>", "<postmasters>", "postmaster"}) {
    Cursor refused{text};
    EXPECT_FALSE(parse_forward_path(refused)) << text;
  }
}

// RFC 5321 section 4.5.3.1: at each limit, and one beyond.
TEST(Path, Limits) {
  const auto accepts = [](const std::string& text, const PathLimits& limits) {
    Cursor in{text};
    const auto path = parse_forward_path(in, limits);
    if (!path) {
      EXPECT_EQ(path.error().code, Errc::TooLarge) << text;
    }
    return path.has_value();
  };
  const auto domain = [](std::size_t size) {
    std::string text;
    while (text.size() + 64 <= size) text += std::string(63, 'd') + '.';
    if (text.size() == size) text.pop_back();
    return text + std::string(size - text.size(), 'e');
  };
  EXPECT_TRUE(accepts("<" + std::string(64, 'a') + "@x>", kRfcPathLimits));
  EXPECT_FALSE(accepts("<" + std::string(65, 'a') + "@x>", kRfcPathLimits));
  EXPECT_TRUE(accepts("<" + std::string(255, 'a') + "@x>", {}));
  EXPECT_FALSE(accepts("<" + std::string(256, 'a') + "@x>", {}));
  EXPECT_TRUE(accepts("<a@" + domain(252) + ">", kRfcPathLimits));  // 256 with the brackets
  EXPECT_FALSE(accepts("<a@" + domain(253) + ">", kRfcPathLimits));
  EXPECT_TRUE(accepts("<a@" + domain(255) + ">", {}));
  EXPECT_FALSE(accepts("<a@" + domain(257) + ">", {}));
  EXPECT_TRUE(accepts("<a@" + std::string(63, 'd') + ".x>", {}));
  EXPECT_FALSE(accepts("<a@" + std::string(64, 'd') + ".x>", {}));
}

TEST(AddrSpec, EqualityMindsCaseInTheLocalPartOnly) {
  EXPECT_EQ((AddrSpec{"Ann", "Example.ORG"}), (AddrSpec{"Ann", "example.org"}));
  EXPECT_FALSE((AddrSpec{"Ann", "example.org"} == AddrSpec{"ann", "example.org"}));
}

TEST(AddrSpec, Predicates) {
  EXPECT_TRUE(needs_smtputf8({"\xC3\xBC", "x"}));
  EXPECT_TRUE(needs_smtputf8({"u", "\xC3\xBC"}));
  EXPECT_FALSE(needs_smtputf8({"u", "x"}));
  EXPECT_EQ(literal_address("[IPv6:::1]"), "::1");
  EXPECT_EQ(literal_address("[192.0.2.1]"), "192.0.2.1");
  EXPECT_EQ(literal_address("example.org"), "");
  EXPECT_TRUE(is_domain("mail.linuxprobe.com"));
  EXPECT_TRUE(is_domain("[192.168.10.10]"));
  EXPECT_FALSE(is_domain("mail.linuxprobe.com "));
  EXPECT_FALSE(is_domain(""));
}

TEST(RecipientArgument, LocalNamesAndAddresses) {
  const struct {
    std::string_view text, local_part, domain;
  } cases[] = {
      {"root", "root", ""},
      {" root ", "root", ""},
      {"mailer-daemon", "mailer-daemon", ""},
      {"boss@linuxprobe.com", "boss", "linuxprobe.com"},
      {"<boss@linuxprobe.com>", "boss", "linuxprobe.com"},
      {"<root>", "root", ""},
      {"The Boss <boss@linuxprobe.com>", "boss", "linuxprobe.com"},
      {"boss@linuxprobe.com (The Boss)", "boss", "linuxprobe.com"},
      {"\"a b\"", "a b", ""},
      {"\"a b\"@x.y", "a b", "x.y"},
      {"ann+list@x.y", "ann+list", "x.y"},
      {"root@[192.168.10.10]", "root", "[192.168.10.10]"},
      {"J\xC3\xBCrgen", "J\xC3\xBCrgen", ""},
  };
  for (const auto& [text, local_part, domain] : cases) {
    const auto read = parse_recipient_argument(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->local_part, local_part) << text;
    EXPECT_EQ(read->domain, domain) << text;
  }
  for (const std::string_view text :
       {"", " ", "<>", "a@b, c@d", "a..b@x.y", "a@b@c..d", "a\nb", "@x.y", "a@", "a b", "\"open",
        "a@-x", "a@x y", "g: a@b, c@d;"}) {
    EXPECT_FALSE(parse_recipient_argument(text)) << text;
  }
}

}  // namespace
}  // namespace mail::address
