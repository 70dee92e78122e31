#include "hostfile/ssh_config_block.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kConfig = "Host 10.*\n  Port 23\n";
  const auto text = fuzz::text_of(data, size);
  const auto without = hostfile::without_block(text, "config");
  const auto with = hostfile::with_block(text, kConfig, "config");
  fuzz::require(fuzz::is_good(without) == fuzz::is_good(with), "both take the same texts");
  if (!with) return 0;
  fuzz::require(with->find("Port 23") != std::string::npos, "the block is in it");
  const auto twice = hostfile::with_block(*with, kConfig, "config");
  fuzz::require(twice && *twice == *with, "putting it in again changes nothing");
  const auto out_again = hostfile::without_block(*with, "config");
  fuzz::require(out_again.has_value(), "what was put in can be taken out");
  fuzz::require(hostfile::without_block(*out_again, "config").has_value(), "and leaves a whole text");
  if (*without == text) fuzz::require(*out_again == text, "and what was there before");
  return 0;
}
