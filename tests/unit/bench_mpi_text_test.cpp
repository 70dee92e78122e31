#include "bench/harness/mpi_text.hpp"

#include <gtest/gtest.h>

#include "bench/harness/mpi_environment.hpp"

namespace shipyard::bench {
namespace {

constexpr const char* kOpenMpi =
    "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022";
constexpr const char* kMpich =
    "MPICH Version:\t4.0.2\n"
    "MPICH Release date:\tThu Apr  7 12:34:45 CDT 2022\n"
    "MPICH Device:\tch4:ofi\n"
    "MPICH configure:\t--prefix=/usr\n";
constexpr const char* kIntel = "Intel(R) MPI Library 2021.8 for Linux* OS\n";

TEST(LibraryName, IsNameAndVersion) {
  EXPECT_EQ(library_name(kOpenMpi), "Open MPI 4.1.4");
  EXPECT_EQ(library_name("Open MPI v4.1.7a1, package: Open MPI root@host"), "Open MPI 4.1.7a1");
  EXPECT_EQ(library_name(kMpich), "MPICH 4.0.2");
  EXPECT_EQ(library_name(kIntel), "Intel(R) MPI Library 2021.8");
  EXPECT_EQ(library_name("Another MPI"), "Another MPI");
  EXPECT_EQ(library_name(""), "");
}

TEST(MpichDevice, IsOnlyKnownOfMpich) {
  EXPECT_EQ(mpich_device(kMpich), "ch4:ofi");
  EXPECT_EQ(mpich_device(kOpenMpi), "");
  EXPECT_EQ(mpich_device("MPICH Device:"), "");
}

TEST(DescribeTransport, NamesTheOneLayerThatReachesBeyondTheNode) {
  const TransportFacts facts{
      .pml = {"ob1"}, .btl = {"self", "tcp", "vader"}, .tcp_interfaces = "10.0.0.0/24"};
  EXPECT_EQ(describe_transport(facts, true), "btl tcp (pml ob1, btl_tcp_if_include 10.0.0.0/24)");
}

TEST(DescribeTransport, NamesAllLayersThatCouldCarryAMessageOnTheNode) {
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"tcp", "vader"}}, false),
            "btl tcp or vader (pml ob1)");
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"sm", "vader", "tcp"}}, false),
            "btl sm or tcp (pml ob1)");
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"sm"}, .tcp_interfaces = "eth0"}, false),
            "btl sm (pml ob1)");
}

TEST(DescribeTransport, LeavesOutLayersThatDoNotGoByTheFabric) {
  const TransportFacts facts{.pml = {"ob1"}, .btl = {"self", "tcp", "vader"}, .tcp_interfaces = "lo"};
  EXPECT_EQ(describe_transport(facts, false, Fabric::kSharedMemory), "btl vader (pml ob1)");
  EXPECT_EQ(describe_transport(facts, false, Fabric::kTcp), "btl tcp (pml ob1, btl_tcp_if_include lo)");
  EXPECT_EQ(describe_transport(facts, false, Fabric::kInfiniBand), describe_transport(facts, false));
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"sm", "vader", "tcp"}}, false, Fabric::kTcp),
            "btl tcp (pml ob1)");
  EXPECT_EQ(
      describe_transport({.pml = {"ob1"}, .btl = {"tcp", "openib", "vader"}}, false, Fabric::kSharedMemory),
      "btl openib or vader (pml ob1)");
  // The last one stays, whatever was seen.
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"tcp"}}, false, Fabric::kSharedMemory),
            "btl tcp (pml ob1)");
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"vader"}}, false, Fabric::kTcp),
            "btl vader (pml ob1)");
}

TEST(DescribeTransport, NamesUcxAndItsSettings) {
  EXPECT_EQ(describe_transport({.pml = {"ucx"}, .btl = {"tcp"}}, true), "UCX (pml ucx)");
  EXPECT_EQ(describe_transport({.pml = {"ucx"}, .ucx_settings = "UCX_NET_DEVICES=mlx5_0:1"}, true),
            "UCX (pml ucx, UCX_NET_DEVICES=mlx5_0:1)");
}

TEST(DescribeTransport, NamesMpichsDevice) {
  EXPECT_EQ(describe_transport({.mpich_device = "ch4:ofi"}, true), "ch4:ofi");
  EXPECT_EQ(describe_transport({.ucx_settings = "UCX_TLS=tcp", .mpich_device = "ch4:ucx"}, true),
            "ch4:ucx (UCX_TLS=tcp)");
}

TEST(DescribeTransport, DoesNotGuess) {
  EXPECT_EQ(describe_transport({}, true), "unknown");
  EXPECT_EQ(describe_transport({.pml = {"cm", "ob1"}}, true), "unknown");
  EXPECT_EQ(describe_transport({.pml = {"cm"}, .btl = {"tcp"}}, true), "pml cm");
  EXPECT_EQ(describe_transport({.pml = {"ob1"}, .btl = {"vader"}}, true), "pml ob1");
}

TEST(MpiSettings, AreWhatSomebodyHasSetAndNotWhatMpirunSets) {
  Environment environment;
  // What `mpirun --oversubscribe --mca btl tcp,self` of Open MPI 4.1.4 gives to a rank.
  environment.variables = {{"OMPI_MCA_btl", "tcp,self"},
                           {"OMPI_MCA_ess", "^singleton"},
                           {"OMPI_MCA_ess_base_vpid", "0"},
                           {"OMPI_MCA_initial_wdir", "/tmp"},
                           {"OMPI_MCA_mpi_oversubscribe", "0"},
                           {"OMPI_MCA_orte_app_num", "0"},
                           {"OMPI_MCA_pmix", "^s1,s2,cray,isolated"},
                           {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
                           {"OMPI_MCA_shmem_RUNTIME_QUERY_hint", "mmap"},
                           {"PATH", "/usr/bin"},
                           {"UCX_TLS", "tcp"}};
  EXPECT_EQ(mpi_settings(environment), "OMPI_MCA_btl=tcp,self; UCX_TLS=tcp");
}

}  // namespace
}  // namespace shipyard::bench
