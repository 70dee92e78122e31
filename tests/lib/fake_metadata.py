#!/usr/bin/env python3
"""Azure's instance metadata service, as far as shipyard-rank asks it.

    fake_metadata.py --events FILE [--machine [ADDRESS=]NAME]… [--address 127.0.0.1] [--port 0]
                     [--chunked] [--log FILE]

Prints the port on a line. FILE is the document of scheduled events, read anew for every request; while it is not
there, there are no events. Put it in place with mv, so that nobody reads half of it. --machine gives the name of the
VM, for all who ask or for those who ask from ADDRESS. As Azure does, it answers 400 without `Metadata: true`, with
`X-Forwarded-For`, and without an api-version that it knows. Each request is a line of the log, "STATUS PATH"; the
log `-` is standard output.
"""

import argparse
import http.server
import os
import socketserver
import sys
import urllib.parse

VERSIONS = {
    "/metadata/instance/compute/name": {"2021-02-01", "2021-05-01", "2021-12-13"},
    "/metadata/scheduledevents": {"2019-08-01", "2020-07-01"},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if self.headers.get("Metadata", "").lower() != "true":
            return self.answer(400, '{"error":"Bad request. Required metadata header not specified"}')
        if "X-Forwarded-For" in self.headers:
            return self.answer(400, '{"error":"Bad request. Requests with X-Forwarded-For are refused"}')
        if url.path not in VERSIONS:
            return self.answer(404, '{"error":"Not found"}')
        if not VERSIONS[url.path].intersection(query.get("api-version", [])):
            return self.answer(400, '{"error":"Bad request. api-version was not specified or is not supported"}')
        if url.path == "/metadata/scheduledevents":
            return self.answer(200, self.events())
        if query.get("format") != ["text"]:
            return self.answer(400, '{"error":"Bad request. A leaf is text"}')
        return self.answer(200, self.server.machines.get(self.client_address[0], self.server.machines.get("", "vm_0")),
                           "text/plain; charset=utf-8")

    def do_POST(self):
        # An acknowledgement: nobody here may send one.
        self.answer(405, "")

    def events(self):
        try:
            with open(self.server.events, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return '{"DocumentIncarnation":1,"Events":[]}'

    def answer(self, status, text, kind="application/json; charset=utf-8"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for begin in range(0, len(body), 50):
                chunk = body[begin:begin + 50]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if self.server.log is not None:
            os.write(self.server.log, f"{int(code)} {self.path}\n".encode())


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", required=True)
    parser.add_argument("--machine", action="append", default=[])
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunked", action="store_true")
    parser.add_argument("--log")
    options = parser.parse_args()
    server = Server((options.address, options.port), Handler)
    server.events = options.events
    server.chunked = options.chunked
    server.machines = dict(entry.split("=", 1) if "=" in entry else ("", entry) for entry in options.machine)
    server.log = None
    if options.log == "-":
        server.log = sys.stdout.fileno()
    elif options.log:
        server.log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
