#include "launcher/job_key.hpp"
#include "base/base64.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

/// A key file, or what would stand inside of one in base64; and the command line of a process.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  fuzz::require(decode_base64(encode_base64(text)) == text, "base64 gives every byte back");
  const std::string framed =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n" + encode_base64(text) + "\n-----END OPENSSH PRIVATE KEY-----\n";
  for (const std::string& file : {text, framed}) {
    if (const auto half = launcher::public_half(file, "key")) {
      fuzz::require(half->starts_with("ssh-ed25519 ") && half->find_first_of("\n\r") == std::string::npos,
                    "a public key is one line for known_hosts");
    }
  }
  (void)launcher::is_entrypoint(text);
  return 0;
}
