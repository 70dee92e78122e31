#include "batch/client/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "batch/client/document.hpp"
#include "batch/client/one_line.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

/// Signed with SharedKey, so it must be on the wire exactly as here.
constexpr const char* kContentType = "application/json; odata=minimalmetadata; charset=utf-8";

/// A random UUID (version 4), by which Azure's support finds a request.
std::string request_id() {
  static std::mt19937_64 engine{std::random_device{}()};
  const auto high = engine();
  const auto low = engine();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                     0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff);
}

double random_fraction() {
  static std::mt19937 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

/// Batch's message without the last lines, which repeat request id and time.
std::string words_of(const json& body) {
  if (!body.contains("message") || !body["message"].is_object()) return "";
  const auto& value = body["message"].value("value", json());
  if (!value.is_string()) return "";
  const auto& text = value.get_ref<const std::string&>();
  return one_line(text.substr(0, text.find("\nRequestId:")), 500);
}

std::string details_of(const json& body) {
  std::string text;
  if (!body.contains("values") || !body["values"].is_array()) return text;
  for (const auto& item : body["values"]) {
    if (!item.is_object() || !item.value("key", json()).is_string() ||
        !item.value("value", json()).is_string())
      continue;
    const auto& key = item["key"].get_ref<const std::string&>();
    // It would show the string to sign with the signature that was computed from it.
    if (key == "AuthenticationErrorDetail") continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", key,
                        one_line(item["value"].get_ref<const std::string&>(), 300));
  }
  return text;
}

std::string hint_for(const HttpOutcome& outcome, const std::string& code, const SignIn& sign_in) {
  if (outcome.kind == HttpOutcome::Kind::kNotSent)
    return fmt::format("AZURE_BATCH_ENDPOINT is {}", sign_in.endpoint);
  if (outcome.kind == HttpOutcome::Kind::kRefused && outcome.fault.find("certificate") != std::string::npos)
    return "something between here and Azure speaks in its place? SSL_CERT_FILE names other trusted "
           "certificates";
  if (code != "AuthenticationFailed" && outcome.response.status != 401 && outcome.response.status != 403)
    return "";
  if (const auto theirs = parse_http_date(outcome.response.header("Date"))) {
    const auto skew =
        std::chrono::duration_cast<std::chrono::minutes>(*theirs - std::chrono::system_clock::now());
    if (std::abs(skew.count()) >= 15)
      return fmt::format("this machine's clock is {} min {} the service's; it allows 15",
                         std::abs(skew.count()), skew.count() > 0 ? "behind" : "ahead of");
  }
  if (sign_in.method == SignIn::Method::kSharedKey)
    return fmt::format(
        "account '{}': is AZURE_BATCH_ACCESS_KEY its key, and AZURE_BATCH_ENDPOINT its address? "
        "`az batch account keys list` shows the keys",
        sign_in.account);
  return "does whoever signed in have a role in that Batch account (Contributor, or Azure Batch Data "
         "Contributor)?";
}

}  // namespace

HttpOutcome Service::send_once(const Call& call, const std::string& body, Error& error) {
  const std::string query = fmt::format("api-version={}{}{}", percent_encode(api_version_),
                                        call.query.empty() ? "" : "&", call.query);
  Headers headers = {{"Accept", "application/json"},
                     {"client-request-id", request_id()},
                     {"return-client-request-id", "false"},
                     {"ocp-date", http_date(std::chrono::system_clock::now())}};
  headers.insert(headers.end(), call.headers.begin(), call.headers.end());
  if (!body.empty()) headers.emplace_back("Content-Type", kContentType);
  const bool has_length = call.method != "GET" && call.method != "HEAD" && call.method != "DELETE";
  if (has_length) headers.emplace_back("Content-Length", std::to_string(body.size()));

  const RequestLine line{call.method, call.path, query};
  auto authorization = signer_.authorize(line, headers);
  if (!authorization) {
    error = authorization.error();
    return {};
  }
  // libcurl computes it itself, from the same body.
  if (has_length) headers.pop_back();
  headers.emplace_back("Authorization", std::move(*authorization));
  const std::string url = signer_.sign_in().endpoint + call.path + "?" + query;
  return http_.send({call.method, url, std::move(headers), body, policy_.limit});
}

Answer Service::as_answer(const Call& call, HttpOutcome outcome) const {
  Answer answer;
  answer.kind = outcome.kind;
  answer.status = outcome.response.status;
  const std::string what = fmt::format("{} {}", call.method, call.path);
  answer.file_created = outcome.response.header("ocp-creation-time");
  if (answer.good()) {
    if (!call.wants_json || outcome.response.body.empty()) {
      answer.text = std::move(outcome.response.body);
    } else {
      answer.body = json::parse(outcome.response.body, nullptr, false);
    }
    return answer;
  }
  if (outcome.kind != HttpOutcome::Kind::kAnswered) {
    const char* words = outcome.kind == HttpOutcome::Kind::kNotSent       ? "Azure Batch cannot be reached"
                        : outcome.kind == HttpOutcome::Kind::kRefused     ? "not sent to Azure Batch"
                        : outcome.kind == HttpOutcome::Kind::kInterrupted ? "interrupted"
                                                                          : "no answer from Azure Batch";
    answer.error = {Error::Code::kSystem,
                    fmt::format("{}: {}: {}", what, words, one_line(outcome.fault, 300)),
                    hint_for(outcome, "", signer_.sign_in()),
                    {}};
    return answer;
  }
  const json body = json::parse(outcome.response.body, nullptr, false);
  if (body.is_object() && body.value("code", json()).is_string()) {
    answer.code = body["code"].get<std::string>();
    const std::string words = words_of(body);
    const std::string details = details_of(body);
    answer.error = {
        Error::Code::kInput,
        fmt::format("{}: Azure Batch answers {}{}{}{}", what, answer.code, words.empty() ? "" : ": ", words,
                    details.empty() ? "" : " (" + details + ")"),
        hint_for(outcome, answer.code, signer_.sign_in()),
        {}};
    return answer;
  }
  // The body of another server, a proxy's: its type says enough.
  const std::string type = one_line(outcome.response.header("Content-Type"), 60);
  answer.error = {Error::Code::kSystem,
                  fmt::format("{}: HTTP {} without Batch's words{}", what, answer.status,
                              type.empty() ? "" : fmt::format(" ({})", type)),
                  hint_for(outcome, "", signer_.sign_in()),
                  {}};
  if (answer.error.hint.empty()) {
    const std::string location = one_line(outcome.response.header("Location"), 200);
    answer.error.hint =
        location.empty()
            ? "a proxy, or another server than Batch's, has answered: AZURE_BATCH_ENDPOINT, https_proxy"
            : fmt::format("it wants to send us to {}, which is not followed", location);
  }
  return answer;
}

Answer Service::send(const Call& call) {
  using Clock = std::chrono::steady_clock;
  const std::string body = call.body.is_null() ? "" : json_text(call.body);
  RetryPolicy policy = policy_;
  if (call.budget) policy.budget = *call.budget;
  messages_.command(
      fmt::format("{} {}{}{}", call.method, call.path, call.query.empty() ? "" : "?", call.query));
  const auto begin = Clock::now();
  bool may_have_been_done = false;
  bool token_renewed = false;
  for (int tries = 1;; ++tries) {
    Error error;
    HttpOutcome outcome = send_once(call, body, error);
    if (!error.message.empty()) {
      Answer answer;
      answer.kind = HttpOutcome::Kind::kRefused;
      answer.error = std::move(error);
      answer.may_have_been_done = may_have_been_done;
      return answer;
    }
    const bool answered = outcome.kind == HttpOutcome::Kind::kAnswered;
    // 401, or Batch's own AuthenticationFailed (403): a token may have ended before its time.
    if (answered && (outcome.response.status == 401 || outcome.response.status == 403) && !token_renewed &&
        signer_.sign_in().method != SignIn::Method::kSharedKey) {
      signer_.forget_token();
      token_renewed = true;
      continue;
    }
    if (answered && outcome.response.status / 100 == 2 && call.wants_json && !outcome.response.body.empty() &&
        !json::accept(outcome.response.body)) {
      outcome.kind = HttpOutcome::Kind::kUnanswered;
      outcome.fault = "the answer is no JSON";
    }
    if (outcome.kind == HttpOutcome::Kind::kUnanswered || outcome.kind == HttpOutcome::Kind::kInterrupted ||
        (answered && outcome.response.status >= 500 && outcome.response.status != 503) ||
        (answered && outcome.response.status == 408))
      may_have_been_done = true;
    const auto elapsed = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    const auto pause = pause_before_repeat(outcome, call.repeat, tries, elapsed, policy, random_fraction(),
                                           std::chrono::system_clock::now());
    const auto wish =
        parse_retry_after(outcome.response.header("Retry-After"), std::chrono::system_clock::now())
            .value_or(std::chrono::seconds(0));
    Answer answer = as_answer(call, std::move(outcome));
    answer.wish = wish;
    if (!pause) {
      answer.may_have_been_done = may_have_been_done && tries > 1;
      if (answer.silent() && tries > 1)
        answer.error.message += fmt::format(" ({} tries in {} s)", tries, elapsed.count() / 1000);
      if (answer.silent() && wish.count() > 0)
        answer.error.message += fmt::format("; it asks to be left alone for {} s", wish.count());
      return answer;
    }
    messages_.decision(fmt::format("{}; again in {:.1f} s", answer.error.message,
                                   static_cast<double>(pause->count()) / 1000));
    if (tries == 3)
      messages_.note(fmt::format("{}; trying again for {} s", answer.error.message,
                                 std::max<long long>(0, (policy.budget - elapsed).count() / 1000)));
    const int asked = interruption_.count();
    interruption_.pause(*pause);
    if (interruption_.count() > asked) {
      answer.kind = HttpOutcome::Kind::kInterrupted;
      answer.may_have_been_done = may_have_been_done;
      return answer;
    }
  }
}

Answer Service::list(const std::string& path, const std::string& query) {
  json all = json::array();
  std::string next_path = path;
  std::string next_query = query;
  // A service that never ends its list is cut off, not followed for ever.
  for (int page = 0; page < 10'000; ++page) {
    Answer answer = get(next_path, next_query);
    if (!answer.good()) return answer;
    if (!answer.body.is_object() || !answer.body.value("value", json()).is_array()) {
      answer.kind = HttpOutcome::Kind::kUnanswered;
      answer.error = {
          Error::Code::kSystem, fmt::format("GET {}: the answer is no list of Batch's", path), {}, {}};
      return answer;
    }
    for (auto& item : answer.body["value"]) all.push_back(std::move(item));
    const json link = answer.body.value("odata.nextLink", json());
    if (!link.is_string()) {
      answer.body = std::move(all);
      return answer;
    }
    // The link has host and api-version of its own: only path and query count, so that nobody sends our
    // signature elsewhere.
    const auto& text = link.get_ref<const std::string&>();
    const auto scheme = text.find("://");
    const auto slash = text.find('/', scheme == std::string::npos ? 0 : scheme + 3);
    const auto mark = text.find('?', slash == std::string::npos ? 0 : slash);
    if (slash == std::string::npos || mark == std::string::npos) break;
    next_path = text.substr(slash, mark - slash);
    next_query.clear();
    for (std::size_t at = mark + 1; at < text.size();) {
      const std::string part = text.substr(at, text.find('&', at) - at);
      at += part.size() + 1;
      if (part.empty() || part.starts_with("api-version=")) continue;
      next_query += (next_query.empty() ? "" : "&") + part;
    }
  }
  Answer answer;
  answer.kind = HttpOutcome::Kind::kUnanswered;
  answer.error = {Error::Code::kSystem, fmt::format("GET {}: the list does not end", path), {}, {}};
  return answer;
}

Answer Service::read_file(const std::string& path, long long offset, long long most) {
  Call call{"GET", path};
  call.headers = {{"ocp-range", fmt::format("bytes={}-{}", offset, offset + most - 1)}};
  call.wants_json = false;
  Answer answer = send(call);
  if (answer.is("InvalidRange") || (answer.kind == HttpOutcome::Kind::kAnswered && answer.status == 416)) {
    answer.status = 200;
    answer.code.clear();
    answer.text.clear();
  }
  return answer;
}

std::string job_path(const std::string& job) { return "/jobs/" + percent_encode(job); }
std::string task_path(const std::string& job, const std::string& task) {
  return job_path(job) + "/tasks/" + percent_encode(task);
}
std::string task_file_path(const std::string& job, const std::string& task, const std::string& file) {
  return task_path(job, task) + "/files/" + percent_encode(file);
}
std::string pool_path(const std::string& pool) { return "/pools/" + percent_encode(pool); }
std::string node_file_path(const std::string& pool, const std::string& node, const std::string& file) {
  return pool_path(pool) + "/nodes/" + percent_encode(node) + "/files/" + percent_encode(file);
}

}  // namespace shipyard::batch
