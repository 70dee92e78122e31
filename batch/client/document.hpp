#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace shipyard::batch {

/// A YAML or JSON text (which is YAML too) as a tree whose nodes know where they stand.
struct Node {
  enum class Kind {
    kNull,  ///< `key:` with nothing behind it, `~` or `null`
    kScalar,
    kSequence,
    kMapping,
  };
  struct Entry;

  Kind kind = Kind::kNull;
  std::string text = {};         ///< of a scalar, as written, without quotes
  bool quoted = false;           ///< a scalar that is text whatever it looks like
  std::vector<Node> items = {};  ///< of a sequence
  std::vector<Entry> entries;    ///< of a mapping, in the order of the file; each key once
  int line = 0;                  ///< from 1; 0: not from a file
  int column = 0;                ///< from 1

  /// The value of `key` in a mapping; nullptr where there is none.
  [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Node::Entry {
  std::string key;
  int line = 0;  ///< of the key
  int column = 0;
  Node value;
};

/// "nothing", "text", "a list", "a mapping".
[[nodiscard]] const char* kind_in_words(const Node& node);

/// True where the text is UTF-8 (RFC 3629), which all of JSON is.
[[nodiscard]] bool is_utf8(std::string_view text);

/// JSON as text, `indent` blanks a level (-1: one line); bytes that are no UTF-8 are replaced, not thrown at.
[[nodiscard]] std::string json_text(const nlohmann::json& value, int indent = -1);

/// A file's text together with its name, for messages that show the line.
struct Source {
  std::string name;  ///< as the user wrote it
  std::string text;
};

/// Fails on text that is no UTF-8 or no YAML, more than one document, a key given twice, a mapping with a key
/// that is no text, and more than 100,000 nodes (aliases of aliases). An empty text is kNull.
Result<Node> parse_document(const Source& source);

/// `NAME:LINE: message` with that line and a caret below `column`.
[[nodiscard]] Error error_at(const Source& source, int line, int column, std::string message,
                             std::string hint = {});

/// The node as JSON by YAML's core schema: unquoted null, true, false and numbers are these, all else is
/// text.
[[nodiscard]] nlohmann::json as_json(const Node& node);

}  // namespace shipyard::batch
