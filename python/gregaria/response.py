"""Parts of a response that are made of others when they are asked for; `_engine.Response` calls these."""

import json
from http.cookies import CookieError, SimpleCookie

from requests.cookies import RequestsCookieJar
from requests.exceptions import JSONDecodeError
from requests.structures import CaseInsensitiveDict


def loads(content, **kwargs):
    """The body as JSON; without a body an error that says so."""
    try:
        return json.loads(content or b"", **kwargs)
    except json.JSONDecodeError as error:
        raise JSONDecodeError(error.msg, error.doc, error.pos) from None
    except UnicodeDecodeError as error:
        raise JSONDecodeError(str(error), "", 0) from None


def headers(pairs, _host):
    """All headers; those that came more than once are joined."""
    joined = CaseInsensitiveDict()
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def cookies(pairs, host):
    """The cookies that this response sets."""
    jar = RequestsCookieJar()
    for name, value in pairs:
        if name.lower() != "set-cookie":
            continue
        try:
            morsels = SimpleCookie(value).values()
        except CookieError:
            continue
        for morsel in morsels:
            jar.set(morsel.key, morsel.value, domain=morsel["domain"] or host, path=morsel["path"] or "/")
    return jar
