"""shipyard-submit against the double of a Batch account: one account, one clean environment, one machine.

    with Machine({"tasks": {"*/*": […]}}) as machine:
        ended = machine.run("run", "--poll", "0s", machine.job(command="./app"))
        ended.status, ended.out, ended.err; machine.made("job"); machine.requests()

At its end a machine searches all that the client has printed, and all that it has left on disk, for every
secret that it was given, or made. Exit status 77 where the published definitions are missing.
"""

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from batch_definitions import MISSING, Definitions, DefinitionsMissing, data_directory
from fake_batch.server import Server
from fake_batch.service import Service

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SHIPYARD_SUBMIT") or str(ROOT / "build" / "bin" / "shipyard-submit")
ACCOUNT = "testaccount"
KEY = base64.b64encode(b"the key of the account of these tests").decode()
# Long enough for a machine that is busy with other things; nothing here waits for it.
LIMIT = 90
POOL = {"vmSize": "Standard_HB120rs_v3", "nodes": 2, "enableInterNodeCommunication": True}

try:
    DEFINITIONS = Definitions()
except DefinitionsMissing as error:
    print(f"skipped: {error}")
    sys.exit(MISSING)
if not os.access(PROGRAM, os.X_OK):
    print(f"skipped: no {PROGRAM}")
    sys.exit(MISSING)


def running(stdout="", stderr="", **more):
    return {"state": "running", "stdout": stdout, "stderr": stderr} | more


def completed(code=0, **more):
    return {"state": "completed", "exitCode": code} | more


def report(status, name="node-lost"):
    """The launcher's report, as far as the client reads it."""
    return {"shipyard-report.json": json.dumps({"outcome": {"status": status, "name": name}})}


def steps(*attempts):
    """A script for each task: its steps, or (more than one argument) those of each attempt."""
    return {"tasks": {"*/*": list(attempts) if len(attempts) > 1 else attempts[0]}}


class Ended:
    """What a program printed, and how it ended: `status` as a shell tells it."""

    def __init__(self, returncode, out, err, seconds):
        self.status = returncode if returncode >= 0 else 128 - returncode
        self.signal = -returncode if returncode < 0 else 0
        self.out, self.err, self.seconds = out, err, seconds

    def lines(self, kind):
        return [line for line in self.err.splitlines() if line.startswith(f"shipyard-submit: {kind}: ")]

    @property
    def errors(self):
        return self.lines("error")

    @property
    def notes(self):
        return self.lines("note")

    def __str__(self):
        return f"status {self.status} after {self.seconds:.1f} s\n--- out\n{self.out}--- err\n{self.err}"


class Running:
    def __init__(self, machine, process):
        self.machine, self.process, self.began = machine, process, time.monotonic()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self, limit=LIMIT):
        try:
            out, err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"it still runs after {limit} s:\n{out}\n{err}") from None
        out = out or ""  # none where it went elsewhere
        ended = Ended(self.process.returncode, out, err, time.monotonic() - self.began)
        self.machine.outputs += [out, err]
        return ended


class Machine(contextlib.AbstractContextManager):
    def __init__(self, script=None, pool=POOL, tls=None, key=KEY, token=None):
        self.directory = tempfile.TemporaryDirectory(prefix="submit-client.")
        self.home = pathlib.Path(self.directory.name)
        self.outputs = []
        self.secrets = {KEY, key}
        self.own_files = set()  # those that the test itself made: secrets may stand in them
        for name in ("state", "tmp", "work"):
            (self.home / name).mkdir()
        self.service = Service(DEFINITIONS, data_directory(), ACCOUNT, key, token)
        if token:
            self.secrets.add(token)
        if pool:
            self.service.take({"pools": {"p": pool}})
        if script:
            self.service.take(script)
        self.server = Server(("127.0.0.1", 0), self.service, tls).start()
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "TMPDIR": str(self.home / "tmp"),
            "AZURE_BATCH_ACCOUNT": ACCOUNT,
            "AZURE_BATCH_ENDPOINT": self.server.url,
            "AZURE_BATCH_ACCESS_KEY": KEY,
        }

    def __exit__(self, kind, value, trace):
        self.server.shutdown()
        self.server.server_close()
        try:
            if kind is None:
                self.search_for_secrets()
                left = [path.name for path in (self.home / "tmp").iterdir()]
                if left:
                    raise AssertionError(f"left in TMPDIR: {left}")
        finally:
            self.directory.cleanup()

    def search_for_secrets(self):
        secrets = {secret for secret in self.secrets if secret}
        secrets |= {token for token in self.service.tokens.left if token}
        for request in self.requests():
            body = request["body"] if isinstance(request["body"], dict) else {}
            for variable in body.get("environmentSettings", []):
                if variable["name"] == "SHIPYARD_SSH_KEY":
                    secrets.add(variable["value"])
                    # Its lines too: whoever decodes it would print those.
                    secrets |= set(base64.b64decode(variable["value"]).decode().splitlines()[1:-1])
            signature = request["headers"].get("Authorization", "")
            secrets.add(signature.rpartition(":")[2].rpartition(" ")[2])
        secrets.discard("")
        places = [(f"output {i}", text) for i, text in enumerate(self.outputs)]
        for path in self.home.rglob("*"):
            if path.is_file() and path not in self.own_files:
                places.append((str(path), path.read_text(encoding="utf-8", errors="replace")))
        for name, text in places:
            for secret in secrets:
                if secret in text:
                    raise AssertionError(f"{name} holds the secret {secret!r}:\n{text}")

    def file(self, name, content, mode=0o600):
        path = self.home / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        path.chmod(mode)
        self.own_files.add(path)
        return str(path)

    def job(self, name="job.json", **keys):
        """A job file, for the pool of the script unless told otherwise."""
        document = {"pool": "p", "image": "image:1", "nodes": 2, "command": "shipyard-mpirun ./app"}
        return self.file(name, {k: v for k, v in (document | keys).items() if v is not None})

    def start(self, *arguments, environment=None, out=subprocess.PIPE):
        surroundings = self.environment | (environment or {})
        return Running(
            self,
            subprocess.Popen(
                [PROGRAM, *arguments],
                env={name: value for name, value in surroundings.items() if value is not None},
                cwd=self.home / "work",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            ),
        )

    def run(self, *arguments, environment=None, limit=LIMIT, out=subprocess.PIPE):
        return self.start(*arguments, environment=environment, out=out).end(limit)

    def take(self, script):
        self.service.take(script, at_run_time=True)

    def requests(self):
        with self.service.lock:
            return list(self.service.journal)

    def asked(self, method, end=""):
        """The requests of a method whose path, without its query, ends so."""
        return [
            r for r in self.requests() if r["method"] == method and r["path"].partition("?")[0].endswith(end)
        ]

    def changes(self):
        return [change for request in self.requests() for change in request["changed"]]

    def made(self, kind):
        return [c.rpartition(" ")[2] for c in self.changes() if c.startswith(f"created {kind} ")]

    def wait_for(self, condition, what):
        """Until the double has seen something."""
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited for {what} in vain")
            time.sleep(0.01)

    def wait_for_requests(self, count):
        self.wait_for(lambda: len(self.requests()) >= count, f"{count} requests")

    def records(self):
        """The submissions whose end is not known."""
        return sorted((self.home / "state").rglob("*.json"))


class ClientTest(unittest.TestCase):
    maxDiff = None

    def machine(self, *arguments, **keys):
        return self.enterContext(Machine(*arguments, **keys))

    def check(self, ended, status, out=None):
        self.assertEqual(ended.status, status, str(ended))
        if out is not None:
            self.assertEqual(ended.out, out, str(ended))

    def check_in(self, part, text):
        self.assertIn(part, text, f"\n{text}")


def main():
    unittest.main(verbosity=1)
