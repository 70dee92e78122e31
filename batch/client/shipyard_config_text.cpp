#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "batch/client/shipyard_config.hpp"

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;

/// Text that YAML takes for itself without quotes, in every version: it begins with a letter, `/` or `$`, and
/// is no word that stands for something else.
bool is_plain(const std::string& text) {
  if (text.empty() || !(is_letter(text[0]) || text[0] == '/' || text[0] == '$')) return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos) return false;
  const auto is_common = [](char c) {
    return is_alphanumeric(c) ||
           std::string_view(" _-./$=,:@+%;'\"&|<>()*?!~^\\#").find(c) != std::string_view::npos;
  };
  if (!std::all_of(text.begin(), text.end(), is_common)) return false;
  const std::string word = to_lower(text);
  for (const char* other : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (word == other) return false;
  }
  return true;
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  // What JSON writes is YAML too. A byte that is no text would make it throw.
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_block(const Json& value) { return (value.is_object() || value.is_array()) && !value.empty(); }

void append(std::string& text, const Json& value, std::size_t indent);

void append_mapping(std::string& text, const Json& mapping, std::size_t indent, bool is_first_line_begun) {
  for (const auto& [key, value] : mapping.items()) {
    if (!is_first_line_begun) text.append(indent, ' ');
    is_first_line_begun = false;
    text += scalar(Json(key)) + ":";
    if (is_block(value)) {
      text += '\n';
      append(text, value, indent + 2);
    } else {
      text += " " + scalar(value) + "\n";
    }
  }
}

void append(std::string& text, const Json& value, std::size_t indent) {
  if (value.is_object()) {
    append_mapping(text, value, indent, false);
    return;
  }
  for (const auto& item : value) {
    text.append(indent, ' ');
    text += "- ";
    if (item.is_object() && !item.empty()) {
      append_mapping(text, item, indent + 2, true);
    } else {
      text += scalar(item) + "\n";
    }
  }
}

}  // namespace

std::string job_file_text(const ConvertedJob& job, const std::vector<std::string>& not_carried) {
  std::string text = "# Converted from the configuration of Batch Shipyard.\n";
  if (!not_carried.empty()) text += "#\n# What is not carried over, and what is left to do:\n";
  for (const auto& line : not_carried) text += "# - " + line + "\n";
  text += '\n';
  append(text, job.job_file, 0);
  return text;
}

}  // namespace shipyard::batch
