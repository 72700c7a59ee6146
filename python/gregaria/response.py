"""Parts of a response that are made when they are asked for, in Python; `_engine.Response` looks for them here."""

import io
import json
from email.message import Message

import requests
from gevent import get_hub
from greenlet import getcurrent
from requests.cookies import MockRequest, MockResponse, RequestsCookieJar
from requests.exceptions import JSONDecodeError, StreamConsumedError
from requests.structures import CaseInsensitiveDict
from requests.utils import iter_slices, requote_uri, stream_decode_response_unicode

from .request_options import DEFAULTS


class Response(requests.Response):
    """What a response says its class is. Nobody makes one: what the engine's response has not itself, `part` gives from
    here, and what is not here either is requests' own.
    """

    @property
    def request(self):
        """What was asked for in the end, as requests would have prepared it, but for what the engine adds."""
        request = requests.PreparedRequest()
        method, keeps_body = _method(self.method, self.led_by)
        request.method, request.url = method, requote_uri(self.url)
        request.headers = CaseInsensitiveDict(DEFAULTS)
        request.hooks = {}
        details = self.details
        if details is None:
            return request
        for name, value in details.headers or ():
            request.headers[name] = value
            if value is None:
                del request.headers[name]
        if keeps_body:
            request.body = details.body if details.source is None else details.source
        return request

    @property
    def next(self):
        """What a redirect that was not followed asks for; `None` when this is none."""
        if not self.is_redirect:
            return None
        request = self.request.copy()
        request.url = requests.compat.urljoin(self.url, requote_uri(self.headers["location"]))
        method, keeps_body = _method(request.method, [self.status_code])
        request.method = method
        if not keeps_body:
            request.body = None
        return request

    def iter_content(self, chunk_size=1, decode_unicode=False):
        """The body in pieces; one that is read piece by piece gives each as soon as it comes."""
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")
        if self.is_whole:
            chunks = iter_slices(self.content or b"", chunk_size)
        elif self.raw.is_consumed:
            raise StreamConsumedError()
        else:
            chunks = iter(lambda: self.raw.piece(chunk_size), b"")
        return stream_decode_response_unicode(chunks, self) if decode_unicode else chunks

    @property
    def connection(self):
        raise AttributeError("a response has no connection here: send again with client.send()")

    @property
    def _rest(self):
        if self.raw.is_consumed:
            raise RuntimeError("The content for this response was already consumed")
        return self.raw.read()


class Raw(io.RawIOBase):
    """A body as a file, without chunks and compression. One that was read with its response has nothing more to give."""

    def __init__(self, stream):
        self._stream = stream
        #: What came and was not asked for yet.
        self._left = memoryview(b"")

    @property
    def is_consumed(self):
        return not self._left and (self._stream is None or self._stream.is_over)

    def readable(self):
        return True

    def piece(self, most=None):
        """What comes next, without waiting for more of it; nothing at the end."""
        left = self._left or memoryview(_next_piece(self._stream))
        piece, self._left = left[:most], left[len(left) if most is None else most :]
        return bytes(piece)

    def readinto(self, buffer):
        piece = self.piece(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, amt=-1, decode_content=None):
        if amt is None or amt < 0:
            return b"".join(iter(self.piece, b""))
        pieces = []
        while amt and (piece := self.piece(amt)):
            pieces.append(piece)
            amt -= len(piece)
        return b"".join(pieces)

    def stream(self, amt=2**16, decode_content=None):
        """Pieces of at most this length."""
        return iter(lambda: self.piece(amt), b"")

    def close(self):
        if self._stream is not None:
            self._stream.close()
        super().close()


def part(response, name):
    """The part of this name, as if it were the response's own."""
    found = getattr(Response, name, None)
    if found is None or name[:2] == "__":
        raise AttributeError(f"'Response' object has no attribute {name!r}")
    return found.__get__(response)


def loads(content, **kwargs):
    """The body as JSON; without a body an error that says so."""
    try:
        return json.loads(content or b"", **kwargs)
    except json.JSONDecodeError as error:
        raise JSONDecodeError(error.msg, error.doc, error.pos) from None
    except UnicodeDecodeError as error:
        raise JSONDecodeError(str(error), "", 0) from None


def headers(pairs, _url):
    """All headers; those that came more than once are joined."""
    joined = CaseInsensitiveDict()
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def cookies(pairs, url):
    """The cookies that this response sets, as requests reads them."""
    jar = RequestsCookieJar()
    message = Message()
    for name, value in pairs:
        if name.lower() == "set-cookie":
            message[name] = value
    if message:
        request = requests.PreparedRequest()
        request.url, request.headers = url, CaseInsensitiveDict()
        jar.extract_cookies(MockResponse(message), MockRequest(request))
    return jar


def _next_piece(stream):
    """Sleeps until it is there; nothing at the end."""
    number = stream and stream.ask(getcurrent().switch)
    if number is None:
        return b""
    try:
        piece = get_hub().switch()
    except BaseException:
        stream.give_up(number)
        raise
    if type(piece) is bytes:
        return piece
    stream.close()
    if piece is None:
        return b""
    raise piece


def _method(method, statuses):
    """What becomes of a method on its way through redirects, and whether the body goes with it."""
    keeps_body = True
    for status in statuses:
        becomes_get = status in (302, 303) and method != "HEAD" or status == 301 and method == "POST"
        if becomes_get:
            method = "GET"
        keeps_body &= status not in (301, 302, 303)
    return method, keeps_body
