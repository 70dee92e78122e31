#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard::mpi {

/// Open MPI up to 4.x has ORTE and its parameter names, from 5.0 on PRRTE with others. Hydra is MPICH's;
/// Intel MPI has one of its own, with other options and variables.
enum class Dialect { kOpenMpi4, kOpenMpi5, kHydra, kIntelMpi };

/// Hydra, be it MPICH's or Intel's: how it starts ranks, and what its exit status means.
[[nodiscard]] constexpr bool is_hydra(Dialect dialect) {
  return dialect == Dialect::kHydra || dialect == Dialect::kIntelMpi;
}

/// "Open MPI", "MPICH", "Intel MPI".
[[nodiscard]] const char* name_of(Dialect dialect);

struct MpiVersion {
  Dialect dialect = Dialect::kOpenMpi4;
  int major = 0;
  int minor = 0;
  std::string text;  ///< as mpirun says it: "4.1.4", "4.1.7a1", "2019 Update 9"
  /// Its programs may wait for ever in MPI_Finalize where their messages go over TCP: an MPICH before 4.2 on
  /// UCX, where a rank that has closed its connections waits in a barrier of PMI's, and no longer answers one
  /// that has not (pmodels/mpich#6596).
  bool may_hang_at_the_end = false;

  bool operator==(const MpiVersion&) const = default;
};

/// "Open MPI 4.1.4", "MPICH 4.0.2", "Intel MPI 2021.11".
[[nodiscard]] std::string to_string(const MpiVersion& version);

/// From what `mpirun --version` prints. Another MPI, an Open MPI before 4.0, an MPICH before 3.0 and an Intel
/// MPI before 2019, which has other fabrics, are named in the error.
Result<MpiVersion> parse_mpirun_version(const std::string& output);

/// The directory above `bin/` of an mpirun that lives outside of the system's own directories; "" for
/// /usr/bin/mpirun and /usr/local/bin/mpirun. An Open MPI that was moved there finds its plugins through
/// OPAL_PREFIX alone.
[[nodiscard]] std::string foreign_prefix(const std::string& mpirun);

/// The variables for an MPI below `prefix`, in front of what `environment` has. OPAL_PREFIX is Open MPI's.
[[nodiscard]] std::map<std::string, std::string> variables_of_prefix(const std::string& prefix,
                                                                     const Environment& environment);

/// The same for an Intel MPI below `prefix`, as its env/vars.sh sets them: I_MPI_ROOT (the directory above,
/// where `prefix` is 2019's "intel64"), PATH, LD_LIBRARY_PATH with those of its library directories that are
/// there, and FI_PROVIDER_PATH for its own libfabric. Nothing where `environment` has I_MPI_ROOT: the script
/// has been sourced.
[[nodiscard]] std::map<std::string, std::string> variables_of_intel_mpi(const std::string& prefix,
                                                                        const Environment& environment);

/// An mpirun that can be started, with the environment that it and its daemons need.
struct MpiInstallation {
  /// Absolute path; Hydra's with its proxy beside it. Intel's is the mpiexec.hydra that its mpirun, a shell
  /// script, would call: it gets our signals, and ends when we do.
  std::string mpirun;
  MpiVersion version;
  /// What an installation outside of the system's directories needs to find its own parts: OPAL_PREFIX or
  /// I_MPI_ROOT, and PATH and LD_LIBRARY_PATH with its directories in front. Empty where an --mpi-env script
  /// has already set the first.
  std::map<std::string, std::string> variables;
};

/// --mpirun's value, a file or a prefix; else mpirun in PATH, or mpiexec.hydra; else in the usual prefixes
/// (RHEL's module directories, HPC-X, MLNX_OFED, oneAPI, /opt).
Result<std::string> find_mpirun(const std::string& wish, const Environment& environment);

/// The environment after `. SCRIPT` in bash (sh where there is none), as HPC-X's init scripts and module
/// files want it.
Result<Environment> source_script(const std::string& script, const Environment& environment);

/// Asks `mpirun --version` with `environment`.
Result<MpiInstallation> inspect_mpirun(const std::string& mpirun, const Environment& environment);

}  // namespace shipyard::mpi
