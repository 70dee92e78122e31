#include "batch/client/shipyard_config_storage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kIdentity =
    "the container wants a managed identity (identity) or a signature in its URL: the account's key is not "
    "used for that";

/// "container/dir/dir": the container and the rest.
std::pair<std::string, std::string> cut_remote_path(std::string path) {
  while (path.starts_with('/')) path.erase(0, 1);
  const auto slash = path.find('/');
  if (slash == std::string::npos) return {path, ""};
  std::string rest = path.substr(slash + 1);
  while (rest.ends_with('/')) rest.pop_back();
  return {path.substr(0, slash), rest};
}

/// The path relative to the task's working directory; none where it is elsewhere.
std::optional<std::string> in_working_directory(std::string path) {
  for (const char* root : {"$AZ_BATCH_TASK_WORKING_DIR", "${AZ_BATCH_TASK_WORKING_DIR}", "$AZ_BATCH_TASK_DIR",
                           "${AZ_BATCH_TASK_DIR}"}) {
    const std::string name = root;
    if (path != name && !path.starts_with(name + "/")) continue;
    std::string rest = path == name ? "" : path.substr(name.size() + 1);
    while (rest.ends_with('/')) rest.pop_back();
    if (name.find("WORKING") != std::string::npos) return rest;
    if (rest == "wd") return "";
    if (rest.starts_with("wd/")) return rest.substr(3);
    return rest.empty() ? ".." : "../" + rest;
  }
  if (path.starts_with('/') || path.starts_with('$')) return std::nullopt;
  while (path.ends_with('/')) path.pop_back();
  return path;
}

bool is_file_share(const ConfigValue& data) {
  const auto flag = data["is_file_share"].flag();
  return flag && *flag;
}

class SharedVolumeConverter {
 public:
  SharedVolumeConverter(const ConfigFiles& files, std::string name, const ConfigValue& volume,
                        const ConfigValue& wanted_by, Json* pool_mounts)
      : files_(files),
        name_(std::move(name)),
        volume_(volume),
        wanted_by_(wanted_by),
        pool_mounts_(pool_mounts) {}

  /// Where a node has the volume; empty, with a line, where it does not.
  std::string node_path() {
    const std::string driver = volume_["volume_driver"].text();
    if (driver == "azurefile") return storage("azure_file_share_name", "azfile", "azure-files");
    if (driver == "azureblob") return storage("azure_blob_container_name", "azblob", "blob");
    if (driver == "custom_linux_mount") return custom();
    if (driver == "storage_cluster" || driver == "glusterfs_on_compute") {
      if (pool_mounts_ == nullptr)
        return existing(driver == "storage_cluster" ? name_ : "gluster_on_compute/gv0");
      wanted_by_.note(
          fmt::format("not carried: volume '{}': no file server is made or joined ({}): mount it "
                      "with pool.mounts or pool.start_task",
                      name_, driver));
      volume_.not_carried(fmt::format("no file server is made or joined ({})", driver));
      return "";
    }
    (driver.empty() ? volume_ : volume_["volume_driver"])
        .fail(driver.empty() ? "volume_driver is missing" : fmt::format("unknown volume driver '{}'", driver),
              "azureblob, azurefile, custom_linux_mount, glusterfs_on_compute or storage_cluster");
    return "";
  }

 private:
  /// Where Batch Shipyard's own nodes have it.
  std::string existing(const std::string& directory) {
    std::string path = "$AZ_BATCH_NODE_ROOT_DIR/mounts/" + directory;
    volume_.note(
        fmt::format("taken to be at {} on the nodes, where Batch Shipyard mounts it: check it", path));
    return path;
  }

  std::string mounted(Json mount) {
    mount["path"] = name_;
    const auto is_same = [&](const Json& other) { return other["path"] == name_; };
    if (std::none_of(pool_mounts_->begin(), pool_mounts_->end(), is_same))
      pool_mounts_->push_back(std::move(mount));
    return "$AZ_BATCH_NODE_MOUNTS_DIR/" + name_;
  }

  std::string lost(const std::string& reason) {
    wanted_by_.note(fmt::format("not carried: volume '{}': {}", name_, reason));
    volume_.not_carried(reason);
    return "";
  }

  std::string storage(const char* name_key, const char* directory, const char* kind) {
    const auto link = volume_["storage_account_settings"];
    const std::string share = volume_[name_key].text();
    if (!link) return lost("storage_account_settings is missing");
    if (share.empty()) return lost(std::string(name_key) + " is missing");
    const auto account = storage_account(files_, link, fmt::format("volume '{}'", name_));
    if (!account) return volume_.not_carried("its storage account is not known"), "";
    if (pool_mounts_ == nullptr) return existing(fmt::format("{}-{}-{}", directory, account->name, share));
    const bool is_blob = std::string_view(kind) == "blob";
    Json mount = {
        {"kind", kind},
        {"source",
         is_blob ? share : fmt::format("https://{}.file.{}/{}", account->name, account->endpoint, share)},
        {"path", name_},
        {"account", account->name},
        {"key_variable", secret_variable("SHIPYARD_STORAGE_KEY", link.text())}};
    const auto options = volume_["mount_options"].texts();
    if (!options.empty())
      mount["options"] = is_blob ? fmt::format("{}", fmt::join(options, " "))
                                 : fmt::format("-o {}", fmt::join(options, ","));
    const std::string say = fmt::format(
        "not carried: no secret is written to a job file: set {} to the key of "
        "the storage account '{}'",
        mount["key_variable"].get<std::string>(), account->name);
    if (account->key) {
      account->key.not_carried(say.substr(std::string("not carried: ").size()));
    } else {
      link.note(say);
    }
    return mounted(std::move(mount));
  }

  std::string custom() {
    if (pool_mounts_ == nullptr) return existing(name_);
    const auto entry = volume_["fstab_entry"];
    const std::string type = entry["fs_vfstype"].text();
    if (type != "nfs" && type != "nfs4")
      return lost(fmt::format(
          "a file system of type '{}' is not mounted by Batch: mount it with pool.start_task", type));
    Json mount = {{"kind", "nfs"}, {"source", entry["fs_spec"].text()}, {"path", name_}};
    if (const std::string options = entry["fs_mntops"].text(); !options.empty())
      mount["options"] = "-o " + options;
    return mounted(std::move(mount));
  }

  const ConfigFiles& files_;
  std::string name_;
  ConfigValue volume_;
  ConfigValue wanted_by_;
  Json* pool_mounts_;
};

std::string bind_suffix(const ConfigValue& volume) {
  const std::string options = volume["bind_options"].text();
  if (!options.empty() && options != "ro" && options != "rw")
    volume["bind_options"].fail(fmt::format("'{}' is neither ro nor rw", options));
  return options == "ro" ? ":ro" : "";
}

void add_mount(Volumes& volumes, const std::string& source, const std::string& target,
               const std::string& suffix) {
  // container.mounts takes only a target that is a path; `docker run` also one with a variable.
  if (target.starts_with('/')) {
    volumes.mounts.push_back(source + ":" + target + suffix);
  } else {
    volumes.options.push_back("--volume=" + source + ":" + target + suffix);
  }
}

}  // namespace

std::optional<StorageAccount> storage_account(const ConfigFiles& files, const ConfigValue& link,
                                              const std::string& what_is_lost) {
  const std::string name = link.text();
  const auto account = files.credentials["credentials"]["storage"][name];
  const std::string account_name = account["account"].text();
  if (account_name.empty()) {
    link.note(fmt::format("not carried: {}: credentials.yaml {} storage account '{}'", what_is_lost,
                          files.credentials ? "has no" : "was not given, which has", name));
    return std::nullopt;
  }
  std::string endpoint = account["endpoint"].text();
  if (endpoint.empty()) endpoint = "core.windows.net";
  return StorageAccount{account_name, endpoint, account["account_key"]};
}

std::string secret_variable(const std::string& prefix, const std::string& name) {
  std::string variable = prefix + "_";
  for (const char c : name) {
    variable += is_alphanumeric(c) ? to_upper(c) : '_';
  }
  return variable;
}

Volumes convert_volumes(const ConfigFiles& files, const ConfigValue& job_or_task, Json* pool_mounts) {
  Volumes volumes;
  const auto known = files.config["global_resources"]["volumes"];
  for (const char* kind : {"data_volumes", "shared_data_volumes"}) {
    for (const auto& item : job_or_task[kind].items()) {
      const std::string name = item.text();
      const auto volume = known[kind][name];
      if (!volume) {
        item.note(fmt::format(
            "not carried: {} '{}'",
            files.config ? "config.yaml has no volume" : "config.yaml was not given, which has volume",
            name));
        continue;
      }
      const std::string target = volume["container_path"].text();
      if (std::string_view(kind) == "data_volumes") {
        const std::string source = volume["host_path"].text();
        if (source.empty() && target.empty()) {
          volume.fail("container_path is missing");
        } else if (source.empty()) {
          volumes.options.push_back("--volume=" + target);
        } else {
          add_mount(volumes, source, target.empty() ? source : target, bind_suffix(volume));
        }
        continue;
      }
      if (target.empty()) {
        volume.fail("container_path is missing");
        continue;
      }
      const std::string suffix = bind_suffix(volume);
      const std::string source = SharedVolumeConverter(files, name, volume, item, pool_mounts).node_path();
      if (!source.empty()) add_mount(volumes, source, target, suffix);
    }
  }
  return volumes;
}

void convert_input_data(const ConfigFiles& files, const ConfigValue& task, Json& resource_files) {
  for (const auto& data : task["input_data"]["azure_storage"].items()) {
    if (is_file_share(data)) {
      data.not_carried("files of a share are not fetched: mount it with pool.mounts");
      continue;
    }
    const auto path = in_working_directory(data["local_path"].text());
    if (!path || path->starts_with("..")) {
      data.not_carried("Batch brings files to the task's working directory alone");
      continue;
    }
    const auto account = storage_account(files, data["storage_account_settings"], "the files");
    if (!account) {
      data.not_carried("its storage account is not known");
      continue;
    }
    const auto [container, prefix] = cut_remote_path(data["remote_path"].text());
    Json file = {
        {"container", fmt::format("https://{}.blob.{}/{}", account->name, account->endpoint, container)}};
    if (!prefix.empty()) file["prefix"] = prefix;
    if (!path->empty()) file["path"] = *path;
    resource_files.push_back(std::move(file));
    data.note(kIdentity);
    if (!prefix.empty()) data.note("the files keep their whole names, '" + prefix + "' included");
  }
}

Json convert_output_data(const ConfigFiles& files, const ConfigValue& task) {
  Json output = Json::array();
  for (const auto& data : task["output_data"]["azure_storage"].items()) {
    if (is_file_share(data)) {
      data.not_carried("files are not sent to a share: mount it with pool.mounts");
      continue;
    }
    const auto local = data["local_path"];
    const auto path = local ? in_working_directory(local.text()) : std::optional<std::string>("..");
    if (!path) {
      data.not_carried("Batch sends files of the task's directory alone");
      continue;
    }
    const auto account = storage_account(files, data["storage_account_settings"], "the files");
    if (!account) {
      data.not_carried("its storage account is not known");
      continue;
    }
    const auto [container, directory] = cut_remote_path(data["remote_path"].text());
    auto patterns = data["include"].texts();
    if (patterns.empty()) patterns.emplace_back("**/*");
    for (const auto& pattern : patterns) {
      Json file = {
          {"pattern", path->empty() ? pattern : *path + "/" + pattern},
          {"container", fmt::format("https://{}.blob.{}/{}", account->name, account->endpoint, container)}};
      if (!directory.empty()) file["path"] = directory;
      file["when"] = "success";
      output.push_back(std::move(file));
    }
    data.note(kIdentity);
  }
  return output;
}

}  // namespace shipyard::batch
