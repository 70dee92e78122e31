#include "batch/client/shipyard_config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/ascii.hpp"
#include "base/command_line.hpp"
#include "batch/client/shipyard_config_keys.hpp"

namespace shipyard::batch {
namespace {

using Kind = Node::Kind;

/// A key can hold anything; a line stays one line, in a terminal and in a comment.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

bool says_nothing(const Node& node) {
  switch (node.kind) {
    case Kind::kNull:
      return true;
    case Kind::kScalar:
      return node.text.empty();
    case Kind::kSequence:
      return node.items.empty();
    case Kind::kMapping:
      return node.entries.empty();
  }
  return true;
}

std::optional<long long> whole_number(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> truth(const std::string& text) {
  // What YAML 1.1 takes for it, in which Batch Shipyard's files are read.
  for (const char* word : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}) {
    if (text == word) return true;
  }
  for (const char* word : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

bool looks_secret(std::string_view text) {
  const std::string line = to_lower(text);
  for (const char* word : {"password", "passphrase", "passwd", "secret", "key", "token", "sig="}) {
    if (line.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> ConfigNotes::in_order() const {
  auto sorted = lines;
  std::set<std::string> seen;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  std::vector<std::string> texts;
  for (auto& line : sorted) {
    if (seen.insert(line.text).second) texts.push_back(std::move(line.text));
  }
  return texts;
}

ConfigValue::operator bool() const {
  return node_ != nullptr && node_->kind != Kind::kNull &&
         !(node_->kind == Kind::kScalar && node_->text.empty());
}

bool ConfigValue::is_list() const { return node_ != nullptr && node_->kind == Kind::kSequence; }
bool ConfigValue::is_mapping() const { return node_ != nullptr && node_->kind == Kind::kMapping; }

bool ConfigValue::has(std::string_view key) const {
  const Node* value = node_ == nullptr ? nullptr : node_->find(key);
  return value != nullptr && value->kind != Kind::kNull;
}

bool ConfigValue::is(Kind kind, const char* words) const {
  if (!*this) return false;
  if (node_->kind == kind) return true;
  fail(fmt::format("{} is wanted, not {}", words, kind_in_words(*node_)));
  return false;
}

void ConfigValue::mark() const {
  if (node_ != nullptr) reader_->read_.insert(node_);
}

ConfigValue ConfigValue::at(const Node::Entry& entry) const {
  return {reader_, &entry.value, entry.line, entry.column,
          path_.empty() ? entry.key : path_ + "." + entry.key};
}

ConfigValue ConfigValue::operator[](std::string_view key) const {
  if (!is(Kind::kMapping, "a mapping")) return {};
  for (const auto& entry : node_->entries) {
    if (entry.key == key) return at(entry);
  }
  return {};
}

std::vector<std::pair<std::string, ConfigValue>> ConfigValue::entries() const {
  std::vector<std::pair<std::string, ConfigValue>> list;
  if (!is(Kind::kMapping, "a mapping")) return list;
  for (const auto& entry : node_->entries) list.emplace_back(entry.key, at(entry));
  return list;
}

std::vector<ConfigValue> ConfigValue::items() const {
  std::vector<ConfigValue> list;
  if (!is(Kind::kSequence, "a list")) return list;
  for (const auto& item : node_->items)
    list.push_back({reader_, &item, item.line, item.column, fmt::format("{}[{}]", path_, list.size())});
  return list;
}

std::string ConfigValue::text() const {
  if (!is(Kind::kScalar, "text")) return {};
  mark();
  if (node_->text.find('\0') == std::string::npos) return node_->text;
  fail("a byte 0 in it");
  return {};
}

std::string ConfigValue::peek() const {
  return node_ != nullptr && node_->kind == Kind::kScalar ? node_->text : std::string();
}

std::vector<std::string> ConfigValue::texts() const {
  std::vector<std::string> list;
  for (const auto& item : items()) list.push_back(item.text());
  return list;
}

std::optional<long long> ConfigValue::number(long long minimum, long long maximum) const {
  if (!is(Kind::kScalar, "a whole number")) return std::nullopt;
  mark();
  const auto number = whole_number(node_->text);
  if (number && *number >= minimum && *number <= maximum) return number;
  fail(fmt::format("a whole number of {} to {} is wanted", minimum, maximum));
  return std::nullopt;
}

std::optional<bool> ConfigValue::flag() const {
  if (!is(Kind::kScalar, "true or false")) return std::nullopt;
  mark();
  const auto value = truth(node_->text);
  if (!value) fail("true or false is wanted");
  return value;
}

void ConfigValue::accept_flag(bool value) const {
  if (*this && truth(peek()) == value) mark();
}

std::optional<long long> ConfigValue::seconds() const {
  if (!is(Kind::kScalar, "a time")) return std::nullopt;
  mark();
  std::string_view rest = node_->text;
  long long total = 0;
  const auto colon = rest.find(':');
  if (const auto dot = rest.find('.'); dot != std::string_view::npos && dot < colon) {
    const auto days = whole_number(rest.substr(0, dot));
    if (!days || *days < 0 || *days > 10'000) return fail("a time is wanted", "d.HH:mm:ss"), std::nullopt;
    total = *days * 86400;
    rest.remove_prefix(dot + 1);
  }
  for (const int unit : {3600, 60, 1}) {
    const auto end = rest.find(':');
    const auto number = whole_number(rest.substr(0, end));
    if (!number || *number < 0 || *number > 100'000 || (end == std::string_view::npos) != (unit == 1))
      return fail("a time is wanted", "d.HH:mm:ss"), std::nullopt;
    total += *number * unit;
    rest.remove_prefix(unit == 1 ? rest.size() : end + 1);
  }
  return total;
}

void ConfigValue::not_carried(const std::string& reason) const {
  if (!*this) return;
  reader_->mark_all(*node_);
  note("not carried: " + reason);
}

void ConfigValue::note(const std::string& text) const {
  if (node_ != nullptr) reader_->add_line(line_, column_, path_, text);
}

void ConfigValue::fail(const std::string& message, std::string hint) const {
  if (node_ == nullptr || reader_->notes_.error) return;
  const std::string place = path_.empty() ? "" : printable(path_) + ": ";
  reader_->notes_.error = reader_->error(line_, column_, place + message, std::move(hint));
}

Result<std::unique_ptr<ConfigReader>> ConfigReader::open(const Source& source, int order, bool secret,
                                                         ConfigNotes& notes) {
  auto root = parse_document(source);
  // The text of a fault at an unknown place may be a password's.
  if (!root) {
    Error error = std::move(root).error();
    if (secret || looks_secret(error.excerpt.text)) error.excerpt = {};
    return error;
  }
  auto reader = std::unique_ptr<ConfigReader>(  // NOLINT: the constructor is private
      new ConfigReader(source, std::move(*root), order, secret, notes));
  if (reader->root_.kind == Kind::kNull) return reader->error(0, 0, "there is nothing in it", {});
  if (reader->root_.kind != Kind::kMapping)
    return reader->error(reader->root_.line, reader->root_.column, "keys with values are wanted", {});
  return reader;
}

ConfigValue ConfigReader::root() { return {this, &root_, root_.line, root_.column, ""}; }

Error ConfigReader::error(int line, int column, const std::string& message, std::string hint) const {
  Error error = error_at(source_, line, column, message, std::move(hint));
  if (secret_ || looks_secret(error.excerpt.text)) error.excerpt = {};
  return error;
}

void ConfigReader::add_line(int line, int column, const std::string& path, const std::string& text) {
  const std::string place = path.empty() ? "" : path + ": ";
  notes_.lines.push_back(
      {order_, line, column, printable(fmt::format("{}:{}: {}{}", source_.name, line, place, text))});
}

void ConfigReader::mark_all(const Node& node) {
  read_.insert(&node);
  for (const auto& item : node.items) mark_all(item);
  for (const auto& entry : node.entries) mark_all(entry.value);
}

bool ConfigReader::is_any_read(const Node& node) const {
  return read_.count(&node) > 0 ||
         std::any_of(node.items.begin(), node.items.end(), [&](const Node& n) { return is_any_read(n); }) ||
         std::any_of(node.entries.begin(), node.entries.end(),
                     [&](const Node::Entry& entry) { return is_any_read(entry.value); });
}

void ConfigReader::report_unread() { report(root_, "", ""); }

void ConfigReader::report(const Node& node, const std::string& path, const std::string& pattern) {
  for (const auto& entry : node.entries) report_key(entry, path, pattern);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const auto& item = node.items[i];
    const std::string item_path = fmt::format("{}[{}]", path, i);
    if (read_.count(&item) == 0 && !is_any_read(item) && !says_nothing(item)) {
      add_line(item.line, item.column, item_path, "not carried: no counterpart in a job file");
    } else {
      report(item, item_path, pattern + "[]");
    }
  }
}

void ConfigReader::report_key(const Node::Entry& entry, const std::string& path, const std::string& pattern) {
  const std::string key_path = path.empty() ? entry.key : path + "." + entry.key;
  const auto known = find_shipyard_key(pattern, entry.key);
  if (!known && !is_any_read(entry.value)) {
    const std::string nearest = nearest_match(entry.key, shipyard_keys_below(pattern));
    add_line(entry.line, entry.column, key_path,
             "not carried: Batch Shipyard has no such key" +
                 (nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
    return;
  }
  if (says_nothing(entry.value)) return;
  const bool is_told_below = known && !known->is_special && entry.value.kind == Kind::kMapping;
  if (!is_any_read(entry.value) && !is_told_below) {
    add_line(entry.line, entry.column, key_path, "not carried: " + known->reason);
    return;
  }
  report(entry.value, key_path, known ? known->pattern : pattern + "." + entry.key);
}

}  // namespace shipyard::batch
