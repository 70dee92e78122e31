#include "batch/client/shipyard_config_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "batch/client/job_file.hpp"
#include "batch/client/shipyard_config.hpp"
#include "client_shipyard_config_sample.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

class GivenSecrets final : public SecretReader {
 public:
  Result<Secret> from_variable(const std::string& /*name*/) const override { return Secret("given"); }
  Result<Secret> from_file(const std::string& /*path*/) const override { return Secret("given"); }
};

/// The four files as JSON, of which parts are easily left out or changed.
struct Documents {
  json jobs, pool, config, credentials;
};

json document(const char* text) {
  const auto node = parse_document({"sample", text});
  return node ? as_json(*node) : json();
}

Documents every_key() {
  return {document(kEveryJobsKey), document(kEveryPoolKey), document(kEveryConfigKey),
          document(kEveryCredentialsKey)};
}

Result<Conversion> convert(const Documents& documents) {
  return convert_shipyard_config({Source{"jobs.yaml", documents.jobs.dump(1)},
                                  Source{"pool.yaml", documents.pool.dump(1)},
                                  Source{"config.yaml", documents.config.dump(1)},
                                  Source{"credentials.yaml", documents.credentials.dump(1)}});
}

/// All that comes of it.
std::string shown(const Result<Conversion>& conversion) {
  if (!conversion) {
    const Error& error = conversion.error();
    return error.message + "\n" + error.hint + "\n" + error.excerpt.text;
  }
  std::string text;
  for (const auto& job : conversion->jobs) text += job.job_file.dump(1) + "\n";
  for (const auto& line : conversion->not_carried) text += line + "\n";
  return text;
}

/// Of every scalar: `/a/0/b` and `a[0].b`.
void leaves(const json& value, const json::json_pointer& pointer, const std::string& path,
            std::vector<std::pair<json::json_pointer, std::string>>& found) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items())
      leaves(child, pointer / key, path.empty() ? key : path + "." + key, found);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      leaves(value[i], pointer / i, path + "[" + std::to_string(i) + "]", found);
  } else {
    found.emplace_back(pointer, path);
  }
}

/// A line says that the key, or one around it, is not carried; or that the user has to do something about it.
bool is_listed(const Conversion& conversion, const std::string& file, const std::string& path) {
  return std::any_of(conversion.not_carried.begin(), conversion.not_carried.end(),
                     [&](const std::string& line) {
                       if (!line.starts_with(file + ":")) return false;
                       const auto begin = line.find(": ") + 2;
                       const std::string key = line.substr(begin, line.find(": ", begin) - begin);
                       return line.compare(begin + key.size(), 14, ": not carried:") == 0 &&
                              (path == key || path.starts_with(key + ".") || path.starts_with(key + "["));
                     });
}

/// Another value of the same kind.
json changed(const json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<int>() + 1;
  return value.get<std::string>() + "x";
}

/// A pool made with the job; one that exists; one made of an image of the user's, whose Docker is its own.
class EveryShipyardKey : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Pools, EveryShipyardKey, testing::Values("Auto", "Existing", "CustomImage"),
                         [](const auto& pool) { return std::string(pool.param); });

TEST_P(EveryShipyardKey, IsCarriedOrListed) {
  Documents all = every_key();
  const std::string pool = GetParam();
  if (pool == "Existing") all.jobs["job_specifications"][0].erase("auto_pool");
  if (pool == "CustomImage") {
    all.pool["pool_specification"]["vm_configuration"] = {{"custom_image",
                                                           {{"arm_image_id", "/subscriptions/s/image"},
                                                            {"node_agent", "batch.node.ubuntu 22.04"},
                                                            {"native", false},
                                                            {"license_type", "windows_server"}}}};
  }
  const auto whole = convert(all);
  ASSERT_TRUE(whole) << whole.error().message << whole.error().hint;
  int carried = 0;
  int listed = 0;
  for (const auto& [name, member] : {std::pair{"jobs.yaml", &Documents::jobs},
                                     {"pool.yaml", &Documents::pool},
                                     {"config.yaml", &Documents::config},
                                     {"credentials.yaml", &Documents::credentials}}) {
    std::vector<std::pair<json::json_pointer, std::string>> places;
    leaves(all.*member, json::json_pointer(), "", places);
    EXPECT_GT(places.size(), 30u) << name;
    for (const auto& [pointer, path] : places) {
      if (is_listed(*whole, name, path)) {
        ++listed;
        continue;
      }
      // What is carried makes a difference, be it that another value of it is refused.
      Documents other = all;
      (other.*member)[pointer] = changed((all.*member)[pointer]);
      const auto again = convert(other);
      EXPECT_NE(shown(again), shown(whole)) << name << ": " << path << " is lost";
      ++carried;
    }
  }
  EXPECT_GT(carried, 70);
  EXPECT_GT(listed, 90);
}

TEST(ShipyardConfigKeys, EveryKeyOfTheSchemasIsKnown) {
  const auto whole = convert(every_key());
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_THAT(whole->not_carried, testing::Each(testing::Not(testing::HasSubstr("has no such key"))));
}

TEST(ShipyardConfigKeys, AnUnknownKeyIsListedAnywhere) {
  const Documents all = every_key();
  const std::string whole = shown(convert(all));
  std::set<std::string> done;
  for (const auto& [name, member] : {std::pair{"jobs.yaml", &Documents::jobs},
                                     {"pool.yaml", &Documents::pool},
                                     {"config.yaml", &Documents::config},
                                     {"credentials.yaml", &Documents::credentials}}) {
    std::vector<std::pair<json::json_pointer, std::string>> places;
    leaves(all.*member, json::json_pointer(), "", places);
    for (auto [pointer, path] : places) {
      // Beside every leaf, in the mapping it is in; into a list nothing fits.
      pointer.pop_back();
      if (!(all.*member)[pointer].is_object()) continue;
      path.resize(path.rfind('.') == std::string::npos ? 0 : path.rfind('.'));
      const std::string key = path.empty() ? "zz_unknown" : path + ".zz_unknown";
      if (!done.insert(key).second) continue;
      Documents other = all;
      (other.*member)[pointer]["zz_unknown"] = "value";
      const auto again = convert(other);
      // Variables have the user's own names.
      EXPECT_TRUE((again && is_listed(*again, name, key)) || shown(again) != whole) << name << ": " << key;
    }
  }
}

TEST(ShipyardConfigKeys, EveryConvertedJobFileReadsBack) {
  const auto whole = convert(every_key());
  ASSERT_TRUE(whole) << whole.error().message;
  for (const auto& job : whole->jobs) {
    const auto read =
        read_job_file({"converted.yaml", job_file_text(job, whole->not_carried)}, GivenSecrets());
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
  }
}

TEST(ShipyardConfigKeys, NoSecretIsInTheResultOrInAnError) {
  const Documents all = every_key();
  EXPECT_THAT(shown(convert(all)), testing::Not(testing::HasSubstr("THE-SECRET")));
  std::vector<std::pair<json::json_pointer, std::string>> places;
  leaves(all.credentials, json::json_pointer(), "", places);
  for (const auto& [pointer, path] : places) {
    Documents other = all;
    other.credentials[pointer] = json::array({"THE-SECRET", json::object({{"THE-KEY", "THE-SECRET"}})});
    EXPECT_THAT(shown(convert(other)), testing::Not(testing::HasSubstr("THE-SECRET"))) << path;
  }
  // A fault of YAML on the line of a password.
  for (const auto* text : {"credentials:\n  batch:\n    account_key: [THE-SECRET\n",
                           "credentials: {account_key: 'THE-SECRET\n", "THE-SECRET"}) {
    const auto refused = convert_shipyard_config(
        {Source{"jobs.yaml", kEveryJobsKey}, std::nullopt, std::nullopt, Source{"credentials.yaml", text}});
    ASSERT_FALSE(refused);
    EXPECT_THAT(shown(refused), testing::Not(testing::HasSubstr("THE-SECRET")));
  }
}

TEST(ShipyardConfigKeys, KnowsNamesOfTheUsers) {
  const auto key = find_shipyard_key("credentials.docker_registry", "registry.example.com");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->pattern, "credentials.docker_registry.*");
  EXPECT_EQ(find_shipyard_key("credentials.storage", "aad")->pattern, "credentials.storage.aad");
  EXPECT_FALSE(find_shipyard_key("job_specifications[]", "job_preparation"));
  EXPECT_EQ(shipyard_keys_below("job_specifications[].tasks[].multi_instance.mpi"),
            (std::vector<std::string>{"executable_path", "options", "processes_per_node", "runtime"}));
}

}  // namespace
}  // namespace shipyard::batch
