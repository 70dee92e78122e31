#include "batch/client/job_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace shipyard::batch {
namespace {

using nlohmann::json;
using Type = Field::Type;

Field text(std::string name, std::string help, std::string default_text = {}) {
  return {.name = std::move(name), .help = std::move(help), .default_text = std::move(default_text)};
}

std::vector<Field> place_of_resource() {
  return {text("url", "of one file"),
          text("container", "URL of a storage container: all that is in it, or below `prefix`"),
          text("auto_storage", "name of a container in the account's own storage"),
          text("prefix", "of a container: only blobs whose names begin so"),
          text("path", "where it comes to, in the task's working directory; of a container: a directory"),
          text("mode", "octal, of a file", "0770"),
          text("identity", "resource id of the managed identity that may read it")};
}

std::vector<Field> output_fields() {
  return {{.name = "pattern",
           .help = "which files, relative to the working directory: `../std*.txt`, `**/*.vtk`",
           .required = true},
          {.name = "container", .help = "URL of a storage container", .required = true},
          text("path", "where in the container"),
          text("identity", "resource id of the managed identity that may write there"),
          {.name = "when",
           .help = "after which end of the task",
           .values = {"success", "failure", "completion"},
           .default_text = "completion"}};
}

std::vector<Field> registry_fields() {
  return {{.name = "server", .help = "such as `myregistry.azurecr.io`", .required = true},
          text("user", "who logs in"),
          text("password_variable", "environment variable of shipyard-submit that holds the password"),
          text("password_file", "file that holds it; only its owner may be able to read it"),
          text("identity",
               "resource id of a managed identity of the pool, in place of user and password (Azure's "
               "registries)")};
}

std::vector<Field> mount_fields() {
  return {{.name = "kind",
           .help = "what is mounted",
           .values = {"azure-files", "blob", "nfs", "cifs"},
           .required = true},
          {.name = "source",
           .help = "azure-files: URL of the share; blob: name of the container; nfs: `SERVER:/PATH`; cifs: "
                   "`//SERVER/SHARE`",
           .required = true},
          {.name = "path", .help = "directory below `$AZ_BATCH_NODE_MOUNTS_DIR`", .required = true},
          text("account", "azure-files and blob: the storage account; cifs: the user"),
          text("key_variable",
               "environment variable of shipyard-submit that holds the account's key, or the password"),
          text("key_file", "file that holds it; only its owner may be able to read it"),
          text("identity", "blob: resource id of a managed identity, in place of the key"),
          text("options", "of mount (blob: of blobfuse)")};
}

std::vector<Field> pool_fields() {
  return {
      text("id", "an existing pool; with `vm_size`: the name for `shipyard-submit pool create`"),
      text("vm_size", "type of the VMs: a pool is made for the job, and goes with it"),
      text("vm_image", "`publisher:offer:sku[:version]`, or the resource id of an image",
           "microsoft-dsvm:ubuntu-hpc:2204:latest"),
      text("node_agent", "Batch's node agent for that image", "batch.node.ubuntu 22.04"),
      {.name = "dedicated",
       .type = Type::kNumber,
       .help = "nodes that stay",
       .default_text = "as many as the job needs, without `spot`",
       .maximum = 100'000},
      {.name = "spot",
       .type = Type::kNumber,
       .help = "nodes that Azure may take back",
       .default_text = "0",
       .maximum = 100'000},
      {.name = "native",
       .type = Type::kFlag,
       .help =
           "Batch itself starts the containers; of an existing pool: whether it has `containerConfiguration`",
       .default_text = "false"},
      {.name = "images",
       .type = Type::kTexts,
       .help = "container images that a node pulls when it starts, beside those of the tasks"},
      {.name = "registries",
       .type = Type::kMappings,
       .help = "registries that want a login",
       .fields = registry_fields()},
      text("subnet", "resource id of the subnet of a virtual network"),
      {.name = "start_task", .type = Type::kCommand, .help = "command, as root, when a node starts"},
      {.name = "mounts",
       .type = Type::kMappings,
       .help = "file systems on every node",
       .fields = mount_fields()},
      {.name = "resize_timeout",
       .type = Type::kDuration,
       .help = "how long Batch tries to get the nodes",
       .default_text = "15m (Batch's own)"}};
}

std::vector<Field> container_fields() {
  const std::vector<std::string> device = {"auto", "yes", "no"};
  return {
      {.name = "options",
       .type = Type::kTexts,
       .help = "more options of `docker run`; `$AZ_BATCH_…` in them is the node's"},
      {.name = "shm_size", .type = Type::kSize, .help = "size of `/dev/shm`", .default_text = "1g"},
      {.name = "unlimited_memlock",
       .type = Type::kFlag,
       .help = "`--ulimit memlock=-1`, which RDMA needs",
       .default_text = "true"},
      {.name = "infiniband",
       .help = "give it the InfiniBand devices; auto: where the node has them, on native pools by VM size",
       .values = device,
       .default_text = "auto"},
      {.name = "gpus", .help = "give it the GPUs; auto: as above", .values = device, .default_text = "auto"},
      {.name = "mounts",
       .type = Type::kTexts,
       .help = "`SOURCE:TARGET[:ro]`, from the node into the container; `$AZ_BATCH_…` as above"},
      text("working_directory", "of the application command", "the task's own"),
      {.name = "keep",
       .type = Type::kFlag,
       .help = "leave the container up when the job is over",
       .default_text = "false"}};
}

std::vector<Field> limit_fields() {
  return {{.name = "time",
           .type = Type::kDuration,
           .help = "of the task; Batch ends it then",
           .default_text = "none"},
          {.name = "retries",
           .type = Type::kNumber,
           .help = "Batch's own, after *any* failure; -1: without an end",
           .default_text = "0",
           .minimum = -1,
           .maximum = 100},
          {.name = "retention",
           .type = Type::kDuration,
           .help = "how long the task's directory stays on its node",
           .default_text = "7d (Batch's own)"}};
}

std::vector<Field> user_fields() {
  return {
      text("name", "a user account of the pool, in place of an automatic one"),
      {.name = "admin",
       .type = Type::kFlag,
       .help = "run as root, without which nobody may speak to Docker",
       .default_text = "true"},
      {.name = "scope", .help = "of an automatic user", .values = {"task", "pool"}, .default_text = "pool"}};
}

/// What a task may say; the same keys outside of `tasks` hold for all of them.
std::vector<Field> task_fields() {
  return {text("image", "container image"),
          {.name = "nodes",
           .type = Type::kNumber,
           .help = "how many nodes the task runs on",
           .default_text = "1",
           .minimum = 1,
           .maximum = 100'000},
          {.name = "command",
           .type = Type::kCommand,
           .help = "what runs in the container of the primary: `shipyard-mpirun ./app`"},
          {.name = "coordination",
           .type = Type::kCommand,
           .help = "what runs on every node before",
           .default_text = "starts the container and waits for its sshd"},
          {.name = "environment", .type = Type::kVariables, .help = "variables in the container"},
          {.name = "resource_files",
           .type = Type::kMappings,
           .help = "files that come to the primary",
           .fields = place_of_resource()},
          {.name = "common_files",
           .type = Type::kMappings,
           .help = "files that come to every node, into the directory `$AZ_BATCH_TASK_SHARED_DIR`",
           .fields = place_of_resource()},
          {.name = "output_files",
           .type = Type::kMappings,
           .help = "files of the primary that are stored at the end",
           .fields = output_fields()},
          {.name = "limits", .type = Type::kMapping, .help = "time, retries", .fields = limit_fields()},
          {.name = "user",
           .type = Type::kMapping,
           .help = "as whom the commands run on the node",
           .fields = user_fields(),
           .short_for = "name"},
          {.name = "container",
           .type = Type::kMapping,
           .help = "how the container is started",
           .fields = container_fields()}};
}

std::vector<Field> job_fields() {
  std::vector<Field> fields = {text("id", "the job's id", "the file's name with date and time"),
                               {.name = "pool",
                                .type = Type::kMapping,
                                .help = "where it runs; a text is the id of an existing pool",
                                .fields = pool_fields(),
                                .short_for = "id",
                                .required = true}};
  for (auto& field : task_fields()) fields.push_back(std::move(field));
  std::vector<Field> own = task_fields();
  own.insert(own.begin(), {.name = "id", .help = "the task's id", .required = true});
  own.push_back({.name = "raw", .type = Type::kAny, .help = "merged last into this task's request"});
  fields.push_back({.name = "tasks",
                    .type = Type::kMappings,
                    .help = "several tasks in one job, each with the keys above",
                    .fields = std::move(own),
                    .told_before = true});
  fields.push_back({.name = "auto_complete",
                    .type = Type::kFlag,
                    .help = "the job ends with its last task, and its containers are removed",
                    .default_text = "true"});
  fields.push_back({.name = "raw",
                    .type = Type::kMapping,
                    .help = "properties of Batch's requests, merged last into their bodies",
                    .fields = {{.name = "pool", .type = Type::kAny, .help = "of the pool"},
                               {.name = "job", .type = Type::kAny, .help = "of the job"},
                               {.name = "task", .type = Type::kAny, .help = "of each task"}}});
  return fields;
}

std::string text_of(const json& object, const char* key, std::string otherwise = {}) {
  const auto found = object.find(key);
  return found == object.end() ? std::move(otherwise) : found->get<std::string>();
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::vector<std::string>() : found->get<std::vector<std::string>>();
}

json part(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? json::object() : *found;
}

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

Result<Secret> secret_of(const json& object, const std::string& name, const SecretReader& secrets) {
  Result<Secret> secret = Secret();
  if (const auto variable = text_of(object, (name + "_variable").c_str()); !variable.empty())
    secret = secrets.from_variable(variable);
  else if (const auto file = text_of(object, (name + "_file").c_str()); !file.empty())
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
    ResourceFile file{text_of(item, "url"),     text_of(item, "container"), text_of(item, "auto_storage"),
                      text_of(item, "prefix"),  text_of(item, "path"),      text_of(item, "mode"),
                      text_of(item, "identity")};
    if (!file.url.empty() + !file.container.empty() + !file.auto_storage.empty() != 1)
      return locator.error(place, "one of url, container and auto_storage is wanted");
    if (!file.url.empty() && file.path.empty())
      return locator.error(place, "path is missing", "the file's name in the task's working directory");
    if (!file.url.empty() && !file.prefix.empty())
      return locator.error(place + ".prefix", "goes with a container, not with url");
    if (file.path.starts_with('/'))
      return locator.error(place + ".path",
                           "a path in the task's working directory is wanted, without / in front");
    files.push_back(std::move(file));
  }
  return files;
}

ContainerWish::Device device_of(const json& object, const char* key) {
  const std::string word = text_of(object, key, "auto");
  if (word == "yes") return ContainerWish::Device::kYes;
  return word == "no" ? ContainerWish::Device::kNo : ContainerWish::Device::kAuto;
}

/// `path`: "" or "tasks[1]."; `object` holds what is said for all tasks too.
Result<TaskWish> read_task(const json& object, const std::string& path, const Locator& locator) {
  TaskWish task;
  task.id = text_of(object, "id", "mpi");
  task.image = text_of(object, "image");
  task.nodes = object.value("nodes", 1);
  task.command = text_of(object, "command");
  task.coordination = text_of(object, "coordination");
  task.environment = object.value("environment", std::map<std::string, std::string>());
  if (task.environment.contains("SHIPYARD_SSH_KEY"))
    return locator.error(path + "environment.SHIPYARD_SSH_KEY", "each job gets a key of its own",
                         "leave it out; a key in a file would be one for whoever can read that");
  for (auto [key, files] :
       {std::pair{"resource_files", &task.resource_files}, {"common_files", &task.common_files}}) {
    auto read = resource_files(object, key, path, locator);
    if (!read) return read.error();
    *files = std::move(*read);
  }
  for (const auto& item : object.value("output_files", json::array())) {
    task.output_files.push_back({text_of(item, "pattern"), text_of(item, "container"), text_of(item, "path"),
                                 text_of(item, "identity"), text_of(item, "when", "completion")});
  }
  const json limits = part(object, "limits");
  task.limits = {text_of(limits, "time"), limits.value("retries", 0), text_of(limits, "retention")};
  if (task.limits.time == "PT0S")
    return locator.error(path + "limits.time", "0 would end the task before it starts",
                         "without it there is no limit");
  const json user = part(object, "user");
  task.user = {text_of(user, "name"), user.value("admin", true), text_of(user, "scope", "pool")};
  if (!task.user.name.empty() && (user.contains("admin") || user.contains("scope")))
    return locator.error(path + "user.name",
                         "a user of the pool has its rights already: without admin and scope");
  const json container = part(object, "container");
  task.container.options = texts_of(container, "options");
  task.container.shm_size = text_of(container, "shm_size", "1g");
  task.container.unlimited_memlock = container.value("unlimited_memlock", true);
  task.container.infiniband = device_of(container, "infiniband");
  task.container.gpus = device_of(container, "gpus");
  task.container.mounts = texts_of(container, "mounts");
  task.container.working_directory = text_of(container, "working_directory");
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
  if (task.image.empty())
    return locator.error(path + "image", "is missing", "the container image that the task runs in");
  if (task.image[0] == '-' || task.image.find_first_of(" \t\n'\"$`\\;&|<>()") != std::string::npos)
    return locator.error(path + "image", fmt::format("'{}' is not the name of an image", task.image));
  return task;
}

/// Keys of `own` in place of those for all tasks; variables beside them.
json merged_task(const json& common, const json& own) {
  json task = common;
  // A user with a name and an automatic one have nothing in common.
  const bool another_user = part(own, "user").contains("name") != part(common, "user").contains("name");
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

/// Letters, digits, and some more.
bool consists_of(const std::string& text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

/// What Batch allows as id of a pool, a job or a task.
std::string fault_of_id(const std::string& id) {
  return id.size() <= 64 && consists_of(id, "-_")
             ? ""
             : fmt::format("'{}' is no id for Batch: letters, digits, '-' and '_', 64 at most", id);
}

Result<PoolWish> read_pool(const json& object, const Locator& locator, const SecretReader& secrets) {
  PoolWish pool;
  pool.id = text_of(object, "id");
  pool.vm_size = text_of(object, "vm_size");
  pool.vm_image = text_of(object, "vm_image", pool.vm_image);
  pool.node_agent = text_of(object, "node_agent", pool.node_agent);
  if (object.contains("dedicated")) pool.dedicated = object["dedicated"].get<int>();
  pool.spot = object.value("spot", 0);
  pool.native = object.value("native", false);
  pool.images = texts_of(object, "images");
  pool.subnet = text_of(object, "subnet");
  pool.start_task = text_of(object, "start_task");
  pool.resize_timeout = text_of(object, "resize_timeout");
  if (pool.id.empty() && pool.vm_size.empty())
    return locator.error("pool", "id or vm_size is wanted", "an existing pool, or the VMs of one to be made");
  if (const auto fault = fault_of_id(pool.id); !fault.empty()) return locator.error("pool.id", fault);
  if (!pool.is_new()) {
    for (const auto& [key, value] : object.items()) {
      if (key != "id" && key != "native")
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
    Registry registry{text_of(item, "server"), text_of(item, "user"), *password, text_of(item, "identity")};
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
    pool.registries.push_back(std::move(registry));
  }
  for (const auto& item : object.value("mounts", json::array())) {
    const std::string path = fmt::format("pool.mounts[{}]", pool.mounts.size());
    auto key = secret_of(item, "key", secrets);
    if (!key) return locator.error(path, key.error().message, key.error().hint);
    PoolMount mount{text_of(item, "kind"),
                    text_of(item, "source"),
                    text_of(item, "path"),
                    text_of(item, "account"),
                    *key,
                    text_of(item, "identity"),
                    text_of(item, "options")};
    if (mount.kind != "nfs" && mount.account.empty()) return locator.error(path, "account is missing");
    if (mount.kind != "nfs" && mount.key.empty() == mount.identity.empty())
      return locator.error(path, mount.kind == "blob" ? "one of key_variable, key_file and identity is wanted"
                                                      : "key_variable or key_file is wanted");
    if (mount.kind != "blob" && !mount.identity.empty())
      return locator.error(path + ".identity", "goes with kind blob");
    pool.mounts.push_back(std::move(mount));
  }
  return pool;
}

}  // namespace

const std::vector<Field>& job_file_fields() {
  static const std::vector<Field> fields = job_fields();
  return fields;
}

Result<JobFile> read_job_file(const Source& source, const SecretReader& secrets) {
  const auto document = parse_document(source);
  if (!document) return document.error();
  const auto read = read_fields(*document, source, job_file_fields());
  if (!read) return read.error();
  const Locator locator(*document, source);

  JobFile job;
  job.id = text_of(*read, "id");
  if (const auto fault = fault_of_id(job.id); !fault.empty()) return locator.error("id", fault);
  auto pool = read_pool((*read)["pool"], locator, secrets);
  if (!pool) return pool.error();
  job.pool = std::move(*pool);
  job.auto_complete = read->value("auto_complete", true);

  const json raw = part(*read, "raw");
  for (const auto& [key, value] : raw.items()) {
    if (!value.is_object()) return locator.error("raw." + key, "a mapping is wanted");
  }
  job.raw_job = part(raw, "job");
  job.raw_pool = part(raw, "pool");
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
    task->raw = part(raw, "task");
    const json own = part(tasks[i], "raw");
    if (!own.is_object()) return locator.error(path + "raw", "a mapping is wanted");
    // No merge patch: a null of the task's own is for the request, from which it removes something.
    task->raw.update(own, true);
    job.tasks.push_back(std::move(*task));
  }
  return job;
}

}  // namespace shipyard::batch
