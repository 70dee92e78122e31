#!/usr/bin/env python3
"""shipyard-submit diagnose: the cause in one line, and an archive with all that says why, and no key."""

import json
import pathlib
import signal
import sys
import tarfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import POOL, ClientTest, completed, main, running, steps  # noqa: E402

NODES = ["n0", "n1", "n2"]
FAILED = {"category": "usererror", "code": "FailureExitCode", "message": "a subtask failed"}


def on_node(number, **more):
    """What lies in a subtask's directory: the coordination command's output, sshd's log, its hardware."""
    return {
        "files": {
            "stdout.txt": f"stdout of {number}\n",
            "stderr.txt": f"first line of {number}\nlast line of {number}\n",
            "shipyard-sshd.log": f"sshd of {number}\n",
            "shipyard-topology.xml": f"<topology>{number}</topology>\n",
            "wd/results.bin": "what the user computed",
            "wd/shipyard-notes.txt": "ours, wherever it lies",
            "env": "PATH=/usr/bin",
        }
    } | more


def on_primary(status, name, message):
    outcome = {"outcome": {"status": status, "name": name, "message": message}}
    return {
        "shipyard-sshd.log": "sshd of the primary\n",
        "shipyard-mpirun.log": "words of mpirun\n",
        "shipyard-topology.xml": "<topology>0</topology>\n",
        "shipyard-report.json": json.dumps(outcome),
        "wd/stdout.txt": "the user's own file",
    }


class DiagnoseTest(ClientTest):
    def submitted(self, *task_steps, looks=2, nodes=3, script=None, **keys):
        """A machine and its job, of which so much has happened."""
        machine = self.machine(steps(list(task_steps)) | (script or {}), pool=POOL | {"nodes": NODES})
        ended = machine.run("submit", machine.job(nodes=nodes, **keys))
        self.check(ended, 0)
        job = ended.out.strip()
        for _ in range(looks):
            machine.run("status", job, "mpi")
        return machine, job

    def nodes_of(self, machine, job):
        """The names of the task's nodes: the primary's first."""
        return [node.id for node in machine.service.account.jobs[job.lower()].tasks["mpi"].nodes]

    def archive(self, machine, path):
        """The files of an archive by name; unpacked too, so that they are searched for secrets."""
        place = machine.home / "unpacked"
        with tarfile.open(path) as archive:
            # Debian 12's Python has no filters yet, later ones warn without.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(place)
            members = archive.getmembers()
        self.assertTrue(all(member.isfile() or member.isdir() for member in members))
        self.assertEqual({member.mode for member in members if member.isfile()}, {0o600})
        tops = {member.name.partition("/")[0] for member in members}
        self.assertEqual(len(tops), 1, tops)
        top = place / tops.pop()
        return {
            str(path.relative_to(top)): path.read_text(encoding="utf-8")
            for path in top.rglob("*")
            if path.is_file()
        }

    def diagnosed(self, machine, job, *options):
        ended = machine.run("diagnose", *options, job)
        self.check(ended, 0)
        path = machine.home / "work" / f"{job}-diagnose.tar.gz"
        self.check_in(f"note: all of it: {path.name}\n", ended.err)
        found = self.archive(machine, path)
        # The cause stands on a line of its own, in the archive and on standard output.
        self.assertEqual(ended.out, found["CAUSE.txt"].splitlines()[0] + "\n")
        return ended, found

    def check_names(self, found, *names):
        self.assertEqual(sorted(found), sorted(names))


class Diagnose(DiagnoseTest):
    def test_every_record_of_every_node(self):
        machine, job = self.submitted(
            running("stdout of 0\n", "stderr of 0\n", subtasks={"1": on_node(1), "2": on_node(2)}),
            completed(122, files=on_primary(122, "node-lost", "10.0.0.5 is lost: its sshd is gone")),
        )
        nodes = self.nodes_of(machine, job)
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(ended.out, "shipyard-mpirun: node-lost: 10.0.0.5 is lost: its sshd is gone\n")
        self.assertEqual(ended.lines("warning"), [], str(ended))
        self.assertEqual(found["CAUSE.txt"], ended.out)
        own = ["stdout.txt", "stderr.txt", "shipyard-sshd.log", "shipyard-topology.xml"]
        self.check_names(
            found,
            "CAUSE.txt",
            "task.json",
            "job.json",
            "pool.json",
            "nodes.json",
            "preparation.json",
            "subtasks.json",
            *(f"node-0-{nodes[0]}/{name}" for name in own + ["shipyard-mpirun.log", "shipyard-report.json"]),
            *(f"node-{i}-{nodes[i]}/{name}" for i in (1, 2) for name in own + ["wd/shipyard-notes.txt"]),
        )
        self.assertEqual(found[f"node-0-{nodes[0]}/stdout.txt"], "stdout of 0\n")
        self.assertEqual(found[f"node-0-{nodes[0]}/stderr.txt"], "stderr of 0\n")
        self.assertEqual(found[f"node-0-{nodes[0]}/shipyard-mpirun.log"], "words of mpirun\n")
        report = json.loads(found[f"node-0-{nodes[0]}/shipyard-report.json"])
        self.assertEqual(report["outcome"]["name"], "node-lost")
        for i in (1, 2):
            self.assertEqual(found[f"node-{i}-{nodes[i]}/stdout.txt"], f"stdout of {i}\n")
            self.assertEqual(found[f"node-{i}-{nodes[i]}/shipyard-sshd.log"], f"sshd of {i}\n")
            self.check_in(f">{i}<", found[f"node-{i}-{nodes[i]}/shipyard-topology.xml"])
        self.assertEqual(json.loads(found["task.json"])["executionInfo"]["exitCode"], 122)
        self.assertEqual(json.loads(found["job.json"])["id"], job)
        self.assertEqual(json.loads(found["pool.json"])["id"], "p")
        self.assertEqual([node["id"] for node in json.loads(found["nodes.json"])], NODES)
        self.assertEqual([subtask["id"] for subtask in json.loads(found["subtasks.json"])], [1, 2])
        self.assertEqual(len(json.loads(found["preparation.json"])), 3)

    def test_no_secret_is_in_it(self):
        password = "the-registry's-password"
        machine = self.machine(
            steps([running("o\n", subtasks={"1": on_node(1)}), completed(1)]), pool=None
        )
        machine.secrets |= {password, "the-signature-of-a-url"}
        pool = {
            "vm_size": "Standard_D4s_v5",
            "registries": [
                {"server": "registry.test", "user": "u", "password_variable": "REGISTRY_PASSWORD"}
            ],
        }
        file = machine.job(
            pool=pool,
            resource_files=[{"url": "https://a.test/in?sv=1&sig=the-signature-of-a-url", "path": "in"}],
        )
        job = machine.run("submit", file, environment={"REGISTRY_PASSWORD": password}).out.strip()
        for _ in range(3):
            machine.run("status", job, "mpi")
        _, found = self.diagnosed(machine, job)
        hidden = {v["name"]: v["value"] for v in json.loads(found["task.json"])["environmentSettings"]}
        self.assertEqual(hidden["SHIPYARD_SSH_KEY"], "***")
        self.check_in("sig=***", found["task.json"])
        # The machine searches all of the unpacked archive for the key, the password and the signature.
        self.assertTrue(any(machine.home.joinpath("unpacked").rglob("task.json")))

    def test_a_coordination_command_that_failed_on_node_2(self):
        machine, job = self.submitted(
            running(subtasks={"1": on_node(1)}),
            {
                "state": "completed",
                "failureInfo": FAILED,
                "subtasks": {"2": on_node(2, exitCode=3, failureInfo=FAILED)},
            },
        )
        nodes = self.nodes_of(machine, job)
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(
            ended.out,
            f"node 2 ({nodes[2]}): its coordination command failed with exit status 3: last line of 2\n",
        )
        self.check_in("first line of 2\n", found[f"node-2-{nodes[2]}/stderr.txt"])
        self.assertEqual(json.loads(found["subtasks.json"])[1]["exitCode"], 3)

    def test_a_node_that_is_lost(self):
        machine, job = self.submitted(
            running("o\n", "last words\n", subtasks={"1": on_node(1), "2": on_node(2)}), completed(1)
        )
        nodes = self.nodes_of(machine, job)
        with machine.service.lock:
            pool = machine.service.account.pools["p"]
            pool.nodes.remove(pool.node(nodes[1]))
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(ended.out, "the task ended with exit status 1; its last words: last words\n")
        warnings = ended.lines("warning")
        self.assertEqual(len(warnings), 1, str(ended))
        self.check_in(f"warning: not collected: node 1 ({nodes[1]}): ", warnings[0])
        self.check_in("NodeNotFound", warnings[0])
        lines = found["CAUSE.txt"].splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.check_in(f"not collected: node 1 ({nodes[1]}): ", lines[1])
        self.assertFalse([name for name in found if name.startswith("node-1-")])
        self.assertEqual(found[f"node-2-{nodes[2]}/stdout.txt"], "stdout of 2\n")

    def test_a_file_that_does_not_come_is_named(self):
        rule = {"method": "GET", "path": "shipyard-sshd.log", "do": "status", "status": 404}
        machine, job = self.submitted(
            running("o\n", subtasks={"1": on_node(1), "2": on_node(2)}),
            completed(1),
            script={"rules": [rule | {"code": "FileNotFound"}]},
        )
        nodes = self.nodes_of(machine, job)
        ended, found = self.diagnosed(machine, job)
        for i in (1, 2):
            self.assertIn(f"node-{i}-{nodes[i]}/stderr.txt", found)
            self.check_in(f"not collected: node {i} ({nodes[i]}), shipyard-sshd.log: ", ended.err)
            self.check_in(f"not collected: node {i} ({nodes[i]}), shipyard-sshd.log: ", found["CAUSE.txt"])

    def test_a_node_whose_list_of_files_does_not_come(self):
        rule = {"method": "GET", "path": "/files[?]", "do": "status", "status": 409}
        machine, job = self.submitted(
            running("o\n", "e\n", subtasks={"1": on_node(1), "2": on_node(2)}),
            completed(1),
            script={"rules": [rule | {"code": "NodeStateUnusable"}]},
        )
        nodes = self.nodes_of(machine, job)
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(found[f"node-1-{nodes[1]}/stderr.txt"], "first line of 1\nlast line of 1\n")
        self.assertNotIn(f"node-1-{nodes[1]}/shipyard-sshd.log", found)
        warnings = ended.lines("warning")
        self.assertEqual(len(warnings), 3, str(ended))
        self.check_in(f"node 1 ({nodes[1]}), its list of files: ", warnings[1])
        self.check_in("NodeStateUnusable", warnings[1])

    def test_a_node_that_says_nothing_is_asked_once(self):
        machine, job = self.submitted(
            running("o\n", "e\n", subtasks={"1": on_node(1), "2": on_node(2)}), completed(1)
        )
        nodes = self.nodes_of(machine, job)
        # Longer than a request is repeated for: it is given up at once.
        rule = {"method": "GET", "path": f"/nodes/{nodes[1]}/files", "do": "status", "status": 503}
        machine.take({"rules": [rule | {"retry_after": 100_000}]})
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(len(ended.lines("warning")), 1, str(ended))
        self.check_in(f"not collected: node 1 ({nodes[1]}): ", ended.err)
        asked = [r["path"] for r in machine.requests() if f"/nodes/{nodes[1]}/" in r["path"]]
        self.assertEqual(len(asked), 1, asked)
        self.check_in(f"/nodes/{nodes[1]}/files?", asked[0])
        self.assertIn(f"node-2-{nodes[2]}/shipyard-sshd.log", found)

    def test_a_task_that_is_still_active(self):
        machine, job = self.submitted(running(), nodes=4)
        ended, found = self.diagnosed(machine, job)
        self.assertEqual(ended.out, "the task waits: the task wants 4 nodes, the pool is to have 3\n")
        self.assertEqual(ended.lines("warning"), [], str(ended))
        self.check_names(
            found,
            "CAUSE.txt",
            "task.json",
            "job.json",
            "pool.json",
            "nodes.json",
            "preparation.json",
            "subtasks.json",
        )

    def test_a_long_output_comes_with_its_end(self):
        machine, job = self.submitted(
            running({"repeat": "1234567\n", "times": (5 << 20) // 8}, "e\n"), completed(1), nodes=1
        )
        machine.take({"apply": {f"{job}/mpi": {"append_stdout": "the end\n"}}})
        _, found = self.diagnosed(machine, job)
        text = found[f"node-0-{self.nodes_of(machine, job)[0]}/stdout.txt"]
        self.assertEqual(len(text), 4 << 20)
        self.assertTrue(text.endswith("\nthe end\n"), text[-20:])

    def test_stdout_and_stderr_come_also_beside_many_files_of_ours(self):
        many = {f"shipyard-{i:03}.log": "x" for i in range(80)}
        machine, job = self.submitted(running("o\n", "e\n"), completed(1, files=many), nodes=1)
        _, found = self.diagnosed(machine, job)
        node = self.nodes_of(machine, job)[0]
        self.assertEqual(found[f"node-0-{node}/stdout.txt"], "o\n")
        self.assertEqual(found[f"node-0-{node}/stderr.txt"], "e\n")
        self.assertEqual(len([name for name in found if name.startswith("node-0-")]), 50)

    def test_the_archive_has_the_name_that_is_asked_for(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        path = machine.home / "work" / "mine.tgz"
        path.write_text("an older one", encoding="utf-8")
        ended = machine.run("diagnose", "--output", str(path), job, "mpi")
        self.check(ended, 0)
        self.check_in(f"note: all of it: {path}\n", ended.err)
        self.assertIn("CAUSE.txt", self.archive(machine, path))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_an_output_that_cannot_be_written(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        work = machine.home / "work"
        before = sorted(work.iterdir())
        asked = len(machine.requests())
        for output, words in (
            (work / "nowhere" / "a.tgz", "No such file or directory"),
            (work, "Is a directory"),
            (work / "job.json" / "a.tgz", "Not a directory"),
        ):
            with self.subTest(output.name):
                ended = machine.run("diagnose", "--output", str(output), job)
                self.check(ended, 125, "")
                self.assertEqual(
                    ended.errors, [f"shipyard-submit: error: cannot write {output}: {words}"], str(ended)
                )
                self.assertEqual(len(ended.err.splitlines()), 1, str(ended))
                self.assertEqual(sorted(work.iterdir()), before)
        # It is told before all of the nodes are asked for their files.
        self.assertFalse([r for r in machine.requests()[asked:] if "/nodes/" in r["path"]])

    def test_an_output_that_is_full(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        ended = machine.run("diagnose", "--output", "/dev/full", job)
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("error: cannot write /dev/full: ", ended.err)
        self.check_in("No space left on device", ended.err)
        self.assertNotIn("all of it", ended.err)

    def test_an_archive_that_fails_leaves_the_old_one(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        work = machine.home / "work"
        tools = machine.home / "tools"
        tools.mkdir()
        tar = tools / "tar"
        tar.write_text("#!/bin/sh\nprintf half\necho 'tar: the disk is gone' >&2\necho more >&2\nexit 2\n")
        tar.chmod(0o700)
        old = work / "old.tgz"
        old.write_text("an older one", encoding="utf-8")
        before = sorted(work.iterdir())
        ended = machine.run(
            "diagnose", "--output", "old.tgz", job, environment={"PATH": f"{tools}:/usr/bin:/bin"}
        )
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors, ["shipyard-submit: error: cannot write old.tgz: tar: the disk is gone"]
        )
        self.assertEqual(old.read_text(encoding="utf-8"), "an older one")
        self.assertEqual(sorted(work.iterdir()), before)

    def test_where_there_is_no_tar(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        ended = machine.run("diagnose", job, environment={"PATH": "/nowhere"})
        self.check(ended, 125, "")
        self.assertEqual(ended.errors, ["shipyard-submit: error: program 'tar' not found"], str(ended))

    def test_a_directory_for_temporary_files_that_is_not_there(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        ended = machine.run("diagnose", job, environment={"TMPDIR": "/nowhere"})
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors,
            [
                "shipyard-submit: error: cannot make a directory for temporary files, "
                "/nowhere/shipyard-diagnose.XXXXXX: No such file or directory"
            ],
        )
        self.check_in("hint: TMPDIR names the directory that holds it", ended.err)
        self.assertFalse(list((machine.home / "work").glob("*.gz*")))

    def test_jobs_and_tasks_that_are_not_there(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        for words in ([job, "other"], ["nowhere"]):
            ended = machine.run("diagnose", *words)
            self.check(ended, 125, "")
            self.assertEqual(len(ended.errors), 1, str(ended))
            self.check_in("NotFound", ended.errors[0])
        self.assertFalse(list((machine.home / "work").glob("*.gz*")))


class Interrupted(DiagnoseTest):
    """Ctrl-C: it ends at once, by that signal; no archive, nothing in TMPDIR (the machine looks there)."""

    def check_nothing_is_left(self, machine, ended, number):
        self.assertEqual(ended.signal, number, str(ended))
        self.assertEqual((ended.out, ended.err), ("", ""))
        self.assertLess(ended.seconds, 30, str(ended))
        self.assertEqual(sorted(p.name for p in (machine.home / "work").iterdir()), ["job.json"])
        self.assertEqual(list((machine.home / "tmp").iterdir()), [])

    def interrupted(self, path, number, **script):
        machine, job = self.submitted(
            running("o\n", "e\n", subtasks={"1": on_node(1), "2": on_node(2)}),
            completed(122, files=on_primary(122, "node-lost", "words")),
            script=script,
        )
        nodes = self.nodes_of(machine, job)
        path = path.format(job=job, nodes=nodes)
        machine.take({"rules": [{"method": "GET", "path": path, "do": "hang"}]})
        client = machine.start("diagnose", job)
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "the request that hangs")
        asked = len(machine.requests())
        client.signal(number)
        ended = client.end()
        self.check_nothing_is_left(machine, ended, number)
        self.assertEqual(len(machine.requests()), asked, "nothing more is asked for")

    def test_at_each_request(self):
        for path in (
            "/jobs/{job}/tasks[?]",
            "/jobs/{job}/tasks/mpi[?]",
            "/jobs/{job}[?]",
            "/pools/p[?]",
            "/pools/p/nodes[?]",
            "/jobpreparationandreleasetaskstatus",
            "/subtasksinfo",
            "/nodes/{nodes[0]}/files[?]",
            "/nodes/{nodes[1]}/files/.*shipyard-sshd.log",
            "/nodes/{nodes[2]}/files/.*stderr.txt",
            "/tasks/mpi/files/shipyard-report.json",
        ):
            with self.subTest(path):
                self.interrupted(path, signal.SIGINT)

    def test_by_another_signal(self):
        self.interrupted("/nodes/{nodes[1]}/files/.*stdout.txt", signal.SIGTERM)

    def test_while_the_archive_is_written(self):
        machine, job = self.submitted(running("o\n"), completed(1), nodes=1)
        tools = machine.home / "tools"
        tools.mkdir()
        tar = tools / "tar"
        tar.write_text(f"#!/bin/sh\nprintf half\ntouch {tools}/begun\nexec sleep 1000\n")
        tar.chmod(0o700)
        client = machine.start("diagnose", job, environment={"PATH": f"{tools}:/usr/bin:/bin"})
        machine.wait_for((tools / "begun").exists, "tar")
        client.signal(signal.SIGINT)
        self.check_nothing_is_left(machine, client.end(), signal.SIGINT)


if __name__ == "__main__":
    main()
