// The dialogues of tests/transcripts/imap, over the in-memory store.
#include "tests/imap/harness.h"

namespace mail::imap {
namespace {

TEST(ImapTranscripts, AllAreAsWritten) {
  const auto files = test::script_files("imap");
  ASSERT_FALSE(files.empty());
  for (const auto& path : files) {
    test::run_script(test::load_script(path),
                     [](const auto& script) { return std::make_unique<Harness>(script); });
  }
}

}  // namespace
}  // namespace mail::imap
