"""The account of shipyard-local behind HTTP, with tasks that are over at once (instant_batch.cpp).

    with InstantBatch("--hold") as batch:
        batch.url, batch.account, batch.key; batch.call("GET", "/jobs")
        batch.accept(method, path, status, body)    # judged by the published definitions
"""

import base64
import contextlib
import email.utils
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.parse

import waiting
from batch_definitions import MISSING, Definitions, DefinitionsMissing
from fake_batch import signature

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SHIPYARD_INSTANT_BATCH") or str(ROOT / "build" / "tests" / "instant_batch")
ACCOUNT = "testaccount"
KEY = base64.b64encode(b"a key of this test").decode()
API = "api-version=2024-02-01.19.0"
JSON = "application/json; odata=minimalmetadata; charset=utf-8"
LIMIT = 60

try:
    DEFINITIONS = Definitions()
except DefinitionsMissing as error:
    print(f"skipped: {error}")
    sys.exit(MISSING)
if not os.access(PROGRAM, os.X_OK):
    print(f"skipped: no {PROGRAM}")
    sys.exit(MISSING)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers}, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


class InstantBatch(contextlib.AbstractContextManager):
    def __init__(self, *arguments):
        self.directory = tempfile.TemporaryDirectory(prefix="instant-batch.")
        self.home = pathlib.Path(self.directory.name)
        self.nodes = self.home / "nodes"
        self.state = self.home / "state.json"
        self.arguments = arguments
        self.account, self.key = ACCOUNT, KEY
        self.process = self.url = None
        self.start()

    def start(self):
        command = [PROGRAM, str(self.nodes), "--state", str(self.state), "--account", ACCOUNT, KEY]
        self.process = subprocess.Popen([*command, *self.arguments], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError("it has not started")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
        if status != 0:
            raise AssertionError(f"it ended with {status}")

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
        finally:
            self.directory.cleanup()

    def call(self, method, target, body=None, headers=None, sign=True):
        """A request as it stands; what `headers` gives as None is not sent."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body or b""
        lines = {"ocp-date": email.utils.formatdate(usegmt=True)}
        if method not in ("GET", "HEAD"):
            lines["Content-Length"] = str(len(body))
        if body:
            lines["Content-Type"] = JSON
        lines |= headers or {}
        lines = {name: value for name, value in lines.items() if value is not None}
        if sign:
            lines["Authorization"] = signature.authorization(ACCOUNT, KEY, method, target, lines)
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=LIMIT)
        try:
            # As it is given: http.client would add a Content-Length of its own.
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in lines.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def accept(self, method, path, status=200, body=None, headers=None):
        target = path + ("" if "api-version" in path else ("&" if "?" in path else "?") + API)
        answer = self.call(method, target, body, headers)
        if answer.status != status:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.body!r}")
        if answer.headers.get("content-type", "").startswith("application/json"):
            faults = DEFINITIONS.validate_answer(method, path.partition("?")[0], status, answer.body)
            if faults:
                raise AssertionError(faults)
        return answer

    @staticmethod
    def wait(condition, what):
        return waiting.wait(condition, what, LIMIT)

    def wait_for_state(self, path, state):
        def look():
            answer = self.call("GET", f"{path}?{API}")
            return answer.status == 200 and answer.json["state"] == state and answer.json

        return self.wait(look, f"{path} to be {state}")
