#include "batch/client/redact.hpp"

#include <gmock/gmock.h>

namespace shipyard::batch {
namespace {

using nlohmann::json;

TEST(WithoutSecrets, HidesThemWhereverTheyAre) {
  const json body = json::parse(R"({
    "registries": [{"registryServer": "r", "username": "u", "password": "hush"}],
    "mount": {"accountKey": "hush", "sasKey": "hush"},
    "environmentSettings": [{"name": "SHIPYARD_SSH_KEY", "value": "hush"}, {"name": "A", "value": "b"},
                            {"name": "SHIPYARD_REGISTRY_PASSWORD_12", "value": "hush"},
                            {"name": 1, "value": "c"}],
    "urls": ["https://s/c?sig=hush%3D&se=1", "https://s/c?se=1&sig=hush", "https://s/c?design=1",
             "curl 'https://s/c?sig=hush' \"https://s/d?a=b&sig=hush\"&& echo &sig="],
    "users": [{"linuxUserConfiguration": {"sshPrivateKey": "hush", "uid": 1}}],
    "extensions": [{"protectedSettings": {"a": "hush"}, "settings": {"a": "b"}}],
    "number": 5, "nothing": null, "password": 7, "accountKey": null})");
  EXPECT_EQ(without_secrets(body), json::parse(R"({
    "registries": [{"registryServer": "r", "username": "u", "password": "***"}],
    "mount": {"accountKey": "***", "sasKey": "***"},
    "environmentSettings": [{"name": "SHIPYARD_SSH_KEY", "value": "***"}, {"name": "A", "value": "b"},
                            {"name": "SHIPYARD_REGISTRY_PASSWORD_12", "value": "***"},
                            {"name": 1, "value": "c"}],
    "urls": ["https://s/c?sig=***&se=1", "https://s/c?se=1&sig=***", "https://s/c?design=1",
             "curl 'https://s/c?sig=***' \"https://s/d?a=b&sig=***\"&& echo &sig=***"],
    "users": [{"linuxUserConfiguration": {"sshPrivateKey": "***", "uid": 1}}],
    "extensions": [{"protectedSettings": "***", "settings": {"a": "b"}}],
    "number": 5, "nothing": null, "password": "***", "accountKey": null})"));
}

TEST(WithoutSignatures, HidesThemHoweverTheyAreWritten) {
  EXPECT_EQ(without_signatures(""), "");
  EXPECT_EQ(without_signatures("nothing of the kind: sig=a, design=b"),
            "nothing of the kind: sig=a, design=b");
  EXPECT_EQ(without_signatures("BlobSource: https://s/c?se=2&sig=hush%2Fx) gone"),
            "BlobSource: https://s/c?se=2&sig=***) gone");
  EXPECT_EQ(without_signatures("a&amp;sig=hush\"b\\u0026sig=hush\\\"c%26sig=hush"),
            "a&amp;sig=***\"b\\u0026sig=***\\\"c%26sig=***");
  EXPECT_EQ(without_signatures("?sig=&sig=hush&a"), "?sig=***&sig=***&a");
}

TEST(WithoutSignedQueries, TakesOutTheirTimesToo) {
  EXPECT_EQ(without_signed_queries("a https://s/c?se=1&sig=x&sp=r b"), "a https://s/c b");
  EXPECT_EQ(without_signed_queries("\"https://s/c?sig=x\", \"https://s/d?a=1\""),
            "\"https://s/c\", \"https://s/d?a=1\"");
  EXPECT_EQ(without_signed_queries("a ?b c&sig=d"), "a ?b c&sig=d") << "no query of one URL";
}

}  // namespace
}  // namespace shipyard::batch
