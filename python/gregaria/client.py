"""The HTTP client of a user: requests' interface, gregaria's engine.

`HttpSession` is a `requests.Session` to whoever asks, but holds nothing of one until it is used: a user must stay
small. A request is handed over to the engine, and the greenlet sleeps until the hub resumes it with the response.
"""

import base64
import json as json_of_python
import logging
from contextlib import contextmanager
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

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
        self._hub = report.hub
        if self._hub is None:
            raise LocustError("a client sends requests only while a run is on")
        self._own_headers = None
        self.base_url = base_url
        self.user = user
        self.request_name = None
        #: A caught response about which nobody has said anything yet.
        self._unsettled = None

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
    def base_url(self):
        """What paths are appended to. A new one begins new connections, without cookies."""
        return self._base_url

    @base_url.setter
    def base_url(self, base_url):
        self._base_url, authorization = without_credentials(base_url)
        self._wire = Wire(self._hub, self._base_url)
        if authorization:
            self.headers.update(authorization)

    @property
    def auth(self):
        """User and password for all requests."""
        return self._auth

    @auth.setter
    def auth(self, auth):
        self._auth = auth
        self.headers.update(basic(auth))

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
        if name in NOT_YET_OF_SESSIONS:
            raise AttributeError(_not_yet(name))
        raise AttributeError(f"'HttpSession' object has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name in NOT_YET_OF_SESSIONS:
            raise AttributeError(_not_yet(name))
        super().__setattr__(name, value)

    def _send(self, method, url, options):
        name = headers = body = timeout = context = None
        is_caught = False
        if options:
            name = options.pop("name", None)
            if name is not None and name.__class__ is not str:
                name = str(name)
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
        if user is not None and user._leaving and not user._is_parting:
            raise GreenletExit()
        if self._unsettled is not None:
            # Caught, and let lie: it holds a place that another request may need.
            unsettled, self._unsettled = self._unsettled, None
            unsettled.settle()
        number = self._wire.send(*request, getcurrent().switch)
        while number is None:
            if not self._hub.is_open:
                return self._without_run(*request)
            report.admission.wait()
            number = self._wire.send(*request, getcurrent().switch)
        try:
            response = get_hub().switch()
        except BaseException:
            self._hub.abandon(number)
            raise
        if user is not None:
            user._has_rested = True
        if request[CAUGHT]:
            self._unsettled = response
        return response

    def _without_run(self, method, url, name, headers, body, timeout, is_caught):
        """The run is over: a user goes now, unless it says its farewell, which goes on without a response."""
        user = self.user
        if user is not None and not user._is_parting:
            raise GreenletExit()
        return self._wire.unsent(method, url, name, is_caught)

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
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), basic((unquote(parts.username), unquote(parts.password)))


def basic(auth):
    """The header of a user and password; there is nothing else yet that `auth` may be."""
    if not isinstance(auth, tuple):
        raise NotImplementedError("auth= is not there yet for anything but a user and a password")
    credentials = ":".join(map(str, auth)).encode()
    return {"Authorization": "Basic " + base64.b64encode(credentials).decode()}


def _merged(of_session, of_request):
    """The request's headers win, however they are spelled."""
    if not of_request:
        return dict(of_session)
    merged = of_session.copy()
    merged.update(of_request)
    return dict(merged)


def _prepare(
    url, params=None, data=None, json=None, headers=None, timeout=None, auth=None, allow_redirects=True, **others
):
    """URL, headers, body and timeout as they are sent, of what requests takes."""
    if others:
        _refuse_unknown(others)
    if auth:
        headers = {**(headers or {}), **basic(auth)}
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


def _not_yet(name):
    instead = ": the session keeps and sends cookies by itself, response.cookies has those of a response"
    return f"client.{name} is not there yet{instead if name == 'cookies' else ''}"


def _refuse_unknown(others):
    for name, value in others.items():
        if name in IGNORED or not value:
            continue
        if name in NOT_YET:
            raise NotImplementedError(f"{name}= is not there yet in requests of gregaria")
        raise TypeError(f"request() got an unexpected keyword argument {name!r}")


#: Without meaning for what the engine does so far: no TLS, and every body is read at once.
IGNORED = {"verify", "cert", "stream"}
NOT_YET = {"cookies", "files", "hooks", "proxies"}
NOT_YET_OF_SESSIONS = {"adapters", "cookies", "max_redirects", "params", "proxies"}
#: Where in a request it stands whether the task has the say.
CAUGHT = 6
