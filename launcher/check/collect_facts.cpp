#include "launcher/check/collect_facts.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.hpp"
#include "base/ip_network.hpp"
#include "base/subprocess.hpp"
#include "base/terminal.hpp"
#include "launcher/check/connect_back.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/mpi/installation.hpp"
#include "launcher/node_probe.hpp"
#include "launcher/topology/cgroup.hpp"
#include "launcher/topology/discover.hpp"

namespace shipyard::launcher::check {
namespace {

constexpr std::chrono::milliseconds kConnectLimit{3000};

/// As parse_facts takes it.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text.substr(0, 1000);
}

/// errno of starting a program, 0: nothing is against it.
int why_not_started(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EACCES;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

int why_not_entered(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno;
  if (!S_ISDIR(info.st_mode)) return ENOTDIR;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

void find_cpus(NodeFacts& facts) {
  auto node = topology::discover(topology::Devices::kNone);
  if (!node) return;
  facts.cores = static_cast<int>(node->cores.size());
  for (const auto& core : node->cores)
    facts.hardware_threads += static_cast<int>(core.hardware_threads.size());
  facts.cpu_quota = node->cpu_quota;
}

void find_memory(NodeFacts& facts) {
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) facts.memory_bytes = static_cast<std::uint64_t>(info.totalram) * info.mem_unit;
  if (auto groups = read_file("/proc/self/cgroup", 1 << 20))
    facts.memory_limit = topology::memory_limit(*groups, "/sys/fs/cgroup");
  const auto [size, free] = shared_memory();
  facts.shared_memory_bytes = size;
  facts.shared_memory_free = free;
  facts.locked_memory = locked_memory();
}

/// The launcher closes its end behind the request, but a line's end is as good.
std::string read_request() {
  std::string text;
  char buffer[4096];
  while (text.find('\n') == std::string::npos && text.size() <= kLongestText) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

MpiFacts mpi_facts(const FactsRequest& request, const Environment& login) {
  MpiFacts facts;
  Environment environment = login;
  if (!request.mpi_env.empty()) {
    auto sourced = mpi::source_script(request.mpi_env, login);
    if (!sourced) {
      facts.problem = one_line(sourced.error().message);
      return facts;
    }
    environment = std::move(*sourced);
  }
  auto mpirun = mpi::find_mpirun(request.mpirun, environment);
  if (!mpirun) mpirun = mpi::find_mpirun({}, environment);
  if (!mpirun) {
    facts.problem = "no mpirun";
  } else if (auto found = mpi::inspect_mpirun(*mpirun, environment)) {
    facts.mpirun = *mpirun;
    facts.version = to_string(found->version);
  } else {
    facts.problem = one_line(found.error().message);
  }
  if (request.daemon.empty()) return facts;
  // mpirun calls it by its path where it was called by one itself, else it is looked for in PATH.
  if (why_not_started(request.daemon) == 0) {
    facts.daemon = request.daemon;
  } else if (auto found =
                 find_program(std::filesystem::path(request.daemon).filename().string(), environment)) {
    facts.daemon = *found;
  }
  return facts;
}

NodeFacts collect_facts(const FactsRequest& request, MpiFacts mpi) {
  NodeFacts facts;
  facts.shipyard = SHIPYARD_VERSION;
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  facts.name = one_line(name);
  facts.mpi = std::move(mpi);
  find_cpus(facts);
  find_memory(facts);
  facts.single_copy = single_copy_allowed();
  facts.infiniband = topology::infiniband_links("/sys/class/infiniband");
  if (!request.program.empty()) facts.program = why_not_started(request.program);
  facts.working_directory = why_not_entered(request.working_directory);
  facts.rank_program = why_not_started(request.rank_program);
  if (auto address = parse_address(request.report_address)) {
    facts.connect_back =
        connect_back(*address, static_cast<std::uint16_t>(request.report_port), request.token, kConnectLimit);
  }
  return facts;
}

int run_node_facts(const Environment& environment, std::ostream& out, std::ostream& err) {
  ::alarm(60);  // until the request says how long; nobody may be there
  auto request = parse_request(read_request());
  if (!request) {
    err << format_error("shipyard-mpirun", request.error(), environment.terminal_columns) << std::flush;
    return kConfigError;
  }
  ::alarm(static_cast<unsigned>(request->limit_seconds));
  out << format_facts(collect_facts(*request, mpi_facts(*request, environment))) << std::flush;
  return kSuccess;
}

}  // namespace shipyard::launcher::check
