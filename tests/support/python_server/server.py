"""Starts an HTTP server of Python's library on a free port of 127.0.0.1: `server.py KIND LOG`, in the folder to serve.

KIND is one of:

- `files`: SimpleHTTPRequestHandler, HTTP/1.0.
- `closing` and `keeping`: BaseHTTPRequestHandler, HTTP/1.0 and HTTP/1.1, with a thread for each connection.
- `lines`: a socketserver without HTTP support, with HTTP written by hand.
- `wsgi`: wsgiref.

Each request appends a line with connection, method, target and status to LOG before the response is sent. The server
prints its port on stdout and ends at the end of stdin.
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
    """A mixin that logs each request when its response starts."""

    def setup(self):
        self.connection_number = next(connections)
        super().setup()

    def log_request(self, code="-", size="-"):
        log(self.connection_number, self.command, self.path, int(code))

    def log_message(self, format, *args):
        pass


class FileHandler(Logging, SimpleHTTPRequestHandler):
    """A handler that serves files with HTTP/1.0."""


class PageHandler(Logging, BaseHTTPRequestHandler):
    """A handler with a page, an echo, a chunked body, and a path that requires digest authentication."""

    def do_GET(self):
        if self.path == "/chunked":
            self.respond(200, [("Transfer-Encoding", "chunked")], b"5\r\nlocus\r\n1\r\nt\r\n0\r\nTrailer-Field: x\r\n\r\n")
        elif self.path == "/digest" and not self.is_ellen():
            self.respond(401, [("WWW-Authenticate", CHALLENGE), ("Content-Length", "0")])
        elif self.path == "/until-the-end":
            self.close_connection = True
            self.respond(200, [], PAGE)
        else:
            status = int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200
            self.respond(status, [("Content-Length", str(len(PAGE)))], PAGE)

    def do_HEAD(self):
        self.respond(200, [("Content-Length", str(len(PAGE)))])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(200, [("Content-Length", str(len(body)))], body)

    def respond(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def is_ellen(self):
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        fields = parse_keqv_list(parse_http_list(rest))
        digest = lambda *parts: hashlib.sha256(":".join(parts).encode()).hexdigest()
        once = [fields["nonce"], fields["nc"], fields["cnonce"], fields["qop"]]
        expected = digest(digest("ellen", "shop", "key@1900/7"), *once, digest(self.command, fields["uri"]))
        return fields["nonce"] == "once" and fields["uri"] == self.path and fields["response"] == expected


class KeepingHandler(PageHandler):
    """A `PageHandler` with HTTP/1.1, which keeps connections open."""

    protocol_version = "HTTP/1.1"


class LineHandler(socketserver.StreamRequestHandler):
    """A handler that writes HTTP/1.1 by hand, with header lines that end in LF only."""

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
    """A TCP server with a thread for each connection."""

    daemon_threads = True


class QuietHandler(Logging, WSGIRequestHandler):
    """A handler without a log. `application` logs instead, because it is called before the response is sent."""

    def log_request(self, code="-", size="-"):
        pass


def application(environ, start_response):
    """Returns the body of the request, or the page if the body is empty."""
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
