#include "libmail/tls/server_context.h"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "libmail/base/module.h"
#include "libmail/base/sys.h"
#include "libmail/net/signals.h"

namespace mail::tls {
namespace {

constexpr std::size_t kMaxPem = 1U << 20U;  // octets of a certificate file with its chain
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

}  // namespace

Result<std::shared_ptr<ServerContext>> ServerContext::load(const std::string& certificate_file,
                                                           const std::string& key_file) {
  void* address = TRY(base::open_module("tubepost-tls.so", "tubepost_tls_module"));
  const auto* module = reinterpret_cast<decltype(&tubepost_tls_module)>(address)();
  if (module->version != TUBEPOST_TLS_INTERFACE) {
    return fail(Errc::Unavailable, "TLS not available", "tubepost-tls.so is of another version");
  }
  const std::string certificate = TRY(sys::read_file(certificate_file, kMaxPem));
  std::string key = TRY(sys::read_file(key_file, kMaxPem));
  std::array<char, kReason> why{};
  auto* context = module->new_server(certificate.data(), certificate.size(), key.data(), key.size(),
                                     why.data(), why.size());
  ::explicit_bzero(key.data(), key.size());
  if (context == nullptr) {
    return fail(Errc::Config, "TLS not available",
                certificate_file + ", " + key_file + ": " + why.data());
  }
  return std::shared_ptr<ServerContext>(new ServerContext(module, context));
}

ServerContext::~ServerContext() { module_->free_context(context_); }

Result<std::unique_ptr<net::TlsChannel>> ServerContext::accept(int fd, MonotonicTime deadline) {
  SessionHandle session(module_->new_session(context_, fd), SessionDeleter{module_});
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

net::TlsStarter ServerContext::starter(std::shared_ptr<ServerContext> context) {
  return [context = std::move(context)](int fd, MonotonicTime deadline) {
    return context->accept(fd, deadline);
  };
}

}  // namespace mail::tls
