#include "bench/launch/launch_options.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shipyard::bench {
namespace {

// Their product fits into an int.
constexpr int kMostNodes = 100'000;
constexpr int kMostPerNode = 10'000;
constexpr int kMostRanks = 10'000'000;

constexpr const char* kEpilogue =
    R"(Runs on the primary node, under no mpirun: it starts shipyard-mpirun (from PATH,
or beside itself), or another COMMAND, with itself as the program, again and
again, the counts by turns. In each word of COMMAND {nodes}, {ranks} and {ppn}
are replaced, and the program is appended; it lies under the same path on every
node. The medians of a count's launches, in ms:

  start      from before the launcher is started to rank 0's main
  MPI_Init   MPI_Init, of the slowest rank
  message    the first one: MPI_Sendrecv of 8 bytes, each rank to the next one
             in a ring, of the slowest rank
  end        from rank 0's first message to the end of the launcher:
             MPI_Finalize, and what the launcher clears away
  total      from start to end

osu_init has MPI_Init alone; with osu_hello one takes the total by time. IMB has
no counterpart.

Examples:
  launch                                     1, 2, 4, ... up to all nodes
  launch --nodes 1,16 --ppn 1 --launches 10 --out launch.json
  launch --ranks 1,2,4 -- mpirun -np {ranks} --hostfile hosts
  launch --nodes 4 --ppn 2 -- mpirun -np {ranks} --map-by ppr:{ppn}:node

Exit status: 0 measured; 1 failure, as of a launch that fails or hangs; 2 wrong
option.
)";

Error with_help(std::string message) { return input_error(std::move(message), "Try 'launch --help'"); }

Result<std::vector<int>> parse_counts(const ParsedCommandLine::Value& value, int most) {
  std::vector<int> counts;
  for (std::size_t at = 0; at <= value.text.size();) {
    const std::string part = value.text.substr(at, value.text.find(',', at) - at);
    const auto count = parse_number({part, value.origin}, 1, most);
    if (!count) return count.error();
    counts.push_back(*count);
    at += part.size() + 1;
  }
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

/// Keeps the first error.
class Reader {
 public:
  explicit Reader(const ParsedCommandLine& parsed) : parsed_(parsed) {}

  void counts(const char* name, int most, std::vector<int>& target) {
    const auto value = parsed_.get(name);
    if (value) take(parse_counts(*value, most), target);
  }
  template <typename Target>
  void number(const char* name, int least, int most, Target& target) {
    const auto value = parsed_.get(name);
    if (value) take(parse_number(*value, least, most), target);
  }
  void time(const char* name, Seconds& target) {
    const auto value = parsed_.get(name);
    if (!value) return;
    const auto seconds = parse_time(value->text, "s");
    if (seconds && *seconds >= 0.001 && *seconds <= 1e6) {
      target = Seconds(*seconds);
    } else {
      fail(input_error(
          fmt::format("--{} '{}': a time above 0, such as 90s or 5m, expected", name, value->text)));
    }
  }
  void format(Format& target) {
    const auto value = parsed_.get("format");
    if (!value) return;
    if (value->text == "table") {
      target = Format::kTable;
    } else if (value->text == "json") {
      target = Format::kJson;
    } else if (value->text == "csv") {
      target = Format::kCsv;
    } else {
      fail(input_error(fmt::format("--format '{}' is not among: table, json, csv", value->text)));
    }
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  template <typename Value, typename Target>
  void take(Result<Value> result, Target& target) {
    result ? void(target = *std::move(result)) : fail(std::move(result).error());
  }

  const ParsedCommandLine& parsed_;
  std::optional<Error> error_;
};

bool has_placeholder(const LaunchOptions& options, std::string_view placeholder) {
  return std::any_of(options.command.begin(), options.command.end(),
                     [&](const std::string& word) { return word.find(placeholder) != std::string::npos; });
}

void check_together(const LaunchOptions& options, Reader& reader) {
  if (!options.nodes.empty() && !options.ranks.empty())
    reader.fail(with_help("--nodes and --ranks: one of them; ranks are nodes times --ppn"));
  if (options.ranks.empty() || options.ppn) return;
  for (const char* placeholder : {"{nodes}", "{ppn}"}) {
    if (has_placeholder(options, placeholder))
      reader.fail(
          with_help(fmt::format("{} is not known from --ranks alone: --ppn is missing", placeholder)));
  }
}

}  // namespace

CommandLineSpec launch_command_line() {
  CommandLineSpec spec{
      .tool = "launch",
      .usage = "[OPTION…] [-- COMMAND…]",
      .sentence = "Measures how long the start of an MPI job takes: launcher, MPI_Init and first message.",
      .groups = {},
      .operands = CommandLineSpec::Operands::kProgram,
      .epilogue = kEpilogue};
  spec.groups.push_back(
      {"What is launched",
       {{.name = "nodes",
         .value = "LIST",
         .help = "Numbers of nodes: 1,2,4.",
         .default_text = "powers of two up to all of SHIPYARD_HOSTS or AZ_BATCH_HOST_LIST, else 1"},
        {.name = "ppn",
         .value = "N",
         .help = "Ranks on each node.",
         .default_text = "shipyard-mpirun's, one for each core; 1 with COMMAND"},
        {.name = "ranks", .value = "LIST", .help = "Numbers of ranks in place of --nodes: 1,2,4."}}});
  spec.groups.push_back(
      {"Launches",
       {{.name = "launches",
         .letter = 'n',
         .value = "N",
         .help = "So many of each count.",
         .default_text = "5"},
        {.name = "warmup",
         .value = "N",
         .help = "So many of each count before them: the first one reads programs from the disk.",
         .default_text = "1"},
        {.name = "quick", .help = "As little as shows that it works: one of each, and no warm-up."}}});
  spec.groups.push_back({"Time",
                         {{.name = "timeout",
                           .value = "TIME",
                           .help = "A launch that takes longer is ended, and has failed.",
                           .default_text = "2m"},
                          {.name = "time-limit",
                           .value = "TIME",
                           .help = "Launch nothing more after so long, and say what was left out.",
                           .default_text = "5m"}}});
  spec.groups.push_back(
      {"Output",
       {{.name = "format", .value = "table|json|csv", .help = "On standard output.", .default_text = "table"},
        {.name = "out",
         .letter = 'o',
         .value = "FILE",
         .help = "The report as JSON too, for bench-compare."}}});
  spec.groups.push_back({"Other",
                         {{.name = "help", .letter = 'h', .help = "Print this."},
                          {.name = "version", .letter = 'V', .help = "Print the version."}}});
  return spec;
}

Result<LaunchOptions> parse_launch_options(const std::vector<std::string>& arguments) {
  const auto parsed = parse_command_line(launch_command_line(), arguments, Environment{});
  if (!parsed) return parsed.error();
  LaunchOptions options;
  options.help = parsed->has("help");
  options.version = parsed->has("version");
  if (options.help || options.version) return options;
  options.command = parsed->operands;
  if (parsed->has("quick")) {
    options.launches = 1;
    options.warmup = 0;
  }
  Reader reader(*parsed);
  reader.counts("nodes", kMostNodes, options.nodes);
  reader.counts("ranks", kMostRanks, options.ranks);
  reader.number("ppn", 1, kMostPerNode, options.ppn);
  reader.number("launches", 1, 1000, options.launches);
  reader.number("warmup", 0, 100, options.warmup);
  Seconds timeout = options.timeout;
  reader.time("timeout", timeout);
  options.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout);
  reader.time("time-limit", options.time_limit);
  reader.format(options.format);
  if (const auto value = parsed->get("out")) {
    if (value->text.empty()) reader.fail(input_error("--out: the name of a file expected"));
    options.out_file = value->text;
  }
  check_together(options, reader);
  if (reader.error()) return *reader.error();
  return options;
}

}  // namespace shipyard::bench
