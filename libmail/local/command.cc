#include "libmail/local/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/local/record.h"
#include "libmail/local/source.h"
#include "libmail/message/from_line.h"

namespace mail::local {
namespace {

using std::chrono::steady_clock;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(sys::error_from_errno(errno, "pipe", "command"));
  }
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<std::string> environment(const Settings& settings, const auth::Identity& identity,
                                     const Delivery& delivery) {
  const std::string_view recipient = delivery.end_point.original_to;
  const auto at = recipient.rfind('@');
  const std::string_view local = recipient.substr(0, at);
  std::string_view extension;
  if (!settings.recipient_delimiter.empty()) {
    const auto split = local.find_first_of(settings.recipient_delimiter);
    if (split != std::string_view::npos) extension = local.substr(split + 1);
  }
  std::vector<std::string> out{
      "PATH=/usr/local/bin:/usr/bin:/bin",
      "HOME=" + identity.home,
      "SHELL=/bin/sh",
      "USER=" + identity.user,
      "LOGNAME=" + identity.user,
      "SENDER=" + sender_of(delivery),
      "RECIPIENT=" + std::string(recipient),
      "ORIGINAL_RECIPIENT=" + std::string(recipient),
      "LOCAL=" + std::string(local),
      "EXTENSION=" + std::string(extension),
      "DOMAIN=" + std::string(at == std::string_view::npos ? "" : recipient.substr(at + 1)),
      "QUEUE_ID=" + delivery.queue_id,
  };
  for (const char* name : {"TZ", "LANG"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  }
  return out;
}

std::vector<std::string> arguments(const Settings& settings, const std::string& command) {
  if (!settings.local_command_shell.empty() || needs_shell(command)) {
    const std::string shell =
        settings.local_command_shell.empty() ? "/bin/sh -c" : settings.local_command_shell;
    std::vector<std::string> out;
    for (const auto word : ascii::words(shell)) out.emplace_back(word);
    out.push_back(command);
    return out;
  }
  std::vector<std::string> out;
  for (const auto word : ascii::words(command)) out.emplace_back(word);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the new process: everything a command may expect, nothing it must not have.
[[noreturn]] void execute(const Pipe& input, const Pipe& output, const auth::Identity& identity,
                          std::vector<char*>& argv, std::vector<char*>& envp) {
  ::setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) static_cast<void>(::signal(number, SIG_DFL));
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(input.read.get(), 0) < 0 || ::dup2(output.write.get(), 1) < 0 ||
      ::dup2(output.write.get(), 2) < 0) {
    ::_exit(75);
  }
  if (::chdir(identity.home.c_str()) != 0 && ::chdir("/") != 0) ::_exit(75);
  ::execvpe(argv.front(), argv.data(), envp.data());
  const bool missing = errno == ENOENT || errno == EACCES || errno == ENOEXEC;
  static constexpr std::string_view kText = "command cannot be executed\n";
  static_cast<void>(!::write(1, kText.data(), kText.size()));
  ::_exit(missing ? 69 : 75);
}

// Octets still to be written to the command.
class Feed {
 public:
  Feed(std::string first, std::string fields, const FileDescriptor& message)
      : source_(std::move(first) + std::move(fields), message) {}
  // False when all is out.
  Result<bool> fill() {
    if (rest_.empty() && !done_) {
      rest_ = TRY(source_.next());
      done_ = rest_.empty();
    }
    return !done_;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  void advance(std::size_t count) { rest_.remove_prefix(count); }

 private:
  DescriptorSource source_;
  std::string_view rest_;
  bool done_ = false;
};

struct Talk {
  std::string output;  // its first kMaxText octets
  bool timed_out = false;
};

// Writes the message and reads what the command prints, until it closes its output.
Result<Talk> talk(FileDescriptor input, const FileDescriptor& output, Feed& feed,
                  MonotonicTime deadline) {
  Talk result;
  ::fcntl(input.get(), F_SETFL, O_NONBLOCK);  // NOLINT(cppcoreguidelines-pro-type-vararg)
  for (;;) {
    if (input.is_open() && !TRY(feed.fill())) input.reset();
    std::array<pollfd, 2> ask{{{output.get(), POLLIN, 0}, {input.get(), POLLOUT, 0}}};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) {
      result.timed_out = true;
      return result;
    }
    const int ready = ::poll(ask.data(), input.is_open() ? 2 : 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "command"));
    if (ready <= 0) continue;
    if ((ask[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
      const auto put = sys::write(input, feed.rest());
      if (put) {
        feed.advance(*put);
      } else if (put.error().code != Errc::InUse) {
        input.reset();  // it does not want to read all of it: its right
      }
    }
    if (ask[0].revents != 0) {
      std::array<char, 4096> chunk{};
      const std::size_t got = TRY(sys::read(output, chunk));
      if (got == 0) return result;
      const std::string_view text(chunk.data(), got);
      result.output += text.substr(0, kMaxText - std::min(kMaxText, result.output.size()));
    }
  }
}

// It may have closed its output and go on. False: it has not ended in time.
bool wait_until(MonotonicTime deadline, pid_t child, int& status) {
  constexpr std::chrono::milliseconds kPause{5};
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

Verdict later(std::string text) { return {Answer::Later, {4, 3, 0}, std::move(text), {}, false}; }

}  // namespace

bool needs_shell(std::string_view command) {
  static constexpr std::string_view kPlain = "!@%-_=+:,./ \t";
  for (const char c : command) {
    if (!ascii::is_alnum(c) && kPlain.find(c) == std::string_view::npos) return true;
  }
  const auto words = ascii::words(command);
  if (words.empty()) return true;
  // Words that only a shell knows, and assignments before a command.
  for (const std::string_view word :
       {"!", ".", ":", "alias", "case", "cd", "command", "eval", "exec", "exit", "export", "for",
        "if", "set", "test", "ulimit", "umask", "until", "while"}) {
    if (words.front() == word) return true;
  }
  return words.front().find('=') != std::string_view::npos;
}

Verdict verdict_of_exit(int exit_status, std::string_view output) {
  struct Row {
    int exit_status;
    EnhancedStatus status;
    const char* text;
  };
  // sysexits(3), with the statuses of RFC 3463 that Postfix gives them.
  static constexpr Row kRows[] = {
      {64, {5, 3, 0}, "command line usage error"},
      {65, {5, 6, 0}, "data format error"},
      {66, {5, 3, 0}, "cannot open input"},
      {67, {5, 1, 1}, "user unknown"},
      {68, {5, 1, 2}, "host name unknown"},
      {69, {5, 3, 0}, "service unavailable"},
      {70, {5, 3, 0}, "internal software error"},
      {71, {4, 3, 0}, "system resource problem"},
      {72, {5, 3, 0}, "critical OS file missing"},
      {73, {5, 2, 0}, "can't create user output file"},
      {74, {5, 3, 0}, "input/output error"},
      {75, {4, 3, 0}, "temporary failure"},
      {76, {5, 5, 0}, "remote error in protocol"},
      {77, {5, 7, 0}, "permission denied"},
      {78, {5, 3, 5}, "local configuration error"},
  };
  if (exit_status == 0) return {Answer::Ok, {2, 0, 0}, "delivered to command", {}, false};
  Verdict verdict{Answer::Failed, {5, 3, 0}, {}, {}, false};
  std::string text = "Command died with status " + std::to_string(exit_status);
  for (const Row& row : kRows) {
    if (row.exit_status != exit_status) continue;
    verdict.status = row.status;
    text = row.text;
  }
  if (verdict.status.cls == 4) verdict.answer = Answer::Later;
  // "5.7.1 go away": the command's own status, the class being that of its exit status.
  Cursor in(output);
  const auto cls = in.take_while(ascii::is_digit);
  if (cls.size() == 1 && in.consume('.')) {
    const auto subject = ascii::to_number<std::uint16_t>(in.take_while(ascii::is_digit));
    const bool dot = in.consume('.');
    const auto detail = ascii::to_number<std::uint16_t>(in.take_while(ascii::is_digit));
    if (subject && dot && detail && *subject < 1000 && *detail < 1000 &&
        (in.at_end() || ascii::is_space(in.peek()))) {
      verdict.status.subject = *subject;
      verdict.status.detail = *detail;
      output = in.rest();
    }
  }
  const std::string said = clean_text(output, kMaxText - text.size() - 20);
  verdict.text = said.empty() ? text : text + ". Command output: " + said;
  return verdict;
}

Verdict run_command(const Settings& settings, const auth::Identity& identity,
                    const std::string& command, const Delivery& delivery,
                    const FileDescriptor& message) {
  auto input = make_pipe();
  auto output = make_pipe();
  if (!input || !output) return later("Temporary system problem");
  auto argument_texts = arguments(settings, command);
  auto environment_texts = environment(settings, identity, delivery);
  auto argv = pointers(argument_texts);
  auto envp = pointers(environment_texts);
  const pid_t child = ::fork();
  if (child < 0) return later("Temporary system problem");
  if (child == 0) execute(*input, *output, identity, argv, envp);
  ::setpgid(child, child);  // both do it: whoever is first, the group is there to be killed
  input->read.reset();
  output->write.reset();

  const message::DateTime date{std::chrono::sys_seconds{std::chrono::floor<std::chrono::seconds>(
                                   std::chrono::microseconds{delivery.arrived_microseconds})},
                               {}};
  Feed feed(message::format_from_line(sender_of(delivery), date), delivery_fields(delivery),
            message);
  const MonotonicTime deadline = steady_clock::now() + settings.command_time_limit;
  auto talked = talk(std::move(input->write), output->read, feed, deadline);
  int status = 0;
  if (talked && !talked->timed_out) talked->timed_out = !wait_until(deadline, child, status);
  if (!talked || talked->timed_out) {
    ::kill(-child, SIGKILL);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (!talked) {
    log::error(talked.error().log_text);
    return later("Temporary system problem");
  }
  if (talked->timed_out) {
    return {Answer::Failed, {5, 3, 0}, "Command time limit exceeded", {}, false};
  }
  if (WIFSIGNALED(status)) {
    return later("Command died with signal " + std::to_string(WTERMSIG(status)));
  }
  return verdict_of_exit(WEXITSTATUS(status), talked->output);
}

}  // namespace mail::local
