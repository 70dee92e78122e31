#include "launcher/preempt/metadata_service.hpp"

#include <gtest/gtest.h>

namespace shipyard::preempt {
namespace {

TEST(ParseMetadataUrl, TakesAnAddressWithOrWithoutPort) {
  for (const char* url :
       {"http://169.254.169.254", "http://127.0.0.1:8080", "http://[fd00::1]", "http://[::1]:65535"}) {
    const auto service = parse_metadata_url(url);
    ASSERT_TRUE(service) << service.error().message;
    EXPECT_EQ(to_url(*service), url);
  }
  EXPECT_EQ(to_url(parse_metadata_url("http://127.0.0.1:8080/").value()), "http://127.0.0.1:8080");
  EXPECT_EQ(parse_metadata_url("http://127.0.0.1:80").value(),
            parse_metadata_url("http://127.0.0.1").value());
  EXPECT_EQ(to_url(parse_metadata_url(kAzureMetadataUrl).value()), kAzureMetadataUrl);
}

TEST(ParseMetadataUrl, RefusesAnythingElseWithItsPlace) {
  struct Case {
    const char* url;
    const char* message;
    std::size_t offset;
  };
  for (const Case& one :
       {Case{"", "SHIPYARD_METADATA_URL: no http:// address", 0},
        {"127.0.0.1:80", "SHIPYARD_METADATA_URL: no http:// address", 0},
        {"https://127.0.0.1", "SHIPYARD_METADATA_URL: no http:// address", 0},
        {"http://", "SHIPYARD_METADATA_URL: no numeric address", 7},
        {"http://localhost:80", "SHIPYARD_METADATA_URL: no numeric address", 7},
        {"http://[127.0.0.1]", "SHIPYARD_METADATA_URL: no numeric address", 7},
        {"http://fd00::1", "SHIPYARD_METADATA_URL: no numeric address", 7},
        {"http://user@127.0.0.1", "SHIPYARD_METADATA_URL: no numeric address", 7},
        {"http://127.0.0.1:", "SHIPYARD_METADATA_URL: no port of 1 to 65535", 17},
        {"http://127.0.0.1:0", "SHIPYARD_METADATA_URL: no port of 1 to 65535", 17},
        {"http://127.0.0.1:65536", "SHIPYARD_METADATA_URL: no port of 1 to 65535", 17},
        {"http://127.0.0.1:80x", "SHIPYARD_METADATA_URL: no port of 1 to 65535", 17},
        {"http://127.0.0.1/metadata", "SHIPYARD_METADATA_URL: a path has no place here", 16}}) {
    const auto service = parse_metadata_url(one.url);
    ASSERT_FALSE(service) << one.url;
    EXPECT_EQ(service.error().message, one.message) << one.url;
    EXPECT_EQ(service.error().excerpt.text, one.url);
    EXPECT_EQ(service.error().excerpt.offset, one.offset) << one.url;
    EXPECT_EQ(service.error().hint,
              "an address as in http://169.254.169.254 or http://127.0.0.1:8080 is expected");
  }
}

}  // namespace
}  // namespace shipyard::preempt
