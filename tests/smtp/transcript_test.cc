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
                         test::name_of);

}  // namespace
}  // namespace mail::smtp
