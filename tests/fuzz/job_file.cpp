#include "batch/client/job_file.hpp"

#include "batch/client/redact.hpp"
#include "batch/client/requests.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace shipyard;
using namespace shipyard::batch;

class NoSecrets : public SecretReader {
 public:
  Result<Secret> from_variable(const std::string& /*unused*/) const override { return Secret("secret"); }
  Result<Secret> from_file(const std::string& path) const override { return input_error(path); }
};

}  // namespace

/// Any text is a job, whose requests can be made and shown, or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto job = read_job_file({"job.yaml", std::string(fuzz::text_of(data, size))}, NoSecrets());
  if (!fuzz::is_good(job)) return 0;
  SubmissionFacts facts;
  facts.job_id = "j";
  facts.key = Secret("the-key");
  const auto plan = plan_submission(*job, facts);
  if (!fuzz::is_good(plan)) return 0;
  for (const auto& [id, body] : plan->tasks) {
    const auto text = without_secrets(body).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    // A user may say the words himself, in a command.
    fuzz::require(text.find("\"the-key\"") == std::string::npos, "no secret is shown");
  }
  return 0;
}
