#include "batch/client/job_file.hpp"

namespace shipyard::batch {
namespace {

using Type = Field::Type;

Field text(std::string name, std::string help, std::string default_text = {}) {
  return {.name = std::move(name), .help = std::move(help), .default_text = std::move(default_text)};
}

std::vector<Field> place_of_resource() {
  return {text("url", "of one file"),
          text("container", "URL of a storage container: all that is in it, or below `prefix`"),
          text("auto_storage", "name of a container in the account's own storage"),
          text("prefix", "of a container: only blobs whose names begin so"),
          text("path", "where it comes to there; of a container: a directory"),
          text("mode", "octal, of a file", "0770"),
          text("identity", "resource id of the managed identity, of an existing pool, that may read it")};
}

std::vector<Field> output_fields() {
  return {{.name = "pattern",
           .help = "which files, relative to the working directory: `../std*.txt`, `**/*.vtk`",
           .required = true},
          {.name = "container", .help = "URL of a storage container", .required = true},
          text("path", "where in the container"),
          text("identity", "resource id of the managed identity, of an existing pool, that may write there"),
          {.name = "when",
           .help = "after which end of the task",
           .values = {"success", "failure", "completion"},
           .default_text = "completion"}};
}

std::vector<Field> registry_fields() {
  return {
      {.name = "server", .help = "such as `myregistry.azurecr.io`", .required = true},
      text("user", "who logs in"),
      text("password_variable", "environment variable of shipyard-submit that holds the password"),
      text("password_file", "file that holds it; only its owner may be able to read it"),
      text("identity",
           "resource id of a managed identity of an existing pool, in place of user and password (Azure's "
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
       .help =
           "registries that want a login; of an existing pool: those that its managed identity logs in to",
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
  return {
      text("image", "container image"),
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
       .help = "files that come to the primary, into the task's working directory",
       .fields = place_of_resource()},
      {.name = "common_files",
       .type = Type::kMappings,
       .help = "files that come to every node, into the task's directory, one above its working directory",
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

}  // namespace

const std::vector<Field>& job_file_fields() {
  static const std::vector<Field> fields = job_fields();
  return fields;
}

}  // namespace shipyard::batch
