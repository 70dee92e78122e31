#include "batch/local/node_docker/rewrite.hpp"

#include <gmock/gmock.h>

#include "batch/client/commands.hpp"
#include "client_fake_node.hpp"

namespace shipyard::local::node_docker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using List = std::vector<std::string>;

Node node_of_test() {
  Node node;
  node.container = "p-node-0";
  node.prefix = "p-node-0-";
  node.labels = {{"pool", "p"}, {"node", "0"}};
  node.directory = "/here/node-0";
  node.mounts = {{"/data", "/home/u/data"}, {"/data/big", "/big"}};
  return node;
}

const std::string kIdA = std::string(60, '0') + "abcd";
const std::string kIdB = "abcd" + std::string(60, '1');

Result<std::vector<OwnContainer>> two_containers() {
  return std::vector<OwnContainer>{{kIdA, "p-node-0-shipyard"}, {kIdB, "p-node-0-feed"}};
}

Call call_of(List arguments) {
  Call call;
  call.arguments = std::move(arguments);
  call.working_directory = "/mnt/batch/tasks/workitems/j/job-1/t/wd";
  call.environment = {{"PATH", "/node/bin"}, {"HOME", "/root"}, {"MINE", "1"}};
  call.files = {"/dev/fd/7", "/dev/fd/8"};
  call.unused_name = "0123";
  return call;
}

Result<EngineCall> rewritten(const List& arguments, const Node& node = node_of_test()) {
  return rewrite(call_of(arguments), node, two_containers);
}

List words(const List& arguments, const Node& node = node_of_test()) {
  auto call = rewritten(arguments, node);
  EXPECT_TRUE(call) << call.error().message;
  return call ? call->arguments : List{};
}

std::string refusal(const List& arguments) {
  auto call = rewritten(arguments);
  return call ? "none" : call.error().message + (call.error().hint.empty() ? "" : " | " + call.error().hint);
}

/// Those of `run`, without what every one of them gets at its end.
List run_words(const List& options, const Node& node = node_of_test()) {
  List arguments = {"run", "--name", "n"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.emplace_back("image");
  List result = words(arguments, node);
  const List begin = {"run", "--name=p-node-0-n"};
  const List end = {"--label=pool=p", "--label=node=0", "image"};
  if (result.size() < 5 || List(result.begin(), result.begin() + 2) != begin ||
      List(result.end() - 3, result.end()) != end)
    return {"not as expected"};
  return {result.begin() + 2, result.end() - 3};
}

TEST(Rewrite, ContainersHaveTheNodesVariablesUnlessTheyAreGivenOthers) {
  Node node = node_of_test();
  node.variables = {{"YIELD", "1"}};
  const List all = words({"run", "--env", "YIELD=0", "image"}, node);
  const auto of_node = std::find(all.begin(), all.end(), "--env=YIELD=1");
  const auto of_user = std::find(all.begin(), all.end(), "--env=YIELD=0");
  ASSERT_NE(of_node, all.end());
  ASSERT_NE(of_user, all.end());
  EXPECT_LT(of_node, of_user) << "the last one counts";
}

// --- Each line that shipyard-submit makes, as a shell on the node reads it.

class LinesOfTheClient : public ::testing::Test {
 protected:
  LinesOfTheClient() {
    task_.image = "app:1";
    task_.command = "shipyard-mpirun ./app --env-file x -v /a:/b";
    // Nothing of this machine's devices.
    task_.container.infiniband = task_.container.gpus = batch::ContainerWish::Device::kNo;
    vm_.set("AZ_BATCH_NODE_ROOT_DIR", "/mnt/batch/tasks");
  }
  std::vector<List> rewritten_calls(const std::string& script) {
    const auto completed = vm_.run(batch::bash_command_line(script));
    EXPECT_EQ(completed.errors, "");
    std::vector<List> all;
    for (const auto& words_of_call : vm_.calls()) {
      auto call = rewrite(call_of(words_of_call), node_of_test(), two_containers);
      EXPECT_TRUE(call) << call.error().message;
      if (call) all.push_back(call->arguments);
    }
    return all;
  }
  batch::testing::FakeNode vm_;
  batch::TaskWish task_;
};

TEST_F(LinesOfTheClient, TheCoordinationCommand) {
  vm_.directory().write("ids", kIdB.substr(0, 12) + "\nffffffffffff\n");
  task_.container.mounts = {"/data/my data:/data:ro"};
  task_.environment = {{"HOME", "/home/a"}};
  task_.container.options = {"--cpus=4"};
  const auto calls = rewritten_calls(batch::coordination_script(task_));
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_THAT(calls[0], ElementsAre("rm", "--force", "p-node-0-shipyard"));
  EXPECT_THAT(calls[1], ElementsAre("ps", "--all", "--quiet", "--filter=label=shipyard.batch",
                                    "--filter=label=pool=p", "--filter=label=node=0"));
  EXPECT_THAT(calls[2], ElementsAre("rm", "--force", kIdB, "p-node-0-ffffffffffff"));
  EXPECT_THAT(
      calls[3],
      ElementsAre("run", "--detach", "--name=p-node-0-shipyard", "--label=shipyard.batch=job-1",
                  "--net=container:p-node-0", "--shm-size=1g", "--cap-add=SYS_PTRACE", "--cap-add=SYS_NICE",
                  "--ulimit=memlock=-1", "--volume=/here/node-0:/mnt/batch/tasks",
                  "--volume=/home/u/data/my data:/data:ro", "--env-file=/dev/fd/7", "--env=HOME=/home/a",
                  "--cpus=4", "--label=pool=p", "--label=node=0", "app:1"));
  EXPECT_THAT(calls[4], ElementsAre("exec", "p-node-0-shipyard", "shipyard-entrypoint", "--ready", "60"));
}

TEST_F(LinesOfTheClient, TheContainersLog) {
  vm_.directory().write("exec-status", "3");
  (void)vm_.run(batch::bash_command_line(batch::coordination_script(task_)));
  EXPECT_THAT(words(vm_.calls().back()), ElementsAre("logs", "p-node-0-shipyard"));
}

TEST_F(LinesOfTheClient, TheApplicationCommand) {
  const auto calls = rewritten_calls(batch::application_script(task_));
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_THAT(calls[0], ElementsAre("exec", "--interactive", "--workdir=" + vm_.directory().path("task/wd"),
                                    "--env=SHIPYARD_LIFELINE=stdin", "p-node-0-shipyard", "/bin/sh", "-c",
                                    task_.command));
}

TEST_F(LinesOfTheClient, TheReleaseTask) {
  vm_.directory().write("ids", kIdA + "\n");
  const auto calls = rewritten_calls(batch::release_script());
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_THAT(calls[0], ElementsAre("ps", "--all", "--quiet", "--filter=label=shipyard.batch=job-1",
                                    "--filter=label=pool=p", "--filter=label=node=0"));
  EXPECT_THAT(calls[1], ElementsAre("rm", "--force", kIdA));
}

TEST_F(LinesOfTheClient, TheStartTask) {
  batch::PoolWish pool;
  pool.registries = {{"r1.example", "user \"one\"", Secret("x"), ""}};
  vm_.set(batch::registry_variable(0), "hush");
  const auto calls = rewritten_calls(batch::start_script(pool, {"a:1", "b"}));
  EXPECT_THAT(calls,
              ElementsAre(ElementsAre("login", "--username=user \"one\"", "--password-stdin", "r1.example"),
                          ElementsAre("image", "inspect", "a:1"), ElementsAre("pull", "--quiet", "a:1"),
                          ElementsAre("pull", "--quiet", "b")));
}

TEST_F(LinesOfTheClient, ThePreparationWithTheNodesIdentity) {
  const auto calls = rewritten_calls(batch::pull_script({{"r3.example", "", Secret(), "/id/3"}}, {"a:1"}));
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_THAT(calls[0], ElementsAre("login", "--username=00000000-0000-0000-0000-000000000000",
                                    "--password-stdin", "r3.example"));
}

// --- Words behind the image

TEST(Rewrite, WordsBehindTheImageAreTheProgramsOwn) {
  const List program = {"image", "--net=host", "-v",    "/nowhere:/x", "--name",
                        "n",     "--",         "--pid", "host",        "memlock=-1"};
  for (const char* verb : {"run", "create"}) {
    List arguments = {verb, "--rm"};
    arguments.insert(arguments.end(), program.begin(), program.end());
    const List result = words(arguments);
    EXPECT_EQ(List(result.end() - 10, result.end()), program);
    EXPECT_EQ(List(result.begin(), result.end() - 10),
              (List{verb, "--rm", "--name=p-node-0-0123", "--label=pool=p", "--label=node=0"}));
  }
  EXPECT_THAT(words({"exec", "shipyard", "docker", "rm", "--force", "-v", "/x"}),
              ElementsAre("exec", "p-node-0-shipyard", "docker", "rm", "--force", "-v", "/x"));
  EXPECT_THAT(words({"top", "shipyard", "-o", "pid"}), ElementsAre("top", "p-node-0-shipyard", "-o", "pid"));
}

// --- The host is the node

TEST(Rewrite, TheHostsNamespacesAreTheNodes) {
  for (const List& host : {List{"--net", "host"}, List{"--net=host"}, List{"--network", "host"},
                           List{"--network=host"}, List{"--network=name=host"}})
    EXPECT_THAT(run_words(host), ElementsAre(::testing::EndsWith("=container:p-node-0")));
  EXPECT_THAT(run_words({"--pid", "host", "--ipc=host", "--uts=host"}),
              ElementsAre("--pid=container:p-node-0", "--ipc=container:p-node-0"));
  EXPECT_THAT(run_words({"--ipc=private", "--ipc=shareable"}),
              ElementsAre("--ipc=private", "--ipc=shareable"));
}

TEST(Rewrite, AnotherContainersNamespacesAreThoseOfTheNodesOwn) {
  EXPECT_THAT(
      run_words({"--net=container:shipyard", "--pid=container:" + kIdB.substr(0, 12), "--ipc", "container:x",
                 "--volumes-from", "shipyard:ro", "--link=shipyard:db", "--link", "shipyard"}),
      ElementsAre("--net=container:p-node-0-shipyard", "--pid=container:" + kIdB,
                  "--ipc=container:p-node-0-x", "--volumes-from=p-node-0-shipyard:ro",
                  "--link=p-node-0-shipyard:db", "--link=p-node-0-shipyard"));
  EXPECT_THAT(run_words({"--userns=container:x", "--uts=container:x", "--cgroupns=host"}),
              ElementsAre("--userns=container:p-node-0-x", "--uts=container:p-node-0-x", "--cgroupns=host"));
}

TEST(Rewrite, OtherNetworksAreThisMachinesOrNone) {
  EXPECT_THAT(run_words({"--net=none"}), ElementsAre("--net=none"));
  EXPECT_THAT(run_words({"--network", "bridge"}), ElementsAre("--network=bridge"));
  EXPECT_EQ(refusal({"run", "--network", "mine", "i"}),
            "docker run: --network: the node has no network 'mine' | there are host, none, bridge (of this "
            "machine), "
            "and container:NAME");
  for (const List& publish : {List{"-p", "80:80"}, List{"-P"}, List{"--publish=80"}}) {
    List arguments = {"run"};
    arguments.insert(arguments.end(), publish.begin(), publish.end());
    arguments.emplace_back("i");
    EXPECT_THAT(refusal(arguments),
                ::testing::EndsWith(": the port would be published by this machine, not by the node | with "
                                    "--net=host a container listens on the node's own ports"));
  }
}

TEST(Rewrite, WhatTheHostsNetworkBearsAndAContainersDoesNotIsLeftOutWithANote) {
  const auto call = rewritten({"run", "--net=host", "--hostname", "h", "-p", "80:80", "--expose=1", "--dns",
                               "1.1.1.1", "--dns-opt=x", "i"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_THAT(call->arguments, ElementsAre("run", "--net=container:p-node-0", "--name=p-node-0-0123",
                                           "--label=pool=p", "--label=node=0", "i"));
  EXPECT_THAT(call->notes,
              ElementsAre("--hostname: the container has the node's name, on its network",
                          "-p: all ports of the container are the node's, with --net=host",
                          "--expose: all ports of the container are the node's, with --net=host",
                          "--dns: the container has the node's name servers, on its network",
                          "--dns-opt: the container has the node's name servers, on its network"));
  EXPECT_THAT(run_words({"--hostname", "h"}), ElementsAre("--hostname=h"));
  EXPECT_EQ(refusal({"run", "--add-host=a:1.2.3.4", "--net=host", "i"}),
            "docker run: --add-host: with --net=host a container here shares the node's /etc/hosts | write "
            "the name "
            "into the node's /etc/hosts, in the pool's start task");
}

// --- Names

TEST(Rewrite, NamesAreTheNodesOwn) {
  for (const char* verb : {"rm", "logs", "stop", "kill", "start", "restart", "wait", "attach"})
    EXPECT_THAT(words({verb, "shipyard"}), ElementsAre(verb, "p-node-0-shipyard"));
  EXPECT_THAT(words({"rm", "p-node-0-shipyard"}), ElementsAre("rm", "p-node-0-shipyard")) << "as ps shows it";
  EXPECT_THAT(words({"rm", kIdA, kIdB.substr(0, 12), "feed", "dead"}),
              ElementsAre("rm", kIdA, kIdB, "p-node-0-feed", "p-node-0-dead"))
      << "an id, the beginning of one, a name that could be one, one of nobody here";
  EXPECT_EQ(words({"exec", "abcd", "x"})[1], kIdB);
}

TEST(Rewrite, TheBeginningOfTwoIdsIsRefused) {
  auto two = [] {
    return Result<std::vector<OwnContainer>>(
        std::vector<OwnContainer>{{"ab" + std::string(62, '0'), "a"}, {"ab" + std::string(62, '1'), "b"}});
  };
  auto call = rewrite(call_of({"rm", "ab"}), node_of_test(), two);
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error().message, "docker rm: more than one container's id begins with ab");
}

TEST(Rewrite, AsksTheEngineForIdsAloneAndOnce) {
  int asked = 0;
  const AskOwnContainers ask = [&] {
    ++asked;
    return two_containers();
  };
  ASSERT_TRUE(rewrite(call_of({"exec", "shipyard", "x"}), node_of_test(), ask));
  EXPECT_EQ(asked, 0);
  ASSERT_TRUE(rewrite(call_of({"rm", "ab", "cd", "ef"}), node_of_test(), ask));
  EXPECT_EQ(asked, 1);
  auto fails = rewrite(call_of({"rm", "ab"}), node_of_test(),
                       [] { return Result<std::vector<OwnContainer>>(input_error("no engine")); });
  ASSERT_FALSE(fails);
  EXPECT_EQ(fails.error().message, "no engine");
}

TEST(Rewrite, InspectKnowsContainersOfTheNodeAndImages) {
  EXPECT_THAT(words({"inspect", "--format", "{{.Id}}", "shipyard"}),
              ElementsAre("inspect", "--format={{.Id}}", "--type=container", "p-node-0-shipyard"));
  EXPECT_THAT(words({"inspect", "app:1", "p-node-1-shipyard"}),
              ElementsAre("inspect", "--type=image", "app:1", "p-node-1-shipyard"));
  EXPECT_THAT(words({"inspect", "--type=container", "x"}),
              ElementsAre("inspect", "--type=container", "p-node-0-x"));
  EXPECT_THAT(words({"inspect", "--type=image", "shipyard"}),
              ElementsAre("inspect", "--type=image", "shipyard"));
  EXPECT_THAT(words({"container", "inspect", "x"}), ElementsAre("inspect", "--type=container", "p-node-0-x"));
  EXPECT_EQ(refusal({"inspect", "shipyard", "app:1"}),
            "docker inspect: containers and images in one command | ask for them in two, one with --type "
            "container, one "
            "with --type image");
  EXPECT_EQ(refusal({"inspect", "--type=volume", "v"}),
            "docker inspect: nothing of type 'volume' is known to a node | --type container, or image");
}

TEST(Rewrite, PsShowsTheNodesContainers) {
  auto node = node_of_test();
  node.prefix = "a.b-node-0-";
  auto filter = [&](const char* text) { return words({"ps", "-aq", "-f", text}, node)[4]; };
  EXPECT_EQ(filter("name=ship"), "name=^/?a\\.b-node-0-.*(?:ship)");
  EXPECT_EQ(filter("name=^/ship$"), "name=^/?a\\.b-node-0-(?:ship$)");
  EXPECT_EQ(filter("name=^/?ship"), "name=^/?a\\.b-node-0-(?:ship)");
  EXPECT_EQ(filter("name=^ship"), "name=^/?a\\.b-node-0-(?:ship)");
  EXPECT_EQ(filter("since=ship"), "since=a.b-node-0-ship");
  EXPECT_EQ(filter("label=a=b"), "label=a=b");
  EXPECT_THAT(words({"ps"}), ElementsAre("ps", "--filter=label=pool=p", "--filter=label=node=0"));
}

TEST(Rewrite, NoLabelOfTheUsersTakesAContainerAway) {
  const List result = words({"run", "--label", "node=7", "i"});
  EXPECT_THAT(List(result.end() - 4, result.end()),
              ElementsAre("--name=p-node-0-0123", "--label=pool=p", "--label=node=0", "i"));
}

// --- Paths

TEST(Rewrite, SourcesOfMountsAreTheNodesPaths) {
  EXPECT_THAT(
      run_words({"-v", "/mnt/batch/tasks:/t:ro", "--volume=/mnt/batch/tasks/../tasks//shared/.:/s", "-v",
                 "./in:/in", "-v=../out:/out", "-v", "/data:/d", "-v", "/data/big/x:/x", "-v",
                 "/data/bigger:/y", "-v", "/anonymous", "-v", "named:/n:ro"}),
      ElementsAre("-v", "/here/node-0:/t:ro", "--volume=/here/node-0/shared:/s", "-v",
                  "/here/node-0/workitems/j/job-1/t/wd/in:/in", "-v",
                  "/here/node-0/workitems/j/job-1/t/out:/out", "-v", "/home/u/data:/d", "-v", "/big/x:/x",
                  "-v", "/home/u/data/bigger:/y", "-v", "/anonymous", "-v", "p-node-0-named:/n:ro"));
  EXPECT_THAT(
      run_words({"--mount", "type=bind,source=/data,target=/d,readonly", "--mount", "src=v,dst=/v", "--mount",
                 "type=tmpfs,target=/t", "--mount", "type=volume,target=/w", "--mount",
                 "type=bind,\"src=/data/a,\"\"b\",dst=/c"}),
      ElementsAre("--mount=type=bind,source=/home/u/data,target=/d,readonly", "--mount=src=p-node-0-v,dst=/v",
                  "--mount=type=tmpfs,target=/t", "--mount=type=volume,target=/w",
                  "--mount=type=bind,\"src=/home/u/data/a,\"\"b\",dst=/c"));
}

TEST(Rewrite, AnyOtherSourceIsRefusedWithTheRemedy) {
  const std::string remedy =
      " of the node is not on this machine | only what is below /mnt/batch/tasks is; shipyard-local serve "
      "--mount gives "
      "the nodes more of this machine's directories";
  EXPECT_EQ(refusal({"run", "-v", "/etc:/e", "i"}), "docker run: -v: /etc" + remedy);
  EXPECT_EQ(refusal({"run", "--volume=/mnt/batch/tasks/../../../etc:/e", "i"}),
            "docker run: --volume: /etc" + remedy);
  EXPECT_EQ(refusal({"run", "-v", "/mnt/batch/tasksX:/e", "i"}),
            "docker run: -v: /mnt/batch/tasksX" + remedy);
  EXPECT_EQ(refusal({"create", "--mount=type=bind,src=/var/run/docker.sock,dst=/x", "i"}),
            "docker create: --mount: /var/run/docker.sock" + remedy);
  EXPECT_EQ(refusal({"run", "--cidfile", "/tmp/id", "i"}), "docker run: --cidfile: /tmp/id" + remedy);
  EXPECT_EQ(refusal({"run", "--security-opt=seccomp=/s.json", "i"}),
            "docker run: --security-opt: /s.json" + remedy);
  EXPECT_EQ(refusal({"cp", "shipyard:/x", "/tmp/x"}), "docker cp: /tmp/x: /tmp/x" + remedy);
}

TEST(Rewrite, FilesOfTheClientAreTheNodes) {
  EXPECT_THAT(
      run_words({"--cidfile=id", "--security-opt", "seccomp=unconfined", "--security-opt", "seccomp=s.json"}),
      ElementsAre("--cidfile=/here/node-0/workitems/j/job-1/t/wd/id", "--security-opt=seccomp=unconfined",
                  "--security-opt=seccomp=/here/node-0/workitems/j/job-1/t/wd/s.json"));
  EXPECT_THAT(words({"cp", "-a", "shipyard:/x", "."}),
              ElementsAre("cp", "-a", "p-node-0-shipyard:/x", "/here/node-0/workitems/j/job-1/t/wd"));
  EXPECT_THAT(words({"cp", "/data/d/.", "shipyard:/x:y"}),
              ElementsAre("cp", "/home/u/data/d/.", "p-node-0-shipyard:/x:y"));
  EXPECT_THAT(words({"cp", "./d/", "shipyard:/x"}),
              ElementsAre("cp", "/here/node-0/workitems/j/job-1/t/wd/d/", "p-node-0-shipyard:/x"));
  EXPECT_THAT(words({"cp", "-", "shipyard:/x"}), ElementsAre("cp", "-", "p-node-0-shipyard:/x"));
}

TEST(Rewrite, FilesOfVariablesAreThoseThatCameAlong) {
  EXPECT_THAT(run_words({"--env-file", "a", "--label-file=/b"}),
              ElementsAre("--env-file=/dev/fd/7", "--label-file=/dev/fd/8"));
  EXPECT_THAT(words({"exec", "--env-file=a", "c", "x"}),
              ElementsAre("exec", "--env-file=/dev/fd/7", "p-node-0-c", "x"));
  EXPECT_EQ(refusal({"run", "--env-file=a", "--env-file=b", "--env-file=c", "i"}),
            "docker run: --env-file was not read on the node");
}

// --- Variables

TEST(Rewrite, WhatTheClientObeysItselfIsHandedOnWithTheNodesValue) {
  EXPECT_THAT(
      run_words({"-e", "MINE", "-e", "HOME", "--env=PATH", "-e", "DOCKER_HOST", "--env", "LD_PRELOAD=x"}),
      ElementsAre("-e", "MINE", "-e", "HOME=/root", "--env=PATH=/node/bin", "--env=LD_PRELOAD=x"));
  EXPECT_TRUE(rewritten({"run", "i"})->takes_environment);
  EXPECT_TRUE(rewritten({"exec", "c", "x"})->takes_environment);
  EXPECT_FALSE(rewritten({"pull", "i"})->takes_environment);
  EXPECT_FALSE(belongs_to_the_client("XDG_RUNTIME_DIR", false));
  EXPECT_TRUE(belongs_to_the_client("XDG_RUNTIME_DIR", true));
  EXPECT_TRUE(belongs_to_the_client("CONTAINERS_CONF", true));
}

TEST(FileForTheClient, HasTheNodesValueOfThoseVariables) {
  EXPECT_EQ(file_for_the_client("MINE\nPATH\n#c\nHOME=/x\nDOCKER_X\nLAST", call_of({}), false),
            "MINE\nPATH=/node/bin\n#c\nHOME=/x\nLAST");
  EXPECT_EQ(file_for_the_client("HOME", call_of({}), false), "HOME=/root");
  EXPECT_EQ(file_for_the_client("", call_of({}), false), "");
}

// --- Limits

TEST(Rewrite, LocksAsMuchMemoryAsThisMachineLets) {
  auto node = node_of_test();
  node.memlock_limit = 8u << 20;
  auto one = [&](const std::string& limit) {
    auto call = rewritten({"run", "--ulimit", limit, "i"}, node);
    EXPECT_TRUE(call);
    return call->arguments[1] + (call->notes.empty() ? "" : " | " + call->notes[0]);
  };
  const std::string note = ": this machine lets a container lock 8192 KiB at most";
  EXPECT_EQ(one("memlock=-1"), "--ulimit=memlock=8388608 | --ulimit memlock=-1" + note);
  EXPECT_EQ(one("memlock=-1:-1"), "--ulimit=memlock=8388608:8388608 | --ulimit memlock=-1:-1" + note);
  EXPECT_EQ(one("memlock=4096:9000000"),
            "--ulimit=memlock=4096:8388608 | --ulimit memlock=4096:9000000" + note);
  EXPECT_EQ(one("memlock=99999999999999999999"),
            "--ulimit=memlock=8388608 | --ulimit memlock=99999999999999999999" + note);
  EXPECT_EQ(one("memlock=8388608"), "--ulimit=memlock=8388608");
  EXPECT_EQ(one("memlock=odd"), "--ulimit=memlock=odd");
  EXPECT_EQ(one("nofile=-1"), "--ulimit=nofile=-1");
  EXPECT_THAT(rewritten({"run", "--ulimit=memlock=-1", "--ulimit=memlock=-1", "i"}, node)->notes,
              ElementsAre("--ulimit memlock=-1" + note));
  node.memlock_limit.reset();
  EXPECT_EQ(one("memlock=-1"), "--ulimit=memlock=-1");
}

// --- The rest

TEST(Rewrite, TheEngineIsThisMachines) {
  EXPECT_EQ(refusal({"-H", "tcp://x", "ps"}), "docker -H: a node has one engine, and it is chosen already");
  EXPECT_EQ(refusal({"--context=x", "ps"}),
            "docker --context: a node has one engine, and it is chosen already");
  EXPECT_EQ(refusal({"--config", "/x", "login"}),
            "docker --config: a node has one engine, and it is chosen already");
  for (const List& same : {List{"version"}, List{"info", "--format={{.Name}}"}, List{"images", "-q"},
                           List{"image", "inspect", "x"}, List{"pull", "--quiet", "x"}, List{"logout", "r"},
                           List{"--version"}, List{"login", "--username=u", "--password-stdin", "r"}})
    EXPECT_EQ(words(same), same);
}

TEST(Rewrite, HelpIsDockersOwn) {
  EXPECT_THAT(words({"run", "-v", "/nowhere:/x", "--help"}), ElementsAre("run", "--help"));
}

TEST(Rewrite, SaysWhatMakesOrRemovesSomething) {
  for (const List& some : {List{"run", "-d", "i"}, List{"create", "i"}, List{"rm", "c"}, List{"start", "c"}})
    EXPECT_TRUE(rewritten(some)->changes) << some[0];
  for (const List& some : {List{"run", "i"}, List{"run", "--detach=false", "i"}, List{"exec", "c", "x"},
                           List{"start", "-a", "c"}, List{"logs", "c"}, List{"wait", "c"}, List{"pull", "i"}})
    EXPECT_FALSE(rewritten(some)->changes) << some[0];
}

TEST(NormalPath, IsWithoutDetours) {
  EXPECT_EQ(normal_path("/a//b/./c/../d/", "/w"), "/a/b/d");
  EXPECT_EQ(normal_path("../x", "/w/v"), "/w/x");
  EXPECT_EQ(normal_path("/../..", "/w"), "/");
  EXPECT_EQ(normal_path(".", "/w"), "/w");
}

TEST(PathHere, TheRootOfEitherSideIsADirectoryToo) {
  auto node = node_of_test();
  node.mounts = {{"/opt", "/"}};
  EXPECT_EQ(path_here("/opt/x", node), "/x");
  EXPECT_EQ(path_here("/opt", node), "/");
  node.mounts = {{"/", "/h"}};
  EXPECT_EQ(path_here("/x", node), "/h/x");
  EXPECT_EQ(path_here("/mnt/batch/tasks/x", node), "/here/node-0/x");
}

}  // namespace
}  // namespace shipyard::local::node_docker
