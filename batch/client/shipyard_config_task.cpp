#include "batch/client/shipyard_config_task.hpp"

#include <fmt/format.h>


#include "base/shell_quote.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/schema.hpp"
#include "batch/client/shipyard_config_shell.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;

Json environment(const ConfigValue& job_or_task) {
  Json variables = Json::object();
  for (const auto& [name, value] : job_or_task["environment_variables"].entries()) {
    if (!is_variable_name(name)) {
      value.not_carried("not the name of a variable: letters, digits and '_', no digit first");
    } else if (name == kKeyVariable) {
      value.not_carried("each job gets a key of its own");
    } else {
      variables[name] = value.text();
    }
  }
  return variables;
}

Json limits(const ConfigValue& job_or_task, bool is_task) {
  Json object = Json::object();
  if (is_task) {
    if (const auto time = job_or_task["max_wall_time"].seconds()) object["time"] = iso_duration(*time);
  }
  if (const auto retries = job_or_task["max_task_retries"].number(-1, 100)) object["retries"] = *retries;
  if (const auto time = job_or_task["retention_time"].seconds()) object["retention"] = iso_duration(*time);
  return object;
}

void set_size_of_shm(Json& container, const ConfigValue& place, const std::string& size) {
  if (size.empty()) return;
  if (!is_docker_size(size)) place.fail(fmt::format("'{}' is not a size", size), "examples: 512m, 2g");
  container["shm_size"] = size;
}

Json container_of(const ConfigValue& job_or_task, bool native) {
  Json container = Json::object();
  set_size_of_shm(container, job_or_task["shm_size"], job_or_task["shm_size"].text());
  if (const auto flag = job_or_task["infiniband"].flag()) container["infiniband"] = *flag ? "yes" : "no";
  if (const auto flag = job_or_task["gpu"].flag()) container["gpus"] = *flag ? "yes" : "no";
  if (const auto gpus = job_or_task["gpus"]; gpus) {
    const std::string which = gpus.text();
    container["gpus"] = which == "disable" ? "no" : "yes";
    if (which != "all" && which != "disable")
      gpus.note(fmt::format("not carried: '{}': the container gets all GPUs of its node", which));
  }
  if (native && job_or_task["remove_container_after_exit"].peek() == "false")
    job_or_task["remove_container_after_exit"].not_carried(
        "on a native pool Batch itself removes the containers");
  else if (const auto remove = job_or_task["remove_container_after_exit"].flag())
    container["keep"] = !*remove;
  if (job_or_task["default_working_dir"].peek() == "batch") (void)job_or_task["default_working_dir"].text();
  return container;
}

/// Lines about what Batch Shipyard has on its nodes and a container here has not.
void look_for_shipyard(const ConfigValue& place, const std::string& text) {
  for (const auto& name : names_with_prefix(text, "SHIPYARD_"))
    place.note(fmt::format("{} is a variable of Batch Shipyard's, which is not set here", name));
  for (const char* thing : {".shipyard.envlist", "auto_scratch"}) {
    if (text.find(thing) != std::string::npos)
      place.note(fmt::format("{} is Batch Shipyard's, and is not there: {}", thing,
                             thing[0] == '.' ? "the variables are set already"
                                             : "mount a file system of your own (pool.mounts)"));
  }
}

/// `docker run`'s options of a task, with those that have keys of their own taken out.
void docker_options(const ConfigValue& task, Json& container) {
  for (const auto& item : task["additional_docker_run_options"].items()) {
    const std::string text = item.text();
    look_for_shipyard(item, text);
    std::vector<std::string> words;
    for (const auto& word : shell_words(text)) {
      const auto plain = unquoted(word);
      if (!plain)
        item.note(fmt::format("{} was the shell's to replace, and stays as it is written: check it", word));
      words.push_back(plain.value_or(word));
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto equals = words[i].starts_with("--") ? words[i].find('=') : std::string::npos;
      const std::string name = words[i].substr(0, equals);
      const auto value = [&] {
        if (equals != std::string::npos) return words[i].substr(equals + 1);
        return i + 1 < words.size() ? words[++i] : std::string();
      };
      if (name == "--shm-size") {
        set_size_of_shm(container, item, value());
      } else if (name == "--workdir" || name == "-w") {
        container["working_directory"] = value();
      } else if (name == "--net" || name == "--network") {
        const std::string network = value();
        if (network != "host")
          item.note(fmt::format("not carried: {}={}: the nodes reach each other on the host's network", name,
                                network));
      } else if (name == "--name") {
        item.note(fmt::format("not carried: {}={}: the container has a name of its own", name, value()));
      } else if (name == "--entrypoint") {
        item.note(
            fmt::format("not carried: {}={}: the image's entrypoint starts the sshd that the nodes reach "
                        "each other by",
                        name, value()));
      } else if (name == "--rm" || name == "-d" || name == "--detach") {
        item.note(
            fmt::format("not carried: {}: the container is started and removed as the task needs it", name));
      } else {
        container["options"].push_back(words[i]);
      }
    }
  }
  for (const auto& label : task["labels"].texts()) container["options"].push_back("--label=" + label);
}

Json resource_files(const ConfigValue& list) {
  Json files = Json::array();
  for (const auto& item : list.items()) {
    Json file = {{"url", item["blob_source"].text()}, {"path", item["file_path"].text()}};
    for (const char* key : {"blob_source", "file_path"}) {
      if (!item[key]) item.fail(std::string(key) + " is missing");
    }
    if (file["url"].get<std::string>().find("sig=") != std::string::npos)
      item["blob_source"].note("the URL holds a signature: whoever reads the job file can use it");
    if (file["path"].get<std::string>().starts_with('/'))
      item["file_path"].fail("a path in the task's directory is wanted, without / in front");
    if (const std::string mode = item["file_mode"].text(); !mode.empty()) file["mode"] = mode;
    files.push_back(std::move(file));
  }
  return files;
}

long long nodes(const ConfigFiles& files, const ConfigValue& multi_instance) {
  const auto count = multi_instance["num_instances"];
  if (!count) {
    multi_instance.fail("num_instances is missing", "how many nodes the task runs on");
    return 1;
  }
  const std::string word = count.peek();
  for (const char* kind : {"dedicated", "low_priority"}) {
    const bool current = word == std::string("pool_current_") + kind;
    if (!current && word != std::string("pool_specification_vm_count_") + kind) continue;
    (void)count.text();
    const auto found = pool_vm_count(files, kind);
    if (!found) {
      count.fail(
          fmt::format("'{}' needs vm_count.{} of pool.yaml", word, kind),
          files.pool ? "write it there, or a number here" : "give pool.yaml as well, or write a number here");
      return 1;
    }
    if (*found == 0) {
      count.fail(fmt::format("'{}' is 0: pool.yaml has vm_count.{} 0", word, kind), "write a number here");
      return 1;
    }
    if (current)
      count.note(fmt::format(
          "the pool is not asked how many nodes it has: nodes is {}, pool.yaml's vm_count.{}", *found, kind));
    return *found;
  }
  return count.number(1, 100'000).value_or(1);
}

/// `$(nproc)`, `nproc` in backticks, nproc.
bool is_nproc(std::string text) {
  if (text.starts_with("$(") && text.ends_with(")")) text = text.substr(2, text.size() - 3);
  if (text.size() > 1 && text.front() == '`' && text.back() == '`') text = text.substr(1, text.size() - 2);
  return text == "nproc";
}

std::string ranks_per_node(const ConfigValue& mpi) {
  const auto count = mpi["processes_per_node"];
  if (!count) {
    mpi.note("without processes_per_node shipyard-mpirun starts a rank on each core; --ppn says otherwise");
    return "";
  }
  const std::string text = count.text();
  look_for_shipyard(count, text);
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    if (text.find_first_not_of('0') == std::string::npos) count.fail("at least one rank is wanted");
    return " --ppn " + text;
  }
  if (is_nproc(text)) {
    count.note(
        "nproc counts the hardware threads of the primary, --ppn hwthread those of each node; --ppn core, "
        "one "
        "rank on each core, is what most programs run best with");
    return " --ppn hwthread";
  }
  count.note("runs on the primary alone, as before, and its number holds for all nodes");
  const bool substituted = (text.starts_with("$(") && text.ends_with(")")) || text.front() == '`';
  return " --ppn " + (substituted ? "\"" + text + "\"" : "\"$(" + text + ")\"");
}

/// Or a variant of it: the name goes on then.
bool is_intel_mpi(const std::string& runtime) { return runtime.starts_with("intelmpi"); }

/// What the image must have that was made for Batch Shipyard.
std::string image_note(const std::string& runtime) {
  const std::string image = is_intel_mpi(runtime) ? "needs /opt/shipyard of shipyard/tree"
                            : runtime == "mpich"  ? "has to be built FROM shipyard/mpich"
                                                  : "has to be built FROM shipyard/openmpi";
  return "the image " + image + ", whose entrypoint starts sshd with the job's key";
}

/// The command line that starts the ranks.
std::string mpi_command(const ConfigValue& mpi, const std::string& program) {
  std::string command = "shipyard-mpirun" + ranks_per_node(mpi);
  const auto runtime = mpi["runtime"];
  const std::string name = runtime.text();
  if (name.empty()) mpi.fail("runtime is missing", "openmpi, mpich, intelmpi …");
  const bool stays = name == "openmpi" || name == "mpich" || is_intel_mpi(name);
  if (is_intel_mpi(name))
    runtime.note("shipyard-mpirun starts Intel MPI as its reference has it; untested on the real one");
  else if (!stays)
    runtime.note(
        fmt::format("shipyard-mpirun starts Open MPI, MPICH and Intel MPI, not '{}': build the program "
                    "with one of them",
                    name));
  if (const std::string path = mpi["executable_path"].text(); !path.empty())
    command += " --mpirun " + (path.find('$') == std::string::npos ? shell_quote(path) : "\"" + path + "\"");
  for (const auto& item : mpi["options"].items()) {
    const std::string text = item.text();
    look_for_shipyard(item, text);
    for (const auto& word : shell_words(text)) {
      // The option's argument may begin with a dash.
      command += " --mpi-arg=" + word;
    }
    if (!stays) item.note("an option of another mpirun: check it");
  }
  return command + " " + program;
}

std::string application_command(const ConfigValue& task, const ConfigValue& multi_instance) {
  const auto line = task["command"];
  std::string command = line.text();
  look_for_shipyard(line, command);
  const auto mpi = multi_instance["mpi"];
  if (command.empty()) {
    if (multi_instance)
      task.fail("command is missing", "what runs on the primary when the containers are up");
    else
      task.note("without a command: what the image itself runs (CMD) has to be written as command");
    return "";
  }
  if (mpi) {
    command = mpi_command(mpi, command);
  } else if (multi_instance) {
    for (const char* program : {"mpirun", "mpiexec", "mpiexec.hydra", "orterun"}) {
      if (!calls_program(command, program)) continue;
      line.note(
          fmt::format("calls {} itself, and stays as it is: shipyard-mpirun in its place finds the nodes, "
                      "waits for their sshd and binds the ranks",
                      program));
      break;
    }
  }
  const auto before = multi_instance["pre_execution_command"];
  std::string first = before.text();
  look_for_shipyard(before, first);
  while (!first.empty() && std::string_view("; \t\n").find(first.back()) != std::string_view::npos)
    first.pop_back();
  if (first.empty()) return command;
  before.note(
      "runs on the primary alone, as before; a script that every node needs is --mpi-env SCRIPT of "
      "shipyard-mpirun");
  // It is mostly `source`, which no shell but bash has.
  return "/bin/bash -c " + shell_quote(first + "; " + command);
}

std::string coordination(const ConfigValue& multi_instance, bool native) {
  const auto line = multi_instance["coordination_command"];
  if (!line) return "";
  if (!native || calls_program(line.peek(), "sshd")) {
    line.not_carried(
        native ? "the default coordination command starts sshd already"
               : "it was the container's own command; here the container's entrypoint starts sshd and stays");
    return "";
  }
  const std::string command = line.text();
  look_for_shipyard(line, command);
  line.note("runs after shipyard-entrypoint, which starts sshd");
  return "shipyard-entrypoint true && " + command;
}

Json depends_on(const TaskSurroundings& surroundings, const ConfigValue& task) {
  Json depends = Json::object();
  for (const auto& item : task["depends_on"].items()) {
    const std::string id = item.text();
    if (surroundings.left_out.count(id) > 0) {
      item.note(fmt::format("not carried: task '{}' is not converted", id));
    } else {
      depends["taskIds"].push_back(id);
    }
  }
  if (const auto range = task["depends_on_range"]; range) {
    std::vector<long long> ends;
    for (const auto& item : range.items()) {
      if (const auto end = item.number(0, 2'147'483'647)) ends.push_back(*end);
    }
    if (ends.size() == 2) {
      depends["taskIdRanges"].push_back({{"start", ends[0]}, {"end", ends[1]}});
    } else if (range.is_list()) {
      range.fail("two numbers are wanted, the first and the last id");
    }
  }
  return depends;
}

std::string image_of(const ConfigValue& task) {
  const auto image = task["docker_image"] ? task["docker_image"] : task["image"];
  const std::string name = image.text();
  if (!name.empty() && !is_image_name(name))
    image.fail(fmt::format("'{}' is not the name of an image", name));
  return name;
}

void append(Json& list, const Json& more) {
  for (const auto& item : more) list.push_back(item);
}

}  // namespace

Json convert_common(const ConfigValue& job_or_task, bool is_task, bool native) {
  Json common = Json::object();
  if (auto variables = environment(job_or_task); !variables.empty()) {
    for (const auto& [name, value] : variables.items()) {
      look_for_shipyard(job_or_task["environment_variables"][name], value.get<std::string>());
    }
    common["environment"] = std::move(variables);
  }
  if (auto object = limits(job_or_task, is_task); !object.empty()) common["limits"] = std::move(object);
  if (auto object = container_of(job_or_task, native); !object.empty())
    common["container"] = std::move(object);
  return common;
}

Json convert_exit_conditions(const ConfigValue& job, const ConfigValue& task) {
  Json options = Json::object();
  for (const auto& level : {job, task}) {
    const auto exit = level["exit_conditions"]["default"]["exit_options"];
    for (const auto& [key, name, words] :
         {std::tuple{"job_action", "jobAction", std::set<std::string>{"none", "disable", "terminate"}},
          {"dependency_action", "dependencyAction", {"block", "satisfy"}}}) {
      const std::string word = exit[key].text();
      if (word.empty()) continue;
      if (words.count(word) == 0) exit[key].fail(fmt::format("'{}' is not known", word));
      options[name] = word;
    }
  }
  return options.empty() ? options : Json{{"default", options}};
}

std::string reason_to_leave_out(const ConfigValue& task) {
  if (task["singularity_image"])
    return "the task is left out: Singularity images are not supported; with an image for Docker it can be "
           "converted";
  if (task["task_factory"])
    return "the task is left out: nothing makes tasks out of a task_factory; write them out in tasks";
  if (!task["docker_image"] && !task["image"]) return "the task is left out: docker_image is missing";
  return "";
}

Json convert_task(const TaskSurroundings& surroundings, const ConfigValue& task, const std::string& id) {
  const auto& files = surroundings.files;
  const auto multi_instance = task["multi_instance"];
  Json converted = {{"id", id}, {"image", image_of(task)}};
  if (multi_instance) {
    converted["nodes"] = nodes(files, multi_instance);
    (task["docker_image"] ? task["docker_image"] : task["image"])
        .note(image_note(multi_instance["mpi"]["runtime"].text()));
  } else {
    converted["nodes"] = 1;
    task.note("not a multi-instance task: it becomes one of a single node");
  }
  if (const std::string command = application_command(task, multi_instance); !command.empty())
    converted["command"] = command;
  if (const std::string command = coordination(multi_instance, surroundings.pool.native); !command.empty())
    converted["coordination"] = command;

  Json common = convert_common(task, true, surroundings.pool.native);
  if (common.contains("environment")) converted["environment"] = common["environment"];
  Json own_files = resource_files(task["resource_files"]);
  convert_input_data(files, task, own_files);
  if (!own_files.empty()) converted["resource_files"] = std::move(own_files);
  if (Json shared = resource_files(multi_instance["resource_files"]); !shared.empty())
    converted["common_files"] = std::move(shared);
  if (Json output = convert_output_data(files, task); !output.empty())
    converted["output_files"] = std::move(output);
  if (common.contains("limits")) converted["limits"] = common["limits"];

  Json container = common.value("container", Json::object());
  docker_options(task, container);
  const Volumes own = convert_volumes(files, task, surroundings.pool_mounts);
  // A task's list takes the place of the job's, so it begins with that.
  if (!own.options.empty() || container.contains("options")) {
    Json options = surroundings.job_options;
    append(options, own.options);
    append(options, container.value("options", Json::array()));
    container["options"] = std::move(options);
  }
  if (!own.mounts.empty()) {
    Json mounts = surroundings.job_volumes.mounts;
    append(mounts, own.mounts);
    container["mounts"] = std::move(mounts);
  }
  if (!container.empty()) converted["container"] = std::move(container);

  Json raw = Json::object();
  if (Json depends = depends_on(surroundings, task); !depends.empty()) raw["dependsOn"] = std::move(depends);
  if (Json conditions = convert_exit_conditions(surroundings.job, task); !conditions.empty())
    raw["exitConditions"] = std::move(conditions);
  if (!raw.empty()) converted["raw"] = std::move(raw);
  return converted;
}

}  // namespace shipyard::batch
