#include "launcher/stage/place.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "base/file.hpp"

namespace shipyard::launcher::stage {
namespace {

/// File systems that several machines mount from one server, which their source names. Those of FUSE that
/// name themselves there (blobfuse2, s3fs, ceph-fuse) or what only their own settings know (rclone) look
/// alike for any two.
constexpr std::array<std::string_view, 18> kNetworkTypes = {
    "nfs",  "nfs4",      "cifs",     "smb3",  "smbfs", "lustre", "beegfs", "beegfs_nodev",   "ceph",
    "gpfs", "glusterfs", "orangefs", "pvfs2", "afs",   "panfs",  "wekafs", "fuse.glusterfs", "fuse.sshfs"};

/// mountinfo writes blank, tab, line end and backslash as \ooo.
std::string unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const auto digit = [&](std::size_t k) { return field[k] >= '0' && field[k] <= '7'; };
    if (field[i] == '\\' && i + 3 < field.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

/// The word that `line` begins with, which is taken off.
std::string_view next_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

/// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
Mount parse(std::string_view line) {
  for (int i = 0; i < 3; ++i) next_word(line);
  Mount mount;
  mount.root = unescaped(next_word(line));
  mount.point = unescaped(next_word(line));
  while (!line.empty() && next_word(line) != "-") {
  }
  mount.type = unescaped(next_word(line));
  mount.source = unescaped(next_word(line));
  return mount;
}

bool lies_in(std::string_view path, std::string_view directory) {
  return path == directory || lies_below(path, directory);
}

bool is_same_boot(const Place& a, const Place& b) { return !a.boot.empty() && a.boot == b.boot; }

/// And the same file system of it.
bool is_same_machine(const Place& a, const Place& b) { return is_same_boot(a, b) && a.device == b.device; }

bool is_same_network(const Place& a, const Place& b) {
  const bool network = std::find(kNetworkTypes.begin(), kNetworkTypes.end(), a.type) != kNetworkTypes.end();
  // One machine knows by itself what is one file system.
  if (!network || (is_same_boot(a, b) && a.device != b.device)) return false;
  return a.type == b.type && a.source == b.source && !a.source.empty();
}

}  // namespace

std::string absolute_path(const std::string& path, const std::string& directory) {
  std::string text = (std::filesystem::path(directory) / path).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool lies_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory == "/" || path[directory.size()] == '/');
}

Mount mount_of(std::string_view mountinfo, std::string_view path) {
  Mount found;
  while (!mountinfo.empty()) {
    const std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(mountinfo.size(), line.size() + 1));
    Mount mount = parse(line);
    if (!mount.point.empty() && mount.point.size() >= found.point.size() && lies_in(path, mount.point))
      found = std::move(mount);
  }
  return found;
}

const std::string& boot_id() {
  static const std::string id = [] {
    const auto text = read_file("/proc/sys/kernel/random/boot_id");
    return text ? text->substr(0, text->find('\n')) : std::string();
  }();
  return id;
}

Result<Place> place_of(const std::string& directory) {
  std::error_code failure;
  const auto real = std::filesystem::canonical(directory, failure);
  if (failure) return system_error(directory, failure.value());
  struct stat info {};
  if (::stat(real.c_str(), &info) != 0) return system_error(directory, errno);
  auto mountinfo = read_file("/proc/self/mountinfo");
  if (!mountinfo) return mountinfo.error();
  const Mount mount = mount_of(*mountinfo, real.string());
  Place place{.boot = boot_id(),
              .type = mount.type,
              .source = mount.source,
              .path = absolute_path(real.lexically_relative(mount.point).string(), mount.root),
              .device = info.st_dev,
              .inode = info.st_ino};
  return place;
}

bool is_same_place(const Place& a, const Place& b) {
  if (a.inode == 0 || b.inode == 0) return false;
  if (is_same_machine(a, b) && a.inode == b.inode) return true;
  return is_same_network(a, b) && a.path == b.path;
}

bool is_nested(const Place& a, const std::string& below, const Place& b) {
  if (a.path.empty() || b.path.empty() || !(is_same_machine(a, b) || is_same_network(a, b))) return false;
  const std::string path = absolute_path(below, a.path);
  return path != b.path && (lies_in(path, b.path) || lies_in(b.path, path));
}

}  // namespace shipyard::launcher::stage
