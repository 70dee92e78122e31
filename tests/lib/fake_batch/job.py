"""A job and its tasks."""

from . import clock


class Job:
    def __init__(self, properties, pool_id, said):
        self.id = properties["id"]
        self.properties = {
            "priority": 0,
            "maxParallelTasks": -1,
            "onAllTasksComplete": "noaction",
            "onTaskFailure": "noaction",
            "usesTaskDependencies": False,
        } | properties
        self.pool_id = pool_id
        self.said = said
        self.state = "active"
        time = clock.now()
        self.times = {"creationTime": time, "lastModified": time, "stateTransitionTime": time}
        self.previous_state = None
        self.etag = clock.etag()
        self.execution = {"startTime": time, "poolId": pool_id}
        if "schedulingError" in said:
            self.execution["schedulingError"] = said["schedulingError"]
        self.tasks = {}
        self.polls = 0
        self.prepared = []  # (pool, node) in which a task has been
        self.preparation_started = time

    def touched(self):
        self.etag = clock.etag()
        self.times["lastModified"] = clock.now()

    def enter(self, state):
        if state == self.state:
            return
        self.previous_state, self.state = self.state, state
        self.times["previousStateTransitionTime"] = self.times["stateTransitionTime"]
        self.times["stateTransitionTime"] = clock.now()
        self.polls = 0
        self.touched()
        if state == "completed":
            self.execution["endTime"] = clock.now()

    def all_complete(self):
        return all(task.state == "completed" for task in self.tasks.values())
