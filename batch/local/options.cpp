#include "batch/local/options.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shipyard::local {
namespace {

constexpr const char* kOverview =
    "Usage: shipyard-local COMMAND [options]\n"
    "\n"
    "A pool of Azure Batch nodes on this machine, in containers of docker or podman.\n"
    "\n"
    "Commands:\n"
    "  run     make a pool, run a command on its primary node as Batch would, remove\n"
    "          the pool\n"
    "  up      make a pool that stays\n"
    "  exec    run a command in it\n"
    "  status  list the pools\n"
    "  down    remove it\n"
    "  serve   the whole service: Azure Batch's REST interface, and what it does\n"
    "\n"
    "Example:\n"
    "  shipyard-local run -n 4 --image my/app -- shipyard-mpirun ./app\n"
    "\n"
    "'shipyard-local COMMAND --help' tells the options of a command.\n";

const OptionGroup& general_group() {
  static const OptionGroup kGroup{"General",
                                  {{.name = "engine",
                                    .value = "docker|podman",
                                    .help = "what runs the containers",
                                    .variable = "SHIPYARD_ENGINE",
                                    .default_text = "the first that answers"},
                                   {.name = "verbose",
                                    .letter = 'v',
                                    .help = "show the engine's commands as they are run",
                                    .repeatable = true},
                                   {.name = "quiet", .letter = 'q', .help = "errors only"},
                                   {.name = "version", .help = "print the version"},
                                   {.name = "help", .letter = 'h', .help = "print this text"}}};
  return kGroup;
}

std::vector<OptionGroup> pool_groups() {
  return {
      {"Pool",
       {{.name = "nodes", .letter = 'n', .value = "N", .help = "how many nodes", .default_text = "2"},
        {.name = "image",
         .value = "IMAGE",
         .help = "the task's image; its entrypoint starts sshd on port 23 (required)",
         .variable = "SHIPYARD_IMAGE"},
        {.name = "subnet",
         .value = "CIDR",
         .help = "the pool's network; the nodes get .4, .5, ... as on Azure",
         .default_text = "a free one in 10.77.0.0/16"},
        {.name = "cpus-per-node",
         .value = "N",
         .help = "CPUs that each node may use",
         .default_text = "an equal share of this machine's"},
        {.name = "shm-size",
         .value = "SIZE",
         .help = "/dev/shm of each task container, e.g. 1g",
         .default_text = "the engine's, 64m"},
        {.name = "node-image",
         .value = "IMAGE",
         .help = "the image that stands for the VM",
         .variable = "SHIPYARD_NODE_IMAGE",
         .default_text = kDefaultNodeImage}}},
      {"Task",
       {{.name = "env",
         .letter = 'e',
         .value = "NAME[=VALUE]",
         .help = "a variable for the task; without a value, your own (repeatable)",
         .repeatable = true},
        {.name = "coordination",
         .value = "COMMAND",
         .help = "a shell command run on every node before the application"},
        {.name = "run-option",
         .value = "OPTION",
         .help = "one more option for the engine's 'run' of the task, e.g. --volume=/data:/data (repeatable)",
         .repeatable = true}}}};
}

OptionSpec kill_after_option() {
  return {.name = "kill-after",
          .value = "SECONDS",
          .help = "how long the application may take to end after a signal",
          .default_text = "15"};
}

OptionSpec dry_run_option() { return {.name = "dry-run", .help = "print the commands, start nothing"}; }

OptionSpec name_option(std::string help, std::string default_text) {
  return {.name = "name", .value = "NAME", .help = std::move(help), .default_text = std::move(default_text)};
}

CommandLineSpec serve_spec() {
  CommandLineSpec serve{
      "shipyard-local serve",
      "[options]",
      "Speaks the REST interface of Azure Batch, and runs the jobs that it is sent in containers on this "
      "machine, until Ctrl-C. The first lines of its output set what clients read: account, address, key.",
      {{"Service",
        {{.name = "listen",
          .value = "ADDRESS:PORT",
          .help = "where; beyond this machine only with --key-file",
          .default_text = "127.0.0.1:10077; port 0: any"},
         {.name = "account", .value = "NAME", .help = "the account's name", .default_text = "shipyardlocal"},
         {.name = "key-file",
          .value = "FILE",
          .help = "the account's key (base64), which only its owner can read",
          .default_text = "one of its own, beside its state"},
         {.name = "state",
          .value = "DIR",
          .help = "pools, jobs, tasks and the nodes' files; another start goes on with them",
          .default_text = "~/.local/state/shipyard-local"}}},
       {"Nodes",
        {{.name = "storage", .value = "DIR", .help = "stands for storage: container NAME is DIR/NAME"},
         {.name = "mount",
          .value = "HERE:THERE",
          .help = "a directory of this machine that every node has (repeatable)",
          .repeatable = true},
         {.name = "node-image",
          .value = "IMAGE",
          .help = "the image that stands for the VM",
          .variable = "SHIPYARD_NODE_IMAGE",
          .default_text = kDefaultNodeImage}}},
       general_group()},
      CommandLineSpec::Operands::kNone};
  serve.epilogue =
      "Example, in two terminals:\n"
      "  shipyard-local serve >~/batch.env\n"
      "  . ~/batch.env; shipyard-submit run job.yaml\n"
      "\n"
      "Exit status: 128+N where signal N ended it, 125 where it could not begin.\n";
  return serve;
}

struct VerbSpec {
  std::string name;
  Request::Verb verb;
  CommandLineSpec spec;
};

/// In the order of the overview.
std::vector<VerbSpec> verbs() {
  using Operands = CommandLineSpec::Operands;
  using Verb = Request::Verb;
  std::vector<VerbSpec> result;

  CommandLineSpec run{
      "shipyard-local run", "-n N --image IMAGE [options] -- COMMAND...",
      "Makes a pool of N nodes, runs COMMAND in the task's container on the first of them (the primary) "
      "with Batch's variables, and removes the pool.",
      pool_groups(), Operands::kProgram};
  run.groups.push_back({"Run", {kill_after_option(), dry_run_option()}});
  run.groups.push_back(general_group());
  run.epilogue =
      "COMMAND runs in the image's working directory. Its standard input stays open and\n"
      "empty until Ctrl-C or SIGTERM: its end is the only signal the application gets.\n"
      "\n"
      "Examples:\n"
      "  shipyard-local run -n 4 --image my/app -- shipyard-mpirun ./app\n"
      "  shipyard-local run -n 2 --cpus-per-node 1 --image my/app --dry-run -- ./app\n"
      "\n"
      "Exit status: that of COMMAND; 125 where the pool could not be made; 126, 127 as\n"
      "in a shell where COMMAND cannot be executed or is not found.\n";
  result.push_back({"run", Verb::kRun, std::move(run)});

  CommandLineSpec up{"shipyard-local up", "-n N --image IMAGE [options]",
                     "Makes a pool of N nodes that stays until 'shipyard-local down'.", pool_groups(),
                     Operands::kNone};
  up.groups.push_back({"Up", {name_option("the pool's name", "pool"), dry_run_option()}});
  up.groups.push_back(general_group());
  up.epilogue =
      "Example:\n"
      "  shipyard-local up -n 4 --image my/app\n"
      "  shipyard-local exec -- shipyard-mpirun ./app\n"
      "  shipyard-local down\n"
      "\n"
      "Exit status: 0, or 125 where the pool could not be made.\n";
  result.push_back({"up", Verb::kUp, std::move(up)});

  CommandLineSpec exec{
      "shipyard-local exec",
      "[options] -- COMMAND...",
      "Runs COMMAND in the task's container of a node, of the primary if none is given.",
      {{"Exec",
        {name_option("the pool", "the only one there is"),
         {.name = "node", .value = "K", .help = "which node, counted from 0", .default_text = "0"},
         {.name = "interactive", .letter = 'i', .help = "hand on standard input, which then is no lifeline"},
         kill_after_option()}},
       general_group()},
      Operands::kProgram};
  exec.epilogue = "Exit status: that of COMMAND; 125 for a failure of our own.\n";
  result.push_back({"exec", Verb::kExec, std::move(exec)});

  CommandLineSpec status{"shipyard-local status",
                         "[options]",
                         "Lists the pools on this machine.",
                         {general_group()},
                         Operands::kNone};
  result.push_back({"status", Verb::kStatus, std::move(status)});
  CommandLineSpec down{"shipyard-local down",
                       "[options]",
                       "Removes a pool that 'up' made, and what a killed 'run' left behind.",
                       {{"Down",
                         {name_option("the pool", "the only one there is"),
                          {.name = "all", .help = "all pools that 'up' made"}}},
                        general_group()},
                       Operands::kNone};
  result.push_back({"down", Verb::kDown, std::move(down)});

  result.push_back({"serve", Verb::kServe, serve_spec()});
  return result;
}

Error no_command(const std::string& message, const std::string& nearest) {
  std::string hint = "Try 'shipyard-local --help'";
  if (!nearest.empty()) hint = fmt::format("did you mean '{}'? {}", nearest, hint);
  return input_error(message, hint);
}

Status read_pool_options(const ParsedCommandLine& line, Request& request) {
  const std::string hint =
      fmt::format("Try 'shipyard-local {} --help'", request.verb == Request::Verb::kUp ? "up" : "run");
  auto& pool = request.pool;
  pool.kind = request.verb == Request::Verb::kUp ? PoolKind::kUp : PoolKind::kRun;
  pool.nodes = 2;
  if (auto value = line.get("nodes")) {
    auto nodes = parse_number(*value, 1, 1000);
    if (!nodes) return nodes.error();
    pool.nodes = *nodes;
  }
  auto image = line.get("image");
  if (!image) return input_error("no image given: --image IMAGE", hint);
  pool.image = image->text;
  if (auto value = line.get("node-image")) pool.node_image = value->text;
  if (auto value = line.get("shm-size")) pool.shm_size = value->text;
  if (auto value = line.get("coordination")) pool.coordination = value->text;
  for (const auto& value : line.all("env")) pool.environment.push_back(value.text);
  for (const auto& value : line.all("run-option")) pool.run_options.push_back(value.text);
  if (auto value = line.get("subnet")) {
    auto subnet = parse_subnet(value->text, value->origin);
    if (!subnet) return subnet.error();
    request.subnet = *subnet;
  }
  if (auto value = line.get("cpus-per-node")) {
    auto cpus = parse_number(*value, 1, 1 << 16);
    if (!cpus) return cpus.error();
    request.cpus_per_node = *cpus;
  }
  return Ok{};
}

Status read_serve_options(const ParsedCommandLine& line, Request& request) {
  auto& serve = request.serve;
  const auto text = [&](const char* name, std::string& target) {
    if (auto value = line.get(name)) target = value->text;
  };
  text("account", serve.account);
  text("key-file", serve.key_file);
  text("state", serve.state);
  text("storage", serve.storage);
  text("node-image", serve.node_image);
  if (auto value = line.get("listen")) {
    const auto colon = value->text.rfind(':');
    if (colon == std::string::npos || colon == 0)
      return input_error(fmt::format("--listen: '{}' is not ADDRESS:PORT", value->text),
                         "example: 127.0.0.1:10077");
    serve.address = value->text.substr(0, colon);
    auto port = parse_number({value->text.substr(colon + 1), value->origin}, 0, 65535);
    if (!port) return port.error();
    serve.port = static_cast<std::uint16_t>(*port);
  }
  for (const auto& value : line.all("mount")) {
    const auto colon = value.text.find(':');
    if (!value.text.starts_with('/') || colon == std::string::npos || value.text.compare(colon, 2, ":/") != 0)
      return input_error(fmt::format("--mount: '{}' is not HERE:THERE, two absolute paths", value.text),
                         "example: /home/me/data:/data");
    serve.mounts.push_back({value.text.substr(0, colon), value.text.substr(colon + 1)});
  }
  return Ok{};
}

}  // namespace

std::vector<CommandLineSpec> command_lines() {
  std::vector<CommandLineSpec> result;
  for (auto& verb : verbs()) result.push_back(std::move(verb.spec));
  return result;
}

Result<Request> parse_request(const std::vector<std::string>& arguments, const Environment& environment) {
  Request request;
  request.help = kOverview;
  if (arguments.empty()) return no_command("no command given", "");
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") return request;
  if (arguments[0] == "--version") {
    request.verb = Request::Verb::kVersion;
    return request;
  }
  const auto known = verbs();
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const VerbSpec& verb) { return verb.name == arguments[0]; });
  if (found == known.end()) {
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto& verb : known) names.push_back(verb.name);
    return no_command(fmt::format("unknown command '{}'", arguments[0]), nearest_match(arguments[0], names));
  }

  const auto& spec = found->spec;
  auto line = parse_command_line(spec, {arguments.begin() + 1, arguments.end()}, environment);
  if (!line) return line.error();
  if (line->has("help")) {
    request.help = help_text(spec);
    return request;
  }
  if (line->has("version")) {
    request.verb = Request::Verb::kVersion;
    return request;
  }
  request.verb = found->verb;
  if (line->has("quiet")) request.verbosity = Verbosity::kQuiet;
  if (line->count("verbose") == 1) request.verbosity = Verbosity::kCommands;
  if (line->count("verbose") > 1) request.verbosity = Verbosity::kDecisions;
  request.dry_run = line->has("dry-run");
  request.interactive = line->has("interactive");
  request.all = line->has("all");
  request.command = line->operands;
  if (auto value = line->get("engine")) {
    if (value->text != "docker" && value->text != "podman") {
      return input_error(fmt::format("{}: '{}' is neither docker nor podman", value->origin, value->text));
    }
    request.engine = value->text;
  }
  if (auto value = line->get("name")) {
    if (auto good = check_pool_name(value->text); !good) return good.error();
    request.name = value->text;
  }
  if (auto value = line->get("node")) {
    auto node = parse_number(*value, 0, 999);
    if (!node) return node.error();
    request.node = *node;
  }
  if (auto value = line->get("kill-after")) {
    auto seconds = parse_number(*value, 0, 3600);
    if (!seconds) return seconds.error();
    request.kill_after = std::chrono::seconds(*seconds);
  }
  if (request.verb == Request::Verb::kRun || request.verb == Request::Verb::kUp) {
    if (auto good = read_pool_options(*line, request); !good) return good.error();
  }
  if (request.verb == Request::Verb::kServe) {
    if (auto good = read_serve_options(*line, request); !good) return good.error();
  }
  if (spec.operands == CommandLineSpec::Operands::kProgram && request.command.empty()) {
    return input_error(
        "no command to run given",
        fmt::format("it comes last: {} [options] -- COMMAND. Try '{} --help'", spec.tool, spec.tool));
  }
  return request;
}

}  // namespace shipyard::local
