#include "launcher/stage/place.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace shipyard::launcher::stage {
namespace {

constexpr const char* kMounts =
    "21 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
    "22 21 0:21 / /proc rw - proc proc rw\n"
    "30 21 0:40 /jobs /mnt/nfs rw,noatime shared:7 master:1 - nfs4 10.0.0.4:/export rw,vers=4.1\n"
    "31 21 8:1 /var/data /mnt/with\\040blank rw - ext4 /dev/sda1 rw\n"
    "32 30 0:41 / /mnt/nfs rw - tmpfs tmpfs rw\n";

TEST(MountOf, TheLongestPointAboveThePathAndTheLastOfOnePlace) {
  EXPECT_EQ(mount_of(kMounts, "/home/a").type, "overlay");
  EXPECT_EQ(mount_of(kMounts, "/mnt/nfs/case"), (Mount{"/", "/mnt/nfs", "tmpfs", "tmpfs"}));
  EXPECT_EQ(mount_of(kMounts, "/mnt/nfs2").type, "overlay");
  EXPECT_EQ(mount_of(kMounts, "/proc").type, "proc");
}

TEST(MountOf, ReadsEscapesAndOptionalFields) {
  EXPECT_EQ(mount_of(kMounts, "/mnt/with blank/x"),
            (Mount{"/var/data", "/mnt/with blank", "ext4", "/dev/sda1"}));
  const std::string first_three = std::string(kMounts).substr(0, std::string(kMounts).find("31 "));
  EXPECT_EQ(mount_of(first_three, "/mnt/nfs/a"), (Mount{"/jobs", "/mnt/nfs", "nfs4", "10.0.0.4:/export"}));
}

TEST(MountOf, OfSomethingElseNothing) {
  EXPECT_EQ(mount_of("", "/a"), Mount{});
  EXPECT_EQ(mount_of("no such line\n\n\\04 \\ -", "/a"), Mount{});
}

TEST(PlaceOf, ADirectoryOfThisMachine) {
  const auto here = place_of(std::filesystem::temp_directory_path().string());
  ASSERT_TRUE(here);
  EXPECT_FALSE(here->type.empty());
  EXPECT_NE(here->inode, 0U);
  EXPECT_TRUE(is_same_place(*here, *here));
  const auto root = place_of("/");
  ASSERT_TRUE(root);
  EXPECT_FALSE(is_same_place(*here, *root));
  EXPECT_FALSE(place_of("/no/such/directory"));
}

Place nfs() { return {"boot a", "nfs4", "10.0.0.4:/export", "/jobs/case", 40, 7}; }

TEST(IsSamePlace, OnTwoMachinesByServerAndPath) {
  Place other = nfs();
  other.boot = "boot b";
  other.device = 51;
  EXPECT_TRUE(is_same_place(nfs(), other));
  Place elsewhere = other;
  elsewhere.path = "/jobs/case2";
  EXPECT_FALSE(is_same_place(nfs(), elsewhere));
  Place of_another_server = other;
  of_another_server.source = "10.0.0.5:/export";
  EXPECT_FALSE(is_same_place(nfs(), of_another_server));
}

TEST(IsSamePlace, DisksOfTwoMachinesAreTwoHoweverAlikeTheyLook) {
  Place here{"boot a", "ext4", "/dev/sda1", "/case", 2049, 7};
  Place there = here;
  there.boot = "boot b";
  EXPECT_FALSE(is_same_place(here, there));
  EXPECT_TRUE(is_same_place(here, here));
  there.boot = "boot a";
  there.inode = 8;
  EXPECT_FALSE(is_same_place(here, there));
}

TEST(IsSamePlace, OneMachineTellsItsFileSystemsApart) {
  Place other = nfs();
  EXPECT_TRUE(is_same_place(nfs(), other));
  other.device = 51;
  EXPECT_FALSE(is_same_place(nfs(), other));
  EXPECT_FALSE(is_nested(nfs(), "deeper", other));
}

TEST(IsSamePlace, ASourceThatIsAProgramNamesNoServer) {
  for (const auto& [type, source] :
       {std::pair("fuse", "blobfuse2"), std::pair("fuse.blobfuse2", "blobfuse2"),
        std::pair("fuse.s3fs", "s3fs"), std::pair("fuse.rclone", "remote:bucket")}) {
    const Place here{"boot a", type, source, "/case", 50, 3};
    Place there = here;
    there.boot = "boot b";
    EXPECT_FALSE(is_same_place(here, there)) << type;
    EXPECT_FALSE(is_nested(here, "deeper", there)) << type;
    EXPECT_TRUE(is_same_place(here, here)) << type;
  }
}

TEST(IsSamePlace, NothingIsKnownOfNothing) { EXPECT_FALSE(is_same_place({}, {})); }

}  // namespace
}  // namespace shipyard::launcher::stage
