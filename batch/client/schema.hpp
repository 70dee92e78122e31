#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "batch/client/document.hpp"

namespace shipyard::batch {

/// One key of a file: what is checked, what its documentation says and what an editor completes come from
/// here.
struct Field {
  enum class Type {
    kText,
    kNumber,     ///< whole, of `minimum`…`maximum`
    kFlag,       ///< true or false
    kDuration,   ///< "90s", "30m", "2h", "7d", "1h30m", or ISO 8601 as Batch writes it: "PT2H"; ISO 8601
                 ///< afterwards
    kSize,       ///< as Docker has it: "512m", "1g"
    kCommand,    ///< a shell's command line; a list is a program with its arguments, and is quoted
    kVariables,  ///< a mapping of names to text
    kTexts,      ///< a list of text
    kMapping,    ///< of `fields`
    kMappings,   ///< a list of these
    kAny,        ///< whatever JSON can say
  };

  std::string name;
  Type type = Type::kText;
  std::string help;                      ///< half a sentence
  std::vector<std::string> values = {};  ///< of a text: what it may be; empty: anything
  std::vector<Field> fields = {};        ///< of a mapping, and of each in a list of mappings
  std::string short_for = {};  ///< a mapping: the field that is meant where a text stands in its place
  bool required = false;
  std::string default_text = {};  ///< what the documentation says
  bool told_before = false;       ///< its fields stand in the documentation already
  int minimum = 0;
  int maximum = 1'000'000;
};

/// The document checked against `fields` and made regular: an object in which each value has its type's form
/// (durations as ISO 8601 text, commands as text). What is not given is not there. Errors name line and key;
/// an unknown key brings the nearest one to mind.
Result<nlohmann::json> read_fields(const Node& document, const Source& source,
                                   const std::vector<Field>& fields);

/// As JSON Schema (2020-12), for editors and validators.
[[nodiscard]] nlohmann::json json_schema(const std::vector<Field>& fields, std::string_view title);

/// A key as documents have it.
struct KeyText {
  std::string path;          ///< "limits.time", "output_files[].pattern"
  std::string help;          ///< with the values that it may have, and whether it is needed
  std::string default_text;  ///< empty: none
};

/// Those of mappings behind the mapping.
[[nodiscard]] std::vector<KeyText> key_texts(const std::vector<Field>& fields);

/// As a table in Markdown: key, what it is, default.
[[nodiscard]] std::string markdown_table(const std::vector<Field>& fields);

/// Seconds as ISO 8601, the form of Batch's times: 5400 is "PT1H30M".
[[nodiscard]] std::string iso_duration(long long seconds);
/// Seconds of a kDuration; fails on what is none.
Result<long long> parse_duration(std::string_view text);

}  // namespace shipyard::batch
