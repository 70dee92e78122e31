#include "batch/client/schema.hpp"

#include <gmock/gmock.h>

#include "client_errors.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::shown;
using Type = Field::Type;

/// One field of each type.
const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {.name = "text", .help = "some text"},
      {.name = "colour", .help = "which colour", .values = {"red", "green"}, .default_text = "red"},
      {.name = "number", .type = Type::kNumber, .help = "how many", .minimum = 1, .maximum = 9},
      {.name = "flag", .type = Type::kFlag, .help = "whether"},
      {.name = "time", .type = Type::kDuration, .help = "how long"},
      {.name = "size", .type = Type::kSize, .help = "how large"},
      {.name = "command", .type = Type::kCommand, .help = "what runs"},
      {.name = "variables", .type = Type::kVariables, .help = "variables"},
      {.name = "texts", .type = Type::kTexts, .help = "several"},
      {.name = "part",
       .type = Type::kMapping,
       .help = "a part",
       .fields = {{.name = "id", .help = "its id", .required = true}},
       .short_for = "id"},
      {.name = "parts",
       .type = Type::kMappings,
       .help = "parts",
       .fields = {{.name = "id", .help = "its id"}}},
      {.name = "any", .type = Type::kAny, .help = "whatever"}};
  return all;
}

Result<json> read(const std::string& text, const std::vector<Field>& wanted = fields()) {
  const Source source{"f", text};
  auto document = parse_document(source);
  if (!document) return document.error();
  return read_fields(*document, source, wanted);
}

json good(const std::string& text) {
  auto value = read(text);
  return value ? *value : json(shown(value));
}

TEST(ReadFields, GivesEachValueItsTypesForm) {
  EXPECT_EQ(good("text: 4\n"), json({{"text", "4"}}));
  EXPECT_EQ(good("colour: 'green'\n"), json({{"colour", "green"}}));
  EXPECT_EQ(good("number: 9\n"), json({{"number", 9}}));
  EXPECT_EQ(good("flag: true\n"), json({{"flag", true}}));
  EXPECT_EQ(good("flag: false\n"), json({{"flag", false}}));
  EXPECT_EQ(good("time: 1h30m\n"), json({{"time", "PT1H30M"}}));
  EXPECT_EQ(good("time: P1DT2H\n"), json({{"time", "P1DT2H"}}));
  EXPECT_EQ(good("size: 512m\n"), json({{"size", "512m"}}));
  EXPECT_EQ(good("size: 67108864\n"), json({{"size", "67108864"}}));
  EXPECT_EQ(good("command: a | b\n"), json({{"command", "a | b"}}));
  EXPECT_EQ(good("command: [a, 'b c', \"it's\", 4]\n"), json({{"command", "a 'b c' 'it'\\''s' 4"}}));
  EXPECT_EQ(good("variables: {A: 1, B: , C: \"x y\", D: ''}\n"),
            json({{"variables", {{"A", "1"}, {"B", ""}, {"C", "x y"}, {"D", ""}}}}));
  EXPECT_EQ(good("texts: [a, 2, '']\n"), json({{"texts", {"a", "2", ""}}}));
  EXPECT_EQ(good("part: x\n"), json({{"part", {{"id", "x"}}}}));
  EXPECT_EQ(good("part: {id: x}\n"), json({{"part", {{"id", "x"}}}}));
  EXPECT_EQ(good("parts: [{id: x}, {}]\n"), json({{"parts", {{{"id", "x"}}, json::object()}}}));
  EXPECT_EQ(good("any: {a: [1, null, 'x']}\n"), json({{"any", {{"a", {1, nullptr, "x"}}}}}));
  EXPECT_EQ(good("any:\n"), json({{"any", nullptr}}));
  EXPECT_EQ(good("{}"), json::object()) << "what is not given is not there";
}

TEST(ReadFields, AnUnknownKeyBringsTheNearestToMind) {
  EXPECT_EQ(shown(read("text: a\nnumbre: 4\n")),
            "t: error: f:2: unknown key 'numbre'\n"
            "  numbre: 4\n"
            "  ^\n"
            "hint: did you mean 'number'?\n");
  EXPECT_EQ(shown(read("part:\n  ids: a\n")),
            "t: error: f:2: unknown key 'part.ids'\n"
            "    ids: a\n"
            "    ^\n"
            "hint: did you mean 'id'?\n");
  EXPECT_EQ(shown(read("parts:\n  - id: a\n  - something: b\n")),
            "t: error: f:3: unknown key 'parts[1].something'\n"
            "    - something: b\n"
            "      ^\n"
            "hint: the keys here: id\n");
}

TEST(ReadFields, SaysWhatIsWantedInPlaceOfWhatIsThere) {
  struct Row {
    const char* text;
    const char* message;
  };
  for (const Row& row :
       {Row{"text: [a]", "text: text is wanted, not a list"},
        {"text:", "text: text is wanted, not nothing"},
        {"text: ''", "text: empty"},
        {"text: \"a\\0b\"", "text: a byte 0 in it"},
        {"colour: blue", "colour: 'blue' is none of red, green"},
        {"number: 0", "number: a whole number of 1 to 9 is wanted"},
        {"number: 10", "number: a whole number of 1 to 9 is wanted"},
        {"number: 2.0", "number: a whole number of 1 to 9 is wanted"},
        {"number: two", "number: a whole number of 1 to 9 is wanted"},
        {"number: 99999999999999999999", "number: a whole number of 1 to 9 is wanted"},
        {"number: {a: b}", "number: a whole number is wanted, not a mapping"},
        {"flag: yes", "flag: true or false is wanted"},
        {"flag: [true]", "flag: true or false is wanted, not a list"},
        {"time: 90", "time: '90' is not a time"},
        {"time:", "time: a time is wanted, not nothing"},
        {"size: 1 GB", "size: a size is wanted"},
        {"size: g", "size: a size is wanted"},
        {"size: 1.5g", "size: a size is wanted"},
        {"command: {a: b}", "command: a command: text, or a list of words is wanted, not a mapping"},
        {"command: []", "command: a command without a word"},
        {"command: ''", "command: empty"},
        {"command: [a, [b]]", "command[1]: text is wanted, not a list"},
        {"command: [a, \"b\\0\"]", "command[1]: a byte 0 in it"},
        {"variables: [A=1]", "variables: names with their values is wanted, not a list"},
        {"variables: {1A: b}", "variables: '1A' is not the name of a variable"},
        {"variables: {A-B: b}", "variables: 'A-B' is not the name of a variable"},
        {"variables: {A: [b]}", "variables.A: text is wanted, not a list"},
        {"variables: {A: \"b\\0\"}", "variables.A: a byte 0 in it"},
        {"texts: a", "texts: a list of text is wanted, not text"},
        {"texts: [a, ]\nflag: 1", "flag: true or false is wanted"},
        {"texts: [a, ~]", "texts[1]: text is wanted, not nothing"},
        {"part: [a]", "part: a mapping is wanted, not a list"},
        {"part: ''", "part.id: empty"},
        {"part: {}", "part.id is missing"},
        {"parts: {id: a}", "parts: a list of mappings is wanted, not a mapping"},
        {"parts: [a]", "parts[0]: a mapping is wanted, not text"},
        {"parts: [{id: a}, {id: []}]", "parts[1].id: text is wanted, not a list"}}) {
    const auto value = read(row.text);
    ASSERT_FALSE(value) << row.text;
    const std::string line = std::string(row.text).find('\n') == std::string::npos ? "1" : "2";
    EXPECT_EQ(value.error().message, "f:" + line + ": " + row.message) << row.text;
  }
}

TEST(ReadFields, ShowsThePlaceAndTheRemedy) {
  EXPECT_EQ(shown(read("text: a\ncolour:   gren\n")),
            "t: error: f:2: colour: 'gren' is none of red, green\n"
            "  colour:   gren\n"
            "            ^\n"
            "hint: did you mean 'green'?\n");
  EXPECT_EQ(shown(read("time: 5 minutes\n")),
            "t: error: f:1: time: '5 minutes' is not a time\n"
            "  time: 5 minutes\n"
            "        ^\n"
            "hint: examples: 90s, 30m, 2h, 7d, PT2H\n");
  EXPECT_EQ(shown(read("size: huge\n")),
            "t: error: f:1: size: a size is wanted\n"
            "  size: huge\n"
            "        ^\n"
            "hint: examples: 512m, 2g\n");
  EXPECT_EQ(shown(read("variables:\n  A: 1\n  B C: 2\n")),
            "t: error: f:3: variables: 'B C' is not the name of a variable\n"
            "    B C: 2\n"
            "    ^\n"
            "hint: letters, digits and '_', no digit first\n");
  EXPECT_EQ(shown(read("part: {}\n")),
            "t: error: f:1: part.id is missing\n"
            "  part: {}\n"
            "        ^\n"
            "hint: its id\n");
}

TEST(ReadFields, WantsAMapping) {
  EXPECT_EQ(shown(read("")), "t: error: f: there is nothing in it\n");
  EXPECT_EQ(shown(read("- a\n")), "t: error: f:1: keys with values are wanted\n  - a\n  ^\n");
  EXPECT_EQ(shown(read("word\n")), "t: error: f:1: keys with values are wanted\n  word\n  ^\n");
}

TEST(ParseDuration, ReadsUnitsAndIso8601) {
  struct Row {
    const char* text;
    long long seconds;
  };
  for (const Row& row : {Row{"90s", 90},
                         {"30m", 1800},
                         {"2h", 7200},
                         {"7d", 604'800},
                         {"1h30m", 5400},
                         {"1d2h3m4s", 93'784},
                         {"0s", 0},
                         {"PT2H", 7200},
                         {"PT1H30M", 5400},
                         {"P7D", 604'800},
                         {"P1DT2H", 93'600},
                         {"PT90S", 90},
                         {"PT0S", 0},
                         {"P1DT2H3M4S", 93'784}}) {
    const auto seconds = parse_duration(row.text);
    ASSERT_TRUE(seconds) << row.text;
    EXPECT_EQ(*seconds, row.seconds) << row.text;
  }
}

TEST(ParseDuration, WhatIsNoneIsRefused) {
  for (const char* text :
       {"",     "90",  "s",    "-5s",    "5 m", "1m1h", "1h1h",   "1.5h", "1w", "P",           "PT",
        "P1DT", "P1H", "PT1D", "PT1S1M", "P1Y", "P1W",  "PT1.5S", "pt1h", "1H", "99999999999h"}) {
    EXPECT_EQ(shown(parse_duration(text)), "t: error: '" + std::string(text) +
                                               "' is not a time\nhint: examples: 90s, 30m, 2h, 7d, PT2H\n");
  }
}

TEST(IsoDuration, IsTheShortestThatSaysIt) {
  for (const auto& [seconds, text] :
       std::initializer_list<std::pair<long long, const char*>>{{0, "PT0S"},
                                                                {59, "PT59S"},
                                                                {60, "PT1M"},
                                                                {5400, "PT1H30M"},
                                                                {86'400, "P1D"},
                                                                {86'401, "P1DT1S"},
                                                                {93'784, "P1DT2H3M4S"},
                                                                {604'800, "P7D"}}) {
    EXPECT_EQ(iso_duration(seconds), text);
    EXPECT_EQ(*parse_duration(text), seconds);
  }
}

TEST(JsonSchema, SaysWhatTheReaderTakes) {
  EXPECT_EQ(json_schema({{.name = "a", .help = "an a", .required = true}}, "A file"),
            json::parse(R"({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A file",
              "type": "object", "additionalProperties": false, "required": ["a"],
              "properties": {"a": {"type": ["string", "number", "boolean"], "description": "an a"}}})"));
  const json properties = json_schema(fields(), "")["properties"];
  EXPECT_EQ(properties.size(), fields().size());
  EXPECT_EQ(properties["colour"], json::parse(R"({"type": ["string", "number", "boolean"],
              "enum": ["red", "green"], "description": "which colour"})"));
  EXPECT_EQ(properties["number"],
            json::parse(R"({"type": "integer", "minimum": 1, "maximum": 9, "description": "how many"})"));
  EXPECT_EQ(properties["flag"], json::parse(R"({"type": "boolean", "description": "whether"})"));
  EXPECT_EQ(properties["command"], json::parse(R"({"description": "what runs", "oneOf": [{"type": "string"},
              {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}]})"));
  EXPECT_EQ(properties["variables"], json::parse(R"({"type": "object", "description": "variables",
              "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
              "additionalProperties": {"type": ["string", "number", "boolean", "null"]}})"));
  EXPECT_EQ(properties["texts"], json::parse(R"({"type": "array", "description": "several",
              "items": {"type": ["string", "number", "boolean"]}})"));
  EXPECT_EQ(properties["part"], json::parse(R"({"description": "a part", "oneOf": [{"type": "string"},
              {"type": "object", "additionalProperties": false, "required": ["id"],
               "properties": {"id": {"type": ["string", "number", "boolean"],
                                     "description": "its id"}}}]})"));
  EXPECT_EQ(properties["parts"], json::parse(R"({"type": "array", "description": "parts",
              "items": {"type": "object", "additionalProperties": false,
               "properties": {"id": {"type": ["string", "number", "boolean"], "description": "its id"}}}})"));
  EXPECT_EQ(properties["any"], json::parse(R"({"description": "whatever"})"));
  EXPECT_EQ(
      properties["time"],
      json::parse(R"({"type": "string", "pattern": "^(P.+|([0-9]+[dhms])+)$", "description": "how long"})"));
  EXPECT_EQ(properties["size"], json::parse(R"({"type": ["string", "integer"], "description": "how large",
              "pattern": "^[0-9]+[bkmgBKMG]?$"})"));
}

TEST(MarkdownTable, HasARowForEachKey) {
  EXPECT_EQ(markdown_table({fields()[1], fields()[9], fields()[10]}),
            "| key | | default |\n"
            "|---|---|---|\n"
            "| `colour` | which colour: red, green | red |\n"
            "| `part` | a part |  |\n"
            "| `part.id` | its id (needed) |  |\n"
            "| `parts` | parts |  |\n"
            "| `parts[].id` | its id |  |\n");
}

}  // namespace
}  // namespace shipyard::batch
