#include "base/file_descriptor.hpp"

#include <dirent.h>

#include <charconv>
#include <string_view>
#include <vector>

namespace shipyard {

void close_all_descriptors() {
  if (::close_range(0, ~0U, 0) == 0) return;
  std::vector<int> open;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    int fd = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec == std::errc()) open.push_back(fd);
  }
  // Its own is among them, and closed already when its turn comes.
  ::closedir(directory);
  for (const int fd : open) ::close(fd);
}

}  // namespace shipyard
