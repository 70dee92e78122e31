#include "batch/client/waiting.hpp"

namespace shipyard::batch {

WaitingFacts ask_why_it_waits(const std::string& job, const TaskView& view, Service& service) {
  WaitingFacts facts;
  facts.instances = view.instances;
  const Answer found = service.get(job_path(job));
  if (!found.good()) return facts;
  facts.job = found.body;
  const std::string auto_pool = text_at(part_at(found.body, "executionInfo"), "poolId");
  const std::string pool = auto_pool.empty() ? text_at(part_at(found.body, "poolInfo"), "poolId") : auto_pool;
  if (pool.empty()) return facts;
  const Answer pool_answer = service.get(pool_path(pool));
  facts.pool_is_missing = pool_answer.is("PoolNotFound");
  if (!pool_answer.good()) return facts;
  facts.pool = pool_answer.body;
  const Answer nodes = service.list(pool_path(pool) + "/nodes");
  if (nodes.good()) facts.nodes = nodes.body;
  if (nodes.interrupted()) return facts;
  if (const Answer preparation = service.list(job_path(job) + "/jobpreparationandreleasetaskstatus");
      preparation.good())
    facts.preparation = preparation.body;
  return facts;
}

}  // namespace shipyard::batch
