// TerminalHost: mail-reader's edge to the world: the terminal (libedit where somebody types),
// files, shell, pager, editor, and deliver for sending.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmail/reader/host.h"

namespace mail::cmd {

class TerminalHost final : public reader::Host {
 public:
  struct Settings {
    std::string user_address;
    std::string home;
    std::string pager;                      // $PAGER; empty: less -R if there, else none
    std::vector<std::string> send_command;  // program and options before the recipients
    std::string envelope_sender;            // -r; empty: deliver's own choice
    bool dry_run = false;                   // -d: print instead of sending
    bool interactive_always = false;        // -~
  };
  explicit TerminalHost(Settings settings);
  ~TerminalHost() override;

  [[nodiscard]] bool is_interactive() const override { return interactive_; }
  [[nodiscard]] std::size_t width() const override;
  [[nodiscard]] std::size_t height() const override;
  std::optional<std::string> read_line(std::string_view prompt) override;
  void print(std::string_view text) override;
  void print_error(std::string_view line) override;
  void page(std::string_view text) override;
  Result<int> run_shell(std::string_view command, std::string_view input) override;
  Result<std::string> capture(std::string_view command, std::string_view input) override;
  Result<std::string> edit(std::string_view text, std::string_view editor) override;
  Result<void> send(const reader::Outgoing& outgoing) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<bool> append_file(const std::string& path, std::string_view octets) override;
  Result<void> change_directory(const std::string& path) override;
  [[nodiscard]] std::string home() const override { return settings_.home; }
  [[nodiscard]] std::string user_address() const override { return settings_.user_address; }
  [[nodiscard]] WallTime now() const override { return clock_.now(); }

 private:
  struct LineEditor;  // libedit
  std::optional<std::string> read_plain_line();

  Settings settings_;
  SystemClock clock_;
  bool interactive_ = false;
  std::string unread_;  // of descriptor 0, without an editor
  bool at_end_ = false;
  std::unique_ptr<LineEditor> editor_;
};

}  // namespace mail::cmd
