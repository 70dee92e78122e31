"""The sockets: HTTP/1.1 on loopback, and the misbehaviour that a rule asks for."""

import http.client
import http.server
import json
import socket
import ssl
import struct
import sys
import threading
import time

from . import clock
from .faults import Fault
from .service import Reply, Request

PROXY_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
)
# What these answer needs no account: the request is not carried out.
WITHOUT_ACTING = {"hang", "close_before", "html", "redirect", "wrong_date"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        request = self.read_request()
        if request is None:
            return
        if request.path.startswith("/_control"):
            self.send(self.server.service.control(request))
            return
        service = self.server.service
        with service.lock:
            # Together, so that the journal has the order in which things happened.
            rule = service.rules.of(request.method, request.target)
            acts = rule is None or not (
                rule["do"] in WITHOUT_ACTING or (rule["do"] == "status" and not rule.get("acted"))
            )
            reply, changed = service.answer(request) if acts else (None, [])
            reply = self.changed_reply(request, rule, reply)
            # Before anything is sent: who has seen the answer finds it in the journal.
            service.note(request, reply.status if reply else None, rule, changed)
        self.deliver(rule, reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def read_request(self):
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            request = Request(self.command, self.path, self.headers, b"", self.base())
            reply = self.server.service.fault_reply(request, Fault("MissingContentLengthHeader"))
            self.server.service.note(request, reply.status, None, [])
            self.send(reply)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return Request(self.command, self.path, self.headers, body, self.base())

    def base(self):
        scheme = "https" if self.server.tls else "http"
        return f"{scheme}://{self.headers.get('Host') or '%s:%d' % self.server.server_address[:2]}"

    def changed_reply(self, request, rule, reply):
        """What a rule makes of the reply; None where there is none."""
        service = self.server.service
        what = rule["do"] if rule else None
        if what in ("hang", "close_before", "close_after"):
            return None
        if what == "status":
            headers = list(rule.get("headers", {}).items())
            if "retry_after" in rule.document:
                headers.append(("Retry-After", str(rule["retry_after"])))
            if "retry_after_date" in rule.document:
                headers.append(("Retry-After", clock.http_date(rule["retry_after_date"])))
            if "body" in rule.document:
                body = rule["body"] if isinstance(rule["body"], str) else json.dumps(rule["body"])
                names = {name.lower() for name, _ in headers}
                kind = (
                    [] if "content-type" in names else [("Content-Type", "application/json; charset=utf-8")]
                )
                return Reply(rule["status"], kind + headers, body.encode())
            code = rule.get(
                "code",
                {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}.get(
                    rule["status"], "InternalError"
                ),
            )
            result = service.fault_reply(
                request, Fault(code, rule.get("values", []), message=rule.get("message")), rule["status"]
            )
            result.headers += headers
            return result
        if what == "html":
            return Reply(
                rule.get("status", 502), [("Content-Type", "text/html"), ("Server", "proxy")], PROXY_PAGE
            )
        if what == "redirect":
            return Reply(
                rule.get("status", 307), [("Location", rule.get("location", "http://elsewhere.invalid/"))]
            )
        if what == "wrong_date":
            fault = Fault(
                "AuthenticationFailed",
                [("AuthenticationErrorDetail", "The request's date is more than 15 minutes off")],
            )
            result = service.fault_reply(request, fault)
            result.headers.append(("Date", clock.http_date(rule.get("hours", 5) * 3600)))
            return result
        if what == "broken_json":
            reply.body = reply.body[: len(reply.body) // 2]
        elif what == "wrong_content_type":
            reply.headers = [pair for pair in reply.headers if pair[0] != "Content-Type"]
            reply.headers.append(("Content-Type", rule.get("content_type", "text/html")))
        elif what == "drop_headers":
            names = {name.lower() for name in rule.get("names", [])}
            reply.headers = [pair for pair in reply.headers if pair[0].lower() not in names]
        return reply

    def deliver(self, rule, reply):
        what = rule["do"] if rule else None
        if what == "hang":
            self.wait_for_end()
        elif what in ("close_before", "close_after"):
            self.close(rule.get("reset", False))
        elif what == "hang_after_headers":
            self.wfile.write(self.head(reply, max(len(reply.body), 1)))
            self.wait_for_end()
        elif what == "cut_body":
            self.wfile.write(self.head(reply, max(len(reply.body), 100)) + reply.body[: len(reply.body) // 2])
            self.close(False)
        elif what == "slow":
            for byte in self.whole(reply):
                self.wfile.write(bytes([byte]))
                time.sleep(rule.get("seconds", 0.2))
        elif what == "chunked":
            self.send_chunked(reply)
        elif what == "close_idle":
            self.send(reply)
            self.close(False)
        else:
            self.send(reply)

    def wait_for_end(self):
        self.close_connection = True
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass

    def close(self, reset):
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # At once: the base class would end the sending side in order first, and the peer would see that.
            self.rfile.close()
            self.connection.close()

    def head(self, reply, length):
        lines = [f"HTTP/1.1 {reply.status} {http.client.responses.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        if not any(name == "Date" for name, _ in reply.headers):
            lines.append(f"Date: {clock.http_date()}")
        if length is not None and reply.status not in (204, 304):
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def whole(self, reply):
        # The length that a HEAD tells is that of what a GET would bring.
        return self.head(reply, len(reply.body)) + (b"" if self.command == "HEAD" else reply.body)

    def send(self, reply):
        self.wfile.write(self.whole(reply))

    def send_chunked(self, reply):
        reply.headers.append(("Transfer-Encoding", "chunked"))
        text = self.head(reply, None)
        if self.command != "HEAD":
            for begin in range(0, len(reply.body), 50):
                chunk = reply.body[begin : begin + 50]
                text += b"%x\r\n%s\r\n" % (len(chunk), chunk)
            text += b"0\r\n\r\n"
        self.wfile.write(text)

    def log_message(self, format, *arguments):
        pass  # the journal has it all


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # A burst of clients that try again must not be refused by the queue of connections.
    request_queue_size = 64

    def __init__(self, address, service, tls=None):
        super().__init__(address, Handler)
        self.service = service
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:
            # The handshake is left to the connection's own thread: a silent peer must not stop the others.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        # Peers that go away are what this server is for.
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def start(self):
        """Serves in a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self
