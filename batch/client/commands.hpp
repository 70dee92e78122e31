#pragma once

#include <string>
#include <vector>

#include "batch/client/job_file.hpp"

namespace shipyard::batch {

/// The container that the commands make on each node, and the label by which all of ours are found.
inline constexpr const char* kContainerName = "shipyard";
inline constexpr const char* kContainerLabel = "shipyard.batch";

/// What Docker's seccomp profile keeps from a container and MPI needs: shared memory without a second copy
/// (process_vm_readv), binding to a NUMA domain (set_mempolicy). docs.docker.com/engine/security/seccomp.
inline constexpr const char* kCapabilityOptions[] = {"--cap-add=SYS_PTRACE", "--cap-add=SYS_NICE"};

/// Batch runs no shell of its own: the script as the whole command line, `/bin/bash -c '…'`.
[[nodiscard]] std::string bash_command_line(const std::string& script);
/// The same for a container, which may have no bash.
[[nodiscard]] std::string sh_command_line(const std::string& script);

/// On every node of a pool whose VMs have Docker: removes every container of ours (the last one still holds
/// port 23), starts the task's on the host network, and returns 0 only when its own sshd answers; otherwise
/// the container's log is on standard error. Batch's variables and the job's go in by their names; those of
/// the VM (PATH, HOME, …) do not. A task's own `coordination` takes its place.
[[nodiscard]] std::string coordination_script(const TaskWish& task);

/// Removes every container of ours on a node, that of docs/batch.md too.
[[nodiscard]] std::string remove_script();

/// On the primary: the application command by `docker exec`, with a lifeline (docs/batch.md), in the task's
/// working directory.
[[nodiscard]] std::string application_script(const TaskWish& task);

/// Before the first task on a node: logs in to `registries` by the node's managed identity, pulls what is not
/// there, and what is `latest` in any case.
[[nodiscard]] std::string pull_script(const std::vector<Registry>& registries,
                                      const std::vector<std::string>& images);

/// After the job, on every node where the preparation has run: removes the job's containers.
[[nodiscard]] std::string release_script();

/// When a node starts: the user's own command, the login at each registry (passwords come in the variables
/// that `registry_variable` names and go to Docker's standard input), the images.
[[nodiscard]] std::string start_script(const PoolWish& pool, const std::vector<std::string>& images);
[[nodiscard]] std::string registry_variable(std::size_t index);

/// The options of `docker run` on a native pool, where the VMs' type says which devices there are.
[[nodiscard]] std::string native_run_options(const TaskWish& task, const std::string& vm_size);

/// The variables that belong to a VM. Where a job sets one of them it is meant for the container, and for
/// nothing on the VM.
[[nodiscard]] bool belongs_to_the_vm(const std::string& variable);

}  // namespace shipyard::batch
