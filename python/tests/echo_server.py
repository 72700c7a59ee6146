"""A small HTTP server in the process of the test. Tests compare its log with the counts of gregaria.

The path selects the response: `/status/404`, `/slow/0.5` (seconds), or a reply that the test has put into `replies`.
Other paths return 200 with the body of the request, or `ok` if the body is empty. With a TLS context the server accepts
TLS connections only.
"""

import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """One entry of the request log."""

    method: str
    target: str
    headers: dict
    body: bytes
    client: tuple


class Reply(NamedTuple):
    """A response of the server. Headers are pairs, because a name can occur twice. A body that is not bytes is an
    iterable of chunks, which are sent with chunked encoding.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: tuple = ()
    #: The reason phrase. `None` stands for that of the status.
    reason: str | None = None


class EchoServer:
    """An HTTP server on a free port of 127.0.0.1. Serves until `close` is called."""

    def __init__(self, tls=None):
        self.requests = []
        #: Replies by path. A function is called with each request and returns the reply.
        self.replies = {}
        #: Whether the log keeps request bodies. If `False`, the log has their lengths in bytes instead.
        self.keeps_bodies = True
        self._scheme = "https" if tls else "http"
        self._server = _Server(("127.0.0.1", 0), _Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"{self._scheme}://{self.address}"

    def counts(self):
        """Returns the number of requests by method and target."""
        return Counter((request.method, request.target) for request in self.requests)

    @property
    def connections(self):
        """The number of connections on which requests arrived."""
        return len({request.client for request in self.requests})

    def targets(self):
        """Returns the targets of the requests in the order of arrival."""
        return [request.target for request in self.requests]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, request):
        path = request.target.partition("?")[0]
        if path in self.replies:
            reply = self.replies[path]
            return reply(request) if callable(reply) else reply
        kind, _, value = path[1:].partition("/")
        if kind == "status":
            return Reply(int(value))
        if kind == "slow":
            time.sleep(float(value))
        return Reply(body=request.body or b"ok")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Ignores the error: in some tests the client closes the connection early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _respond(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body(), self.client_address)
        owner = self.server.owner
        owner.requests.append(request)
        status, content, headers, reason = owner.reply_to(request)
        is_whole = isinstance(content, bytes)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if reason is None else reason}"]
        lines.append(f"Content-Length: {len(content)}" if is_whole else "Transfer-Encoding: chunked")
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" or not is_whole else head + content)
        if not is_whole:
            for chunk in content:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")

    def _body(self):
        if self.server.owner.keeps_bodies:
            return b"".join(self._chunks())
        return str(sum(map(len, self._chunks()))).encode()

    def _chunks(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length") or 0)
            while left:
                chunk = self.rfile.read(min(left, 65536))
                left -= len(chunk)
                yield chunk

    def __getattr__(self, name):
        """Handles every HTTP method in the same way."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def log_message(self, *_):
        """Prints no log lines: the log is `EchoServer.requests`."""
