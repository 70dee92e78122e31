#include "launcher/check/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <system_error>

#include "launcher/exit_status.hpp"
#include "launcher/map/text.hpp"

namespace shipyard::launcher::check {
namespace {

using Kind = SshFailure::Kind;

constexpr std::size_t kNamedHosts = 3;
constexpr std::uint64_t kMebibyte = 1 << 20;
/// make(1), file systems and tickets go wrong beyond; what one sees of it is measured far below.
constexpr std::int64_t kClockMicroseconds = 500'000;

constexpr const char* kSameImage = "does every node run the same image? docker images --digests tells";

Finding error(Aspect aspect, std::string what, std::string hint, const char* outcome = "config_error",
              int status = kConfigError) {
  return {Severity::kError, aspect, {}, std::move(what), std::move(hint), outcome, status};
}

Finding no_answer(const SshFailure& failure, const std::string& shipyard) {
  const Aspect aspect = Aspect::kAnswer;
  const std::string& words = failure.words;
  switch (failure.kind) {
    case Kind::kPermissionDenied:
      return error(aspect, fmt::format("ssh: {}: the node does not accept the job's key", words),
                   "every node's container needs the same key; docker logs there tells which one it has",
                   "launch_failed", kLaunchFailed);
    case Kind::kHostKey:
      return error(aspect, fmt::format("refused: its host key is not the job's ({})", words),
                   "does an earlier job's container still hold the port there? Or someone else answers for "
                   "this node",
                   "launch_failed", kLaunchFailed);
    case Kind::kClosed:
      return error(aspect, fmt::format("ssh: {}", words),
                   "docker logs of that node's container tells what its sshd says", "launch_failed",
                   kLaunchFailed);
    case Kind::kUnreachable:
      return error(aspect, words,
                   "did the coordination command start the container with its sshd on every node? docker "
                   "logs tells",
                   "node_unreachable", kNodeUnreachable);
    case Kind::kNoAnswer:
      return error(aspect, words, "the node may be frozen, or cut off from the network", "node_unreachable",
                   kNodeUnreachable);
    case Kind::kNoLauncher:
      return error(Aspect::kShipyard, "shipyard-mpirun is not installed there", kSameVersion);
    case Kind::kNotAsked:
      return error(aspect, "not asked", {}, "node_unreachable", kNodeUnreachable);
    case Kind::kOther:
    case Kind::kNone:
      break;
  }
  return error(Aspect::kShipyard,
               fmt::format("answers, but not as shipyard-mpirun {} does: {}", shipyard, words), kSameVersion);
}

std::string words(int error) { return std::generic_category().message(error); }

/// What this node alone is enough to know.
void judge_node(const NodeCheck& check, const CheckedNode& node, std::vector<Finding>& findings) {
  if (!node.facts) {
    findings.push_back(no_answer(node.failure, check.shipyard));
    return;
  }
  const NodeFacts& facts = *node.facts;
  if (facts.shipyard != check.shipyard) {
    findings.push_back(error(Aspect::kShipyard,
                             fmt::format("shipyard-mpirun {}, here it is {}", facts.shipyard, check.shipyard),
                             kSameVersion));
  }
  const std::string own_mpi = to_string(check.mpi);
  if (facts.mpi.daemon.empty() && !check.asked.daemon.empty()) {
    findings.push_back(
        error(Aspect::kMpi,
              facts.mpi.version.empty() || facts.mpi.version == own_mpi
                  ? fmt::format("{} is missing: no {}", name_of(check.mpi.dialect), check.asked.daemon)
                  : fmt::format("{}, the primary has {}", facts.mpi.version, own_mpi),
              kSameImage));
  } else if (!facts.mpi.version.empty() && facts.mpi.version != own_mpi) {
    findings.push_back(
        error(Aspect::kMpi, fmt::format("{}, the primary has {}", facts.mpi.version, own_mpi), kSameImage));
  } else if (facts.mpi.version.empty()) {
    findings.push_back({.aspect = Aspect::kMpi,
                        .what = fmt::format("the version of MPI is not known: {}", facts.mpi.problem)});
  }
  if (facts.rank_program != 0) {
    findings.push_back(error(Aspect::kRank,
                             fmt::format("{}: {}", check.asked.rank_program, words(facts.rank_program)),
                             kSameVersion));
  }
  if (facts.program == ENOENT || facts.program == ENOTDIR) {
    findings.push_back(error(Aspect::kProgram, fmt::format("{}: not found there", check.asked.program),
                             "the program must be in the image, or at the same path on every node",
                             "config_error", kNotFound));
  } else if (facts.program.value_or(0) != 0) {
    findings.push_back(
        error(Aspect::kProgram,
              fmt::format("{}: cannot be executed there: {}", check.asked.program, words(*facts.program)),
              fmt::format("chmod +x {}", check.asked.program), "config_error", kNotExecutable));
  }
  if (facts.working_directory != 0) {
    findings.push_back(error(Aspect::kDirectory,
                             fmt::format("cannot enter the working directory {}: {}",
                                         check.asked.working_directory, words(facts.working_directory)),
                             "--wdir DIR names one that every node has"));
  }
  if (facts.connect_back && !facts.connect_back->problem.empty()) {
    // Each node's port and time are the same, so that nodes with the same trouble share a line.
    findings.push_back(
        error(Aspect::kConnectBack,
              fmt::format("cannot reach the primary at {} ({}): a firewall?", check.asked.report_address,
                          facts.connect_back->problem),
              "ranks and mpirun's daemons connect to ports of the kernel's choice there (sysctl "
              "net.ipv4.ip_local_port_range): let the nodes through",
              "launch_failed", kLaunchFailed));
  }
  const std::uint64_t needed = shared_memory_needed(check.mpi.dialect, node.ranks, facts.shared_memory_free);
  if (check.judge_shared_memory && needed > facts.shared_memory_free) {
    const std::uint64_t mebibytes = (needed + kMebibyte - 1) / kMebibyte;
    findings.push_back(
        error(Aspect::kSharedMemory,
              fmt::format("/dev/shm has {} MiB free, but {} ranks can need {} MiB",
                          facts.shared_memory_free / kMebibyte, node.ranks, mebibytes),
              fmt::format("start the container with --shm-size={}m or --ipc=host", mebibytes)));
  }
  for (const auto& link : facts.infiniband) {
    if (link.state.empty() || link.state == "ACTIVE") continue;
    findings.push_back({.aspect = Aspect::kInfiniBand,
                        .what = fmt::format("InfiniBand port {} is {}", link.name, link.state),
                        .hint = "ibstat tells more; the VM may need to be redeployed"});
  }
  if (const auto& back = facts.connect_back; back && back->problem.empty()) {
    const std::int64_t off = std::abs(back->clock_ahead_us) - back->round_trip_us / 2;
    if (off > kClockMicroseconds) {
      findings.push_back({.aspect = Aspect::kClock,
                          .what = fmt::format("its clock is {:.1f} s {} the primary's",
                                              static_cast<double>(std::abs(back->clock_ahead_us)) / 1e6,
                                              back->clock_ahead_us > 0 ? "ahead of" : "behind"),
                          .hint = "is its time synchronised? chronyc tracking on the VM tells"});
    }
  }
}

/// A property that all nodes should have alike: what is compared is its value's text, unless `alike` knows
/// better.
struct Property {
  Aspect aspect;
  const char* name;  ///< as the matrix has it
  std::function<std::string(const NodeFacts&)> value;
  const char* hint;
  std::function<bool(const NodeFacts&, const NodeFacts&)> alike = {};
};

bool nearly_equal(std::uint64_t left, std::uint64_t right) {
  const auto [least, most] = std::minmax(left, right);
  return most - least <= most / 32;
}

std::vector<Property> properties() {
  return {
      {Aspect::kCores, "cores", cores_text,
       "does the container have a cpuset or a quota (--cpuset-cpus, --cpus)?"},
      {Aspect::kMemory, "memory",
       [](const NodeFacts& facts) { return map::bytes_text(usable_memory(facts)); },
       "does the container have a limit (--memory)?",
       [](const NodeFacts& a, const NodeFacts& b) {
         return nearly_equal(usable_memory(a), usable_memory(b));
       }},
      {Aspect::kSharedMemory, "/dev/shm",
       [](const NodeFacts& facts) { return map::bytes_text(facts.shared_memory_bytes); },
       "start all containers with the same --shm-size",
       [](const NodeFacts& a, const NodeFacts& b) {
         return nearly_equal(a.shared_memory_bytes, b.shared_memory_bytes);
       }},
      {Aspect::kLockedMemory, "memlock", locked_memory_text, "start all containers with --ulimit memlock=-1"},
      {Aspect::kSingleCopy, "CMA",
       [](const NodeFacts& facts) { return std::string(facts.single_copy ? "yes" : "no"); },
       "CMA is process_vm_readv: start all containers with --cap-add=SYS_PTRACE, or none"},
      {Aspect::kInfiniBand, "InfiniBand", infiniband_text,
       "are the VMs of one size, and has each container --device /dev/infiniband?"},
  };
}

/// Whose value the odd ones are held against: `usual` of `all` nodes have it, `odd` have this other one.
const char* whose(std::size_t usual, std::size_t odd, std::size_t all, bool is_primarys) {
  if (usual > 1 && usual + odd == all) return "the others";
  if (2 * usual > all) return "most nodes";
  return is_primarys ? "the primary" : "other nodes";
}

void compare_nodes(const NodeCheck& check, const Property& property, std::vector<Finding>& findings) {
  struct Group {
    std::string text;
    std::vector<std::size_t> nodes;
    bool has_primary = false;
  };
  std::vector<Group> groups;
  std::size_t all = 0;
  for (std::size_t i = 0; i < check.nodes.size(); ++i) {
    const auto& node = check.nodes[i];
    if (!node.facts) continue;
    ++all;
    const std::string text = property.value(*node.facts);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
      const auto& its = *check.nodes[other.nodes[0]].facts;
      return property.alike ? property.alike(its, *node.facts) : other.text == text;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {text, {}});
    group->nodes.push_back(i);
    group->has_primary = group->has_primary || node.is_this;
  }
  if (groups.size() < 2) return;
  const auto usual = std::max_element(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return std::pair(a.nodes.size(), a.has_primary) < std::pair(b.nodes.size(), b.has_primary);
  });
  for (const auto& group : groups) {
    if (&group == &*usual) continue;
    findings.push_back(
        {.aspect = property.aspect,
         .nodes = group.nodes,
         .what = fmt::format("{} {}, {} {}", property.name, group.text,
                             whose(usual->nodes.size(), group.nodes.size(), all, usual->has_primary),
                             usual->text),
         .hint = property.hint});
  }
}

}  // namespace

std::string cores_text(const NodeFacts& facts) {
  if (facts.cpu_quota && *facts.cpu_quota < facts.cores)
    return fmt::format("{:g} of {}", *facts.cpu_quota, facts.cores);
  return std::to_string(facts.cores);
}

std::string locked_memory_text(const NodeFacts& facts) {
  return facts.locked_memory ? map::bytes_text(*facts.locked_memory) : "no limit";
}

std::string infiniband_text(const NodeFacts& facts) {
  if (facts.infiniband.empty()) return "none";
  // The devices' numbers differ between the VMs of one pool, so they do not count.
  std::vector<std::string> rates;
  for (const auto& link : facts.infiniband) {
    // "200 Gb/sec (4X HDR)"
    rates.push_back(link.rate.empty() ? "?" : link.rate.substr(0, link.rate.find(" (")));
  }
  std::sort(rates.begin(), rates.end());
  std::string text = rates[0];
  for (std::size_t i = 1; i < rates.size(); ++i) text += " + " + rates[i];
  return text;
}

std::uint64_t usable_memory(const NodeFacts& facts) {
  return std::min(facts.memory_bytes, facts.memory_limit.value_or(facts.memory_bytes));
}

std::vector<Finding> judge(const NodeCheck& check) {
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < check.nodes.size(); ++i) {
    std::vector<Finding> own;
    judge_node(check, check.nodes[i], own);
    for (auto& one : own) {
      const auto same = std::find_if(findings.begin(), findings.end(), [&](const Finding& other) {
        return other.aspect == one.aspect && other.what == one.what && other.hint == one.hint;
      });
      if (same == findings.end()) {
        one.nodes = {i};
        findings.push_back(std::move(one));
      } else {
        same->nodes.push_back(i);
      }
    }
  }
  for (const auto& property : properties()) compare_nodes(check, property, findings);
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    if (a.severity != b.severity) return a.severity == Severity::kError;
    return a.aspect < b.aspect;
  });
  return findings;
}

std::string hosts_text(const NodeCheck& check, const std::set<std::size_t>& nodes) {
  std::string text;
  std::size_t named = 0;
  for (const std::size_t node : nodes) {
    if (named == kNamedHosts) return text + fmt::format(" and {} more", nodes.size() - named);
    text += (named++ > 0 ? ", " : "") + check.nodes[node].host;
  }
  return text;
}

std::string finding_text(const NodeCheck& check, const Finding& finding) {
  return hosts_text(check, {finding.nodes.begin(), finding.nodes.end()}) + ": " + finding.what;
}

std::optional<Outcome> cause_of(const NodeCheck& check) {
  const auto findings = judge(check);
  if (findings.empty() || findings[0].severity != Severity::kError) return std::nullopt;
  const Finding& first = findings[0];
  return Outcome{first.outcome, first.status, finding_text(check, first), first.hint};
}

}  // namespace shipyard::launcher::check
