#include "launcher/topology/corrections.hpp"

#include <gtest/gtest.h>

#include "tests/unit/topology_account.hpp"
#include "tests/unit/topology_samples.hpp"

namespace shipyard::topology {
namespace {

using samples::Shape;

const std::vector<int> kReported = {8, 8, 8, 8, 8, 4};

NodeTopology corrected(const Shape& shape, const std::string& model) {
  NodeTopology node = samples::node(shape);
  for (auto& package : node.packages) package.model = model;
  apply_corrections(node);
  return node;
}

TEST(Corrections, KnowTheCachesOfEpyc9v33x) {
  const auto node =
      corrected({{kReported, kReported}, {kReported, kReported}}, "AMD EPYC 9V33X 96-Core Processor");
  EXPECT_EQ(shape(node), "[0: L3 8,8,8,8,6,6 | 1: L3 8,8,8,8,6,6] [2: L3 8,8,8,8,6,6 | 3: L3 8,8,8,8,6,6]");
  // The last of the fifth cache's cores belong to the sixth.
  EXPECT_EQ(node.cores[37].cache, 4);
  EXPECT_EQ(node.cores[38].cache, 5);
  EXPECT_EQ(node.corrections,
            std::vector<std::string>{"L3 caches of EPYC 9V33X in 4 NUMA domains: 8,8,8,8,6,6 cores as on the "
                                     "chip, where the virtual machine says 8,8,8,8,8,4"});
}

TEST(Corrections, LeaveOtherCpusOfThisShapeAlone) {
  const auto node = corrected({{kReported}}, "AMD EPYC 9V74 80-Core Processor");
  EXPECT_EQ(shape(node), "[0: L3 8,8,8,8,8,4]");
  EXPECT_TRUE(node.corrections.empty());
}

TEST(Corrections, LeaveOtherShapesOfThisCpuAlone) {
  for (const auto& caches :
       {std::vector{6, 6, 6, 6, 6, 6}, std::vector{8, 8, 8, 8, 4, 8}, std::vector{8, 8, 8, 8, 8, 3},
        std::vector{8, 8, 8, 8, 6, 6}, std::vector{8, 8, 8, 8, 8, 4, 4}, std::vector{44}}) {
    const auto node = corrected({{caches}}, "AMD EPYC 9V33X 96-Core Processor");
    EXPECT_EQ(shape(node), shape(samples::node({{caches}})));
    EXPECT_TRUE(node.corrections.empty());
  }
}

TEST(Corrections, ConcernTheDomainsThatHaveTheShape) {
  const auto node = corrected({{kReported, {8, 8}}}, "AMD EPYC 9V33X 96-Core Processor");
  EXPECT_EQ(shape(node), "[0: L3 8,8,8,8,6,6 | 1: L3 8,8]");
  ASSERT_EQ(node.corrections.size(), 1U);
  EXPECT_EQ(node.corrections[0].substr(0, 43), "L3 caches of EPYC 9V33X in 1 NUMA domain: 8");
}

}  // namespace
}  // namespace shipyard::topology
