#include "launcher/check/node_facts.hpp"

#include <gtest/gtest.h>

#include "tests/unit/check_samples.hpp"

namespace shipyard::launcher::check {
namespace {

NodeFacts full_facts() {
  NodeFacts facts = fine_facts();
  facts.cpu_quota = 1.5;
  facts.memory_limit = kGiB;
  facts.locked_memory = 65536;
  facts.infiniband = {{"mlx5_0:1", "ACTIVE", "200 Gb/sec (4X HDR)"}, {"mlx5_1:1", "DOWN", ""}};
  facts.program = ENOENT;
  facts.working_directory = EACCES;
  facts.rank_program = ENOENT;
  facts.connect_back = ConnectBack{"connection refused", 0, -1234567};
  facts.mpi.problem = "it \"says\" so";
  return facts;
}

std::string error_of(std::string_view output) {
  const auto facts = parse_facts(output);
  return facts ? "" : facts.error().message;
}
/// The line of a fine node with one piece of text replaced.
std::string with(const std::string& old, const std::string& text) {
  std::string line = format_facts(full_facts());
  const auto at = line.find(old);
  return at == std::string::npos ? "no " + old : line.replace(at, old.size(), text);
}

TEST(ParseFacts, GivesBackWhatWasWritten) {
  for (const auto& facts : {full_facts(), fine_facts(), NodeFacts{}}) {
    const auto parsed = parse_facts(format_facts(facts));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, facts);
  }
}

TEST(ParseFacts, PassesOverWhatALoginPrints) {
  const std::string line = format_facts(fine_facts());
  const auto parsed = parse_facts("Welcome!\nshipyard-node-facts are here\n{}\n" + line + "logout\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, fine_facts());
  EXPECT_EQ(error_of("Welcome! " + line), "a node's facts: none in the answer");
  EXPECT_EQ(error_of(""), "a node's facts: none in the answer");
}

TEST(ParseFacts, PassesOverFieldsThatItDoesNotKnow) {
  EXPECT_EQ(error_of(with("{\"shipyard\"", "{\"new\":{\"a\":[1]},\"shipyard\"")), "");
}

TEST(ParseFacts, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(error_of(with("\"cores\":30", "\"cores\":\"30\"")),
            "a node's facts: 'cores': a number from 0 to 1048576 expected");
  EXPECT_EQ(error_of(with("\"cores\":30", "\"cores\":-1")),
            "a node's facts: 'cores': a number from 0 to 1048576 expected");
  EXPECT_EQ(error_of(with("\"cores\":30", "\"cores\":18446744073709551615")),
            "a node's facts: 'cores': a number from 0 to 1048576 expected");
  EXPECT_EQ(error_of(with("\"cores\":30", "\"cores\":3e1")),
            "a node's facts: 'cores': a number from 0 to 1048576 expected");
  EXPECT_EQ(error_of(with("\"cores\":30", "\"cores\":6e7000000")),
            "a node's facts: a number that is too large");
  EXPECT_EQ(error_of(with("\"cores\":30,", "")), "a node's facts: 'cores' is missing");
  EXPECT_EQ(error_of(with("\"cpu_quota\":1.5", "\"cpu_quota\":-1")),
            "a node's facts: 'cpu_quota': a number from 0 to 1000000 expected");
  EXPECT_EQ(error_of(with("\"single_copy\":true", "\"single_copy\":1")),
            "a node's facts: 'single_copy': true or false expected");
  EXPECT_EQ(error_of(with("\"daemon\":\"/usr/bin/orted\"", "\"daemon\":null")),
            "a node's facts: 'mpi': 'daemon': a text expected");
  EXPECT_EQ(error_of(with("/usr/bin/orted", "/usr\\u001b[31m")),
            "a node's facts: 'mpi': 'daemon': a text without control characters expected");
  EXPECT_EQ(error_of(with("/usr/bin/orted", std::string(4097, 'x'))),
            "a node's facts: 'mpi': 'daemon': a text of 4096 bytes at most expected");
  EXPECT_EQ(error_of(with("[{\"name\":\"mlx5_0:1\"", "[7,{\"name\":\"mlx5_0:1\"")),
            "a node's facts: 'infiniband': a list of objects expected");
  EXPECT_EQ(error_of(with("\"connect_back\":{", "\"connect_back\":[],\"x\":{")),
            "a node's facts: 'connect_back': an object or null expected");
}

TEST(ParseFacts, ShowsThePlaceOfWhatIsNoJson) {
  const auto parsed = parse_facts("shipyard-node-facts {\"shipyard\": oops}\n");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "a node's facts: not JSON");
  EXPECT_EQ(parsed.error().excerpt.text, "{\"shipyard\": oops}");
  EXPECT_EQ(parsed.error().excerpt.offset, 13u);
  EXPECT_EQ(error_of("shipyard-node-facts [1]"), "a node's facts: an object expected");
  EXPECT_EQ(error_of("shipyard-node-facts " + std::string(30000, '[')), "a node's facts: not JSON");
}

TEST(ParseFacts, IsBounded) {
  EXPECT_EQ(error_of(std::string(70000, ' ') + format_facts(fine_facts())),
            "a node's facts: more than 65536 bytes");
}

TEST(ParseRequest, GivesBackWhatWasWritten) {
  const FactsRequest request{"/usr/bin/mpirun",
                             "/usr/bin/orted",
                             "/opt/hpcx/init.sh",
                             "/opt/a b",
                             "/work",
                             "/usr/rank",
                             "fe80::1",
                             40123,
                             "t0k",
                             7};
  const auto parsed = parse_request(format_request(request));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, request);
}

TEST(ParseRequest, NamesTheFieldThatIsWrong) {
  const auto parsed = parse_request("{\"mpirun\":\"/usr/bin/mpirun\"}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "request for a node's facts: 'daemon' is missing");
  std::string text = format_request({.report_port = 1});
  text.replace(text.find("\"report_port\":1"), 15, "\"report_port\":65536");
  ASSERT_FALSE(parse_request(text));
  EXPECT_EQ(parse_request(text).error().message,
            "request for a node's facts: 'report_port': a number from 0 to 65535 expected");
}

}  // namespace
}  // namespace shipyard::launcher::check
