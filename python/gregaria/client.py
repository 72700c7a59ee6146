"""The HTTP client of a user: requests' interface, gregaria's engine.

`HttpSession` is a `requests.Session` to whoever asks, but holds nothing of one until it is used: a user must stay
small. A request is handed over to the engine, and the greenlet sleeps until the hub resumes it with the response.
"""

import base64
import json as json_of_python
import logging
from contextlib import contextmanager
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import gevent
import requests
from gevent import GreenletExit, get_hub
from greenlet import getcurrent
from requests.exceptions import InvalidJSONError
from requests.structures import CaseInsensitiveDict

from . import report
from ._engine import Wire
from .exception import LocustError

logger = logging.getLogger(__name__)


class HttpSession(requests.Session):
    """What `self.client` is. Each method takes `name` and `catch_response` besides requests' arguments."""

    def __init__(self, base_url, request_event=None, user=None, *args, **kwargs):
        # Not requests' own: what it would make is made when it is asked for.
        self.base_url, self._own_headers = without_credentials(base_url)
        self.user = user
        self.request_name = None
        self._hub = report.hub
        if self._hub is None:
            raise LocustError("a client sends requests only while a run is on")
        self._wire = Wire(self._hub, self.base_url)

    def request(self, method, url, name=None, catch_response=False, context=None, **options):
        """Sends a request and returns its response, whatever that is: without one, `status_code` is 0."""
        options |= {"name": name, "catch_response": catch_response, "context": context}
        return self._send(method, url, options)

    def get(self, url, **options):
        return self._send("GET", url, options)

    def options(self, url, **options):
        return self._send("OPTIONS", url, options)

    def head(self, url, **options):
        return self._send("HEAD", url, options)

    def post(self, url, data=None, json=None, **options):
        return self._send("POST", url, {"data": data, "json": json, **options})

    def put(self, url, data=None, **options):
        return self._send("PUT", url, {"data": data, **options})

    def patch(self, url, data=None, **options):
        return self._send("PATCH", url, {"data": data, **options})

    def delete(self, url, **options):
        return self._send("DELETE", url, options)

    @contextmanager
    def rename_request(self, name):
        """Gives all requests in a block this name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    @property
    def headers(self):
        """Headers of every request of this user."""
        if self._own_headers is None:
            self._own_headers = CaseInsensitiveDict()
        return self._own_headers

    @headers.setter
    def headers(self, headers):
        self._own_headers = CaseInsensitiveDict(headers)

    def close(self):
        """Nothing to be done: the connections are closed when the user goes."""

    def __getattr__(self, name):
        if name in requests.Session.__attrs__ or name == "cookies":
            raise AttributeError(f"client.{name} is not there yet: cookies are kept and sent by the session itself")
        raise AttributeError(f"'HttpSession' object has no attribute {name!r}")

    def _send(self, method, url, options):
        name = headers = body = timeout = context = None
        is_caught = False
        if options:
            name = options.pop("name", None)
            is_caught = options.pop("catch_response", False)
            if options:
                context = options.pop("context", None)
                url, headers, body, timeout = _prepare(url, **options)
        if self._own_headers is not None:
            headers = _merged(self._own_headers, headers)
        if url.__class__ is not str:
            url = url.decode() if isinstance(url, bytes) else str(url)
        response = self._exchange(method, url, name or self.request_name, headers, body, timeout, is_caught)
        if report.listening:
            self._tell(response, is_caught, context)
        return response

    def _exchange(self, *request):
        """Hands the request over and sleeps until the hub brings its response."""
        user = self.user
        if user is not None and user._leaving:
            raise GreenletExit()
        number = self._wire.send(*request, getcurrent().switch)
        while number is None:
            self._wait_for_admission()
            number = self._wire.send(*request, getcurrent().switch)
        try:
            response = get_hub().switch()
        except BaseException:
            self._hub.abandon(number)
            raise
        if user is not None:
            user._has_rested = True
        return response

    def _wait_for_admission(self):
        """The number of requests is reached; one that is cut off would make room for another."""
        if not self._hub.is_open:
            raise GreenletExit()
        gevent.sleep(ADMISSION_EVERY_S)

    def _tell(self, response, is_caught, context):
        if self.user is not None:
            context = self.user.context() | (context or {})
        if is_caught:
            response.set_context(context)
        else:
            report.plain(response, context)


def without_credentials(base_url):
    """A base URL that names both user and password becomes one without, and a header."""
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    credentials = f"{unquote(parts.username)}:{unquote(parts.password)}".encode()
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    authorization = "Basic " + base64.b64encode(credentials).decode()
    return urlunsplit(bare), CaseInsensitiveDict({"Authorization": authorization})


def _merged(of_session, of_request):
    """The request's headers win, however they are spelled."""
    if not of_request:
        return dict(of_session)
    merged = of_session.copy()
    merged.update(of_request)
    return dict(merged)


def _prepare(url, params=None, data=None, json=None, headers=None, timeout=None, allow_redirects=True, **others):
    """URL, headers, body and timeout as they are sent, of what requests takes."""
    if others:
        _refuse_unknown(others)
    if params:
        url = _with_params(url, params)
    body = None
    if data or json is not None:
        body, headers = _encode(data, json, headers)
    if isinstance(timeout, tuple):
        timeout = timeout[1]
    return url, headers, body, timeout


def _with_params(url, params):
    query = params if isinstance(params, str) else _form(params)
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _encode(data, json, headers):
    """The body, and the headers with its type unless they name one."""
    if data:
        if isinstance(data, (str, bytes, bytearray)):
            return data, headers
        if hasattr(data, "read"):
            return data.read(), headers
        if hasattr(data, "__next__"):
            return b"".join(data), headers
        return _form(data), _typed(headers, "application/x-www-form-urlencoded")
    try:
        body = json_of_python.dumps(json, allow_nan=False)
    except ValueError as error:
        raise InvalidJSONError(error) from None
    return body, _typed(headers, "application/json")


def _typed(headers, content_type):
    if not headers:
        return {"Content-Type": content_type}
    if any(name.lower() == "content-type" for name in headers):
        return headers
    return {**headers, "Content-Type": content_type}


def _form(fields):
    """As requests writes forms: lists are repeated fields, None is left out."""
    pairs = []
    for name, values in fields.items() if hasattr(fields, "items") else fields:
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        pairs += [(name, value) for value in values if value is not None]
    return urlencode(pairs, doseq=True)


def _refuse_unknown(others):
    for name, value in others.items():
        if name in IGNORED or value is None:
            continue
        if name in NOT_YET:
            raise NotImplementedError(f"{name}= is not there yet in requests of gregaria")
        raise TypeError(f"request() got an unexpected keyword argument {name!r}")


#: Without meaning for what the engine does so far: no TLS, and every body is read at once.
IGNORED = {"verify", "cert", "stream", "hooks"}
NOT_YET = {"auth", "cookies", "files", "proxies"}
ADMISSION_EVERY_S = 0.02
