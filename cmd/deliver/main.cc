// deliver: local delivery. Without options: message on descriptor 0, recipients as arguments.
// --records serves our own programs, --lmtp other mail systems; by the name sendmail it takes
// sendmail's options.
#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "cmd/common/accept.h"
#include "cmd/common/cli.h"
#include "cmd/common/program.h"
#include "cmd/deliver/lmtp.h"
#include "cmd/deliver/records.h"
#include "cmd/deliver/submit.h"
#include "libmail/auth/system_accounts.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/net/listener.h"
#include "libmail/net/signals.h"

namespace mail::cmd {
namespace {

struct Options {
  std::vector<std::string> config_paths;
  bool records = false, lmtp = false, idle_exit = false, print_config = false, check = false;
  bool serve_smtp = false, make_aliases = false, list_queue = false, verify = false, flush = false;
  std::string listen, explained;
  std::vector<std::string> ignored;  // -o, -B, -N, ... of sendmail
  SubmitOptions submit;
};

// Another of our programs takes over: smtp-recv for -bs, newaliases for -bi, smtp-send for -bp and
// -q.
[[noreturn]] void become_program(const std::string& name, const Options& options,
                                 std::vector<std::string> more) {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::string path = self.substr(0, self.rfind('/') + 1) + name;
  std::vector<std::string> words{name};
  for (const auto& config : options.config_paths) words.insert(words.end(), {"-c", config});
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  log::error("cannot execute " + path);
  ::_exit(EX_OSFILE);
}

// A socket of ours is for the programs that run as tubepost, as one of a socket unit is.
// Its directory may be tubepost's: what stands under the name by now is looked at before it is
// given away.
void give_to_mail_owner(const std::string& path) {
  const auto owner = auth::find_system_account(kMailOwner);
  if (::geteuid() != 0 || !owner) return;
  const FileDescriptor there(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct ::stat status {};
  if (!there.is_open() || ::fstat(there.get(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return log::warning(path + " is not our socket any more");
  }
  if (::fchownat(there.get(), "", owner->uid, owner->gid, AT_EMPTY_PATH) != 0) {
    log::warning(sys::error_from_errno(errno, "chown", path).log_text);
  }
}

Result<int> accept_all(const Options& options, std::vector<FileDescriptor> sockets,
                       std::vector<std::string> argv) {
  const config::Loaded config = config::load(options.config_paths);
  net::AcceptSettings settings = prepare_to_accept(options.config_paths, config, std::move(argv));
  settings.idle_exit = options.idle_exit;
  if (config && options.listen.starts_with("unix:")) give_to_mail_owner(options.listen.substr(5));
  std::optional<Records> records;
  if (config) records.emplace(*config);
  TRY(net::accept_connections(std::move(sockets), settings, "", [&](FileDescriptor connection) {
    if (options.lmtp) return serve_lmtp(config, connection.get(), connection.get());
    // Without a configuration the conversation ends at once: the asker waits or queues.
    return records ? records->serve(std::move(connection)) : EX_TEMPFAIL;
  }));
  return 0;
}

Result<int> run(Options& options, const std::vector<std::string>& argv) {
  net::install_signal_handlers();
  if (options.serve_smtp) become_program("smtp-recv", options, {});
  if (options.make_aliases) become_program("newaliases", options, {});
  if (options.list_queue) become_program("smtp-send", options, {"--list"});
  if (options.flush) become_program("smtp-send", options, {"--flush"});
  if (options.records || options.lmtp) {
    const auto kind = options.records ? net::SocketKind::SequentialPacket : net::SocketKind::Stream;
    std::vector<FileDescriptor> sockets = net::inherited_sockets();
    if (sockets.empty() && !options.listen.empty())
      sockets.push_back(TRY(net::listen_on(options.listen, kind)));
    if (sockets.empty() && net::is_listening(STDIN_FILENO))
      sockets.emplace_back(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!sockets.empty()) return accept_all(options, std::move(sockets), argv);
    const auto config = config::load(options.config_paths);
    if (!config) log::error_lines(config::to_error(config.error()).log_text);
    if (options.lmtp) return serve_lmtp(config, STDIN_FILENO, STDOUT_FILENO);
    if (!config) return EX_TEMPFAIL;
    return Records(*config).serve(FileDescriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)));
  }
  const auto config = TRY(config::load_or_fail(options.config_paths));
  if (options.print_config) {
    for (const auto& line : config.print("lda")) std::printf("%s\n", line.c_str());
    return 0;
  }
  if (options.check) return 0;
  if (!options.explained.empty()) return explain_delivery(config, options.explained);
  if (options.verify) {
    int status = 0;
    for (const auto& recipient : options.submit.recipients) {
      const int one = TRY(explain_delivery(config, recipient));
      if (one != 0) status = one;
    }
    return status;
  }
  return submit(options.submit, config);
}

// sendmail's -bs, -oi, -odi and the like are one letter and its argument glued; CLI11 would read
// "-bs" as -b -s. They are taken out before.
std::vector<std::string> take_sendmail_options(int argc, char** argv, Options& options) {
  std::vector<std::string> rest;
  bool only_words = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (only_words || word.size() < 2 || word.front() != '-' || word.starts_with("--")) {
      only_words = only_words || word == "--";
      rest.push_back(word);
      continue;
    }
    const std::string_view value = std::string_view(word).substr(2);
    switch (word.at(1)) {
      case 'b':
        options.serve_smtp = value == "s";
        options.make_aliases = value == "i";
        options.list_queue = value == "p";
        options.verify = value == "v";
        break;
      case 'o':
        options.submit.ignore_dots = options.submit.ignore_dots || value == "i";
        break;
      case 'q':
        options.flush = true;
        break;
      case 'B':
      case 'N':
      case 'R':
      case 'V':
      case 'O':
      case 'p':
      case 'h':
      case 'L':
      case 'A':
        if (word == "-h") {
          rest.push_back(word);
        } else if (value.empty() && i + 1 < argc) {
          ++i;  // its value is not of use here
        }
        break;
      case 'e':
      case 'm':
      case 'n':
      case 'U':
      case 'G':
      case 'v':
        break;
      case 'f':
      case 'F':
      case 'r':
        rest.push_back(word.substr(0, 2) == "-r" ? "-f" : word.substr(0, 2));
        if (!value.empty()) rest.emplace_back(value);
        break;
      default:
        rest.push_back(word);
    }
  }
  return rest;
}

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::Options options;
  CLI::App app{"Deliver a message, or serve deliveries", "deliver"};
  app.add_option("-c,--config", options.config_paths, "Configuration file; may be repeated")
      ->allow_extra_args(false)
      ->take_all();
  app.add_flag("--records", options.records, "Serve delivery records of our own programs");
  app.add_flag("--lmtp", options.lmtp, "Serve LMTP on descriptors 0 and 1, or accepting");
  app.add_option("--listen", options.listen, "Accept connections on unix:PATH or ADDRESS:PORT");
  app.add_flag("--idle-exit", options.idle_exit,
               "With inherited sockets: leave after 10 idle seconds");
  app.add_option("--explain", options.explained,
                 "Tell where mail for this address would go, and why");
  app.add_flag("--print-config", options.print_config,
               "Print every setting, its default and its origin");
  app.add_flag("--check", options.check, "Check the configuration");
  app.add_option("-f", options.submit.sender, "Envelope sender");
  app.add_option("-F", options.submit.full_name, "Sender's full name");
  app.add_flag("-t", options.submit.take_from_header, "Recipients from To, Cc and Bcc");
  app.add_flag("-i", options.submit.ignore_dots, "A line with a lone dot does not end the message");
  app.add_option("recipients", options.submit.recipients, "Recipients: local names or addresses");
  std::vector<std::string> words = cmd::take_sendmail_options(argc, argv, options);
  words.insert(words.begin(), argv[0]);
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (auto& word : words) pointers.push_back(word.data());
  if (const auto status = cmd::parse(app, static_cast<int>(pointers.size()), pointers.data()))
    return *status;
  const std::vector<std::string> all(argv, argv + argc);
  return cmd::run_program("deliver", [&] { return cmd::run(options, all); });
}
