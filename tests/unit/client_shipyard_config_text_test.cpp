#include <gtest/gtest.h>

#include "batch/client/shipyard_config.hpp"

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;

Json read_back(const std::string& text) {
  const auto node = parse_document({"t", text});
  return node ? Json(as_json(*node)) : Json(node.error().message);
}

TEST(JobFileText, IsReadableYaml) {
  const ConvertedJob job{"j", Json::parse(R"({
    "id": "j", "pool": {"id": "p"},
    "tasks": [{"id": "t", "nodes": 2, "command": "shipyard-mpirun ./a \"$X\"", "environment": {"N": "4", "Y": "", "Z": "no"},
               "container": {"mounts": ["/a:/b:ro", "-v"], "keep": false}}],
    "raw": {"task": {"a": [], "b": {}, "c": [{"d": null}, [1]]}}})")};
  EXPECT_EQ(job_file_text(job, {"jobs.yaml:1: x: not carried: y"}),
            "# Converted from the configuration of Batch Shipyard.\n"
            "#\n"
            "# What is not carried over, and what is left to do:\n"
            "# - jobs.yaml:1: x: not carried: y\n"
            "\n"
            "id: j\n"
            "pool:\n"
            "  id: p\n"
            "tasks:\n"
            "  - id: t\n"
            "    nodes: 2\n"
            "    command: shipyard-mpirun ./a \"$X\"\n"
            "    environment:\n"
            "      \"N\": \"4\"\n"
            "      \"Y\": \"\"\n"
            "      Z: \"no\"\n"
            "    container:\n"
            "      mounts:\n"
            "        - /a:/b:ro\n"
            "        - \"-v\"\n"
            "      keep: false\n"
            "raw:\n"
            "  task:\n"
            "    a: []\n"
            "    b: {}\n"
            "    c:\n"
            "      - d: null\n"
            "      - [1]\n");
}

TEST(JobFileText, EveryTextReadsBackAsItIs) {
  for (const std::string text : {"true",   "No",       "null",  "~",   "4",
                                 "1e3",    "02:00:00", "",      " a",  "a ",
                                 "a: b",   "a:",       "a #b",  "#a",  "a#b",
                                 "- a",    "a\nb\n",   "\"a\"", "'a'", "it's",
                                 "a\tb",   "a\\b",     "\\",    "{a}", "[a",
                                 "a, b",   "*a",       "&a",    "!a",  "%a",
                                 "@a",     "|",        ">",     "?a",  "=",
                                 "<<",     "\x01\x7f", "ä €",   "$A",  "/a",
                                 "a\r\nb", "---",      "...",   "y",   "a \"b\" 'c' $(d) | e && f > g"}) {
    const ConvertedJob job{
        "j", Json{{"key", text}, {"list", {text}}, {"mapping", {{text.empty() ? "k" : text, text}}}}};
    const Json expected = job.job_file;
    EXPECT_EQ(Json::parse(read_back(job_file_text(job, {})).dump()),
              Json::parse(nlohmann::json(expected).dump()))
        << job_file_text(job, {});
  }
}

}  // namespace
}  // namespace shipyard::batch
