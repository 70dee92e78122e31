#!/usr/bin/env python3
"""The real azure-batch client for Python (Debian's python3-azure) against the account of shipyard-local: a
whole job, from its pool to the pool's end, and what is refused on the way. Each answer that the client was
given is judged by the published definitions. Exit status 77: no client, or no definitions.
"""

import datetime
import pathlib
import sys
import unittest
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from azure_client import JudgedClient  # noqa: E402
from azure.batch import models  # noqa: E402
from instant_batch import InstantBatch  # noqa: E402


def variables(**values):
    return [models.EnvironmentSetting(name=name, value=value) for name, value in values.items()]


class AzureClient(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.batch = self.enterContext(InstantBatch())
        judged = self.enterContext(JudgedClient(self.batch.url, self.batch.account, self.batch.key))
        self.client, self.judged = judged.client, judged.judged

    def refused(self, code, call, *arguments, **more):
        with self.assertRaises(models.BatchErrorException) as caught:
            call(*arguments, **more)
        self.assertEqual(caught.exception.error.code, code)
        return caught.exception.error

    def add_pool(self, identifier="p", nodes=2, **more):
        self.client.pool.add(
            models.PoolAddParameter(
                id=identifier,
                vm_size="standard_hb120rs_v3",
                target_dedicated_nodes=nodes,
                enable_inter_node_communication=True,
                task_slots_per_node=1,
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.ImageReference(publisher="a", offer="b", sku="c"),
                    node_agent_sku_id="batch.node.ubuntu 22.04",
                ),
                **more,
            )
        )
        steady = models.AllocationState.steady
        self.batch.wait(lambda: self.client.pool.get(identifier).allocation_state == steady, "the pool")

    def add_job(self, identifier="j", **more):
        self.client.job.add(
            models.JobAddParameter(id=identifier, pool_info=models.PoolInformation(pool_id="p"), **more)
        )

    def wait_for_task(self, job, task, state=models.TaskState.completed):
        def look():
            found = self.client.task.get(job, task)
            return found if found.state == state else None

        return self.batch.wait(look, f"{task} to be {state}")

    def test_a_whole_job(self):
        client = self.client
        self.assertFalse(client.pool.exists("p"))
        self.add_pool()
        self.assertTrue(client.pool.exists("p"))
        admin = models.UserIdentity(
            auto_user=models.AutoUserSpecification(
                scope=models.AutoUserScope.pool, elevation_level=models.ElevationLevel.admin
            )
        )
        self.add_job(
            on_all_tasks_complete=models.OnAllTasksComplete.no_action,
            on_task_failure=models.OnTaskFailure.no_action,
            job_preparation_task=models.JobPreparationTask(command_line="true", user_identity=admin),
            job_release_task=models.JobReleaseTask(command_line="true", user_identity=admin),
            constraints=models.JobConstraints(max_wall_clock_time=datetime.timedelta(hours=2)),
            metadata=[models.MetadataItem(name="k", value="v")],
        )
        client.task.add(
            "j",
            models.TaskAddParameter(
                id="mpi",
                command_line="/bin/bash -c 'mpirun ./app'",
                user_identity=admin,
                environment_settings=variables(TEST_STDOUT="hello world\n", TEST_HOLD="1"),
                constraints=models.TaskConstraints(
                    max_wall_clock_time=datetime.timedelta(hours=1), max_task_retry_count=0
                ),
                exit_conditions=models.ExitConditions(
                    exit_codes=[
                        models.ExitCodeMapping(
                            code=3, exit_options=models.ExitOptions(job_action=models.JobAction.terminate)
                        )
                    ]
                ),
                multi_instance_settings=models.MultiInstanceSettings(
                    number_of_instances=2,
                    coordination_command_line="/bin/bash -c 'sshd -p 23'",
                    common_resource_files=[
                        models.ResourceFile(http_url="https://a.invalid/common", file_path="common")
                    ],
                ),
            ),
        )
        task = self.wait_for_task("j", "mpi", models.TaskState.running)
        self.assertEqual(task.node_info.task_root_directory, "workitems/j/job-1/mpi")
        self.assertEqual(task.multi_instance_settings.number_of_instances, 2)
        self.assertEqual(task.execution_info.retry_count, 0)

        def ended_subtasks():
            found = client.task.list_subtasks("j", "mpi").value
            return found[0].end_time and found

        subtasks = self.batch.wait(ended_subtasks, "the subtask")
        completed = models.SubtaskState.completed
        self.assertEqual([(s.id, s.state, s.exit_code) for s in subtasks], [(1, completed, 0)])
        node = subtasks[0].node_info
        content = client.file.get_from_compute_node(
            "p", node.node_id, f"{node.task_root_directory}/stdout.txt"
        )
        self.assertEqual(b"".join(content), b"coordination 1\n")

        names = {f.name: f for f in client.file.list_from_task("j", "mpi", recursive=True)}
        self.assertEqual(set(names), {"stdout.txt", "stderr.txt", "wd", "wd/result.txt"})
        self.assertEqual(names["stdout.txt"].properties.content_length, 12)
        self.assertTrue(names["wd"].is_directory)
        self.assertEqual(b"".join(client.file.get_from_task("j", "mpi", "stdout.txt")), b"hello world\n")
        options = models.FileGetFromTaskOptions(ocp_range="bytes=6-10")
        part = client.file.get_from_task("j", "mpi", "stdout.txt", file_get_from_task_options=options)
        self.assertEqual(b"".join(part), b"world")
        options = models.FileGetFromTaskOptions(ocp_range="bytes=12-20")
        beyond = {"file_get_from_task_options": options}
        self.refused("InvalidRange", client.file.get_from_task, "j", "mpi", "stdout.txt", **beyond)
        raw = client.file.get_properties_from_task("j", "mpi", "wd/result.txt", raw=True)
        self.assertEqual(raw.headers["Content-Length"], 3)
        self.assertEqual(raw.headers["ocp-batch-file-mode"], "0o100644")
        self.assertFalse(raw.headers["ocp-batch-file-isdirectory"])
        self.assertLess(
            abs(raw.headers["ocp-creation-time"] - datetime.datetime.now(datetime.timezone.utc)),
            datetime.timedelta(minutes=5),
        )
        found = client.file.list_from_compute_node("p", node.node_id, recursive=True)
        self.assertIn("workitems/j/job-1/mpi/1/stdout.txt", [f.name for f in found])

        client.task.terminate("j", "mpi")
        task = self.wait_for_task("j", "mpi")
        self.assertEqual(task.execution_info.result, models.TaskExecutionResult.failure)
        self.assertEqual(task.execution_info.failure_info.code, "TaskEnded")
        self.assertEqual(task.execution_info.failure_info.category, models.ErrorCategory.user_error)
        self.refused("TaskCompleted", client.task.terminate, "j", "mpi")
        client.task.reactivate("j", "mpi")
        self.wait_for_task("j", "mpi", models.TaskState.running)
        client.task.terminate("j", "mpi")
        client.task.delete("j", "mpi")
        self.refused("TaskNotFound", client.task.get, "j", "mpi")

        client.job.patch("j", models.JobPatchParameter(priority=5))
        self.assertEqual(client.job.get("j").priority, 5)
        client.job.disable("j", models.DisableJobOption.terminate)
        client.job.enable("j")
        client.job.terminate("j", terminate_reason="enough")
        job = self.batch.wait(
            lambda: (job := client.job.get("j")).state == models.JobState.completed and job, "the job's end"
        )
        self.assertEqual(job.execution_info.terminate_reason, "enough")
        status = list(client.job.list_preparation_and_release_task_status("j"))
        self.assertEqual(len(status), 2)
        for one in status:
            self.assertEqual(one.job_preparation_task_execution_info.exit_code, 0)
            self.assertEqual(one.job_release_task_execution_info.result, models.TaskExecutionResult.success)
        client.job.delete("j")
        self.batch.wait(lambda: not list(client.job.list()), "the job to be gone")
        client.pool.resize("p", models.PoolResizeParameter(target_dedicated_nodes=1))
        self.batch.wait(lambda: len(list(client.compute_node.list("p"))) == 1, "a node to be gone")
        client.pool.delete("p")
        self.batch.wait(lambda: not client.pool.exists("p"), "the pool to be gone")
        task = "/jobs/j/tasks/mpi"
        for asked in (
            "GET /pools/p",
            "GET /pools/p/nodes",
            "GET /jobs",
            "GET /jobs/j",
            "GET /jobs/j/jobpreparationandreleasetaskstatus",
            f"GET {task}",
            f"GET {task}/files",
            f"GET {task}/files/stdout.txt",  # the one that was refused
            f"GET {task}/subtasksinfo",
            f"POST {task}/terminate",
        ):
            self.assertIn(asked, self.judged)

    def test_a_collection_and_its_pages(self):
        client = self.client
        self.add_pool()
        self.add_job()
        # More than a request may carry: the client sends several.
        items = [models.TaskAddParameter(id=f"t{i:03}", command_line="true") for i in range(230)]
        results = client.task.add_collection("j", items).value
        self.assertEqual({r.status for r in results}, {models.TaskAddStatus.success})
        options = models.TaskListOptions(max_results=50, select="id,state")
        listed = list(client.task.list("j", task_list_options=options))
        # The client sends the last first.
        self.assertEqual(sorted(t.id for t in listed), [t.id for t in items])
        self.assertIsNone(listed[0].command_line)
        self.assertEqual(self.judged.count("GET /jobs/j/tasks"), 5)
        options = models.TaskListOptions(filter="startswith(id, 't22')")
        self.assertEqual(len(list(client.task.list("j", task_list_options=options))), 10)
        self.batch.wait(
            lambda: client.job.get_task_counts("j").task_counts.completed == 230, "all tasks to be completed"
        )
        # A task that is there already is what the client wanted; one that the pool cannot run is not.
        self.assertEqual(client.task.add_collection("j", items[:1]).value[0].error.code, "TaskExists")
        items[0].id = "native"
        items[0].container_settings = models.TaskContainerSettings(image_name="image:1")
        with self.assertRaises(models.CreateTasksErrorException) as caught:
            client.task.add_collection("j", items[:1])
        self.assertEqual(caught.exception.failure_tasks[0].error.code, "InvalidPropertyValue")

    def test_failures_and_retries(self):
        client = self.client
        self.add_pool()
        self.add_job(on_task_failure=models.OnTaskFailure.perform_exit_options_job_action)
        client.task.add(
            "j",
            models.TaskAddParameter(
                id="t",
                command_line="false",
                environment_settings=variables(TEST_EXIT="3"),
                constraints=models.TaskConstraints(max_task_retry_count=2),
            ),
        )
        task = self.wait_for_task("j", "t")
        self.assertEqual((task.execution_info.exit_code, task.execution_info.retry_count), (3, 2))
        self.assertEqual(task.execution_info.failure_info.code, "FailureExitCode")
        self.assertEqual(client.job.get("j").execution_info.terminate_reason, "TaskFailed")

    def test_an_auto_pool(self):
        client = self.client
        specification = models.AutoPoolSpecification(
            auto_pool_id_prefix="auto",
            pool_lifetime_option=models.PoolLifetimeOption.job,
            pool=models.PoolSpecification(vm_size="s", target_dedicated_nodes=1),
        )
        client.job.add(
            models.JobAddParameter(
                id="j", pool_info=models.PoolInformation(auto_pool_specification=specification)
            )
        )
        pool = client.job.get("j").execution_info.pool_id
        self.assertRegex(pool, "^auto_[0-9A-F-]{36}$")
        client.task.add("j", models.TaskAddParameter(id="t", command_line="true"))
        self.wait_for_task("j", "t")
        terminate = models.OnAllTasksComplete.terminate_job
        client.job.patch("j", models.JobPatchParameter(on_all_tasks_complete=terminate))
        self.batch.wait(lambda: not client.pool.exists(pool), "the pool to be gone")

    def test_refusals(self):
        client = self.client
        self.add_pool()
        self.add_job()
        self.refused("PoolNotFound", client.pool.get, "none")
        self.refused("JobExists", self.add_job)
        self.refused("JobNotFound", client.job.get, "none")
        self.refused("NodeNotFound", client.compute_node.get, "p", "none")
        preparations = client.job.list_preparation_and_release_task_status("j")
        self.refused("JobPreparationTaskNotSpecified", list, preparations)
        options = models.JobDeleteOptions(if_match="0x1")
        self.refused("ConditionNotMet", client.job.delete, "j", job_delete_options=options)
        fault = self.refused("InvalidPropertyValue", self.add_job, "not an id")
        self.assertEqual(fault.values[0].value, "id")
        other = self.enterContext(JudgedClient(self.batch.url, self.batch.account, "b3RoZXI="))
        fault = self.refused("AuthenticationFailed", other.client.job.get, "j")
        self.assertEqual(fault.values[0].key, "AuthenticationErrorDetail")


if __name__ == "__main__":
    unittest.main(verbosity=1)
