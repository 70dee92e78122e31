#include <fmt/format.h>

#include <ostream>

#include "batch/client/redact.hpp"
#include "batch/client/requests.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {

int render_job(const Edge& edge) {
  using nlohmann::json;
  const JobFile& job = *edge.job;
  SubmissionFacts facts;
  facts.job_id = job.id.empty() ? make_job_id(edge.request.source(), "DATE", "WORD") : job.id;
  facts.key = Secret("***");
  facts.infrastructure_retries = edge.request.retry_infrastructure;
  auto plan = plan_submission(job, facts);
  if (!plan) return edge.fail(plan.error());

  if (!job.pool.is_new())
    edge.messages.note(
        fmt::format("'run' asks Batch for the type of the VMs of pool '{}', and adds it as "
                    "SHIPYARD_VM_SIZE{}",
                    job.pool.id, job.pool.native ? " and by the devices that it has" : ""));
  if (job.auto_complete && edge.request.retry_infrastructure > 0)
    edge.messages.note("the last request is sent after the task's last attempt");
  const std::string query = fmt::format("?api-version={}", edge.request.api_version);
  json requests = json::array();
  const auto add = [&](const char* method, const std::string& path, const json& body) {
    requests.push_back({{"method", method}, {"path", path + query}, {"body", without_secrets(body)}});
  };
  const std::string path = job_path(facts.job_id);
  add("POST", "/jobs", plan->job);
  for (const auto& [id, body] : plan->tasks) add("POST", path + "/tasks", body);
  if (job.auto_complete) add("PATCH", path, plan->completion);
  if (edge.request.json) {
    edge.out << json_text({{"requests", requests}}, 2) << "\n" << std::flush;
    return 0;
  }
  for (const auto& request : requests) {
    edge.out << fmt::format("{} {}\n{}\n\n", request["method"].get<std::string>(),
                            request["path"].get<std::string>(), json_text(request["body"], 2));
  }
  edge.out << std::flush;
  return 0;
}

}  // namespace shipyard::batch
