#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "hostfile/host_list.hpp"
#include "launcher/fabric.hpp"
#include "launcher/job_key.hpp"
#include "launcher/mpi/installation.hpp"
#include "launcher/mpi/mpirun_command.hpp"
#include "launcher/network/subnet.hpp"
#include "launcher/options.hpp"
#include "launcher/stage/staged_path.hpp"
#include "launcher/topology/layout.hpp"

namespace shipyard::launcher {

/// What was found out about the job and this machine before the plan: values, no more questions to ask.
struct LaunchContext {
  hostfile::HostList hosts;
  std::vector<IpAddress> addresses;  ///< of each host; empty where the job runs on this machine alone
  std::vector<network::Interface> interfaces;
  std::optional<std::size_t> own_host;             ///< index of this node in `hosts`
  IpAddress own_address;                           ///< towards the nodes
  std::vector<topology::NodeTopology> topologies;  ///< the different ones; this node's is the first
  /// For each host an index into `topologies`.
  std::vector<int> host_topology;
  mpi::MpiInstallation mpi;
  Environment environment;                ///< after --mpi-env
  std::string program;                    ///< absolute path
  std::string checked_program;            ///< absolute path of --check's; empty: none was given
  std::string working_directory;          ///< of the ranks
  std::vector<stage::StagedPath> staged;  ///< of each --stage
  std::string rank_program;               ///< shipyard-rank
  std::string connect_program;            ///< shipyard-connect
  std::string source_program;             ///< shipyard-source, for --mpi-env
  std::string ssh_program;                ///< shipyard-ssh, for Hydra
  std::string allpairs_program;           ///< for --preflight; else empty
  std::string run_directory;              ///< private, to be made; no blanks in it
  std::string job;                        ///< the job's mark, different for each; 16 hexadecimal digits
  std::optional<JobKey> job_key;
  bool single_copy = true;                ///< process_vm_readv is allowed
  std::uint64_t shared_memory_bytes = 0;  ///< free in /dev/shm
  RdmaFacts rdma;                         ///< of this node
};

/// One node's share.
struct NodePlan {
  std::string host;
  int ranks = 0;
  int threads = 1;
  /// One entry a rank: operating-system indexes, whole cores. Shared by all nodes with the same layout: a
  /// text for each rank of a large job would be most of the plan's time and memory.
  std::shared_ptr<const std::vector<std::string>> cpusets;
};

/// Everything that will be done, as a value: --dry-run prints it, run_launch carries it out.
struct LaunchPlan {
  std::vector<NodePlan> nodes;         ///< those with ranks, in rank order
  topology::JobLayout layout;          ///< of all nodes, in that order
  std::vector<int> node_topology;      ///< for each of them, an index into LaunchContext::topologies
  std::vector<std::string> job_hosts;  ///< and their names
  int ranks = 0;
  bool ranks_known = true;                         ///< false: an --mpi-arg says how many
  bool places_known = true;                        ///< false: the user has told mpirun where ranks run
  std::vector<std::string> command;                ///< mpirun and its words
  std::map<std::string, std::string> environment;  ///< what mpirun gets beyond the environment at hand
  std::vector<std::string> dropped_variables;      ///< and what it does not get
  std::vector<stage::StagedPath> staged;           ///< what --stage brings where
  bool forward_stdin = false;                      ///< else mpirun reads /dev/null
  std::map<std::string, std::string> files;        ///< content by path, all below run_directory
  std::string run_directory;
  bool relays_stderr = true;  ///< ranks' standard error comes to the launcher, not through mpirun
  /// A rank that has failed while mpirun goes on: so long may the others take; nullopt: mpirun sees to it.
  std::optional<std::chrono::milliseconds> failure_grace;
  std::vector<mpi::Reason> reasons;
  std::vector<std::string> warnings;        ///< for the user, whatever the verbosity but -q
  std::vector<std::string> notes;           ///< for the user, before a start
  std::string key_file;                     ///< the job's private key is to be written there; empty: no need
  std::vector<std::size_t> remote_hosts;    ///< indexes in LaunchContext::hosts whose sshd must answer
  std::optional<IpAddress> report_address;  ///< where ranks report to; nullopt: loopback
};

/// Pure.
Result<LaunchPlan> plan_launch(const LaunchOptions& options, const LaunchContext& context);

/// Names of variables that ranks on other nodes need and an ssh login into a container does not have. Never
/// those that belong to one node (AZ_BATCH_NODE_ID, the primary's AZ_BATCH_TASK_WORKING_DIR). Pure.
[[nodiscard]] std::vector<std::string> forwarded_variables(const Environment& environment);

/// What Open MPI's shared-memory transport may take from a /dev/shm with `free_bytes` for `ranks` on one
/// node.
[[nodiscard]] std::uint64_t shared_memory_needed(mpi::Dialect dialect, int ranks, std::uint64_t free_bytes);

/// Whether the user has taken the shared-memory transport into their own hands: its need is not judged then.
[[nodiscard]] bool chose_transport(const mpi::UserSettings& user);

/// The Unix socket at which ssh's shipyard-connect asks for connections that the gate has made already.
[[nodiscard]] std::string connections_socket(const LaunchPlan& plan);

/// A shell script that does what the plan says, for --dry-run.
[[nodiscard]] std::string plan_as_script(const LaunchPlan& plan);
/// The shape is in docs/DESIGN.md.
[[nodiscard]] std::string plan_as_json(const LaunchPlan& plan, const LaunchOptions& options);
/// "# " before every line.
[[nodiscard]] std::string as_comments(const std::string& text);
/// A line a decision.
[[nodiscard]] std::string plan_explained(const LaunchPlan& plan, int columns);

}  // namespace shipyard::launcher
