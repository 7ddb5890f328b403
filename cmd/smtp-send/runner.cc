#include "cmd/smtp-send/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/date.h"
#include "libmail/message/trace.h"
#include "libmail/net/listener.h"
#include "libmail/net/signals.h"
#include "libmail/queue/directory/drop.h"
#include "libmail/queue/end_points.h"
#include "libmail/relay/destination_worker.h"
#include "libmail/relay/schedule.h"

namespace mail::cmd {
namespace {

constexpr std::string_view kFlushNotice = "flush";
constexpr auto kRescan = std::chrono::seconds(30);  // when no notice comes: drop/, lost datagrams
constexpr auto kIdleBeforeExit =
    std::chrono::seconds(2);  // a burst's next notice finds us still here

struct Worker {
  relay::Job job;
  pid_t pid = -1;
  FileDescriptor results;
  std::string unread;
};

class Runner {
 public:
  Runner(Sending& sending, const RunnerOptions& options)
      : sending_(sending), options_(options), schedule_(sending.queue_settings, {}) {}

  Result<int> run() {
    auto lock = sending_.queue->lock_runner();
    if (!lock) {
      if (lock.error().code == Errc::InUse) return 0;  // the one that runs sees to everything
      return fail(lock.error());
    }
    TRY(open_notices());
    TRY(sending_.queue->remove_leftovers());
    bool scan_now = true;
    auto last_activity = std::chrono::steady_clock::now();
    for (;;) {
      if (net::termination_requested()) return stop();
      // Drain, then scan: a notice that comes in between makes another round (DESIGN.md
      // section 4.7).
      scan_now = drain_notices() || scan_now;
      if (scan_now || std::chrono::steady_clock::now() >= next_scan_) {
        TRY(scan());
        scan_now = false;
      }
      start_due();
      if (!schedule_.is_empty() || !workers_.empty())
        last_activity = std::chrono::steady_clock::now();
      if (!options_.stay && schedule_.is_empty() && workers_.empty() &&
          std::chrono::steady_clock::now() >= last_activity + kIdleBeforeExit) {
        return 0;
      }
      scan_now = wait() || scan_now;
    }
  }

 private:
  Result<void> open_notices() {
    auto inherited = net::inherited_sockets();
    if (!inherited.empty()) {
      notices_ = std::move(inherited.front());
    } else {
      auto made = net::listen_on("unix:" + sending_.queue_settings.notify_socket,
                                 net::SocketKind::Datagram);
      // Without it the runner still finds everything by scanning.
      if (made)
        notices_ = *std::move(made);
      else
        log::warning(made.error().log_text);
    }
    if (notices_.is_open())
      ::fcntl(notices_.get(), F_SETFL, ::fcntl(notices_.get(), F_GETFL) | O_NONBLOCK);
    return {};
  }

  bool drain_notices() {
    if (!notices_.is_open()) return false;
    bool any = false;
    char buffer[256];
    for (ssize_t got = 0;
         (got = ::recv(notices_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) >= 0;) {
      any = true;
      if (std::string_view(buffer, static_cast<std::size_t>(got)) == kFlushNotice) flush_ = true;
    }
    return any;
  }

  Result<void> scan() {
    next_scan_ = std::chrono::steady_clock::now() + kRescan;
    const queue::Ingestion ingestion{
        [this](const std::string& address,
               const std::string& /*reverse_path*/) -> Result<std::vector<queue::Recipient>> {
          std::vector<queue::Recipient> recipients;
          for (const auto& end_point : TRY(sending_.expand(address))) {
            recipients.push_back(queue::recipient_for(address, end_point));
          }
          return recipients;
        },
        [this](const queue::Envelope& envelope, uid_t owner) {
          message::Received received;
          received.user_id = owner;
          received.by = sending_.relay_settings.myhostname;
          received.id = envelope.id.value;
          received.date = message::to_local(envelope.arrived);
          received.zone_name =
              message::zone_name(std::chrono::floor<std::chrono::seconds>(envelope.arrived));
          return message::make_received(received);
        }};
    if (const auto taken = queue::ingest_drop(*sending_.queue, sending_.queue_settings, ingestion);
        !taken) {
      log::error(taken.error().log_text);
    }
    const auto ids = TRY(sending_.queue->ids());
    // What was seen is made durable before anything is sent (delivery-changes.md: scan-sync).
    TRY(sending_.queue->settle());
    std::set<queue::QueueId> present(ids.begin(), ids.end());
    schedule_.retain(present);
    for (const auto& id : ids) {
      if (schedule_.knows(id)) continue;
      auto item = sending_.queue->lock(id);
      if (!item) continue;  // in the hands of its receiver: its notice comes
      std::set<std::string> destinations;
      for (const auto& recipient : (*item)->envelope().recipients) {
        if (recipient.state == queue::RecipientState::Pending) {
          destinations.insert(relay::destination_of(recipient, sending_.relay_settings));
        }
      }
      if (destinations.empty()) {
        if ((*item)->envelope().parent.empty()) static_cast<void>((*item)->remove());
        continue;  // a tombstone
      }
      log::info(id.value + ": from=<" + log::escape((*item)->envelope().reverse_path) +
                ">, size=" + std::to_string((*item)->envelope().size) + ", nrcpt=" +
                std::to_string((*item)->envelope().recipients.size()) + " (queue active)");
      schedule_.add(id, destinations, (*item)->next_try());
    }
    if (std::exchange(flush_, false)) schedule_.flush(sending_.clock.now());
    return sending_.queue->remove_tombstones();
  }

  void start_due() {
    while (auto job = schedule_.next_job(sending_.clock.now())) start(*std::move(job));
  }

  void start(relay::Job job) {
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    const bool made = ::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0;
    const int error_number = errno;
    FileDescriptor in_read(in[0]), in_write(in[1]), out_read(out[0]), out_write(out[1]);
    if (!made) {
      log::error(sys::error_from_errno(error_number, "pipe", "worker").log_text);
      schedule_.ended(job, sending_.clock.now());
      return;
    }
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(in_read.get(), STDIN_FILENO);
      ::dup2(out_write.get(), STDOUT_FILENO);
      std::vector<char*> argv;
      for (const auto& word : options_.worker_command)
        argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(75);
    }
    if (pid < 0) {
      log::error(sys::error_from_errno(errno, "fork", "worker").log_text);
      schedule_.ended(job, sending_.clock.now());
      return;
    }
    static_cast<void>(
        sys::write_all(in_write, relay::format_job(job)));  // a job is less than a pipe holds
    workers_.push_back({std::move(job), pid, std::move(out_read), {}});
  }

  // True when a scan is called for.
  bool wait() {
    std::vector<pollfd> waits;
    waits.push_back({notices_.is_open() ? notices_.get() : -1, POLLIN, 0});
    for (const auto& worker : workers_) waits.push_back({worker.results.get(), POLLIN, 0});
    auto until = std::chrono::milliseconds(std::chrono::duration_cast<std::chrono::milliseconds>(
        next_scan_ - std::chrono::steady_clock::now()));
    if (const auto next = schedule_.next_time(sending_.clock.now()); next && schedule_is_free()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - sending_.clock.now());
      until = std::min(until, left);
    }
    if (!options_.stay && schedule_.is_empty() && workers_.empty())
      until = std::min(until, std::chrono::milliseconds(500));
    // Bounded below: what is due but waits for a free worker must not spin.
    const int timeout = static_cast<int>(
        std::clamp<std::int64_t>(until.count(), workers_.empty() ? 0 : 20, 30'000));
    if (::poll(waits.data(), waits.size(), timeout) < 0) return false;
    bool ended = false;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (waits.at(i + 1).revents != 0) ended = !read_results(workers_.at(i)) || ended;
    }
    if (ended) reap();
    return waits.front().revents != 0;
  }

  [[nodiscard]] bool schedule_is_free() const { return workers_.size() < 20; }

  // False at the worker's end.
  bool read_results(Worker& worker) {
    char buffer[16384];
    const ssize_t got = ::read(worker.results.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    worker.unread.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = worker.unread.find('\n')) != std::string::npos;) {
      const auto line = relay::parse_result(std::string_view(worker.unread).substr(0, end));
      if (line)
        schedule_.took(*line, worker.job, sending_.clock.now());
      else
        log::error(line.error().log_text);
      worker.unread.erase(0, end + 1);
    }
    return true;
  }

  void reap() {
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      pollfd one{worker->results.get(), POLLIN, 0};
      const bool over = ::poll(&one, 1, 0) > 0 && (one.revents & (POLLHUP | POLLERR)) != 0 &&
                        (one.revents & POLLIN) == 0;
      if (!over) {
        ++worker;
        continue;
      }
      int status = 0;
      while (::waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
      }
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log::error("a worker for " + worker->job.destination + " failed");
      schedule_.ended(worker->job, sending_.clock.now());
      worker = workers_.erase(worker);
    }
  }

  Result<int> stop() {
    for (const auto& worker : workers_) ::kill(worker.pid, SIGTERM);
    for (const auto& worker : workers_) {
      int status = 0;
      while (::waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
      }
    }
    return 0;
  }

  Sending& sending_;
  const RunnerOptions& options_;
  relay::Schedule schedule_;
  FileDescriptor notices_;
  std::vector<Worker> workers_;
  std::chrono::steady_clock::time_point next_scan_{};
  bool flush_ = false;
};

}  // namespace

Result<int> run_queue(Sending& sending, const RunnerOptions& options) {
  return Runner(sending, options).run();
}

bool request_flush(const std::string& notify_socket) {
  ::sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (notify_socket.size() >= sizeof name.sun_path) return false;
  std::memcpy(static_cast<char*>(name.sun_path), notify_socket.data(), notify_socket.size());
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.is_open() &&
         ::sendto(socket.get(), kFlushNotice.data(), kFlushNotice.size(), MSG_DONTWAIT,
                  reinterpret_cast<const ::sockaddr*>(&name), sizeof name) > 0;
}

}  // namespace mail::cmd
