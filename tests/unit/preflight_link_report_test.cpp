#include "launcher/preflight/link_report.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/preflight_samples.hpp"

namespace shipyard::launcher::preflight {
namespace {

std::string error_of(const std::string& text) {
  const auto report = parse_link_report(text);
  return report ? "none" : report.error().message;
}

TEST(LinkReportParser, ReadsWhatAllpairsMeasured) {
  const auto report = parse_link_report(report_text(
      "node0,node1,node2",
      {entry(0, 1, 1800, 23000), entry(1, 2, 3000, 5000, "101"), entry(2, 0, 3100, 5100, "110")}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->nodes, 3U);
  EXPECT_EQ(report->slow_nodes, (std::vector<bool>{false, false, true}));
  ASSERT_EQ(report->links.size(), 3U);
  EXPECT_EQ(report->links[1].from, 1U);
  EXPECT_EQ(report->links[1].to, 2U);
  EXPECT_EQ(report->links[1].figures, (LinkFigures{3000, 5000}));
}

TEST(LinkReportParser, LeavesOutWhatWasNotMeasuredAndWordsBeforeTheReport) {
  const auto report = parse_link_report(
      "[1764.1] [node0:7 :0] UCX WARN  no memory hooks\n" +
      report_text("a,b", {R"({"name":"allpairs/0/1","error_occurred":true,"error_message":"not measured"})",
                          R"({"name":"allpairs/0/1","skipped":true,"skip_message":"not measured"})",
                          entry(1, 0, 1800, 23000)}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->links.size(), 1U);
}

TEST(LinkReportParser, RefusesWhatIsNoReportOfThisVersion) {
  EXPECT_EQ(error_of(""), "allpairs' report: there is none");
  EXPECT_EQ(error_of("Killed\n"), "allpairs' report: there is none");
  EXPECT_EQ(error_of("{\"context\": {"), "allpairs' report: not JSON");
  EXPECT_EQ(error_of("{}"), "allpairs' report: there is no \"context\" and \"benchmarks\" in it");
  EXPECT_EQ(error_of(R"({"context":{},"benchmarks":[]})"),
            "allpairs' report: there is no \"node_names\" in its context");
  EXPECT_EQ(error_of(report_text("a,b", {"3"})), "allpairs' report: entry 0 is no object");
  const std::string lacks = "allpairs' report: entry 1 lacks a figure, or has an impossible one";
  // One as allpairs wrote it before it told which node is slow.
  for (const auto* wrong :
       {R"({"from":0,"to":1,"latency_ns":1,"bandwidth_MB_per_s":1,"slow":0})",
        R"({"from":0,"to":0,"latency_ns":1,"bandwidth_MB_per_s":1,"slow":0,"from_slow":0,"to_slow":0})",
        R"({"from":0,"to":2,"latency_ns":1,"bandwidth_MB_per_s":1,"slow":0,"from_slow":0,"to_slow":0})",
        R"({"from":-1,"to":1,"latency_ns":1,"bandwidth_MB_per_s":1,"slow":0,"from_slow":0,"to_slow":0})",
        R"({"from":0,"to":1,"latency_ns":"1","bandwidth_MB_per_s":1,"slow":0,"from_slow":0,"to_slow":0})"})
    EXPECT_EQ(error_of(report_text("a,b", {entry(0, 1, 1, 1), wrong})), lacks) << wrong;
}

TEST(LinkReport, WhatIsTypicalIsThatOfNodesThatAreNotSlow) {
  // Half of the links touch the slow node.
  auto report = star(4, 3);
  for (auto& link : report.links) {
    if (link.from == 3) link.figures = {3100, 5000};
  }
  EXPECT_EQ(report.typical(), (LinkFigures{1800, 23000}));
  report.slow_nodes = {true, true, true, false};
  EXPECT_EQ(report.typical(), (LinkFigures{2450, 14000}));
}

TEST(LinkReport, HasMediansAndTheWorseDirectionOfANode) {
  const auto report = star(4, 3);
  EXPECT_EQ(report.typical(), (LinkFigures{1800, 23000}));
  EXPECT_EQ(report.of_node(0), (LinkFigures{1800, 23000}));
  // From it all is as it is elsewhere.
  EXPECT_EQ(report.of_node(3), (LinkFigures{3100, 5000}));
  EXPECT_EQ(LinkReport{.nodes = 3}.typical(), (LinkFigures{0, 0}));
}

TEST(LinkReport, ALinkIsSlowByItselfOnlyBetweenNodesThatAreNot) {
  auto report = star(4, 3);
  EXPECT_TRUE(report.slow_links().empty());
  report.links[0].slow = report.links[1].slow = true;
  report.links[1].figures.latency_ns = 9000;
  const auto links = report.slow_links();
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(links[0].figures.latency_ns, 9000);
}

}  // namespace
}  // namespace shipyard::launcher::preflight
