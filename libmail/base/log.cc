#include "libmail/base/log.h"

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "libmail/base/ascii.h"

namespace mail::log {
namespace {

struct State {
  Sink sink = Sink::Stderr;
  bool prefixed = false;  // descriptor 2 leads to the journal
  std::string ident;      // openlog(3) keeps the pointer
};

State& state() {
  static State the_state;
  return the_state;
}

bool same_file(int a, int b) {
  struct ::stat first {};
  struct ::stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_socket(int fd) {
  struct ::stat status {};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

// Descriptor 2 is unusable when closed, or when it is the connection itself.
bool stderr_is_the_peer() {
  struct ::stat status {};
  if (::fstat(STDERR_FILENO, &status) != 0) return true;
  return is_socket(STDERR_FILENO) &&
         (same_file(STDERR_FILENO, STDIN_FILENO) || same_file(STDERR_FILENO, STDOUT_FILENO));
}

}  // namespace

void open(std::string_view program) {
  open(program, stderr_is_the_peer() ? Sink::Syslog : Sink::Stderr);
}

void open(std::string_view program, Sink sink) {
  State& now = state();
  now.sink = sink;
  now.ident = "tubepost/" + std::string(program);
  // A terminal or a file gets plain lines; the journal's stream socket understands <N>.
  now.prefixed = sink == Sink::Stderr && is_socket(STDERR_FILENO);
  if (sink == Sink::Syslog) ::openlog(now.ident.c_str(), LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void write(Level level, std::string_view line) {
  const State& now = state();
  std::string text;
  for (const char c : line) {
    if (ascii::is_control(c)) {
      text += escape({&c, 1});
    } else {
      text += c;
    }
  }
  switch (now.sink) {
    case Sink::Discard:
      return;
    case Sink::Syslog:
      ::syslog(static_cast<int>(level), "%s", text.c_str());
      return;
    case Sink::Stderr: {
      std::string out;
      if (now.prefixed) out = "<" + std::to_string(static_cast<int>(level)) + ">";
      if (!now.ident.empty()) {
        // In a shared log (up, a file) the line says who speaks, as syslog would.
        if (!now.prefixed) out += now.ident + "[" + std::to_string(::getpid()) + "]: ";
      }
      out += text;
      out += '\n';
      // One write a line; nothing can be done when it fails.
      [[maybe_unused]] const auto written = ::write(STDERR_FILENO, out.data(), out.size());
      return;
    }
  }
}

void error_lines(std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    error(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::string escape(std::string_view octets, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (out.size() >= limit) return out + "...";
    const char c = octets[i];
    if (c == '\\') {
      out += "\\\\";
    } else if (ascii::is_printable(c)) {
      out += c;
    } else if (ascii::is_8bit(c)) {
      // Keep well-formed UTF-8 sequences whole.
      const auto lead = static_cast<unsigned char>(c);
      const std::size_t length = lead >= 0xf0 && lead < 0xf5 ? 4
                                 : lead >= 0xe0              ? 3
                                 : lead >= 0xc2              ? 2
                                                             : 0;
      bool whole = length != 0 && lead < 0xf5 && i + length <= octets.size();
      for (std::size_t k = 1; whole && k < length; ++k) {
        whole = (static_cast<unsigned char>(octets[i + k]) & 0xc0U) == 0x80U;
      }
      if (whole) {
        out += octets.substr(i, length);
        i += length - 1;
      } else {
        out += "\\x" + ascii::to_hex({&octets[i], 1});
      }
    } else {
      out += "\\x" + ascii::to_hex({&octets[i], 1});
    }
  }
  return out;
}

}  // namespace mail::log
