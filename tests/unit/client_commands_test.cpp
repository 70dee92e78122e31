#include "batch/client/commands.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "client_fake_node.hpp"

namespace shipyard::batch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeNode;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using testing::Words;
using Device = ContainerWish::Device;

/// Everything that one of the many quotings on the way could take for its own.
const std::string kNasty =
    "echo 'it''s' \"a  b\" $HOME \\$HOME \\\\ `date` !! # no comment\n\tcat <<'EOF' | grep -c "
    "\"\\\"\"\n$(x)\n"
    "EOF\nif [ \"$1\" = '' ]; then echo \"'\"; fi";

TaskWish task_of(const std::string& image = "app:1") {
  TaskWish task;
  task.image = image;
  task.command = "shipyard-mpirun ./app";
  return task;
}

/// The syntax of the script, and that of the command line around it.
void expect_good_syntax(const std::string& script) {
  Command command;
  command.argv = {"/bin/bash", "-n", "-c", script};
  command.standard_error = Command::Stream::kPipe;
  const auto completed = run(std::move(command), std::chrono::seconds(20));
  ASSERT_TRUE(completed);
  EXPECT_EQ(completed->errors, "") << script;
  EXPECT_TRUE(completed->exit.success()) << script;
  EXPECT_THAT(FakeNode::words_of(bash_command_line(script)), ElementsAre("/bin/bash", "-c", script));
}

/// Whether a call begins so.
bool begins(const Words& call, const Words& beginning) {
  return call.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), call.begin());
}

TEST(CommandLine, IsReadBackUnchanged) {
  EXPECT_EQ(bash_command_line("a 'b' c"), "/bin/bash -c 'a '\\''b'\\'' c'");
  EXPECT_EQ(sh_command_line("a"), "/bin/sh -c 'a'");
  for (const std::string& script : {kNasty, std::string("'"), std::string("\\"), std::string(" a ")}) {
    EXPECT_THAT(FakeNode::words_of(bash_command_line(script)), ElementsAre("/bin/bash", "-c", script));
    EXPECT_THAT(FakeNode::words_of(sh_command_line(script)), ElementsAre("/bin/sh", "-c", script));
  }
}

TEST(CoordinationScript, IsThis) {
  EXPECT_EQ(coordination_script(task_of()),
            "docker rm --force shipyard >/dev/null 2>&1; "
            "docker ps --all --quiet --filter label=shipyard.batch | xargs -r docker rm --force >/dev/null; "
            "docker run --detach --name shipyard --label shipyard.batch=\"$AZ_BATCH_JOB_ID\" "
            "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE --ulimit=memlock=-1 "
            "$(test ! -e /dev/infiniband || echo --device=/dev/infiniband) "
            "$(test ! -e /dev/nvidiactl || echo --gpus=all) "
            "$(test ! -e /dev/kfd || echo --device=/dev/kfd --device=/dev/dri) "
            "--volume \"$AZ_BATCH_NODE_ROOT_DIR:$AZ_BATCH_NODE_ROOT_DIR\" "
            "--env-file <(compgen -e | grep -xE \"AZ_BATCH_.*|CCP_NODES|SHIPYARD_.*\") "
            "app:1 >/dev/null || exit; "
            "docker exec shipyard shipyard-entrypoint --ready 60 && exit; "
            "docker logs shipyard >&2; exit 1");
}

TEST(CoordinationScript, ATasksOwnTakesItsPlace) {
  auto task = task_of();
  task.coordination = "echo mine";
  EXPECT_EQ(coordination_script(task), "echo mine");
}

TEST(CoordinationScript, RemovesWhatWasThereAndStartsTheContainer) {
  FakeNode node;
  node.directory().write("ids", "id1\nid2\n");
  auto task = task_of();
  task.container.shm_size = "8g";
  task.container.unlimited_memlock = false;
  task.container.infiniband = Device::kYes;
  task.container.gpus = Device::kYes;
  task.container.mounts = {"/mnt/my data:/data:ro", "vol:/x"};
  task.container.options = {"--label", "say=\"it's $5\"", "--cpus=4"};
  task.environment = {{"PATH", "/opt/app/bin:/usr/bin"}, {"HOME", "/home/a \"b\" $c\nd"}, {"MINE", "1"}};
  expect_good_syntax(coordination_script(task));
  node.set("MINE", "1");
  const auto completed = node.run(bash_command_line(coordination_script(task)));
  EXPECT_EQ(completed.exit, Exit{});
  EXPECT_EQ(completed.output, "");
  EXPECT_EQ(completed.errors, "");
  auto calls = node.calls();
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_THAT(calls[0], ElementsAre("rm", "--force", "shipyard"));
  EXPECT_THAT(calls[1], ElementsAre("ps", "--all", "--quiet", "--filter", "label=shipyard.batch"));
  EXPECT_THAT(calls[2], ElementsAre("rm", "--force", "id1", "id2"));
  const auto file = std::find(calls[3].begin(), calls[3].end(), "--env-file");
  ASSERT_NE(file, calls[3].end());
  EXPECT_EQ((file + 1)->rfind("/dev/fd/", 0), 0u) << *(file + 1);
  *(file + 1) = "FD";
  const std::string root = node.directory().path();
  EXPECT_EQ(calls[3], (Words{"run",
                             "--detach",
                             "--name",
                             "shipyard",
                             "--label",
                             "shipyard.batch=job-1",
                             "--net=host",
                             "--shm-size=8g",
                             "--cap-add=SYS_PTRACE",
                             "--cap-add=SYS_NICE",
                             "--device=/dev/infiniband",
                             "--gpus=all",
                             "--volume",
                             root + ":" + root,
                             "--volume",
                             "/mnt/my data:/data:ro",
                             "--volume",
                             "vol:/x",
                             "--env-file",
                             "FD",
                             "--env",
                             "HOME=/home/a \"b\" $c\nd",
                             "--env",
                             "PATH=/opt/app/bin:/usr/bin",
                             "--label",
                             "say=\"it's $5\"",
                             "--cpus=4",
                             "app:1"}));
  EXPECT_THAT(calls[4], ElementsAre("exec", "shipyard", "shipyard-entrypoint", "--ready", "60"));
}

TEST(CoordinationScript, HandsOnTheVariablesOfBatchAndOfTheJobAlone) {
  FakeNode node;
  auto task = task_of();
  const std::string value = "one\ntwo  'three' \"four\" $five \\six=\n";
  task.environment = {{"MINE", value}, {"EMPTY", ""}, {"MINE2", "x"}};
  node.set("MINE", value);
  node.set("EMPTY", "");
  node.set("MINE2", "x");
  node.set("MINE22", "another's");
  node.set("XAZ_BATCH_A", "another's");
  node.set("SHIPYARD_SSH_KEY", "a2V5");
  node.set("AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5");
  ASSERT_EQ(node.run(bash_command_line(coordination_script(task))).exit, Exit{});
  const std::string root = node.directory().path();
  EXPECT_THAT(
      node.handed_on(),
      UnorderedElementsAre(Pair("MINE", value), Pair("EMPTY", ""), Pair("MINE2", "x"),
                           Pair("SHIPYARD_SSH_KEY", "a2V5"), Pair("CCP_NODES", "1 10.0.0.4 2"),
                           Pair("AZ_BATCH_JOB_ID", "job-1"), Pair("AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5"),
                           Pair("AZ_BATCH_NODE_ROOT_DIR", root), Pair("AZ_BATCH_TASK_DIR", root + "/task"),
                           Pair("AZ_BATCH_TASK_WORKING_DIR", root + "/task/wd")));
}

TEST(CoordinationScript, GivesNoDevicesWhereNoneAreWanted) {
  auto task = task_of();
  task.container.infiniband = task.container.gpus = Device::kNo;
  const std::string script = coordination_script(task);
  EXPECT_EQ(script.find("/dev/infiniband"), std::string::npos);
  EXPECT_EQ(script.find("--gpus"), std::string::npos);
  EXPECT_EQ(script.find("/dev/kfd"), std::string::npos);
  EXPECT_NE(script.find("--ulimit=memlock=-1 --volume"), std::string::npos);
}

TEST(CoordinationScript, GpusThatMustBeThereAreThoseOfTheNode) {
  auto task = task_of();
  task.container.gpus = Device::kYes;
  EXPECT_NE(coordination_script(task).find(
                " $(test -e /dev/kfd && echo --device=/dev/kfd --device=/dev/dri || echo --gpus=all) "),
            std::string::npos);
}

TEST(CoordinationScript, FailsWithTheContainersLogWhereItsSshdDoesNotAnswer) {
  FakeNode node;
  node.directory().write("exec-status", "3");
  const auto completed = node.run(bash_command_line(coordination_script(task_of())));
  EXPECT_EQ(completed.exit, (Exit{false, 1}));
  EXPECT_EQ(completed.errors, "what the container said\n");
  EXPECT_THAT(node.calls().back(), ElementsAre("logs", "shipyard"));
}

TEST(CoordinationScript, FailsAsDockerDoesWhereTheContainerDoesNotStart) {
  FakeNode node;
  node.directory().write("run-status", "125");
  const auto completed = node.run(bash_command_line(coordination_script(task_of())));
  EXPECT_EQ(completed.exit, (Exit{false, 125}));
  EXPECT_TRUE(begins(node.calls().back(), {"run"}));
}

TEST(BelongsToTheVm, WhatAShellSetsAndWhatProgramsOfTheVmWouldObey) {
  for (const char* name : {"PATH", "HOME", "HOSTNAME", "PWD", "OLDPWD", "USER", "LOGNAME", "SHELL", "SHLVL",
                           "_", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "SHELLOPTS", "DOCKER_HOST"})
    EXPECT_TRUE(belongs_to_the_vm(name)) << name;
  for (const char* name : {"", "path", "PATH2", "MY_HOME", "OMP_NUM_THREADS", "AZ_BATCH_JOB_ID", "__"})
    EXPECT_FALSE(belongs_to_the_vm(name)) << name;
}

TEST(ApplicationScript, IsThis) {
  EXPECT_EQ(application_script(task_of()),
            "lifeline=$AZ_BATCH_TASK_DIR/lifeline; rm -f \"$lifeline\" && mkfifo \"$lifeline\" || exit; "
            "exec docker exec --interactive --workdir \"$AZ_BATCH_TASK_WORKING_DIR\" "
            "--env SHIPYARD_LIFELINE=stdin shipyard /bin/sh -c \"shipyard-mpirun ./app\" <>\"$lifeline\"");
}

TEST(ApplicationScript, TheCommandArrivesUnchanged) {
  FakeNode node;
  auto task = task_of();
  task.command = kNasty;
  expect_good_syntax(application_script(task));
  node.directory().write("exec-status", "17");
  node.directory().write("task/lifeline", "left by an earlier attempt");
  const auto completed = node.run(bash_command_line(application_script(task)));
  EXPECT_EQ(completed.errors, "");
  EXPECT_EQ(completed.exit, (Exit{false, 17}));
  const auto calls = node.calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0], (Words{"exec", "--interactive", "--workdir", node.directory().path("task/wd"), "--env",
                             "SHIPYARD_LIFELINE=stdin", "shipyard", "/bin/sh", "-c", kNasty}));
  EXPECT_EQ(node.directory().read("lifeline"), "yes\n") << "its standard input is the lifeline";
}

TEST(ApplicationScript, RunsInTheDirectoryThatIsAskedFor) {
  FakeNode node;
  auto task = task_of();
  task.container.working_directory = "/data/my $dir";
  ASSERT_EQ(node.run(bash_command_line(application_script(task))).exit, Exit{});
  EXPECT_TRUE(begins(node.calls()[0], {"exec", "--interactive", "--workdir", "/data/my $dir", "--env"}));
}

TEST(PullScript, PullsWhatIsNotThereAndWhatMayHaveChanged) {
  EXPECT_EQ(pull_script({}, {"a:1", "r.example:5000/b"}),
            "set -e; docker image inspect a:1 >/dev/null 2>&1 || docker pull --quiet a:1; "
            "docker pull --quiet r.example:5000/b");
  EXPECT_EQ(pull_script({}, {}), "set -e");
  FakeNode node;
  node.directory().write("image-a:1", "");
  node.directory().write("image-x_a:latest", "");
  const std::string script =
      pull_script({}, {"a:1", "b:1", "x/a:latest", "c@sha256:00", "r.example:5000/d:2"});
  expect_good_syntax(script);
  ASSERT_EQ(node.run(bash_command_line(script)).exit, Exit{});
  EXPECT_THAT(node.calls(),
              ElementsAre(ElementsAre("image", "inspect", "a:1"), ElementsAre("image", "inspect", "b:1"),
                          ElementsAre("pull", "--quiet", "b:1"), ElementsAre("pull", "--quiet", "x/a:latest"),
                          ElementsAre("image", "inspect", "c@sha256:00"),
                          ElementsAre("pull", "--quiet", "c@sha256:00"),
                          ElementsAre("image", "inspect", "r.example:5000/d:2"),
                          ElementsAre("pull", "--quiet", "r.example:5000/d:2")));
}

TEST(ReleaseScript, RemovesTheContainersOfTheJob) {
  EXPECT_EQ(release_script(),
            "docker ps --all --quiet --filter label=shipyard.batch=\"$AZ_BATCH_JOB_ID\" | "
            "xargs -r docker rm --force");
  FakeNode node;
  ASSERT_EQ(node.run(bash_command_line(release_script())).exit, Exit{});
  EXPECT_THAT(node.calls(),
              ElementsAre(ElementsAre("ps", "--all", "--quiet", "--filter", "label=shipyard.batch=job-1")));
  node.directory().write("ids", "id1\n");
  ASSERT_EQ(node.run(bash_command_line(release_script())).exit, Exit{});
  EXPECT_THAT(node.calls().back(), ElementsAre("rm", "--force", "id1"));
}

PoolWish pool_of(std::vector<Registry> registries) {
  PoolWish pool;
  pool.vm_size = "Standard_D4s_v5";
  pool.registries = std::move(registries);
  return pool;
}

TEST(StartScript, LogsInAndPulls) {
  FakeNode node;
  auto pool = pool_of({{"r1.example", "user \"one\"", Secret("unused here"), ""},
                       {"r2.example", "two", Secret("unused here"), ""}});
  pool.start_task = "printf '%s\\n' \"it's $((1 + 1))\" > \"$AZ_BATCH_NODE_ROOT_DIR/started\"";
  const std::string script = start_script(pool, {"a:1"});
  expect_good_syntax(script);
  node.set(registry_variable(0), "hush $1 'a' \"b\" %s\\n");
  node.set(registry_variable(1), "hush-2");
  const auto completed = node.run(bash_command_line(script));
  EXPECT_EQ(completed.errors, "");
  ASSERT_EQ(completed.exit, Exit{});
  EXPECT_EQ(node.directory().read("started"), "it's 2\n");
  EXPECT_THAT(
      node.calls(),
      ElementsAre(ElementsAre("login", "r1.example", "--username", "user \"one\"", "--password-stdin"),
                  ElementsAre("login", "r2.example", "--username", "two", "--password-stdin"),
                  ElementsAre("image", "inspect", "a:1"), ElementsAre("pull", "--quiet", "a:1")));
  EXPECT_THAT(node.passwords(), ElementsAre("hush $1 'a' \"b\" %s\\n", "hush-2"));
  EXPECT_EQ(script.find("unused"), std::string::npos);
}

TEST(PullScript, LogsInByTheNodesIdentity) {
  FakeNode node;
  const std::string script = pull_script({{"r3.example", "", Secret(), "/id/3"}}, {});
  expect_good_syntax(script);
  const auto completed = node.run(bash_command_line(script));
  EXPECT_EQ(completed.errors, "");
  ASSERT_EQ(completed.exit, Exit{});
  EXPECT_THAT(node.calls("curl-calls"),
              ElementsAre(ElementsAre("-fsS", "-H", "Metadata:true",
                                      "http://169.254.169.254/metadata/identity/oauth2/"
                                      "token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure."
                                      "com%2F&msi_res_id=/id/3"),
                          ElementsAre("-fsS", "--data", "@-", "https://r3.example/oauth2/exchange")));
  EXPECT_EQ(node.directory().read("posted"),
            "grant_type=access_token&service=r3.example&access_token=hush-access");
  EXPECT_THAT(node.calls(),
              ElementsAre(ElementsAre("login", "r3.example", "--username",
                                      "00000000-0000-0000-0000-000000000000", "--password-stdin")));
  EXPECT_THAT(node.passwords(), ElementsAre("hush-refresh\n"));
}

TEST(StartScript, EndsWhereTheUsersOwnCommandFails) {
  FakeNode node;
  auto pool = pool_of({});
  pool.start_task = "exit 7";
  EXPECT_EQ(node.run(bash_command_line(start_script(pool, {"a"}))).exit, (Exit{false, 7}));
  EXPECT_TRUE(node.calls().empty());
}

TEST(StartScript, AUsersCommandMayEndInAComment) {
  FakeNode node;
  auto pool = pool_of({});
  for (const char* command : {"echo one # two", "echo one\n", "cat <<END\none\nEND", "echo one;"}) {
    pool.start_task = command;
    const auto completed = node.run(bash_command_line(start_script(pool, {})));
    EXPECT_EQ(completed.errors, "") << command;
    EXPECT_EQ(completed.output, "one\n") << command;
    EXPECT_EQ(completed.exit, Exit{}) << command;
  }
}

TEST(NativeRunOptions, GoByTheTypeOfTheVms) {
  const auto task = task_of();
  const std::string common =
      "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE --ulimit=memlock=-1";
  EXPECT_EQ(native_run_options(task, "Standard_D4s_v5"), common);
  EXPECT_EQ(native_run_options(task, ""), common);
  EXPECT_EQ(native_run_options(task, "Standard_HB120rs_v3"), common + " --device=/dev/infiniband");
  EXPECT_EQ(native_run_options(task, "Standard_ND96asr_v4"), common + " --device=/dev/infiniband --gpus=all");
  EXPECT_EQ(native_run_options(task, "Standard_ND96isr_MI300X_v5"),
            common + " --device=/dev/infiniband --device=/dev/kfd --device=/dev/dri");
}

TEST(NativeRunOptions, AWishGoesBeforeTheType) {
  auto task = task_of();
  task.container.infiniband = Device::kNo;
  task.container.gpus = Device::kNo;
  task.container.unlimited_memlock = false;
  task.container.mounts = {"/mnt/my data:/data:ro"};
  task.container.options = {"--env", "A=it's"};
  EXPECT_EQ(native_run_options(task, "Standard_ND96asr_v4"),
            "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE '--volume=/mnt/my "
            "data:/data:ro' --env "
            "'A=it'\\''s'");
  task = task_of();
  task.container.infiniband = Device::kYes;
  task.container.gpus = Device::kYes;
  EXPECT_EQ(native_run_options(task, ""),
            "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE --ulimit=memlock=-1 "
            "--device=/dev/infiniband "
            "--gpus=all");
  EXPECT_EQ(native_run_options(task, "Standard_ND96isr_MI300X_v5"),
            "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE --ulimit=memlock=-1 "
            "--device=/dev/infiniband "
            "--device=/dev/kfd --device=/dev/dri");
}

}  // namespace
}  // namespace shipyard::batch
