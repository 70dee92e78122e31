#pragma once

#include <string_view>

namespace shipyard::batch {

/// What the name of an Azure VM type says about its devices ("Standard_HB120rs_v3"), whatever its case.
/// Source: Azure's naming conventions for VM sizes: the letter r after the number stands for RDMA
/// (InfiniBand), the families NC, ND, NG and NV have GPUs.
[[nodiscard]] bool has_infiniband(std::string_view vm_size);

enum class Gpus { kNone, kNvidia, kAmd };
[[nodiscard]] Gpus gpus_of(std::string_view vm_size);

}  // namespace shipyard::batch
