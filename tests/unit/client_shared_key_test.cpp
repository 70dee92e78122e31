#include "batch/client/shared_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.hpp"

namespace shipyard::batch {
namespace {

const Secret kKey{"a2V5"};  // "key"
const Headers kDate{{"ocp-date", "Fri, 17 Feb 2017 00:00:00 GMT"}};

/// Requests that the azure-batch Python client has signed.
nlohmann::json vectors() {
  std::ifstream file(SHIPYARD_TEST_DATA "/batch/sharedkey_vectors.json");
  return file ? nlohmann::json::parse(file) : nlohmann::json();
}

RequestLine line_of(const std::string& method, const std::string& url) {
  const auto path = url.find('/', url.find("://") + 3);
  const auto query = url.find('?');
  return {method, url.substr(path, query - path), url.substr(query + 1)};
}

TEST(SharedKey, SignsWhatARealClientSigns) {
  const auto known = vectors();
  if (known.is_null()) GTEST_SKIP() << "no batch/sharedkey_vectors.json in " << SHIPYARD_TEST_DATA;
  ASSERT_EQ(known["vectors"].size(), 10u);
  const std::string account = known["account"];
  for (const auto& vector : known["vectors"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const auto request = line_of(vector["method"], vector["url"]);
    Headers headers;
    for (const auto& [name, value] : vector["signed_headers"].items()) headers.emplace_back(name, value);
    EXPECT_EQ(string_to_sign(account, request, headers), vector["string_to_sign"].get<std::string>());
    const auto signature = sign_with_shared_key(account, Secret(known["key_base64"]), request, headers);
    ASSERT_TRUE(signature) << signature.error().message;
    EXPECT_EQ(*signature, vector["authorization"].get<std::string>());
  }
}

TEST(SharedKey, HeadersAreFoundInAnyCaseAndOcpHeadersSorted) {
  EXPECT_EQ(string_to_sign("a", {"GET", "/jobs", ""},
                           {{"OCP-Range", "bytes=0-9"}, {"RANGE", "bytes=1-2"}, {"ocp-date", "now"}}),
            "GET\n\n\n\n\n\n\n\n\n\n\nbytes=1-2\nocp-date:now\nocp-range:bytes=0-9\n/a/jobs");
}

TEST(SharedKey, ParametersAreDecodedAndSortedThePathIsNot) {
  EXPECT_EQ(
      string_to_sign("a", {"GET", "/files/wd%2Fx", "timeout=30&&$select=id%2Cstate&api-version=1+0&empty"},
                     {}),
      "GET\n\n\n\n\n\n\n\n\n\n\n\n/a/files/wd%2Fx\n$select:id,state\napi-version:1 0\nempty:\ntimeout:30");
  EXPECT_EQ(string_to_sign("a", {"GET", "/", "x=100%&y=%4"}, {}).substr(15), "/a/\nx:100%\ny:%4");
}

TEST(SharedKey, AKeyThatIsNoneIsRefusedAndNotShown) {
  for (const char* text : {"", "no key!"}) {
    const auto refused = sign_with_shared_key("a", Secret(text), {"GET", "/jobs", ""}, kDate);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().message, "the Batch account's access key is no base64");
  }
  const auto one = sign_with_shared_key("a", kKey, {"GET", "/jobs", ""}, kDate);
  ASSERT_TRUE(one);
  EXPECT_THAT(*one, testing::MatchesRegex("SharedKey a:[A-Za-z0-9+/]{43}="));
}

}  // namespace
}  // namespace shipyard::batch
