#include "hostfile/host_source.hpp"

#include <gtest/gtest.h>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::hostfile {
namespace {

Environment environment_of(std::map<std::string, std::string, std::less<>> variables) {
  Environment environment;
  environment.variables = std::move(variables);
  return environment;
}

TEST(HostsFromEnvironment, PrefersTheHostListThenTheNodeListThenCcpNodes) {
  auto environment = environment_of({{"AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5"},
                                     {"AZ_BATCH_NODE_LIST", "10.0.1.4;10.0.1.5"},
                                     {"CCP_NODES", "1 10.0.2.4 1"}});
  EXPECT_EQ((**hosts_from_environment(environment)).origin, "AZ_BATCH_HOST_LIST");
  environment.variables.erase("AZ_BATCH_HOST_LIST");
  EXPECT_EQ((**hosts_from_environment(environment)).origin, "AZ_BATCH_NODE_LIST");
  EXPECT_EQ((**hosts_from_environment(environment)).hosts.at(1).name, "10.0.1.5");
  environment.variables.erase("AZ_BATCH_NODE_LIST");
  EXPECT_EQ((**hosts_from_environment(environment)).hosts.at(0).slots, 1);
}

TEST(HostsFromEnvironment, IsNothingWhereNoneIsSet) {
  auto hosts = hosts_from_environment({});
  ASSERT_TRUE(hosts);
  EXPECT_FALSE(*hosts);
}

TEST(HostsFromEnvironment, DoesNotPassOverAWrongOrEmptyList) {
  auto hosts =
      hosts_from_environment(environment_of({{"AZ_BATCH_HOST_LIST", ""}, {"CCP_NODES", "1 10.0.2.4 1"}}));
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().message, "AZ_BATCH_HOST_LIST is empty");
}

TEST(ReadHostfile, NamesTheFileInItsFaults) {
  ::shipyard::testing::TemporaryDirectory directory;
  const auto path = directory.write("hosts.txt", "node1\nnode 2\n");
  auto hosts = read_hostfile(path);
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().message, path + ": line 2: this is neither slots=N nor max_slots=N");
  EXPECT_EQ(read_hostfile(directory.write("good", "node1\n"))->origin, directory.path("good"));
}

TEST(ReadHostfile, SaysThatTheFileIsNotThere) {
  auto hosts = read_hostfile("/nonexistent/hosts.txt");
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, Error::Code::kNotFound);
  EXPECT_EQ(hosts.error().message, "cannot read /nonexistent/hosts.txt: No such file or directory");
}

}  // namespace
}  // namespace shipyard::hostfile
