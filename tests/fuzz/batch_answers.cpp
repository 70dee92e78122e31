#include <nlohmann/json.hpp>

#include "batch/client/cause.hpp"
#include "batch/client/retry.hpp"
#include "batch/client/task_view.hpp"
#include "tests/fuzz/fuzz.hpp"

/// What a server answers, whoever it is: JSON of any form, dates of any form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shipyard::batch;
  using shipyard::fuzz::require;
  const auto text = shipyard::fuzz::text_of(data, size);
  const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);
  (void)parse_retry_after(text, now);
  (void)parse_http_date(text);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  CauseFacts facts;
  facts.task = view_task(json);
  facts.subtasks = {facts.task, facts.task};
  facts.report = json;
  WaitingFacts waiting;
  waiting.job = waiting.pool = json;
  waiting.nodes = waiting.preparation = nlohmann::json::array({json});
  facts.waiting = reasons_for_waiting(waiting);
  require(!cause_of(facts).empty(), "there is always a line");
  return 0;
}
