#include "launcher/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <csignal>
#include <limits>

#include "base/ascii.hpp"
#include "base/signals.hpp"
#include "launcher/preempt/metadata_service.hpp"

namespace shipyard::launcher {
namespace {

constexpr int kMostRanks = 10'000'000;
/// Signs of life come five times within it; a busy node may be late by some 100 ms.
constexpr std::chrono::milliseconds kShortestNodeTimeout{1000};
constexpr std::chrono::milliseconds kShortestPreflight{5000};

std::vector<OptionGroup> option_groups() {
  return {
      {"Ranks",
       {{.name = "n",
         .letter = 'n',
         .value = "N",
         .help = "Ranks in the whole job; -np is the same.",
         .variable = "SHIPYARD_N",
         .aliases = {"-np", "--np"}},
        {.name = "ppn",
         .value = "N|core|hwthread|l3|numa|socket|gpu",
         .help = "Ranks on each node: a number, or one per core, hardware thread, L3 cache, NUMA domain, "
                 "socket or GPU.",
         .variable = "SHIPYARD_PPN",
         .default_text = "core"},
        {.name = "threads",
         .value = "N|auto",
         .help = "Cores for each rank; auto: as many as fit.",
         .variable = "SHIPYARD_THREADS",
         .default_text = "OMP_NUM_THREADS, else auto with -n or --ppn, else 1"},
        {.name = "mem-per-rank",
         .value = "SIZE",
         .help = "No more ranks than memory for so much each, as 2G.",
         .variable = "SHIPYARD_MEM_PER_RANK"},
        {.name = "bind-to",
         .value = "core|hwthread|l3|numa|socket|none",
         .help = "What a rank is bound to: its own cores, one hardware thread of each, or all that shares "
                 "their cache, domain or socket.",
         .variable = "SHIPYARD_BIND_TO",
         .default_text = "core"},
        {.name = "smt", .help = "Count hardware threads, not cores.", .variable = "SHIPYARD_SMT"},
        {.name = "core-kind",
         .value = "fast|all",
         .help = "Cores of a CPU that has fast and slow ones.",
         .variable = "SHIPYARD_CORE_KIND",
         .default_text = "fast"},
        {.name = "oversubscribe", .help = "Let ranks share cores.", .variable = "SHIPYARD_OVERSUBSCRIBE"},
        {.name = "topology",
         .value = "[HOST=]FILE|TEXT",
         .help = "Plan for this hardware in place of the one found: hwloc XML (lstopo FILE.xml) or a "
                 "synthetic text (package:2 l3:4 core:8 pu:1). May be repeated.",
         .repeatable = true}}},
      {"Nodes",
       {{.name = "hosts",
         .value = "LIST",
         .help = "Nodes, separated by commas.",
         .variable = "SHIPYARD_HOSTS",
         .default_text = "AZ_BATCH_HOST_LIST, else this machine"},
        {.name = "hostfile",
         .value = "FILE",
         .help = "Nodes from a hostfile of Open MPI or Hydra.",
         .variable = "SHIPYARD_HOSTFILE"},
        {.name = "nodes",
         .value = "N",
         .help = "Use only the first N nodes.",
         .variable = "SHIPYARD_NODES"}}},
      {"Connection",
       {{.name = "ssh-port",
         .value = "N",
         .help = "Port of the containers' sshd.",
         .variable = "SHIPYARD_SSH_PORT",
         .default_text = "that of this container's, 23"},
        {.name = "ssh-host-pattern",
         .value = "PATTERN",
         .help = "Host line of the ssh config in place of the nodes' subnet, as 10.*; may be repeated.",
         .variable = "SHIPYARD_SSH_HOST_PATTERN",
         .repeatable = true},
        {.name = "ssh-key",
         .value = "FILE",
         .help = "Private key in place of the job's own (SHIPYARD_SSH_KEY), by which the nodes are checked.",
         .variable = "SHIPYARD_SSH_KEY_FILE",
         .default_text = "the job's, else ssh's own"},
        {.name = "ssh-user",
         .value = "NAME",
         .help = "User on the nodes.",
         .variable = "SHIPYARD_SSH_USER",
         .default_text = "this one"},
        {.name = "subnet",
         .value = "CIDR",
         .help = "Network for MPI.",
         .variable = "SHIPYARD_SUBNET",
         .default_text = "that of this node's address in the list"},
        {.name = "wait",
         .value = "TIME",
         .help = "How long the nodes' sshd may take to answer.",
         .variable = "SHIPYARD_WAIT",
         .default_text = "120s"}}},
      {"Time",
       {{.name = "launch-timeout",
         .value = "TIME",
         .help = "How long mpirun may take to start all ranks.",
         .variable = "SHIPYARD_LAUNCH_TIMEOUT",
         .default_text = "120s, and 1s for each node"},
        {.name = "timeout",
         .value = "TIME",
         .help = "How long the job may run; it is ended then, with exit status 124.",
         .variable = "SHIPYARD_TIMEOUT",
         .default_text = "no limit"},
        {.name = "node-timeout",
         .value = "TIME",
         .help = "How long a node may give no sign of life before the job is ended for it.",
         .variable = "SHIPYARD_NODE_TIMEOUT",
         .default_text = "15s"},
        {.name = "kill-after",
         .value = "TIME",
         .help = "Time between SIGTERM and SIGKILL when the job must end.",
         .variable = "SHIPYARD_KILL_AFTER",
         .default_text = "5s"},
        {.name = "preflight",
         .value = "TIME",
         .help = "Check the nodes and measure the links between them before the program, within this time; "
                 "leave unfit and slow ones out where --nodes allows it, else end with exit status 120.",
         .variable = "SHIPYARD_PREFLIGHT",
         .default_text = "none"},
        {.name = "on-preempt",
         .value = "SIGNAL",
         .help =
             "Sent to all ranks when Azure is about to take a node away (Spot), about 30s before; the job "
             "ends with exit status 123.",
         .variable = "SHIPYARD_ON_PREEMPT",
         .default_text = "not watched"}}},
      {"MPI",
       {{.name = "mpirun",
         .value = "PATH",
         .help = "The mpirun, or the directory above its bin/.",
         .variable = "SHIPYARD_MPIRUN",
         .default_text = "from PATH"},
        {.name = "mpi-env",
         .value = "SCRIPT",
         .help = "Sourced before mpirun, and on every node before its daemon.",
         .variable = "SHIPYARD_MPI_ENV"},
        {.name = "mpi-arg",
         .value = "ARG",
         .help = "One more argument for mpirun; may be repeated.",
         .repeatable = true},
        {.name = "x",
         .letter = 'x',
         .value = "NAME[=VALUE]",
         .help = "Give a variable to all ranks; may be repeated.",
         .repeatable = true},
        {.name = "wdir",
         .value = "DIR",
         .help = "Working directory of the ranks.",
         .variable = "SHIPYARD_WDIR",
         .default_text = "this one"},
        {.name = "stdin", .help = "Rank 0 reads standard input, which is /dev/null otherwise."},
        {.name = "tag-output", .help = "Put the rank before each line of output."}}},
      {"Data without a shared file system",
       {{.name = "stage",
         .value = "DIR[:TARGET]",
         .help = "Bring a directory to every node, as TARGET where one is given, before the start; what is "
                 "shared or there already is left alone. May be repeated.",
         .variable = "SHIPYARD_STAGE",
         .repeatable = true},
        {.name = "collect",
         .value = "PATTERN",
         .help = "Bring what matches in the ranks' working directory from every node after the end, into a "
                 "directory for each node. May be repeated.",
         .variable = "SHIPYARD_COLLECT",
         .repeatable = true},
        {.name = "collect-to",
         .value = "DIR",
         .help = "Where --collect makes these directories.",
         .variable = "SHIPYARD_COLLECT_TO",
         .default_text = "collected"}}},
      {"What is shown",
       {{.name = "dry-run", .help = "Print the commands and start nothing."},
        {.name = "explain", .help = "Say the reason for each decision."},
        {.name = "show-map", .help = "Draw the node with the rank on each core."},
        {.name = "check",
         .help = "Ask every node what it has and lacks for this job, then start the ranks without the "
                 "program and compare where they run with the plan."},
        {.name = "report",
         .value = "FILE",
         .help = "Write an account of the job as JSON.",
         .variable = "SHIPYARD_REPORT"},
        {.name = "json", .help = "With --dry-run the plan, with --check what was found, as JSON."},
        {.name = "verbose",
         .letter = 'v',
         .help = "Show the commands (-vv: and all decisions).",
         .repeatable = true},
        {.name = "quiet", .letter = 'q', .help = "Errors only."},
        {.name = "print-topology",
         .value = "xml|signature",
         .help =
             "Print this node's hardware for --topology elsewhere, or the word by which nodes are compared."},
        {.name = "version", .help = "Print the version."},
        {.name = "help", .letter = 'h', .help = "Print this."}}},
  };
}

constexpr const char* kEpilogue =
    R"(Every [SHIPYARD_...] variable does what its option does; the option wins.
Everything behind the program's name is the program's.

Examples:
  shipyard-mpirun ./app                      a rank per core on all nodes
  shipyard-mpirun -n 8 ./app input.txt       8 ranks, as even as it goes
  shipyard-mpirun --ppn l3 ./hybrid          a rank on each L3 cache
  shipyard-mpirun --dry-run --explain ./app  what would be done, and why

Exit status: the program's own, or
  120  a node not reached, or unfit     125  usage, bad input, no MPI
  121  mpirun could not start the job   126  program not executable
  122  a node was lost                  127  program not found
  123  preempted (--on-preempt)
  124  ended by --timeout
  128+N  ended by signal N
)";

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return c == '_' || is_letter(c); };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || is_digit(c); });
}

/// Fills LaunchOptions from the parsed words and keeps the first error.
class Reader {
 public:
  explicit Reader(const ParsedCommandLine& parsed) : parsed_(parsed) {}

  void text(const char* name, std::string& target) {
    if (auto value = parsed_.get(name)) target = value->text;
  }
  void text(const char* name, std::optional<std::string>& target) {
    if (auto value = parsed_.get(name)) target = value->text;
  }
  template <typename Store>
  void number(const char* name, int minimum, int maximum, Store store) {
    auto value = parsed_.get(name);
    if (!value) return;
    auto number = parse_number(*value, minimum, maximum);
    number ? store(*number, value->origin) : fail(number.error());
  }
  void duration(const char* name, std::chrono::milliseconds& target) {
    auto value = parsed_.get(name);
    if (!value) return;
    auto time = parse_duration(*value);
    time ? void(target = *time) : fail(time.error());
  }
  /// A limit, which no time at all is none.
  void duration(const char* name, std::optional<std::chrono::milliseconds>& target) {
    auto value = parsed_.get(name);
    if (!value) return;
    auto time = parse_duration(*value);
    if (!time) return fail(time.error());
    if (time->count() == 0)
      return fail(input_error(fmt::format("{}: no time at all", value->origin),
                              "leave it out for no limit of your own"));
    target = *time;
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const ParsedCommandLine& parsed_;
  std::optional<Error> error_;
};

/// "-x A=1" and mpirun's option of the same name are alike on purpose.
void read_exports(const ParsedCommandLine& parsed, LaunchOptions& options, Reader& reader) {
  for (const auto& value : parsed.all("x")) {
    auto equals = value.text.find('=');
    std::string name = value.text.substr(0, equals);
    if (!is_variable_name(name)) {
      reader.fail(
          input_error(fmt::format("-x: '{}' is not a variable's name", name), "-x NAME or -x NAME=VALUE"));
    }
    options.exports.emplace_back(std::move(name), equals == std::string::npos
                                                      ? std::nullopt
                                                      : std::optional(value.text.substr(equals + 1)));
  }
}

using topology::BindTo;
using Mode = topology::RanksPerNode::Mode;

/// A word of a list, or an error that shows the list.
template <typename Value>
std::optional<Value> choose(const ParsedCommandLine::Value& value,
                            std::initializer_list<std::pair<const char*, Value>> choices, Reader& reader,
                            const char* also = "") {
  std::string words = also;
  for (const auto& [word, meaning] : choices) {
    if (value.text == word) return meaning;
    words += words.empty() ? word : fmt::format(", {}", word);
  }
  reader.fail(input_error(fmt::format("{}: '{}' is not among: {}", value.origin, value.text, words)));
  return std::nullopt;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

void read_ranks_per_node(const ParsedCommandLine& parsed, topology::LayoutWish& wish, Reader& reader) {
  auto value = parsed.get("ppn");
  if (!value) return;
  if (is_number(value->text) || value->text.starts_with('-')) {
    reader.number("ppn", 1, kMostRanks, [&](int n, const std::string& origin) {
      wish.ranks_per_node = {Mode::kNumber, n, origin};
    });
    return;
  }
  auto mode = choose<Mode>(*value,
                           {{"core", Mode::kCore},
                            {"hwthread", Mode::kHardwareThread},
                            {"l3", Mode::kL3},
                            {"numa", Mode::kNuma},
                            {"socket", Mode::kSocket},
                            {"gpu", Mode::kGpu}},
                           reader, "a number");
  if (mode) wish.ranks_per_node = {*mode, 0, value->origin};
}

/// OMP_NUM_THREADS is the user's word on threads as well: to count it is to keep ranks from sharing cores.
void read_threads(const ParsedCommandLine& parsed, const Environment& environment, LaunchOptions& options,
                  Reader& reader) {
  topology::LayoutWish& wish = options.layout;
  if (auto value = parsed.get("threads")) {
    if (value->text == "auto") {
      wish.auto_threads = true;
    } else {
      reader.number("threads", 1, kMostRanks, [&](int n, const std::string& origin) {
        wish.threads = {n, origin};
      });
    }
    return;
  }
  std::string text(environment.get("OMP_NUM_THREADS").value_or(""));
  for (const auto& [name, value] : options.exports) {
    if (name == "OMP_NUM_THREADS" && value) text = *value;
  }
  // "4,2" is for nested regions: the first is the outer one's.
  text = text.substr(0, text.find(','));
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (is_number(text) && number > 0 && number <= kMostRanks) wish.threads = {number, "OMP_NUM_THREADS"};
}

void read_topologies(const ParsedCommandLine& parsed, LaunchOptions& options) {
  for (const auto& value : parsed.all("topology")) {
    // A host's name has neither of these; a synthetic text may have "core:4(memory=1GB)".
    const auto equals = value.text.find('=');
    const bool named = equals != std::string::npos && equals > 0 &&
                       value.text.substr(0, equals).find_first_of("/ (") == std::string::npos;
    options.topologies.push_back({named ? value.text.substr(0, equals) : std::string(),
                                  named ? value.text.substr(equals + 1) : value.text, value.origin});
  }
}

void read_layout(const ParsedCommandLine& parsed, const Environment& environment, LaunchOptions& options,
                 Reader& reader) {
  topology::LayoutWish& wish = options.layout;
  reader.number("n", 1, kMostRanks, [&](int n, const std::string& origin) { wish.ranks = {n, origin}; });
  read_ranks_per_node(parsed, wish, reader);
  read_exports(parsed, options, reader);
  read_threads(parsed, environment, options, reader);
  if (auto value = parsed.get("mem-per-rank")) {
    auto size = parse_size(*value);
    size ? void(wish.memory_per_rank = *size) : reader.fail(size.error());
  }
  wish.smt = parsed.has("smt");
  if (auto value = parsed.get("core-kind")) {
    auto all = choose<bool>(*value, {{"fast", false}, {"all", true}}, reader);
    wish.all_kinds = all.value_or(false);
  }
  wish.oversubscribe = parsed.has("oversubscribe");
  if (auto value = parsed.get("bind-to")) {
    auto bind_to = choose<BindTo>(*value,
                                  {{"core", BindTo::kCore},
                                   {"hwthread", BindTo::kHardwareThread},
                                   {"l3", BindTo::kL3},
                                   {"numa", BindTo::kNuma},
                                   {"socket", BindTo::kSocket},
                                   {"none", BindTo::kNone}},
                                  reader);
    wish.bind_to = bind_to.value_or(BindTo::kCore);
    options.bind_to_origin = value->origin;
  }
  read_topologies(parsed, options);
}

void read_preemption(const ParsedCommandLine& parsed, const Environment& environment, LaunchOptions& options,
                     Reader& reader) {
  const auto value = parsed.get("on-preempt");
  if (!value) return;
  const auto number = parse_signal(value->text);
  if (!number)
    return reader.fail(input_error(fmt::format("{}: '{}' is not a signal", value->origin, value->text),
                                   "write USR1, SIGTERM or a number; kill -l lists them"));
  if (*number == SIGKILL || *number == SIGSTOP)
    return reader.fail(
        input_error(fmt::format("{}: no program can react to {}", value->origin, signal_name(*number)),
                    "USR1 and TERM are usual: the program writes its checkpoint in a handler"));
  options.on_preempt = *number;
  // Where the ranks would find it to be wrong, each on its node.
  if (const auto url = environment.get(preempt::kMetadataVariable); url && !url->empty()) {
    if (auto service = preempt::parse_metadata_url(*url); !service) reader.fail(service.error());
  }
}

/// Whether ".." is a directory of a pattern, also within braces.
bool leads_up(std::string_view pattern) {
  while (true) {
    const auto end = pattern.find_first_of("/{,}");
    if (pattern.substr(0, end) == "..") return true;
    if (end == std::string_view::npos) return false;
    pattern.remove_prefix(end + 1);
  }
}

void read_stage(const ParsedCommandLine& parsed, LaunchOptions& options, Reader& reader) {
  for (const auto& value : parsed.all("stage")) {
    const auto colon = value.text.find(':');
    LaunchOptions::Stage stage{value.text.substr(0, colon)};
    if (colon != std::string::npos) stage.target = value.text.substr(colon + 1);
    if (stage.directory.empty() || (colon != std::string::npos && stage.target.empty()))
      reader.fail(input_error(fmt::format("{}: '{}' is not DIR or DIR:TARGET", value.origin, value.text)));
    options.stage.push_back(std::move(stage));
  }
  for (const auto& value : parsed.all("collect")) {
    if (value.text.empty())
      reader.fail(input_error(fmt::format("{}: an empty pattern matches nothing", value.origin)));
    if (leads_up(value.text))
      reader.fail(
          input_error(fmt::format("{}: '..' in '{}': what it leads to could have the name of another result",
                                  value.origin, value.text),
                      "give an absolute pattern"));
    options.collect.push_back(value.text);
  }
  reader.text("collect-to", options.collect_to);
  // The variable may be set for jobs that collect nothing, too.
  for (const auto& value : parsed.all("collect-to")) {
    if (options.collect.empty() && value.origin.starts_with("--"))
      reader.fail(input_error(fmt::format("{}: there is no --collect", value.origin),
                              "--collect PATTERN says what is brought there"));
  }
}

Error check_together(const LaunchOptions& options) {
  if (options.hosts && options.hostfile) return input_error("--hosts and --hostfile exclude each other");
  if (options.json && !options.dry_run && !options.check)
    return input_error("--json goes with --dry-run or --check");
  return {};
}

}  // namespace

const CommandLineSpec& command_line() {
  static const CommandLineSpec kSpec{.tool = "shipyard-mpirun",
                                     .usage = "[options] [--] program [arguments]",
                                     .sentence =
                                         "Starts an MPI program on all nodes of an Azure Batch "
                                         "multi-instance task, or on the nodes that it is "
                                         "given, or on this machine.",
                                     .groups = option_groups(),
                                     .operands = CommandLineSpec::Operands::kProgram,
                                     .epilogue = kEpilogue};
  return kSpec;
}

Result<std::chrono::milliseconds> parse_duration(const ParsedCommandLine::Value& value) {
  constexpr double kLongest = 366.0 * 24 * 3600;
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  auto [stop, failure] = std::from_chars(value.text.data(), end, number);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  double seconds = -1;
  if (failure == std::errc{}) {
    if (unit.empty() || unit == "s") seconds = number;
    if (unit == "ms") seconds = number / 1000;
    if (unit == "m") seconds = number * 60;
    if (unit == "h") seconds = number * 3600;
  }
  if (!(seconds >= 0 && seconds <= kLongest)) {
    return input_error(fmt::format("{}: '{}' is not a time", value.origin, value.text),
                       "write 90s, 2m or 500ms");
  }
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

Result<std::uint64_t> parse_size(const ParsedCommandLine::Value& value) {
  constexpr double kLargest = 1e18;
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  auto [stop, failure] = std::from_chars(value.text.data(), end, number);
  std::string unit(stop, end);
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::toupper(c); });
  if (unit.ends_with("IB")) {
    unit.resize(unit.size() - 2);
  } else if (unit.size() == 2 && unit.ends_with("B")) {
    unit.resize(1);
  }
  const auto power = unit.size() == 1 ? std::string_view("KMGT").find(unit[0]) : std::string_view::npos;
  double bytes = -1;
  if (failure == std::errc{} && power != std::string_view::npos)
    bytes = number * std::pow(1024.0, static_cast<double>(power + 1));
  if (!(bytes >= 1 && bytes <= kLargest)) {
    return input_error(fmt::format("{}: '{}' is not a size", value.origin, value.text), "write 2G or 800M");
  }
  return static_cast<std::uint64_t>(bytes);
}

Result<LaunchOptions> parse_options(const std::vector<std::string>& arguments,
                                    const Environment& environment) {
  auto parsed = parse_command_line(command_line(), arguments, environment);
  if (!parsed) return parsed.error();

  LaunchOptions options;
  options.help = parsed->has("help");
  options.version = parsed->has("version");
  if (options.help || options.version) return options;

  Reader reader(*parsed);
  if (auto value = parsed->get("print-topology")) {
    using Print = LaunchOptions::Print;
    auto what = choose<Print>(*value, {{"xml", Print::kXml}, {"signature", Print::kSignature}}, reader);
    if (reader.error()) return *reader.error();
    options.print_topology = *what;
    return options;
  }
  read_layout(*parsed, environment, options, reader);
  reader.text("hosts", options.hosts);
  reader.text("hostfile", options.hostfile);
  reader.number("nodes", 1, std::numeric_limits<int>::max(),
                [&](int n, const std::string&) { options.nodes = n; });
  reader.number("ssh-port", 1, 65535, [&](int n, const std::string& origin) {
    options.ssh_port = n;
    options.ssh_port_origin = origin;
  });
  for (const auto& value : parsed->all("ssh-host-pattern")) options.ssh_host_patterns.push_back(value.text);
  reader.text("ssh-key", options.ssh_key);
  reader.text("ssh-user", options.ssh_user);
  if (auto value = parsed->get("subnet")) {
    options.subnet = parse_network(value->text);
    if (!options.subnet) {
      reader.fail(input_error(fmt::format("{}: '{}' is not a network", value->origin, value->text),
                              "write it as 10.0.0.0/24"));
    }
  }
  reader.duration("wait", options.wait);
  reader.text("mpirun", options.mpirun);
  reader.text("mpi-env", options.mpi_env);
  for (const auto& value : parsed->all("mpi-arg")) options.mpi_arguments.push_back(value.text);
  reader.text("wdir", options.wdir);
  read_stage(*parsed, options, reader);
  options.forward_stdin = parsed->has("stdin");
  options.tag_output = parsed->has("tag-output");
  reader.duration("kill-after", options.kill_after);
  reader.duration("launch-timeout", options.launch_timeout);
  reader.duration("timeout", options.timeout);
  reader.duration("node-timeout", options.node_timeout);
  if (options.node_timeout < kShortestNodeTimeout)
    reader.fail(input_error(fmt::format("{}: a node needs a second at least to give a sign of life",
                                        parsed->get("node-timeout")->origin),
                            "the default is 15s"));
  reader.duration("preflight", options.preflight);
  if (options.preflight && *options.preflight < kShortestPreflight)
    reader.fail(input_error(fmt::format("{}: too short for asking the nodes and starting allpairs",
                                        parsed->get("preflight")->origin),
                            "5s is the least, 60s is usual"));
  read_preemption(*parsed, environment, options, reader);
  options.dry_run = parsed->has("dry-run");
  options.explain = parsed->has("explain");
  options.json = parsed->has("json");
  options.show_map = parsed->has("show-map");
  options.check = parsed->has("check");
  reader.text("report", options.report);
  if (parsed->count("verbose") > 0) {
    options.verbosity = parsed->count("verbose") > 1 ? Verbosity::kDecisions : Verbosity::kCommands;
  }
  if (parsed->has("quiet")) options.verbosity = Verbosity::kQuiet;
  options.program = parsed->operands;

  // Both ask about the ranks; --check only looks for the program.
  if (options.program.empty() && options.show_map && !options.check) options.program_is_stand_in = true;
  if (options.check && !options.program.empty()) options.checked_program = options.program[0];
  if (options.check || options.program_is_stand_in) options.program = {"true"};

  if (auto lifeline = environment.get("SHIPYARD_LIFELINE"); lifeline && !lifeline->empty()) {
    if (*lifeline != "stdin") {
      reader.fail(input_error(fmt::format("SHIPYARD_LIFELINE: '{}' is not 'stdin'", *lifeline)));
    }
    options.lifeline = true;
  }
  // Standard input is the program's then, and its end says nothing about us.
  if (options.forward_stdin) options.lifeline = false;

  if (options.check && options.preflight) {
    // The variable may be the image's: --check starts no program that it could come before.
    if (parsed->get("preflight")->origin == "--preflight")
      reader.fail(
          input_error("--check and --preflight exclude each other",
                      "--preflight asks the nodes what --check asks them, and then runs the program"));
    options.preflight.reset();
  }
  if (options.program_is_stand_in) options.preflight.reset();
  if (Error error = check_together(options); !error.message.empty()) reader.fail(std::move(error));
  const bool needs_program = !options.check && !options.show_map;
  if (options.program.empty() && needs_program) {
    reader.fail(input_error("no program given",
                            "shipyard-mpirun [options] program [arguments]; try 'shipyard-mpirun --help'"));
  }
  if (reader.error()) return *reader.error();
  return options;
}

}  // namespace shipyard::launcher
