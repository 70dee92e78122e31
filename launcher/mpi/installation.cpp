#include "launcher/mpi/installation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/ascii.hpp"
#include "base/file.hpp"
#include "base/subprocess.hpp"

namespace shipyard::mpi {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

/// Where an MPI is installed when it is not in PATH. A "*" stands for any text within a name.
constexpr const char* kUsualPlaces[] = {
    "/usr/lib64/openmpi/bin",  // RHEL, AlmaLinux: behind `module load mpi`
    "/usr/lib64/mpich/bin",
    "/usr/local/bin",
    "/usr/local/openmpi/bin",
    "/opt/openmpi/bin",
    "/opt/openmpi-*/bin",          // Azure's HPC images
    "/opt/hpcx*/ompi/bin",         // NVIDIA HPC-X
    "/usr/mpi/gcc/openmpi-*/bin",  // MLNX_OFED
    "/opt/amazon/openmpi/bin",
    "/opt/mpich*/bin",
    // Intel MPI: oneAPI's, whatever is the newest first; 2019's own, and that of Parallel Studio.
    "/opt/intel/oneapi/mpi/latest/bin",
    "/opt/intel/oneapi/mpi/*/bin",
    "/opt/intel/impi/*/intel64/bin",
    "/opt/intel/compilers_and_libraries_*/linux/mpi/intel64/bin",
};

/// Distributions that let several MPIs live side by side leave MPICH's own name alone.
constexpr const char* kNames[] = {"mpirun", "mpiexec.hydra"};

std::vector<std::string> expand(const std::string& pattern) {
  auto star = pattern.find('*');
  if (star == std::string::npos) return {pattern};
  auto slash_before = pattern.rfind('/', star);
  auto slash_after = pattern.find('/', star);
  const std::string directory = pattern.substr(0, slash_before);
  const std::string head = pattern.substr(slash_before + 1, star - slash_before - 1);
  std::vector<std::string> result;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(head)) result.push_back(directory + "/" + name + pattern.substr(slash_after));
  }
  return result;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// "4.1.4" of "… 4.1.4 …" into `version`; false where there is no number, dot, number.
bool read_version(const std::string& output, std::size_t start, MpiVersion& version) {
  version.text = output.substr(start, output.find_first_of(" \n", start) - start);
  const char* end = version.text.data() + version.text.size();
  auto [dot, failure] = std::from_chars(version.text.data(), end, version.major);
  return failure == std::errc{} && dot != end && *dot == '.' &&
         std::from_chars(dot + 1, end, version.minor).ec == std::errc{} && version.major >= 0 &&
         version.minor >= 0;
}

std::string line_of(const std::string& text, std::size_t at) {
  return text.substr(at, text.find('\n', at) - at);
}

/// "… OS, Version 2021.11 Build 20231005 (id: 74c4a23)", "… OS, Version 2019 Update 9 Build …": years, and
/// what came after the first of one.
bool read_intel_version(const std::string& output, std::size_t start, MpiVersion& version) {
  constexpr std::string_view kVersion = "Version ";
  const std::string line = line_of(output, start);
  const auto at = line.find(kVersion);
  if (at == std::string::npos) return false;
  const std::string_view text = std::string_view(line).substr(at + kVersion.size());
  const char* end = text.data() + text.size();
  auto [rest, failure] = std::from_chars(text.data(), end, version.major);
  if (failure != std::errc{} || version.major < 0) return false;
  constexpr std::string_view kUpdate = " Update ";
  const std::string_view more(rest, static_cast<std::size_t>(end - rest));
  const std::size_t between = more.starts_with('.') ? 1 : more.starts_with(kUpdate) ? kUpdate.size() : 0;
  if (between > 0) {
    const auto minor = std::from_chars(rest + between, end, version.minor);
    if (minor.ec != std::errc{} || version.minor < 0) return false;
    rest = minor.ptr;
  }
  rest = std::find_if_not(rest, end, [](char c) { return c == '.' || is_digit(c); });
  const std::string_view after(rest, static_cast<std::size_t>(end - rest));
  if ((!after.empty() && after[0] != ' ') || after.starts_with(" Update")) return false;
  version.dialect = Dialect::kIntelMpi;
  version.text.assign(text.data(), rest);
  return true;
}

/// Hydra starts its proxy, on every node, from the directory that its own name has: behind a link from
/// elsewhere there is none.
std::string beside_its_proxy(const std::string& mpirun) {
  const auto has_proxy = [](const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path.parent_path() / "hydra_pmi_proxy", ignored);
  };
  std::error_code failure;
  const fs::path real = fs::canonical(mpirun, failure);
  return failure || has_proxy(mpirun) || !has_proxy(real) ? mpirun : real.string();
}

}  // namespace

const char* name_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::kHydra:
      return "MPICH";
    case Dialect::kIntelMpi:
      return "Intel MPI";
    case Dialect::kOpenMpi4:
    case Dialect::kOpenMpi5:
      break;
  }
  return "Open MPI";
}

std::string to_string(const MpiVersion& version) {
  return std::string(name_of(version.dialect)) + " " + version.text;
}

Result<MpiVersion> parse_mpirun_version(const std::string& output) {
  auto unusable = [](std::string message) {
    return Error{Error::Code::kMpi,
                 std::move(message),
                 "Open MPI 4.0, MPICH 3.0, Intel MPI 2019 or later is needed; --mpirun PATH names one",
                 {}};
  };
  constexpr std::string_view kOpenMpi = "(Open MPI) ";
  constexpr std::string_view kHydra = "HYDRA build details:";
  MpiVersion version;
  if (auto start = output.find(kOpenMpi); start != std::string::npos) {
    if (!read_version(output, start + kOpenMpi.size(), version)) {
      return unusable(fmt::format("cannot read the version of Open MPI from '{}'", first_line(output)));
    }
    version.dialect = version.major >= 5 ? Dialect::kOpenMpi5 : Dialect::kOpenMpi4;
    if (version.major < 4) return unusable(to_string(version) + " is too old");
    return version;
  }
  if (auto hydra = output.find(kHydra); hydra != std::string::npos) {
    constexpr std::string_view kVersion = "Version:";
    auto start = output.find(kVersion, hydra);
    if (start != std::string::npos) start = output.find_first_not_of(' ', start + kVersion.size());
    version.dialect = Dialect::kHydra;
    if (start == std::string::npos || !read_version(output, start, version)) {
      return unusable("cannot read the version of MPICH's mpirun (Hydra)");
    }
    if (version.major < 3) return unusable(to_string(version) + " is too old");
    version.may_hang_at_the_end = (version.major < 4 || (version.major == 4 && version.minor < 2)) &&
                                  output.find("--with-device=ch4:ucx", hydra) != std::string::npos;
    return version;
  }
  if (auto intel = output.find("Intel(R) MPI Library"); intel != std::string::npos) {
    if (!read_intel_version(output, intel, version))
      return unusable(fmt::format("cannot read the version of Intel MPI from '{}'", line_of(output, intel)));
    if (version.major < 2019) return unusable(to_string(version) + " is too old");
    return version;
  }
  return unusable(fmt::format("mpirun --version says '{}', which is neither Open MPI nor MPICH nor Intel MPI",
                              first_line(output)));
}

std::string foreign_prefix(const std::string& mpirun) {
  const fs::path directory = fs::path(mpirun).parent_path();
  if (directory.filename() != "bin") return {};
  const std::string prefix = directory.parent_path().string();
  return prefix == "/usr" || prefix == "/usr/local" || prefix == "/" || prefix.empty() ? std::string()
                                                                                       : prefix;
}

std::map<std::string, std::string> variables_of_prefix(const std::string& prefix,
                                                       const Environment& environment) {
  const auto in_front = [&](const char* name, const std::string& directory) {
    const auto old = environment.get(name).value_or("");
    return old.empty() ? directory : directory + ":" + std::string(old);
  };
  return {{"OPAL_PREFIX", prefix},
          {"PATH", in_front("PATH", prefix + "/bin")},
          {"LD_LIBRARY_PATH", in_front("LD_LIBRARY_PATH", prefix + "/lib")}};
}

std::map<std::string, std::string> variables_of_intel_mpi(const std::string& prefix,
                                                          const Environment& environment) {
  if (prefix.empty() || !environment.get("I_MPI_ROOT").value_or("").empty()) return {};
  std::error_code ignored;
  const auto there = [&](const std::string& directory) {
    return fs::is_directory(prefix + directory, ignored);
  };
  // From 2021.11 on libfabric is below opt/mpi; before 2021.11 libmpi.so is in lib/release.
  std::string libraries;
  for (const char* directory : {"/opt/mpi/libfabric/lib", "/libfabric/lib", "/lib/release", "/lib"}) {
    if (there(directory)) libraries += prefix + directory + ":";
  }
  const bool below_intel64 = fs::path(prefix).filename() == "intel64";
  std::map<std::string, std::string> result{
      {"I_MPI_ROOT", below_intel64 ? fs::path(prefix).parent_path().string() : prefix},
      {"PATH", prefix + "/bin"}};
  if (const auto old = environment.get("PATH").value_or(""); !old.empty())
    result["PATH"] += ":" + std::string(old);
  if (!libraries.empty()) {
    libraries += environment.get("LD_LIBRARY_PATH").value_or("");
    if (libraries.ends_with(':')) libraries.pop_back();
    result["LD_LIBRARY_PATH"] = libraries;
  }
  for (const char* directory : {"/opt/mpi/libfabric/lib/prov", "/libfabric/lib/prov"}) {
    if (there(directory) && !environment.has("FI_PROVIDER_PATH"))
      result.emplace("FI_PROVIDER_PATH", prefix + directory);
  }
  return result;
}

Result<std::string> find_mpirun(const std::string& wish, const Environment& environment) {
  if (!wish.empty()) {
    std::error_code ignored;
    std::string inside = wish;
    if (fs::is_directory(wish, ignored)) {
      inside += "/bin/mpirun";
      const std::string hydra = wish + "/bin/mpiexec.hydra";
      if (!fs::exists(inside, ignored) && fs::exists(hydra, ignored)) inside = hydra;
    }
    auto found = find_program(inside, environment);
    if (found) return found;
    return Error{Error::Code::kMpi, "--mpirun: " + found.error().message, found.error().hint, {}};
  }
  for (const char* name : kNames) {
    if (auto found = find_program(name, environment)) return found;
  }
  for (const char* pattern : kUsualPlaces) {
    for (const auto& directory : expand(pattern)) {
      for (const char* name : kNames) {
        if (auto found = find_program(directory + "/" + name, environment)) return found;
      }
    }
  }
  return Error{Error::Code::kMpi,
               "no mpirun here: neither in PATH nor in the usual places",
               "apt-get install openmpi-bin (or mpich), or name one with --mpirun PATH or --mpi-env SCRIPT",
               {}};
}

Result<Environment> source_script(const std::string& script, const Environment& environment) {
  if (auto readable = read_file(script); !readable) {
    return input_error("--mpi-env: " + readable.error().message);
  }
  const bool has_bash = find_program("bash", environment).has_value();
  // What the script prints goes to stderr, so that stdout holds the variables alone.
  Command command{.argv = {has_bash ? "bash" : "sh", "-c", ". \"$1\" >&2 && exec env -0", "sh", script},
                  .environment = environment.as_strings()};
  auto done = run(command, seconds(60));
  if (!done) return done.error();
  if (!done->exit.success()) {
    return input_error(fmt::format("--mpi-env: {} ended with {}", script, describe(done->exit)),
                       done->errors.empty() ? std::string() : "it said: " + first_line(done->errors));
  }
  Environment result = environment;
  result.variables.clear();
  std::string_view rest = done->output;
  while (!rest.empty()) {
    auto end = rest.find('\0');
    auto entry = rest.substr(0, end);
    if (auto equals = entry.find('='); equals != std::string_view::npos && equals > 0) {
      result.variables[std::string(entry.substr(0, equals))] = std::string(entry.substr(equals + 1));
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  result.variables.erase("_");
  return result;
}

Result<MpiInstallation> inspect_mpirun(const std::string& mpirun, const Environment& environment) {
  MpiInstallation result;
  result.mpirun = mpirun;
  Environment for_query = environment;
  if (!environment.has("OPAL_PREFIX")) {
    if (const std::string prefix = foreign_prefix(mpirun); !prefix.empty()) {
      result.variables = variables_of_prefix(prefix, environment);
    }
    for (const auto& [name, value] : result.variables) for_query.variables[name] = value;
  }
  for_query.variables["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
  for_query.variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
  auto done = run({.argv = {mpirun, "--version"}, .environment = for_query.as_strings()}, seconds(30));
  if (!done) return Error{Error::Code::kMpi, done.error().message, {}, {}};
  if (!done->exit.success()) {
    const std::string said = first_line(done->errors.empty() ? done->output : done->errors);
    return Error{Error::Code::kMpi,
                 fmt::format("{} --version ended with {}: {}", mpirun, describe(done->exit), said),
                 "does it need libraries of its own? --mpi-env SCRIPT sources a file that sets them",
                 {}};
  }
  auto version = parse_mpirun_version(done->output);
  if (!version) {
    Error error = version.error();
    error.message = mpirun + ": " + error.message;
    return error;
  }
  result.version = *version;
  if (is_hydra(version->dialect)) {
    result.variables.erase("OPAL_PREFIX");
    result.mpirun = beside_its_proxy(mpirun);
  }
  if (version->dialect == Dialect::kIntelMpi) {
    const std::string hydra = (fs::path(result.mpirun).parent_path() / "mpiexec.hydra").string();
    if (auto found = find_program(hydra, environment)) result.mpirun = *found;
    result.variables = variables_of_intel_mpi(foreign_prefix(result.mpirun), environment);
  }
  return result;
}

}  // namespace shipyard::mpi
