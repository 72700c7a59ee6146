"""The HTTP client of a user: the interface of requests, on gregaria's engine.

`HttpSession` is a `requests.Session`, but creates the attributes of one only when they are used, because a user must
stay small. A request is handed to the engine, and the greenlet sleeps until `scheduler.py` resumes it with the
response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from gevent import GreenletExit, get_hub
from gevent.queue import SimpleQueue
from greenlet import getcurrent
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from . import request_events
from ._engine import ClientSession, Response, UploadChunkNeeded
from .cookies import ClientCookies
from .event import EventHook, Events, events
from .exception import LocustError
from .request_options import DEFAULT_HEADERS, RequestOptions, prepare, prepared_options

if TYPE_CHECKING:
    from typing import Unpack

    from .environment import Environment
    from .request_options import (
        CallArguments,
        PutCallArguments,
        RequestCallArguments,
        SampleArguments,
    )
    from .upload import Source
    from .user import User


class SessionAttribute:
    """An attribute for all requests of a session. Its value is created on first access."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, session: HttpSession | None, _owner: type) -> Any:
        if session is None:
            return self
        settings = session._settings
        if settings is not None and self._name in settings:
            return settings[self._name]
        if not callable(self._default):
            return self._default
        value = self._default()
        self.__set__(session, value)
        return value

    def __set__(self, session: HttpSession, value: Any) -> None:
        if session._settings is None:
            session._settings = {}
        session._settings[self._name] = value


class HttpSession(requests.Session):
    """The type of `self.client`.

    Each method takes `name`, `catch_response` and `context` beside requests' arguments.
    """

    if not TYPE_CHECKING:
        headers = SessionAttribute(lambda: CaseInsensitiveDict(DEFAULT_HEADERS))
        params = SessionAttribute(dict)
        proxies = SessionAttribute(dict)
        hooks = SessionAttribute(default_hooks)
        auth = SessionAttribute(None)
        verify = SessionAttribute(True)
        cert = SessionAttribute(None)
        stream = SessionAttribute(False)
        max_redirects = SessionAttribute(30)
        #: Off as for Locust's users: proxies and credentials of the environment are not for simulated visitors.
        trust_env = SessionAttribute(False)

    def __init__(
        self,
        base_url: str,
        request_event: EventHook | None = None,
        user: User | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        # The constructor of requests is not called: it would create all attributes.
        environment = _environment_of(user, request_event)
        if environment is None or environment.run_state is None:
            raise LocustError("a client can send requests only during a run")
        self._run_state = environment.run_state
        self._events: Events = environment.events
        #: The attributes that were set; `None` as long as there are none, which keeps a plain request plain.
        self._settings: dict[str, Any] | None = None
        self._session: ClientSession | None = None
        self.base_url = base_url
        self.user = user
        self.request_name: str | None = None
        #: The latest caught response, as long as its outcome may be pending.
        self._pending_caught: Response | None = None

    def request(  # type: ignore[override]
        self,
        method: str | bytes,
        url: str | bytes,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] | None = None,
        **arguments: Unpack[RequestCallArguments],
    ) -> Response:
        """Sends a request and returns its response. If there is none, `status_code` is 0."""
        method = (method.decode() if isinstance(method, bytes) else method).upper()
        if method == "HEAD" and arguments.get("allow_redirects") is None:
            # Only `head()` does not follow redirects.
            arguments["allow_redirects"] = self._run_state.bridge.follows_redirects
        sample = {"name": name, "catch_response": catch_response, "context": context}
        return self._send(method, url, {**arguments, **sample})

    def send(
        self,
        request: requests.PreparedRequest,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Response:
        """Sends a request made by `prepare_request()` or requests."""
        if not isinstance(request, requests.PreparedRequest):
            raise ValueError("You can only send PreparedRequests.")
        options = prepared_options(self, request, **arguments)
        return self._deliver(cast(str, request.method), request.url, name, catch_response, context, options)

    def get(self, url: str | bytes, **arguments: Unpack[CallArguments]) -> Response:  # type: ignore[override]
        """Sends a GET request."""
        return self._send("GET", url, cast("dict[str, Any]", arguments))

    def options(self, url: str | bytes, **arguments: Unpack[CallArguments]) -> Response:  # type: ignore[override]
        """Sends an OPTIONS request."""
        return self._send("OPTIONS", url, cast("dict[str, Any]", arguments))

    def head(self, url: str | bytes, **arguments: Unpack[CallArguments]) -> Response:  # type: ignore[override]
        """Sends a HEAD request."""
        return self._send("HEAD", url, cast("dict[str, Any]", arguments))

    def post(  # type: ignore[override]
        self, url: str | bytes, data: Any = None, json: Any = None, **arguments: Unpack[SampleArguments]
    ) -> Response:
        """Sends a POST request."""
        return self._send("POST", url, {"data": data, "json": json, **arguments})

    def put(  # type: ignore[override]
        self, url: str | bytes, data: Any = None, **arguments: Unpack[PutCallArguments]
    ) -> Response:
        """Sends a PUT request."""
        return self._send("PUT", url, {"data": data, **arguments})

    def patch(  # type: ignore[override]
        self, url: str | bytes, data: Any = None, **arguments: Unpack[PutCallArguments]
    ) -> Response:
        """Sends a PATCH request."""
        return self._send("PATCH", url, {"data": data, **arguments})

    def delete(self, url: str | bytes, **arguments: Unpack[CallArguments]) -> Response:  # type: ignore[override]
        """Sends a DELETE request."""
        return self._send("DELETE", url, cast("dict[str, Any]", arguments))

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """Gives all requests in a block this name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    @property
    def base_url(self) -> str:
        """The URL that paths are appended to. A new one opens new connections."""
        return self._base_url

    @base_url.setter
    def base_url(self, base_url: str) -> None:
        previous = self._session
        self._base_url, auth = without_credentials(base_url)
        self._session = ClientSession(self._run_state.bridge, self._base_url)
        if auth:
            self.auth = auth
        if previous is not None:
            for cookie in previous.cookies():
                self._session.set_cookie(cookie)

    @property  # type: ignore[override]
    def cookies(self) -> ClientCookies:
        """The cookies that the next request carries. Changes apply to it."""
        return ClientCookies(self)

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        new = list(cookies) if hasattr(cookies, "set_policy") else dict(cookies or {})
        own = self.cookies
        own.clear()
        if isinstance(new, dict):
            own.update(new)
        else:
            for cookie in new:
                own.set_cookie(cookie)

    def absolute(self, url: str) -> str:
        """Returns the URL of a path."""
        return url if url[:4].lower() == "http" and "://" in url[:8] else self._base_url + url

    def close(self) -> None:
        """Has no effect: the connections are closed when the user ends."""

    def mount(self, prefix: str | bytes, adapter: Any) -> NoReturn:
        raise NotImplementedError(NO_ADAPTERS)

    def get_adapter(self, url: str) -> NoReturn:
        raise NotImplementedError(NO_ADAPTERS)

    @property
    def adapters(self) -> NoReturn:  # type: ignore[override]
        raise AttributeError(NO_ADAPTERS)

    def _send(self, method: str, url: Any, arguments: dict[str, Any]) -> Response:
        name = context = options = None
        is_caught = False
        if arguments:
            name = arguments.pop("name", None)
            is_caught = arguments.pop("catch_response", False)
            if arguments:
                context = arguments.pop("context", None)
        if arguments or self._settings is not None:
            method, url, options = prepare(self, method, url, **arguments)
        return self._deliver(method, url, name, is_caught, context, options)

    def _deliver(
        self,
        method: str,
        url: Any,
        name: Any,
        is_caught: bool,
        context: dict[str, Any] | None,
        options: RequestOptions | None,
    ) -> Response:
        name = name or self.request_name
        if name is not None and name.__class__ is not str:
            name = str(name)
        if url.__class__ is not str:
            url = url.decode() if isinstance(url, bytes) else str(url)
        response = self._send_and_wait(method, url, name, is_caught, options)
        if self._events.has_request_listeners:
            self._notify(response, is_caught, context)
        if options is not None and options.hooks and response.status_code:
            response = _call_hooks(response, options.hooks, options.hook_kwargs)
        return response

    def _send_and_wait(
        self, method: str, url: str, name: str | None, is_caught: bool, options: RequestOptions | None
    ) -> Response:
        """Sends the request and sleeps until the response arrives."""
        user = self.user
        if user is not None and user._stop_requested and not user._in_on_stop:
            raise GreenletExit()
        if self._pending_caught is not None:
            # It was never decided. Until it is recorded it may hold the quota that another request needs.
            pending, self._pending_caught = self._pending_caught, None
            pending.record_if_pending()
        # An upload's source may wait for other events of gevent, so its replies go through a queue.
        source = None if options is None else options.source
        replies = None if source is None else SimpleQueue()
        resume = getcurrent().switch if replies is None else replies.put
        session = cast(ClientSession, self._session)
        request_id = session.send(method, url, name, is_caught, resume, options)
        while request_id is None:
            if not self._run_state.bridge.is_open:
                return self._after_run(method, url, name, is_caught)
            self._run_state.admission.wait()
            request_id = session.send(method, url, name, is_caught, resume, options)
        try:
            if replies is None or source is None:
                response = get_hub().switch()
            else:
                response = self._upload(request_id, replies, source)
        except BaseException:
            self._run_state.bridge.cancel(request_id)
            raise
        if type(response) is not Response:
            raise response
        if user is not None:
            user._yielded = True
        if is_caught:
            self._pending_caught = response
        return response

    def _upload(self, request_id: int, replies: SimpleQueue, source: Source) -> Any:
        """Sends the chunks that the engine asks for, and returns the response."""
        session = cast(ClientSession, self._session)
        while isinstance(reply := replies.get(), UploadChunkNeeded):
            if reply.from_start:
                source.rewind()
            session.send_upload_chunk(request_id, source.next_chunk())
        return reply

    def _after_run(self, method: str, url: str, name: str | None, is_caught: bool) -> Response:
        """Ends the user because the run is over. In `on_stop` it returns a response that was not sent instead."""
        user = self.user
        if user is not None and not user._in_on_stop:
            raise GreenletExit()
        return cast(ClientSession, self._session).response_without_run(method, url, name, is_caught)

    def _notify(self, response: Response, is_caught: bool, context: dict[str, Any] | None) -> None:
        if self.user is not None:
            context = self.user.context() | (context or {})
        if is_caught:
            response.set_context(context)
        else:
            request_events.notify_by_status(self._events, response, context)


def _environment_of(user: User | None, request_event: EventHook | None) -> Environment | None:
    """Returns the environment of the user, else that of the hook, else that of the command."""
    if user is not None and user._environment is not None:
        return user._environment
    hooks = request_event._events if isinstance(request_event, EventHook) else None
    environment = hooks.environment if hooks else None
    return environment or events.environment


def without_credentials(base_url: str) -> tuple[str, tuple[str, str] | None]:
    """Splits a base URL that has both user and password into the URL without them and the two."""
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), (unquote(parts.username), unquote(parts.password))


def _call_hooks(response: Response, hooks: list[Callable[..., Any]], kwargs: Any) -> Response:
    """Calls each hook with each response of the chain. A hook may replace the last response."""
    for previous in response.history:
        for hook in hooks:
            hook(previous, **kwargs)
    for hook in hooks:
        other = hook(response, **kwargs)
        if other is not None:
            response = other
    return response


NO_ADAPTERS = (
    "adapters cannot be mounted: the engine sends all requests; use requests.Session() for a request that needs one"
)
