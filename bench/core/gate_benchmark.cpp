// The gate before 10,000 nodes that answer at once: addresses of loopback with one listener behind them all,
// within the usual limit of 1024 descriptors. The aim: less than 2 s. Beside it the same addresses one after
// the other, connect and read; the two take turns, and what counts is their ratio (`times_of_plain`).

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"
#include "launcher/network/gate.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kBanner = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

void require(bool condition, const char* what) {
  if (condition) return;
  fmt::print(stderr, "error: {}\n", what);
  std::exit(1);
}

/// Says sshd's banner to whoever connects to any address of loopback, and closes.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress local(*parse_address("0.0.0.0"), 0);
    require(::bind(fd_.get(), local.get(), local.size()) == 0 && ::listen(fd_.get(), 4096) == 0,
            "cannot listen");
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    require(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0, "no name");
    port_ = port_of(reinterpret_cast<const sockaddr&>(bound));
    thread_ = std::thread([this] { serve(); });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve() {
    while (true) {
      const FileDescriptor client(::accept(fd_.get(), nullptr, nullptr));
      if (!client) return;
      (void)!::send(client.get(), kBanner.data(), kBanner.size(), MSG_NOSIGNAL);
    }
  }

  FileDescriptor fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

std::vector<network::GateTarget> targets(int count) {
  std::vector<network::GateTarget> result;
  for (int i = 0; i < count; ++i) {
    const auto name = fmt::format("127.1.{}.{}", i / 200, 1 + i % 200);
    result.push_back({name, *parse_address(name)});
  }
  return result;
}

void ask_one_after_the_other(const std::vector<network::GateTarget>& nodes, std::uint16_t port) {
  for (const auto& node : nodes) {
    const SocketAddress remote(node.address, port);
    const FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    char buffer[256];
    require(::connect(fd.get(), remote.get(), remote.size()) == 0 &&
                ::recv(fd.get(), buffer, sizeof buffer, 0) > 0,
            "a node does not answer");
  }
}

void gate(benchmark::State& state) {
  const rlimit usual{.rlim_cur = 1024, .rlim_max = 1024};
  require(::setrlimit(RLIMIT_NOFILE, &usual) == 0, "cannot limit the descriptors");
  Listener listener;
  const auto nodes = targets(static_cast<int>(state.range(0)));
  std::chrono::duration<double> plain{0};
  std::chrono::duration<double> gated{0};
  for (auto _ : state) {
    const auto start = Clock::now();
    ask_one_after_the_other(nodes, listener.port());
    const auto middle = Clock::now();
    const auto report = network::wait_for_sshd(nodes, {.port = listener.port(), .keep = 256});
    const std::chrono::duration<double> time = Clock::now() - middle;
    require(report.ready == nodes.size(), "a node is not ready");
    plain += middle - start;
    gated += time;
    state.SetIterationTime(time.count());
  }
  state.counters["plain_s"] = benchmark::Counter(plain.count(), benchmark::Counter::kAvgIterations);
  state.counters["times_of_plain"] = gated / plain;
}

BENCHMARK(gate)->Arg(100)->Arg(1'000)->Arg(10'000)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shipyard::bench

BENCHMARK_MAIN();
