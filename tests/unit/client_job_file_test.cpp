#include "batch/client/job_file.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "client_jobs.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::job_of;
using testing::read_job;
using testing::shown;
using Device = ContainerWish::Device;

TEST(ReadJobFile, TheLeastOfIt) {
  const auto job = job_of("pool: p\nimage: i\n");
  EXPECT_EQ(job.id, "");
  EXPECT_TRUE(job.auto_complete);
  EXPECT_EQ(job.raw_job, json::object());
  EXPECT_EQ(job.raw_pool, json::object());
  EXPECT_EQ(job.pool.id, "p");
  EXPECT_FALSE(job.pool.is_new());
  EXPECT_FALSE(job.pool.native);
  ASSERT_EQ(job.tasks.size(), 1u);
  const auto& task = job.tasks[0];
  EXPECT_EQ(task.id, "mpi");
  EXPECT_EQ(task.image, "i");
  EXPECT_EQ(task.nodes, 1);
  EXPECT_EQ(task.command, "");
  EXPECT_EQ(task.coordination, "");
  EXPECT_TRUE(task.environment.empty());
  EXPECT_TRUE(task.resource_files.empty());
  EXPECT_TRUE(task.common_files.empty());
  EXPECT_TRUE(task.output_files.empty());
  EXPECT_EQ(task.limits.time, "");
  EXPECT_EQ(task.limits.retries, 0);
  EXPECT_EQ(task.limits.retention, "");
  EXPECT_EQ(task.user.name, "");
  EXPECT_TRUE(task.user.admin);
  EXPECT_EQ(task.user.scope, "pool");
  EXPECT_TRUE(task.container.options.empty());
  EXPECT_EQ(task.container.shm_size, "1g");
  EXPECT_TRUE(task.container.unlimited_memlock);
  EXPECT_EQ(task.container.infiniband, Device::kAuto);
  EXPECT_EQ(task.container.gpus, Device::kAuto);
  EXPECT_TRUE(task.container.mounts.empty());
  EXPECT_EQ(task.container.working_directory, "");
  EXPECT_FALSE(task.container.keep);
  EXPECT_EQ(task.raw, json::object());
}

TEST(ReadJobFile, EveryKeyOfATask) {
  const auto job = job_of(R"(
id: my_job-1
pool: {id: p, native: true}
image: registry.example/app:2@sha256:0
nodes: 16
command: [shipyard-mpirun, ./app, "a b"]
coordination: |
  echo one
  echo two
environment: {A: 1, B: , C: "two words"}
resource_files:
  - {url: "https://s/c/b?sig=x", path: in/b, mode: "0600", identity: /id/1}
  - {container: "https://s/c", prefix: p/, path: data}
  - {auto_storage: c}
common_files: [{url: "https://s/c/d", path: d}]
output_files:
  - {pattern: "../std*.txt", container: "https://s/o"}
  - {pattern: "**/*.vtk", container: "https://s/o", path: run1, identity: /id/2, when: success}
limits: {time: 90m, retries: -1, retention: 2d}
user: {admin: false, scope: task}
container:
  options: [--cpus, 4]
  shm_size: 8g
  unlimited_memlock: false
  infiniband: yes
  gpus: no
  mounts: ["/mnt:/data:ro", "name:/x"]
  working_directory: /work
  keep: false
auto_complete: false
raw:
  job: {priority: 5}
  task: {x: {y: 1}}
)");
  EXPECT_EQ(job.id, "my_job-1");
  EXPECT_TRUE(job.pool.native);
  EXPECT_FALSE(job.auto_complete);
  EXPECT_EQ(job.raw_job, json({{"priority", 5}}));
  ASSERT_EQ(job.tasks.size(), 1u);
  const auto& task = job.tasks[0];
  EXPECT_EQ(task.image, "registry.example/app:2@sha256:0");
  EXPECT_EQ(task.nodes, 16);
  EXPECT_EQ(task.command, "shipyard-mpirun ./app 'a b'");
  EXPECT_EQ(task.coordination, "echo one\necho two\n");
  EXPECT_EQ(task.environment,
            (std::map<std::string, std::string>{{"A", "1"}, {"B", ""}, {"C", "two words"}}));
  ASSERT_EQ(task.resource_files.size(), 3u);
  EXPECT_EQ(task.resource_files[0].url, "https://s/c/b?sig=x");
  EXPECT_EQ(task.resource_files[0].path, "in/b");
  EXPECT_EQ(task.resource_files[0].mode, "0600");
  EXPECT_EQ(task.resource_files[0].identity, "/id/1");
  EXPECT_EQ(task.resource_files[1].container, "https://s/c");
  EXPECT_EQ(task.resource_files[1].prefix, "p/");
  EXPECT_EQ(task.resource_files[1].path, "data");
  EXPECT_EQ(task.resource_files[2].auto_storage, "c");
  EXPECT_EQ(task.resource_files[2].path, "");
  ASSERT_EQ(task.common_files.size(), 1u);
  EXPECT_EQ(task.common_files[0].path, "d");
  ASSERT_EQ(task.output_files.size(), 2u);
  EXPECT_EQ(task.output_files[0].pattern, "../std*.txt");
  EXPECT_EQ(task.output_files[0].container, "https://s/o");
  EXPECT_EQ(task.output_files[0].when, "completion");
  EXPECT_EQ(task.output_files[1].path, "run1");
  EXPECT_EQ(task.output_files[1].identity, "/id/2");
  EXPECT_EQ(task.output_files[1].when, "success");
  EXPECT_EQ(task.limits.time, "PT1H30M");
  EXPECT_EQ(task.limits.retries, -1);
  EXPECT_EQ(task.limits.retention, "P2D");
  EXPECT_FALSE(task.user.admin);
  EXPECT_EQ(task.user.scope, "task");
  EXPECT_THAT(task.container.options, ElementsAre("--cpus", "4"));
  EXPECT_EQ(task.container.shm_size, "8g");
  EXPECT_FALSE(task.container.unlimited_memlock);
  EXPECT_EQ(task.container.infiniband, Device::kYes);
  EXPECT_EQ(task.container.gpus, Device::kNo);
  EXPECT_THAT(task.container.mounts, ElementsAre("/mnt:/data:ro", "name:/x"));
  EXPECT_EQ(task.container.working_directory, "/work");
  EXPECT_FALSE(task.container.keep);
  EXPECT_EQ(task.raw, json({{"x", {{"y", 1}}}}));
  EXPECT_EQ(job_of("pool: p\nimage: i\nuser: fred\n").tasks[0].user.name, "fred");
}

TEST(ReadJobFile, EveryKeyOfAPool) {
  const auto job = job_of(R"(
pool:
  id: p
  vm_size: Standard_HB120rs_v3
  vm_image: publisher:offer:sku
  node_agent: batch.node.ubuntu 24.04
  dedicated: 0
  spot: 8
  native: true
  images: [a, b]
  registries:
    - {server: r1, user: u1, password_variable: REGISTRY_PASSWORD}
    - {server: r2, user: u2, password_file: registry.txt}
  subnet: /subnets/s
  start_task: [echo, "a b"]
  mounts:
    - {kind: azure-files, source: "https://s/share", path: share, account: acc, key_variable: ACCOUNT_KEY,
       options: "-o vers=3.0"}
    - {kind: blob, source: c, path: blob, account: acc, key_file: account.key}
    - {kind: nfs, source: "s:/x", path: nfs}
    - {kind: cifs, source: //s/x, path: cifs, account: user, key_file: account.key}
  resize_timeout: 30m
image: i
raw: {pool: {metadata: [{name: a, value: b}]}}
)");
  const auto& pool = job.pool;
  EXPECT_EQ(pool.id, "p");
  EXPECT_TRUE(pool.is_new());
  EXPECT_EQ(pool.vm_size, "Standard_HB120rs_v3");
  EXPECT_EQ(pool.vm_image, "publisher:offer:sku");
  EXPECT_EQ(pool.node_agent, "batch.node.ubuntu 24.04");
  EXPECT_EQ(pool.dedicated, 0);
  EXPECT_EQ(pool.spot, 8);
  EXPECT_TRUE(pool.native);
  EXPECT_THAT(pool.images, ElementsAre("a", "b"));
  ASSERT_EQ(pool.registries.size(), 2u);
  EXPECT_EQ(pool.registries[0].server, "r1");
  EXPECT_EQ(pool.registries[0].user, "u1");
  EXPECT_EQ(pool.registries[0].password, Secret("hush-1"));
  EXPECT_EQ(pool.registries[1].password, Secret("hush-2"));
  EXPECT_EQ(pool.subnet, "/subnets/s");
  EXPECT_EQ(pool.start_task, "echo 'a b'");
  ASSERT_EQ(pool.mounts.size(), 4u);
  EXPECT_EQ(pool.mounts[0].kind, "azure-files");
  EXPECT_EQ(pool.mounts[0].source, "https://s/share");
  EXPECT_EQ(pool.mounts[0].path, "share");
  EXPECT_EQ(pool.mounts[0].account, "acc");
  EXPECT_EQ(pool.mounts[0].key, Secret("hush-3"));
  EXPECT_EQ(pool.mounts[0].options, "-o vers=3.0");
  EXPECT_EQ(pool.mounts[1].key, Secret("hush-4"));
  EXPECT_EQ(pool.mounts[3].key, Secret("hush-4"));
  EXPECT_EQ(pool.resize_timeout, "PT30M");
  EXPECT_EQ(job.raw_pool, json({{"metadata", {{{"name", "a"}, {"value", "b"}}}}}));

  const auto existing = job_of("pool: {id: p, registries: [{server: r, identity: /id/3}]}\nimage: i\n").pool;
  EXPECT_FALSE(existing.is_new());
  ASSERT_EQ(existing.registries.size(), 1u);
  EXPECT_EQ(existing.registries[0].identity, "/id/3");
  EXPECT_TRUE(existing.registries[0].password.empty());

  const auto least = job_of("pool: {vm_size: v}\nimage: i\n").pool;
  EXPECT_EQ(least.vm_image, "microsoft-dsvm:ubuntu-hpc:2204:latest");
  EXPECT_EQ(least.node_agent, "batch.node.ubuntu 22.04");
  EXPECT_EQ(least.dedicated, std::nullopt);
  EXPECT_EQ(least.spot, 0);
  EXPECT_EQ(least.resize_timeout, "");
}

TEST(ReadJobFile, TasksHaveWhatIsSaidForAllOfThem) {
  const auto job = job_of(R"(
pool: p
image: i
nodes: 2
command: all
environment: {A: 1, B: 2}
limits: {time: 1h, retries: 1}
user: {admin: false}
container: {shm_size: 2g, keep: true}
resource_files: [{auto_storage: a}]
raw: {task: {x: {a: 1, b: 2}, y: 1}}
tasks:
  - id: one
  - id: two
    image: j
    nodes: 3
    command: own
    environment: {B: 3, C: 4}
    limits: {retries: 5}
    user: {scope: task}
    container: {keep: false}
    resource_files: [{auto_storage: b}, {auto_storage: c}]
    raw: {x: {b: 3, c: 4}, y: }
)");
  ASSERT_EQ(job.tasks.size(), 2u);
  const auto& one = job.tasks[0];
  EXPECT_EQ(one.id, "one");
  EXPECT_EQ(one.image, "i");
  EXPECT_EQ(one.nodes, 2);
  EXPECT_EQ(one.command, "all");
  EXPECT_EQ(one.environment, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
  EXPECT_EQ(one.limits.time, "PT1H");
  EXPECT_EQ(one.limits.retries, 1);
  EXPECT_TRUE(one.container.keep);
  EXPECT_EQ(one.raw, json({{"x", {{"a", 1}, {"b", 2}}}, {"y", 1}}));
  const auto& two = job.tasks[1];
  EXPECT_EQ(two.id, "two");
  EXPECT_EQ(two.image, "j");
  EXPECT_EQ(two.nodes, 3);
  EXPECT_EQ(two.command, "own");
  EXPECT_EQ(two.environment, (std::map<std::string, std::string>{{"A", "1"}, {"B", "3"}, {"C", "4"}}));
  EXPECT_EQ(two.limits.time, "PT1H");
  EXPECT_EQ(two.limits.retries, 5);
  EXPECT_FALSE(two.user.admin);
  EXPECT_EQ(two.user.scope, "task");
  EXPECT_EQ(two.container.shm_size, "2g");
  EXPECT_FALSE(two.container.keep);
  ASSERT_EQ(two.resource_files.size(), 2u);
  EXPECT_EQ(two.resource_files[0].auto_storage, "b");
  EXPECT_EQ(two.raw, json({{"x", {{"a", 1}, {"b", 3}, {"c", 4}}}, {"y", nullptr}}))
      << "null removes it from the request";
}

TEST(ReadJobFile, ATasksUserMayBeOfAnotherKindThanThatOfAll) {
  const auto job = job_of(R"(
pool: p
image: i
user: {admin: false}
tasks:
  - id: one
  - id: two
    user: {name: me}
)");
  ASSERT_EQ(job.tasks.size(), 2u);
  EXPECT_EQ(job.tasks[0].user.name, "");
  EXPECT_FALSE(job.tasks[0].user.admin);
  EXPECT_EQ(job.tasks[1].user.name, "me");
}

TEST(ReadJobFile, SaysWhereItContradictsItself) {
  EXPECT_EQ(shown(read_job("image: i\n")),
            "t: error: job.yaml:1: pool is missing\n"
            "  image: i\n"
            "  ^\n"
            "hint: where it runs; a text is the id of an existing pool\n");
  EXPECT_EQ(shown(read_job("id: a.b\npool: p\nimage: i\n")),
            "t: error: job.yaml:1: id: 'a.b' is no id for Batch: letters, digits, '-' and '_', 64 at most\n"
            "  id: a.b\n"
            "  ^\n");
  EXPECT_EQ(shown(read_job("pool: p\nnodes: 2\n")),
            "t: error: job.yaml:1: image: is missing\n"
            "  pool: p\n"
            "  ^\n"
            "hint: the container image that the task runs in\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\ntasks:\n  - id: a\n    nodes: 2\n    image: '-v'\n")),
            "t: error: job.yaml:6: tasks[0].image: '-v' is not the name of an image\n"
            "      image: '-v'\n"
            "      ^\n");
  EXPECT_EQ(shown(read_job("pool: p\ntasks:\n  - id: a\n    image: i\n  - id: b\n")),
            "t: error: job.yaml:5: tasks[1].image: is missing\n"
            "    - id: b\n"
            "      ^\n"
            "hint: the container image that the task runs in\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\ntasks:\n  - id: a\n  - id: a\n")),
            "t: error: job.yaml:5: tasks[1].id: there is a task 'a' already\n"
            "    - id: a\n"
            "      ^\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\ntasks: []\n")),
            "t: error: job.yaml:3: tasks: there is none in it\n"
            "  tasks: []\n"
            "  ^\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\nenvironment:\n  A: b\n  SHIPYARD_SSH_KEY: c\n")),
            "t: error: job.yaml:5: environment.SHIPYARD_SSH_KEY: each job gets a key of its own\n"
            "    SHIPYARD_SSH_KEY: c\n"
            "    ^\n"
            "hint: leave it out; a key in a file would be one for whoever can read that\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\ncontainer:\n  mounts: [/a:/b, /data]\n")),
            "t: error: job.yaml:4: container.mounts[1]: '/data' is not SOURCE:TARGET[:ro]\n"
            "    mounts: [/a:/b, /data]\n"
            "                    ^\n"
            "hint: example: /mnt/data:/data:ro\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\nuser:\n  name: fred\n  admin: true\n")),
            "t: error: job.yaml:4: user.name: a user of the pool has its rights already: without admin and "
            "scope\n"
            "    name: fred\n"
            "    ^\n");
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\nraw: {pool: {a: 1}}\n")),
            "t: error: job.yaml:3: raw.pool: the pool exists already\n"
            "  raw: {pool: {a: 1}}\n"
            "        ^\n"
            "hint: with pool.vm_size one is made\n");
}

struct Row {
  const char* text;
  const char* message;
  const char* hint;
};

TEST(ReadJobFile, SaysWhatIsWrongWithAPool) {
  for (const Row& row : std::initializer_list<Row>{
           {"pool: {native: true}", "pool: id or vm_size is wanted",
            "an existing pool, or the VMs of one to be made"},
           {"pool: a/b", "pool.id: 'a/b' is no id for Batch: letters, digits, '-' and '_', 64 at most", ""},
           {"pool: {id: p, spot: 3}", "pool.spot: belongs to a pool that is to be made",
            "with vm_size; an existing pool has it already"},
           {"pool: {vm_size: v, vm_image: 'a:b:c'}", "pool.vm_image: without node_agent",
            "the two belong together: `az batch pool supported-images list` shows them"},
           {"pool: {vm_size: v, vm_image: ubuntu, node_agent: n}",
            "pool.vm_image: 'ubuntu' is not publisher:offer:sku[:version]",
            "example: microsoft-dsvm:ubuntu-hpc:2204:latest"},
           {"pool: {vm_size: v, registries: [{server: s}]}",
            "pool.registries[0]: either user with password_variable or password_file is wanted, or identity",
            ""},
           {"pool: {vm_size: v, registries: [{server: s, user: u}]}",
            "pool.registries[0]: either user with password_variable or password_file is wanted, or identity",
            ""},
           {"pool: {vm_size: v, registries: [{server: s, user: u, identity: i}]}",
            "pool.registries[0]: either user with password_variable or password_file is wanted, or identity",
            ""},
           {"pool: {vm_size: v, registries: [{server: s, identity: i, password_file: registry.txt}]}",
            "pool.registries[0]: either user with password_variable or password_file is wanted, or identity",
            ""},
           {"pool: {vm_size: v, registries: [{server: s, user: u, password_variable: NONE}]}",
            "pool.registries[0]: variable NONE is not there", "make it"},
           {"pool: {vm_size: v, registries: [{user: u}]}", "pool.registries[0].server is missing",
            "such as `myregistry.azurecr.io`"},
           {"pool: {vm_size: v, mounts: [{kind: blob, source: s, path: p}]}",
            "pool.mounts[0]: account is missing", ""},
           {"pool: {vm_size: v, dedicated: 2, spot: 1}",
            "pool.spot: a pool for MPI has dedicated nodes or spot nodes, not both",
            "Batch refuses both where nodes are to speak with each other"},
           {"pool: {vm_size: v, resize_timeout: 4m}",
            "pool.resize_timeout: Batch takes no time below 5 minutes", ""},
           {"pool: {vm_size: v, registries: [{server: s, identity: /i}]}",
            "pool.registries[0].identity: a pool that is made through Batch's own interface has no managed "
            "identity",
            "make the pool with Azure's resource manager (`az deployment group create`), and say pool: {id: "
            "…}"},
           {"pool: {id: p, registries: [{server: s, user: u, password_variable: REGISTRY_PASSWORD}]}",
            "pool.registries[0]: on an existing pool its managed identity alone logs in",
            "a password belongs to the pool's start task"},
           {"pool: {id: p, native: true, registries: [{server: s, identity: /i}]}",
            "pool.registries[0]: the pool was made with the registries that it logs in to", ""},
           {"resource_files: [{url: u, path: p, identity: /i}]\npool: {vm_size: v}",
            "resource_files[0].identity: a pool that is made through Batch's own interface has no managed "
            "identity",
            "make the pool with Azure's resource manager (`az deployment group create`), and say pool: {id: "
            "…}"},
           {"container: {keep: true}\npool: {id: p, native: true}",
            "container.keep: on a native pool Batch itself removes the containers", ""},
           {"pool: {vm_size: v, registries: [{server: 'a;b', identity: /i}]}",
            "pool.registries[0].server: 'a;b' is not the name of a registry",
            "example: myregistry.azurecr.io"},
           {"pool: {vm_size: v, registries: [{server: s, identity: '/i$(x)'}]}",
            "pool.registries[0].identity: '/i$(x)' is no resource id",
            "example: /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ManagedIdentity/"
            "userAssignedIdentities/NAME"},
           {"pool: {vm_size: v, mounts: [{kind: blob, source: s, path: p, account: a}]}",
            "pool.mounts[0]: key_variable or key_file is wanted", ""},
           {"pool: {vm_size: v, mounts: [{kind: cifs, source: s, path: p, account: a}]}",
            "pool.mounts[0]: key_variable or key_file is wanted", ""},
           {"pool: {vm_size: v, mounts: [{kind: nfs, source: s, path: p, key_file: gone}]}",
            "pool.mounts[0]: file gone is not there", "make it"},
           {"pool: {vm_size: v, mounts: [{kind: ftp, source: s, path: p}]}",
            "pool.mounts[0].kind: 'ftp' is none of azure-files, blob, nfs, cifs", ""},
           {"pool: {vm_size: v, dedicated: -1}", "pool.dedicated: a whole number of 0 to 100000 is wanted",
            ""}}) {
    const auto job = read_job(std::string(row.text) + "\nimage: i\n");
    ASSERT_FALSE(job) << row.text;
    EXPECT_EQ(job.error().message, std::string("job.yaml:1: ") + row.message) << row.text;
    EXPECT_EQ(job.error().hint, row.hint) << row.text;
  }
}

TEST(ReadJobFile, SaysWhatIsWrongWithATask) {
  for (const Row& row : std::initializer_list<Row>{
           {"resource_files: [{path: a}]",
            "resource_files[0]: one of url, container and auto_storage is wanted", ""},
           {"resource_files: [{url: u, container: c, path: a}]",
            "resource_files[0]: one of url, container and auto_storage is wanted", ""},
           {"resource_files: [{auto_storage: a}, {url: u}]", "resource_files[1]: path is missing",
            "the file's name in the task's working directory"},
           {"resource_files: [{url: u, path: a, prefix: p}]",
            "resource_files[0].prefix: goes with a container, not with url", ""},
           {"common_files: [{url: u, path: /etc/a}]",
            "common_files[0].path: a path in the task's working directory is wanted, without / in front, and "
            "without ..",
            ""},
           {"resource_files: [{url: u, path: ../a}]",
            "resource_files[0].path: a path in the task's working directory is wanted, without / in front, "
            "and without ..",
            ""},
           {"resource_files: [{url: u, path: a, mode: rw}]",
            "resource_files[0].mode: 'rw' is no mode of a file", "example: 0750"},
           {"container: {options: [--privileged, '--cap-add SYS_ADMIN']}",
            "container.options[1]: '--cap-add SYS_ADMIN' is one word: it would be one option of this name",
            "example: options: [--cap-add, SYS_ADMIN, --tmpfs=/scratch]"},
           {"container: {options: ['']}", "container.options[0]: an empty word",
            "example: options: [--cap-add, SYS_ADMIN, --tmpfs=/scratch]"},
           {"container: {working_directory: data}", "container.working_directory: 'data' is not absolute",
            "the task's own directory is the default"},
           {"raw: {task: {id: x}}", "raw.task.id: an id is part of the addresses of later requests too",
            "say `id:` outside of raw"},
           {"output_files: [{pattern: p}]", "output_files[0].container is missing",
            "URL of a storage container"},
           {"output_files: [{pattern: p, container: c, when: always}]",
            "output_files[0].when: 'always' is none of success, failure, completion", ""},
           {"container: {mounts: [':/b']}", "container.mounts[0]: ':/b' is not SOURCE:TARGET[:ro]",
            "example: /mnt/data:/data:ro"},
           {"container: {mounts: ['/a:b']}", "container.mounts[0]: '/a:b' is not SOURCE:TARGET[:ro]",
            "example: /mnt/data:/data:ro"},
           {"container: {gpus: maybe}", "container.gpus: 'maybe' is none of auto, yes, no", ""},
           {"nodes: 0", "nodes: a whole number of 1 to 100000 is wanted", ""},
           {"limits: {retries: -2}", "limits.retries: a whole number of -1 to 100 is wanted", ""},
           {"limits: {time: 0s}", "limits.time: 0 would end the task before it starts",
            "without it there is no limit"},
           {"raw: {job: [1]}", "raw.job: a mapping is wanted", ""},
           {"raw: {task: x}", "raw.task: a mapping is wanted", ""},
           {"tasks: [{id: a, raw: [1]}]", "tasks[0].raw: a mapping is wanted", ""},
           {"tasks: [{nodes: 2}]", "tasks[0].id is missing", "the task's id"},
           {"tasks: [{id: 'a b'}]",
            "tasks[0].id: 'a b' is no id for Batch: letters, digits, '-' and '_', 64 at most", ""},
           {"tasks: [{id: a, tasks: []}]", "unknown key 'tasks[0].tasks'", ""},
           {"commmand: x", "unknown key 'commmand'", "did you mean 'command'?"}}) {
    const auto job = read_job(std::string("pool: p\nimage: i\n") + row.text + "\n");
    ASSERT_FALSE(job) << row.text;
    EXPECT_EQ(job.error().message, std::string("job.yaml:3: ") + row.message) << row.text;
    if (*row.hint != '\0') {
      EXPECT_EQ(job.error().hint, row.hint) << row.text;
    }
  }
}

TEST(ReadJobFile, AnImagesNameIsNoPartOfAScript) {
  for (const char* image : {"a b", "a;b", "$(b)", "`b`", "a|b", "a>b", "a'b", "a\\b", "(a)"}) {
    const auto job = read_job("pool: p\nimage: \"" +
                              std::string(image[0] == 'a' && image[1] == '\\' ? "a\\\\b" : image) + "\"\n");
    ASSERT_FALSE(job) << image;
    EXPECT_EQ(job.error().message,
              "job.yaml:2: image: '" + std::string(image) + "' is not the name of an image");
  }
}

TEST(ReadJobFile, WhatIsInheritedIsBlamedWhereTheTaskBegins) {
  EXPECT_EQ(shown(read_job("pool: p\nimage: i\nresource_files: [{url: u}]\ntasks:\n  - id: a\n")),
            "t: error: job.yaml:5: tasks[0].resource_files[0]: path is missing\n"
            "    - id: a\n"
            "      ^\n"
            "hint: the file's name in the task's working directory\n");
}

TEST(ReadJobFile, NoSecretIsInAMessage) {
  for (const char* end : {"identity: x}]}", "user: u, identity: x}]}", "nonsense: 1}]}"}) {
    const std::string text =
        "image: i\npool: {vm_size: v, registries: [{server: s, password_variable: REGISTRY_PASSWORD, ";
    EXPECT_EQ(shown(read_job(text + end)).find("hush"), std::string::npos);
  }
}

TEST(JobFileFields, EachKeyIsExplained) {
  const std::function<void(const std::vector<Field>&)> look = [&](const std::vector<Field>& fields) {
    for (const auto& field : fields) {
      EXPECT_NE(field.help, "") << field.name;
      look(field.fields);
    }
  };
  look(job_file_fields());
  EXPECT_EQ(json_schema(job_file_fields(), "x")["required"], json({"pool"}));
}

}  // namespace
}  // namespace shipyard::batch
