#include "launcher/rank/binding.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/cpu_list.hpp"

namespace shipyard::rank {
namespace {

/// A cpu_set_t for CPU numbers below `cpus`: the type's own size ends at 1023 (CPU_SET(3)).
class CpuMask {
 public:
  explicit CpuMask(std::size_t cpus) : words_((cpus + kWordBits - 1) / kWordBits) {}

  [[nodiscard]] std::size_t bytes() const { return words_.size() * sizeof(unsigned long); }
  [[nodiscard]] std::size_t cpus() const { return words_.size() * kWordBits; }
  cpu_set_t* get() { return reinterpret_cast<cpu_set_t*>(words_.data()); }
  void set(int cpu) { CPU_SET_S(static_cast<std::size_t>(cpu), bytes(), get()); }
  bool has(std::size_t cpu) { return CPU_ISSET_S(cpu, bytes(), get()) != 0; }

 private:
  static constexpr std::size_t kWordBits = sizeof(unsigned long) * CHAR_BIT;
  std::vector<unsigned long> words_;
};

constexpr std::size_t kUsualCpus = 8192;  // x86 kernels are built for no more
constexpr std::size_t kMostCpus = 1 << 16;

bool contains(const std::vector<int>& all, const std::vector<int>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

Result<std::vector<int>> own_cpus() {
  // The kernel refuses with EINVAL a mask that is shorter than its own.
  for (std::size_t size = kUsualCpus; size <= kMostCpus; size *= 2) {
    CpuMask mask(size);
    if (::sched_getaffinity(0, mask.bytes(), mask.get()) == 0) {
      std::vector<int> cpus;
      for (std::size_t cpu = 0; cpu < mask.cpus(); ++cpu) {
        if (mask.has(cpu)) cpus.push_back(static_cast<int>(cpu));
      }
      return cpus;
    }
    if (errno != EINVAL) break;
  }
  return system_error("cannot read the CPU affinity", errno);
}

Status bind_to(const std::vector<int>& cpus) {
  CpuMask mask(cpus.empty() ? 0 : static_cast<std::size_t>(cpus.back()) + 1);
  for (int cpu : cpus) mask.set(cpu);
  if (::sched_setaffinity(0, mask.bytes(), mask.get()) == 0) return Ok{};
  return system_error("cannot bind to CPUs " + format_cpu_list(cpus), errno);
}

Result<std::vector<int>> cpus_on_this_node(const std::vector<int>& cpus, const std::vector<int>& usable,
                                           const std::vector<int>& own) {
  if (usable.empty()) return cpus;
  if (!contains(usable, cpus)) {
    return input_error(fmt::format("CPUs {} are not among the {} that the plan is for", format_cpu_list(cpus),
                                   format_cpu_list(usable)));
  }
  if (contains(own, usable)) return cpus;
  if (own.size() != usable.size()) {
    return input_error(fmt::format("the node has {} CPU{} ({}), the plan is for {} ({})", own.size(),
                                   own.size() == 1 ? "" : "s", format_cpu_list(own), usable.size(),
                                   format_cpu_list(usable)));
  }
  std::vector<int> result;
  for (int cpu : cpus) {
    const auto place = std::lower_bound(usable.begin(), usable.end(), cpu);
    result.push_back(own[static_cast<std::size_t>(place - usable.begin())]);
  }
  return result;
}

}  // namespace shipyard::rank
