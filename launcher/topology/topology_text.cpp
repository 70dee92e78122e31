#include "launcher/topology/topology_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/ascii.hpp"
#include "launcher/topology/xml_scanner.hpp"

namespace shipyard::topology {
namespace {

constexpr std::string_view kSpaces = " \t\r\n\v\f";

/// hwloc 2.9 crashes on an object that has one of its sets without the others, and on a machine that may use
/// none of its CPUs.
bool has_whole_sets(const XmlTag& object, bool is_version_2) {
  const auto has = [&](std::string_view name) { return !object.attribute(name).empty(); };
  if (has("cpuset") != has("complete_cpuset") || has("nodeset") != has("complete_nodeset")) return false;
  return !is_version_2 || has("cpuset") == has("nodeset");
}

/// hwloc's words of 32 bits, the last ones first: "0x00000003,,0xffffffff", and "0xf...f" for all that
/// follow. hwloc 2.9 ends the process at others, such as ",0x0000000f".
bool is_bitmap(std::string_view text) {
  if (text.starts_with("0xf...f")) {
    text.remove_prefix(7);
    if (text.empty()) return true;
    if (text.front() != ',') return false;
    text.remove_prefix(1);
  } else if (!text.starts_with("0x")) {
    return false;
  }
  for (bool more = true; more;) {
    std::string_view word = text.substr(0, text.find(','));
    more = word.size() < text.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (word.empty() && more) continue;
    if (!word.starts_with("0x")) return false;
    word.remove_prefix(2);
    if (word.empty() || word.size() > 8 || word.find_first_not_of("0123456789abcdefABCDEF") != word.npos)
      return false;
  }
  return true;
}

bool has_good_sets(const XmlTag& tag) {
  return std::all_of(tag.attributes.begin(), tag.attributes.end(), [](const auto& attribute) {
    const auto& [name, value] = attribute;
    const bool is_set = name.ends_with("cpuset") || name.ends_with("nodeset");
    return !is_set || value.empty() || is_bitmap(value);
  });
}

Error broken_xml_error_at(const std::string& xml, std::size_t offset, const std::string& place) {
  const auto end = xml.begin() + static_cast<std::ptrdiff_t>(std::min(offset, xml.size()));
  Error error = broken_xml_error(place);
  error.message += fmt::format(": line {}", std::count(xml.begin(), end, '\n') + 1);
  return error;
}

}  // namespace

std::string topology_input_hint() {
  return "give a file written by `lstopo FILE.xml`, or a description such as "
         "\"package:2 numa:2 l3:4 core:6 pu:1\"";
}

Status check_topology_xml(const std::string& xml, const std::string& place) {
  if (xml.find_first_not_of(kSpaces) == std::string::npos)
    return input_error(place + " is empty", topology_input_hint());
  XmlScanner scanner(xml);
  const auto root = scanner.next();
  if (!root) return input_error(place + " is not XML", topology_input_hint());
  if (root->name != "topology") {
    return input_error(place + " is XML, but not hwloc's: its first element is not <topology>",
                       topology_input_hint());
  }
  const auto version = root->attribute("version");
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  if (major >= 3) {
    return input_error(
        fmt::format("{} has version {} of hwloc's XML format, and only 1 and 2 can be read", place, version),
        "write it with lstopo of hwloc 2");
  }
  // A cut file is the likeliest fault, and easily told from the others.
  if (xml.find("</topology>") == std::string::npos) {
    return input_error(place + " is cut off: </topology> is missing",
                       "copy the file again, or write it again with `lstopo FILE.xml`");
  }
  while (const auto tag = scanner.next()) {
    const auto offset = static_cast<std::size_t>(tag->name.data() - xml.data());
    if (!has_good_sets(*tag) || (tag->name == "object" && !has_whole_sets(*tag, major == 2)))
      return broken_xml_error_at(xml, offset, place);
  }
  if (scanner.fault()) return broken_xml_error_at(xml, *scanner.fault(), place);
  return Ok{};
}

bool is_description(const std::string& text) {
  for (auto colon = text.find(':'); colon != std::string::npos; colon = text.find(':', colon + 1)) {
    if (colon > 0 && colon + 1 < text.size() && is_alphanumeric(text[colon - 1]) && is_digit(text[colon + 1]))
      return true;
  }
  return false;
}

std::vector<std::pair<std::size_t, std::size_t>> description_words(const std::string& description) {
  std::vector<std::pair<std::size_t, std::size_t>> words;
  int depth = 0;
  bool inside = false;
  for (std::size_t i = 0; i <= description.size(); ++i) {
    const bool at_end = i == description.size();
    const char letter = at_end ? ' ' : description[i];
    const bool separates = at_end || (depth == 0 && kSpaces.find(letter) != std::string_view::npos);
    if (letter == '(' || letter == '[') ++depth;
    if (letter == ')' || letter == ']') depth = std::max(depth - 1, 0);
    if (separates && inside) words.back().second = i;
    if (!separates && !inside) words.emplace_back(i, i);
    inside = !separates;
  }
  return words;
}

std::string complete_description(const std::string& description) {
  for (const auto& [begin, end] : description_words(description)) {
    // hwloc takes any case, and "PU" in full only.
    if (end - begin > 3 && equals_ignoring_case(std::string_view(description).substr(begin, 3), "pu:")) {
      return description;
    }
  }
  return description + " pu:1";
}

Status check_description(const std::string& description, const std::string& origin) {
  constexpr double kMostCpus = 8192;  // the most that Linux is built for; hwloc takes a second for them
  double cpus = 1;
  // The way that hwloc takes through the text: levels need no blank between them ("package:2core:4") and no
  // name ("99"), and numbers are read as C does ("0x63").
  std::size_t at = 0;
  while ((at = description.find_first_not_of(" \n", at)) != std::string::npos) {
    const std::size_t level = at;
    if (description[at] == '[') {
      at = description.find(']', at);
      if (at == std::string::npos) break;
      ++at;
      continue;
    }
    if (!is_digit(description[at])) {
      at = description.find(':', at);
      if (at == std::string::npos) break;
      ++at;
    }
    char* end = nullptr;
    const unsigned long count = std::strtoul(description.c_str() + at, &end, 0);
    at = static_cast<std::size_t>(end - description.c_str());
    if (at < description.size() && description[at] == '(') at = description.find(')', at);
    if (at < description.size() && description[at] == ')') ++at;
    cpus *= static_cast<double>(std::max(1UL, count));
    if (cpus > kMostCpus) {
      Error error =
          input_error(fmt::format("{}: more than {:.0f} hardware threads", origin, kMostCpus),
                      "the numbers multiply: \"package:2 core:4\" is 8 cores, 4 in each of 2 packages");
      error.excerpt = {description, level};
      return error;
    }
    // What hwloc stops at.
    if (at == std::string::npos) break;
  }
  return Ok{};
}

Error no_file_error(const std::string& name, const std::string& origin) {
  return {Error::Code::kNotFound,
          fmt::format("{}: there is no file '{}'", origin, name),
          topology_input_hint(),
          {}};
}

Error broken_xml_error(const std::string& place) {
  return input_error(place + " is broken hwloc XML",
                     "copy the file again, or write it again with `lstopo FILE.xml`");
}

Error no_cpu_error(const std::string& place) { return input_error(place + " has no CPU that may be used"); }

Error bad_info_error(const std::string& place, const std::string& name, const std::string& value) {
  return input_error(fmt::format("{}: {} has the value '{}'", place, name, value));
}

Error bad_description_error(const std::string& description, const std::string& origin, std::size_t offset) {
  Error error = input_error(
      fmt::format("{}: there is no file of this name, and hwloc does not understand it as a description",
                  origin),
      "name types from the outside in, each with a number: \"package:2 numa:2 l3:4 core:6 pu:1\"");
  error.excerpt = {description, offset};
  return error;
}

}  // namespace shipyard::topology
