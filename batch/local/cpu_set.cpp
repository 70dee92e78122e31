#include "batch/local/cpu_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace shipyard::local {
namespace {

bool contains(const Cpus& cpus, int cpu) { return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end(); }

/// No kernel has more.
constexpr int kMostCpus = 1 << 16;

std::string count(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace

Cpus parse_cpu_list(std::string_view text) {
  Cpus result;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc{}) break;
    int last = first;
    if (parsed.ptr < end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
      if (parsed.ec != std::errc{}) break;
    }
    if (first < 0 || last >= kMostCpus) break;
    for (int cpu = first; cpu <= last; ++cpu) result.push_back(cpu);
    at = parsed.ptr;
    if (at == end || *at != ',') break;
    ++at;
  }
  return result;
}

std::string format_cpu_list(Cpus cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string result;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t j = i;
    while (j + 1 < cpus.size() && cpus[j + 1] == cpus[j] + 1) ++j;
    if (!result.empty()) result += ',';
    result += i == j ? fmt::format("{}", cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[j]);
    i = j + 1;
  }
  return result;
}

Result<CpuDeal> deal_cpus(int nodes, std::optional<int> per_node, const std::vector<Cpus>& cores,
                          const Cpus& taken) {
  Cpus all;
  Cpus free;
  std::size_t threads = 1;
  for (const auto& core : cores) {
    threads = std::max(threads, core.size());
    const bool in_use = std::any_of(core.begin(), core.end(), [&](int cpu) { return contains(taken, cpu); });
    all.insert(all.end(), core.begin(), core.end());
    if (!in_use) free.insert(free.end(), core.begin(), core.end());
  }
  const auto wanted_nodes = static_cast<std::size_t>(nodes);
  if (per_node && static_cast<std::size_t>(*per_node) > all.size()) {
    return input_error(fmt::format("--cpus-per-node: {} asked for, and this process may use {}", *per_node,
                                   count(all.size(), "CPU")));
  }

  // An equal share, of whole cores where a share is more than one core.
  auto share = [&](const Cpus& from) {
    std::size_t each = from.size() / wanted_nodes;
    return each > threads ? each - each % threads : each;
  };
  CpuDeal result;
  std::size_t each = per_node ? static_cast<std::size_t>(*per_node) : share(free);
  const Cpus* from = &free;
  if (each == 0 || each * wanted_nodes > free.size()) {
    result.shared = true;
    from = &all;
    if (!per_node) each = std::max<std::size_t>(1, share(all));
    result.note =
        each * wanted_nodes > all.size()
            ? fmt::format("{} for {}", count(all.size(), "CPU"), count(wanted_nodes, "node"))
            : fmt::format("another pool holds {} of {}", all.size() - free.size(), count(all.size(), "CPU"));
    result.note += ": nodes share cores, so ranks yield while they wait and only --bind-to binds them";
  }
  result.cpus_per_node = static_cast<int>(each);
  if (!result.shared || per_node) {
    for (std::size_t k = 0; k < wanted_nodes; ++k) {
      Cpus set;
      for (std::size_t j = 0; j < each; ++j) set.push_back((*from)[(k * each + j) % from->size()]);
      result.sets.push_back(set);
    }
  }
  return result;
}

}  // namespace shipyard::local
