"""How pools, nodes, jobs and tasks look to a client."""

from . import clock

# What the service takes and never gives back.
SECRETS = {"password", "accountKey", "sasKey", "sshPrivateKey", "identityReferenceSecret"}


def without_secrets(value):
    if isinstance(value, dict):
        return {key: without_secrets(part) for key, part in value.items() if key not in SECRETS}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value


class Views:
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
        return {
            "affinityId": f"TVM:{node.id}",
            "nodeUrl": url,
            "poolId": node.pool.id,
            "nodeId": node.id,
            "taskRootDirectory": root,
            "taskRootDirectoryUrl": f"{url}/files/{root}",
        }

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
            state = said.get(
                "state", "completed" if "exitCode" in said or "failureInfo" in said else task.state
            )
            view = {
                "id": number,
                "state": state,
                "stateTransitionTime": task.times["stateTransitionTime"],
                "nodeInfo": self.node_info(node, f"{task.root}/{number}"),
            }
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

    def whole_state(self):
        result = {"pools": {}, "jobs": {}}
        for pool in self.pools.values():
            result["pools"][pool.id] = {
                "pool": self.pool_view(pool),
                "nodes": [self.node_view(node) for node in pool.nodes],
            }
        for job in self.jobs.values():
            tasks = {}
            for task in job.tasks.values():
                tasks[task.id] = {
                    "task": self.task_view(task),
                    "steps_left": len(task.steps),
                    "attempt": task.attempt,
                    "waits": self.waits(task),
                    "files": {path: len(file.content) for path, file in task.files.items()},
                    "subtasks": self.subtask_views(task),
                }
            result["jobs"][job.id] = {"job": self.job_view(job), "tasks": tasks}
        return result
