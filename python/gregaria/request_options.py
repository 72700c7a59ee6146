"""The options of a request beside method and URL: the arguments of requests and the attributes of the session,
converted to the form that `_engine.ClientSession.send` takes.

`RequestArguments` declares the arguments. An option that the engine takes as it is needs a line in `PlainArguments`
here and a statement in `options.rs`; there is no third list.
"""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from http.cookiejar import CookieJar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import urlencode

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.cookies import cookiejar_from_dict, get_cookie_header
from requests.exceptions import InvalidJSONError
from requests.hooks import default_hooks
from requests.sessions import merge_hooks, merge_setting
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth, requote_uri, to_native_string
from urllib3.util import Timeout

from . import upload
from ._engine import default_headers

if TYPE_CHECKING:
    from .client import HttpSession
    from .upload import Source

#: The headers that a request carries unless it has its own.
DEFAULT_HEADERS = default_headers()

HeaderPairs = list[tuple[str | bytes, str | bytes | None]]
Hook = Callable[..., Any]


class PlainArguments(TypedDict, total=False):
    """Arguments that the engine takes as they are. `None` is the default of the session or the engine."""

    #: Whether redirects are followed.
    allow_redirects: bool | None


class DataArgument(TypedDict, total=False):
    #: The body: form fields, a text, bytes, a file, or an iterable of chunks.
    data: Any


class JsonArgument(TypedDict, total=False):
    #: The body as JSON.
    json: Any


class RequestArguments(PlainArguments, total=False):
    """Arguments of a request beside method, URL and body, as in requests."""

    #: The query: a mapping, pairs, or a text.
    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | bytes | None
    #: Headers. One with the value `None` is not sent.
    headers: Mapping[str, str | bytes | None] | None
    #: Cookies for this request only.
    cookies: Mapping[str, str] | CookieJar | None
    #: The files of a form, by field name: a file, or a tuple of file name, file, type and headers.
    files: Mapping[str, Any] | Iterable[tuple[str, Any]] | None
    #: User and password, or an authentication object of requests.
    auth: tuple[str, str] | AuthBase | Callable[[PreparedRequest], PreparedRequest] | None
    #: Seconds for connecting, and without data from the target; a pair sets them separately. `None` is 60 s.
    timeout: float | tuple[float | None, float | None] | Timeout | None
    #: Proxy URLs by scheme or origin.
    proxies: Mapping[str, str] | None
    #: Called with each response: `{"response": function}`.
    hooks: Mapping[str, Hook | Iterable[Hook]] | None
    #: Whether the body is read when it is accessed, and not with the response.
    stream: bool | None
    #: Whether certificates are verified, or the path of a CA bundle.
    verify: bool | str | None
    #: The path of a client certificate, or a pair of certificate and key.
    cert: str | tuple[str, str] | None


class SampleArguments(RequestArguments, total=False):
    """The arguments of a request with those that Locust adds."""

    #: The name in the statistics; without it the path.
    name: str | None
    #: Whether the task decides the outcome, in a `with` block.
    catch_response: bool
    #: Values for the listeners of requests.
    context: dict[str, Any] | None


class RequestCallArguments(RequestArguments, DataArgument, JsonArgument, total=False):
    """The arguments of `request()`."""


class CallArguments(SampleArguments, DataArgument, JsonArgument, total=False):
    """The arguments of `get()` and the like, which take the body by keyword."""


class PutCallArguments(SampleArguments, JsonArgument, total=False):
    """The arguments of `put()` and `patch()`, which take `data` by position, too."""


class RequestOptions:
    """The options of one request, read by `options.rs`. `None` means that the option was not given.

    The class attributes are the defaults, so that an instance holds only the options that were given.
    """

    headers: HeaderPairs | None = None
    body: Any = None
    #: For a body uploaded in chunks: its length if known, and whether it can be sent again from its start.
    upload: tuple[int | None, bool] | None = None
    connect_timeout_s: float | None = None
    read_timeout_s: float | None = None
    total_timeout_s: float | None = None
    max_redirects: int | None = None
    cookies: list[tuple[str, str]] | None = None
    #: User, password, and whether they are for Digest.
    auth: tuple[bytes, bytes, bool] | None = None
    proxies: list[tuple[str, str]] | None = None
    #: Whether certificates are verified; the CA bundle; the client certificate and its key.
    tls: tuple[bool, str | None, tuple[str, str] | None] | None = None
    is_streamed = False

    # The extension module does not read these.
    #: The source of a body uploaded in chunks.
    source: Source | None = None
    hooks: list[Hook] | None = None
    #: The arguments that hooks are called with beside the response.
    hook_kwargs: Mapping[str, Any] = MappingProxyType({})

    def set_body(self, body: Any) -> None:
        """Sets the body: bytes, a text, or a source of chunks."""
        if hasattr(body, "next_chunk"):
            self.body, self.source = None, body
            self.upload = (body.length, body.can_rewind)
        else:
            self.body, self.source, self.upload = body, None, None

    def set_plain(self, arguments: Mapping[str, Any]) -> None:
        """Sets the plain arguments, or raises `TypeError` for one that does not exist."""
        for name, value in arguments.items():
            if name not in PLAIN_ARGUMENTS:
                raise _unknown_argument(name)
            setattr(self, name, value)


PLAIN_ARGUMENTS = PlainArguments.__annotations__
for _name in PLAIN_ARGUMENTS:
    setattr(RequestOptions, _name, None)


def prepare(
    session: HttpSession,
    method: str,
    url: Any,
    params: Any = None,
    data: Any = None,
    headers: Any = None,
    cookies: Any = None,
    files: Any = None,
    auth: Any = None,
    timeout: Any = None,
    proxies: Any = None,
    hooks: Any = None,
    stream: Any = None,
    verify: Any = None,
    cert: Any = None,
    json: Any = None,
    **plain: Any,
) -> tuple[str, str, RequestOptions]:
    """Returns method, URL and options of a request, from the arguments and the attributes of the session."""
    options = RequestOptions()
    options.set_plain(plain)
    url = _url_text(url)
    settings = session._settings
    if settings:
        params = merge_setting(params, settings.get("params"))
        auth = merge_setting(auth, settings.get("auth"))
        hooks = merge_hooks(hooks, cast(Any, settings.get("hooks")))
        options.max_redirects = settings.get("max_redirects")
    if params:
        url = _with_params(url, params)
    headers = _headers(settings, headers)
    if data or files or json is not None:
        headers = _set_body(options, data, json, files, headers)
    options.headers = headers
    _set_connection(session, options, url, timeout, proxies, stream, verify, cert, cookies)
    if auth is None and settings and session.trust_env:
        auth = get_netrc_auth(session.absolute(url))
    if auth:
        method, url = _authorize(session, options, method, url, auth)
    if hooks and hooks.get("response"):
        _set_hooks(options, hooks, _hook_kwargs(timeout, proxies, stream, verify, cert))
    return method, url, options


def prepared_options(
    session: HttpSession,
    request: PreparedRequest,
    timeout: Any = None,
    proxies: Any = None,
    stream: Any = None,
    verify: Any = None,
    cert: Any = None,
    **plain: Any,
) -> RequestOptions:
    """Returns the options of a request that requests has prepared.

    No attribute of the session is added to its headers.
    """
    options = RequestOptions()
    options.set_plain(plain)
    options.headers = _all_headers(request.headers or {})
    options.max_redirects = (session._settings or {}).get("max_redirects")
    if request.body is not None:
        options.set_body(_body(request.body))
    if timeout is not None:
        _set_timeout(options, timeout)
    _set_transport(session, options, cast(str, request.url), proxies, stream, verify, cert)
    if request.hooks and request.hooks.get("response"):
        _set_hooks(options, request.hooks, _hook_kwargs(timeout, proxies, stream, verify, cert))
    return options


def _url_text(url: Any) -> str:
    if url.__class__ is not str:
        url = url.decode() if isinstance(url, bytes) else str(url)
    return url.lstrip() if url[:1].isspace() else url


def _with_params(url: str, params: Any) -> str:
    query = to_native_string(params) if isinstance(params, (str, bytes)) else _form(params)
    if not query:
        return url
    url, hash_sign, fragment = url.partition("#")
    return f"{url}{'&' if '?' in url else '?'}{requote_uri(query)}{hash_sign}{fragment}"


def _headers(settings: Mapping[str, Any] | None, headers: Any) -> HeaderPairs | None:
    """Returns pairs, with `None` for a header not to be sent. Those of the request win over those of the session."""
    session_headers = settings and settings.get("headers")
    if session_headers is None:
        return list(headers.items()) if headers else None
    return _all_headers(merge_setting(headers, session_headers, dict_class=CaseInsensitiveDict))


def _all_headers(headers: Mapping[str, Any]) -> HeaderPairs:
    """Returns these headers and suppresses all defaults that are not among them."""
    suppressed = [(name, None) for name, _ in DEFAULT_HEADERS if name not in headers]
    return [*headers.items(), *suppressed]


def _set_body(
    options: RequestOptions, data: Any, json: Any, files: Any, headers: HeaderPairs | None
) -> HeaderPairs | None:
    """Sets the body and returns the headers, with the body's type unless they have one."""
    body: Any
    content_type = None
    if files:
        body, content_type = upload.multipart(data, files)
    elif data:
        body = _body(data)
        if isinstance(data, (list, tuple, Mapping)) or hasattr(data, "items"):
            content_type = "application/x-www-form-urlencoded"
    else:
        body, content_type = _json(json), "application/json"
    options.set_body(body)
    if content_type is None or any(name.lower() in CONTENT_TYPE for name, _ in headers or ()):
        return headers
    return [*(headers or ()), ("Content-Type", content_type)]


def _json(value: Any) -> bytes:
    try:
        return json_module.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise InvalidJSONError(error) from None


def _body(data: Any) -> Any:
    if isinstance(data, (str, bytes, bytearray, memoryview)):
        return data
    if isinstance(data, (list, tuple, Mapping)) or hasattr(data, "items"):
        return _form(data)
    return upload.body_or_source(data)


def _form(fields: Any) -> str:
    """Returns an encoded form, as in requests: lists are repeated fields, `None` is left out."""
    pairs: list[tuple[Any, Any]] = []
    for name, values in fields.items() if hasattr(fields, "items") else fields:
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        pairs += [(name, value) for value in values if value is not None]
    return urlencode(pairs, doseq=True)


def _set_connection(
    session: HttpSession,
    options: RequestOptions,
    url: str,
    timeout: Any,
    proxies: Any,
    stream: Any,
    verify: Any,
    cert: Any,
    cookies: Any,
) -> None:
    """Sets the timeouts, the transport and the cookies that the call or the session gives."""
    if timeout is not None:
        _set_timeout(options, timeout)
    settings = session._settings
    has_session_transport = settings and not TRANSPORT_SETTINGS.isdisjoint(settings)
    if proxies or stream or verify is not None or cert or has_session_transport:
        _set_transport(session, options, url, proxies, stream, verify, cert)
    if cookies:
        options.cookies = _cookies(session, url, cookies)


def _set_timeout(options: RequestOptions, timeout: Any) -> None:
    """Sets the timeouts for connecting and for reading; `urllib3.Timeout` has one for the whole request, too."""
    if not isinstance(timeout, Timeout):
        if isinstance(timeout, tuple) and len(timeout) != 2:
            raise ValueError(f"timeout={timeout!r}: takes seconds, or a pair of connect and read timeout")
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        timeout = Timeout(connect=connect, read=read)
    limits = [timeout._connect, timeout._read, timeout.total]
    limits = [limit if isinstance(limit, (int, float)) else None for limit in limits]
    options.connect_timeout_s, options.read_timeout_s, options.total_timeout_s = limits


def _set_transport(
    session: HttpSession, options: RequestOptions, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
) -> None:
    """Sets proxies, TLS, and whether the response is streamed."""
    if proxies is not None:
        proxies = dict(proxies)
    elif session.trust_env:
        proxies = {}
    merged: Any = session.merge_environment_settings(session.absolute(url), proxies, stream, verify, cert)
    options.is_streamed = bool(merged["stream"])
    pairs = [(name, proxy) for name, proxy in (merged["proxies"] or {}).items() if proxy and _is_for_http(name)]
    options.proxies = pairs or None
    verify, cert = merged["verify"], merged["cert"]
    if cert or (verify is not True and verify is not None):
        bundle = os.fspath(verify) if isinstance(verify, (str, os.PathLike)) else None
        identity = (cert, cert) if isinstance(cert, (str, os.PathLike)) else cert
        paths = cast("tuple[str, str] | None", tuple(map(os.fspath, identity)) if identity else None)
        options.tls = (bool(verify), bundle, paths)


def _is_for_http(name: str) -> bool:
    """Returns `True` if a proxy key may apply to an HTTP request. As in requests, others are ignored."""
    return name == "no_proxy" or name.partition("://")[0] in ("http", "https", "all")


def _cookies(session: HttpSession, url: str, cookies: Any) -> list[tuple[str, str]] | None:
    """Returns the cookies of the request that apply to this URL."""
    if isinstance(cookies, Mapping) and not hasattr(cookies, "set_policy"):
        return [(name, str(value)) for name, value in cookies.items() if value is not None]
    request = PreparedRequest()
    request.url, request.headers = session.absolute(url), CaseInsensitiveDict()
    jar = cookies if hasattr(cookies, "set_policy") else cookiejar_from_dict(cookies)
    header = get_cookie_header(jar, request)
    if not header:
        return None
    return [(name, value) for name, _, value in (pair.partition("=") for pair in header.split("; "))]


def _authorize(session: HttpSession, options: RequestOptions, method: str, url: str, auth: Any) -> tuple[str, str]:
    """Adds the credentials and returns method and URL.

    The engine takes user and password. Any other object is called with a request, as in requests, and may change it.
    """
    if isinstance(auth, tuple) and len(auth) == 2:
        auth = HTTPBasicAuth(*auth)
    if type(auth) in NATIVE_AUTH:
        encoding = "latin-1" if type(auth) is HTTPBasicAuth else "utf-8"
        user, password = (_credential(part, encoding) for part in (auth.username, auth.password))
        options.auth = (user, password, type(auth) is HTTPDigestAuth)
        options.headers = [pair for pair in options.headers or () if pair[0].lower() not in AUTHORIZATION]
        return method, url
    url = _without_credentials(url)
    request = _request_for_auth(session, options, method, url)
    body_before = request.body
    request = auth(request)
    options.headers = _all_headers(request.headers)
    if request.body is not body_before:
        options.set_body(b"" if request.body is None else _body(request.body))
    if request.hooks.get("response"):
        _set_hooks(options, request.hooks, {})
    changed_url = cast(str, request.url)
    return cast(str, request.method), url if changed_url == session.absolute(url) else changed_url


def _request_for_auth(session: HttpSession, options: RequestOptions, method: str, url: str) -> PreparedRequest:
    """Returns the request that an authentication object is called with."""
    request = PreparedRequest()
    request.method, request.url = method, session.absolute(url)
    headers: MutableMapping[Any, Any] = CaseInsensitiveDict(DEFAULT_HEADERS)
    headers.update(pair for pair in options.headers or () if pair[1] is not None)
    for name, value in options.headers or ():
        if value is None:
            headers.pop(name, None)
    request.headers = cast(Any, headers)
    request.body = cast(Any, options.body if options.source is None else options.source)
    request.hooks = default_hooks()
    return request


def _without_credentials(url: str) -> str:
    """Removes credentials from the URL, because the `auth` argument takes precedence."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme not in ("http", "https"):
        return url
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _credential(part: Any, encoding: str) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode(encoding)


def _hook_kwargs(timeout: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> dict[str, Any]:
    """Returns the arguments of a call that requests passes on to its hooks."""
    return {"timeout": timeout, "verify": verify, "proxies": proxies, "stream": stream, "cert": cert}


def _set_hooks(options: RequestOptions, hooks: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
    """Adds one or several hooks to those that are set."""
    added = hooks["response"]
    options.hooks = (options.hooks or []) + ([added] if callable(added) else list(added))
    options.hook_kwargs = kwargs


def _unknown_argument(name: str) -> TypeError:
    if name in REMOVED_ARGUMENTS:
        return TypeError(f"{name}= is not supported, because requests has removed it: {REMOVED_ARGUMENTS[name]}")
    return TypeError(f"request() got an unexpected keyword argument {name!r}")


#: Arguments that the manual of Locust 0.7 still names, and their replacements.
REMOVED_ARGUMENTS = {
    "return_response": "make the request with requests.Request(...).prepare() and send it with client.send()",
    "config": "give timeout=, proxies=, verify=, allow_redirects= and the like, "
    "or set them as attributes of the client",
    "prefetch": "give stream=True for a body that is not read at once",
}
#: Attributes of a session that decide the transport of a request.
TRANSPORT_SETTINGS = {"proxies", "stream", "verify", "cert", "trust_env"}
NATIVE_AUTH = (HTTPBasicAuth, HTTPDigestAuth)
AUTHORIZATION = ("authorization", b"authorization")
CONTENT_TYPE = ("content-type", b"content-type")
