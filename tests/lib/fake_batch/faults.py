"""Batch's errors: a code, its HTTP status, and the body in which both travel."""

import json

ENTITY = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors"
MESSAGES = {
    "AuthenticationFailed": "The request is not authenticated: see the form and signature of Authorization.",
    "ConditionNotMet": "A condition given by a header of the request does not hold.",
    "FileNotFound": "There is no such file.",
    "InvalidHeaderValue": "A header has a value of the wrong form.",
    "InvalidPropertyValue": "A property has a value that is not allowed.",
    "InvalidQueryParameterValue": "A query parameter has a value that is not allowed.",
    "InvalidRange": "The range lies beyond the end of the file.",
    "InvalidRequestBody": "The request's body is not what this operation takes.",
    "InvalidUri": "The URI names nothing that this service has.",
    "JobBeingDeleted": "The job is being deleted.",
    "JobBeingTerminated": "The job is being terminated.",
    "JobCompleted": "The job has completed.",
    "JobExists": "The job exists already.",
    "JobNotFound": "There is no such job.",
    "JobPreparationTaskNotSpecified": "The job has no preparation task.",
    "MissingContentLengthHeader": "A request with a body needs Content-Length.",
    "MissingRequiredHeader": "A header that this operation needs is missing.",
    "MissingRequiredQueryParameter": "A query parameter that this operation needs is missing.",
    "NodeNotFound": "There is no such node.",
    "OperationInvalidForCurrentState": "The operation is not valid for the current state of the resource.",
    "PoolBeingDeleted": "The pool is being deleted.",
    "PoolBeingResized": "The pool is being resized.",
    "PoolExists": "The pool exists already.",
    "PoolNotFound": "There is no such pool.",
    "TaskCompleted": "The task has completed.",
    "TaskExists": "The task exists already.",
    "TaskFilesCleanedup": "The task's files have been removed from the node.",
    "TaskFilesUnavailable": "The task's files cannot be reached: its node is gone.",
    "TaskNotCompleted": "The task has not completed.",
    "TaskNotFound": "There is no such task.",
    "TaskSucceeded": "The task has succeeded.",
    "UnsupportedQueryParameter": "A query parameter is not known to this operation.",
    "UnsupportedRequestVersion": "The api-version is not supported.",
}


class Fault(Exception):
    """What Batch refuses. `values`: pairs that say more, as its `values` do."""

    def __init__(self, code, values=(), status=None, message=None):
        super().__init__(code)
        self.code = code
        self.values = list(values)
        self.status = status
        self.message = message or MESSAGES.get(code, "The request failed.")


class Statuses:
    """The HTTP status of each documented code."""

    def __init__(self, data):
        table = json.loads((data / "batch" / "error_codes.json").read_text(encoding="utf-8"))["codes"]
        # ConditionNotMet has two: 304 is for a GET that needs no answer, 412 for the others.
        self.table = {
            code: status[-1] if isinstance(status, list) else status for code, status in table.items()
        }
        # Not in the published table, and yet answered.
        self.table["TooManyRequests"] = 429

    def of(self, fault):
        return fault.status or self.table[fault.code]


def error_body(code, message, values, base, request_id, time):
    body = {
        "odata.metadata": f"{base}/$metadata#{ENTITY}/@Element",
        "code": code,
        "message": {"lang": "en-US", "value": f"{message}\nRequestId:{request_id}\nTime:{time}"},
    }
    if values:
        body["values"] = [{"key": key, "value": value} for key, value in values]
    return body
