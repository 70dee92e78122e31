#include "batch/client/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

constexpr std::size_t kMostAnswerBytes = 64 << 20;
constexpr long kConnectSeconds = 15;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size * count > kMostAnswerBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

std::size_t take_header(const char* data, std::size_t size, std::size_t count, void* target) {
  auto& headers = *static_cast<Headers*>(target);
  std::string_view line(data, size * count);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    headers.clear();  // those of "100 Continue", or of a proxy's answer to CONNECT
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    headers.emplace_back(line.substr(0, colon), value);
  }
  return size * count;
}

HttpOutcome::Kind kind_of(CURLcode code) {
  using Kind = HttpOutcome::Kind;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
      return Kind::kNotSent;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_WRITE_ERROR:
      return Kind::kRefused;
    default:
      return Kind::kUnanswered;
  }
}

}  // namespace

struct CurlHttp::Handles {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
};

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return "";
}

CurlHttp::CurlHttp(std::string certificates, Interruption* interruption)
    : handles_(std::make_unique<Handles>()),
      certificates_(std::move(certificates)),
      interruption_(interruption) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)once;
  handles_->multi = curl_multi_init();
  handles_->easy = curl_easy_init();
}

CurlHttp::~CurlHttp() {
  curl_easy_cleanup(handles_->easy);
  curl_multi_cleanup(handles_->multi);
}

HttpOutcome CurlHttp::send(const HttpRequest& request) {
  HttpOutcome outcome;
  CURL* easy = handles_->easy;
  CURLM* multi = handles_->multi;
  if (easy == nullptr || multi == nullptr) {
    outcome.fault = "libcurl cannot be initialized";
    return outcome;
  }
  curl_easy_reset(easy);  // keeps the connection
  char words[CURL_ERROR_SIZE] = "";
  List headers;
  const auto add_header = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  // "Name;" is libcurl's way to a header without a value.
  for (const auto& [name, value] : request.headers)
    add_header(value.empty() ? name + ";" : name + ": " + value);
  // Or libcurl names a type that was not signed.
  if (request.body.empty()) add_header("Content-Type:");
  add_header("Expect:");  // no question before a body: it costs a round trip, and a second with some servers

  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, static_cast<long>(request.limit.count()));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "shipyard-submit/" SHIPYARD_VERSION);
  if (!certificates_.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, certificates_.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &outcome.response.body);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &outcome.response.headers);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST" || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  // On a kept connection that turns out to be dead libcurl sends again by itself, and tells nobody: what
  // changes something would arrive twice, and its second answer (a 409) would be taken for the first.
  if (request.method != "GET" && request.method != "HEAD") curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());

  curl_multi_add_handle(multi, easy);
  CURLcode code = CURLE_OK;
  const int asked = interruption_ == nullptr ? 0 : interruption_->count();
  for (int running = 1; running > 0;) {
    CURLMcode state = curl_multi_perform(multi, &running);
    curl_waitfd signals{interruption_ == nullptr ? -1 : interruption_->fd(), CURL_WAIT_POLLIN, 0};
    if (state == CURLM_OK && running > 0)
      state = curl_multi_poll(multi, &signals, interruption_ == nullptr ? 0 : 1, 1000, nullptr);
    if (state != CURLM_OK) {
      code = CURLE_FAILED_INIT;
      break;
    }
    if (interruption_ == nullptr) continue;
    interruption_->wait(std::chrono::milliseconds(0));
    if (running > 0 && interruption_->count() > asked) {
      outcome.kind = HttpOutcome::Kind::kInterrupted;
      outcome.fault = "interrupted";
      curl_multi_remove_handle(multi, easy);
      return outcome;
    }
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_off_t connected = 0;
  curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
  curl_multi_remove_handle(multi, easy);

  outcome.response.status = static_cast<int>(status);
  if (code == CURLE_OK && status != 0) {
    outcome.kind = HttpOutcome::Kind::kAnswered;
    return outcome;
  }
  outcome.kind = code == CURLE_OK ? HttpOutcome::Kind::kUnanswered : kind_of(code);
  if (code == CURLE_OPERATION_TIMEDOUT && connected == 0) outcome.kind = HttpOutcome::Kind::kNotSent;
  outcome.fault = words[0] != '\0' ? words : curl_easy_strerror(code);
  if (code == CURLE_WRITE_ERROR)
    outcome.fault = fmt::format("the answer is larger than {} MiB", kMostAnswerBytes >> 20);
  return outcome;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace shipyard::batch
