#!/usr/bin/env python3
"""The client killed at each request of a run, and started again: one job, one task, the task's status."""

import concurrent.futures
import pathlib
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import ClientTest, Machine, completed, main, report, running, steps  # noqa: E402

RUN = ("run", "--poll", "0s")
SCRIPT = steps([running("first\n"), {"append_stdout": "second\n"}, completed(5)])
AGAIN = steps([running("lost\n"), completed(121, files=report(121))], [running("well\n"), completed(5)])
# Where the client is when it dies: it waits for an answer; the request has arrived or has not.
VARIANTS = {
    "not arrived": {"do": "hang"},
    "arrived, no answer": {"do": "hang_after_headers"},
    # It closes, and the client is killed while it waits to try again.
    "closed before": {"do": "close_before"},
    "closed after": {"do": "close_after"},
}


def fault_of(variant, position, options, script, outs):
    rule = VARIANTS[variant] | {"at": [position], "name": "here"}
    # What closes at once would be tried again half a second later: all that follows waits.
    rest = {"after": position, "do": "hang", "name": "rest"}
    with Machine(script | {"rules": [rule, rest]}) as machine:
        file = machine.job()
        client = machine.start(*RUN, *options, file)
        machine.wait_for(lambda: any(r["rule"] == "here" for r in machine.requests()), "the request")
        killed = client.kill()
        machine.take({"clear_rules": True})
        ended = machine.run(*RUN, *options, file)
        faults = []
        if killed.signal != signal.SIGKILL:
            faults.append("it was over before")
        for kind in ("job", "task"):
            if len(machine.made(kind)) != 1:
                faults.append(f"{len(machine.made(kind))} of {kind}")
        if ended.status != 5 or ended.errors:
            faults.append(f"status {ended.status}")
        if ended.out not in outs:
            faults.append("the second run has not shown all of the output")
        if machine.records():
            faults.append("a record is left")
        if options and len(machine.asked("POST", "/reactivate")) > 2:
            faults.append("reactivated too often")
        if faults:
            met = next(r for r in machine.requests() if r["rule"] == "here")
            where = f"{variant} at {position}, {met['method']} {met['path']}"
            return f"{where}: {', '.join(faults)}\n--- first: {killed}\n--- second: {ended}"
    return None


class Killed(ClientTest):
    def check_all(self, options, script, outs):
        with Machine(script) as machine:
            ended = machine.run(*RUN, *options, machine.job())
            self.check(ended, 5)
            self.assertIn(ended.out, outs)
            requests = len(machine.requests())
        cases = [(variant, at) for variant in VARIANTS for at in range(1, requests + 1)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=12) as pool:
            found = pool.map(lambda case: fault_of(*case, options, script, outs), cases)
            faults = [fault for fault in found if fault]
        self.assertEqual(len(faults), 0, f"{len(faults)} of {len(cases)}:\n" + "\n\n".join(faults[:8]))

    def test_at_each_request(self):
        self.check_all((), SCRIPT, {"first\nsecond\n"})

    def test_at_each_request_with_a_reactivation(self):
        # Who comes later sees the attempts that are still to come.
        self.check_all(("--retry-infrastructure", "1"), AGAIN, {"lost\nwell\n", "well\n"})

    def test_two_runs_at_once_on_purpose_are_two_jobs(self):
        machine = self.machine(SCRIPT | {"pools": {"p": {"nodes": 4}}})
        machine.take({"rules": [{"method": "GET", "path": "/tasks/mpi", "first": 1, "do": "hang"}]})
        file = machine.job()
        first = machine.start(*RUN, file)
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "the first one's look")
        second = machine.run(*RUN, file)
        self.check(second, 5, "first\nsecond\n")
        self.assertEqual(len(machine.made("job")), 2)
        first.kill()
        # And the first one's can still be gone on with.
        ended = machine.run(*RUN, file)
        self.check(ended, 5, "first\nsecond\n")
        job = machine.made("job")[0]
        self.check_in(
            f"note: going on with job '{job}', which an earlier run of this file submitted (--new: another "
            "one)\n",
            ended.err,
        )
        self.assertEqual(len(machine.made("job")), 2)

    def killed_at_the_first_look(self, *options, **keys):
        rule = {"method": "GET", "path": "/tasks/mpi", "first": 1, "do": "hang"}
        machine = self.machine(SCRIPT | {"rules": [rule]})
        client = machine.start(*RUN, *options, machine.job(**keys))
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "a look at the task")
        client.kill()
        return machine

    def test_new_makes_another_one(self):
        machine = self.killed_at_the_first_look()
        machine.take({"pools": {"p": {"nodes": 4}}})
        self.check(machine.run(*RUN, "--new", machine.job()), 5, "first\nsecond\n")
        self.assertEqual(len(machine.made("job")), 2)

    def test_another_content_makes_another_one(self):
        machine = self.killed_at_the_first_look()
        self.check(machine.run(*RUN, machine.job(command="./other")), 5)
        self.assertEqual(len(machine.made("job")), 2)

    def test_another_command_on_the_command_line_makes_another_one(self):
        machine = self.killed_at_the_first_look()
        self.check(machine.run(*RUN, machine.job(), "--", "./other"), 5)
        self.assertEqual(len(machine.made("job")), 2)

    def test_an_id_in_the_file(self):
        machine = self.killed_at_the_first_look(id="mine")
        self.check(machine.run(*RUN, machine.job(id="mine")), 5, "first\nsecond\n")
        self.assertEqual(machine.made("job"), ["mine"])
        # It has ended by now: the same again is told, and made no second time.
        ended = machine.run(*RUN, machine.job(id="mine"))
        self.check(ended, 5, "first\nsecond\n")
        self.assertEqual(machine.made("job"), ["mine"])
        self.check_in(
            "note: job 'mine' has been run already, and is terminating: this is what it brought", ended.err
        )
        ended = machine.run(*RUN, machine.job(id="mine", command="./other"))
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors,
            ["shipyard-submit: error: there is a job 'mine' already (completed), and it is another one"],
        )
        self.check_in(
            "hint: another id: --job ID; or delete it: shipyard-submit terminate --delete mine", ended.err
        )

    def test_an_id_in_the_file_that_another_client_works_on(self):
        rule = {"method": "GET", "path": "/tasks/mpi", "first": 1, "do": "hang"}
        machine = self.machine(SCRIPT | {"rules": [rule]})
        file = machine.job(id="mine")
        first = machine.start(*RUN, file)
        machine.wait_for(lambda: any(r["rule"] for r in machine.requests()), "a look at the task")
        ended = machine.run(*RUN, file)
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors, ["shipyard-submit: error: another shipyard-submit is at work on job 'mine'"]
        )
        self.check_in("hint: shipyard-submit logs --follow mine stays with it too", ended.err)
        first.kill()
        self.assertEqual(machine.made("job"), ["mine"])

    def test_a_record_that_is_broken_is_no_obstacle(self):
        machine = self.machine(SCRIPT)
        directory = machine.home / "state" / "shipyard-submit"
        directory.mkdir()
        for i, text in enumerate(("", "{", "[1]", '{"job": 7}', "\x00\xff", "null")):
            (directory / f"broken-{i}.json").write_text(text, encoding="utf-8")
        self.check(machine.run(*RUN, machine.job()), 5, "first\nsecond\n")

    def test_a_state_directory_that_cannot_be_made(self):
        machine = self.machine(SCRIPT)
        (machine.home / "no-directory").write_text("", encoding="utf-8")
        ended = machine.run(
            *RUN, machine.job(), environment={"XDG_STATE_HOME": str(machine.home / "no-directory")}
        )
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1)
        self.assertEqual(machine.made("job"), [])


if __name__ == "__main__":
    main()
