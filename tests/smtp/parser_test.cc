#include <gtest/gtest.h>

#include "libmail/smtp/command.h"

namespace mail::smtp {
namespace {

Result<Command> parse(std::string_view line) {
  const auto [verb, arguments] = split_command(line, smtp_verbs());
  if (verb == nullptr) return fail(Errc::NotFound, "no such verb");
  return verb->parse(arguments);
}

// The examples of RFC 5321 and of its extensions: line, reverse-path, what the parameters say.
TEST(Parser, Mail) {
  const struct {
    const char* line;
    const char* path;
    std::optional<std::uint64_t> size;
    bool body_8bit;
    bool smtputf8;
  } cases[] = {
      {"MAIL FROM:<Smith@bar.com>", "Smith@bar.com", {}, false, false},
      {"mail from:<Smith@bar.com>", "Smith@bar.com", {}, false, false},
      {"MAIL FROM: <Smith@bar.com>", "Smith@bar.com", {}, false, false},
      {"MAIL FROM:<>", "", {}, false, false},
      {"MAIL FROM:<ned@innosoft.com> SIZE=500000", "ned@innosoft.com", 500000, false, false},
      {"MAIL FROM:<ned@ymir.claremont.edu> BODY=8BITMIME",
       "ned@ymir.claremont.edu",
       {},
       true,
       false},
      {"MAIL FROM:<a@b.example> body=7bit size=0", "a@b.example", 0, false, false},
      {"MAIL FROM:<\"Joe.\\\\Blow\"@b.example>", "\"Joe.\\\\Blow\"@b.example", {}, false, false},
      {"MAIL FROM:<@hosta.int,@jkl.org:userc@d.bar.org>", "userc@d.bar.org", {}, false, false},
      {"MAIL FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]", {}, false, false},
      {"MAIL FROM:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", {}, false, false},
      {"MAIL FROM:<\xc3\xbc@b.example> SMTPUTF8", "\xc3\xbc@b.example", {}, false, true},
      {"MAIL FROM:<e@b.example> AUTH=e+3Dmc2@example.com", "e@b.example", {}, false, false},
  };
  for (const auto& c : cases) {
    const auto command = parse(c.line);
    ASSERT_TRUE(command) << c.line << ": " << command.error().public_text;
    const auto& mail = std::get<Mail>(*command);
    EXPECT_EQ(address::to_plain_string(mail.reverse_path), c.path) << c.line;
    EXPECT_EQ(mail.size, c.size) << c.line;
    EXPECT_EQ(mail.body_8bit, c.body_8bit) << c.line;
    EXPECT_EQ(mail.smtputf8, c.smtputf8) << c.line;
  }
}

TEST(Parser, AuthParameterIsXtext) {
  const auto command = parse("MAIL FROM:<e@b.example> AUTH=e+3Dmc2@example.com");  // RFC 4954
  ASSERT_TRUE(command);
  EXPECT_EQ(std::get<Mail>(*command).auth, "e=mc2@example.com");
}

TEST(Parser, RefusesWhatIsNoCommand) {
  for (const char* line : {
           "MAIL",
           "MAIL FROM",
           "MAIL TO:<a@b>",
           "MAIL FROM:",
           "MAIL FROM:a@b.example",
           "MAIL FROM:<a@b",
           "MAIL FROM:<a@b>x",
           "MAIL FROM:<a@b> SIZE=",
           "MAIL FROM:<a@b> SIZE=-1",
           "MAIL FROM:<a@b> SIZE=99999999999999999999",
           "MAIL FROM:<a@b> SIZE=1x",
           "MAIL FROM:<a@b> BODY=BINARYMIME",
           "MAIL FROM:<a@b> FUTURE=1",
           "MAIL FROM:<a@b> AUTH=+zz",
           "MAIL FROM:<\xc3\xbc@b.example>",
           "RCPT",
           "RCPT TO:",
           "RCPT TO:<>",
           "RCPT TO:a@b",
           "RCPT TO:<a@b",
           "RCPT TO:<a@b> NOTIFY=NEVER",
           "RCPT FROM:<a@b>",
           "DATA now",
           "HELO",
           "EHLO",
           "EHLO a b",
           "EHLO <a>",
           "AUTH",
           "AUTH PLAIN a b",
           "VRFY",
           "STARTTLS now",
           "RSET now",
       }) {
    EXPECT_FALSE(parse(line)) << line;
  }
}

TEST(Parser, Rcpt) {
  const struct {
    const char* line;
    const char* original;
    bool bare_postmaster;
  } cases[] = {
      {"RCPT TO:<Jones@foo.com>", "Jones@foo.com", false},
      {"rcpt to:<Jones@foo.com>", "Jones@foo.com", false},
      {"RCPT TO:<@hosta.int,@jkl.org:userc@d.bar.org>", "userc@d.bar.org", false},
      {"RCPT TO:<Postmaster>", "Postmaster", true},
      {"RCPT TO:<root>", "root", true},
      {"RCPT TO:<boss@[192.168.10.10]>", "boss@[192.168.10.10]", false},
  };
  for (const auto& c : cases) {
    const auto command = parse(c.line);
    ASSERT_TRUE(command) << c.line;
    EXPECT_EQ(std::get<Rcpt>(*command).original, c.original);
    EXPECT_EQ(std::get<Rcpt>(*command).forward_path.is_bare_postmaster(), c.bare_postmaster);
  }
}

TEST(Parser, Others) {
  EXPECT_TRUE(std::get<Helo>(*parse("EHLO [192.0.2.1]")).extended);
  EXPECT_FALSE(std::get<Helo>(*parse("helo bar.com")).extended);
  EXPECT_EQ(std::get<Helo>(*parse("EHLO my_pc")).domain, "my_pc");
  const auto auth = std::get<Auth>(*parse("auth plain dGVzdA=="));
  EXPECT_EQ(auth.mechanism, "PLAIN");
  EXPECT_EQ(auth.initial_response, "dGVzdA==");
  EXPECT_FALSE(std::get<Auth>(*parse("AUTH LOGIN")).initial_response);
  EXPECT_TRUE(parse("NOOP whatever it is"));  // RFC 5321 section 4.1.1.9
  EXPECT_TRUE(parse("QUIT "));
  EXPECT_FALSE(parse("QUITS"));
  EXPECT_FALSE(parse("LHLO a"));
  EXPECT_NE(split_command("LHLO a", lmtp_verbs()).verb, nullptr);
  EXPECT_EQ(split_command("HELO a", lmtp_verbs()).verb, nullptr);
}

}  // namespace
}  // namespace mail::smtp
