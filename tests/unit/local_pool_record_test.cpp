#include "batch/local/pool_record.hpp"

#include <gmock/gmock.h>

namespace shipyard::local {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ProcessIdentity kOwner{"boot-1", "pid:[1]", 4711, 99};

PoolRecord pool(PoolKind kind = PoolKind::kRun) {
  PoolRecord record;
  record.name = "run-1";
  record.kind = kind;
  record.owner = kOwner;
  return record;
}

TEST(ProcessIdentity, ReadsWhatItWrites) {
  EXPECT_EQ(kOwner.text(), "boot-1/pid:[1]/4711/99");
  EXPECT_EQ(ProcessIdentity::parse(kOwner.text()), kOwner);
  for (const char* text : {"", "a/b/c/d", "a/b/1", "a/b/1/2/3", "a/b/1/-2"}) {
    EXPECT_FALSE(ProcessIdentity::parse(text).has_value()) << text;
  }
}

TEST(IsLeftover, OnlyWhereTheOwnerHasEnded) {
  const ProcessIdentity self{"boot-1", "pid:[1]", 5000, 200};
  EXPECT_FALSE(is_leftover(pool(), self, 99)) << "the owner lives";
  EXPECT_TRUE(is_leftover(pool(), self, std::nullopt)) << "nobody has its number";
  EXPECT_TRUE(is_leftover(pool(), self, 100)) << "another process has its number";
}

TEST(IsLeftover, NeverAPoolOfUp) {
  const ProcessIdentity self{"boot-1", "pid:[1]", 5000, 200};
  EXPECT_FALSE(is_leftover(pool(PoolKind::kUp), self, std::nullopt));
}

TEST(IsLeftover, NotWhereTheOwnerIsUnknown) {
  const ProcessIdentity self{"boot-1", "pid:[1]", 5000, 200};
  auto nameless = pool();
  nameless.owner.reset();
  EXPECT_FALSE(is_leftover(nameless, self, std::nullopt));
  const ProcessIdentity in_a_container{"boot-1", "pid:[2]", 7, 200};
  EXPECT_FALSE(is_leftover(pool(), in_a_container, std::nullopt));
}

TEST(IsLeftover, AfterARebootUnlessItRunsElsewhere) {
  const ProcessIdentity self{"boot-2", "pid:[1]", 5000, 200};
  auto record = pool();
  record.containers = {{"shipyard-run-1-node-0", "node", 0, false}};
  EXPECT_TRUE(is_leftover(record, self, 99)) << "the number means another process now";
  record.containers[0].running = true;
  EXPECT_FALSE(is_leftover(record, self, std::nullopt)) << "another machine that uses the same engine";
}

TEST(ParsePools, GathersContainersAndNetworksByLabel) {
  auto record = pool();
  record.directory = "/tmp/shipyard-run-1";
  record.image = "my/app";
  record.node_image = "shipyard/node";
  record.subnet = "10.77.0.0/24";
  record.nodes = 2;
  record.cpus = {0, 1, 2, 5};
  std::string labels;
  for (const auto& [name, value] : labels_of(record)) labels += "\"" + name + "\":\"" + value + "\",";
  const std::string containers = R"([
    {"Name":"/shipyard-run-1-task-1","State":{"Running":true},
     "Config":{"Labels":{)" + labels +
                                 R"("shipyard.role":"task","shipyard.node":"1"}}},
    {"Name":"/somebody","State":{"Running":true},"Config":{"Labels":null}}])";
  const std::string networks = R"([{"Name":"bridge","Labels":{}},
    {"Name":"shipyard-run-1","Labels":{)" +
                               labels + R"("x":"y"}}])";
  auto pools = parse_pools(containers, networks);
  ASSERT_TRUE(pools.has_value());
  ASSERT_EQ(pools->size(), 1U);
  const auto& found = pools->front();
  EXPECT_EQ(labels_of(found), labels_of(record));
  EXPECT_EQ(found.owner, kOwner);
  EXPECT_THAT(found.networks, ElementsAre("shipyard-run-1"));
  ASSERT_EQ(found.containers.size(), 1U);
  EXPECT_EQ(found.containers[0].name, "shipyard-run-1-task-1");
  EXPECT_EQ(found.containers[0].role, "task");
  EXPECT_EQ(found.containers[0].node, 1);
  EXPECT_TRUE(found.running());
}

TEST(ParsePools, AnEmptyAnswerIsNoPool) {
  EXPECT_THAT(*parse_pools("", "[]\n"), IsEmpty());
  auto broken = parse_pools("<html>", "");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().message, "the container engine's answer to 'inspect' is not a JSON array");
}

TEST(ParseNetworks, ReadsDockerAndPodman) {
  auto docker = parse_networks(R"([{"Name":"bridge","IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]}},
    {"Name":"host","IPAM":{"Config":null}},{"Name":"six","IPAM":{"Config":[{"Subnet":"fd00::/64"}]}}])");
  ASSERT_TRUE(docker.has_value());
  ASSERT_EQ(docker->size(), 1U);
  EXPECT_EQ(docker->front().subnet.text(), "172.17.0.0/16");
  EXPECT_EQ(docker->front().owner, "network 'bridge'");

  auto podman = parse_networks(R"([{"name":"podman","subnets":[{"subnet":"10.88.0.0/16"}]}])");
  ASSERT_EQ(podman->size(), 1U);
  EXPECT_EQ(podman->front().subnet.text(), "10.88.0.0/16");
  EXPECT_EQ(podman->front().owner, "network 'podman'");
}

}  // namespace
}  // namespace shipyard::local
