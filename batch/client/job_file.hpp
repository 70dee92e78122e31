#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "batch/client/document.hpp"
#include "batch/client/schema.hpp"

namespace shipyard::batch {

/// A file that Batch brings to a node. Exactly one of the first three says where it is.
struct ResourceFile {
  std::string url;           ///< of one file
  std::string container;     ///< URL of a storage container: all its blobs, or those below `prefix`
  std::string auto_storage;  ///< name of a container in the account's own storage
  std::string prefix;
  std::string path;      ///< in the task's working directory; of a container: the directory
  std::string mode;      ///< octal: "0600"
  std::string identity;  ///< resource id of the managed identity that may read it
};

/// Files that Batch stores when the task has ended.
struct OutputFile {
  std::string pattern;    ///< relative to the task's working directory: "../std*.txt", "**/*.vtk"
  std::string container;  ///< URL of a storage container
  std::string path;       ///< in there
  std::string identity;
  std::string when = "completion";  ///< success, failure, completion
};

/// A container registry that wants a login.
struct Registry {
  std::string server;    ///< myregistry.azurecr.io
  std::string user;      ///< with a password; of a pool that is to be made
  Secret password;       ///< read from the file or variable that the job file names
  std::string identity;  ///< resource id of a managed identity of an existing pool, in place of both
};

/// A file system that Batch mounts on each node, below $AZ_BATCH_NODE_MOUNTS_DIR/PATH.
struct PoolMount {
  std::string kind;     ///< azure-files, blob, nfs, cifs
  std::string source;   ///< azure-files: the share's URL; nfs and cifs: SERVER:/PATH, //SERVER/SHARE; blob:
                        ///< the container
  std::string path;     ///< relative
  std::string account;  ///< storage account (azure-files, blob), user (cifs)
  Secret key;           ///< the account's key, the user's password
  std::string options;
};

struct PoolWish {
  std::string id;  ///< an existing pool, or the name for `pool create`
  std::vector<Registry> registries;
  // All below: of a pool that is to be made.
  std::string vm_size;
  std::string vm_image =
      "microsoft-dsvm:ubuntu-hpc:2204:latest";  ///< publisher:offer:sku[:version], or a resource id
  std::string node_agent = "batch.node.ubuntu 22.04";
  std::optional<int> dedicated;  ///< none given, and no `spot`: as many as the job needs
  int spot = 0;
  bool native = false;  ///< Batch starts the containers itself (containerConfiguration); of any pool
  std::vector<std::string> images;  ///< are there before a task starts; the job's own comes by itself
  std::string subnet;               ///< resource id
  std::string start_task;
  std::vector<PoolMount> mounts;
  std::string resize_timeout;

  /// To be made, with the job's lifetime.
  [[nodiscard]] bool is_new() const { return !vm_size.empty(); }
};

struct ContainerWish {
  enum class Device { kAuto, kYes, kNo };  ///< kAuto: where the node has it

  std::vector<std::string> options;  ///< of `docker run`, as they are
  std::string shm_size = "1g";
  bool unlimited_memlock = true;
  Device infiniband = Device::kAuto;
  Device gpus = Device::kAuto;
  std::vector<std::string> mounts;  ///< SOURCE:TARGET[:ro], paths of the node
  std::string working_directory;    ///< empty: the task's own
  bool keep = false;                ///< leave it up when the job is over
};

struct Limits {
  std::string time;       ///< of the task, ISO 8601; empty: none
  int retries = 0;        ///< Batch's own, after any failure (maxTaskRetryCount); -1: without an end
  std::string retention;  ///< of the task's directory on the node
};

struct UserWish {
  std::string name;  ///< of a user account of the pool; empty: an auto user
  bool admin = true;
  std::string scope = "pool";  ///< pool, task
};

/// One multi-instance task.
struct TaskWish {
  std::string id = "mpi";
  std::string image;
  int nodes = 1;
  std::string command;       ///< the application command, of a shell; empty: it comes with the command line
  std::string coordination;  ///< of a shell; empty: the default of the pool's kind
  std::map<std::string, std::string> environment;
  std::vector<ResourceFile> resource_files;  ///< to the primary
  std::vector<ResourceFile> common_files;    ///< to every node
  std::vector<OutputFile> output_files;
  Limits limits;
  UserWish user;
  ContainerWish container;
  nlohmann::json raw = nlohmann::json::object();  ///< merged last into the task's request
};

/// A job of one task, or of several that share all that is said outside of `tasks`.
struct JobFile {
  std::string id;  ///< empty: made up at submission
  PoolWish pool;
  std::vector<TaskWish> tasks;                         ///< at least one, with different ids
  bool auto_complete = true;                           ///< the job ends with its last task
  nlohmann::json raw_job = nlohmann::json::object();   ///< merged last into the job's request
  nlohmann::json raw_pool = nlohmann::json::object();  ///< merged last into the pool's
};

/// The keys of a job file, in the order of their documentation.
[[nodiscard]] const std::vector<Field>& job_file_fields();

/// Where the secrets come from that a job file names (`password_variable`, `password_file`, `key_…`).
/// A relative file is one beside the job file; one that others than its owner can read is refused.
class SecretReader {
 public:
  virtual ~SecretReader() = default;
  virtual Result<Secret> from_variable(const std::string& name) const = 0;
  virtual Result<Secret> from_file(const std::string& path) const = 0;
};

/// Checks everything that can be checked without Batch: keys, types, and what contradicts itself. Errors name
/// line and key.
Result<JobFile> read_job_file(const Source& source, const SecretReader& secrets);

}  // namespace shipyard::batch
