#include "cmd/common/routes.h"

#include "libmail/alias/map.h"
#include "libmail/auth/account_list.h"
#include "libmail/config/bindings.h"

namespace mail::cmd {
namespace {

std::chrono::seconds seconds(const config::Reader& reader, std::string_view name) {
  return std::chrono::duration_cast<std::chrono::seconds>(reader.get_duration(name));
}

}  // namespace

queue::Settings queue_settings(const config::Configuration& config) {
  const auto postfix = config.postfix();
  queue::Settings settings;
  settings.directory = postfix.get_string("tubepost_spool_directory");
  settings.notify_socket = postfix.get_string("tubepost_run_directory") + "/queue.sock";
  settings.minfree = postfix.get_size("queue_minfree");
  settings.minimal_backoff_time = seconds(postfix, "minimal_backoff_time");
  settings.maximal_backoff_time = seconds(postfix, "maximal_backoff_time");
  settings.maximal_queue_lifetime = seconds(postfix, "maximal_queue_lifetime");
  settings.bounce_queue_lifetime = seconds(postfix, "bounce_queue_lifetime");
  settings.delay_warning_time = seconds(postfix, "delay_warning_time");
  return settings;
}

std::unique_ptr<auth::Accounts> open_accounts(const config::Configuration& config) {
  return std::make_unique<auth::AccountList>(config::account_bindings(config).settings);
}

policy::Settings policy_settings(const config::Configuration& config) {
  const auto postfix = config.postfix();
  policy::Settings settings;
  settings.myorigin = postfix.get_string("myorigin");
  settings.mydestination = postfix.get_list("mydestination");
  settings.relay_domains = postfix.get_list("relay_domains");
  settings.mynetworks = postfix.get_list("mynetworks");
  settings.inet_interfaces = postfix.get_list("inet_interfaces");
  settings.proxy_interfaces = postfix.get_list("proxy_interfaces");
  settings.unknown_local_recipient_reject_code =
      static_cast<int>(postfix.get_integer("unknown_local_recipient_reject_code"));
  return settings;
}

Result<std::unique_ptr<Routes>> Routes::open(const config::Configuration& config,
                                             const policy::Settings& settings) {
  const auto postfix = config.postfix();
  std::unique_ptr<Routes> routes(new Routes);
  Routes* self = routes.get();
  const auto accounts = config::account_bindings(config).settings;
  routes->accounts_ = std::make_unique<auth::AccountList>(accounts);
  routes->has_virtual_accounts_ = accounts.has_virtual_accounts();
  alias::Expander::Settings expansion = config::alias_settings(config);
  // A table that cannot be read now counts as "not ours": the address then goes to the queue.
  expansion.is_local_domain = [self](std::string_view domain) {
    return self->policy_->is_local_domain(domain).value_or(false);
  };
  expansion.find_account = [self](std::string_view local_part,
                                  std::string_view domain) -> Result<std::string> {
    // The whole address first, as it may be an account of a password file; where all are the
    // system's, its name services need not be asked for one that is hardly there.
    const auto address = std::string(local_part) + '@' + std::string(domain);
    if (self->has_virtual_accounts_ && !domain.empty()) {
      auto account = self->accounts_->find(address);
      if (account) return std::move(account->user);
      if (account.error().code != Errc::NotFound) return fail(account.error());
    }
    auto account = TRY(self->accounts_->find(local_part));
    return std::move(account.user);
  };
  routes->expander_.emplace(std::move(expansion), alias::open_maps(postfix.get_list("alias_maps")));
  routes->policy_ = TRY(policy::RecipientPolicy::open(
      settings, [self](std::string_view local_part, std::string_view original) {
        return self->expander_->expand(local_part, original);
      }));
  return routes;
}

std::string format_trace(const Trace& trace) {
  std::string out;
  for (const auto& step : trace.steps()) {
    out += step.rule + ": " + step.text;
    if (!step.origin.empty()) out += " (" + step.origin + ')';
    out += '\n';
  }
  return out;
}

}  // namespace mail::cmd
