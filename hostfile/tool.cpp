#include "hostfile/tool.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <ostream>

#include "base/command_line.hpp"
#include "base/documents.hpp"
#include "base/file.hpp"
#include "base/terminal.hpp"
#include "hostfile/host_source.hpp"
#include "hostfile/hostfile.hpp"
#include "hostfile/passwd.hpp"
#include "hostfile/ssh_config.hpp"
#include "hostfile/ssh_config_block.hpp"

namespace shipyard::hostfile {
namespace {

CommandLineSpec command_line_spec() {
  CommandLineSpec spec;
  spec.tool = "shipyard-hostfile";
  spec.usage = "[options]";
  spec.sentence =
      "Write the hostfile or the ssh config of an MPI job from the host list of Azure Batch, or from one of "
      "your "
      "own.";
  spec.groups = {
      {"Input (first of these that is there)",
       {{.name = "hosts", .value = "LIST", .help = "hosts, with commas between: HOST or HOST:SLOTS"},
        {.name = "hostfile",
         .value = "FILE",
         .help = "hostfile of Open MPI or Hydra; '-' is standard input"}}},
      {"Output",
       {{.name = "format",
         .value = "openmpi|hydra|ssh-config|json",
         .help = "what is written",
         .default_text = "openmpi"},
        {.name = "slots",
         .value = "N",
         .help = "slots of every host",
         .default_text = "those of the input, else 1"},
        {.name = "output",
         .letter = 'o',
         .value = "FILE",
         .help = "write FILE, whole or not at all",
         .default_text = "standard output"}}},
      {"ssh",
       {{.name = "ssh-port",
         .value = "PORT",
         .help = "port of the containers' sshd",
         .default_text = std::to_string(kDefaultSshPort)},
        {.name = "ssh-host-pattern",
         .value = "PATTERN",
         .help = "pattern of the Host line in place of those that the addresses have in common; may be given "
                 "several times",
         .repeatable = true},
        {.name = "ssh-key", .value = "FILE", .help = "private key"},
        {.name = "ssh-user", .value = "NAME", .help = "user on the nodes"},
        {.name = "install-ssh-config",
         .help =
             "also keep the ssh config in ~/.ssh/config, between two marker lines; nothing else in that file "
             "is changed"},
        {.name = "remove-ssh-config", .help = "take it out of ~/.ssh/config again, and do nothing else"}}},
      {"Other",
       {{.name = "quiet", .letter = 'q', .help = "errors only"},
        {.name = "version", .help = "print the version"},
        {.name = "help", .letter = 'h', .help = "print this text"}}}};
  spec.epilogue = R"(Without --hosts and --hostfile the list comes from AZ_BATCH_HOST_LIST, else
AZ_BATCH_NODE_LIST, else CCP_NODES, which Azure Batch sets on the nodes of a
multi-instance task.

Examples:
  shipyard-hostfile --slots 8 -o hostfile
  shipyard-hostfile --format hydra --hosts 10.0.0.4,10.0.0.5
  shipyard-hostfile --format ssh-config -o nodes && ssh -F nodes 10.0.0.5
  shipyard-hostfile --install-ssh-config --slots 8 -o hostfile

Exit status: 0 success, 1 failure, 2 wrong usage or input.
)";
  return spec;
}

enum class Format { kOpenMpi, kHydra, kSshConfig, kJson };

Result<Format> parse_format(std::string_view text) {
  if (text == "openmpi") return Format::kOpenMpi;
  if (text == "hydra") return Format::kHydra;
  if (text == "ssh-config") return Format::kSshConfig;
  if (text == "json") return Format::kJson;
  const auto nearest = nearest_match(text, {"openmpi", "hydra", "ssh-config", "json"});
  return input_error(fmt::format("--format: '{}' is none of openmpi, hydra, ssh-config, json", text),
                     nearest.empty() ? std::string() : fmt::format("did you mean '{}'?", nearest));
}

Result<HostList> read_hosts(const ParsedCommandLine& options, const Environment& environment) {
  if (options.has("hosts") && options.has("hostfile")) {
    return input_error("--hosts and --hostfile are both given", "give the one that is meant");
  }
  if (auto list = options.get("hosts")) return parse_host_names(list->text);
  if (auto file = options.get("hostfile")) return read_hostfile(file->text);
  auto hosts = hosts_from_environment(environment);
  if (!hosts) return hosts.error();
  if (!*hosts) {
    return input_error(
        "no host list: AZ_BATCH_HOST_LIST, AZ_BATCH_NODE_LIST and CCP_NODES are not set",
        "Azure Batch sets them in a multi-instance task; elsewhere give --hosts or --hostfile");
  }
  return **std::move(hosts);
}

Result<SshConfigOptions> read_ssh_options(const ParsedCommandLine& options, const Environment& environment) {
  SshConfigOptions result;
  if (auto port = options.get("ssh-port")) {
    auto number = parse_number(*port, 1, 65535);
    if (!number) return number.error();
    result.port = *number;
  }
  for (const auto& pattern : options.all("ssh-host-pattern")) result.patterns.push_back(pattern.text);
  if (auto user = options.get("ssh-user")) result.user = user->text;
  if (auto key = options.get("ssh-key")) {
    // ssh would look for a relative path from wherever it is started.
    result.identity_file = (std::filesystem::path(environment.working_directory) / key->text).string();
  }
  return result;
}

Result<std::string> home_directory(const Environment& environment) {
  auto home = environment.get("HOME");
  if (!home || !home->starts_with('/')) {
    return input_error("HOME is not set to a directory",
                       "write the ssh config to a file (--format ssh-config -o FILE) and use ssh -F FILE");
  }
  return std::string(*home);
}

/// ssh(1) takes the home directory from the user database and not from HOME.
void warn_of_other_home(const std::string& home, const Environment& environment, const Messages& messages) {
  auto passwd = read_file("/etc/passwd");
  if (!passwd) return;
  auto real = home_of_user(*passwd, environment.user_id);
  if (real && *real != home) {
    messages.warning(
        fmt::format("ssh will read {}/.ssh/config and not this file: HOME is not this user's home", *real));
  }
}

Status print(std::ostream& output, std::string_view text) {
  output << text << std::flush;
  if (!output) return Error{Error::Code::kSystem, "cannot write to standard output", {}, {}};
  return Ok{};
}

/// Everything that is to be written, decided before the first byte is.
struct Plan {
  std::string text;  ///< for the output
  mode_t mode = 0644;
  std::optional<ConfigEdit> edit;  ///< of ~/.ssh/config
  std::string home;                ///< where there is an edit
};

Result<Plan> make_plan(const ParsedCommandLine& options, const Environment& environment) {
  Format format = Format::kOpenMpi;
  if (auto word = options.get("format")) {
    auto parsed = parse_format(word->text);
    if (!parsed) return parsed.error();
    format = *parsed;
  }
  auto ssh_options = read_ssh_options(options, environment);
  if (!ssh_options) return ssh_options.error();
  std::optional<int> slots;
  if (auto word = options.get("slots")) {
    auto number = parse_number(*word, 1, 1'000'000);
    if (!number) return number.error();
    slots = *number;
  }
  auto list = read_hosts(options, environment);
  if (!list) return list.error();
  if (slots) {
    for (auto& host : list->hosts) {
      host.slots = slots;
      host.max_slots.reset();
    }
  }
  constexpr int kDefaultSlots = 1;
  Plan plan;
  auto config = ssh_config(list->hosts, *ssh_options);
  if (!config) return config.error();
  switch (format) {
    case Format::kOpenMpi:
      plan.text = openmpi_hostfile(list->hosts, kDefaultSlots);
      break;
    case Format::kJson:
      plan.text = hosts_as_json(*list, kDefaultSlots);
      break;
    case Format::kSshConfig:
      plan.text = *config;
      plan.mode = 0600;
      break;
    case Format::kHydra: {
      auto text = hydra_hostfile(list->hosts, kDefaultSlots);
      if (!text) return text.error();
      plan.text = *std::move(text);
      break;
    }
  }
  if (options.has("install-ssh-config")) {
    auto home = home_directory(environment);
    if (!home) return home.error();
    auto edit = plan_installation(*home, *config);
    if (!edit) return edit.error();
    plan.edit = *std::move(edit);
    plan.home = *std::move(home);
  }
  return plan;
}

Status carry_out(const Plan& plan, const ParsedCommandLine& options, const Environment& environment,
                 std::ostream& output, const Messages& messages) {
  auto file = options.get("output");
  if (file) {
    if (auto status = write_file_atomically(file->text, plan.text, plan.mode); !status) return status;
  }
  if (plan.edit) {
    if (auto status = apply(*plan.edit); !status) return status;
    messages.note(fmt::format("the ssh settings of the nodes are in {}", plan.edit->path));
    warn_of_other_home(plan.home, environment, messages);
  }
  if (!file) return print(output, plan.text);
  return Ok{};
}

Status remove(const Environment& environment, const Messages& messages) {
  auto home = home_directory(environment);
  if (!home) return home.error();
  auto edit = plan_removal(*home);
  if (!edit) return edit.error();
  if (auto status = apply(*edit); !status) return status;
  messages.note(fmt::format("the ssh settings of the nodes are {} in {}", edit->changed ? "no longer" : "not",
                            edit->path));
  return Ok{};
}

}  // namespace

int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& output,
             std::ostream& errors) {
  const auto spec = command_line_spec();
  if (asks_for_documents(arguments)) return print_documents(spec.tool, {spec}, arguments, output, errors);
  Messages messages(errors, spec.tool, environment);
  auto fail = [&messages](const Error& error) {
    messages.error(error);
    return error.code == Error::Code::kInput ? 2 : 1;
  };
  auto options = parse_command_line(spec, arguments, environment);
  if (!options) return fail(options.error());
  if (options->has("quiet")) messages.set_verbosity(Verbosity::kQuiet);
  auto status = [&]() -> Status {
    if (options->has("help")) return print(output, help_text(spec));
    if (options->has("version")) return print(output, fmt::format("{} {}\n", spec.tool, SHIPYARD_VERSION));
    if (options->has("remove-ssh-config")) return remove(environment, messages);
    auto plan = make_plan(*options, environment);
    if (!plan) return plan.error();
    return carry_out(*plan, *options, environment, output, messages);
  }();
  return status ? 0 : fail(status.error());
}

}  // namespace shipyard::hostfile
