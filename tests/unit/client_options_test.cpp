#include "batch/client/options.hpp"

#include <gmock/gmock.h>

#include "client_errors.hpp"

namespace shipyard::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::shown;
using ::testing::StartsWith;
using Verb = Request::Verb;
using Words = std::vector<std::string>;

Request good(const Words& words, const Environment& environment = {}) {
  auto request = parse_request(words, environment);
  EXPECT_TRUE(request.has_value()) << shown(request);
  return request ? *request : Request{};
}

std::string bad(const Words& words, const Environment& environment = {}) {
  return shown(parse_request(words, environment));
}

TEST(ParseRequest, RunTakesAFileAndACommand) {
  const auto request = good({"run", "-n",       "8",  "--job",     "j",  "--pool",
                             "p",   "--image",  "i",  "--new",     "-v", "--retry-infrastructure",
                             "2",   "--poll",   "1s", "--give-up", "1h", "--kill-after",
                             "0s",  "job.yaml", "--", "app",       "-n", "--help"});
  EXPECT_EQ(request.verb, Verb::kRun);
  EXPECT_EQ(request.file, "job.yaml");
  EXPECT_THAT(request.command, ElementsAre("app", "-n", "--help"));
  EXPECT_EQ(request.nodes, 8);
  EXPECT_EQ(request.job, "j");
  EXPECT_EQ(request.pool, "p");
  EXPECT_EQ(request.image, "i");
  EXPECT_TRUE(request.once_more);
  EXPECT_EQ(request.retry_infrastructure, 2);
  EXPECT_EQ(request.poll, std::chrono::seconds(1));
  EXPECT_EQ(request.give_up, std::chrono::hours(1));
  EXPECT_EQ(request.kill_after, std::chrono::seconds(0));
  EXPECT_EQ(request.verbosity, Verbosity::kCommands);
}

TEST(ParseRequest, OptionsBehindTheProgramAreItsOwn) {
  const auto request = good({"run", "-n", "8", "job.yaml", "--job", "j", "app", "-n", "4", "--help"});
  EXPECT_EQ(request.file, "job.yaml");
  EXPECT_EQ(request.nodes, 8);
  EXPECT_EQ(request.job, "j");
  EXPECT_THAT(request.command, ElementsAre("app", "-n", "4", "--help"));
}

TEST(ParseRequest, WhatIsNotGivenHasItsDefault) {
  const auto request = good({"run", "job.yaml"});
  EXPECT_EQ(request.nodes, std::nullopt);
  EXPECT_EQ(request.job + request.task + request.pool + request.image + request.output, "");
  EXPECT_TRUE(request.command.empty());
  EXPECT_FALSE(request.once_more);
  EXPECT_EQ(request.retry_infrastructure, 0);
  EXPECT_EQ(request.poll, std::chrono::seconds(5));
  EXPECT_EQ(request.give_up, std::chrono::minutes(10));
  EXPECT_EQ(request.kill_after, std::chrono::seconds(60));
  EXPECT_EQ(request.verbosity, Verbosity::kNormal);
  EXPECT_EQ(request.sign_in, "auto");
  EXPECT_EQ(request.api_version, "2024-02-01.19.0");
}

TEST(ParseRequest, EachVerbHasItsOperands) {
  EXPECT_EQ(good({"submit", "f"}).verb, Verb::kSubmit);
  EXPECT_EQ(good({"submit", "f", "--new"}).file, "f");
  const auto render = good({"render", "--json", "--retry-infrastructure", "3", "f", "--", "x"});
  EXPECT_EQ(render.verb, Verb::kRender);
  EXPECT_TRUE(render.json);
  EXPECT_EQ(render.retry_infrastructure, 3);
  EXPECT_THAT(render.command, ElementsAre("x"));
  const auto status = good({"status", "j", "t", "--json"});
  EXPECT_EQ(status.verb, Verb::kStatus);
  EXPECT_EQ(status.job, "j");
  EXPECT_EQ(status.task, "t");
  EXPECT_TRUE(status.json);
  const auto logs = good({"logs", "-f", "--node", "2", "j"});
  EXPECT_EQ(logs.verb, Verb::kLogs);
  EXPECT_TRUE(logs.follow);
  EXPECT_EQ(logs.node, "2");
  EXPECT_EQ(logs.job, "j");
  EXPECT_EQ(logs.task, "");
  const auto terminate = good({"terminate", "--delete", "j"});
  EXPECT_EQ(terminate.verb, Verb::kTerminate);
  EXPECT_TRUE(terminate.delete_job);
  const auto diagnose = good({"diagnose", "j", "--output", "x.tar.gz"});
  EXPECT_EQ(diagnose.verb, Verb::kDiagnose);
  EXPECT_EQ(diagnose.output, "x.tar.gz");
  EXPECT_EQ(good({"cleanup", "p"}).verb, Verb::kCleanup);
  EXPECT_EQ(good({"cleanup", "p"}).pool, "p");
  const auto convert = good({"convert", "dir", "--output", "out"});
  EXPECT_EQ(convert.verb, Verb::kConvert);
  EXPECT_EQ(convert.shipyard_config, "dir");
  EXPECT_EQ(convert.output, "out");
  EXPECT_EQ(good({"schema"}).verb, Verb::kSchema);
}

TEST(ParseRequest, APoolHasVerbsOfItsOwn) {
  EXPECT_EQ(good({"pool", "create", "f"}).verb, Verb::kPoolCreate);
  EXPECT_EQ(good({"pool", "create", "f"}).file, "f");
  EXPECT_EQ(good({"pool", "status", "p", "--json"}).verb, Verb::kPoolStatus);
  const auto resize = good({"pool", "resize", "p", "--dedicated", "0", "--spot", "4"});
  EXPECT_EQ(resize.verb, Verb::kPoolResize);
  EXPECT_EQ(resize.pool, "p");
  EXPECT_EQ(resize.dedicated, 0);
  EXPECT_EQ(resize.spot, 4);
  EXPECT_EQ(good({"pool", "delete", "p"}).verb, Verb::kPoolDelete);
}

TEST(ParseRequest, BatchShipyardsConfigurationTakesTheFilesPlace) {
  const auto request = good({"run", "--shipyard-config", "dir", "--", "app"});
  EXPECT_EQ(request.file, "");
  EXPECT_EQ(request.shipyard_config, "dir");
  EXPECT_THAT(request.command, ElementsAre("app"));
  EXPECT_EQ(good({"pool", "create", "--shipyard-config", "dir"}).shipyard_config, "dir");
}

TEST(ParseRequest, TheEnvironmentComesBehindTheOptions) {
  Environment environment;
  environment.variables = {{"SHIPYARD_SIGN_IN", "az"}, {"SHIPYARD_API_VERSION", "2022-10-01.16.0"}};
  EXPECT_EQ(good({"status", "j"}, environment).sign_in, "az");
  EXPECT_EQ(good({"status", "j"}, environment).api_version, "2022-10-01.16.0");
  EXPECT_EQ(good({"status", "j", "--sign-in", "key"}, environment).sign_in, "key");
}

TEST(ParseRequest, HowMuchIsSaid) {
  EXPECT_EQ(good({"status", "j", "-q"}).verbosity, Verbosity::kQuiet);
  EXPECT_EQ(good({"status", "j", "-v"}).verbosity, Verbosity::kCommands);
  EXPECT_EQ(good({"status", "j", "-vv"}).verbosity, Verbosity::kDecisions);
  EXPECT_EQ(good({"status", "j", "-v", "--verbose", "-v"}).verbosity, Verbosity::kDecisions);
}

TEST(ParseRequest, HelpAndVersion) {
  for (const Words& words : {Words{"--help"}, {"-h"}, {"help"}, {"help", "run"}}) {
    EXPECT_EQ(good(words).verb, Verb::kHelp);
    EXPECT_THAT(good(words).help, StartsWith("Usage: shipyard-submit COMMAND [options]\n"));
  }
  EXPECT_EQ(good({"--version"}).verb, Verb::kVersion);
  EXPECT_EQ(good({"run", "--version"}).verb, Verb::kVersion);
  for (const Words& verb : {Words{"run"},
                            {"submit"},
                            {"render"},
                            {"status"},
                            {"logs"},
                            {"terminate"},
                            {"diagnose"},
                            {"cleanup"},
                            {"pool", "create"},
                            {"pool", "status"},
                            {"pool", "resize"},
                            {"pool", "delete"},
                            {"convert"},
                            {"schema"}}) {
    Words words = verb;
    words.emplace_back("--help");
    const auto request = good(words);
    EXPECT_EQ(request.verb, Verb::kHelp);
    std::string name = verb[0];
    if (verb.size() > 1) name += " " + verb[1];
    EXPECT_THAT(request.help, StartsWith("Usage: shipyard-submit " + name + " "));
    EXPECT_THAT(request.help, HasSubstr("Exit status"));
    for (std::size_t at = 0; at < request.help.size();) {
      const auto end = std::min(request.help.find('\n', at), request.help.size());
      EXPECT_LE(end - at, 80u) << request.help.substr(at, end - at);
      at = end + 1;
    }
  }
  EXPECT_EQ(good({"pool", "--help"}).verb, Verb::kHelp);
}

TEST(ParseRequest, SaysWhatIsMissing) {
  EXPECT_EQ(bad({}), "t: error: no command given\nhint: Try 'shipyard-submit --help'\n");
  EXPECT_EQ(bad({"run"}),
            "t: error: no job file given\n"
            "hint: shipyard-submit run [options] FILE [-- COMMAND...]. Try 'shipyard-submit run --help'\n");
  EXPECT_EQ(bad({"pool", "create"}),
            "t: error: no job file given\n"
            "hint: shipyard-submit pool create [options] FILE. Try 'shipyard-submit pool create --help'\n");
  for (const char* verb : {"status", "logs", "terminate", "diagnose"}) {
    EXPECT_EQ(bad({verb}), "t: error: no job given\nhint: shipyard-submit " + std::string(verb) +
                               " [options] JOB [TASK]. Try 'shipyard-submit " + verb + " --help'\n");
  }
  for (const char* verb : {"status", "resize", "delete"}) {
    Words words = {"pool", verb, "--spot=1"};
    if (std::string(verb) != "resize") words.pop_back();
    EXPECT_EQ(bad(words), "t: error: no pool given\nhint: shipyard-submit pool " + std::string(verb) +
                              " [options] POOL. Try 'shipyard-submit pool " + verb + " --help'\n");
  }
  EXPECT_EQ(bad({"cleanup"}),
            "t: error: no pool given\n"
            "hint: shipyard-submit cleanup [options] POOL. Try 'shipyard-submit cleanup --help'\n");
  EXPECT_EQ(bad({"convert"}),
            "t: error: no directory given\n"
            "hint: shipyard-submit convert [options] DIR. Try 'shipyard-submit convert --help'\n");
  EXPECT_EQ(bad({"pool", "resize", "p"}),
            "t: error: neither --dedicated nor --spot given\nhint: how many nodes the pool is to have\n");
  EXPECT_EQ(bad({"pool"}),
            "t: error: pool: one of create, status, resize, delete is wanted\nhint: Try 'shipyard-submit "
            "--help'\n");
}

TEST(ParseRequest, SaysWhatIsWrong) {
  EXPECT_EQ(bad({"rnu", "f"}),
            "t: error: unknown command 'rnu'\nhint: did you mean 'run'? Try 'shipyard-submit --help'\n");
  EXPECT_EQ(bad({"xyzzyxyzzy"}),
            "t: error: unknown command 'xyzzyxyzzy'\nhint: Try 'shipyard-submit --help'\n");
  EXPECT_EQ(bad({"pool", "creat", "f"}),
            "t: error: unknown command 'pool creat'\nhint: did you mean 'pool create'? Try 'shipyard-submit "
            "--help'\n");
  EXPECT_EQ(
      bad({"run", "--node", "2", "f"}),
      "t: error: unknown option '--node'\nhint: did you mean '--nodes'? Try 'shipyard-submit run --help'\n");
  EXPECT_EQ(bad({"run", "f", "--pool"}),
            "t: error: option '--pool' needs a value: ID\nhint: Try 'shipyard-submit run --help'\n");
  EXPECT_EQ(bad({"status", "j", "t", "x"}),
            "t: error: unexpected argument 'x'\nhint: Try 'shipyard-submit status --help'\n");
  EXPECT_EQ(bad({"cleanup", "p", "q"}),
            "t: error: unexpected argument 'q'\nhint: Try 'shipyard-submit cleanup --help'\n");
  EXPECT_EQ(bad({"pool", "create", "--shipyard-config", "d", "f"}),
            "t: error: unexpected argument 'f'\nhint: Try 'shipyard-submit pool create --help'\n");
  EXPECT_EQ(bad({"schema", "x"}),
            "t: error: unexpected argument 'x'\nhint: Try 'shipyard-submit schema --help'\n");
  EXPECT_EQ(bad({"run", "f", "-n", "0"}), "t: error: --nodes: '0' is not a whole number from 1 to 100000\n");
  EXPECT_EQ(bad({"run", "f", "--retry-infrastructure", "-1"}),
            "t: error: --retry-infrastructure: '-1' is not a whole number from 0 to 100000\n");
  EXPECT_EQ(bad({"pool", "resize", "p", "--spot", "x"}),
            "t: error: --spot: 'x' is not a whole number from 0 to 100000\n");
  EXPECT_EQ(bad({"run", "f", "--poll", "5"}),
            "t: error: --poll: '5' is not a time\nhint: examples: 90s, 30m, 2h, 7d, PT2H\n");
}

}  // namespace
}  // namespace shipyard::batch
