#include "libmail/relay/attempt.h"

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/header_section.h"
#include "libmail/message/trace.h"
#include "libmail/relay/next_hop.h"
#include "libmail/relay/report.h"

namespace mail::relay {
namespace {

using queue::RecipientState;

constexpr std::size_t kBlock = 64U << 10U;
constexpr std::size_t kReturnedHeader = 50'000;  // octets of the original's header in a report

std::string seconds_text(WallTime from, WallTime to) {
  const auto tenths =
      std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count() / 100;
  return std::to_string(tenths / 10) + '.' + std::to_string(std::max<std::int64_t>(tenths % 10, 0));
}

// What became of one recipient in this attempt.
struct Fate {
  std::size_t index = 0;
  Outcome outcome = Outcome::Deferred;
  EnhancedStatus status{4, 0, 0};
  std::string text;
};

class Attempt {
 public:
  Attempt(World& world, queue::Item& item, std::string relay_text)
      : world_(world), item_(item), relay_text_(std::move(relay_text)), began_(world.clock.now()) {}

  [[nodiscard]] std::vector<std::size_t> pending_for(const std::string& destination) const {
    std::vector<std::size_t> indexes;
    const auto& recipients = item_.envelope().recipients;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      if (recipients.at(i).state != RecipientState::Pending) continue;
      if (destination_of(recipients.at(i), world_.settings) == destination) indexes.push_back(i);
    }
    return indexes;
  }

  Result<AttemptResult> send(const std::vector<std::size_t>& indexes, Client& client) {
    Message message;
    const auto& envelope = item_.envelope();
    message.size = envelope.size;
    message.smtputf8 = envelope.smtputf8;
    message.body_8bit = envelope.body_8bit;
    message.read = [this](std::uint64_t offset) { return item_.read_message(offset, kBlock); };
    // One transaction for each envelope sender: an owner-alias has another.
    std::vector<std::size_t> rest = indexes;
    while (!rest.empty()) {
      const std::string sender = sender_of(rest.front());
      std::vector<std::size_t> group;
      std::copy_if(rest.begin(), rest.end(), std::back_inserter(group),
                   [&](std::size_t i) { return sender_of(i) == sender; });
      rest.erase(std::remove_if(rest.begin(), rest.end(),
                                [&](std::size_t i) { return sender_of(i) == sender; }),
                 rest.end());
      message.reverse_path = sender;
      message.recipients.clear();
      for (const auto index : group)
        message.recipients.push_back(envelope.recipients.at(index).target.empty()
                                         ? envelope.recipients.at(index).address
                                         : envelope.recipients.at(index).target);
      if (!client.is_open()) {
        for (const auto index : group)
          fates_.push_back({index, Outcome::Deferred, {4, 4, 2}, "lost connection"});
        continue;
      }
      const auto results = client.send(message);
      for (std::size_t i = 0; i < group.size(); ++i) {
        fates_.push_back(
            {group.at(i), results.at(i).outcome, results.at(i).status, results.at(i).text});
      }
    }
    auto result = finish();
    if (result && !client.is_open()) result->is_unreachable = true;
    return result;
  }

  Result<AttemptResult> deliver(const std::vector<std::size_t>& indexes) {
    const auto message = TRY(item_.message());
    for (const auto index : indexes) TRY(deliver_one(index, message));
    return finish();
  }

  Result<AttemptResult> give_all(const std::vector<std::size_t>& indexes, Outcome outcome,
                                 const Error& why) {
    for (const auto index : indexes) fates_.push_back({index, outcome, why.status, why.log_text});
    return finish();
  }

 private:
  [[nodiscard]] std::string sender_of(std::size_t index) const {
    const auto& owner = item_.envelope().recipients.at(index).owner;
    return owner.empty() ? item_.envelope().reverse_path : owner;
  }

  Result<void> deliver_one(std::size_t index, const FileDescriptor& message) {
    const auto& recipient = item_.envelope().recipients.at(index);
    const auto kind = alias::kind_from_string(recipient.kind);
    local::Delivery delivery;
    delivery.delivery_id = queue::delivery_id(item_.envelope().id, index);
    delivery.queue_id = item_.envelope().id.value;
    delivery.reverse_path = sender_of(index);
    delivery.end_point = {kind.value_or(alias::Kind::User),
                          recipient.target,
                          recipient.original_to,
                          recipient.owner,
                          recipient.runs_as,
                          recipient.no_forward};
    delivery.from_queue = true;
    delivery.arrived_microseconds =
        static_cast<std::uint64_t>(item_.envelope().arrived.time_since_epoch().count());
    const auto verdict = world_.local.deliver(delivery, message, [] { return true; });
    Fate fate{index, Outcome::Deferred, verdict.status, verdict.text};
    switch (verdict.answer) {
      case local::Answer::Ok:
        fate.outcome = Outcome::Sent;
        fate.status = {2, 0, 0};
        fate.text = "delivered to mailbox";
        break;
      case local::Answer::Forwarded:
        TRY(forward(index, verdict));
        if (verdict.status.cls ==
            5) {  // one of several targets failed for good: told to the sender
          fate.outcome = Outcome::Failed;
          break;
        }
        fate.outcome = Outcome::Sent;
        fate.status = {2, 0, 0};
        fate.text = "forwarded as " + queue::forward_id(item_.envelope().id, index).value;
        break;
      case local::Answer::Unknown:
        fate.outcome = Outcome::Failed;
        fate.status = {5, 1, 1};
        fate.text = "unknown user: \"" + recipient.target + '"';
        break;
      case local::Answer::Failed:
        fate.outcome = Outcome::Failed;
        if (fate.status.cls != 5) fate.status = {5, 0, 0};
        break;
      case local::Answer::Full:
        if (fate.status.cls == 5) fate.outcome = Outcome::Failed;
        if (fate.status.cls == 0) fate.status = {4, 2, 2};
        if (fate.text.empty()) fate.text = "mailbox full";
        break;
      default:
        if (fate.status.cls != 4) fate.status = {4, 3, 0};
        if (fate.text.empty()) fate.text = "mailbox unavailable";
    }
    fates_.push_back(std::move(fate));
    return {};
  }

  // The forward's own queue file, durable before the parent's mark; found again by its fixed name
  // when an attempt before was cut off (delivery-changes.md: lock-parent, exist-sync).
  Result<void> forward(std::size_t index, const local::Verdict& verdict) {
    const auto& parent = item_.envelope();
    const auto& recipient = parent.recipients.at(index);
    queue::Envelope envelope = parent;
    envelope.id = queue::forward_id(parent.id, index);
    envelope.parent = parent.id.value + ':' + std::to_string(index);
    envelope.reverse_path = sender_of(index);
    envelope.recipients.clear();
    for (const auto& target : verdict.forward_to)
      TRY(add_recipient(target.target, target.original_to, envelope));
    if (envelope.recipients.empty()) return {};
    std::string prefix;
    if (const auto original = address::parse_recipient_argument(recipient.original_to)) {
      prefix = message::make_delivered_to(*original);
    }
    return commit_child(std::move(envelope), prefix, true, "");
  }

  Result<void> add_recipient(const std::string& address, const std::string& original_to,
                             queue::Envelope& envelope) {
    auto end_points = world_.expand(address);
    if (!end_points && end_points.error().is_permanent()) {
      // Nobody: its own delivery attempt will say so, in a report of its own.
      queue::Recipient unknown;
      unknown.address = unknown.original_to = address;
      unknown.kind = "user";
      unknown.target = address.substr(0, address.find('@'));
      envelope.recipients.push_back(std::move(unknown));
      return {};
    }
    if (!end_points) return fail(std::move(end_points).error());
    for (const auto& end_point : *end_points) {
      queue::Recipient to;
      to.address = address;
      to.original_to = end_point.original_to.empty() ? original_to : end_point.original_to;
      to.owner = end_point.owner;
      to.kind = alias::to_string(end_point.kind);
      to.target = end_point.target;
      to.runs_as = end_point.runs_as;
      to.no_forward = end_point.no_forward;
      envelope.recipients.push_back(std::move(to));
    }
    return {};
  }

  Result<void> commit_child(queue::Envelope envelope, std::string_view prefix, bool copy_message,
                            const std::string& text) {
    if (TRY(world_.queue.exists(envelope.id))) return world_.queue.settle();
    auto draft = TRY(world_.queue.create_reserved());
    if (!prefix.empty()) TRY(draft->write(prefix));
    if (!text.empty()) TRY(draft->write(text));
    for (std::uint64_t offset = 0; copy_message;) {
      const std::string block = TRY(item_.read_message(offset, kBlock));
      if (block.empty()) break;
      TRY(draft->write(block));
      offset += block.size();
    }
    const auto committed = draft->commit(std::move(envelope));
    if (!committed && committed.error().code != Errc::Exists) return fail(committed.error());
    world_.queue.notify();
    return {};
  }

  Result<void> report(ReportKind kind, const std::vector<Fate>& fates) {
    const auto& envelope = item_.envelope();
    if (fates.empty()) return {};
    if (envelope.reverse_path.empty()) {
      // Never a report about a report (RFC 5321 section 6.1); the log has it.
      if (kind == ReportKind::Failure) {
        log::warning(envelope.id.value + ": undeliverable, null reverse-path: no report");
      }
      return {};
    }
    std::vector<ReportedRecipient> recipients;
    for (const auto& fate : fates) {
      const auto& recipient = envelope.recipients.at(fate.index);
      recipients.push_back(
          {recipient.original_to.empty() ? recipient.address : recipient.original_to,
           recipient.address, fate.status, fate.text, relay_text_ == "local" ? "" : remote_name()});
    }
    const std::string head = TRY(item_.read_message(0, kReturnedHeader));
    const auto header = message::HeaderSection::parse(head);
    queue::Envelope child;
    child.id = kind == ReportKind::Failure ? queue::bounce_id(envelope.id, fates.front().index)
                                           : queue::warning_id(envelope.id);
    child.parent = envelope.id.value + ':' + std::to_string(fates.front().index);
    child.client = "localhost";
    child.arrived = world_.clock.now();
    TRY(add_recipient(envelope.reverse_path, envelope.reverse_path, child));
    const std::string text = make_report(kind, envelope, recipients, std::string(header.octets()),
                                         world_.settings.myhostname, world_.clock.now(),
                                         world_.queue_settings.maximal_queue_lifetime);
    log::info(envelope.id.value + ": sender " +
              (kind == ReportKind::Failure ? "non-delivery" : "delay") +
              " notification: " + child.id.value);
    return commit_child(std::move(child), {}, false, text);
  }

  [[nodiscard]] std::string remote_name() const {
    return relay_text_.substr(0, relay_text_.find('['));
  }

  void log_fate(const Fate& fate) const {
    const auto& envelope = item_.envelope();
    const auto& recipient = envelope.recipients.at(fate.index);
    const char* status = fate.outcome == Outcome::Sent     ? "sent"
                         : fate.outcome == Outcome::Failed ? "bounced"
                                                           : "deferred";
    const WallTime now = world_.clock.now();
    log::info(envelope.id.value + ": to=<" + log::escape(recipient.address) +
              ">, relay=" + relay_text_ + ", delay=" + seconds_text(envelope.arrived, now) +
              ", delays=" + seconds_text(envelope.arrived, began_) + "/0/0/" +
              seconds_text(began_, now) + ", dsn=" + to_string(fate.status) + ", status=" + status +
              " (" + log::escape(fate.text, 400) + ')');
  }

  // Expired recipients fail; reports and marks; what is next.
  Result<AttemptResult> finish() {
    const auto& envelope = item_.envelope();
    const WallTime now = world_.clock.now();
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - envelope.arrived);
    const auto lifetime = envelope.reverse_path.empty()
                              ? world_.queue_settings.bounce_queue_lifetime
                              : world_.queue_settings.maximal_queue_lifetime;
    std::vector<Fate> failed;
    std::vector<Fate> waiting;
    for (auto& fate : fates_) {
      log_fate(fate);
      if (fate.outcome != Outcome::Sent && fate.outcome != Outcome::Failed) {
        if (age >= lifetime) {
          log::info(envelope.id.value + ": from=<" + log::escape(envelope.reverse_path) +
                    ">, status=expired, returned to sender");
          fate.outcome = Outcome::Failed;
          fate.status = {5, 4, 7};  // RFC 3463: delivery time expired
          fate.text = "delivery time expired; last: " + fate.text;
        } else {
          waiting.push_back(fate);
        }
      }
      if (fate.outcome == Outcome::Failed) failed.push_back(fate);
    }
    TRY(report(ReportKind::Failure, failed));
    const auto warn_after = world_.queue_settings.delay_warning_time;
    if (!waiting.empty() && warn_after.count() > 0 && age >= warn_after) {
      TRY(report(ReportKind::Delay, waiting));
    }
    std::vector<queue::Item::Mark> marks;
    for (const auto& fate : fates_) {
      marks.push_back({fate.index,
                       fate.outcome == Outcome::Sent     ? RecipientState::Done
                       : fate.outcome == Outcome::Failed ? RecipientState::Failed
                                                         : RecipientState::Pending,
                       fate.status, fate.text});
    }
    TRY(item_.mark(marks));
    AttemptResult result;
    if (!item_.envelope().has_pending()) {
      TRY(item_.remove());
      log::info(envelope.id.value + ": removed");
      result.removed = true;
      return result;
    }
    result.next_try = next_try_of(envelope, world_.queue_settings, now);
    // An unknown outcome is tried again later than a plain failure (RFC 1047; D9).
    if (std::any_of(fates_.begin(), fates_.end(),
                    [](const Fate& fate) { return fate.outcome == Outcome::Unknown; })) {
      result.next_try += world_.queue_settings.minimal_backoff_time;
    }
    TRY(item_.defer(result.next_try));
    return result;
  }

  World& world_;
  queue::Item& item_;
  std::string relay_text_;
  WallTime began_;
  std::vector<Fate> fates_;
};

}  // namespace

std::string destination_of(const queue::Recipient& recipient, const Settings& settings) {
  if (recipient.kind != "remote") return std::string(kLocalDestination);
  return destination_of(settings, recipient.target.empty() ? recipient.address : recipient.target);
}

WallTime next_try_of(const queue::Envelope& envelope, const queue::Settings& settings,
                     WallTime now) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - envelope.arrived);
  return now + std::clamp(age, settings.minimal_backoff_time, settings.maximal_backoff_time);
}

Result<AttemptResult> attempt(World& world, queue::Item& item, const std::string& destination,
                              Client* client, const std::string& relay_text) {
  Attempt one(world, item, relay_text);
  const auto indexes = one.pending_for(destination);
  return client == nullptr ? one.deliver(indexes) : one.send(indexes, *client);
}

Result<AttemptResult> note_unreachable(World& world, queue::Item& item,
                                       const std::string& destination, const Error& why) {
  Attempt one(world, item, "none");
  const bool final = why.is_permanent();
  auto result =
      one.give_all(one.pending_for(destination), final ? Outcome::Failed : Outcome::Deferred, why);
  if (result) result->is_unreachable = !final;
  return result;
}

}  // namespace mail::relay
