#include "bench/compare/report.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;

constexpr const char* kReport = R"({
  "context": {"num_cpus": 2, "benchmark": "pingpong", "fabric": "shm"},
  "benchmarks": [
    {"name": "pingpong/8/manual_time", "run_type": "iteration", "real_time": 1.5, "time_unit": "us",
     "p50_ns": 370.5, "label": "x"},
    {"name": "pingpong/8/manual_time", "run_type": "iteration", "real_time": 2, "time_unit": "us", "p50_ns": 380},
    {"name": "pingpong/8/manual_time_mean", "run_type": "aggregate", "real_time": 1.75, "time_unit": "us"},
    {"name": "pingpong/16/manual_time", "run_type": "iteration", "error_occurred": true, "error_message": "late"},
    {"name": "pingpong/32/manual_time", "skipped": true},
    {"name": "pingpong/64", "p50_ns": null}
  ]})";

std::string error_of(const std::string& text) {
  const auto report = parse_report(text, "A.json");
  return report ? "none" : report.error().message;
}

std::string with(const std::string& benchmark) {
  return R"({"context": {}, "benchmarks": [)" + benchmark + "]}";
}

TEST(ParseReport, ReadsFactsAndFigures) {
  const auto report = parse_report(kReport, "A.json");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->facts.at("fabric"), "shm");
  ASSERT_EQ(report->measurements.size(), 2u);
  const auto& first = report->measurements[0];
  EXPECT_EQ(first.name, "pingpong/8");
  EXPECT_THAT(first.figures.at("p50_ns"), ElementsAre(370.5, 380));
  EXPECT_THAT(first.figures.at("real_time"), ElementsAre(1500, 2000));
  EXPECT_FALSE(first.figures.contains("label"));
}

TEST(ParseReport, NullIsNotANumber) {
  const auto report = parse_report(kReport, "A.json");
  ASSERT_TRUE(report);
  EXPECT_TRUE(std::isnan(report->measurements[1].figures.at("p50_ns").at(0)));
}

TEST(ParseReport, LeavesOutWhatWasNotMeasured) {
  const auto report = parse_report(
      with(R"({"name": "a", "skipped": true}, {"name": "b", "error_occurred": true}, {"name": "c"})"),
      "A.json");
  ASSERT_TRUE(report);
  ASSERT_EQ(report->measurements.size(), 1u);
  EXPECT_EQ(report->measurements[0].name, "c");
}

TEST(ParseReport, RejectsWhatIsNoJson) {
  EXPECT_EQ(error_of(""), "A.json: empty, a report in JSON expected");
  EXPECT_EQ(error_of(" \n"), "A.json: empty, a report in JSON expected");
  EXPECT_EQ(error_of("pingpong 0.1.0\n"), "A.json: line 1: not JSON");
  EXPECT_EQ(error_of("{\n\"context\": {},\n\"benchmarks\": [}"), "A.json: line 3: not JSON");
  EXPECT_EQ(error_of("{\"context\": {}, \"benchmarks\": ["), "A.json: line 1: not JSON");
  EXPECT_EQ(error_of(std::string(kReport) + kReport), "A.json: line 11: not JSON");
}

TEST(ParseReport, NamesTheLineOfNotANumber) {
  for (const char* value : {"NaN", "nan", "-nan", "inf", "-inf", "Infinity"})
    EXPECT_EQ(error_of(with(std::string("\n{\"name\": \"a\", \"p50_ns\": ") + value + "}")),
              "A.json: line 2: a figure is not a number (NaN or infinity)")
        << value;
  EXPECT_EQ(error_of(with(R"({"name": "a", "p50_ns": 1e999})")), "A.json: a number in it is too large");
}

TEST(ParseReport, RejectsJsonOfAnotherProgram) {
  const std::string text =
      "A.json: not a report of a benchmark: there is no \"context\" and \"benchmarks\" in it";
  for (const char* other : {"1", "[]", "{}", R"({"benchmarks": []})", R"({"context": 1, "benchmarks": []})",
                            R"({"context": {}, "benchmarks": {}})"})
    EXPECT_EQ(error_of(other), text) << other;
  const std::string nameless = "A.json: not a report of a benchmark: one of its \"benchmarks\" has no name";
  for (const char* entry : {"1", "{}", R"({"name": 1})"}) EXPECT_EQ(error_of(with(entry)), nameless) << entry;
}

TEST(ParseReport, NothingOfItActsOnATerminal) {
  const auto report =
      parse_report(R"({"context": {"fabric": "\u001b[2J"}, "benchmarks": [{"name": "a\nb"}]})", "A.json");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->facts.at("fabric"), "?[2J");
  EXPECT_EQ(report->measurements[0].name, "a?b");
}

}  // namespace
}  // namespace shipyard::bench
