// Host: what a Session needs of the world: terminal, files, other programs. The edge is in
// cmd/mail-reader; tests have a twin that records.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"

namespace mail::reader {

// A message that is complete and may go: octets with LF line ends, recipients as typed.
struct Outgoing {
  std::vector<std::string> recipients;
  std::string message;
};

class Host {
 public:
  virtual ~Host() = default;

  [[nodiscard]] virtual bool is_interactive() const = 0;  // somebody types and looks
  [[nodiscard]] virtual std::size_t width() const = 0;    // of the screen, in cells
  [[nodiscard]] virtual std::size_t height() const = 0;   // in lines
  // Next line without its end; nothing at end of file. The prompt is shown when interactive.
  virtual std::optional<std::string> read_line(std::string_view prompt) = 0;
  // Text for the reader; controls are already made harmless.
  virtual void print(std::string_view text) = 0;
  virtual void print_error(std::string_view line) = 0;  // one line without its end
  virtual void page(std::string_view text) = 0;         // through $PAGER

  // Runs a shell command with `input` on its descriptor 0 and ours as 1 and 2; its exit status.
  virtual Result<int> run_shell(std::string_view command, std::string_view input) = 0;
  // Output of a shell command (~<!).
  virtual Result<std::string> capture(std::string_view command, std::string_view input) = 0;
  virtual Result<std::string> edit(std::string_view text, std::string_view editor) = 0;

  virtual Result<void> send(const Outgoing& outgoing) = 0;
  virtual Result<std::string> read_file(const std::string& path) = 0;
  // Appends; true when the file was made by this.
  virtual Result<bool> append_file(const std::string& path, std::string_view octets) = 0;
  virtual Result<void> change_directory(const std::string& path) = 0;

  [[nodiscard]] virtual std::string home() const = 0;
  [[nodiscard]] virtual std::string user_address() const = 0;  // "boss@linuxprobe.com"
  [[nodiscard]] virtual WallTime now() const = 0;
};

}  // namespace mail::reader
