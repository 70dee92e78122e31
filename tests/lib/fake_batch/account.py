"""The state of a Batch account, apart from HTTP: what each operation changes, and what it answers.

Each operation returns an Answer or raises a Fault. Time passes by polls alone (script.py).
"""

import copy
import re
import uuid

from . import clock, files
from .faults import Fault
from .job import Job
from .pool import SCRIPT_KEYS, Pool
from .script import attempts
from .task import FILE_KEYS, Task

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What the service takes and never gives back.
SECRETS = {"password", "accountKey", "sasKey", "sshPrivateKey", "identityReferenceSecret"}


class Answer:
    """`resource`: (path, ETag, Last-Modified) for the headers. `file`: for a file's own headers."""

    def __init__(self, status, body=None, resource=None, created=False, file=None, content=None, path=None):
        self.status = status
        self.body = body
        self.resource = resource
        self.created = created
        self.file = file
        self.content = content
        self.path = path


def without_secrets(value):
    if isinstance(value, dict):
        return {key: without_secrets(part) for key, part in value.items() if key not in SECRETS}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value


class Account:
    def __init__(self, script, statuses):
        self.script = script
        self.statuses = statuses
        self.base = ""  # URL of the service, as the client of this request calls it
        self.pools = {}
        self.jobs = {}
        self.changes = []  # of the present request, for the journal

    # ---- the script -------------------------------------------------------------------------------------------

    def take(self, document, at_run_time=False):
        """A script, whole or in parts."""
        self.script.update(document, at_run_time)
        for name, said in document.get("pools", {}).items():
            if said.get("exists", not any(c in name for c in "*?[")):
                pool = self.pools.get(name.lower())
                if pool is None:
                    self.pools[name.lower()] = Pool(name, {}, said, made_by_client=False)
                else:
                    pool.change({k: v for k, v in said.items() if k not in SCRIPT_KEYS})
                    if "nodes" in said:
                        pool.set_nodes(said["nodes"])
                    if "after" in said:
                        pool.steps, pool.polls = list(said["after"]), 0
        for job in self.jobs.values():
            job.said = self.script.of_job(job.id)
            for task in job.tasks.values():
                new = self.script.steps(job.id, task.id)
                # Only what is new starts anew: a rule given at run time must not rewind a task.
                if new is not task.attempts:
                    task.use(new)
        for name, step in document.get("apply", {}).items():
            job_id, _, task_id = name.partition("/")
            task = self.task_of(job_id, task_id)
            self.apply(task, attempts([step], "apply")[0][0])
        for name, reason in document.get("terminate_jobs", {}).items():
            self.terminate(self.job_of(name), reason)

    # ---- finding ----------------------------------------------------------------------------------------------

    def pool_of(self, identifier):
        pool = self.pools.get(identifier.lower())
        if pool is None:
            raise Fault("PoolNotFound")
        return pool

    def job_of(self, identifier):
        job = self.jobs.get(identifier.lower())
        if job is None:
            raise Fault("JobNotFound")
        return job

    def task_of(self, job_id, task_id):
        task = self.job_of(job_id).tasks.get(task_id.lower())
        if task is None:
            raise Fault("TaskNotFound")
        return task

    def changeable(self, identifier):
        """A job that still takes changes."""
        job = self.job_of(identifier)
        refused = {"terminating": "JobBeingTerminated", "completed": "JobCompleted", "deleting": "JobBeingDeleted"}
        if job.state in refused:
            raise Fault(refused[job.state])
        return job

    # ---- what happens by itself -------------------------------------------------------------------------------

    def candidates(self, task):
        """The nodes on which a task would run, or none and a sentence that says why."""
        pool = self.pools.get(task.job.pool_id.lower())
        if pool is None:
            return [], f"the pool {task.job.pool_id} does not exist"
        slots = pool.properties.get("taskSlotsPerNode", 1)
        if task.is_multi_instance:
            if not pool.properties.get("enableInterNodeCommunication"):
                return [], f"the pool {pool.id} has no inter-node communication"
            if slots != 1:
                return [], f"the pool {pool.id} has more than one task slot per node"
        free = [node for node in pool.usable() if len(self.busy_with(node)) < slots]
        if len(free) < task.instances:
            return [], f"the pool {pool.id} has {len(free)} free nodes, the task needs {task.instances}"
        # The primary may be any of them, and nothing says that it is the first.
        return (free[-task.instances:] if task.is_multi_instance else free[:1]), None

    def busy_with(self, node):
        return [task for job in self.jobs.values() for task in job.tasks.values()
                if task.state in ("preparing", "running") and node in task.nodes]

    def waits(self, task):
        """Why the task's steps stand still, or None."""
        if task.state == "completed":
            return None
        if task.job.state != "active":
            return f"the job is {task.job.state}"
        return None if task.nodes else self.candidates(task)[1]

    def poll(self, task, how):
        if how not in self.script.polled_by:
            return
        pool = self.pools.get(task.job.pool_id.lower())
        if self.waits(task) and pool is not None:
            # A client that looks at its task alone sees the pool grow all the same.
            self.poll_pool(pool)
        if self.waits(task) is None:
            for step in task.due():
                self.apply(task, step)

    def apply(self, task, step):
        before = task.state
        if before == "completed" and not set(step) <= FILE_KEYS:
            step = {key: value for key, value in step.items() if key in FILE_KEYS}
        if step.get("state", "active") != "active" and not task.nodes:
            task.nodes = self.candidates(task)[0]
            task.job.prepared += [(node.pool, node) for node in task.nodes
                                  if (node.pool, node) not in task.job.prepared]
        if step.get("state") in ("active", "preparing", "running"):
            task.enter(step["state"])
        task.apply_files(step)
        for number, said in step.get("subtasks", {}).items():
            subtask = task.subtasks.setdefault(int(number), {"files": files.Tree()})
            for path, content in said.get("files", {}).items():
                subtask["files"].put(path, content)
            subtask.update({key: value for key, value in said.items() if key != "files"})
        if step.get("requeue"):
            if task.nodes:
                task.nodes[0].pool.preempt(task.nodes[0])
            task.requeue()
            self.changes.append(f"task {task.name} requeued")
        elif step.get("retry"):
            task.retry()
            self.changes.append(f"task {task.name} retried")
        elif step.get("state") == "completed":
            task.complete(step)
            if task.state != "completed":
                self.changes.append(f"task {task.name} retried")
        task.touched()
        if task.state != before:
            self.changes.append(f"task {task.name} {before} -> {task.state}")
        if task.state == "completed" and before != "completed":
            self.task_ended(task)
        if step.get("job_terminates"):
            self.terminate(task.job, step["job_terminates"])

    def task_ended(self, task):
        for node in task.nodes:
            node.properties["totalTasksRun"] += 1
            node.properties["totalTasksSucceeded"] += task.succeeded
        job = task.job
        if job.state != "active":
            return
        if not task.succeeded and job.properties["onTaskFailure"] == "performexitoptionsjobaction":
            action = task.job_action()
            if action == "terminate":
                return self.terminate(job, "TaskFailed")
            if action == "disable":
                job.enter("disabled")
                self.changes.append(f"job {job.id} disabled")
        self.end_if_all_complete(job)
        return None

    def end_if_all_complete(self, job):
        if job.state == "active" and job.properties["onAllTasksComplete"] == "terminatejob" and job.all_complete():
            # A job manager is a task to come.
            if not job.tasks and "jobManagerTask" in job.properties:
                return
            self.terminate(job, "AllTasksCompleted", at_once=not job.tasks)

    def terminate(self, job, reason, at_once=False):
        if job.state in ("terminating", "completed", "deleting"):
            return
        job.execution["terminateReason"] = reason
        job.enter("terminating")
        self.changes.append(f"job {job.id} terminating: {reason}")
        # What runs is ended; what is active stays so for ever.
        for task in job.tasks.values():
            if task.state in ("preparing", "running"):
                before = task.state
                task.end_by_user()
                task.touched()
                self.changes.append(f"task {task.name} {before} -> completed")
        if at_once or job.said.get("terminating_polls", 1) == 0:
            self.complete(job)

    def complete(self, job):
        job.enter("completed")
        self.changes.append(f"job {job.id} completed")
        self.drop_auto_pool(job)

    def drop_auto_pool(self, job):
        specification = job.properties["poolInfo"].get("autoPoolSpecification")
        if (specification and not specification.get("keepAlive")
                and specification["poolLifetimeOption"] == "job" and self.pools.pop(job.pool_id.lower(), None)):
            self.changes.append(f"deleted pool {job.pool_id}")

    def remove(self, job):
        self.jobs.pop(job.id.lower(), None)
        self.drop_auto_pool(job)
        self.changes.append(f"deleted job {job.id}")

    def poll_job(self, job):
        """A look at a job that is on its way to an end: after the polls that the script says, it is there."""
        if job.state in ("terminating", "deleting"):
            wait = job.said.get(f"{job.state}_polls", 1 if job.state == "terminating" else 0)
            job.polls += 1
            if job.polls > wait:
                if job.state == "terminating":
                    self.complete(job)
                else:
                    self.remove(job)
        if "job" in self.script.polled_by:
            for task in list(job.tasks.values()):
                self.poll(task, "job")

    # ---- views ------------------------------------------------------------------------------------------------

    def pool_view(self, pool):
        view = {"url": f"{self.base}/pools/{pool.id}"} | pool.properties
        view["currentDedicatedNodes"] = sum(n.properties["isDedicated"] for n in pool.nodes)
        view["currentLowPriorityNodes"] = len(pool.nodes) - view["currentDedicatedNodes"]
        return without_secrets(view)

    def node_view(self, node):
        busy = self.busy_with(node)
        view = {"url": f"{self.base}/pools/{node.pool.id}/nodes/{node.id}"} | node.properties
        if busy and view["state"] == "idle":
            view["state"] = "running"
        return view | {"runningTasksCount": len(busy), "runningTaskSlotsCount": len(busy)}

    def job_view(self, job):
        view = {"url": f"{self.base}/jobs/{job.id}", "eTag": job.etag, "state": job.state} | job.times
        if job.previous_state:
            view["previousState"] = job.previous_state
        return without_secrets(job.properties | view | {"executionInfo": dict(job.execution)})

    def node_info(self, node, root):
        url = f"{self.base}/pools/{node.pool.id}/nodes/{node.id}"
        return {"affinityId": f"TVM:{node.id}", "nodeUrl": url, "poolId": node.pool.id, "nodeId": node.id,
                "taskRootDirectory": root, "taskRootDirectoryUrl": f"{url}/files/{root}"}

    def task_url(self, task):
        return f"{self.base}/jobs/{task.job.id}/tasks/{task.id}"

    def task_view(self, task):
        view = {"url": self.task_url(task), "eTag": task.etag, "state": task.state} | task.times
        if task.previous_state:
            view["previousState"] = task.previous_state
        view["executionInfo"] = dict(task.execution)
        if task.nodes:
            view["nodeInfo"] = self.node_info(task.nodes[0], task.root)
        return task.given | view

    def subtask_views(self, task):
        """Id 0, the primary, is left out: that is the task itself."""
        views = []
        for number, node in enumerate(task.nodes[1:], 1):
            said = {key: value for key, value in task.subtasks.get(number, {}).items() if key != "files"}
            state = said.get("state", "completed" if "exitCode" in said or "failureInfo" in said else task.state)
            view = {"id": number, "state": state, "stateTransitionTime": task.times["stateTransitionTime"],
                    "nodeInfo": self.node_info(node, f"{task.root}/{number}")}
            if state in ("running", "completed") and "startTime" in task.execution:
                view["startTime"] = task.execution["startTime"]
            if state == "completed":
                view["endTime"] = task.execution.get("endTime", task.times["stateTransitionTime"])
                view["previousState"] = "running"
                view["previousStateTransitionTime"] = view["stateTransitionTime"]
                if "failureInfo" not in said:
                    view["exitCode"] = 0
                failed = said.get("exitCode", 0) != 0 or "failureInfo" in said
                view["result"] = "failure" if failed else "success"
            views.append(view | said)
        return views

    # ---- pools ------------------------------------------------------------------------------------------------

    def check_identifier(self, identifier):
        if not IDENTIFIER.fullmatch(identifier):
            raise Fault("InvalidPropertyValue", [("PropertyName", "id"), ("PropertyValue", identifier),
                                                 ("Reason", "1 to 64 of letters, digits, - and _")])

    def quota(self, kind, code, present):
        limit = self.script.quota.get(kind)
        if limit is not None and present >= limit:
            raise Fault(code)

    def add_pool(self, body):
        self.check_identifier(body["id"])
        if body["id"].lower() in self.pools:
            deleting = self.pools[body["id"].lower()].properties["state"] == "deleting"
            raise Fault("PoolBeingDeleted" if deleting else "PoolExists")
        self.quota("pools", "PoolQuotaReached", len(self.pools))
        pool = Pool(body["id"], copy.deepcopy(body), self.script.of_pool(body["id"]), made_by_client=True)
        self.pools[pool.id.lower()] = pool
        self.changes.append(f"created pool {pool.id}")
        return Answer(201, resource=self.pool_resource(pool), created=True)

    def pool_resource(self, pool):
        return (f"/pools/{pool.id}", pool.properties["eTag"], pool.properties["lastModified"])

    def poll_pool(self, pool):
        if pool.poll():
            self.changes.append(f"pool {pool.id} {pool.properties['allocationState']}, {len(pool.nodes)} nodes")

    def seen_pool(self, identifier):
        pool = self.pool_of(identifier)
        if pool.properties["state"] == "deleting":
            pool.polls += 1
            if pool.polls > pool.deleting_polls:
                self.remove_pool(pool)
                raise Fault("PoolNotFound")
        else:
            self.poll_pool(pool)
        return pool

    def remove_pool(self, pool):
        del self.pools[pool.id.lower()]
        self.changes.append(f"deleted pool {pool.id}")

    def get_pool(self, identifier):
        pool = self.seen_pool(identifier)
        return Answer(200, self.pool_view(pool), resource=self.pool_resource(pool))

    def list_pools(self):
        return [self.pool_view(pool) for pool in self.pools.values()]

    def delete_pool(self, identifier):
        pool = self.pool_of(identifier)
        if pool.properties["state"] == "deleting":
            raise Fault("PoolBeingDeleted")
        pool.change({"state": "deleting"})
        pool.polls = 0
        self.changes.append(f"deleting pool {pool.id}")
        if pool.deleting_polls == 0:
            self.remove_pool(pool)
        return Answer(202)

    def resize_pool(self, identifier, body):
        pool = self.pool_of(identifier)
        if pool.properties["allocationState"] != "steady":
            raise Fault("PoolBeingResized")
        pool.resize(body)
        self.changes.append(f"resized pool {pool.id}")
        return Answer(202, resource=self.pool_resource(pool))

    def stop_resize(self, identifier):
        pool = self.pool_of(identifier)
        if pool.properties["allocationState"] != "resizing":
            raise Fault("OperationInvalidForCurrentState")
        pool.stop_resize()
        self.changes.append(f"stopped the resize of pool {pool.id}")
        return Answer(202, resource=self.pool_resource(pool))

    def list_nodes(self, identifier):
        return [self.node_view(node) for node in self.seen_pool(identifier).nodes]

    def node_of(self, pool_id, node_id):
        node = self.pool_of(pool_id).node(node_id)
        if node is None:
            raise Fault("NodeNotFound")
        return node

    def get_node(self, pool_id, node_id):
        return Answer(200, self.node_view(self.node_of(pool_id, node_id)))

    # ---- jobs -------------------------------------------------------------------------------------------------

    def job_resource(self, job):
        return (f"/jobs/{job.id}", job.etag, job.times["lastModified"])

    def add_job(self, body):
        self.check_identifier(body["id"])
        present = self.jobs.get(body["id"].lower())
        if present is not None:
            raise Fault("JobBeingDeleted" if present.state == "deleting" else "JobExists")
        self.quota("jobs", "ActiveJobAndScheduleQuotaReached",
                   sum(job.state not in ("completed", "deleting") for job in self.jobs.values()))
        wish = body["poolInfo"]
        if ("poolId" in wish) == ("autoPoolSpecification" in wish):
            raise Fault("InvalidPropertyValue", [("PropertyName", "poolInfo"),
                                                 ("Reason", "exactly one of poolId and autoPoolSpecification")])
        auto = wish.get("autoPoolSpecification")
        pool_id = wish.get("poolId")
        if auto:
            if "pool" not in auto:
                raise Fault("MissingRequiredProperty", [("PropertyName", "poolInfo.autoPoolSpecification.pool")])
            prefix = auto.get("autoPoolIdPrefix", "")
            pool_id = (prefix + "_" if prefix else "") + str(uuid.uuid4()).upper()
            self.pools[pool_id.lower()] = Pool(pool_id, copy.deepcopy(auto["pool"]), self.script.of_pool(pool_id),
                                               made_by_client=False, auto=True)
            self.changes.append(f"created pool {pool_id}")
        job = Job(copy.deepcopy(body), pool_id, bool(auto), self.script.of_job(body["id"]))
        self.jobs[job.id.lower()] = job
        self.changes.append(f"created job {job.id}")
        self.end_if_all_complete(job)
        return Answer(201, resource=self.job_resource(job), created=True)

    def get_job(self, identifier):
        job = self.job_of(identifier)
        self.poll_job(job)
        if identifier.lower() not in self.jobs:
            raise Fault("JobNotFound")
        return Answer(200, self.job_view(job), resource=self.job_resource(job))

    def list_jobs(self):
        return [self.job_view(job) for job in self.jobs.values()]

    def check_match(self, resource, headers):
        wanted = headers.get("If-Match")
        if wanted not in (None, "*", resource.etag):
            raise Fault("ConditionNotMet")

    def patch_job(self, identifier, body, headers):
        job = self.changeable(identifier)
        self.check_match(job, headers)
        job.properties |= copy.deepcopy(body)
        job.touched()
        self.changes.append(f"patched job {job.id}")
        self.end_if_all_complete(job)
        return Answer(200, resource=self.job_resource(job))

    def delete_job(self, identifier, headers):
        job = self.job_of(identifier)
        if job.state == "deleting":
            raise Fault("JobBeingDeleted")
        self.check_match(job, headers)
        job.enter("deleting")
        self.changes.append(f"deleting job {job.id}")
        if job.said.get("deleting_polls", 0) == 0:
            self.remove(job)
        return Answer(202)

    def terminate_job(self, identifier, body, headers):
        job = self.changeable(identifier)
        self.check_match(job, headers)
        self.terminate(job, (body or {}).get("terminateReason", "UserTerminate"))
        return Answer(202, resource=self.job_resource(job))

    def task_counts(self, identifier):
        counts = dict.fromkeys(("active", "running", "completed", "succeeded", "failed"), 0)
        slots = dict(counts)
        for task in self.job_of(identifier).tasks.values():
            # A task that prepares counts as running.
            names = [{"preparing": "running"}.get(task.state, task.state)]
            if task.state == "completed":
                names.append("succeeded" if task.succeeded else "failed")
            for name in names:
                counts[name] += 1
                slots[name] += task.given.get("requiredSlots", 1)
        return Answer(200, {"taskCounts": counts, "taskSlotCounts": slots})

    def preparation_status(self, identifier):
        job = self.job_of(identifier)
        if "jobPreparationTask" not in job.properties:
            raise Fault("JobPreparationTaskNotSpecified")
        result = []
        for pool, node in job.prepared:
            url = f"{self.base}/pools/{pool.id}/nodes/{node.id}"
            view = {"poolId": pool.id, "nodeId": node.id, "nodeUrl": url}
            kinds = [("preparation", "jobPreparationTask", "jobpreparation", {"retryCount": 0})]
            if "jobReleaseTask" in job.properties and job.state in ("terminating", "completed"):
                kinds.append(("release", "jobReleaseTask", "jobrelease", {}))
            for key, name, default_id, more in kinds:
                root = f"workitems/{job.id}/job-1/{job.properties[name].get('id', default_id)}"
                said = {k: v for k, v in job.said.get(key, {}).items() if k != "files"}
                info = {"state": "completed", "startTime": job.preparation_started, "taskRootDirectory": root,
                        "taskRootDirectoryUrl": f"{url}/files/{root}"} | more | said
                if info["state"] == "completed":
                    info.setdefault("endTime", clock.now())
                    if "failureInfo" not in info:
                        info.setdefault("exitCode", 0)
                    failed = info.get("exitCode", 0) != 0 or "failureInfo" in info
                    info.setdefault("result", "failure" if failed else "success")
                view[f"{name}ExecutionInfo"] = info
            result.append(view)
        return result

    # ---- tasks ------------------------------------------------------------------------------------------------

    def task_resource(self, task):
        return (f"/jobs/{task.job.id}/tasks/{task.id}", task.etag, task.times["lastModified"])

    def new_task(self, job, body):
        self.check_identifier(body["id"])
        if body["id"].lower() in job.tasks:
            raise Fault("TaskExists")
        if "dependsOn" in body and not job.properties["usesTaskDependencies"]:
            raise Fault("TaskDependenciesNotSpecifiedOnJob")
        given = copy.deepcopy(body)
        given["constraints"] = {"retentionTime": "P7D", "maxTaskRetryCount": job.properties.get("constraints", {}).get(
            "maxTaskRetryCount", 0)} | given.get("constraints", {})
        task = Task(job, given, self.script.steps(job.id, body["id"]))
        job.tasks[task.id.lower()] = task
        self.changes.append(f"created task {task.name}")
        # Steps that wait for nothing are there before the first poll.
        task.polls = -1
        if self.waits(task) is None:
            for step in task.due():
                self.apply(task, step)
        task.polls = max(task.polls, 0)
        return task

    def add_task(self, job_id, body):
        task = self.new_task(self.changeable(job_id), body)
        return Answer(201, resource=self.task_resource(task), created=True)

    def add_tasks(self, job_id, body):
        job = self.changeable(job_id)
        results = []
        for item in body["value"]:
            try:
                task = self.new_task(job, item)
                results.append({"status": "success", "taskId": task.id, "eTag": task.etag,
                                "lastModified": task.times["lastModified"], "location": self.task_url(task)})
            except Fault as fault:
                results.append({"status": "clienterror" if self.statuses.of(fault) < 500 else "servererror",
                                "taskId": item["id"],
                                "error": {"code": fault.code, "message": {"lang": "en-US", "value": fault.message}}})
        return Answer(200, {"value": results})

    def get_task(self, job_id, task_id):
        task = self.task_of(job_id, task_id)
        self.poll(task, "task")
        return Answer(200, self.task_view(task), resource=self.task_resource(task))

    def list_tasks(self, job_id):
        tasks = list(self.job_of(job_id).tasks.values())
        for task in tasks:
            self.poll(task, "list")
        return [self.task_view(task) for task in tasks]

    def delete_task(self, job_id, task_id, headers):
        task = self.task_of(job_id, task_id)
        self.check_match(task, headers)
        del task.job.tasks[task.id.lower()]
        self.changes.append(f"deleted task {task.name}")
        self.end_if_all_complete(task.job)
        return Answer(200)

    def list_subtasks(self, job_id, task_id):
        task = self.task_of(job_id, task_id)
        return self.subtask_views(task) if task.is_multi_instance else []

    def terminate_task(self, job_id, task_id, headers):
        task = self.task_of(job_id, task_id)
        if task.state == "completed":
            raise Fault("TaskCompleted")
        self.check_match(task, headers)
        before = task.state
        task.end_by_user()
        task.touched()
        self.changes.append(f"task {task.name} {before} -> completed")
        self.task_ended(task)
        return Answer(204, resource=self.task_resource(task))

    def reactivate_task(self, job_id, task_id, headers):
        task = self.task_of(job_id, task_id)
        self.changeable(job_id)
        self.check_match(task, headers)
        if task.state != "completed":
            raise Fault("TaskNotCompleted")
        if task.succeeded:
            raise Fault("TaskSucceeded")
        task.reactivate()
        task.touched()
        self.changes.append(f"task {task.name} reactivated")
        return Answer(204, resource=self.task_resource(task))

    # ---- files ------------------------------------------------------------------------------------------------

    def task_files(self, job_id, task_id):
        task = self.task_of(job_id, task_id)
        self.poll(task, "file")
        if task.cleaned:
            raise Fault("TaskFilesCleanedup")
        if not task.nodes:
            raise Fault("OperationInvalidForCurrentState")
        pool = self.pools.get(task.job.pool_id.lower())
        if pool is None or task.nodes[0] not in pool.nodes:
            raise Fault("TaskFilesUnavailable")
        return task.files

    def node_files(self, pool_id, node_id):
        """All that lies on a node: its own files, and those of the tasks that run or ran there."""
        node = self.node_of(pool_id, node_id)
        tree = files.Tree(node.files)
        for job in self.jobs.values():
            for key, name in (("preparation", "jobPreparationTask"), ("release", "jobReleaseTask")):
                if (node.pool, node) in job.prepared and name in job.properties:
                    root = f"workitems/{job.id}/job-1/" + job.properties[name].get("id", f"job{key}")
                    for path, content in job.said.get(key, {}).get("files", {}).items():
                        tree.put(f"{root}/{path}", content)
            for task in job.tasks.values():
                if node not in task.nodes or task.cleaned:
                    continue
                number = task.nodes.index(node)
                found = task.files if number == 0 else task.subtasks.get(number, {}).get("files", {})
                prefix = task.root if number == 0 else f"{task.root}/{number}"
                tree.update({f"{prefix}/{path}": file for path, file in found.items()})
        return tree

    def list_files(self, tree, url, recursive):
        return [files.entry(name, file, f"{url}/{name}", self.script.long_as_text)
                for name, file in tree.entries(recursive)]

    def get_file(self, tree, path, url, headers, head):
        file = tree.find(path)
        if file is None:
            if not head:
                raise Fault("FileNotFound")
            return Answer(200, file=None, content=b"", path=f"{url}/{path}")
        content = file.content if head else files.part(file.content, headers.get("ocp-range"))
        return Answer(200, file=file, content=content, path=f"{url}/{path}")

    # ---- for tests --------------------------------------------------------------------------------------------

    def whole_state(self):
        result = {"pools": {}, "jobs": {}}
        for pool in self.pools.values():
            result["pools"][pool.id] = {"pool": self.pool_view(pool),
                                        "nodes": [self.node_view(node) for node in pool.nodes]}
        for job in self.jobs.values():
            tasks = {}
            for task in job.tasks.values():
                tasks[task.id] = {"task": self.task_view(task), "steps_left": len(task.steps),
                                  "attempt": task.attempt, "waits": self.waits(task),
                                  "files": {path: len(file.content) for path, file in task.files.items()},
                                  "subtasks": self.subtask_views(task)}
            result["jobs"][job.id] = {"job": self.job_view(job), "tasks": tasks}
        return result
