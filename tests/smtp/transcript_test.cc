// Every script of tests/transcripts/smtp against the session.
#include <gtest/gtest.h>

#include "tests/smtp/world.h"

namespace mail::smtp {
namespace {

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsFollowed) {
  log::open("smtp-recv", log::Sink::Discard);
  test::run_script(test::load_script(GetParam()),
                   [](const test::Script& script) { return std::make_unique<World>(script); });
}

INSTANTIATE_TEST_SUITE_P(Smtp, Transcript, testing::ValuesIn(test::script_files("smtp")),
                         [](const testing::TestParamInfo<std::string>& file) {
                           std::string name = std::filesystem::path(file.param).stem().string();
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !ascii::is_alnum(c); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace mail::smtp
