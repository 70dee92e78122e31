#!/usr/bin/env python3
"""shipyard-submit's commands, each from the command line to what Batch was asked and what the user reads."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import POOL, ClientTest, completed, main, report, running, steps  # noqa: E402

RUN = ("run", "--poll", "0s")
NATIVE = {
    "virtualMachineConfiguration": {
        "imageReference": {},
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
        "containerConfiguration": {"type": "dockerCompatible"},
    }
}
USER_ERROR = {"category": "usererror", "code": "FailureExitCode", "message": "it said so"}


class Run(ClientTest):
    def run_steps(self, *attempts, options=(), **keys):
        machine = self.machine(steps(*attempts))
        return machine, machine.run(*RUN, *options, machine.job(**keys))

    def test_streams_both_outputs_in_order_and_once(self):
        growing = [running("one\n", "e-one\n")]
        growing += [{"append_stdout": f"line {i}\n", "append_stderr": f"e-line {i}\n"} for i in range(20)]
        machine, ended = self.run_steps([{"state": "preparing"}, *growing, completed()])
        self.check(ended, 0, "one\n" + "".join(f"line {i}\n" for i in range(20)))
        theirs = [line for line in ended.err.splitlines() if not line.startswith("shipyard-submit: ")]
        self.assertEqual(theirs, ["e-one", *(f"e-line {i}" for i in range(20))])
        self.assertEqual((len(machine.made("job")), len(machine.made("task"))), (1, 1))
        self.assertEqual(machine.records(), [])
        job = machine.made("job")[0]
        self.assertEqual(ended.notes[0], f"shipyard-submit: note: job '{job}' is submitted")
        for state in ("preparing", "running"):
            told = [note for note in ended.notes if f"task 'mpi' is {state}" in note]
            self.assertEqual(len(told), 1, str(ended))

    def test_output_of_a_file_larger_than_one_request(self):
        times = (9 << 20) // 8
        machine, ended = self.run_steps([running({"repeat": "1234567\n", "times": times}), completed()])
        self.check(ended, 0)
        self.assertEqual(len(ended.out), 9 << 20)

    def test_output_that_is_no_text_comes_through(self):
        _, ended = self.run_steps([running({"base64": "AP+ACg=="}), completed()])
        self.check(ended, 0, "\0\ufffd\ufffd\n")

    def test_ends_with_the_status_of_the_task(self):
        for status in (0, 3, 137):
            with self.subTest(status):
                _, ended = self.run_steps([running("out\n"), completed(status)])
                self.check(ended, status, "out\n")
                self.assertEqual(ended.errors, [], str(ended))
                said = [note for note in ended.notes if f"exit status {status}" in note]
                self.assertEqual(len(said), 0 if status == 0 else 1, str(ended))

    def test_statuses_of_docker_are_told_from_those_of_the_launcher(self):
        for status in (125, 126, 127):
            with self.subTest(status, report=False):
                machine, ended = self.run_steps([running(), completed(status)])
                self.check(ended, status, "")
                job = machine.made("job")[0]
                self.assertEqual(
                    ended.errors,
                    [
                        f"shipyard-submit: error: task 'mpi': exit status {status} without a report of "
                        "shipyard-mpirun: the container failed, or the program could not be started in it"
                    ],
                )
                self.check_in(f"hint: shipyard-submit diagnose {job} collects every node's output", ended.err)
            with self.subTest(status, report=True):
                files = report(status, "not-found")
                machine, ended = self.run_steps([running(), completed(status, files=files)])
                self.check(ended, status, "")
                self.assertEqual(ended.errors, [], str(ended))
                self.check_in(f"task 'mpi': exit status {status} (not-found)", ended.err)
            with self.subTest(status, report="of another attempt"):
                machine, ended = self.run_steps([running(), completed(status, files=report(0, "done"))])
                self.check(ended, status, "")
                self.assertEqual(len(ended.errors), 1, str(ended))

    def test_a_failure_of_batch_without_an_exit_status(self):
        failure = {
            "category": "servererror",
            "code": "DiskFull",
            "message": "no space",
            "details": [{"name": "Node", "value": "n1"}],
        }
        _, ended = self.run_steps([running(), {"state": "completed", "failureInfo": failure}])
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors,
            [
                "shipyard-submit: error: task 'mpi' has ended without an exit status: DiskFull: no space "
                "(Node: n1)"
            ],
        )

    def test_a_failure_of_batch_beside_an_exit_status(self):
        failure = {"category": "usererror", "code": "OutputFileUploadFailed", "message": "no such container"}
        for status, told in ((0, 125), (4, 4)):
            _, ended = self.run_steps([running(), completed(status, failureInfo=failure)])
            self.check(ended, told, "")
            self.assertEqual(len(ended.errors), 1, str(ended))
            self.check_in("OutputFileUploadFailed: no such container", ended.errors[0])

    def test_what_ended_with_125_is_run_anew_by_the_next_run(self):
        machine = self.machine(steps([running("first\n"), completed(125)]))
        file = machine.job()
        self.check(machine.run(*RUN, file), 125, "first\n")
        self.assertEqual(machine.records(), [])
        machine.take(steps([running("again\n"), completed()]))
        self.check(machine.run(*RUN, file), 0, "again\n")
        self.assertEqual(len(machine.made("job")), 2)

    def test_a_new_attempt_after_a_preemption_is_told_and_shown_from_its_first_byte(self):
        _, ended = self.run_steps(
            [
                running("a long first output\n", "e-first\n"),
                {"requeue": True},
                running("second\n", "e-second\n"),
                {"append_stdout": "more\n"},
                completed(5),
            ]
        )
        self.check(ended, 5, "a long first output\nsecond\nmore\n")
        self.assertEqual([ended.err.count(word) for word in ("e-first", "e-second")], [1, 1], str(ended))
        self.check_in(
            "note: Batch starts task 'mpi' anew, since a node of it is gone (requeued 1 time)", ended.err
        )

    def test_an_attempt_that_starts_between_two_looks_is_shown_once(self):
        # Files of two attempts are told apart by their time, in seconds: a look each second. The second round
        # asks for the task, then for stdout.txt (the node goes), then for stderr.txt (the new one is there).
        machine = self.machine(
            {"polled_by": ["task", "file"]}
            | steps(
                [
                    running("first\n", "e-first\n"),
                    {"after_polls": 4, "requeue": True},
                    running("second\n", "e-second\n"),
                    {"after_polls": 7} | completed(),
                ]
            )
        )
        ended = machine.run("run", "--poll", "1s", machine.job())
        self.check(ended, 0, "first\nsecond\n")
        self.assertEqual([ended.err.count(word) for word in ("e-first", "e-second")], [1, 1], str(ended))

    def test_what_happened_to_a_task_is_news_to_who_follows_it_alone(self):
        again = [running("first\n"), {"requeue": True}, running("second\n"), {"retry": True}]
        machine = self.machine(steps([*again, running("third\n"), {"append_stdout": "more\n"}, completed()]))
        job = machine.run("submit", machine.job()).out.strip()
        for _ in range(5):
            machine.run("status", job, "mpi")
        # It was requeued once, and tried again once, before anybody followed it.
        ended = machine.run("logs", "--follow", "--poll", "0s", job)
        self.check(ended, 0, "third\nmore\n")
        self.assertNotIn("anew", ended.err)

    def test_what_happened_before_the_first_look_of_a_run_is_told(self):
        # The first look at the task finds its second attempt: what the first one wrote is not shown.
        gone = [{"after_polls": 0} | running("lost\n"), {"after_polls": 0, "requeue": True}]
        _, ended = self.run_steps([*gone, running("second\n"), completed()])
        self.check(ended, 0, "second\n")
        self.check_in("anew, since a node of it is gone (requeued 1 time)", ended.err)

    def test_a_requeue_is_told_once_also_beside_reactivations(self):
        first = [running("1\n"), {"requeue": True}, running("2\n"), completed(120, files=report(120))]
        second = [running("3\n"), {"requeue": True}, running("4\n"), completed()]
        _, ended = self.run_steps(first, second, options=["--retry-infrastructure", "1"])
        self.check(ended, 0, "1\n2\n3\n4\n")
        for told in ("(requeued 1 time)", "(requeued 2 times)"):
            self.assertEqual(ended.err.count(told), 1, str(ended))

    def test_retries_of_batch_itself_are_told_also_after_a_reactivation(self):
        lost = [running("lost\n"), completed(120, files=report(120))]
        # Between two looks: the first one after the reactivation finds it retried already.
        at_once = [{"after_polls": 0} | step for step in lost]
        well = [running("well\n"), completed()]
        _, ended = self.run_steps(
            lost, lost, at_once, well, options=["--retry-infrastructure", "1"], limits={"retries": 1}
        )
        self.check(ended, 0, "lost\n" * 2 + "well\n")
        self.assertEqual(ended.err.count("(retry 1)"), 2, str(ended))

    def test_a_run_that_goes_on_with_an_earlier_one_tells_what_happens_from_then_on(self):
        again = [running("first\n"), {"requeue": True}, running("second\n"), {"after_polls": 100_000}]
        machine = self.machine(steps(again))
        client = machine.start(*RUN, machine.job())
        machine.wait_for(lambda: any(c.endswith(" requeued") for c in machine.changes()), "a preemption")
        client.kill()
        # Its first look finds nothing new.
        machine.take(steps([{}, {"requeue": True}, running("third\n"), completed()]))
        ended = machine.run(*RUN, machine.job())
        self.check_in("going on with job", ended.err)
        self.check(ended, 0)
        self.assertNotIn("(requeued 1 time)", ended.err)
        self.assertEqual(ended.err.count("(requeued 2 times)"), 1, str(ended))

    def test_retries_of_batch_itself_are_told(self):
        machine, ended = self.run_steps(
            [running("try 1\n"), completed(7)], [running("try 2\n"), completed(0)], limits={"retries": 2}
        )
        self.check(ended, 0, "try 1\ntry 2\n")
        self.check_in("note: Batch starts task 'mpi' anew, after a failure (retry 1)", ended.err)
        body = machine.asked("POST", "/tasks")[0]["body"]
        self.assertEqual(body["constraints"]["maxTaskRetryCount"], 2)

    def test_a_task_is_not_run_again_for_its_nodes_unless_asked(self):
        machine, ended = self.run_steps([running(), completed(121, files=report(121))])
        self.check(ended, 121)
        self.assertEqual(machine.asked("POST", "/reactivate"), [])

    def test_failures_of_nodes_are_retried_and_the_job_is_closed_last(self):
        for status in (120, 121, 122, 123):
            with self.subTest(status):
                lost = [running(f"lost {status}\n"), completed(status, files=report(status))]
                machine, ended = self.run_steps(
                    lost, lost, [running("well\n"), completed(0)], options=["--retry-infrastructure", "3"]
                )
                self.check(ended, 0, f"lost {status}\n" * 2 + "well\n")
                self.assertEqual(len(machine.asked("POST", "/reactivate")), 2)
                patches = [r["n"] for r in machine.requests() if r["method"] == "PATCH"]
                self.assertEqual(patches, [len(machine.requests())], "terminatejob comes last, and once")
                told = f"task 'mpi': exit status {status} (node-lost): its nodes failed it; again, "
                self.check_in(told + "1 of 3", ended.err)
                self.check_in(told + "2 of 3", ended.err)

    def test_a_reactivation_is_of_one_end_alone(self):
        # It arrives, its answer is lost, and the task ends once more before it is sent again.
        lost = [running("lost\n"), completed(120, files=report(120))]
        at_once = [completed(120, files=report(120))]
        machine = self.machine(
            {
                **steps(lost, at_once, [running("well\n"), completed(0)]),
                "rules": [
                    {"method": "POST", "path": "/reactivate", "do": "close_after", "first": 1},
                ],
            }
        )
        ended = machine.run(*RUN, "--retry-infrastructure", "2", machine.job())
        self.check(ended, 0, "lost\nwell\n")
        sent = machine.asked("POST", "/reactivate")
        self.assertEqual(len({request["headers"]["If-Match"] for request in sent}), 2, sent)
        self.check_in("again, 2 of 2", ended.err)

    def test_a_task_without_a_state_is_not_looked_at_for_ever(self):
        rule = {"method": "GET", "path": "/tasks/mpi[?]", "do": "status", "status": 200, "body": {"id": "mpi"}}
        machine = self.machine({**steps([running(), completed(0)]), "rules": [rule]})
        ended = machine.run(*RUN, "--give-up", "1s", machine.job())
        self.check(ended, 125)
        self.check_in("error: GET /jobs/", ended.err)
        self.check_in(": the answer says nothing of its state", ended.err)

    def test_retries_for_nodes_have_an_end(self):
        lost = [running("lost\n"), completed(120, files=report(120))]
        machine, ended = self.run_steps(lost, lost, options=["--retry-infrastructure", "2"])
        self.check(ended, 120, "lost\n" * 3)
        self.assertEqual(len(machine.asked("POST", "/reactivate")), 2)
        self.assertEqual(len(machine.asked("PATCH")), 1)

    def test_a_program_that_ends_with_121_by_itself_is_not_run_again(self):
        for files in ({}, report(1, "failed")):
            machine, ended = self.run_steps(
                [running(), completed(121, files=files)], options=["--retry-infrastructure", "3"]
            )
            self.check(ended, 121)
            self.assertEqual(machine.asked("POST", "/reactivate"), [])
            self.assertEqual(len(machine.asked("PATCH")), 1)

    def test_a_report_that_batch_does_not_hand_out_is_not_a_missing_one(self):
        lost = [running("lost\n"), completed(122, files=report(122))]
        busy = {"method": "GET", "path": "shipyard-report", "do": "status", "status": 503, "code": "ServerBusy"}
        for rule, give_up, status in (({**busy, "first": 2}, "20s", 0), (busy, "1s", 125)):
            with self.subTest(status):
                machine = self.machine({**steps(lost, [running("well\n"), completed(0)]), "rules": [rule]})
                ended = machine.run(
                    *RUN, "--retry-infrastructure", "1", "--give-up", give_up, machine.job()
                )
                self.assertEqual(ended.status, status, str(ended))
                self.assertEqual(len(machine.asked("POST", "/reactivate")), 1 if status == 0 else 0)
                # What became of it is not known: the same command goes on with it.
                self.assertEqual(len(machine.records()), 0 if status == 0 else 1)

    def test_a_job_whose_task_is_refused_is_taken_back(self):
        rule = {"method": "POST", "path": "/tasks[?]", "do": "status", "status": 400, "code": "InvalidPropertyValue"}
        machine = self.machine({"rules": [rule]})
        ended = machine.run(*RUN, machine.job(pool={"vm_size": "Standard_HB120rs_v3"}))
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        job = machine.made("job")[0]
        self.check_in(f"note: job '{job}', without its task, is terminated", ended.err)
        self.assertEqual(len(machine.asked("POST", f"/jobs/{job}/terminate")), 1)
        self.assertEqual(machine.records(), [], "there is nothing to go on with")

    def test_a_refused_job_leaves_no_record(self):
        rule = {"method": "POST", "path": "/jobs[?]", "do": "status", "status": 400, "code": "InvalidPropertyValue"}
        machine = self.machine({"rules": [rule]})
        self.check(machine.run(*RUN, machine.job()), 125, "")
        self.assertEqual(machine.records(), [])

    def test_the_job_of_an_auto_pool_has_a_limit_until_all_of_it_is_there(self):
        machine = self.machine(steps([running(), completed(0)]))
        self.check(machine.run(*RUN, machine.job(pool={"vm_size": "Standard_HB120rs_v3"})), 0)
        (job,) = machine.asked("POST", "/jobs")
        self.assertEqual(job["body"]["constraints"], {"maxWallClockTime": "PT2H"})
        (patch,) = machine.asked("PATCH")
        self.assertEqual(patch["body"]["constraints"], {"maxWallClockTime": "P10675199DT2H48M5.4775807S"})

    def test_a_signature_in_what_batch_says_is_not_shown(self):
        signature = "sIgNaTuRe%2Fof%2Fa%2Ffile"
        url = f"https://store.test/in/a?sv=1&sig={signature}&se=2027"
        failure = USER_ERROR | {"code": "BlobNotFound", "details": [{"name": "BlobSource", "value": url}]}
        machine = self.machine(steps([{"state": "completed", "failureInfo": failure}]))
        machine.secrets.add(signature)
        files = [{"url": url, "path": "a"}]
        ended = machine.run(*RUN, machine.job(resource_files=files))
        self.check(ended, 125, "")
        self.check_in("BlobSource: https://store.test/in/a?sv=1&sig=***&se=2027", ended.err)
        refusal = {"do": "status", "status": 400, "code": "InvalidPropertyValue", "values": [["PropertyValue", url]]}
        machine.take({"rules": [{"method": "POST", "path": "/tasks[?]"} | refusal]})
        self.check_in("sig=***", machine.run(*RUN, machine.job(resource_files=files)).err)
        wrong = machine.job(resource_files=[{"urll": url, "path": "a"}])
        self.check_in("did you mean 'url'?", machine.run(*RUN, wrong).err)
        # At its end the machine looks for the signature in all that was said.

    def test_a_pool_in_a_subnet_wants_another_sign_in_than_the_key(self):
        machine = self.machine(steps([running(), completed(0)]))
        pool = {"vm_size": "Standard_HB120rs_v3", "subnet": "/subscriptions/s"}
        ended = machine.run(*RUN, machine.job(pool=pool))
        self.check(ended, 0)
        self.check_in("warning: pool.subnet: Batch takes no account key", ended.err)

    def test_ids_of_the_command_line_lead_nowhere_else(self):
        machine = self.machine()
        victim = machine.home / "state" / "victim.json"
        victim.write_text("mine", encoding="utf-8")
        for options in (("--job", "../victim"), ("--pool", "a/b"), ("--image", "-x"), ("--image", "a;b")):
            with self.subTest(options):
                ended = machine.run(*RUN, *options, machine.job())
                self.check(ended, 125, "")
                self.check_in(f"error: {options[0]}: '{options[1]}' is no", ended.err)
        self.assertEqual(victim.read_text(encoding="utf-8"), "mine")
        self.assertEqual(machine.requests(), [])

    def test_output_that_cannot_be_written_is_told(self):
        machine = self.machine(steps([running("out\n"), completed(0)]))
        with open("/dev/full", "wb") as full:
            ended = machine.run(*RUN, machine.job(), out=full)
        self.check(ended, 125)
        self.check_in("error: standard output cannot be written", ended.err)

    def test_several_tasks_one_after_the_other(self):
        machine = self.machine(
            {
                "tasks": {
                    "*/a": [running("of a\n"), completed(0)],
                    "*/b": [running("of b\n"), completed(6)],
                    "*/c": [running("of c\n"), completed(7)],
                },
                "pools": {"p": {"nodes": 6}},
            }
        )
        tasks = [{"id": name, "command": f"./{name}"} for name in "abc"]
        ended = machine.run(*RUN, machine.job(command=None, tasks=tasks))
        self.check(ended, 6, "of a\nof b\nof c\n")
        self.assertEqual(len(machine.made("task")), 3)
        for name in "abc":
            self.check_in(f"note: task '{name}':\n", ended.err)

    def test_command_nodes_image_and_pool_of_the_command_line(self):
        machine = self.machine({"pools": {"other": POOL | {"nodes": 1}}} | steps([running(), completed()]))
        ended = machine.run(
            *RUN, "-n", "1", "--image", "mine:7", "--pool", "other", machine.job(), "--", "./app", "a b"
        )
        self.check(ended, 0)
        task = machine.asked("POST", "/tasks")[0]["body"]
        self.assertEqual(task["multiInstanceSettings"]["numberOfInstances"], 1)
        self.check_in("mine:7", task["multiInstanceSettings"]["coordinationCommandLine"])
        self.check_in("a b", task["commandLine"])
        self.assertEqual(machine.asked("POST", "/jobs")[0]["body"]["poolInfo"], {"poolId": "other"})

    def test_a_pool_of_the_job_goes_with_it(self):
        machine = self.machine(steps([running("x\n"), completed(2)]), pool=None)
        ended = machine.run(*RUN, machine.job(pool={"vm_size": "Standard_D4s_v5"}))
        self.check(ended, 2, "x\n")
        wish = machine.asked("POST", "/jobs")[0]["body"]["poolInfo"]["autoPoolSpecification"]
        self.assertEqual((wish["poolLifetimeOption"], wish["keepAlive"]), ("job", False))
        self.assertEqual(wish["pool"]["targetDedicatedNodes"], 2)
        machine.run("status", machine.made("job")[0])
        machine.run("status", machine.made("job")[0])
        self.assertIn(f"deleted pool {machine.made('pool')[0]}", machine.changes())

    def test_retries_for_nodes_need_a_limit_where_the_pool_is_the_jobs(self):
        machine = self.machine(pool=None)
        ended = machine.run(
            *RUN, "--retry-infrastructure", "1", machine.job(pool={"vm_size": "Standard_D4s_v5"})
        )
        self.check(ended, 125, "")
        self.check_in("limits.time", ended.err)
        self.assertEqual(machine.requests(), [])

    def test_pools_that_can_never_run_the_task_are_refused(self):
        for change, words in (
            ({"enableInterNodeCommunication": False}, "inter-node communication"),
            ({"taskSlotsPerNode": 4}, "taskSlotsPerNode"),
        ):
            machine = self.machine(pool=POOL | change)
            ended = machine.run(*RUN, machine.job())
            self.check(ended, 125, "")
            self.check_in(words, ended.errors[0])
            self.assertNotIn("  ", ended.errors[0])
            self.assertEqual(machine.made("job"), [])

    def test_a_pool_that_is_not_there(self):
        machine = self.machine(pool=None)
        ended = machine.run(*RUN, machine.job())
        self.check(ended, 125, "")
        self.assertEqual(ended.errors, ["shipyard-submit: error: there is no pool 'p'"])
        self.assertEqual(machine.records(), [])

    def test_native_pools(self):
        machine = self.machine(steps([running("n\n"), completed()]), pool=POOL | NATIVE)
        self.check(machine.run(*RUN, machine.job(pool={"id": "p", "native": True})), 0, "n\n")
        self.assertIn("containerSettings", machine.asked("POST", "/tasks")[0]["body"])
        ended = machine.run(*RUN, machine.job())
        self.check(ended, 125, "")
        self.check_in("hint: say so in the job file: pool: {native: true}", ended.err)

    def test_files_that_vanished_are_told(self):
        _, ended = self.run_steps([running("kept\n"), completed(1, files_cleaned=True)])
        self.check(ended, 1, "kept\n")
        self.check_in(
            "task 'mpi': Batch has its output no longer (TaskFilesCleanedup): the end of it may be missing "
            "here",
            "\n".join(ended.lines("warning")),
        )

    def test_quiet_and_verbose(self):
        machine = self.machine(steps([running("o\n", "e\n"), completed()]))
        ended = machine.run(*RUN, "-q", machine.job())
        self.check(ended, 0, "o\n")
        self.assertEqual(ended.err, "e\n")
        ended = machine.run(*RUN, "-vv", machine.job())
        self.check(ended, 0, "o\n")
        self.check_in("POST /jobs", ended.err)

    def test_a_job_that_somebody_deletes_meanwhile(self):
        machine = self.machine(steps([running("o\n"), {"after_polls": 100000} | completed()]))
        client = machine.start(*RUN, machine.job())
        machine.wait_for(lambda: machine.asked("GET", "stdout.txt"), "a look at the output")
        self.check(machine.run("terminate", "--delete", machine.made("job")[0]), 0)
        ended = client.end()
        self.check(ended, 125, "o\n")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("JobNotFound", ended.errors[0])


class Others(ClientTest):
    def submitted(self, *attempts, **keys):
        machine = self.machine(steps(*attempts))
        ended = machine.run("submit", machine.job(**keys))
        self.check(ended, 0)
        job = ended.out.strip()
        self.assertEqual(machine.made("job"), [job])
        self.assertEqual(len(machine.asked("PATCH")), 1)
        self.assertEqual(machine.records(), [])
        return machine, job

    def test_submit_and_logs(self):
        machine, job = self.submitted([running("one\n", "e-one\n"), {"append_stdout": "two\n"}, completed(9)])
        early = machine.run("logs", job)
        self.assertEqual(early.status, 0, str(early))
        ended = machine.run("logs", "--follow", "--poll", "0s", job)
        self.check(ended, 9, "one\ntwo\n")
        self.assertEqual(ended.err.count("e-one"), 1)
        after = machine.run("logs", job, "mpi")
        self.check(after, 0, "one\ntwo\n")
        self.assertEqual(after.err, "e-one\n")

    def test_logs_of_nodes(self):
        machine, job = self.submitted(
            [
                running(
                    "primary\n", subtasks={"1": {"files": {"stdout.txt": "of 1\n", "stderr.txt": "e1\n"}}}
                ),
                {"after_polls": 1000} | completed(),
            ]
        )
        machine.run("status", job, "mpi")
        ended = machine.run("logs", "--node", "1", job)
        self.check(ended, 0, "of 1\n")
        self.assertEqual(ended.err, "e1\n")
        self.check(machine.run("logs", "--node", "0", job), 0, "primary\n")
        state = machine.service.account.jobs[job.lower()].tasks["mpi"]
        self.check(machine.run("logs", "--node", state.nodes[1].id, job), 0, "of 1\n")
        ended = machine.run("logs", "--node", "7", job)
        self.check(ended, 125, "")
        self.check_in("there is no '7' among 0 (", ended.errors[0])
        self.check(machine.run("logs", "--node", "1", "--follow", job), 125, "")

    def test_status_shows_every_node_and_no_key(self):
        machine, job = self.submitted(
            [
                running(),
                completed(1, subtasks={"1": {"exitCode": 1, "failureInfo": USER_ERROR}}),
            ]
        )
        for _ in range(3):
            machine.run("status", job, "mpi")
        ended = machine.run("status", job)
        self.check(ended, 0)
        self.check_in(f"job '{job}': ", ended.out)
        table = [line.split() for line in ended.out.splitlines()]
        rows = [row for row in table if "completed" in row]
        self.assertEqual([row[:2] for row in rows], [["mpi", "0"], ["1", "completed"]], ended.out)
        self.check_in("mpi, node 1: FailureExitCode: it said so", ended.out)
        ended = machine.run("status", "--json", job)
        self.check(ended, 0)
        tasks = json.loads(ended.out)["tasks"]
        self.assertEqual([subtask["id"] for subtask in tasks[0]["subtasks"]], [0, 1])

    def reasons(self, pool, script=None, **keys):
        machine = self.machine(
            steps([{"state": "preparing"}, {"after_polls": 99, "state": "running"}]), pool=pool
        )
        machine.take(script or {})
        ended = machine.run("submit", machine.job(**keys))
        self.check(ended, 0)
        return machine, ended.out.strip()

    def test_status_says_why_a_task_waits(self):
        failed = {"category": "usererror", "code": "FailureExitCode", "message": "start task said no"}
        nodes = [
            {
                "id": f"n{i}",
                "state": "starttaskfailed",
                "startTaskInfo": {"state": "completed", "retryCount": 0, "failureInfo": failed},
            }
            for i in range(2)
        ]
        unusable = [{"id": f"n{i}", "state": "unusable"} for i in range(2)]
        offline = [{"id": f"n{i}", "state": "offline", "schedulingState": "disabled"} for i in range(2)]
        error = {"code": "AllocationFailed", "message": "no capacity"}
        for name, pool, words in (
            ("few", POOL | {"nodes": 1}, "the task wants 2 nodes, the pool is to have 1"),
            (
                "so far",
                POOL | {"nodes": 1, "targetDedicatedNodes": 2},
                "the pool has 1 of 2 nodes so far",
            ),
            (
                "resize",
                POOL | {"nodes": 0, "targetDedicatedNodes": 2, "resizeErrors": [error]},
                "the pool could not get its nodes: AllocationFailed: no capacity",
            ),
            ("start task", POOL | {"nodes": nodes}, "start task of n0: FailureExitCode: start task said no"),
            ("start task", POOL | {"nodes": nodes}, "2 nodes are starttaskfailed"),
            ("unusable", POOL | {"nodes": unusable}, "2 nodes are unusable"),
            ("offline", POOL | {"nodes": offline}, "2 nodes are closed for tasks (schedulingState)"),
        ):
            with self.subTest(name):
                machine, job = self.reasons(pool)
                ended = machine.run("status", job)
                self.check(ended, 0)
                self.check_in(f"mpi waits: {words}", ended.out)
                entry = json.loads(machine.run("status", "--json", job).out)["tasks"][0]
                self.assertTrue(any(words in reason for reason in entry["waits"]), entry["waits"])

    def test_status_says_that_the_pool_changed_under_the_task(self):
        machine, job = self.reasons(POOL | {"nodes": 1})
        for change, words in (
            ({"enableInterNodeCommunication": False}, "the pool has no inter-node communication"),
            ({"taskSlotsPerNode": 2, "enableInterNodeCommunication": True}, "more than one task slot a node"),
            ({"enableAutoScale": True, "taskSlotsPerNode": 1}, "by its autoscale formula, so far"),
        ):
            machine.take({"pools": {"p": change}})
            ended = machine.run("status", job)
            self.check_in(words, ended.out)
            self.assertNotIn("several  nodes", ended.out)
        self.check(machine.run("pool", "delete", "p"), 0)
        self.check_in("mpi waits: there is no such pool", machine.run("status", job).out)
        machine.take({"terminate_jobs": {job: "SomebodyElse"}})
        ended = machine.run("status", job)
        self.check_in("ended: SomebodyElse", ended.out)
        self.check_in("mpi waits: the job is ", ended.out)

    def test_status_says_that_nodes_are_just_busy(self):
        machine, job = self.reasons(POOL | {"nodes": [{"id": f"n{i}", "state": "running"} for i in range(2)]})
        # Another job holds them.
        other = machine.run("submit", machine.job("other.json")).out.strip()
        machine.run("status", job, "mpi")
        self.check_in("mpi waits: the pool's nodes are busy", machine.run("status", other).out)

    def test_status_names_a_preparation_that_failed(self):
        pull = {"category": "usererror", "code": "FailureExitCode", "message": "no such image"}
        machine = self.machine(
            steps([{"state": "preparing"}, {"requeue": True}, {"after_polls": 99, "state": "running"}])
            | {"jobs": {"*": {"preparation": {"exitCode": 1, "failureInfo": pull}}}}
        )
        job = machine.run("submit", machine.job()).out.strip()
        for _ in range(3):
            ended = machine.run("status", job, "mpi")
        self.check_in("the job's preparation (pulling the image) failed on ", ended.out)
        self.check_in("no such image", ended.out)

    def test_terminate(self):
        machine, job = self.submitted([running(), {"after_polls": 999} | completed()])
        machine.run("status", job, "mpi")
        ended = machine.run("terminate", job, "mpi")
        self.check(ended, 0, "")
        self.check_in(f"Batch terminates task 'mpi' of job '{job}'", ended.err)
        ended = machine.run("terminate", job, "mpi")
        self.check(ended, 0)
        self.check_in("task 'mpi' is completed already", ended.err)

    def test_terminate_a_job_twice_and_delete_it(self):
        machine, job = self.submitted([running(), {"after_polls": 999} | completed()])
        ended = machine.run("terminate", job)
        self.check(ended, 0)
        self.check_in(f"Batch terminates job '{job}'", ended.err)
        ended = machine.run("terminate", job)
        self.check(ended, 0)
        self.check_in(f"job '{job}' has ended already", ended.err)
        ended = machine.run("terminate", "--delete", job)
        self.check(ended, 0)
        self.assertIn(f"deleted job {job}", machine.changes())
        ended = machine.run("terminate", "--delete", job)
        self.check(ended, 125)
        self.check_in("JobNotFound", ended.errors[0])
        self.check(machine.run("terminate", job), 125)

    def test_cleanup_reaches_idle_nodes(self):
        machine = self.machine(steps([running(), completed()]))
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 0, "")
        self.check_in("our containers are gone from the 2 nodes of pool 'p'", ended.err)
        task = machine.asked("POST", "/tasks")[0]["body"]
        self.assertEqual(task["multiInstanceSettings"]["numberOfInstances"], 2)
        self.assertEqual(len(machine.asked("DELETE")), 1, "its job goes")

    def test_cleanup_names_a_busy_node(self):
        machine = self.machine(
            steps([running(), completed()]) | {"tasks": {"job-*/*": [running(), {"after_polls": 99}]}},
            pool=POOL | {"nodes": [{"id": "n0"}, {"id": "n1"}, {"id": "n2"}]},
        )
        job = machine.run("submit", machine.job(nodes=1)).out.strip()
        machine.run("status", job, "mpi")
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 1, "")
        self.check_in("warning: node n2 is running: not cleaned up", ended.err)
        self.assertEqual(ended.errors, ["shipyard-submit: error: not reached: n2"])
        self.check_in("hint: again when they are idle", ended.err)

    def test_cleanup_where_no_node_is_idle(self):
        machine = self.machine(pool=POOL | {"nodes": [{"id": "n1", "state": "offline"}]})
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 125)
        self.assertEqual(ended.errors, ["shipyard-submit: error: no node of pool 'p' is idle"])
        self.assertEqual(machine.made("job"), [])
        self.check(machine.run("cleanup", "nowhere"), 125)

    def cleaned_up(self, script, *options, meanwhile=None):
        """What a cleanup did, whose job must be gone at its end whatever came."""
        machine = self.machine(script, pool=POOL | {"nodes": ["n0", "n1"]})
        client = machine.start("cleanup", *(options or ("--poll", "0s")), "p")
        if meanwhile:
            meanwhile(machine)
        ended = client.end()
        self.assertEqual(len(machine.made("job")), 1, str(ended))
        job = machine.made("job")[0]
        self.assertIn(f"deleted job {job}", machine.changes(), str(ended))
        return machine, ended

    def test_cleanup_ends_where_a_node_becomes_busy(self):
        # Idle when it is looked at, and taken while the task is on its way.
        rule = {"method": "POST", "path": "/tasks[?]", "do": "status", "status": 503, "retry_after": 1}

        def take_a_node(machine):
            machine.wait_for(lambda: machine.asked("POST", "/tasks"), "the task")
            with machine.service.lock:
                machine.service.account.pools["p"].node("n1").set_state("offline")

        for poll in ("0s", "1h"):
            with self.subTest(poll):
                script = {"rules": [rule | {"first": 1}]}
                options = ("--poll", poll, "--give-up", "3s")
                _, ended = self.cleaned_up(script, *options, meanwhile=take_a_node)
                self.check(ended, 1, "")
                self.check_in(
                    "warning: the nodes did not become free together within 3 s (--give-up)", ended.err
                )
                self.assertEqual(ended.errors, ["shipyard-submit: error: not reached: n0, n1"])
                self.check_in("hint: again when they are idle", ended.err)
                self.assertLess(ended.seconds, 60)

    def test_cleanup_ends_where_its_task_is_requeued_and_waits_again(self):
        gone = [running(), {"requeue": True, "after_polls": 1}, {"after_polls": 1_000_000} | running()]
        _, ended = self.cleaned_up(steps(gone), "--poll", "0s", "--give-up", "1s")
        self.check(ended, 1, "")
        self.assertEqual(ended.errors, ["shipyard-submit: error: not reached: n0, n1"])

    def test_cleanup_waits_for_what_runs(self):
        slow = {"after_polls": 3} | completed()
        _, ended = self.cleaned_up(steps([running(), slow]), "--poll", "1s", "--give-up", "1s")
        self.check(ended, 0, "")

    def test_cleanup_leaves_no_job_where_its_task_is_refused(self):
        rule = {"method": "POST", "path": "/tasks[?]", "do": "status", "status": 409}
        refused = rule | {"code": "OperationInvalidForCurrentState"}
        _, ended = self.cleaned_up({"rules": [refused]})
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("OperationInvalidForCurrentState", ended.errors[0])
        self.assertEqual(ended.lines("warning"), [])

    def test_cleanup_whose_job_is_refused_has_none_to_remove(self):
        rule = {"do": "status", "status": 403, "code": "ActiveJobAndScheduleQuotaReached"}
        machine = self.machine({"rules": [rule | {"method": "POST|DELETE"}]})
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("ActiveJobAndScheduleQuotaReached", ended.errors[0])
        self.assertEqual(ended.lines("warning"), [])

    def test_cleanup_leaves_no_job_where_its_subtasks_are_not_told(self):
        rule = {"method": "GET", "path": "/subtasksinfo", "do": "status", "status": 404}
        script = steps([running(), completed()]) | {"rules": [rule | {"code": "TaskNotFound"}]}
        _, ended = self.cleaned_up(script)
        self.check(ended, 125, "")
        self.check_in("TaskNotFound", ended.errors[0])
        self.assertEqual(ended.errors[1:], ["shipyard-submit: error: not reached: n0, n1"])

    def test_cleanup_names_a_node_where_it_failed(self):
        failed = completed(subtasks={"1": {"exitCode": 1, "failureInfo": USER_ERROR}})
        _, ended = self.cleaned_up(steps([running(), failed]))
        self.check(ended, 1, "")
        self.check_in("warning: node n1: FailureExitCode: it said so", ended.err)
        self.assertEqual(ended.errors, ["shipyard-submit: error: not reached: n1"])

    def test_cleanup_names_the_job_that_it_cannot_remove(self):
        rule = {"method": "DELETE", "do": "status", "status": 403, "code": "AuthenticationFailed"}
        machine = self.machine(steps([running(), completed()]) | {"rules": [rule]})
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 0, "")
        job = machine.made("job")[0]
        self.assertEqual(
            ended.lines("warning"),
            [
                f"shipyard-submit: warning: job '{job}' may still be there: "
                f"shipyard-submit terminate --delete {job}"
            ],
        )

    def test_cleanup_of_a_pool_where_batch_removes_the_containers(self):
        machine = self.machine(pool=POOL | NATIVE)
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 125, "")
        self.assertEqual(
            ended.errors,
            [
                "shipyard-submit: error: pool 'p' is native (containerConfiguration): Batch itself starts the "
                "containers there, and removes them"
            ],
        )
        self.assertEqual({request["method"] for request in machine.requests()}, {"GET"})

    def test_cleanup_of_a_pool_that_never_runs_its_task(self):
        machine = self.machine(pool=POOL | {"enableInterNodeCommunication": False})
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 125, "")
        self.check_in("pool 'p': the pool has no inter-node communication", ended.errors[0])
        self.assertEqual(machine.made("job"), [])

    def test_pool_create_twice_and_with_another_content(self):
        machine = self.machine(pool=None)
        key = "the-registry's-password"
        machine.secrets.add(key)
        pool = {
            "id": "mine",
            "vm_size": "Standard_D4s_v5",
            "dedicated": 1,
            "registries": [
                {"server": "registry.test", "user": "u", "password_variable": "REGISTRY_PASSWORD"}
            ],
        }
        file = machine.job(pool=pool)
        environment = {"REGISTRY_PASSWORD": key}
        ended = machine.run("pool", "create", file, environment=environment)
        self.check(ended, 0, "")
        self.assertEqual(machine.made("pool"), ["mine"])
        ended = machine.run("pool", "create", file, environment=environment)
        self.check(ended, 0, "")
        self.check_in("pool 'mine' is there already", ended.err)
        other = machine.job(pool=pool | {"vm_size": "Standard_D8s_v5"})
        ended = machine.run("pool", "create", other, environment=environment)
        self.check(ended, 125, "")
        self.check_in("there is a pool 'mine' already, and it is another one", ended.errors[0])

        ended = machine.run("pool", "status", "mine")
        self.check(ended, 0)
        self.check_in("1 of 1 dedicated nodes, 0 of 0 spot nodes", ended.out)
        self.check(machine.run("pool", "resize", "--spot", "3", "mine"), 0)
        body = machine.asked("POST", "/resize")[0]["body"]
        self.assertEqual((body["targetDedicatedNodes"], body["targetLowPriorityNodes"]), (1, 3))
        ended = machine.run("pool", "resize", "--dedicated", "0", "mine")
        self.assertIn(ended.status, (0, 125))
        document = json.loads(machine.run("pool", "status", "--json", "mine").out)
        self.assertIn("nodes", document)
        self.check(machine.run("pool", "delete", "mine"), 0)
        ended = machine.run("pool", "delete", "mine")
        self.check(ended, 125)
        ended = machine.run("pool", "status", "mine")
        self.check(ended, 125)
        self.assertEqual(len(ended.errors), 1)

    def test_pool_resize_while_it_resizes(self):
        machine = self.machine(pool=POOL | {"allocationState": "resizing"})
        ended = machine.run("pool", "resize", "--dedicated", "3", "p")
        self.check(ended, 125)
        self.check_in("PoolBeingResized", ended.errors[0])
        self.check_in("hint: shipyard-submit pool status p shows when it is done", ended.err)

    def test_pool_create_that_is_sent_twice_makes_one(self):
        rule = {"method": "POST", "path": "/pools", "first": 1, "do": "close_after"}
        machine = self.machine({"rules": [rule]})
        ended = machine.run("pool", "create", machine.job(pool={"id": "mine", "vm_size": "Standard_D4s_v5"}))
        self.check(ended, 0)
        self.assertEqual(machine.made("pool"), ["mine"])

    def test_lists_of_several_pages(self):
        machine = self.machine(
            steps([running(), completed()]) | {"page_size": 2}, pool=POOL | {"nodes": 7}
        )
        ended = machine.run("cleanup", "--poll", "0s", "p")
        self.check(ended, 0)
        self.check_in("7 nodes of pool 'p'", ended.err)

    def test_words_that_ask_for_nothing(self):
        machine = self.machine()
        for words, told in (
            (["rn", "x"], "did you mean 'run'?"),
            (["run"], "no job file given"),
            (["pool"], "create, status, resize, delete"),
            (["status"], "no job given"),
            (["pool", "resize", "p"], "neither --dedicated nor --spot given"),
            (["run", "--give-upp", "1s", "x"], "did you mean '--give-up'?"),
            (["run", "nowhere.yaml"], "nowhere.yaml"),
            (["status", "a", "b", "c"], "unexpected argument 'c'"),
        ):
            ended = machine.run(*words)
            self.check(ended, 125, "")
            self.check_in(told, ended.err)
            self.assertEqual(len(ended.errors), 1, str(ended))
        self.assertEqual(machine.requests(), [])


if __name__ == "__main__":
    main()
