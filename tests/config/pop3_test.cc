// Mistakes in POP3's settings, with file and line.
#include <gtest/gtest.h>

#include "libmail/config/config.h"

namespace mail::config {
namespace {

std::vector<std::string> mistakes_of(const std::string& text) {
  const auto loaded = load_text({{{Grammar::Dovecot, "d.conf"}, text}}, Host{});
  return loaded ? std::vector<std::string>{} : render(loaded.error());
}

TEST(Pop3Settings, Mistakes) {
  const struct {
    std::string text, mistake;
  } cases[] = {
      {"pop3_uidl_format = %08Xu%08Xv\n", ""},
      {"pop3_uidl_format = %q\n", "d.conf:1: pop3_uidl_format: unknown variable %q"},
      {"\npop3_uidl_format = %Hf\n", "d.conf:2: pop3_uidl_format: unsupported modifier %H"},
      {"pop3_uidl_format = x\n",
       "d.conf:1: pop3_uidl_format: no variable in it, all messages would have one id"},
      {"protocol pop3 {\n  pop3_uidl_format = %n\n}\n",
       "d.conf:2: protocol/pop3/pop3_uidl_format: unknown variable %n"},
      {"pop3_deleted_flag = \"$POP3Deleted\"\npop3_delete_type = flag\n", ""},
      {"protocol pop3 {\n  pop3_deleted_flag = Gone\n  pop3_delete_type = flag\n}\n", ""},
      {"pop3_delete_type = flag\n", "d.conf:1: pop3_delete_type: `flag` needs pop3_deleted_flag"},
      {"pop3_deleted_flag = \\Deleted\n", "d.conf:1: pop3_deleted_flag: is no keyword"},
      {"pop3_deleted_flag = \"two words\"\n", "d.conf:1: pop3_deleted_flag: is no keyword"},
  };
  for (const auto& [text, mistake] : cases) {
    const auto found = mistakes_of(text);
    EXPECT_EQ(found,
              mistake.empty() ? std::vector<std::string>{} : std::vector<std::string>{mistake})
        << text;
  }
}

}  // namespace
}  // namespace mail::config
