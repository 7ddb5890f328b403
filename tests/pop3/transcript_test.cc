// Every script of tests/transcripts/pop3 against login session and mailbox session.
#include <gtest/gtest.h>

#include "tests/pop3/world.h"

namespace mail::pop3 {
namespace {

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsFollowed) {
  log::open("pop3-serve", log::Sink::Discard);
  test::run_script(test::load_script(GetParam()),
                   [](const test::Script& script) { return std::make_unique<World>(script); });
}

INSTANTIATE_TEST_SUITE_P(Pop3, Transcript, testing::ValuesIn(test::script_files("pop3")),
                         test::name_of);

}  // namespace
}  // namespace mail::pop3
