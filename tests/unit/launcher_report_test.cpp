#include "launcher/report.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace shipyard::launcher {
namespace {

using nlohmann::json;
using supervise::RankRecord;
using namespace std::chrono_literals;

NodePlan node(const char* host, std::vector<std::string> cpusets) {
  const int ranks = static_cast<int>(cpusets.size());
  return {host, ranks, 4, std::make_shared<const std::vector<std::string>>(std::move(cpusets))};
}

TEST(Report, TellsTheWholeJob) {
  JobReport report;
  report.hosts = {"10.0.0.4", "10.0.0.5"};
  report.command = {"/usr/bin/mpirun", "-np", "3"};
  report.nodes = {node("10.0.0.4", {"0-3", "4-7"}), node("10.0.0.5", {"0-3"})};
  report.reasons = {{"3 ranks", "-n"}};
  report.warnings = {"one"};
  report.ranks = {{.rank = 0, .host = "10.0.0.4", .cpus = "0-3", .exit = Exit{false, 0}, .order = 2},
                  {.rank = 1, .host = "10.0.0.4", .cpus = "4-5", .exit = Exit{true, 11}, .order = 1},
                  {.rank = 2, .host = "10.0.0.5", .cpus = "8-11", .stands_for = "0-3", .lost = true}};
  report.staged = {{"/data/case",
                    "/mnt/case",
                    {3, 1000, "names", "times"},
                    {{"10.0.0.4", stage::NodeStage::kPresent}, {"10.0.0.5", stage::NodeStage::kReceives}},
                    1.5}};
  report.collected = {{"/data/collected", {"10.0.0.4"}, {"10.0.0.5"}, {}, {}, 0.5}};
  report.outcome = {"app_failed", 139, "./app: rank 1 failed", "look there"};
  report.mpirun_words = "mpirun noticed";
  report.times = {.read = 150us, .gate = 20ms, .run = 1h, .total = 3600020150us};
  const std::string text = report_as_json(report);
  EXPECT_EQ(json::parse(text), json::parse(R"({
    "version": ")" SHIPYARD_VERSION R"(",
    "hosts": ["10.0.0.4", "10.0.0.5"],
    "command": ["/usr/bin/mpirun", "-np", "3"],
    "layout": [{"host": "10.0.0.4", "ranks": 2, "threads": 4, "cpuset": ["0-3", "4-7"]},
               {"host": "10.0.0.5", "ranks": 1, "threads": 4, "cpuset": ["0-3"]}],
    "ranks": [{"rank": 0, "host": "10.0.0.4", "cpuset": "0-3", "end": "exited", "status": 0},
              {"rank": 1, "host": "10.0.0.4", "cpuset": "4-5", "end": "signalled", "signal": 11, "status": 139},
              {"rank": 2, "host": "10.0.0.5", "cpuset": "8-11", "stands_for": "0-3", "end": "lost"}],
    "binding": {"as_planned": 2, "different": 1, "unreported": 0},
    "preflight": null, "preemption": null,
    "stage": [{"directory": "/data/case", "target": "/mnt/case", "files": 3, "bytes": 1000, "seconds": 1.5,
               "nodes": [{"host": "10.0.0.4", "what": "present"}, {"host": "10.0.0.5", "what": "received"}]}],
    "collect": {"directory": "/data/collected", "seconds": 0.5, "brought": ["10.0.0.4"], "nothing": ["10.0.0.5"],
                "shared": [], "failed": []},
    "outcome": {"name": "app_failed", "status": 139, "message": "./app: rank 1 failed", "hint": "look there"},
    "mpirun_words": "mpirun noticed",
    "times_ms": {"read": 0.15, "gate": 20.0, "run": 3600000.0, "total": 3600020.15},
    "reasons": ["3 ranks: -n"],
    "warnings": ["one"]})"));
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST(Report, NamesRanksThatWereNotHeardOfAndThoseThatCouldNotStart) {
  const JobReport report{
      .nodes = {node("10.0.0.4", {"0", "1"}), node("10.0.0.5", {"0"})},
      .ranks = {
          {.rank = 1, .host = "10.0.0.4", .problem = "why", .start_error = ENOENT, .missing = "program"},
          {.rank = 3, .host = "10.0.0.6"}}};
  EXPECT_EQ(json::parse(report_as_json(report))["ranks"], json::parse(R"([
    {"rank": 0, "host": "10.0.0.4", "cpuset": null, "end": "unknown"},
    {"rank": 1, "host": "10.0.0.4", "cpuset": null, "problem": "why", "end": "not_started", "missing": "program",
     "error": "No such file or directory"},
    {"rank": 2, "host": "10.0.0.5", "cpuset": null, "end": "unknown"},
    {"rank": 3, "host": "10.0.0.6", "cpuset": null, "end": "unknown"}])"));
}

TEST(Report, TellsWhichNodeWasAboutToBeTakenAway) {
  const JobReport report{.preemption =
                             supervise::PreemptionNotice{"10.0.0.5", 30s, "Preempt", "C7061BAC", "Spot VM"}};
  EXPECT_EQ(json::parse(report_as_json(report))["preemption"], json::parse(R"({
    "host": "10.0.0.5", "type": "Preempt", "seconds": 30, "event": "C7061BAC", "description": "Spot VM"})"));
}

TEST(Report, AJobThatNeverRanHasAnOutcomeAndTheSameShape) {
  const JobReport report{.outcome = {"config_error", 125, "no \xff MPI", ""}};
  EXPECT_EQ(json::parse(report_as_json(report)), json::parse(R"({
    "version": ")" SHIPYARD_VERSION R"(",
    "hosts": [], "command": [], "layout": [], "ranks": [],
    "binding": {"as_planned": 0, "different": 0, "unreported": 0},
    "preflight": null, "preemption": null, "stage": [], "collect": null,
    "outcome": {"name": "config_error", "status": 125, "message": "no )"
                                                             "\xef\xbf\xbd"
                                                             R"( MPI", "hint": ""},
    "mpirun_words": "", "times_ms": {}, "reasons": [], "warnings": []})"));
}

}  // namespace
}  // namespace shipyard::launcher
