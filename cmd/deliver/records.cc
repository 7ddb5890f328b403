#include "cmd/deliver/records.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdio>

#include "cmd/common/program.h"
#include "libmail/auth/system_accounts.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/local/recipient.h"
#include "libmail/store/factory/open.h"

namespace mail::cmd {
namespace {

// Explaining opens nothing.
class NoHelper final : public local::Helper {
 public:
  Result<void> make_mailbox() override { return {}; }
  Result<void> take_dotlock(std::chrono::milliseconds /*timeout*/) override { return {}; }
  void release_dotlock() override {}
};

using Method = store::MboxLocks::Method;

// mailbox_delivery_lock: fcntl always, dotlock by the monitor.
void add_flock(store::Settings& settings, const std::vector<std::string>& locks) {
  auto& methods = settings.mbox_locks.write;
  const bool is_asked_for = std::find(locks.begin(), locks.end(), "flock") != locks.end();
  const bool has_it = std::find(methods.begin(), methods.end(), Method::Flock) != methods.end();
  if (is_asked_for && !has_it) methods.push_back(Method::Flock);
}

Result<std::unique_ptr<store::Mailbox>> open_inbox(store::Settings settings,
                                                   const auth::Identity& identity,
                                                   const local::Place& place,
                                                   std::chrono::milliseconds lock_timeout) {
  settings.lock_timeout = lock_timeout;
  settings.mbox_locks.timeout.reset();
  if (place.in_spool) {  // the monitor makes the dotlock there
    std::erase_if(settings.mbox_locks.write, [](Method method) {
      return method == Method::Dotlock || method == Method::DotlockTry;
    });
  }
  auth::Identity whose = identity;
  if (!place.location.empty()) {  // a file named in an alias or .forward
    settings.mail_location = place.location;
    whose.mail_location.clear();
  }
  const auto mail_store = TRY(store::open_mail_store(settings, whose));
  return mail_store->open("INBOX");
}

}  // namespace

local::Settings local_settings(const config::Configuration& config) {
  const auto postfix = config.postfix();
  local::Settings settings;
  settings.mail = config::store_settings(config, {"lda", {}, {}, {}});
  settings.mailbox_size_limit = postfix.get_size("mailbox_size_limit");
  settings.queue_minfree = postfix.get_size("queue_minfree");
  settings.state_directory = postfix.get_string("tubepost_state_directory") + "/state";
  settings.recipient_delimiter = postfix.get_string("recipient_delimiter");
  settings.default_privs = postfix.get_string("default_privs");
  const auto forward_path = postfix.get_string("forward_path");
  settings.forward_path.clear();
  for (const auto word : ascii::words(forward_path, ", \t\r\n"))
    settings.forward_path.emplace_back(word);
  settings.allow_mail_to_commands = postfix.get_list("allow_mail_to_commands");
  settings.allow_mail_to_files = postfix.get_list("allow_mail_to_files");
  settings.command_time_limit = postfix.get_duration("command_time_limit");
  settings.local_command_shell = postfix.get_string("local_command_shell");
  settings.stale_lock_time =
      std::chrono::duration_cast<std::chrono::seconds>(postfix.get_duration("stale_lock_time"));
  const auto locks = postfix.get_list("mailbox_delivery_lock");
  settings.use_dotlock = std::find(locks.begin(), locks.end(), "dotlock") != locks.end();
  settings.hopcount_limit = postfix.get_integer("hopcount_limit");
  settings.socket = postfix.get_string("deliver_socket");
  settings.myhostname = postfix.get_string("myhostname");
  settings.myorigin = postfix.get_string("myorigin");
  settings.message_size_limit = postfix.get_size("message_size_limit");
  return settings;
}

Records::Records(const config::Configuration& config)
    : config_(config), accounts_(open_accounts(config)) {
  world_.recipient.settings = local_settings(config);
  auto mail = config::store_settings(config, {"lda", {}, {}, {}});
  add_flock(mail, config.postfix().get_list("mailbox_delivery_lock"));
  world_.recipient.open_mailbox = [settings = std::move(mail)](
                                      const auth::Identity& identity, const local::Place& place,
                                      std::chrono::milliseconds lock_timeout) {
    return open_inbox(settings, identity, place, lock_timeout);
  };
  world_.recipient.is_local_domain = [this](std::string_view domain) {
    if (domain.empty()) return true;
    const auto routes = open_routes();
    return routes && (*routes)->policy().is_local_domain(domain).value_or(false);
  };
  world_.find_account = [this](std::string_view name) { return accounts_->find(name); };
  world_.mail_directories = [settings = config::store_settings(config, {"lda", {}, {}, {}})](
                                const auth::Identity& identity) {
    return store::mail_directories(settings, identity);
  };
  world_.permit = [this](const alias::EndPoint& end_point) { return permit(end_point); };
  // An account of the system, whatever a password file says.
  if (const auto owner = auth::find_system_account(kMailOwner)) world_.mail_owner = owner->uid;
}

Result<Routes*> Records::open_routes() {
  if (!routes_) routes_ = TRY(Routes::open(config_, policy_settings(config_)));
  return routes_.get();
}

// The asker's word is not enough: our own alias files must lead there.
Result<std::string> Records::permit(const alias::EndPoint& end_point) {
  Routes* routes = TRY(open_routes());
  const auto addr_spec = TRY(address::parse_recipient_argument(end_point.original_to));
  const auto expansion =
      TRY(routes->expander().expand(addr_spec.local_part, end_point.original_to));
  const auto found = std::find_if(
      expansion.end_points.begin(), expansion.end_points.end(), [&](const alias::EndPoint& one) {
        return one.kind == end_point.kind && one.target == end_point.target;
      });
  if (found == expansion.end_points.end()) {
    return fail(
        Errc::Denied, "Not permitted",
        log::escape(end_point.original_to) + " does not lead to " + log::escape(end_point.target));
  }
  return found->runs_as;
}

int Records::serve(FileDescriptor connection) {
  if (const auto permitted = local::check_peer(world_, connection); !permitted) {
    log::warning(permitted.error().log_text);
    return EX_NOPERM;
  }
  local::serve_connection(world_, std::move(connection));
  return 0;
}

Result<int> explain_delivery(const config::Configuration& config, const std::string& address) {
  Records records(config);
  Routes* routes = TRY(records.open_routes());
  const auto addr_spec = TRY(address::parse_recipient_argument(address));
  Trace trace;
  const auto decision = routes->policy().decide({}, {addr_spec}, trace);
  if (!decision) {
    // The failed expansion's own steps say more than the refusal.
    {
      Trace failed;
      static_cast<void>(routes->expander().expand(addr_spec.local_part, address, &failed));
      trace.append(failed);
    }
    std::fputs(format_trace(trace).c_str(), stdout);
    std::printf("refused: %s\n", decision.error().public_text.c_str());
    return exit_status(decision.error());
  }
  std::fputs(format_trace(decision->trace).c_str(), stdout);
  const local::MonitorWorld& world = records.world();
  NoHelper helper;
  for (const auto& end_point : decision->end_points) {
    std::printf("end point: %s %s\n", std::string(alias::to_string(end_point.kind)).c_str(),
                end_point.target.c_str());
    if (end_point.kind == alias::Kind::Remote) continue;
    auth::Identity identity;
    if (auto account = world.find_account(end_point.target)) identity = *std::move(account);
    local::Recipient recipient(world.recipient, helper, identity);
    Trace steps;
    const auto explained = recipient.explain(end_point, steps);
    std::fputs(format_trace(steps).c_str(), stdout);
    if (!explained) std::printf("would fail: %s\n", explained.error().log_text.c_str());
  }
  return 0;
}

}  // namespace mail::cmd
