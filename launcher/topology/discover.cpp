#include "launcher/topology/discover.hpp"

#include <fmt/format.h>
#include <hwloc.h>
#include <stdlib.h>  // NOLINT: setenv, unsetenv

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <tuple>

#include "base/file.hpp"
#include "launcher/topology/cgroup.hpp"
#include "launcher/topology/corrections.hpp"
#include "launcher/topology/infiniband.hpp"
#include "launcher/topology/restrict.hpp"
#include "launcher/topology/topology_text.hpp"

extern char** environ;  // NOLINT: environ(7)

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

/// What only the machine itself knows travels in its XML as information on objects.
constexpr const char* kCpuQuota = "ShipyardCpuQuota";
constexpr const char* kMemoryLimit = "ShipyardMemoryLimit";
constexpr const char* kUsableCpus = "ShipyardUsableCpus";

/// Components of hwloc that are left out. The vendors' libraries would tell nothing that PCI does not, are
/// missing in most containers, and some take seconds to start. "pci" looks up names of devices for
/// milliseconds; the kernel tells the rest without it.
constexpr std::array kUnneeded = {"cuda", "gl", "levelzero", "nvml", "opencl", "pci", "rsmi"};

std::string link_layer_info(int port) { return fmt::format("ShipyardPort{}LinkLayer", port); }

/// See discover.hpp. Plug-ins may live in a place of the user's choice, and where PCI devices are may be
/// told by the user: those variables stay.
void tame_environment() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::vector<std::string> names;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      const auto name = text.substr(0, text.find('='));
      if (name.starts_with("HWLOC_") && !name.starts_with("HWLOC_PLUGINS_") && name != "HWLOC_PCI_LOCALITY")
        names.emplace_back(name);
    }
    for (const auto& name : names) ::unsetenv(name.c_str());
    ::setenv("HWLOC_HIDE_ERRORS", "2", 1);  // what is wrong is said by us
    // A component that is a plug-in is loaded before it can be left out, which takes longer than the rest.
    std::string plugins;
    for (const char* component : kUnneeded)
      plugins += fmt::format("{}hwloc_{}.so", plugins.empty() ? "" : ",", component);
    ::setenv("HWLOC_PLUGINS_BLACKLIST", plugins.c_str(), 1);
  });
}

void leave_out(hwloc_topology_t topology, const char* component) {
  hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, component);
}

/// A topology to be loaded, with no more than what is needed.
Result<Topology> new_topology(Devices devices) {
  tame_environment();
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return system_error("hwloc cannot start", errno);
  Topology topology(raw);
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  for (const auto type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_CORE})
    hwloc_topology_set_type_filter(raw, type, HWLOC_TYPE_FILTER_KEEP_ALL);
  // Groups hold NUMA nodes and devices whose CPUs are those of no other object.
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
  if (devices == Devices::kAll) {
    for (const auto type : {HWLOC_OBJ_PCI_DEVICE, HWLOC_OBJ_OS_DEVICE})
      hwloc_topology_set_type_filter(raw, type, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  }
  for (const char* component : kUnneeded) leave_out(raw, component);
#if HWLOC_API_VERSION >= 0x00020800
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS);
#endif
  return topology;
}

/// Puts into the topology of this machine what is known about it outside of hwloc.
void annotate_this_machine(hwloc_topology_t topology) {
  hwloc_obj_t root = hwloc_get_root_obj(topology);
  Bitmap mask(hwloc_bitmap_alloc());
  hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(topology);
  if (hwloc_get_cpubind(topology, mask.get(), HWLOC_CPUBIND_THREAD) == 0 &&
      hwloc_bitmap_isincluded(allowed, mask.get()) == 0 &&
      hwloc_bitmap_intersects(allowed, mask.get()) != 0) {
    char* text = nullptr;
    if (hwloc_bitmap_list_asprintf(&text, mask.get()) >= 0) hwloc_obj_add_info(root, kUsableCpus, text);
    std::free(text);  // NOLINT: hwloc's
  }
  if (auto groups = read_file("/proc/self/cgroup", 1 << 20)) {
    if (auto quota = cpu_quota(*groups, "/sys/fs/cgroup"))
      hwloc_obj_add_info(root, kCpuQuota, fmt::format("{}", *quota).c_str());
    if (auto limit = memory_limit(*groups, "/sys/fs/cgroup"))
      hwloc_obj_add_info(root, kMemoryLimit, fmt::format("{}", *limit).c_str());
  }
  for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_osdev(topology, device)) != nullptr;) {
    if (device->attr->osdev.type != HWLOC_OBJ_OSDEV_OPENFABRICS || device->name == nullptr) continue;
    for (const auto& [port, layer] : link_layers("/sys/class/infiniband", device->name))
      hwloc_obj_add_info(device, link_layer_info(port).c_str(), layer.c_str());
  }
}

bool knows_caches(hwloc_topology_t topology) {
  return hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_L2CACHE) > 0 ||
         hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_L3CACHE) > 0;
}

Result<Topology> load_this_machine(Devices devices) {
  int failure = 0;
  for (const bool ask_every_cpu : {false, true}) {
    auto topology = new_topology(devices);
    if (!topology) return topology;
    // "x86" binds itself to one CPU after the other to ask it: milliseconds each on a busy machine, and
    // needed only where the kernel does not tell (no /sys in a sandbox).
    if (!ask_every_cpu) leave_out(topology->get(), "x86");
    const bool loaded = hwloc_topology_load(topology->get()) == 0;
    failure = errno;
    if (!ask_every_cpu && (!loaded || !knows_caches(topology->get()))) continue;
    if (!loaded) break;
    annotate_this_machine(topology->get());
    return topology;
  }
  return system_error("hwloc cannot read this machine's topology", failure);
}

std::string info(hwloc_obj_t object, const std::string& name) {
  const char* value = hwloc_obj_get_info_by_name(object, name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

template <typename T>
std::optional<T> number(const std::string& text) {
  T value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

std::vector<int> members(hwloc_const_bitmap_t set) {
  std::vector<int> result;
  for (int i = hwloc_bitmap_first(set); i >= 0; i = hwloc_bitmap_next(set, i)) result.push_back(i);
  return result;
}

/// Turns hwloc's objects into a NodeTopology of all CPUs that hwloc allows, in hwloc's logical order.
class Reader {
 public:
  explicit Reader(hwloc_topology_t topology) : topology_(topology), root_(hwloc_get_root_obj(topology)) {}

  NodeTopology read(Devices devices) {
    read_memories();
    read_kinds();
    // Every hardware thread below a core is its core's; one without is a core by itself.
    for (hwloc_obj_t pu = nullptr;
         (pu = hwloc_get_next_obj_by_type(topology_, HWLOC_OBJ_PU, pu)) != nullptr;) {
      hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology_, HWLOC_OBJ_CORE, pu);
      if (core == nullptr) core = pu;
      if (seen_.insert(core).second) add_core(core);
    }
    share_memories();
    node_.allowed_cores = static_cast<int>(node_.cores.size());
    node_.numa_objects = std::max(hwloc_get_nbobjs_by_type(topology_, HWLOC_OBJ_NUMANODE), 0);
    node_.l3_objects = count(HWLOC_OBJ_L3CACHE);
    node_.core_objects = count(HWLOC_OBJ_CORE);
    node_.package_objects = count(HWLOC_OBJ_PACKAGE);
    if (devices == Devices::kAll) {
      read_gpus();
      read_infiniband();
    }
    return std::move(node_);
  }

 private:
  struct Memory {
    hwloc_obj_t object;
    int weight;  ///< CPUs
  };

  /// Objects with CPUs. A package without stays where a memory or a device belongs to it; mpirun passes it
  /// over (measured with 4.1.4), as it does an L3 cache.
  [[nodiscard]] int count(hwloc_obj_type_t type) const {
    int result = 0;
    for (hwloc_obj_t object = nullptr;
         (object = hwloc_get_next_obj_by_type(topology_, type, object)) != nullptr;) {
      if (hwloc_bitmap_iszero(object->cpuset) == 0) ++result;
    }
    return result;
  }

  /// NUMA nodes with CPUs, those that win first: the smallest, then the lowest operating-system index.
  void read_memories() {
    for (hwloc_obj_t node = nullptr;
         (node = hwloc_get_next_obj_by_type(topology_, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
      const int weight = hwloc_bitmap_weight(node->cpuset);
      if (weight > 0) memories_.push_back({node, weight});
    }
    std::sort(memories_.begin(), memories_.end(), [](const Memory& left, const Memory& right) {
      return std::tie(left.weight, left.object->os_index) < std::tie(right.weight, right.object->os_index);
    });
  }

  /// Ranks hwloc's kinds: by efficiency, otherwise by the highest frequency, where all of them have one.
  void read_kinds() {
    const int kinds = hwloc_cpukinds_get_nr(topology_, 0);
    for (int i = 0; i < kinds; ++i) {
      Kind kind;
      int efficiency = -1;
      unsigned infos = 0;
      hwloc_info_s* info_array = nullptr;
      if (hwloc_cpukinds_get_info(topology_, static_cast<unsigned>(i), kind.cpus.get(), &efficiency, &infos,
                                  &info_array, 0) != 0) {
        continue;
      }
      if (efficiency >= 0) kind.efficiency = efficiency;
      for (unsigned n = 0; n < infos; ++n) {
        if (std::string_view(info_array[n].name) == "FrequencyMaxMHz")
          kind.frequency = number<int>(info_array[n].value);
      }
      kinds_.push_back(std::move(kind));
    }
    auto rank_by = [this](std::optional<int> Kind::*speed) {
      if (!std::all_of(kinds_.begin(), kinds_.end(), [&](const Kind& kind) { return kind.*speed; }))
        return false;
      std::set<int, std::greater<>> speeds;
      for (const auto& kind : kinds_) speeds.insert(*(kind.*speed));
      for (auto& kind : kinds_)
        kind.rank = static_cast<int>(std::distance(speeds.begin(), speeds.find(*(kind.*speed))));
      return true;
    };
    if (!rank_by(&Kind::efficiency)) rank_by(&Kind::frequency);
  }

  void add_core(hwloc_obj_t object) {
    Core core;
    core.hardware_threads = members(object->cpuset);
    if (core.hardware_threads.empty()) return;
    core.package = package_of(object);
    core.numa = numa_of(object, core.package);
    core.cache = cache_of(object, core.numa);
    core.kind = kind_of(core.hardware_threads.front());
    node_.cores.push_back(std::move(core));
  }

  int package_of(hwloc_obj_t core) {
    hwloc_obj_t object = hwloc_get_ancestor_obj_by_type(topology_, HWLOC_OBJ_PACKAGE, core);
    auto [entry, is_new] = packages_.try_emplace(object, static_cast<int>(node_.packages.size()));
    if (is_new) {
      std::string model = object == nullptr ? std::string() : info(object, "CPUModel");
      if (model.empty()) model = info(root_, "CPUModel");
      node_.packages.push_back({trimmed(std::move(model))});
    }
    return entry->second;
  }

  int numa_of(hwloc_obj_t core, int package) {
    auto memory = std::find_if(memories_.begin(), memories_.end(), [&](const Memory& candidate) {
      return hwloc_bitmap_isincluded(core->cpuset, candidate.object->cpuset) != 0;
    });
    hwloc_obj_t object = memory == memories_.end() ? nullptr : memory->object;
    auto [entry, is_new] = numas_.try_emplace({object, package}, static_cast<int>(node_.numa_domains.size()));
    if (is_new) {
      NumaDomain domain{.os_index = -1, .package = package, .memory_bytes = 0};
      if (object != nullptr) {
        domain.os_index = static_cast<int>(object->os_index);
        domain.memory_bytes = object->attr->numanode.local_memory;
      }
      node_.numa_domains.push_back(domain);
    }
    return entry->second;
  }

  int cache_of(hwloc_obj_t core, int numa) {
    CacheDomain domain{.numa = numa, .level = 0, .bytes = 0};
    hwloc_obj_t object = hwloc_get_ancestor_obj_by_type(topology_, HWLOC_OBJ_L3CACHE, core);
    if (object != nullptr) {
      domain.level = 3;
    } else {
      object = hwloc_get_ancestor_obj_by_type(topology_, HWLOC_OBJ_L2CACHE, core);
      if (object != nullptr && hwloc_bitmap_isequal(object->cpuset, core->cpuset) != 0) object = nullptr;
      if (object != nullptr) domain.level = 2;
    }
    if (object != nullptr) domain.bytes = object->attr->cache.size;
    auto [entry, is_new] = caches_.try_emplace({object, numa}, static_cast<int>(node_.caches.size()));
    if (is_new) node_.caches.push_back(domain);
    return entry->second;
  }

  [[nodiscard]] int kind_of(int cpu) const {
    for (const auto& kind : kinds_) {
      if (hwloc_bitmap_isset(kind.cpus.get(), static_cast<unsigned>(cpu)) != 0) return kind.rank;
    }
    return 0;
  }

  /// A memory that reaches over several packages is several domains, each with its cores' part of the bytes.
  void share_memories() {
    std::map<int, std::uint64_t> cores_of_memory;
    std::vector<std::uint64_t> cores_of_domain(node_.numa_domains.size());
    for (const auto& core : node_.cores) {
      ++cores_of_domain[static_cast<std::size_t>(core.numa)];
      ++cores_of_memory[node_.numa_domains[static_cast<std::size_t>(core.numa)].os_index];
    }
    for (std::size_t i = 0; i < node_.numa_domains.size(); ++i) {
      auto& domain = node_.numa_domains[i];
      const auto all = cores_of_memory[domain.os_index];
      if (all != cores_of_domain[i]) domain.memory_bytes = domain.memory_bytes / all * cores_of_domain[i];
    }
  }

  /// Cores beside the nearest ancestor that has CPUs; none where that is the whole of a machine that has
  /// several parts.
  [[nodiscard]] std::vector<int> near_cores(hwloc_obj_t device) const {
    hwloc_obj_t place = hwloc_get_non_io_ancestor_obj(topology_, device);
    if (place == nullptr || place->cpuset == nullptr) return {};
    const bool is_whole = hwloc_bitmap_isincluded(root_->cpuset, place->cpuset) != 0;
    if (is_whole && (node_.packages.size() > 1 || node_.numa_domains.size() > 1)) return {};
    std::vector<int> result;
    for (std::size_t i = 0; i < node_.cores.size(); ++i) {
      const auto& cpus = node_.cores[i].hardware_threads;
      if (std::any_of(cpus.begin(), cpus.end(), [&](int cpu) {
            return hwloc_bitmap_isset(place->cpuset, static_cast<unsigned>(cpu)) != 0;
          })) {
        result.push_back(static_cast<int>(i));
      }
    }
    return result;
  }

  void read_gpus() {
    constexpr unsigned kVga = 0x0300;
    constexpr unsigned k3d = 0x0302;
    constexpr unsigned kDisplay = 0x0380;
    constexpr unsigned kAccelerator = 0x1200;
    constexpr unsigned kNvidia = 0x10de;
    constexpr unsigned kAmd = 0x1002;
    for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_pcidev(topology_, device)) != nullptr;) {
      const auto& pci = device->attr->pcidev;
      const bool is_nvidia = pci.vendor_id == kNvidia;
      const bool is_amd = pci.vendor_id == kAmd;
      // The VGA of a board's management controller computes nothing.
      const bool is_gpu = pci.class_id == k3d || pci.class_id == kDisplay || pci.class_id == kAccelerator ||
                          (pci.class_id == kVga && (is_nvidia || is_amd));
      if (!is_gpu) continue;
      node_.gpus.push_back(
          {.pci_address = fmt::format("{:04x}:{:02x}:{:02x}.{:01x}", static_cast<unsigned>(pci.domain),
                                      static_cast<unsigned>(pci.bus), static_cast<unsigned>(pci.dev),
                                      static_cast<unsigned>(pci.func)),
           .vendor = is_nvidia ? Gpu::Vendor::kNvidia
                     : is_amd  ? Gpu::Vendor::kAmd
                               : Gpu::Vendor::kOther,
           .near_cores = near_cores(device)});
    }
    // hwloc's order is that of the tree. A domain of more than four digits comes last, as its number says.
    std::sort(node_.gpus.begin(), node_.gpus.end(), [](const Gpu& left, const Gpu& right) {
      return std::pair(left.pci_address.size(), left.pci_address) <
             std::pair(right.pci_address.size(), right.pci_address);
    });
  }

  void read_infiniband() {
    constexpr unsigned kInfiniBandClass = 0x0207;
    for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_osdev(topology_, device)) != nullptr;) {
      if (device->attr->osdev.type != HWLOC_OBJ_OSDEV_OPENFABRICS || device->name == nullptr) continue;
      std::map<int, RdmaPort> ports;
      for (int port = 1; port <= 255; ++port) {
        RdmaPort known{info(device, link_layer_info(port)), info(device, fmt::format("Port{}State", port)),
                       info(device, fmt::format("Port{}LID", port))};
        if (known.link_layer.empty() && known.state.empty() && known.lid.empty()) break;
        ports[port] = std::move(known);
      }
      hwloc_obj_t parent = device->parent;
      const bool pci_says_so = parent != nullptr && parent->type == HWLOC_OBJ_PCI_DEVICE &&
                               parent->attr->pcidev.class_id == kInfiniBandClass;
      for (int port : infiniband_ports(ports, pci_says_so)) {
        node_.infiniband_ports.push_back(
            {.name = fmt::format("{}:{}", device->name, port), .near_cores = near_cores(device)});
      }
    }
    // mlx5_2 before mlx5_10.
    std::sort(node_.infiniband_ports.begin(), node_.infiniband_ports.end(),
              [](const InfiniBandPort& left, const InfiniBandPort& right) {
                return std::pair(left.name.size(), left.name) < std::pair(right.name.size(), right.name);
              });
  }

  struct Kind {
    Bitmap cpus{hwloc_bitmap_alloc()};
    std::optional<int> efficiency = {};
    std::optional<int> frequency = {};
    int rank = 0;
  };

  hwloc_topology_t topology_;
  hwloc_obj_t root_;
  NodeTopology node_;
  std::vector<Memory> memories_;
  std::vector<Kind> kinds_;
  std::set<hwloc_obj_t> seen_;
  std::map<hwloc_obj_t, int> packages_;
  std::map<std::pair<hwloc_obj_t, int>, int> numas_;   // per package
  std::map<std::pair<hwloc_obj_t, int>, int> caches_;  // per NUMA domain
};

/// `place` names the input in errors.
Result<NodeTopology> to_node(hwloc_topology_t topology, const std::string& place, Devices devices) {
  NodeTopology node = Reader(topology).read(devices);
  if (node.cores.empty()) return no_cpu_error(place);
  hwloc_obj_t root = hwloc_get_root_obj(topology);
  // hwloc passes over objects of XML that do not fit into each other.
  std::size_t cpus = 0;
  for (const auto& core : node.cores) cpus += core.hardware_threads.size();
  if (static_cast<int>(cpus) != hwloc_bitmap_weight(root->cpuset)) return broken_xml_error(place);
  if (auto text = info(root, kCpuQuota); !text.empty()) {
    node.cpu_quota = number<double>(text);
    if (!node.cpu_quota || !(*node.cpu_quota > 0)) return bad_info_error(place, kCpuQuota, text);
  }
  if (auto text = info(root, kMemoryLimit); !text.empty()) {
    node.memory_limit = number<std::uint64_t>(text);
    if (!node.memory_limit) return bad_info_error(place, kMemoryLimit, text);
  }
  // Whole caches show what has to be corrected, so the mask comes last.
  node = restricted(node, [](int) { return true; });
  apply_corrections(node);
  if (auto text = info(root, kUsableCpus); !text.empty()) {
    Bitmap mask(hwloc_bitmap_alloc());
    if (hwloc_bitmap_list_sscanf(mask.get(), text.c_str()) != 0)
      return bad_info_error(place, kUsableCpus, text);
    node = restricted(
        node, [&](int cpu) { return hwloc_bitmap_isset(mask.get(), static_cast<unsigned>(cpu)) != 0; });
    node.masked = true;
    if (node.cores.empty()) return no_cpu_error(place);
  }
  return node;
}

Result<NodeTopology> parse_xml(const std::string& xml, const std::string& place, Devices devices) {
  if (auto checked = check_topology_xml(xml, place); !checked) return checked.error();
  auto topology = new_topology(devices);
  if (!topology) return topology.error();
  // hwloc wants the terminating NUL counted.
  if (hwloc_topology_set_xmlbuffer(topology->get(), xml.c_str(), static_cast<int>(xml.size() + 1)) != 0 ||
      hwloc_topology_load(topology->get()) != 0) {
    return broken_xml_error(place);
  }
  return to_node(topology->get(), place, devices);
}

/// hwloc does not say what it dislikes in a description: the first word with which it no longer takes it.
std::size_t place_of_fault(const std::string& description) {
  const auto words = description_words(description);
  for (const auto& [begin, end] : words) {
    auto topology = new_topology(Devices::kNone);
    const std::string part = complete_description(description.substr(0, end));
    if (topology && hwloc_topology_set_synthetic(topology->get(), part.c_str()) != 0) return begin;
  }
  return words.empty() ? 0 : words.back().first;
}

Result<NodeTopology> parse_description(const std::string& description, const std::string& origin,
                                       Devices devices) {
  if (auto checked = check_description(description, origin); !checked) return checked.error();
  auto topology = new_topology(devices);
  if (!topology) return topology.error();
  if (hwloc_topology_set_synthetic(topology->get(), complete_description(description).c_str()) != 0 ||
      hwloc_topology_load(topology->get()) != 0) {
    return bad_description_error(description, origin, place_of_fault(description));
  }
  return to_node(topology->get(), origin, devices);
}

}  // namespace

Result<NodeTopology> discover(Devices devices) {
  auto topology = load_this_machine(devices);
  if (!topology) return topology.error();
  return to_node(topology->get(), "this machine", devices);
}

Result<NodeTopology> load_topology(const std::string& file_or_description, const std::string& origin,
                                   Devices devices) {
  auto xml = read_file(file_or_description);
  if (xml) return parse_xml(*xml, origin + ": " + file_or_description, devices);
  if (xml.error().code == Error::Code::kNotFound) {
    if (is_description(file_or_description)) return parse_description(file_or_description, origin, devices);
    return no_file_error(file_or_description, origin);
  }
  Error error = std::move(xml).error();
  error.message = origin + ": " + error.message;
  if (error.hint.empty()) error.hint = topology_input_hint();
  return error;
}

Result<NodeTopology> parse_topology_xml(const std::string& xml, const std::string& origin, Devices devices) {
  return parse_xml(xml, origin, devices);
}

Result<std::string> topology_xml() {
  auto topology = load_this_machine(Devices::kAll);
  if (!topology) return topology.error();
  char* buffer = nullptr;
  int length = 0;
  if (hwloc_topology_export_xmlbuffer(topology->get(), &buffer, &length, 0) != 0)
    return system_error("hwloc cannot write this machine's topology as XML", errno);
  std::string xml(buffer);
  hwloc_free_xmlbuffer(topology->get(), buffer);
  return xml;
}

}  // namespace shipyard::topology
