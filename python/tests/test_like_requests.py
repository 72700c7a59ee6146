"""Comparison with requests: the same calls, by requests and by `self.client`, send the same requests."""

import re
from textwrap import indent

import pytest
import requests
from echo_server import EchoServer, Reply
from program import in_a_task

#: Calls on the client, one a line. `url` is the address of the server, `file(name, content)` returns an open file.
CALLS = {
    "params": """
        client.get(url + "/", params={"q": "a b", "page": [1, 2], "none": None})
        client.get(url + "/?x=1", params=[("y", "2"), ("y", "&")])
        client.get(url + "/#top", params="as=it&is=a b")
        client.get(url + "/", params=b"raw=%20")
        client.get(url + "/", params={"ü": "ß/?"})
        client.get(url + "/a?b", params={})
        client.get(url + "/ä ö", params=(("t", 1),))
    """,
    "targets": """
        client.get(url + "/a[1]?q[]=1&r=[x]")
        client.get(url + "/100%")
        client.get(url + "/%20%zz?a=%20")
        client.get(url + "/%20?a=%zz&b=%20#%")
        client.get(url + "/a|b^c`d{e}f<>'()*!$;,@:?a=|^`{}<>'()*!$;,@:/?")
        client.get(url + "/%", params={"a[]": "1%"})
        client.get(url + "/location/[1]%zz")
    """,
    "bodies": """
        client.post(url + "/", data={"a": "1 2", "b": ["x", "y"], "c": None, "d": 5, "e": "ü&="})
        client.post(url + "/", data=[("a", "1"), ("a", 2), ("b", b"raw")])
        client.post(url + "/", data="plain ü")
        client.post(url + "/", data=bytes(range(256)))
        client.post(url + "/", data=bytearray(b"array"))
        client.post(url + "/", data=io.BytesIO(b"of a file"))
        client.post(url + "/", data=file("part", b"skipped, and the rest", 9))
        client.post(url + "/", data=file("long", b"long" * 100_000))
        client.post(url + "/", data=(chunk for chunk in (b"pie", b"ces", b"x" * 200_000)))
        client.post(url + "/", json={"a": [1, None, "ü"]})
        client.post(url + "/", json=[])
        client.post(url + "/", data="x", json={"ignored": 1})
        client.put(url + "/", json={"a": 1}, headers={"Content-Type": "application/own"})
        client.post(url + "/", data={"form": 1}, headers={"content-type": "text/mine"})
        client.post(url + "/")
        client.patch(url + "/", data=b"")
        client.get(url + "/", data=b"of a get")
        client.delete(url + "/", json={"id": 1})
    """,
    "files": """
        client.post(url + "/", files={"a": b"bytes"})
        client.post(url + "/", files={"a": ("name.txt", "text ü", "text/plain", {"X-Part": "1"})})
        files = [("a", ("1.bin", b"1")), ("a", ("2.bin", b"2", "image/png"))]
        client.post(url + "/", files=files, data={"f": ["1", "2"]})
        client.post(url + "/", files={"a": file("long.bin", b"long" * 100_000)}, data=[("first", "ü")])
        client.post(url + "/", files={"a": (None, b"a field")})
        client.post(url + "/", files={"ä": ("ö.txt", io.BytesIO(b"x"))})
        client.post(url + "/", files={"none": None, "a": b"x"})
        client.post(url + "/", files={"a": 5, "b": ("name", 6)})
    """,
    "headers": """
        client.get(url + "/", headers={"X-One": "1", "X-Bytes": b"b", "X-None": None})
        client.get(url + "/", headers={"User-Agent": "mine", "Accept": "text/html", "accept-encoding": None})
        client.get(url + "/", headers={"Host": "other.example"})
        client.post(url + "/", data=b"abc", headers={"Content-Length": "7"})
        client.headers["X-Two"] = "2"
        client.headers.update({"User-Agent": "session's"})
        client.get(url + "/", headers={"x-two": "request's"})
        client.get(url + "/", headers={"X-TWO": None})
        del client.headers["Accept"]
        client.get(url + "/")
        client.headers = {"User-Agent": "new"}
        client.get(url + "/", headers={"X-One": "1"})
    """,
    "auth": """
        client.get(url + "/", auth=("ellen", "k:y"))
        client.get(url + "/", auth=("ellen", "kü"), headers={"Authorization": "mine"})
        client.get(url + "/", auth=requests.auth.HTTPBasicAuth("a", "b"))
        client.get(url + "/", auth=requests.auth.HTTPProxyAuth("a", "b"))
        client.post(url + "/x?y=1", data={"a": 1}, auth=signed)
        client.auth = ("of", "session")
        client.get(url + "/")
        client.get(url + "/", auth=("of", "request"))
        client.auth = signed
        client.get(url + "/")
        client.get(url.replace("http://", "http://in:url@") + "/")
    """,
    "digest": """
        client.auth = requests.auth.HTTPDigestAuth("ellen", "key")
        client.get(url + "/digest")
        client.post(url + "/digest", data=b"body")
    """,
    "cookies": """
        client.get(url + "/", cookies={"a": "1", "b": "2"})
        client.cookies.set("c", "3")
        client.get(url + "/")
        client.get(url + "/", cookies={"c": "of the request"})
        client.get(url + "/login")
        client.get(url + "/x/y")
        client.get(url + "/", headers={"Cookie": "own=1"})
        client.cookies.clear()
        client.get(url + "/")
        client.cookies = requests.utils.cookiejar_from_dict({"d": "4"})
        client.get(url + "/")
        client.cookies.update({"e": "5"})
        del client.cookies["d"]
        client.get(url + "/")
    """,
    "redirects": """
        client.get(url + "/to/302?x=1", headers={"X-One": "1"})
        client.post(url + "/to/301", data={"a": 1})
        client.post(url + "/to/302", json={"a": 1})
        client.put(url + "/to/303", data=b"x")
        client.post(url + "/to/307", data=b"again")
        client.post(url + "/to/308", data=io.BytesIO(b"again" * 50_000))
        client.get(url + "/to/302", allow_redirects=False)
        client.head(url + "/to/302")
        client.head(url + "/to/302", allow_redirects=True)
        client.request("HEAD", url + "/to/302")
        client.get(url + "/to/302", auth=("u", "p"))
        client.get(url + "/away", auth=("u", "p"))
        client.get(url + "/away", headers={"Authorization": "secret", "X-One": "1"})
    """,
    "methods": """
        client.options(url + "/")
        client.request("PROPFIND", url + "/", data="<x/>")
        client.request("purge", url + "/")
        client.delete(url + "/")
    """,
    "prepared": """
        client.headers["X-Session"] = "1"
        client.send(client.prepare_request(requests.Request("POST", url + "/a", data={"a": 1}, params={"b": 2})))
        client.send(requests.Request("GET", url + "/b", headers={"X": "1"}).prepare())
        client.send(requests.Request("POST", url + "/c", files={"a": b"x"}).prepare())
    """,
    "session": """
        client.params = {"all": "1"}
        client.get(url + "/", params={"own": "2"})
        client.get(url + "/", params={"all": None})
        is_first = lambda response: response.url.endswith("/first?all=1")
        hook = lambda response, **_: client.get(url + "/hooked") if is_first(response) else None
        client.hooks["response"].append(hook)
        client.get(url + "/first")
        client.get(url + "/second", hooks={"response": []})
    """,
}
HELPERS = """
import io, os, requests

def file(name, content, position=0):
    with open(name, "wb") as new:
        new.write(content)
    opened = open(name, "rb")
    opened.seek(position)
    return opened

def signed(request):
    request.headers["X-Signed"] = f"{request.method} {request.path_url} {request.body}"
    return request

"""


@pytest.mark.parametrize("subject", CALLS)
def test_calls_send_the_same_requests_as_requests(run, tmp_path, monkeypatch, subject):
    monkeypatch.chdir(tmp_path)
    calls = "\n".join(line.strip() for line in CALLS[subject].strip().splitlines())
    with Servers() as here:
        before = HELPERS + f"def calls(client, url):\n{indent(calls, '    ')}\n"
        run(in_a_task(f'calls(self.client, "{here.url}")', before), f"-H {here.url}").expect_code(0)
        ours = here.log()
    with Servers() as there, requests.Session() as session:
        session.trust_env = False
        names = {"client": session, "url": there.url}
        exec(HELPERS, names)
        exec(calls, names)
        theirs = there.log()
    for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        assert our == their, f"request {number}"


class Servers:
    """Two servers: the target, and another origin to which the target redirects."""

    def __enter__(self):
        self._target, self._other = EchoServer(), EchoServer()
        self.url = self._target.url
        replies = self._target.replies
        replies["/login"] = Reply(headers=(("Set-Cookie", "id=7; Path=/"), ("Set-Cookie", "lang=de; Path=/x")))
        for status in (301, 302, 303, 307, 308):
            replies[f"/to/{status}"] = Reply(status, headers=(("Location", "/here?y=2"), ("Set-Cookie", "on=way")))
        replies["/away"] = Reply(302, headers=(("Location", f"{self._other.url}/there"),))
        replies["/location/[1]%zz"] = replies["/location/%5B1%5D%25zz"] = Reply(302, headers=(("Location", "/[2]%zz"),))
        replies["/digest"] = challenge
        return self

    def __exit__(self, *_):
        self._target.close()
        self._other.close()

    def log(self):
        """Returns the requests of both servers, without parts that are random or differ on purpose."""
        addresses = re.compile(rf"{self._target.address}|{self._other.address}")
        return [
            _comparable(request, addresses) for server in (self._target, self._other) for request in server.requests
        ]


def challenge(request):
    if "authorization" in request.headers:
        return Reply()
    header = 'Digest realm="r", qop="auth", nonce="n0nce", opaque="o", algorithm=SHA-256'
    return Reply(401, headers=(("WWW-Authenticate", header),))


def _comparable(request, addresses):
    headers = {name: addresses.sub("SERVER", value) for name, value in request.headers.items() if name not in OWN}
    if headers.get("user-agent", "").startswith(("python-", "gregaria")):
        del headers["user-agent"]
    body = request.body
    if boundary := re.search("boundary=(.*)", headers.get("content-type", "")):
        headers["content-type"] = headers["content-type"].replace(boundary[1], "BOUNDARY")
        body = body.replace(boundary[1].encode(), b"BOUNDARY")
    if "cookie" in headers:
        headers["cookie"] = sorted(headers["cookie"].split("; "))
    if headers.get("authorization", "").startswith("Digest"):
        secret = re.compile('(response|cnonce)="[^"]*"')
        plain = secret.sub(r"\1", headers["authorization"][7:]).replace('"', "")
        headers["authorization"] = sorted(plain.split(", "))
    if headers.get("content-length") == "0":
        # requests sends this header also for methods without a body.
        del headers["content-length"]
    return request.method, request.target, headers, body


#: Headers that differ on purpose: the engine supports other encodings, and keeps connections by default.
OWN = {"accept-encoding", "connection"}
