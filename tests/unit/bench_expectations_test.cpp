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
                    .kernels = {{.kernel = "pingpong",
                                 .latency_ns = 25'000,
                                 .latency_bytes = 8,
                                 .bandwidth_mb = 1200,
                                 .bandwidth_bytes = 1048576}},
                    .corrupted = {"uni, 64 bytes: 3 wrong"}};
  EXPECT_THAT(unmet(options, findings),
              ElementsAre("--expect-fabric ib: the messages travelled by tcp",
                          "--expect-latency 2 us: the median is 25 us, for 8 bytes",
                          "--expect-bandwidth 10000 MB/s: the best is 1200 MB/s, with 1048576 bytes",
                          "--validate: uni, 64 bytes: 3 wrong"));
  EXPECT_THAT(unmet(options, {.kernels = {{.kernel = "pingpong"}}}),
              ElementsAre("--expect-fabric ib: by what the messages travelled is not known",
                          "--expect-latency 2 us: nothing was measured",
                          "--expect-bandwidth 10000 MB/s: nothing was measured"));
}

TEST(Unmet, IsNothingWhereAllIsAsExpected) {
  Options options;
  options.expect_fabric = Fabric::kInfiniBand;
  options.expect_latency_ns = 2000;
  options.expect_bandwidth_mb = 10'000;
  EXPECT_THAT(unmet(options, {.fabric = Fabric::kInfiniBand,
                              .kernels = {{.latency_ns = 2000, .bandwidth_mb = 10'000}}}),
              IsEmpty());
  EXPECT_THAT(unmet({}, {}), IsEmpty());
}

TEST(Unmet, JudgesTheLatencyOfEachKernel) {
  Options options;
  options.expect_latency_ns = 2000;
  EXPECT_THAT(unmet(options, {.kernels = {{.kernel = "bcast", .latency_ns = 5000, .latency_bytes = 1},
                                          {.kernel = "allreduce", .latency_ns = 1000, .latency_bytes = 4},
                                          {.kernel = "gather"},
                                          {.kernel = "barrier", .latency_ns = 3000}}}),
              ElementsAre("--expect-latency 2 us: bcast: the median is 5 us, for 1 bytes",
                          "--expect-latency 2 us: gather: nothing was measured",
                          "--expect-latency 2 us: barrier: the median is 3 us, for 0 bytes"));
}

TEST(Unmet, CountsBothDirectionsForBandwidthOnlyWhereNothingElseIsMeasured) {
  Options options;
  options.expect_bandwidth_mb = 20'000;
  const KernelFindings uni{.kernel = "uni", .bandwidth_mb = 10'000, .bandwidth_bytes = 4096};
  KernelFindings bi{.kernel = "bi", .both_ways = true, .bandwidth_mb = 20'000, .bandwidth_bytes = 4096};
  EXPECT_THAT(unmet(options, {.kernels = {uni, bi}}),
              ElementsAre("--expect-bandwidth 20000 MB/s: uni: the best is 10000 MB/s, with 4096 bytes"));
  EXPECT_THAT(unmet(options, {.kernels = {bi}}), IsEmpty());
  bi.bandwidth_mb = 15'000;
  EXPECT_THAT(unmet(options, {.kernels = {bi}}),
              ElementsAre("--expect-bandwidth 20000 MB/s: the best is 15000 MB/s, with 4096 bytes"));
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
