#include <fmt/format.h>

#include <map>
#include <ostream>

#include "batch/client/redact.hpp"
#include "batch/client/requests.hpp"
#include "batch/client/task_view.hpp"
#include "batch/client/text_table.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// True where all that `wanted` says stands in `found` too (which has more, and no secrets).
bool says_the_same(const json& wanted, const json& found) {
  if (wanted.is_object()) {
    if (!found.is_object()) return false;
    for (const auto& [key, value] : wanted.items()) {
      if (key == "password" || key == "accountKey" || key == "environmentSettings") continue;
      if (!found.contains(key) || !says_the_same(value, found[key])) return false;
    }
    return true;
  }
  if (wanted.is_array()) {
    if (!found.is_array() || wanted.size() != found.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!says_the_same(wanted[i], found[i])) return false;
    }
    return true;
  }
  return wanted == found;
}

}  // namespace

int create_pool(const Edge& edge) {
  auto body = pool_body(*edge.job);
  if (!body) return edge.fail(body.error());
  const std::string id = edge.job->pool.id;
  const Answer answer = edge.service.send({"POST", "/pools", "", *body});
  if (answer.is("PoolExists")) {
    const Answer found = edge.service.get(pool_path(id));
    if (!found.good()) return edge.fail(found.error);
    if (!says_the_same(*body, found.body))
      return edge.fail(input_error(fmt::format("there is a pool '{}' already, and it is another one", id),
                                   fmt::format("shipyard-submit pool status {}", id)));
    edge.messages.note(fmt::format("pool '{}' is there already", id));
    return 0;
  }
  if (!answer.good()) return edge.fail(answer.error);
  edge.messages.note(fmt::format("pool '{0}' is being made: shipyard-submit pool status {0}", id));
  return 0;
}

int show_pool(const Edge& edge) {
  const std::string& id = edge.request.pool;
  const Answer pool = edge.service.get(pool_path(id));
  if (!pool.good()) return edge.fail(pool.error);
  const Answer nodes = edge.service.list(pool_path(id) + "/nodes");
  if (!nodes.good()) return edge.fail(nodes.error);
  if (edge.request.json) {
    edge.out << json_text({{"pool", without_secrets(pool.body)}, {"nodes", without_secrets(nodes.body)}}, 2)
             << "\n"
             << std::flush;
    return 0;
  }
  edge.out << fmt::format("pool '{}': {}, {} · {} of {} dedicated nodes, {} of {} spot nodes · {}\n", id,
                          text_at(pool.body, "state"), text_at(pool.body, "allocationState"),
                          number_at(pool.body, "currentDedicatedNodes"),
                          number_at(pool.body, "targetDedicatedNodes"),
                          number_at(pool.body, "currentLowPriorityNodes"),
                          number_at(pool.body, "targetLowPriorityNodes"), text_at(pool.body, "vmSize"));
  std::vector<std::vector<std::string>> rows = {{"NODE", "STATE", "ADDRESS", "KIND", "TASKS"}};
  for (const auto& node : nodes.body) {
    std::string state = text_at(node, "state");
    if (text_at(node, "schedulingState") == "disabled") state += ", closed";
    rows.push_back({text_at(node, "id"), state, text_at(node, "ipAddress"),
                    node.value("isDedicated", json(true)) == json(true) ? "dedicated" : "spot",
                    std::to_string(number_at(node, "runningTasksCount"))});
  }
  if (rows.size() > 1) edge.out << "\n" << text_table(rows, {4});
  WaitingFacts facts;
  facts.pool = pool.body;
  facts.nodes = nodes.body;
  facts.instances = 0;
  const auto reasons = reasons_for_waiting(facts);
  for (const auto& reason : reasons) edge.out << (reason == reasons.front() ? "\n" : "") << reason << "\n";
  edge.out << std::flush;
  return 0;
}

int resize_pool(const Edge& edge) {
  const auto& request = edge.request;
  const Answer pool = edge.service.get(pool_path(request.pool));
  if (!pool.good()) return edge.fail(pool.error);
  // Batch takes what is not said for 0.
  const int dedicated = request.dedicated.value_or(number_at(pool.body, "targetDedicatedNodes"));
  const int spot = request.spot.value_or(number_at(pool.body, "targetLowPriorityNodes"));
  const json body = {{"targetDedicatedNodes", dedicated}, {"targetLowPriorityNodes", spot}};
  const Answer answer = edge.service.send({"POST", pool_path(request.pool) + "/resize", "", body});
  // An earlier sending that arrived has the pool resizing by now.
  if (!answer.good() && !(answer.is("PoolBeingResized") && answer.may_have_been_done)) {
    Error error = answer.error;
    if (answer.is("PoolBeingResized"))
      error.hint = fmt::format("shipyard-submit pool status {} shows when it is done", request.pool);
    return edge.fail(error);
  }
  edge.messages.note(
      fmt::format("pool '{}' goes to {} dedicated and {} spot nodes", request.pool, dedicated, spot));
  return 0;
}

int delete_pool(const Edge& edge) {
  const std::string& id = edge.request.pool;
  const Answer answer = edge.service.send({"DELETE", pool_path(id)});
  if (!answer.good() && !answer.is("PoolBeingDeleted") &&
      !(answer.is("PoolNotFound") && answer.may_have_been_done))
    return edge.fail(answer.error);
  edge.messages.note(fmt::format("pool '{}' is being deleted", id));
  return 0;
}

}  // namespace shipyard::batch
