#include "batch/client/options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/command_line.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/schema.hpp"

namespace shipyard::batch {
namespace {

using Verb = Request::Verb;

constexpr const char* kOverview =
    "Usage: shipyard-submit COMMAND [options]\n"
    "\n"
    "Sends an MPI job in containers to Azure Batch, stays with it, and brings back\n"
    "its output and exit status. A job file (YAML or JSON) says what is to run.\n"
    "\n"
    "Commands:\n"
    "  run         submit, show the output as it grows, end with the task's status\n"
    "  submit      submit, print the job's id\n"
    "  render      print the requests that would be sent; send nothing\n"
    "  status      the tasks of a job, on every node; why one is waiting\n"
    "  logs        the output of a task, of any of its nodes\n"
    "  terminate   end a job\n"
    "  diagnose    everything that says why a job failed, in one archive\n"
    "  cleanup     remove our containers from a pool's nodes\n"
    "  pool        create, status, resize, delete\n"
    "  convert     job files from Batch Shipyard's configuration\n"
    "  schema      the JSON Schema of job files, for editors\n"
    "\n"
    "Example:\n"
    "  export AZURE_BATCH_ACCOUNT=myaccount\n"
    "  export AZURE_BATCH_ENDPOINT=https://myaccount.westeurope.batch.azure.com\n"
    "  export AZURE_BATCH_ACCESS_KEY_FILE=~/.config/batch.key\n"
    "  shipyard-submit run job.yaml\n"
    "\n"
    "'shipyard-submit COMMAND --help' tells the options of a command.\n";

const OptionGroup& general_group() {
  static const OptionGroup kGroup{"General",
                                  {{.name = "verbose",
                                    .letter = 'v',
                                    .help = "show each request; twice: each repetition too",
                                    .repeatable = true},
                                   {.name = "quiet", .letter = 'q', .help = "errors only"},
                                   {.name = "version", .help = "print the version"},
                                   {.name = "help", .letter = 'h', .help = "print this text"}}};
  return kGroup;
}

OptionGroup account_group() {
  return {
      "Account",
      {{.name = "sign-in",
        .value = "auto|key|secret|identity|az",
        .help = "how: by AZURE_BATCH_ACCESS_KEY, by AZURE_CLIENT_SECRET, as this VM, or as the az command is",
        .variable = "SHIPYARD_SIGN_IN",
        .default_text = "the first that is set up"},
       {.name = "api-version",
        .value = "VERSION",
        .help = "of Batch's REST interface",
        .variable = "SHIPYARD_API_VERSION",
        .default_text = kApiVersion},
       {.name = "request-limit",
        .value = "TIME",
        .help = "how long one request may take before it counts as unanswered",
        .default_text = "60s"}}};
}

OptionSpec option(std::string name, std::string value, std::string help, std::string default_text = {}) {
  return {.name = std::move(name),
          .value = std::move(value),
          .help = std::move(help),
          .default_text = std::move(default_text)};
}
OptionSpec flag(std::string name, std::string help) {
  return {.name = std::move(name), .help = std::move(help)};
}

std::vector<OptionSpec> job_options() {
  return {
      option("job", "ID", "the job's id", "the file's, else its name with date and time"),
      option("pool", "ID", "an existing pool, in place of the file's"),
      {.name = "nodes", .letter = 'n', .value = "N", .help = "nodes of each task, in place of the file's"},
      option("image", "IMAGE", "container image, in place of the file's"),
      option("shipyard-config", "DIR",
             "Batch Shipyard's jobs.yaml, pool.yaml, config.yaml and credentials.yaml there, in place of a "
             "job file")};
}

std::vector<OptionSpec> wait_options() {
  return {option("poll", "TIME", "how often to ask", "5s"),
          option("give-up", "TIME", "how long Batch may be silent", "10m"),
          option("kill-after", "TIME", "how long a terminated task is waited for", "60s")};
}

struct VerbSpec {
  std::string name;
  Verb verb;
  CommandLineSpec spec;
};

constexpr const char* kNativePools =
    "On a pool that starts containers itself (native: true in the job file) nobody\n"
    "documents what Batch does with the coordination command: the defaults there,\n"
    "which 'render' shows, follow its words about single commands and are untried.\n"
    "\n";

constexpr const char* kExitStatusOfRun =
    "Exit status: the task's (of several: the first that is not 0); 125 for a failure\n"
    "of our own or of Batch; 128+N where signal N ended this program. The table of\n"
    "shipyard-mpirun's own statuses: shipyard-mpirun(1).\n";

void add(std::vector<VerbSpec>& verbs, const std::string& name, Verb verb, std::string usage,
         std::string sentence, std::vector<OptionGroup> groups, CommandLineSpec::Operands operands,
         std::string epilogue, bool asks_batch = true) {
  if (asks_batch) groups.push_back(account_group());
  groups.push_back(general_group());
  CommandLineSpec spec{"shipyard-submit " + name, std::move(usage), std::move(sentence),
                       std::move(groups),         operands,         std::move(epilogue)};
  // A job file, and what is to run: the options behind that are its own.
  if (operands == CommandLineSpec::Operands::kProgram) spec.operands_in_front = 1;
  verbs.push_back({name, verb, std::move(spec)});
}

/// In the order of the overview.
std::vector<VerbSpec> all_verbs() {
  using Operands = CommandLineSpec::Operands;
  std::vector<VerbSpec> verbs;
  auto run_options = job_options();
  run_options.push_back(
      option("retry-infrastructure", "N",
             "run a task again, N times at most, where its nodes failed it (status 120 to 123)", "0"));
  run_options.push_back(flag("new", "a new job, also where an earlier run of this file was cut off"));
  add(verbs, "run", Verb::kRun, "[options] FILE [-- COMMAND...]",
      "Submits the job of FILE, shows the output of its task as it grows, and ends with its exit status. "
      "Ctrl-C asks Batch to terminate the job. A run that was cut off goes on where it was when it is "
      "started again.",
      {{"Job", run_options}, {"Waiting", wait_options()}}, Operands::kProgram,
      std::string("Examples:\n"
                  "  shipyard-submit run job.yaml\n"
                  "  shipyard-submit run -n 8 job.yaml -- shipyard-mpirun ./app --size 1000\n"
                  "\n") +
          kNativePools + kExitStatusOfRun);
  auto submit_options = job_options();
  submit_options.push_back(
      flag("new", "a new job, also where an earlier submission of this file was cut off"));
  add(verbs, "submit", Verb::kSubmit, "[options] FILE [-- COMMAND...]",
      "Submits the job of FILE and prints its id; shipyard-submit logs --follow ID stays with it.",
      {{"Job", submit_options}}, Operands::kProgram, "Exit status: 0, or 125.\n");
  auto render_options = job_options();
  render_options.push_back(option("retry-infrastructure", "N", "as for run", "0"));
  render_options.push_back(flag("json", "one JSON document: {\"requests\": [...]}"));
  add(verbs, "render", Verb::kRender, "[options] FILE [-- COMMAND...]",
      "Prints the requests that 'run' would send for FILE, without secrets, and sends nothing.",
      {{"Job", render_options}}, Operands::kProgram, "Exit status: 0, or 125.\n", false);
  add(verbs, "status", Verb::kStatus, "[options] JOB [TASK]",
      "Shows the tasks of a job with all their subtasks, and why one that is active does not start.",
      {{"Status", {flag("json", "what Batch says, as JSON")}}}, Operands::kAny, "Exit status: 0, or 125.\n");
  auto log_options = wait_options();
  log_options.insert(
      log_options.begin(),
      {{.name = "follow", .letter = 'f', .help = "stay until the task's end, and end with its exit status"},
       option("node", "N|NAME",
              "a node of the task by its number or name: the output of its coordination command")});
  add(verbs, "logs", Verb::kLogs, "[options] JOB [TASK]",
      "Shows the output of a task: standard output and standard error.", {{"Logs", log_options}},
      Operands::kAny, std::string("With --follow:\n") + kExitStatusOfRun);
  add(verbs, "terminate", Verb::kTerminate, "[options] JOB [TASK]", "Ends a job, or one task of it.",
      {{"Terminate", {flag("delete", "and delete the job, with all that Batch knows of it")}}},
      Operands::kAny, "Exit status: 0, or 125.\n");
  add(verbs, "diagnose", Verb::kDiagnose, "[options] JOB [TASK]",
      "Collects what says why a job failed: every node's output, sshd's and mpirun's logs, the launcher's "
      "report, what Batch "
      "knows. The cause, as far as it is known, is printed.",
      {{"Diagnose", {option("output", "FILE", "the archive (tar.gz)", "JOB-diagnose.tar.gz")}}},
      Operands::kAny, "Exit status: 0, or 125.\n");
  auto cleanup_options = wait_options();
  cleanup_options.erase(cleanup_options.begin() + 1, cleanup_options.end());
  cleanup_options.push_back(
      option("give-up", "TIME",
             "how long Batch may be silent, and the task wait for nodes that are busy again", "10m"));
  add(verbs, "cleanup", Verb::kCleanup, "[options] POOL",
      "Removes our containers from the nodes of a pool, by a task over all that are idle; names those that "
      "it did not reach.",
      {{"Waiting", cleanup_options}}, Operands::kAny,
      "What Batch Shipyard calls 'jobs cmi'.\n\nExit status: 0, 1 where a node was not reached, or 125.\n");
  add(verbs, "pool create", Verb::kPoolCreate, "[options] FILE", "Makes the pool that FILE describes.",
      {{"Pool", {option("shipyard-config", "DIR", "Batch Shipyard's configuration in place of FILE")}}},
      Operands::kAny, "Exit status: 0, or 125.\n");
  add(verbs, "pool status", Verb::kPoolStatus, "[options] POOL", "Shows a pool and its nodes.",
      {{"Pool", {flag("json", "what Batch says, as JSON")}}}, Operands::kAny, "Exit status: 0, or 125.\n");
  add(verbs, "pool resize", Verb::kPoolResize, "[options] POOL", "Changes how many nodes a pool has.",
      {{"Pool",
        {option("dedicated", "N", "nodes that stay"),
         option("spot", "N", "nodes that Azure may take back")}}},
      Operands::kAny, "Exit status: 0, or 125.\n");
  add(verbs, "pool delete", Verb::kPoolDelete, "[options] POOL", "Deletes a pool.", {}, Operands::kAny,
      "Exit status: 0, or 125.\n");
  add(verbs, "convert", Verb::kConvert, "[options] DIR",
      "Writes job files from Batch Shipyard's configuration in DIR, and lists what it does not carry over.",
      {{"Convert", {option("output", "DIR", "where the job files go", ".")}}}, Operands::kAny,
      "Exit status: 0, or 125.\n", false);
  add(verbs, "schema", Verb::kSchema, "", "Prints the JSON Schema of job files.",
      {{"Schema", {flag("markdown", "the keys as a table for people")}}}, Operands::kNone,
      "Exit status: 0.\n", false);
  return verbs;
}

Error no_command(const std::string& message, const std::string& nearest) {
  std::string hint = "Try 'shipyard-submit --help'";
  if (!nearest.empty()) hint = fmt::format("did you mean '{}'? {}", nearest, hint);
  return input_error(message, hint);
}

Result<std::chrono::seconds> parse_time(const ParsedCommandLine::Value& value) {
  auto seconds = parse_duration(value.text);
  if (!seconds)
    return input_error(fmt::format("{}: {}", value.origin, seconds.error().message), seconds.error().hint);
  return std::chrono::seconds(*seconds);
}

/// What each command's operands mean.
Status take_operands(Request& request, const std::vector<std::string>& operands,
                     const CommandLineSpec& spec) {
  const std::string hint = fmt::format("Try '{} --help'", spec.tool);
  std::size_t taken = 0;
  const auto take = [&](std::string& target) {
    if (taken < operands.size()) target = operands[taken++];
  };
  switch (request.verb) {
    case Verb::kRun:
    case Verb::kSubmit:
    case Verb::kRender:
    case Verb::kPoolCreate:
      if (request.shipyard_config.empty()) take(request.file);
      if (request.file.empty() && request.shipyard_config.empty())
        return input_error("no job file given", fmt::format("{} {}. {}", spec.tool, spec.usage, hint));
      if (request.verb != Verb::kPoolCreate) {
        request.command.assign(operands.begin() + static_cast<std::ptrdiff_t>(taken), operands.end());
        taken = operands.size();
      }
      break;
    case Verb::kStatus:
    case Verb::kLogs:
    case Verb::kTerminate:
    case Verb::kDiagnose:
      take(request.job);
      take(request.task);
      if (request.job.empty())
        return input_error("no job given", fmt::format("{} {}. {}", spec.tool, spec.usage, hint));
      break;
    case Verb::kCleanup:
    case Verb::kPoolStatus:
    case Verb::kPoolResize:
    case Verb::kPoolDelete:
      take(request.pool);
      if (request.pool.empty())
        return input_error("no pool given", fmt::format("{} {}. {}", spec.tool, spec.usage, hint));
      break;
    case Verb::kConvert:
      take(request.shipyard_config);
      if (request.shipyard_config.empty())
        return input_error("no directory given", fmt::format("{} {}. {}", spec.tool, spec.usage, hint));
      break;
    case Verb::kHelp:
    case Verb::kVersion:
    case Verb::kSchema:
      break;
  }
  if (taken < operands.size())
    return input_error(fmt::format("unexpected argument '{}'", operands[taken]), hint);
  return Ok{};
}

Status take_options(Request& request, const ParsedCommandLine& line) {
  const auto text = [&](const char* name, std::string& target) {
    if (auto value = line.get(name)) target = value->text;
  };
  text("job", request.job);
  text("pool", request.pool);
  text("image", request.image);
  text("shipyard-config", request.shipyard_config);
  text("output", request.output);
  text("sign-in", request.sign_in);
  text("api-version", request.api_version);
  if (auto value = line.get("node")) request.node = value->text;
  request.follow = line.has("follow");
  request.json = line.has("json");
  request.markdown = line.has("markdown");
  request.once_more = line.has("new");
  request.delete_job = line.has("delete");
  const auto number = [&](const char* name, int minimum, auto& target) -> Status {
    if (auto value = line.get(name)) {
      auto parsed = parse_number(*value, minimum, 100'000);
      if (!parsed) return parsed.error();
      target = *parsed;
    }
    return Ok{};
  };
  if (auto good = number("nodes", 1, request.nodes); !good) return good;
  if (auto good = number("dedicated", 0, request.dedicated); !good) return good;
  if (auto good = number("spot", 0, request.spot); !good) return good;
  if (auto good = number("retry-infrastructure", 0, request.retry_infrastructure); !good) return good;
  const auto time = [&](const char* name, auto& target) -> Status {
    if (auto value = line.get(name)) {
      auto parsed = parse_time(*value);
      if (!parsed) return parsed.error();
      target = *parsed;
    }
    return Ok{};
  };
  if (auto good = time("poll", request.poll); !good) return good;
  if (auto good = time("give-up", request.give_up); !good) return good;
  if (auto good = time("kill-after", request.kill_after); !good) return good;
  if (auto good = time("request-limit", request.request_limit); !good) return good;
  if (request.request_limit.count() == 0)
    return input_error("--request-limit: 0 would leave no time for an answer", "example: 60s");
  if (request.verb == Verb::kPoolResize && !request.dedicated && !request.spot)
    return input_error("neither --dedicated nor --spot given", "how many nodes the pool is to have");
  return Ok{};
}

}  // namespace

std::vector<CommandLineSpec> command_lines() {
  std::vector<CommandLineSpec> result;
  for (auto& verb : all_verbs()) result.push_back(std::move(verb.spec));
  return result;
}

Result<Request> parse_request(const std::vector<std::string>& arguments, const Environment& environment) {
  Request request;
  request.help = kOverview;
  if (arguments.empty()) return no_command("no command given", "");
  std::string word = arguments[0];
  if (word == "--help" || word == "-h" || word == "help") return request;
  if (word == "--version") {
    request.verb = Verb::kVersion;
    return request;
  }
  std::size_t taken = 1;
  if (word == "pool" && arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h"))
    return request;
  if (word == "pool" && arguments.size() > 1 && !arguments[1].starts_with('-'))
    word += " " + arguments[taken++];
  const auto known = all_verbs();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const VerbSpec& verb) { return verb.name == word; });
  if (found == known.end()) {
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto& verb : known) names.push_back(verb.name);
    if (word == "pool") return no_command("pool: one of create, status, resize, delete is wanted", "");
    return no_command(fmt::format("unknown command '{}'", word), nearest_match(word, names));
  }
  const auto& spec = found->spec;
  auto line = parse_command_line(
      spec, {arguments.begin() + static_cast<std::ptrdiff_t>(taken), arguments.end()}, environment);
  if (!line) return line.error();
  if (line->has("help")) {
    request.help = help_text(spec);
    return request;
  }
  if (line->has("version")) {
    request.verb = Verb::kVersion;
    return request;
  }
  request.verb = found->verb;
  if (line->has("quiet")) request.verbosity = Verbosity::kQuiet;
  if (line->count("verbose") == 1) request.verbosity = Verbosity::kCommands;
  if (line->count("verbose") > 1) request.verbosity = Verbosity::kDecisions;
  if (auto good = take_options(request, *line); !good) return good.error();
  if (auto good = take_operands(request, line->operands, spec); !good) return good.error();
  return request;
}

}  // namespace shipyard::batch
