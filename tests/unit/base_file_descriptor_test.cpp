#include "base/file_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>

namespace shipyard {
namespace {

/// From now on close_range(2) fails with this, as on a kernel or in a container that has none.
bool forbid_close_range(int error) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof rules / sizeof *rules, rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 && ::close_range(900, 901, 0) != 0;
}

/// What a child that has closed all its descriptors ends with: 0 where none is open any more.
int status_of_child(int error) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (error != 0 && !forbid_close_range(error)) ::_exit(77);
    const int high = ::fcntl(STDERR_FILENO, F_DUPFD, 700);
    close_all_descriptors();
    for (int fd = 0; fd <= high; ++fd) {
      if (::fcntl(fd, F_GETFD) != -1) ::_exit(1);
    }
    ::_exit(high >= 700 ? 0 : 2);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(CloseAllDescriptors, LeavesNoneOpen) { EXPECT_EQ(status_of_child(0), 0); }

TEST(CloseAllDescriptors, LeavesNoneOpenOnAKernelWithoutTheSystemCallEither) {
  EXPECT_EQ(status_of_child(ENOSYS), 0);
  EXPECT_EQ(status_of_child(EPERM), 0);
}

}  // namespace
}  // namespace shipyard
