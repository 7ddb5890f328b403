#include "libmail/tls/server_context.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "libmail/base/clock.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/net/signals.h"
#include "libmail/tls/open_module.h"
#include "libmail/tls/own_certificate.h"
#include "libmail/tls/ticket_secrets.h"

namespace mail::tls {
namespace {

constexpr std::size_t kReason = 256;

struct SessionDeleter {
  const tubepost_tls* module;
  void operator()(tubepost_tls_session* session) const { module->free_session(session); }
};
using SessionHandle = std::unique_ptr<tubepost_tls_session, SessionDeleter>;

class ModuleChannel final : public net::TlsChannel {
 public:
  ModuleChannel(const tubepost_tls* module, SessionHandle session)
      : module_(module), session_(std::move(session)) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    std::size_t got = 0;
    const auto result = module_->read(session_.get(), into, size, &got);
    return outcome(result, got);
  }
  Result<std::size_t> write(const char* from, std::size_t size) override {
    std::size_t put = 0;
    const auto written = module_->write(session_.get(), from, size, &put);
    auto result = outcome(written, put);
    if (result && *result == 0) return fail(Errc::Closed, "Connection closed");
    return result;
  }
  [[nodiscard]] bool wants_write() const override { return wants_write_; }
  [[nodiscard]] bool has_pending() const override { return module_->pending(session_.get()) != 0; }
  void close_notify() override {
    if (!is_broken_) module_->close_notify(session_.get());
  }
  [[nodiscard]] std::string description() const override {
    std::array<char, kReason> text{};
    module_->describe(session_.get(), text.data(), text.size());
    return text.data();
  }
  [[nodiscard]] bool was_resumed() const override {
    return module_->was_resumed(session_.get()) != 0;
  }

 private:
  Result<std::size_t> outcome(tubepost_tls_result result, std::size_t count) {
    switch (result) {
      case TUBEPOST_TLS_DONE:
        return count;
      case TUBEPOST_TLS_WANT_READ:
      case TUBEPOST_TLS_WANT_WRITE:
        wants_write_ = result == TUBEPOST_TLS_WANT_WRITE;
        return fail(Errc::InUse, "Not yet");
      case TUBEPOST_TLS_CLOSED:
        return std::size_t{0};
      case TUBEPOST_TLS_FAILED:
        break;
    }
    is_broken_ = true;  // OpenSSL: no more calls on this session, a farewell included
    return fail(Errc::Closed, "Connection closed", "TLS: broken record from the peer");
  }

  const tubepost_tls* module_;
  SessionHandle session_;
  bool wants_write_ = false;
  bool is_broken_ = false;
};

// OpenSSL blocks where the descriptor does: pipes and terminals are left blocking (net).
Result<void> wait_for(int fd, short events, MonotonicTime deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(Errc::Timeout, "TLS handshake timed out");
    ::pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "peer"));
    if (net::termination_requested()) {
      return fail(Errc::Closed, "Connection closed", "TLS handshake: ended by a signal");
    }
  }
}

tubepost_tls_pem view(const Pem& pem) {
  return {pem.certificate.data(), pem.certificate.size(), pem.key.data(), pem.key.size()};
}

// One handshake's way from a client's name to a certificate, called by the module.
struct NameAsker {
  const tubepost_tls* module;
  const Settings& settings;
  const NamedReader& read;

  static long find(void* self, const char* name) {
    return find_name(static_cast<NameAsker*>(self)->settings.named, name);
  }
  static void fetch(void* self, long number, tubepost_tls_session* session) {
    const auto& asker = *static_cast<NameAsker*>(self);
    const auto& named = asker.settings.named.at(static_cast<std::size_t>(number));
    const auto certificates = asker.read(static_cast<std::size_t>(number));
    if (!certificates) {
      log::error("TLS: no certificate for " + named.name + ": " + certificates.error().log_text);
      return;
    }
    for (const auto& pem : *certificates) {
      const auto octets = view(pem);
      std::array<char, kReason> why{};
      if (asker.module->use_certificate(session, &octets, why.data(), why.size()) == 0) {
        log::error("TLS: no certificate for " + named.name + ": " + pem.origin + ": " + why.data());
      }
    }
  }
};
constexpr tubepost_tls_names kNames = {NameAsker::find, NameAsker::fetch};

}  // namespace

Result<std::shared_ptr<ServerContext>> ServerContext::load(Settings settings) {
  const auto* module = TRY(open_module());
  if (!settings.make_for.empty()) {
    TRY(make_own_certificate(settings.certificates.front(), settings.make_for));
  }
  const auto certificates = TRY(read_certificates(settings.certificates));
  const tubepost_tls_options options{
      settings.versions, settings.ciphers.c_str(), settings.prefer_server_ciphers ? 1 : 0,
      settings.service.c_str(), static_cast<unsigned long>(settings.ticket_lifetime.count())};
  std::array<char, kReason> why{};
  auto* context = module->new_context(&options, why.data(), why.size());
  if (context == nullptr) return fail(Errc::Config, "TLS not available", why.data());
  std::shared_ptr<ServerContext> loaded(new ServerContext(module, context, std::move(settings)));
  for (const auto& pem : certificates) {
    const auto octets = view(pem);
    if (module->add_certificate(context, &octets, why.data(), why.size()) == 0) {
      return fail(Errc::Config, "TLS not available", pem.origin + ": " + why.data());
    }
  }
  return loaded;
}

ServerContext::~ServerContext() {
  forget_tickets();
  module_->free_context(context_);
}

void ServerContext::read_tickets() {
  if (settings_.ticket_file.empty() || settings_.ticket_lifetime.count() <= 0) return;
  auto secrets =
      read_ticket_secrets(settings_.ticket_file, settings_.ticket_lifetime, SystemClock().now());
  if (secrets) {
    ticket_secrets_ = *std::move(secrets);
    return;
  }
  module_->set_ticket_secrets(context_, nullptr, 0);
  // Not ours to use or to make (a service that was not started as root): every handshake is full.
  const auto code = secrets.error().code;
  if (code == Errc::Denied || code == Errc::NotFound || code == Errc::InUse) return;
  log::warning(secrets.error().log_text);
}

void ServerContext::forget_tickets() {
  ::explicit_bzero(ticket_secrets_.data(), ticket_secrets_.size());
  ticket_secrets_.clear();
}

Result<std::unique_ptr<net::TlsChannel>> ServerContext::accept(int fd, MonotonicTime deadline,
                                                               const NamedReader& read) {
  // Derived only now: a connection that never asks for TLS needs no keys.
  if (!ticket_secrets_.empty()) {
    module_->set_ticket_secrets(context_, ticket_secrets_.c_str(),
                                ticket_secrets_.size() / kTicketSecret);
    forget_tickets();
  }
  NameAsker asker{module_, settings_, read};
  const bool has_names = read && !settings_.named.empty();
  SessionHandle session(module_->new_session(context_, fd, has_names ? &kNames : nullptr, &asker),
                        SessionDeleter{module_});
  if (!session) return fail(Errc::Unavailable, "TLS not available", "tls: no session");
  for (;;) {
    std::array<char, kReason> why{};
    switch (module_->accept(session.get(), why.data(), why.size())) {
      case TUBEPOST_TLS_DONE:
        return std::make_unique<ModuleChannel>(module_, std::move(session));
      case TUBEPOST_TLS_WANT_READ:
        TRY(wait_for(fd, POLLIN, deadline));
        break;
      case TUBEPOST_TLS_WANT_WRITE:
        TRY(wait_for(fd, POLLOUT, deadline));
        break;
      case TUBEPOST_TLS_CLOSED:
        return fail(Errc::Closed, "Connection closed", "TLS handshake: the peer has closed");
      case TUBEPOST_TLS_FAILED:
        return fail(Errc::Denied, "TLS handshake failed", why.data());
    }
  }
}

net::TlsStarter ServerContext::starter(std::shared_ptr<ServerContext> context, NamedReader read) {
  return [context = std::move(context), read = std::move(read)](int fd, MonotonicTime deadline) {
    return context->accept(fd, deadline, read);
  };
}

NamedReader open_named(const Settings& settings) {
  auto files = std::make_shared<OpenCertificateFiles>();
  for (const auto& named : settings.named) files->open(named.certificates);
  return [files, &settings](std::size_t number) {
    return read_certificates(settings.named.at(number).certificates,
                             [&](const std::string& path) { return files->read(path); });
  };
}

}  // namespace mail::tls
