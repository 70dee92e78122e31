#include "batch/local/service/routes.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "batch/local/service/node_files.hpp"
#include "batch/local/service/odata_filter.hpp"
#include "local_fake_runner.hpp"
#include "temporary_directory.hpp"

namespace shipyard::local {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LocalRoutes : public ::testing::Test, public AccountOfTest {
 protected:
  const Credentials credentials{"me", Secret("a2V5")};
  Routes routes{account, credentials, [this] { return now; }};
  shipyard::testing::TemporaryDirectory directory;

  [[nodiscard]] HttpRequest request(const std::string& method, const std::string& target,
                                    const std::string& body = {}) const {
    HttpRequest made;
    made.method = method;
    const auto mark = target.find('?');
    made.path = target.substr(0, mark);
    made.query = "api-version=2024-02-01.19.0";
    if (mark != std::string::npos) made.query += "&" + target.substr(mark + 1);
    made.headers = {{"ocp-date", http_date(now)}};
    if (method != "GET" && method != "HEAD")
      made.headers.emplace_back("Content-Length", std::to_string(body.size()));
    if (!body.empty())
      made.headers.emplace_back("Content-Type", "application/json; odata=minimalmetadata; charset=utf-8");
    made.body = body;
    made.base = "http://here:1";
    return made;
  }
  [[nodiscard]] HttpRequest with_signature(HttpRequest made) const {
    const batch::RequestLine line{made.method, made.path, made.query};
    made.headers.emplace_back(
        "Authorization",
        batch::sign_with_shared_key(credentials.account, credentials.key, line, made.headers).value());
    return made;
  }
  HttpResponse call(const std::string& method, const std::string& target, const std::string& body = {}) {
    return routes.answer(with_signature(request(method, target, body)));
  }
  HttpResponse call_with(const std::string& method, const std::string& target,
                         const batch::Headers& headers) {
    HttpRequest made = request(method, target);
    made.headers.insert(made.headers.end(), headers.begin(), headers.end());
    return routes.answer(with_signature(made));
  }
  static std::string told(const HttpResponse& response) {
    return std::to_string(response.status) +
           (response.status < 400 ? "" : " " + json::parse(response.body)["code"].get<std::string>());
  }
  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }
  static std::string content(const HttpResponse& response) {
    if (!response.file) return response.body;
    std::string text(response.file->length, '\0');
    const auto got = ::pread(response.file->fd->get(), text.data(), text.size(),
                             static_cast<off_t>(response.file->offset));
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  std::string detail(const HttpRequest& made) {
    return json::parse(routes.answer(made).body)["values"][0]["value"];
  }

  /// Job j with a task t, whose files are below `directory`.
  void running_task() {
    must(account.add_pool({{"id", "p"}, {"vmSize", "s"}, {"targetDedicatedNodes", 1}}));
    account.node_made("p", {"n", "10.77.0.4", directory.path("node")});
    account.pool_steady("p", "");
    job("j", "p");
    task("j", "t");
    account.task_started(runner.last());
    std::filesystem::create_directories(directory.path("node/workitems/j/job-1/t/wd"));
    directory.write("node/workitems/j/job-1/t/stdout.txt", "hello world\n");
    directory.write("node/workitems/j/job-1/t/wd/a b.txt", "1");
    directory.write("secret", "secret");
  }
};

TEST_F(LocalRoutes, TakeARequestWhoseSignatureIsRight) {
  EXPECT_EQ(told(call("GET", "/jobs?maxresults=5&$select=id%2Cstate")), "200");
  // With a Date beside ocp-date, which stands for it.
  HttpRequest made = with_signature(request("GET", "/jobs"));
  made.headers.emplace_back("Date", "any");
  EXPECT_EQ(told(routes.answer(made)), "200");
}

TEST_F(LocalRoutes, RefuseAnotherSignatureAndSayWhatWasToBeSigned) {
  HttpRequest made = request("GET", "/jobs/a%2Fb");
  EXPECT_EQ(told(routes.answer(made)), "403 AuthenticationFailed");
  EXPECT_EQ(detail(made), "Authorization is not 'SharedKey ACCOUNT:SIGNATURE'.");
  made.headers.emplace_back("Authorization", "SharedKey me:c2lnbmF0dXJl");
  EXPECT_EQ(told(routes.answer(made)), "403 AuthenticationFailed");
  EXPECT_EQ(
      detail(made),
      "The MAC signature found in the HTTP request 'c2lnbmF0dXJl' is not the same as any computed signature. "
      "Server used following string to sign: 'GET\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\nocp-date:" +
          http_date(now) + "\\n/me/jobs/a%2Fb\\napi-version:2024-02-01.19.0'.");
  made.headers.back().second = "SharedKey you:c2lnbmF0dXJl";
  EXPECT_EQ(detail(made), "The account 'you' is not known here.");
  HttpRequest changed = with_signature(request("GET", "/jobs"));
  changed.query += "&timeout=31";
  EXPECT_EQ(told(routes.answer(changed)), "403 AuthenticationFailed");
}

TEST_F(LocalRoutes, RefuseARequestThatIsAQuarterOfAnHourOff) {
  for (const auto& [minutes, expected] :
       {std::pair(-15, "200"), std::pair(15, "200"), std::pair(-16, "403 AuthenticationFailed"),
        std::pair(16, "403 AuthenticationFailed")}) {
    HttpRequest made = request("GET", "/jobs");
    made.headers[0].second = http_date(now + std::chrono::minutes(minutes));
    EXPECT_EQ(told(routes.answer(with_signature(made))), expected) << minutes;
  }
  HttpRequest made = request("GET", "/jobs");
  made.headers.clear();
  EXPECT_EQ(detail(with_signature(made)), "There is neither ocp-date nor Date in the request.");
  made.headers = {{"ocp-date", "2026-11-23T12:13:35Z"}};
  EXPECT_EQ(detail(with_signature(made)), "The date is not of RFC 1123's form: '2026-11-23T12:13:35Z'");
}

TEST_F(LocalRoutes, AnErrorHasBatchsForm) {
  const HttpResponse response = call("GET", "/pools/none");
  EXPECT_EQ(header(response, "Content-Type"), "application/json;odata=minimalmetadata");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["odata.metadata"],
            "http://here:1/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element");
  EXPECT_EQ(body["message"]["value"], "There is no such pool.\nRequestId:" + header(response, "request-id") +
                                          "\nTime:" + batch_time(now));
}

TEST_F(LocalRoutes, FindTheOperation) {
  for (const auto& [method, target, expected] :
       {std::tuple("GET", "/job", "400 InvalidUri"), std::tuple("GET", "/jobs/", "400 InvalidUri"),
        std::tuple("GET", "", "400 InvalidUri"), std::tuple("PUT", "/jobs", "405 UnsupportedHttpVerb"),
        std::tuple("GET", "/applications", "501 NotImplemented"),
        std::tuple("POST", "/pools/p/removenodes", "501 NotImplemented"),
        std::tuple("DELETE", "/jobs/j/tasks/t/files/f", "501 NotImplemented"),
        std::tuple("GET", "/jobs/none", "404 JobNotFound"),
        std::tuple("GET", "/jobs/a%2Fb", "404 JobNotFound"),
        std::tuple("DELETE", "/jobs/none?force=true", "404 JobNotFound"),
        std::tuple("HEAD", "/pools/none", "404 PoolNotFound")})
    EXPECT_EQ(told(call(method, target)), expected) << method << " " << target;
}

TEST_F(LocalRoutes, JudgeTheQuery) {
  for (const auto& [query, expected] :
       {std::pair("maxresult=1", "400 UnsupportedQueryParameter"),
        std::pair("maxresults=0", "400 OutOfRangeQueryParameterValue"),
        std::pair("maxresults=1001", "400 OutOfRangeQueryParameterValue"),
        std::pair("maxresults=99999999999999999999", "400 OutOfRangeQueryParameterValue"),
        std::pair("maxresults=ten", "400 InvalidQueryParameterValue"),
        std::pair("$filter=id%20is%20'a'", "400 InvalidQueryParameterValue"), std::pair("timeout=30", "200")})
    EXPECT_EQ(told(call("GET", std::string("/jobs?") + query)), expected) << query;
  HttpRequest made = request("GET", "/jobs");
  made.query = "timeout=30";
  EXPECT_EQ(told(routes.answer(with_signature(made))), "400 MissingRequiredQueryParameter");
  for (const char* version :
       {"1", "2024-02-01", "2024-02-01.", "2024-02-01.1", "2024-02-01.1.2.3", "2024-2-01.1.2"}) {
    made.query = std::string("api-version=") + version;
    EXPECT_EQ(told(routes.answer(with_signature(made))), "400 InvalidQueryParameterValue") << version;
  }
}

TEST_F(LocalRoutes, JudgeTheBody) {
  for (const auto& [body, reason] :
       {std::pair(R"({"id": "a", "id": "b"})", "the key id stands twice"), std::pair("{", "it is no JSON"),
        std::pair("", "the body is missing: JobAddParameter"),
        std::pair("{\"id\": \"\xff\"}", "it is no UTF-8")}) {
    const HttpResponse response = call("POST", "/jobs", body);
    EXPECT_EQ(told(response), "400 InvalidRequestBody") << body;
    EXPECT_EQ(json::parse(response.body)["values"][0]["value"], reason);
  }
  EXPECT_EQ(told(call("POST", "/jobs", std::string(100'000, '['))), "400 InvalidRequestBody");
  EXPECT_EQ(told(call("POST", "/jobs/j/tasks/t/terminate", "{}")), "400 InvalidRequestBody");
  EXPECT_THAT(call("POST", "/jobs", R"({"id": "j", "poolInfo": {}, "poolinfo": {}})").body,
              HasSubstr(R"("values":[{"key":"$.poolinfo","value":"is not known here"}])"));
  HttpRequest made = request("POST", "/jobs", "{}");
  made.headers.back().second = "application/json";
  EXPECT_EQ(told(routes.answer(with_signature(made))), "400 InvalidHeaderValue");
  made.headers.pop_back();
  EXPECT_EQ(told(routes.answer(with_signature(made))), "400 MissingRequiredHeader");
  made = request("POST", "/jobs");
  made.headers.pop_back();
  EXPECT_EQ(told(routes.answer(with_signature(made))), "411 MissingContentLengthHeader");
}

TEST_F(LocalRoutes, AnswerWithTheHeadersOfAResource) {
  const HttpResponse response =
      call("POST", "/pools", R"({"id": "p", "vmSize": "s", "targetDedicatedNodes": 0})");
  EXPECT_EQ(told(response), "201");
  EXPECT_EQ(header(response, "Location"), "http://here:1/pools/p");
  EXPECT_EQ(header(response, "DataServiceId"), "http://here:1/pools/p");
  EXPECT_EQ(header(response, "ETag"), pool_view("p")["eTag"]);
  EXPECT_EQ(header(response, "Last-Modified"), http_date(now));
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(told(call("HEAD", "/pools/p")), "200");
  EXPECT_EQ(
      header(call_with("GET", "/pools/p", {{"return-client-request-id", "True"}, {"client-request-id", "x"}}),
             "client-request-id"),
      "x");
  EXPECT_EQ(told(call_with("DELETE", "/pools/p", {{"If-Match", "0x1"}})), "412 ConditionNotMet");
  EXPECT_EQ(told(call("DELETE", "/pools/p")), "202");
}

TEST_F(LocalRoutes, GiveOutListsByPages) {
  for (int i = 0; i < 5; ++i) job("j" + std::to_string(i), "p");
  std::vector<std::string> ids;
  std::string target = "/jobs?maxresults=2&$select=id";
  for (int pages = 0; pages < 3; ++pages) {
    const json body = json::parse(call("GET", target).body);
    EXPECT_EQ(body["odata.metadata"], "http://here:1/$metadata#jobs");
    for (const auto& item : body["value"]) ids.push_back(item.dump());
    if (pages == 2) {
      EXPECT_FALSE(body.contains("odata.nextLink"));
      break;
    }
    const std::string link = body["odata.nextLink"];
    EXPECT_EQ(link, "http://here:1/jobs?api-version=2024-02-01.19.0&maxresults=2&$select=id&$skiptoken=" +
                        std::to_string(2 * pages + 2));
    target = "/jobs?" + link.substr(link.find("&maxresults") + 1);
  }
  EXPECT_THAT(ids, ElementsAre(R"({"id":"j0"})", R"({"id":"j1"})", R"({"id":"j2"})", R"({"id":"j3"})",
                               R"({"id":"j4"})"));
  const json some = json::parse(call("GET", "/jobs?$filter=startswith(id,'j')%20and%20id%20ge%20'j3'").body);
  EXPECT_EQ(some["value"].size(), 2U);
}

TEST_F(LocalRoutes, GiveOutFilesInParts) {
  running_task();
  const HttpResponse whole = call("GET", "/jobs/j/tasks/t/files/stdout.txt");
  EXPECT_EQ(content(whole), "hello world\n");
  EXPECT_EQ(header(whole, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(header(whole, "ocp-batch-file-isdirectory"), "False");
  EXPECT_EQ(header(whole, "ocp-batch-file-url"), "http://here:1/jobs/j/tasks/t/files/stdout.txt");
  EXPECT_EQ(header(whole, "ocp-batch-file-mode"), "0o100644");
  EXPECT_TRUE(parse_http_date(header(whole, "Last-Modified")));
  EXPECT_TRUE(parse_http_date(header(whole, "ocp-creation-time")));
  const auto part = [&](const std::string& range) {
    return call_with("GET", "/jobs/j/tasks/t/files/stdout.txt", {{"ocp-range", range}});
  };
  EXPECT_EQ(content(part("bytes=6-10")), "world");
  EXPECT_EQ(part("bytes=6-10").status, 200);
  EXPECT_EQ(content(part("bytes=6-999")), "world\n");
  EXPECT_EQ(told(part("bytes=12-20")), "416 InvalidRange");
  for (const char* range : {"bytes=6-", "bytes=-5", "bytes=7-6", "6-10", "bytes=a-b", "bytes=1-2,4-5"})
    EXPECT_EQ(told(part(range)), "400 InvalidHeaderValue") << range;
  EXPECT_EQ(content(call("GET", "/jobs/j/tasks/t/files/wd%2Fa%20b.txt")), "1");
  EXPECT_EQ(content(call("GET", "/jobs/j/tasks/t/files/wd/a%20b.txt")), "1");
  EXPECT_EQ(content(call("GET", "/pools/p/nodes/n/files/workitems%2Fj%2Fjob-1%2Ft%2Fstdout.txt")),
            "hello world\n");
  EXPECT_EQ(told(call("GET", "/jobs/j/tasks/t/files/none")), "404 FileNotFound");
  EXPECT_EQ(told(call("GET", "/jobs/j/tasks/t/files/wd")), "404 FileNotFound");
  EXPECT_EQ(header(call("HEAD", "/jobs/j/tasks/t/files/wd"), "ocp-batch-file-isdirectory"), "True");
}

TEST_F(LocalRoutes, ListFiles) {
  running_task();
  const auto names = [&](const std::string& target) {
    std::vector<std::string> found;
    const json list = json::parse(call("GET", target).body)["value"];
    for (const auto& item : list) found.push_back(item["name"]);
    return found;
  };
  EXPECT_THAT(names("/jobs/j/tasks/t/files"), ElementsAre("stdout.txt", "wd"));
  EXPECT_THAT(names("/jobs/j/tasks/t/files?recursive=true"), ElementsAre("stdout.txt", "wd", "wd/a b.txt"));
  EXPECT_THAT(names("/pools/p/nodes/n/files?recursive=true&$filter=startswith(name,'workitems/j/job-1/t/w')"),
              ElementsAre("workitems/j/job-1/t/wd", "workitems/j/job-1/t/wd/a b.txt"));
  const json last = json::parse(call("GET", "/jobs/j/tasks/t/files?recursive=true").body)["value"][2];
  EXPECT_EQ(last["url"], "http://here:1/jobs/j/tasks/t/files/wd/a%20b.txt");
  EXPECT_EQ(last["properties"]["contentLength"], 1);
  EXPECT_EQ(last["isDirectory"], false);
  const std::string far = directory.path("node/workitems/j/job-1/t/stdout.txt");
  const timespec times[2] = {{1LL << 34, 0}, {1LL << 34, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, far.c_str(), times, 0), 0);
  EXPECT_THAT(header(call("GET", "/jobs/j/tasks/t/files/stdout.txt"), "Last-Modified"), HasSubstr(" 2261 "));
}

TEST_F(LocalRoutes, NoPathLeadsOutOfTheDirectory) {
  running_task();
  const std::string task_home = directory.path("node/workitems/j/job-1/t/");
  std::filesystem::create_symlink(directory.path("secret"), task_home + "link");
  std::filesystem::create_symlink(directory.path(), task_home + "up");
  ASSERT_EQ(::mkfifo((task_home + "pipe").c_str(), 0600), 0);
  for (const char* path : {"..%2F..%2F..%2F..%2F..%2Fsecret", "../../../../../secret", "wd/../stdout.txt",
                           "./stdout.txt", "link", "up/secret", "up%2Fsecret",
                           "%2E%2E/%2E%2E/%2E%2E/%2E%2E/%2E%2E/secret", "pipe", "stdout.txt%00", "%2F..%2Fx"})
    EXPECT_EQ(told(call("GET", std::string("/jobs/j/tasks/t/files/") + path)), "404 FileNotFound") << path;
  EXPECT_EQ(told(call("GET", "/pools/p/nodes/n/files/..%2Fsecret")), "404 FileNotFound");
  EXPECT_THAT(call("GET", "/jobs/j/tasks/t/files?recursive=true").body, ::testing::Not(HasSubstr("secret")));
}

TEST_F(LocalRoutes, TheFilesOfATaskWithoutNodesAreNotThere) {
  job("j", "none");
  task("j", "t");
  EXPECT_EQ(told(call("GET", "/jobs/j/tasks/t/files/stdout.txt")), "409 OperationInvalidForCurrentState");
  EXPECT_EQ(told(call("GET", "/jobs/j/tasks/none/files")), "404 TaskNotFound");
}

TEST(OdataFilter, ComparesWhatClientsCompare) {
  const std::vector<json> items = {{{"id", "a"}, {"state", "active"}, {"n", 1}},
                                   {{"id", "it's"}, {"info", {{"result", "failure"}}}, {"n", 5}}};
  const auto ids = [&](const std::string& filter) {
    std::string found;
    const auto rest = filtered(items, filter);
    if (!rest) return std::string("refused");
    for (const auto& item : *rest) found += item["id"].get<std::string>() + " ";
    return found;
  };
  EXPECT_EQ(ids("state eq 'active'"), "a ");
  EXPECT_EQ(ids("state ne 'active'"), "it's ");
  EXPECT_EQ(ids("id eq 'it''s'"), "it's ");
  EXPECT_EQ(ids("info/result eq 'failure' and n gt 1"), "it's ");
  EXPECT_EQ(ids("n gt 1"), "it's ");
  EXPECT_EQ(ids("n le 1"), "a ");
  EXPECT_EQ(ids("n lt 'x'"), "");
  EXPECT_EQ(ids("startswith(id, 'it')"), "it's ");
  EXPECT_EQ(ids("state eq null"), "it's ");
  EXPECT_EQ(ids("id ge datetime'b'"), "it's ");
  for (const char* filter : {"", "id", "id eq", "id eq 'a", "id is 'a'", "id eq 'a' or id eq 'b'",
                             "startswith(id)", "id eq 'a' and", "eq 'a'"})
    EXPECT_EQ(ids(filter), "refused") << filter;
}

}  // namespace
}  // namespace shipyard::local
