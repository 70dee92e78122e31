#include "bench/harness/options.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "base/terminal.hpp"

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ProgramText program() {
  return {.name = "test",
          .sentence = "Measures.",
          .epilogue = "Figures:\n",
          .offers = {.kernels = {"uni", "bi", "barrier"},
                     .pair = true,
                     .pairs = true,
                     .window = 64,
                     .buffers = true,
                     .validate = true,
                     .percentiles = true,
                     .latency = true,
                     .bandwidth = true}};
}

Options read(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(program(), arguments);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message;
    return {};
  }
  return *parsed;
}

std::string error(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(program(), arguments);
  return parsed ? "no error" : parsed.error().message;
}

TEST(BenchOptions, HasDefaultsForEverything) {
  const Options options = read({});
  EXPECT_TRUE(options.sizes.empty());
  EXPECT_TRUE(options.kernels.empty());
  EXPECT_EQ(options.pair, std::nullopt);
  EXPECT_EQ(options.window, 64);
  EXPECT_EQ(options.buffers, Buffers::kSingle);
  EXPECT_EQ(options.min_time, Seconds(0.1));
  EXPECT_EQ(options.time_limit, Seconds(60));
  EXPECT_EQ(options.format, Format::kTable);
  EXPECT_EQ(options.out_file, "");
  EXPECT_EQ(options.expect_fabric, std::nullopt);
  EXPECT_FALSE(options.validate || options.quick || options.help || options.version);
}

TEST(BenchOptions, ReadsEveryOption) {
  const Options options = read({"--sizes",
                                "8,1K..4K",
                                "--kernels=bi,uni",
                                "--pair=3,1",
                                "--pairs",
                                "2",
                                "--window=16",
                                "--buffers=off-cache",
                                "--validate",
                                "--min-time",
                                "500ms",
                                "--max-time=2s",
                                "--time-limit=2m",
                                "--warmup=0",
                                "--percentiles=99.9,50",
                                "--format=csv",
                                "-o",
                                "a b.json",
                                "--expect-fabric=ib",
                                "--expect-latency=1.5us",
                                "--expect-bandwidth=90Gbit/s"});
  EXPECT_THAT(options.sizes, ElementsAre(8, 1024, 2048, 4096));
  EXPECT_THAT(options.kernels, ElementsAre("uni", "bi"));  // the program's order
  EXPECT_EQ(options.pair, (RankPair{3, 1}));
  EXPECT_EQ(options.pairs, 2);
  EXPECT_EQ(options.window, 16);
  EXPECT_EQ(options.buffers, Buffers::kOffCache);
  EXPECT_TRUE(options.validate);
  EXPECT_EQ(options.min_time, Seconds(0.5));
  EXPECT_EQ(options.max_time, Seconds(2));
  EXPECT_EQ(options.time_limit, Seconds(120));
  EXPECT_EQ(options.warmup, 0);
  EXPECT_THAT(options.percentiles, ElementsAre(50, 99.9));
  EXPECT_EQ(options.format, Format::kCsv);
  EXPECT_EQ(options.out_file, "a b.json");
  EXPECT_EQ(options.expect_fabric, Fabric::kInfiniBand);
  EXPECT_DOUBLE_EQ(options.expect_latency_ns.value_or(0), 1500);
  EXPECT_DOUBLE_EQ(options.expect_bandwidth_mb.value_or(0), 11250);
}

TEST(BenchOptions, QuickIsShortUnlessATimeIsGiven) {
  EXPECT_LT(read({"--quick"}).min_time, Seconds(0.01));
  EXPECT_EQ(read({"--quick", "--min-time=1s"}).min_time, Seconds(1));
  EXPECT_EQ(read({"--quick", "--min-time=1s"}).max_time, Seconds(2)) << "the samples have half of it";
  EXPECT_EQ(read({"--max-time=0.1s"}).min_time, Seconds(0.05));
}

TEST(BenchOptions, HasNoOptionThatTheProgramHasNotOffered) {
  ProgramText bare = program();
  bare.offers = {.sizes = false};
  for (const char* option :
       {"--sizes=1", "--kernels=uni", "--pair=0,1", "--pairs=1", "--window=1", "--buffers=single",
        "--validate", "--percentiles=50", "--expect-latency=1us", "--expect-bandwidth=1GB/s"}) {
    EXPECT_FALSE(parse_options(bare, {option})) << option;
    EXPECT_TRUE(parse_options(program(), {option})) << option;
  }
}

TEST(BenchOptions, TakesADurationWithinTheTimeLimit) {
  ProgramText noise = program();
  EXPECT_FALSE(parse_options(noise, {"--duration=1s"}));
  EXPECT_FALSE(parse_options(noise, {"--expect-noise=1%"}));
  noise.offers = {.sizes = false, .times = false, .duration = Seconds{5}, .noise = true};
  EXPECT_EQ(parse_options(noise, {}).value().duration, Seconds(5));
  EXPECT_LT(parse_options(noise, {"--quick"}).value().duration, Seconds(1));
  EXPECT_EQ(parse_options(noise, {"--duration=1m"}).value().duration, Seconds(60));
  EXPECT_EQ(parse_options(noise, {"--duration=2m", "--time-limit=3m"}).value().duration, Seconds(120));
  const auto refused = parse_options(noise, {"--duration=90s"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "--duration 90s is longer than the time limit of 60s");
  EXPECT_EQ(refused.error().hint, "--time-limit 180s");
  EXPECT_EQ(parse_options(noise, {}).value().expect_noise_percent, std::nullopt);
  EXPECT_EQ(parse_options(noise, {"--expect-noise=0.5%"}).value().expect_noise_percent, 0.5);
  EXPECT_EQ(parse_options(noise, {"--expect-noise=2"}).value().expect_noise_percent, 2);
  EXPECT_EQ(parse_options(noise, {"--expect-noise=101%"}).error().message,
            "--expect-noise '101%': a part of the time from 0% to 100%, such as 1%, expected");
}

TEST(BenchOptions, NamesTheNearestOption) {
  EXPECT_EQ(error({"--size=1"}), "unknown option '--size'");
  EXPECT_EQ(parse_options(program(), {"--size=1"}).error().hint, "did you mean '--sizes'? Try 'test --help'");
  EXPECT_EQ(error({"4096"}), "unexpected argument '4096'");
}

TEST(BenchOptions, RefusesWhatCannotBe) {
  EXPECT_EQ(error({"--sizes=8,x"}), "--sizes '8,x': 'x' is no size");
  EXPECT_EQ(error({"--kernels=unu"}), "--kernels: there is no 'unu'; did you mean 'uni'?");
  EXPECT_EQ(error({"--kernels=bcast"}), "--kernels: there is no 'bcast'");
  for (const std::string pair : {"0", "0,", ",1", "a,b", "0,1,2", "-1,0", "0, 1", "0;1", "2,2"}) {
    EXPECT_EQ(error({"--pair=" + pair}), "--pair '" + pair + "': two different ranks, such as 0,1, expected");
  }
  for (const std::string time : {"0", "-1", "nan", "inf", "1d", "x", "s", "1e300"}) {
    EXPECT_EQ(error({"--time-limit=" + time}),
              "--time-limit '" + time + "': a time above 0, such as 0.5s or 20ms, expected");
  }
  for (const std::string list : {"", "0", "101", "50,", "50;99", "1,2,3,4,5,6", "50%"})
    EXPECT_THAT(error({"--percentiles=" + list}),
                HasSubstr("up to five numbers above 0, 100 at most, such as 50,99, expected"))
        << list;
  EXPECT_EQ(error({"--format=xml"}), "--format 'xml' is not among: table, json, csv, osu");
  EXPECT_EQ(error({"--buffers=two"}), "--buffers 'two' is not among: single, multiple, off-cache");
  EXPECT_EQ(error({"--out="}), "--out: the name of a file expected");
  EXPECT_EQ(error({"--expect-latency=0"}), "--expect-latency '0': a time above 0, such as 2us, expected");
  EXPECT_EQ(error({"--expect-bandwidth=10GB"}),
            "--expect-bandwidth '10GB': a rate above 0, such as 10GB/s, expected");
}

TEST(ParseTime, KnowsItsUnits) {
  EXPECT_DOUBLE_EQ(parse_time("2", "us").value_or(0), 2e-6);
  EXPECT_DOUBLE_EQ(parse_time("2µs", "s").value_or(0), 2e-6);
  EXPECT_DOUBLE_EQ(parse_time("1.5h", "s").value_or(0), 5400);
  EXPECT_DOUBLE_EQ(parse_time("250ns", "s").value_or(0), 250e-9);
  EXPECT_EQ(parse_time("2 us", "s"), std::nullopt);
}

TEST(ParseRate, KnowsItsUnits) {
  EXPECT_DOUBLE_EQ(parse_rate("10GB/s").value_or(0), 10'000);
  EXPECT_DOUBLE_EQ(parse_rate("1GiB/s").value_or(0), 1073.741824);
  EXPECT_DOUBLE_EQ(parse_rate("80Mbit/s").value_or(0), 10);
  EXPECT_DOUBLE_EQ(parse_rate("12.5").value_or(0), 12.5);
  EXPECT_EQ(parse_rate("10GB"), std::nullopt);
}

TEST(BenchHelp, SaysOfWhatTheExpectationsAre) {
  ProgramText allpairs{.name = "allpairs", .sentence = "Measures.", .epilogue = "Figures:\n", .offers = {}};
  allpairs.offers = {.sizes = false, .latency = true, .bandwidth = true, .links = true};
  const std::string help = help_text(command_line(allpairs));
  EXPECT_THAT(help, HasSubstr("Of every link at most: 50us."));
  EXPECT_THAT(help, HasSubstr("Of every link, in each direction, at least: 1GB/s."));
  EXPECT_THAT(help, HasSubstr("or something is slow."));
  EXPECT_THAT(help, Not(HasSubstr("--percentiles")));
}

TEST(BenchHelp, NamesEveryOptionAndFitsIn80Columns) {
  const std::string help = help_text(command_line(program()));
  for (const char* name :
       {"--help",          "--version",     "--sizes",         "--kernels",        "--pair ",
        "--pairs",         "--window",      "--buffers",       "--validate",       "--min-time",
        "--max-time",      "--time-limit",  "--warmup",        "--quick",          "--format",
        "--out",           "--percentiles", "--expect-fabric", "--expect-latency", "--expect-bandwidth",
        "uni, bi, barrier"}) {
    EXPECT_NE(help.find(name), std::string::npos) << name;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 81u) << line;
}

}  // namespace
}  // namespace shipyard::bench
