#include "batch/local/service/batch_time.hpp"
#include "batch/local/service/odata_filter.hpp"
#include "batch/local/service/routes.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
using namespace shipyard::local;

namespace {

class NoRunner final : public Runner {
 public:
  void resize_pool(const std::string& /*pool*/, int /*nodes*/, const nlohmann::json& /*body*/) override {}
  void start(const TaskOrder& /*order*/) override {}
  void terminate(const std::string& /*job*/, const std::string& /*task*/) override {}
  void release(const std::string& /*job*/, const std::vector<std::string>& /*nodes*/,
               const nlohmann::json& /*job_body*/) override {}
  void remove_files(const std::string& /*job*/, const std::string& /*task*/,
                    const std::vector<std::string>& /*nodes*/) override {}
};

}  // namespace

/// A line with the method, one with path and query, one for ocp-range, the rest is the body: signed as it
/// should be, at an account with a pool p, a job j and a task t.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = fuzz::split(fuzz::text_of(data, size), '\n', 4);
  if (parts.size() < 4) return 0;
  (void)parse_iso_duration(parts[1]);
  (void)parse_http_date(parts[1]);
  if (const auto time = parse_batch_time(parts[1]))
    fuzz::require(parse_batch_time(batch_time(*time)) == time, "a time that is written is read again");

  NoRunner runner;
  const Time now = std::chrono::system_clock::from_time_t(1'800'000'000);
  Account account(runner, [&] { return now; });
  (void)account.add_pool({{"id", "p"}, {"vmSize", "s"}, {"targetDedicatedNodes", 1}});
  account.node_made("p", {"n", "10.77.0.4", "/nonexistent"});
  account.pool_steady("p", "");
  (void)account.add_job({{"id", "j"}, {"poolInfo", {{"poolId", "p"}}}});
  (void)account.add_task("j", {{"id", "t"}, {"commandLine", "true"}});
  const Credentials credentials{"me", Secret("a2V5")};
  const Routes routes(account, credentials, [&] { return now; });

  HttpRequest request;
  request.method = parts[0];
  request.path = parts[1].substr(0, parts[1].find('?'));
  request.query = "api-version=2024-02-01.19.0";
  if (request.path.size() < parts[1].size()) request.query += "&" + parts[1].substr(request.path.size() + 1);
  request.body = parts[3];
  request.base = "http://127.0.0.1:1";
  request.headers = {{"ocp-date", http_date(now)},
                     {"Content-Length", std::to_string(request.body.size())},
                     {"Content-Type", "application/json; odata=minimalmetadata"}};
  if (!parts[2].empty()) request.headers.emplace_back("ocp-range", parts[2]);
  const batch::RequestLine line{request.method, request.path, request.query};
  request.headers.emplace_back(
      "Authorization",
      batch::sign_with_shared_key(credentials.account, credentials.key, line, request.headers).value());

  const HttpResponse response = routes.answer(request);
  fuzz::require(response.status != 403 && response.status != 500, "a signed request is judged, and by rules");
  if (!response.body.empty()) fuzz::require(nlohmann::json::accept(response.body), "what has a body is JSON");
  // Whatever was asked for, another process of the service finds the same account.
  Account other(runner, [&] { return now; });
  other.from_json(account.to_json());
  auto one = account.to_json();
  auto two = other.to_json();
  one.erase("taken");
  two.erase("taken");
  fuzz::require(one == two, "the state survives");
  return 0;
}
