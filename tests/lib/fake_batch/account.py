"""The state of a Batch account, apart from HTTP: what each operation changes, and what it answers.

Each operation returns an Answer or raises a Fault. Time passes by polls alone (script.py).
"""

import copy
import re
import uuid

from . import clock, files
from .faults import Fault
from .job import Job
from .life import Life
from .pool import SCRIPT_KEYS, Pool
from .script import attempts
from .task import Task
from .views import Views

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


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


class Account(Life, Views):
    def __init__(self, script, statuses):
        self.script = script
        self.statuses = statuses
        self.base = ""  # URL of the service, as the client of this request calls it
        self.pools = {}
        self.jobs = {}
        self.changes = []  # of the present request, for the journal

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
        refused = {
            "terminating": "JobBeingTerminated",
            "completed": "JobCompleted",
            "deleting": "JobBeingDeleted",
        }
        if job.state in refused:
            raise Fault(refused[job.state])
        return job

    def check_identifier(self, identifier):
        if not IDENTIFIER.fullmatch(identifier):
            raise Fault(
                "InvalidPropertyValue",
                [
                    ("PropertyName", "id"),
                    ("PropertyValue", identifier),
                    ("Reason", "1 to 64 of letters, digits, - and _"),
                ],
            )

    def quota(self, kind, code, present):
        limit = self.script.quota.get(kind)
        if limit is not None and present >= limit:
            raise Fault(code)

    def check_pool(self, body):
        """What Batch refuses beside what the definitions do."""
        both = body.get("targetDedicatedNodes", 0) > 0 and body.get("targetLowPriorityNodes", 0) > 0
        if both and body.get("enableInterNodeCommunication"):
            raise Fault(
                "InvalidPropertyValue",
                [
                    ("PropertyName", "targetLowPriorityNodes"),
                    ("Reason", "dedicated and low priority nodes with inter-node communication"),
                ],
            )

    def add_pool(self, body):
        self.check_identifier(body["id"])
        self.check_pool(body)
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
            self.changes.append(
                f"pool {pool.id} {pool.properties['allocationState']}, {len(pool.nodes)} nodes"
            )

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

    def job_resource(self, job):
        return (f"/jobs/{job.id}", job.etag, job.times["lastModified"])

    def add_job(self, body):
        self.check_identifier(body["id"])
        present = self.jobs.get(body["id"].lower())
        if present is not None:
            raise Fault("JobBeingDeleted" if present.state == "deleting" else "JobExists")
        self.quota(
            "jobs",
            "ActiveJobAndScheduleQuotaReached",
            sum(job.state not in ("completed", "deleting") for job in self.jobs.values()),
        )
        wish = body["poolInfo"]
        if ("poolId" in wish) == ("autoPoolSpecification" in wish):
            raise Fault(
                "InvalidPropertyValue",
                [("PropertyName", "poolInfo"), ("Reason", "exactly one of poolId and autoPoolSpecification")],
            )
        auto = wish.get("autoPoolSpecification")
        pool_id = wish.get("poolId")
        if auto:
            if "pool" not in auto:
                raise Fault(
                    "MissingRequiredProperty", [("PropertyName", "poolInfo.autoPoolSpecification.pool")]
                )
            self.check_pool(auto["pool"])
            prefix = auto.get("autoPoolIdPrefix", "")
            pool_id = (prefix + "_" if prefix else "") + str(uuid.uuid4()).upper()
            pool = Pool(
                pool_id,
                copy.deepcopy(auto["pool"]),
                self.script.of_pool(pool_id),
                made_by_client=False,
                auto=True,
            )
        else:
            pool = self.pools.get(pool_id.lower())
        if "jobManagerTask" in body:
            self.check_containers(pool, body["jobManagerTask"], "jobManagerTask.")
        if auto:
            self.pools[pool_id.lower()] = pool
            self.changes.append(f"created pool {pool_id}")
        job = Job(copy.deepcopy(body), pool_id, self.script.of_job(body["id"]))
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
                info = (
                    {
                        "state": "completed",
                        "startTime": job.preparation_started,
                        "taskRootDirectory": root,
                        "taskRootDirectoryUrl": f"{url}/files/{root}",
                    }
                    | more
                    | said
                )
                if info["state"] == "completed":
                    info.setdefault("endTime", clock.now())
                    if "failureInfo" not in info:
                        info.setdefault("exitCode", 0)
                    failed = info.get("exitCode", 0) != 0 or "failureInfo" in info
                    info.setdefault("result", "failure" if failed else "success")
                view[f"{name}ExecutionInfo"] = info
            result.append(view)
        return result

    def task_resource(self, task):
        return (f"/jobs/{task.job.id}/tasks/{task.id}", task.etag, task.times["lastModified"])

    @staticmethod
    def check_containers(pool, task, where):
        """A task has containerSettings exactly where its pool has containerConfiguration (TaskAddParameter)."""
        if pool is not None and pool.starts_containers != ("containerSettings" in task):
            has = "has" if pool.starts_containers else "does not have"
            raise Fault(
                "InvalidPropertyValue",
                [
                    ("PropertyName", f"{where}containerSettings"),
                    ("Reason", f"the pool that will run this task {has} containerConfiguration set"),
                ],
            )

    def new_task(self, job, body):
        self.check_identifier(body["id"])
        self.check_containers(self.pools.get(job.pool_id.lower()), body, "")
        if body["id"].lower() in job.tasks:
            raise Fault("TaskExists")
        if "dependsOn" in body and not job.properties["usesTaskDependencies"]:
            raise Fault("TaskDependenciesNotSpecifiedOnJob")
        given = copy.deepcopy(body)
        given["constraints"] = {
            "retentionTime": "P7D",
            "maxTaskRetryCount": job.properties.get("constraints", {}).get("maxTaskRetryCount", 0),
        } | given.get("constraints", {})
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
                results.append(
                    {
                        "status": "success",
                        "taskId": task.id,
                        "eTag": task.etag,
                        "lastModified": task.times["lastModified"],
                        "location": self.task_url(task),
                    }
                )
            except Fault as fault:
                results.append(
                    {
                        "status": "clienterror" if self.statuses.of(fault) < 500 else "servererror",
                        "taskId": item["id"],
                        "error": {"code": fault.code, "message": {"lang": "en-US", "value": fault.message}},
                    }
                )
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
        return [
            files.entry(name, file, f"{url}/{name}", self.script.long_as_text)
            for name, file in tree.entries(recursive)
        ]

    def get_file(self, tree, path, url, headers, head):
        file = tree.find(path)
        if file is None:
            if not head:
                raise Fault("FileNotFound")
            return Answer(200, file=None, content=b"", path=f"{url}/{path}")
        content = file.content if head else files.part(file.content, headers.get("ocp-range"))
        return Answer(200, file=file, content=content, path=f"{url}/{path}")
