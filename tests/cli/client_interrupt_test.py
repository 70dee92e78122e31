#!/usr/bin/env python3
"""A user who wants the end: Batch is asked to terminate the job, and the program ends by that signal."""

import pathlib
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import ClientTest, completed, main, running, steps  # noqa: E402

SIGNALS = ((signal.SIGINT, 130), (signal.SIGTERM, 143))
RUNS_ON = {"after_polls": 1_000_000} | completed()
AUTO_POOL = {"vm_size": "Standard_D4s_v5"}


class Interrupt(ClientTest):
    def started(self, script, *options, **keys):
        machine = self.machine(script)
        return machine, machine.start("run", *options, machine.job(**keys))

    def check_terminated(self, machine, ended, number, status):
        self.check(ended, status)
        self.assertEqual(ended.signal, number, str(ended))
        self.assertEqual(ended.errors, [], str(ended))
        self.assertEqual(len([c for c in machine.changes() if " terminating: " in c]), 1, machine.changes())
        self.assertEqual(machine.records(), [])

    def test_while_it_streams(self):
        for number, status in SIGNALS:
            with self.subTest(number):
                machine, client = self.started(steps([running("out\n"), RUNS_ON]), "--poll", "1h")
                machine.wait_for(lambda m=machine: m.asked("GET", "stderr.txt"), "a look at the output")
                client.signal(number)
                ended = client.end()
                self.check_terminated(machine, ended, number, status)
                job = machine.made("job")[0]
                self.assertEqual(ended.out, "out\n")
                self.check_in(
                    f"note: {number.name}: asking Batch to terminate job '{job}'; a second one ends the wait",
                    ended.err,
                )
                self.check_in(f"note: job '{job}' is terminated", ended.err)

    def test_while_the_task_waits_for_nodes(self):
        for number, status in SIGNALS:
            with self.subTest(number):
                machine, client = self.started(steps([running()]), "--poll", "1h", nodes=3)
                machine.wait_for(lambda m=machine: m.asked("GET", "/tasks/mpi"), "a look at the task")
                client.signal(number)
                ended = client.end()
                self.check_terminated(machine, ended, number, status)
                # A task that has not started stays active in a job that is over: that is nothing to wait for.
                self.check_in("is terminated", ended.err)
                self.assertLess(ended.seconds, 30, str(ended))

    def test_while_a_request_hangs(self):
        for path in ("/tasks/mpi[?]", "/stdout.txt"):
            rule = {"method": "GET", "path": path, "first": 1, "do": "hang"}
            machine, client = self.started(steps([running(), RUNS_ON]) | {"rules": [rule]}, "--poll", "0s")
            machine.wait_for(lambda m=machine: any(r["rule"] for r in m.requests()), "the request that hangs")
            client.signal(signal.SIGTERM)
            self.check_terminated(machine, client.end(), signal.SIGTERM, 143)

    def test_while_it_waits_before_a_repetition(self):
        rule = {"method": "GET", "path": "/tasks/mpi", "do": "status", "status": 503, "retry_after": 60}
        machine, client = self.started(steps([running(), RUNS_ON]) | {"rules": [rule | {"first": 1}]})
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "the refusal")
        client.signal(signal.SIGINT)
        self.check_terminated(machine, client.end(), signal.SIGINT, 130)

    def test_while_it_submits(self):
        # Each request before the first look at the task; its answer never comes. The job, where it was made,
        # has a pool of its own that costs.
        for method, path, made in (
            ("POST", "/jobs[?]", False),
            ("POST", "/tasks[?]", True),
            ("PATCH", "/jobs/", True),
        ):
            for pool in ("p", AUTO_POOL):
                for number, status in SIGNALS:
                    with self.subTest(path=path, number=number, pool=pool):
                        rule = {"method": method, "path": path, "do": "hang"}
                        machine, client = self.started(
                            steps([running(), RUNS_ON]) | {"rules": [rule]}, "--poll", "1h", pool=pool
                        )
                        machine.wait_for(
                            lambda m=machine: any(r["rule"] for r in m.requests()), "the request that hangs"
                        )
                        client.signal(number)
                        ended = client.end()
                        self.check(ended, status, "")
                        self.assertEqual(ended.signal, number)
                        self.assertEqual(ended.errors, [], str(ended))
                        self.assertEqual(len(machine.made("job")), made)
                        ends = [change for change in machine.changes() if " terminating: " in change]
                        self.assertEqual(len(ends), made, str(ended))
                        self.assertEqual(machine.records(), [])

    def test_before_anything_is_submitted(self):
        rule = {"method": "GET", "path": "/pools/p", "do": "hang"}
        machine, client = self.started({"rules": [rule]})
        machine.wait_for_requests(1)
        client.signal(signal.SIGINT)
        ended = client.end()
        self.check(ended, 130, "")
        self.check_in("note: interrupted before anything was submitted", ended.err)
        self.assertEqual((len(machine.requests()), machine.records()), (1, []))

    def test_submit_is_interrupted_too(self):
        rule = {"method": "POST", "path": "/tasks[?]", "do": "hang"}
        machine = self.machine({"rules": [rule]})
        client = machine.start("submit", machine.job())
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "the request that hangs")
        client.signal(signal.SIGTERM)
        self.check_terminated(machine, client.end(), signal.SIGTERM, 143)

    def test_a_second_signal_ends_the_wait(self):
        # The job's end takes long; the task runs on meanwhile.
        rule = {"method": "POST", "path": "/terminate", "do": "status", "status": 202, "body": ""}
        machine, client = self.started(steps([running(), RUNS_ON]) | {"rules": [rule]}, "--poll", "1h")
        machine.wait_for(lambda: machine.asked("GET", "stderr.txt"), "a look at the output")
        client.signal(signal.SIGINT)
        machine.wait_for(lambda: machine.asked("POST", "/terminate"), "the wish to terminate")
        client.signal(signal.SIGTERM)
        ended = client.end()
        self.check(ended, 130)  # the first one tells how it ended
        self.assertLess(ended.seconds, 30, str(ended))
        job = machine.made("job")[0]
        self.check_in(
            f"warning: Batch has been told to terminate job '{job}'; task 'mpi' is still ", ended.err
        )

    def test_a_second_signal_while_the_wish_hangs(self):
        rule = {"method": "POST", "path": "/terminate", "do": "hang"}
        machine, client = self.started(steps([running(), RUNS_ON]) | {"rules": [rule]}, "--poll", "1h")
        machine.wait_for(lambda: machine.asked("GET", "stderr.txt"), "a look at the output")
        client.signal(signal.SIGINT)
        machine.wait_for(lambda: machine.asked("POST", "/terminate"), "the wish to terminate")
        client.signal(signal.SIGINT)
        ended = client.end()
        self.check(ended, 130)
        job = machine.made("job")[0]
        self.check_in(f"shipyard-submit terminate {job}", "\n".join(ended.lines("warning")))

    def test_the_wait_has_an_end_of_its_own(self):
        rule = {"method": "POST", "path": "/terminate", "do": "status", "status": 202, "body": ""}
        machine, client = self.started(
            steps([running(), RUNS_ON]) | {"rules": [rule]}, "--poll", "1h", "--kill-after", "1s"
        )
        machine.wait_for(lambda: machine.asked("GET", "stderr.txt"), "a look at the output")
        client.signal(signal.SIGTERM)
        ended = client.end()
        self.check(ended, 143)
        self.check_in("is still running", ended.err)

    def test_who_only_watches_does_not_end_the_job(self):
        machine = self.machine(steps([running("o\n"), RUNS_ON]))
        job = machine.run("submit", machine.job()).out.strip()
        machine.run("status", job, "mpi")
        client = machine.start("logs", "--follow", "--poll", "1h", job)
        machine.wait_for(lambda: machine.asked("GET", "stderr.txt"), "a look at the output")
        client.signal(signal.SIGINT)
        self.check(client.end(), 130, "o\n")
        self.assertEqual(machine.asked("POST", "/terminate"), [])

    def test_a_cleanup_that_is_interrupted_leaves_no_job(self):
        for method, path in (("GET", "/tasks/cleanup[?]"), ("POST", "/tasks[?]")):
            with self.subTest(path):
                rule = {"method": method, "path": path, "do": "hang"}
                machine = self.machine(steps([running(), RUNS_ON]) | {"rules": [rule]})
                client = machine.start("cleanup", "--poll", "1h", "p")
                machine.wait_for(
                    lambda m=machine: any(r["rule"] for r in m.requests()), "the request that hangs"
                )
                client.signal(signal.SIGINT)
                ended = client.end()
                self.check(ended, 130, "")
                self.assertEqual(ended.errors, [], str(ended))
                self.assertIn(f"deleted job {machine.made('job')[0]}", machine.changes())

    def test_a_run_that_was_interrupted_is_over(self):
        machine, client = self.started(steps([running("o\n"), RUNS_ON]), "--poll", "1h")
        machine.wait_for(lambda: machine.asked("GET", "stderr.txt"), "a look at the output")
        client.signal(signal.SIGINT)
        client.end()
        machine.take(steps([running("again\n"), completed()]))
        self.check(machine.run("run", "--poll", "0s", machine.job()), 0, "again\n")
        self.assertEqual(len(machine.made("job")), 2)


if __name__ == "__main__":
    main()
