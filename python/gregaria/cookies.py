"""The cookies of a client, under requests' names. They are the engine's: what is read is what the next request carries."""


from requests.cookies import RequestsCookieJar, create_cookie


class ClientCookies(RequestsCookieJar):
    """A view: it holds no cookies, and is as true when it was kept across requests."""

    def __init__(self, client):
        self._client = client
        super().__init__()

    @property
    def _cookies(self):
        """Domain, path and name lead to each cookie; `http.cookiejar` reads everything here."""
        cookies = {}
        for cookie in map(_read, self._client._wire.cookies()):
            cookies.setdefault(cookie.domain, {}).setdefault(cookie.path, {})[cookie.name] = cookie
        return cookies

    @_cookies.setter
    def _cookies(self, cookies):
        """What its maker begins with is nothing, and there may be some already."""

    def set_cookie(self, cookie, *args, **kwargs):
        value = cookie.value
        if value is not None and value[:1] == value[-1:] == '"':
            value = value.replace('\\"', "")
        domain = cookie.domain
        is_host_only = bool(domain) and not cookie.domain_specified
        self._client._wire.set_cookie(
            (cookie.name, value or "", domain, cookie.path, bool(cookie.secure), is_host_only, cookie.expires)
        )

    def clear(self, domain=None, path=None, name=None):
        if name is not None and (domain is None or path is None):
            raise ValueError("domain and path must be given to remove a cookie by name")
        if path is not None and domain is None:
            raise ValueError("domain must be given to remove cookies by path")
        wire = self._client._wire
        if domain is None:
            wire.remove_cookies(None, None, None)
            return
        gone = [
            cookie
            for cookie in self
            if cookie.domain.removeprefix(".") == domain.removeprefix(".") and path in (None, cookie.path) and name in (None, cookie.name)
        ]
        if not gone:
            raise KeyError(name if name is not None else domain)
        for cookie in gone:
            wire.remove_cookies(cookie.name, domain.removeprefix("."), cookie.path)

    def clear_expired_cookies(self):
        """The engine sends none that has expired."""

    def clear_session_cookies(self):
        for cookie in list(self):
            if cookie.discard:
                self.clear(cookie.domain, cookie.path, cookie.name)


def _read(cookie):
    name, value, domain, path, is_secure, is_host_only, expires = cookie
    is_wide = bool(domain) and not is_host_only
    made = create_cookie(name, value, domain=f".{domain}" if is_wide else domain, path=path, secure=is_secure)
    made.expires, made.discard, made.domain_specified = expires, expires is None, is_wide
    return made
