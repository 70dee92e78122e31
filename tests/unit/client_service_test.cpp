#include "batch/client/service.hpp"

#include <gmock/gmock.h>

#include <csignal>

#include "client_fake_batch.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::answer;
using ::testing::ElementsAre;
using testing::FakeBatch;
using ::testing::HasSubstr;
using testing::header_of;
using ::testing::MatchesRegex;
using testing::no_answer;
using ::testing::Not;
using testing::refusal;
using Kind = HttpOutcome::Kind;

const std::string kKeyHint =
    "account 'account': is AZURE_BATCH_ACCESS_KEY its key, and AZURE_BATCH_ENDPOINT its address? `az batch "
    "account keys list` shows the keys";
const std::string kProxyHint =
    "a proxy, or another server than Batch's, has answered: AZURE_BATCH_ENDPOINT, https_proxy";

TEST(Service, ARequestIsSignedDatedAndNamed) {
  FakeBatch batch({answer(200, R"({"id": "j"})"), answer(201), answer(202)});
  const Answer got = batch.service.get("/jobs/j", "$select=id");
  EXPECT_TRUE(got.good());
  EXPECT_EQ(got.body, json({{"id", "j"}}));
  EXPECT_TRUE(batch.service.send({"POST", "/jobs", "", {{"id", "j"}}}).good());
  EXPECT_TRUE(batch.service.send({"DELETE", "/jobs/j"}).good());
  EXPECT_THAT(batch.http.asked(), ElementsAre("GET /jobs/j?api-version=1&$select=id",
                                              "POST /jobs?api-version=1", "DELETE /jobs/j?api-version=1"));
  const auto& get = batch.http.sent[0];
  EXPECT_EQ(get.url.substr(0, 18), "https://a.example/");
  EXPECT_EQ(header_of(get, "Accept"), "application/json");
  EXPECT_THAT(header_of(get, "client-request-id"),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_TRUE(parse_http_date(header_of(get, "ocp-date")));
  EXPECT_THAT(header_of(get, "Authorization"), MatchesRegex("SharedKey account:[A-Za-z0-9+/]{43}="));
  EXPECT_EQ(header_of(get, "Content-Type"), "(none)");
  EXPECT_EQ(get.body, "");
  const auto& post = batch.http.sent[1];
  EXPECT_EQ(header_of(post, "Content-Type"), "application/json; odata=minimalmetadata; charset=utf-8");
  EXPECT_EQ(header_of(post, "Content-Length"), "(none)") << "it is libcurl's, and only signed here";
  EXPECT_EQ(post.body, R"({"id":"j"})");
  EXPECT_NE(header_of(get, "client-request-id"), header_of(post, "client-request-id"));
  EXPECT_EQ(batch.told.str(), "t: + GET /jobs/j?$select=id\nt: + POST /jobs\nt: + DELETE /jobs/j\n");
}

TEST(Service, TheSignatureCoversTheLengthOfTheBody) {
  FakeBatch batch({answer(200), answer(200)});
  batch.service.send({"POST", "/jobs/j/terminate"});
  batch.service.send({"PATCH", "/jobs/j", "", {{"a", 1}}});
  const std::string lengths[] = {"0", "7"};
  for (std::size_t i = 0; i < 2; ++i) {
    Headers signed_headers = batch.http.sent[i].headers;
    signed_headers.pop_back();  // Authorization
    signed_headers.emplace_back("Content-Length", lengths[i]);
    const auto wanted = sign_with_shared_key(
        "account", Secret("aHVzaA=="),
        {batch.http.sent[i].method, i == 0 ? "/jobs/j/terminate" : "/jobs/j", "api-version=1"},
        signed_headers);
    EXPECT_EQ(header_of(batch.http.sent[i], "Authorization"), *wanted);
  }
}

TEST(Service, AListIsAllItsPages) {
  FakeBatch batch({answer(200, R"({"value": [{"id": "a"}, {"id": "b"}],
                          "odata.nextLink":
                          "https://b.example/jobs?api-version=9&$skiptoken=x%2Fy&maxresults=2"})"),
                   answer(200, R"({"value": [], "odata.nextLink": "https://a.example/jobs?$skiptoken=z"})"),
                   answer(200, R"({"value": [{"id": "c"}]})")});
  const Answer list = batch.service.list("/jobs", "maxresults=2");
  ASSERT_TRUE(list.good());
  EXPECT_EQ(list.body, json({{{"id", "a"}}, {{"id", "b"}}, {{"id", "c"}}}));
  EXPECT_THAT(batch.http.asked(), ElementsAre("GET /jobs?api-version=1&maxresults=2",
                                              "GET /jobs?api-version=1&$skiptoken=x%2Fy&maxresults=2",
                                              "GET /jobs?api-version=1&$skiptoken=z"));
  for (const auto& request : batch.http.sent)
    EXPECT_EQ(request.url.substr(0, 18), "https://a.example/") << "the signature goes nowhere else";
}

TEST(Service, AListFailsAsAWhole) {
  FakeBatch batch({answer(200, R"({"value": [1], "odata.nextLink": "https://a.example/jobs?x=1"})"),
                   refusal(404, "JobNotFound", "The job is gone.")});
  const Answer list = batch.service.list("/jobs");
  EXPECT_FALSE(list.good());
  EXPECT_EQ(list.error.message, "GET /jobs: Azure Batch answers JobNotFound: The job is gone.");
}

TEST(Service, WhatIsNoListIsSaidToBeNone) {
  for (const char* body : {"{}", "[]", "5", R"({"value": {}})", R"({"value": null})"}) {
    FakeBatch batch({answer(200, body)});
    const Answer list = batch.service.list("/jobs");
    EXPECT_FALSE(list.good()) << body;
    EXPECT_EQ(list.error.message, "GET /jobs: the answer is no list of Batch's") << body;
  }
  FakeBatch batch({answer(200, R"({"value": [], "odata.nextLink": "nonsense"})")});
  EXPECT_EQ(batch.service.list("/jobs").error.message, "GET /jobs: the list does not end");
}

TEST(Service, ARefusalIsInBatchsWords) {
  FakeBatch batch({answer(409, R"({"code": "JobExists", "message": {"lang": "en-US",
      "value": "The specified job already exists.\nRequestId:1234\nTime:2026-11-29T12:00:00Z"},
      "values": [{"key": "Reason", "value": "it\ndoes"}, {"key": "Other", "value": "so"},
                  {"key": 5}, 7]})")});
  const Answer refused = batch.service.send({"POST", "/jobs", "", json::object()});
  EXPECT_FALSE(refused.good());
  EXPECT_EQ(refused.status, 409);
  EXPECT_TRUE(refused.is("JobExists"));
  EXPECT_FALSE(refused.silent());
  EXPECT_FALSE(refused.may_have_been_done);
  EXPECT_EQ(
      refused.error.message,
      "POST /jobs: Azure Batch answers JobExists: The specified job already exists. (Reason: it does; Other: "
      "so)");
  EXPECT_EQ(refused.error.hint, "");
}

TEST(Service, ARefusalWithoutWordsEndsWithItsCode) {
  for (const char* body : {R"({"code": "JobNotFound"})", R"({"code": "JobNotFound", "message": "x"})",
                           R"({"code": "JobNotFound", "message": {"value": 5}, "values": 5})"}) {
    FakeBatch batch({answer(404, body)});
    EXPECT_EQ(batch.service.get("/jobs/j").error.message, "GET /jobs/j: Azure Batch answers JobNotFound")
        << body;
  }
}

TEST(Service, AWrongKeyIsToldFromAWrongClock) {
  const std::string detail = "The MAC signature 'hush' found is not the same as any computed signature.";
  const std::string body = R"({"code": "AuthenticationFailed", "message": {"value": "Server failed."},
      "values": [{"key": "AuthenticationErrorDetail", "value": ")" +
                           detail + R"("}]})";
  const auto now = std::chrono::system_clock::now();
  FakeBatch batch(
      {answer(403, body, {{"Date", http_date(now)}}),
       answer(403, body, {{"Date", http_date(now + std::chrono::minutes(20) + std::chrono::seconds(30))}}),
       answer(403, body, {{"Date", http_date(now - std::chrono::hours(2) - std::chrono::seconds(30))}}),
       answer(403, body, {{"Date", "nonsense"}})});
  std::string hints[4];
  for (auto& hint : hints) {
    const Answer refused = batch.service.get("/jobs");
    EXPECT_EQ(refused.error.message, "GET /jobs: Azure Batch answers AuthenticationFailed: Server failed.");
    hint = refused.error.hint;
  }
  EXPECT_EQ(hints[0], kKeyHint);
  EXPECT_EQ(hints[1], "this machine's clock is 20 min behind the service's; it allows 15");
  EXPECT_EQ(hints[2], "this machine's clock is 120 min ahead of the service's; it allows 15");
  EXPECT_EQ(hints[3], kKeyHint);
}

TEST(Service, ATokenThatIsRefusedIsRenewedOnce) {
  const std::string token = R"({"access_token": "hush-token-1", "expires_in": 3600})";
  const std::string other = R"({"access_token": "hush-token-2", "expires_in": 3600})";
  FakeBatch batch({answer(200, token), answer(200, R"({"a": 1})"), refusal(401, "AuthenticationFailed"),
                   answer(200, other), answer(200, R"({"a": 2})"), refusal(401, "AuthenticationFailed"),
                   answer(200, token), refusal(401, "AuthenticationFailed", "Really not.")},
                  FakeBatch::with_client_secret());
  EXPECT_TRUE(batch.service.get("/jobs/a").good());
  EXPECT_EQ(batch.service.get("/jobs/b").body, json({{"a", 2}}));
  const Answer refused = batch.service.get("/jobs/c");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.error.message, "GET /jobs/c: Azure Batch answers AuthenticationFailed: Really not.");
  EXPECT_EQ(refused.error.hint,
            "does whoever signed in have a role in that Batch account (Contributor, or Azure Batch Data "
            "Contributor)?");
  EXPECT_THAT(batch.http.asked(), ElementsAre("POST /tenant/oauth2/v2.0/token", "GET /jobs/a?api-version=1",
                                              "GET /jobs/b?api-version=1", "POST /tenant/oauth2/v2.0/token",
                                              "GET /jobs/b?api-version=1", "GET /jobs/c?api-version=1",
                                              "POST /tenant/oauth2/v2.0/token", "GET /jobs/c?api-version=1"));
  EXPECT_EQ(batch.http.sent[0].url, "https://login.example/tenant/oauth2/v2.0/token");
  EXPECT_EQ(
      batch.http.sent[0].body,
      "grant_type=client_credentials&client_id=client&client_secret=hush%26secret&scope=https%3A%2F%2Fbatch."
      "core.windows.net%2F%2F.default");
  EXPECT_EQ(header_of(batch.http.sent[1], "Authorization"), "Bearer hush-token-1");
  EXPECT_EQ(header_of(batch.http.sent[4], "Authorization"), "Bearer hush-token-2");
  EXPECT_THAT(batch.told.str(), Not(HasSubstr("hush")));
}

TEST(Service, WithoutATokenNothingIsSent) {
  FakeBatch batch({answer(401, R"({"error": "invalid_client",
                    "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x"})")},
                  FakeBatch::with_client_secret());
  const Answer refused = batch.service.get("/jobs");
  EXPECT_EQ(refused.kind, Kind::kRefused);
  EXPECT_EQ(refused.error.message, "Entra refuses: AADSTS7000215: Invalid client secret provided.");
  EXPECT_EQ(batch.http.sent.size(), 1u);
}

TEST(Service, AnAnswerCutOffIsAskedForAgain) {
  FakeBatch batch({answer(200, R"({"id": "j)"), answer(200, R"({"id": "j"})")});
  EXPECT_EQ(batch.service.get("/jobs/j").body, json({{"id", "j"}}));
  EXPECT_EQ(batch.told.str(),
            "t: + GET /jobs/j\n"
            "t:   GET /jobs/j: no answer from Azure Batch: the answer is no JSON; again in 0.0 s\n");
  Call once{"POST", "/x"};
  once.repeat = Repeat::kNotTwice;
  FakeBatch other({answer(200, "<html>")});
  const Answer answer = other.service.send(once);
  EXPECT_EQ(answer.kind, Kind::kUnanswered);
  EXPECT_EQ(answer.error.message, "POST /x: no answer from Azure Batch: the answer is no JSON");
}

TEST(Service, TextIsTakenAsItIs) {
  FakeBatch batch({answer(200, "{not json", {{"ocp-creation-time", "then"}})});
  const Answer text = batch.service.read_file("/jobs/j/tasks/t/files/stdout.txt", 10, 5);
  EXPECT_TRUE(text.good());
  EXPECT_EQ(text.text, "{not json");
  EXPECT_EQ(text.file_created, "then");
  EXPECT_EQ(header_of(batch.http.sent[0], "ocp-range"), "bytes=10-14");
}

TEST(Service, TheEndOfAFileIsNoFailure) {
  for (const auto& outcome :
       {refusal(416, "InvalidRange"), answer(416, "<html>", {{"ocp-creation-time", "then"}})}) {
    FakeBatch batch({outcome});
    const Answer text = batch.service.read_file("/f", 10, 5);
    EXPECT_TRUE(text.good());
    EXPECT_EQ(text.text, "");
    EXPECT_EQ(text.code, "");
  }
}

TEST(Service, ALostAnswerIsRememberedWhereTheSecondOneIsA409) {
  for (const auto& lost : {no_answer(Kind::kUnanswered, "the connection was closed"), answer(500),
                           answer(502), answer(504), answer(408), answer(201, "{cut off")}) {
    FakeBatch batch({lost, refusal(409, "JobExists")});
    const Answer exists = batch.service.send({"POST", "/jobs", "", {{"id", "j"}}});
    EXPECT_TRUE(exists.is("JobExists"));
    EXPECT_TRUE(exists.may_have_been_done) << lost.response.status;
    EXPECT_EQ(batch.http.sent[0].body, batch.http.sent[1].body);
  }
  for (const auto& not_done : {no_answer(Kind::kNotSent, "no connection"), answer(503), answer(429)}) {
    FakeBatch batch({not_done, refusal(409, "JobExists")});
    EXPECT_FALSE(batch.service.send({"POST", "/jobs", "", {{"id", "j"}}}).may_have_been_done)
        << not_done.response.status;
  }
}

TEST(Service, SilenceIsToldWithHowLongItTook) {
  FakeBatch batch({answer(503, "", {{"Retry-After", "3600"}})});
  const Answer busy = batch.service.get("/jobs");
  EXPECT_TRUE(busy.silent());
  EXPECT_EQ(busy.error.message,
            "GET /jobs: HTTP 503 without Batch's words; it asks to be left alone for 3600 s");

  std::deque<HttpOutcome> script;
  for (int i = 0; i < 4; ++i) script.push_back(no_answer(Kind::kNotSent, "Could not\nresolve host"));
  script.push_back(refusal(404, "JobNotFound", "gone"));
  FakeBatch away(script);
  EXPECT_EQ(away.service.get("/jobs/j").error.message, "GET /jobs/j: Azure Batch answers JobNotFound: gone");
  const std::string again =
      "t:   GET /jobs/j: Azure Batch cannot be reached: Could not resolve host; again in 0.0 s\n";
  EXPECT_EQ(away.told.str(),
            "t: + GET /jobs/j\n" + again + again + again +
                "t: note: GET /jobs/j: Azure Batch cannot be reached: Could not resolve host; "
                "trying again for " +
                (away.told.str().find("for 59 s") != std::string::npos ? "59" : "60") + " s\n" + again);

  Call call{"GET", "/jobs"};
  call.budget = std::chrono::milliseconds(-1);
  FakeBatch gone({no_answer(Kind::kNotSent, "refused")});
  const Answer unreachable = gone.service.send(call);
  EXPECT_EQ(unreachable.error.message, "GET /jobs: Azure Batch cannot be reached: refused");
  EXPECT_EQ(unreachable.error.hint, "AZURE_BATCH_ENDPOINT is https://a.example");
}

TEST(Service, AnotherServersPageIsNotShown) {
  FakeBatch batch({answer(302, "<html>",
                          {{"Location", "https://portal.example/login\r\n"}, {"Content-Type", "text/html"}}),
                   answer(407, "<html>hush</html>", {{"content-type", "text/html; charset=utf-8"}}),
                   answer(404, "{}"), answer(400, R"({"code": 5})"), answer(403, "<html>")});
  Answer page = batch.service.get("/jobs");
  EXPECT_EQ(page.error.message, "GET /jobs: HTTP 302 without Batch's words (text/html)");
  EXPECT_EQ(page.error.hint, "it wants to send us to https://portal.example/login, which is not followed");
  EXPECT_EQ(batch.http.sent.size(), 1u);
  page = batch.service.get("/jobs");
  EXPECT_EQ(page.error.message, "GET /jobs: HTTP 407 without Batch's words (text/html; charset=utf-8)");
  EXPECT_EQ(page.error.hint, kProxyHint);
  for (const char* status : {"404", "400"}) {
    page = batch.service.get("/jobs");
    EXPECT_EQ(page.error.message, "GET /jobs: HTTP " + std::string(status) + " without Batch's words");
    EXPECT_EQ(page.error.hint, kProxyHint);
    EXPECT_EQ(page.code, "");
  }
  EXPECT_EQ(batch.service.get("/jobs").error.hint, kKeyHint);
}

TEST(Service, ACertificateThatIsNotTrustedIsExplained) {
  FakeBatch batch(
      {no_answer(Kind::kRefused, "SSL certificate problem: unable to get local issuer certificate")});
  const Answer refused = batch.service.get("/jobs");
  EXPECT_FALSE(refused.silent());
  EXPECT_EQ(
      refused.error.message,
      "GET /jobs: not sent to Azure Batch: SSL certificate problem: unable to get local issuer certificate");
  EXPECT_EQ(
      refused.error.hint,
      "something between here and Azure speaks in its place? SSL_CERT_FILE names other trusted certificates");
}

TEST(Service, AnInterruptionEndsThePause) {
  FakeBatch batch({answer(503)}, FakeBatch::with_key(),
                  {std::chrono::minutes(1), std::chrono::minutes(1), 2, std::chrono::minutes(10)});
  ::raise(SIGTERM);
  const Answer answer = batch.service.get("/jobs");
  EXPECT_TRUE(answer.interrupted());
  EXPECT_EQ(batch.interruption.signal(), SIGTERM);
  EXPECT_EQ(batch.http.sent.size(), 1u);
}

TEST(Service, NoSecretIsInWhatItTells) {
  for (const auto& sign_in : {FakeBatch::with_key(), FakeBatch::with_client_secret()}) {
    FakeBatch batch({answer(200, R"({"access_token": "hush-token", "expires_in": "3600"})"), answer(500),
                     refusal(403, "AuthenticationFailed"), answer(400, "hush")},
                    sign_in);
    for (int i = 0; i < 3; ++i) {
      const Answer answer = batch.service.send({"POST", "/jobs", "", {{"password", "hush"}}});
      EXPECT_THAT(answer.error.message + answer.error.hint, Not(HasSubstr("hush")));
    }
    EXPECT_THAT(batch.told.str(), Not(HasSubstr("hush")));
    EXPECT_THAT(batch.told.str(), Not(HasSubstr("aHVzaA")));
    EXPECT_THAT(batch.told.str(), Not(HasSubstr("Bearer")));
  }
}

TEST(Paths, AreEncoded) {
  EXPECT_EQ(job_path("a b/c"), "/jobs/a%20b%2Fc");
  EXPECT_EQ(task_path("j", "t?"), "/jobs/j/tasks/t%3F");
  EXPECT_EQ(task_file_path("j", "t", "wd/\u00e4.txt"), "/jobs/j/tasks/t/files/wd%2F%C3%A4.txt");
  EXPECT_EQ(pool_path("p-1_A.~"), "/pools/p-1_A.~");
  EXPECT_EQ(node_file_path("p", "n", "a/b"), "/pools/p/nodes/n/files/a%2Fb");
}

}  // namespace
}  // namespace shipyard::batch
