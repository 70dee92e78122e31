#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <ostream>

#include "base/file.hpp"
#include "batch/client/load_job.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {

int convert(const Edge& edge) {
  auto conversion = load_shipyard_config(edge.request.shipyard_config);
  if (!conversion) return edge.fail(conversion.error());
  const std::string directory = edge.request.output.empty() ? "." : edge.request.output;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return edge.fail(system_error(fmt::format("--output: '{}' cannot be made", directory), error.value()));
  std::vector<std::string> paths;
  for (const auto& job : conversion->jobs) {
    paths.push_back(fmt::format("{}/{}.yaml", directory, job.name));
    struct stat status {};
    // Somebody may have worked on it since.
    if (::stat(paths.back().c_str(), &status) == 0)
      return edge.fail(input_error(fmt::format("'{}' is there already", paths.back()),
                                   "nothing was written; --output DIR names another directory"));
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string text = job_file_text(conversion->jobs[i], conversion->not_carried);
    if (auto written = write_file_atomically(paths[i], text, 0600); !written)
      return edge.fail(written.error());
    edge.out << paths[i] << "\n" << std::flush;
  }
  for (const auto& line : conversion->not_carried) edge.messages.note(line);
  return 0;
}

}  // namespace shipyard::batch
