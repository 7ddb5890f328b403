// smtp-send: send queued mail on. `--queue` is the scheduler, `--worker` serves its jobs,
// `smtp-send HOST` sends one message; by the name mailq it lists the queue.
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cmd/common/cli.h"
#include "cmd/common/program.h"
#include "cmd/smtp-send/listing.h"
#include "cmd/smtp-send/runner.h"
#include "cmd/smtp-send/setup.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/roles.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/net/signals.h"
#include "libmail/relay/connect.h"
#include "libmail/relay/destination_worker.h"
#include "libmail/relay/next_hop.h"

namespace mail::cmd {
namespace {

struct Options {
  std::vector<std::string> config_paths;
  bool queue = false, stay = false, worker = false, list = false, json = false, flush = false;
  bool print_config = false, check = false;
  std::vector<std::string> remove;
  std::string sender;
  std::vector<std::string> words;  // HOST RECIPIENT...
};

void put(const FileDescriptor& out, std::string_view text) {
  static_cast<void>(sys::write_all(out, text));
}

// Jobs on descriptor 0, result lines on 1.
Result<int> work(Sending& sending, const dns::Settings& dns_settings) {
  const auto resolver = TRY(dns::open_resolver(dns_settings));
  relay::World world = sending.world();
  FileDescriptor in(STDIN_FILENO);
  const FileDescriptor out(STDOUT_FILENO);
  std::string unread;
  char buffer[16384];
  for (;;) {
    for (std::size_t end = 0; (end = unread.find('\n')) != std::string::npos;) {
      const auto job = TRY(relay::parse_job(std::string_view(unread).substr(0, end)));
      unread.erase(0, end + 1);
      relay::do_job(world, *resolver, job,
                    [&](const relay::ResultLine& line) { put(out, relay::format_result(line)); });
    }
    const std::size_t got = TRY(sys::read(in, buffer));
    if (got == 0) return 0;
    unread.append(buffer, got);
  }
}

const char* word_of(relay::Outcome outcome) {
  switch (outcome) {
    case relay::Outcome::Sent:
      return "sent";
    case relay::Outcome::Failed:
      return "failed";
    case relay::Outcome::Unknown:
      return "unknown";
    case relay::Outcome::Deferred:
      break;
  }
  return "deferred";
}

// The first host of the destination that greets gets the message.
std::vector<relay::RecipientResult> try_hosts(const std::string& destination,
                                              const relay::Message& message,
                                              const relay::Settings& settings,
                                              dns::Resolver& resolver) {
  const auto all = [&](const Error& error) {
    const auto outcome = error.is_permanent() ? relay::Outcome::Failed : relay::Outcome::Deferred;
    return std::vector<relay::RecipientResult>(message.recipients.size(),
                                               {outcome, error.status, error.log_text, {}});
  };
  const auto hosts = relay::find_hosts(destination, settings, resolver,
                                       [](std::size_t) { return std::size_t{0}; });
  if (!hosts) return all(hosts.error());
  const SystemClock clock;
  Error last = make_error(Errc::Unavailable, "no host to try");
  for (const auto& host : *hosts) {
    const auto socket = relay::connect_to(host, settings.connect_timeout);
    if (!socket) {
      last = socket.error();
      continue;
    }
    net::DescriptorTransport io(socket->get(), socket->get(), {});
    relay::Client client(io, settings, clock);
    if (const auto greeted = client.greet(); !greeted) {
      last = greeted.error();
      continue;
    }
    auto results = client.send(message);
    client.quit();
    return results;
  }
  return all(last);
}

// smtp-send HOST RECIPIENT...: the message on descriptor 0, a result line for each recipient on 1.
Result<int> send_one(const config::Configuration& config, const Options& options) {
  const auto settings = relay_settings(config);
  const auto resolver = TRY(dns::open_resolver(dns_settings(config)));
  const FileDescriptor in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  char buffer[65536];
  // It may come from a pipe: kept in an unnamed file, so that no message is too large for memory.
  std::FILE* kept = std::tmpfile();
  if (kept == nullptr) return fail(sys::error_from_errno(errno, "tmpfile", "message"));
  const FileDescriptor file(::fcntl(::fileno(kept), F_DUPFD_CLOEXEC, 3));
  std::fclose(kept);
  relay::Message message;
  for (;;) {
    const std::size_t got = TRY(sys::read(in, buffer));
    if (got == 0) break;
    TRY(sys::write_all(file, {buffer, got}));
    message.size += got;
    message.body_8bit = message.body_8bit || std::any_of(buffer, buffer + got, ascii::is_8bit);
  }
  message.reverse_path = options.sender;
  message.recipients.assign(options.words.begin() + 1, options.words.end());
  message.read = [&](std::uint64_t offset) { return sys::pread_all(file, offset, sizeof buffer); };
  const auto results = try_hosts(options.words.front(), message, settings, *resolver);
  int status = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& result = results.at(i);
    std::printf("%s %s %s %s\n", word_of(result.outcome),
                log::escape(message.recipients.at(i), 1000).c_str(),
                to_string(result.status).c_str(), log::escape(result.text, 500).c_str());
    if (result.outcome == relay::Outcome::Sent || status == EX_TEMPFAIL) continue;
    status = result.outcome == relay::Outcome::Failed ? EX_UNAVAILABLE : EX_TEMPFAIL;
  }
  return status;
}

Result<int> list(const config::Configuration& config, const Options& options) {
  const SystemClock clock;
  const auto queue = TRY(queue::DirectoryQueue::open_existing(queue_settings(config), clock));
  const auto all = TRY(queue->list());
  const auto settings = relay_settings(config);
  const std::string text =
      options.json ? format_listing_json(all, settings) : format_listing(all, settings);
  std::fputs(text.c_str(), stdout);
  return 0;
}

Result<int> remove(const config::Configuration& config, const Options& options) {
  const SystemClock clock;
  const auto queue = TRY(queue::DirectoryQueue::open_existing(queue_settings(config), clock));
  std::size_t removed = 0;
  for (const auto& name : options.remove) {
    const auto item = TRY(queue->lock({name}));
    TRY(item->remove());
    log::info(name + ": removed by the operator");
    ++removed;
  }
  std::printf("%zu removed\n", removed);
  return 0;
}

int refuse_usage(std::string_view why) {
  log::error(why);
  return EX_USAGE;
}

Result<int> run(const Options& options, std::vector<std::string> argv) {
  net::install_signal_handlers();
  const auto config = TRY(config::load_or_fail(options.config_paths));
  if (options.print_config) {
    for (const auto& line : config.print()) std::printf("%s\n", line.c_str());
    return 0;
  }
  if (options.check) return 0;
  if (options.list || options.json) return list(config, options);
  if (!options.remove.empty()) return remove(config, options);
  if (options.flush && request_flush(queue_settings(config).notify_socket)) return 0;
  if (!options.words.empty()) {
    if (options.words.size() < 2) return refuse_usage("name the recipients behind the host");
    return send_one(config, options);
  }
  if (!options.queue && !options.worker && !options.flush)
    return refuse_usage("nothing to do: --queue, --list or HOST RECIPIENT...");
  // It speaks with strangers: without root's rights, whoever started it.
  TRY(login::become_service("tubepost"));
  const auto sending = TRY(open_sending(config));
  if (options.worker) TRY(login::confine_service());
  if (options.worker) return work(*sending, dns_settings(config));
  RunnerOptions runner;
  runner.stay = options.stay;
  runner.worker_command = {argv.front()};
  for (const auto& path : options.config_paths)
    runner.worker_command.insert(runner.worker_command.end(), {"-c", path});
  runner.worker_command.emplace_back("--worker");
  return run_queue(*sending, runner);
}

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::Options options;
  const std::string_view name = argv[0];
  const bool is_mailq = name.substr(name.rfind('/') + 1) == "mailq";
  options.list = is_mailq;
  CLI::App app{"Send queued mail on, or list the queue", is_mailq ? "mailq" : "smtp-send"};
  app.add_option("-c,--config", options.config_paths, "Configuration file; may be repeated")
      ->allow_extra_args(false)
      ->take_all();
  app.add_flag("--queue", options.queue, "Run the queue until it is empty");
  app.add_flag("--stay", options.stay, "With --queue: go on when it is empty");
  app.add_flag("--worker", options.worker, "Internal: jobs on descriptor 0, results on 1");
  app.add_flag("--list", options.list, "List the queue, as mailq does");
  app.add_flag("--json", options.json, "List the queue as JSON, a message a line");
  app.add_flag("-q,--flush", options.flush, "Try all queued mail now");
  app.add_option("-d,--delete", options.remove, "Take messages out of the queue, by their ids")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("-f,--from", options.sender, "With HOST: the envelope sender");
  app.add_flag("--print-config", options.print_config,
               "Print every setting, its default and its origin");
  app.add_flag("--check", options.check, "Check the configuration");
  app.add_option("host", options.words,
                 "HOST RECIPIENT...: send the message on descriptor 0 there");
  if (const auto status = cmd::parse(app, argc, argv)) return *status;
  const std::vector<std::string> words(argv, argv + argc);
  return cmd::run_program("smtp-send", [&] { return cmd::run(options, words); });
}
