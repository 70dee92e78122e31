#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local {

/// The words of a Batch command line, which is run without a shell: split at blanks; '…' keeps all in it as
/// it is, "…" all but \" \\ \$ and \`, a backslash the character behind it. How Batch itself reads quotes on
/// Linux is not documented beyond "it does not run under a shell"; its own examples (`/bin/bash -c '…'`) read
/// the same by a shell's rules, which are taken here. Fails on a quote that is left open, and on no words.
Result<std::vector<std::string>> split_command_line(std::string_view line);

}  // namespace shipyard::local
