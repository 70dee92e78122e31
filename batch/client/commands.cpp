#include "batch/client/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/shell_quote.hpp"
#include "batch/client/syntax.hpp"
#include "batch/client/vm_size.hpp"

namespace shipyard::batch {
namespace {

/// How long a container's sshd may take.
constexpr int kReadySeconds = 60;

/// As shell_quote, with double quotes: single ones are around the whole script, and how Batch reads a quote
/// inside of a quote is nowhere written.
std::string double_quoted(const std::string& word) {
  if (shell_quote(word) == word) return word;
  std::string text = "\"";
  for (const char c : word) {
    if (std::string_view("$`\"\\").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text + "\"";
}

/// The same, but Batch's own variables stand for the node's values: where disks are mounted is known there
/// alone.
std::string quoted_for_the_node(const std::string& word) {
  std::string text = double_quoted(word);
  for (std::size_t at = 0; (at = text.find("\\$AZ_BATCH_", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

std::string double_quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + double_quoted(word);
  return text;
}

std::string single_quoted(const std::string& script) {
  std::string text = "'";
  for (const char c : script) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Variables as `docker run --env-file` reads them: a name without a value stands for the client's own, which
/// may have several lines.
std::string names_to_hand_on(const TaskWish& task) {
  std::string names = "AZ_BATCH_.*|CCP_NODES|SHIPYARD_.*";
  for (const auto& [name, value] : task.environment) {
    if (!belongs_to_the_vm(name)) names += "|" + name;
  }
  return fmt::format("--env-file <(compgen -e | grep -xE {})", double_quoted(names));
}

std::string devices(const ContainerWish& container) {
  using Device = ContainerWish::Device;
  std::string text;
  if (container.infiniband == Device::kYes) text += " --device=/dev/infiniband";
  if (container.infiniband == Device::kAuto)
    text += " $(test ! -e /dev/infiniband || echo --device=/dev/infiniband)";
  const std::string amd = "echo --device=/dev/kfd --device=/dev/dri";
  if (container.gpus == Device::kYes)
    text += fmt::format(" $(test -e /dev/kfd && {} || echo --gpus=all)", amd);
  if (container.gpus == Device::kAuto)
    text += fmt::format(" $(test ! -e /dev/nvidiactl || echo --gpus=all) $(test ! -e /dev/kfd || {})", amd);
  return text;
}

/// The same on any pool.
std::vector<std::string> common_options(const ContainerWish& container) {
  std::vector<std::string> options = {"--net=host", "--shm-size=" + container.shm_size};
  for (const char* option : kCapabilityOptions) options.emplace_back(option);
  if (container.unlimited_memlock) options.emplace_back("--ulimit=memlock=-1");
  return options;
}

/// Only what is not there; but a name without a tag is `latest`, which may be another one by now.
std::string pull(const std::string& image) {
  const auto slash = image.rfind('/');
  const auto colon = image.find(':', slash == std::string::npos ? 0 : slash);
  const bool fixed = image.find('@') != std::string::npos ||
                     (colon != std::string::npos && image.compare(colon, std::string::npos, ":latest") != 0);
  const std::string name = double_quoted(image);
  return fixed ? fmt::format("docker image inspect {0} >/dev/null 2>&1 || docker pull --quiet {0}", name)
               : fmt::format("docker pull --quiet {}", name);
}

/// The value of a key in one line of JSON, on a node without jq.
std::string json_value(const char* key) {
  return fmt::format(R"(tr ",{{}}" "\n" | tr -d "\" " | sed -n s/^{}://p)", key);
}

/// A token of the node's managed identity for one of the registry's own, as `az acr login` does it; neither
/// is on a command line.
std::string log_in_by_identity(const Registry& registry) {
  return fmt::format(
      "token=$(curl -fsS -H Metadata:true "
      "\"http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
      "&resource=https%3A%2F%2Fmanagement.azure.com%2F&msi_res_id={1}\" | {2}); "
      "printf \"grant_type=access_token&service=%s&access_token=%s\" {0} \"$token\" | "
      "curl -fsS --data @- https://{0}/oauth2/exchange | {3} | "
      "docker login {0} --username 00000000-0000-0000-0000-000000000000 --password-stdin",
      double_quoted(registry.server), registry.identity, json_value("access_token"),
      json_value("refresh_token"));
}

}  // namespace

std::string bash_command_line(const std::string& script) { return "/bin/bash -c " + single_quoted(script); }
std::string sh_command_line(const std::string& script) { return "/bin/sh -c " + single_quoted(script); }

bool belongs_to_the_vm(const std::string& variable) {
  // The LD_ ones and from BASH_ENV on: what every program on the VM, its shell and its Docker client would
  // obey.
  constexpr std::array kNames = {"PATH",     "HOME",      "HOSTNAME", "PWD",
                                 "OLDPWD",   "USER",      "LOGNAME",  "SHELL",
                                 "SHLVL",    "_",         "LD_AUDIT", "LD_LIBRARY_PATH",
                                 "BASH_ENV", "SHELLOPTS", "BASHOPTS", "LD_PRELOAD",
                                 "ENV",      "IFS",       "PS4"};
  return variable.starts_with("DOCKER_") || std::find(kNames.begin(), kNames.end(), variable) != kNames.end();
}

std::string coordination_script(const TaskWish& task) {
  if (!task.coordination.empty()) return task.coordination;
  const auto& container = task.container;
  std::string run = fmt::format("docker run --detach --name {} --label {}=\"$AZ_BATCH_JOB_ID\" {}",
                                kContainerName, kContainerLabel, double_quoted(common_options(container)));
  run += devices(container);
  run += " --volume \"$AZ_BATCH_NODE_ROOT_DIR:$AZ_BATCH_NODE_ROOT_DIR\"";
  for (const auto& mount : container.mounts) run += " --volume " + quoted_for_the_node(mount);
  run += " " + names_to_hand_on(task);
  for (const auto& [name, value] : task.environment) {
    if (belongs_to_the_vm(name)) run += " --env " + double_quoted(name + "=" + value);
  }
  for (const auto& option : container.options) run += " " + quoted_for_the_node(option);
  run += " " + double_quoted(task.image);
  return fmt::format(
      "{0}; {1} >/dev/null || exit; docker exec {2} shipyard-entrypoint --ready {3} && exit; "
      "docker logs {2} >&2; exit 1",
      remove_script(), run, kContainerName, kReadySeconds);
}

std::string remove_script() {
  return fmt::format(
      "docker rm --force {} >/dev/null 2>&1; "
      "docker ps --all --quiet --filter label={} | xargs -r docker rm --force >/dev/null",
      kContainerName, kContainerLabel);
}

std::string application_script(const TaskWish& task) {
  const std::string directory = task.container.working_directory.empty()
                                    ? "\"$AZ_BATCH_TASK_WORKING_DIR\""
                                    : double_quoted(task.container.working_directory);
  return fmt::format(
      "lifeline=$AZ_BATCH_TASK_DIR/lifeline; rm -f \"$lifeline\" && mkfifo \"$lifeline\" || exit; "
      "exec docker exec --interactive --workdir {} --env SHIPYARD_LIFELINE=stdin {} /bin/sh -c {} "
      "<>\"$lifeline\"",
      directory, kContainerName, double_quoted(task.command));
}

std::string pull_script(const std::vector<Registry>& registries, const std::vector<std::string>& images) {
  std::string script = registries.empty() ? "set -e" : "set -eo pipefail";
  for (const auto& registry : registries) script += "; " + log_in_by_identity(registry);
  for (const auto& image : images) script += "; " + pull(image);
  return script;
}

std::string release_script() {
  return fmt::format(
      "docker ps --all --quiet --filter label={}=\"$AZ_BATCH_JOB_ID\" | xargs -r docker rm --force",
      kContainerLabel);
}

std::string registry_variable(std::size_t index) {
  return fmt::format("SHIPYARD_REGISTRY_PASSWORD_{}", index);
}

std::string start_script(const PoolWish& pool, const std::vector<std::string>& images) {
  std::string script = "set -eo pipefail";
  // On lines of its own: it may end in a comment, or in a here-document.
  if (!pool.start_task.empty()) script += fmt::format("; (\n{}\n)", pool.start_task);
  for (std::size_t i = 0; i < pool.registries.size(); ++i) {
    const auto& registry = pool.registries[i];
    script += fmt::format("; printf %s \"${}\" | docker login {} --username {} --password-stdin",
                          registry_variable(i), double_quoted(registry.server), double_quoted(registry.user));
  }
  for (const auto& image : images) script += "; " + pull(image);
  return script;
}

std::string native_run_options(const TaskWish& task, const std::string& vm_size) {
  using Device = ContainerWish::Device;
  const auto& container = task.container;
  std::vector<std::string> options = common_options(container);
  if (container.infiniband == Device::kYes ||
      (container.infiniband == Device::kAuto && has_infiniband(vm_size)))
    options.emplace_back("--device=/dev/infiniband");
  const Gpus gpus = gpus_of(vm_size);
  if (container.gpus != Device::kNo && gpus == Gpus::kAmd) {
    options.emplace_back("--device=/dev/kfd");
    options.emplace_back("--device=/dev/dri");
  } else if (container.gpus == Device::kYes || (container.gpus == Device::kAuto && gpus == Gpus::kNvidia)) {
    options.emplace_back("--gpus=all");
  }
  for (const auto& mount : container.mounts) options.push_back("--volume=" + mount);
  if (!container.working_directory.empty()) options.push_back("--workdir=" + container.working_directory);
  options.insert(options.end(), container.options.begin(), container.options.end());
  std::string line;
  for (const auto& word : options) {
    // What Batch does with a variable there is not documented: it gets the word as it was written.
    const bool plain = consists_of(word, "$_./:=,@%+-");
    line += (line.empty() ? "" : " ") + (plain ? word : shell_quote(word));
  }
  return line;
}

}  // namespace shipyard::batch
