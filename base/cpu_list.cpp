#include "base/cpu_list.hpp"

#include <charconv>

namespace shipyard {
namespace {

/// Eight times what x86 kernels can be built for: bounds what a broken text can make us allocate.
constexpr int kCpuLimit = 1 << 16;

/// A decimal number without sign or leading zeros, cut off the front of `text`; -1 where there is none.
int take_number(std::string_view& text) {
  int number = -1;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  const bool leading_zero = length > 1 && text[0] == '0';
  if (failure != std::errc{} || number < 0 || number >= kCpuLimit || leading_zero || text[0] == '-')
    return -1;
  text.remove_prefix(length);
  return number;
}

/// Calls `take(first, last)` for each range. False where the text is no list.
template <typename Take>
bool each_range(std::string_view text, Take take) {
  int former = -1;
  while (!text.empty()) {
    const int first = take_number(text);
    int last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = take_number(text);
      if (last <= first) return false;
    }
    if (first <= former) return false;
    take(first, last);
    former = last;
    if (text.empty()) return true;
    if (!text.starts_with(',') || text.size() == 1) return false;
    text.remove_prefix(1);
  }
  return true;
}

}  // namespace

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  const bool good = each_range(text, [&](int first, int last) {
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  });
  if (!good) return std::nullopt;
  return cpus;
}

bool is_cpu_list(std::string_view text) {
  return each_range(text, [](int, int) {});
}

std::string format_cpu_list(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const std::size_t first = i;
    while (i + 1 < cpus.size() && cpus[i + 1] == cpus[i] + 1) ++i;
    if (!text.empty()) text += ',';
    text += std::to_string(cpus[first]);
    if (i > first) text += '-' + std::to_string(cpus[i]);
  }
  return text;
}

}  // namespace shipyard
