#include "batch/client/vm_size.hpp"

#include <gmock/gmock.h>

#include <string>

namespace shipyard::batch {
namespace {

struct Type {
  const char* name;
  bool infiniband;
  Gpus gpus;
};

// Azure's documentation of each series: "Networking" and "Accelerators".
constexpr Type kTypes[] = {
    {"Standard_HB60rs", true, Gpus::kNone},
    {"Standard_HB120rs_v2", true, Gpus::kNone},
    {"Standard_HB120rs_v3", true, Gpus::kNone},
    {"Standard_HB120-96rs_v3", true, Gpus::kNone},
    {"Standard_HB176rs_v4", true, Gpus::kNone},
    {"Standard_HB368-48rs_v5", true, Gpus::kNone},
    {"Standard_HX176rs", true, Gpus::kNone},
    {"Standard_HX176-24rs", true, Gpus::kNone},
    {"Standard_HC44rs", true, Gpus::kNone},
    {"Standard_HC44-16rs", true, Gpus::kNone},
    {"Standard_H16r", true, Gpus::kNone},
    {"Standard_H16mr", true, Gpus::kNone},
    {"Standard_H16m", false, Gpus::kNone},
    {"Standard_H8", false, Gpus::kNone},
    {"Standard_ND24rs", true, Gpus::kNvidia},
    {"Standard_ND40rs_v2", true, Gpus::kNvidia},
    {"Standard_ND96asr_v4", true, Gpus::kNvidia},
    {"Standard_ND96amsr_A100_v4", true, Gpus::kNvidia},
    {"Standard_ND96isr_H100_v5", true, Gpus::kNvidia},
    {"Standard_ND96isr_H200_v5", true, Gpus::kNvidia},
    {"Standard_ND96isr_MI300X_v5", true, Gpus::kAmd},
    {"Standard_NC6", false, Gpus::kNvidia},
    {"Standard_NC24r", true, Gpus::kNvidia},
    {"Standard_NC24rs_v3", true, Gpus::kNvidia},
    {"Standard_NC24s_v3", false, Gpus::kNvidia},
    {"Standard_NC4as_T4_v3", false, Gpus::kNvidia},
    {"Standard_NC96ads_A100_v4", false, Gpus::kNvidia},
    {"Standard_NC40ads_H100_v5", false, Gpus::kNvidia},
    {"Standard_NCC40ads_H100_v5", false, Gpus::kNvidia},
    {"Standard_NV12s_v3", false, Gpus::kNvidia},
    {"Standard_NV32as_v4", false, Gpus::kAmd},
    {"Standard_NV36ads_A10_v5", false, Gpus::kNvidia},
    {"Standard_NV72ads_A10_v5", false, Gpus::kNvidia},
    {"Standard_NV24ads_V710_v5", false, Gpus::kAmd},
    {"Standard_NV28adms_V710_v5", false, Gpus::kAmd},
    {"Standard_NG8ads_V620_v1", false, Gpus::kAmd},
    {"Standard_NG32adms_V620_v1", false, Gpus::kAmd},
    {"Standard_NP10s", false, Gpus::kNone},
    {"Standard_D4s_v5", false, Gpus::kNone},
    {"Standard_D2ads_v5", false, Gpus::kNone},
    {"Standard_F72s_v2", false, Gpus::kNone},
    {"Standard_FX48mds", false, Gpus::kNone},
    {"Standard_E64is_v3", false, Gpus::kNone},
    {"Standard_M416ms_v2", false, Gpus::kNone},
    {"Standard_L8s_v3", false, Gpus::kNone},
    {"Standard_B2ms", false, Gpus::kNone},
    {"Basic_A1", false, Gpus::kNone},
};

TEST(VmSize, ItsNameSaysWhatDevicesThereAre) {
  for (const auto& type : kTypes) {
    EXPECT_EQ(has_infiniband(type.name), type.infiniband) << type.name;
    EXPECT_EQ(gpus_of(type.name), type.gpus) << type.name;
  }
}

TEST(VmSize, InAnyCaseAndWithoutItsTier) {
  for (const auto& type : kTypes) {
    std::string lower(type.name);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_EQ(has_infiniband(lower), type.infiniband) << lower;
    EXPECT_EQ(gpus_of(lower), type.gpus) << lower;
    const std::string bare = lower.substr(lower.find('_') + 1);
    EXPECT_EQ(has_infiniband(bare), type.infiniband) << bare;
    EXPECT_EQ(gpus_of(bare), type.gpus) << bare;
  }
}

TEST(VmSize, WhatIsNoNameHasNothing) {
  for (const char* name : {"", "_", "standard_", "5", "rs_v3", "-", "Standard_"}) {
    EXPECT_FALSE(has_infiniband(name)) << name;
    EXPECT_EQ(gpus_of(name), Gpus::kNone) << name;
  }
}

}  // namespace
}  // namespace shipyard::batch
