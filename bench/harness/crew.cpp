#include "bench/harness/crew.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <sstream>
#include <thread>

#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr int kOrderTag = 1;
constexpr int kResultTag = 2;
constexpr int kGatherTag = 32000;  // on the station's communicator, where kernels have theirs
constexpr std::size_t kPage = 4096;
constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kDefaultCache = std::size_t{32} << 20;
constexpr std::byte kUntouched{0x5a};

/// Waits for a message without keeping a core busy: the sleeps grow with the time waited, so that a rank in
/// the middle of a measurement answers within as long again as it waited, and one that takes no part wakes 50
/// times a second.
MPI_Status wait_asleep(MPI_Comm comm, int source, int tag) {
  // Open MPI looks at its sockets in every eighth call only (opal_progress of 4.1 and 5.0).
  constexpr int kLooks = 16;
  constexpr auto kShortest = std::chrono::microseconds(20);
  constexpr auto kLongest = std::chrono::microseconds(20'000);
  auto pause = kShortest;
  for (;;) {
    for (int look = 0; look < kLooks; ++look) {
      int arrived = 0;
      MPI_Status status;
      MPI_Iprobe(source, tag, comm, &arrived, &status);
      if (arrived) return status;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongest);
  }
}

std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// As int64_t values, as they are sent.
using Message = std::array<std::int64_t, 8>;
constexpr RankPair kNoPair{-1, -1};

}  // namespace

std::size_t last_cache_bytes() {
  for (const int name : {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE}) {
    if (const long bytes = ::sysconf(name); bytes > 0) return static_cast<std::size_t>(bytes);
  }
  return kDefaultCache;
}

double clock_cost_ns() {
  static const double cost = [] {
    std::vector<double> samples(1001);
    for (double& sample : samples) {
      // A run of readings, because a single one is about as short as the clock's own step.
      constexpr int kReadings = 100;
      const auto begin = Clock::now();
      auto end = begin;
      for (int i = 0; i < kReadings; ++i) end = Clock::now();
      sample = Nanoseconds(end - begin).count() / kReadings;
    }
    return median(std::move(samples));
  }();
  return cost;
}

std::optional<std::size_t> available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::size_t kibibytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (std::istringstream(line) >> name >> kibibytes && name == "MemAvailable:") return kibibytes << 10;
  }
  return std::nullopt;
}

Equipment equipment_for(const std::vector<Kernel>& kernels, const Options& options, std::int64_t largest,
                        std::size_t ranks, std::size_t cache) {
  const auto needed = [&](Extent Kernel::*extent) {
    const bool per_rank = std::any_of(kernels.begin(), kernels.end(), [&](const Kernel& kernel) {
      return options.wants(kernel.name) && kernel.*extent == Extent::kOnePerRank;
    });
    const bool sized = std::any_of(kernels.begin(), kernels.end(), [&](const Kernel& kernel) {
      return options.wants(kernel.name) && kernel.sized;
    });
    std::size_t bytes = rounded_up(static_cast<std::size_t>(sized ? largest : 1), kCacheLine) *
                        (per_rank ? ranks : std::size_t{1});
    // To compare every byte, each message of a window has a place of its own.
    if (options.buffers != Buffers::kSingle || options.validate)
      bytes *= std::bit_ceil(static_cast<std::size_t>(options.window));
    if (options.buffers == Buffers::kOffCache) bytes = std::max(bytes, 2 * cache);
    return bytes;
  };
  return {.window = options.window,
          .buffers = options.buffers,
          .send_bytes = needed(&Kernel::send),
          .receive_bytes = needed(&Kernel::receive)};
}

void Crew::FreeBuffer::operator()(std::byte* buffer) const { std::free(buffer); }

void Crew::Memory::allocate(std::size_t wanted) {
  size = rounded_up(std::max(wanted, std::size_t{1}), kPage);
  bytes.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, size)));
  if (!bytes) throw std::bad_alloc();
  std::memset(bytes.get(), static_cast<int>(kUntouched), size);  // the first touch is not to be measured
}

Places Crew::Memory::places(std::int64_t bytes_each, std::size_t most) const {
  const auto stride = rounded_up(std::max(static_cast<std::size_t>(bytes_each), std::size_t{1}), kCacheLine);
  const std::size_t count = std::bit_floor(std::clamp<std::size_t>(size / stride, 1, most));
  return {bytes.get(), stride, count - 1};
}

Crew::Crew(const std::vector<Kernel>& kernels, const std::vector<int>& ranks, const Equipment& equipment)
    : kernels_(kernels), ranks_(ranks), equipment_(equipment) {
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank_);
  MPI_Comm_dup(MPI_COMM_WORLD, &orders_);
  const auto place = std::find(ranks_.begin(), ranks_.end(), world_rank_);
  const bool measures = place != ranks_.end();
  MPI_Comm_split(MPI_COMM_WORLD, measures ? 0 : MPI_UNDEFINED, static_cast<int>(place - ranks_.begin()),
                 &station_.comm);
  if (!measures) return;
  MPI_Comm_rank(station_.comm, &station_.rank);
  MPI_Comm_size(station_.comm, &station_.size);
  station_.window = equipment_.window;
  requests_.assign(2 * static_cast<std::size_t>(equipment_.window), MPI_REQUEST_NULL);
  station_.requests = requests_.data();
  send_.allocate(equipment_.send_bytes);
  receive_.allocate(equipment_.receive_bytes);
  clock_cost_ns_ = clock_cost_ns();
}

double Crew::time(const Task& task) { return give(Order::kTime, task).front(); }
std::vector<double> Crew::time_each(const Task& task) { return give(Order::kTimeEach, task); }
std::vector<double> Crew::sample(const Task& task) { return give(Order::kSample, task); }
double Crew::alone(const Task& task, Seconds target) {
  Task timed = task;
  timed.iterations = std::chrono::duration_cast<std::chrono::microseconds>(target).count();
  return give(Order::kAlone, timed).front();
}
std::int64_t Crew::count_wrong(const Task& task) {
  return static_cast<std::int64_t>(give(Order::kVerify, task).front());
}

Traffic Crew::traffic() {
  const auto bytes = give(Order::kTraffic, {});
  return {static_cast<std::int64_t>(bytes.at(0)), static_cast<std::int64_t>(bytes.at(1))};
}

std::vector<std::vector<double>> Crew::collect(const Task& task) {
  const auto all = give(Order::kCollect, task);
  std::vector<std::vector<double>> each(ranks_.size());
  auto at = all.begin();
  for (auto& one : each) {
    const auto length = static_cast<std::ptrdiff_t>(*at++);
    one.assign(at, at + length);
    at += length;
  }
  return each;
}

std::vector<int> Crew::who_takes_part(const Task& task) const {
  if (!task.pair) return ranks_;
  return {ranks_[static_cast<std::size_t>(task.pair->first)],
          ranks_[static_cast<std::size_t>(task.pair->second)]};
}

std::vector<double> Crew::give(Order order, const Task& task) {
  const RankPair pair = task.pair.value_or(kNoPair);
  const Message message{static_cast<std::int64_t>(order),
                        static_cast<std::int64_t>(task.kernel),
                        task.bytes,
                        task.warmup,
                        task.iterations,
                        task.round,
                        pair.first,
                        pair.second};
  const auto ranks = who_takes_part(task);
  for (const int rank : ranks) {
    if (rank != world_rank_)
      MPI_Send(message.data(), static_cast<int>(message.size()), MPI_INT64_T, rank, kOrderTag, orders_);
  }
  std::vector<double> result;
  if (std::find(ranks.begin(), ranks.end(), world_rank_) != ranks.end()) result = carry_out(order, task);
  if (ranks.front() == world_rank_) return result;

  MPI_Status status = wait_asleep(orders_, ranks.front(), kResultTag);
  int count = 0;
  MPI_Get_count(&status, MPI_DOUBLE, &count);
  result.resize(static_cast<std::size_t>(count));
  MPI_Recv(result.data(), count, MPI_DOUBLE, ranks.front(), kResultTag, orders_, MPI_STATUS_IGNORE);
  return result;
}

std::vector<double> Crew::carry_out(Order order, const Task& task) {
  if (order == Order::kTraffic) {
    const Traffic traffic = traffic_so_far();
    return {static_cast<double>(traffic.interfaces), static_cast<double>(traffic.infiniband)};
  }
  const Kernel& kernel = kernels_[task.kernel];
  const auto extent = [&](Extent each) {
    return each == Extent::kOnePerRank ? task.bytes * station_.size : task.bytes;
  };
  std::size_t most = 1;
  if (equipment_.buffers == Buffers::kMultiple || order == Order::kVerify)
    most = std::bit_ceil(static_cast<std::size_t>(equipment_.window));
  if (equipment_.buffers == Buffers::kOffCache && order != Order::kVerify) most = send_.size;
  station_.send = send_.places(extent(kernel.send), most);
  station_.receive = receive_.places(extent(kernel.receive), most);
  station_.round = task.round;
  station_.pair = task.pair;
  if (order == Order::kVerify) return verified(kernel, task);
  if (order == Order::kAlone)
    return {kernel.alone(station_, task.bytes, std::chrono::microseconds(task.iterations))};
  run(kernel, task.bytes, task.warmup);
  if (order == Order::kCollect) return collected(kernel, task);
  // Two alone have met in the warm-up; the others are asleep.
  if (!task.pair) MPI_Barrier(station_.comm);
  if (order == Order::kSample) return sampled(kernel, task);
  return timed(kernel, task, order == Order::kTimeEach);
}

void Crew::run(const Kernel& kernel, std::int64_t bytes, std::int64_t iterations) {
  station_.send.start = station_.receive.start = next_place_;
  kernel.run(station_, bytes, iterations);
  next_place_ += static_cast<std::size_t>(iterations * station_.window);
}

std::vector<double> Crew::timed(const Kernel& kernel, const Task& task, bool each) {
  const auto begin = Clock::now();
  run(kernel, task.bytes, task.iterations);
  const double own = Seconds(Clock::now() - begin).count();
  if (each) return gathered({own}, task);
  double slowest = own;
  if (kernel.timing == Timing::kSlowestRank)
    MPI_Reduce(&own, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, station_.comm);
  return {slowest};
}

std::vector<double> Crew::collected(const Kernel& kernel, const Task& task) {
  run(kernel, task.bytes, task.iterations);
  std::vector<double> own = kernel.collect == nullptr ? std::vector<double>() : kernel.collect(station_);
  own.insert(own.begin(), static_cast<double>(own.size()));
  return gathered(std::move(own), task);
}

/// On the first that takes part what all have, one after the other. Who is done early must not spin beside
/// those who are not.
std::vector<double> Crew::gathered(std::vector<double> own, const Task& task) {
  std::vector<int> others;
  for (int rank = 1; rank < station_.size; ++rank) others.push_back(rank);
  if (task.pair) others = {task.pair->second};
  const int first = task.pair ? task.pair->first : 0;
  if (station_.rank != first) {
    MPI_Send(own.data(), static_cast<int>(own.size()), MPI_DOUBLE, first, kGatherTag, station_.comm);
    return own;
  }
  for (const int rank : others) {
    MPI_Status status = wait_asleep(station_.comm, rank, kGatherTag);
    int count = 0;
    MPI_Get_count(&status, MPI_DOUBLE, &count);
    const std::size_t had = own.size();
    own.resize(had + static_cast<std::size_t>(count));
    MPI_Recv(own.data() + had, count, MPI_DOUBLE, rank, kGatherTag, station_.comm, MPI_STATUS_IGNORE);
  }
  return own;
}

std::vector<double> Crew::sampled(const Kernel& kernel, const Task& task) {
  const bool all_together = kernel.timing == Timing::kSlowestRank;
  if (station_.rank != 0 && !all_together) {
    run(kernel, task.bytes, task.iterations);
    return {};
  }
  std::vector<double> samples(static_cast<std::size_t>(task.iterations));
  auto before = Clock::now();
  for (double& sample : samples) {
    if (all_together) {
      MPI_Barrier(station_.comm);
      before = Clock::now();
    }
    run(kernel, task.bytes, 1);
    const auto after = Clock::now();
    sample = Nanoseconds(after - before).count();
    before = after;
  }
  if (all_together) {
    const bool first = station_.rank == 0;
    MPI_Reduce(first ? MPI_IN_PLACE : samples.data(), first ? samples.data() : nullptr,
               static_cast<int>(samples.size()), MPI_DOUBLE, MPI_MAX, 0, station_.comm);
  }
  for (double& sample : samples) sample = std::max(0.0, sample - clock_cost_ns_);
  return samples;
}

std::vector<double> Crew::verified(const Kernel& kernel, const Task& task) {
  if (kernel.wrong == nullptr) return {0};
  std::memset(receive_.bytes.get(), static_cast<int>(kUntouched), receive_.size);
  if (kernel.fill != nullptr) {
    kernel.fill(station_, task.bytes);
  } else {
    const auto length = kernel.send == Extent::kOnePerRank ? task.bytes * station_.size : task.bytes;
    for (std::size_t i = 0; i <= station_.send.mask; ++i)
      fill_pattern(station_.send.at(static_cast<std::int64_t>(i)),
                   message_source(station_.rank, static_cast<std::int64_t>(i)), length);
  }
  MPI_Barrier(station_.comm);
  kernel.run(station_, task.bytes, 1);
  const std::int64_t own = kernel.wrong(station_, task.bytes);
  std::int64_t all = 0;
  MPI_Reduce(&own, &all, 1, MPI_INT64_T, MPI_SUM, 0, station_.comm);
  return {static_cast<double>(all)};
}

void Crew::dismiss() {
  if (dismissed_) return;
  dismissed_ = true;
  int ranks = 0;
  MPI_Comm_size(orders_, &ranks);
  const Message message{static_cast<std::int64_t>(Order::kDismiss)};
  for (int rank = 1; rank < ranks; ++rank)
    MPI_Send(message.data(), static_cast<int>(message.size()), MPI_INT64_T, rank, kOrderTag, orders_);
}

void Crew::work() {
  for (;;) {
    wait_asleep(orders_, 0, kOrderTag);
    Message message{};
    MPI_Recv(message.data(), static_cast<int>(message.size()), MPI_INT64_T, 0, kOrderTag, orders_,
             MPI_STATUS_IGNORE);
    const auto order = static_cast<Order>(message[0]);
    if (order == Order::kDismiss) return;
    const RankPair pair{static_cast<int>(message[6]), static_cast<int>(message[7])};
    const Task task{.kernel = static_cast<std::size_t>(message[1]),
                    .bytes = message[2],
                    .warmup = message[3],
                    .iterations = message[4],
                    .round = static_cast<int>(message[5]),
                    .pair = pair == kNoPair ? std::nullopt : std::optional(pair)};
    const auto result = carry_out(order, task);
    if (who_takes_part(task).front() == world_rank_)
      MPI_Send(result.data(), static_cast<int>(result.size()), MPI_DOUBLE, 0, kResultTag, orders_);
  }
}

}  // namespace shipyard::bench
