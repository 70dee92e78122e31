#include "launcher/mpi/diagnosis.hpp"

#include <string>

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto said = mpi::diagnose(text);
  for (const std::string& words : {said.ssh_refusal, said.unreachable_launcher}) {
    for (const char c : words)
      fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "no control character is shown");
  }
  const std::string rest = mpi::without_noise(text);
  fuzz::require(rest.size() <= std::string_view(text).size(), "nothing is added");
  fuzz::require(mpi::without_noise(rest) == rest, "what is left stays");
  return 0;
}
