#include "launcher/mpi/installation.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto version = mpi::parse_mpirun_version(std::string(fuzz::text_of(data, size)));
  if (!fuzz::is_good(version)) return 0;
  fuzz::require(version->major >= 3 && version->minor >= 0, "a version has numbers");
  // Intel MPI's may be "2019 Update 9".
  std::string text = version->text;
  constexpr std::string_view kUpdate = " Update ";
  if (const auto update = text.find(kUpdate);
      version->dialect == mpi::Dialect::kIntelMpi && update != std::string::npos)
    text.replace(update, kUpdate.size(), ".");
  fuzz::require(text.find_first_of(" \n") == std::string::npos, "a version is a word");
  return 0;
}
