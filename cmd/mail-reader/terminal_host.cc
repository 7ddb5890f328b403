#include "cmd/mail-reader/terminal_host.h"

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "libmail/base/ascii.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::cmd {
namespace {

constexpr std::size_t kMaxReadFile = 256U << 20U;  // an attachment, a file read in; octets

std::string environment(const char* name) {
  const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

struct Child {
  pid_t pid = -1;
  FileDescriptor input;   // to its descriptor 0
  FileDescriptor output;  // from its descriptor 1, if asked for
};

// Starts argv with `input` to come; `capture`: its descriptor 1 comes to us.
Result<Child> start(const std::vector<std::string>& words, bool feed, bool capture) {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  if ((feed && ::pipe2(in, O_CLOEXEC) != 0) || (capture && ::pipe2(out, O_CLOEXEC) != 0)) {
    return fail(sys::error_from_errno(errno, "pipe", words.front()));
  }
  Child child;
  FileDescriptor in_read(in[0]);
  FileDescriptor out_write(out[1]);
  child.input = FileDescriptor(in[1]);
  child.output = FileDescriptor(out[0]);
  child.pid = ::fork();
  if (child.pid < 0) return fail(sys::error_from_errno(errno, "fork", words.front()));
  if (child.pid == 0) {
    // Commands get default signals (DESIGN.md section 2).
    static_cast<void>(std::signal(SIGPIPE, SIG_DFL));
    if (feed) ::dup2(in_read.get(), STDIN_FILENO);
    if (capture) ::dup2(out_write.get(), STDOUT_FILENO);
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv.front(), argv.data());
    ::_exit(127);
  }
  return child;
}

// Feeds input and collects output at once, so that neither side waits for the other.
Result<std::pair<int, std::string>> finish(Child child, std::string_view input) {
  std::string output;
  while (child.input.is_open() || child.output.is_open()) {
    if (child.input.is_open() && input.empty()) child.input.reset();
    pollfd waits[2] = {{child.input.is_open() ? child.input.get() : -1, POLLOUT, 0},
                       {child.output.is_open() ? child.output.get() : -1, POLLIN, 0}};
    if (waits[0].fd < 0 && waits[1].fd < 0) break;
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if (waits[0].revents != 0) {
      // A pipe takes PIPE_BUF octets whenever POLLOUT says so: this never blocks for good.
      const ssize_t put =
          ::write(child.input.get(), input.data(), std::min<std::size_t>(input.size(), 4096));
      if (put < 0) {
        child.input.reset();  // the command does not want to read it all
      } else {
        input.remove_prefix(static_cast<std::size_t>(put));
      }
    }
    if (waits[1].revents != 0) {
      char buffer[16384];
      const ssize_t got = ::read(child.output.get(), buffer, sizeof buffer);
      if (got <= 0) {
        child.output.reset();
      } else {
        output.append(buffer, static_cast<std::size_t>(got));
      }
    }
  }
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return std::pair(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output);
}

bool echoes(int fd) {
  termios settings{};
  return ::tcgetattr(fd, &settings) == 0 && (settings.c_lflag & ECHO) != 0;
}

}  // namespace

// libedit's state; only where a person types on a terminal that echoes.
struct TerminalHost::LineEditor {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;

  LineEditor() {
    editor = ::el_init("mail-reader", stdin, stdout, stderr);
    history = ::history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, 200);
    ::el_set(editor, EL_CLIENTDATA, this);
    ::el_set(
        editor, EL_PROMPT, +[](EditLine* el) -> char* {
          void* data = nullptr;
          ::el_get(el, EL_CLIENTDATA, &data);
          return static_cast<LineEditor*>(data)->prompt.data();
        });
    ::el_set(editor, EL_EDITOR, "emacs");
    ::el_set(editor, EL_SIGNAL, 1);
    ::el_set(editor, EL_HIST, ::history, history);
    ::el_source(editor, nullptr);
  }
  ~LineEditor() {
    ::history_end(history);
    ::el_end(editor);
  }
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  std::optional<std::string> read(std::string_view with_prompt) {
    prompt = with_prompt;
    int count = 0;
    const char* line = ::el_gets(editor, &count);
    if (line == nullptr || count <= 0) return std::nullopt;
    std::string text(line, static_cast<std::size_t>(count));
    if (text.ends_with('\n')) text.pop_back();
    HistEvent event;
    if (!text.empty()) ::history(history, &event, H_ENTER, text.c_str());
    return text;
  }
};

TerminalHost::TerminalHost(Settings settings) : settings_(std::move(settings)) {
  interactive_ =
      settings_.interactive_always || (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
  const std::string terminal = environment("TERM");
  if (interactive_ && ::isatty(STDIN_FILENO) == 1 && echoes(STDIN_FILENO) && !terminal.empty() &&
      terminal != "dumb") {
    editor_ = std::make_unique<LineEditor>();
  }
}

TerminalHost::~TerminalHost() = default;

std::size_t TerminalHost::width() const {
  if (const auto columns = ascii::to_number<std::size_t>(environment("COLUMNS"))) return *columns;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::size_t TerminalHost::height() const {
  if (const auto lines = ascii::to_number<std::size_t>(environment("LINES"))) return *lines;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
  return 24;
}

std::optional<std::string> TerminalHost::read_plain_line() {
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    if (at_end_) {
      if (unread_.empty()) return std::nullopt;
      return std::exchange(unread_, {});
    }
    char buffer[16384];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      at_end_ = true;
    } else {
      unread_.append(buffer, static_cast<std::size_t>(got));
    }
  }
}

std::optional<std::string> TerminalHost::read_line(std::string_view prompt) {
  if (editor_) {
    std::fflush(stdout);
    return editor_->read(prompt);
  }
  if (interactive_) print(prompt);
  return read_plain_line();
}

void TerminalHost::print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

// On a terminal mistakes stand in the dialogue; otherwise apart from the output.
void TerminalHost::print_error(std::string_view line) {
  const std::string text = std::string(line) + '\n';
  if (interactive_) {
    print(text);
  } else {
    [[maybe_unused]] const auto put = ::write(STDERR_FILENO, text.data(), text.size());
  }
}

void TerminalHost::page(std::string_view text) {
  const std::string pager =
      settings_.pager.empty() ? "less -R 2>/dev/null || cat" : settings_.pager;
  auto child = start({"/bin/sh", "-c", pager}, true, false);
  if (!child) {
    print(text);
    return;
  }
  static_cast<void>(finish(*std::move(child), text));
}

Result<int> TerminalHost::run_shell(std::string_view command, std::string_view input) {
  auto child = TRY(start({"/bin/sh", "-c", std::string(command)}, !input.empty(), false));
  const auto [status, output] = TRY(finish(std::move(child), input));
  return status;
}

Result<std::string> TerminalHost::capture(std::string_view command, std::string_view input) {
  auto child = TRY(start({"/bin/sh", "-c", std::string(command)}, true, true));
  auto [status, output] = TRY(finish(std::move(child), input));
  if (status != 0) {
    return fail(Errc::Io, std::string(command) + ": exit status " + std::to_string(status));
  }
  return output;
}

Result<std::string> TerminalHost::edit(std::string_view text, std::string_view editor) {
  std::string path =
      (environment("TMPDIR").empty() ? "/tmp" : environment("TMPDIR")) + "/mail-XXXXXX";
  FileDescriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.is_open()) return fail(sys::error_from_errno(errno, "open", path));
  auto edited = [&]() -> Result<std::string> {
    TRY(sys::write_all(file, text));
    const int status = TRY(run_shell(std::string(editor) + " '" + path + "'", {}));
    if (status != 0)
      return fail(Errc::Io, std::string(editor) + ": exit status " + std::to_string(status));
    return sys::read_file(path, kMaxReadFile);
  }();
  static_cast<void>(sys::unlink(path));
  return edited;
}

Result<void> TerminalHost::send(const reader::Outgoing& outgoing) {
  if (settings_.dry_run) {
    for (const auto& recipient : outgoing.recipients) print("To <" + recipient + ">\n");
    print(outgoing.message);
    return {};
  }
  std::vector<std::string> words = settings_.send_command;
  if (!settings_.envelope_sender.empty()) {
    words.insert(words.end(), {"-f", settings_.envelope_sender});
  }
  words.emplace_back("--");
  words.insert(words.end(), outgoing.recipients.begin(), outgoing.recipients.end());
  auto child = TRY(start(words, true, false));
  const auto [status, output] = TRY(finish(std::move(child), outgoing.message));
  if (status != 0) {
    return fail(Errc::Unavailable, "The message was not sent",
                settings_.send_command.front() + ": exit status " + std::to_string(status) +
                    "; the message was not sent");
  }
  return {};
}

Result<std::string> TerminalHost::read_file(const std::string& path) {
  return sys::read_file(path, kMaxReadFile);
}

Result<bool> TerminalHost::append_file(const std::string& path, std::string_view octets) {
  const bool existed = sys::exists(path);
  const auto file = TRY(sys::open(path, O_WRONLY | O_APPEND | O_CREAT, 0600));
  TRY(sys::lock(file, sys::Lock::Exclusive, std::chrono::seconds(10), path));
  TRY(sys::write_all(file, octets));
  TRY(sys::fsync(file, path));
  return !existed;
}

Result<void> TerminalHost::change_directory(const std::string& path) {
  if (::chdir(path.c_str()) != 0) return fail(sys::error_from_errno(errno, "chdir", path));
  return {};
}

}  // namespace mail::cmd
