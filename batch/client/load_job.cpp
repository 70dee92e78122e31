#include "batch/client/load_job.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/sign_in.hpp"

namespace shipyard::batch {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

class SecretsOfThisMachine : public SecretReader {
 public:
  SecretsOfThisMachine(const Environment& environment, std::string directory)
      : environment_(environment), directory_(std::move(directory)) {}

  Result<Secret> from_variable(const std::string& name) const override {
    if (const Secret* secret = environment_.secret(name)) return *secret;
    const auto value = environment_.get(name);
    if (!value || value->empty()) return input_error(fmt::format("the variable {} is not set", name));
    return Secret(std::string(*value));
  }
  Result<Secret> from_file(const std::string& path) const override {
    return read_secret_file(path.starts_with('/') ? path : directory_ + "/" + path);
  }

 private:
  const Environment& environment_;
  std::string directory_;
};

}  // namespace

Result<JobFile> load_job(const Request& request, const Environment& environment) {
  auto text = read_file(request.file, kMostBytes);
  if (!text) return text.error();
  const auto slash = request.file.rfind('/');
  const SecretsOfThisMachine secrets(environment,
                                     slash == std::string::npos ? "." : request.file.substr(0, slash));
  auto job = read_job_file({request.file, std::move(*text)}, secrets);
  if (!job) return job;
  if (!request.job.empty()) job->id = request.job;
  if (!request.pool.empty()) {
    const bool native = job->pool.native;
    job->pool = PoolWish{};
    job->pool.id = request.pool;
    job->pool.native = native;
    job->raw_pool = nlohmann::json::object();
  }
  for (auto& task : job->tasks) {
    if (request.nodes) task.nodes = *request.nodes;
    if (!request.image.empty()) task.image = request.image;
  }
  if (!request.command.empty()) {
    if (job->tasks.size() > 1)
      return input_error(fmt::format("'{}' has {} tasks: which of them is the command for?", request.file,
                                     job->tasks.size()),
                         "write it into the job file");
    job->tasks[0].command = shell_quote(request.command);
  }
  return job;
}

}  // namespace shipyard::batch
