#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::hostfile {

inline constexpr std::string_view kBlockBegin = "# BEGIN shipyard-mpirun";
inline constexpr std::string_view kBlockEnd = "# END shipyard-mpirun";

/// The text of an ssh config with `config` (from ssh_config()) in the marked block: in place of the block
/// that is there, else as a new one at the top, because ssh takes the first value that it finds for a
/// keyword. Everything outside of the block stays byte for byte and keeps its meaning; line ends are the
/// file's own. Fails where the markers do not make one whole block; `path` is named then.
Result<std::string> with_block(std::string_view content, std::string_view config, std::string_view path);

/// The text without the block; the text itself where there is none.
Result<std::string> without_block(std::string_view content, std::string_view path);

/// What ~/.ssh/config is to become.
struct ConfigEdit {
  std::string directory;  ///< HOME/.ssh
  std::string path;       ///< HOME/.ssh/config
  std::string content;
  mode_t mode = 0600;   ///< an existing file's own
  bool changed = true;  ///< false: the file has this content already, and is not to be written
};

/// The edits of HOME/.ssh/config that put the block in and take it out. They read, and write nothing.
Result<ConfigEdit> plan_installation(std::string_view home, std::string_view config);
Result<ConfigEdit> plan_removal(std::string_view home);

/// Writes the file. What is missing is made (.ssh 0700, config 0600); an existing file keeps its mode, its
/// owner and the link that leads to it.
Status apply(const ConfigEdit& edit);

}  // namespace shipyard::hostfile
