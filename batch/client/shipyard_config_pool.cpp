#include "batch/client/shipyard_config_pool.hpp"

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/schema.hpp"

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;

/// Batch's node agent for an image of the marketplace, which Batch Shipyard asks Batch for; empty where it
/// cannot be told from the names.
std::string node_agent_for(const std::string& offer_as_written, const std::string& sku) {
  const std::string offer = to_lower(offer_as_written);
  for (const char* version : {"16.04", "18.04", "20.04", "22.04", "24.04"}) {
    const std::string digits = std::string(version).substr(0, 2) + std::string(version).substr(3);
    const std::string dashed = std::string(version).substr(0, 2) + "-" + std::string(version).substr(3);
    for (const std::string& form : {std::string(version), digits, dashed, dashed.substr(0, 3) + "04"}) {
      if (offer.find("ubuntu") != std::string::npos &&
          (sku.find(form) != std::string::npos || offer.find(form) != std::string::npos))
        return std::string("batch.node.ubuntu ") + version;
    }
  }
  if (offer.find("centos") == 0 && (sku.starts_with("7") || sku.starts_with("8")))
    return std::string("batch.node.centos ") + sku[0];
  if (offer.find("almalinux") == 0 && (sku.starts_with("8") || sku.starts_with("9")))
    return std::string("batch.node.el ") + sku[0];
  if (offer.find("debian") == 0 && (sku.starts_with("10") || sku.starts_with("11") || sku.starts_with("12")))
    return "batch.node.debian " + sku.substr(0, 2);
  return "";
}

bool is_native(const ConfigValue& pool) {
  const auto image = pool["vm_configuration"];
  for (const char* kind : {"platform_image", "custom_image"}) {
    const auto flag = image[kind]["native"].flag();
    if (flag && *flag) return true;
  }
  return false;
}

class NewPool {
 public:
  NewPool(const ConfigFiles& files, const ConfigValue& spec) : files_(files), spec_(spec) {}

  Json convert() {
    pool_["id"] = spec_["id"].text();
    if (pool_["id"].get<std::string>().empty()) pool_.erase("id");
    pool_["vm_size"] = spec_["vm_size"].text();
    if (pool_["vm_size"].get<std::string>().empty()) spec_.fail("vm_size is missing");
    image();
    counts();
    const bool native = is_native(spec_);
    if (native) pool_["native"] = true;
    if (const auto images = files_.config["global_resources"]["docker_images"].texts(); !images.empty())
      pool_["images"] = images;
    registries();
    subnet();
    start_task();
    if (const auto timeout = spec_["resize_timeout"].seconds())
      pool_["resize_timeout"] = iso_duration(*timeout);
    return std::move(pool_);
  }

 private:
  void image() {
    const auto configuration = spec_["vm_configuration"];
    const auto custom = configuration["custom_image"];
    const auto platform = configuration["platform_image"];
    if (custom) {
      if (platform) {
        custom.fail("there is a platform_image too", "one of the two is wanted");
        return;
      }
      pool_["vm_image"] = custom["arm_image_id"].text();
      pool_["node_agent"] = custom["node_agent"].text();
      for (const char* key : {"arm_image_id", "node_agent"}) {
        if (!custom[key]) custom.fail(std::string(key) + " is missing");
      }
      return;
    }
    if (!platform) {
      spec_.fail("vm_configuration is missing", "with platform_image or custom_image");
      return;
    }
    const std::string publisher = platform["publisher"].text();
    const std::string offer = platform["offer"].text();
    const std::string sku = platform["sku"].text();
    const std::string version = platform["version"].text();
    if (publisher.empty() || offer.empty() || sku.empty()) {
      platform.fail("publisher, offer and sku are wanted");
      return;
    }
    const std::string agent = node_agent_for(offer, sku);
    const std::string name =
        fmt::format("{}:{}:{}:{}", publisher, offer, sku, version.empty() ? "latest" : version);
    if (agent.empty()) {
      platform.note(
          fmt::format("not carried: the node agent for {} is not known here: set pool.vm_image and "
                      "pool.node_agent (`az batch pool supported-images list`), else the default "
                      "image is taken",
                      name));
      return;
    }
    pool_["vm_image"] = name;
    pool_["node_agent"] = agent;
    if (!is_native(spec_))
      platform.note(
          "Batch Shipyard installs Docker on the nodes, and here nothing does: take an image that has it "
          "(microsoft-dsvm:ubuntu-hpc), or let pool.start_task install it");
  }

  void counts() {
    spec_["inter_node_communication_enabled"].accept_flag(true);
    if (spec_["max_tasks_per_node"].peek() == "1") (void)spec_["max_tasks_per_node"].number(1, 1);
    const auto count = spec_["vm_count"];
    if (const auto dedicated = count["dedicated"].number(0, 100'000)) pool_["dedicated"] = *dedicated;
    if (const auto spot = count["low_priority"].number(0, 100'000); spot && *spot > 0) {
      if (pool_.value("dedicated", 0) > 0) {
        count["low_priority"].not_carried(
            "Batch refuses dedicated and Spot nodes in one pool where nodes are to speak with each other");
        return;
      }
      pool_["spot"] = *spot;
      count["low_priority"].note("low-priority nodes are Spot nodes now");
    }
  }

  void registries() {
    const auto logins = files_.credentials["credentials"]["docker_registry"];
    const auto entries = logins.entries();
    Json list = Json::array();
    for (const auto& [server, login] : entries) {
      const std::string user = login["username"].text();
      if (user.empty()) {
        login.fail("username is missing");
        return;
      }
      const std::string variable = entries.size() == 1
                                       ? "SHIPYARD_REGISTRY_PASSWORD"
                                       : secret_variable("SHIPYARD_REGISTRY_PASSWORD", server);
      // "hub" is Batch Shipyard's word for it.
      list.push_back({{"server", server == "hub" ? "docker.io" : server},
                      {"user", user},
                      {"password_variable", variable}});
      const std::string say =
          fmt::format("no secret is written to a job file: set {} to the password", variable);
      if (login["password"]) {
        login["password"].not_carried(say);
      } else {
        login.note("not carried: " + say);
      }
    }
    if (!list.empty()) pool_["registries"] = std::move(list);
    for (const auto& server : files_.config["global_resources"]["additional_registries"]["docker"].items()) {
      if (logins[server.peek()]) (void)server.text();
    }
  }

  void subnet() {
    const auto network = spec_["virtual_network"];
    if (const std::string id = network["arm_subnet_id"].text(); !id.empty()) {
      pool_["subnet"] = id;
      return;
    }
    if (!network) return;
    const auto subscription = files_.credentials["credentials"]["management"]["subscription_id"];
    const auto group = network["resource_group"]
                           ? network["resource_group"]
                           : files_.credentials["credentials"]["batch"]["resource_group"];
    if (!subscription || !group || !network["name"] || !network["subnet"]["name"]) return;
    pool_["subnet"] = fmt::format(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/virtualNetworks/{}/subnets/{}",
        subscription.text(), group.text(), network["name"].text(), network["subnet"]["name"].text());
  }

  void start_task() {
    std::string command;
    const auto prepare = spec_["additional_node_prep"];
    for (const auto& [name, value] : prepare["environment_variables"].entries())
      command += fmt::format("export {}={}; ", name, shell_quote(value.text()));
    for (const auto& commands : {prepare["commands"], spec_["additional_node_prep_commands"]}) {
      for (const char* when : {"pre", "post"}) {
        for (const auto& line : commands[when].texts()) command += line + "; ";
      }
    }
    if (command.empty()) return;
    command.resize(command.size() - 2);
    // As Batch Shipyard does it: the first one that fails makes the node unusable.
    pool_["start_task"] = "set -e; " + command;
  }

  const ConfigFiles& files_;
  ConfigValue spec_;
  Json pool_ = Json::object();
};

}  // namespace

ConvertedPool convert_pool(const ConfigFiles& files, const ConfigValue& job) {
  ConvertedPool converted;
  const auto spec = files.pool["pool_specification"];
  if (files.pool && !spec) files.pool.fail("pool_specification is missing");
  converted.native = is_native(spec);
  const auto auto_pool = job["auto_pool"];
  if (auto_pool.is_mapping()) {
    converted.is_new = true;
    if (!files.pool) {
      auto_pool.fail("the pool's specification is in pool.yaml, which was not given",
                     "give pool.yaml as well");
      return converted;
    }
    converted.pool = NewPool(files, spec).convert();
    const std::string lifetime = auto_pool["pool_lifetime"].peek();
    if (lifetime.empty() || lifetime == "job") (void)auto_pool["pool_lifetime"].text();
    const auto keep_alive = auto_pool["keep_alive"].flag();
    if (keep_alive && *keep_alive) converted.raw_job["poolInfo"]["autoPoolSpecification"]["keepAlive"] = true;
    return converted;
  }
  (void)auto_pool.entries();  // anything else than a mapping is a fault
  converted.pool = {{"id", "my-pool"}};
  if (!files.pool) {
    job.note("pool.yaml was not given: write the pool's id in place of 'my-pool'");
    return converted;
  }
  if (const std::string id = spec["id"].text(); !id.empty()) {
    converted.pool["id"] = id;
  } else {
    spec.fail("id is missing");
  }
  if (converted.native) converted.pool["native"] = true;
  spec["inter_node_communication_enabled"].accept_flag(true);
  if (spec["max_tasks_per_node"].peek() == "1") (void)spec["max_tasks_per_node"].number(1, 1);
  return converted;
}

std::optional<long long> pool_vm_count(const ConfigFiles& files, const char* kind) {
  return files.pool["pool_specification"]["vm_count"][kind].number(0, 100'000);
}

}  // namespace shipyard::batch
