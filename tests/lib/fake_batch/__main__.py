#!/usr/bin/env python3
"""A test double of a Batch account, on loopback.

    python3 tests/lib/fake_batch [--account NAME --key BASE64] [--token TOKEN] [--script FILE]
                                 [--journal FILE] [--port 0] [--url-file FILE] [--tls CERT KEY]
                                 [--data DIR] [--api VERSION]

Prints its URL on a line. Requests are judged by the published definitions (batch_definitions.py); without
those the exit status is 77. The script (script.py), the rules of misbehaviour (misbehaviour.py) and the
issuers of tokens (identity.py) describe themselves. While it runs: POST /_control takes more of a script, GET
/_control/state tells everything, GET /_control/journal tells the requests. The journal has a line of JSON for
each request: n, method, path, headers, body, status (null where none was sent), rule, and what it changed
("created job j").
"""

import argparse
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from batch_definitions import MISSING, Definitions, DefinitionsMissing, data_directory  # noqa: E402
from fake_batch.server import Server  # noqa: E402
from fake_batch.service import Service  # noqa: E402


def main():
    parser = argparse.ArgumentParser(
        prog="fake_batch", description="A test double of a Batch account, on loopback."
    )
    parser.add_argument("--account")
    parser.add_argument("--key", help="base64")
    parser.add_argument("--token", help="a bearer token that the account takes")
    parser.add_argument("--script", metavar="FILE")
    parser.add_argument("--journal", metavar="FILE")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url-file", metavar="FILE")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--api", metavar="VERSION")
    options = parser.parse_args()
    if bool(options.account) != bool(options.key):
        parser.error("--account and --key belong together")
    try:
        definitions = Definitions(options.data, options.api)
    except DefinitionsMissing as missing:
        print(f"fake_batch: {missing}", file=sys.stderr)
        return MISSING
    service = Service(
        definitions,
        data_directory(options.data),
        options.account,
        options.key,
        options.token,
        options.journal,
    )
    if options.script:
        try:
            with open(options.script, encoding="utf-8") as file:
                service.take(json.load(file))
        except (OSError, ValueError) as error:
            print(f"fake_batch: {options.script}: {error}", file=sys.stderr)
            return 2
    server = Server(("127.0.0.1", options.port), service, options.tls)
    if options.url_file:
        # In one step, so that who waits for the file reads the whole of it.
        with open(options.url_file + ".new", "w", encoding="utf-8") as file:
            file.write(server.url + "\n")
        os.replace(options.url_file + ".new", options.url_file)
    print(server.url, flush=True)
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
