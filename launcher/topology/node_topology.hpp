#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shipyard::topology {

/// A physical core and those of its hardware threads that may be used. Indexes point into the vectors of its
/// NodeTopology.
struct Core {
  std::vector<int> hardware_threads = {};  ///< operating-system indexes, ascending; never empty
  int package = 0;
  int numa = 0;   ///< its NUMA domain
  int cache = 0;  ///< its cache domain
  int kind = 0;   ///< 0: the fastest kind of core on this node, 1: the next …
};

struct Package {
  std::string model = {};  ///< "AMD EPYC 7V73X 64-Core Processor"; empty: unknown
};

/// Cores that share a memory. Nodes of memory without CPUs are none; memories of the same CPUs are one (the
/// one with the lowest index: DRAM before HBM); cores without a memory of their own form one per package. A
/// memory that reaches over several packages is one in each, with its cores' part of the bytes.
struct NumaDomain {
  int os_index = -1;  ///< -1: the package's cores, without a memory of their own
  int package = 0;
  std::uint64_t memory_bytes = 0;  ///< 0: unknown
};

/// Cores that share a cache: the L3, without one a shared L2 (a KNL tile), without one the NUMA domain. A
/// cache that reaches over several NUMA domains counts as one in each.
struct CacheDomain {
  int numa = 0;
  int level = 0;  ///< 3, 2; 0: it stands for the NUMA domain
  std::uint64_t bytes = 0;
};

/// A GPU for computing, in PCI order.
struct Gpu {
  enum class Vendor { kNvidia, kAmd, kOther };

  std::string pci_address = {};  ///< "0001:00:00.0"
  Vendor vendor = Vendor::kOther;
  std::vector<int> near_cores = {};  ///< indexes of usable cores; empty: its place is unknown
};

/// A port of an InfiniBand device.
struct InfiniBandPort {
  std::string name = {};             ///< "mlx5_0:1", as UCX_NET_DEVICES takes it
  std::vector<int> near_cores = {};  ///< indexes of usable cores; empty: its place is unknown
};

/// A node's hardware as far as this job may use it. All vectors are in hwloc's logical order, which is
/// locality order: a package's NUMA domains, a domain's caches and a cache's cores stand together.
struct NodeTopology {
  std::vector<Core> cores = {};
  std::vector<Package> packages = {};  ///< with usable cores, like the following
  std::vector<NumaDomain> numa_domains = {};
  std::vector<CacheDomain> caches = {};
  std::vector<Gpu> gpus = {};                         ///< filled where asked for (Devices)
  std::vector<InfiniBandPort> infiniband_ports = {};  ///< filled where asked for

  std::optional<double> cpu_quota = {};            ///< CPUs' worth of time (cgroup); nullopt: no limit
  std::optional<std::uint64_t> memory_limit = {};  ///< bytes (cgroup); nullopt: none but the memory's size
  /// The user's affinity mask leaves out CPUs that the cgroup allows, which mpirun does not see.
  bool masked = false;
  int allowed_cores = 0;  ///< without that mask
  /// How many objects of a type hwloc has before the affinity mask and corrections, because that is what
  /// mpirun counts when it maps and binds by NUMA node, L3 cache, package and core: memories without CPUs and
  /// several of the same CPUs, a cache over several NUMA domains once. 0: the machine has none (hardware
  /// threads without cores, for instance).
  int numa_objects = 0;
  int l3_objects = 0;
  int core_objects = 0;
  int package_objects = 0;
  /// The cores stand in another order than hwloc's (and mpirun's), because the cores of a domain do not stand
  /// together there.
  bool reordered = false;
  /// What was put right in hwloc's account, for --explain: "L3 caches of EPYC 9V33X: …".
  std::vector<std::string> corrections = {};
};

}  // namespace shipyard::topology
