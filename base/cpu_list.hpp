#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shipyard {

/// CPU numbers of the operating system, ascending, from the kernel's list format (cpuset(7)): "0-5,8-13". An
/// empty text is an empty list. nullopt for anything else: blanks, numbers that do not ascend, or that no
/// kernel has (65536 and more).
[[nodiscard]] std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

/// Whether parse_cpu_list would take it, without making the list.
[[nodiscard]] bool is_cpu_list(std::string_view text);

/// "0-5,8-13"; `cpus` ascending.
[[nodiscard]] std::string format_cpu_list(const std::vector<int>& cpus);

}  // namespace shipyard
