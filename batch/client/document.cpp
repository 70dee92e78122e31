#include "batch/client/document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <optional>
#include <set>
#include <sstream>

#include "batch/client/redact.hpp"

namespace shipyard::batch {
namespace {

constexpr int kMostNodes = 100'000;
constexpr std::size_t kMostTextBytes = 16 << 20;
/// Deeper than anybody writes; yaml-cpp itself and what follows call themselves once for each.
constexpr int kDeepest = 64;

class Converter {
 public:
  explicit Converter(const Source& source) : source_(source) {}

  Result<Node> convert(const YAML::Node& yaml, int depth) {
    Node node;
    node.line = yaml.Mark().line + 1;
    node.column = yaml.Mark().column + 1;
    if (++count_ > kMostNodes || depth > kDeepest || bytes_ > kMostTextBytes)
      return error_at(source_, node.line, node.column,
                      "too much of it: aliases that stand for aliases, or nested too deep");
    switch (yaml.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return node;
      case YAML::NodeType::Scalar:
        node.kind = Node::Kind::kScalar;
        node.text = yaml.Scalar();
        bytes_ += node.text.size();
        // yaml-cpp's sign of a scalar in quotes, or in a block.
        node.quoted = yaml.Tag() == "!" || yaml.Tag() == "tag:yaml.org,2002:str";
        return node;
      case YAML::NodeType::Sequence:
        node.kind = Node::Kind::kSequence;
        for (const auto& item : yaml) {
          auto converted = convert(item, depth + 1);
          if (!converted) return converted;
          node.items.push_back(std::move(*converted));
        }
        return node;
      case YAML::NodeType::Map:
        return convert_mapping(yaml, std::move(node), depth);
    }
    return node;
  }

 private:
  Result<Node> convert_mapping(const YAML::Node& yaml, Node node, int depth) {
    node.kind = Node::Kind::kMapping;
    std::set<std::string> keys;
    for (const auto& pair : yaml) {
      const int line = pair.first.Mark().line + 1;
      const int column = pair.first.Mark().column + 1;
      if (!pair.first.IsScalar()) return error_at(source_, line, column, "a key that is no word");
      std::string key = pair.first.Scalar();
      if (!keys.insert(key).second)
        return error_at(source_, line, column, fmt::format("'{}' is given twice", key));
      auto value = convert(pair.second, depth + 1);
      if (!value) return value;
      // An empty value has no place of its own.
      if (value->kind == Node::Kind::kNull) value->line = line, value->column = column;
      node.entries.push_back({std::move(key), line, column, std::move(*value)});
    }
    return node;
  }

  const Source& source_;
  int count_ = 0;
  std::size_t bytes_ = 0;
};

/// Where the second document of a text begins; nothing where there is none. Not by YAML::LoadAll: before a
/// stray comma it finds empty documents without an end (yaml-cpp 0.7).
class DocumentMarks : public YAML::EventHandler {
 public:
  static std::optional<YAML::Mark> second(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentMarks marks;
    for (int i = 0; i < 2 && parser.HandleNextDocument(marks); ++i) ++marks.count_;
    if (marks.count_ < 2) return std::nullopt;
    return marks.last_;
  }

  void OnDocumentStart(const YAML::Mark& mark) override { last_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*unused*/, YAML::anchor_t /*unused*/) override {}
  void OnAlias(const YAML::Mark& /*unused*/, YAML::anchor_t /*unused*/) override {}
  void OnScalar(const YAML::Mark& /*unused*/, const std::string& /*unused*/, YAML::anchor_t /*unused*/,
                const std::string& /*unused*/) override {}
  void OnSequenceStart(const YAML::Mark& /*unused*/, const std::string& /*unused*/, YAML::anchor_t /*unused*/,
                       YAML::EmitterStyle::value /*unused*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*unused*/, const std::string& /*unused*/, YAML::anchor_t /*unused*/,
                  YAML::EmitterStyle::value /*unused*/) override {}
  void OnMapEnd() override {}

 private:
  int count_ = 0;
  YAML::Mark last_;
};

template <typename Number>
bool is_number(std::string_view text, Number& number) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// Brackets that stay open, outside of quotes; what yaml-cpp would follow by calling itself.
bool is_nested_too_deep(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > 1000) return true;
  }
  return false;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = byte < 0x80   ? 1
                               : byte < 0xc2 ? 0
                               : byte < 0xe0 ? 2
                               : byte < 0xf0 ? 3
                               : byte < 0xf5 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) return false;
    for (std::size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      // Besides 0x80…0xbf: no longer form of a shorter one, no surrogate, nothing above U+10FFFF.
      const unsigned least = i == 1 && byte == 0xe0 ? 0xa0 : i == 1 && byte == 0xf0 ? 0x90 : 0x80;
      const unsigned most = i == 1 && byte == 0xed ? 0x9f : i == 1 && byte == 0xf4 ? 0x8f : 0xbf;
      if (next < least || next > most) return false;
    }
    at += length;
  }
  return true;
}

std::string json_text(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* kind_in_words(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "text";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

const Node* Node::find(std::string_view key) const {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Error error_at(const Source& source, int line, int column, std::string message, std::string hint) {
  // A file may hold signed URLs, and a wrong key stands in the midst of them.
  message = without_signatures(message);
  Error error = input_error(line > 0 ? fmt::format("{}:{}: {}", source.name, line, message)
                                     : fmt::format("{}: {}", source.name, message),
                            std::move(hint));
  std::string_view rest = source.text;
  for (int i = 1; i < line; ++i) {
    const auto end = rest.find('\n');
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  const std::string_view text = rest.substr(0, rest.find_first_of("\r\n"));
  if (line > 0 && !text.empty()) {
    const auto before = text.substr(0, static_cast<std::size_t>(std::max(column - 1, 0)));
    error.excerpt = {without_signatures(text), without_signatures(before).size()};
  }
  return error;
}

Result<Node> parse_document(const Source& source) {
  if (!is_utf8(source.text)) {
    int line = 0;
    for (std::size_t at = 0; at <= source.text.size(); at = source.text.find('\n', at) + 1) {
      ++line;
      if (!is_utf8(std::string_view(source.text).substr(at, source.text.find('\n', at) - at))) break;
      if (source.text.find('\n', at) == std::string::npos) break;
    }
    return error_at(source, line, 0, "this line is no UTF-8 text",
                    "`iconv -t UTF-8` converts a file in another encoding");
  }
  if (is_nested_too_deep(source.text)) return error_at(source, 0, 0, "nested too deep");
  try {
    if (const auto mark = DocumentMarks::second(source.text)) {
      return error_at(
          source, mark->line + 1, mark->column + 1,
          "something begins here that does not belong to what is above it",
          "one file is one document: without '---' in between, and without a stray ',' or bracket");
    }
    return Converter(source).convert(YAML::Load(source.text), 0);
  } catch (const YAML::Exception& exception) {
    return error_at(source, exception.mark.is_null() ? 0 : exception.mark.line + 1, exception.mark.column + 1,
                    fmt::format("no YAML: {}", exception.msg));
  }
}

nlohmann::json as_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kSequence: {
      auto array = nlohmann::json::array();
      for (const auto& item : node.items) array.push_back(as_json(item));
      return array;
    }
    case Node::Kind::kMapping: {
      auto object = nlohmann::json::object();
      for (const auto& entry : node.entries) object[entry.key] = as_json(entry.value);
      return object;
    }
    case Node::Kind::kScalar:
      break;
  }
  if (node.quoted) return node.text;
  for (const char* word : {"true", "True", "TRUE"}) {
    if (node.text == word) return true;
  }
  for (const char* word : {"false", "False", "FALSE"}) {
    if (node.text == word) return false;
  }
  std::int64_t whole = 0;
  if (is_number(node.text, whole)) return whole;
  double real = 0;
  // from_chars takes "inf" and "nan(1)" too, which JSON has not.
  if (node.text.find_first_not_of("0123456789.eE+-") == std::string::npos && is_number(node.text, real))
    return real;
  return node.text;
}

}  // namespace shipyard::batch
