#include "batch/local/batch_variables.hpp"

#include <gmock/gmock.h>

#include <map>

namespace shipyard::local {
namespace {

MultiInstanceTask two_nodes() {
  return {
      "account", "https://account.region.batch.azure.com/", "pool", "job", "task", {"10.0.0.4", "10.0.0.5"},
      1};
}

std::map<std::string, std::string> variables(int index) {
  const auto list = batch_variables(two_nodes(), index);
  return {list.begin(), list.end()};
}

// The examples of learn.microsoft.com/azure/batch/batch-compute-node-environment-variables.
TEST(BatchVariables, HaveTheFormatsOfTheDocumentation) {
  const auto primary = variables(0);
  const std::map<std::string, std::string> expected = {
      {"AZ_BATCH_ACCOUNT_NAME", "account"},
      {"AZ_BATCH_ACCOUNT_URL", "https://account.region.batch.azure.com/"},
      {"AZ_BATCH_CERTIFICATES_DIR", "/mnt/batch/tasks/workitems/job/job-1/task/certs"},
      {"AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5"},
      {"AZ_BATCH_IS_CURRENT_NODE_MASTER", "true"},
      {"AZ_BATCH_JOB_ID", "job"},
      {"AZ_BATCH_MASTER_NODE", "10.0.0.4:6000"},
      {"AZ_BATCH_NODE_ID", primary.at("AZ_BATCH_NODE_ID")},
      {"AZ_BATCH_NODE_IS_DEDICATED", "true"},
      {"AZ_BATCH_NODE_LIST", "10.0.0.4;10.0.0.5"},
      {"AZ_BATCH_NODE_MOUNTS_DIR", "/mnt/batch/tasks/fsmounts"},
      {"AZ_BATCH_NODE_ROOT_DIR", "/mnt/batch/tasks"},
      {"AZ_BATCH_NODE_SHARED_DIR", "/mnt/batch/tasks/shared"},
      {"AZ_BATCH_NODE_STARTUP_DIR", "/mnt/batch/tasks/startup"},
      {"AZ_BATCH_POOL_ID", "pool"},
      {"AZ_BATCH_TASK_DIR", "/mnt/batch/tasks/workitems/job/job-1/task"},
      {"AZ_BATCH_TASK_ID", "task"},
      {"AZ_BATCH_TASK_SHARED_DIR", "/mnt/batch/tasks/workitems/job/job-1/task"},
      {"AZ_BATCH_TASK_WORKING_DIR", "/mnt/batch/tasks/workitems/job/job-1/task/wd"},
      {"CCP_NODES", "2 10.0.0.4 1 10.0.0.5 1"}};
  EXPECT_EQ(primary, expected);
}

TEST(BatchVariables, OnlyThePrimaryIsMaster) {
  auto other = variables(1);
  EXPECT_EQ(other["AZ_BATCH_IS_CURRENT_NODE_MASTER"], "false");
  EXPECT_EQ(other["AZ_BATCH_MASTER_NODE"], "10.0.0.4:6000");
  EXPECT_EQ(other["AZ_BATCH_HOST_LIST"], "10.0.0.4,10.0.0.5");
  EXPECT_NE(other["AZ_BATCH_NODE_ID"], variables(0)["AZ_BATCH_NODE_ID"]);
}

TEST(BatchVariables, CountTheCoresOfANode) {
  auto task = two_nodes();
  task.cores_per_node = 120;
  for (const auto& [name, value] : batch_variables(task, 0)) {
    if (name != "CCP_NODES") continue;
    EXPECT_EQ(value, "2 10.0.0.4 120 10.0.0.5 120");
  }
}

TEST(NodeId, LooksLikeThatOfAVm) {
  EXPECT_THAT(node_id(two_nodes(), 0), ::testing::MatchesRegex("tvmps_[0-9a-f]+_d"));
  EXPECT_EQ(node_id(two_nodes(), 0).size(), 72U);
  EXPECT_EQ(node_id(two_nodes(), 0), node_id(two_nodes(), 0));
}

TEST(BatchDirectories, HoldEveryDirectoryOfTheVariables) {
  const auto directories = batch_directories(two_nodes());
  for (const auto& [name, value] : batch_variables(two_nodes(), 0)) {
    const std::string root = std::string(kNodeRootDirectory) + "/";
    if (!value.starts_with(root)) continue;
    EXPECT_THAT(directories, ::testing::Contains(value.substr(root.size()))) << name;
  }
  // mkdir without -p: every parent comes before what is in it.
  for (std::size_t i = 0; i < directories.size(); ++i) {
    const auto slash = directories[i].rfind('/');
    if (slash == std::string::npos) continue;
    const auto parent = std::find(directories.begin(), directories.end(), directories[i].substr(0, slash));
    EXPECT_LT(parent - directories.begin(), static_cast<long>(i)) << directories[i];
  }
}

}  // namespace
}  // namespace shipyard::local
