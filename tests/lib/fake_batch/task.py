"""A task, driven by the steps of the script."""

from . import clock
from .files import Tree

# The keys of a step that a completed task still takes.
FILE_KEYS = {
    "after_polls",
    "stdout",
    "stderr",
    "append_stdout",
    "append_stderr",
    "files",
    "remove_files",
    "files_cleaned",
}
ENDED_BY_USER = {
    "category": "usererror",
    "code": "TaskEnded",
    "message": "The task was ended by request of a user.",
}


class Task:
    def __init__(self, job, properties, attempts):
        self.job = job
        self.id = properties["id"]
        self.given = properties
        time = clock.now()
        self.times = {"creationTime": time, "lastModified": time, "stateTransitionTime": time}
        self.etag = clock.etag()
        self.state = "active"
        self.previous_state = None
        self.execution = {"retryCount": 0, "requeueCount": 0}
        self.reset_run()
        self.use(attempts)

    def use(self, attempts):
        """Starts a script at its first step."""
        self.attempts = attempts
        self.attempt = 0
        self.steps = list(attempts[0])
        self.polls = 0

    def reset_run(self):
        self.nodes = []  # of the primary, then of the subtasks
        self.files = Tree()
        self.cleaned = False
        self.subtasks = {}

    @property
    def name(self):
        return f"{self.job.id}/{self.id}"

    @property
    def instances(self):
        return self.given.get("multiInstanceSettings", {}).get("numberOfInstances", 1)

    @property
    def is_multi_instance(self):
        return "multiInstanceSettings" in self.given

    @property
    def succeeded(self):
        return self.state == "completed" and self.execution.get("result") == "success"

    @property
    def root(self):
        return f"workitems/{self.job.id}/job-1/{self.id}"

    def retries_left(self):
        allowed = self.given.get("constraints", {}).get(
            "maxTaskRetryCount", self.job.properties.get("constraints", {}).get("maxTaskRetryCount", 0)
        )
        return allowed == -1 or self.execution["retryCount"] < allowed

    def due(self):
        """The steps that this poll brings about."""
        self.polls += 1
        found = []
        while self.steps:
            wait = self.steps[0].get("after_polls", 1)
            if wait > (0 if found else self.polls):
                break
            found.append(self.steps.pop(0))
            self.polls = 0
            # What makes the task active again may have chosen other steps: those wait for polls of their own.
            if found[-1].get("requeue") or found[-1].get("retry") or found[-1].get("state") == "completed":
                break
        return found

    def enter(self, state):
        if state == self.state:
            return
        self.previous_state, self.state = self.state, state
        if "stateTransitionTime" in self.times:
            self.times["previousStateTransitionTime"] = self.times["stateTransitionTime"]
        self.times["stateTransitionTime"] = clock.now()
        if state == "running":
            self.execution["startTime"] = clock.now()
            for name in ("stdout.txt", "stderr.txt"):
                if name not in self.files:
                    self.files.put(name, "")
        if state in ("active", "running"):
            for key in ("exitCode", "endTime", "failureInfo", "result", "containerInfo"):
                self.execution.pop(key, None)
        if state == "active":
            self.execution.pop("startTime", None)
        if state == "completed":
            self.execution["endTime"] = clock.now()
            self.execution.setdefault("startTime", self.execution["endTime"])

    def apply_files(self, step):
        for name in ("stdout", "stderr"):
            if name in step:
                self.files.put(f"{name}.txt", step[name])
            if f"append_{name}" in step:
                self.files.append(f"{name}.txt", step[f"append_{name}"])
        for path, content in step.get("files", {}).items():
            self.files.put(path, content)
        for path in step.get("remove_files", []):
            self.files.pop(path, None)
        if step.get("files_cleaned"):
            self.cleaned = True

    def next_attempt(self, by_user):
        """A task that is active again needs something to do."""
        more = self.attempt + 1 < len(self.attempts)
        if by_user or not self.steps:
            if more:
                self.attempt += 1
                self.steps = list(self.attempts[self.attempt])
            elif not self.steps:
                self.steps = list(self.attempts[self.attempt])
        self.polls = 0

    def retry(self):
        self.execution["retryCount"] += 1
        self.execution["lastRetryTime"] = clock.now()
        self.enter("active")
        self.reset_run()
        self.next_attempt(by_user=False)

    def requeue(self):
        """The caller has taken the node away."""
        self.execution["requeueCount"] += 1
        self.execution["lastRequeueTime"] = clock.now()
        self.enter("active")
        self.reset_run()
        self.next_attempt(by_user=False)

    def reactivate(self):
        self.execution["retryCount"] = 0
        self.execution.pop("lastRetryTime", None)
        self.enter("active")
        self.reset_run()
        self.next_attempt(by_user=True)

    def complete(self, step):
        """Ends the task, or tries it again as Batch does by itself."""
        outcome = {key: step[key] for key in ("exitCode", "failureInfo", "containerInfo") if key in step}
        failed = (
            outcome.get("exitCode", 0) != 0 or "failureInfo" in outcome or step.get("result") == "failure"
        )
        if not outcome and "result" not in step:
            outcome["exitCode"] = 0
        if failed and "failureInfo" not in outcome:
            # The service marks each failure; a program's own is the user's.
            outcome["failureInfo"] = {
                "category": "usererror",
                "code": "FailureExitCode",
                "message": "The task's program exited with a status that says failure.",
                "details": [{"name": "Exit code", "value": str(outcome.get("exitCode"))}],
            }
        if failed and self.retries_left():
            return self.retry()
        self.enter("completed")
        self.execution |= outcome
        self.execution["result"] = "failure" if failed else "success"
        return None

    def end_by_user(self):
        self.enter("completed")
        self.execution["failureInfo"] = dict(ENDED_BY_USER)
        self.execution["result"] = "failure"

    def touched(self):
        self.etag = clock.etag()
        self.times["lastModified"] = clock.now()

    def job_action(self):
        """What the task's exit conditions ask of its job after a failure: none, terminate, disable."""
        conditions = self.given.get("exitConditions", {})
        code = self.execution.get("exitCode")
        chosen = conditions.get("default")
        if code is None:
            chosen = conditions.get("preProcessingError", chosen)
        for item in conditions.get("exitCodeRanges", []):
            if code is not None and item["start"] <= code <= item["end"]:
                chosen = item["exitOptions"]
        for item in conditions.get("exitCodes", []):
            if code == item["code"]:
                chosen = item["exitOptions"]
        # "The default is none for exit code 0 and terminate for all other exit conditions", ExitOptions says.
        return (chosen or {}).get("jobAction", "terminate")
