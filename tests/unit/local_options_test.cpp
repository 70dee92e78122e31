#include "batch/local/options.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

namespace shipyard::local {
namespace {

using ::testing::ElementsAre;
using Words = std::vector<std::string>;

Request good(const Words& words, const Environment& environment = {}) {
  auto request = parse_request(words, environment);
  EXPECT_TRUE(request.has_value()) << (request ? "" : request.error().message);
  return request ? *request : Request{};
}

std::string bad(const Words& words, const Environment& environment = {}) {
  auto request = parse_request(words, environment);
  EXPECT_FALSE(request.has_value());
  return request ? "" : request.error().message + " | " + request.error().hint;
}

TEST(ParseRequest, ReadsARun) {
  const auto request = good({"run",
                             "-n",
                             "4",
                             "--image",
                             "my/app",
                             "--subnet",
                             "192.168.7.0/24",
                             "--cpus-per-node",
                             "2",
                             "--shm-size",
                             "1g",
                             "-e",
                             "A=1",
                             "--env",
                             "B",
                             "--run-option=--gpus=all",
                             "--",
                             "app",
                             "-n",
                             "--image"});
  EXPECT_EQ(request.verb, Request::Verb::kRun);
  EXPECT_EQ(request.pool.kind, PoolKind::kRun);
  EXPECT_EQ(request.pool.nodes, 4);
  EXPECT_EQ(request.pool.image, "my/app");
  EXPECT_EQ(request.pool.node_image, "shipyard/node:latest");
  EXPECT_EQ(request.subnet->text(), "192.168.7.0/24");
  EXPECT_EQ(request.cpus_per_node, 2);
  EXPECT_EQ(request.pool.shm_size, "1g");
  EXPECT_THAT(request.pool.environment, ElementsAre("A=1", "B"));
  EXPECT_THAT(request.pool.run_options, ElementsAre("--gpus=all"));
  EXPECT_THAT(request.command, ElementsAre("app", "-n", "--image"));
}

TEST(ParseRequest, TakesTheEnginesAndImagesFromTheEnvironment) {
  Environment environment;
  environment.variables = {
      {"SHIPYARD_ENGINE", "podman"}, {"SHIPYARD_IMAGE", "a"}, {"SHIPYARD_NODE_IMAGE", "b"}};
  const auto request = good({"up"}, environment);
  EXPECT_EQ(request.engine, "podman");
  EXPECT_EQ(request.pool.kind, PoolKind::kUp);
  EXPECT_EQ(request.pool.image, "a");
  EXPECT_EQ(request.pool.node_image, "b");
}

TEST(ParseRequest, ReadsExecAndDown) {
  const auto exec = good({"exec", "--name", "a", "--node", "3", "-i", "--kill-after", "0", "--", "cat"});
  EXPECT_EQ(exec.name, "a");
  EXPECT_EQ(exec.node, 3);
  EXPECT_TRUE(exec.interactive);
  EXPECT_EQ(exec.kill_after, std::chrono::seconds(0));
  EXPECT_TRUE(good({"down", "--all"}).all);
}

TEST(ParseRequest, SaysWhatIsMissingOrWrong) {
  EXPECT_EQ(bad({}), "no command given | Try 'shipyard-local --help'");
  EXPECT_EQ(bad({"rum"}), "unknown command 'rum' | did you mean 'run'? Try 'shipyard-local --help'");
  EXPECT_EQ(bad({"run", "--", "a"}), "no image given: --image IMAGE | Try 'shipyard-local run --help'");
  EXPECT_EQ(bad({"run", "--image", "a"}),
            "no command to run given | it comes last: shipyard-local run [options] -- COMMAND. Try "
            "'shipyard-local run "
            "--help'");
  EXPECT_EQ(bad({"run", "--imagee", "a"}),
            "unknown option '--imagee' | did you mean '--image'? Try 'shipyard-local run --help'");
  EXPECT_EQ(bad({"run", "-n", "0", "--image", "a", "--", "b"}),
            "--nodes: '0' is not a whole number from 1 to 1000 | ");
  EXPECT_EQ(bad({"up", "--image", "a", "--engine", "lxc"}),
            "--engine: 'lxc' is neither docker nor podman | ");
  EXPECT_EQ(bad({"down", "--name", "A"}),
            "--name: not the name of a pool | at most 40 lower-case letters, digits, '-', '_' and '.', a "
            "letter or digit "
            "first");
}

TEST(Help, FitsIntoEightyColumns) {
  for (const char* verb : {"", "run", "up", "exec", "down", "status"}) {
    Words words = {"--help"};
    if (*verb != '\0') words.insert(words.begin(), verb);
    const auto request = good(words);
    EXPECT_EQ(request.verb, Request::Verb::kHelp);
    EXPECT_THAT(request.help, ::testing::StartsWith("Usage: shipyard-local"));
    std::istringstream lines(request.help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << verb << ": " << line;
  }
}

TEST(ParseRequest, ReadsAServe) {
  const auto serve =
      good({"serve", "--listen", "127.0.0.1:0", "--account", "a", "--key-file", "k", "--state", "s",
            "--storage", "d", "--mount", "/here:/there", "--mount=/x:/y", "--node-image", "n"})
          .serve;
  EXPECT_EQ(serve.address, "127.0.0.1");
  EXPECT_EQ(serve.port, 0);
  EXPECT_EQ(serve.account + serve.key_file + serve.state + serve.storage + serve.node_image, "aksdn");
  ASSERT_EQ(serve.mounts.size(), 2u);
  EXPECT_EQ(serve.mounts[0].here, "/here");
  EXPECT_EQ(serve.mounts[0].there, "/there");
  const auto least = good({"serve"}).serve;
  EXPECT_EQ(least.address, "127.0.0.1");
  EXPECT_EQ(least.port, 10077);
  EXPECT_EQ(least.node_image, "shipyard/node:latest");
  EXPECT_EQ(bad({"serve", "--listen", "10077"}),
            "--listen: '10077' is not ADDRESS:PORT | example: 127.0.0.1:10077");
  EXPECT_EQ(bad({"serve", "--listen", "127.0.0.1:x"}),
            "--listen: 'x' is not a whole number from 0 to 65535 | ");
  EXPECT_EQ(bad({"serve", "--mount", "a:/b"}),
            "--mount: 'a:/b' is not HERE:THERE, two absolute paths | example: /home/me/data:/data");
  EXPECT_EQ(bad({"serve", "x"}), "unexpected argument 'x' | Try 'shipyard-local serve --help'");
}

}  // namespace
}  // namespace shipyard::local
