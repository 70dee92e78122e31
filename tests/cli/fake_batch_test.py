#!/usr/bin/env python3
"""The double of the Batch account against what is published: signing vectors, requests that real clients
sent, the definitions of its answers; and its rules, each shown to do what it says. Exit status 77: no data.
"""

import base64
import email.utils
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "lib"))

# pylint: disable=wrong-import-position
from batch_definitions import MISSING, Definitions, DefinitionsMissing, data_directory  # noqa: E402
from fake_batch import signature  # noqa: E402
from fake_batch.faults import Fault  # noqa: E402
from fake_batch.server import Server  # noqa: E402
from fake_batch.service import Service  # noqa: E402

DATA = data_directory()
ACCOUNT = "testaccount"
KEY = base64.b64encode(b"a key of this test").decode()
API = "api-version=2024-02-01.19.0"
JSON = "application/json; odata=minimalmetadata; charset=utf-8"
try:
    DEFINITIONS = Definitions()
    VECTORS = json.loads((DATA / "batch" / "sharedkey_vectors.json").read_text(encoding="utf-8"))
    WIRE = sorted((DATA / "batch" / "wire").glob("*/*.http"))
    if not WIRE:
        raise FileNotFoundError(f"no requests under {DATA}/batch/wire")
except (DefinitionsMissing, FileNotFoundError) as error:
    print(f"skipped: {error}")
    sys.exit(MISSING)


class Response:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(lines[0].split(" ")[1]) if raw else None
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


class BatchTest(unittest.TestCase):
    """A server for each test, and a client made of a socket."""

    def setUp(self):
        self.service = Service(DEFINITIONS, DATA, ACCOUNT, KEY, token="a-token")
        self.server = Server(("127.0.0.1", 0), self.service).start()
        self.address = self.server.server_address
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def connection(self):
        peer = socket.create_connection(self.address, timeout=20)
        self.addCleanup(peer.close)
        return peer

    def text(self, method, target, body=None, headers=None, sign=True, keep=False):
        """A request as it goes over the wire."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body or b""
        lines = {"Host": "%s:%d" % self.address[:2], "ocp-date": email.utils.formatdate(usegmt=True)}
        if method != "GET" and method != "HEAD":
            lines["Content-Length"] = str(len(body))
        if body:
            lines["Content-Type"] = JSON
        lines |= headers or {}
        lines = {name: value for name, value in lines.items() if value is not None}
        if sign:
            lines["Authorization"] = signature.authorization(ACCOUNT, KEY, method, target, lines)
        if not keep:
            lines["Connection"] = "close"
        return (
            f"{method} {target} HTTP/1.1\r\n".encode()
            + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()
            + b"\r\n"
            + body
        )

    def call(self, method, path, body=None, headers=None, sign=True, **control):
        target = path
        if (
            not path.startswith(("/_control", "/metadata"))
            and "api-version" not in path
            and "oauth2" not in path
        ):
            target += ("&" if "?" in path else "?") + API
        peer = self.connection()
        peer.sendall(self.text(method, target, body, headers, sign, **control))
        received = b""
        try:
            while part := peer.recv(65536):
                received += part
        finally:
            peer.close()
        return Response(received)

    def control(self, **document):
        answer = self.call("POST", "/_control", document, sign=False)
        self.assertEqual(answer.status, 200, answer.body)

    def ok(self, method, path, body=None, headers=None, status=200):
        answer = self.call(method, path, body, headers)
        self.assertEqual(answer.status, status, answer.body)
        operation = DEFINITIONS.operation(method, path.partition("?")[0])
        name = operation.answers.get(str(status))
        if name:
            document = {key: value for key, value in answer.json.items() if key != "odata.metadata"}
            self.assertEqual(DEFINITIONS.validate(document, name, request=False), [])
        return answer

    def refused(self, status, code, method, path, body=None, headers=None, **more):
        answer = self.call(method, path, body, headers, **more)
        self.assertEqual((answer.status, answer.code), (status, code), answer.body)
        document = {key: value for key, value in answer.json.items() if key != "odata.metadata"}
        self.assertEqual(DEFINITIONS.validate(document, "BatchError", request=False), [])
        return answer.json

    def job(self, identifier="j", pool="p", **more):
        self.ok("POST", "/jobs", {"id": identifier, "poolInfo": {"poolId": pool}} | more, status=201)

    def task(self, job="j", identifier="t", **more):
        self.ok("POST", f"/jobs/{job}/tasks", {"id": identifier, "commandLine": "true"} | more, status=201)

    def look(self, job="j", task="t"):
        return self.ok("GET", f"/jobs/{job}/tasks/{task}").json

    def states(self, count, job="j", task="t"):
        return [self.look(job, task)["state"] for _ in range(count)]

    def changes(self):
        return [change for entry in self.service.journal for change in entry["changed"]]


class Signatures(BatchTest):
    def test_the_published_vectors_verify(self):
        self.assertEqual(len(VECTORS["vectors"]), 10)
        for vector in VECTORS["vectors"]:
            with self.subTest(vector["name"]):
                url = urllib.parse.urlsplit(vector["url"])
                target = f"{url.path}?{url.query}"
                headers = dict(vector["signed_headers"])
                account, key = VECTORS["account"], VECTORS["key_base64"]
                self.assertEqual(
                    signature.string_to_sign(account, vector["method"], target, headers),
                    vector["string_to_sign"],
                )
                signature.check_shared_key(
                    account,
                    key,
                    vector["method"],
                    target,
                    headers | {"Authorization": vector["authorization"]},
                )
                with self.assertRaises(Fault):
                    signature.check_shared_key(
                        account,
                        key,
                        vector["method"],
                        target + "&timeout=31",
                        headers | {"Authorization": vector["authorization"]},
                    )

    def test_a_signature_of_another_key_is_refused_with_the_text_to_sign(self):
        other = base64.b64encode(b"another key").decode()
        date = email.utils.formatdate(usegmt=True)
        target = "/jobs?" + API
        answer = self.call(
            "GET",
            target,
            sign=False,
            headers={
                "ocp-date": date,
                "Authorization": signature.authorization(ACCOUNT, other, "GET", target, {"ocp-date": date}),
            },
        )
        self.assertEqual((answer.status, answer.code), (403, "AuthenticationFailed"))
        detail = answer.json["values"][0]
        self.assertEqual(detail["key"], "AuthenticationErrorDetail")
        self.assertIn(
            r"string to sign: 'GET"
            + r"\n" * 12
            + rf"ocp-date:{date}\n/{ACCOUNT}/jobs\n{API.replace('=', ':')}'",
            detail["value"],
        )

    def test_a_length_of_zero_is_signed_as_sent(self):
        self.refused(404, "JobNotFound", "DELETE", "/jobs/none")
        self.refused(404, "JobNotFound", "DELETE", "/jobs/none", headers={"Content-Length": None})

    def test_dates(self):
        for seconds, status in ((-14 * 60, 200), (14 * 60, 200), (-16 * 60, 403), (16 * 60, 403)):
            date = email.utils.formatdate(time.time() + seconds, usegmt=True)
            self.assertEqual(self.call("GET", "/jobs", headers={"ocp-date": date}).status, status, seconds)
        self.assertEqual(self.call("GET", "/jobs", headers={"ocp-date": None}).status, 403)
        self.assertEqual(self.call("GET", "/jobs", headers={"ocp-date": "2024-01-01T00:00:00Z"}).status, 403)

    def test_tokens(self):
        self.assertEqual(
            self.call("GET", "/jobs", sign=False, headers={"Authorization": "Bearer a-token"}).status, 200
        )
        self.refused(
            403, "AuthenticationFailed", "GET", "/jobs", sign=False, headers={"Authorization": "Bearer b"}
        )
        self.refused(403, "AuthenticationFailed", "GET", "/jobs", sign=False)


class RealClients(BatchTest):
    def test_what_real_clients_sent_is_accepted(self):
        seen = 0
        settings = {"containerSettings": {"imageName": "image:1"}}
        for client in sorted({path.parent for path in WIRE}):
            self.service.account.pools.clear()
            self.service.account.jobs.clear()
            self.control(
                tasks={"*/*": [{"after_polls": 0, "state": "running", "stdout": "hello world\n"}]},
                pools={"*": {"nodes": 3}},
            )
            for path in (p for p in WIRE if p.parent == client):
                with self.subTest(f"{client.name} {path.name}"):
                    seen += 1
                    sent, _, rest = path.read_text(encoding="utf-8").partition("<<< RESPONSE\n")
                    head, _, body = sent.partition(">>> REQUEST\n")[2].partition("\n\n")
                    first, *lines = head.split("\n")
                    method, target, _ = first.split(" ")
                    headers = dict(line.split(": ", 1) for line in lines)
                    expected = int(rest.split(" ")[1])
                    length = int(headers.get("Content-Length", 0))
                    body = body.encode()[:length]
                    self.assertEqual(len(body), length)
                    if "addtaskcollection" in target:
                        # The stub that it was sent to looked at no pool. This one starts containers.
                        items = [item | settings for item in json.loads(body)["value"]]
                        body = json.dumps({"value": items}).encode()
                        headers["Content-Length"] = str(len(body))
                    for name in ("Host", "Authorization", "ocp-date", "Connection"):
                        headers.pop(name, None)
                    if method == "PATCH":
                        # Else the job would end with what the client does, and rightly refuse its next.
                        self.task(target.split("/")[2].partition("?")[0], "another", **settings)
                    answer = self.call(method, target, body, headers)
                    self.assertEqual(answer.status, expected, answer.body)
                    self.check_headers(rest, answer)
        self.assertEqual(seen, 39)

    def check_headers(self, recorded, answer):
        """All header names of the recorded answer, but the length of nothing, which a 204 does not have."""
        for line in recorded.split("\n\n")[0].split("\n")[1:]:
            name = line.partition(":")[0].lower()
            if not (name == "content-length" and answer.status == 204):
                self.assertIn(name, answer.headers)


class Bodies(BatchTest):
    def test_a_misspelled_key_is_refused_with_its_path(self):
        body = {
            "id": "j",
            "poolInfo": {"poolId": "p"},
            "jobPreparationTask": {"commandLine": "true", "constraints": {"maxTaskRetrys": 1}},
        }
        answer = self.refused(400, "InvalidRequestBody", "POST", "/jobs", body)
        self.assertEqual(
            answer["values"],
            [{"key": "$.jobPreparationTask.constraints.maxTaskRetrys", "value": "is not known here"}],
        )
        self.assertEqual(self.service.account.jobs, {})

    def test_faults_of_bodies(self):
        def messages(body, name="PoolAddParameter", request=True):
            return DEFINITIONS.validate(
                {"id": "p", "vmSize": "s"} | body if name == "PoolAddParameter" else body, name, request
            )

        image = {
            "virtualMachineConfiguration": {"nodeAgentSKUId": "a", "imageReference": {"exactVersion": "1"}}
        }
        self.assertEqual(messages({"resourceTags": {"any": "thing"}}), [])
        self.assertEqual(
            messages({"resourceTags": {"any": 1}}), ["$.resourceTags.any: 1 is not of type 'string'"]
        )
        self.assertEqual(
            messages(image),
            [
                "$.virtualMachineConfiguration.imageReference.exactVersion: is read-only: "
                "a request must not carry it"
            ],
        )
        self.assertEqual(messages({"id": "p"} | image, "CloudPool", request=False), [])
        self.assertEqual(messages({"currentNodeCommunicationMode": None}, "CloudPool", request=False), [])
        self.assertEqual(
            messages({"resizeTimeout": "15 min"}), ["$.resizeTimeout: '15 min' is not a 'duration'"]
        )
        self.assertEqual(messages({"resizeTimeout": "PT15M"}), [])
        self.assertEqual(
            messages({"targetDedicatedNodes": 2.0}), ["$.targetDedicatedNodes: 2.0 is not of type 'integer'"]
        )
        self.assertEqual(
            messages({"targetDedicatedNodes": 1 << 31}),
            ["$.targetDedicatedNodes: 2147483648 is not a 'int32'"],
        )
        self.assertEqual(
            messages({"poolId": "x"}, "JobAddParameter"),
            ["$.id: is missing", "$.poolId: is not known here", "$.poolInfo: is missing"],
        )

    def test_bodies_of_operations(self):
        for method, path, name in (
            ("POST", "/jobs", "JobAddParameter"),
            ("PATCH", "/jobs/j", "JobPatchParameter"),
            ("POST", "/jobs/j/addtaskcollection?x=y", "TaskAddCollectionParameter"),
            ("POST", "/pools/p/resize", "PoolResizeParameter"),
            ("PUT", "/jobs/j/tasks/t", "TaskUpdateParameter"),
            ("POST", "/jobs/j/tasks/t/terminate", None),
            ("POST", "/nothing", None),
        ):
            self.assertEqual(DEFINITIONS.body_definition(method, path), name)

    def test_what_surrounds_a_body(self):
        self.refused(400, "InvalidHeaderValue", "POST", "/jobs", "{}", {"Content-Type": "application/json"})
        self.refused(400, "MissingRequiredHeader", "POST", "/jobs", "{}", {"Content-Type": None})
        self.refused(400, "InvalidRequestBody", "POST", "/jobs", '{"id": "a", "id": "b"}')
        self.refused(400, "InvalidRequestBody", "POST", "/jobs", "{")
        self.refused(400, "InvalidRequestBody", "POST", "/jobs")
        self.refused(411, "MissingContentLengthHeader", "POST", "/jobs", headers={"Content-Length": None})
        self.refused(400, "MissingRequiredQueryParameter", "GET", "/jobs?api-versions=1&x=api-version")
        self.refused(400, "InvalidQueryParameterValue", "GET", "/jobs?api-version=1")
        self.refused(400, "UnsupportedQueryParameter", "GET", "/jobs?maxresult=1")
        self.refused(400, "OutOfRangeQueryParameterValue", "GET", "/jobs?maxresults=0")
        self.refused(400, "InvalidUri", "GET", "/job")
        self.refused(405, "UnsupportedHttpVerb", "PUT", "/jobs", {})
        self.refused(501, "NotPlayed", "GET", "/applications")

    def test_identifiers_and_pools_of_jobs(self):
        self.refused(400, "InvalidPropertyValue", "POST", "/jobs", {"id": "a b", "poolInfo": {"poolId": "p"}})
        self.refused(
            400, "InvalidPropertyValue", "POST", "/jobs", {"id": "a" * 65, "poolInfo": {"poolId": "p"}}
        )
        self.refused(400, "InvalidPropertyValue", "POST", "/jobs", {"id": "a", "poolInfo": {}})

    def test_the_command_judges_files(self):
        requests = {
            "requests": [
                {"method": "POST", "path": "/jobs?" + API, "body": {"id": "j", "poolInfo": {"poolId": "p"}}},
                {
                    "method": "POST",
                    "path": "/jobs/j/tasks?" + API,
                    "body": {"id": "t", "commandline": "true"},
                },
                {"method": "POST", "path": "/jobs/j/terminate"},
                {"method": "GET", "path": "/nothing?" + API},
            ]
        }
        with tempfile.TemporaryDirectory() as directory:
            name = os.path.join(directory, "r.json")
            pathlib.Path(name).write_text(json.dumps(requests), encoding="utf-8")
            command = [sys.executable, "-B", str(TESTS / "lib" / "batch_definitions.py")]
            result = subprocess.run(
                [*command, "--requests", name], capture_output=True, text=True, check=False
            )
            self.assertEqual(
                (result.returncode, result.stdout.splitlines()),
                (
                    1,
                    [
                        f"{name}: POST /jobs/j/tasks?{API}: $.commandLine: is missing",
                        f"{name}: POST /jobs/j/tasks?{API}: $.commandline: is not known here",
                        f"{name}: POST /jobs/j/terminate: api-version is missing",
                        f"{name}: GET /nothing?{API}: Batch has no such operation",
                    ],
                ),
            )
            pathlib.Path(name).write_text('{"id": "t", "commandLine": "true"}', encoding="utf-8")
            result = subprocess.run(
                [*command, "--validate", "TaskAddParameter", name],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual((result.returncode, result.stdout), (0, ""))


class TasksAndJobs(BatchTest):
    def setUp(self):
        super().setUp()
        self.control(pools={"p": {"nodes": 3, "enableInterNodeCommunication": True}})

    def test_steps_advance_by_polls(self):
        self.control(
            tasks={
                "j/t": [
                    {"after_polls": 2, "state": "preparing"},
                    {"state": "running", "stdout": "hello\n", "files": {"wd/r.json": "{}"}},
                    {"after_polls": 0, "append_stdout": "more\n"},
                    {"after_polls": 2, "state": "completed", "exitCode": 0},
                ]
            }
        )
        self.job()
        self.task()
        self.refused(409, "OperationInvalidForCurrentState", "GET", "/jobs/j/tasks/t/files/stdout.txt")
        self.assertEqual(self.states(2), ["active", "preparing"])
        self.refused(404, "FileNotFound", "GET", "/jobs/j/tasks/t/files/stdout.txt")
        self.assertEqual(self.states(1), ["running"])
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/t/files/stdout.txt").body, b"hello\nmore\n")
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/t/files/wd%2Fr.json").body, b"{}")
        self.ok("GET", "/jobs/j/tasks")  # no poll of the task
        self.assertEqual(self.states(2), ["running", "completed"])
        view = self.look()
        self.assertEqual((view["executionInfo"]["exitCode"], view["executionInfo"]["result"]), (0, "success"))
        self.assertEqual(view["previousState"], "running")
        self.assertEqual(
            self.ok("GET", "/jobs/j/taskcounts").json["taskCounts"],
            {"active": 0, "running": 0, "completed": 1, "succeeded": 1, "failed": 0},
        )

    def test_failures(self):
        failure = {
            "category": "servererror",
            "code": "DiskFull",
            "message": "m",
            "details": [{"name": "n", "value": "v"}],
        }
        self.control(
            tasks={
                "j/a": [{"state": "completed", "exitCode": 3}],
                "j/b": [{"state": "completed", "failureInfo": failure}],
            }
        )
        self.job()
        self.task(identifier="a")
        self.task(identifier="b")
        info = self.look(task="a")["executionInfo"]
        self.assertEqual(
            (info["exitCode"], info["result"], info["failureInfo"]["category"], info["failureInfo"]["code"]),
            (3, "failure", "usererror", "FailureExitCode"),
        )
        info = self.look(task="b")["executionInfo"]
        self.assertEqual(
            (info["failureInfo"], info["result"], "exitCode" in info), (failure, "failure", False)
        )

    def test_a_preempted_task_is_requeued_elsewhere_without_its_files(self):
        self.control(
            tasks={
                "j/t": [
                    {"state": "running", "stdout": "first\n"},
                    {"requeue": True},
                    {"state": "running", "stdout": "second\n"},
                    {"state": "completed"},
                ]
            }
        )
        self.job()
        self.task()
        before = self.look()
        view = self.look()
        self.assertEqual(
            (
                view["state"],
                view["executionInfo"]["requeueCount"],
                "nodeInfo" in view,
                "startTime" in view["executionInfo"],
            ),
            ("active", 1, False, False),
        )
        self.refused(409, "OperationInvalidForCurrentState", "GET", "/jobs/j/tasks/t/files/stdout.txt")
        after = self.look()
        self.assertNotEqual(after["nodeInfo"]["nodeId"], before["nodeInfo"]["nodeId"])
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/t/files/stdout.txt").body, b"second\n")
        self.refused(404, "NodeNotFound", "GET", f"/pools/p/nodes/{before['nodeInfo']['nodeId']}")
        self.assertEqual(self.look()["state"], "completed")

    def test_batch_tries_again_by_itself(self):
        self.control(tasks={"j/t": [{"state": "running"}, {"state": "completed", "exitCode": 1}]})
        self.job()
        self.task(constraints={"maxTaskRetryCount": 1})
        self.assertEqual(self.states(4), ["running", "active", "running", "completed"])
        info = self.look()["executionInfo"]
        self.assertEqual((info["retryCount"], info["exitCode"], "lastRetryTime" in info), (1, 1, True))

    def test_reactivation(self):
        self.control(
            tasks={
                "j/t": [
                    [{"state": "completed", "exitCode": 1}],
                    [{"state": "running"}, {"state": "completed"}],
                ]
            },
            jobs={"j": {"terminating_polls": 1}},
        )
        self.job()
        self.task()
        again = ("POST", "/jobs/j/tasks/t/reactivate")
        self.refused(409, "TaskNotCompleted", *again)
        self.assertEqual(self.states(1), ["completed"])
        self.assertEqual(self.ok(*again, status=204).body, b"")
        self.assertNotIn("failureInfo", self.service.account.task_of("j", "t").execution)
        self.refused(409, "TaskNotCompleted", *again)
        self.assertEqual(self.states(2), ["running", "completed"])
        self.refused(409, "TaskSucceeded", *again)

    def test_a_completing_job_takes_no_reactivation(self):
        self.control(tasks={"j/t": [{"state": "completed", "exitCode": 1}]})
        self.job()
        self.task()
        self.ok("PATCH", "/jobs/j", {"onAllTasksComplete": "terminatejob"})
        self.assertEqual(self.ok("GET", "/jobs/j").json["state"], "active")
        self.assertEqual(self.states(1), ["completed"])
        self.refused(409, "JobBeingTerminated", "POST", "/jobs/j/tasks/t/reactivate")
        self.assertEqual(self.ok("GET", "/jobs/j").json["state"], "terminating")
        view = self.ok("GET", "/jobs/j").json
        self.assertEqual(
            (view["state"], view["executionInfo"]["terminateReason"]), ("completed", "AllTasksCompleted")
        )
        self.refused(409, "JobCompleted", "POST", "/jobs/j/tasks/t/reactivate")
        self.refused(409, "JobCompleted", "POST", "/jobs/j/tasks", {"id": "u", "commandLine": "true"})
        self.refused(409, "JobCompleted", "POST", "/jobs/j/terminate")

    def test_an_empty_job_completes_at_once(self):
        self.job(onAllTasksComplete="terminatejob")
        self.refused(409, "JobCompleted", "POST", "/jobs/j/tasks", {"id": "t", "commandLine": "true"})
        self.job("k")
        self.assertEqual([self.ok("GET", "/jobs/k").json["state"] for _ in range(3)], ["active"] * 3)
        self.ok("PATCH", "/jobs/k", {"onAllTasksComplete": "terminatejob"})
        self.assertEqual(self.ok("GET", "/jobs/k").json["state"], "completed")

    def test_termination(self):
        self.control(tasks={"*/*": [{"state": "running"}]})
        self.job()
        self.task()
        self.task(identifier="u")
        self.assertEqual(self.states(1), ["running"])
        self.ok("POST", "/jobs/j/tasks/t/terminate", status=204)
        self.refused(409, "TaskCompleted", "POST", "/jobs/j/tasks/t/terminate")
        self.assertEqual(self.look()["executionInfo"]["failureInfo"]["code"], "TaskEnded")
        self.ok("POST", "/jobs/j/terminate", {"terminateReason": "enough"}, status=202)
        self.assertEqual(self.ok("GET", "/jobs/j").json["state"], "terminating")
        view = self.ok("GET", "/jobs/j").json
        self.assertEqual((view["state"], view["executionInfo"]["terminateReason"]), ("completed", "enough"))
        # What was active when the job ended stays so.
        self.assertEqual(self.states(3, task="u"), ["active"] * 3)

    def test_a_failing_task_ends_its_job_where_its_exit_conditions_say_so(self):
        self.control(tasks={"*/*": [{"state": "completed", "exitCode": 3}]})
        for identifier, action, state in (
            ("a", "terminate", "terminating"),
            ("b", "none", "active"),
            ("c", "disable", "disabled"),
        ):
            self.job(identifier, onTaskFailure="performexitoptionsjobaction")
            self.task(
                identifier, exitConditions={"exitCodes": [{"code": 3, "exitOptions": {"jobAction": action}}]}
            )
            self.look(identifier)
            self.assertEqual(self.ok("GET", f"/jobs/{identifier}").json["state"], state)

    def test_an_auto_pool_lives_as_long_as_its_job(self):
        self.control(jobs={"j": {"terminating_polls": 0}})
        wish = {
            "autoPoolIdPrefix": "auto",
            "poolLifetimeOption": "job",
            "pool": {"vmSize": "s", "targetDedicatedNodes": 1},
        }
        self.ok("POST", "/jobs", {"id": "j", "poolInfo": {"autoPoolSpecification": wish}}, status=201)
        name = self.ok("GET", "/jobs/j").json["executionInfo"]["poolId"]
        self.assertRegex(name, "^auto_[0-9A-F-]{36}$")
        self.ok("HEAD", f"/pools/{name}")
        self.task()
        self.assertEqual(self.states(2), ["running", "completed"])
        self.ok("GET", "/jobs/j/tasks/t/files/stdout.txt")
        self.ok("POST", "/jobs/j/terminate", status=202)
        self.refused(404, "PoolNotFound", "GET", f"/pools/{name}")
        self.refused(409, "TaskFilesUnavailable", "GET", "/jobs/j/tasks/t/files/stdout.txt")
        self.assertEqual(self.changes().count(f"created pool {name}"), 1)

    def test_tasks_have_container_settings_exactly_where_their_pool_starts_containers(self):
        machine = {"nodeAgentSKUId": "a", "imageReference": {"sku": "s"}}
        containers = machine | {"containerConfiguration": {"type": "dockerCompatible"}}
        shape = {"vmSize": "s", "targetDedicatedNodes": 1}
        settings = {"containerSettings": {"imageName": "image:1"}}
        refusal = [
            {"key": "PropertyName", "value": "containerSettings"},
            {"key": "Reason", "value": "the pool that will run this task has containerConfiguration set"},
        ]
        for name, configuration in (("plain", machine), ("containers", containers)):
            own = shape | {"virtualMachineConfiguration": configuration}
            self.ok("POST", "/pools", own | {"id": name}, status=201)
            automatic = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": own}}
            for kind, wish in (("own", {"poolId": name}), ("auto", automatic)):
                job = f"{name}-{kind}"
                with self.subTest(job):
                    self.ok("POST", "/jobs", {"id": job, "poolInfo": wish}, status=201)
                    good, bad = ({}, settings) if name == "plain" else (settings, {})
                    item = {"id": "t", "commandLine": "true"}
                    answer = self.refused(
                        400, "InvalidPropertyValue", "POST", f"/jobs/{job}/tasks", item | bad
                    )
                    if name == "containers":
                        self.assertEqual(answer["values"], refusal)
                    items = [item | bad, item | good]
                    answer = self.ok("POST", f"/jobs/{job}/addtaskcollection", {"value": items}).json
                    self.assertEqual(
                        [(r["status"], r.get("error", {}).get("code")) for r in answer["value"]],
                        [("clienterror", "InvalidPropertyValue"), ("success", None)],
                    )
                    self.assertEqual(self.changes().count(f"created task {job}/t"), 1)
                    # A job manager is a task as well, and a refused job makes no pool.
                    pools = len(self.service.account.pools)
                    managed = {"id": f"{job}-m", "poolInfo": wish}
                    refused = managed | {"jobManagerTask": item | bad}
                    answer = self.refused(400, "InvalidPropertyValue", "POST", "/jobs", refused)
                    self.assertEqual(answer["values"][0]["value"], "jobManagerTask.containerSettings")
                    self.assertEqual(len(self.service.account.pools), pools)
                    self.ok("POST", "/jobs", managed | {"jobManagerTask": item | good}, status=201)
        # Nobody knows what a pool that is not there will be like.
        self.job("none", "nowhere")
        self.task("none", "a")
        self.task("none", "b", **settings)

    def test_subtasks_leave_out_the_primary(self):
        self.control(
            tasks={
                "j/t": [
                    {"state": "running"},
                    {
                        "state": "completed",
                        "exitCode": 1,
                        "subtasks": {"2": {"exitCode": 7, "files": {"stderr.txt": "broken\n"}}},
                    },
                ]
            }
        )
        self.job()
        self.task(multiInstanceSettings={"numberOfInstances": 3, "coordinationCommandLine": "true"})
        self.task(identifier="single")
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/t/subtasksinfo").json["value"], [])
        self.states(2)
        found = self.ok("GET", "/jobs/j/tasks/t/subtasksinfo").json["value"]
        self.assertEqual(
            [(s["id"], s["state"], s["exitCode"], s["result"]) for s in found],
            [(1, "completed", 0, "success"), (2, "completed", 7, "failure")],
        )
        info = found[1]["nodeInfo"]
        self.assertEqual(info["taskRootDirectory"], "workitems/j/job-1/t/2")
        path = f"/pools/p/nodes/{info['nodeId']}/files"
        self.assertEqual(
            self.ok("GET", f"{path}/workitems%2Fj%2Fjob-1%2Ft%2F2%2Fstderr.txt").body, b"broken\n"
        )
        self.assertEqual(self.ok("GET", f"{path}/workitems/j/job-1/t/2/stderr.txt").body, b"broken\n")
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/single/subtasksinfo").json["value"], [])

    def test_a_task_that_cannot_be_placed_stays_active(self):
        self.control(pools={"q": {"nodes": 3}})
        many = {"multiInstanceSettings": {"numberOfInstances": 4, "coordinationCommandLine": "true"}}
        self.job()
        self.task(**many)
        self.job("k", "q")
        self.task("k", **many)
        self.job("l", "none")
        self.task("l")
        for job, reason in (
            ("j", "the pool p has 3 free nodes, the task needs 4"),
            ("k", "the pool q has no inter-node communication"),
            ("l", "the pool none does not exist"),
        ):
            self.assertEqual(self.states(3, job), ["active"] * 3)
            state = self.call("GET", "/_control/state", sign=False).json
            self.assertEqual(state["jobs"][job]["tasks"]["t"]["waits"], reason)

    def test_preparation_and_release(self):
        self.control(
            jobs={"j": {"preparation": {"files": {"stderr.txt": "no space\n"}}, "release": {"exitCode": 2}}}
        )
        self.job(jobPreparationTask={"commandLine": "true"}, jobReleaseTask={"commandLine": "true"})
        self.job("k")
        self.refused(
            409, "JobPreparationTaskNotSpecified", "GET", "/jobs/k/jobpreparationandreleasetaskstatus"
        )
        self.task()
        path = "/jobs/j/jobpreparationandreleasetaskstatus"
        self.assertEqual(self.ok("GET", path).json["value"], [])
        node = self.look()["nodeInfo"]["nodeId"]
        (entry,) = self.ok("GET", path).json["value"]
        self.assertEqual(
            (
                entry["nodeId"],
                entry["jobPreparationTaskExecutionInfo"]["exitCode"],
                "jobReleaseTaskExecutionInfo" in entry,
            ),
            (node, 0, False),
        )
        root = entry["jobPreparationTaskExecutionInfo"]["taskRootDirectory"]
        self.assertEqual(self.ok("GET", f"/pools/p/nodes/{node}/files/{root}/stderr.txt").body, b"no space\n")
        self.ok("POST", "/jobs/j/terminate", status=202)
        (entry,) = self.ok("GET", path).json["value"]
        self.assertEqual(
            (
                entry["jobReleaseTaskExecutionInfo"]["exitCode"],
                entry["jobReleaseTaskExecutionInfo"]["result"],
            ),
            (2, "failure"),
        )

    def test_collections_and_duplicates(self):
        self.job()
        self.refused(409, "JobExists", "POST", "/jobs", {"id": "J", "poolInfo": {"poolId": "p"}})
        item = {"id": "t", "commandLine": "true"}
        answer = self.ok(
            "POST", "/jobs/j/addtaskcollection", {"value": [item, item, item | {"id": "u"}]}
        ).json
        self.assertEqual(
            [(r["status"], r.get("error", {}).get("code")) for r in answer["value"]],
            [("success", None), ("clienterror", "TaskExists"), ("success", None)],
        )
        self.refused(
            400,
            "InvalidRequestBody",
            "POST",
            "/jobs/j/addtaskcollection",
            {"value": [item | {"id": f"x{i}"} for i in range(101)]},
        )
        self.refused(409, "TaskExists", "POST", "/jobs/j/tasks", item)
        self.assertEqual(self.changes().count("created task j/t"), 1)

    def test_deleting(self):
        self.control(jobs={"j": {"deleting_polls": 1}}, pools={"q": {"nodes": 1, "deleting_polls": 1}})
        self.job()
        self.task()
        self.ok("DELETE", "/jobs/j/tasks/t")
        self.refused(404, "TaskNotFound", "GET", "/jobs/j/tasks/t")
        self.ok("DELETE", "/jobs/j", status=202)
        self.refused(409, "JobBeingDeleted", "POST", "/jobs", {"id": "j", "poolInfo": {"poolId": "p"}})
        self.assertEqual(self.ok("GET", "/jobs/j").json["state"], "deleting")
        self.refused(404, "JobNotFound", "GET", "/jobs/j")
        self.ok("DELETE", "/pools/q", status=202)
        self.assertEqual(self.ok("GET", "/pools/q").json["state"], "deleting")
        self.refused(404, "PoolNotFound", "GET", "/pools/q")
        self.ok("DELETE", "/pools/p", status=202)
        self.assertEqual(self.call("HEAD", "/pools/p").raw.partition(b"\r\n\r\n")[2], b"")
        self.assertEqual(self.call("HEAD", "/pools/p").status, 404)

    def test_an_etag_guards_a_change(self):
        self.job()
        etag = self.ok("GET", "/jobs/j").headers["etag"]
        self.ok("PATCH", "/jobs/j", {"priority": 1}, {"If-Match": etag})
        self.refused(412, "ConditionNotMet", "PATCH", "/jobs/j", {"priority": 2}, {"If-Match": etag})

    def test_a_script_that_changes_at_run_time(self):
        self.control(tasks={"j/*": [{"state": "running"}]})
        self.job()
        self.task()
        self.assertEqual(self.states(2), ["running", "running"])
        self.control(rules=[])  # does not rewind the task
        self.assertEqual(self.states(1), ["running"])
        self.control(apply={"j/t": {"requeue": True}})
        self.assertEqual(self.service.account.task_of("j", "t").execution["requeueCount"], 1)
        self.control(tasks={"j/t": [{"state": "completed", "exitCode": 9}]})
        self.assertEqual(self.look()["executionInfo"]["exitCode"], 9)
        self.control(terminate_jobs={"j": "MaxWallClockTimeExpiry"})
        self.assertEqual(
            self.ok("GET", "/jobs/j").json["executionInfo"]["terminateReason"], "MaxWallClockTimeExpiry"
        )

    def test_a_misspelled_script_is_refused(self):
        for document, message in (
            ({"task": {}}, "script: task is not known here"),
            ({"tasks": {"j/t": [{"exitcode": 1}]}}, "tasks j/t, step 1: exitcode is not known here"),
            ({"tasks": {"j/t": [{"state": "done"}]}}, "tasks j/t, step 1: done is no state of a task"),
            ({"rules": [{"do": "hang", "frist": 1}]}, "rule hang: frist is not known here"),
            ({"pools": {"p": {"node": 1}}}, "pools p: node is not known here"),
        ):
            answer = self.call("POST", "/_control", document, sign=False)
            self.assertEqual((answer.status, answer.json), (400, {"error": message}))


class PoolsAndLists(BatchTest):
    def test_a_pool_gets_its_nodes(self):
        body = {
            "id": "p",
            "vmSize": "s",
            "targetDedicatedNodes": 1,
            "targetLowPriorityNodes": 1,
            "userAccounts": [{"name": "u", "password": "secret"}],
        }
        # Of both kinds: not where they are to speak with each other.
        speaking = body | {"enableInterNodeCommunication": True}
        self.refused(400, "InvalidPropertyValue", "POST", "/pools", speaking)
        self.ok("POST", "/pools", body, status=201)
        self.refused(409, "PoolExists", "POST", "/pools", body)
        self.refused(409, "PoolBeingResized", "POST", "/pools/p/resize", {"targetDedicatedNodes": 2})
        # Not by ok(): the definitions want the password in answers too, and the service keeps it.
        view = self.call("GET", "/pools/p").json
        self.assertEqual(
            (view["allocationState"], view["currentDedicatedNodes"], view["currentLowPriorityNodes"]),
            ("steady", 1, 1),
        )
        self.assertEqual(view["userAccounts"], [{"name": "u"}])
        first = self.ok("GET", "/pools/p/nodes").json["value"]
        self.assertEqual([node["isDedicated"] for node in first], [True, False])
        self.ok("POST", "/pools/p/resize", {"targetDedicatedNodes": 2}, status=202)
        self.ok("POST", "/pools/p/stopresize", status=202)
        self.assertEqual(self.call("GET", "/pools/p").json["targetDedicatedNodes"], 1)
        self.ok("POST", "/pools/p/resize", {"targetDedicatedNodes": 2}, status=202)
        then = self.ok("GET", "/pools/p/nodes").json["value"]
        self.assertEqual(len(then), 3)
        self.assertLessEqual({node["id"] for node in first}, {node["id"] for node in then})
        self.ok("GET", f"/pools/p/nodes/{then[0]['id']}")
        self.assertEqual([pool["id"] for pool in self.call("GET", "/pools").json["value"]], ["p"])

    def test_a_scripted_pool(self):
        self.control(
            pools={
                "p": {
                    "vmSize": "s",
                    "nodes": [
                        {
                            "id": "n1",
                            "ipAddress": "10.0.0.4",
                            "state": "starting",
                            "files": {"startup/stdout.txt": "up\n"},
                        },
                        "n2",
                    ],
                    "after": [
                        {"after_polls": 2, "node_state": "idle"},
                        {"resizeErrors": [{"code": "Quota", "message": "m"}]},
                    ],
                }
            }
        )
        nodes = [[node["state"] for node in self.ok("GET", "/pools/p/nodes").json["value"]] for _ in range(2)]
        self.assertEqual(nodes, [["starting", "idle"], ["idle", "idle"]])
        self.assertEqual(self.ok("GET", "/pools/p").json["resizeErrors"][0]["code"], "Quota")
        self.assertEqual(self.ok("GET", "/pools/p/nodes/n1/files/startup%2Fstdout.txt").body, b"up\n")
        self.refused(404, "FileNotFound", "GET", "/pools/p/nodes/n2/files/startup%2Fstdout.txt")

    def test_lists_have_pages(self):
        self.control(page_size=2)
        for name in ("a1", "a2", "b1", "a3", "a4"):
            self.job(name)
        found, target, pages = [], "/jobs?$filter=startswith(id,'a')&$select=id&" + API, 0
        while target:
            document = self.ok("GET", target).json
            found += [job["id"] for job in document["value"]]
            pages += 1
            link = document.get("odata.nextLink", "")
            target = link.removeprefix(self.server.url)
        self.assertEqual((found, pages), (["a1", "a2", "a3", "a4"], 2))

    def test_files_and_ranges(self):
        self.control(
            pools={"p": {"nodes": 1}},
            tasks={
                "j/t": [
                    {
                        "state": "running",
                        "stdout": "hello world\n",
                        "files": {"wd/a/b.bin": {"base64": "AAH/"}},
                    }
                ]
            },
        )
        self.job()
        self.task()
        self.look()
        path = "/jobs/j/tasks/t/files/stdout.txt"
        head = self.ok("HEAD", path)
        self.assertEqual((head.headers["content-length"], head.body), ("12", b""))
        for asked, got in (("6-10", b"world"), ("6-99", b"world\n"), ("0-0", b"h")):
            self.assertEqual(self.ok("GET", path, headers={"ocp-range": f"bytes={asked}"}).body, got)
        self.refused(416, "InvalidRange", "GET", path, headers={"ocp-range": "bytes=12-20"})
        for wrong in ("bytes=5-2", "bytes=6-", "6-10"):
            self.refused(400, "InvalidHeaderValue", "GET", path, headers={"ocp-range": wrong})
        self.assertEqual(self.ok("GET", "/jobs/j/tasks/t/files/wd%2Fa%2Fb.bin").body, b"\0\1\xff")

        def names(query=""):
            return [
                (f["name"], f["isDirectory"])
                for f in self.ok("GET", "/jobs/j/tasks/t/files" + query).json["value"]
            ]

        self.assertEqual(names(), [("stderr.txt", False), ("stdout.txt", False), ("wd", True)])
        self.assertEqual(
            names("?recursive=true"),
            [
                ("stderr.txt", False),
                ("stdout.txt", False),
                ("wd", True),
                ("wd/a", True),
                ("wd/a/b.bin", False),
            ],
        )
        self.assertEqual(
            self.ok("HEAD", "/jobs/j/tasks/t/files/wd").headers["ocp-batch-file-isdirectory"], "True"
        )


class Misbehaviour(BatchTest):
    JOB = {"id": "j", "poolInfo": {"poolId": "p"}}

    def rule(self, do, **more):
        self.control(clear_rules=True, rules=[{"do": do, "path": "^/jobs"} | more])

    def has_job(self):
        return "j" in self.service.account.jobs

    def send(self, method="POST", target="/jobs?" + API, body=None, keep=True):
        peer = self.connection()
        peer.sendall(self.text(method, target, self.JOB if method == "POST" else body, keep=keep))
        return peer

    def receive(self, peer):
        received = b""
        while part := peer.recv(65536):
            received += part
        return received

    def silent(self, peer):
        """Nothing comes. What is in order would have come: another connection's answer does, meanwhile."""
        self.assertEqual(self.call("GET", "/pools").status, 200)
        peer.setblocking(False)
        with self.assertRaises(BlockingIOError):
            peer.recv(1)
        peer.setblocking(True)

    def journal(self):
        return [
            (e["method"], e["status"], e["rule"])
            for e in self.service.journal
            if e["path"].startswith("/jobs")
        ]

    def test_a_busy_service_with_counts_and_positions(self):
        self.rule("status", status=503, code="ServerBusy", retry_after=2, first=2, method="GET")
        self.assertEqual([self.call("GET", "/jobs").status for _ in range(3)], [503, 503, 200])
        self.rule("status", status=429, at=[2], retry_after_date=60)
        answers = [self.call("GET", "/jobs") for _ in range(3)]
        self.assertEqual([answer.status for answer in answers], [200, 429, 200])
        self.assertEqual(answers[1].code, "TooManyRequests")
        wait = email.utils.parsedate_to_datetime(answers[1].headers["retry-after"]).timestamp() - time.time()
        self.assertTrue(50 < wait <= 61, wait)
        self.rule("status", status=500, code="OperationTimedOut", after=1)
        self.assertEqual([self.call("GET", "/jobs").status for _ in range(3)], [200, 500, 500])
        self.rule("status", status=503, retry_after=2, headers={"X": "y"})
        answer = self.call("GET", "/jobs")
        self.assertEqual(
            (answer.code, answer.headers["retry-after"], answer.headers["x"]), ("ServerBusy", "2", "y")
        )
        self.rule("status", status=403, body="text", headers={"Content-Type": "text/plain"})
        self.assertEqual(self.call("GET", "/jobs").body, b"text")

    def test_an_error_after_the_request_has_arrived(self):
        self.rule("status", status=500, acted=True, first=1)
        self.refused(500, "InternalError", "POST", "/jobs", self.JOB)
        self.refused(409, "JobExists", "POST", "/jobs", self.JOB)
        self.rule("status", status=500)
        self.refused(500, "InternalError", "DELETE", "/jobs/j")
        self.assertTrue(self.has_job())

    def test_hang(self):
        self.rule("hang", name="no answer")
        peer = self.send()
        self.silent(peer)
        self.assertFalse(self.has_job())
        self.assertEqual(self.journal(), [("POST", None, "no answer")])

    def test_hang_after_headers(self):
        self.rule("hang_after_headers")
        peer = self.send("GET", keep=False)
        received = b""
        while b"\r\n\r\n" not in received:
            received += peer.recv(1)
        self.assertIn(b"HTTP/1.1 200 OK", received)
        self.silent(peer)

    def test_closed_connections(self):
        for do, acts in (("close_before", False), ("close_after", True)):
            for reset in (False, True):
                self.service.account.jobs.clear()
                self.rule(do, reset=reset)
                peer = self.send()
                if reset:
                    with self.assertRaises(ConnectionResetError):
                        peer.recv(1)
                else:
                    self.assertEqual(peer.recv(1), b"")
                self.assertEqual(self.has_job(), acts, do)
        self.assertEqual(
            [change for change in self.changes() if change.startswith("created")], ["created job j"] * 2
        )

    def test_close_idle(self):
        self.rule("close_idle", first=1)
        peer = self.send("GET")
        received = self.receive(peer)
        self.assertTrue(received.startswith(b"HTTP/1.1 200 OK"))
        self.assertNotIn(b"connection: close", received.lower())
        self.assertIsInstance(Response(received).json["value"], list)

    def test_a_connection_is_kept_otherwise(self):
        peer = self.send("GET")
        for _ in range(2):
            received = b""
            while b'"value": []}' not in received:
                received += peer.recv(100)
            peer.sendall(self.text("GET", "/jobs?" + API, keep=True))

    def test_cut_body(self):
        self.rule("cut_body")
        received = Response(self.receive(self.send("GET")))
        self.assertGreater(int(received.headers["content-length"]), len(received.body))
        self.assertGreater(len(received.body), 0)

    def test_broken_json_and_wrong_content_type(self):
        self.rule("broken_json")
        answer = self.call("GET", "/jobs")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        with self.assertRaises(ValueError):
            _ = answer.json
        self.rule("wrong_content_type")
        answer = self.call("GET", "/jobs")
        self.assertEqual((answer.headers["content-type"], answer.json["value"]), ("text/html", []))

    def test_a_proxy_and_a_redirect(self):
        self.rule("html")
        answer = self.call("POST", "/jobs", self.JOB)
        self.assertEqual(
            (answer.status, answer.headers["content-type"], answer.body[:6]), (502, "text/html", b"<html>")
        )
        self.rule("redirect", location="http://127.0.0.1:1/")
        answer = self.call("POST", "/jobs", self.JOB)
        self.assertEqual((answer.status, answer.headers["location"]), (307, "http://127.0.0.1:1/"))
        self.assertFalse(self.has_job())

    def test_slow(self):
        self.rule("slow", seconds=0.001)
        peer = self.send("GET", keep=False)
        pieces = []
        while part := peer.recv(65536):
            pieces.append(part)
        self.assertGreater(len(pieces), 20)
        self.assertEqual(Response(b"".join(pieces)).json["value"], [])

    def test_chunked(self):
        self.rule("chunked")
        answer = self.call("GET", "/jobs")
        self.assertEqual(answer.headers["transfer-encoding"], "chunked")
        self.assertNotIn("content-length", answer.headers)
        text, rest = b"", answer.body
        while size := int(rest.partition(b"\r\n")[0], 16):
            rest = rest.partition(b"\r\n")[2]
            text, rest = text + rest[:size], rest[size + 2 :]
        self.assertEqual(json.loads(text)["value"], [])

    def test_a_wrong_date(self):
        self.rule("wrong_date", hours=3)
        answer = self.call("POST", "/jobs", self.JOB)
        self.assertEqual((answer.status, answer.code), (403, "AuthenticationFailed"))
        ahead = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
        self.assertAlmostEqual(ahead, 3 * 3600, delta=60)

    def test_dropped_headers(self):
        self.rule("drop_headers", names=["ETag", "request-id"])
        answer = self.call("POST", "/jobs", self.JOB)
        self.assertEqual(answer.status, 201)
        self.assertFalse({"etag", "request-id"} & set(answer.headers))


class Tokens(BatchTest):
    FORM = {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s&s",
        "scope": "https://batch.core.windows.net//.default",
    }

    def entra(self, tenant="tenant", **more):
        form = {name: value for name, value in (self.FORM | more).items() if value is not None}
        return self.call(
            "POST",
            f"/{tenant}/oauth2/v2.0/token",
            urllib.parse.urlencode(form),
            sign=False,
            headers={"Content-Type": "application/x-www-form-urlencoded", "ocp-date": None},
        )

    def imds(self, query, headers):
        return self.call("GET", f"/metadata/identity/oauth2/token?{query}", sign=False, headers=headers)

    def bearer(self, token):
        return self.call("GET", "/jobs", sign=False, headers={"Authorization": f"Bearer {token}"}).status

    def test_entra(self):
        self.control(
            entra={"tenant": "tenant", "client_id": "c", "client_secret": "s&s", "expires_in": 300, "uses": 2}
        )
        answer = self.entra().json
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("Bearer", 300))
        self.assertEqual([self.bearer(answer["access_token"]) for _ in range(3)], [200, 200, 403])
        self.assertNotEqual(self.entra().json["access_token"], answer["access_token"])
        for more, status, error, number in (
            ({"client_secret": "x"}, 401, "invalid_client", 7000215),
            ({"client_id": "x"}, 400, "unauthorized_client", 700016),
            ({"tenant": "x"}, 400, "invalid_request", 90002),
            ({"scope": "https://batch.core.windows.net/.default"}, 400, "invalid_scope", 70011),
            ({"scope": None}, 400, "invalid_request", 900144),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ):
            answer = self.entra(**more)
            self.assertEqual(
                (answer.status, answer.json["error"], answer.json["error_codes"]), (status, error, [number])
            )
            self.assertTrue(answer.json["error_description"].startswith(f"AADSTS{number}: "))

    def test_imds(self):
        self.control(imds={"client_id": "mi", "expires_in": 60})
        query = "api-version=2018-02-01&resource=https%3A%2F%2Fbatch.core.windows.net%2F&client_id=mi"
        answer = self.imds(query, {"Metadata": "true"}).json
        self.assertEqual((answer["expires_in"], answer["client_id"]), ("60", "mi"))
        self.assertEqual(self.bearer(answer["access_token"]), 200)
        for wrong, headers in (
            (query, {}),
            (query, {"Metadata": "true", "X-Forwarded-For": "1.2.3.4"}),
            (query.replace("=mi", "=other"), {"Metadata": "true"}),
            (query.replace("windows.net%2F", "windows.net"), {"Metadata": "true"}),
            (query.partition("&")[2], {"Metadata": "true"}),
        ):
            self.assertEqual(self.imds(wrong, headers).status, 400, wrong)

    def test_rules_meet_issuers_too(self):
        self.control(
            rules=[
                {"do": "status", "path": "^/metadata", "status": 429, "body": {"error": "busy"}, "first": 1}
            ]
        )
        query = "api-version=2018-02-01&resource=https%3A%2F%2Fbatch.core.windows.net%2F"
        self.assertEqual(self.imds(query, {"Metadata": "true"}).json, {"error": "busy"})
        self.assertEqual(self.imds(query, {"Metadata": "true"}).status, 200)


class CommandLine(unittest.TestCase):
    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-B", str(TESTS / "lib" / "fake_batch"), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process, process.stdout.readline().strip()

    def test_it_serves_by_tls_writes_its_url_and_a_journal(self):
        with tempfile.TemporaryDirectory() as directory:
            files = {
                name: os.path.join(directory, name) for name in ("cert", "key", "url", "journal", "script")
            }
            try:
                subprocess.run(
                    [
                        "openssl",
                        "req",
                        "-x509",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:P-256",
                        "-nodes",
                        "-keyout",
                        files["key"],
                        "-out",
                        files["cert"],
                        "-subj",
                        "/CN=localhost",
                        "-addext",
                        "subjectAltName=IP:127.0.0.1",
                        "-days",
                        "2",
                    ],
                    check=True,
                    capture_output=True,
                )
            except FileNotFoundError:
                self.skipTest("no openssl here")
            pathlib.Path(files["script"]).write_text('{"pools": {"p": {"nodes": 2}}}', encoding="utf-8")
            _, url = self.start(
                "--token",
                "x",
                "--tls",
                files["cert"],
                files["key"],
                "--url-file",
                files["url"],
                "--journal",
                files["journal"],
                "--script",
                files["script"],
            )
            self.assertRegex(url, r"^https://127\.0\.0\.1:\d+$")
            self.assertEqual(pathlib.Path(files["url"]).read_text(encoding="utf-8"), url + "\n")
            # A peer that never shakes hands must not stop the others.
            port = int(re.search(r"\d+$", url).group())
            with socket.create_connection(("127.0.0.1", port)):
                context = ssl.create_default_context(cafile=files["cert"])
                with socket.create_connection(("127.0.0.1", port), timeout=20) as plain, context.wrap_socket(
                    plain, server_hostname="127.0.0.1"
                ) as peer:
                    peer.sendall(
                        f"GET /pools/p/nodes?{API} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                        "Authorization: Bearer x\r\nConnection: close\r\n\r\n".encode()
                    )
                    received = b""
                    while part := peer.recv(65536):
                        received += part
            answer = Response(received)
            self.assertEqual((answer.status, len(answer.json["value"])), (200, 2))
            self.assertTrue(answer.json["value"][0]["url"].startswith(url))
            (entry,) = [
                json.loads(line)
                for line in pathlib.Path(files["journal"]).read_text(encoding="utf-8").splitlines()
            ]
            self.assertEqual(
                (entry["n"], entry["method"], entry["status"], entry["rule"], entry["changed"]),
                (1, "GET", 200, None, []),
            )

    def test_a_misspelled_script_ends_it(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as script:
            script.write('{"pool": {}}')
            script.flush()
            result = subprocess.run(
                [sys.executable, "-B", str(TESTS / "lib" / "fake_batch"), "--script", script.name],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(
                (result.returncode, result.stderr),
                (2, f"fake_batch: {script.name}: script: pool is not known here\n"),
            )

    def test_without_the_definitions_it_skips(self):
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run(
                [sys.executable, "-B", str(TESTS / "lib" / "fake_batch"), "--data", directory],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(result.returncode, MISSING)


if __name__ == "__main__":
    unittest.main()
