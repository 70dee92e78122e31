// From a host list to everything that a launch writes, for 1,000 to 100,000 nodes. The aim: 10,000 nodes in
// less than 10 ms and 50 MB, and linear beyond (the Complexity lines).

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>

#include "bench/core/allocation_counter.hpp"
#include "hostfile/host_list.hpp"
#include "hostfile/hostfile.hpp"
#include "hostfile/ssh_config.hpp"
#include "launcher/plan.hpp"

namespace shipyard::bench {
namespace {

std::string host_name(int index) {
  return fmt::format("10.{}.{}.{}", index >> 16U, (index >> 8U) & 255, index & 255);
}

/// AZ_BATCH_HOST_LIST of so many nodes.
std::string host_list(int count) {
  std::string result;
  for (int i = 0; i < count; ++i) {
    if (i > 0) result += ',';
    result += host_name(i);
  }
  return result;
}

template <typename T>
T required(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "error: {}\n", result.error().message);
  std::abort();
}

/// Runs the body once an iteration, and notes the memory that it needed at its peak.
template <typename Body>
void measure(benchmark::State& state, Body body) {
  const std::size_t before = allocated_bytes();
  reset_peak();
  for (auto _ : state) body();
  state.counters["peak_MB"] = static_cast<double>(peak_bytes() - before) / 1e6;
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetComplexityN(state.range(0));
}

void parse_host_list(benchmark::State& state) {
  const std::string text = host_list(static_cast<int>(state.range(0)));
  measure(state, [&] { benchmark::DoNotOptimize(required(hostfile::parse_batch_host_list(text))); });
}

void parse_hostfile(benchmark::State& state) {
  const auto list = required(hostfile::parse_batch_host_list(host_list(static_cast<int>(state.range(0)))));
  const std::string text = hostfile::openmpi_hostfile(list.hosts, 64);
  measure(state, [&] { benchmark::DoNotOptimize(required(hostfile::parse_hostfile(text, "hostfile"))); });
}

void write_hostfile(benchmark::State& state) {
  const auto list = required(hostfile::parse_batch_host_list(host_list(static_cast<int>(state.range(0)))));
  measure(state, [&] { benchmark::DoNotOptimize(hostfile::openmpi_hostfile(list.hosts, 64)); });
}

void write_ssh_config(benchmark::State& state) {
  const auto list = required(hostfile::parse_batch_host_list(host_list(static_cast<int>(state.range(0)))));
  measure(state, [&] { benchmark::DoNotOptimize(required(hostfile::ssh_config(list.hosts))); });
}

/// What is known of the job besides its hosts: this node is the first, with 120 cores.
launcher::LaunchContext context_without_hosts() {
  launcher::LaunchContext context;
  context.interfaces = {{"lo", *parse_address("127.0.0.1"), 8, true},
                        {"eth0", *parse_address("10.0.0.0"), 8, false}};
  context.own_host = 0;
  context.own_address = *parse_address("10.0.0.0");
  constexpr int kCores = 120;
  topology::NodeTopology node;
  node.packages.emplace_back();
  node.numa_domains.push_back({.os_index = 0});
  node.caches.push_back({.level = 3});
  for (int core = 0; core < kCores; ++core) node.cores.push_back({.hardware_threads = {core}});
  node.allowed_cores = kCores;
  node.numa_objects = node.l3_objects = node.package_objects = 1;
  node.core_objects = kCores;
  context.topologies = {std::move(node)};
  context.mpi = {"/usr/bin/mpirun", {mpi::Dialect::kOpenMpi4, 4, 1, "4.1.4"}, {}};
  context.environment.variables = {{"PATH", "/usr/bin"}};
  context.program = "/app/solve";
  context.working_directory = "/w";
  context.rank_program = "/libexec/shipyard-rank";
  context.connect_program = "/libexec/shipyard-connect";
  context.run_directory = "/tmp/shipyard-mpirun.abc";
  context.shared_memory_bytes = 64ULL << 30U;
  return context;
}

/// The whole way: parse, hostfile, ssh config, plan.
void plan_launch(benchmark::State& state) {
  const std::string text = host_list(static_cast<int>(state.range(0)));
  const auto base = context_without_hosts();
  launcher::LaunchOptions options;
  options.program = {"./solve"};
  measure(state, [&] {
    auto context = base;
    context.hosts = required(hostfile::parse_batch_host_list(text));
    context.addresses.reserve(context.hosts.hosts.size());
    for (const auto& host : context.hosts.hosts) context.addresses.push_back(*parse_address(host.name));
    benchmark::DoNotOptimize(required(launcher::plan_launch(options, context)));
  });
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->Complexity(benchmark::oN);
}

BENCHMARK(parse_host_list)->Apply(sizes);
BENCHMARK(parse_hostfile)->Apply(sizes);
BENCHMARK(write_hostfile)->Apply(sizes);
BENCHMARK(write_ssh_config)->Apply(sizes);
BENCHMARK(plan_launch)->Apply(sizes);

}  // namespace
}  // namespace shipyard::bench

BENCHMARK_MAIN();
