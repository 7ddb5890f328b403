// .forward and :include: files: which one, and whether it is believed.
#include "libmail/local/forward_file.h"

#include "tests/local/place_fixture.h"

namespace mail::local {
namespace {

TEST(ExtensionOf, Addresses) {
  const struct {
    std::string delimiter, recipient, extension;
  } cases[] = {
      {"", "boss+x@linuxprobe.com", ""},
      {"+", "boss+x@linuxprobe.com", "x"},
      {"+", "boss+x+y@linuxprobe.com", "x+y"},
      {"+", "boss@linuxprobe.com", ""},
      {"+", "boss@a+b.example", ""},
      {"+", "+x@linuxprobe.com", ""},
      {"+-", "boss-x+y@linuxprobe.com", "x+y"},
      {"+", "boss+", ""},
      {"+", "boss+x", "x"},
  };
  for (const auto& [delimiter, recipient, extension] : cases) {
    Settings settings;
    settings.recipient_delimiter = delimiter;
    EXPECT_EQ(extension_of(settings, recipient), extension) << delimiter << " " << recipient;
  }
}

class ForwardFile : public PlaceFixture {
 protected:
  // "none", the targets' texts joined with '|', or "error: TEXT".
  std::string read(std::string_view extension = "") {
    trace_ = {};
    const auto targets = read_forward(world_.settings, boss_, extension, trace_);
    if (!targets) return "error: " + targets.error().public_text;
    if (!*targets) return "none";
    std::string text;
    for (const auto& target : **targets) text += (text.empty() ? "" : "|") + target.text;
    return text;
  }
  Trace trace_;
};

TEST_F(ForwardFile, TheFirstThatSaysSomething) {
  EXPECT_EQ(read(), "none");
  forward("ann, eve\n");
  EXPECT_EQ(read(), "ann|eve");
  ASSERT_EQ(trace_.steps().size(), 2U);
  EXPECT_EQ(trace_.steps().at(0).text, "boss -> ann");
  EXPECT_EQ(trace_.steps().at(0).origin, home(".forward"));
  EXPECT_EQ(read("lists"), "ann|eve");
  write(home(".forward+lists"), "lists-only\n");
  EXPECT_EQ(read("lists"), "lists-only");
  EXPECT_EQ(read(), "ann|eve");
  write(home(".forward+lists"), "# nothing\n");
  EXPECT_EQ(read("lists"), "ann|eve");
}

TEST_F(ForwardFile, AnExtensionDoesNotLeadOutOfTheHome) {
  std::filesystem::create_directories(home(".forward+x"));
  write(dir_ + "/elsewhere", "eve\n");
  EXPECT_EQ(read("x/../../elsewhere"), "none");
  EXPECT_EQ(read("/etc/passwd"), "none");
}

TEST_F(ForwardFile, Trust) {
  write(home(".forward"), "ann\n", 0644);
  EXPECT_EQ(read(), "ann");
  for (const mode_t mode : {0660U, 0606U, 0666U}) {
    write(home(".forward"), "ann\n", mode);
    EXPECT_EQ(read(), "error: Mail system configuration error") << std::oct << mode;
  }
  write(home(".forward"), "ann\n");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(home(".forward").c_str(), 12345, 12345), 0);
    EXPECT_EQ(read(), "error: Mail system configuration error");
  }
}

TEST_F(ForwardFile, Mistakes) {
  for (const std::string text : {"\"unfinished\n", "|\n", "ann\n/\x01\n\"|\"\n"}) {
    forward(text);
    EXPECT_EQ(read().substr(0, 6), "error:") << text;
  }
  forward(std::string(kMaxForwardFile + 1, '\n'));
  EXPECT_EQ(read(), "error: Mail system configuration error");
  forward(std::string(kMaxForwardFile - 4, '\n') + "ann\n");
  EXPECT_EQ(read(), "ann");
}

TEST_F(ForwardFile, WithoutAHomeThereIsNone) {
  for (const std::string home : {"", "relative", "/nonexistent"}) {
    boss_.home = home;
    EXPECT_EQ(read(), "none") << home;
  }
}

TEST_F(ForwardFile, NameAndHomeArePutIn) {
  world_.settings.forward_path = {dir_ + "/$user.forward", "$home/.forward"};
  write(dir_ + "/boss.forward", "ann\n");
  EXPECT_EQ(read(), "ann");
}

TEST_F(ForwardFile, IncludedLists) {
  const std::string path = home("list");
  const auto read_list = [&] {
    const auto targets = read_include(world_.settings, path);
    if (!targets) return "error: " + targets.error().public_text;
    std::string text;
    for (const auto& target : *targets) text += target.text + ";";
    return text;
  };
  EXPECT_EQ(read_list().substr(0, 6), "error:");
  write(path, "ann\n# x\neve@example.org, \\boss\n");
  EXPECT_EQ(read_list(), "ann;eve@example.org;boss;");
  write(path, "|true\n");
  EXPECT_EQ(read_list(), "error: mail to this destination is restricted");
  world_.settings.allow_mail_to_commands.emplace_back("include");
  EXPECT_EQ(read_list(), "error: Mail system configuration error");
  write(path, ":include:/etc/list\n");
  EXPECT_EQ(read_list(), "error: Mail system configuration error");
  write(path, "ann\n", 0666);
  EXPECT_EQ(read_list(), "error: Mail system configuration error");
}

}  // namespace
}  // namespace mail::local
