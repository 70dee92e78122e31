// What it costs to know a node and to lay ranks out on it. The aim: the layout for the 368 cores of an
// HB368rs_v5 in less than 1 ms. Discovery is hwloc's: devices cost extra, and only --ppn gpu asks for them.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "launcher/topology/discover.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/signature.hpp"

namespace shipyard::bench {
namespace {

using topology::Devices;
using topology::LayoutWish;
using topology::NodeTopology;
using topology::RanksPerNode;

template <typename T>
T required(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "error: {}\n", result.error().message);
  std::abort();
}

/// HB368rs_v5: 2 packages, 16 NUMA domains of 23 cores, three L3 caches of 8, 8 and 7 cores in each.
NodeTopology hb368() {
  NodeTopology node;
  int cpu = 0;
  for (int numa = 0; numa < 16; ++numa) {
    const int package = numa / 8;
    if (numa % 8 == 0) node.packages.push_back({"AMD EPYC"});
    node.numa_domains.push_back({.os_index = numa, .package = package, .memory_bytes = 24ULL << 30U});
    for (const int cores : {8, 8, 7}) {
      const auto cache = static_cast<int>(node.caches.size());
      node.caches.push_back({.numa = numa, .level = 3, .bytes = 96U << 20U});
      for (int i = 0; i < cores; ++i) {
        node.cores.push_back(
            {.hardware_threads = {cpu++}, .package = package, .numa = numa, .cache = cache, .kind = 0});
      }
    }
  }
  node.allowed_cores = cpu;
  return node;
}

void discover(benchmark::State& state, Devices devices) {
  for (auto _ : state) benchmark::DoNotOptimize(required(topology::discover(devices)));
}

/// Another node's, as it arrives: its XML is made once here.
void parse_xml(benchmark::State& state) {
  const std::string xml = required(topology::topology_xml());
  for (auto _ : state)
    benchmark::DoNotOptimize(required(topology::parse_topology_xml(xml, "x", Devices::kAll)));
  state.counters["xml_kB"] = static_cast<double>(xml.size()) / 1e3;
}

void load_description_of_384_cores(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        required(topology::load_topology("package:2 numa:8 l3:3 core:8 pu:1", "x", Devices::kNone)));
  }
}

void sign_368_cores(benchmark::State& state) {
  const NodeTopology node = hb368();
  for (auto _ : state) benchmark::DoNotOptimize(topology::signature(node));
}

void plan_layout_on_368_cores(benchmark::State& state, LayoutWish wish) {
  const std::vector<NodeTopology> nodes = {hb368()};
  for (auto _ : state) benchmark::DoNotOptimize(required(topology::plan_layout(wish, nodes, {0})));
}

LayoutWish one_per(RanksPerNode::Mode mode, int number = 0) {
  LayoutWish wish;
  wish.ranks_per_node = RanksPerNode{mode, number, "--ppn"};
  return wish;
}

BENCHMARK_CAPTURE(discover, without_devices, Devices::kNone)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(discover, with_devices, Devices::kAll)->Unit(benchmark::kMillisecond);
BENCHMARK(parse_xml)->Unit(benchmark::kMillisecond);
BENCHMARK(load_description_of_384_cores)->Unit(benchmark::kMillisecond);
BENCHMARK(sign_368_cores)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_layout_on_368_cores, a_rank_per_core, LayoutWish{})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_layout_on_368_cores, ppn_l3, one_per(RanksPerNode::Mode::kL3))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_layout_on_368_cores, ppn_numa, one_per(RanksPerNode::Mode::kNuma))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_layout_on_368_cores, ppn_100, one_per(RanksPerNode::Mode::kNumber, 100))
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shipyard::bench

BENCHMARK_MAIN();
