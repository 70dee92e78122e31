#include "batch/client/sign_in.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "client_errors.hpp"
#include "client_fake_http.hpp"
#include "temporary_directory.hpp"

namespace shipyard::batch {
namespace {

using shipyard::testing::TemporaryDirectory;
using testing::answer;
using testing::header_of;
using testing::no_answer;
using testing::ScriptedHttp;
using testing::shown;
using Method = SignIn::Method;

Environment account_with_key() {
  Environment environment;
  environment.variables = {{"AZURE_BATCH_ACCOUNT", "a"}, {"AZURE_BATCH_ENDPOINT", "https://a.example"}};
  environment.secrets = {{"AZURE_BATCH_ACCESS_KEY", Secret("hush")}};
  return environment;
}

Environment account_with_client() {
  Environment environment;
  environment.variables = {{"AZURE_BATCH_ENDPOINT", "https://a.example"},
                           {"AZURE_TENANT_ID", "tenant"},
                           {"AZURE_CLIENT_ID", "client"}};
  environment.secrets = {{"AZURE_CLIENT_SECRET", Secret("hush")}};
  return environment;
}

std::string write_secret(const TemporaryDirectory& directory, const std::string& text, mode_t mode = 0600) {
  const std::string path = directory.write("secret", text);
  ::chmod(path.c_str(), mode);
  return path;
}

TEST(ReadSecretFile, TakesTheFirstLine) {
  const TemporaryDirectory directory;
  for (const char* text : {"hush", "hush\n", "hush\r\n", "hush\nmore\n"})
    EXPECT_EQ(*read_secret_file(write_secret(directory, text)), Secret("hush")) << text;
  EXPECT_EQ(*read_secret_file(write_secret(directory, " hu sh \n")), Secret(" hu sh "));
  EXPECT_EQ(*read_secret_file(write_secret(directory, "hush", 0400)), Secret("hush"));
}

TEST(ReadSecretFile, RefusesOneThatOthersCanRead) {
  const TemporaryDirectory directory;
  for (const auto& [mode, text] : std::initializer_list<std::pair<mode_t, const char*>>{
           {0640, "640"}, {0604, "604"}, {0644, "644"}, {0620, "620"}, {0777, "777"}, {01644, "1644"}}) {
    const std::string path = write_secret(directory, "hush", mode);
    EXPECT_EQ(shown(read_secret_file(path)), "t: error: others than its owner can read '" + path +
                                                 "' (mode " + text +
                                                 "), which holds a secret\nhint: chmod 600 " + path + "\n");
  }
}

TEST(ReadSecretFile, SaysWhyThereIsNone) {
  const TemporaryDirectory directory;
  EXPECT_EQ(shown(read_secret_file(directory.path("gone"))),
            "t: error: '" + directory.path("gone") + "' cannot be read: No such file or directory\n");
  for (const char* text : {"", "\n", "\nhush\n"}) {
    const std::string path = write_secret(directory, text);
    EXPECT_EQ(shown(read_secret_file(path)), "t: error: '" + path + "' is empty, or its first line is\n");
  }
  const std::string large = write_secret(directory, std::string(100'000, 'x'));
  EXPECT_FALSE(read_secret_file(large));
}

TEST(ReadSignIn, ByKey) {
  const auto sign_in = read_sign_in("auto", account_with_key());
  ASSERT_TRUE(sign_in) << shown(sign_in);
  EXPECT_EQ(sign_in->method, Method::kSharedKey);
  EXPECT_EQ(sign_in->account, "a");
  EXPECT_EQ(sign_in->endpoint, "https://a.example");
  EXPECT_EQ(sign_in->key, Secret("hush"));
  EXPECT_EQ(sign_in->authority, "https://login.microsoftonline.com");
  EXPECT_EQ(sign_in->metadata, "http://169.254.169.254");
}

TEST(ReadSignIn, ByAFileWithTheKey) {
  const TemporaryDirectory directory;
  auto environment = account_with_key();
  environment.secrets.clear();
  environment.variables["AZURE_BATCH_ACCESS_KEY_FILE"] = write_secret(directory, "from-file\n");
  auto sign_in = read_sign_in("auto", environment);
  ASSERT_TRUE(sign_in) << shown(sign_in);
  EXPECT_EQ(sign_in->key, Secret("from-file"));
  environment.secrets = {{"AZURE_BATCH_ACCESS_KEY", Secret("from-variable")}};
  EXPECT_EQ(read_sign_in("key", environment)->key, Secret("from-variable"));
}

TEST(ReadSignIn, ByAClientsSecret) {
  auto environment = account_with_client();
  const auto sign_in = read_sign_in("auto", environment);
  ASSERT_TRUE(sign_in) << shown(sign_in);
  EXPECT_EQ(sign_in->method, Method::kClientSecret);
  EXPECT_EQ(sign_in->tenant, "tenant");
  EXPECT_EQ(sign_in->client, "client");
  EXPECT_EQ(sign_in->key, Secret("hush"));
  environment.secrets["AZURE_BATCH_ACCESS_KEY"] = Secret("key");
  environment.variables["AZURE_BATCH_ACCOUNT"] = "a";
  EXPECT_EQ(read_sign_in("auto", environment)->method, Method::kSharedKey) << "the first that is set up";
  EXPECT_EQ(read_sign_in("secret", environment)->key, Secret("hush"));
}

TEST(ReadSignIn, ByIdentityOrAzWhereAskedFor) {
  Environment environment;
  environment.variables = {{"AZURE_BATCH_ENDPOINT", "https://a.example"},
                           {"AZURE_CLIENT_ID", "client"},
                           {"SHIPYARD_METADATA_URL", "http://127.0.0.1:9//"}};
  EXPECT_EQ(read_sign_in("identity", environment)->method, Method::kManagedIdentity);
  EXPECT_EQ(read_sign_in("identity", environment)->client, "client");
  EXPECT_EQ(read_sign_in("identity", environment)->metadata, "http://127.0.0.1:9");
  EXPECT_EQ(read_sign_in("az", environment)->method, Method::kAzureCli);
  const TemporaryDirectory directory;
  ::chmod(directory.write("az", "#!/bin/sh\n").c_str(), 0755);
  environment.variables["PATH"] = directory.path();
  EXPECT_EQ(read_sign_in("auto", environment)->method, Method::kAzureCli);
}

TEST(ReadSignIn, SaysWhatIsMissing) {
  Environment environment;
  environment.variables = {{"PATH", "/nowhere"}};
  EXPECT_EQ(
      shown(read_sign_in("auto", environment)),
      "t: error: no way to sign in to Azure Batch\n"
      "hint: set AZURE_BATCH_ACCOUNT and AZURE_BATCH_ACCESS_KEY, or AZURE_TENANT_ID, AZURE_CLIENT_ID and "
      "AZURE_CLIENT_SECRET; or `az login`; on a VM with a managed identity: --sign-in identity\n");
  EXPECT_EQ(shown(read_sign_in("password", environment)),
            "t: error: --sign-in: 'password' is none of auto, key, secret, identity, az\n");
  environment = account_with_key();
  environment.variables.erase("AZURE_BATCH_ACCOUNT");
  EXPECT_EQ(
      shown(read_sign_in("auto", environment)),
      "t: error: AZURE_BATCH_ACCOUNT is not set\nhint: the account's name, which a key alone does not say\n");
  environment = account_with_key();
  environment.variables.erase("AZURE_BATCH_ENDPOINT");
  EXPECT_EQ(shown(read_sign_in("auto", environment)),
            "t: error: AZURE_BATCH_ENDPOINT is not set\n"
            "hint: the account's address: `az batch account show --query accountEndpoint`; example: "
            "https://myaccount.westeurope.batch.azure.com\n");
  environment = account_with_key();
  environment.secrets = {{"AZURE_BATCH_ACCESS_KEY", Secret("")}};
  EXPECT_EQ(shown(read_sign_in("key", environment)),
            "t: error: neither AZURE_BATCH_ACCESS_KEY nor AZURE_BATCH_ACCESS_KEY_FILE is set\n");
  environment = account_with_client();
  environment.variables["AZURE_TENANT_ID"] = "";
  EXPECT_EQ(
      shown(read_sign_in("secret", environment)),
      "t: error: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are needed, and not all are set\n");
  const TemporaryDirectory directory;
  environment = account_with_key();
  environment.secrets.clear();
  environment.variables["AZURE_BATCH_ACCESS_KEY_FILE"] = directory.path("gone");
  EXPECT_EQ(shown(read_sign_in("auto", environment)),
            "t: error: '" + directory.path("gone") + "' cannot be read: No such file or directory\n");
}

std::string endpoint_of(const std::string& text) {
  auto environment = account_with_key();
  environment.variables["AZURE_BATCH_ENDPOINT"] = text;
  const auto sign_in = read_sign_in("auto", environment);
  return sign_in ? sign_in->endpoint : shown(sign_in);
}

TEST(ReadSignIn, AnEndpointIsHttpsOrThisMachine) {
  EXPECT_EQ(endpoint_of("https://a.example/"), "https://a.example");
  EXPECT_EQ(endpoint_of("a.example"), "https://a.example") << "as the portal shows it";
  for (const char* here :
       {"http://127.0.0.1:8080", "http://localhost", "http://localhost/x", "http://[::1]:80"})
    EXPECT_EQ(endpoint_of(here), here);
  for (const char* text :
       {"http://a.example", "http://127.0.0.1.example", "http://localhost.example:80", "http://localhosts",
        "ftp://a.example", "https://a.example/?x=1", "https://a.example/#x", "https://a b.example",
        "https://a.example'", "http://localhost:80@a.example"}) {
    EXPECT_EQ(endpoint_of(text), "t: error: AZURE_BATCH_ENDPOINT: '" + std::string(text) +
                                     "' is not an https address\nhint: example: "
                                     "https://myaccount.westeurope.batch.azure.com\n");
  }
  EXPECT_EQ(endpoint_of("https://"),
            "t: error: AZURE_BATCH_ENDPOINT: 'https:' is not an https address\nhint: example: "
            "https://myaccount.westeurope.batch.azure.com\n");
}

TEST(ReadSignIn, AnAuthorityToo) {
  auto environment = account_with_client();
  environment.variables["AZURE_AUTHORITY_HOST"] = "https://login.example/";
  EXPECT_EQ(read_sign_in("auto", environment)->authority, "https://login.example");
  environment.variables["AZURE_AUTHORITY_HOST"] = "http://login.example";
  EXPECT_EQ(shown(read_sign_in("auto", environment)),
            "t: error: AZURE_AUTHORITY_HOST: 'http://login.example' is not an https address\n"
            "hint: example: https://login.microsoftonline.com\n");
}

SignIn by(Method method) {
  SignIn sign_in;
  sign_in.method = method;
  sign_in.tenant = "ten ant";
  sign_in.client = "cl&ient";
  sign_in.key = Secret("hush");
  sign_in.metadata = "http://127.0.0.1:9";
  sign_in.authority = "https://login.example";
  return sign_in;
}

TEST(Signer, ATokenIsKeptUntilFiveMinutesBeforeItsEnd) {
  ScriptedHttp http({answer(200, R"({"access_token": "one", "expires_in": 3600})"),
                     answer(200, R"({"access_token": "two", "expires_in": 299})"),
                     answer(200, R"({"access_token": "three", "expires_in": "3600"})")});
  const Environment environment;
  Signer signer(by(Method::kClientSecret), http, environment);
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer one");
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer one");
  signer.forget_token();
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer two");
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer three");
  ASSERT_EQ(http.sent.size(), 3u);
  EXPECT_EQ(http.sent[0].method, "POST");
  EXPECT_EQ(http.sent[0].url, "https://login.example/ten%20ant/oauth2/v2.0/token");
  EXPECT_EQ(header_of(http.sent[0], "Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(
      http.sent[0].body,
      "grant_type=client_credentials&client_id=cl%26ient&client_secret=hush&scope=https%3A%2F%2Fbatch.core."
      "windows.net%2F%2F.default");
}

TEST(Signer, TheMetadataServiceIsAskedForTheIdentitysToken) {
  ScriptedHttp http({answer(200, R"({"access_token": "one", "expires_in": "86000", "expires_on": "1"})")});
  const Environment environment;
  Signer signer(by(Method::kManagedIdentity), http, environment);
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer one");
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer one");
  ASSERT_EQ(http.sent.size(), 1u);
  EXPECT_EQ(http.sent[0].method, "GET");
  EXPECT_EQ(
      http.sent[0].url,
      "http://127.0.0.1:9/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fbatch."
      "core.windows.net%2F&client_id=cl%26ient");
  EXPECT_EQ(header_of(http.sent[0], "Metadata"), "true");
}

TEST(Signer, AzIsAskedForOne) {
  const TemporaryDirectory directory;
  const std::string az = directory.write(
      "az",
      "#!/bin/sh\necho \"$@\" > '" + directory.path("asked") +
          "'\necho '{\"accessToken\": \"one\", \"expires_on\": 4102444800, \"tokenType\": \"Bearer\"}'\n");
  ::chmod(az.c_str(), 0755);
  ScriptedHttp http;
  Environment environment;
  environment.variables = {{"PATH", directory.path() + ":/usr/bin:/bin"}};
  Signer signer(by(Method::kAzureCli), http, environment);
  EXPECT_EQ(*signer.authorize({}, {}), "Bearer one");
  EXPECT_EQ(directory.read("asked"),
            "account get-access-token --resource https://batch.core.windows.net/ --output json\n");
  directory.write("az", "#!/bin/sh\necho 'Please run az login.' >&2\nexit 1\n");
  signer.forget_token();
  EXPECT_EQ(shown(signer.authorize({}, {})),
            "t: error: az cannot get a token (exit status 1): Please run az login.\nhint: `az login` signs "
            "you in\n");
}

TEST(Signer, SaysWhyThereIsNoToken) {
  ScriptedHttp http({answer(200, "{}"), answer(200, "<html>hush"), answer(400, "hush"),
                     answer(400, R"({"error_description": "AADSTS90002: Tenant not found.\nTrace: x"})"),
                     no_answer(HttpOutcome::Kind::kNotSent, "Could not resolve host")});
  const Environment environment;
  Signer signer(by(Method::kManagedIdentity), http, environment);
  for (const char* wanted :
       {"the VM's metadata service has sent no token", "the VM's metadata service has sent no token",
        "the VM's metadata service refuses: HTTP 400",
        "the VM's metadata service refuses: AADSTS90002: Tenant not found.",
        "the VM's metadata service does not answer: Could not resolve host"})
    EXPECT_EQ(shown(signer.authorize({}, {})), "t: error: " + std::string(wanted) + "\n");
}

TEST(SecretVariables, AreTakenOutOfTheEnvironment) {
  EXPECT_THAT(secret_variables(), ::testing::ElementsAre("AZURE_BATCH_ACCESS_KEY", "AZURE_CLIENT_SECRET"));
}

}  // namespace
}  // namespace shipyard::batch
