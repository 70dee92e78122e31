#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace shipyard {
namespace {

// RFC 4648, section 10.
TEST(Base64, HasTheVectorsOfTheStandard) {
  for (const auto& [bytes, text] : {std::pair{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
}

TEST(Base64, GivesEveryByteBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
  EXPECT_NE(encode_base64(bytes).find('+'), std::string::npos);
  EXPECT_NE(encode_base64(bytes).find('/'), std::string::npos);
}

TEST(DecodeBase64, SkipsLineEndsAndBlanks) { EXPECT_EQ(decode_base64(" Zm9v\r\nYmE=\n"), "fooba"); }

TEST(DecodeBase64, RefusesWhatIsNone) {
  for (const char* text : {"Zg", "Zg=", "Zm9", "Z===", "====", "Zg==Zg==", "Z=g=", "Zm9-", "Zm9v!", "Zm9vé"})
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace shipyard
