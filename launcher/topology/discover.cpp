#include <hwloc.h>

#include <cerrno>
#include <memory>

#include "base/file.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, TopologyDeleter>;

struct BitmapDeleter {
  void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, BitmapDeleter>;

}  // namespace

Result<NodeTopology> discover() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return system_error("hwloc cannot start", errno);
  Topology topology(raw);
  // Nothing but packages, cores and threads is needed yet, and reading caches and devices costs milliseconds.
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
  if (hwloc_topology_load(raw) != 0) return system_error("hwloc cannot read this machine's topology", errno);

  Bitmap mask(hwloc_bitmap_alloc());
  if (hwloc_get_cpubind(raw, mask.get(), HWLOC_CPUBIND_PROCESS) != 0) {
    hwloc_bitmap_copy(mask.get(), hwloc_topology_get_allowed_cpuset(raw));
  }
  NodeTopology result;
  // A machine whose kernel says nothing about cores has threads only: each counts as a core.
  const bool knows_cores = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_CORE) > 0;
  const hwloc_obj_type_t type = knows_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  for (hwloc_obj_t object = nullptr; (object = hwloc_get_next_obj_by_type(raw, type, object)) != nullptr;) {
    ++result.allowed_cores;
    Core core;
    for (int cpu = hwloc_bitmap_first(object->cpuset); cpu >= 0;
         cpu = hwloc_bitmap_next(object->cpuset, cpu)) {
      if (hwloc_bitmap_isset(mask.get(), static_cast<unsigned>(cpu)) != 0)
        core.hardware_threads.push_back(cpu);
    }
    if (!core.hardware_threads.empty()) result.cores.push_back(std::move(core));
  }
  if (auto groups = read_file("/proc/self/cgroup", 1 << 20))
    result.cpu_quota = cpu_quota(*groups, "/sys/fs/cgroup");
  return result;
}

}  // namespace shipyard::topology
