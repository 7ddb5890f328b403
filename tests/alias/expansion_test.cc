#include "libmail/alias/expansion.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "libmail/alias/map.h"

namespace mail::alias {
namespace {

class FailingMap final : public Map {
 public:
  Result<Entry> find(std::string_view /*name*/) override {
    return fail(Errc::Io, "Alias database unavailable");
  }
  [[nodiscard]] std::string runs_as() const override { return {}; }
};

struct World {
  std::string aliases;
  std::set<std::string, std::less<>> accounts = {"root", "boss", "ann", "bob"};
  std::string delimiter;
  std::string runs_as;
  bool expand_owner = false;

  [[nodiscard]] Expander expander(std::unique_ptr<Map> more = nullptr) const {
    std::vector<std::unique_ptr<Map>> maps;
    if (more) maps.push_back(std::move(more));
    maps.push_back(make_text_map(aliases, "/etc/aliases", runs_as));
    return Expander({"linuxprobe.com", delimiter, expand_owner,
                     [](std::string_view domain) {
                       return domain == "linuxprobe.com" || domain == "shop.example";
                     },
                     [known = accounts](std::string_view local_part,
                                        std::string_view domain) -> Result<std::string> {
                       if (local_part == "later") return fail(Errc::Unavailable, "NSS is down");
                       auto address = std::string(local_part) + "@" + std::string(domain);
                       if (known.contains(address)) return address;
                       if (known.contains(local_part)) return std::string(local_part);
                       return fail(Errc::NotFound, "no such account");
                     }},
                    std::move(maps));
  }
  [[nodiscard]] Result<Expansion> expand(std::string_view name) const {
    return expander().expand(name, std::string(name) + "@linuxprobe.com");
  }
};

std::vector<std::string> show(const std::vector<EndPoint>& points) {
  std::vector<std::string> shown;
  for (const auto& point : points) {
    auto text = std::string(to_string(point.kind)) + " " + point.target;
    if (point.no_forward) text += " no-forward";
    if (!point.owner.empty()) text += " owner=" + point.owner;
    if (!point.runs_as.empty()) text += " as=" + point.runs_as;
    shown.push_back(std::move(text));
  }
  return shown;
}

using Strings = std::vector<std::string>;

// Accounts of a password file have a domain; maps have none.
TEST(Expansion, AccountsWithADomain) {
  World world;
  world.accounts = {"root", "ann", "ann@shop.example", "sales@shop.example", "ann@linuxprobe.com"};
  world.aliases =
      "info: sales@shop.example\nteam: ann, sales@shop.example\nsales: sales, root\n"
      "clerk: ann@shop.example\n";
  const auto expand = [&](const std::string& address) {
    const auto at = address.find('@');
    const auto expansion = world.expander().expand(address.substr(0, at), address);
    return expansion ? show(expansion->end_points) : Strings{expansion.error().public_text};
  };
  EXPECT_EQ(expand("ann@shop.example"), Strings{"user ann@shop.example"});
  EXPECT_EQ(expand("Ann@linuxprobe.com"), Strings{"user ann@linuxprobe.com"});
  EXPECT_EQ(expand("ann"), Strings{"user ann"});
  EXPECT_EQ(expand("root@shop.example"), Strings{"user root"});
  EXPECT_EQ(expand("info@shop.example"), (Strings{"user sales@shop.example", "user root"}));
  // Without a domain a map's address is in myorigin, whoever is asked for.
  EXPECT_EQ(expand("team@shop.example"),
            (Strings{"user ann@linuxprobe.com", "user sales@shop.example", "user root"}));
  EXPECT_EQ(expand("clerk@linuxprobe.com"), Strings{"user ann@shop.example"});
  // An alias that names itself means the account that was asked for.
  EXPECT_EQ(expand("sales@shop.example"), (Strings{"user sales@shop.example", "user root"}));
  EXPECT_EQ(expand("nobody@shop.example"), Strings{"User unknown in local recipient table"});

  const EndPoint parent{Kind::User, "ann@shop.example", "ann+x@shop.example", {}, {}, false};
  const auto forward =
      world.expander().expand_file("\\ann\nann@linuxprobe.com\nsales\n", ".forward", parent);
  ASSERT_TRUE(forward);
  EXPECT_EQ(show(forward->end_points),
            (Strings{"user ann@shop.example no-forward", "user ann@linuxprobe.com",
                     "user sales@shop.example", "user root"}));
}

TEST(Expansion, Table) {
  struct Case {
    const char* aliases;
    const char* name;
    Strings expected;
  };
  const std::vector<Case> cases = {
      {"", "boss", {"user boss"}},
      {"", "BOSS", {"user boss"}},
      {"bin: root\n", "bin", {"user root"}},
      {"a: b\nb: c\nc: root\n", "A", {"user root"}},
      {"team: ann, bob, ann, team2\nteam2: bob, boss\n",
       "team",
       {"user ann", "user bob", "user boss"}},
      {"boss: boss, ann\n", "boss", {"user boss", "user ann"}},
      {"boss: \\boss, ann@far.example\n",
       "boss",
       {"user boss no-forward", "remote ann@far.example"}},
      {"x: ann@linuxprobe.com\n", "x", {"user ann"}},
      {"x: \"|/bin/cat -u\", /var/x, :include:/etc/l\n",
       "x",
       {"command /bin/cat -u", "file /var/x", "include /etc/l"}},
      {"x: ann, ghost\n", "x", {"user ann", "user ghost"}},
      {"", "postmaster", {"user root"}},
      {"postmaster: ann\n", "Postmaster", {"user ann"}},
      {"list: ann, far@far.example\nowner-list: boss\n",
       "list",
       {"user ann owner=owner-list@linuxprobe.com",
        "remote far@far.example owner=owner-list@linuxprobe.com"}},
      {"list: sub\nsub: ann\nowner-list: boss\nowner-sub: bob\n",
       "list",
       {"user ann owner=owner-sub@linuxprobe.com"}},
      {"owner-list: boss\nlist: ann\n", "owner-list", {"user boss"}},
  };
  for (const auto& [aliases, name, expected] : cases) {
    World world;
    world.aliases = aliases;
    const auto result = world.expand(name);
    ASSERT_TRUE(result) << name << ": " << result.error().log_text;
    EXPECT_EQ(show(result->end_points), expected) << aliases;
    for (const auto& point : result->end_points) {
      EXPECT_EQ(point.original_to, std::string(name) + "@linuxprobe.com");
    }
  }
}

TEST(Expansion, Errors) {
  struct Case {
    const char* aliases;
    const char* name;
    Errc code;
    EnhancedStatus status;
  };
  std::string deep = "d0: d1\n";
  for (int i = 1; i < 60; ++i) {
    deep += "d" + std::to_string(i) + ": d" + std::to_string(i + 1) + "\n";
  }
  std::string wide = "wide: ";
  for (std::size_t i = 0; i <= kMaxExpansionEndPoints; ++i) {
    wide += "u" + std::to_string(i) + "@far.example,";
  }
  const std::vector<Case> cases = {
      {"", "ghost", Errc::NotFound, {5, 1, 1}},
      {"a: b\nb: a\n", "a", Errc::Loop, {5, 4, 6}},
      {"a: b\nb: a@linuxprobe.com\n", "a", Errc::Loop, {5, 4, 6}},
      {"x: later\n", "x", Errc::Unavailable, {4, 3, 0}},
      {deep.c_str(), "d0", Errc::Loop, {5, 4, 6}},
      {wide.c_str(), "wide", Errc::TooMany, {5, 5, 3}},
  };
  for (const auto& [aliases, name, code, status] : cases) {
    World world;
    world.aliases = aliases;
    const auto result = world.expand(name);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, code) << name;
    EXPECT_EQ(result.error().status, status) << name;
  }
  auto expander = World{}.expander(std::make_unique<FailingMap>());
  EXPECT_EQ(expander.expand("boss", "boss@linuxprobe.com").error().code, Errc::Io);
}

TEST(Expansion, DetailIsFoundWithAndWithout) {
  World world;
  world.delimiter = "+";
  world.aliases = "ann+work: bob\nlist: ann\n";
  EXPECT_EQ(show(world.expand("ann+work")->end_points), Strings{"user bob"});
  EXPECT_EQ(show(world.expand("ann+play")->end_points), Strings{"user ann"});
  EXPECT_EQ(show(world.expand("list+x")->end_points), Strings{"user ann"});
  EXPECT_FALSE(world.expand("+x"));
  world.delimiter = "-";
  world.aliases = "list: ann\nlist-request: boss\n";
  EXPECT_EQ(show(world.expand("list-request")->end_points), Strings{"user boss"});
  EXPECT_FALSE(world.expand("owner-ghost"));
  EXPECT_EQ(show(world.expand("ann-x")->end_points), Strings{"user ann"});
}

TEST(Expansion, OwnerMayBeExpanded) {
  World world;
  world.expand_owner = true;
  world.aliases = "list: ann\nowner-list: boss\n";
  EXPECT_EQ(show(world.expand("list")->end_points), Strings{"user ann owner=boss@linuxprobe.com"});
}

TEST(Expansion, FilesAndCommandsRunAsTheMapsOwner) {
  World world;
  world.runs_as = "ann";
  world.aliases = "x: |cmd, /f, :include:/i, bob, far@far.example\n";
  EXPECT_EQ(show(world.expand("x")->end_points),
            (Strings{"command cmd as=ann", "file /f as=ann", "include /i as=ann", "user bob",
                     "remote far@far.example"}));
}

TEST(Expansion, TraceTellsEachStepWithItsLine) {
  World world;
  world.aliases = "# x\nmailer-daemon: postmaster\npostmaster: root\ninfo: postmaster\n";
  const auto result = world.expand("info");
  Strings steps;
  for (const auto& step : result->trace.steps()) {
    steps.push_back(step.rule + " [" + step.origin + "] " + step.text);
  }
  EXPECT_EQ(steps, (Strings{"alias_maps [/etc/aliases:4] info -> postmaster",
                            "alias_maps [/etc/aliases:3] postmaster -> root",
                            "accounts [] root is an account"}));
  Trace trace;
  EXPECT_FALSE(world.expander().expand("ghost", "ghost@linuxprobe.com", &trace));
  ASSERT_EQ(trace.steps().size(), 1U);
  EXPECT_EQ(trace.steps().front().text, "ghost is neither an alias nor an account");
}

TEST(Expansion, TheChaptersChains) {
  std::ifstream in(TUBEPOST_SOURCE_DIR "/tests/alias/chapter.aliases");
  std::ostringstream text;
  text << in.rdbuf();
  World world;
  world.aliases = text.str();
  for (const char* name : {"mailer-daemon", "info", "marketing", "sales", "support", "newsadm",
                           "www", "ftp-adm", "ftpadmin", "bin", "decode", "nfsnobody", "usenet"}) {
    const auto result = world.expand(name);
    ASSERT_TRUE(result) << name;
    EXPECT_EQ(show(result->end_points), Strings{"user root"}) << name;
  }
  EXPECT_FALSE(world.expand("xxoo"));
}

TEST(Expansion, ForwardFile) {
  World world;
  world.aliases = "list: ann, bob\n";
  auto expander = world.expander();
  EndPoint boss{Kind::User, "boss", "boss@linuxprobe.com", "", "", false};
  const auto result = expander.expand_file(
      "# away\n\\boss, far@far.example\nlist\n\"|vacation boss\"\n/home/boss/copy\nboss\n",
      "/home/boss/.forward", boss);
  ASSERT_TRUE(result);
  EXPECT_EQ(show(result->end_points),
            (Strings{"user boss no-forward", "remote far@far.example", "user ann", "user bob",
                     "command vacation boss as=boss", "file /home/boss/copy as=boss"}));
}

TEST(Expansion, IncludeFileHoldsNoCommands) {
  auto expander = World{}.expander();
  EndPoint include{Kind::Include, "/etc/list", "l@linuxprobe.com", "owner-l@linuxprobe.com",
                   "ann",         false};
  const auto result = expander.expand_file("bob\n|evil\n/etc/passwd\nfar@far.example\nwrong one\n",
                                           "/etc/list", include);
  ASSERT_TRUE(result);
  EXPECT_EQ(show(result->end_points),
            (Strings{"user bob owner=owner-l@linuxprobe.com",
                     "remote far@far.example owner=owner-l@linuxprobe.com"}));
  EXPECT_EQ(result->end_points.front().original_to, "l@linuxprobe.com");
}

}  // namespace
}  // namespace mail::alias
