#!/usr/bin/env python3
"""A Batch that misbehaves, in each way that the double knows, at each request of a run: it ends in a bounded
time, with the task's own status or with one clear error; nothing is doubled, nothing of the output is lost.
"""

import concurrent.futures
import pathlib
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import ClientTest, Machine, completed, main, report, running, steps  # noqa: E402

RUN = ("run", "--poll", "0s", "--request-limit", "1s", "--give-up", "20s")
STATUS = 120
OUT = "first\nsecond\nthird\n"
LAST = [running("first\n", "e-first\n"), {"append_stdout": "second\n"}]
# The task's end, with what it wrote last; its report is read because of its status.
SCRIPT = steps([*LAST, completed(STATUS, append_stdout="third\n", files=report(STATUS))])
AGAIN = steps(
    [running("lost\n"), completed(STATUS, files=report(STATUS))],
    [*LAST, completed(0, append_stdout="third\n")],
)
# What a rule does, and whether a run that meets it once must end with the task's own status all the same.
MISBEHAVIOUR = {
    "503": ({"do": "status", "status": 503}, True),
    "503 in a second": ({"do": "status", "status": 503, "retry_after": 1}, True),
    "503 at a date": ({"do": "status", "status": 503, "retry_after_date": 2}, True),
    "503 in an hour": ({"do": "status", "status": 503, "retry_after": 3600}, False),
    "429": ({"do": "status", "status": 429, "retry_after": 1}, True),
    "500": ({"do": "status", "status": 500}, True),
    "500, done": ({"do": "status", "status": 500, "acted": True}, True),
    "504, no words": ({"do": "status", "status": 504, "body": ""}, True),
    "hang": ({"do": "hang"}, True),
    "hang after headers": ({"do": "hang_after_headers"}, True),
    "close before": ({"do": "close_before"}, True),
    "reset before": ({"do": "close_before", "reset": True}, True),
    "close after": ({"do": "close_after"}, True),
    "reset after": ({"do": "close_after", "reset": True}, True),
    "close idle": ({"do": "close_idle"}, True),
    "cut body": ({"do": "cut_body"}, True),
    "broken JSON": ({"do": "broken_json"}, True),
    "wrong content type": ({"do": "wrong_content_type"}, True),
    "html 502": ({"do": "html"}, True),
    "html 403": ({"do": "html", "status": 403}, False),
    "redirect": ({"do": "redirect"}, False),
    "slow": ({"do": "slow", "seconds": 0.0005}, True),
    "chunked": ({"do": "chunked"}, True),
    "no headers of Batch": ({"do": "drop_headers", "names": ["ocp-creation-time", "request-id"]}, True),
}


def clean_run(script, *options):
    with Machine(script) as machine:
        ended = machine.run(*RUN, *options, machine.job())
        return ended, machine.requests(), machine.changes()


def fault_of(name, position, script, options, status, ends_well):
    """What is wrong with a run whose request at `position` is met; None where nothing is."""
    rule, must = MISBEHAVIOUR[name]
    with Machine(script | {"rules": [rule | {"at": [position]}]}) as machine:
        ended = machine.run(*RUN, *options, machine.job())
        faults = []
        if not any(request["rule"] for request in machine.requests()):
            faults.append("the rule has met nothing")
        for kind in ("job", "task"):
            made = machine.made(kind)
            if len(made) > 1 or (len(made) != 1 and ended.status == status):
                faults.append(f"{len(made)} of {kind}")
        if ended.status == status:
            if not ends_well(ended.out):
                faults.append("the output is not what the task wrote")
            if ended.err.count("e-first\n") != 1:
                faults.append("its standard error is not what the task wrote")
            if ended.errors:
                faults.append("an error, and a good end")
        elif must or ended.status != 125:
            faults.append(f"status {ended.status}")
        elif len(ended.errors) != 1 or "Batch" not in ended.errors[0]:
            faults.append("no clear error")
        if ended.seconds > 60:
            faults.append("it took very long")
        if faults:
            met = next((r for r in machine.requests() if r["rule"]), {"method": "?", "path": "?"})
            return f"{name} at {position}, {met['method']} {met['path']}: {', '.join(faults)}\n{ended}"
    return None


class Misbehaviour(ClientTest):
    def check_matrix(self, script, options, status, ends_well, names=None):
        ended, requests, changes = clean_run(script, *options)
        self.check(ended, status)
        self.assertTrue(ends_well(ended.out), str(ended))
        self.assertEqual(sum(change.startswith("created ") for change in changes), 2, changes)
        cases = [(n, at) for n in names or MISBEHAVIOUR for at in range(1, len(requests) + 1)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=12) as pool:
            found = pool.map(lambda case: fault_of(*case, script, options, status, ends_well), cases)
            faults = [fault for fault in found if fault]
        self.assertEqual(len(faults), 0, f"{len(faults)} of {len(cases)}:\n" + "\n\n".join(faults[:12]))

    def test_each_request_of_a_run(self):
        self.check_matrix(SCRIPT, (), STATUS, lambda out: out == OUT)

    def test_each_request_of_a_run_with_a_reactivation(self):
        names = ["500, done", "hang", "close after", "cut body"]
        options = ("--retry-infrastructure", "1")
        self.check_matrix(AGAIN, options, 0, lambda out: out == "lost\n" + OUT, names)

    def test_a_rest_of_an_hour_ends_a_submission_at_once(self):
        rule = {"method": "POST", "path": "/jobs[?]", "do": "status", "status": 503, "retry_after": 3600}
        machine = self.machine({"rules": [rule]})
        ended = machine.run("run", machine.job())
        self.check(ended, 125, "")
        self.assertEqual(len(machine.asked("POST")), 1)
        self.assertEqual(
            ended.errors,
            [
                "shipyard-submit: error: POST /jobs: Azure Batch answers ServerBusy: The request failed.; it "
                "asks to be left alone for 3600 s"
            ],
        )

    def test_an_account_where_nobody_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{free.getsockname()[1]}"
        machine = self.machine()
        ended = machine.run(
            *RUN[:-1], "2s", machine.job(), environment={"AZURE_BATCH_ENDPOINT": address}
        )
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("GET /pools/p: Azure Batch cannot be reached: ", ended.errors[0])
        self.check_in(f"hint: AZURE_BATCH_ENDPOINT is {address}", ended.err)
        self.assertLess(ended.seconds, 30)

    def test_a_batch_that_falls_silent_for_good(self):
        rules = [{"method": "GET", "path": "/tasks/mpi", "after": 2, "do": "close_before"}]
        machine = self.machine(SCRIPT | {"rules": rules})
        ended = machine.run(*RUN[:-1], "2s", machine.job())
        self.check(ended, 125, "first\n")
        self.assertEqual(len(ended.errors), 1, str(ended))
        job = machine.made("job")[0]
        self.check_in(
            f"hint: whatever the job does, it goes on: shipyard-submit logs --follow {job}", ended.err
        )
        # Started again, it goes on with that job.
        machine.take({"clear_rules": True})
        self.check(machine.run(*RUN, machine.job()), STATUS, OUT)
        self.assertEqual(len(machine.made("job")), 1)
        self.assertEqual(machine.records(), [])

    def test_a_list_that_is_none(self):
        for body in ("[]", "{}", '{"value": 7}', '"text"'):
            rule = {"method": "GET", "path": "/nodes", "do": "status", "status": 200, "body": body}
            machine = self.machine({"rules": [rule]})
            ended = machine.run("cleanup", "p")
            self.check(ended, 125)
            self.check_in("the answer is no list of Batch's", ended.errors[0])

    def test_quotas_and_refusals_are_told_in_batchs_words(self):
        machine = self.machine({"quota": {"jobs": 0}})
        ended = machine.run("run", machine.job())
        self.check(ended, 125, "")
        self.check_in("Azure Batch answers ActiveJobAndScheduleQuotaReached", ended.errors[0])


if __name__ == "__main__":
    main()
