#pragma once

#include "base/file_descriptor.hpp"

namespace shipyard {

/// One byte over a Unix socket, with `fd` beside it where that is open (unix(7), SCM_RIGHTS). 0 or errno.
[[nodiscard]] int send_descriptor(int socket, int fd);

/// What the other end's send_descriptor gave; none where it gave none, or nothing came.
[[nodiscard]] FileDescriptor receive_descriptor(int socket);

}  // namespace shipyard
