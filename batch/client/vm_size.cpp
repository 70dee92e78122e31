#include "batch/client/vm_size.hpp"

#include <algorithm>
#include <string>

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

/// "Standard_ND96isr_MI300X_v5": family "nd", features "isr", rest "_mi300x_v5".
struct Parts {
  std::string family;
  std::string features;
  std::string rest;
};

Parts parts_of(std::string_view vm_size) {
  std::string name = to_lower(vm_size);
  for (const char* tier : {"standard_", "basic_"}) {
    if (name.starts_with(tier)) name.erase(0, std::string_view(tier).size());
  }
  const auto number = std::min(name.find_first_of("0123456789"), name.size());
  // "120-96": all cores of the type, and how many of them are there.
  const auto features = std::min(name.find_first_not_of("0123456789-", number), name.size());
  const auto rest = std::min(name.find('_', features), name.size());
  return {name.substr(0, number), name.substr(features, rest - features), name.substr(rest)};
}

}  // namespace

bool has_infiniband(std::string_view vm_size) {
  const Parts parts = parts_of(vm_size);
  return (parts.family.starts_with('h') || parts.family.starts_with('n')) &&
         parts.features.find('r') != std::string::npos;
}

Gpus gpus_of(std::string_view vm_size) {
  const Parts parts = parts_of(vm_size);
  if (parts.family == "ng" || parts.rest.find("_mi300x") != std::string::npos ||
      parts.rest.find("_v710") != std::string::npos)
    return Gpus::kAmd;
  if (parts.family == "nv" && parts.features == "as" && parts.rest == "_v4") return Gpus::kAmd;
  for (const char* family : {"nc", "ncc", "nd", "nv", "n"}) {
    if (parts.family == family) return Gpus::kNvidia;
  }
  return Gpus::kNone;
}

}  // namespace shipyard::batch
