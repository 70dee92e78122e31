#include "bench/harness/crew.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "bench/harness/options.hpp"
#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr int kOrderTag = 1;
constexpr int kResultTag = 2;

/// Waits for a message without keeping a core busy: the sleeps grow with the time waited, so that a rank in
/// the middle of a measurement answers within as long again as it waited, and one that takes no part wakes 20
/// times a second.
MPI_Status wait_asleep(MPI_Comm comm, int source, int tag) {
  constexpr auto kShortest = std::chrono::microseconds(20);
  constexpr auto kLongest = std::chrono::microseconds(50'000);
  auto pause = kShortest;
  for (;;) {
    int arrived = 0;
    MPI_Status status;
    MPI_Iprobe(source, tag, comm, &arrived, &status);
    if (arrived) return status;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongest);
  }
}

}  // namespace

/// Sent as int64_t values.
struct Crew::Order {
  enum Task : std::int64_t { kDismiss, kTime, kSample };
  std::int64_t task;
  std::int64_t kernel;
  std::int64_t bytes;
  std::int64_t warmup;
  std::int64_t iterations;
  static constexpr int kFields = 5;
};

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
    return summarize(std::move(samples)).median;
  }();
  return cost;
}

void Crew::FreeBuffer::operator()(std::byte* buffer) const { std::free(buffer); }

Crew::Buffer Crew::allocate(std::int64_t bytes) {
  constexpr std::size_t kPage = 4096;
  const std::size_t size = (static_cast<std::size_t>(bytes) / kPage + 1) * kPage;
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(kPage, size)));
  if (!buffer) throw std::bad_alloc();
  std::memset(buffer.get(), 0x5a, size);  // the first touch is not to be measured
  return buffer;
}

Crew::Crew(const std::vector<Kernel>& kernels, const std::vector<int>& ranks, std::int64_t largest_message)
    : kernels_(kernels), ranks_(ranks) {
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank_);
  MPI_Comm_dup(MPI_COMM_WORLD, &orders_);
  const auto place = std::find(ranks_.begin(), ranks_.end(), world_rank_);
  const bool measures = place != ranks_.end();
  MPI_Comm_split(MPI_COMM_WORLD, measures ? 0 : MPI_UNDEFINED, static_cast<int>(place - ranks_.begin()),
                 &station_.comm);
  if (!measures) return;
  MPI_Comm_rank(station_.comm, &station_.rank);
  MPI_Comm_size(station_.comm, &station_.size);
  send_ = allocate(largest_message);
  receive_ = allocate(largest_message);
  station_.send = send_.get();
  station_.receive = receive_.get();
  clock_cost_ns_ = clock_cost_ns();
}

double Crew::time(std::size_t kernel, std::int64_t bytes, std::int64_t warmup, std::int64_t iterations) {
  return give(Order{Order::kTime, static_cast<std::int64_t>(kernel), bytes, warmup, iterations}).front();
}

std::vector<double> Crew::sample(std::size_t kernel, std::int64_t bytes, std::int64_t warmup,
                                 std::int64_t iterations) {
  return give(Order{Order::kSample, static_cast<std::int64_t>(kernel), bytes, warmup, iterations});
}

std::vector<double> Crew::give(const Order& order) {
  for (const int rank : ranks_) {
    if (rank != world_rank_) MPI_Send(&order, Order::kFields, MPI_INT64_T, rank, kOrderTag, orders_);
  }
  std::vector<double> result;
  if (station_.comm != MPI_COMM_NULL) result = carry_out(order);
  if (ranks_.front() == world_rank_) return result;

  MPI_Status status = wait_asleep(orders_, ranks_.front(), kResultTag);
  int count = 0;
  MPI_Get_count(&status, MPI_DOUBLE, &count);
  result.resize(static_cast<std::size_t>(count));
  MPI_Recv(result.data(), count, MPI_DOUBLE, ranks_.front(), kResultTag, orders_, MPI_STATUS_IGNORE);
  return result;
}

std::vector<double> Crew::carry_out(const Order& order) {
  const Kernel& kernel = kernels_[static_cast<std::size_t>(order.kernel)];
  kernel.run(station_, order.bytes, order.warmup);
  MPI_Barrier(station_.comm);
  if (order.task == Order::kTime || station_.rank != 0) {
    const auto begin = Clock::now();
    kernel.run(station_, order.bytes, order.iterations);
    return {Seconds(Clock::now() - begin).count()};
  }
  std::vector<double> samples(static_cast<std::size_t>(order.iterations));
  auto before = Clock::now();
  for (double& sample : samples) {
    kernel.run(station_, order.bytes, 1);
    const auto after = Clock::now();
    sample = Nanoseconds(after - before).count();
    before = after;
  }
  for (double& sample : samples) sample = std::max(0.0, sample - clock_cost_ns_);
  return samples;
}

void Crew::dismiss() {
  if (dismissed_) return;
  dismissed_ = true;
  int ranks = 0;
  MPI_Comm_size(orders_, &ranks);
  const Order order{Order::kDismiss, 0, 0, 0, 0};
  for (int rank = 1; rank < ranks; ++rank)
    MPI_Send(&order, Order::kFields, MPI_INT64_T, rank, kOrderTag, orders_);
}

void Crew::work() {
  for (;;) {
    wait_asleep(orders_, 0, kOrderTag);
    Order order{};
    MPI_Recv(&order, Order::kFields, MPI_INT64_T, 0, kOrderTag, orders_, MPI_STATUS_IGNORE);
    if (order.task == Order::kDismiss) return;
    const std::vector<double> result = carry_out(order);
    if (station_.rank == 0) {
      MPI_Send(result.data(), static_cast<int>(result.size()), MPI_DOUBLE, 0, kResultTag, orders_);
    }
  }
}

}  // namespace shipyard::bench
