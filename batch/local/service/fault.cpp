#include "batch/local/service/fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace shipyard::local {
namespace {

using nlohmann::json;

struct Known {
  std::string_view code;
  int status;
  const char* words;
};

constexpr std::array kKnown = {
    Known{"AuthenticationFailed", 403,
          "The request is not authenticated: see the form and signature of Authorization."},
    Known{"ConditionNotMet", 412, "A condition given by a header of the request does not hold."},
    Known{"FileNotFound", 404, "There is no such file."},
    Known{"InternalError", 500, "The service has met a fault of its own."},
    Known{"InvalidHeaderValue", 400, "A header has a value of the wrong form."},
    Known{"InvalidPropertyValue", 400, "A property has a value that is not allowed."},
    Known{"InvalidQueryParameterValue", 400, "A query parameter has a value that is not allowed."},
    Known{"InvalidRange", 416, "The range lies beyond the end of the file."},
    Known{"InvalidRequestBody", 400, "The request's body is not what this operation takes."},
    Known{"InvalidUri", 400, "The URI names nothing that this service has."},
    Known{"IOError", 403, "The file cannot be read on this machine."},
    Known{"JobBeingDeleted", 409, "The job is being deleted."},
    Known{"JobBeingTerminated", 409, "The job is being terminated."},
    Known{"JobCompleted", 409, "The job has completed."},
    Known{"JobExists", 409, "The job exists already."},
    Known{"JobNotFound", 404, "There is no such job."},
    Known{"JobPreparationTaskNotSpecified", 409, "The job has no preparation task."},
    Known{"MissingContentLengthHeader", 411, "A request with a body needs Content-Length."},
    Known{"MissingRequiredHeader", 400, "A header that this operation needs is missing."},
    Known{"MissingRequiredProperty", 400, "A property that this operation needs is missing."},
    Known{"MissingRequiredQueryParameter", 400, "A query parameter that this operation needs is missing."},
    Known{"NodeNotFound", 404, "There is no such node."},
    Known{"NotImplemented", 501, "Azure Batch has this operation, the service on this machine has not."},
    Known{"OperationInvalidForCurrentState", 409,
          "The operation is not valid for the current state of the resource."},
    Known{"OutOfRangeQueryParameterValue", 400, "A query parameter has a value out of range."},
    Known{"PoolBeingDeleted", 409, "The pool is being deleted."},
    Known{"PoolBeingResized", 409, "The pool is being resized."},
    Known{"PoolExists", 409, "The pool exists already."},
    Known{"PoolNotFound", 404, "There is no such pool."},
    Known{"RequestBodyTooLarge", 413, "The request's body is too large."},
    Known{"TaskCompleted", 409, "The task has completed."},
    Known{"TaskDependenciesNotSpecifiedOnJob", 400, "The job does not use task dependencies."},
    Known{"TaskExists", 409, "The task exists already."},
    Known{"TaskFilesUnavailable", 409, "The task's files cannot be reached: its node is gone."},
    Known{"TaskNotCompleted", 409, "The task has not completed."},
    Known{"TaskNotFound", 404, "There is no such task."},
    Known{"TaskSucceeded", 409, "The task has succeeded."},
    Known{"UnsupportedHttpVerb", 405, "The resource does not know this method."},
    Known{"UnsupportedQueryParameter", 400, "A query parameter is not known to this operation."},
    Known{"UnsupportedRequestVersion", 400, "The api-version is not supported."},
};

const Known* find(std::string_view code) {
  const auto* found =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& known) { return known.code == code; });
  return found == kKnown.end() ? nullptr : found;
}

}  // namespace

int http_status(const Fault& fault) {
  const Known* known = find(fault.code);
  return known == nullptr ? 500 : known->status;
}

std::string words_of(const Fault& fault) {
  if (!fault.message.empty()) return fault.message;
  const Known* known = find(fault.code);
  return known == nullptr ? "The request failed." : known->words;
}

json error_body(const Fault& fault, const std::string& base, const std::string& request_id,
                const std::string& time) {
  json body = {{"odata.metadata",
                base + "/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"},
               {"code", fault.code},
               {"message",
                {{"lang", "en-US"},
                 {"value", fmt::format("{}\nRequestId:{}\nTime:{}", words_of(fault), request_id, time)}}}};
  for (const auto& [key, value] : fault.values) body["values"].push_back({{"key", key}, {"value", value}});
  return body;
}

}  // namespace shipyard::local
