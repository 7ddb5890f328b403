#include "cmd/deliver/submit.h"

#include <fcntl.h>
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>

#include "cmd/common/program.h"
#include "cmd/common/routes.h"
#include "libmail/address/address_list.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/base/utf8.h"
#include "libmail/local/packet.h"
#include "libmail/local/socket_conversation.h"
#include "libmail/login/roles.h"
#include "libmail/message/generate.h"
#include "libmail/message/header_section.h"
#include "libmail/message/trace.h"
#include "libmail/queue/directory/directory_queue.h"
#include "libmail/queue/directory/drop.h"
#include "libmail/queue/end_points.h"
#include "libmail/smtp/session.h"

namespace mail::cmd {
namespace {

constexpr std::size_t kChunk = 64U << 10U;

// Where the message goes: the queue for who may write it, drop/ for everybody else.
class Sink {
 public:
  virtual ~Sink() = default;
  [[nodiscard]] virtual const queue::QueueId& id() const = 0;
  virtual Result<void> write(std::string_view octets) = 0;
  virtual Result<queue::QueueId> commit(queue::Envelope envelope) = 0;
};

class QueueSink final : public Sink {
 public:
  explicit QueueSink(std::unique_ptr<queue::Draft> draft) : draft_(std::move(draft)) {}
  [[nodiscard]] const queue::QueueId& id() const override { return draft_->id(); }
  Result<void> write(std::string_view octets) override { return draft_->write(octets); }
  Result<queue::QueueId> commit(queue::Envelope envelope) override {
    return draft_->commit(std::move(envelope));
  }

 private:
  std::unique_ptr<queue::Draft> draft_;
};

class DropSink final : public Sink {
 public:
  DropSink(const queue::Settings& settings, const Clock& clock) : drop_(settings, clock) {}
  Result<void> open() { return drop_.open(); }
  [[nodiscard]] const queue::QueueId& id() const override { return drop_.id(); }
  Result<void> write(std::string_view octets) override { return drop_.write(octets); }
  Result<queue::QueueId> commit(queue::Envelope envelope) override {
    return drop_.commit(std::move(envelope));
  }

 private:
  queue::Drop drop_;
};

// The message as it comes: LF line ends, and without -i a line with a lone dot ends it.
class Input {
 public:
  explicit Input(bool ignore_dots)
      : ignore_dots_(ignore_dots), in_(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {}

  // Next octets; empty at the end.
  Result<std::string> next() {
    while (!at_end_) {
      std::string chunk(kChunk, '\0');
      chunk.resize(TRY(sys::read(in_, chunk)));
      if (chunk.empty()) at_end_ = true;
      held_ += chunk;
      // Only whole lines leave, so that CRLF and the dot are seen whole.
      const auto last = at_end_ ? held_.size() : held_.rfind('\n') + 1;
      if (last == 0 && held_.size() < kChunk * 4) continue;
      const auto stop = last == 0 ? held_.size() - 1 : last;
      std::string out = take_lines(std::string_view(held_).substr(0, stop));
      held_.erase(0, stop);
      if (!out.empty()) return out;
    }
    return std::string();
  }

 private:
  // `text` ends with a line's end, with the input's, or within a line too long to be held.
  std::string take_lines(std::string_view text) {
    std::string out;
    while (!text.empty()) {
      const auto end = text.find('\n');
      const bool has_end = end != std::string_view::npos;
      const bool is_whole = has_end || at_end_;
      std::string_view line = text.substr(0, end);
      text.remove_prefix(has_end ? end + 1 : text.size());
      if (is_whole && line.ends_with('\r')) line.remove_suffix(1);
      if (!ignore_dots_ && line == "." && is_whole && !is_within_line_) {
        at_end_ = true;
        break;
      }
      out += line;
      if (has_end) out += '\n';
      is_within_line_ = !has_end;
    }
    return out;
  }

  bool ignore_dots_;
  FileDescriptor in_;
  std::string held_;
  bool at_end_ = false;
  bool is_within_line_ = false;  // the last octets given did not end their line
};

struct User {
  std::string name;
  std::string full_name;
};
User user_of(uid_t uid) {
  User user{std::to_string(uid), {}};
  if (const passwd* entry = ::getpwuid(uid)) {  // NOLINT(concurrency-mt-unsafe): one thread
    user.name = entry->pw_name;
    const std::string_view gecos = entry->pw_gecos;
    user.full_name = gecos.substr(0, gecos.find(','));
    // "&" stands for the account's name (passwd(5)).
    if (const auto at = user.full_name.find('&'); at != std::string::npos)
      user.full_name.replace(at, 1, user.name);
  }
  return user;
}

class Submission {
 public:
  Submission(const SubmitOptions& options, const config::Configuration& config)
      : options_(options), config_(config), input_(options.ignore_dots) {}

  Result<int> run() {
    origin_ = config_.postfix().get_string("myorigin");
    queue_ = queue_settings(config_);
    routes_ = TRY(Routes::open(config_, policy_settings(config_)));

    if (!options_.take_from_header && options_.recipients.empty()) {
      std::fputs("deliver: no recipients\n", stderr);
      return EX_USAGE;
    }
    // Recipients named as arguments are decided before anything is read.
    if (const int refused = TRY(add_recipients(options_.recipients)); refused != 0) return refused;
    TRY(read_header());
    if (options_.take_from_header) {
      if (const int refused = TRY(add_recipients(header_recipients())); refused != 0)
        return refused;
      if (envelope_.recipients.empty()) {
        std::fputs("deliver: no recipients in To, Cc or Bcc\n", stderr);
        return EX_DATAERR;
      }
    }
    TRY(open_sink());
    envelope_.reverse_path = sender();
    envelope_.arrived = clock_.now();
    envelope_.client = "uid " + std::to_string(uid_);
    TRY(write_message());
    const auto id = TRY(sink_->commit(envelope_));
    log::info(id.value + ": uid=" + std::to_string(uid_) + " from=<" +
              log::escape(envelope_.reverse_path) + '>');
    if (directory_queue_) attempt_now(id);
    return 0;
  }

 private:
  // 0, or the exit status of the first that is refused; nothing is taken then.
  Result<int> add_recipients(const std::vector<std::string>& texts) {
    int status = 0;
    for (const auto& text : texts) {
      const auto addr_spec = address::parse_recipient_argument(text);
      if (!addr_spec) {
        std::fprintf(stderr, "deliver: %s: 5.1.3 not an address\n", log::escape(text).c_str());
        status = EX_DATAERR;
        continue;
      }
      Trace trace;
      auto decision = routes_->policy().decide({}, {*addr_spec}, trace);
      if (!decision) {
        const Error& error = decision.error();
        std::fprintf(stderr, "deliver: %s: %s %s\n", log::escape(text).c_str(),
                     to_string(error.status).c_str(),
                     error.code == Errc::NotFound ? "user unknown" : error.public_text.c_str());
        status = exit_status(error);
        continue;
      }
      for (const auto& end_point : decision->end_points) {
        queue::Recipient to = queue::recipient_for(decision->address, end_point);
        const bool known = std::any_of(envelope_.recipients.begin(), envelope_.recipients.end(),
                                       [&](const queue::Recipient& one) {
                                         return one.kind == to.kind && one.target == to.target;
                                       });
        if (!known) envelope_.recipients.push_back(std::move(to));
      }
    }
    return status;
  }

  // The header section, and what was read behind it.
  Result<void> read_header() {
    std::string head;
    while (head.size() < message::kMaxHeaderSection && head.find("\n\n") == std::string::npos &&
           !head.starts_with('\n')) {
      const std::string more = TRY(input_.next());
      if (more.empty()) break;
      head += more;
    }
    header_ = message::HeaderSection::parse(head);
    rest_ = head.substr(header_.consumed());
    // Text without any header section: it is all body.
    if (header_.fields().empty() && !header_.octets().empty()) {
      rest_ = head;
      header_ = {};
    }
    return {};
  }

  [[nodiscard]] std::vector<std::string> header_recipients() const {
    std::vector<std::string> found;
    for (const char* name : {"To", "Cc", "Bcc"}) {
      for (const auto& body : header_.find_all(name)) {
        for (const auto& one : address::flatten(address::parse_address_list(body))) {
          // "root" alone reads as a display name without address: a local name.
          found.push_back(one.addr_spec.empty() ? one.display_name
                                                : address::to_string(one.addr_spec));
        }
      }
    }
    return found;
  }

  [[nodiscard]] std::string qualify(const std::string& text) const {
    if (text.empty() || text == "<>") return {};
    const auto addr_spec = address::parse_recipient_argument(text);
    if (!addr_spec) return text;
    address::AddrSpec full = *addr_spec;
    if (full.domain.empty()) full.domain = origin_;
    return address::to_string(full);
  }

  [[nodiscard]] std::string sender() const {
    if (options_.sender == "<>") return {};
    return qualify(options_.sender.empty() ? user_of(uid_).name : options_.sender);
  }

  Result<void> open_sink() {
    // What root writes must be the queue's own, or its runner could not read it.
    if (::geteuid() == 0) {
      if (const auto became = login::become_service("tubepost"); !became)
        log::warning(became.error().log_text);
    }
    const std::string directory = queue_.directory + "/queue";
    const bool is_ours = ::access(directory.c_str(), W_OK) == 0 || !sys::exists(directory);
    auto queue = is_ours ? queue::DirectoryQueue::open(queue_, clock_)
                         : Result<std::unique_ptr<queue::DirectoryQueue>>(
                               fail(Errc::Denied, "Not the queue's owner"));
    if (queue) {
      auto draft = (*queue)->create();
      if (draft) {
        directory_queue_ = *std::move(queue);
        sink_ = std::make_unique<QueueSink>(*std::move(draft));
        return {};
      }
      if (draft.error().code != Errc::Denied) return fail(draft.error());
    } else if (queue.error().code != Errc::Denied) {
      return fail(queue.error());
    }
    auto drop = std::make_unique<DropSink>(queue_, clock_);
    TRY(drop->open());
    sink_ = std::move(drop);
    return {};
  }

  // What Postfix's cleanup adds to a local message, and drops (its message_drop_headers): Bcc never
  // goes out, and what a mailbox had said of the message before is not this one's.
  [[nodiscard]] static bool is_dropped(std::string_view name) {
    constexpr std::array<std::string_view, 4> kDropped{"bcc", "resent-bcc", "return-path",
                                                       "content-length"};
    return std::any_of(kDropped.begin(), kDropped.end(),
                       [&](std::string_view one) { return ascii::iequals(name, one); });
  }
  Result<void> write_message() {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.now());
    std::string head;
    if (directory_queue_) {  // in drop/ the runner puts it there, with the uid that it sees
      message::Received received;
      received.user_id = uid_;
      received.by = config_.postfix().get_string("myhostname");
      received.id = sink_->id().value;
      received.date = message::to_local(now);
      received.zone_name = message::zone_name(now);
      head += message::make_received(received);
    }
    for (const auto& field : header_.fields()) {
      if (is_dropped(header_.name(field))) continue;
      head += header_.raw(field);
      if (!head.ends_with('\n')) head += '\n';
    }
    if (header_.count("From") == 0) {
      const User user = user_of(uid_);
      address::NameAddr from;
      from.display_name = options_.full_name.empty() ? user.full_name : options_.full_name;
      const std::string who =
          envelope_.reverse_path.empty() ? user.name + '@' + origin_ : envelope_.reverse_path;
      if (const auto addr_spec = address::parse_recipient_argument(who))
        from.addr_spec = *addr_spec;
      head += message::make_address_field("From", {from});
    }
    if (header_.count("Date") == 0)
      head += message::make_field(
          "Date", message::format_date(message::to_local(now), message::zone_name(now)));
    if (header_.count("Message-ID") == 0) {
      head += message::make_field(
          "Message-Id", message::make_message_id(now, sink_->id().value,
                                                 config_.postfix().get_string("myhostname")));
    }
    if (header_.count("To") == 0 && header_.count("Cc") == 0) {
      // RFC 5322 needs no destination field; Postfix names nobody either.
      head += "To: undisclosed-recipients:;\n";
    }
    TRY(sink_->write(head + "\n"));
    bool is_8bit = !utf8::is_ascii(head) || !utf8::is_ascii(rest_);
    TRY(sink_->write(rest_));
    std::string last = rest_;
    for (;;) {
      const std::string more = TRY(input_.next());
      if (more.empty()) break;
      is_8bit = is_8bit || !utf8::is_ascii(more);
      TRY(sink_->write(more));
      last = more;
    }
    if (!last.empty() && !last.ends_with('\n')) TRY(sink_->write("\n"));
    envelope_.body_8bit = is_8bit;
    return {};
  }

  void attempt_now(const queue::QueueId& id) {
    const std::string socket = config_.postfix().get_string("deliver_socket");
    local::SocketConversation local([socket] { return local::connect_packet_socket(socket); });
    // Durable already: what is local is tried at once, the rest is the runner's.
    smtp::attempt_local_now(*directory_queue_, id, local);
    directory_queue_->notify();
  }

  const SubmitOptions& options_;
  const config::Configuration& config_;
  const uid_t uid_ = ::getuid();  // who called; root becomes tubepost later
  SystemClock clock_;
  Input input_;
  std::string origin_;
  queue::Settings queue_;
  std::unique_ptr<Routes> routes_;
  std::unique_ptr<queue::DirectoryQueue> directory_queue_;
  std::unique_ptr<Sink> sink_;
  queue::Envelope envelope_;
  message::HeaderSection header_;
  std::string rest_;
};

}  // namespace

Result<int> submit(const SubmitOptions& options, const config::Configuration& config) {
  return Submission(options, config).run();
}

}  // namespace mail::cmd
