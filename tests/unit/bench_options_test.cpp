#include "bench/harness/options.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace shipyard::bench {
namespace {

Options read(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(arguments);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<Options>(parsed);
}

std::string error(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(arguments);
  const auto* error = std::get_if<UsageError>(&parsed);
  return error == nullptr ? "no error" : error->message;
}

TEST(ParseOptions, HasDefaultsForEverything) {
  const Options options = read({});
  EXPECT_EQ(options.min_bytes, 0);
  EXPECT_EQ(options.max_bytes, 4194304);
  EXPECT_EQ(options.pair, std::nullopt);
  EXPECT_EQ(options.min_time, Seconds(0.1));
  EXPECT_EQ(options.time_limit, Seconds(20));
  EXPECT_EQ(options.format, Format::kTable);
  EXPECT_EQ(options.out_file, "");
  EXPECT_EQ(options.out_format, Format::kJson);
  EXPECT_FALSE(options.help);
  EXPECT_FALSE(options.version);
}

TEST(ParseOptions, ReadsBothWaysToGiveAValue) {
  const Options options =
      read({"--min-bytes", "1K", "--max-bytes=1M", "--pair=3,1", "--min-time", "0.5", "--time-limit=2s",
            "--benchmark_format=csv", "--benchmark_out=a b.json", "--benchmark_out_format=console"});
  EXPECT_EQ(options.min_bytes, 1024);
  EXPECT_EQ(options.max_bytes, 1048576);
  EXPECT_EQ(options.pair, (RankPair{3, 1}));
  EXPECT_EQ(options.min_time, Seconds(0.5));
  EXPECT_EQ(options.time_limit, Seconds(2));
  EXPECT_EQ(options.format, Format::kCsv);
  EXPECT_EQ(options.out_file, "a b.json");
  EXPECT_EQ(options.out_format, Format::kConsole);
}

TEST(ParseOptions, ReadsHelpAndVersion) {
  EXPECT_TRUE(read({"--help"}).help);
  EXPECT_TRUE(read({"-h"}).help);
  EXPECT_TRUE(read({"--version"}).version);
}

TEST(ParseOptions, NamesTheNearestOption) {
  EXPECT_EQ(error({"--min-byte=1"}), "unknown option '--min-byte': did you mean '--min-bytes'?");
  EXPECT_EQ(error({"--benchmark_fromat=json"}),
            "unknown option '--benchmark_fromat': did you mean '--benchmark_format'?");
  EXPECT_EQ(error({"--bad"}), "unknown option '--bad': --help lists the options");
}

TEST(ParseOptions, RejectsAnArgumentThatIsNoOption) {
  EXPECT_EQ(error({"4096"}), "unexpected argument '4096'");
  EXPECT_EQ(error({"--help", "me"}), "unexpected argument 'me'");
}

TEST(ParseOptions, RejectsAnOptionWithoutItsValue) {
  EXPECT_EQ(error({"--max-bytes"}), "option 'max-bytes' is missing an argument");
  EXPECT_EQ(error({"--benchmark_out="}), "--benchmark_out: expected the name of a file");
}

TEST(ParseOptions, RejectsSizesThatCannotBe) {
  EXPECT_EQ(error({"--min-bytes=-1"}), "--min-bytes '-1': expected a size, such as 4096, 64K or 4M");
  EXPECT_EQ(error({"--max-bytes=4T"}), "--max-bytes '4T': expected a size, such as 4096, 64K or 4M");
  EXPECT_EQ(error({"--max-bytes=2G"}), "--max-bytes 2G: at most 1G");
  EXPECT_EQ(error({"--min-bytes=2K", "--max-bytes=1K"}), "--min-bytes 2048 is above --max-bytes 1024");
  EXPECT_EQ(error({"--min-bytes=8M"}), "--min-bytes 8388608 is above --max-bytes 4194304");
}

TEST(ParseOptions, RejectsPairsThatCannotBe) {
  for (const std::string pair : {"0", "0,", ",1", "a,b", "0,1,2", "-1,0", "0, 1", "0;1"}) {
    EXPECT_EQ(error({"--pair=" + pair}), "--pair '" + pair + "': expected two ranks, such as --pair 0,1");
  }
  EXPECT_EQ(error({"--pair=2,2"}), "--pair 2,2: the two ranks are the same");
}

TEST(ParseOptions, RejectsTimesThatCannotBe) {
  for (const std::string time : {"0", "-1", "nan", "inf", "1m", "x", "s", "1e300"}) {
    EXPECT_EQ(error({"--time-limit=" + time}),
              "--time-limit '" + time + "': expected seconds above 0, such as 0.5");
  }
  EXPECT_EQ(error({"--min-time=0"}), "--min-time '0': expected seconds above 0, such as 0.5");
}

TEST(ParseOptions, RejectsUnknownFormats) {
  EXPECT_EQ(error({"--benchmark_format=xml"}),
            "--benchmark_format 'xml': expected table, json, csv or console");
  EXPECT_EQ(error({"--benchmark_out_format=table"}),
            "--benchmark_out_format 'table': expected json, csv or console");
}

TEST(HelpText, NamesEveryOptionAndFitsIn80Columns) {
  const std::string help = help_text("pingpong", "Measures.", "Figures");
  for (const char* name :
       {"--help", "--version", "--min-bytes", "--max-bytes", "--pair", "--min-time", "--time-limit",
        "--benchmark_format", "--benchmark_out=", "--benchmark_out_format"}) {
    EXPECT_NE(help.find(name), std::string::npos) << name;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

}  // namespace
}  // namespace shipyard::bench
