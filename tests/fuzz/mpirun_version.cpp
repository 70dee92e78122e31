#include "launcher/mpi/installation.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto version = mpi::parse_mpirun_version(std::string(fuzz::text_of(data, size)));
  if (!fuzz::is_good(version)) return 0;
  fuzz::require(version->major >= 3 && version->minor >= 0, "a version has numbers");
  fuzz::require(version->text.find_first_of(" \n") == std::string::npos, "a version is a word");
  return 0;
}
