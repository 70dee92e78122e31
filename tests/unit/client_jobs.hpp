#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include "batch/client/job_file.hpp"
#include "client_errors.hpp"

namespace shipyard::batch::testing {

/// Secrets by the names that a job file gives them.
class FakeSecrets : public SecretReader {
 public:
  Result<Secret> from_variable(const std::string& name) const override { return find("variable " + name); }
  Result<Secret> from_file(const std::string& path) const override { return find("file " + path); }

 private:
  static Result<Secret> find(const std::string& name) {
    static const std::map<std::string, std::string> known = {{"variable REGISTRY_PASSWORD", "hush-1"},
                                                             {"file registry.txt", "hush-2"},
                                                             {"variable ACCOUNT_KEY", "hush-3"},
                                                             {"file account.key", "hush-4"}};
    const auto found = known.find(name);
    if (found == known.end()) return input_error(name + " is not there", "make it");
    return Secret(found->second);
  }
};

inline Result<JobFile> read_job(const std::string& text) {
  return read_job_file({"job.yaml", text}, FakeSecrets());
}

/// Of a text that is a good one.
inline JobFile job_of(const std::string& text) {
  auto job = read_job(text);
  if (!job) throw std::runtime_error(shown(job));
  return std::move(*job);
}

}  // namespace shipyard::batch::testing
