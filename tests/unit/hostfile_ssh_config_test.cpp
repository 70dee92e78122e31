#include "hostfile/ssh_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/terminal.hpp"
#include "hostfile/host_list.hpp"

namespace shipyard::hostfile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Host> hosts(std::string_view list) {
  auto parsed = parse_host_names(list);
  EXPECT_TRUE(parsed) << list;
  return parsed ? parsed->hosts : std::vector<Host>{};
}

std::string config(std::string_view list, const SshConfigOptions& options = {}) {
  auto text = ssh_config(hosts(list), options);
  EXPECT_TRUE(text) << text.error().message;
  return text ? *text : std::string();
}

std::string refused(const SshConfigOptions& options) {
  auto text = ssh_config(hosts("10.0.0.4"), options);
  EXPECT_FALSE(text);
  return text ? std::string() : format_error("t", text.error(), 100);
}

TEST(HostPatterns, AreTheLongestCommonOctetPrefixOfEachFirstOctet) {
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,10.0.0.5")), ElementsAre("10.0.0.*"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,10.0.1.5")), ElementsAre("10.0.*"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,10.1.0.5")), ElementsAre("10.*"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,10.0.0.5,10.0.1.4,10.0.0.6")), ElementsAre("10.0.*"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,172.16.3.4")), ElementsAre("10.0.0.4", "172.16.3.4"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,172.16.3.4,172.16.4.4,10.0.0.5")),
              ElementsAre("10.0.0.*", "172.16.*"));
}

TEST(HostPatterns, CompareWholeOctets) {
  EXPECT_THAT(host_patterns(hosts("10.1.0.4,10.10.0.4")), ElementsAre("10.*"));
  EXPECT_THAT(host_patterns(hosts("10.0.0.4,100.0.0.4")), ElementsAre("10.0.0.4", "100.0.0.4"));
}

TEST(HostPatterns, ASingleHostStandsForItself) {
  EXPECT_THAT(host_patterns(hosts("10.0.0.4")), ElementsAre("10.0.0.4"));
}

TEST(HostPatterns, AnIpv6AddressAndANameStandForThemselves) {
  EXPECT_THAT(host_patterns(hosts("node1,10.0.0.4,fd00::4,10.0.0.5,node2,fd00::5")),
              ElementsAre("node1", "10.0.0.*", "fd00::4", "node2", "fd00::5"));
}

TEST(HostPatterns, MatchEveryHostOfEveryPairOfAddresses) {
  // Octets that differ in none, one or several places.
  std::vector<Host> all;
  for (const auto* a : {"10", "11"}) {
    for (const auto* b : {"0", "1", "10"}) {
      for (const auto* c : {"0", "1"}) {
        for (const auto* d : {"4", "5", "40"}) {
          all.push_back({std::string(a) + "." + b + "." + c + "." + d, Host::Kind::kIpv4});
        }
      }
    }
  }
  for (const auto& first : all) {
    for (const auto& second : all) {
      if (first == second) continue;
      const auto patterns = host_patterns({first, second});
      EXPECT_TRUE(matches_host_line(patterns, first.name)) << first.name << " " << second.name;
      EXPECT_TRUE(matches_host_line(patterns, second.name)) << first.name << " " << second.name;
      EXPECT_FALSE(matches_host_line(patterns, "12.0.0.4"));
    }
  }
}

TEST(MatchesHostLine, FollowsTheRulesOfSsh) {
  EXPECT_TRUE(matches_host_line({"10.0.0.*"}, "10.0.0.4"));
  EXPECT_FALSE(matches_host_line({"10.0.0.*"}, "10.0.1.4"));
  EXPECT_TRUE(matches_host_line({"10.*.4"}, "10.0.4.0.4"));
  EXPECT_FALSE(matches_host_line({"10.*.4"}, "10.0.0.40"));
  EXPECT_TRUE(matches_host_line({"node?"}, "node1"));
  EXPECT_FALSE(matches_host_line({"node?"}, "node"));
  EXPECT_FALSE(matches_host_line({"node?"}, "node10"));
  EXPECT_TRUE(matches_host_line({"a", "node*"}, "node"));
  EXPECT_FALSE(matches_host_line({"node*", "!node2"}, "node2"));
  EXPECT_FALSE(matches_host_line({"!node2"}, "node1"));
  EXPECT_FALSE(matches_host_line({}, "node1"));
}

TEST(SshConfig, IsThisForTwoNodes) {
  EXPECT_EQ(config("10.0.0.4,10.0.0.5"),
            "Host 10.0.0.*\n"
            "  Port 23\n"
            "  StrictHostKeyChecking no\n"
            "  UserKnownHostsFile /dev/null\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  BatchMode yes\n"
            "  LogLevel ERROR\n"
            "  PreferredAuthentications publickey\n"
            "  KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
            "ecdh-sha2-nistp384,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256\n"
            "  Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"
            "aes128-ctr,aes256-ctr\n"
            "  Compression no\n"
            "  ForwardAgent no\n"
            "  ForwardX11 no\n"
            "  ControlMaster no\n"
            "  ControlPath none\n"
            "  ProxyCommand none\n"
            "  ConnectTimeout 10\n"
            "  ServerAliveInterval 15\n"
            "  ServerAliveCountMax 3\n");
}

TEST(SshConfig, PutsAllPatternsOnOneLine) {
  EXPECT_TRUE(config("10.0.0.4,172.16.3.4,node1").starts_with("Host 10.0.0.4 172.16.3.4 node1\n  Port 23\n"));
}

TEST(SshConfig, TakesPortUserTimeoutsAndPatternsOfTheUsers) {
  const auto text = config("10.0.0.4,10.0.0.5", {.port = 2222,
                                                 .patterns = {"10.*", "!10.9.*"},
                                                 .user = "_azbatch",
                                                 .connect_timeout_seconds = 3,
                                                 .alive_interval_seconds = 4,
                                                 .alive_count_max = 5});
  EXPECT_TRUE(
      text.starts_with("Host 10.* !10.9.*\n  Port 2222\n  User _azbatch\n  StrictHostKeyChecking no\n"));
  EXPECT_TRUE(text.ends_with("  ConnectTimeout 3\n  ServerAliveInterval 4\n  ServerAliveCountMax 5\n"));
}

TEST(SshConfig, OffersTheGivenKeyAndNoOther) {
  EXPECT_THAT(config("10.0.0.4", {.identity_file = "/keys/id"}),
              HasSubstr("  IdentityFile \"/keys/id\"\n  IdentitiesOnly yes\n"));
  EXPECT_THAT(config("10.0.0.4"), Not(HasSubstr("Identit")));
}

TEST(SshConfig, ChecksEveryHostWhereTheirKeyIsKnown) {
  EXPECT_THAT(config("10.0.0.4", {.known_hosts_file = "/run/a b/known_hosts"}),
              HasSubstr("  Port 23\n"
                        "  StrictHostKeyChecking yes\n"
                        "  UserKnownHostsFile \"/run/a b/known_hosts\"\n"
                        "  HostKeyAlgorithms ssh-ed25519\n"
                        "  CheckHostIP no\n"
                        "  UpdateHostKeys no\n"
                        "  GlobalKnownHostsFile /dev/null\n"));
}

TEST(KnownHosts, HasOneLineForAllHosts) {
  EXPECT_EQ(known_hosts(hosts("10.0.0.4,10.0.0.5,fd00::4,node1"), {}, "ssh-ed25519 AAAA"),
            "[10.0.0.*]:23,[fd00::4]:23,[node1]:23 ssh-ed25519 AAAA\n");
}

TEST(KnownHosts, TakesPortAndPatternsOfTheUsers) {
  EXPECT_EQ(
      known_hosts(hosts("10.0.0.4"), {.port = 2323, .patterns = {"10.*", "!10.9.*"}}, "ssh-ed25519 AAAA"),
      "[10.*]:2323,![10.9.*]:2323 ssh-ed25519 AAAA\n");
  // ssh looks up the bare name for its own port.
  EXPECT_EQ(known_hosts(hosts("10.0.0.4"), {.port = 22}, "ssh-ed25519 AAAA"), "10.0.0.4 ssh-ed25519 AAAA\n");
}

TEST(SshConfig, QuotesAPathAsSshReadsIt) {
  EXPECT_THAT(config("10.0.0.4", {.identity_file = R"(/a b/"c'd\e%f#g)"}),
              HasSubstr(R"(  IdentityFile "/a b/\"c'd\\e%%f#g")"
                        "\n"));
}

TEST(SshConfig, LetsAProgramMakeTheConnectionWithinTheSameTime) {
  const auto text = config("10.0.0.4", {.connect_program = "/a b/100%/connect",
                                        .connect_arguments = "--from /run/socket",
                                        .connect_timeout_seconds = 7});
  EXPECT_THAT(text, HasSubstr("  ProxyCommand '/a b/100%%/connect' --from /run/socket 7 %h %p\n"
                              "  ProxyUseFdpass yes\n"));
  EXPECT_THAT(text, Not(HasSubstr("ConnectTimeout")));
}

TEST(SshConfig, RefusesAPathThatCannotBeWritten) {
  EXPECT_EQ(refused({.identity_file = "/a\nProxyCommand x"}),
            "t: error: the ssh key's path has a control character\n"
            "  /a?ProxyCommand x\n"
            "    ^\n"
            "hint: move the key\n");
  EXPECT_EQ(refused({.identity_file = "/${HOME}/id"}),
            "t: error: the ssh key's path has '${', which ssh would expand\n"
            "  /${HOME}/id\n"
            "   ^\n"
            "hint: move the key\n");
}

TEST(SshConfig, RefusesAUserThatIsNone) {
  for (const auto& [user, caret] : {std::pair{"a b", 1},
                                    {"-l", 0},
                                    {"a\nProxyCommand x", 1},
                                    {"root%h", 4},
                                    {"1user", 0},
                                    {"\"a\"", 0}}) {
    auto text = ssh_config(hosts("10.0.0.4"), {.user = user});
    ASSERT_FALSE(text) << user;
    EXPECT_EQ(text.error().message, "the ssh user is not a user name");
    EXPECT_EQ(text.error().excerpt.offset, static_cast<std::size_t>(caret)) << user;
  }
}

TEST(SshConfig, RefusesPatternsThatAreNoneOrMatchEverything) {
  const std::string hint =
      "hint: write it as ssh_config(5) has it, for example 10.0.*; several are given one by one\n";
  EXPECT_EQ(refused({.patterns = {"10.0.0.*,10.1.*"}}),
            "t: error: the ssh host pattern has a character that no host name has\n"
            "  10.0.0.*,10.1.*\n"
            "          ^\n" +
                hint);
  for (const auto* pattern :
       {"10.* 11.*", "10.*\nProxyCommand x", "\"10.*\"", "#", "10!", "10.*\t", "!!10.*"}) {
    EXPECT_THAT(refused({.patterns = {pattern}}), HasSubstr("has a character that no host name has"))
        << pattern;
  }
  EXPECT_EQ(refused({.patterns = {"*"}}),
            "t: error: the ssh host pattern would match every host, not only the nodes\n"
            "  *\n"
            "  ^\n" +
                hint);
  for (const auto* pattern : {"**", "*.*", "?*", "*.*.*.*", "*:*"}) {
    EXPECT_THAT(refused({.patterns = {"10.0.0.4", pattern}}), HasSubstr("would match every host")) << pattern;
  }
  EXPECT_EQ(refused({.patterns = {""}}), "t: error: the ssh host pattern is empty\n" + hint);
}

TEST(SshConfig, RefusesPatternsThatLeaveAHostOut) {
  EXPECT_EQ(refused({.patterns = {"172.*"}}),
            "t: error: no ssh host pattern matches the host 10.0.0.4\n"
            "hint: ssh would look for it on port 22: add a pattern for it\n");
  EXPECT_EQ(refused({.patterns = {"10.*", "!10.0.*"}}),
            "t: error: no ssh host pattern matches the host 10.0.0.4\n"
            "hint: ssh would look for it on port 22: add a pattern for it\n");
}

}  // namespace
}  // namespace shipyard::hostfile
