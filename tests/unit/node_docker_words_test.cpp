#include "batch/local/node_docker/words.hpp"

#include <gmock/gmock.h>

namespace shipyard::local::node_docker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using List = std::vector<std::string>;

Words words_of(const List& arguments) {
  auto words = parse_words(arguments);
  EXPECT_TRUE(words) << words.error().message;
  return words ? *words : Words{};
}

std::string error_of(const List& arguments) {
  auto words = parse_words(arguments);
  return words ? "none" : words.error().message;
}

TEST(ParseWords, EndsAtTheImage) {
  const auto words = words_of({"-D", "run", "-it", "--rm", "-eA=1", "-e", "B", "--env=C=2", "--init=false",
                               "-m=1g", "image", "-v", "/x:/y", "--net", "host", "--", "--name"});
  EXPECT_EQ(words.verb, "run");
  EXPECT_EQ(words.global, (std::vector<Option>{{"debug", "-D", std::nullopt, true}}));
  EXPECT_EQ(words.options, (std::vector<Option>{{"interactive", "-i", std::nullopt, true},
                                                {"tty", "-t", std::nullopt, true},
                                                {"rm", "--rm", std::nullopt, true},
                                                {"env", "-e", "A=1"},
                                                {"env", "-e", "B"},
                                                {"env", "--env", "C=2"},
                                                {"init", "--init", "false", true},
                                                {"memory", "-m", "1g"}}));
  EXPECT_THAT(words.operands, ElementsAre("image", "-v", "/x:/y", "--net", "host", "--", "--name"));
  EXPECT_THAT(words.arguments(), ElementsAre("-D", "run", "-i", "-t", "--rm", "-e", "A=1", "-e", "B",
                                             "--env=C=2", "--init=false", "-m", "1g", "image", "-v", "/x:/y",
                                             "--net", "host", "--", "--name"));
  EXPECT_TRUE(words.has("rm"));
  EXPECT_FALSE(words.has("init"));
}

TEST(ParseWords, OptionsOfOtherVerbsStandAnywhere) {
  const auto words = words_of({"rm", "one", "--force", "two", "--", "--three"});
  EXPECT_TRUE(words.has("force"));
  EXPECT_THAT(words.operands, ElementsAre("one", "two", "--three"));
  EXPECT_THAT(words.arguments(), ElementsAre("rm", "--force", "--", "one", "two", "--three"));
}

TEST(ParseWords, DashesEndTheOptionsOfRunToo) {
  const auto words = words_of({"run", "--", "-odd", "--", "x"});
  EXPECT_THAT(words.operands, ElementsAre("-odd", "--", "x"));
  EXPECT_THAT(words.arguments(), ElementsAre("run", "--", "-odd", "--", "x"));
}

TEST(ParseWords, OldSpellingsAreTheUsualOption) {
  EXPECT_EQ(words_of({"run", "--net", "host", "i"}).options[0], (Option{"network", "--net", "host"}));
  EXPECT_EQ(words_of({"stop", "-t", "3", "c"}).arguments(), (List{"stop", "-t", "3", "c"}));
  EXPECT_EQ(words_of({"stop", "--time=3", "c"}).arguments(), (List{"stop", "--time=3", "c"}));
  EXPECT_EQ(words_of({"container", "run", "i"}).verb, "run");
  EXPECT_EQ(words_of({"container", "ls", "-a"}).verb, "ps");
  EXPECT_EQ(words_of({"image", "ls"}).verb, "images");
  EXPECT_EQ(words_of({"image", "pull", "i"}).verb, "pull");
  EXPECT_EQ(words_of({"container", "inspect", "c"}).verb, "container inspect");
  EXPECT_EQ(words_of({"image", "inspect", "i"}).arguments(), (List{"image", "inspect", "i"}));
}

TEST(ParseWords, WhatPflagMakesOfAnEmptyValue) {
  EXPECT_EQ(words_of({"run", "-e=", "i"}).options[0].value, "=");
  EXPECT_EQ(words_of({"run", "--env=", "i"}).options[0].value, "");
  EXPECT_EQ(words_of({"run", "-e", "", "i"}).arguments(), (List{"run", "-e", "", "i"}));
}

TEST(ParseWords, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(error_of({"run", "--netwrk", "host", "i"}), "docker run: unknown option '--netwrk'");
  EXPECT_EQ(parse_words({"run", "--netwrk", "host", "i"}).error().hint, "did you mean '--network'?");
  EXPECT_EQ(error_of({"exec", "-x", "c"}), "docker exec: unknown option '-x'");
  EXPECT_EQ(error_of({"run", "--name"}), "docker run: --name needs a value");
  EXPECT_EQ(error_of({"--fast", "ps"}), "docker: unknown option '--fast'");
  EXPECT_EQ(error_of({"volume", "ls"}), "docker volume: not on the nodes of a pool on this machine");
  EXPECT_EQ(error_of({"container", "prune"}), "docker prune: not on the nodes of a pool on this machine");
  EXPECT_EQ(error_of({"container", "pull", "x"}),
            "docker container pull: not on the nodes of a pool on this machine");
  EXPECT_EQ(error_of({"image", "rm", "x"}), "docker image rm: not on the nodes of a pool on this machine");
  EXPECT_EQ(error_of({"image"}), "docker image: not on the nodes of a pool on this machine");
}

TEST(FilesToRead, AreThoseOfTheClientNotOfTheProgram) {
  EXPECT_THAT(files_to_read(words_of(
                  {"run", "--env-file", "a", "-e", "--env-file", "--label-file=b", "i", "--env-file", "c"})),
              ElementsAre("a", "b"));
  EXPECT_THAT(files_to_read(words_of({"exec", "--env-file=a", "c", "x"})), ElementsAre("a"));
  EXPECT_THAT(files_to_read(words_of({"ps"})), IsEmpty());
}

}  // namespace
}  // namespace shipyard::local::node_docker
