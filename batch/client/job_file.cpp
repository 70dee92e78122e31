#include "batch/client/job_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "batch/client/json_access.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// Where a key of the document stands, for errors about what contradicts itself. The path is that of the
/// messages: "pool.registries[0].user"; where there is no such key, the nearest mapping around it.
class Locator {
 public:
  Locator(const Node& document, const Source& source) : document_(document), source_(source) {}

  [[nodiscard]] Error error(const std::string& path, const std::string& message,
                            std::string hint = {}) const {
    const Node* node = &document_;
    int line = node->line;
    int column = node->column;
    std::string_view rest = path;
    while (!rest.empty() && node != nullptr) {
      const auto end = std::min(rest.find_first_of(".["), rest.size());
      const std::string_view name = rest.substr(0, end);
      rest.remove_prefix(std::min(end + (end < rest.size() && rest[end] == '.' ? 1 : 0), rest.size()));
      const Node* next = nullptr;
      if (!name.empty()) {
        for (const auto& entry : node->entries) {
          if (entry.key != name) continue;
          next = &entry.value;
          line = entry.line;
          column = entry.column;
        }
      }
      if (next != nullptr && rest.starts_with('[')) {
        const auto close = rest.find(']');
        const auto index = static_cast<std::size_t>(std::stoul(std::string(rest.substr(1, close - 1))));
        rest.remove_prefix(std::min(close + 2, rest.size()));
        next = index < next->items.size() ? &next->items[index] : nullptr;
        if (next != nullptr) line = next->line, column = next->column;
      }
      node = next;
    }
    return error_at(source_, line, column, fmt::format("{}: {}", path, message), std::move(hint));
  }

 private:
  const Node& document_;
  const Source& source_;
};

constexpr const char* kRawId = "an id is part of the addresses of later requests too";
constexpr const char* kRawIdRemedy = "say `id:` outside of raw";
/// The shortest time that Batch takes (PoolAddParameter.resizeTimeout).
constexpr long long kShortestResize = 300;
/// Source: Azure Batch, "Configure managed identities in Batch pools".
constexpr const char* kNoIdentity =
    "a pool that is made through Batch's own interface has no managed identity";
constexpr const char* kIdentityRemedy =
    "make the pool with Azure's resource manager (`az deployment group create`), and say pool: {id: …}";

Result<Secret> secret_of(const json& object, const std::string& name, const SecretReader& secrets) {
  Result<Secret> secret = Secret();
  if (const auto variable = text_at(object, (name + "_variable").c_str()); !variable.empty())
    secret = secrets.from_variable(variable);
  else if (const auto file = text_at(object, (name + "_file").c_str()); !file.empty())
    secret = secrets.from_file(file);
  // A request is JSON: it would arrive as another one.
  if (secret && !is_utf8(secret->reveal())) return input_error(fmt::format("the {} is no UTF-8 text", name));
  return secret;
}

Result<std::vector<ResourceFile>> resource_files(const json& task, const char* key, const std::string& path,
                                                 const Locator& locator) {
  std::vector<ResourceFile> files;
  for (const auto& item : task.value(key, json::array())) {
    const std::string place = fmt::format("{}{}[{}]", path, key, files.size());
    ResourceFile file{text_at(item, "url"),     text_at(item, "container"), text_at(item, "auto_storage"),
                      text_at(item, "prefix"),  text_at(item, "path"),      text_at(item, "mode"),
                      text_at(item, "identity")};
    if (!file.url.empty() + !file.container.empty() + !file.auto_storage.empty() != 1)
      return locator.error(place, "one of url, container and auto_storage is wanted");
    if (!file.url.empty() && file.path.empty())
      return locator.error(place, "path is missing", "the file's name in the task's working directory");
    if (!file.url.empty() && !file.prefix.empty())
      return locator.error(place + ".prefix", "goes with a container, not with url");
    if (!stays_below(file.path))
      return locator.error(
          place + ".path",
          "a path in the task's working directory is wanted, without / in front, and without ..");
    if (!file.mode.empty() && !is_file_mode(file.mode))
      return locator.error(place + ".mode", fmt::format("'{}' is no mode of a file", file.mode),
                           "example: 0750");
    files.push_back(std::move(file));
  }
  return files;
}

ContainerWish::Device device_of(const json& object, const char* key) {
  const std::string word = text_at(object, key, "auto");
  if (word == "yes") return ContainerWish::Device::kYes;
  return word == "no" ? ContainerWish::Device::kNo : ContainerWish::Device::kAuto;
}

/// An option and its value are two words, or one with '='.
std::string fault_of_option(const std::string& word) {
  if (word.empty()) return "an empty word";
  const auto blank = word.find_first_of(" \t\n");
  return word[0] == '-' && blank != std::string::npos && word.find('=') > blank
             ? fmt::format("'{}' is one word: it would be one option of this name", word)
             : "";
}

/// `path`: "" or "tasks[1]."; `object` holds what is said for all tasks too.
Result<TaskWish> read_task(const json& object, const std::string& path, const Locator& locator) {
  TaskWish task;
  task.id = text_at(object, "id", "mpi");
  task.image = text_at(object, "image");
  task.nodes = object.value("nodes", 1);
  task.command = text_at(object, "command");
  task.coordination = text_at(object, "coordination");
  task.environment = object.value("environment", std::map<std::string, std::string>());
  if (task.environment.contains(kKeyVariable))
    return locator.error(path + "environment.SHIPYARD_SSH_KEY", "each job gets a key of its own",
                         "leave it out; a key in a file would be one for whoever can read that");
  for (auto [key, files] :
       {std::pair{"resource_files", &task.resource_files}, {"common_files", &task.common_files}}) {
    auto read = resource_files(object, key, path, locator);
    if (!read) return read.error();
    *files = std::move(*read);
  }
  for (const auto& item : object.value("output_files", json::array())) {
    task.output_files.push_back({text_at(item, "pattern"), text_at(item, "container"), text_at(item, "path"),
                                 text_at(item, "identity"), text_at(item, "when", "completion")});
  }
  const json limits = part_at(object, "limits");
  task.limits = {text_at(limits, "time"), limits.value("retries", 0), text_at(limits, "retention")};
  if (task.limits.time == "PT0S")
    return locator.error(path + "limits.time", "0 would end the task before it starts",
                         "without it there is no limit");
  const json user = part_at(object, "user");
  task.user = {text_at(user, "name"), user.value("admin", true), text_at(user, "scope", "pool")};
  if (!task.user.name.empty() && (user.contains("admin") || user.contains("scope")))
    return locator.error(path + "user.name",
                         "a user of the pool has its rights already: without admin and scope");
  const json container = part_at(object, "container");
  task.container.options = texts_at(container, "options");
  task.container.shm_size = text_at(container, "shm_size", "1g");
  task.container.unlimited_memlock = container.value("unlimited_memlock", true);
  task.container.infiniband = device_of(container, "infiniband");
  task.container.gpus = device_of(container, "gpus");
  task.container.mounts = texts_at(container, "mounts");
  task.container.working_directory = text_at(container, "working_directory");
  if (!task.container.working_directory.empty() && task.container.working_directory[0] != '/')
    return locator.error(path + "container.working_directory",
                         fmt::format("'{}' is not absolute", task.container.working_directory),
                         "the task's own directory is the default");
  task.container.keep = container.value("keep", false);
  for (std::size_t i = 0; i < task.container.mounts.size(); ++i) {
    const auto& mount = task.container.mounts[i];
    const auto colon = mount.find(':');
    if (colon == 0 || colon == std::string::npos ||
        (mount.compare(colon, 2, ":/") != 0 && mount.compare(colon, 11, ":$AZ_BATCH_") != 0))
      return locator.error(fmt::format("{}container.mounts[{}]", path, i),
                           fmt::format("'{}' is not SOURCE:TARGET[:ro]", mount),
                           "example: /mnt/data:/data:ro");
  }
  for (std::size_t i = 0; i < task.container.options.size(); ++i) {
    if (const auto fault = fault_of_option(task.container.options[i]); !fault.empty())
      return locator.error(fmt::format("{}container.options[{}]", path, i), fault,
                           "example: options: [--cap-add, SYS_ADMIN, --tmpfs=/scratch]");
  }
  if (task.image.empty())
    return locator.error(path + "image", "is missing", "the container image that the task runs in");
  if (!is_image_name(task.image))
    return locator.error(path + "image", fmt::format("'{}' is not the name of an image", task.image));
  return task;
}

/// What a task says that its pool cannot do.
Status check_on_pool(const TaskWish& task, const PoolWish& pool, const std::string& path,
                     const Locator& locator) {
  const auto with_identity = [&](const auto& files, const char* key) -> Status {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (pool.is_new() && !files[i].identity.empty())
        return locator.error(fmt::format("{}{}[{}].identity", path, key, i), kNoIdentity, kIdentityRemedy);
    }
    return Ok{};
  };
  if (auto good = with_identity(task.resource_files, "resource_files"); !good) return good;
  if (auto good = with_identity(task.common_files, "common_files"); !good) return good;
  if (auto good = with_identity(task.output_files, "output_files"); !good) return good;
  if (pool.native && task.container.keep)
    return locator.error(path + "container.keep", "on a native pool Batch itself removes the containers");
  return Ok{};
}

/// Keys of `own` in place of those for all tasks; variables beside them.
json merged_task(const json& common, const json& own) {
  json task = common;
  // A user with a name and an automatic one have nothing in common.
  const bool another_user = part_at(own, "user").contains("name") != part_at(common, "user").contains("name");
  for (const auto& [key, value] : own.items()) {
    if ((key == "environment" || key == "container" || key == "limits" || (key == "user" && !another_user)) &&
        task.contains(key)) {
      task[key].update(value);
    } else {
      task[key] = value;
    }
  }
  return task;
}

Result<PoolWish> read_pool(const json& object, const Locator& locator, const SecretReader& secrets) {
  PoolWish pool;
  pool.id = text_at(object, "id");
  pool.vm_size = text_at(object, "vm_size");
  pool.vm_image = text_at(object, "vm_image", pool.vm_image);
  pool.node_agent = text_at(object, "node_agent", pool.node_agent);
  if (object.contains("dedicated")) pool.dedicated = object["dedicated"].get<int>();
  pool.spot = object.value("spot", 0);
  pool.native = object.value("native", false);
  pool.images = texts_at(object, "images");
  pool.subnet = text_at(object, "subnet");
  pool.start_task = text_at(object, "start_task");
  pool.resize_timeout = text_at(object, "resize_timeout");
  if (const auto time = parse_duration(pool.resize_timeout); time && *time < kShortestResize)
    return locator.error("pool.resize_timeout", "Batch takes no time below 5 minutes");
  if (pool.id.empty() && pool.vm_size.empty())
    return locator.error("pool", "id or vm_size is wanted", "an existing pool, or the VMs of one to be made");
  if (const auto fault = fault_of_id(pool.id); !fault.empty()) return locator.error("pool.id", fault);
  if (pool.dedicated.value_or(0) > 0 && pool.spot > 0)
    return locator.error("pool.spot", "a pool for MPI has dedicated nodes or spot nodes, not both",
                         "Batch refuses both where nodes are to speak with each other");
  if (!pool.is_new()) {
    for (const auto& [key, value] : object.items()) {
      if (key != "id" && key != "native" && key != "registries")
        return locator.error("pool." + key, "belongs to a pool that is to be made",
                             "with vm_size; an existing pool has it already");
    }
  }
  if (object.contains("vm_image") && !object.contains("node_agent"))
    return locator.error("pool.vm_image", "without node_agent",
                         "the two belong together: `az batch pool supported-images list` shows them");
  if (pool.vm_image[0] != '/' && std::count(pool.vm_image.begin(), pool.vm_image.end(), ':') != 2 &&
      std::count(pool.vm_image.begin(), pool.vm_image.end(), ':') != 3)
    return locator.error("pool.vm_image",
                         fmt::format("'{}' is not publisher:offer:sku[:version]", pool.vm_image),
                         "example: microsoft-dsvm:ubuntu-hpc:2204:latest");
  for (const auto& item : object.value("registries", json::array())) {
    const std::string path = fmt::format("pool.registries[{}]", pool.registries.size());
    auto password = secret_of(item, "password", secrets);
    if (!password) return locator.error(path, password.error().message, password.error().hint);
    Registry registry{text_at(item, "server"), text_at(item, "user"), *password, text_at(item, "identity")};
    const bool by_identity = !registry.identity.empty();
    if (!consists_of(registry.server, ".-:/"))
      return locator.error(path + ".server",
                           fmt::format("'{}' is not the name of a registry", registry.server),
                           "example: myregistry.azurecr.io");
    if (!consists_of(registry.identity, "/._-()"))
      return locator.error(path + ".identity", fmt::format("'{}' is no resource id", registry.identity),
                           "example: /subscriptions/ID/resourceGroups/GROUP/providers/"
                           "Microsoft.ManagedIdentity/userAssignedIdentities/NAME");
    if (registry.user.empty() != by_identity || registry.password.empty() != by_identity)
      return locator.error(path,
                           "either user with password_variable or password_file is wanted, or identity");
    if (by_identity && pool.is_new()) return locator.error(path + ".identity", kNoIdentity, kIdentityRemedy);
    if (!pool.is_new() && (pool.native || !by_identity))
      return locator.error(path,
                           pool.native ? "the pool was made with the registries that it logs in to"
                                       : "on an existing pool its managed identity alone logs in",
                           pool.native ? "" : "a password belongs to the pool's start task");
    pool.registries.push_back(std::move(registry));
  }
  for (const auto& item : object.value("mounts", json::array())) {
    const std::string path = fmt::format("pool.mounts[{}]", pool.mounts.size());
    auto key = secret_of(item, "key", secrets);
    if (!key) return locator.error(path, key.error().message, key.error().hint);
    PoolMount mount{text_at(item, "kind"),
                    text_at(item, "source"),
                    text_at(item, "path"),
                    text_at(item, "account"),
                    *key,
                    text_at(item, "options")};
    if (mount.kind != "nfs" && mount.account.empty()) return locator.error(path, "account is missing");
    if (mount.kind != "nfs" && mount.key.empty())
      return locator.error(path, "key_variable or key_file is wanted");
    pool.mounts.push_back(std::move(mount));
  }
  return pool;
}

}  // namespace

Result<JobFile> read_job_file(const Source& source, const SecretReader& secrets) {
  const auto document = parse_document(source);
  if (!document) return document.error();
  const auto read = read_fields(*document, source, job_file_fields());
  if (!read) return read.error();
  const Locator locator(*document, source);

  JobFile job;
  job.id = text_at(*read, "id");
  if (const auto fault = fault_of_id(job.id); !fault.empty()) return locator.error("id", fault);
  auto pool = read_pool((*read)["pool"], locator, secrets);
  if (!pool) return pool.error();
  job.pool = std::move(*pool);
  job.auto_complete = read->value("auto_complete", true);

  const json raw = part_at(*read, "raw");
  for (const auto& [key, value] : raw.items()) {
    if (!value.is_object()) return locator.error("raw." + key, "a mapping is wanted");
    if (value.contains("id")) return locator.error("raw." + key + ".id", kRawId, kRawIdRemedy);
  }
  job.raw_job = part_at(raw, "job");
  job.raw_pool = part_at(raw, "pool");
  if (!job.raw_pool.empty() && !job.pool.is_new())
    return locator.error("raw.pool", "the pool exists already", "with pool.vm_size one is made");

  json common = *read;
  for (const char* key : {"id", "pool", "tasks", "auto_complete", "raw"}) common.erase(key);
  json tasks = read->value("tasks", json::array());
  const bool listed = read->contains("tasks");
  if (listed && tasks.empty()) return locator.error("tasks", "there is none in it");
  if (!listed) tasks.push_back(json::object());
  std::set<std::string> ids;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::string path = listed ? fmt::format("tasks[{}].", i) : "";
    auto task = read_task(merged_task(common, tasks[i]), path, locator);
    if (!task) return task.error();
    if (const auto fault = fault_of_id(task->id); !fault.empty()) return locator.error(path + "id", fault);
    if (!ids.insert(task->id).second)
      return locator.error(path + "id", fmt::format("there is a task '{}' already", task->id));
    task->raw = part_at(raw, "task");
    const json own = part_at(tasks[i], "raw");
    if (!own.is_object()) return locator.error(path + "raw", "a mapping is wanted");
    if (own.contains("id")) return locator.error(path + "raw.id", kRawId, kRawIdRemedy);
    if (auto good = check_on_pool(*task, job.pool, path, locator); !good) return good.error();
    // No merge patch: a null of the task's own is for the request, from which it removes something.
    task->raw.update(own, true);
    job.tasks.push_back(std::move(*task));
  }
  return job;
}

}  // namespace shipyard::batch
