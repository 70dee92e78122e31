#include "batch/client/load_job.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "client_errors.hpp"
#include "temporary_directory.hpp"

namespace shipyard::batch {
namespace {

using shipyard::testing::TemporaryDirectory;
using testing::shown;

TEST(LoadJob, WhatTheCommandLineSaysTakesThePlaceOfTheFiles) {
  const TemporaryDirectory directory;
  Request request;
  request.file =
      directory.write("job.yaml",
                      "pool: {vm_size: v, native: true, spot: 4}\nimage: i\nnodes: 2\ncommand: x\nid: a\n"
                      "raw: {pool: {displayName: d}}\n");
  request.job = "b";
  request.pool = "p";
  request.nodes = 7;
  request.image = "j";
  request.command = {"app", "a b", "it's"};
  const auto job = load_job(request, {});
  ASSERT_TRUE(job) << shown(job);
  EXPECT_EQ(job->id, "b");
  EXPECT_EQ(job->pool.id, "p");
  EXPECT_FALSE(job->pool.is_new());
  EXPECT_TRUE(job->pool.native);
  EXPECT_EQ(job->pool.spot, 0);
  EXPECT_TRUE(job->raw_pool.empty()) << "the pool is there already";
  EXPECT_EQ(job->tasks[0].nodes, 7);
  EXPECT_EQ(job->tasks[0].image, "j");
  EXPECT_EQ(job->tasks[0].command, "app 'a b' 'it'\\''s'");
}

TEST(LoadJob, ACommandIsForOneTask) {
  const TemporaryDirectory directory;
  Request request;
  request.file = directory.write("job.yaml", "pool: p\nimage: i\ntasks: [{id: a}, {id: b}]\n");
  request.command = {"app"};
  EXPECT_EQ(shown(load_job(request, {})), "t: error: '" + request.file +
                                              "' has 2 tasks: which of them is the command for?\n"
                                              "hint: write it into the job file\n");
}

TEST(LoadJob, SecretsComeFromVariablesAndFromFilesBesideIt) {
  const TemporaryDirectory directory;
  Request request;
  request.file = directory.write("job.yaml",
                                 "image: i\npool:\n  vm_size: v\n  registries:\n"
                                 "    - {server: a, user: u, password_variable: PLAIN}\n"
                                 "    - {server: b, user: u, password_variable: TAKEN}\n"
                                 "    - {server: c, user: u, password_file: secret}\n");
  Environment environment;
  environment.variables = {{"PLAIN", "one"}};
  environment.secrets = {{"TAKEN", Secret("two")}};
  ::chmod(directory.write("secret", "three\n").c_str(), 0600);
  const auto job = load_job(request, environment);
  ASSERT_TRUE(job) << shown(job);
  EXPECT_EQ(job->pool.registries[0].password, Secret("one"));
  EXPECT_EQ(job->pool.registries[1].password, Secret("two"));
  EXPECT_EQ(job->pool.registries[2].password, Secret("three"));
  environment.variables = {{"PLAIN", ""}};
  EXPECT_EQ(shown(load_job(request, environment)),
            "t: error: " + request.file + ":5: pool.registries[0]: the variable PLAIN is not set\n" +
                "      - {server: a, user: u, password_variable: PLAIN}\n        ^\n");
}

TEST(LoadJob, APasswordThatJsonCannotHoldIsRefusedAndNotShown) {
  const TemporaryDirectory directory;
  Request request;
  request.file = directory.write("job.yaml",
                                 "image: i\npool:\n  vm_size: v\n  registries:\n"
                                 "    - {server: a, user: u, password_variable: WORD}\n");
  Environment environment;
  environment.variables = {{"WORD", "p\xfc"}};
  EXPECT_EQ(shown(load_job(request, environment)),
            "t: error: " + request.file + ":5: pool.registries[0]: the password is no UTF-8 text\n" +
                "      - {server: a, user: u, password_variable: WORD}\n        ^\n");
}

}  // namespace
}  // namespace shipyard::batch
