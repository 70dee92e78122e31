#include "batch/client/new_job_id.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <random>

#include "batch/client/requests.hpp"

namespace shipyard::batch {

std::string new_job_id(const std::string& file_name) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 20> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts);
  return make_job_id(file_name, text.data(), fmt::format("{:04x}", std::random_device{}() & 0xffff));
}

}  // namespace shipyard::batch
