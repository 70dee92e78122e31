"""What happens in an account by itself: tasks are placed and run, jobs end. Time passes by polls alone."""

from . import files
from .task import FILE_KEYS


class Life:
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
        return (free[-task.instances :] if task.is_multi_instance else free[:1]), None

    def busy_with(self, node):
        return [
            task
            for job in self.jobs.values()
            for task in job.tasks.values()
            if task.state in ("preparing", "running") and node in task.nodes
        ]

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
            task.job.prepared += [
                (node.pool, node) for node in task.nodes if (node.pool, node) not in task.job.prepared
            ]
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
        if (
            job.state == "active"
            and job.properties["onAllTasksComplete"] == "terminatejob"
            and job.all_complete()
        ):
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
        if (
            specification
            and not specification.get("keepAlive")
            and specification["poolLifetimeOption"] == "job"
            and self.pools.pop(job.pool_id.lower(), None)
        ):
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
