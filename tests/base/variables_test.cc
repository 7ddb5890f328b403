#include "libmail/base/variables.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace mail::variables {
namespace {

std::string show(std::string_view text) {
  const auto expanded = expand(text, [](std::string_view name) {
    if (name == "h" || name == "home") return std::optional<std::string>("/home/ann");
    return part_of_name("Ann.Lee@Example.ORG", name);
  });
  return expanded ? *expanded : "error: " + expanded.error().public_text;
}

TEST(Variables, Expand) {
  ::setenv("TUBEPOST_TEST", "from outside", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  const struct {
    const char *text, *expected;
  } kCases[] = {
      {"", ""},
      {"plain 100%%", "plain 100%"},
      {"%u|%n|%d|%h", "Ann.Lee@Example.ORG|Ann.Lee|Example.ORG|/home/ann"},
      {"%Lu %Ud %Ln", "ann.lee@example.org EXAMPLE.ORG ann.lee"},
      {"/var/mail/%Ld/%1n/%n", "/var/mail/example.org/A/Ann.Lee"},
      {"%2.3n %-3d %03n", "n.L ORG Ann"},
      {"%Rn", "eeL.nnA"},
      {"%{user} %L{username} %{domain | lower}", "Ann.Lee@Example.ORG ann.lee example.org"},
      {"%{user | username | upper}", "ANN.LEE"},
      {"%{env:TUBEPOST_TEST} %{env:TUBEPOST_NOTHING}", "from outside "},
      {"%{if;%d;eq;Example.ORG;here;%d}", "here"},
      {"%{if;%Ld;eq;other;here;there %{if;1;<;2;%n;no}}", "there Ann.Lee"},
      {"%{if;%u;*;*@Example.*;yes}", "yes"},
      {"%{if;10;>;9;more;less}", "more"},
      {"%{if;a\\;b;ne;a;x\\;y;z}", "x;y"},
      {"postmaster@%{if;%d;ne;;%d;localhost}", "postmaster@Example.ORG"},
      {"%x", "error: unknown variable %x"},
      {"%Xu", "error: unknown modifier %X"},
      {"%", "error: % at the end of %"},
      {"%{user", "error: %{ without }"},
      {"%{user | rot13}", "error: unknown filter in %{user | rot13}"},
      {"%{if;a;like;b;c;d}", "error: unknown comparison like in %{if}"},
      {"%{if;a}", "error: %{if;A;OP;B;YES;NO} is the form"},
  };
  for (const auto& one : kCases) EXPECT_EQ(show(one.text), one.expected) << one.text;
}

// A path may lead up as it is written, but no value of a variable makes it do so.
TEST(Variables, PathsAreNotLedUpByValues) {
  const auto path = [](std::string_view text, std::string_view user) {
    const auto expanded =
        expand_path(text, [&](std::string_view name) { return part_of_name(user, name); });
    return expanded ? *expanded : std::string(to_string(expanded.error().code));
  };
  EXPECT_EQ(path("/v/%d/%n", "ann@example.org"), "/v/example.org/ann");
  EXPECT_EQ(path("/v/../%n", "a..b"), "/v/../a..b");
  const std::string denied(to_string(Errc::Denied));
  EXPECT_EQ(path("/v/%1.2n/%n", "a..b"), denied);
  EXPECT_EQ(path("/v/%d/%n", "ann@.."), denied);
  EXPECT_EQ(path("/v/%u", "ann@/../bob"), denied);
  EXPECT_EQ(path("/v/.%1n/x", ".ann"), denied);
  EXPECT_EQ(path("/v/%q", "ann"), to_string(Errc::Config));
}

}  // namespace
}  // namespace mail::variables
