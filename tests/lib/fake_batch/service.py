"""The account behind HTTP, still without sockets: checks a request as the service does, and routes it."""

import json
import re
import threading
import traceback
import urllib.parse
import uuid

from . import clock, identity, signature
from .account import Account, Answer
from .faults import Fault, Statuses, error_body
from .misbehaviour import Rule, Rules
from .script import Script, ScriptError

# As the clients of the service and its documentation write it.
CONTENT_TYPES = {
    "application/json; odata=minimalmetadata; charset=utf-8",
    "application/json; odata=minimalmetadata",
}
API_VERSION = re.compile(r"\d{4}-\d\d-\d\d\.\d+\.\d+")
FORCE_SINCE = "2024-07-01"  # `force`, on deleting and terminating a job, is newer than the definitions may be


class Request:
    def __init__(self, method, target, headers, body, base):
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.base = base
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))


class Reply:
    def __init__(self, status, headers=(), body=b""):
        self.status = status
        self.headers = list(headers)
        self.body = body


def json_reply(status, document, content_type="application/json;odata=minimalmetadata", headers=()):
    return Reply(status, [("Content-Type", content_type), *headers], json.dumps(document).encode())


def without_duplicates(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)} stands twice")
    return result


def selected(items, text):
    """What an OData filter asks for: `NAME eq 'VALUE'` and startswith(NAME,'VALUE'), joined by `and`."""
    for term in re.split(r"\s+and\s+", text.strip()):
        equal = re.fullmatch(r"(\w+)\s+eq\s+'([^']*)'", term)
        start = re.fullmatch(r"startswith\((\w+),\s*'([^']*)'\)", term)
        if equal:
            items = [item for item in items if item.get(equal.group(1)) == equal.group(2)]
        elif start:
            items = [item for item in items if str(item.get(start.group(1), "")).startswith(start.group(2))]
        else:
            raise Fault(
                "InvalidQueryParameterValue",
                [("QueryParameterName", "$filter"), ("QueryParameterValue", text)],
            )
    return items


class Service:
    def __init__(self, definitions, data, account=None, key=None, token=None, journal=None):
        self.definitions = definitions
        self.statuses = Statuses(data)
        self.script = Script(definitions)
        self.account = Account(self.script, self.statuses)
        self.rules = Rules()
        self.tokens = identity.Tokens(token)
        self.name, self.key = account, key
        self.lock = threading.RLock()
        self.journal = []
        self.journal_file = open(journal, "a", encoding="utf-8") if journal else None
        self.routes = [(method, re.compile(pattern), handler) for method, pattern, handler in self.table()]

    def take(self, document, at_run_time=False):
        with self.lock:
            rules = [Rule(rule) for rule in document.get("rules", [])]
            self.account.take(document, at_run_time)
            if document.get("clear_rules"):
                self.rules.rules = []
            self.rules.rules += rules

    def control(self, request):
        with self.lock:
            try:
                if request.method == "POST" and request.path == "/_control":
                    self.take(
                        json.loads(request.body, object_pairs_hook=without_duplicates), at_run_time=True
                    )
                    return json_reply(200, {}, "application/json")
                if request.method == "GET" and request.path == "/_control/state":
                    state = self.account.whole_state() | {
                        "rules": self.rules.view(),
                        "requests": len(self.journal),
                    }
                    return json_reply(200, state, "application/json")
                if request.method == "GET" and request.path == "/_control/journal":
                    return json_reply(200, self.journal, "application/json")
                return json_reply(
                    404,
                    {"error": "there is /_control, /_control/state and /_control/journal"},
                    "application/json",
                )
            except (ScriptError, ValueError, TypeError, AttributeError, KeyError) as error:
                return json_reply(400, {"error": str(error) or repr(error)}, "application/json")
            except Fault as fault:
                return json_reply(400, {"error": f"{fault.code}: {fault.message}"}, "application/json")

    def note(self, request, status, rule, changed):
        try:
            body = json.loads(request.body) if request.body else None
        except ValueError:
            body = request.body.decode("utf-8", "replace")
        with self.lock:
            entry = {
                "n": len(self.journal) + 1,
                "method": request.method,
                "path": request.target,
                "headers": dict(request.headers),
                "body": body,
                "status": status,
                "rule": rule.name if rule else None,
                "changed": changed,
            }
            self.journal.append(entry)
            if self.journal_file:
                self.journal_file.write(json.dumps(entry) + "\n")
                self.journal_file.flush()

    def common_headers(self, request):
        headers = [
            ("Server", "Microsoft-HTTPAPI/2.0"),
            ("request-id", str(uuid.uuid4())),
            ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
            ("X-Content-Type-Options", "nosniff"),
            ("DataServiceVersion", "3.0"),
        ]
        if request.headers.get("return-client-request-id", "").lower() == "true":
            headers.append(("client-request-id", request.headers.get("client-request-id", "")))
        return headers

    def fault_reply(self, request, fault, status=None):
        headers = self.common_headers(request)
        body = error_body(
            fault.code, fault.message, fault.values, request.base, dict(headers)["request-id"], clock.now()
        )
        return json_reply(status or self.statuses.of(fault), body, headers=headers)

    def answer(self, request):
        """Carries out a request. The reply, and what it has changed."""
        with self.lock:
            self.account.base = request.base
            self.account.changes = []
            try:
                if identity.is_identity_path(request.path):
                    reply = self.token_reply(request)
                else:
                    self.authenticate(request)
                    reply = self.batch_reply(request)
            except Fault as fault:
                reply = self.fault_reply(request, fault)
            except Exception:  # a fault of this double: no test may take it for one of the service
                traceback.print_exc()
                reply = json_reply(599, {"error": traceback.format_exc()})
            return reply, self.account.changes

    def token_reply(self, request):
        if request.path == identity.IMDS_PATH:
            if request.method != "GET":
                return json_reply(405, {"error": "method_not_allowed"}, "application/json")
            status, body = identity.imds(self.script.imds, self.tokens, request.target, request.headers)
        else:
            if request.method != "POST":
                return json_reply(405, {"error": "method_not_allowed"}, "application/json")
            status, body = identity.entra(
                self.script.entra, self.tokens, request.path, request.headers, request.body
            )
        return json_reply(status, body, "application/json; charset=utf-8")

    def authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            signature.check_date(request.headers, required=False)
            refusal = self.tokens.use(token)
            if refusal:
                signature.refuse(refusal)
        elif self.key is None:
            signature.refuse("This account takes tokens alone.")
        else:
            signature.check_date(request.headers, required=True)
            signature.check_shared_key(self.name, self.key, request.method, request.target, request.headers)

    def check_query(self, request, operation):
        version = request.query.get("api-version")
        if version is None:
            raise Fault("MissingRequiredQueryParameter", [("QueryParameterName", "api-version")])
        if not API_VERSION.fullmatch(version):
            raise Fault(
                "InvalidQueryParameterValue",
                [("QueryParameterName", "api-version"), ("QueryParameterValue", version)],
            )
        if self.script.api_versions is not None and version not in self.script.api_versions:
            raise Fault("UnsupportedRequestVersion", [("QueryParameterValue", version)])
        known = set(operation.query)
        if "maxresults" in known or "$filter" in known:
            known.add("$skiptoken")
        if version >= FORCE_SINCE and operation.template in ("/jobs/{jobId}", "/jobs/{jobId}/terminate"):
            known.add("force")
        for name in request.query:
            if name not in known:
                raise Fault("UnsupportedQueryParameter", [("QueryParameterName", name)])
        for name, low, high in (("maxresults", 1, 1000), ("timeout", 1, None), ("$skiptoken", 0, None)):
            value = request.query.get(name)
            if value is None:
                continue
            if not value.isdecimal():
                raise Fault(
                    "InvalidQueryParameterValue",
                    [("QueryParameterName", name), ("QueryParameterValue", value)],
                )
            if int(value) < low or (high is not None and int(value) > high):
                raise Fault(
                    "OutOfRangeQueryParameterValue",
                    [("QueryParameterName", name), ("QueryParameterValue", value)],
                )

    def json_body(self, request, operation):
        """The body as the definitions want it, None where there is none."""
        if operation.method in ("POST", "PUT", "PATCH") and "Content-Length" not in request.headers:
            raise Fault("MissingContentLengthHeader")
        if not request.body:
            if operation.body_required:
                raise Fault("InvalidRequestBody", [("Reason", f"the body is missing: {operation.body}")])
            return None
        if operation.body is None:
            raise Fault("InvalidRequestBody", [("Reason", "this operation takes no body")])
        given = request.headers.get("Content-Type")
        if given is None:
            raise Fault("MissingRequiredHeader", [("HeaderName", "Content-Type")])
        if given not in CONTENT_TYPES:
            raise Fault("InvalidHeaderValue", [("HeaderName", "Content-Type"), ("HeaderValue", given)])
        try:
            body = json.loads(request.body.decode("utf-8"), object_pairs_hook=without_duplicates)
        except ValueError as error:
            raise Fault("InvalidRequestBody", [("Reason", str(error))]) from None
        faults = self.definitions.validate(body, operation.body)
        if faults:
            raise Fault("InvalidRequestBody", [tuple(fault.split(": ", 1)) for fault in faults])
        return body

    def batch_reply(self, request):
        operation = self.definitions.operation(request.method, request.path)
        if operation is None:
            known = any(o.pattern.fullmatch(request.path) for o in self.definitions.operations)
            raise Fault("UnsupportedHttpVerb" if known else "InvalidUri")
        self.check_query(request, operation)
        body = self.json_body(request, operation)
        for method, pattern, handler in self.routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                answer = handler(request, body, *[urllib.parse.unquote(group) for group in match.groups()])
                return self.reply(request, answer)
        # Batch has it, this double does not: a test that needs it must see that.
        raise Fault(
            "NotPlayed", status=501, message=f"the double does not play {request.method} {operation.template}"
        )

    def reply(self, request, answer):
        headers = []
        if answer.resource:
            path, etag, modified = answer.resource
            headers += [("ETag", etag), ("Last-Modified", clock.as_http_date(modified))]
            if answer.created:
                headers.append(("Location", request.base + path))
            if request.method != "HEAD":
                headers.append(("DataServiceId", request.base + path))
        if answer.content is not None:
            headers.append(("Content-Type", "application/octet-stream"))
            if answer.file is not None:
                headers += [
                    ("Last-Modified", clock.as_http_date(answer.file.modified)),
                    ("ocp-creation-time", clock.as_http_date(answer.file.created)),
                ]
            headers += [
                ("ocp-batch-file-isdirectory", str(answer.file is None)),
                ("ocp-batch-file-url", answer.path),
                ("ocp-batch-file-mode", "0o100644"),
            ]
        headers += self.common_headers(request)
        if answer.content is not None:
            return Reply(answer.status, headers, answer.content)
        if answer.body is None:
            return Reply(answer.status, headers)
        return json_reply(answer.status, answer.body, headers=headers)

    def page(self, request, items, kind, paged=True):
        document = {"odata.metadata": f"{request.base}/$metadata#{kind}"}
        if "$filter" in request.query:
            items = selected(items, request.query["$filter"])
        if not paged:
            return Answer(200, document | {"value": items})
        begin = int(request.query.get("$skiptoken", 0))
        size = min(int(request.query.get("maxresults", 1000)), self.script.page_size)
        document["value"] = items[begin : begin + size]
        if begin + size < len(items):
            rest = [
                part
                for part in request.target.partition("?")[2].split("&")
                if not urllib.parse.unquote(part).startswith("$skiptoken=")
            ]
            document["odata.nextLink"] = (
                f"{request.base}{request.path}?{'&'.join(rest)}" f"&$skiptoken={begin + size}"
            )
        return Answer(200, document)

    @staticmethod
    def element(answer, request, kind):
        answer.body = {"odata.metadata": f"{request.base}/$metadata#{kind}/@Element"} | answer.body
        return answer

    def table(self):
        a = self.account
        pool, node = "/pools/([^/]+)", "/pools/([^/]+)/nodes/([^/]+)"
        job, task = "/jobs/([^/]+)", "/jobs/([^/]+)/tasks/([^/]+)"

        def recursive(request):
            return request.query.get("recursive", "false").lower() == "true"

        def exists(r, _b, p):
            answer = a.get_pool(p)
            answer.body = None
            return answer

        def task_file(head):
            return lambda r, _b, j, t, path: a.get_file(
                a.task_files(j, t), path, f"{r.base}/jobs/{j}/tasks/{t}/files", r.headers, head
            )

        def node_file(head):
            return lambda r, _b, p, n, path: a.get_file(
                a.node_files(p, n), path, f"{r.base}/pools/{p}/nodes/{n}/files", r.headers, head
            )

        return [
            ("POST", "/pools", lambda r, b: a.add_pool(b)),
            ("GET", "/pools", lambda r, b: self.page(r, a.list_pools(), "pools")),
            ("HEAD", pool, exists),
            ("GET", pool, lambda r, b, p: self.element(a.get_pool(p), r, "pools")),
            ("DELETE", pool, lambda r, b, p: a.delete_pool(p)),
            ("POST", pool + "/resize", lambda r, b, p: a.resize_pool(p, b)),
            ("POST", pool + "/stopresize", lambda r, b, p: a.stop_resize(p)),
            ("GET", pool + "/nodes", lambda r, b, p: self.page(r, a.list_nodes(p), "nodes")),
            ("GET", node, lambda r, b, p, n: self.element(a.get_node(p, n), r, "nodes")),
            (
                "GET",
                node + "/files",
                lambda r, b, p, n: self.page(
                    r,
                    a.list_files(a.node_files(p, n), f"{r.base}/pools/{p}/nodes/{n}/files", recursive(r)),
                    "files",
                ),
            ),
            ("GET", node + "/files/(.+)", node_file(head=False)),
            ("HEAD", node + "/files/(.+)", node_file(head=True)),
            ("POST", "/jobs", lambda r, b: a.add_job(b)),
            ("GET", "/jobs", lambda r, b: self.page(r, a.list_jobs(), "jobs")),
            ("GET", job, lambda r, b, j: self.element(a.get_job(j), r, "jobs")),
            ("PATCH", job, lambda r, b, j: a.patch_job(j, b, r.headers)),
            ("DELETE", job, lambda r, b, j: a.delete_job(j, r.headers)),
            ("POST", job + "/terminate", lambda r, b, j: a.terminate_job(j, b, r.headers)),
            ("GET", job + "/taskcounts", lambda r, b, j: a.task_counts(j)),
            (
                "GET",
                job + "/jobpreparationandreleasetaskstatus",
                lambda r, b, j: self.page(
                    r, a.preparation_status(j), "jobpreparationandreleasetaskstatuslist"
                ),
            ),
            ("POST", job + "/tasks", lambda r, b, j: a.add_task(j, b)),
            ("POST", job + "/addtaskcollection", lambda r, b, j: a.add_tasks(j, b)),
            ("GET", job + "/tasks", lambda r, b, j: self.page(r, a.list_tasks(j), "tasks")),
            ("GET", task, lambda r, b, j, t: self.element(a.get_task(j, t), r, "tasks")),
            ("DELETE", task, lambda r, b, j, t: a.delete_task(j, t, r.headers)),
            (
                "GET",
                task + "/subtasksinfo",
                lambda r, b, j, t: self.page(r, a.list_subtasks(j, t), "subtaskinfo", paged=False),
            ),
            ("POST", task + "/terminate", lambda r, b, j, t: a.terminate_task(j, t, r.headers)),
            ("POST", task + "/reactivate", lambda r, b, j, t: a.reactivate_task(j, t, r.headers)),
            (
                "GET",
                task + "/files",
                lambda r, b, j, t: self.page(
                    r,
                    a.list_files(a.task_files(j, t), f"{r.base}/jobs/{j}/tasks/{t}/files", recursive(r)),
                    "files",
                ),
            ),
            ("GET", task + "/files/(.+)", task_file(head=False)),
            ("HEAD", task + "/files/(.+)", task_file(head=True)),
        ]
