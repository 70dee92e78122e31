#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "batch/client/http.hpp"

namespace shipyard::batch::testing {

inline HttpOutcome answer(int status, std::string body = "", Headers headers = {}) {
  return {HttpOutcome::Kind::kAnswered, {status, std::move(headers), std::move(body)}, {}};
}
inline HttpOutcome no_answer(HttpOutcome::Kind kind, std::string fault) {
  return {kind, {}, std::move(fault)};
}
/// A refusal in Batch's words.
inline HttpOutcome refusal(int status, const std::string& code, const std::string& words = "no") {
  return answer(status, R"({"odata.metadata": "m", "code": ")" + code +
                            R"(", "message": {"lang": "en-US", "value": ")" + words +
                            R"(\nRequestId:0000\nTime:2026-11-29T12:00:00Z"}})");
}

/// A server whose answers are written down beforehand; it keeps what it was asked.
class ScriptedHttp : public Http {
 public:
  explicit ScriptedHttp(std::deque<HttpOutcome> script = {}) : script_(std::move(script)) {}

  HttpOutcome send(const HttpRequest& request) override {
    sent.push_back(request);
    if (script_.empty()) return no_answer(HttpOutcome::Kind::kRefused, "the script is over");
    HttpOutcome outcome = std::move(script_.front());
    script_.pop_front();
    return outcome;
  }

  /// "GET /jobs/j?api-version=1" each, without the host.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> lines;
    for (const auto& request : sent) {
      const auto slash = request.url.find('/', request.url.find("://") + 3);
      lines.push_back(request.method + " " + request.url.substr(slash));
    }
    return lines;
  }
  [[nodiscard]] bool over() const { return script_.empty(); }

  std::vector<HttpRequest> sent;

 private:
  std::deque<HttpOutcome> script_;
};

/// The value of a header of a request; "(none)" where it is not sent.
inline std::string header_of(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "(none)";
}

}  // namespace shipyard::batch::testing
