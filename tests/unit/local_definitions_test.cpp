#include "batch/local/service/definitions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

namespace shipyard::local {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

json published(const std::string& version) {
  std::ifstream file(SHIPYARD_TEST_DATA "/batch/openapi/" + version + "/BatchService.json");
  return file ? json::parse(file)["definitions"] : json();
}

/// The table's word for the kind of a published property.
json kind_of(const json& schema, const json& definitions) {
  if (schema.contains("$ref")) {
    const std::string path = schema["$ref"];
    const std::string name = path.substr(path.rfind('/') + 1);
    const json& definition = definitions.at(name);
    return definition.contains("properties") ? json(name) : kind_of(definition, definitions);
  }
  if (schema.contains("enum")) {
    std::string values;
    for (const auto& value : schema["enum"]) values += (values.empty() ? "" : "|") + value.get<std::string>();
    return values;
  }
  const std::string type = schema["type"];
  if (type == "array") return json::array({kind_of(schema["items"], definitions)});
  if (type == "integer") return schema.value("format", "int32");
  if (type == "object") return schema.contains("additionalProperties") ? "map" : "object";
  return schema.value("format", "") == "duration" ? "duration" : type;
}

TEST(LocalDefinitions, SayWhatIsPublished) {
  const json newest = published("2024-02-01.19.0");
  const json older = published("2022-10-01.16.0");
  if (newest.is_null() || older.is_null()) GTEST_SKIP() << "no batch/openapi in " << SHIPYARD_TEST_DATA;
  for (const auto& [name, keys] : definitions_table().items()) {
    if (name == "ContainerHostBatchBindMountEntry") continue;  // since 2024-07-01.20.0
    SCOPED_TRACE(name);
    std::set<std::string> seen;
    for (const json* definitions : {&newest, &older}) {
      if (!definitions->contains(name)) continue;
      const json& schema = definitions->at(name);
      const json required = schema.value("required", json::array());
      for (const auto& [key, property] : schema["properties"].items()) {
        if (property.value("readOnly", false)) continue;
        SCOPED_TRACE(key);
        const bool must = std::find(required.begin(), required.end(), key) != required.end();
        ASSERT_TRUE(keys.contains(key) || keys.contains(key + "!"));
        if (keys.contains(key + "!")) {
          EXPECT_TRUE(must);
        }
        // The newest is what counts where the two differ.
        if (!seen.insert(key).second) continue;
        EXPECT_EQ(keys.contains(key) ? keys[key] : keys[key + "!"], kind_of(property, *definitions));
      }
    }
    for (const auto& [key, kind] : keys.items()) {
      const std::string plain = key.ends_with('!') ? key.substr(0, key.size() - 1) : key;
      EXPECT_TRUE(seen.contains(plain) || plain == "containerHostBatchBindMounts") << key;
    }
  }
}

TEST(LocalDefinitions, AFaultHasItsPath) {
  EXPECT_THAT(faults_of_body({{"id", "t"}, {"commandLine", "true"}}, "TaskAddParameter"), IsEmpty());
  EXPECT_THAT(faults_of_body({{"id", "t"}, {"commandline", "true"}}, "TaskAddParameter"),
              ElementsAre(Pair("$.commandLine", "is missing"), Pair("$.commandline", "is not known here")));
  EXPECT_THAT(
      faults_of_body({{"id", "j"},
                      {"poolInfo", {{"poolId", 7}}},
                      {"metadata", {{{"name", "n"}, {"value", "v"}}, {{"name", "n"}}}},
                      {"jobPreparationTask",
                       {{"commandLine", "true"},
                        {"waitForSuccess", "yes"},
                        {"constraints", {{"maxWallClockTime", "1 h"}, {"maxTaskRetryCount", 1.0}}}}},
                      {"onTaskFailure", "panic"}},
                     "JobAddParameter"),
      ElementsAre(Pair("$.jobPreparationTask.constraints.maxTaskRetryCount", "is not an integer of 32 bits"),
                  Pair("$.jobPreparationTask.constraints.maxWallClockTime",
                       "is not a duration of ISO 8601, such as PT1H"),
                  Pair("$.jobPreparationTask.waitForSuccess", "is not a boolean"),
                  Pair("$.metadata[1].value", "is missing"),
                  Pair("$.onTaskFailure", "is not one of noaction|performexitoptionsjobaction"),
                  Pair("$.poolInfo.poolId", "is not a string")));
  EXPECT_THAT(faults_of_body(json::array(), "JobAddParameter"), ElementsAre(Pair("$", "is not an object")));
}

TEST(LocalDefinitions, NumbersHaveTheirSize) {
  const auto faults = [](const json& number) {
    return faults_of_body({{"targetDedicatedNodes", number}}, "PoolResizeParameter");
  };
  EXPECT_THAT(faults(2147483647), IsEmpty());
  EXPECT_THAT(faults(-2147483648LL), IsEmpty());
  for (const json& number :
       {json(2147483648LL), json(-2147483649LL), json(18446744073709551615ULL), json("1")})
    EXPECT_THAT(faults(number), ElementsAre(Pair("$.targetDedicatedNodes", "is not an integer of 32 bits")));
}

}  // namespace
}  // namespace shipyard::local
