"""A pool and its nodes."""

import itertools

from . import clock
from .files import Tree

USABLE = ("idle", "running")
# What a script says of a pool that is no property of it.
SCRIPT_KEYS = {"nodes", "exists", "after", "deleting_polls"}


class Node:
    _numbers = itertools.count(1)

    def __init__(self, pool, given=None, dedicated=True):
        given = {"id": given} if isinstance(given, str) else dict(given or {})
        number = next(Node._numbers)
        self.pool = pool
        self.id = given.get("id", f"tvmps_{number:04}_d")
        self.files = Tree()
        for path, content in given.pop("files", {}).items():
            self.files.put(path, content)
        time = clock.now()
        self.properties = {
            "id": self.id,
            "state": "idle",
            "schedulingState": "enabled",
            "stateTransitionTime": time,
            "lastBootTime": time,
            "allocationTime": time,
            "ipAddress": f"10.0.{number // 250}.{4 + number % 250}",
            "affinityId": f"TVM:{self.id}",
            "totalTasksRun": 0,
            "totalTasksSucceeded": 0,
            "isDedicated": dedicated,
        } | given
        if pool.properties.get("vmSize"):
            self.properties.setdefault("vmSize", pool.properties["vmSize"])

    def set_state(self, state):
        self.properties["state"] = state
        self.properties["stateTransitionTime"] = clock.now()


class Pool:
    """`properties`: as a client gave them. `said`: what the script says of this pool."""

    def __init__(self, identifier, properties, said, made_by_client, auto=False):
        self.id = identifier
        self.deleting_polls = said.get("deleting_polls", 0)
        self.polls = 0
        time = clock.now()
        fixed = {key: value for key, value in said.items() if key not in SCRIPT_KEYS}
        self.properties = (
            {
                "id": identifier,
                "creationTime": time,
                "lastModified": time,
                "state": "active",
                "stateTransitionTime": time,
                "allocationState": "steady",
                "allocationStateTransitionTime": time,
                "targetDedicatedNodes": 0,
                "targetLowPriorityNodes": 0,
                "enableInterNodeCommunication": False,
                "taskSlotsPerNode": 1,
                "enableAutoScale": False,
            }
            | properties
            | fixed
            | {"id": identifier, "eTag": clock.etag()}
        )
        self.nodes = []
        self.steps = list(said.get("after", []))
        if "nodes" in said:
            self.set_nodes(said["nodes"])
            if not made_by_client and "targetDedicatedNodes" not in said:
                self.properties["targetDedicatedNodes"] = len(self.nodes)
        elif not self.steps and (made_by_client or auto):
            # Allocation takes a while: the first poll sees none of the nodes, or all.
            self.properties["allocationState"] = "resizing"
            self.steps = [{"after_polls": 1, "allocationState": "steady", "nodes": "target"}]

    def set_nodes(self, wish):
        dedicated = self.properties["targetDedicatedNodes"]
        low = self.properties["targetLowPriorityNodes"]
        if wish == "target":
            kinds = [True] * dedicated + [False] * low
            # Nodes that are there stay: a resize does not replace them.
            kept = []
            for kind in (True, False):
                kept += [n for n in self.nodes if n.properties["isDedicated"] is kind][: kinds.count(kind)]
            for node in kept:
                kinds.remove(node.properties["isDedicated"])
            self.nodes = kept + [Node(self, None, kind) for kind in kinds]
        elif isinstance(wish, int):
            self.nodes = self.nodes[:wish] + [Node(self) for _ in range(wish - len(self.nodes))]
        else:
            self.nodes = [Node(self, given) for given in wish]

    def poll(self):
        """True where something has changed."""
        self.polls += 1
        changed = False
        while self.steps and self.polls >= self.steps[0].get("after_polls", 1):
            step = self.steps.pop(0)
            self.polls = 0
            self.change({k: v for k, v in step.items() if k not in ("after_polls", "nodes", "node_state")})
            if "nodes" in step:
                self.set_nodes(step["nodes"])
            if "node_state" in step:
                for node in self.nodes:
                    node.set_state(step["node_state"])
            changed = True
            if not self.steps or self.steps[0].get("after_polls", 1) > 0:
                break
        return changed

    def change(self, properties):
        time = clock.now()
        if (
            properties.get("allocationState", self.properties["allocationState"])
            != self.properties["allocationState"]
        ):
            self.properties["allocationStateTransitionTime"] = time
        self.properties |= properties
        self.properties |= {"eTag": clock.etag(), "lastModified": time}

    def resize(self, body):
        self.change(
            {key: value for key, value in body.items() if key.startswith("target")}
            | {"allocationState": "resizing"}
        )
        self.polls = 0
        self.steps = [{"after_polls": 1, "allocationState": "steady", "nodes": "target"}]

    def stop_resize(self):
        self.change({"allocationState": "stopping"})
        self.polls = 0
        self.steps = [
            {
                "after_polls": 1,
                "allocationState": "steady",
                "targetDedicatedNodes": sum(n.properties["isDedicated"] for n in self.nodes),
                "targetLowPriorityNodes": sum(not n.properties["isDedicated"] for n in self.nodes),
            }
        ]

    @property
    def starts_containers(self):
        return "containerConfiguration" in self.properties.get("virtualMachineConfiguration", {})

    def usable(self):
        return [node for node in self.nodes if node.properties["state"] in USABLE]

    def node(self, identifier):
        return next((node for node in self.nodes if node.id.lower() == identifier.lower()), None)

    def preempt(self, node):
        """The pool loses a node and gets another in its place."""
        node.set_state("preempted")
        if node in self.nodes:
            self.nodes.remove(node)
            self.nodes.append(Node(self, None, node.properties["isDedicated"]))
