#!/usr/bin/env python3
"""The real azure-batch client for Python against shipyard-local serve, which runs in containers what it is sent: the job of
a job file, word for word as `shipyard-submit render` prints it for Azure, from its pool to the pool's end. Every answer is
judged by the published definitions. local_service.sh runs it, with the variables that serve prints. Exit status 77: no
client, or no definitions.
"""

import base64
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
import waiting  # noqa: E402
from azure_client import JudgedClient  # noqa: E402
from azure.batch import models  # noqa: E402

LIMIT = 120
JOB = """
id: j
pool: azure
image: shipyard/openmpi:bookworm
nodes: 2
limits: {time: 10m}
tasks:
  - {id: mpi, command: "shipyard-mpirun -n 2 --ppn 1 hostname"}
  - {id: long, command: "echo begun; shipyard-mpirun -n 2 --ppn 1 sleep 600"}
"""


def wait(condition, what):
    return waiting.wait(condition, what, LIMIT, pause=0.2)


def rendered(directory):
    """The bodies of the requests for JOB, by path; the key that a rendering hides is made here."""
    file = pathlib.Path(directory) / "job.yaml"
    file.write_text(JOB, encoding="utf-8")
    submit = str(pathlib.Path(os.environ["SHIPYARD_BUILD_DIR"]) / "bin" / "shipyard-submit")
    printed = subprocess.run([submit, "render", "--json", str(file)], stdout=subprocess.PIPE, check=True)
    key = pathlib.Path(directory) / "key"
    make_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(make_key, check=True)
    bodies = {}
    for request in json.loads(printed.stdout)["requests"]:
        body = request.get("body")
        for task in [body or {}, *(body or {}).get("value", [])]:
            for setting in task.get("environmentSettings", []):
                if setting["name"] == "SHIPYARD_SSH_KEY":
                    setting["value"] = base64.b64encode(key.read_bytes()).decode()
        bodies.setdefault(request["path"].partition("?")[0], []).append(body)
    return bodies


class WholeJob(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        key = pathlib.Path(os.environ["AZURE_BATCH_ACCESS_KEY_FILE"]).read_text(encoding="utf-8").strip()
        url, account = os.environ["AZURE_BATCH_ENDPOINT"], os.environ["AZURE_BATCH_ACCOUNT"]
        judged = self.enterContext(JudgedClient(url, account, key))
        self.client, self.judged = judged.client, judged.judged
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.bodies = rendered(directory)
        self.addCleanup(self.delete_all)

    def delete_all(self):
        for delete, name in ((self.client.job.delete, "j"), (self.client.pool.delete, "azure")):
            try:
                delete(name)
            except models.BatchErrorException:
                pass

    def task(self, name, state):
        def look():
            found = self.client.task.get("j", name)
            if found.state == models.TaskState.completed and state != found.state:
                raise AssertionError(f"{name}: {found.execution_info.failure_info}")
            return found if found.state == state else None

        return wait(look, f"{name} to be {state}")

    def output(self, name, file):
        return b"".join(self.client.file.get_from_task("j", name, file)).decode()

    def test_it(self):
        client = self.client
        client.pool.add(
            models.PoolAddParameter(
                id="azure",
                vm_size="standard_hb120rs_v3",
                target_dedicated_nodes=2,
                enable_inter_node_communication=True,
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.ImageReference(publisher="a", offer="b", sku="c"),
                    node_agent_sku_id="batch.node.ubuntu 22.04",
                ),
            )
        )
        idle = models.ComputeNodeState.idle
        nodes = wait(
            lambda: len(n := [n for n in client.compute_node.list("azure") if n.state == idle]) == 2 and n,
            "the nodes",
        )
        client.job.add(models.JobAddParameter.deserialize(self.bodies["/jobs"][0]))
        tasks = {}
        for body in self.bodies["/jobs/j/tasks"]:
            tasks[body["id"]] = models.TaskAddParameter.deserialize(body)
        client.task.add("j", tasks["mpi"])
        task = self.task("mpi", models.TaskState.completed)
        complaint = self.output("mpi", "stderr.txt")
        self.assertEqual((task.execution_info.exit_code, task.execution_info.result), (0, "success"), complaint)
        self.assertEqual(sorted(self.output("mpi", "stdout.txt").split()), ["node-0", "node-1"])
        self.assertIn(task.node_info.node_id, [n.id for n in nodes])
        (subtask,) = client.task.list_subtasks("j", "mpi").value
        self.assertEqual((subtask.state, subtask.exit_code), (models.SubtaskState.completed, 0))
        other = {n.id for n in nodes} - {task.node_info.node_id}
        self.assertEqual({subtask.node_info.node_id}, other)
        files = {f.name for f in client.file.list_from_task("j", "mpi", recursive=True)}
        self.assertLessEqual({"stdout.txt", "stderr.txt", "wd", "shipyard-report.json"}, files)
        report = json.loads(self.output("mpi", "shipyard-report.json"))
        self.assertEqual(report["outcome"]["status"], 0)
        path = f"{subtask.node_info.task_root_directory}/stdout.txt"
        client.file.get_properties_from_compute_node("azure", subtask.node_info.node_id, path)

        client.task.add("j", tasks["long"])
        self.task("long", models.TaskState.running)

        def said():
            names = [f.name for f in client.file.list_from_task("j", "long")]
            return "stdout.txt" in names and "begun" in self.output("long", "stdout.txt")

        wait(said, "what it says while it runs")
        client.task.terminate("j", "long")
        task = self.task("long", models.TaskState.completed)
        self.assertEqual(task.execution_info.failure_info.code, "TaskEnded")
        client.task.delete("j", "long")
        client.job.terminate("j", terminate_reason="enough")
        completed = models.JobState.completed
        job = wait(lambda: (j := client.job.get("j")).state == completed and j, "the job's end")
        self.assertEqual(job.execution_info.terminate_reason, "enough")
        for one in client.job.list_preparation_and_release_task_status("j"):
            self.assertEqual(one.job_release_task_execution_info.exit_code, 0)
        client.job.delete("j")
        wait(lambda: "j" not in [job.id for job in client.job.list()], "the job to be gone")
        self.limits_of_preparation_and_release()
        client.pool.resize("azure", models.PoolResizeParameter(target_dedicated_nodes=1))
        wait(
            lambda: client.pool.get("azure").allocation_state == models.AllocationState.steady,
            "the pool to be smaller",
        )
        self.assertEqual([n.state for n in client.compute_node.list("azure")], [idle])
        client.pool.delete("azure")
        wait(lambda: not client.pool.exists("azure"), "the pool to be gone")
        asked = {re.sub(r"tvmps_\w+", "NODE", one) for one in self.judged}
        self.assertLessEqual(
            {
                "GET /pools/azure/nodes",
                "GET /jobs/j",
                "GET /jobs/j/jobpreparationandreleasetaskstatus",
                "GET /jobs/j/tasks/mpi",
                "GET /jobs/j/tasks/mpi/files",
                "GET /jobs/j/tasks/mpi/subtasksinfo",
            },
            asked,
        )

    def limits_of_preparation_and_release(self):
        client = self.client
        two_seconds = datetime.timedelta(seconds=2)
        client.job.add(
            models.JobAddParameter(
                id="limits",
                pool_info=models.PoolInformation(pool_id="azure"),
                job_preparation_task=models.JobPreparationTask(
                    command_line="sleep 600",
                    constraints=models.TaskConstraints(max_wall_clock_time=two_seconds),
                    wait_for_success=False,
                ),
                job_release_task=models.JobReleaseTask(
                    command_line="sleep 600", max_wall_clock_time=two_seconds
                ),
            )
        )
        client.task.add("limits", models.TaskAddParameter(id="t", command_line="true"))
        completed = models.TaskState.completed
        wait(lambda: client.task.get("limits", "t").state == completed, "the task behind its preparation")
        client.job.terminate("limits")
        wait(lambda: client.job.get("limits").state == models.JobState.completed, "the end of its release")
        (status,) = client.job.list_preparation_and_release_task_status("limits")
        for info in (status.job_preparation_task_execution_info, status.job_release_task_execution_info):
            self.assertEqual(info.failure_info.code, "WallClockTimeExpired")
        client.job.delete("limits")
        wait(lambda: "limits" not in [job.id for job in client.job.list()], "the job to be gone")


if __name__ == "__main__":
    unittest.main(verbosity=1)
