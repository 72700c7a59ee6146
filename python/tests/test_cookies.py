"""`self.client.cookies`: the cookie jar of the engine with the interface of requests' `RequestsCookieJar`."""

from echo_server import Reply
from program import in_a_task


def test_cookie_jar_changes_apply_to_the_next_request(run, server):
    """Checks this with a jar object that was taken from the client before the first request."""
    server.replies["/login"] = Reply(
        headers=(("Set-Cookie", "id=7; Path=/"), ("Set-Cookie", "lang=de; Path=/x; Max-Age=60"))
    )
    server.replies["/logout"] = Reply(headers=(("Set-Cookie", "id=; Path=/; Max-Age=0"),))
    finished = run(
        in_a_task(
            """
            import requests
            jar = self.client.cookies
            print(len(jar), isinstance(jar, requests.cookies.RequestsCookieJar))
            self.client.get("/login")
            print(sorted(jar.items()), jar["id"], jar.get("none", "-"), "id" in jar, len(jar), jar.keys())
            print({(cookie.name, cookie.domain, cookie.path, cookie.expires is None) for cookie in jar} ==
                {("id", "127.0.0.1", "/", True), ("lang", "127.0.0.1", "/x", False)})
            self.client.get("/logout")
            print(jar.get_dict(), requests.utils.dict_from_cookiejar(self.client.cookies), jar.list_domains())
            jar["new"] = "1"
            jar.set("second", "2", path="/deep")
            jar.update({"third": "3"})
            self.client.get("/a")
            self.client.get("/deep/b")
            del jar["new"]
            jar.set("third", None)
            self.client.get("/deep/c")
            copy = jar.copy()
            jar.clear()
            self.client.get("/d")
            print(sorted(copy.keys()), len(jar), repr(jar))
            try:
                jar["gone"]
            except KeyError as error:
                print(error)
            self.client.cookies = {"of": "a dict"}
            self.client.get("/e")
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        "0 True",
        "[('id', '7'), ('lang', 'de')] 7 - True 2 ['lang', 'id']",
        "True",
        "{'lang': 'de'} {'lang': 'de'} ['127.0.0.1']",
        "['lang', 'second'] 0 <ClientCookies[]>",
        "\"name='gone', domain=None, path=None\"",
    ]
    sent = {request.target: request.headers.get("cookie") for request in server.requests}
    assert sent["/a"] == "new=1; third=3" and set(sent["/deep/b"].split("; ")) == {"second=2", "new=1", "third=3"}
    assert (sent["/deep/c"], sent["/d"], sent["/e"]) == ("second=2", None, "of=a dict")


def test_cookies_match_the_host_header(run, server):
    server.replies["/login"] = Reply(
        headers=(("Set-Cookie", "sid=1; Path=/; Domain=shop.example"), ("Set-Cookie", "own=1"))
    )
    finished = run(
        in_a_task(
            """
            response = self.client.get("/login", headers={"Host": "www.shop.example"})
            print(dict(response.cookies))
            for host in ("www.shop.example", "api.shop.example", "other.example", None):
                self.client.get("/", headers={"Host": host} if host else {})
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["{'sid': '1', 'own': '1'}"]
    cookies = [request.headers.get("cookie") for request in server.requests]
    assert cookies == [None, "sid=1; own=1", "sid=1", None, None]


def test_cookies_survive_a_new_base_url(run, server):
    finished = run(
        in_a_task(
            """
            self.client.cookies["a"] = "1"
            self.client.base_url = self.host + "/base"
            print(self.client.get("/path").url.removeprefix(self.host), dict(self.client.cookies))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["/base/path {'a': '1'}"]
    assert server.requests[0].headers["cookie"] == "a=1"
