#include "hostfile/host_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/terminal.hpp"

namespace shipyard::hostfile {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names(const Result<HostList>& list) {
  EXPECT_TRUE(list) << format_error("t", list.error());
  std::vector<std::string> result;
  if (list) {
    for (const auto& host : list->hosts) {
      result.push_back(host.name);
      if (host.slots) result.back() += " " + std::to_string(*host.slots);
      if (host.max_slots) result.back() += "/" + std::to_string(*host.max_slots);
    }
  }
  return result;
}

std::string refused(const Result<HostList>& list) {
  EXPECT_FALSE(list);
  return list ? std::string() : format_error("t", list.error());
}

TEST(ParseBatchHostList, TakesItAsBatchWritesIt) {
  auto list = parse_batch_host_list("10.0.0.4,10.0.0.5");
  EXPECT_THAT(names(list), ElementsAre("10.0.0.4", "10.0.0.5"));
  EXPECT_EQ(list->origin, "AZ_BATCH_HOST_LIST");
  EXPECT_THAT(names(parse_batch_host_list("node1")), ElementsAre("node1"));
  EXPECT_THAT(names(parse_batch_host_list("fd00::5,fd00::4")), ElementsAre("fd00::5", "fd00::4"));
}

TEST(ParseBatchHostList, RejectsAnEmptyList) {
  EXPECT_EQ(refused(parse_batch_host_list("")),
            "t: error: AZ_BATCH_HOST_LIST is empty\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
}

TEST(ParseBatchHostList, RejectsAnEmptyEntryWithItsPlace) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,,10.0.0.5")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is empty\n"
            "  10.0.0.4,,10.0.0.5\n"
            "           ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is empty\n"
            "  10.0.0.4,\n"
            "           ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
  EXPECT_EQ(refused(parse_batch_host_list(",10.0.0.4")),
            "t: error: AZ_BATCH_HOST_LIST: entry 1 is empty\n"
            "  ,10.0.0.4\n"
            "  ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
}

TEST(ParseBatchHostList, RejectsABlankWithItsPlace) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4, 10.0.0.5")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 contains a blank\n"
            "  10.0.0.4, 10.0.0.5\n"
            "           ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
}

TEST(ParseBatchHostList, RejectsAnotherSeparator) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4;10.0.0.5")),
            "t: error: AZ_BATCH_HOST_LIST: entry 1 is not an IP address or host name\n"
            "  10.0.0.4;10.0.0.5\n"
            "          ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
}

TEST(ParseBatchHostList, RejectsANumberAbove255WithoutTalkingOfSeparators) {
  EXPECT_EQ(
      refused(parse_batch_host_list("10.0.0.4,10.0.0.256")),
      "t: error: AZ_BATCH_HOST_LIST: entry 2 is not an IPv4 address: each of its numbers is from 0 to 255\n"
      "  10.0.0.4,10.0.0.256\n"
      "                  ^\n");
}

TEST(ParseBatchHostList, RejectsAnOptionOfSsh) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,-oProxyCommand=id")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 begins with '-', as an option of ssh does\n"
            "  10.0.0.4,-oProxyCommand=id\n"
            "           ^\n");
}

TEST(ParseBatchHostList, RejectsNewlinesControlCharactersAndMetacharacters) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,10.0.0.5\n")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 contains a line break\n"
            "  10.0.0.4,10.0.0.5?\n"
            "                   ^\n"
            "hint: entries are separated by commas, as Azure Batch writes them\n");
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,\033]0;x\a")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 contains a control character\n"
            "  10.0.0.4,?]0;x?\n"
            "           ^\n");
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,$(reboot)")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is not an IP address or host name\n"
            "  10.0.0.4,$(reboot)\n"
            "           ^\n");
}

TEST(ParseBatchHostList, RejectsADuplicateInWhateverSpelling) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,10.0.0.5,10.0.0.4")),
            "t: error: AZ_BATCH_HOST_LIST: entry 3 is the same host as entry 1\n"
            "  10.0.0.4,10.0.0.5,10.0.0.4\n"
            "                    ^\n"
            "hint: name each host once\n");
  EXPECT_EQ(refused(parse_batch_host_list("fd00::4,fd00:0:0::4")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is the same host as entry 1\n"
            "  fd00::4,fd00:0:0::4\n"
            "          ^\n"
            "hint: name each host once\n");
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4,::ffff:10.0.0.4")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is the same host as entry 1\n"
            "  10.0.0.4,::ffff:10.0.0.4\n"
            "           ^\n"
            "hint: name each host once\n");
  EXPECT_EQ(refused(parse_batch_host_list("node1,NODE1")),
            "t: error: AZ_BATCH_HOST_LIST: entry 2 is the same host as entry 1\n"
            "  node1,NODE1\n"
            "        ^\n"
            "hint: name each host once\n");
}

TEST(ParseBatchHostList, TellsTheFirstFaultOfAMegabyteInAScreenful) {
  const auto message = refused(parse_batch_host_list(std::string(1 << 20, ',')));
  EXPECT_TRUE(message.starts_with("t: error: AZ_BATCH_HOST_LIST: entry 1 is empty\n  ,,,")) << message;
  EXPECT_LT(message.size(), 300U);
}

TEST(ParseBatchHostList, TakesNoSlots) {
  EXPECT_EQ(refused(parse_batch_host_list("10.0.0.4:2")),
            "t: error: AZ_BATCH_HOST_LIST: entry 1 is not an IP address or host name\n"
            "  10.0.0.4:2\n"
            "          ^\n");
}

TEST(ParseBatchNodeList, SeparatesBySemicolons) {
  auto list = parse_batch_node_list("10.0.0.4;10.0.0.5");
  EXPECT_THAT(names(list), ElementsAre("10.0.0.4", "10.0.0.5"));
  EXPECT_EQ(list->origin, "AZ_BATCH_NODE_LIST");
  EXPECT_EQ(refused(parse_batch_node_list("10.0.0.4,10.0.0.5")),
            "t: error: AZ_BATCH_NODE_LIST: entry 1 is not an IP address or host name\n"
            "  10.0.0.4,10.0.0.5\n"
            "          ^\n"
            "hint: entries are separated by semicolons, as Azure Batch writes them\n");
}

TEST(ParseHostNames, TakesSlotsAsMpirunDoes) {
  EXPECT_THAT(names(parse_host_names("10.0.0.4:2,node1,[fd00::4]:8")),
              ElementsAre("10.0.0.4 2", "node1", "fd00::4 8"));
  EXPECT_EQ(refused(parse_host_names("10.0.0.4:2,node1:zero")),
            "t: error: --hosts: entry 2 has slots after ':' that are not a whole number from 1 to 1000000\n"
            "  10.0.0.4:2,node1:zero\n"
            "                   ^\n");
  EXPECT_EQ(refused(parse_host_names("10.0.0.4:2,10.0.0.4:2")),
            "t: error: --hosts: entry 2 is the same host as entry 1\n"
            "  10.0.0.4:2,10.0.0.4:2\n"
            "             ^\n"
            "hint: name each host once\n");
}

TEST(ParseCcpNodes, TakesCountAddressesAndCores) {
  auto list = parse_ccp_nodes("2 10.0.0.4 1 10.0.0.5 16");
  EXPECT_THAT(names(list), ElementsAre("10.0.0.4 1", "10.0.0.5 16"));
  EXPECT_EQ(list->origin, "CCP_NODES");
  EXPECT_THAT(names(parse_ccp_nodes(" 1  10.0.0.4\t1 ")), ElementsAre("10.0.0.4 1"));
}

TEST(ParseCcpNodes, RejectsEverythingElseWithItsPlace) {
  const std::string hint =
      "hint: it is the number of nodes, then for each its name and its cores: 2 10.0.0.4 1 10.0.0.5 1\n";
  EXPECT_EQ(refused(parse_ccp_nodes("")), "t: error: CCP_NODES is empty\n" + hint);
  EXPECT_EQ(refused(parse_ccp_nodes("10.0.0.4 1")),
            "t: error: CCP_NODES: the number of nodes is not a whole number from 1 to 1000000\n"
            "  10.0.0.4 1\n"
            "  ^\n" +
                hint);
  EXPECT_EQ(refused(parse_ccp_nodes("3 10.0.0.4 1 10.0.0.5 1")),
            "t: error: CCP_NODES: it says 3 nodes and names 2\n"
            "  3 10.0.0.4 1 10.0.0.5 1\n"
            "  ^\n" +
                hint);
  EXPECT_EQ(refused(parse_ccp_nodes("2 10.0.0.4 1 10.0.0.5")),
            "t: error: CCP_NODES: the cores of node 2 are not a whole number from 1 to 1000000\n"
            "  2 10.0.0.4 1 10.0.0.5\n"
            "                       ^\n" +
                hint);
  EXPECT_EQ(refused(parse_ccp_nodes("2 10.0.0.4 1 10.0.0.x/8 1")),
            "t: error: CCP_NODES: node 2 is not an IP address or host name\n"
            "  2 10.0.0.4 1 10.0.0.x/8 1\n"
            "                       ^\n" +
                hint);
  EXPECT_EQ(refused(parse_ccp_nodes("2 10.0.0.4 1 10.0.0.4 1")),
            "t: error: CCP_NODES: node 2 is the same host as node 1\n"
            "  2 10.0.0.4 1 10.0.0.4 1\n"
            "               ^\n"
            "hint: name each host once\n");
}

TEST(ParseHostfile, TakesOpenMpiAndHydraLinesWithCommentsAndBlankLines) {
  EXPECT_THAT(names(parse_hostfile("# nodes of the job\n"
                                   "10.0.0.4 slots=4\n"
                                   "\n"
                                   "  10.0.0.5\tslots = 4   max_slots= 8 # the small one\r\n"
                                   "node3:2\n"
                                   "   # another comment\n"
                                   "node4 max-slots=9 cpu=3\n"
                                   "[fd00::4]:6\n"
                                   "node5",
                                   "hosts.txt")),
              ElementsAre("10.0.0.4 4", "10.0.0.5 4/8", "node3 2", "node4 3/9", "fd00::4 6", "node5"));
}

TEST(ParseHostfile, RejectsFaultsWithLineAndPlace) {
  const std::string hint = "hint: a line is HOST, 'HOST slots=N', 'HOST slots=N max_slots=M' or HOST:N\n";
  const auto refuse = [](std::string_view text) { return refused(parse_hostfile(text, "hosts.txt")); };
  EXPECT_EQ(refuse("node1\nnode2;reboot\n"),
            "t: error: hosts.txt: line 2: the host is not an IP address or host name\n"
            "  node2;reboot\n"
            "       ^\n" +
                hint);
  EXPECT_EQ(
      refuse("\n10.0.0.4 slots=4\n  10.0.0.256 slots=4\n"),
      "t: error: hosts.txt: line 3: the host is not an IPv4 address: each of its numbers is from 0 to 255\n"
      "    10.0.0.256 slots=4\n"
      "           ^\n" +
          hint);
  EXPECT_EQ(refuse("node1 slots=0\n"),
            "t: error: hosts.txt: line 1: slots is not a whole number from 1 to 1000000\n"
            "  node1 slots=0\n"
            "              ^\n" +
                hint);
  EXPECT_EQ(refuse("node1 slots=\n"),
            "t: error: hosts.txt: line 1: slots is not a whole number from 1 to 1000000\n"
            "  node1 slots=\n"
            "              ^\n" +
                hint);
  EXPECT_EQ(refuse("node1 slots\n"),
            "t: error: hosts.txt: line 1: '=' is missing after slots\n"
            "  node1 slots\n"
            "             ^\n" +
                hint);
  EXPECT_EQ(refuse("node1 node2\n"),
            "t: error: hosts.txt: line 1: this is neither slots=N nor max_slots=N\n"
            "  node1 node2\n"
            "        ^\n" +
                hint);
  EXPECT_EQ(refuse("node1:4 binding=user:0\n"),
            "t: error: hosts.txt: line 1: this is neither slots=N nor max_slots=N\n"
            "  node1:4 binding=user:0\n"
            "          ^\n" +
                hint);
  EXPECT_EQ(refuse("node1:4 slots=4\n"),
            "t: error: hosts.txt: line 1: slots is given twice\n"
            "  node1:4 slots=4\n"
            "          ^\n" +
                hint);
  EXPECT_EQ(refuse("node1 max_slots=2 slots=4\n"),
            "t: error: hosts.txt: line 1: max_slots is less than slots\n"
            "  node1 max_slots=2 slots=4\n"
            "                  ^\n" +
                hint);
  EXPECT_EQ(refuse("user@node1\n"),
            "t: error: hosts.txt: line 1: the host is not an IP address or host name\n"
            "  user@node1\n"
            "      ^\n" +
                hint);
}

TEST(ParseHostfile, RejectsAHostThatStandsInALineAbove) {
  EXPECT_EQ(refused(parse_hostfile("node1\n# comment\nnode2\n NODE1 slots=2\n", "hosts.txt")),
            "t: error: hosts.txt: line 4: the host already stands in line 1\n"
            "   NODE1 slots=2\n"
            "   ^\n"
            "hint: name each host once, with all its slots: 'HOST slots=N'\n");
}

TEST(ParseHostfile, RejectsAFileWithoutAHost) {
  EXPECT_EQ(refused(parse_hostfile("", "hosts.txt")), "t: error: hosts.txt names no host\n");
  EXPECT_EQ(refused(parse_hostfile("# nothing\n\r\n \n", "hosts.txt")),
            "t: error: hosts.txt names no host\n");
}

TEST(ParseHostfile, TellsTheFaultInALineOfAMegabyteInAScreenful) {
  EXPECT_LT(refused(parse_hostfile(std::string(1 << 20, ','), "hosts.txt")).size(), 400U);
}

TEST(ParseLists, SurviveEveryPrefixAndEveryFlippedByte) {
  const std::vector<std::pair<std::string, Result<HostList> (*)(std::string_view, std::string_view)>> inputs =
      {{"10.0.0.4,fd00::4,node-1.example,::ffff:10.0.0.5", &parse_batch_host_list},
       {"10.0.0.4;node1", &parse_batch_node_list},
       {"10.0.0.4:2,[fd00::4]:8,node1", &parse_host_names},
       {"2 10.0.0.4 1 10.0.0.5 16", &parse_ccp_nodes},
       {"10.0.0.4 slots = 4 max_slots=8 # x\r\n[fd00::4]:2\nnode:3", &parse_hostfile}};
  const auto check = [](const Result<HostList>& list, const std::string& text) {
    if (!list) {
      EXPECT_LE(list.error().excerpt.offset, list.error().excerpt.text.size()) << text;
      return;
    }
    EXPECT_FALSE(list->hosts.empty());
    for (const auto& host : list->hosts) {
      // What was taken is taken again, as itself: nothing dangerous hides in a name.
      auto again = parse_host(host.name);
      ASSERT_TRUE(again) << text;
      EXPECT_EQ(again->name, host.name);
      EXPECT_EQ(again->kind, host.kind);
    }
  };
  for (const auto& [text, parse] : inputs) {
    ASSERT_TRUE(parse(text, "x")) << text;
    for (std::size_t i = 0; i < text.size(); ++i) {
      check(parse(text.substr(0, i), "x"), text.substr(0, i));
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = text;
        changed[i] = static_cast<char>(byte);
        check(parse(changed, "x"), changed);
      }
    }
  }
}

}  // namespace
}  // namespace shipyard::hostfile
