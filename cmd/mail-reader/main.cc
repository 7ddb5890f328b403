// mail-reader: read and write mail in a terminal, the way Heirloom mail does (POSIX mailx). Also
// installed as mail and mailx.
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "cmd/common/cli.h"
#include "cmd/common/program.h"
#include "cmd/mail-reader/terminal_host.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/config/bindings.h"
#include "libmail/config/config.h"
#include "libmail/reader/session.h"
#include "libmail/store/factory/open.h"

namespace mail::cmd {
namespace {

struct Options {
  std::vector<std::string> config_paths;
  std::vector<std::string> file;  // -f [FILE]
  bool file_given = false;
  std::string user;
  bool check = false, headers_only = false, quiet = false, no_system_rc = false;
  bool ignore_interrupts = false, empty_body_is_nothing = false, dry_run = false, tildes = false;
  bool verbose = false, read_only_text = false;
  std::string subject, from, quote_file;
  std::vector<std::string> cc, bcc, attachments, variables, commands, addresses;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

Result<auth::Identity> look_up(const std::string& user) {
  errno = 0;
  const passwd* entry = user.empty() ? ::getpwuid(::getuid())     // NOLINT(concurrency-mt-unsafe)
                                     : ::getpwnam(user.c_str());  // NOLINT(concurrency-mt-unsafe)
  auth::Identity identity;
  if (entry == nullptr) {
    if (!user.empty())
      return fail(Errc::NotFound, "Cannot determine user", "no such user: " + log::escape(user));
    // A uid without an account (a container): its home and its files are all it has.
    identity.user = environment("USER").empty() ? std::to_string(::getuid()) : environment("USER");
    identity.uid = ::getuid();
    identity.gid = ::getgid();
    identity.home = environment("HOME");
    return identity;
  }
  identity = {entry->pw_name, entry->pw_uid, entry->pw_gid, entry->pw_dir, {}};
  if (user.empty() && !environment("HOME").empty()) identity.home = environment("HOME");
  return identity;
}

// deliver beside this very program, so that an uninstalled build sends by its own.
std::string deliver_path() {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  if (length > 0) {
    self.resize(static_cast<std::size_t>(length));
    std::string beside = self.substr(0, self.rfind('/') + 1) + "deliver";
    if (sys::exists(beside)) return beside;
  }
  return "deliver";
}

class MailReader {
 public:
  explicit MailReader(Options options) : options_(std::move(options)) {}

  Result<int> run() {
    const auto config = TRY(config::load_or_fail(options_.config_paths));
    identity_ = TRY(look_up(options_.user));
    origin_ = config.postfix().get_string("myorigin");
    store_ = config::store_settings(config);

    TerminalHost::Settings settings;
    settings.home = identity_.home;
    settings.user_address = identity_.user + '@' + origin_;
    settings.pager = environment("PAGER");
    settings.send_command = {deliver_path()};
    for (const auto& path : options_.config_paths) {
      settings.send_command.insert(settings.send_command.end(), {"-c", path});
    }
    settings.send_command.emplace_back("-i");
    settings.envelope_sender = options_.from;
    settings.dry_run = options_.dry_run;
    settings.interactive_always = options_.tildes;
    TerminalHost host(settings);
    if (options_.check) return check(host);

    reader::Session session(host, reader::Variables::shipped(), reader::FieldFilter::shipped());
    read_rc_files(session, host);
    for (const auto& assignment : options_.variables) session.variables().assign(assignment);
    if (!options_.addresses.empty()) return send(session, host);
    return read(session, host);
  }

 private:
  void read_rc_files(reader::Session& session, TerminalHost& host) {
    std::vector<std::string> paths;
    if (!options_.no_system_rc) paths = {"/etc/mail.rc", "/etc/nail.rc"};
    paths.push_back(environment("MAILRC").empty() ? identity_.home + "/.mailrc"
                                                  : environment("MAILRC"));
    for (const auto& path : paths) {
      if (const auto text = host.read_file(path)) session.run_script(*text);
    }
    for (const char* name : {"EDITOR", "VISUAL", "SHELL", "DEAD", "MBOX"}) {
      if (const auto value = environment(name); !value.empty()) {
        session.variables().assign(std::string(name) + '=' + value);
      }
    }
  }

  // The system mailbox: $MAIL, or INBOX by mail_location; its name as it is shown.
  Result<std::pair<std::unique_ptr<store::Mailbox>, std::string>> open_system_mailbox() {
    const std::string mail = environment("MAIL");
    if (!mail.empty() && options_.user.empty()) {
      auto opened = store::open_mailbox_file(store_, identity_, mail);
      if (opened) return std::pair(*std::move(opened), mail);
      return fail(std::move(opened).error());
    }
    const store::User user{identity_.user, identity_.home, identity_.uid};
    const auto located = TRY(store::locate_mail(store_, user, identity_.mail_location));
    auto opened = TRY(store::open_mailbox_file(store_, identity_, located.location.inbox));
    return std::pair(std::move(opened), located.location.inbox);
  }

  Result<reader::Folder> open_folder(std::string_view name) {
    if (name == "%") {
      auto [mailbox, shown] = TRY(open_system_mailbox());
      return reader::Folder::load(std::move(mailbox), shown);
    }
    std::string path(name);
    if (name == "&") path = mbox_path();
    if (name.starts_with("~/")) path = identity_.home + path.substr(1);
    auto mailbox = TRY(store::open_mailbox_file(store_, identity_, path));
    return reader::Folder::load(std::move(mailbox), path);
  }

  [[nodiscard]] std::string mbox_path() const {
    return environment("MBOX").empty() ? identity_.home + "/mbox" : environment("MBOX");
  }

  // -e: exit 0 if there is mail. An empty file still says so, as the real one does (spec 5.1).
  Result<int> check(TerminalHost& host) {
    if (options_.file_given) {
      const auto folder = open_folder(options_.file.empty() ? mbox_path() : options_.file.front());
      return folder ? 0 : 1;
    }
    auto opened = open_system_mailbox();
    if (!opened) return 1;
    const auto folder = reader::Folder::load(std::move(opened->first), opened->second);
    if (folder && folder->size() > 0) return 0;
    if (sys::exists(opened->second)) host.print("No mail for " + identity_.user + '\n');
    return 1;
  }

  Result<int> read(reader::Session& session, TerminalHost& host) {
    reader::Start start;
    start.banner = "Tubepost mail-reader version " TUBEPOST_VERSION ".  Type ? for help.";
    start.quiet = options_.quiet;
    start.is_system_mailbox = !options_.file_given;
    start.mbox = mbox_path();
    auto folder = [&]() -> Result<reader::Folder> {
      if (!options_.file_given) return open_folder("%");
      const std::string path = options_.file.empty() ? mbox_path() : options_.file.front();
      return open_folder(path);
    }();
    if (!folder) {
      if (folder.error().code == Errc::NotFound && !options_.file_given) {
        host.print_error("No mail for " + identity_.user);
        return 1;
      }
      host.print_error(folder.error().log_text);
      return 1;
    }
    if (folder->size() == 0 && !options_.file_given && !options_.headers_only) {
      host.print("No mail for " + identity_.user + '\n');
      return 1;
    }
    if (options_.headers_only) {
      const bool any = folder->size() > 0;
      session.print_headers_only(*std::move(folder));
      return any ? 0 : 1;
    }
    return session.run(*std::move(folder), start,
                       [this](std::string_view name) { return open_folder(name); });
  }

  Result<int> send(reader::Session& session, TerminalHost& host) {
    reader::Draft draft;
    for (const auto& text : options_.addresses) {
      for (auto& one : reader::split_addresses(text)) draft.to.push_back(std::move(one));
    }
    for (const auto& text : options_.cc) {
      for (auto& one : reader::split_addresses(text)) draft.cc.push_back(std::move(one));
    }
    for (const auto& text : options_.bcc) {
      for (auto& one : reader::split_addresses(text)) draft.bcc.push_back(std::move(one));
    }
    draft.subject = options_.subject;
    draft.from = options_.from;
    if (options_.empty_body_is_nothing) session.variables().assign("skipemptybody");
    for (const auto& word : options_.attachments) {
      // Heirloom's -a FILE and BSD's -a 'Header: x' (D24): what is a file is attached.
      const auto colon = word.find(':');
      if (!sys::exists(word) && colon != std::string::npos &&
          message::is_field_name(std::string_view(word).substr(0, colon))) {
        draft.extra_fields.emplace_back(
            word.substr(0, colon),
            std::string(ascii::trim(std::string_view(word).substr(colon + 1))));
        continue;
      }
      auto octets = host.read_file(word);
      if (!octets) {
        host.print_error(octets.error().log_text);
        return EX_NOINPUT;
      }
      draft.attachments.push_back({word.substr(word.rfind('/') + 1), *std::move(octets)});
    }
    if (!options_.quote_file.empty()) {
      auto text = host.read_file(options_.quote_file);
      if (!text) {
        host.print_error(text.error().log_text);
        return EX_NOINPUT;
      }
      draft.text = *std::move(text);
    }
    return session.compose_and_send(std::move(draft));
  }

  Options options_;
  auth::Identity identity_;
  std::string origin_;
  store::Settings store_;
};

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::Options options;
  CLI::App app{"Read and write mail in a terminal", "mail-reader"};
  app.add_option("--config", options.config_paths, "Configuration file; may be repeated");
  auto* file =
      app.add_option("-f,--file", options.file, "Read FILE (an mbox or a Maildir; default: mbox)")
          ->expected(0, 1);
  app.add_option("-u,--user", options.user, "Read the system mailbox of this user");
  app.add_flag("-e", options.check, "Exit 0 if there is mail, 1 if not");
  app.add_flag("-H", options.headers_only, "Print the list of headers and exit");
  app.add_flag("-N", options.quiet, "No banner, summary and headers at the start");
  app.add_flag("-n", options.no_system_rc, "Do not read /etc/mail.rc");
  app.add_flag("-i", options.ignore_interrupts, "Ignore interrupts");
  app.add_flag("-E", options.empty_body_is_nothing, "Send nothing when the body is empty");
  app.add_flag("-d", options.dry_run, "Print what would be sent");
  app.add_flag("-v", options.verbose, "Accepted for other mail programs' sake");
  app.add_flag("-~", options.tildes, "Tilde escapes even if standard input is no terminal");
  app.add_option("-s,--subject", options.subject, "Subject of the message to send");
  app.add_option("-c,--cc", options.cc, "Carbon copies to")->allow_extra_args(false)->take_all();
  app.add_option("-b,--bcc", options.bcc, "Blind carbon copies to")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("-a,--attach", options.attachments,
                 "Attach FILE; or add 'Name: body' to the header")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("-r,--from", options.from, "Sender's address");
  app.add_option("-q", options.quote_file, "Begin the text with this file");
  app.add_option("-S", options.variables, "Set a variable: NAME or NAME=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("addresses", options.addresses, "Send standard input to these");
  if (const auto status = cmd::parse(app, argc, argv)) return *status;
  options.file_given = file->count() > 0;
  if (options.ignore_interrupts) static_cast<void>(std::signal(SIGINT, SIG_IGN));
  return cmd::run_program("mail-reader", [&] { return cmd::MailReader(options).run(); });
}
