#include "launcher/supervise/mpi_files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::supervise {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

constexpr std::string_view kMaps =
    "7f2c1c000000-7f2c1c021000 rw-p 00000000 00:00 0 \n"
    "7f2c20000000-7f2c20400000 rw-s 00000000 00:2f 5        /dev/shm/vader_segment.node.0.d3af0001.0\n"
    "7f2c20400000-7f2c20800000 rw-s 00400000 00:2f 5        /dev/shm/vader_segment.node.0.d3af0001.0\n"
    "7f2c21000000-7f2c21400000 rw-s 00000000 00:2f 6        /dev/shm/sm_segment.node.1000.1b2c.1 (deleted)\n"
    "7f2c22000000-7f2c22400000 rw-s 00000000 00:2f 7        /dev/shm/results\n"
    "7f2c23000000-7f2c23400000 r-xp 00000000 00:2f 8        /usr/lib/libmpi.so.40";

TEST(MpiFiles, AreTheSharedMemoryOfMpiThatAProcessHasMapped) {
  MpiFiles files;
  files.note(kMaps, {});
  files.note(kMaps, {});
  EXPECT_EQ(files.segments(),
            (Texts{"/dev/shm/vader_segment.node.0.d3af0001.0", "/dev/shm/sm_segment.node.1000.1b2c.1"}));
  EXPECT_TRUE(files.directories().empty());
}

TEST(MpiFiles, AreTheSessionDirectoryInTheEnvironment) {
  const auto directories = [](const std::string& variable, const std::string& path) {
    MpiFiles files;
    files.note("", {{"A", "b"}, {variable, path}});
    return files.directories();
  };
  for (const char* path : {"/tmp/ompi.node-1.0/pid.53", "/tmp/ompi.node-1.0/jf.10520",
                           "/mnt/t/prterun.node-0.25.0", "/tmp/prted.node-1.79.0"})
    EXPECT_EQ(directories("PMIX_SERVER_TMPDIR", path), Texts{path});
  // What a user could mean by it is not taken away.
  for (const char* path : {"", "/", "/tmp", "/home/me/results", "ompi.node.0/pid.1", "/tmp/ompi.x/../../home",
                           "/scratch/ompi.tmp/data", "/scratch/prte.data/x"})
    EXPECT_TRUE(directories("PMIX_SERVER_TMPDIR", path).empty()) << path;
  EXPECT_TRUE(directories("TMPDIR", "/tmp/ompi.node.0/pid.53").empty());
}

class MpiFilesOnDisk : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const auto& path : segments_) fs::remove(path);
  }
  std::string segment(const std::string& kind) {
    segments_.push_back("/dev/shm/" + kind + ".test." + std::to_string(::getpid()));
    std::ofstream(segments_.back()) << "x";
    return segments_.back();
  }
  shipyard::testing::TemporaryDirectory directory_;
  Texts segments_;
};

TEST_F(MpiFilesOnDisk, AreRemovedAndNothingBesideThem) {
  const std::string vader = segment("vader_segment"), sm = segment("sm_segment"), other = segment("results");
  const std::string user = directory_.path() + "/ompi.node.0";
  fs::create_directories(user + "/pid.53/1/0");
  fs::create_directories(user + "/pid.54");
  MpiFiles files;
  const auto maps = [](const std::string& path) { return "7f0-7f1 rw-s 0 00:2f 5   " + path + "\n"; };
  files.note(maps(vader) + maps(sm) + maps(other), {{"PMIX_SERVER_TMPDIR", user + "/pid.53"}});
  files.remove();
  EXPECT_FALSE(fs::exists(vader));
  EXPECT_FALSE(fs::exists(sm));
  EXPECT_TRUE(fs::exists(other));
  EXPECT_FALSE(fs::exists(user + "/pid.53"));
  EXPECT_TRUE(fs::exists(user + "/pid.54")) << "another daemon's";
  MpiFiles last;
  last.note("", {{"PMIX_SERVER_TMPDIR", user + "/pid.54"}});
  last.remove();
  EXPECT_FALSE(fs::exists(user));
  files.remove();  // what is gone already
}

TEST_F(MpiFilesOnDisk, OfADaemonAreNamedAfterIt) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  const std::string host = std::string(name).substr(0, std::string(name).find('.'));
  const std::string uid = std::to_string(::geteuid());
  const Texts own = {"ompi." + host + "." + uid + "/pid.53", "prted." + host + ".53." + uid,
                     "prterun." + host + ".53." + uid};
  const Texts of_others = {"ompi." + host + "." + uid + "0/pid.53",
                           "prted." + host + ".153." + uid,
                           "prterun." + host + ".54." + uid,
                           "prted.another.53." + uid,
                           "ompi.another." + uid + "/pid.53",
                           "results.53." + uid,
                           "shipyard-mpirun.53." + uid};
  for (const auto& names : {own, of_others})
    for (const auto& name_of_one : names) fs::create_directories(directory_.path(name_of_one));
  MpiFiles files;
  files.note_daemon(53, {{"TMPDIR", directory_.path()}});
  files.remove();
  for (const auto& one : own) EXPECT_FALSE(fs::exists(directory_.path(one))) << one;
  for (const auto& one : of_others) EXPECT_TRUE(fs::exists(directory_.path(one))) << one;
  EXPECT_FALSE(fs::exists(directory_.path("ompi." + host + "." + uid)));
  EXPECT_TRUE(fs::exists(directory_.path()));
}

// What ps showed of Open MPI 4.1.4's: orted of job 573505536 in jf.8751.
TEST_F(MpiFilesOnDisk, OfADaemonOf41AreNamedAfterItsJob) {
  using namespace std::string_literals;
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  const std::string host = std::string(name).substr(0, std::string(name).find('.'));
  const std::string users = directory_.path("ompi." + host + "." + std::to_string(::geteuid()));
  const std::string words = "orted\0-mca\0ess_base_jobid\000573505536\0-mca\0ess_base_vpid\0001\0"s;
  for (const char* made : {"/jf.8751/0", "/jf.8751", ""}) {
    fs::create_directories(users + made);
    MpiFiles files;
    files.note_daemon(53, {{"TMPDIR", directory_.path()}}, words);
    files.remove();
    EXPECT_FALSE(fs::exists(users)) << made;
  }
  fs::create_directories(users + "/jf.8752");
  MpiFiles files;
  files.note_daemon(53, {{"TMPDIR", directory_.path()}}, words);
  files.remove();
  EXPECT_TRUE(fs::exists(users + "/jf.8752"));
}

TEST_F(MpiFilesOnDisk, LeaveTheDirectoryThatTheyAreIn) {
  const std::string place = directory_.path("ompi.tmp");
  const std::string session = place + "/prterun.node.53.0";
  fs::create_directories(session);
  MpiFiles files;
  files.note("", {{"PMIX_SERVER_TMPDIR", session}});
  files.remove();
  EXPECT_FALSE(fs::exists(session));
  EXPECT_TRUE(fs::exists(place));
}

TEST_F(MpiFilesOnDisk, AreNotWhatALinkPointsTo) {
  const std::string target = directory_.path() + "/results", link = directory_.path() + "/prterun.node.1.0";
  fs::create_directories(target + "/kept");
  fs::create_directory_symlink(target, link);
  MpiFiles files;
  files.note("", {{"PMIX_SERVER_TMPDIR", link}});
  files.remove();
  EXPECT_TRUE(fs::exists(target + "/kept"));
}

}  // namespace
}  // namespace shipyard::supervise
