"""The real azure-batch client for Python (Debian's python3-azure), whose answers are judged.

    with JudgedClient(url, account, key) as judged:
        judged.client.pool.get("p")
        judged.judged    # "GET /pools/p"

An answer that the published definitions do not allow is an AssertionError where it was asked for. On import:
exit status 77 where there is no client, or where there are no definitions.
"""

import contextlib
import sys
import urllib.parse

try:
    import azure.batch
    import requests
    from azure.batch import batch_auth
except ImportError as error:
    print(f"skipped: {error} (Debian: python3-azure)")
    sys.exit(77)
try:
    from batch_definitions import MISSING, Definitions, DefinitionsMissing
except ImportError as error:
    print(f"skipped: {error} (Debian: python3-jsonschema)")
    sys.exit(77)
try:
    DEFINITIONS = Definitions()
except DefinitionsMissing as error:
    print(f"skipped: {error}")
    sys.exit(MISSING)


class JudgedClient(contextlib.AbstractContextManager):
    def __init__(self, url, account, key):
        self.url = url
        self.judged = []
        self.client = azure.batch.BatchServiceClient(batch_auth.SharedKeyCredentials(account, key), url)

    def __enter__(self):
        self.send = requests.Session.send

        def judging(session, request, **more):
            response = self.send(session, request, **more)
            if request.url.startswith(self.url):
                self.judge(request, response)
            return response

        requests.Session.send = judging
        self.client.__enter__()
        return self

    def __exit__(self, kind, value, trace):
        self.client.__exit__(kind, value, trace)
        requests.Session.send = self.send

    def judge(self, request, response):
        json_type = response.headers.get("Content-Type", "").startswith("application/json")
        if request.method == "HEAD" or not json_type:
            return
        path = urllib.parse.urlsplit(request.url).path
        faults = DEFINITIONS.validate_answer(request.method, path, response.status_code, response.content)
        if faults:
            raise AssertionError(faults)
        self.judged.append(f"{request.method} {path}")
