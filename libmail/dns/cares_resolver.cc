#include "libmail/dns/cares_resolver.h"

#include <ares.h>
#include <poll.h>

#include <array>
#include <optional>

#include "libmail/base/log.h"
#include "libmail/dns/message.h"

namespace mail::dns {
namespace {

constexpr int kClassIn = 1;
constexpr int kEdnsSize = 1232;  // octets: what passes without fragments everywhere

struct Pending {
  bool done = false;
  int status = ARES_SUCCESS;
  std::string octets;
};

void on_answer(void* data, int status, int /*timeouts*/, unsigned char* octets, int length) {
  auto* pending = static_cast<Pending*>(data);
  pending->done = true;
  pending->status = status;
  if (octets != nullptr && length > 0) {
    pending->octets.assign(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(length));
  }
}

class CaresResolver final : public Resolver {
 public:
  explicit CaresResolver(const Settings& settings) : settings_(settings) {}
  CaresResolver(const CaresResolver&) = delete;
  CaresResolver& operator=(const CaresResolver&) = delete;
  ~CaresResolver() override {
    if (channel_ != nullptr) ::ares_destroy(channel_);
    if (initialized_) ::ares_library_cleanup();
  }

  Result<void> open() {
    if (::ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return unavailable("c-ares");
    initialized_ = true;
    ::ares_options options{};
    // Without NOCHECKRESP: a server that says SERVFAIL or REFUSED is passed over for the next one.
    options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH;
    options.timeout = settings_.timeout_ms;
    options.tries = settings_.tries;
    options.ednspsz = kEdnsSize;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ;
    if (::ares_init_options(&channel_, &options, mask) != ARES_SUCCESS)
      return unavailable("c-ares");
    if (!settings_.servers.empty() &&
        ::ares_set_servers_ports_csv(channel_, settings_.servers.c_str()) != ARES_SUCCESS) {
      return fail(Errc::Config, "Resolver address wrong",
                  settings_.servers + ": not a name server's address");
    }
    return {};
  }

  Result<std::vector<Mx>> find_mx(std::string_view domain) override {
    const Answer answer = TRY(ask(domain, Type::Mx));
    std::vector<Mx> found;
    for (const auto& record : find_records(answer, Type::Mx)) {
      found.push_back({record.preference, record.data});
    }
    return found;
  }

  Result<std::vector<std::string>> find_addresses(std::string_view host) override {
    std::vector<std::string> found;
    std::optional<Error> unknown;  // one family could not be told
    std::optional<Error> missing;
    for (const Type type : {Type::Aaaa, Type::A}) {
      if (type == Type::A ? !settings_.ipv4 : !settings_.ipv6) continue;
      auto answer = ask(host, type);
      if (!answer) {
        (answer.error().code == Errc::NotFound ? missing : unknown) = std::move(answer).error();
        continue;
      }
      for (auto& record : find_records(*answer, type)) found.push_back(std::move(record.data));
    }
    if (!found.empty()) return found;
    // "No address" is said only when every family was answered: mail bounces by it.
    if (unknown) return fail(*std::move(unknown));
    if (missing) return fail(*std::move(missing));
    return found;
  }

 private:
  static tl::unexpected<Error> unavailable(std::string_view name) {
    return fail(Errc::Unavailable, EnhancedStatus{4, 4, 3}, "Host name lookup failure",
                "DNS look-up of " + log::escape(name) + " failed: no answer");
  }

  Result<Answer> ask(std::string_view name, Type type) {
    unsigned char* query = nullptr;
    int length = 0;
    const std::string text(name);
    if (::ares_create_query(text.c_str(), kClassIn, static_cast<int>(type), 0, 1, &query, &length,
                            kEdnsSize) != ARES_SUCCESS) {
      return fail(Errc::NotFound, EnhancedStatus{5, 4, 4}, "Host or domain name not found",
                  log::escape(name) + ": not a domain name");
    }
    Pending pending;
    ::ares_send(channel_, query, length, on_answer, &pending);
    ::ares_free_string(query);
    while (!pending.done) run_once();
    if (pending.octets.empty()) return unavailable(name);
    Answer answer = TRY(parse_answer(pending.octets));
    if (answer.rcode == 3) {
      return fail(Errc::NotFound, EnhancedStatus{5, 4, 4}, "Host or domain name not found",
                  "Host or domain name not found: " + log::escape(name));
    }
    // Truncated over TCP too: an MX that was cut off may be the one to use.
    if (answer.rcode != 0 || answer.truncated) return unavailable(name);
    return answer;
  }

  void run_once() {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int bits = ::ares_getsock(channel_, sockets.data(), static_cast<int>(sockets.size()));
    std::array<pollfd, ARES_GETSOCK_MAXNUM> waits{};
    nfds_t count = 0;
    for (unsigned i = 0; i < sockets.size(); ++i) {
      const bool read = ARES_GETSOCK_READABLE(bits, i) != 0;
      const bool write = ARES_GETSOCK_WRITABLE(bits, i) != 0;
      if (!read && !write) continue;
      waits.at(count++) = {sockets.at(i),
                           static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)), 0};
    }
    ::timeval longest{1, 0};
    ::timeval wait{};
    const ::timeval* chosen = ::ares_timeout(channel_, &longest, &wait);
    ::poll(waits.data(), count,
           static_cast<int>(chosen->tv_sec * 1000 + chosen->tv_usec / 1000 + 1));
    if (count == 0) ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 0; i < count; ++i) {
      const auto& one = waits.at(i);
      ::ares_process_fd(
          channel_, (one.revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? one.fd : ARES_SOCKET_BAD,
          (one.revents & POLLOUT) != 0 ? one.fd : ARES_SOCKET_BAD);
    }
  }

  Settings settings_;
  ares_channel channel_ = nullptr;
  bool initialized_ = false;
};

}  // namespace

Result<std::unique_ptr<Resolver>> open_resolver(const Settings& settings) {
  auto resolver = std::make_unique<CaresResolver>(settings);
  TRY(resolver->open());
  return resolver;
}

}  // namespace mail::dns
