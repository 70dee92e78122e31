#include "batch/client/syntax.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

constexpr std::size_t kLongestId = 64;

}  // namespace

bool consists_of(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || more.find(c) != std::string_view::npos; });
}

bool is_id(std::string_view text) { return text.size() <= kLongestId && consists_of(text, "-_"); }

std::string fault_of_id(std::string_view text) {
  return is_id(text) ? ""
                     : fmt::format("'{}' is no id for Batch: letters, digits, '-' and '_', 64 at most", text);
}

bool is_image_name(std::string_view text) {
  return !text.empty() && text[0] != '-' &&
         text.find_first_of(" \t\n'\"$`\\;&|<>()") == std::string_view::npos;
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && !is_digit(text[0]) && consists_of(text, "_");
}

bool is_docker_size(std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789");
  if (text.empty() || digits == 0) return false;
  return digits == std::string_view::npos ||
         (digits + 1 == text.size() &&
          std::string_view("bkmgBKMG").find(text[digits]) != std::string_view::npos);
}

bool is_file_mode(std::string_view text) {
  return (text.size() == 3 || text.size() == 4) &&
         text.find_first_not_of("01234567") == std::string_view::npos;
}

bool stays_below(std::string_view path) {
  if (path.starts_with('/')) return false;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == "..") return false;
    at = end + 1;
  }
  return true;
}

}  // namespace shipyard::batch
