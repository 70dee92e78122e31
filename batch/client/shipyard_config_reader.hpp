#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "batch/client/document.hpp"

namespace shipyard::batch {

class ConfigReader;

/// What came up while the files were read: the first fault, and the lines for the user.
struct ConfigNotes {
  struct Line {
    int file = 0;  ///< in the order jobs, pool, config, credentials
    int line = 0;
    int column = 0;
    std::string text;
  };

  std::optional<Error> error;
  std::vector<Line> lines;

  /// In the order of files and places, none twice.
  [[nodiscard]] std::vector<std::string> in_order() const;
};

/// A value of Batch Shipyard's configuration. Whatever reads it takes note in its ConfigReader that it was
/// read; what nobody has read by the end is reported. Without a node it is a key that is not there: it reads
/// as empty, and so do the keys below it. A value of the wrong kind is a fault, and reads as empty as well.
class ConfigValue {
 public:
  ConfigValue() = default;

  /// It is there and says something.
  explicit operator bool() const;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_mapping() const;
  /// `key` is there, if only as an empty text.
  [[nodiscard]] bool has(std::string_view key) const;

  [[nodiscard]] ConfigValue operator[](std::string_view key) const;
  [[nodiscard]] std::vector<std::pair<std::string, ConfigValue>> entries() const;
  [[nodiscard]] std::vector<ConfigValue> items() const;

  /// Empty where it is not there.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::vector<std::string> texts() const;
  [[nodiscard]] std::optional<long long> number(long long minimum, long long maximum) const;
  [[nodiscard]] std::optional<bool> flag() const;
  /// "d.HH:mm:ss" as Batch Shipyard writes times.
  [[nodiscard]] std::optional<long long> seconds() const;

  /// The text without a note that it was read: for decisions that leave it unread.
  [[nodiscard]] std::string peek() const;
  /// Takes note of a flag that says what holds anyhow; any other value stays unread.
  void accept_flag(bool value) const;

  /// `not carried: reason`, for this and all below.
  void not_carried(const std::string& reason) const;
  /// A line about what was carried.
  void note(const std::string& text) const;
  void fail(const std::string& message, std::string hint = {}) const;

 private:
  friend class ConfigReader;
  ConfigValue(ConfigReader* reader, const Node* node, int line, int column, std::string path)
      : reader_(reader), node_(node), line_(line), column_(column), path_(std::move(path)) {}
  [[nodiscard]] bool is(Node::Kind kind, const char* words) const;
  void mark() const;
  [[nodiscard]] ConfigValue at(const Node::Entry& entry) const;

  ConfigReader* reader_ = nullptr;
  const Node* node_ = nullptr;
  int line_ = 0;
  int column_ = 0;
  std::string path_;
};

/// One file, and which of its values were read.
class ConfigReader {
 public:
  /// `order`: of its lines among those of other files. `secret`: messages show nothing of its text.
  /// `source` and `notes` outlive it.
  static Result<std::unique_ptr<ConfigReader>> open(const Source& source, int order, bool secret,
                                                    ConfigNotes& notes);

  [[nodiscard]] ConfigValue root();
  /// A line for each key that nobody has read: why not, or that Batch Shipyard does not know it either.
  void report_unread();

 private:
  friend class ConfigValue;
  ConfigReader(const Source& source, Node root, int order, bool secret, ConfigNotes& notes)
      : source_(source), root_(std::move(root)), order_(order), secret_(secret), notes_(notes) {}
  void add_line(int line, int column, const std::string& path, const std::string& text);
  [[nodiscard]] Error error(int line, int column, const std::string& message, std::string hint) const;
  void mark_all(const Node& node);
  [[nodiscard]] bool is_any_read(const Node& node) const;
  void report(const Node& node, const std::string& path, const std::string& pattern);
  void report_key(const Node::Entry& entry, const std::string& path, const std::string& pattern);

  const Source& source_;
  Node root_;
  int order_;
  bool secret_;
  ConfigNotes& notes_;
  std::set<const Node*> read_;
};

}  // namespace shipyard::batch
