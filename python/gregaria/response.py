"""Parts of a response that are made in Python when they are accessed. `_engine.Response` looks them up with `part`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import TYPE_CHECKING, Any, NoReturn, cast

import requests
from gevent import get_hub
from greenlet import getcurrent
from requests.compat import urljoin
from requests.cookies import MockRequest, MockResponse, RequestsCookieJar
from requests.exceptions import JSONDecodeError, StreamConsumedError
from requests.structures import CaseInsensitiveDict
from requests.utils import iter_slices, requote_uri, stream_decode_response_unicode
from urllib3._collections import HTTPHeaderDict

from . import _engine
from .request_options import DEFAULT_HEADERS, RequestOptions

if TYPE_CHECKING:
    from ._engine import ResponseStream

#: The spellings of the character set in which JSON usually is.
UTF_8 = ("utf-8", "utf8", "utf_8")


class Response(requests.Response):
    """The class that a response states as its own. It is never instantiated.

    `part` takes an attribute that the engine's response lacks from here. An attribute that is not here either is
    requests' own. `self` is always an `_engine.Response`.
    """

    if TYPE_CHECKING:
        method: str
        previous_statuses: list[int]
        request_options: RequestOptions | None
        is_whole: bool
        raw: Any

    @property
    def request(self) -> requests.PreparedRequest:  # type: ignore[override]
        """The last request of the chain as requests would have prepared it, without the engine's additions."""
        request = requests.PreparedRequest()
        method, keeps_body = _redirected_method(self.method, self.previous_statuses)
        request.method, request.url = method, requote_uri(self.url)
        request.headers = CaseInsensitiveDict(DEFAULT_HEADERS)
        request.hooks = {}
        options = self.request_options
        if options is None:
            return request
        for name, value in options.headers or ():
            request.headers[cast(str, name)] = cast(str, value)
            if value is None:
                del request.headers[cast(str, name)]
        if keeps_body:
            request.body = options.body if options.source is None else cast(Any, options.source)
        return request

    @property
    def next(self) -> requests.PreparedRequest | None:
        """The request of a redirect that was not followed; `None` for other responses."""
        if not self.is_redirect:
            return None
        request = self.request.copy()
        request.url = urljoin(self.url, requote_uri(self.headers["location"]))
        method, keeps_body = _redirected_method(cast(str, request.method), [self.status_code])
        request.method = method
        if not keeps_body:
            request.body = None
        return request

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        """Returns the body in pieces. A streamed body yields each chunk as soon as it arrives."""
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")
        chunks: Iterator[Any]
        if self.is_whole:
            chunks = iter_slices(cast(Any, self.content or b""), cast(int, chunk_size))
        elif self.raw.is_consumed:
            raise StreamConsumedError()
        else:
            chunks = iter(lambda: self.raw.next_chunk(chunk_size), b"")
        return stream_decode_response_unicode(chunks, self) if decode_unicode else chunks

    @property
    def connection(self) -> NoReturn:  # type: ignore[override]
        raise AttributeError("a response has no connection here: send again with client.send()")

    @property
    def _rest(self) -> bytes:
        if self.raw.is_consumed:
            raise RuntimeError("The content for this response was already consumed")
        return self.raw.read()


class Raw(io.RawIOBase):
    """A body as a file, decoded, with the head of its response under the names of urllib3's `HTTPResponse`.

    A body that was read with its response is at its end.
    """

    def __init__(
        self, stream: ResponseStream | None, status: int, version: int, reason: str | None, pairs: list[tuple[str, str]]
    ) -> None:
        self._stream = stream
        self.status, self.version, self.reason = status, version, reason
        #: With `getlist` for a header that occurs more than once.
        self.headers = HTTPHeaderDict(pairs)
        #: Bytes that have arrived and were not read yet.
        self._buffered = memoryview(b"")

    @property
    def is_consumed(self) -> bool:
        return not self._buffered and (self._stream is None or self._stream.is_over)

    def readable(self) -> bool:
        return True

    def next_chunk(self, max_bytes: int | None = None) -> bytes:
        """Returns the bytes that have arrived, or waits for the next ones; empty at the end."""
        buffered = self._buffered or memoryview(_read_chunk(self._stream))
        chunk, self._buffered = buffered[:max_bytes], buffered[len(buffered) if max_bytes is None else max_bytes :]
        return bytes(chunk)

    def readinto(self, buffer: Any) -> int:
        chunk = self.next_chunk(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def read(self, amt: int | None = -1, decode_content: bool | None = None) -> bytes:
        if amt is None or amt < 0:
            return b"".join(iter(self.next_chunk, b""))
        chunks = []
        while amt and (chunk := self.next_chunk(amt)):
            chunks.append(chunk)
            amt -= len(chunk)
        return b"".join(chunks)

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Iterator[bytes]:
        """Returns the chunks of the body, each of at most this size."""
        return iter(lambda: self.next_chunk(amt), b"")

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()


def part(response: _engine.Response, name: str) -> Any:
    """Returns the attribute `name` of `Response`, bound to the engine's response."""
    found = getattr(Response, name, None)
    if found is None or name[:2] == "__":
        raise AttributeError(f"'Response' object has no attribute {name!r}")
    return found.__get__(response)


def loads(response: Response, **kwargs: Any) -> Any:
    """Returns the body as JSON in the character set of the response, or raises the error of requests."""
    try:
        if (response.encoding or "utf-8").lower() in UTF_8:
            try:
                # Detects UTF-16 and UTF-32 too, which JSON may have (RFC 4627 §3).
                return json.loads(response.content or b"", **kwargs)
            except UnicodeDecodeError:
                pass
        return json.loads(response.text, **kwargs)
    except json.JSONDecodeError as error:
        raise JSONDecodeError(error.msg, error.doc, error.pos) from None


def headers(pairs: Iterable[tuple[str, str]], *_: Any) -> CaseInsensitiveDict[str]:
    """Returns all headers. Repeated ones are joined with commas."""
    joined: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def cookies(pairs: Iterable[tuple[str, str]], url: str, options: RequestOptions | None) -> RequestsCookieJar:
    """Returns the cookies that this response sets, as requests parses them: for the request's own `Host`, if any."""
    jar = RequestsCookieJar()
    message = Message()
    for name, value in pairs:
        if name.lower() == "set-cookie":
            message[name] = value
    if message:
        request = requests.PreparedRequest()
        request.url, request.headers = url, CaseInsensitiveDict(cast(Any, options and options.headers or ()))
        jar.extract_cookies(cast(Any, MockResponse(message)), cast(Any, MockRequest(request)))
    return jar


def _read_chunk(stream: ResponseStream | None) -> bytes:
    """Sleeps until the next chunk of a body arrives, and returns it; empty at the end."""
    reader = stream and stream.read_chunk(getcurrent().switch)
    if stream is None or reader is None:
        return b""
    try:
        chunk = get_hub().switch()
    except BaseException:
        stream.cancel_read(reader)
        raise
    if type(chunk) is bytes:
        return chunk
    stream.close()
    if chunk is None:
        return b""
    raise chunk


def _redirected_method(method: str, statuses: Iterable[int]) -> tuple[str, bool]:
    """Returns the method after these redirects, and whether the body is still sent."""
    keeps_body = True
    for status in statuses:
        becomes_get = (status in (302, 303) and method != "HEAD") or (status == 301 and method == "POST")
        if becomes_get:
            method = "GET"
        keeps_body &= status not in (301, 302, 303)
    return method, keeps_body
