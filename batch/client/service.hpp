#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal.hpp"
#include "batch/client/retry.hpp"
#include "batch/client/sign_in.hpp"

namespace shipyard::batch {

/// The version of the REST interface that is spoken unless told otherwise (--api-version).
inline constexpr const char* kApiVersion = "2024-02-01.19.0";

/// A request to the service, before it is signed.
struct Call {
  std::string method;
  std::string path;   ///< percent-encoded: /jobs/j/tasks/t
  std::string query;  ///< without api-version: "$select=id&maxresults=10"; empty: none
  nlohmann::json body = nullptr;
  Repeat repeat = Repeat::kSafe;
  Headers headers = {};                                  ///< beside those that every request has
  bool wants_json = true;                                ///< of a good answer's body, where it has one
  std::optional<std::chrono::milliseconds> budget = {};  ///< in place of the policy's
};

/// What the service said, or why there is nothing.
struct Answer {
  HttpOutcome::Kind kind = HttpOutcome::Kind::kAnswered;
  int status = 0;
  std::string code;                 ///< of a refusal: "JobExists"; "" where its body is none of Batch's
  nlohmann::json body = nullptr;    ///< of a good answer with JSON
  std::string text;                 ///< of a good answer without
  std::string file_created;         ///< when the file was made that `text` is of; as the service writes it
  Error error;                      ///< of one that is not good
  std::chrono::seconds wish{0};     ///< how long the service asks to be left alone (Retry-After)
  bool may_have_been_done = false;  ///< an earlier sending may have arrived: a 409 is no contradiction

  [[nodiscard]] bool good() const {
    return kind == HttpOutcome::Kind::kAnswered && status >= 200 && status < 300;
  }
  [[nodiscard]] bool is(std::string_view wanted) const {
    return kind == HttpOutcome::Kind::kAnswered && code == wanted;
  }
  [[nodiscard]] bool interrupted() const { return kind == HttpOutcome::Kind::kInterrupted; }
  /// It has said no, and would again.
  [[nodiscard]] bool refused() const {
    return kind == HttpOutcome::Kind::kAnswered && status >= 400 && status < 500 && status != 408 &&
           status != 429;
  }
  /// It has not said yes or no: another try, later, may.
  [[nodiscard]] bool silent() const {
    return kind == HttpOutcome::Kind::kNotSent || kind == HttpOutcome::Kind::kUnanswered ||
           (kind == HttpOutcome::Kind::kAnswered && (status == 429 || status >= 500));
  }
};

/// An Azure Batch account. Every request is signed, named (client-request-id), dated and, where it fails in a
/// way that may pass, sent again by `policy`; the third repetition is told in a note, each with -vv.
class Service {
 public:
  Service(Http& http, Signer& signer, const Messages& messages, Interruption& interruption,
          RetryPolicy policy, std::string api_version = kApiVersion)
      : http_(http),
        signer_(signer),
        messages_(messages),
        interruption_(interruption),
        policy_(policy),
        api_version_(std::move(api_version)) {}

  Answer send(const Call& call);
  Answer get(const std::string& path, const std::string& query = "") { return send({"GET", path, query}); }
  /// All pages of a list (`value`, odata.nextLink) as one array in `body`.
  Answer list(const std::string& path, const std::string& query = "");

  /// Part of a file: bytes from `offset`, at most `most` of them. At its end (416 InvalidRange) a good answer
  /// without text.
  Answer read_file(const std::string& path, long long offset, long long most);

  [[nodiscard]] Interruption& interruption() const { return interruption_; }
  [[nodiscard]] const Messages& messages() const { return messages_; }
  [[nodiscard]] const Signer& signer() const { return signer_; }

 private:
  HttpOutcome send_once(const Call& call, const std::string& body, Error& error);
  [[nodiscard]] Answer as_answer(const Call& call, HttpOutcome outcome) const;

  Http& http_;
  Signer& signer_;
  const Messages& messages_;
  Interruption& interruption_;
  RetryPolicy policy_;
  std::string api_version_;
};

/// "/jobs/J/tasks/T/files/wd%2Fout.txt": the parts encoded, a file's slashes too.
[[nodiscard]] std::string job_path(const std::string& job);
[[nodiscard]] std::string task_path(const std::string& job, const std::string& task);
[[nodiscard]] std::string task_file_path(const std::string& job, const std::string& task,
                                         const std::string& file);
[[nodiscard]] std::string pool_path(const std::string& pool);
[[nodiscard]] std::string node_file_path(const std::string& pool, const std::string& node,
                                         const std::string& file);

}  // namespace shipyard::batch
