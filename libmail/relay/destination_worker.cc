#include "libmail/relay/destination_worker.h"

#include <algorithm>
#include <random>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/net/signals.h"
#include "libmail/relay/connect.h"
#include "libmail/relay/next_hop.h"

namespace mail::relay {
namespace {

constexpr std::string_view kWords[] = {"removed", "done", "pending", "gone", "up", "down"};
constexpr auto kTerminationGrace = std::chrono::seconds(10);  // for the message in hand
constexpr auto kInUse = std::chrono::seconds(1);  // another worker sends it elsewhere meanwhile

// A destination as one word, whatever relayhost or an address literal holds: octets that would end
// it as %HH.
std::string encode_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (ascii::is_visible(c) && c != '%') {
      out += c;
    } else {
      out += '%' + ascii::to_hex({&c, 1});
    }
  }
  return out;
}
Result<std::string> decode_word(std::string_view word) {
  std::string out;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (word[at] != '%') {
      out += word[at];
      continue;
    }
    const auto octet = ascii::from_hex(word.substr(at + 1, 2));
    if (!octet || octet->empty()) return fail(Errc::Syntax, "% without two digits");
    out += *octet;
    at += 2;
  }
  return out;
}

// A connected and greeted client, or why there is none.
struct Connection {
  FileDescriptor socket;
  std::unique_ptr<net::DescriptorTransport> io;
  std::unique_ptr<Client> client;
  std::string name;  // "mx.peer.example[192.0.2.1]:25"
};

Result<Connection> open_connection(World& world, dns::Resolver& resolver,
                                   const std::string& destination) {
  std::random_device random;
  const auto hosts = TRY(find_hosts(destination, world.settings, resolver,
                                    [&](std::size_t below) { return random() % below; }));
  Error last = make_error(Errc::Unavailable, "no host to try");
  bool is_final = true;
  for (const auto& host : hosts) {
    auto socket = connect_to(host, world.settings.connect_timeout);
    if (!socket) {
      log::info(socket.error().log_text);
      last = socket.error();
      is_final = false;
      continue;
    }
    Connection connection;
    connection.socket = *std::move(socket);
    connection.name = host.name + '[' + host.address + "]:" + std::to_string(host.port);
    net::DescriptorTransport::Settings transport;
    transport.write_timeout = world.settings.data_timeout;
    transport.termination_grace = kTerminationGrace;
    connection.io = std::make_unique<net::DescriptorTransport>(
        connection.socket.get(), connection.socket.get(), std::move(transport));
    connection.client = std::make_unique<Client>(*connection.io, world.settings, world.clock);
    auto greeted = connection.client->greet();
    if (greeted) return connection;
    last = greeted.error();
    last.log_text = connection.name + ": " + last.log_text;
    log::info(last.log_text);
    is_final = is_final && last.is_permanent();
  }
  // One host that takes no mail at all (521) does not speak for the others.
  if (!is_final && last.is_permanent()) last.status.cls = 4;
  return fail(std::move(last));
}

}  // namespace

std::string format_job(const Job& job) {
  std::string line = encode_word(job.destination) + ' ';
  for (const auto& id : job.ids) line += (line.back() == ' ' ? "" : ",") + id.value;
  return line + '\n';
}

Result<Job> parse_job(std::string_view line) {
  const auto words = ascii::words(line, " ");
  if (words.size() != 2) return fail(Errc::Syntax, "job: DESTINATION ID,ID...");
  Job job {
    TRY(decode_word(words.front()))
    , {}
  };
  for (const auto id : ascii::split(words.back(), ',')) {
    if (!queue::is_queue_id(id)) return fail(Errc::Syntax, log::escape(id) + ": not a queue id");
    job.ids.push_back({std::string(id)});
  }
  return job;
}

std::string format_result(const ResultLine& line) {
  using Kind = ResultLine::Kind;
  const bool names_destination = line.kind == Kind::Up || line.kind == Kind::Down;
  std::string out(kWords[static_cast<std::size_t>(line.kind)]);
  out += ' ' + (names_destination ? encode_word(line.subject) : line.subject);
  if (line.kind == Kind::Pending) {
    out += ' ' + std::to_string(line.next_try.time_since_epoch().count());
    if (line.is_unknown) out += " unknown";
  }
  if (line.kind == Kind::Down) out += ' ' + log::escape(line.reason, 500);
  return out + '\n';
}

Result<ResultLine> parse_result(std::string_view line) {
  using Kind = ResultLine::Kind;
  const auto words = ascii::words(line, " ");
  if (words.size() < 2) return fail(Errc::Syntax, "result: WORD SUBJECT ...");
  const auto word = std::find(std::begin(kWords), std::end(kWords), words.front());
  if (word == std::end(kWords)) {
    return fail(Errc::Syntax, log::escape(words.front()) + ": not a result");
  }
  ResultLine result;
  result.kind = static_cast<Kind>(word - std::begin(kWords));
  result.subject = words.at(1);
  if (result.kind == Kind::Up || result.kind == Kind::Down) {
    result.subject = TRY(decode_word(words.at(1)));
    const auto end =
        static_cast<std::size_t>(words.at(1).data() - line.data()) + words.at(1).size();
    result.reason = ascii::trim(line.substr(end));
  }
  if (result.kind == Kind::Pending) {
    const auto time =
        words.size() >= 3 ? ascii::to_number<std::int64_t>(words.at(2)) : std::nullopt;
    result.is_unknown = words.size() == 4 && words.at(3) == "unknown";
    if (!time || words.size() > 4 || (words.size() == 4 && !result.is_unknown)) {
      return fail(Errc::Syntax, "result: pending ID TIME [unknown]");
    }
    result.next_try = WallTime{std::chrono::microseconds{*time}};
  }
  return result;
}

namespace {

ResultLine result_of(const queue::QueueId& id, const AttemptResult& result) {
  using Kind = ResultLine::Kind;
  ResultLine line;
  line.kind = result.removed ? Kind::Removed : result.destination_done ? Kind::Done : Kind::Pending;
  line.subject = id.value;
  line.next_try = result.next_try;
  line.is_unknown = result.outcome_unknown;
  return line;
}

}  // namespace

void do_job(World& world, dns::Resolver& resolver, const Job& job,
            const std::function<void(const ResultLine&)>& say) {
  using Kind = ResultLine::Kind;
  const auto say_pending = [&](const queue::QueueId& id, WallTime next_try) {
    say({Kind::Pending, id.value, next_try, false, {}});
  };
  const bool local = job.destination == kLocalDestination;
  bool answered = local;
  std::optional<Connection> connection;
  std::optional<Error> unreachable;
  for (const auto& id : job.ids) {
    if (net::termination_requested()) return;  // nothing is noted of what was not tried
    auto item = world.queue.lock(id);
    if (!item) {
      if (item.error().code == Errc::InUse) {
        say_pending(id, world.clock.now() + kInUse);
        continue;
      }
      if (item.error().code != Errc::NotFound) log::error(id.value + ": " + item.error().log_text);
      say({Kind::Gone, id.value, {}, false, {}});  // or not to be read: the next scan tells
      continue;
    }
    if (!local && !unreachable && !(connection && connection->client->is_open())) {
      connection.reset();  // never two at once: servers count them
      auto opened = open_connection(world, resolver, job.destination);
      if (opened) {
        connection.emplace(*std::move(opened));
        answered = true;
      } else {
        unreachable = opened.error();
      }
    }
    const auto result = unreachable ? note_unreachable(world, **item, job.destination, *unreachable)
                                    : attempt(world, **item, job.destination,
                                              local ? nullptr : connection->client.get(),
                                              local ? "local" : connection->name);
    if (!result) {
      log::error(id.value + ": " + result.error().log_text);
      const WallTime later =
          next_try_of((*item)->envelope(), world.queue_settings, world.clock.now());
      static_cast<void>((*item)->defer(later));
      say_pending(id, later);
      continue;
    }
    say(result_of(id, *result));
  }
  if (connection) connection->client->quit();
  if (unreachable && !unreachable->is_permanent()) {
    say({Kind::Down, job.destination, {}, false, unreachable->log_text});
  } else if (answered || unreachable) {
    say({Kind::Up, job.destination, {}, false, {}});
  }
}

}  // namespace mail::relay
