#include "launcher/topology/discover.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>  // NOLINT: setenv

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/unit/temporary_directory.hpp"
#include "tests/unit/topology_account.hpp"
#include "tests/unit/topology_samples.hpp"

namespace shipyard::topology {
namespace {

namespace fs = std::filesystem;

// Every test here has an environment in which hwloc by itself would look at another machine and talk.
const bool kHostile = [] {
  ::setenv("HWLOC_XMLFILE", SHIPYARD_TEST_DATA "/topologies/azure-HB60rs.xml", 1);
  ::setenv("HWLOC_SYNTHETIC", "core:7 pu:3", 1);
  ::setenv("HWLOC_FSROOT", "/nonexistent", 1);
  ::setenv("HWLOC_COMPONENTS", "synthetic,stop", 1);
  ::setenv("HWLOC_THISSYSTEM", "0", 1);
  ::setenv("HWLOC_XML_VERBOSE", "1", 1);
  ::setenv("HWLOC_SYNTHETIC_VERBOSE", "1", 1);
  ::setenv("HWLOC_HIDE_ERRORS", "0", 1);
  return true;
}();

std::string error_text(const Result<NodeTopology>& result) {
  if (result) return "no error: " + shape(*result);
  std::string text = result.error().message + "\n";
  if (!result.error().excerpt.text.empty()) {
    text += result.error().excerpt.text + "\n" + std::string(result.error().excerpt.offset, ' ') + "^\n";
  }
  return text + result.error().hint;
}

/// Nothing but the result: hwloc must not write to the terminal.
Result<NodeTopology> load(const std::string& input, Devices devices = Devices::kAll) {
  ::testing::internal::CaptureStderr();
  auto result = load_topology(input, "--topology", devices);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << input;
  return result;
}

// --- hwloc XML of real machines
// -----------------------------------------------------------------------------

std::vector<std::string> machines() {
  std::vector<std::string> result;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(SHIPYARD_TEST_DATA "/topologies", failure)) {
    if (entry.path().extension() == ".xml") result.push_back(entry.path().filename().string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

#define NEED_MACHINES() \
  if (machines().empty()) GTEST_SKIP() << "no topologies in " << SHIPYARD_TEST_DATA

NodeTopology machine(const std::string& name, Devices devices = Devices::kAll) {
  auto node = load(SHIPYARD_TEST_DATA "/topologies/" + name, devices);
  EXPECT_TRUE(node) << name << ": " << error_text(node);
  return node ? *node : NodeTopology{};
}

template <typename T>
bool is_index(int index, const std::vector<T>& values) {
  return index >= 0 && index < static_cast<int>(values.size());
}

/// What NodeTopology promises.
void expect_sound(const NodeTopology& node) {
  ASSERT_FALSE(node.cores.empty());
  EXPECT_GE(node.allowed_cores, static_cast<int>(node.cores.size()));
  std::set<int> cpus;
  // Each domain begins once: its cores stand together, and numbers ascend by one.
  int packages = 0;
  int numas = 0;
  int caches = 0;
  const Core* last = nullptr;
  std::set<int> kinds;
  for (const auto& core : node.cores) {
    ASSERT_FALSE(core.hardware_threads.empty());
    EXPECT_TRUE(std::is_sorted(core.hardware_threads.begin(), core.hardware_threads.end()));
    for (int cpu : core.hardware_threads) EXPECT_TRUE(cpus.insert(cpu).second) << cpu << " is in two cores";
    if (last == nullptr || core.package != last->package) {
      EXPECT_EQ(core.package, packages++);
    }
    if (last == nullptr || core.numa != last->numa) {
      EXPECT_EQ(core.numa, numas++);
    }
    if (last == nullptr || core.cache != last->cache) {
      EXPECT_EQ(core.cache, caches++);
    }
    ASSERT_TRUE(is_index(core.numa, node.numa_domains));
    ASSERT_TRUE(is_index(core.cache, node.caches));
    EXPECT_EQ(node.numa_domains[static_cast<std::size_t>(core.numa)].package, core.package);
    EXPECT_EQ(node.caches[static_cast<std::size_t>(core.cache)].numa, core.numa);
    kinds.insert(core.kind);
    last = &core;
  }
  EXPECT_EQ(static_cast<int>(node.packages.size()), packages);
  EXPECT_EQ(static_cast<int>(node.numa_domains.size()), numas);
  EXPECT_EQ(static_cast<int>(node.caches.size()), caches);
  EXPECT_EQ(*kinds.begin(), 0);
  EXPECT_EQ(*kinds.rbegin(), static_cast<int>(kinds.size()) - 1);
  for (const auto& gpu : node.gpus) {
    for (int core : gpu.near_cores) EXPECT_TRUE(is_index(core, node.cores)) << gpu.pci_address;
  }
  for (const auto& port : node.infiniband_ports) {
    for (int core : port.near_cores) EXPECT_TRUE(is_index(core, node.cores)) << port.name;
  }
}

TEST(LoadTopology, ReadsEveryMachine) {
  NEED_MACHINES();
  for (const auto& name : machines()) {
    SCOPED_TRACE(name);
    expect_sound(machine(name));
  }
}

TEST(LoadTopology, GivesTheSameCoresWithAndWithoutDevices) {
  NEED_MACHINES();
  for (const auto& name : machines()) {
    auto with = machine(name);
    with.gpus.clear();
    with.infiniband_ports.clear();
    EXPECT_EQ(account(machine(name, Devices::kNone)), account(with)) << name;
  }
}

TEST(LoadTopology, KnowsTheDomainsOfAMachine) {
  NEED_MACHINES();
  const std::map<std::string, std::string> shapes = {
      {"azure-A1_v2.xml", "[0: L3 1]"},
      {"azure-D2s_v3.xml", "[0: L3 1]"},
      {"azure-D32s_v3-2numa.xml", "[0: L3 8] [1: L3 8]"},
      {"azure-F72s_v2.xml", "[0: L3 18] [1: L3 18]"},
      {"azure-HB120-64rs_v3.xml", "[0: L3 4,4,4,4 | 1: L3 4,4,4,4] [2: L3 4,4,4,4 | 3: L3 4,4,4,4]"},
      {"azure-HB120rs_v2.xml",
       "[0: L3 3,3,4,4,4,4,4,4 | 1: L3 3,3,4,4,4,4,4,4] [2: L3 3,3,4,4,4,4,4,4 | 3: L3 3,3,4,4,4,4,4,4]"},
      {"azure-HB120rs_v3.xml", "[0: L3 8,8,8,6 | 1: L3 8,8,8,6] [2: L3 8,8,8,6 | 3: L3 8,8,8,6]"},
      {"azure-HB60rs.xml",
       "[0: L3 4 | 1: L3 4 | 2: L3 4 | 3: L3 4 | 4: L3 4 | 5: L3 4 | 6: L3 4] "
       "[7: L3 4 | 8: L3 4 | 9: L3 4 | 10: L3 4 | 11: L3 4 | 12: L3 4 | 13: L3 4 | 14: L3 4]"},
      {"azure-HC44rs.xml", "[0: L3 22] [1: L3 22]"},
      {"azure-NC96ads_A100_v4.xml", "[0: L3 8,8,8 | 1: L3 8,8,8] [2: L3 8,8,8 | 3: L3 8,8,8]"},
      {"azure-ND96asr_v4.xml",
       "[0: L3 4,4,4,4,4,4 | 1: L3 4,4,4,4,4,4] [2: L3 4,4,4,4,4,4 | 3: L3 4,4,4,4,4,4]"},
      {"hwloc-128arm-2pa2n8cluster4co.xml", "[0: L3 32 | 1: L3 32] [2: L3 32 | 3: L3 32]"},
      // Packages 0, 4 and 5 have CPUs of which the memory may not be used.
      {"hwloc-16amd64-8n2c-cpusets.xml", "[-1: L0 2] [1: L0 2] [2: L0 1] [3: L0 1] [-1: L0 2] [-1: L0 2]"},
      {"hwloc-20em64t-hybrid-1p6c2t+2ca4co1t.xml", "[0: L3 14]"},
      // Six memories may be used, but CPUs of two only.
      {"hwloc-32amd64-4s2n4c-cgroup2.xml", "[0: L3 4 | 1: L3 2]"},
      // Packages 2, 3 and 4 have no CPUs.
      {"hwloc-64intel64-3g2n+2n-irregulargroups+pci.xml", "[0: L3 8] [1: L3 8]"},
      // One memory for both packages; some cores share an L2, others do not.
      {"hwloc-8em64t-2s4c-heterogeneous.xml", "[0: L0 2 L2 2] [0: L2 2,2]"},
      // One L3 over three memories, each of which has slower ones beside it.
      {"hwloc-fakeheteromemtiers.xml", "[0: L3 2 | 1: L3 2 | 2: L3 2]"},
      {"hwloc-offline-cpu0-node0.xml", "[-1: L3 9] [1: L3 8]"},
      {"mpibind-coral-lassen.xml", "[0: L3 2,2,2,2,2,2,2,2,2,2] [8: L3 2,2,2,2,2,2,2,2,2,2]"},
      {"mpibind-cts1-pascal.xml", "[0: L3 18] [1: L3 18]"},
      {"mpibind-eas-tioga.xml", "[0: L3 8,8 | 1: L3 8,8 | 2: L3 8,8 | 3: L3 8,8]"},
      {"mpibind-epyc-corona.xml",
       "[0: L3 3,3 | 1: L3 3,3 | 2: L3 3,3 | 3: L3 3,3] [4: L3 3,3 | 5: L3 3,3 | 6: L3 3,3 | 7: L3 3,3]"},
  };
  for (const auto& [name, expected] : shapes) EXPECT_EQ(shape(machine(name)), expected) << name;
}

TEST(LoadTopology, KnowsTheHardwareThreadsOfACore) {
  NEED_MACHINES();
  EXPECT_EQ(cpus(machine("azure-D2s_v3.xml")), "0-1");
  EXPECT_EQ(cpus(machine("hwloc-16amd64-8n2c-cpusets.xml")), "0 1 2 3 5 6 12 13 14 15");
  EXPECT_EQ(cpus(machine("hwloc-8em64t-2s4c-heterogeneous.xml")), "0 4 2 6 1 5 3 7");
  EXPECT_THAT(cpus(machine("mpibind-eas-tioga.xml")), ::testing::StartsWith("0,64 1,65 2,66 "));
  EXPECT_THAT(cpus(machine("mpibind-coral-lassen.xml")), ::testing::StartsWith("8-11 12-15 "));
}

TEST(LoadTopology, KnowsMemoriesAndModels) {
  NEED_MACHINES();
  const auto lassen = machine("mpibind-coral-lassen.xml");
  EXPECT_EQ(lassen.numa_domains[1].memory_bytes, 137166913536U);
  EXPECT_EQ(lassen.packages[0].model, "POWER9, altivec supported");
  // hwloc leaves the blanks in that the CPU's name is filled up with.
  EXPECT_EQ(machine("mpibind-eas-tioga.xml").packages[0].model, "AMD EPYC 7A53 64-Core Processor");
  // Of the memory that belongs to both packages, each has a part.
  const auto shared = machine("hwloc-8em64t-2s4c-heterogeneous.xml");
  EXPECT_EQ(shared.numa_domains[0].memory_bytes, shared.numa_domains[1].memory_bytes);
  EXPECT_EQ(shared.numa_domains[0].memory_bytes >> 20U, 8189U);
}

TEST(LoadTopology, CountsWhatMpirunCounts) {
  NEED_MACHINES();
  const auto counts = [](const NodeTopology& node) {
    return std::vector{node.numa_objects, node.l3_objects, node.core_objects, node.package_objects};
  };
  EXPECT_EQ(counts(machine("hwloc-32amd64-4s2n4c-cgroup2.xml")), (std::vector{6, 2, 6, 1}));
  EXPECT_EQ(counts(machine("hwloc-fakeheteromemtiers.xml")), (std::vector{7, 1, 6, 1}));
  EXPECT_EQ(counts(machine("hwloc-8em64t-2s4c-heterogeneous.xml")), (std::vector{1, 0, 8, 2}));
}

TEST(LoadTopology, RanksKindsOfCores) {
  NEED_MACHINES();
  const auto node = machine("hwloc-20em64t-hybrid-1p6c2t+2ca4co1t.xml");
  std::string kinds;
  for (const auto& core : node.cores) kinds += fmt::format("{}", core.kind);
  EXPECT_EQ(kinds, "00000011111111");
}

TEST(LoadTopology, FindsGpusInPciOrderWithTheirCores) {
  NEED_MACHINES();
  const auto gpus = [](const std::string& name) {
    std::string text;
    for (const auto& gpu : machine(name).gpus)
      text += fmt::format("{} {}\n", gpu.pci_address, format_cpu_list(gpu.near_cores));
    return text;
  };
  EXPECT_EQ(gpus("azure-ND96asr_v4.xml"),
            "0001:00:00.0 24-47\n0002:00:00.0 24-47\n0003:00:00.0 0-23\n0004:00:00.0 0-23\n"
            "000b:00:00.0 72-95\n000c:00:00.0 72-95\n000d:00:00.0 48-71\n000e:00:00.0 48-71\n");
  EXPECT_EQ(gpus("azure-NC96ads_A100_v4.xml"),
            "0001:00:00.0 0-23\n0002:00:00.0 24-47\n0003:00:00.0 48-71\n0004:00:00.0 72-95\n");
  // Each is on an L3 cache of its own.
  EXPECT_EQ(gpus("mpibind-eas-tioga.xml"),
            "0000:c1:00.0 48-55\n0000:c6:00.0 56-63\n0000:c9:00.0 16-23\n0000:ce:00.0 24-31\n"
            "0000:d1:00.0 0-7\n0000:d6:00.0 8-15\n0000:d9:00.0 32-39\n0000:de:00.0 40-47\n");
  EXPECT_EQ(gpus("mpibind-coral-lassen.xml"),
            "0004:04:00.0 0-19\n0004:05:00.0 0-19\n0035:03:00.0 20-39\n0035:04:00.0 20-39\n");
  // AMD's are of class VGA here, as the board's own graphics is.
  EXPECT_EQ(gpus("mpibind-epyc-corona.xml"),
            "0000:13:00.0 6-11\n0000:23:00.0 12-17\n0000:53:00.0 30-35\n0000:73:00.0 42-47\n");
  // They belong to packages that have no CPUs.
  EXPECT_EQ(gpus("hwloc-64intel64-3g2n+2n-irregulargroups+pci.xml"), "0002:01:00.0 \n0004:01:00.0 \n");
  EXPECT_EQ(gpus("hwloc-128arm-2pa2n8cluster4co.xml"), "");
  EXPECT_EQ(machine("mpibind-eas-tioga.xml").gpus[0].vendor, Gpu::Vendor::kAmd);
  EXPECT_EQ(machine("mpibind-coral-lassen.xml").gpus[0].vendor, Gpu::Vendor::kNvidia);
}

TEST(LoadTopology, FindsInfiniBandPortsWithTheirCores) {
  NEED_MACHINES();
  const auto ports = [](const std::string& name) {
    std::string text;
    for (const auto& port : machine(name).infiniband_ports)
      text += fmt::format("{} {}\n", port.name, format_cpu_list(port.near_cores));
    return text;
  };
  EXPECT_EQ(ports("mpibind-coral-lassen.xml"),
            "mlx5_0:1 0-19\nmlx5_1:1 0-19\nmlx5_2:1 20-39\nmlx5_3:1 20-39\n");
  EXPECT_EQ(ports("mpibind-epyc-corona.xml"), "mlx5_0:1 18-23\n");
  EXPECT_THAT(ports("azure-ND96asr_v4.xml"),
              ::testing::StartsWith("mlx5_ib0:1 0-23\nmlx5_ib1:1 0-23\nmlx5_ib2:1 24-47\n"));
  EXPECT_EQ(ports("azure-HB120rs_v3.xml"), "");
}

// --- synthetic descriptions
// ---------------------------------------------------------------------------------

NodeTopology described(const std::string& text) {
  auto node = load(text);
  EXPECT_TRUE(node) << error_text(node);
  if (node) expect_sound(*node);
  return node ? *node : NodeTopology{};
}

TEST(LoadTopology, TakesASyntheticDescription) {
  const auto node = described("package:2 numa:2 l3:2 core:3 pu:2");
  EXPECT_EQ(shape(node), "[0: L3 3,3 | 1: L3 3,3] [2: L3 3,3 | 3: L3 3,3]");
  EXPECT_EQ(cpus(node).substr(0, 11), "0-1 2-3 4-5");
  EXPECT_EQ(node.allowed_cores, 24);
  EXPECT_FALSE(node.cpu_quota);
  EXPECT_FALSE(node.memory_limit);
  EXPECT_FALSE(node.masked);
}

TEST(LoadTopology, GivesADescriptionOneHardwareThreadACoreWhereItNamesNone) {
  EXPECT_EQ(cpus(described("core:4")), "0 1 2 3");
  EXPECT_EQ(cpus(described("Package:2 Core:1 PU:2")), "0-1 2-3");
}

TEST(LoadTopology, TakesSharedL2CachesWhereThereIsNoL3) {
  EXPECT_EQ(shape(described("package:1 l2:3 core:2 pu:4")), "[0: L2 2,2,2]");
  EXPECT_EQ(shape(described("package:1 l2:3 core:1 pu:4")), "[0: L0 3]");
}

TEST(LoadTopology, TakesHardwareThreadsWithoutCoresAsCores) {
  const auto node = described("package:2 pu:3");
  EXPECT_EQ(cpus(node), "0 1 2 3 4 5");
  EXPECT_EQ(shape(node), "[0: L0 3] [0: L0 3]");
  EXPECT_EQ(node.core_objects, 0);
}

TEST(LoadTopology, TakesAMachineWithoutPackagesAsOne) {
  EXPECT_EQ(shape(described("numa:2 core:3 pu:1")), "[0: L0 3 | 1: L0 3]");
}

TEST(LoadTopology, LetsCpusOfAPackageStandTogetherWhateverTheirNumbers) {
  const auto node = described("package:2 core:2 pu:2(indexes=package:core)");
  EXPECT_EQ(shape(node), "[0: L0 2] [0: L0 2]");
  EXPECT_EQ(cpus(node), "0,4 2,6 1,5 3,7");
}

TEST(LoadTopology, PutsHbmBesideTheMemoryOfTheSameCpus) {
  const auto node = described("package:2 [numa(memory=64GB)] [numa(memory=16GB)] core:4 pu:1");
  EXPECT_EQ(shape(node), "[0: L0 4] [2: L0 4]");
  EXPECT_EQ(node.numa_domains[0].memory_bytes, 64'000'000'000U);
  EXPECT_EQ(node.numa_objects, 4);
}

TEST(LoadTopology, TakesTheSmallestMemoryOfACore) {
  // One memory for the whole package, and one for each half of it.
  const auto node = described("package:1 [numa] group:2 [numa] core:2 pu:1");
  EXPECT_EQ(node.numa_domains.size(), 2U);
  EXPECT_EQ(node.numa_objects, 3);
}

TEST(LoadTopology, TakesDescriptionsOfLargeMachines) {
  EXPECT_EQ(described("package:2 numa:8 l3:3 core:8 pu:1").cores.size(), 384U);
  EXPECT_EQ(described("package:16 core:128").cores.size(), 2048U);
}

// --- XML written here
// ---------------------------------------------------------------------------------------

/// hwloc's way to write a set: 32 bits a word, the highest first.
std::string hwloc_set(const std::set<int>& indexes) {
  std::vector<std::uint32_t> words(indexes.empty() ? 1
                                                   : static_cast<std::size_t>(*indexes.rbegin()) / 32 + 1);
  for (int index : indexes)
    words[static_cast<std::size_t>(index) / 32] |= 1U << (static_cast<unsigned>(index) % 32);
  std::string text;
  for (auto word = words.rbegin(); word != words.rend(); ++word)
    text += fmt::format("{}0x{:08x}", text.empty() ? "" : ",", *word);
  return text;
}

/// A node as hwloc would write it; `root_infos` are lines for the machine, `tail` follows the objects.
std::string xml_of(const NodeTopology& node, const std::string& root_infos = {},
                   const std::string& tail = {}) {
  int gp_index = 1;
  auto open = [&](const std::string& type, std::size_t index, const std::set<int>& cpuset,
                  const std::set<int>& nodeset, const std::string& more = {}) {
    return fmt::format(
        R"(<object type="{}" os_index="{}" cpuset="{}" complete_cpuset="{}" nodeset="{}" complete_nodeset="{}" gp_index="{}" {}>)"
        "\n",
        type, index, hwloc_set(cpuset), hwloc_set(cpuset), hwloc_set(nodeset), hwloc_set(nodeset), gp_index++,
        more);
  };
  auto cpus_where = [&](auto matches) {
    std::set<int> result;
    for (const auto& core : node.cores) {
      if (matches(core)) result.insert(core.hardware_threads.begin(), core.hardware_threads.end());
    }
    return result;
  };
  auto numas_where = [&](auto matches) {
    std::set<int> result;
    for (const auto& numa : node.numa_domains) {
      if (matches(numa)) result.insert(numa.os_index);
    }
    return result;
  };
  const auto all_cpus = cpus_where([](const Core&) { return true; });
  const auto all_numas = numas_where([](const NumaDomain&) { return true; });
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<topology version=\"2.0\">\n";
  xml += open(
      "Machine", 0, all_cpus, all_numas,
      fmt::format(R"(allowed_cpuset="{}" allowed_nodeset="{}")", hwloc_set(all_cpus), hwloc_set(all_numas)));
  xml += root_infos;
  for (int p = 0; p < static_cast<int>(node.packages.size()); ++p) {
    xml += open("Package", static_cast<std::size_t>(p),
                cpus_where([&](const Core& core) { return core.package == p; }),
                numas_where([&](const NumaDomain& numa) { return numa.package == p; }));
    xml += fmt::format("<info name=\"CPUModel\" value=\"{}\"/>\n",
                       node.packages[static_cast<std::size_t>(p)].model);
    for (int n = 0; n < static_cast<int>(node.numa_domains.size()); ++n) {
      const auto& numa = node.numa_domains[static_cast<std::size_t>(n)];
      if (numa.package != p) continue;
      const auto cpuset = cpus_where([&](const Core& core) { return core.numa == n; });
      xml += open("Group", static_cast<std::size_t>(n), cpuset, {numa.os_index}, R"(kind="0" subkind="0")");
      xml += open("NUMANode", static_cast<std::size_t>(numa.os_index), cpuset, {numa.os_index},
                  fmt::format("local_memory=\"{}\"", numa.memory_bytes)) +
             "</object>\n";
      for (int c = 0; c < static_cast<int>(node.caches.size()); ++c) {
        const auto& cache = node.caches[static_cast<std::size_t>(c)];
        if (cache.numa != n) continue;
        xml += open(
            "L3Cache", static_cast<std::size_t>(c),
            cpus_where([&](const Core& core) { return core.cache == c; }), {numa.os_index},
            fmt::format(
                R"(cache_size="{}" depth="3" cache_linesize="64" cache_associativity="16" cache_type="0")",
                cache.bytes));
        for (std::size_t i = 0; i < node.cores.size(); ++i) {
          const auto& threads = node.cores[i].hardware_threads;
          if (node.cores[i].cache != c) continue;
          xml += open("Core", i, {threads.begin(), threads.end()}, {numa.os_index});
          for (int cpu : threads)
            xml += open("PU", static_cast<std::size_t>(cpu), {cpu}, {numa.os_index}) + "</object>\n";
          xml += "</object>\n";
        }
        xml += "</object>\n";
      }
      xml += "</object>\n";
    }
    xml += "</object>\n";
  }
  return xml + "</object>\n" + tail + "</topology>\n";
}

Result<NodeTopology> parse(const std::string& xml) {
  ::testing::internal::CaptureStderr();
  auto result = parse_topology_xml(xml, "10.0.0.5", Devices::kAll);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  return result;
}

NodeTopology parsed(const std::string& xml) {
  auto node = parse(xml);
  EXPECT_TRUE(node) << error_text(node);
  return node ? *node : NodeTopology{};
}

std::string info(const std::string& name, const std::string& value) {
  return fmt::format("<info name=\"{}\" value=\"{}\"/>\n", name, value);
}

TEST(ParseTopologyXml, GivesWhatWasWritten) {
  for (const auto& node : {samples::hb120(), samples::hb60(), samples::node({{{2}, {3, 1}}}, 2)})
    EXPECT_EQ(account(parsed(xml_of(node))), account(node));
}

TEST(ParseTopologyXml, ReadsTheLimitsOfAnotherNode) {
  const auto node = parsed(xml_of(samples::node({{{4, 4}}}), info("ShipyardCpuQuota", "2.5") +
                                                                 info("ShipyardMemoryLimit", "1073741824") +
                                                                 info("ShipyardUsableCpus", "1,4-5")));
  EXPECT_EQ(cpus(node), "1 4 5");
  EXPECT_EQ(node.cpu_quota, 2.5);
  EXPECT_EQ(node.memory_limit, 1073741824U);
  EXPECT_TRUE(node.masked);
  EXPECT_EQ(node.allowed_cores, 8);
}

TEST(ParseTopologyXml, TakesTheSmallestMemoryOfACoreWhateverItsNumber) {
  auto node = samples::node({{{2}, {2}}});
  node.numa_domains[0].os_index = 1;
  node.numa_domains[1].os_index = 2;
  // Memory 0 belongs to all CPUs, and the machine knows of it.
  std::string xml = xml_of(
      node,
      R"(<object type="NUMANode" os_index="0" cpuset="0x0000000f" complete_cpuset="0x0000000f" )"
      R"(nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="99" local_memory="1073741824"/>)");
  for (int i = 0; i < 3; ++i) xml.replace(xml.find("nodeset=\"0x00000006\""), 20, "nodeset=\"0x00000007\"");
  const auto found = parsed(xml);
  EXPECT_EQ(shape(found), "[1: L3 2 | 2: L3 2]");
  EXPECT_EQ(found.numa_objects, 3);
}

TEST(ParseTopologyXml, KnowsNoPlaceOfAGpuThatBelongsToTheWholeOfALargeMachine) {
  const std::string gpu =
      R"(<object type="PCIDev" gp_index="99" pci_busid="0000:00:01.0" pci_type="0302 [10de:20b2] [10de:1463] a1"/>)";
  const auto near = [&](const samples::Shape& shape) {
    const auto node = parsed(xml_of(samples::node(shape), gpu));
    return node.gpus.size() == 1 ? format_cpu_list(node.gpus[0].near_cores) : "no GPU";
  };
  EXPECT_EQ(near({{{4}}}), "0-3");
  EXPECT_EQ(near({{{2}, {2}}}), "");
  EXPECT_EQ(near({{{2}}, {{2}}}), "");
}

TEST(ParseTopologyXml, RefusesLimitsThatMakeNoSense) {
  const auto text = [](const std::string& name, const std::string& value) {
    return error_text(parse(xml_of(samples::node({{{2}}}), info(name, value))));
  };
  EXPECT_EQ(text("ShipyardCpuQuota", "much"), "10.0.0.5: ShipyardCpuQuota has the value 'much'\n");
  EXPECT_EQ(text("ShipyardCpuQuota", "-1"), "10.0.0.5: ShipyardCpuQuota has the value '-1'\n");
  EXPECT_EQ(text("ShipyardMemoryLimit", "1G"), "10.0.0.5: ShipyardMemoryLimit has the value '1G'\n");
  EXPECT_EQ(text("ShipyardUsableCpus", "a-b"), "10.0.0.5: ShipyardUsableCpus has the value 'a-b'\n");
  EXPECT_EQ(text("ShipyardUsableCpus", "7"), "10.0.0.5 has no CPU that may be used\n");
}

// The whole caches show what has to be corrected; the mask comes after that.
TEST(ParseTopologyXml, CorrectsEpyc9v33xAlsoUnderAMask) {
  auto node = samples::node({{{8, 8, 8, 8, 8, 4}, {8, 8, 8, 8, 8, 4}}});
  node.packages[0].model = "AMD EPYC 9V33X 96-Core Processor";
  EXPECT_EQ(shape(parsed(xml_of(node))), "[0: L3 8,8,8,8,6,6 | 1: L3 8,8,8,8,6,6]");
  const auto masked = parsed(xml_of(node, info("ShipyardUsableCpus", "36-41")));
  EXPECT_EQ(shape(masked), "[0: L3 2,4]");
  EXPECT_EQ(masked.corrections.size(), 1U);
}

TEST(ParseTopologyXml, RanksKindsByFrequencyWhereHwlocDoesNot) {
  const auto kinds = [](const std::string& tail) {
    std::string text;
    for (const auto& core : parsed(xml_of(samples::node({{{6}}}), {}, tail)).cores)
      text += fmt::format("{}", core.kind);
    return text;
  };
  const std::string slow =
      R"(<cpukind cpuset="0x00000003"><info name="FrequencyMaxMHz" value="2000"/></cpukind>)";
  const std::string medium =
      R"(<cpukind cpuset="0x0000000c"><info name="FrequencyMaxMHz" value="3000"/></cpukind>)";
  const std::string fast =
      R"(<cpukind cpuset="0x00000030"><info name="FrequencyMaxMHz" value="4000"/></cpukind>)";
  const std::string unknown = R"(<cpukind cpuset="0x00000030"><info name="CoreType" value="Odd"/></cpukind>)";
  EXPECT_EQ(kinds(slow + medium + fast), "221100");
  EXPECT_EQ(kinds(slow + medium + unknown), "000000");
  EXPECT_EQ(kinds(R"(<cpukind cpuset="0x00000003" forced_efficiency="1"/>)"
                  R"(<cpukind cpuset="0x0000003c" forced_efficiency="5"/>)"),
            "110000");
}

TEST(ParseTopologyXml, RanksTheKindsThatMayBeUsed) {
  const auto node = parsed(xml_of(samples::node({{{4}}}), info("ShipyardUsableCpus", "0-1"),
                                  R"(<cpukind cpuset="0x00000003" forced_efficiency="1"/>)"
                                  R"(<cpukind cpuset="0x0000000c" forced_efficiency="5"/>)"));
  EXPECT_EQ(node.cores[0].kind, 0);
}

// --- bad input
// ----------------------------------------------------------------------------------------------

const std::string kInputHint =
    "give a file written by `lstopo FILE.xml`, or a description such as \"package:2 numa:2 l3:4 core:6 "
    "pu:1\"";
const std::string kAgainHint = "copy the file again, or write it again with `lstopo FILE.xml`";

class BadInput : public ::testing::Test {
 protected:
  /// The error for a file of this content, with FILE for its name.
  std::string of_file(const std::string& content) {
    const std::string path = directory_.write("a.xml", content);
    std::string text = error_text(load(path));
    if (auto at = text.find(path); at != std::string::npos) text.replace(at, path.size(), "FILE");
    return text;
  }

  shipyard::testing::TemporaryDirectory directory_;
};

TEST_F(BadInput, IsAnEmptyFile) {
  EXPECT_EQ(of_file(""), "--topology: FILE is empty\n" + kInputHint);
  EXPECT_EQ(of_file(" \n\n"), "--topology: FILE is empty\n" + kInputHint);
}

TEST_F(BadInput, IsNoXml) {
  EXPECT_EQ(of_file("package:2\n"), "--topology: FILE is not XML\n" + kInputHint);
  EXPECT_EQ(of_file(std::string("\x7f"
                                "ELF\0\0",
                                6)),
            "--topology: FILE is not XML\n" + kInputHint);
  EXPECT_EQ(of_file("<!-- a comment without an end"), "--topology: FILE is not XML\n" + kInputHint);
}

TEST_F(BadInput, IsXmlOfAnotherProgram) {
  const std::string text =
      "--topology: FILE is XML, but not hwloc's: its first element is not <topology>\n" + kInputHint;
  EXPECT_EQ(of_file("<html><body>404</body></html>"), text);
  EXPECT_EQ(of_file("<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<!-- topology -->\n<a><topology/></a>"), text);
  EXPECT_EQ(of_file("<topologydiff/>"), text);
}

TEST_F(BadInput, IsOfVersionThree) {
  EXPECT_EQ(
      of_file(
          "<?xml version=\"1.0\"?>\n<!DOCTYPE topology SYSTEM \"hwloc3.dtd\">\n<topology version=\"3.0\">\n"
          "</topology>\n"),
      "--topology: FILE has version 3.0 of hwloc's XML format, and only 1 and 2 can be read\n"
      "write it with lstopo of hwloc 2");
}

TEST_F(BadInput, IsCutOff) {
  const std::string xml = xml_of(samples::hb120());
  for (const std::size_t size : {xml.size() - 12, xml.size() / 2, xml.size() / 10})
    EXPECT_EQ(of_file(xml.substr(0, size)),
              "--topology: FILE is cut off: </topology> is missing\n" + kAgainHint);
}

TEST_F(BadInput, IsBroken) {
  const std::string message = "--topology: FILE is broken hwloc XML";
  EXPECT_EQ(of_file("<topology version=\"2.0\"></topology>"), message + "\n" + kAgainHint);
  EXPECT_EQ(of_file("<topology version=\"2.0\"><object type=\"Machine\"/></topology>"),
            message + "\n" + kAgainHint);
  const std::string xml = xml_of(samples::node({{{2, 2}}}));
  EXPECT_EQ(of_file(std::string(xml).replace(xml.find("<object type=\"L3"), 7, "<objekt")),
            message + ": line 18\n" + kAgainHint);
  // A cache without CPUs, from which hwloc would make a machine of the other half.
  const auto cpuset = xml.find("cpuset=\"", xml.find("L3Cache")) + 8;
  EXPECT_EQ(of_file(std::string(xml).replace(cpuset, 10, "0x00000000")), message + "\n" + kAgainHint);
}

TEST_F(BadInput, IsXmlOnWhichHwlocCrashes) {
  const std::map<std::string, int> lines = {{"Machine", 3}, {"Package", 4}, {"NUMANode", 7},
                                            {"L3Cache", 9}, {"Core", 10},   {"PU", 11}};
  for (const auto& [object, line] : lines) {
    for (const char* attribute : {"complete_cpuset", "complete_nodeset"}) {
      std::string xml = xml_of(samples::node({{{2, 2}}}));
      xml.replace(xml.find(attribute, xml.find(fmt::format("type=\"{}", object))), 8, "complote");
      EXPECT_EQ(of_file(xml),
                fmt::format("--topology: FILE is broken hwloc XML: line {}\n{}", line, kAgainHint))
          << object;
    }
  }
}

TEST_F(BadInput, IsASetThatHwlocWouldNotWrite) {
  const auto with_set = [](const std::string& text) {
    std::string xml = xml_of(samples::node({{{2, 2}}}));
    const auto place = xml.find("cpuset=\"", xml.find("type=\"Package")) + 8;
    return xml.replace(place, xml.find('"', place) - place, text);
  };
  const std::string error = "--topology: FILE is broken hwloc XML: line 4\n" + kAgainHint;
  for (const char* text : {",0x0000000f", "0x0000000f,", "0x", "0000000f", "0x00000000f", "0x0000000g", "0-3",
                           "0xf...f0x1", "0x0000000f 0x1", "0x1,0xf...f"})
    EXPECT_EQ(of_file(with_set(text)), error) << text;
  for (const char* text : {"0x0000000f", "0xf", "0x00000000,0x0000000f", "0x0,,0x0000000F"})
    EXPECT_NE(of_file(with_set(text)), error) << text;
}

TEST_F(BadInput, IsNoFile) {
  EXPECT_EQ(error_text(load("nowhere.xml")), "--topology: there is no file 'nowhere.xml'\n" + kInputHint);
  EXPECT_EQ(error_text(load("")), "--topology: there is no file ''\n" + kInputHint);
  EXPECT_EQ(error_text(load("/tmp/none/x.xml")),
            "--topology: there is no file '/tmp/none/x.xml'\n" + kInputHint);
}

TEST_F(BadInput, IsADirectory) {
  EXPECT_EQ(error_text(load("/")), "--topology: cannot read /: Is a directory\n" + kInputHint);
}

TEST_F(BadInput, IsADescriptionWithAFault) {
  const std::string message =
      "--topology: there is no file of this name, and hwloc does not understand it as a description\n";
  const std::string hint =
      "name types from the outside in, each with a number: \"package:2 numa:2 l3:4 core:6 pu:1\"";
  EXPECT_EQ(error_text(load("package:2 coxe:3 pu:1")),
            message + "package:2 coxe:3 pu:1\n          ^\n" + hint);
  EXPECT_EQ(error_text(load("package:2 core:0")), message + "package:2 core:0\n          ^\n" + hint);
  EXPECT_EQ(error_text(load("package:2 core:3 4GB")),
            message + "package:2 core:3 4GB\n                 ^\n" + hint);
  EXPECT_EQ(error_text(load("package:2 (core:3")), message + "package:2 (core:3\n          ^\n" + hint);
  EXPECT_EQ(error_text(load("host:1/a.xml")), message + "host:1/a.xml\n^\n" + hint);
}

TEST_F(BadInput, IsADescriptionOfTooMuch) {
  EXPECT_EQ(error_text(load("package:1000 core:1000")),
            "--topology: more than 8192 hardware threads\npackage:1000 core:1000\n             ^\n"
            "the numbers multiply: \"package:2 core:4\" is 8 cores, 4 in each of 2 packages");
  EXPECT_THAT(error_text(load("package:99999999999999999999 core:2")),
              ::testing::StartsWith("--topology: more than 8192 hardware threads\n"));
  for (const char* text :
       {"99 999 pu:2", "package:0x63 core:0x3e7", "package:99core:999", "package:99(a=1)core:999"}) {
    EXPECT_THAT(error_text(load(text)),
                ::testing::StartsWith("--topology: more than 8192 hardware threads\n"));
  }
}

// --- this machine
// -------------------------------------------------------------------------------------------

std::set<int> affinity() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  std::set<int> result;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) result.insert(cpu);
  }
  return result;
}

/// Binds this thread, and gives it its old mask back.
class Affinity {
 public:
  explicit Affinity(const std::set<int>& cpus) {
    EXPECT_EQ(::sched_getaffinity(0, sizeof former_, &former_), 0);
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : cpus) CPU_SET(cpu, &set);
    EXPECT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
  }
  Affinity(const Affinity&) = delete;
  Affinity& operator=(const Affinity&) = delete;
  ~Affinity() { ::sched_setaffinity(0, sizeof former_, &former_); }

 private:
  cpu_set_t former_{};
};

NodeTopology here(Devices devices = Devices::kAll) {
  ::testing::internal::CaptureStderr();
  auto node = discover(devices);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(node) << error_text(node);
  if (node) expect_sound(*node);
  return node ? *node : NodeTopology{};
}

std::set<int> cpus_of(const NodeTopology& node) {
  std::set<int> result;
  for (const auto& core : node.cores)
    result.insert(core.hardware_threads.begin(), core.hardware_threads.end());
  return result;
}

TEST(Discover, FindsTheCpusOfThisProcessWhateverHwlocsVariablesSay) {
  ASSERT_TRUE(kHostile);
  EXPECT_EQ(cpus_of(here()), affinity());
  EXPECT_EQ(cpus_of(here(Devices::kNone)), affinity());
}

TEST(Discover, KeepsToTheAffinityMask) {
  const auto all = affinity();
  if (all.size() < 2) GTEST_SKIP() << "one CPU only";
  const auto whole = here();
  const int last = *all.rbegin();
  Affinity bound({last});
  const auto node = here();
  EXPECT_EQ(cpus_of(node), std::set{last});
  EXPECT_TRUE(node.masked);
  EXPECT_EQ(node.allowed_cores, whole.allowed_cores);
}

TEST(TopologyXml, GivesAnotherNodeWhatIsFoundHere) {
  const auto expect_same = [] {
    auto xml = topology_xml();
    ASSERT_TRUE(xml) << xml.error().message;
    EXPECT_EQ(account(parsed(*xml)), account(here()));
  };
  expect_same();
  const auto all = affinity();
  if (all.size() < 2) GTEST_SKIP() << "one CPU only";
  Affinity bound({*all.begin()});
  expect_same();
}

}  // namespace
}  // namespace shipyard::topology
