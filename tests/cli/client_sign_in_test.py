#!/usr/bin/env python3
"""Each way to sign in to an account, what is refused before anything is sent, and TLS."""

import base64
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from submit_client import ACCOUNT, KEY, ClientTest, completed, main, running, steps  # noqa: E402

RUN = ("run", "--poll", "0s")
SCRIPT = steps([running("out\n"), {"append_stdout": "more\n"}, completed(4)])
CLIENT_SECRET = "the-secret-of-a-client~1"
NO_KEY = {"AZURE_BATCH_ACCESS_KEY": None, "AZURE_BATCH_ACCOUNT": None}


class SignIn(ClientTest):
    def by_token(self, script, **environment):
        """An account that takes tokens alone, and the surroundings to get one."""
        machine = self.machine(SCRIPT | script, key=None)
        machine.secrets.add(CLIENT_SECRET)
        machine.environment |= NO_KEY | environment
        return machine

    def entra(self, **said):
        machine = self.by_token(
            {"entra": {"tenant": "a-tenant", "client_id": "a-client", "client_secret": CLIENT_SECRET} | said},
            AZURE_TENANT_ID="a-tenant",
            AZURE_CLIENT_ID="a-client",
            AZURE_CLIENT_SECRET=CLIENT_SECRET,
        )
        machine.environment["AZURE_AUTHORITY_HOST"] = machine.server.url
        return machine

    def check_refused(self, machine, words, hint=None, *, environment=None, options=(), requests=0):
        ended = machine.run(*RUN, *options, machine.job(), environment=environment)
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in(words, ended.errors[0])
        if hint:
            self.check_in(hint, ended.err)
        self.assertEqual(len(machine.requests()), requests, str(ended))
        self.assertEqual(machine.made("job"), [])
        return ended

    def test_key(self):
        machine = self.machine(SCRIPT)
        self.check(machine.run(*RUN, machine.job()), 4, "out\nmore\n")
        for request in machine.requests():
            self.assertTrue(request["headers"]["Authorization"].startswith(f"SharedKey {ACCOUNT}:"))

    def test_key_of_a_file(self):
        machine = self.machine(SCRIPT)
        key = machine.file("batch.key", KEY + "\n")
        environment = {"AZURE_BATCH_ACCESS_KEY": None, "AZURE_BATCH_ACCESS_KEY_FILE": key}
        self.check(machine.run(*RUN, machine.job(), environment=environment), 4, "out\nmore\n")

    def test_a_key_file_that_others_can_read_is_refused(self):
        for mode in (0o640, 0o604, 0o644, 0o660):
            machine = self.machine()
            key = machine.file("batch.key", KEY + "\n", mode)
            self.check_refused(
                machine,
                f"others than its owner can read '{key}' (mode {mode:o}), which holds a secret",
                f"hint: chmod 600 {key}",
                environment={"AZURE_BATCH_ACCESS_KEY": None, "AZURE_BATCH_ACCESS_KEY_FILE": key},
            )

    def test_a_key_file_that_is_empty_or_missing(self):
        machine = self.machine()
        environment = {"AZURE_BATCH_ACCESS_KEY": None}
        for name, words in (
            (machine.file("empty.key", "\n"), "is empty, or its first line is"),
            (str(machine.home / "nowhere.key"), "cannot be read"),
        ):
            environment["AZURE_BATCH_ACCESS_KEY_FILE"] = name
            self.check_refused(machine, words, environment=environment)

    def test_a_wrong_key(self):
        machine = self.machine()
        wrong = base64.b64encode(b"another key").decode()
        machine.secrets.add(wrong)
        ended = self.check_refused(
            machine,
            "Azure Batch answers AuthenticationFailed",
            "hint: account 'testaccount': is AZURE_BATCH_ACCESS_KEY its key, and AZURE_BATCH_ENDPOINT its "
            "address? `az batch account keys list` shows the keys",
            environment={"AZURE_BATCH_ACCESS_KEY": wrong},
            requests=1,
        )
        # The service shows the signature that it was sent.
        self.assertNotIn("MAC", ended.err)

    def test_a_key_that_is_none(self):
        machine = self.machine()
        machine.secrets.add("no base64!")
        self.check_refused(machine, "base64", environment={"AZURE_BATCH_ACCESS_KEY": "no base64!"})

    def test_an_account_without_a_name_and_an_endpoint_that_is_missing(self):
        machine = self.machine()
        self.check_refused(
            machine, "AZURE_BATCH_ACCOUNT is not set", environment={"AZURE_BATCH_ACCOUNT": None}
        )
        self.check_refused(
            machine,
            "AZURE_BATCH_ENDPOINT is not set",
            "az batch account show",
            environment={"AZURE_BATCH_ENDPOINT": None},
        )

    def test_nothing_to_sign_in_with(self):
        machine = self.machine()
        self.check_refused(
            machine,
            "no way to sign in to Azure Batch",
            "hint: set AZURE_BATCH_ACCOUNT and AZURE_BATCH_ACCESS_KEY, or ",
            environment=NO_KEY | {"PATH": "/nowhere"},
        )

    def test_plain_http_to_another_host_is_refused(self):
        machine = self.machine()
        for host in ("http://batch.test", "http://127.0.0.1.batch.test", "http://localhost.test", "ftp://x"):
            self.check_refused(
                machine,
                f"AZURE_BATCH_ENDPOINT: '{host}' is not an https address",
                environment={"AZURE_BATCH_ENDPOINT": host},
            )
        for address in ("http://user@127.0.0.1", "http://127.0.0.1:80@batch.test"):
            ended = machine.run(*RUN, machine.job(), environment={"AZURE_BATCH_ENDPOINT": address})
            self.check(ended, 125, "")
            self.check_in("AZURE_BATCH_ENDPOINT: ", ended.err)
        entra = self.entra()
        self.check_refused(
            entra, "AZURE_AUTHORITY_HOST", environment={"AZURE_AUTHORITY_HOST": "http://entra.test"}
        )

    def test_a_clock_that_is_wrong(self):
        for hours, words in ((5, "300 min behind the service's"), (-5, "300 min ahead of the service's")):
            machine = self.machine({"rules": [{"do": "wrong_date", "hours": hours}]})
            ended = self.check_refused(machine, "AuthenticationFailed", requests=1)
            minutes = words.split(maxsplit=1)[1]
            self.check_in("hint: this machine's clock is ", ended.err)
            self.check_in(minutes + "; it allows 15", ended.err)

    def test_client_secret(self):
        machine = self.entra()
        self.check(machine.run(*RUN, machine.job()), 4, "out\nmore\n")
        self.assertEqual(len(machine.asked("POST", "/oauth2/v2.0/token")), 1)

    def test_client_secret_of_a_file(self):
        machine = self.entra()
        secret = machine.file("client.secret", CLIENT_SECRET)
        environment = {"AZURE_CLIENT_SECRET": None, "AZURE_CLIENT_SECRET_FILE": secret}
        self.check(machine.run(*RUN, machine.job(), environment=environment), 4, "out\nmore\n")
        pathlib.Path(secret).chmod(0o644)
        ended = machine.run(*RUN, machine.job(), environment=environment)
        self.check(ended, 125, "")
        self.check_in("others than its owner can read", ended.errors[0])

    def test_a_wrong_client_secret(self):
        machine = self.entra()
        machine.secrets.add("another-secret")
        self.check_refused(
            machine,
            "Entra refuses: AADSTS7000215: an invalid client secret was given.",
            environment={"AZURE_CLIENT_SECRET": "another-secret"},
            requests=1,
        )

    def test_an_entra_that_sends_no_token(self):
        for rule in (
            {"do": "status", "status": 200, "body": "{}"},
            {"do": "status", "status": 200, "body": "[]"},
            {"do": "html", "status": 200},
            {"do": "close_after"},
        ):
            machine = self.entra()
            machine.take({"rules": [rule | {"path": "/oauth2/"}]})
            ended = machine.run(*RUN, machine.job())
            self.check(ended, 125, "")
            self.assertEqual(len(ended.errors), 1, str(ended))
            self.check_in("Entra ", ended.errors[0])

    def test_a_token_that_has_ended_is_renewed(self):
        machine = self.entra(uses=3)
        self.check(machine.run(*RUN, machine.job()), 4, "out\nmore\n")
        self.assertGreater(len(machine.asked("POST", "/oauth2/v2.0/token")), 2)
        # The same by the status alone, without Batch's words.
        rule = {"path": "/tasks/mpi[?]", "first": 1, "do": "status", "status": 401, "body": ""}
        machine = self.entra()
        machine.take({"rules": [rule]})
        self.check(machine.run(*RUN, machine.job()), 4, "out\nmore\n")
        self.assertEqual(len(machine.asked("POST", "/oauth2/v2.0/token")), 2)

    def test_a_token_that_is_never_taken_is_asked_for_twice(self):
        machine = self.entra(uses=0)
        ended = machine.run(*RUN, machine.job())
        self.check(ended, 125, "")
        self.assertEqual(len(machine.asked("POST", "/oauth2/v2.0/token")), 2)
        self.check_in("AuthenticationFailed", ended.errors[0])
        self.check_in("hint: does whoever signed in have a role in that Batch account", ended.err)

    def test_a_token_is_renewed_before_it_ends(self):
        machine = self.entra(expires_in=200)
        self.check(machine.run(*RUN, machine.job()), 4)
        batch = [r for r in machine.requests() if "/oauth2/" not in r["path"]]
        self.assertEqual(len(machine.asked("POST", "/oauth2/v2.0/token")), len(batch))

    def test_managed_identity(self):
        for client in (None, "an-identity"):
            machine = self.by_token({"imds": {"client_id": client} if client else {}})
            machine.environment |= {"SHIPYARD_METADATA_URL": machine.server.url, "AZURE_CLIENT_ID": client}
            self.check(machine.run(*RUN, "--sign-in", "identity", machine.job()), 4, "out\nmore\n")
        ended = machine.run(
            *RUN, "--sign-in", "identity", "--new", machine.job(), environment={"AZURE_CLIENT_ID": "another"}
        )
        self.check(ended, 125, "")
        self.check_in("the VM's metadata service refuses: Identity not found", ended.errors[0])

    def az(self, machine, script):
        program = machine.file("bin/az", "#!/bin/sh\n" + script, 0o755)
        return f"{pathlib.Path(program).parent}:/usr/bin:/bin"

    def test_az(self):
        machine = self.machine(SCRIPT, key=None, token="a-token-of-az")
        arguments = machine.home / "az.arguments"
        path = self.az(
            machine,
            f'echo "$@" > {arguments}; env > {machine.home}/az.environment\n'
            'echo \'{"accessToken": "a-token-of-az", "expires_on": 4000000000}\'\n',
        )
        machine.environment |= NO_KEY | {"PATH": path}
        self.check(machine.run(*RUN, machine.job()), 4, "out\nmore\n")
        self.assertEqual(
            arguments.read_text(encoding="utf-8").strip(),
            "account get-access-token --resource https://batch.core.windows.net/ --output json",
        )

    def test_az_that_fails(self):
        machine = self.machine(SCRIPT, key=None, token="a-token")
        machine.environment |= NO_KEY | {
            "PATH": self.az(machine, "echo 'Please run az login' >&2; exit 1\n")
        }
        self.check_refused(machine, "az cannot get a token", "hint: `az login` signs you in")
        machine.environment["PATH"] = self.az(machine, "echo nothing\n")
        self.check_refused(machine, "az has sent no token")

    def test_a_way_that_is_none(self):
        self.check_refused(self.machine(), "'magic' is none of", options=["--sign-in", "magic"])


@unittest.skipUnless(shutil.which("openssl"), "no openssl")
class Tls(ClientTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.certificates = {}
        for name, subject in (("good", "IP:127.0.0.1"), ("other", "DNS:batch.test")):
            files = [f"{cls.directory.name}/{name}.{end}" for end in ("crt", "key")]
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
                + ["-nodes", "-days", "2", "-subj", "/CN=batch", "-addext", f"subjectAltName={subject}"]
                + ["-out", files[0], "-keyout", files[1]],
                check=True,
                capture_output=True,
            )
            cls.certificates[name] = files

    def test_a_certificate_that_nobody_vouches_for_is_refused(self):
        machine = self.machine(SCRIPT, tls=self.certificates["good"])
        ended = machine.run(*RUN, machine.job())
        self.check(ended, 125, "")
        self.assertEqual(len(ended.errors), 1, str(ended))
        self.check_in("certificate", ended.errors[0])
        self.check_in("SSL_CERT_FILE", ended.err)
        self.assertEqual(machine.requests(), [])
        self.assertLess(ended.seconds, 30, "nothing to try again")

    def test_a_certificate_that_is_named_is_taken(self):
        machine = self.machine(SCRIPT, tls=self.certificates["good"])
        environment = {"SSL_CERT_FILE": self.certificates["good"][0]}
        self.check(machine.run(*RUN, machine.job(), environment=environment), 4, "out\nmore\n")

    def test_a_certificate_of_another_host_is_refused(self):
        machine = self.machine(SCRIPT, tls=self.certificates["other"])
        ended = machine.run(
            *RUN, machine.job(), environment={"SSL_CERT_FILE": self.certificates["other"][0]}
        )
        self.check(ended, 125, "")
        self.assertEqual((len(ended.errors), machine.requests()), (1, []))

    def test_a_file_of_certificates_that_is_none(self):
        machine = self.machine(SCRIPT, tls=self.certificates["good"])
        ended = machine.run(*RUN, machine.job(), environment={"SSL_CERT_FILE": "/nowhere"})
        self.check(ended, 125, "")
        self.check_in("/nowhere", ended.err)
        self.assertLess(ended.seconds, 30)


if __name__ == "__main__":
    main()
