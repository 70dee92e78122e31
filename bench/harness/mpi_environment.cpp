#include "bench/harness/mpi_environment.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace shipyard::bench {

std::string mpi_settings(const Environment& environment) {
  std::vector<std::string> set;
  for (const auto& [name, value] : environment.variables) {
    const auto is = [&name = name](std::string_view prefix) { return name.starts_with(prefix); };
    // What mpirun itself tells its ranks by such variables is no setting of anybody's.
    const bool own = is("OMPI_MCA_ess") || is("OMPI_MCA_orte_") || is("OMPI_MCA_pmix") ||
                     is("OMPI_MCA_initial_wdir") || is("OMPI_MCA_shmem_RUNTIME") ||
                     is("OMPI_MCA_mpi_oversubscribe") || is("OMPI_MCA_rmaps_base_oversubscribe");
    if (!own && (is("OMPI_MCA_") || is("UCX_") || is("MPIR_CVAR_") || is("FI_")))
      set.push_back(fmt::format("{}={}", name, value));
  }
  return fmt::format("{}", fmt::join(set, "; "));
}

std::string vm_size(const Environment& environment) {
  constexpr const char* kVariable = "SHIPYARD_VM_SIZE";
  return environment.has(kVariable) ? std::string(*environment.get(kVariable)) : "unknown";
}

bool started_by_launcher(const Environment& environment) {
  constexpr std::array kMarks = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PMI_FD", "PMI_PORT"};
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](const char* mark) { return environment.get(mark).has_value(); });
}

}  // namespace shipyard::bench
