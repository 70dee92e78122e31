#include "launcher/mpi/installation.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace shipyard::mpi {
namespace {

namespace fs = std::filesystem;

std::string message(const std::string& output) {
  auto version = parse_mpirun_version(output);
  return version ? "accepted" : version.error().message;
}

TEST(ParseMpirunVersion, ChoosesTheDialectByTheMajorVersion) {
  struct Case {
    const char* output;
    MpiVersion version;
  };
  const Case cases[] = {
      {"mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/\n",
       {Dialect::kOpenMpi4, 4, 1, "4.1.4"}},
      {"mpirun (Open MPI) 4.1.7a1\n\nReport bugs to …\n", {Dialect::kOpenMpi4, 4, 1, "4.1.7a1"}},
      {"mpirun (Open MPI) 4.0.3rc4", {Dialect::kOpenMpi4, 4, 0, "4.0.3rc4"}},
      {"mpirun (Open MPI) 5.0.7\n\nReport bugs to https://www.open-mpi.org/community/help/\n",
       {Dialect::kOpenMpi5, 5, 0, "5.0.7"}},
      {"mpirun (Open MPI) 5.1.0rc1\n", {Dialect::kOpenMpi5, 5, 1, "5.1.0rc1"}},
      {"mpiexec (Open MPI) 10.2\n", {Dialect::kOpenMpi5, 10, 2, "10.2"}},
      // HPC-X's wrapper has been seen to speak first.
      {"note: loading hpcx\nmpirun (Open MPI) 4.1.5a1\n", {Dialect::kOpenMpi4, 4, 1, "4.1.5a1"}},
      {"HYDRA build details:\n    Version:                                 4.0.2\n"
       "    Release Date:                            Thu Apr  7 12:34:45 CDT 2022\n"
       "    Launchers available:                     ssh rsh fork slurm ll lsf sge manual persist\n",
       {Dialect::kHydra, 4, 0, "4.0.2"}},
      {"HYDRA build details:\n    Version:         3.4a2\n", {Dialect::kHydra, 3, 4, "3.4a2"}},
      {"HYDRA build details:\n    Version:         4.0.2\n"
       "    Configure options: '--with-hwloc-prefix=/usr' '--with-device=ch4:ucx' 'CFLAGS=-g'\n",
       {Dialect::kHydra, 4, 0, "4.0.2", true}},
      {"HYDRA build details:\n    Version:         4.0.2\n    Configure options: '--with-device=ch4:ofi'\n",
       {Dialect::kHydra, 4, 0, "4.0.2"}},
      {"HYDRA build details:\n    Version:         4.2.1\n    Configure options: '--with-device=ch4:ucx'\n",
       {Dialect::kHydra, 4, 2, "4.2.1"}},
      {"Intel(R) MPI Library for Linux* OS, Version 2021.11 Build 20231005 (id: 74c4a23)\n"
       "Copyright 2003-2023, Intel Corporation.\n",
       {Dialect::kIntelMpi, 2021, 11, "2021.11"}},
      {"Intel(R) MPI Library for Linux* OS, Version 2021.17\n", {Dialect::kIntelMpi, 2021, 17, "2021.17"}},
      {"Intel(R) MPI Library for Linux* OS, Version 2019 Update 9 Build 20200923 (id: abd58e492)\n",
       {Dialect::kIntelMpi, 2019, 9, "2019 Update 9"}},
      {"note: loading impi\nIntel(R) MPI Library for Linux* OS, Version 2019 Build 20180829 (id: "
       "15f5d6c0c)\n",
       {Dialect::kIntelMpi, 2019, 0, "2019"}},
      {"Intel(R) MPI Library for Linux* OS, Version 2021.7.1 Bu\x92\x92\n",
       {Dialect::kIntelMpi, 2021, 7, "2021.7.1"}},
  };
  for (const auto& one : cases) {
    auto version = parse_mpirun_version(one.output);
    ASSERT_TRUE(version) << one.output << version.error().message;
    EXPECT_EQ(*version, one.version) << one.output;
  }
}

TEST(ParseMpirunVersion, RefusesWhatIsTooOldOrUnreadable) {
  EXPECT_EQ(message("mpirun (Open MPI) 3.1.6\n"), "Open MPI 3.1.6 is too old");
  EXPECT_EQ(message("mpirun (Open MPI) \n"), "cannot read the version of Open MPI from 'mpirun (Open MPI) '");
  EXPECT_EQ(message("mpirun (Open MPI) v4.1\n"),
            "cannot read the version of Open MPI from 'mpirun (Open MPI) v4.1'");
  EXPECT_EQ(message("mpirun (Open MPI) 4\n"),
            "cannot read the version of Open MPI from 'mpirun (Open MPI) 4'");
  EXPECT_EQ(message("mpirun (Open MPI) 5.-1\n"),
            "cannot read the version of Open MPI from 'mpirun (Open MPI) 5.-1'");
  EXPECT_EQ(message("hello\nworld\n"),
            "mpirun --version says 'hello', which is neither Open MPI nor MPICH nor Intel MPI");
  EXPECT_EQ(message(""), "mpirun --version says '', which is neither Open MPI nor MPICH nor Intel MPI");
  EXPECT_EQ(message("HYDRA build details:\n    Version:   2.1\n"), "MPICH 2.1 is too old");
  EXPECT_EQ(message("Intel(R) MPI Library for Linux* OS, Version 2018 Update 4 Build 20180823 (id: 18555)\n"),
            "Intel MPI 2018 Update 4 is too old");
  for (const char* version : {"", "Version", "Version new", "Version 2021.", "Version 2021.x",
                              "Version 2021-3", "Version 2019 Update", "Version 2019 Update nine",
                              "Version 2021.8Bu", "Version 2021.11\x92 Build 20231005"}) {
    EXPECT_EQ(message(std::string("Intel(R) MPI Library for Linux* OS, ") + version + "\nmore\n"),
              std::string("cannot read the version of Intel MPI from 'Intel(R) MPI Library for Linux* OS, ") +
                  version + "'");
  }
  EXPECT_EQ(message("HYDRA build details:\n    Version:   \n"),
            "cannot read the version of MPICH's mpirun (Hydra)");
  EXPECT_EQ(message("HYDRA build details:\n"), "cannot read the version of MPICH's mpirun (Hydra)");
  EXPECT_EQ(parse_mpirun_version("").error().code, Error::Code::kMpi);
  EXPECT_EQ(parse_mpirun_version("").error().hint,
            "Open MPI 4.0, MPICH 3.0, Intel MPI 2019 or later is needed; --mpirun PATH names one");
}

TEST(ForeignPrefix, IsTheDirectoryAboveBinOutsideOfTheSystems) {
  EXPECT_EQ(foreign_prefix("/opt/openmpi-4.1.5/bin/mpirun"), "/opt/openmpi-4.1.5");
  EXPECT_EQ(foreign_prefix("/usr/lib64/openmpi/bin/mpirun"), "/usr/lib64/openmpi");
  EXPECT_EQ(foreign_prefix("/usr/bin/mpirun"), "");
  EXPECT_EQ(foreign_prefix("/usr/local/bin/mpirun"), "");
  EXPECT_EQ(foreign_prefix("/bin/mpirun"), "");
  EXPECT_EQ(foreign_prefix("/tmp/fake/mpirun"), "");
}

TEST(VariablesOfPrefix, PutItsDirectoriesInFront) {
  Environment environment;
  environment.variables = {{"PATH", "/usr/bin:/bin"}};
  const std::map<std::string, std::string> expected{{"OPAL_PREFIX", "/opt/mpi"},
                                                    {"PATH", "/opt/mpi/bin:/usr/bin:/bin"},
                                                    {"LD_LIBRARY_PATH", "/opt/mpi/lib"}};
  EXPECT_EQ(variables_of_prefix("/opt/mpi", environment), expected);
}

/// Programs and scripts in a directory of the test's own.
class Installation : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "installation.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    environment_.working_directory = root_;
    environment_.variables = {{"PATH", root_ + ":/usr/bin:/bin"}};
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string put(const std::string& name, const std::string& content, bool executable = true) {
    const std::string path = root_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << content;
    fs::permissions(path, fs::perms(executable ? 0755 : 0644));
    return path;
  }

  std::string root_;
  Environment environment_;
};

TEST_F(Installation, FindsTheMpirunThatTheUserNames) {
  const std::string path = put("opt/bin/mpirun", "#!/bin/sh\n");
  EXPECT_EQ(*find_mpirun(root_ + "/opt", environment_), path);
  EXPECT_EQ(*find_mpirun(path, environment_), path);
  put("mpirun", "#!/bin/sh\n");
  EXPECT_EQ(*find_mpirun("", environment_), root_ + "/mpirun");
}

TEST_F(Installation, FindsMpichUnderItsOwnName) {
  const std::string path = put("mpich/bin/mpiexec.hydra", "#!/bin/sh\n");
  EXPECT_EQ(*find_mpirun(root_ + "/mpich", environment_), path);
  environment_.variables["PATH"] = root_ + "/mpich/bin";
  EXPECT_EQ(*find_mpirun("", environment_), path);
  // mpirun, where both are there: the distribution's choice, or the user's.
  environment_.variables["PATH"] = root_ + "/mpich/bin:" + root_;
  put("mpirun", "#!/bin/sh\n");
  EXPECT_EQ(*find_mpirun("", environment_), root_ + "/mpirun");
}

TEST_F(Installation, SaysWhatIsWrongWithTheMpirunThatTheUserNames) {
  auto found = find_mpirun("/no/such/mpirun", environment_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "--mpirun: program '/no/such/mpirun' not found");
  const std::string path = put("plain", "", false);
  found = find_mpirun(path, environment_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "--mpirun: " + path + " is not executable");
  EXPECT_EQ(found.error().hint, "chmod +x " + path);
}

TEST_F(Installation, SourcesAScriptWithBlanksAndLineEndsInItsValues) {
  const std::string script =
      put("init.sh", "echo chatter\nexport SPACED='a  b=c'\nexport LINES_=\"one\ntwo\"\nunset GONE\n", false);
  environment_.variables["GONE"] = "1";
  environment_.variables["KEPT"] = "2";
  auto sourced = source_script(script, environment_);
  ASSERT_TRUE(sourced) << sourced.error().message;
  EXPECT_EQ(sourced->get("SPACED"), "a  b=c");
  EXPECT_EQ(sourced->get("LINES_"), "one\ntwo");
  EXPECT_EQ(sourced->get("KEPT"), "2");
  EXPECT_FALSE(sourced->get("GONE"));
  EXPECT_FALSE(sourced->get("_"));
  EXPECT_EQ(sourced->working_directory, root_);
}

TEST_F(Installation, SaysWhatAScriptThatFailsSaid) {
  const std::string script = put("init.sh", "echo no license >&2\nexit 4\n", false);
  auto sourced = source_script(script, environment_);
  ASSERT_FALSE(sourced);
  EXPECT_EQ(sourced.error().message, "--mpi-env: " + script + " ended with exit status 4");
  EXPECT_EQ(sourced.error().hint, "it said: no license");
}

TEST_F(Installation, NamesAScriptThatIsMissing) {
  auto sourced = source_script(root_ + "/none.sh", environment_);
  ASSERT_FALSE(sourced);
  EXPECT_EQ(sourced.error().message,
            "--mpi-env: cannot read " + root_ + "/none.sh: No such file or directory");
}

TEST_F(Installation, AsksAMovedOpenMpiWithItsOwnPrefix) {
  const std::string path =
      put("opt/bin/mpirun", "#!/bin/sh\n[ \"$OPAL_PREFIX\" ] && echo \"mpirun (Open MPI) 5.0.7\"\n");
  auto found = inspect_mpirun(path, environment_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->version.text, "5.0.7");
  EXPECT_EQ(found->mpirun, path);
  EXPECT_EQ(found->variables.at("OPAL_PREFIX"), root_ + "/opt");
}

TEST_F(Installation, LeavesAPrefixAloneThatIsSetAlready) {
  const std::string path = put("opt/bin/mpirun", "#!/bin/sh\necho 'mpirun (Open MPI) 4.1.4'\n");
  environment_.variables["OPAL_PREFIX"] = "/else/where";
  auto found = inspect_mpirun(path, environment_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->variables.empty());
}

TEST_F(Installation, SaysWhatAnMpirunThatCannotRunSaid) {
  const std::string path = put("mpirun", "#!/bin/sh\necho 'libmpi.so.40: cannot open' >&2\nexit 127\n");
  auto found = inspect_mpirun(path, environment_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, path + " --version ended with exit status 127: libmpi.so.40: cannot open");
  EXPECT_EQ(found.error().hint,
            "does it need libraries of its own? --mpi-env SCRIPT sources a file that sets them");
}

constexpr const char* kHydra = "#!/bin/sh\necho 'HYDRA build details:'\necho '    Version:   4.0.2'\n";

TEST_F(Installation, AsksAMovedMpich) {
  const std::string path = put("opt/bin/mpiexec.hydra", kHydra);
  put("opt/bin/hydra_pmi_proxy", "");
  auto found = inspect_mpirun(path, environment_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(to_string(found->version), "MPICH 4.0.2");
  EXPECT_EQ(found->mpirun, path);
  EXPECT_FALSE(found->variables.contains("OPAL_PREFIX"));
  EXPECT_EQ(found->variables.at("PATH"), root_ + "/opt/bin:" + root_ + ":/usr/bin:/bin");
}

TEST_F(Installation, TakesHydraWhereItsProxyIs) {
  const std::string path = put("opt/bin/mpiexec.hydra", kHydra);
  fs::create_symlink(path, root_ + "/mpirun");
  EXPECT_EQ(inspect_mpirun(root_ + "/mpirun", environment_)->mpirun, root_ + "/mpirun");
  put("opt/bin/hydra_pmi_proxy", "");
  EXPECT_EQ(inspect_mpirun(root_ + "/mpirun", environment_)->mpirun, path);
  put("hydra_pmi_proxy", "");
  EXPECT_EQ(inspect_mpirun(root_ + "/mpirun", environment_)->mpirun, root_ + "/mpirun");
}

constexpr const char* kIntel =
    "#!/bin/sh\necho 'Intel(R) MPI Library for Linux* OS, Version 2021.11 Build 20231005 (id: 74c4a23)'\n";

TEST_F(Installation, GivesAnIntelMpiWhatItsVarsScriptWouldSet) {
  const std::string prefix = root_ + "/mpi/2021.11";
  const std::string path = put("mpi/2021.11/bin/mpirun", kIntel);
  put("mpi/2021.11/bin/mpiexec.hydra", kIntel);
  for (const char* directory : {"/lib", "/opt/mpi/libfabric/lib/prov"})
    fs::create_directories(prefix + directory);
  environment_.variables["LD_LIBRARY_PATH"] = "/old";
  auto found = inspect_mpirun(path, environment_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(to_string(found->version), "Intel MPI 2021.11");
  EXPECT_EQ(found->mpirun, prefix + "/bin/mpiexec.hydra");
  const std::map<std::string, std::string> expected{
      {"I_MPI_ROOT", prefix},
      {"PATH", prefix + "/bin:" + root_ + ":/usr/bin:/bin"},
      {"LD_LIBRARY_PATH", prefix + "/opt/mpi/libfabric/lib:" + prefix + "/lib:/old"},
      {"FI_PROVIDER_PATH", prefix + "/opt/mpi/libfabric/lib/prov"}};
  EXPECT_EQ(found->variables, expected);
}

// 2019's, below I_MPI_ROOT/intel64; the library is in lib/release.
TEST_F(Installation, KnowsWhereAnOlderIntelMpiHasItsParts) {
  const std::string prefix = root_ + "/impi/2019.9.304/intel64";
  const std::string path = put("impi/2019.9.304/intel64/bin/mpirun", kIntel);
  for (const char* directory : {"/lib/release", "/libfabric/lib/prov"})
    fs::create_directories(prefix + directory);
  environment_.variables["OPAL_PREFIX"] = "/of/another/mpi";
  auto found = inspect_mpirun(path, environment_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->mpirun, path);
  EXPECT_EQ(found->variables.at("I_MPI_ROOT"), root_ + "/impi/2019.9.304");
  EXPECT_EQ(found->variables.at("LD_LIBRARY_PATH"),
            prefix + "/libfabric/lib:" + prefix + "/lib/release:" + prefix + "/lib");
  EXPECT_EQ(found->variables.at("FI_PROVIDER_PATH"), prefix + "/libfabric/lib/prov");
  EXPECT_FALSE(found->variables.contains("OPAL_PREFIX"));
}

TEST_F(Installation, LeavesAnIntelMpiAloneWhoseVarsScriptWasSourced) {
  const std::string path = put("mpi/bin/mpirun", kIntel);
  environment_.variables["I_MPI_ROOT"] = root_ + "/mpi";
  EXPECT_TRUE(inspect_mpirun(path, environment_)->variables.empty());
  environment_.variables.erase("I_MPI_ROOT");
  environment_.variables["FI_PROVIDER_PATH"] = "/mine";
  fs::create_directories(root_ + "/mpi/libfabric/lib/prov");
  EXPECT_FALSE(inspect_mpirun(path, environment_)->variables.contains("FI_PROVIDER_PATH"));
}

}  // namespace
}  // namespace shipyard::mpi
