#include "batch/local/batch_variables.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace shipyard::local {
namespace {

std::string task_directory(const MultiInstanceTask& task) {
  return fmt::format("workitems/{}/job-1/{}", task.job, task.task);
}

}  // namespace

std::string node_id(const MultiInstanceTask& task, int index) {
  // FNV-1a over the names, then splitmix64 for as many digits as Batch has.
  std::uint64_t state = 0xcbf29ce484222325U;
  for (char c : fmt::format("{}/{}", task.pool, index)) {
    state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::string digits;
  for (int word = 0; word < 4; ++word) {
    std::uint64_t mixed = (state += 0x9e3779b97f4a7c15U);
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    digits += fmt::format("{:016x}", mixed ^ (mixed >> 31U));
  }
  return fmt::format("tvmps_{}_d", digits);
}

Variables batch_variables(const MultiInstanceTask& task, int index) {
  const std::string root = kNodeRootDirectory;
  const std::string directory = root + "/" + task_directory(task);
  std::string cores = fmt::format("{}", task.addresses.size());
  for (const auto& address : task.addresses) cores += fmt::format(" {} {}", address, task.cores_per_node);
  return {
      {"AZ_BATCH_ACCOUNT_NAME", task.account_name},
      {"AZ_BATCH_ACCOUNT_URL", task.account_url},
      {"AZ_BATCH_POOL_ID", task.pool},
      {"AZ_BATCH_JOB_ID", task.job},
      {"AZ_BATCH_TASK_ID", task.task},
      {"AZ_BATCH_NODE_ID", node_id(task, index)},
      {"AZ_BATCH_NODE_IS_DEDICATED", "true"},
      {"AZ_BATCH_NODE_ROOT_DIR", root},
      {"AZ_BATCH_NODE_SHARED_DIR", root + "/shared"},
      {"AZ_BATCH_NODE_STARTUP_DIR", root + "/startup"},
      {"AZ_BATCH_NODE_MOUNTS_DIR", root + "/fsmounts"},
      {"AZ_BATCH_TASK_DIR", directory},
      {"AZ_BATCH_TASK_WORKING_DIR", directory + "/wd"},
      // The documentation gives it the same path as the task's directory.
      {"AZ_BATCH_TASK_SHARED_DIR", directory},
      {"AZ_BATCH_CERTIFICATES_DIR", directory + "/certs"},
      {"AZ_BATCH_HOST_LIST", fmt::format("{}", fmt::join(task.addresses, ","))},
      {"AZ_BATCH_NODE_LIST", fmt::format("{}", fmt::join(task.addresses, ";"))},
      // 6000 is a port of Batch's own agent; nothing listens on it here.
      {"AZ_BATCH_MASTER_NODE", task.addresses.at(0) + ":6000"},
      {"AZ_BATCH_IS_CURRENT_NODE_MASTER", index == 0 ? "true" : "false"},
      {"CCP_NODES", cores},
  };
}

std::vector<std::string> batch_directories(const MultiInstanceTask& task) {
  const std::string directory = task_directory(task);
  return {"applications",
          "fsmounts",
          "shared",
          "startup",
          "volatile",
          "workitems",
          fmt::format("workitems/{}", task.job),
          fmt::format("workitems/{}/job-1", task.job),
          directory,
          directory + "/wd",
          directory + "/certs"};
}

}  // namespace shipyard::local
