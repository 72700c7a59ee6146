"""One of Python's own HTTP servers, on a free port of 127.0.0.1: `server.py KIND LOG`, started in the folder to serve.

KIND is `files` (SimpleHTTPRequestHandler, HTTP/1.0), `closing` and `keeping` (BaseHTTPRequestHandler, HTTP/1.0 and 1.1, a
thread for each connection), `lines` (a socketserver that knows nothing of HTTP), or `wsgi` (wsgiref). A line with
connection, method, target, and status is in LOG before a request is answered. The port is said on stdout; the end of stdin
is the end.
"""

import hashlib
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.request import parse_http_list, parse_keqv_list
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

PAGE = b"The desert locust eats its own weight every day.\n"
CHALLENGE = 'Digest realm="shop", qop="auth", algorithm=SHA-256, nonce="once", opaque="thing"'

connections = count(1)
log_lock = threading.Lock()


def log(connection, method, target, status):
    with log_lock, open(sys.argv[2], "a") as file:
        file.write(f"{connection}\t{method}\t{target}\t{status}\n")


class Logging:
    """Logs in the moment when a request is answered."""

    def setup(self):
        self.connection_number = next(connections)
        super().setup()

    def log_request(self, code="-", size="-"):
        log(self.connection_number, self.command, self.path, int(code))

    def log_message(self, format, *args):
        pass


class FileHandler(Logging, SimpleHTTPRequestHandler):
    """Files, HTTP/1.0."""


class PageHandler(Logging, BaseHTTPRequestHandler):
    """A page, an echo, chunks, a page behind a digest."""

    def do_GET(self):
        if self.path == "/chunked":
            self.answer(200, [("Transfer-Encoding", "chunked")], b"5\r\nlocus\r\n1\r\nt\r\n0\r\nTrailer-Field: x\r\n\r\n")
        elif self.path == "/digest" and not self.is_ellen():
            self.answer(401, [("WWW-Authenticate", CHALLENGE), ("Content-Length", "0")])
        elif self.path == "/until-the-end":
            self.close_connection = True
            self.answer(200, [], PAGE)
        else:
            status = int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200
            self.answer(status, [("Content-Length", str(len(PAGE)))], PAGE)

    def do_HEAD(self):
        self.answer(200, [("Content-Length", str(len(PAGE)))])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, [("Content-Length", str(len(body)))], body)

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def is_ellen(self):
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        given = parse_keqv_list(parse_http_list(rest))
        digest = lambda *parts: hashlib.sha256(":".join(parts).encode()).hexdigest()
        once = [given["nonce"], given["nc"], given["cnonce"], given["qop"]]
        answer = digest(digest("ellen", "shop", "key@1900/7"), *once, digest(self.command, given["uri"]))
        return given["nonce"] == "once" and given["uri"] == self.path and given["response"] == answer


class KeepingHandler(PageHandler):
    """The same in HTTP/1.1, which keeps connections."""

    protocol_version = "HTTP/1.1"


class LineHandler(socketserver.StreamRequestHandler):
    """HTTP/1.1 by hand, with lines that end in LF alone."""

    def handle(self):
        connection = next(connections)
        while line := self.rfile.readline():
            method, target, _ = line.decode().split()
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b"\n"):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            body = self.rfile.read(length) or PAGE
            log(connection, method, target, 200)
            self.wfile.write(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(body))
            self.wfile.write(b"" if method == "HEAD" else body)


class LineServer(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True


class QuietHandler(Logging, WSGIRequestHandler):
    """Leaves the log to the application, which is asked before the answer."""

    def log_request(self, code="-", size="-"):
        pass


def application(environ, start_response):
    """Echoes, or shows the page."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) or PAGE
    log(next(connections), environ["REQUEST_METHOD"], environ["PATH_INFO"], 200)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body[:7], body[7:]]


KINDS = {
    "files": (HTTPServer, FileHandler),
    "closing": (ThreadingHTTPServer, PageHandler),
    "keeping": (ThreadingHTTPServer, KeepingHandler),
    "lines": (LineServer, LineHandler),
    "wsgi": (WSGIServer, QuietHandler),
}


def main():
    server_class, handler = KINDS[sys.argv[1]]
    server_class.request_queue_size = 128
    server = server_class(("127.0.0.1", 0), handler)
    if isinstance(server, WSGIServer):
        server.set_app(application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
