#include "batch/client/shipyard_config.hpp"

#include "batch/client/job_file.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace shipyard;
using namespace shipyard::batch;

class AnySecret : public SecretReader {
 public:
  Result<Secret> from_variable(const std::string& /*unused*/) const override { return Secret("secret"); }
  Result<Secret> from_file(const std::string& /*unused*/) const override { return Secret("secret"); }
};

}  // namespace

/// Four files behind each other, divided by lines of '%': what comes of them reads back as a job file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(fuzz::text_of(data, size));
  ShipyardConfig config;
  for (auto* source : {&config.jobs, &config.pool, &config.config, &config.credentials}) {
    const auto end = text.find("\n%\n");
    *source = Source{"x.yaml", text.substr(0, end)};
    text.erase(0, end == std::string::npos ? end : end + 3);
  }
  const auto conversion = convert_shipyard_config(config);
  if (!fuzz::is_good(conversion)) return 0;
  for (const auto& job : conversion->jobs) {
    const auto back = read_job_file({"job.yaml", job_file_text(job, conversion->not_carried)}, AnySecret());
    // What is only wrong together (two tasks with one id) is left to the job file's own rules.
    (void)fuzz::is_good(back);
  }
  return 0;
}
