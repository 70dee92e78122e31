#include "batch/client/load_job.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/sign_in.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::batch {
namespace {

constexpr std::size_t kMostFileBytes = 1 << 20;

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

Result<Conversion> load_shipyard_config(const std::string& directory) {
  ShipyardConfig config;
  for (auto [name, source] : {std::pair{"jobs", &config.jobs},
                              {"pool", &config.pool},
                              {"config", &config.config},
                              {"credentials", &config.credentials}}) {
    std::string path = fmt::format("{}/{}.yaml", directory, name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) path = fmt::format("{}/{}.yml", directory, name);
    if (::stat(path.c_str(), &status) != 0) continue;
    if (source == &config.credentials && (status.st_mode & 077) != 0)
      return input_error(fmt::format("others than its owner can read '{}' (mode {:o}), which holds secrets",
                                     path, status.st_mode & 07777),
                         fmt::format("chmod 600 {}", path));
    auto text = read_file(path, kMostFileBytes);
    if (!text) return text.error();
    *source = Source{path, std::move(*text)};
  }
  if (!config.jobs)
    return input_error(fmt::format("there is no jobs.yaml in '{}'", directory),
                       "the directory of Batch Shipyard's configuration");
  return convert_shipyard_config(config);
}

namespace {

Result<JobFile> read_converted(const Request& request, const SecretReader& secrets,
                               std::vector<std::string>* not_carried) {
  auto conversion = load_shipyard_config(request.shipyard_config);
  if (!conversion) return conversion.error();
  std::vector<std::string> names;
  const ConvertedJob* chosen = nullptr;
  for (const auto& job : conversion->jobs) {
    names.push_back(job.name);
    if (conversion->jobs.size() == 1 || job.name == request.job) chosen = &job;
  }
  if (chosen == nullptr)
    return input_error(
        fmt::format("which of the jobs in '{}'? {}", request.shipyard_config, fmt::join(names, ", ")),
        "--job ID");
  if (not_carried != nullptr) *not_carried = conversion->not_carried;
  return read_job_file({fmt::format("{}, job '{}' as converted", request.shipyard_config, chosen->name),
                        job_file_text(*chosen, {})},
                       secrets);
}

Result<JobFile> read_file_of(const Request& request, const SecretReader& secrets) {
  auto text = read_file(request.file, kMostFileBytes);
  if (!text) return text.error();
  return read_job_file({request.file, std::move(*text)}, secrets);
}

}  // namespace

namespace {

/// What stands on the command line in place of something in the file is no better than that.
Status check_words(const Request& request) {
  if (const auto fault = fault_of_id(request.job); !fault.empty()) return input_error("--job: " + fault);
  if (const auto fault = fault_of_id(request.pool); !fault.empty()) return input_error("--pool: " + fault);
  if (!request.image.empty() && !is_image_name(request.image))
    return input_error(fmt::format("--image: '{}' is not the name of an image", request.image));
  return Ok{};
}

}  // namespace

Result<JobFile> load_job(const Request& request, const Environment& environment,
                         std::vector<std::string>* not_carried) {
  const std::string& place = request.shipyard_config.empty() ? request.file : request.shipyard_config + "/";
  const auto slash = place.rfind('/');
  const SecretsOfThisMachine secrets(environment, slash == std::string::npos ? "." : place.substr(0, slash));
  for (const auto& word : request.command) {
    if (!is_utf8(word))
      return input_error("a word of the command is no UTF-8 text", "Batch takes nothing else");
  }
  if (!is_utf8(request.image)) return input_error("--image is no UTF-8 text");
  auto job = request.shipyard_config.empty() ? read_file_of(request, secrets)
                                             : read_converted(request, secrets, not_carried);
  if (!job) return job;
  if (auto good = check_words(request); !good) return good.error();
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
