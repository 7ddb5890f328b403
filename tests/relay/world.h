// What an attempt meets, in memory: a queue, local end points, a server at the other end of a
// client.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libmail/base/log.h"
#include "libmail/local/memory_conversation.h"
#include "libmail/net/memory_transport.h"
#include "libmail/queue/memory/memory_queue.h"
#include "libmail/relay/attempt.h"

namespace mail::relay::test {

constexpr const char* kMessage = "Subject: Hello\nFrom: ann@linuxprobe.com\n\nText\n";

struct Memory {
  Memory() {
    log::open("smtp-send", log::Sink::Discard);
    settings.myhostname = "mail.linuxprobe.com";
    end_points["ann@linuxprobe.com"] = {user("ann")};
    end_points["boss@linuxprobe.com"] = {user("boss")};
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  static alias::EndPoint user(const std::string& name) {
    alias::EndPoint end_point;
    end_point.target = name;
    return end_point;
  }
  static queue::Recipient remote(const std::string& address) {
    queue::Recipient recipient;
    recipient.address = recipient.original_to = recipient.target = address;
    return recipient;
  }
  static queue::Recipient local_user(const std::string& name) {
    queue::Recipient recipient;
    recipient.address = recipient.original_to = name + "@linuxprobe.com";
    recipient.kind = "user";
    recipient.target = name;
    return recipient;
  }

  queue::QueueId add(const std::string& reverse_path, std::vector<queue::Recipient> recipients,
                     const std::string& message = kMessage) {
    auto draft = queue.create();
    EXPECT_TRUE(draft);
    EXPECT_TRUE((*draft)->write(message));
    queue::Envelope envelope;
    envelope.reverse_path = reverse_path;
    envelope.recipients = std::move(recipients);
    return *(*draft)->commit(std::move(envelope));
  }
  std::unique_ptr<queue::Item> lock(const queue::QueueId& id) {
    auto item = queue.lock(id);
    EXPECT_TRUE(item) << id.value;
    return item ? *std::move(item) : nullptr;
  }
  // An attempt at a server that gives these replies after greeting and EHLO.
  Result<AttemptResult> send(const queue::QueueId& id, const std::string& destination,
                             const std::vector<std::string>& replies) {
    server = std::make_unique<net::MemoryTransport>();
    server->send("220 mx.peer.example ESMTP\r\n");
    server->send("250 mx.peer.example\r\n");
    for (const auto& reply : replies) server->send(reply + "\r\n");
    Client client(*server, settings, clock);
    EXPECT_TRUE(client.greet());
    const auto item = lock(id);
    return attempt(world, *item, destination, &client, "mx.peer.example[192.0.2.1]:25");
  }
  Result<AttemptResult> deliver(const queue::QueueId& id) {
    const auto item = lock(id);
    return attempt(world, *item, "local", nullptr, "local");
  }
  Result<AttemptResult> be_unreachable(const queue::QueueId& id, const std::string& destination,
                                       const Error& why) {
    const auto item = lock(id);
    return note_unreachable(world, *item, destination, why);
  }
  [[nodiscard]] bool holds(const std::string& id) const { return queue.stored().count({id}) != 0; }
  [[nodiscard]] const queue::MemoryQueue::Stored& stored(const std::string& id) const {
    return queue.stored().at({id});
  }
  // '.', 'D' and 'F' of each recipient.
  [[nodiscard]] std::string states(const queue::QueueId& id) const {
    std::string out;
    for (const auto& one : stored(id.value).envelope.recipients)
      out += static_cast<char>(one.state);
    return out;
  }

  ManualClock clock;
  queue::MemoryQueue queue{clock};
  local::MemoryConversation local;
  queue::Settings queue_settings;
  Settings settings;
  std::map<std::string, std::vector<alias::EndPoint>> end_points;
  bool expansion_fails = false;
  std::unique_ptr<net::MemoryTransport> server;
  World world{queue,    local,
              clock,    queue_settings,
              settings, [this](const std::string& address) { return expand(address); }};

 private:
  Result<std::vector<alias::EndPoint>> expand(const std::string& address) {
    if (expansion_fails) return fail(Errc::Unavailable, "map cannot be read");
    if (const auto found = end_points.find(address); found != end_points.end()) {
      return found->second;
    }
    if (address.ends_with("@linuxprobe.com")) {
      return fail(Errc::NotFound, EnhancedStatus{5, 1, 1}, "User unknown");
    }
    alias::EndPoint remote;
    remote.kind = alias::Kind::Remote;
    remote.target = address;
    return std::vector{remote};
  }
};

}  // namespace mail::relay::test
