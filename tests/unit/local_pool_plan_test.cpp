#include "batch/local/pool_plan.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace shipyard::local {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using Words = std::vector<std::string>;

PoolOptions options() {
  PoolOptions result;
  result.name = "p";
  result.nodes = 2;
  result.image = "my/app";
  result.node_image = "vm";
  return result;
}

PoolPlace place() {
  PoolPlace result;
  result.engine = "docker";
  result.parent_directory = "/tmp";
  result.owner = {"boot", "pid:[1]", 42, 7};
  result.subnet = *parse_subnet("10.0.0.0/24", "test");
  result.cpus.sets = {{0, 1}, {2, 3}};
  result.cpus.cpus_per_node = 2;
  return result;
}

PoolPlan plan(const PoolOptions& o = options(), const PoolPlace& p = place()) {
  auto made = plan_pool(o, p);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
  return made ? *made : PoolPlan{};
}

Step task_step(const PoolPlan& pool, std::size_t index) {
  for (const auto& step : pool.start) {
    if (step.container == pool.nodes[index].task_container) return step;
  }
  return pool.start.at(0);
}

bool has_pair(const Words& words, const std::string& option, const std::string& value) {
  const auto found = std::adjacent_find(
      words.begin(), words.end(), [&](const auto& a, const auto& b) { return a == option && b == value; });
  return found != words.end();
}

bool sets_variable(const Words& words, const std::string& name) {
  return std::any_of(words.begin(), words.end(),
                     [&](const auto& word) { return word.starts_with(name + "="); });
}

TEST(PlanPool, StartsANodeWithItsAddressBridgeAndLabels) {
  const auto pool = plan();
  EXPECT_THAT(pool.start.at(0).argv,
              ElementsAre("docker", "run", "--detach", "--pull=never", "--name", "shipyard-p-node-0",
                          "--hostname", "node-0", "--network", "shipyard-p", "--ip", "10.0.0.4", "--cap-add",
                          "NET_ADMIN", "--label", "shipyard.pool=p", "--label", "shipyard.kind=run",
                          "--label", "shipyard.owner=boot/pid:[1]/42/7", "--label",
                          "shipyard.directory=/tmp/shipyard-p", "--label", "shipyard.nodes=2", "--label",
                          "shipyard.subnet=10.0.0.0/24", "--label", "shipyard.cpus=0-3", "--label",
                          "shipyard.image=my/app", "--label", "shipyard.node-image=vm", "--label",
                          "shipyard.role=node", "--label", "shipyard.node=0", "vm"));
  EXPECT_THAT(pool.network.argv, Contains("10.0.0.0/24"));
  EXPECT_EQ(pool.network.argv.back(), "shipyard-p");
}

TEST(PlanPool, GivesTheTaskTheCapabilitiesThatItHasOnBatch) {
  EXPECT_THAT(task_step(plan(), 0).argv, IsSupersetOf({"--cap-add=SYS_PTRACE", "--cap-add=SYS_NICE"}));
  for (const char* own : {"--cap-add=NET_ADMIN", "--cap-drop=SYS_PTRACE"}) {
    PoolOptions wish = options();
    wish.run_options = {own};
    const auto argv = task_step(plan(wish), 0).argv;
    EXPECT_THAT(argv, Contains(own));
    EXPECT_THAT(argv, Not(Contains("--cap-add=SYS_PTRACE")));
    EXPECT_THAT(argv, Not(Contains("--cap-add=SYS_NICE")));
  }
}

TEST(PlanPool, PutsTheTaskIntoTheNodesNetworkWithItsDirectoryAndCores) {
  const auto pool = plan();
  const auto argv = task_step(pool, 1).argv;
  EXPECT_TRUE(has_pair(argv, "--network", "container:shipyard-p-node-1"));
  EXPECT_TRUE(has_pair(argv, "--mount", "type=bind,source=/tmp/shipyard-p/node-1,target=/mnt/batch/tasks"));
  EXPECT_THAT(argv, Contains("--cpuset-cpus=2-3"));
  EXPECT_TRUE(has_pair(argv, "--env", "AZ_BATCH_HOST_LIST=10.0.0.4,10.0.0.5"));
  EXPECT_TRUE(has_pair(argv, "--env", "AZ_BATCH_IS_CURRENT_NODE_MASTER=false"));
  EXPECT_TRUE(has_pair(argv, "--env", "CCP_NODES=2 10.0.0.4 2 10.0.0.5 2"));
  EXPECT_FALSE(sets_variable(argv, "SHIPYARD_BIND_TO"));
  EXPECT_FALSE(sets_variable(argv, "OMPI_MCA_mpi_yield_when_idle"));
  EXPECT_EQ(argv.back(), "my/app");
}

TEST(PlanPool, TheTaskAwaitsItsNodeOnly) {
  const auto pool = plan();
  ASSERT_EQ(pool.start.size(), 6U);
  for (std::size_t node = 0; node < 2; ++node) {
    EXPECT_THAT(pool.start[3 * node].after, IsEmpty());
    EXPECT_THAT(pool.start[3 * node + 1].after, ElementsAre(3 * node));
    EXPECT_THAT(pool.start[3 * node + 2].after, ElementsAre(3 * node));
  }
}

TEST(PlanPool, TheCoordinationCommandAwaitsTaskAndBridge) {
  auto with = options();
  with.coordination = "echo ready > /tmp/x";
  const auto pool = plan(with);
  ASSERT_EQ(pool.start.size(), 8U);
  EXPECT_THAT(pool.start[7].argv,
              ElementsAre("docker", "exec", "shipyard-p-task-1", "/bin/sh", "-c", "echo ready > /tmp/x"));
  EXPECT_THAT(pool.start[7].after, ElementsAre(5, 6));
}

TEST(PlanPool, SharedCoresAreNotBoundAndYield) {
  auto here = place();
  here.cpus = {};
  here.cpus.shared = true;
  const auto argv = task_step(plan(options(), here), 0).argv;
  EXPECT_TRUE(has_pair(argv, "--env", "SHIPYARD_BIND_TO=none"));
  EXPECT_TRUE(has_pair(argv, "--env", "OMPI_MCA_mpi_yield_when_idle=1"));
  EXPECT_FALSE(sets_variable(argv, "--cpuset-cpus"));
}

TEST(PlanPool, TheUsersVariableWins) {
  auto here = place();
  here.cpus.shared = true;
  auto with = options();
  with.environment = {"SHIPYARD_BIND_TO=core", "OMPI_MCA_mpi_yield_when_idle"};
  const auto argv = task_step(plan(with, here), 0).argv;
  EXPECT_THAT(argv, Not(Contains("SHIPYARD_BIND_TO=none")));
  EXPECT_THAT(argv, Not(Contains("OMPI_MCA_mpi_yield_when_idle=1")));
  EXPECT_TRUE(has_pair(argv, "--env", "SHIPYARD_BIND_TO=core"));
  EXPECT_TRUE(has_pair(argv, "--env", "OMPI_MCA_mpi_yield_when_idle"));
}

TEST(PlanPool, HandsTheKeyOverByItsNameAlone) {
  const auto pool = plan();
  EXPECT_TRUE(pool.makes_key);
  EXPECT_TRUE(has_pair(task_step(pool, 0).argv, "--env", "SHIPYARD_SSH_KEY"));
  EXPECT_THAT(pool.start.at(0).argv, Not(Contains("SHIPYARD_SSH_KEY"))) << "the VM has no use for it";
}

TEST(PlanPool, TheUsersOwnKeyWinsAndIsNotPrinted) {
  auto with = options();
  with.environment = {"SHIPYARD_SSH_KEY=c2VjcmV0", "A=1"};
  const auto pool = plan(with);
  EXPECT_FALSE(pool.makes_key);
  EXPECT_EQ(pool.key.reveal(), "c2VjcmV0");
  EXPECT_TRUE(has_pair(task_step(pool, 0).argv, "--env", "SHIPYARD_SSH_KEY"));
  EXPECT_TRUE(has_pair(task_step(pool, 0).argv, "--env", "A=1"));
  EXPECT_THAT(dry_run_text(pool, {}), Not(::testing::HasSubstr("c2VjcmV0")));
}

TEST(PlanPool, TheUserMayHandOnAKeyOrLeaveItOut) {
  auto with = options();
  with.environment = {"SHIPYARD_SSH_KEY"};
  EXPECT_FALSE(plan(with).makes_key);
  EXPECT_TRUE(has_pair(task_step(plan(with), 0).argv, "--env", "SHIPYARD_SSH_KEY"));
  with.environment = {"SHIPYARD_SSH_KEY="};
  EXPECT_FALSE(plan(with).makes_key);
  EXPECT_TRUE(has_pair(task_step(plan(with), 0).argv, "--env", "SHIPYARD_SSH_KEY="));
  EXPECT_FALSE(has_pair(task_step(plan(with), 0).argv, "--env", "SHIPYARD_SSH_KEY"));
}

TEST(PlanPool, HandsOnSizesAndOptions) {
  auto with = options();
  with.shm_size = "512m";
  with.run_options = {"--ulimit", "memlock=-1"};
  const auto argv = task_step(plan(with), 0).argv;
  EXPECT_THAT(argv, Contains("--shm-size=512m"));
  ASSERT_GE(argv.size(), 3U);
  EXPECT_THAT(Words(argv.end() - 3, argv.end()), ElementsAre("--ulimit", "memlock=-1", "my/app"));
}

TEST(PlanPool, KeepsOthersOutOfTheDirectories) {
  const auto pool = plan();
  EXPECT_EQ(pool.directories.at(0).path, "/tmp/shipyard-p");
  EXPECT_EQ(pool.directories.at(0).mode, 0700U);
  const auto wd = std::find_if(pool.directories.begin(), pool.directories.end(), [](const auto& directory) {
    return directory.path == "/tmp/shipyard-p/node-1/workitems/job/job-1/task/wd";
  });
  ASSERT_NE(wd, pool.directories.end());
  EXPECT_EQ(wd->mode, 0777U) << "an image may run as any user";
}

TEST(PlanPool, RefusesWhatTheEngineWouldMisread) {
  auto message = [](auto change) {
    auto o = options();
    auto p = place();
    change(o, p);
    auto made = plan_pool(o, p);
    return made ? std::string("accepted") : made.error().message;
  };
  using O = PoolOptions;
  using P = PoolPlace;
  EXPECT_EQ(message([](O& o, P&) { o.image = "--privileged"; }),
            "--image: '--privileged' is not the name of an image");
  EXPECT_EQ(message([](O& o, P&) { o.node_image = ""; }), "--node-image: '' is not the name of an image");
  EXPECT_EQ(message([](O& o, P&) { o.shm_size = "1x"; }), "--shm-size: '1x' is not a size");
  EXPECT_EQ(message([](O& o, P&) { o.shm_size = "m"; }), "--shm-size: 'm' is not a size");
  EXPECT_EQ(message([](O& o, P&) { o.environment = {"A B=1"}; }), "--env: not the name of a variable");
  EXPECT_EQ(message([](O& o, P&) { o.environment = {"=1"}; }), "--env: not the name of a variable");
  EXPECT_EQ(message([](O&, P& p) { p.parent_directory = "/a,b"; }),
            "TMPDIR: the engine cannot mount a path with a comma or a quote: /a,b");
  EXPECT_EQ(message([](O& o, P&) { o.name = "a/b"; }), "--name: not the name of a pool");
}

TEST(CheckPoolName, AcceptsShortWords) {
  for (const char* name : {"pool", "a", "0.b_c-d"}) EXPECT_TRUE(check_pool_name(name).has_value()) << name;
  for (const char* name : {"", "-a", "A", "a b", "ä", "a;b"})
    EXPECT_FALSE(check_pool_name(name).has_value()) << name;
  EXPECT_TRUE(check_pool_name(std::string(40, 'a')).has_value());
  EXPECT_FALSE(check_pool_name(std::string(41, 'a')).has_value());
}

TEST(ExecCommand, KeepsStandardInputOpenAsTheLifeline) {
  EXPECT_THAT(
      exec_command("podman", "c", true, {"a", "-b"}),
      ElementsAre("podman", "exec", "--interactive", "--env", "SHIPYARD_LIFELINE=stdin", "c", "a", "-b"));
  EXPECT_THAT(exec_command("docker", "c", false, {"a"}),
              ElementsAre("docker", "exec", "--interactive", "c", "a"));
}

TEST(DryRun, IsTheWholeLifeAsAScript) {
  auto one = options();
  one.nodes = 1;
  const std::string text = dry_run_text(plan(one), {"sh", "-c", "echo $HOME"});
  std::vector<std::string> verbs;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const auto second = text.find(' ', text.find(' ', at) + 1);
    verbs.push_back(text.substr(at, second - at));
    at = end + 1;
  }
  EXPECT_THAT(verbs, ElementsAre("docker network", "mkdir -m", "mkdir -m", "mkdir -m", "ssh-keygen -q",
                                 "export SHIPYARD_SSH_KEY=\"$(base64", "rm /tmp/shipyard-p/id_ed25519",
                                 "docker run", "docker exec", "docker run", "docker exec", "docker rm",
                                 "rm -rf", "docker network"));
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "\ndocker exec --interactive --env SHIPYARD_LIFELINE=stdin shipyard-p-task-0 sh "
                        "-c 'echo $HOME'\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("\nrm -rf /tmp/shipyard-p\n"));
}

TEST(DryRun, OfUpRemovesNothing) {
  auto up = options();
  up.kind = PoolKind::kUp;
  EXPECT_THAT(dry_run_text(plan(up), {}), Not(::testing::HasSubstr(" rm ")));
}

}  // namespace
}  // namespace shipyard::local
