#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "launcher/mpi/installation.hpp"

namespace shipyard::mpi {

/// What the user has said to mpirun directly. It always wins over what the launcher would say.
struct UserSettings {
  std::set<std::string, std::less<>> parameters;  ///< MCA parameters, from OMPI_MCA_* and the like, or --mca;
                                                  ///< HYDRA_*, I_MPI_*, UCX_* and FI_* as they are
  std::set<std::string, std::less<>> flags;       ///< mpirun options without dashes: "bind-to"
  std::string ssh_arguments;                      ///< HYDRA_LAUNCHER_EXTRA_ARGS
  std::string bootstrap_arguments;  ///< I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS, Intel's name for it
};

/// From the environment's variables (OMPI_MCA_*, PRTE_MCA_*, PMIX_MCA_*; HYDRA_*, I_MPI_*, UCX_*, FI_*) and
/// the words given by --mpi-arg.
[[nodiscard]] UserSettings user_settings(const Environment& environment,
                                         const std::vector<std::string>& mpi_arguments);

/// One launch, in terms that do not depend on the MPI. Paths are absolute and hold no blanks.
struct MpirunRequest {
  std::string mpirun;
  bool as_root = false;
  int nodes = 1;
  int ranks = 1;
  /// Ranks are dealt out by its slots. `IP slots=N`; for Hydra `IP:N` (hostfile::hydra_hostfile).
  std::string hostfile;
  // How the ranks are placed, in the words of the MPI's own options:
  std::string map_by = "slot";   ///< "slot", "ppr:30:numa:pe=1"
  std::string bind_to = "core";  ///< "none": not bound, or by shipyard-rank
  std::string placement_reason;  ///< why so, for both; empty: what they do
  bool oversubscribe = false;
  bool yield_when_idle = false;
  bool single_copy = true;  ///< CMA (process_vm_readv) works here
  bool tag_output = false;
  bool forward_stdin = false;
  // Several nodes only:
  std::string ssh_config;
  std::string subnet;       ///< CIDR; empty: say nothing about networks
  std::string interface;    ///< its name on this node
  std::string own_address;  ///< of this node, as the others reach it
  bool infiniband = false;  ///< the nodes have it, and shipyard-rank names each rank's ports
  std::string ssh_program;  ///< shipyard-ssh: for a launcher that does not notice when its ssh fails (Hydra)
  bool ipv6 = false;
  /// NAME=VALUE for the environment of mpirun's daemons on the other nodes; empty: nothing.
  std::string daemon_mark;
  /// Words put before the daemon's name on every node: a program and its arguments. Empty: none.
  std::vector<std::string> daemon_wrapper;

  std::vector<std::pair<std::string, std::string>>
      variables;                       ///< name and origin; exported from mpirun's environment
  std::vector<std::string> arguments;  ///< the user's own (--mpi-arg), last before the program
  std::vector<std::string> program;    ///< what every rank runs, with its arguments
};

struct Reason {
  std::string what;  ///< "--bind-to core"
  std::string why;
};

/// The command as words, and the reason for each part of it.
struct MpirunCommand {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  ///< what mpirun itself needs besides
  std::vector<Reason> reasons;
};

/// Above this many nodes Open MPI starts the rest of its daemons from other nodes (a tree of radix 64), which
/// would need the ssh config and the key; from here on all are started from this node.
constexpr int kTreeRadix = 64;

/// What the user says to mpirun and the launcher cannot work with, or more than mpirun can hold.
[[nodiscard]] Status check_request(Dialect dialect, const MpirunRequest& request, const UserSettings& user);

/// The user has placed or bound the ranks by mpirun's own means: no part of a plan for it would hold.
[[nodiscard]] bool user_places_ranks(Dialect dialect, const UserSettings& user);

/// The user has said where the ranks' output is to go, or in which form: nobody else may take it.
[[nodiscard]] bool user_directs_output(Dialect dialect, const UserSettings& user);

/// Pure. Whatever `user` has set is left alone, and the reasons say so.
[[nodiscard]] MpirunCommand mpirun_command(Dialect dialect, const MpirunRequest& request,
                                           const UserSettings& user);

}  // namespace shipyard::mpi
