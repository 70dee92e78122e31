#pragma once

#include <optional>
#include <string>
#include <vector>

namespace shipyard::bench {

/// A terminal on which a line can be written over, and behind which of rank 0's streams it is.
struct Screen {
  bool standard_output = false;  ///< else standard error
  int columns = 80;
};

/// A process, as /proc shows it.
struct Ancestor {
  std::string name;  ///< the program's, at most 15 bytes of it
  std::vector<std::string> arguments;
  std::optional<int> output_columns;  ///< of the terminal that standard output is; nullopt: it is none
  std::optional<int> error_columns;   ///< the same of standard error
  bool output_is_pipe = false;        ///< who knows where its other end is shown: `| tee log`
};

/// What rank 0 writes comes to the user through the processes that have started it, nearest first: `mpirun`,
/// Hydra's proxy, `shipyard-mpirun`. Its own streams say nothing: Open MPI 4.1 makes rank 0 a terminal of its
/// own, whatever stands behind it, and others make a pipe. So it is the furthest of them that counts. nullopt
/// where that one has no terminal, where it is not on this machine, where each line gets a tag, and where
/// standard output is a pipe, whose end may be shown on the same terminal.
[[nodiscard]] std::optional<Screen> choose_screen(const std::vector<Ancestor>& ancestors);

/// The processes above this one, nearest first. Linux.
[[nodiscard]] std::vector<Ancestor> ancestors();

}  // namespace shipyard::bench
