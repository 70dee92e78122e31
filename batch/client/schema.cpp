#include "batch/client/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/command_line.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using Type = Field::Type;

constexpr const char* kDurationExamples = "examples: 90s, 30m, 2h, 7d, PT2H";

const char* words_for(Field::Type type) {
  switch (type) {
    case Field::Type::kText:
      return "text";
    case Field::Type::kNumber:
      return "a whole number";
    case Field::Type::kFlag:
      return "true or false";
    case Field::Type::kDuration:
      return "a time";
    case Field::Type::kSize:
      return "a size";
    case Field::Type::kCommand:
      return "a command: text, or a list of words";
    case Field::Type::kVariables:
      return "names with their values";
    case Field::Type::kTexts:
      return "a list of text";
    case Field::Type::kMapping:
      return "a mapping";
    case Field::Type::kMappings:
      return "a list of mappings";
    case Field::Type::kAny:
      return "anything";
  }
  return "";
}

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source) {}

  /// `path`: of the mapping, "" or "pool.".
  Result<json> mapping(const Node& node, const std::vector<Field>& fields, const std::string& path) {
    json object = json::object();
    for (const auto& entry : node.entries) {
      const auto field = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& candidate) { return candidate.name == entry.key; });
      if (field == fields.end()) return unknown(entry, fields, path);
      auto read = value(entry.value, *field, path + entry.key);
      if (!read) return read;
      object[entry.key] = std::move(*read);
    }
    for (const auto& field : fields) {
      if (field.required && !object.contains(field.name))
        return error_at(source_, node.line, node.column, fmt::format("{}{} is missing", path, field.name),
                        field.help);
    }
    return object;
  }

 private:
  [[nodiscard]] Error unknown(const Node::Entry& entry, const std::vector<Field>& fields,
                              const std::string& path) const {
    std::vector<std::string> names;
    names.reserve(fields.size());
    for (const auto& field : fields) names.push_back(field.name);
    const std::string nearest = nearest_match(entry.key, names);
    return error_at(source_, entry.line, entry.column, fmt::format("unknown key '{}{}'", path, entry.key),
                    nearest.empty() ? fmt::format("the keys here: {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean '{}'?", nearest));
  }

  [[nodiscard]] Error wrong(const Node& node, const std::string& path, const std::string& what,
                            std::string hint = {}) const {
    return error_at(source_, node.line, node.column, fmt::format("{}: {}", path, what), std::move(hint));
  }

  Result<json> value(const Node& node, const Field& field, const std::string& path) {
    using Kind = Node::Kind;
    if (field.type == Type::kAny) return as_json(node);
    const bool fits = [&] {
      switch (field.type) {
        case Type::kCommand:
          return node.kind == Kind::kScalar || node.kind == Kind::kSequence;
        case Type::kVariables:
          return node.kind == Kind::kMapping;
        case Type::kMapping:
          return node.kind == Kind::kMapping || (node.kind == Kind::kScalar && !field.short_for.empty());
        case Type::kTexts:
        case Type::kMappings:
          return node.kind == Kind::kSequence;
        default:
          return node.kind == Kind::kScalar;
      }
    }();
    if (!fits)
      return wrong(node, path,
                   fmt::format("{} is wanted, not {}", words_for(field.type), kind_in_words(node)));

    switch (field.type) {
      case Type::kVariables:
        return variables(node, path);
      case Type::kMapping: {
        if (node.kind == Kind::kMapping) return mapping(node, field.fields, path + ".");
        Node whole;
        whole.kind = Kind::kMapping;
        whole.line = node.line;
        whole.column = node.column;
        whole.entries.push_back({field.short_for, node.line, node.column, node});
        return mapping(whole, field.fields, path + ".");
      }
      case Type::kTexts: {
        auto list = texts(node, path);
        if (!list) return list.error();
        return json(*list);
      }
      case Type::kMappings: {
        json list = json::array();
        for (std::size_t i = 0; i < node.items.size(); ++i) {
          const std::string item_path = fmt::format("{}[{}]", path, i);
          if (node.items[i].kind != Kind::kMapping)
            return wrong(node.items[i], item_path,
                         fmt::format("a mapping is wanted, not {}", kind_in_words(node.items[i])));
          auto item = mapping(node.items[i], field.fields, item_path + ".");
          if (!item) return item;
          list.push_back(std::move(*item));
        }
        return list;
      }
      case Type::kCommand: {
        if (node.kind == Kind::kScalar) return scalar(node, field, path);
        auto words = texts(node, path);
        if (!words) return words.error();
        if (words->empty()) return wrong(node, path, "a command without a word");
        return json(shell_quote(*words));
      }
      default:
        return scalar(node, field, path);
    }
  }

  Result<json> scalar(const Node& node, const Field& field, const std::string& path) {
    switch (field.type) {
      case Type::kNumber: {
        long long number = 0;
        const auto [end, error] =
            std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
        if (error != std::errc() || end != node.text.data() + node.text.size() || number < field.minimum ||
            number > field.maximum)
          return wrong(node, path,
                       fmt::format("a whole number of {} to {} is wanted", field.minimum, field.maximum));
        return json(number);
      }
      case Type::kFlag:
        if (node.text == "true") return json(true);
        if (node.text == "false") return json(false);
        return wrong(node, path, "true or false is wanted");
      case Type::kDuration: {
        auto seconds = parse_duration(node.text);
        if (!seconds) return wrong(node, path, seconds.error().message, seconds.error().hint);
        return json(iso_duration(*seconds));
      }
      case Type::kSize:
        if (!is_docker_size(node.text)) return wrong(node, path, "a size is wanted", "examples: 512m, 2g");
        return json(node.text);
      default:
        break;
    }
    if (node.text.empty()) return wrong(node, path, "empty");
    if (node.text.find('\0') != std::string::npos) return wrong(node, path, "a byte 0 in it");
    if (!field.values.empty() &&
        std::find(field.values.begin(), field.values.end(), node.text) == field.values.end()) {
      const std::string nearest = nearest_match(node.text, field.values);
      return wrong(node, path, fmt::format("'{}' is none of {}", node.text, fmt::join(field.values, ", ")),
                   nearest.empty() ? "" : fmt::format("did you mean '{}'?", nearest));
    }
    return json(node.text);
  }

  Result<json> variables(const Node& node, const std::string& path) {
    json object = json::object();
    for (const auto& entry : node.entries) {
      if (!is_variable_name(entry.key))
        return error_at(source_, entry.line, entry.column,
                        fmt::format("{}: '{}' is not the name of a variable", path, entry.key),
                        "letters, digits and '_', no digit first");
      if (entry.value.kind == Node::Kind::kNull) {
        object[entry.key] = "";
        continue;
      }
      if (entry.value.kind != Node::Kind::kScalar)
        return wrong(entry.value, path + "." + entry.key,
                     fmt::format("text is wanted, not {}", kind_in_words(entry.value)));
      if (entry.value.text.find('\0') != std::string::npos)
        return wrong(entry.value, path + "." + entry.key, "a byte 0 in it");
      object[entry.key] = entry.value.text;
    }
    return object;
  }

  Result<std::vector<std::string>> texts(const Node& node, const std::string& path) {
    std::vector<std::string> list;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto& item = node.items[i];
      if (item.kind != Node::Kind::kScalar)
        return wrong(item, fmt::format("{}[{}]", path, i),
                     fmt::format("text is wanted, not {}", kind_in_words(item)));
      if (item.text.find('\0') != std::string::npos)
        return wrong(item, fmt::format("{}[{}]", path, i), "a byte 0 in it");
      list.push_back(item.text);
    }
    return list;
  }

  const Source& source_;
};

json schema_of(const Field& field) {
  const json text = {{"type", "string"}};
  // An unquoted 4 or true is text where text is wanted.
  const json scalar = {{"type", json::array({"string", "number", "boolean"})}};
  json schema;
  switch (field.type) {
    case Type::kText:
      schema = scalar;
      break;
    case Type::kNumber:
      schema = {{"type", "integer"}, {"minimum", field.minimum}, {"maximum", field.maximum}};
      break;
    case Type::kFlag:
      schema = {{"type", "boolean"}};
      break;
    case Type::kDuration:
      schema = {{"type", "string"}, {"pattern", "^(P.+|([0-9]+[dhms])+)$"}};
      break;
    case Type::kSize:
      schema = {{"type", json::array({"string", "integer"})}, {"pattern", "^[0-9]+[bkmgBKMG]?$"}};
      break;
    case Type::kCommand:
      schema = {{"oneOf", {text, {{"type", "array"}, {"items", scalar}, {"minItems", 1}}}}};
      break;
    case Type::kVariables:
      schema = {{"type", "object"},
                {"propertyNames", {{"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}}},
                {"additionalProperties", {{"type", json::array({"string", "number", "boolean", "null"})}}}};
      break;
    case Type::kTexts:
      schema = {{"type", "array"}, {"items", scalar}};
      break;
    case Type::kMapping:
      schema = json_schema(field.fields, "");
      if (!field.short_for.empty()) schema = {{"oneOf", {text, schema}}};
      break;
    case Type::kMappings:
      schema = {{"type", "array"}, {"items", json_schema(field.fields, "")}};
      break;
    case Type::kAny:
      schema = json::object();
      break;
  }
  if (!field.values.empty()) schema["enum"] = field.values;
  schema["description"] = field.help;
  return schema;
}

void append_keys(std::vector<KeyText>& keys, const std::vector<Field>& fields, const std::string& path) {
  for (const auto& field : fields) {
    std::string help = field.help;
    if (!field.values.empty()) help += fmt::format(": {}", fmt::join(field.values, ", "));
    if (field.required) help += " (needed)";
    keys.push_back({path + field.name, help, field.default_text});
    if (field.told_before) continue;
    if (field.type == Field::Type::kMapping) append_keys(keys, field.fields, path + field.name + ".");
    if (field.type == Field::Type::kMappings) append_keys(keys, field.fields, path + field.name + "[].");
  }
}

/// "1h30m" without a sign: the seconds, or nothing.
std::optional<long long> sum_of_units(std::string_view text, std::string_view units,
                                      const std::vector<long long>& seconds_of_unit) {
  long long total = 0;
  std::size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    long long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || number > 1'000'000'000 || end == text.data() + text.size())
      return std::nullopt;
    const auto unit = units.find(*end, next_unit);
    if (unit == std::string_view::npos) return std::nullopt;
    next_unit = unit + 1;
    total += number * seconds_of_unit[unit];
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  return total;
}

}  // namespace

Result<json> read_fields(const Node& document, const Source& source, const std::vector<Field>& fields) {
  if (document.kind != Node::Kind::kMapping)
    return error_at(
        source, document.line, document.column,
        document.kind == Node::Kind::kNull ? "there is nothing in it" : "keys with values are wanted");
  return Reader(source).mapping(document, fields, "");
}

json json_schema(const std::vector<Field>& fields, std::string_view title) {
  json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", json::object()}};
  if (!title.empty()) {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = title;
  }
  json required = json::array();
  for (const auto& field : fields) {
    schema["properties"][field.name] = schema_of(field);
    if (field.required) required.push_back(field.name);
  }
  if (!required.empty()) schema["required"] = required;
  return schema;
}

std::vector<KeyText> key_texts(const std::vector<Field>& fields) {
  std::vector<KeyText> keys;
  append_keys(keys, fields, "");
  return keys;
}

std::string markdown_table(const std::vector<Field>& fields) {
  std::string text = "| key | | default |\n|---|---|---|\n";
  for (const auto& [path, help, default_text] : key_texts(fields))
    text += fmt::format("| `{}` | {} | {} |\n", path, help, default_text);
  return text;
}

std::string iso_duration(long long seconds) {
  if (seconds == 0) return "PT0S";
  std::string text = "P";
  if (const auto days = seconds / 86400; days > 0) text += fmt::format("{}D", days);
  if (seconds % 86400 == 0) return text;
  text += 'T';
  if (const auto hours = seconds % 86400 / 3600; hours > 0) text += fmt::format("{}H", hours);
  if (const auto minutes = seconds % 3600 / 60; minutes > 0) text += fmt::format("{}M", minutes);
  if (const auto rest = seconds % 60; rest > 0) text += fmt::format("{}S", rest);
  return text;
}

Result<long long> parse_duration(std::string_view text) {
  const std::vector<long long> dhms = {86400, 3600, 60, 1};
  if (text.starts_with('P')) {
    const auto t = text.find('T');
    const std::string_view days = text.substr(1, t == std::string_view::npos ? t : t - 1);
    const std::string_view times = t == std::string_view::npos ? std::string_view() : text.substr(t + 1);
    const auto first = days.empty() ? std::optional<long long>(0) : sum_of_units(days, "D", {86400});
    const auto second =
        t == std::string_view::npos ? std::optional<long long>(0) : sum_of_units(times, "HMS", {3600, 60, 1});
    if (first && second && text.size() > 1) return *first + *second;
  } else if (auto seconds = sum_of_units(text, "dhms", dhms)) {
    return *seconds;
  }
  return input_error(fmt::format("'{}' is not a time", text), kDurationExamples);
}

}  // namespace shipyard::batch
