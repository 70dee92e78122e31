#include "launcher/network/gate.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard::network {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
/// One attempt: a node behind a firewall that drops packets says nothing at all.
constexpr milliseconds kAttemptLimit{3000};
/// Of an attempt with small segments, which a firewall may drop (hasten_dialogue).
constexpr milliseconds kSmallSegmentsLimit{1000};
/// Open connections at a time: within the usual limit of 1024 descriptors.
constexpr std::size_t kAtOnce = 512;

struct Probe {
  const GateTarget* target = nullptr;
  FileDescriptor fd;
  bool connected = false;
  bool ready = false;
  bool banner_unread = false;  // with ready: ssh can go on with this connection
  bool small_segments = true;  // until an attempt gets no answer at all
  Clock::time_point since{};
  std::string received;
  std::string banner;
  std::string last_word = "was not asked: no time was given";
  Clock::time_point next_step{};  // of an attempt: its end; between attempts: the next one's start
  milliseconds pause = kFirstPause;
};

std::string printable(std::string text) {
  text = text.substr(0, text.find_first_of("\r\n")).substr(0, 60);
  for (char& c : text) {
    if (c < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

std::string error_text(int number) {
  std::string text = std::generic_category().message(number);
  text[0] = static_cast<char>(std::tolower(text[0]));
  return text;
}

void fail_attempt(Probe& probe, std::string why) {
  (void)probe.fd.close();
  probe.last_word = std::move(why);
  probe.next_step = Clock::now() + probe.pause;
  probe.pause = std::min(probe.pause * 2, kLongestPause);
}

void start_attempt(Probe& probe, std::uint16_t port) {
  const SocketAddress remote(probe.target->address, port);
  probe.connected = false;
  probe.received.clear();
  probe.fd = FileDescriptor(::socket(remote.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.fd) return fail_attempt(probe, error_text(errno));
  hasten_dialogue(probe.fd.get(), probe.small_segments);
  probe.since = Clock::now();
  if (::connect(probe.fd.get(), remote.get(), remote.size()) != 0 && errno != EINPROGRESS) {
    return fail_attempt(probe, error_text(errno));
  }
  probe.next_step = probe.since + (probe.small_segments ? kSmallSegmentsLimit : kAttemptLimit);
}

/// One that has not arrived whole stays unknown: nobody waits for it.
void note_banner(Probe& probe, std::string_view text) {
  const auto end = text.find_first_of("\r\n");
  if (end != std::string_view::npos) probe.banner = text.substr(0, end);
}

void advance(Probe& probe) {
  if (!probe.connected) {
    int failure = 0;
    socklen_t size = sizeof failure;
    ::getsockopt(probe.fd.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) return fail_attempt(probe, error_text(failure));
    probe.connected = true;
  }
  char buffer[512];
  ssize_t got = ::recv(probe.fd.get(), buffer, sizeof buffer, MSG_PEEK);
  if (got >= 4 && probe.received.empty() && std::string_view(buffer, 4) == "SSH-") {
    probe.ready = true;
    probe.banner_unread = true;
    note_banner(probe, std::string_view(buffer, static_cast<std::size_t>(got)));
    return;
  }
  got = ::recv(probe.fd.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return fail_attempt(probe, error_text(errno));
  if (got == 0) {
    return fail_attempt(probe, probe.received.empty() ? "closes the connection without a word"
                                                      : "refuses: \"" + printable(probe.received) + "\"");
  }
  probe.received.append(buffer, static_cast<std::size_t>(got));
  // The server may send other lines before its version (RFC 4253, 4.2).
  if (probe.received.starts_with("SSH-") || probe.received.find("\nSSH-") != std::string::npos) {
    probe.ready = true;
    const std::string_view text = probe.received;
    note_banner(probe, text.substr(text.starts_with("SSH-") ? 0 : text.find("\nSSH-") + 1));
  } else if (probe.received.size() > 4096) {
    fail_attempt(probe, "answers, but is no ssh server: \"" + printable(probe.received) + "\"");
  }
}

void give_up_attempt(Probe& probe) {
  if (!probe.connected) {
    probe.small_segments = false;
    fail_attempt(probe, "no answer (connection timed out)");
  } else if (probe.received.empty()) {
    fail_attempt(probe, "accepts the connection, but sends no ssh banner");
  } else {
    fail_attempt(probe, "answers, but is no ssh server: \"" + printable(probe.received) + "\"");
  }
}

void note_ready(Probe& probe, const GateOptions& options, GateReport& report) {
  ++report.ready;
  if (probe.banner_unread && report.connections.size() < options.keep) {
    report.connections.push_back({probe.target->address, std::move(probe.fd), probe.since});
  }
  (void)probe.fd.close();
}

}  // namespace

GateReport wait_for_sshd(const std::vector<GateTarget>& targets, const GateOptions& options) {
  const auto start = Clock::now();
  const auto end = start + options.wait;
  std::vector<Probe> probes(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    probes[i].target = &targets[i];
    probes[i].next_step = start;
  }

  GateReport report;
  std::vector<pollfd> polled;
  std::vector<Probe*> polled_probes;
  while (report.ready < probes.size()) {
    const auto now = Clock::now();
    if (now >= end) break;
    polled.clear();
    for (int fd : options.cancel_fds) polled.push_back({fd, POLLIN, 0});
    polled_probes.clear();
    auto wake = end;
    std::size_t open = 0;
    for (const auto& probe : probes) open += probe.fd ? 1 : 0;
    for (auto& probe : probes) {
      if (probe.ready) continue;
      if (probe.fd && now >= probe.next_step) {
        give_up_attempt(probe);
        --open;
      }
      if (!probe.fd && now >= probe.next_step && open < kAtOnce) {
        start_attempt(probe, options.port);
        if (probe.fd) ++open;
      }
      if (probe.fd) {
        polled.push_back(
            {probe.fd.get(), static_cast<short>(probe.connected ? POLLIN : POLLIN | POLLOUT), 0});
        polled_probes.push_back(&probe);
      }
      // One that waits for a free place is looked at when a place gets free.
      if (probe.fd || probe.next_step > now) wake = std::min(wake, probe.next_step);
    }
    const auto pause = std::chrono::ceil<milliseconds>(wake - Clock::now()).count();
    ::poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(pause, 0)));
    const std::size_t first_probe = options.cancel_fds.size();
    const bool asked = std::any_of(polled.begin(), polled.begin() + static_cast<long>(first_probe),
                                   [](const pollfd& one) { return one.revents != 0; });
    if (asked && options.cancelled()) {
      report.cancelled = true;
      break;
    }
    const auto ready_before = report.ready;
    for (std::size_t i = 0; i < polled_probes.size(); ++i) {
      if (polled[first_probe + i].revents == 0) continue;
      advance(*polled_probes[i]);
      if (polled_probes[i]->ready) note_ready(*polled_probes[i], options, report);
    }
    if (report.ready != ready_before && options.progress) options.progress(report.ready);
  }
  for (auto& probe : probes) {
    report.banners.push_back(std::move(probe.banner));
    if (probe.fd) give_up_attempt(probe);
    if (!probe.ready) report.failures.push_back({probe.target->name, probe.last_word});
  }
  report.elapsed = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  return report;
}

}  // namespace shipyard::network
