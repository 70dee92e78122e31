#include "launcher/rank/attendance.hpp"

#include <charconv>

#include "base/file.hpp"

namespace shipyard::rank {

Attendance::Attendance(const Environment& environment) {
  const auto text = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE").value_or("");
  std::from_chars(text.data(), text.data() + text.size(), ranks_);
  if (auto port = pmix_server_port(environment); port && ranks_ > 0) clients_.emplace(*port);
}

void Attendance::look() {
  if (!clients_ || complete()) return;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    if (auto table = read_file(path)) clients_->note(*table);
  }
}

}  // namespace shipyard::rank
