#include "libmail/relay/destination_worker.h"

#include <random>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/relay/connect.h"
#include "libmail/relay/next_hop.h"

namespace mail::relay {
namespace {

constexpr std::string_view kWords[] = {"removed", "pending", "gone", "up", "down"};

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
  for (const auto& host : hosts) {
    auto socket = connect_to(host, world.settings.connect_timeout);
    if (!socket) {
      log::info(socket.error().log_text);
      last = socket.error();
      continue;
    }
    Connection connection;
    connection.socket = *std::move(socket);
    connection.name = host.name + '[' + host.address + "]:" + std::to_string(host.port);
    net::DescriptorTransport::Settings transport;
    transport.write_timeout = world.settings.data_timeout;
    connection.io = std::make_unique<net::DescriptorTransport>(
        connection.socket.get(), connection.socket.get(), std::move(transport));
    connection.client = std::make_unique<Client>(*connection.io, world.settings, world.clock);
    auto greeted = connection.client->greet();
    if (greeted) return connection;
    last = greeted.error();
    last.log_text = connection.name + ": " + last.log_text;
    log::info(last.log_text);
    if (last.is_permanent()) return fail(std::move(last));
  }
  return fail(std::move(last));
}

}  // namespace

std::string format_job(const Job& job) {
  std::string line = job.destination + ' ';
  for (const auto& id : job.ids) line += (line.back() == ' ' ? "" : ",") + id.value;
  return line + '\n';
}

Result<Job> parse_job(std::string_view line) {
  const auto words = ascii::words(line, " ");
  if (words.size() != 2) return fail(Errc::Syntax, "job: DESTINATION ID,ID...");
  Job job{std::string(words.front()), {}};
  for (const auto id : ascii::split(words.back(), ',')) {
    if (!queue::is_queue_id(id)) return fail(Errc::Syntax, log::escape(id) + ": not a queue id");
    job.ids.push_back({std::string(id)});
  }
  return job;
}

std::string format_result(const ResultLine& line) {
  std::string out(kWords[static_cast<std::size_t>(line.kind)]);
  out += ' ' + line.subject;
  if (line.kind == ResultLine::Kind::Pending)
    out += ' ' + std::to_string(line.next_try.time_since_epoch().count());
  if (line.kind == ResultLine::Kind::Down) out += ' ' + log::escape(line.reason, 500);
  return out + '\n';
}

Result<ResultLine> parse_result(std::string_view line) {
  const auto words = ascii::words(line, " ");
  if (words.size() < 2) return fail(Errc::Syntax, "result: WORD SUBJECT ...");
  ResultLine result;
  result.subject = words.at(1);
  for (std::size_t i = 0; i < std::size(kWords); ++i) {
    if (words.front() != kWords[i]) continue;
    result.kind = static_cast<ResultLine::Kind>(i);
    if (result.kind == ResultLine::Kind::Pending) {
      const auto time =
          words.size() == 3 ? ascii::to_number<std::int64_t>(words.at(2)) : std::nullopt;
      if (!time) return fail(Errc::Syntax, "result: pending without a time");
      result.next_try = WallTime{std::chrono::microseconds{*time}};
    }
    if (result.kind == ResultLine::Kind::Down) {
      result.reason = line.substr(
          static_cast<std::size_t>(words.at(1).data() + words.at(1).size() - line.data()));
    }
    return result;
  }
  return fail(Errc::Syntax, log::escape(words.front()) + ": not a result");
}

void do_job(World& world, dns::Resolver& resolver, const Job& job,
            const std::function<void(const ResultLine&)>& say) {
  const bool local = job.destination == kLocalDestination;
  std::optional<Connection> connection;
  std::optional<Error> unreachable;
  for (const auto& id : job.ids) {
    auto item = world.queue.lock(id);
    if (!item) {
      // Another attempt holds it, or it is gone; the next scan tells.
      say({ResultLine::Kind::Gone, id.value, {}, {}});
      continue;
    }
    if (!local && !unreachable && !(connection && connection->client->is_open())) {
      auto opened = open_connection(world, resolver, job.destination);
      if (opened) {
        connection.emplace(*std::move(opened));
      } else {
        connection.reset();
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
      say({ResultLine::Kind::Pending, id.value, later, {}});
      continue;
    }
    say({result->removed ? ResultLine::Kind::Removed : ResultLine::Kind::Pending,
         id.value,
         result->next_try,
         {}});
  }
  if (connection) connection->client->quit();
  if (unreachable && !unreachable->is_permanent()) {
    say({ResultLine::Kind::Down, job.destination, {}, unreachable->log_text});
  } else {
    say({ResultLine::Kind::Up, job.destination, {}, {}});
  }
}

}  // namespace mail::relay
