#include "libmail/relay/attempt.h"

#include <algorithm>
#include <map>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/header_section.h"
#include "libmail/message/trace.h"
#include "libmail/queue/end_points.h"
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
  std::string reply;       // the remote server's own words, if it was one
  bool is_logged = false;  // by deliver
};

class Attempt {
 public:
  Attempt(World& world, queue::Item& item, std::string destination, std::string relay_text)
      : world_(world),
        item_(item),
        destination_(std::move(destination)),
        relay_text_(std::move(relay_text)),
        began_(world.clock.now()) {}

  // The recipients that wait for this destination.
  [[nodiscard]] std::vector<std::size_t> pending() const {
    std::vector<std::size_t> indexes;
    const auto& recipients = item_.envelope().recipients;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      if (recipients.at(i).state != RecipientState::Pending) continue;
      if (destination_of(recipients.at(i), world_.settings) == destination_) indexes.push_back(i);
    }
    return indexes;
  }

  Result<AttemptResult> send(Client& client) {
    Message message;
    const auto& envelope = item_.envelope();
    message.size = envelope.size;
    message.smtputf8 = envelope.smtputf8;
    message.body_8bit = envelope.body_8bit;
    message.read = [this](std::uint64_t offset) { return item_.read_message(offset, kBlock); };
    for (const auto& group : group_for_transactions(pending())) {
      message.reverse_path = sender_of(group.front());
      message.recipients.clear();
      for (const auto index : group) message.recipients.push_back(remote_address(index));
      const auto results = client.send(message);
      for (std::size_t i = 0; i < group.size(); ++i) {
        const auto& one = results.at(i);
        fates_.push_back({group.at(i), one.outcome, one.status, one.text, one.reply, false});
      }
    }
    return finish();
  }

  Result<AttemptResult> deliver() {
    const auto indexes = pending();
    if (indexes.empty()) return finish();
    const auto message = TRY(item_.message());
    for (const auto index : indexes) deliver_one(index, message);
    return finish();
  }

  Result<AttemptResult> give_all(Outcome outcome, const Error& why) {
    for (const auto index : pending()) {
      fates_.push_back({index, outcome, why.status, why.public_text, {}, false});
    }
    return finish();
  }

 private:
  [[nodiscard]] std::string sender_of(std::size_t index) const {
    const auto& owner = item_.envelope().recipients.at(index).owner;
    return owner.empty() ? item_.envelope().reverse_path : owner;
  }

  [[nodiscard]] const std::string& remote_address(std::size_t index) const {
    const auto& recipient = item_.envelope().recipients.at(index);
    return recipient.target.empty() ? recipient.address : recipient.target;
  }

  // One transaction for each envelope sender (an owner-alias has another), of bounded size.
  [[nodiscard]] std::vector<std::vector<std::size_t>> group_for_transactions(
      const std::vector<std::size_t>& indexes) const {
    std::vector<std::vector<std::size_t>> groups;
    std::map<std::string, std::size_t> open;  // by sender: the group that has room
    for (const auto index : indexes) {
      const auto [found, is_new] = open.try_emplace(sender_of(index), groups.size());
      if (!is_new && groups.at(found->second).size() >= world_.settings.recipient_limit) {
        found->second = groups.size();
      }
      if (found->second == groups.size()) groups.emplace_back();
      groups.at(found->second).push_back(index);
    }
    return groups;
  }

  void deliver_one(std::size_t index, const FileDescriptor& message) {
    const auto& recipient = item_.envelope().recipients.at(index);
    local::Delivery delivery;
    delivery.delivery_id = queue::delivery_id(item_.envelope().id, index);
    delivery.queue_id = item_.envelope().id.value;
    delivery.reverse_path = sender_of(index);
    // A kind of a later version: taken for a user's name, as its address was.
    delivery.end_point = queue::end_point_of(recipient).value_or(
        alias::EndPoint{alias::Kind::User, recipient.target, recipient.original_to, recipient.owner,
                        recipient.runs_as, recipient.no_forward});
    delivery.from_queue = true;
    delivery.arrived_microseconds =
        static_cast<std::uint64_t>(item_.envelope().arrived.time_since_epoch().count());
    const auto verdict = world_.local.deliver(delivery, message, [] { return true; });
    Fate fate{index, Outcome::Deferred, verdict.status, verdict.text, {}, false};
    switch (verdict.answer) {
      case local::Answer::Ok:
        fate.outcome = Outcome::Sent;
        fate.status = {2, 0, 0};
        fate.text = "delivered to mailbox";
        fate.is_logged = true;
        break;
      case local::Answer::Forwarded:
        // What was stored or sent before it in this attempt keeps its mark.
        if (const auto queued = forward(index, verdict); !queued) {
          log::error(item_.envelope().id.value + ": no forward yet: " + queued.error().log_text);
          fate.status = {4, 3, 0};
          fate.text = "forward cannot be queued";
          break;
        }
        if (verdict.status.cls == 5) {
          // One of several targets failed for good: told to the sender.
          fate.outcome = Outcome::Failed;
          break;
        }
        fate.outcome = Outcome::Sent;
        fate.status = {2, 0, 0};
        fate.text = "forwarded as " + queue::forward_id(item_.envelope().id, index).value;
        fate.is_logged = true;
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
      queue::Recipient to = queue::recipient_for(address, end_point);
      if (to.original_to.empty()) to.original_to = original_to;
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

  // One report for each sender; what could not be reported stays pending, so that the next attempt
  // does it, and costs the others nothing.
  void report_all(ReportKind kind, const std::vector<Fate*>& fates) {
    std::map<std::string, std::vector<Fate*>> by_sender;
    for (auto* fate : fates) by_sender[sender_of(fate->index)].push_back(fate);
    for (const auto& [sender, group] : by_sender) {
      const auto made = report(kind, sender, group);
      if (made) continue;
      log::error(item_.envelope().id.value + ": no report yet: " + made.error().log_text);
      if (kind == ReportKind::Delay) continue;
      for (auto* fate : group) fate->outcome = Outcome::Deferred;
    }
  }

  [[nodiscard]] queue::QueueId report_id(ReportKind kind, const std::string& sender,
                                         std::size_t first_index) const {
    const auto& envelope = item_.envelope();
    if (kind == ReportKind::Failure) return queue::bounce_id(envelope.id, first_index);
    queue::QueueId id = queue::warning_id(envelope.id);
    if (sender == envelope.reverse_path) return id;
    // Once per owner too: by its first recipient, whatever became of that one.
    std::size_t index = 0;
    while (sender_of(index) != sender) ++index;
    id.value += std::to_string(index);
    return id;
  }

  Result<void> report(ReportKind kind, const std::string& sender, const std::vector<Fate*>& fates) {
    const auto& envelope = item_.envelope();
    if (envelope.reverse_path.empty()) {
      // Never a report about a report (RFC 5321 section 6.1); the log has it.
      if (kind == ReportKind::Failure) {
        log::warning(envelope.id.value + ": undeliverable, null reverse-path: no report");
      }
      return {};
    }
    const queue::QueueId id = report_id(kind, sender, fates.front()->index);
    if (TRY(world_.queue.exists(id))) return world_.queue.settle();
    Report made{kind, id, envelope, sender};
    for (const auto* fate : fates) {
      const auto& recipient = envelope.recipients.at(fate->index);
      made.recipients.push_back(
          {recipient.original_to.empty() ? recipient.address : recipient.original_to,
           recipient.kind == "remote" ? remote_address(fate->index) : recipient.address,
           fate->status, fate->text, fate->reply, fate->reply.empty() ? "" : remote_name()});
    }
    const std::string head = TRY(item_.read_message(0, kReturnedHeader));
    made.original_header = message::HeaderSection::parse(head).octets();
    made.myhostname = world_.settings.myhostname;
    made.now = world_.clock.now();
    made.lifetime = world_.queue_settings.maximal_queue_lifetime;
    const std::string text = make_report(made);
    queue::Envelope child;
    child.id = id;
    child.parent = envelope.id.value + ':' + std::to_string(fates.front()->index);
    child.client = "localhost";
    child.arrived = world_.clock.now();
    child.body_8bit = std::any_of(text.begin(), text.end(), ascii::is_8bit);
    child.smtputf8 = std::any_of(sender.begin(), sender.end(), ascii::is_8bit);
    TRY(add_recipient(sender, sender, child));
    if (child.recipients.empty()) return {};
    TRY(commit_child(std::move(child), {}, false, text));
    log::info(envelope.id.value + ": sender " +
              (kind == ReportKind::Failure ? "non-delivery" : "delay") +
              " notification: " + id.value);
    return {};
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
    std::vector<Fate*> failed;
    std::vector<Fate*> waiting;
    for (auto& fate : fates_) {
      if (!fate.is_logged) log_fate(fate);
      if (fate.outcome != Outcome::Sent && fate.outcome != Outcome::Failed) {
        if (age >= lifetime) {
          log::info(envelope.id.value + ": from=<" + log::escape(envelope.reverse_path) +
                    ">, status=expired, returned to sender");
          fate.outcome = Outcome::Failed;
          fate.status = {5, 4, 7};  // RFC 3463: delivery time expired
          fate.text = "delivery time expired; last: " + fate.text;
        } else {
          waiting.push_back(&fate);
        }
      }
      if (fate.outcome == Outcome::Failed) failed.push_back(&fate);
    }
    report_all(ReportKind::Failure, failed);
    const auto warn_after = world_.queue_settings.delay_warning_time;
    if (warn_after.count() > 0 && age >= warn_after) report_all(ReportKind::Delay, waiting);
    TRY(mark());
    AttemptResult result;
    if (!envelope.has_pending()) {
      TRY(item_.remove());
      log::info(envelope.id.value + ": removed");
      result.removed = true;
      return result;
    }
    result.destination_done = pending().empty();
    if (result.destination_done) return result;  // the time to try again is the others'
    result.next_try = next_try_of(envelope, world_.queue_settings, now);
    // An unknown outcome is tried again later than a plain failure (RFC 1047; D9).
    result.outcome_unknown = std::any_of(fates_.begin(), fates_.end(), [](const Fate& fate) {
      return fate.outcome == Outcome::Unknown;
    });
    if (result.outcome_unknown) result.next_try += world_.queue_settings.minimal_backoff_time;
    TRY(item_.defer(result.next_try));
    return result;
  }

  Result<void> mark() {
    std::vector<queue::Item::Mark> marks;
    for (const auto& fate : fates_) {
      marks.push_back({fate.index,
                       fate.outcome == Outcome::Sent     ? RecipientState::Done
                       : fate.outcome == Outcome::Failed ? RecipientState::Failed
                                                         : RecipientState::Pending,
                       fate.status, fate.text});
    }
    if (marks.empty()) return {};
    return item_.mark(marks);
  }

  World& world_;
  queue::Item& item_;
  std::string destination_;
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
  Attempt one(world, item, destination, relay_text);
  return client == nullptr ? one.deliver() : one.send(*client);
}

Result<AttemptResult> note_unreachable(World& world, queue::Item& item,
                                       const std::string& destination, const Error& why) {
  Attempt one(world, item, destination, "none");
  return one.give_all(why.is_permanent() ? Outcome::Failed : Outcome::Deferred, why);
}

}  // namespace mail::relay
