#include "launcher/topology/cgroup.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
namespace fs = std::filesystem;

namespace {

/// A tree of control groups, in memory where that goes; what a file there holds is the input's.
class Tree {
 public:
  Tree() {
    std::string name =
        (fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path().string()) + "/fuzz-cgroup.XXXXXX";
    fuzz::require(::mkdtemp(name.data()) != nullptr, "a directory can be made");
    path_ = name;
    for (const char* directory : {"a", "cpu/a", "memory"}) fs::create_directories(path_ / directory);
  }
  ~Tree() { fs::remove_all(path_); }
  void write(const std::string& text) const {
    for (const char* file :
         {"a/cpu.max", "a/memory.max", "cpu/a/cpu.cfs_quota_us", "memory/memory.limit_in_bytes"}) {
      std::ofstream(path_ / file, std::ios::binary) << text;
    }
    std::ofstream(path_ / "cpu/a/cpu.cfs_period_us") << "100000";
  }
  [[nodiscard]] std::string path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

/// Up to the first empty line: a limit's file; then /proc/self/cgroup.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tree tree;
  const std::string text(fuzz::text_of(data, size));
  // The tree is all that is to be read.
  if (text.find("..") != std::string::npos || text.find('\0') != std::string::npos) return 0;
  const auto end = std::min(text.find("\n\n"), text.size());
  tree.write(text.substr(0, end));
  const std::string groups = end < text.size() ? text.substr(end + 2) : "0::/a\n1:cpu:/a/b\n2:memory:/a\n";
  if (const auto quota = topology::cpu_quota(groups, tree.path()))
    fuzz::require(*quota > 0, "a quota is positive");
  (void)topology::memory_limit(groups, tree.path());
  return 0;
}
