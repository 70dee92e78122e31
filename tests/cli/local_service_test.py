#!/usr/bin/env python3
"""The account of shipyard-local behind HTTP: what real clients sent, what the published definitions say of
its answers, a restart, and shipyard-submit from the command line. Its tasks are over at once
(instant_batch.cpp).
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "lib"))

# pylint: disable=wrong-import-position
from batch_definitions import MISSING, data_directory  # noqa: E402
from instant_batch import ACCOUNT, API, KEY, InstantBatch  # noqa: E402

WIRE = sorted((data_directory() / "batch" / "wire").glob("*/*.http"))
SUBMIT = os.environ.get("SHIPYARD_SUBMIT") or str(TESTS.parent / "build" / "bin" / "shipyard-submit")
if not WIRE:
    print(f"skipped: no requests under {data_directory()}/batch/wire")
    sys.exit(MISSING)
MANY = {"multiInstanceSettings": {"numberOfInstances": 2, "coordinationCommandLine": "true"}}
SHAPE = {"vmSize": "s", "targetDedicatedNodes": 2, "enableInterNodeCommunication": True}


def variables(**values):
    return {"environmentSettings": [{"name": name, "value": value} for name, value in values.items()]}


class ServiceTest(unittest.TestCase):
    maxDiff = None

    def batch(self, *arguments, pool=True):
        batch = self.enterContext(InstantBatch(*arguments))
        if pool:
            batch.accept("POST", "/pools", 201, {"id": "p"} | SHAPE)
        return batch

    @staticmethod
    def job(batch, identifier="j", **more):
        batch.accept("POST", "/jobs", 201, {"id": identifier, "poolInfo": {"poolId": "p"}} | more)

    @staticmethod
    def task(batch, identifier="t", job="j", **more):
        batch.accept("POST", f"/jobs/{job}/tasks", 201, {"id": identifier, "commandLine": "true"} | more)


class RealClients(ServiceTest):
    def test_what_real_clients_sent_is_accepted(self):
        seen = 0
        settings = {"containerSettings": {"imageName": "image:1"}}
        for client in sorted({path.parent for path in WIRE}):
            batch = self.batch("--hold", pool=False)
            for path in (p for p in WIRE if p.parent == client):
                with self.subTest(f"{client.name} {path.name}"):
                    seen += 1
                    sent, _, rest = path.read_text(encoding="utf-8").partition("<<< RESPONSE\n")
                    head, _, body = sent.partition(">>> REQUEST\n")[2].partition("\n\n")
                    first, *lines = head.split("\n")
                    method, target, _ = first.split(" ")
                    headers = dict(line.split(": ", 1) for line in lines)
                    expected = int(rest.split(" ")[1])
                    body = body.encode()[: int(headers.get("Content-Length", 0))]
                    if "addtaskcollection" in target:
                        # The stub that it was sent to looked at no pool. This one starts containers.
                        items = [item | settings for item in json.loads(body)["value"]]
                        body = json.dumps({"value": items}).encode()
                        headers["Content-Length"] = str(len(body))
                    for name in ("Host", "Authorization", "ocp-date", "Connection"):
                        headers.pop(name, None)
                    if method == "PATCH":
                        # Else the job would end with what the client does, and rightly refuse its next.
                        self.task(batch, "another", target.split("/")[2].partition("?")[0], **settings)
                    answer = batch.call(method, target, body, headers)
                    self.assertEqual(answer.status, expected, answer.body)
                    self.check_headers(rest, answer)
                    if method == "POST" and target.partition("?")[0].endswith("/tasks"):
                        batch.wait_for_state(target.partition("?")[0] + "/mpi-task-1", "running")
                    if "range" in head:
                        self.assertEqual(answer.body, b"world")
        self.assertEqual(seen, 39)

    def check_headers(self, recorded, answer):
        """All header names of the recorded answer, but the length of nothing, which a 204 need not have."""
        for line in recorded.split("\n\n")[0].split("\n")[1:]:
            name = line.partition(":")[0].lower()
            if not (name == "content-length" and answer.status == 204):
                self.assertIn(name, answer.headers)


class Answers(ServiceTest):
    """Each answer is judged by the definitions: accept() does."""

    def test_a_job_from_its_pool_to_its_end(self):
        batch = self.batch()
        batch.accept("HEAD", "/pools/p")
        batch.wait(lambda: batch.accept("GET", "/pools/p").json["allocationState"] == "steady", "the pool")
        self.job(
            batch,
            jobPreparationTask={"commandLine": "true"},
            jobReleaseTask={"commandLine": "true"},
            constraints={"maxTaskRetryCount": 1},
            metadata=[{"name": "a", "value": "b"}],
        )
        self.task(batch, **MANY)
        self.task(batch, "bad", **variables(TEST_EXIT="3"))
        self.task(batch, "broken", **MANY | variables(TEST_SUBTASK_EXIT="7"))
        for name in ("t", "bad", "broken"):
            batch.wait_for_state(f"/jobs/j/tasks/{name}", "completed")
        info = batch.accept("GET", "/jobs/j/tasks/bad").json["executionInfo"]
        self.assertEqual((info["exitCode"], info["retryCount"], info["result"]), (3, 1, "failure"))
        self.assertEqual(
            [
                (s["id"], s["exitCode"], s["result"])
                for s in batch.accept("GET", "/jobs/j/tasks/broken/subtasksinfo").json["value"]
            ],
            [(1, 7, "failure")],
        )
        self.assertEqual(len(batch.accept("GET", "/jobs/j/tasks").json["value"]), 3)
        counts = batch.accept("GET", "/jobs/j/taskcounts").json["taskCounts"]
        self.assertEqual((counts["succeeded"], counts["failed"]), (1, 2))
        files = batch.accept("GET", "/jobs/j/tasks/t/files?recursive=true").json["value"]
        self.assertIn("wd/result.txt", [file["name"] for file in files])
        self.assertEqual(batch.accept("GET", "/jobs/j/tasks/t/files/stdout.txt").body, b"hello world\n")
        nodes = batch.accept("GET", "/pools/p/nodes").json["value"]
        self.assertEqual(len(nodes), 2)
        batch.accept("GET", f"/pools/p/nodes/{nodes[0]['id']}")
        part = batch.accept("GET", "/jobs/j/tasks/t/subtasksinfo").json["value"][0]["nodeInfo"]
        path = urllib.parse.quote(f"{part['taskRootDirectory']}/stdout.txt", safe="")
        content = batch.accept("GET", f"/pools/p/nodes/{part['nodeId']}/files/{path}").body
        self.assertEqual(content, b"coordination 1\n")
        batch.accept("POST", "/jobs/j/tasks/bad/reactivate", 204)
        batch.accept("POST", "/jobs/j/disable", 202, {"disableTasks": "requeue"})
        batch.accept("POST", "/jobs/j/enable", 202)
        batch.accept("PUT", "/jobs/j", 200, {"poolInfo": {"poolId": "p"}, "priority": 3})
        batch.accept("PATCH", "/jobs/j", 200, {"onAllTasksComplete": "terminatejob"})
        batch.wait_for_state("/jobs/j", "completed")
        self.assertEqual(
            batch.accept("GET", "/jobs/j").json["executionInfo"]["terminateReason"], "AllTasksComplete"
        )
        status = batch.accept("GET", "/jobs/j/jobpreparationandreleasetaskstatus").json["value"]
        self.assertEqual([s["jobReleaseTaskExecutionInfo"]["result"] for s in status], ["success"] * 2)
        batch.accept("GET", "/jobs/j/tasks/t/files/stdout.txt")
        batch.accept("GET", "/jobs")
        batch.accept("DELETE", "/jobs/j", 202)
        batch.wait(lambda: batch.call("GET", f"/jobs/j?{API}").status == 404, "the job to be gone")
        batch.accept("PATCH", "/pools/p", 200, {"metadata": []})
        batch.accept("POST", "/pools/p/resize", 202, {"targetDedicatedNodes": 1})
        batch.wait(lambda: batch.accept("GET", "/pools/p").json["allocationState"] == "steady", "the pool")
        self.assertEqual(len(batch.accept("GET", "/pools/p/nodes").json["value"]), 1)
        batch.accept("GET", "/pools")
        batch.accept("DELETE", "/pools/p", 202)
        batch.wait(lambda: batch.call("HEAD", f"/pools/p?{API}").status == 404, "the pool to be gone")
        self.assertEqual(list(batch.nodes.iterdir()), [])

    def test_refusals_have_the_form_of_an_error(self):
        batch = self.batch()
        self.job(batch)
        for status, code, method, path, body in (
            (404, "JobNotFound", "GET", "/jobs/none", None),
            (404, "TaskNotFound", "GET", "/jobs/j/tasks/none", None),
            (404, "PoolNotFound", "DELETE", "/pools/none", None),
            (409, "JobExists", "POST", "/jobs", {"id": "J", "poolInfo": {"poolId": "p"}}),
            (409, "PoolExists", "POST", "/pools", {"id": "p", "vmSize": "s"}),
            (400, "InvalidRequestBody", "POST", "/jobs", {"id": "k", "poolinfo": {}}),
            (400, "UnsupportedQueryParameter", "GET", "/jobs?recursive=true", None),
            (501, "NotImplemented", "GET", "/applications", None),
        ):
            answer = batch.accept(method, path, status, body)
            self.assertEqual(answer.code, code)
        answer = batch.call("GET", f"/jobs?{API}", sign=False)
        self.assertEqual((answer.status, answer.code), (403, "AuthenticationFailed"))
        self.assertEqual(batch.call("POST", f"/jobs?{API}", headers={"Content-Length": None}).status, 411)

    def test_the_views_of_each_state(self):
        batch = self.batch("--hold")
        self.job(batch)
        self.task(batch, **MANY)
        self.task(batch, "waits", **MANY)
        batch.wait_for_state("/jobs/j/tasks/t", "running")
        for path in ("/jobs/j/tasks/t", "/jobs/j/tasks/waits", "/jobs/j/tasks/t/subtasksinfo"):
            batch.accept("GET", path)
        self.assertEqual(batch.accept("GET", "/pools/p/nodes").json["value"][0]["state"], "running")
        batch.accept("POST", "/jobs/j/terminate", 202, {"terminateReason": "enough"})
        batch.wait_for_state("/jobs/j", "completed")
        view = batch.accept("GET", "/jobs/j/tasks/t").json
        self.assertEqual(view["executionInfo"]["failureInfo"]["code"], "TaskEnded")
        self.assertEqual(batch.accept("GET", "/jobs/j/tasks/waits").json["state"], "active")
        batch.accept("GET", "/jobs/j/tasks/t/subtasksinfo")


class Restarted(ServiceTest):
    def test_no_task_is_told_to_run_that_does_not(self):
        batch = self.batch("--hold")
        self.job(batch)
        self.task(batch)
        self.task(batch, "again", constraints={"maxTaskRetryCount": 1})
        for name in ("t", "again"):
            batch.wait_for_state(f"/jobs/j/tasks/{name}", "running")
        batch.stop()
        self.assertEqual(batch.state.stat().st_mode & 0o777, 0o600)
        batch.start()
        view = batch.accept("GET", "/jobs/j/tasks/t").json
        self.assertEqual(view["state"], "completed")
        self.assertEqual(view["executionInfo"]["failureInfo"]["message"], "the service was restarted")
        view = batch.wait_for_state("/jobs/j/tasks/again", "running")
        self.assertEqual(view["executionInfo"]["retryCount"], 1)
        batch.accept("GET", "/jobs/j/tasks/again/files/stdout.txt")


class Connections(ServiceTest):
    def test_a_connection_is_kept_and_a_stop_does_not_wait_for_it(self):
        batch = self.batch()
        address = urllib.parse.urlsplit(batch.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as peer:
            for _ in range(2):
                peer.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
                received = b""
                while b"AuthenticationErrorDetail" not in received:
                    received += peer.recv(65536)
            batch.stop()


class Submit(ServiceTest):
    """shipyard-submit, of which nothing knows that the account is not Azure's."""

    def setUp(self):
        if not os.access(SUBMIT, os.X_OK):
            self.skipTest(f"no {SUBMIT}")
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="local-service.")))

    def file(self, **keys):
        document = {"pool": "p", "image": "image:1", "nodes": 2, "command": "shipyard-mpirun ./app"}
        path = self.home / "job.json"
        path.write_text(json.dumps(document | keys), encoding="utf-8")
        return str(path)

    def submit(self, batch, *arguments):
        return subprocess.run(
            [SUBMIT, *arguments],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.home),
                "AZURE_BATCH_ACCOUNT": ACCOUNT,
                "AZURE_BATCH_ENDPOINT": batch.url,
                "AZURE_BATCH_ACCESS_KEY": KEY,
            },
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def check(self, ended, status):
        self.assertEqual(ended.returncode, status, ended.stdout + ended.stderr)
        return ended

    def job_of(self, ended):
        return ended.stderr.partition("job '")[2].partition("'")[0]

    def test_run_brings_the_output_and_the_exit_status(self):
        batch = self.batch()
        text = "".join(f"line {i}\n" for i in range(1000))
        for status in (0, 3):
            environment = {"TEST_STDOUT": text, "TEST_STDERR": "careful\n", "TEST_EXIT": str(status)}
            ended = self.submit(batch, "run", "--poll", "0s", self.file(environment=environment))
            self.check(ended, status)
            self.assertEqual(ended.stdout, text)
            self.assertIn("careful\n", ended.stderr)
            job = self.job_of(ended)
            batch.wait_for_state(f"/jobs/{job}", "completed")
            status_of = self.submit(batch, "status", job)
            self.assertIn("completed", self.check(status_of, 0).stdout)
            self.assertEqual(self.check(self.submit(batch, "logs", job), 0).stdout, text)

    def test_an_auto_pool_goes_with_its_job(self):
        batch = self.batch(pool=False)
        pool = {"vm_size": "Standard_HB120rs_v3", "dedicated": 2}
        limits = {"time": "1h"}
        ended = self.check(self.submit(batch, "run", "--poll", "0s", self.file(pool=pool, limits=limits)), 0)
        self.assertEqual(ended.stdout, "hello world\n")
        batch.wait(lambda: not batch.accept("GET", "/pools").json["value"], "the pool to be gone")

    def test_terminate_ends_a_task_that_runs(self):
        batch = self.batch()
        submitted = self.check(self.submit(batch, "submit", self.file(environment={"TEST_HOLD": "1"})), 0)
        job = submitted.stdout.strip() or self.job_of(submitted)
        name = batch.accept("GET", f"/jobs/{job}/tasks").json["value"][0]["id"]
        batch.wait_for_state(f"/jobs/{job}/tasks/{name}", "running")
        self.check(self.submit(batch, "terminate", job), 0)
        batch.wait(
            lambda: batch.call("GET", f"/jobs/{job}?{API}").status == 404
            or batch.accept("GET", f"/jobs/{job}").json["state"] == "completed",
            "the job to end",
        )

    def test_diagnose_collects_the_output_of_every_node(self):
        batch = self.batch()
        environment = {"TEST_STDERR": "no such library\n", "TEST_SUBTASK_EXIT": "7"}
        ended = self.submit(batch, "run", "--poll", "0s", self.file(environment=environment))
        self.assertNotEqual(ended.returncode, 0)
        job = self.job_of(ended)
        found = self.submit(batch, "diagnose", job)
        everything = found.stdout + found.stderr
        for path in self.home.rglob("*"):
            if path.is_file():
                everything += path.read_text(encoding="utf-8", errors="replace")
        self.assertIn("coordination 1", everything)

    def test_status_says_why_a_task_waits(self):
        batch = self.batch(pool=False)
        batch.accept("POST", "/pools", 201, {"id": "p"} | SHAPE | {"enableInterNodeCommunication": False})
        batch.wait(lambda: batch.accept("GET", "/pools/p").json["allocationState"] == "steady", "the pool")
        job = {"id": "j", "poolInfo": {"poolId": "p"}}
        batch.accept("POST", "/jobs", 201, job)
        self.task(batch, **MANY)
        ended = self.check(self.submit(batch, "status", "j"), 0)
        self.assertIn("no inter-node communication", ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
