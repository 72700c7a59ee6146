"""The HTTP client of a user: requests' interface, gregaria's engine.

`HttpSession` is a `requests.Session` to whoever asks, but holds nothing of one until it is used: a user must stay
small. A request is handed over to the engine, and the greenlet sleeps until the hub resumes it with the response.
"""

import logging
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from gevent import GreenletExit, get_hub
from gevent.queue import SimpleQueue
from greenlet import getcurrent
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from . import request_events as report
from ._engine import Response, Wire
from .cookies import ClientCookies
from .exception import LocustError
from .request_options import DEFAULTS, of_prepared, prepare

logger = logging.getLogger(__name__)


class Setting:
    """An attribute that holds for all requests of a session, made when it is first asked for."""

    def __init__(self, default):
        self._default = default

    def __set_name__(self, _owner, name):
        self._name = name

    def __get__(self, session, _owner):
        if session is None:
            return self
        settings = session._settings
        if settings is not None and self._name in settings:
            return settings[self._name]
        if not callable(self._default):
            return self._default
        made = self._default()
        self.__set__(session, made)
        return made

    def __set__(self, session, value):
        if session._settings is None:
            session._settings = {}
        session._settings[self._name] = value


class HttpSession(requests.Session):
    """What `self.client` is. Each method takes `name` and `catch_response` besides requests' arguments."""

    headers = Setting(lambda: CaseInsensitiveDict(DEFAULTS))
    params = Setting(dict)
    proxies = Setting(dict)
    hooks = Setting(default_hooks)
    auth = Setting(None)
    verify = Setting(True)
    cert = Setting(None)
    stream = Setting(False)
    max_redirects = Setting(30)
    #: As with Locust's users: proxies and the like of the environment are for programs that people use.
    trust_env = Setting(False)

    def __init__(self, base_url, request_event=None, user=None, *args, **kwargs):
        # Not requests' own: what it would make is made when it is asked for.
        self._hub = report.hub
        if self._hub is None:
            raise LocustError("a client sends requests only while a run is on")
        #: What was set of the above; with nothing, a plain request stays plain.
        self._settings = None
        self._wire = None
        self.base_url = base_url
        self.user = user
        self.request_name = None
        #: A caught response about which nobody has said anything yet.
        self._unsettled = None

    def request(self, method, url, name=None, catch_response=False, context=None, **options):
        """Sends a request and returns its response, whatever that is: without one, `status_code` is 0."""
        options |= {"name": name, "catch_response": catch_response, "context": context}
        method = (method.decode() if isinstance(method, bytes) else method).upper()
        if method == "HEAD" and options.get("allow_redirects") is None:
            # Only `head()` leaves redirects alone.
            options["allow_redirects"] = True
        return self._send(method, url, options)

    def send(self, request, name=None, catch_response=False, context=None, **options):
        """Sends what `prepare_request`, or requests, has prepared."""
        if not isinstance(request, requests.PreparedRequest):
            raise ValueError("You can only send PreparedRequests.")
        sending = of_prepared(self, request, **options)
        return self._deliver(request.method, request.url, name, catch_response, context, sending)

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
        """What paths are appended to. A new one begins new connections."""
        return self._base_url

    @base_url.setter
    def base_url(self, base_url):
        before = self._wire
        self._base_url, auth = without_credentials(base_url)
        self._wire = Wire(self._hub, self._base_url)
        if auth:
            self.auth = auth
        if before is not None:
            for cookie in before.cookies():
                self._wire.set_cookie(cookie)

    @property
    def cookies(self):
        """Those that the next request carries; what is put in here goes with it."""
        return ClientCookies(self)

    @cookies.setter
    def cookies(self, cookies):
        kept = list(cookies) if hasattr(cookies, "set_policy") else dict(cookies or {})
        own = self.cookies
        own.clear()
        if isinstance(kept, dict):
            own.update(kept)
        else:
            for cookie in kept:
                own.set_cookie(cookie)

    def absolute(self, url):
        """A path as a URL."""
        return url if url[:4].lower() == "http" and "://" in url[:8] else self._base_url + url

    def close(self):
        """Nothing to be done: the connections are closed when the user goes."""

    def mount(self, prefix, adapter):
        raise NotImplementedError(NO_ADAPTERS)

    def get_adapter(self, url):
        raise NotImplementedError(NO_ADAPTERS)

    @property
    def adapters(self):
        raise AttributeError(NO_ADAPTERS)

    def _send(self, method, url, options):
        name = context = sending = None
        is_caught = False
        if options:
            name = options.pop("name", None)
            is_caught = options.pop("catch_response", False)
            if options:
                context = options.pop("context", None)
        if options or self._settings is not None:
            method, url, sending = prepare(self, method, url, **options)
        return self._deliver(method, url, name, is_caught, context, sending)

    def _deliver(self, method, url, name, is_caught, context, sending):
        name = name or self.request_name
        if name is not None and name.__class__ is not str:
            name = str(name)
        if url.__class__ is not str:
            url = url.decode() if isinstance(url, bytes) else str(url)
        response = self._exchange(method, url, name, is_caught, sending)
        if report.listening:
            self._tell(response, is_caught, context)
        if sending is not None and sending.hooks and response.status_code:
            response = _through_hooks(response, sending)
        return response

    def _exchange(self, method, url, name, is_caught, sending):
        """Hands the request over and sleeps until the hub brings its response."""
        user = self.user
        if user is not None and user._leaving and not user._is_parting:
            raise GreenletExit()
        if self._unsettled is not None:
            # Caught, and let lie: it holds a place that another request may need.
            unsettled, self._unsettled = self._unsettled, None
            unsettled.settle()
        # Whoever gives pieces of a body may wait for other things meanwhile.
        heard = SimpleQueue() if sending is not None and sending.source is not None else None
        switch = getcurrent().switch if heard is None else heard.put
        number = self._wire.send(method, url, name, is_caught, switch, sending)
        while number is None:
            if not self._hub.is_open:
                return self._without_run(method, url, name, is_caught)
            report.admission.wait()
            number = self._wire.send(method, url, name, is_caught, switch, sending)
        try:
            response = get_hub().switch() if heard is None else self._upload(number, heard, sending.source)
        except BaseException:
            self._hub.abandon(number)
            raise
        if type(response) is not Response:
            raise response
        if user is not None:
            user._has_rested = True
        if is_caught:
            self._unsettled = response
        return response

    def _upload(self, number, heard, source):
        """Gives the pieces of a body that are asked for, until there is a response."""
        while isinstance(is_again := heard.get(), bool):
            if is_again:
                source.rewind()
            self._wire.feed(number, source.next_piece())
        return is_again

    def _without_run(self, method, url, name, is_caught):
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
    """A base URL that names both user and password becomes one without, and these two."""
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), (unquote(parts.username), unquote(parts.password))


def _through_hooks(response, sending):
    """Each hook hears of each response, and may give another in place of the last."""
    for past in response.history:
        for hook in sending.hooks:
            hook(past, **sending.told_hooks)
    for hook in sending.hooks:
        other = hook(response, **sending.told_hooks)
        if other is not None:
            response = other
    return response


NO_ADAPTERS = "the engine carries all requests: adapters cannot be mounted; use requests.Session() for what needs one"
