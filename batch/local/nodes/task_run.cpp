#include "batch/local/nodes/task_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/file_descriptor.hpp"
#include "batch/client/json_access.hpp"
#include "batch/client/one_line.hpp"
#include "batch/local/machine.hpp"
#include "batch/local/nodes/command_line.hpp"
#include "batch/local/nodes/engine_call.hpp"
#include "batch/local/nodes/node_command.hpp"
#include "batch/local/nodes/task_files.hpp"
#include "batch/local/nodes/without_exceptions.hpp"
#include "batch/local/service/batch_time.hpp"

namespace shipyard::local {
namespace {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

constexpr std::chrono::milliseconds kGlance{200};
constexpr std::string_view kDevice = "--device=";
/// An image may have to be pulled first.
constexpr std::chrono::minutes kImageComes{30};
/// An automatic user without rights, who exists on no node by name.
constexpr const char* kOrdinaryUser = "1000:1000";

CommandEnd fault(std::string code, std::string message) {
  return {std::nullopt, std::move(code), std::move(message)};
}
CommandEnd well() { return {0, "", ""}; }
bool failed(const CommandEnd& end) { return !end.exit_code || *end.exit_code != 0; }

/// The user on the node of a `userIdentity`; Batch's default is an ordinary one.
std::string user_of(const json& body) {
  return text_at(part_at(part_at(body, "userIdentity"), "autoUser"), "elevationLevel") == "admin"
             ? "0"
             : kOrdinaryUser;
}

void add_settings(Variables& variables, const json& list) {
  for (const auto& item : list) {
    const std::string name = text_at(item, "name");
    if (name.empty()) continue;
    std::erase_if(variables, [&](const auto& known) { return known.first == name; });
    variables.emplace_back(name, text_at(item, "value"));
  }
}

/// Whether a node can be asked again: its container runs. A command that was killed (137) may be the first to
/// know that it does not: the engine says so a moment later.
bool node_is_up(const std::string& engine, const std::string& container, const Exit& exit,
                const Environment& environment) {
  constexpr int kKilled = 128 + SIGKILL;
  for (int looks = exit.status() == kKilled ? 5 : 1; looks > 0; --looks) {
    const auto state =
        call_engine(engine, {"inspect", "--format", "{{.State.Running}}", container}, environment);
    if (!state || !state->starts_with("true")) return false;
    if (looks > 1) std::this_thread::sleep_for(kGlance);
  }
  return true;
}

/// A command to its end, or until somebody sets `ended`. `session`: NodeCommand::session.
CommandEnd to_the_end(const NodeCommandOrder& order, const std::string& node,
                      const std::function<bool()>& ended, std::chrono::seconds grace,
                      const Environment& environment, std::string& session) {
  auto command = NodeCommand::start(order, environment);
  if (!command) return fault("TaskFailed", command.error().message);
  while (true) {
    const auto end = command->wait_for(kGlance);
    session = command->session();
    if (end) {
      if (end->not_found)
        return fault("CommandProgramNotFound",
                     fmt::format("The specified command program is not found: {}", order.words[0]));
      if (!end->exit.success() && !node_is_up(order.engine, node, end->exit, environment))
        return fault("NodeLost", "the node is gone");
      if (!end->complaint.empty() && end->exit.value >= 125) return fault("TaskFailed", end->complaint);
      return {end->exit.status(), "", ""};
    }
    if (ended()) {
      end_processes(order.engine, order.container, order.marker, {session}, grace, environment);
      (void)command->wait_for(grace);
      return fault("TaskEnded", "The task was ended by a user request");
    }
  }
}

}  // namespace

std::string last_words(const std::string& path) {
  // A task may have put anything there.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string text(4096, '\0');
  const off_t size = info.st_size;
  const ssize_t got = ::pread(file.get(), text.data(), text.size(),
                              std::max<off_t>(0, size - static_cast<off_t>(text.size())));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return batch::last_line(text);
}

void remove_task_directory(const std::string& engine, const NodeContainer& node, const std::string& directory,
                           const Environment& environment) {
  std::error_code failure;
  std::filesystem::remove_all(node.info.directory + "/" + directory, failure);
  if (!failure) return;
  (void)call_engine(engine,
                    {"exec", "--user", "0", node.container, "rm", "-rf", "--",
                     std::string(kNodeRootDirectory) + "/" + directory},
                    environment);
}

CommandEnd run_single_command(const TaskSettings& settings, const NodeContainer& node, const json& body,
                              Variables variables, const std::string& directory,
                              const std::function<bool()>& ended, const Environment& environment,
                              std::optional<std::chrono::milliseconds> longest) {
  auto words = split_command_line(text_at(body, "commandLine"));
  if (!words) return fault("CommandLineInvalid", words.error().message);
  const std::string here = node.info.directory + "/" + directory;
  if (auto made = make_task_directory(node.info.directory, directory); !made)
    return fault("TaskFailed", made.error().message);
  if (auto brought =
          bring_resource_files(settings.storage, part_at(body, "resourceFiles"), here + "/wd", ended);
      !brought)
    return fault("ResourceFilesFailed", brought.error().message);
  const std::string there = std::string(kNodeRootDirectory) + "/" + directory;
  std::erase_if(variables, [](const auto& known) {
    return known.first == "AZ_BATCH_TASK_DIR" || known.first == "AZ_BATCH_TASK_WORKING_DIR";
  });
  variables.emplace_back("AZ_BATCH_TASK_DIR", there);
  variables.emplace_back("AZ_BATCH_TASK_WORKING_DIR", there + "/wd");
  add_settings(variables, part_at(body, "environmentSettings"));
  const int retries =
      number_at(part_at(body, "constraints"), "maxTaskRetryCount", number_at(body, "maxTaskRetryCount"));
  // JobPreparationTask has it among its constraints, JobReleaseTask has none of those.
  const std::string limit =
      text_at(part_at(body, "constraints"), "maxWallClockTime", text_at(body, "maxWallClockTime"));
  if (const auto time = parse_iso_duration(limit)) longest = time;
  using Clock = std::chrono::steady_clock;
  auto begin = Clock::now();
  const auto is_late = [&] { return longest && Clock::now() - begin >= *longest; };
  CommandEnd end = fault("TaskEnded", "The task was ended by a user request");
  std::string session;
  for (int attempt = 0; attempt <= std::max(retries, 0) && !ended(); ++attempt) {
    begin = Clock::now();
    end = to_the_end(
        {settings.engine, node.container, *words, variables, there + "/wd", there, user_of(body), directory},
        node.container, [&] { return ended() || is_late(); }, settings.grace, environment, session);
    if (end.fault == "TaskEnded" && !ended())
      end = fault("WallClockTimeExpired", "The task ran longer than its maxWallClockTime");
    if (!failed(end)) break;
  }
  return end;
}

TaskRun::TaskRun(const TaskSettings& settings, const TaskOrder& order, std::vector<TaskNode> nodes,
                 const CpuDeal& cpus, const std::atomic<bool>& ended, const Environment& environment,
                 Events& events)
    : settings_(settings),
      order_(order),
      nodes_(std::move(nodes)),
      cores_per_node_(cpus.cpus_per_node),
      cpus_are_shared_(cpus.shared),
      ended_(ended),
      environment_(environment),
      events_(events),
      multi_instance_(order.task_body.contains("multiInstanceSettings")),
      marker_(fmt::format("{}/{}/{}", order.job, order.task, order.attempt)),
      native_containers_(nodes_.size()),
      sessions_(nodes_.size()) {}

Variables TaskRun::variables_of(std::size_t node, const std::string& task) const {
  MultiInstanceTask names{settings_.account, settings_.account_url, order_.pool, order_.job, task, {},
                          cores_per_node_};
  for (const auto& one : nodes_) names.addresses.push_back(one.container.info.address);
  Variables variables = batch_variables(names, static_cast<int>(node));
  const std::string own =
      std::string(kNodeRootDirectory) + "/" + task_directory(order_.job, task, static_cast<int>(node));
  for (auto& [name, value] : variables) {
    // It goes by the pool's numbers there; a task may have any of its nodes.
    if (name == "AZ_BATCH_NODE_ID") value = nodes_[node].container.info.id;
    if (name == "AZ_BATCH_TASK_DIR") value = own;
    if (name == "AZ_BATCH_TASK_WORKING_DIR") value = own + "/wd";
    if (name == "AZ_BATCH_CERTIFICATES_DIR") value = own + "/certs";
  }
  if (!multi_instance_ || task != order_.task) {
    std::erase_if(variables, [](const auto& known) {
      return known.first == "AZ_BATCH_HOST_LIST" || known.first == "AZ_BATCH_NODE_LIST" ||
             known.first == "AZ_BATCH_MASTER_NODE" || known.first == "AZ_BATCH_IS_CURRENT_NODE_MASTER" ||
             known.first == "CCP_NODES" || known.first == "AZ_BATCH_TASK_SHARED_DIR";
    });
  }
  if (cpus_are_shared_) {
    // Bound ranks of two nodes would sit on one core, and a rank that waits would keep the others from it.
    variables.emplace_back("SHIPYARD_BIND_TO", "none");
    variables.emplace_back("OMPI_MCA_mpi_yield_when_idle", "1");
  }
  add_settings(variables, part_at(order_.job_body, "commonEnvironmentSettings"));
  return variables;
}

CommandEnd TaskRun::on_all_nodes(CommandEnd (TaskRun::*step)(std::size_t)) {
  std::mutex mutex;
  CommandEnd first = well();
  std::vector<std::thread> threads;
  threads.reserve(nodes_.size());
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    threads.emplace_back([&, k] {
      const auto end = without_exceptions<CommandEnd>(
          [&] { return (this->*step)(k); }, [](const char* what) { return fault("TaskFailed", what); });
      if (!failed(end)) return;
      const std::lock_guard lock(mutex);
      // A node that waits for one that has failed would wait for ever.
      if (!step_failed_.exchange(true)) first = end;
    });
  }
  for (auto& thread : threads) thread.join();
  return first;
}

std::function<bool()> TaskRun::is_over() const {
  return [this] { return ended_ || step_failed_; };
}

CommandEnd TaskRun::prepare(std::size_t node) {
  const json body = part_at(order_.job_body, "jobPreparationTask");
  if (body.empty() || !nodes_[node].wants_preparation) return well();
  const std::string id = text_at(body, "id", kPreparationId);
  const std::string directory = task_directory(order_.job, id);
  auto end = run_single_command(settings_, nodes_[node].container, body, variables_of(node, id), directory,
                                is_over(), environment_);
  if (end.exit_code && failed(end))
    end.message = last_words(nodes_[node].container.info.directory + "/" + directory + "/stderr.txt");
  events_.prepared(order_.job, nodes_[node].container.info.id, end);
  if (!failed(end) || body.value("waitForSuccess", json(true)) == json(false)) return well();
  return end.fault == "TaskEnded" ? end
                                  : fault("JobPreparationTaskFailed",
                                          fmt::format("The job preparation task failed on node {}", node));
}

CommandEnd TaskRun::bring_files(std::size_t node) {
  const auto& container = nodes_[node].container;
  const std::string shared = task_directory(order_.job, order_.task);
  const std::string own = task_directory(order_.job, order_.task, static_cast<int>(node));
  // Of an earlier attempt, or of another subtask.
  std::error_code ignored;
  if (std::filesystem::symlink_status(container.info.directory + "/" + shared, ignored).type() !=
      std::filesystem::file_type::not_found)
    remove_task_directory(settings_.engine, container, shared, environment_);
  if (auto made = make_task_directory(container.info.directory, own); !made)
    return fault("TaskFailed", made.error().message);
  const json common = part_at(part_at(order_.task_body, "multiInstanceSettings"), "commonResourceFiles");
  // $AZ_BATCH_TASK_SHARED_DIR has the same path everywhere: the primary's directory.
  if (auto brought =
          bring_resource_files(settings_.storage, common, container.info.directory + "/" + shared, is_over());
      !brought)
    return fault("ResourceFilesFailed", brought.error().message);
  if (node != 0) return well();
  if (auto brought = bring_resource_files(settings_.storage, part_at(order_.task_body, "resourceFiles"),
                                          container.info.directory + "/" + own + "/wd", is_over());
      !brought)
    return fault("ResourceFilesFailed", brought.error().message);
  return well();
}

CommandEnd TaskRun::carry_out(std::size_t node, const std::string& line, Variables variables,
                              const std::string& directory, const json& user, const std::string& container) {
  auto words = split_command_line(line);
  if (!words) return fault("CommandLineInvalid", words.error().message);
  add_settings(variables, part_at(order_.task_body, "environmentSettings"));
  const std::string there = std::string(kNodeRootDirectory) + "/" + directory;
  const auto& own = nodes_[node].container.container;
  std::string session;
  auto end = to_the_end({settings_.engine, container.empty() ? own : container, *words, std::move(variables),
                         there + "/wd", there, container.empty() ? user_of(user) : "0", marker_},
                        own, is_over(), settings_.grace, environment_, session);
  // In a container of its own it is that which ends.
  if (!session.empty() && container.empty()) sessions_[node].push_back(std::move(session));
  return end;
}

CommandEnd TaskRun::start_native_container(std::size_t node) {
  const json wish = part_at(order_.task_body, "containerSettings");
  if (wish.empty()) return well();
  const auto& own = nodes_[node].container;
  std::vector<std::string> options;
  if (const std::string text = text_at(wish, "containerRunOptions"); !text.empty()) {
    auto words = split_command_line(text);
    if (!words) return fault("ContainerSettingsInvalid", words.error().message);
    options = std::move(*words);
  }
  // Devices that this machine has not are left out: the options are those of the VM's type, which is only a
  // name here.
  std::erase_if(options, [](const std::string& option) {
    return (option.starts_with(kDevice) && ::access(option.substr(kDevice.size()).c_str(), F_OK) != 0) ||
           (option == "--gpus=all" && ::access("/dev/nvidiactl", F_OK) != 0);
  });
  const std::string name = "native-" + random_word();
  const std::string root = kNodeRootDirectory;
  node_docker::Call call;
  call.working_directory = "/";
  call.arguments = {"run", "--detach", "--name", name, "--volume", fmt::format("{0}:{0}", root)};
  call.arguments.insert(call.arguments.end(), options.begin(), options.end());
  const bool says_network = std::any_of(
      options.begin(), options.end(), [](const std::string& option) { return option.starts_with("--net"); });
  if (!says_network) call.arguments.emplace_back("--network=host");
  // A program that only waits: Batch's container lives across both commands.
  call.arguments.insert(call.arguments.end(), {"--entrypoint", "/bin/sh", text_at(wish, "imageName"), "-c",
                                               "trap 'exit 0' TERM; sleep infinity & wait"});
  auto rewritten =
      node_docker::rewrite(call, own.docker, []() -> Result<std::vector<node_docker::OwnContainer>> {
        return std::vector<node_docker::OwnContainer>();
      });
  if (!rewritten) return fault("ContainerSettingsInvalid", rewritten.error().message);
  native_containers_[node] = own.docker.prefix + name;
  if (auto started =
          call_engine(settings_.engine, std::move(rewritten->arguments), environment_, kImageComes);
      !started)
    return fault("ContainerFailed", started.error().message);
  return well();
}

CommandEnd TaskRun::coordinate(std::size_t node) {
  const json settings = part_at(order_.task_body, "multiInstanceSettings");
  const auto number = static_cast<int>(node);
  events_.subtask_started(order_, number);
  CommandEnd end = well();
  if (const std::string line = text_at(settings, "coordinationCommandLine"); !line.empty())
    end = carry_out(node, line, variables_of(node, order_.task),
                    task_directory(order_.job, order_.task, number), order_.task_body,
                    native_containers_[node]);
  events_.subtask_ended(order_, number, end);
  return end;
}

CommandEnd TaskRun::apply() {
  events_.task_started(order_);
  return carry_out(0, text_at(order_.task_body, "commandLine"), variables_of(0, order_.task),
                   task_directory(order_.job, order_.task), order_.task_body, native_containers_[0]);
}

void TaskRun::end_all() {
  std::vector<std::thread> threads;
  threads.reserve(nodes_.size());
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    threads.emplace_back([&, k] {
      const auto& own = nodes_[k].container.container;
      end_processes(settings_.engine, own, marker_, sessions_[k], settings_.grace, environment_);
      if (!native_containers_[k].empty()) {
        (void)call_engine(settings_.engine, {"rm", "--force", "--volumes", native_containers_[k]},
                          environment_);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

CommandEnd TaskRun::run() {
  CommandEnd end = on_all_nodes(&TaskRun::prepare);
  if (!failed(end)) end = on_all_nodes(&TaskRun::bring_files);
  if (!failed(end)) end = on_all_nodes(&TaskRun::start_native_container);
  if (!failed(end) && multi_instance_) end = on_all_nodes(&TaskRun::coordinate);
  if (!failed(end)) end = apply();
  end_all();
  return end;
}

}  // namespace shipyard::local
