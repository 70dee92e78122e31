#include "bench/limits/raw_ways.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <sstream>
#include <stdexcept>

#include "base/file_descriptor.hpp"
#include "base/listener.hpp"
#include "base/socket_address.hpp"
#include "bench/harness/crew.hpp"
#include "bench/harness/leader.hpp"
#include "bench/harness/traffic.hpp"
#include "bench/limits/routes.hpp"
#include "bench/pair.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTextTag = 10;
constexpr std::size_t kPage = 4096;
/// For a connection that nobody refuses and nobody answers, and of how many routes.
constexpr std::chrono::milliseconds kConnectTime{1000};
constexpr std::size_t kMostRoutes = 4;
constexpr std::chrono::seconds kLongestSilence{10};
/// So many looks at memory take about a microsecond, so many system calls ten.
constexpr std::uint64_t kLooks = 1024;
constexpr std::uint64_t kCalls = 32;
constexpr std::int64_t kProbeMessages = 64;
/// A stream of small messages is sent in pieces of this size, which every buffer has.
constexpr std::int64_t kStreamPiece = kProbeBytes;

struct Unmap {
  void operator()(void* page) const { ::munmap(page, kPage); }
};
struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<std::byte, Free>;

/// What a rank has, once prepared.
struct State {
  RawWays ways;
  std::unique_ptr<void, Unmap> shared_page;
  std::uint32_t turn = 0;
  pid_t peer_pid = 0;
  std::uintptr_t peer_send = 0;
  FileDescriptor socket;
  Bytes memory;
  std::size_t memory_half = 0;
  std::size_t memory_at = 0;
};

State& state() {
  static State only;
  return only;
}

std::string because_of(const std::string& call, int error) { return call + ": " + std::strerror(error); }

/// Spins, and lets others run now and then: where the two share a core, the other cannot come otherwise.
class Patience {
 public:
  Patience(const char* what, std::uint64_t spins_in_a_row) : what_(what), spins_in_a_row_(spins_in_a_row) {}
  void spin() {
    if (++spins_ % spins_in_a_row_ != 0) return;
    ::sched_yield();
    if (spins_ % (64 * spins_in_a_row_) != 0) return;
    const auto now = Clock::now();
    if (since_ == Clock::time_point{}) since_ = now;
    if (now - since_ > kLongestSilence)
      throw std::runtime_error(fmt::format("{}: nothing from the other rank for {} s", what_,
                                           std::chrono::seconds(kLongestSilence).count()));
  }
  void progress() {
    spins_ = 0;
    since_ = {};
  }

 private:
  const char* what_;
  std::uint64_t spins_in_a_row_;
  std::uint64_t spins_ = 0;
  Clock::time_point since_{};
};

/// Both ranks: gives a text and gets the other's.
std::string swap_texts(const Station& station, const std::string& mine) {
  const int peer = 1 - station.rank;
  const int own_length = static_cast<int>(mine.size());
  int length = 0;
  MPI_Sendrecv(&own_length, 1, MPI_INT, peer, kTextTag, &length, 1, MPI_INT, peer, kTextTag, station.comm,
               MPI_STATUS_IGNORE);
  std::string theirs(static_cast<std::size_t>(length), '\0');
  MPI_Sendrecv(mine.data(), own_length, MPI_CHAR, peer, kTextTag, theirs.data(), length, MPI_CHAR, peer,
               kTextTag, station.comm, MPI_STATUS_IGNORE);
  return theirs;
}

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

// The hop

/// Maps a page of the shared memory object; the reason where that fails.
std::string map_page(const std::string& name, int flags) {
  const FileDescriptor fd(::shm_open(name.c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
  if (!fd) return because_of("shm_open", errno);
  if ((flags & O_CREAT) != 0 && ::ftruncate(fd.get(), kPage) != 0) return because_of("ftruncate", errno);
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page == MAP_FAILED) return because_of("mmap", errno);
  state().shared_page.reset(page);
  return {};
}

std::atomic<std::uint32_t>& shared_line() {
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
  return *static_cast<std::atomic<std::uint32_t>*>(state().shared_page.get());
}

std::string share_a_line(const Station& station) {
  // The name is gone as soon as both have the page.
  if (station.rank == 0) {
    const std::string name = fmt::format("/shipyard-limits.{:016x}", random_number());
    const std::string own = map_page(name, O_CREAT | O_EXCL);
    if (own.empty()) new (state().shared_page.get()) std::atomic<std::uint32_t>(0);
    swap_texts(station, own.empty() ? name : "");
    const std::string theirs = swap_texts(station, "");
    ::shm_unlink(name.c_str());
    return own.empty() ? theirs : own;
  }
  const std::string name = swap_texts(station, "");
  const std::string own = name.empty() ? "the other rank has no shared memory" : map_page(name, 0);
  swap_texts(station, own);
  return own;
}

void wait_for_turn(std::uint32_t turn) {
  Patience patience("hop", kLooks);
  while (shared_line().load(std::memory_order_acquire) != turn) patience.spin();
}

// CMA

ssize_t read_from(pid_t pid, void* to, std::uintptr_t from, std::size_t bytes) {
  const iovec local{to, bytes};
  const iovec remote{reinterpret_cast<void*>(from), bytes};  // NOLINT: an address of the other process
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

/// A number in the other's memory that no other process has there.
std::string try_cma(const Station& station) {
  static std::uint64_t mark = 0;
  mark = random_number();
  std::istringstream theirs(
      swap_texts(station, fmt::format("{} {} {} {}", ::getpid(), reinterpret_cast<std::uintptr_t>(&mark),
                                      mark, reinterpret_cast<std::uintptr_t>(station.send.first))));
  std::uintptr_t place = 0;
  std::uint64_t expected = 0;
  theirs >> state().peer_pid >> place >> expected >> state().peer_send;
#ifdef PR_SET_PTRACER
  ::prctl(PR_SET_PTRACER, state().peer_pid, 0, 0, 0);  // what Yama lets a process grant (ptrace_scope 1)
#endif
  swap_texts(station, "granted");
  std::uint64_t found = 0;
  std::string reason;
  if (read_from(state().peer_pid, &found, place, sizeof found) != sizeof found) {
    reason = because_of("process_vm_readv", errno);
  } else if (found != expected) {
    reason = "process_vm_readv reads another process: the ranks number processes differently";
  }
  swap_texts(station, "done");
  return reason;
}

// TCP

std::vector<LocalAddress> own_addresses(const std::vector<std::string>& carrying) {
  std::vector<LocalAddress> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, ::freeifaddrs);
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_netmask == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
    const auto address = address_of(*one->ifa_addr);
    const auto mask = address_of(*one->ifa_netmask);
    if (!address || !mask) continue;
    int prefix_length = 0;
    for (const std::uint8_t byte : mask->bytes) prefix_length += std::popcount(byte);
    found.push_back(
        {.interface = one->ifa_name,
         .address = *address,
         .prefix_length = prefix_length,
         .loopback = (one->ifa_flags & IFF_LOOPBACK) != 0,
         .carries = std::find(carrying.begin(), carrying.end(), one->ifa_name) != carrying.end()});
  }
  return found;
}

/// By which interfaces of this node messages travel.
std::vector<std::string> find_carriers(const Station& station) {
  const auto before = sent_so_far();
  round_trips(station, 1 - station.rank, station.rank == 0, kProbeBytes, kProbeMessages);
  return carriers(before, sent_so_far(), kProbeBytes * kProbeMessages);
}

/// 0, or the reason as errno.
int wait_for(int fd, short events) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(kConnectTime.count()));
  return ready > 0 ? 0 : ready == 0 ? ETIMEDOUT : errno;
}

void make_fast(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// The second rank: connects, and says which of all that may be listening it means.
std::string connect_to(const Route& route, std::uint16_t port, std::uint64_t mark) {
  const SocketAddress from(route.second.address, 0);
  const SocketAddress to(route.first.address, port);
  FileDescriptor fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return because_of("socket", errno);
  if (::bind(fd.get(), from.get(), from.size()) != 0) return because_of("bind", errno);
  if (::connect(fd.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS)
    return because_of("connect", errno);
  if (const int error = wait_for(fd.get(), POLLOUT)) return because_of("connect", error);
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return because_of("connect", error);
  if (::send(fd.get(), &mark, sizeof mark, MSG_NOSIGNAL) != sizeof mark) return because_of("send", errno);
  make_fast(fd.get());
  state().socket = std::move(fd);
  return {};
}

std::string accept_from(const Listener& listener, std::uint64_t mark) {
  if (const int error = wait_for(listener.fd.get(), POLLIN)) return because_of("accept", error);
  FileDescriptor fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return because_of("accept", errno);
  std::uint64_t found = 0;
  if (const int error = wait_for(fd.get(), POLLIN)) return because_of("recv", error);
  if (::recv(fd.get(), &found, sizeof found, 0) != sizeof found || found != mark)
    return "somebody else connected";
  make_fast(fd.get());
  state().socket = std::move(fd);
  return {};
}

/// Both ranks: the reason, the same on both.
std::string connect_by(const Station& station, const Route& route) {
  if (station.rank == 0) {
    auto listener = Listener::at(route.first.address);
    const std::uint64_t mark = random_number();
    swap_texts(station, listener ? fmt::format("{} {}", listener->port, mark) : "");
    std::string reason = swap_texts(station, "");
    if (!listener) reason = listener.error().message;
    if (reason.empty()) reason = accept_from(*listener, mark);
    swap_texts(station, reason);
    return reason;
  }
  std::istringstream offer(swap_texts(station, ""));
  std::uint16_t port = 0;
  std::uint64_t mark = 0;
  offer >> port >> mark;
  swap_texts(station, port == 0 ? "" : connect_to(route, port, mark));
  const std::string reason = swap_texts(station, "");
  if (!reason.empty()) state().socket = {};
  return reason;
}

void connect_tcp(const Station& station) {
  RawWays& ways = state().ways;
  const auto own = own_addresses(find_carriers(station));
  const auto theirs = parse_addresses(swap_texts(station, format_addresses(own)));
  const bool first = station.rank == 0;
  auto routes = routes_between(first ? own : theirs, first ? theirs : own, station.round == kRoundSameNode);
  if (routes.empty()) ways.no_tcp = "the ranks have no addresses by which they could reach each other";
  routes.resize(std::min(routes.size(), kMostRoutes));
  for (const Route& route : routes) {
    const std::string reason = connect_by(station, route);
    if (reason.empty()) {
      ways.no_tcp.clear();
      ways.tcp_path = to_string(route);
      return;
    }
    ways.no_tcp += fmt::format("{}{}: {}", ways.no_tcp.empty() ? "" : "; ", to_string(route), reason);
  }
}

[[noreturn]] void lost(const char* what, ssize_t result) {
  throw std::runtime_error(fmt::format(
      "TCP, {}: {}", what, result == 0 ? "the other rank has closed the connection" : std::strerror(errno)));
}

void send_all(const std::byte* bytes, std::int64_t count) {
  Patience patience("TCP", kCalls);
  const int fd = state().socket.get();
  while (count > 0) {
    const ssize_t sent = ::send(fd, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes += sent;
      count -= sent;
      patience.progress();
    } else if (errno == EAGAIN || errno == EINTR) {
      patience.spin();
    } else {
      lost("send", sent);
    }
  }
}

void receive_all(std::byte* bytes, std::int64_t count) {
  Patience patience("TCP", kCalls);
  const int fd = state().socket.get();
  while (count > 0) {
    const ssize_t received = ::recv(fd, bytes, static_cast<std::size_t>(count), 0);
    if (received > 0) {
      bytes += received;
      count -= received;
      patience.progress();
    } else if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
      patience.spin();
    } else {
      lost("recv", received);
    }
  }
}

/// The compiler is not to see that nobody reads the copy.
void keep(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

}  // namespace

void prepare_raw_ways(const Station& station, std::int64_t, std::int64_t iterations) {
  if (iterations == 0) return;
  state() = {};
  RawWays& ways = state().ways;
  if (station.round == kRoundSameNode) {
    ways.no_hop = share_a_line(station);
    ways.no_cma = try_cma(station);
  } else {
    ways.no_hop = ways.no_cma = "the ranks are on different nodes";
  }
  connect_tcp(station);
}

std::vector<double> raw_ways_as_numbers(const Station&) {
  const RawWays& ways = state().ways;
  std::vector<double> numbers;
  for (const std::string* text : {&ways.no_hop, &ways.no_cma, &ways.no_tcp, &ways.tcp_path}) {
    for (const char c : *text) numbers.push_back(static_cast<unsigned char>(c));
    numbers.push_back(0);
  }
  return numbers;
}

RawWays read_raw_ways(const std::vector<double>& numbers) {
  RawWays ways;
  auto at = numbers.begin();
  for (std::string* text : {&ways.no_hop, &ways.no_cma, &ways.no_tcp, &ways.tcp_path}) {
    for (; at != numbers.end() && *at != 0; ++at) *text += static_cast<char>(static_cast<unsigned char>(*at));
    if (at != numbers.end()) ++at;
  }
  return ways;
}

void hop(const Station& station, std::int64_t, std::int64_t iterations) {
  std::atomic<std::uint32_t>& line = shared_line();
  std::uint32_t turn = state().turn;
  for (std::int64_t i = 0; i < iterations; ++i, turn += 2) {
    if (station.rank == 0) {
      line.store(turn + 1, std::memory_order_release);
      wait_for_turn(turn + 2);
    } else {
      wait_for_turn(turn + 1);
      line.store(turn + 2, std::memory_order_release);
    }
  }
  state().turn = turn;
}

void copy(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  if (station.rank != 0) return;
  for (std::int64_t i = 0; i < iterations; ++i) {
    std::memcpy(station.receive.at(i), station.send.at(i), static_cast<std::size_t>(bytes));
    keep(station.receive.at(i));
  }
}

void copy_memory(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  if (station.rank != 0) return;
  State& own = state();
  const auto piece = static_cast<std::size_t>(bytes);
  if (!own.memory) {
    // Enough for what caches there are; a container's memory may be as small.
    constexpr std::size_t kMost = std::size_t{256} << 20;
    own.memory_half = std::min(2 * last_cache_bytes(), kMost) / piece * piece;
    own.memory_half = std::max(own.memory_half, piece);
    own.memory.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, 2 * own.memory_half)));
    if (!own.memory) throw std::bad_alloc();
    std::memset(own.memory.get(), 1, 2 * own.memory_half);
  }
  for (std::int64_t i = 0; i < iterations; ++i) {
    std::byte* from = own.memory.get() + own.memory_at;
    std::memcpy(from + own.memory_half, from, piece);
    keep(from);
    own.memory_at = (own.memory_at + piece) % own.memory_half;
  }
}

void read_peer(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  if (station.rank != 0) return;
  const auto length = static_cast<std::size_t>(bytes);
  for (std::int64_t i = 0; i < iterations; ++i) {
    const auto offset = static_cast<std::uintptr_t>(station.send.at(i) - station.send.first);
    if (read_from(state().peer_pid, station.receive.at(i), state().peer_send + offset, length) != bytes)
      throw std::runtime_error(because_of("process_vm_readv", errno));
  }
}

void tcp_round_trips(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const std::int64_t count = std::max<std::int64_t>(bytes, 1);
  for (std::int64_t i = 0; i < iterations; ++i) {
    if (station.rank == 0) send_all(station.send.at(i), count);
    receive_all(station.receive.at(i), count);
    if (station.rank != 0) send_all(station.send.at(i), count);
  }
}

void tcp_stream(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const std::int64_t piece = std::max(bytes, kStreamPiece);
  std::byte reply{};
  for (std::int64_t i = 0; i < iterations; ++i) {
    std::int64_t left = station.window * std::max<std::int64_t>(bytes, 1);
    for (std::int64_t place = i * station.window; left > 0; ++place, left -= std::min(left, piece)) {
      if (station.rank == 0) {
        send_all(bytes < piece ? station.send.first : station.send.at(place), std::min(left, piece));
      } else {
        receive_all(bytes < piece ? station.receive.first : station.receive.at(place), std::min(left, piece));
      }
    }
    if (station.rank == 0) {
      receive_all(&reply, 1);
    } else {
      send_all(&reply, 1);
    }
  }
}

}  // namespace shipyard::bench
