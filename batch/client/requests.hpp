#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "batch/client/job_file.hpp"

namespace shipyard::batch {

/// What a job's metadata say of where it comes from.
inline constexpr const char* kContentName = "shipyard-content";

/// The bodies of the requests that submit a job. Pure: the same job file gives the same bodies.
struct Submission {
  std::string job_id;
  std::string
      content;  ///< a hash over all bodies without their secrets: two submissions with the same are one
  nlohmann::json job;  ///< JobAddParameter: onAllTasksComplete is noaction, an empty job counts as complete
  std::vector<std::pair<std::string, nlohmann::json>> tasks;  ///< by id; TaskAddParameter
  nlohmann::json completion;  ///< JobPatchParameter: from now on the job ends with its tasks
};

/// Facts that the bodies depend on beside the job file.
struct SubmissionFacts {
  std::string job_id;
  Secret key;                      ///< the job's ssh key, base64 (SHIPYARD_SSH_KEY)
  std::string vm_size;             ///< of an existing pool; empty where unknown
  int infrastructure_retries = 0;  ///< how often the client may reactivate a task
};

/// Fails where the job file lacks what its kind of submission needs: a command, nodes for each task, time
/// limits for an auto pool whose job stays open (nothing else would end it when the client dies). For the
/// same reason the job of an auto pool always has a time limit at first; `completion` takes it away.
Result<Submission> plan_submission(const JobFile& job, const SubmissionFacts& facts);

/// PoolAddParameter. Fails where the file names no id, or an existing pool.
Result<nlohmann::json> pool_body(const JobFile& job);

/// A job that removes our containers on `nodes` nodes of a pool (TaskAddParameter with a coordination
/// command).
Submission plan_cleanup(const std::string& job_id, const std::string& pool, int nodes);

/// "mpi-20261129-113012-4f2a": the file's name (what an id may have of it), date and time (UTC), a random
/// word.
[[nodiscard]] std::string make_job_id(const std::string& file_name, const std::string& date_and_time,
                                      const std::string& word);

}  // namespace shipyard::batch
