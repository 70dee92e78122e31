#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace shipyard::topology {

// What a user gives as a topology, before hwloc sees it: hwloc says only that it failed. `place` and `origin`
// ("--topology: a.xml", "--topology") begin the message.

/// Fails on text that is no hwloc XML, is cut off, or of a format that hwloc 2 does not read.
[[nodiscard]] Status check_topology_xml(const std::string& xml, const std::string& place);

/// Whether a word that names no file is meant as a synthetic description: it has a name and a number with ':'
/// in between, as "core:4".
[[nodiscard]] bool is_description(const std::string& text);

/// With the hardware threads that hwloc insists on: "core:4" becomes "core:4 pu:1".
[[nodiscard]] std::string complete_description(const std::string& description);

/// Fails on descriptions of more CPUs than any machine has, which would take hwloc's time and memory.
[[nodiscard]] Status check_description(const std::string& description, const std::string& origin);

/// The words of a description, [begin, end): blanks inside of parentheses and brackets separate nothing.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> description_words(
    const std::string& description);

[[nodiscard]] std::string topology_input_hint();
[[nodiscard]] Error no_file_error(const std::string& name, const std::string& origin);
[[nodiscard]] Error broken_xml_error(const std::string& place);
[[nodiscard]] Error no_cpu_error(const std::string& place);
[[nodiscard]] Error bad_info_error(const std::string& place, const std::string& name,
                                   const std::string& value);
[[nodiscard]] Error bad_description_error(const std::string& description, const std::string& origin,
                                          std::size_t offset);

}  // namespace shipyard::topology
