#include "bench/harness/mpi_facts.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>

namespace shipyard::bench {
namespace {

std::string library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return text.data();
}

/// The names of the tool interface's categories that hold variables. In Open MPI there is one for each
/// component that is loaded, `ompi_pml_ob1` or `opal_btl_tcp`; those that were not chosen are gone after
/// MPI_Init.
std::vector<std::string> live_categories() {
  std::vector<std::string> names;
  int count = 0;
  if (MPI_T_category_get_num(&count) != MPI_SUCCESS) return names;
  for (int i = 0; i < count; ++i) {
    std::array<char, 256> name{};
    int name_length = static_cast<int>(name.size());
    char description[1];
    int description_length = 1;
    int variables = 0;
    int performance_variables = 0;
    int categories = 0;
    if (MPI_T_category_get_info(i, name.data(), &name_length, description, &description_length, &variables,
                                &performance_variables, &categories) != MPI_SUCCESS) {
      continue;
    }
    if (variables > 0) names.emplace_back(name.data());
  }
  return names;
}

/// The value of a control variable that holds text. Only for a variable whose component is loaded: Open
/// MPI 4.1 keeps variables of unloaded components listed, and to read one of those is a segmentation fault.
std::string text_variable(const char* name) {
  int index = 0;
  if (MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS) return {};
  MPI_T_cvar_handle handle = MPI_T_CVAR_HANDLE_NULL;
  int count = 0;
  if (MPI_T_cvar_handle_alloc(index, nullptr, &handle, &count) != MPI_SUCCESS) return {};
  std::string value(static_cast<std::size_t>(std::max(count, 0)) + 1, '\0');
  if (MPI_T_cvar_read(handle, value.data()) != MPI_SUCCESS) value.clear();
  MPI_T_cvar_handle_free(&handle);
  return value.c_str();
}

std::string setting(const Environment& environment, const char* name) {
  const auto value = environment.get(name);
  return value ? fmt::format("{}={}", name, *value) : std::string();
}

/// Fixed size, so that one gather of bytes carries it.
struct PlaceRecord {
  int node = 0;
  std::array<char, MPI_MAX_PROCESSOR_NAME + 1> host{};
  std::array<char, 64> machine{};
  cpu_set_t cpus{};
  double load = -1;
  int node_cpus = 0;
};

PlaceRecord this_place() {
  PlaceRecord place;
  int length = 0;
  MPI_Get_processor_name(place.host.data(), &length);

  std::string boot_id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot_id);
  std::string load;
  std::getline(std::ifstream("/proc/loadavg"), load);
  place.load = load_average(load);
  place.node_cpus = static_cast<int>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 0L));
  boot_id.copy(place.machine.data(), place.machine.size() - 1);

  CPU_ZERO(&place.cpus);
  if (sched_getaffinity(0, sizeof place.cpus, &place.cpus) != 0) CPU_ZERO(&place.cpus);

  // The node is what shares memory. Where MPI cannot say, -1, and the host name decides.
  place.node = -1;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm shared = MPI_COMM_NULL;
  if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &shared) == MPI_SUCCESS &&
      shared != MPI_COMM_NULL) {
    MPI_Comm_rank(MPI_COMM_WORLD, &place.node);
    MPI_Bcast(&place.node, 1, MPI_INT, 0, shared);
    MPI_Comm_free(&shared);
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
  return place;
}

}  // namespace

std::string library_name() { return library_name(library_version()); }

std::string standard_version() {
  int version = 0;
  int subversion = 0;
  MPI_Get_version(&version, &subversion);
  return fmt::format("{}.{}", version, subversion);
}

TransportFacts transport_facts(const Environment& environment) {
  TransportFacts facts;
  facts.mpich_device = mpich_device(library_version());
  facts.ucx_settings = setting(environment, "UCX_TLS");
  if (const std::string devices = setting(environment, "UCX_NET_DEVICES"); !devices.empty()) {
    facts.ucx_settings += (facts.ucx_settings.empty() ? "" : ", ") + devices;
  }
  if (!library_name().starts_with("Open MPI")) return facts;

  int provided = 0;
  if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS) return facts;
  for (const std::string& category : live_categories()) {
    const auto component_of = [&](const std::string& framework) {
      const bool inside = category.starts_with(framework) && category != framework + "base";
      return inside ? category.substr(framework.size()) : std::string();
    };
    if (const std::string pml = component_of("ompi_pml_"); !pml.empty()) facts.pml.push_back(pml);
    if (const std::string btl = component_of("opal_btl_"); !btl.empty() && btl != "self")
      facts.btl.push_back(btl);
  }
  if (std::find(facts.btl.begin(), facts.btl.end(), "tcp") != facts.btl.end()) {
    facts.tcp_interfaces = text_variable("btl_tcp_if_include");
  }
  MPI_T_finalize();
  return facts;
}

Placement gather_placement() {
  PlaceRecord mine = this_place();
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  std::vector<PlaceRecord> records(static_cast<std::size_t>(ranks));
  MPI_Allgather(&mine, sizeof mine, MPI_BYTE, records.data(), sizeof mine, MPI_BYTE, MPI_COMM_WORLD);

  Placement placement;
  std::map<std::string, int> first_on_host;
  for (int rank = 0; rank < ranks; ++rank) {
    const PlaceRecord& record = records[static_cast<std::size_t>(rank)];
    RankPlace place;
    place.host = record.host.data();
    place.machine = record.machine.data();
    place.load = record.load;
    place.node_cpus = record.node_cpus;
    place.node = record.node >= 0 ? record.node : first_on_host.try_emplace(place.host, rank).first->second;
    for (std::size_t cpu = 0; cpu < place.cpus.size(); ++cpu) {
      place.cpus[cpu] = CPU_ISSET(cpu, &record.cpus) != 0;
    }
    placement.push_back(std::move(place));
  }
  return placement;
}

}  // namespace shipyard::bench
