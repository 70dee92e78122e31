#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "batch/client/requests.hpp"
#include "client_jobs.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::job_of;

/// Batch's published definitions; null where they are not there.
const json& definitions() {
  static const json known = [] {
    std::ifstream file(SHIPYARD_TEST_DATA "/batch/openapi/2024-02-01.19.0/BatchService.json");
    return file ? json::parse(file)["definitions"] : json();
  }();
  return known;
}

/// What the definition does not allow in the value: a line each.
void find_faults(const json& value, const json& schema, const std::string& place,
                 std::vector<std::string>& faults) {
  if (schema.contains("$ref")) {
    const std::string name = schema["$ref"];
    return find_faults(value, definitions().at(name.substr(name.rfind('/') + 1)), place, faults);
  }
  const std::string type = schema.value("type", "object");
  const bool fits = type == "object"    ? value.is_object()
                    : type == "array"   ? value.is_array()
                    : type == "string"  ? value.is_string()
                    : type == "integer" ? value.is_number_integer()
                    : type == "boolean" ? value.is_boolean()
                                        : value.is_number();
  if (!fits) faults.push_back(place + ": not of type " + type);
  if (!fits) return;
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    faults.push_back(place + ": " + value.dump() + " is none of " + schema["enum"].dump());
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      find_faults(value[i], schema["items"], place + "[" + std::to_string(i) + "]", faults);
  }
  if (!value.is_object()) return;
  for (const auto& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>()))
      faults.push_back(place + ": " + name.get<std::string>() + " is missing");
  }
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, item] : value.items()) {
    if (properties.contains(name)) {
      find_faults(item, properties[name], place + "." + name, faults);
    } else {
      faults.push_back(place + ": there is no property " + name);
    }
  }
}

std::vector<std::string> faults_of(const json& body, const char* definition) {
  std::vector<std::string> faults;
  find_faults(body, definitions().at(definition), definition, faults);
  return faults;
}

const std::string kTask = R"(
image: i
command: x
nodes: 2
environment: {A: b}
resource_files:
  - {url: "https://s/c/b", path: in/b, mode: "0600", identity: /id/1}
  - {container: "https://s/c", prefix: p/, path: data}
  - {auto_storage: c}
common_files: [{url: "https://s/c/d", path: d}]
output_files:
  - {pattern: "*.a", container: "https://s/o", path: run1, identity: /id/2, when: success}
  - {pattern: "*.b", container: "https://s/o", when: failure}
  - {pattern: "*.c", container: "https://s/o"}
limits: {time: 90m, retries: 3, retention: 2d}
)";
const std::string kNewPool = R"(
  id: p
  vm_size: Standard_HB120rs_v3
  spot: 2
  subnet: /s
  start_task: x
  resize_timeout: 30m
  registries:
    - {server: r1, user: u1, password_variable: REGISTRY_PASSWORD}
  mounts:
    - {kind: azure-files, source: u, path: a, account: acc, key_variable: ACCOUNT_KEY, options: o}
    - {kind: blob, source: c, path: b, account: acc, key_file: account.key, options: o}
    - {kind: blob, source: c, path: c, account: acc, key_variable: ACCOUNT_KEY}
    - {kind: nfs, source: "s:/x", path: d, options: o}
    - {kind: cifs, source: //s/x, path: e, account: u, key_variable: ACCOUNT_KEY, options: o}
)";

/// A pool that is made has none.
std::string without_identities(std::string text) {
  for (const char* word : {", identity: /id/1", ", identity: /id/2"})
    text.erase(text.find(word), std::string(word).size());
  return text;
}

TEST(Definitions, AllowEveryBody) {
  if (definitions().is_null()) GTEST_SKIP() << "no batch/openapi in " << SHIPYARD_TEST_DATA;
  for (const std::string& text :
       {"pool: p\nuser: fred\n" + kTask,
        "pool: {id: p, native: true}\nuser: {admin: false, scope: task}\n" + kTask,
        "pool: {id: p, registries: [{server: r, identity: /id/3}]}\n" + kTask,
        "pool:" + kNewPool + without_identities(kTask),
        "pool:" + kNewPool + "  native: true\n" + without_identities(kTask),
        "pool:" + kNewPool + "  vm_image: /images/i\n  node_agent: n\n  dedicated: 0\n" +
            without_identities(kTask)}) {
    SCOPED_TRACE(text);
    const auto job = job_of(text);
    SubmissionFacts facts;
    facts.job_id = "j";
    facts.key = Secret("a2V5");
    const auto submission = plan_submission(job, facts);
    ASSERT_TRUE(submission);
    EXPECT_THAT(faults_of(submission->job, "JobAddParameter"), ::testing::IsEmpty());
    EXPECT_THAT(faults_of(submission->tasks[0].second, "TaskAddParameter"), ::testing::IsEmpty());
    if (job.pool.is_new()) {
      EXPECT_THAT(faults_of(*pool_body(job), "PoolAddParameter"), ::testing::IsEmpty());
    }
  }
  const auto cleanup = plan_cleanup("j", "p", 2);
  EXPECT_THAT(faults_of(cleanup.job, "JobAddParameter"), ::testing::IsEmpty());
  EXPECT_THAT(faults_of(cleanup.tasks[0].second, "TaskAddParameter"), ::testing::IsEmpty());
}

TEST(Definitions, WouldNotAllowAnother) {
  if (definitions().is_null()) GTEST_SKIP() << "no batch/openapi in " << SHIPYARD_TEST_DATA;
  EXPECT_THAT(
      faults_of(json::parse(R"({"id": 5, "command": "x", "userIdentity": {"autoUser": {"scope": "none"}}})"),
                "TaskAddParameter"),
      ::testing::ElementsAre("TaskAddParameter: commandLine is missing",
                             "TaskAddParameter: there is no property command",
                             "TaskAddParameter.id: not of type string",
                             "TaskAddParameter.userIdentity.autoUser.scope: \"none\" is none of "
                             "[\"task\",\"pool\"]"));
}

}  // namespace
}  // namespace shipyard::batch
