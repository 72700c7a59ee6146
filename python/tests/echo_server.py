"""A small HTTP server in the test's own process, whose log is the truth about what was sent.

Paths say what comes back: `/status/404`, `/slow/0.5` (seconds), or a reply that the test has put into `replies`. All
others answer 200 with the request's own body, or `ok`.
"""

import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """One line of the log."""

    method: str
    target: str
    headers: dict
    body: bytes
    client: tuple


class Reply(NamedTuple):
    """What the server answers. Headers are pairs, as one may come twice."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple = ()


class EchoServer:
    """Serves on a free port of 127.0.0.1 until it is closed."""

    def __init__(self):
        self.requests = []
        self.replies = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def counts(self):
        """How often each method and target was asked for."""
        return Counter((request.method, request.target) for request in self.requests)

    @property
    def connections(self):
        """How many connections requests came on."""
        return len({request.client for request in self.requests})

    def targets(self):
        """Only the targets, in the order of their coming."""
        return [request.target for request in self.requests]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, request):
        path = request.target.partition("?")[0]
        if path in self.replies:
            return self.replies[path]
        what, _, value = path[1:].partition("/")
        if what == "status":
            return Reply(int(value))
        if what == "slow":
            time.sleep(float(value))
        return Reply(body=request.body or b"ok")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body, self.client_address)
        owner = self.server.owner
        owner.requests.append(request)
        status, content, headers = owner.reply_to(request)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + content)

    do_GET = do_OPTIONS = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *_):
        """The log is a list."""
