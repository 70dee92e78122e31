#include "launcher/preflight/account.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launcher/preflight/preflight.hpp"
#include "tests/unit/preflight_samples.hpp"

namespace shipyard::launcher::preflight {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

/// So many nodes, of which one may be slow and left out.
Account account_of(std::size_t nodes, std::size_t slow) {
  Account account{.links = star(nodes, slow), .time = 9412ms};
  for (std::size_t i = 0; i < nodes; ++i) account.hosts.push_back("10.0.0." + std::to_string(i + 4));
  account.measured = account.hosts;
  account.left_out = unfit_by_speed(*account.links, account.measured);
  account.used =
      decide(account.hosts, account.left_out, static_cast<int>(nodes - account.left_out.size())).used;
  return account;
}

TEST(PreflightVerdict, IsOneLineWhereAllIsWell) {
  EXPECT_EQ(verdict_line(account_of(4, 9)),
            "4 nodes in 9.4 s: latency 1.80 µs, bandwidth 23.0 GB/s, no node is slow");
  EXPECT_THAT(complaints(account_of(4, 9)), IsEmpty());
}

TEST(PreflightVerdict, NamesWhatIsLeftOutAndWhatIsUsed) {
  const auto account = account_of(4, 1);
  EXPECT_EQ(
      verdict_line(account),
      "4 nodes in 9.4 s: latency 1.80 µs, bandwidth 23.0 GB/s, 1 is slow; the program runs on 10.0.0.4, "
      "10.0.0.6 and 10.0.0.7");
  EXPECT_THAT(
      complaints(account),
      ElementsAre("10.0.0.5 is left out: slow: 3.10 µs and 5.00 GB/s, typical are 1.80 µs and 23.0 GB/s"));
}

TEST(PreflightVerdict, SaysWhereThereIsNothingToCompare) {
  EXPECT_EQ(verdict_line(account_of(2, 9)),
            "2 nodes in 9.4 s: latency 1.80 µs, bandwidth 23.0 GB/s, no verdict: two have nothing to be "
            "compared with");
  Account alone{.hosts = {"a"}, .measured = {"a"}, .used = {"a"}, .time = 300ms};
  EXPECT_EQ(verdict_line(alone), "1 node in 0.3 s: it has nothing to be compared with");
  alone.hosts = {"a", "b"};
  EXPECT_EQ(verdict_line(alone),
            "2 nodes in 0.3 s: the one that is fit has nothing to be compared with; the program runs on a");
}

TEST(PreflightVerdict, SaysWhatThereWasNoTimeFor) {
  auto account = account_of(4, 9);
  account.links->links.resize(7);
  EXPECT_TRUE(verdict_line(account).ends_with("no node is slow; there was time for 7 of 12 links"));
}

TEST(PreflightVerdict, TellsOfSlowLinksOnceForBothDirections) {
  auto account = account_of(5, 9);
  for (auto& link : account.links->links) {
    const bool between = link.from + link.to == 3 && (link.from == 1 || link.to == 1);
    if (between) link.slow = true;
    if (between) link.figures = {4000, 3000};
  }
  EXPECT_THAT(
      complaints(account),
      ElementsAre("the link from 10.0.0.5 to 10.0.0.6 is slow: 4.00 µs and 3.00 GB/s, typical are 1.80 "
                  "µs and 23.0 GB/s; no node is left out for it"));
  for (auto& link : account.links->links) link.slow = true;
  const auto lines = complaints(account);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3], "7 more links are slow");
}

TEST(PreflightVerdict, HasThreeDigits) {
  EXPECT_EQ(latency_text(1834), "1.83 µs");
  EXPECT_EQ(latency_text(18340), "18.3 µs");
  EXPECT_EQ(latency_text(183'400), "183 µs");
  EXPECT_EQ(latency_text(5'183'400), "5.18 ms");
  EXPECT_EQ(bandwidth_text(46.2), "46.2 MB/s");
  EXPECT_EQ(bandwidth_text(23'100), "23.1 GB/s");
}

TEST(PreflightAccount, AsJsonHasTheSameShapeWhateverWasFound) {
  EXPECT_EQ(json(account_as_json(account_of(3, 1))), json::parse(R"({
    "nodes": ["10.0.0.4", "10.0.0.5", "10.0.0.6"], "seconds": 9.412, "verdict": "slow",
    "latency_ns": 1800.0, "bandwidth_MB_per_s": 23000.0,
    "left_out": [{"host": "10.0.0.5",
                  "reason": "slow: 3.10 µs and 5.00 GB/s, typical are 1.80 µs and 23.0 GB/s",
                  "latency_ns": 3100.0, "bandwidth_MB_per_s": 5000.0}],
    "slow_links": []})"));
  EXPECT_EQ(json(account_as_json({.hosts = {"a"}, .left_out = {{"a", "connection refused", {}}}})),
            json::parse(R"({
    "nodes": ["a"], "seconds": 0.0, "verdict": "none", "latency_ns": null, "bandwidth_MB_per_s": null,
    "left_out": [{"host": "a", "reason": "connection refused", "latency_ns": null, "bandwidth_MB_per_s": null}],
    "slow_links": []})"));
  auto account = account_of(4, 9);
  EXPECT_EQ(account_as_json(account)["verdict"], "fine");
  account.links->links[0].slow = true;
  EXPECT_EQ(json(account_as_json(account)["slow_links"]), json::parse(R"([
    {"from": "10.0.0.4", "to": "10.0.0.5", "latency_ns": 1800.0, "bandwidth_MB_per_s": 23000.0}])"));
  EXPECT_EQ(account_as_json(account)["verdict"], "slow");
}

TEST(AllpairsOptions, HaveTheUsersNetworkAndNothingOfTheProgram) {
  LaunchOptions user;
  user.layout.ranks = topology::LayoutWish::Count{8, "-n"};
  user.layout.bind_to = topology::BindTo::kNone;
  user.nodes = 3;
  user.mpi_arguments = {"--mca", "btl", "tcp,self"};
  user.ssh_port = 2323;
  user.subnet = parse_network("10.0.0.0/24");
  user.exports = {{"UCX_TLS", "tcp"}};
  user.forward_stdin = user.tag_output = user.explain = user.show_map = true;
  user.on_preempt = 10;
  user.report = "r.json";
  user.mpirun_log = "log";
  user.timeout = 2h;
  user.preflight = 60s;
  user.program = {"./app", "x"};
  const auto options = allpairs_options(user, 51s);
  EXPECT_EQ(options.program,
            (std::vector<std::string>{"allpairs", "--format", "json", "--time-limit", "30.0s"}));
  EXPECT_FALSE(options.layout.ranks);
  EXPECT_EQ(options.layout.ranks_per_node->number, 1);
  EXPECT_EQ(options.layout.bind_to, topology::BindTo::kCore);
  EXPECT_FALSE(options.nodes);
  EXPECT_EQ(options.mpi_arguments, user.mpi_arguments);
  EXPECT_EQ(options.ssh_port, 2323);
  EXPECT_EQ(options.subnet, user.subnet);
  EXPECT_EQ(options.exports, user.exports);
  EXPECT_FALSE(options.forward_stdin || options.tag_output || options.explain || options.show_map);
  EXPECT_EQ(options.on_preempt, 0);
  EXPECT_EQ(options.report + options.mpirun_log, "");
  EXPECT_FALSE(options.preflight);
  EXPECT_EQ(options.timeout, 50s);
  EXPECT_EQ(options.launch_timeout, 50s);
  EXPECT_EQ(options.kill_after, 1s);
}

TEST(CheckLimit, LeavesHalfOfTheTime) {
  EXPECT_EQ(check_limit(4, 60s), 15s);
  EXPECT_EQ(check_limit(4, 10s), 5s);
  EXPECT_EQ(check_limit(65, 20s), 5s);
  EXPECT_EQ(check_limit(0, 60s), 15s);
}

}  // namespace
}  // namespace shipyard::launcher::preflight
