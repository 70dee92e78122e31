"""What a test says of its Batch account: a JSON object, at the start (--script) and later (POST /_control).

    {"pools": {"p": {"vmSize": "…", "nodes": 2, "exists": true, "after": [STEP, …]}},
     "jobs":  {"JOB-PATTERN": {"terminating_polls": 1, "deleting_polls": 0, "preparation": {…},
                              "release": {…}, "schedulingError": {…}}},
     "tasks": {"JOB-PATTERN/TASK-PATTERN": [STEP, …] or [[STEP, …], [STEP, …]]},
     "rules": [RULE, …], "entra": {…}, "imds": {…},
     "page_size": 100, "polled_by": ["task"], "api_versions": ["…"], "long_as_text": false,
     "quota": {"jobs": 100, "pools": 100}}

and, for POST /_control alone: "clear_rules": true, "apply": {"j/t": STEP}, "terminate_jobs": {"j": "REASON"}.

Patterns are those of a shell (`*`, `?`). Of several that fit, the last given counts. What is misspelled is
refused: a script that says nothing would make a test that tests nothing.

A step of a task waits for `after_polls` polls of the task (1 where it is left out; 0: together with the step
before) and takes effect with the last of them, so that this poll shows it already. A poll is a GET of the
task; `polled_by` may name others: task, list, job, file. Its keys:
  state (active, preparing, running, completed), exitCode, failureInfo, result, containerInfo
  stdout, stderr, append_stdout, append_stderr, files {path: content}, remove_files [path], files_cleaned
  requeue: true            preempted: the node goes, files vanish, requeueCount goes up, active again
  retry: true              Batch tries again by itself: retryCount goes up, active again
  subtasks {"1": {exitCode, state, failureInfo, result, files}}
  job_terminates: "REASON" the job ends with this step
A completed step that failed becomes a retry where the task's maxTaskRetryCount has one left. A task that goes
active again takes the steps that follow; where there are none, the next list, or else the last list anew. A
reactivated task takes the next list first. After completion, steps may still change files and nothing else.
A task that has no nodes to run on (no such pool, too few nodes, no inter-node communication) stays active:
its steps wait, and /_control/state tells why.

A pool's properties are CloudPool's, besides:
  exists          whether it is there from the start; true where its name is no pattern
  nodes           a number, or a list of node ids and of ComputeNode objects; those may have `files`
                  {path: content}
  deleting_polls  how many looks still find it once it is being deleted; 0
  after           steps, by polls of the pool or its nodes: properties, `nodes`, and `node_state` for all of
                  them
A pool that a client makes gets its nodes with the first poll unless the script says otherwise.

A job's `preparation` and `release` say what became of its preparation and release tasks on each node:
exitCode, state, failureInfo, and `files`.
"""

import fnmatch

from .pool import SCRIPT_KEYS

STEP_KEYS = {
    "after_polls",
    "state",
    "exitCode",
    "failureInfo",
    "result",
    "containerInfo",
    "stdout",
    "stderr",
    "append_stdout",
    "append_stderr",
    "files",
    "remove_files",
    "files_cleaned",
    "requeue",
    "retry",
    "subtasks",
    "job_terminates",
}
SUBTASK_KEYS = {"exitCode", "state", "failureInfo", "result", "files", "containerInfo"}
JOB_KEYS = {"terminating_polls", "deleting_polls", "preparation", "release", "schedulingError"}
SETTINGS = {
    "page_size": 100,
    "polled_by": ["task"],
    "api_versions": None,
    "long_as_text": False,
    "quota": {},
    "entra": {},
    "imds": {},
}
ACTIONS = {"clear_rules", "apply", "terminate_jobs"}
TASK_STATES = ("active", "preparing", "running", "completed")
POLLED_BY = {"task", "list", "job", "file"}
ENTRA_KEYS = {"tenant", "client_id", "client_secret", "scope", "expires_in", "uses", "token"}
IMDS_KEYS = {"client_id", "resource", "expires_in", "uses", "token"}

# A task that no script names runs and ends well.
DEFAULT_STEPS = [[{"state": "running"}, {"state": "completed", "exitCode": 0}]]


class ScriptError(ValueError):
    pass


def only(keys, known, where):
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise ScriptError(f"{where}: {', '.join(unknown)} is not known here")


def check_step(step, where):
    if not isinstance(step, dict):
        raise ScriptError(f"{where}: a step is an object")
    only(step, STEP_KEYS, where)
    if step.get("state", "active") not in TASK_STATES:
        raise ScriptError(f"{where}: {step['state']} is no state of a task")
    for number, subtask in step.get("subtasks", {}).items():
        only(subtask, SUBTASK_KEYS, f"{where}, subtask {number}")
    return step


def attempts(value, where):
    """A script's list of steps, or list of such lists, as the latter."""
    lists = value if value and isinstance(value[0], list) else [value]
    return [[check_step(step, f"{where}, step {i + 1}") for i, step in enumerate(steps)] for steps in lists]


def is_pattern(text):
    return any(c in text for c in "*?[")


class Script:
    def __init__(self, definitions):
        self.pool_properties = definitions.schemas[False]["CloudPool"]["properties"]
        self.tasks = []  # (pattern, lists of steps), the last given first
        self.jobs = []
        self.pools = []
        for name, value in SETTINGS.items():
            setattr(self, name, value)

    def update(self, document, at_run_time=False):
        only(
            document,
            {"pools", "jobs", "tasks", "rules"} | set(SETTINGS) | (ACTIONS if at_run_time else set()),
            "script",
        )
        # All is checked before anything is taken over: a refused script changes nothing.
        tasks = [
            (pattern.lower(), attempts(value, f"tasks {pattern}"))
            for pattern, value in document.get("tasks", {}).items()
        ]
        for pattern, _ in tasks:
            if pattern.count("/") != 1:
                raise ScriptError(f"tasks {pattern}: is not JOB/TASK")
        for name, job in document.get("jobs", {}).items():
            only(job, JOB_KEYS, f"jobs {name}")
        for name, pool in document.get("pools", {}).items():
            only(pool, set(self.pool_properties) | SCRIPT_KEYS, f"pools {name}")
            for step in pool.get("after", []):
                only(
                    step, set(self.pool_properties) | {"after_polls", "nodes", "node_state"}, f"pools {name}"
                )
        for name, step in document.get("apply", {}).items():
            check_step(step, f"apply {name}")
        only(document.get("polled_by", []), POLLED_BY, "polled_by")
        only(document.get("entra", {}), ENTRA_KEYS, "entra")
        only(document.get("imds", {}), IMDS_KEYS, "imds")
        self.tasks = tasks[::-1] + self.tasks
        for kind in ("jobs", "pools"):
            new = [(pattern.lower(), value) for pattern, value in document.get(kind, {}).items()]
            setattr(self, kind, new[::-1] + getattr(self, kind))
        for name in SETTINGS:
            if name in document:
                setattr(self, name, document[name])

    def steps(self, job, task):
        name = f"{job}/{task}".lower()
        return next(
            (value for pattern, value in self.tasks if fnmatch.fnmatchcase(name, pattern)), DEFAULT_STEPS
        )

    def of_job(self, name):
        return next((value for pattern, value in self.jobs if fnmatch.fnmatchcase(name.lower(), pattern)), {})

    def of_pool(self, name):
        return next(
            (value for pattern, value in self.pools if fnmatch.fnmatchcase(name.lower(), pattern)), {}
        )
