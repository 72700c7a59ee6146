"""The cookies of a client, under the names of requests.

They are stored in the engine, so reads show what is sent next.
"""

from __future__ import annotations

from http.cookiejar import Cookie
from typing import TYPE_CHECKING, Any, cast

from requests.cookies import RequestsCookieJar, create_cookie

if TYPE_CHECKING:
    from ._engine import ClientSession
    from .client import HttpSession
    from .engine_types import CookieFields


class ClientCookies(RequestsCookieJar):
    """A view of the engine's cookies. It holds none itself and stays valid across requests."""

    def __init__(self, client: HttpSession) -> None:
        self._client = client
        super().__init__()

    @property
    def _session(self) -> ClientSession:
        return cast("ClientSession", self._client._session)

    @property
    def _cookies(self) -> dict[str, dict[str, dict[str, Cookie]]]:
        """The cookies by domain, path and name, which `http.cookiejar` reads."""
        cookies: dict[str, dict[str, dict[str, Cookie]]] = {}
        for cookie in map(_cookie, self._session.cookies()):
            cookies.setdefault(cookie.domain, {}).setdefault(cookie.path, {})[cookie.name] = cookie
        return cookies

    @_cookies.setter
    def _cookies(self, cookies: Any) -> None:
        """Ignores the empty mapping that the constructor of `http.cookiejar` assigns."""

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:
        value = cookie.value
        if value is not None and value[:1] == value[-1:] == '"':
            value = value.replace('\\"', "")
        domain = cookie.domain
        is_host_only = bool(domain) and not cookie.domain_specified
        self._session.set_cookie(
            (cookie.name, value or "", domain, cookie.path, bool(cookie.secure), is_host_only, cookie.expires)
        )

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        if name is not None and (domain is None or path is None):
            raise ValueError("domain and path must be given to remove a cookie by name")
        if path is not None and domain is None:
            raise ValueError("domain must be given to remove cookies by path")
        if domain is None:
            self._session.remove_cookies(None, None, None)
            return
        bare_domain = domain.removeprefix(".")
        removed = [
            cookie
            for cookie in self
            if cookie.domain.removeprefix(".") == bare_domain
            and path in (None, cookie.path)
            and name in (None, cookie.name)
        ]
        if not removed:
            raise KeyError(name if name is not None else domain)
        for cookie in removed:
            self._session.remove_cookies(cookie.name, bare_domain, cookie.path)

    def clear_expired_cookies(self) -> None:
        """Has no effect: the engine sends no expired cookie."""

    def clear_session_cookies(self) -> None:
        for cookie in cast("list[Cookie]", list(self)):
            if cookie.discard:
                self.clear(cookie.domain, cookie.path, cookie.name)


def _cookie(fields: CookieFields) -> Cookie:
    name, value, domain, path, is_secure, is_host_only, expires = fields
    has_domain = bool(domain) and not is_host_only
    domain = f".{domain}" if has_domain else domain
    cookie: Cookie = create_cookie(name, value, domain=domain, path=path, secure=is_secure)
    cookie.expires, cookie.discard, cookie.domain_specified = expires, expires is None, has_domain
    return cookie
