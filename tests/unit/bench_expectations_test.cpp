#include "bench/harness/expectations.hpp"

#include <gmock/gmock.h>

#include "bench/harness/traffic.hpp"

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Unmet, SaysWhatWasFoundInstead) {
  Options options;
  options.expect_fabric = Fabric::kInfiniBand;
  options.expect_latency_ns = 2000;
  options.expect_bandwidth_mb = 10'000;
  Findings findings{.fabric = Fabric::kTcp,
                    .latency_ns = 25'000,
                    .latency_bytes = 8,
                    .bandwidth_mb = 1200,
                    .bandwidth_bytes = 1048576,
                    .corrupted = {"uni, 64 bytes: 3 wrong"}};
  EXPECT_THAT(unmet(options, findings),
              ElementsAre("--expect-fabric ib: the messages travelled by tcp",
                          "--expect-latency 2 us: the median is 25 us, for 8 bytes",
                          "--expect-bandwidth 10000 MB/s: the best is 1200 MB/s, with 1048576 bytes",
                          "--validate: uni, 64 bytes: 3 wrong"));
  EXPECT_THAT(
      unmet(options, {}),
      ElementsAre("--expect-fabric ib: by what the messages travelled is not known",
                  "--expect-latency: nothing was measured", "--expect-bandwidth: nothing was measured"));
}

TEST(Unmet, IsNothingWhereAllIsAsExpected) {
  Options options;
  options.expect_fabric = Fabric::kInfiniBand;
  options.expect_latency_ns = 2000;
  options.expect_bandwidth_mb = 10'000;
  EXPECT_THAT(unmet(options, {.fabric = Fabric::kInfiniBand, .latency_ns = 2000, .bandwidth_mb = 10'000}),
              IsEmpty());
  EXPECT_THAT(unmet({}, {}), IsEmpty());
}

TEST(SentByInterfaces, AddsTheNinthColumn) {
  EXPECT_EQ(
      sent_by_interfaces(
          "Inter-|   Receive                                                |  Transmit\n"
          " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n"
          "    lo:  100       1    0    0    0     0          0         0      100       1    0    0\n"
          "  eth0:7000      60    0    0    0     0          0         0     2000      40    0    0\n"),
      2100);
  EXPECT_EQ(sent_by_interfaces(""), 0);
  EXPECT_EQ(sent_by_interfaces("eth0: 1 2 3\n"), 0);
}

TEST(FabricOf, IsWhatHasCarriedMostOfTheBytes) {
  const Traffic before{.interfaces = 1000, .infiniband = 500};
  const auto fabric = [&](const Traffic& after, bool same_node) {
    return fabric_of(before, after, after, 1000, same_node);
  };
  EXPECT_EQ(fabric({.interfaces = 2100, .infiniband = 500}, true), Fabric::kTcp);
  EXPECT_EQ(fabric({.interfaces = 1100, .infiniband = 1500}, false), Fabric::kInfiniBand);
  EXPECT_EQ(fabric({.interfaces = 1100, .infiniband = 500}, true), Fabric::kSharedMemory);
  EXPECT_EQ(fabric({.interfaces = 1100, .infiniband = 500}, false), std::nullopt);
  EXPECT_EQ(fabric_of(before, before, before, 0, true), std::nullopt);
}

TEST(FabricOf, LeavesOutWhatOthersSendInAPauseAsLong) {
  const Traffic before{.interfaces = 1000};
  EXPECT_EQ(fabric_of(before, {.interfaces = 6000}, {.interfaces = 11200}, 1000, true),
            Fabric::kSharedMemory);
  EXPECT_EQ(fabric_of(before, {.interfaces = 7000}, {.interfaces = 12200}, 1000, true), Fabric::kTcp);
}

}  // namespace
}  // namespace shipyard::bench
