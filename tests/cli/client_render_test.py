#!/usr/bin/env python3
"""Renderings of job files that together use every key there is: each fits the schema that the program prints
and Batch's published definitions, none shows a secret, and nothing is sent.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
import jsonschema  # noqa: E402
import yaml  # noqa: E402

from submit_client import DEFINITIONS, ClientTest, completed, main, running, steps  # noqa: E402

PASSWORD, FILE_PASSWORD, STORAGE_KEY, CIFS_PASSWORD = "pass-w0rd/a", "pass-w0rd/b", "c3RvcmFnZQ==", "cifs-pw"
SIGNATURE = "sIgNaTuRe%2Fabc%3D"
SECRETS = {PASSWORD, FILE_PASSWORD, STORAGE_KEY, CIFS_PASSWORD, SIGNATURE}
SAS = f"https://store.test/in/a.dat?sv=2024-01-01&sig={SIGNATURE}&se=2027"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
IMAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0"

FILES = [
    {"url": SAS, "path": "in/a.dat", "mode": "0640"},
    {"container": f"https://store.test/in?sig={SIGNATURE}", "prefix": "run/", "path": "all"},
    {"auto_storage": "mine", "path": "more"},
]
OUTPUTS = [
    {"pattern": "../std*.txt", "container": f"https://store.test/out?sp=w&sig={SIGNATURE}", "path": "logs"},
    {"pattern": "**/*.vtk", "container": "https://store.test/out", "when": "success"},
    {"pattern": "core.*", "container": "https://store.test/out", "when": "failure"},
]
CONTAINER = {
    "options": ["--cap-add=IPC_LOCK", "--label=a b"],
    "shm_size": "8g",
    "unlimited_memlock": False,
    "infiniband": "yes",
    "gpus": "no",
    "mounts": ["/mnt/data:/data:ro"],
    "working_directory": "/data",
    "keep": True,
}
REGISTRIES = [
    {"server": "registry.test", "user": "u", "password_variable": "REGISTRY_PASSWORD"},
    {"server": "registry.test:5000", "user": "it's", "password_file": "password"},
]
MOUNTS = [
    {
        "kind": "azure-files",
        "source": "https://store.test/share",
        "path": "share",
        "account": "store",
        "key_variable": "STORAGE_KEY",
        "options": "-o vers=3.0",
    },
    {"kind": "blob", "source": "container", "path": "blob", "account": "store", "key_file": "storage.key"},
    {"kind": "nfs", "source": "10.0.0.4:/data", "path": "nfs", "options": "-o ro"},
    {
        "kind": "cifs",
        "source": "//10.0.0.4/s",
        "path": "cifs",
        "account": "u",
        "key_variable": "CIFS_PASSWORD",
    },
]
POOL = {
    "id": "mine",
    "vm_size": "Standard_HB120rs_v3",
    "vm_image": "microsoft-dsvm:ubuntu-hpc:2204:latest",
    "node_agent": "batch.node.ubuntu 22.04",
    "dedicated": 3,
    "spot": 0,
    "images": ["other:2"],
    "registries": REGISTRIES,
    "subnet": SUBNET,
    "start_task": "apt-get install -y 'nfs-common'",
    "mounts": MOUNTS,
    "resize_timeout": "20m",
}
TASK = {
    "image": "registry.test/app:1",
    "nodes": 3,
    "command": ["shipyard-mpirun", "./app", "it's", "$HOME"],
    "environment": {"OMP_NUM_THREADS": 4, "EMPTY": None, "PATH": "/opt/bin", "URL": SAS, "ON": True},
    "resource_files": FILES,
    "common_files": FILES,
    "output_files": OUTPUTS,
    "limits": {"time": "1h30m", "retries": 2, "retention": "2d"},
    "user": {"admin": True, "scope": "task"},
    "container": CONTAINER,
}
WITH_IDENTITY = {
    "resource_files": [file | {"identity": IDENTITY} for file in FILES],
    "common_files": [file | {"identity": IDENTITY} for file in FILES],
    "output_files": [file | {"identity": IDENTITY} for file in OUTPUTS],
}
MATRIX = {
    "smallest": {"pool": "p", "image": "app:1", "command": "./app"},
    "everything": TASK | {"id": "my-job", "pool": POOL, "auto_complete": False},
    # Only a pool that is there already can have one.
    "identity": TASK
    | WITH_IDENTITY
    | {"pool": {"id": "p", "registries": [{"server": "azure.test", "identity": IDENTITY}]}},
    "native": TASK
    | {"pool": POOL | {"native": True}, "user": "a-user-of-the-pool", "container": {"keep": False}},
    "native, there already": {
        "pool": {"id": "p", "native": True},
        "image": "app:1",
        "command": "./app",
        "container": {"infiniband": "yes", "gpus": "yes", "mounts": ["/a:/b"]},
    },
    "gallery": {"pool": POOL | {"vm_image": IMAGE}, "image": "app", "command": "./app"},
    "spot": {"pool": {"vm_size": "Standard_NC24rs_v3", "spot": 4}, "image": "app@sha256:00", "command": "a"},
    "coordination": {
        "pool": "p",
        "image": "app:1",
        "command": "./app",
        "coordination": "/bin/true 'x'",
        "user": {"name": "somebody"},
        "container": {"infiniband": "no", "gpus": "auto"},
    },
    "tasks": {
        "pool": "p",
        "image": "app:1",
        "environment": {"A": "1"},
        "limits": {"retries": -1},
        "tasks": [
            TASK | WITH_IDENTITY | {"id": "a", "raw": {"requiredSlots": 1, "displayName": "the first"}},
            {"id": "b", "command": "./b", "coordination": ["true"], "user": {"name": "u"}},
            {"id": "c", "command": "./c", "environment": {"B": "2"}},
        ],
        "raw": {
            "job": {"priority": 7, "displayName": "a name"},
            "task": {"constraints": {"retentionTime": "P3D"}},
        },
    },
    "raw": {
        "pool": {"vm_size": "Standard_D4s_v5"},
        "image": "app:1",
        "command": "./app",
        "raw": {"pool": {"targetNodeCommunicationMode": "simplified", "resizeTimeout": None}},
    },
}


def keys_of(schema, path=""):
    """The paths of all keys of a schema: pool.registries[].user."""
    for part in schema.get("oneOf", []):
        yield from keys_of(part, path)
    if "items" in schema:
        yield from keys_of(schema["items"], path + "[]")
    for name, part in schema.get("properties", {}).items():
        yield (path + "." + name).lstrip(".")
        yield from keys_of(part, path + "." + name)


def used_keys(value, path=""):
    if isinstance(value, list):
        for item in value:
            yield from used_keys(item, path + "[]")
    elif isinstance(value, dict):
        for name, part in value.items():
            yield (path + "." + name).lstrip(".")
            yield from used_keys(part, path + "." + name)
    else:
        return


class Render(ClientTest):
    @classmethod
    def setUpClass(cls):
        cls.rendered = {}

    def setUp(self):
        self.here = self.machine()
        self.here.secrets |= SECRETS
        self.here.file("password", FILE_PASSWORD + "\n")
        self.here.file("storage.key", STORAGE_KEY + "\n")
        self.here.environment |= {
            "REGISTRY_PASSWORD": PASSWORD,
            "STORAGE_KEY": STORAGE_KEY,
            "CIFS_PASSWORD": CIFS_PASSWORD,
        }
        self.schema = json.loads(self.here.run("schema").out)

    def render(self, document, *options, name="a job.json"):
        return self.here.run("render", *options, self.here.file(name, document))

    def requests_of(self, document, *options):
        ended = self.render(document, "--json", *options)
        self.check(ended, 0)
        self.assertEqual(ended.err.splitlines(), ended.notes)
        return json.loads(ended.out)["requests"]

    def test_the_matrix_covers_every_key(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)
        used = {key for document in MATRIX.values() for key in used_keys(document)}
        self.assertEqual(sorted(set(keys_of(self.schema)) - used), [])

    def test_the_matrix_fits_the_schema(self):
        for name, document in MATRIX.items():
            with self.subTest(name):
                jsonschema.Draft202012Validator(self.schema).validate(document)

    def test_the_schema_refuses_what_the_program_refuses(self):
        base = MATRIX["smallest"]
        for name, change in {
            "unknown key": {"imag": "x"},
            "unknown key of a mapping": {"limits": {"tim": "1h"}},
            "unknown key of a list": {"resource_files": [{"ur": "x", "path": "y"}]},
            "no number": {"nodes": "three"},
            "too small": {"nodes": 0},
            "no flag": {"auto_complete": "perhaps"},
            "no time": {"limits": {"time": "soon"}},
            "no size": {"container": {"shm_size": "big"}},
            "no choice": {"container": {"gpus": "some"}},
            "missing": {"output_files": [{"pattern": "x"}]},
            "no variable": {"environment": {"1A": "x"}},
            "no list": {"resource_files": "x"},
        }.items():
            with self.subTest(name):
                document = base | change
                self.assertFalse(jsonschema.Draft202012Validator(self.schema).is_valid(document))
                ended = self.render(document)
                self.check(ended, 125, "")
                self.assertEqual(len(ended.errors), 1, str(ended))
                self.check_in("a job.json:1: ", ended.errors[0])

    def test_each_rendering_fits_the_definitions(self):
        for name, document in MATRIX.items():
            for options in ((), ("--retry-infrastructure", "2")):
                if options and "limits" not in document and "vm_size" in document["pool"]:
                    continue
                with self.subTest(name, options=options):
                    requests = self.requests_of(document, *options)
                    for request in requests:
                        faults = DEFINITIONS.validate_request(**request)
                        self.assertEqual(faults, [], json.dumps(request, indent=1))
                    paths = [f"{r['method']} {r['path'].partition('?')[0]}" for r in requests]
                    job = document.get("id", "a-job-DATE-WORD")
                    wanted = ["POST /jobs"] + [f"POST /jobs/{job}/tasks"] * len(document.get("tasks", [0]))
                    if document.get("auto_complete", True):
                        wanted.append(f"PATCH /jobs/{job}")
                    self.assertEqual(paths, wanted)
        self.assertEqual(self.here.requests(), [], "nothing is sent")

    def test_each_pool_fits_the_definitions_and_is_taken(self):
        for name, document in MATRIX.items():
            if not isinstance(document["pool"], dict) or "vm_size" not in document["pool"]:
                continue
            with self.subTest(name):
                pool = document["pool"] | {"id": "made-of-" + name}
                file = self.here.file("pool.json", document | {"pool": pool})
                self.check(self.here.run("pool", "create", file), 0, "")
                # And it is the same when it is asked for again.
                again = self.here.run("pool", "create", file)
                self.check(again, 0, "")
                self.check_in("is there already", again.err)

    def test_what_is_rendered_is_what_a_run_sends(self):
        self.here.take(steps([running(), completed()]) | {"pools": {"p": {"nodes": 9}}})
        for name in ("smallest", "everything", "identity", "native", "tasks", "raw"):
            with self.subTest(name):
                document = MATRIX[name]
                rendered = self.requests_of(document, "--job", f"job-{name}")
                before = len(self.here.requests())
                file = self.here.file("a job.json", document)
                ended = self.here.run("run", "--poll", "0s", "--job", f"job-{name}", file)
                self.check(ended, 0)
                sent = [r for r in self.here.requests()[before:] if r["method"] != "GET"]
                self.assertEqual([r["path"] for r in rendered], [r["path"] for r in sent])
                for one, other in zip(rendered, sent):
                    # The type of the VMs of a pool that is there already is not known before Batch is asked.
                    new = "vm_size" in document["pool"]
                    bodies = [
                        body if new else self.without_vm_size(body)
                        for body in (one["body"], self.hidden(other["body"]))
                    ]
                    self.assertEqual(*bodies)

    def without_vm_size(self, body):
        settings = body.get("environmentSettings", [])
        settings = [variable for variable in settings if variable["name"] != "SHIPYARD_VM_SIZE"]
        metadata = [{"name": item["name"]} for item in body.get("metadata", [])]
        return body | {"environmentSettings": settings, "metadata": metadata}

    def hidden(self, value, name=""):
        """As the rendering has it."""
        if isinstance(value, dict):
            secret = str(value.get("name", "")).startswith(("SHIPYARD_SSH_KEY", "SHIPYARD_REGISTRY_PASSWORD"))
            return {
                key: "***"
                if key in ("password", "accountKey") or (secret and key == "value")
                else self.hidden(part, key)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self.hidden(part) for part in value]
        return value.replace(SIGNATURE, "***") if isinstance(value, str) else value

    def test_no_secret_in_any_rendering(self):
        # The machine searches all that was printed at its end; here is that there was something to find.
        for name, document in MATRIX.items():
            for options in ((), ("--json",), ("-vv",)):
                self.check(self.render(document, *options), 0)
        text = self.render(MATRIX["everything"]).out
        for part in ('"password": "***"', "sig=***&se=2027", '"accountKey": "***"'):
            self.check_in(part, text)
        native = self.render(MATRIX["native"]).out
        self.check_in('"password": "***"', native)
        self.check_in('"value": "***"', text)

    def test_yaml_is_the_same_as_json(self):
        for name, document in MATRIX.items():
            with self.subTest(name):
                one = self.render(document, "--json", name="a job.json").out
                text = yaml.safe_dump(document, sort_keys=False)
                other = self.here.run("render", "--json", self.here.file("a job.yaml", text)).out
                self.assertEqual(one, other)

    def test_files_that_contradict_themselves(self):
        base = MATRIX["smallest"]
        new = {"vm_size": "Standard_D4s_v5"}
        for change, words in (
            ({"pool": {"id": "p", "dedicated": 2}}, "pool.dedicated: belongs to a pool that is to be made"),
            ({"pool": {}}, "pool: id or vm_size is wanted"),
            ({"pool": "a b"}, "'a b' is no id for Batch"),
            ({"id": "x" * 65}, "is no id for Batch"),
            ({"command": None}, "command"),
            ({"image": "a b"}, "image: 'a b' is not the name of an image"),
            ({"image": None}, "image: is missing"),
            ({"pool": new | {"vm_image": "a:b:c"}}, "pool.vm_image: without node_agent"),
            ({"pool": new | {"registries": [{"server": "s"}]}}, "pool.registries[0]: either user with"),
            ({"raw": {"pool": {"displayName": "x"}}}, "raw.pool: the pool exists already"),
            ({"raw": {"job": []}}, "raw.job: a mapping is wanted"),
            ({"tasks": []}, "tasks: there is none in it"),
            ({"tasks": [{"id": "a"}, {"id": "a"}]}, "tasks[1].id: there is a task 'a' already"),
            ({"environment": {"SHIPYARD_SSH_KEY": "x"}}, "each job gets a key of its own"),
            ({"resource_files": [{"path": "x"}]}, "one of url, container and auto_storage is wanted"),
            ({"container": {"mounts": ["a"]}}, "'a' is not SOURCE:TARGET[:ro]"),
            ({"user": {"name": "u", "admin": True}}, "user.name: "),
            (
                {"pool": new | {"registries": [REGISTRIES[0] | {"password_variable": "NOT_SET"}]}},
                "the variable NOT_SET is not set",
            ),
        ):
            with self.subTest(words):
                document = {k: v for k, v in (base | change).items() if v is not None}
                ended = self.render(document)
                self.check(ended, 125, "")
                self.assertEqual(len(ended.errors), 1, str(ended))
                self.check_in(words, ended.err)

    def test_a_password_file_that_others_can_read(self):
        self.here.file("password", FILE_PASSWORD, 0o644)
        ended = self.render(MATRIX["everything"])
        self.check(ended, 125, "")
        self.check_in("others than its owner can read", ended.errors[0])

    def test_it_needs_no_account(self):
        for name in list(self.here.environment):
            if name.startswith("AZURE_"):
                del self.here.environment[name]
        self.check(self.render(MATRIX["smallest"]), 0)


if __name__ == "__main__":
    main()
