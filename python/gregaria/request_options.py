"""What a request is beside method and URL: requests' arguments and those of the session, as `_engine.Wire.send` takes them."""

import json as json_of_python
import os
from collections.abc import Mapping
from urllib.parse import urlencode

from requests import PreparedRequest
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from requests.cookies import cookiejar_from_dict, get_cookie_header
from requests.exceptions import InvalidJSONError
from requests.hooks import default_hooks
from requests.sessions import merge_hooks, merge_setting
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth, requote_uri, to_native_string
from urllib3.util import Timeout

from . import upload
from ._engine import default_headers

#: What every request carries unless it says otherwise.
DEFAULTS = default_headers()


class Sending:
    """`None` is what the session has, or nothing. The native half reads all but the last three."""

    __slots__ = (
        "headers",
        "body",
        "upload",
        "connect_timeout_s",
        "read_timeout_s",
        "total_timeout_s",
        "follow_redirects",
        "max_redirects",
        "cookies",
        "auth",
        "proxies",
        "tls",
        "is_streamed",
        "source",
        "hooks",
        "told_hooks",
    )

    def __init__(self):
        self.headers = self.body = self.upload = self.source = self.cookies = self.auth = self.proxies = self.tls = None
        self.connect_timeout_s = self.read_timeout_s = self.total_timeout_s = None
        self.follow_redirects = self.max_redirects = None
        self.is_streamed = False
        self.hooks = self.told_hooks = None

    def set_body(self, body):
        """Bytes or a text, or else a source of pieces."""
        if hasattr(body, "next_piece"):
            self.body, self.source = None, body
            self.upload = (body.length, body.can_rewind)
        else:
            self.body, self.source, self.upload = body, None, None


def prepare(
    session,
    method,
    url,
    params=None,
    data=None,
    headers=None,
    cookies=None,
    files=None,
    auth=None,
    timeout=None,
    allow_redirects=None,
    proxies=None,
    hooks=None,
    stream=None,
    verify=None,
    cert=None,
    json=None,
    **others,
):
    """Method, URL and all the rest, of what requests takes."""
    if others:
        _refuse_unknown(others)
    sending = Sending()
    url = _text(url)
    settings = session._settings
    if settings:
        params = merge_setting(params, settings.get("params"))
        auth = merge_setting(auth, settings.get("auth"))
        hooks = merge_hooks(hooks, settings.get("hooks"))
        sending.max_redirects = settings.get("max_redirects")
    if params:
        url = _with_params(url, params)
    headers = _headers(settings, headers)
    if data or files or json is not None:
        headers = _set_body(sending, data, json, files, headers)
    sending.headers = headers
    sending.follow_redirects = allow_redirects
    if timeout is not None:
        _set_timeout(sending, timeout)
    if proxies or stream or verify is not None or cert or settings and not WAY.isdisjoint(settings):
        _set_way(session, sending, url, proxies, stream, verify, cert)
    if cookies:
        sending.cookies = _cookies(session, url, cookies)
    if auth is None and settings and session.trust_env:
        auth = get_netrc_auth(session.absolute(url))
    if auth:
        method, url = _authorize(session, sending, method, url, auth)
    if hooks and hooks.get("response"):
        kwargs = {"timeout": timeout, "verify": verify, "proxies": proxies, "stream": stream, "cert": cert}
        _set_hooks(sending, hooks, kwargs)
    return method, url, sending


def of_prepared(session, request, timeout=None, allow_redirects=None, proxies=None, stream=None, verify=None, cert=None):
    """The same of a request that requests has prepared: nothing is added to it."""
    sending = Sending()
    sending.headers = _all_headers(request.headers or {})
    sending.max_redirects = (session._settings or {}).get("max_redirects")
    sending.follow_redirects = allow_redirects
    if request.body is not None:
        sending.set_body(_body_of(request.body))
    if timeout is not None:
        _set_timeout(sending, timeout)
    _set_way(session, sending, request.url, proxies, stream, verify, cert)
    if request.hooks and request.hooks.get("response"):
        kwargs = {"timeout": timeout, "verify": verify, "proxies": proxies, "stream": stream, "cert": cert}
        _set_hooks(sending, request.hooks, kwargs)
    return sending


def _text(url):
    if url.__class__ is not str:
        url = url.decode() if isinstance(url, bytes) else str(url)
    return url.lstrip() if url[:1].isspace() else url


def _with_params(url, params):
    query = to_native_string(params) if isinstance(params, (str, bytes)) else _form(params)
    if not query:
        return url
    url, hash_sign, fragment = url.partition("#")
    return f"{url}{'&' if '?' in url else '?'}{requote_uri(query)}{hash_sign}{fragment}"


def _headers(settings, headers):
    """Pairs, with `None` for what is not to be sent. The request's own win, however they are spelled."""
    of_session = settings and settings.get("headers")
    if of_session is None:
        return list(headers.items()) if headers else None
    return _all_headers(merge_setting(headers, of_session, dict_class=CaseInsensitiveDict))


def _all_headers(headers):
    """These and no others."""
    missing = [(name, None) for name, _ in DEFAULTS if name not in headers]
    return [*headers.items(), *missing]


def _set_body(sending, data, json, files, headers):
    """Gives the headers, with the body's type unless they name one."""
    content_type = None
    if files:
        body, content_type = upload.multipart(data, files)
    elif data:
        body = _body_of(data)
        if isinstance(data, (list, tuple, Mapping)) or hasattr(data, "items"):
            content_type = "application/x-www-form-urlencoded"
    else:
        body, content_type = _json(json), "application/json"
    sending.set_body(body)
    if content_type is None or any(name.lower() in CONTENT_TYPE for name, _ in headers or ()):
        return headers
    return [*(headers or ()), ("Content-Type", content_type)]


def _json(value):
    try:
        return json_of_python.dumps(value, allow_nan=False)
    except ValueError as error:
        raise InvalidJSONError(error) from None


def _body_of(data):
    if isinstance(data, (str, bytes, bytearray, memoryview)):
        return data
    if isinstance(data, (list, tuple, Mapping)) or hasattr(data, "items"):
        return _form(data)
    return upload.of(data)


def _form(fields):
    """As requests writes forms: lists are repeated fields, None is left out."""
    pairs = []
    for name, values in fields.items() if hasattr(fields, "items") else fields:
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        pairs += [(name, value) for value in values if value is not None]
    return urlencode(pairs, doseq=True)


def _set_timeout(sending, timeout):
    """For the connection and for each silence; `urllib3.Timeout` has one for all of it too."""
    if not isinstance(timeout, Timeout):
        if isinstance(timeout, tuple) and len(timeout) != 2:
            raise ValueError(f"timeout={timeout!r} takes seconds, or two of them: for connecting and for reading")
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        timeout = Timeout(connect=connect, read=read)
    limits = (timeout._connect, timeout._read, timeout.total)
    limits = [limit if isinstance(limit, (int, float)) else None for limit in limits]
    sending.connect_timeout_s, sending.read_timeout_s, sending.total_timeout_s = limits


def _set_way(session, sending, url, proxies, stream, verify, cert):
    """Proxies, TLS, and how the response is read."""
    if proxies is not None:
        proxies = dict(proxies)
    elif session.trust_env:
        proxies = {}
    way = session.merge_environment_settings(session.absolute(url), proxies, stream, verify, cert)
    sending.is_streamed = bool(way["stream"])
    pairs = [(name, proxy) for name, proxy in (way["proxies"] or {}).items() if proxy and _is_for_http(name)]
    sending.proxies = pairs or None
    verify, cert = way["verify"], way["cert"]
    if cert or (verify is not True and verify is not None):
        bundle = os.fspath(verify) if isinstance(verify, (str, os.PathLike)) else None
        pair = (cert, cert) if isinstance(cert, (str, os.PathLike)) else cert
        sending.tls = (bool(verify), bundle, tuple(map(os.fspath, pair)) if pair else None)


def _is_for_http(name):
    """As in requests: what a proxy is for may be something that no request is."""
    return name == "no_proxy" or name.partition("://")[0] in ("http", "https", "all")


def _cookies(session, url, cookies):
    """Those of the request that are for this URL."""
    if isinstance(cookies, Mapping) and not hasattr(cookies, "set_policy"):
        pairs = [(name, str(value)) for name, value in cookies.items() if value is not None]
        return pairs
    request = PreparedRequest()
    request.url, request.headers = session.absolute(url), CaseInsensitiveDict()
    header = get_cookie_header(cookies if hasattr(cookies, "set_policy") else cookiejar_from_dict(cookies), request)
    return [tuple(pair.partition("=")[::2]) for pair in header.split("; ")] if header else None


def _authorize(session, sending, method, url, auth):
    """User and password are the engine's affair; whatever else may be called gets a request to change."""
    if isinstance(auth, tuple) and len(auth) == 2:
        auth = HTTPBasicAuth(*auth)
    if type(auth) in NATIVE_AUTH:
        encoding = "latin-1" if type(auth) is HTTPBasicAuth else "utf-8"
        user, password = (_credential(part, encoding) for part in (auth.username, auth.password))
        sending.auth = (user, password, type(auth) is HTTPDigestAuth)
        sending.headers = [pair for pair in sending.headers or () if pair[0].lower() not in AUTHORIZATION]
        return method, url
    url = _without_credentials(url)
    request = PreparedRequest()
    request.method, request.url = method, session.absolute(url)
    request.headers = CaseInsensitiveDict(DEFAULTS)
    request.headers.update(pair for pair in sending.headers or () if pair[1] is not None)
    for name, value in sending.headers or ():
        if value is None:
            request.headers.pop(name, None)
    request.body = before = sending.body if sending.source is None else sending.source
    request.hooks = default_hooks()
    request = auth(request)
    sending.headers = _all_headers(request.headers)
    if request.body is not before:
        sending.set_body(b"" if request.body is None else _body_of(request.body))
    if request.hooks.get("response"):
        _set_hooks(sending, request.hooks, {})
    return request.method, url if request.url == session.absolute(url) else request.url


def _without_credentials(url):
    """Of two who ask, the one in the URL is not heard."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}" if scheme in ("http", "https") else url


def _credential(part, encoding):
    return part if isinstance(part, bytes) else str(part).encode(encoding)


def _set_hooks(sending, hooks, kwargs):
    """One or several, beside those that are there."""
    added = hooks["response"]
    sending.hooks = (sending.hooks or []) + ([added] if callable(added) else list(added))
    sending.told_hooks = kwargs


def _refuse_unknown(others):
    for name in others:
        if name in GONE:
            raise TypeError(f"{name}= is gone, with requests 0.x: {GONE[name]}")
        raise TypeError(f"request() got an unexpected keyword argument {name!r}")


#: What the manual of 0.7 still names.
GONE = {
    "return_response": "make the request with requests.Request(...).prepare() and send it with client.send()",
    "config": "give timeout=, proxies=, verify=, allow_redirects= and the like, or set them as attributes of the client",
    "prefetch": "give stream=True for a body that is not read at once",
}
#: Settings of a session that decide how a request goes and comes, rather than what it says.
WAY = {"proxies", "stream", "verify", "cert", "trust_env"}
NATIVE_AUTH = (HTTPBasicAuth, HTTPDigestAuth)
AUTHORIZATION = ("authorization", b"authorization")
CONTENT_TYPE = ("content-type", b"content-type")
