#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shipyard::supervise {

/// What Open MPI keeps on a node for the processes of a job and removes itself at a good end: shared memory
/// that a process has mapped (/dev/shm/vader_segment.*, sm_segment.*, 4 MiB a rank), and its daemon's session
/// directory (PMIX_SERVER_TMPDIR). After SIGKILL nobody removes it: with each try in the same container there
/// is less of /dev/shm.
class MpiFiles {
 public:
  using Variables = std::map<std::string, std::string, std::less<>>;

  /// Of a process that runs: proc(5), `maps`, and its environment.
  void note(std::string_view maps, const Variables& environment);
  /// Of mpirun or a daemon that runs, or has just ended: the session directory that is named after it and
  /// this node, where its environment says that temporary files are (TMPDIR, TEMP, TMP, as Open MPI reads
  /// them, or /tmp). `command_line`: proc(5), cmdline; 4.1's daemon is told in it what its directory is named
  /// after, the job (`-mca ess_base_jobid`).
  void note_daemon(pid_t pid, const Variables& environment, std::string_view command_line = {});
  /// Those of this user, and of these names alone.
  void remove() const;

  [[nodiscard]] const std::vector<std::string>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

 private:
  std::vector<std::string> segments_;
  std::vector<std::string> directories_;
};

}  // namespace shipyard::supervise
