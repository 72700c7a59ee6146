"""The response that a task receives: the attributes and methods of requests' `Response`."""

import ast
import gzip
import zlib

from echo_server import Reply
from program import in_a_task


def test_response_attributes_match_the_reply(run, server):
    server.replies["/page"] = Reply(body=b'{"a": [1]}', headers=(("Content-Type", "application/json"), ("X-One", "1")))
    finished = run(
        in_a_task(
            """
            import datetime
            response = self.client.get("/page?x=1", name="/page")
            print(response.status_code, response.ok, response.reason, bool(response), response, response.error)
            print(response.content, repr(response.text), response.json(), response.encoding)
            print(response.headers["x-one"], response.headers.get("X-Two"), "CONTENT-LENGTH" in response.headers)
            print(response.url.removeprefix(self.host))
            print(datetime.timedelta() < response.elapsed < datetime.timedelta(seconds=5))
            print(response.content is response.content, response.headers is response.headers)
            print(response.raise_for_status())
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        "200 True OK True <Response [200]> None",
        """b'{"a": [1]}' '{"a": [1]}' {'a': [1]} utf-8""",
        "1 None True",
        "/page?x=1",
        "True",
        "True True",
        "None",
    ]


def test_text_is_decoded_by_the_content_type(run, server):
    for path, body, content_type in (
        ("/named", "ü€".encode("utf-16"), 'text/plain; charset="UTF-16"'),
        ("/text", "ü".encode("latin-1"), "text/html"),
        ("/none", "ü".encode(), None),
        ("/json", "ü".encode(), "application/json"),
        ("/unknown", "ü".encode(), "text/plain; charset=klingon"),
        ("/broken", b"a\xffb", "text/plain; charset=utf-8"),
    ):
        server.replies[path] = Reply(body=body, headers=(("Content-Type", content_type),) if content_type else ())
    finished = run(
        in_a_task(
            """
            for path in ("/named", "/text", "/none", "/json", "/unknown", "/broken"):
                print(ascii(self.client.get(path).text))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [r"'\xfc\u20ac'", *[r"'\xfc'"] * 4, r"'a\ufffdb'"]


def test_invalid_json_raises_json_decode_error(run, server):
    server.replies["/empty"] = Reply(body=b"")
    finished = run(
        in_a_task(
            """
            import json
            import requests
            for path in ("/page", "/empty"):
                try:
                    self.client.get(path).json()
                except requests.exceptions.JSONDecodeError as error:
                    print(isinstance(error, json.JSONDecodeError), error)
            print(self.client.post("/", data="[1.5]").json(parse_float=str))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    error = "True Expecting value: line 1 column 1 (char 0)"
    assert finished.printed == [error, error, "['1.5']"]


def test_json_is_decoded_in_the_charset_of_the_response(run, server):
    text = '{"a": "Müller €"}'
    for path, body, content_type in (
        ("/named", text.encode("iso8859-15"), "application/json; charset=ISO-8859-15"),
        ("/text", b'{"a": "M\xfcller"}', "text/plain"),
        ("/utf-8", text.encode(), "application/json; charset=UTF-8"),
        ("/default", text.encode(), "application/json"),
        ("/utf-16", text.encode("utf-16"), "application/json"),
        ("/set", text.encode("cp1252"), "application/json; charset=utf-8"),
        ("/invalid", b'{"a": "M\xfcller"}', "application/json"),
        ("/none", text.encode(), None),
    ):
        server.replies[path] = Reply(body=body, headers=(("Content-Type", content_type),) if content_type else ())
    finished = run(
        in_a_task(
            """
            for path in ("/named", "/text", "/utf-8", "/default", "/utf-16", "/invalid", "/none"):
                print(ascii(self.client.get(path).json()["a"]))
            response = self.client.get("/set")
            response.encoding = "cp1252"
            print(ascii(response.json()["a"]))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    whole = ascii("Müller €")
    assert finished.printed == [
        whole, ascii("Müller"), whole, whole, whole, ascii("M\ufffdller"), whole, whole
    ]  # fmt: skip


def test_request_body_is_bytes_and_raw_has_the_head(run, server):
    server.replies["/raw"] = Reply(201, headers=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-One", "1")))
    finished = run(
        in_a_task(
            """
            for stream in (False, True):
                raw = self.client.get("/raw", stream=stream).raw
                print(raw.status, raw.version, raw.reason, raw.headers.getlist("set-cookie"), raw.headers["x-one"])
            print(self.client.post("/", json={"a": "ü"}).request.body)
            print(self.client.post("/", data={"a": 1}).request.body)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["201 11 Created ['a=1', 'b=2'] 1"] * 2 + [r"""b'{"a": "\\u00fc"}'""", "a=1"]


def test_reason_beyond_utf_8_is_latin_1(run, server):
    server.replies["/"] = Reply(404, reason="Grün é")
    finished = run(in_a_task('print(self.client.get("/").reason)'), f"-H {server.url}").expect_code(1)
    assert finished.printed == ["Grün é"]
    assert "404 Client Error: Grün é for url: /" in finished.stderr


def test_repeated_headers_and_cookies_are_merged(run, server):
    cookies = (
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", 'b="2 3"; Max-Age=60'),
        ("Set-Cookie", "gone=1; Max-Age=0"),
    )
    server.replies["/"] = Reply(headers=(*cookies, ("Vary", "x"), ("vary", "y"), ("X-Old", "grün")))
    finished = run(
        in_a_task(
            """
            response = self.client.get("/")
            print(response.headers["VARY"], response.headers["x-old"])
            print(response.cookies["a"], response.cookies.get_dict(), len(response.cookies))
            print(len(self.client.get("/none").cookies))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed[0] == "x, y grün"
    assert finished.printed[1] == "1 {'a': '1', 'b': '\"2 3\"'} 2"
    assert finished.printed[2] == "0"


def test_statuses_from_400_are_failures(run, server):
    finished = run(
        in_a_task(
            """
            import requests
            for status in (204, 304, 400, 404, 503):
                response = self.client.get(f"/status/{status}", name="/status")
                print(response.status_code, response.ok, bool(response))
                try:
                    response.raise_for_status()
                except requests.exceptions.HTTPError as error:
                    print(str(error).replace(self.host, ""), error.response is response)
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(1)
    assert finished.counts() == {("GET", "/status"): 5} and finished.failures() == {("GET", "/status"): 3}
    lines = [line for line in finished.stderr.splitlines() if line[:1].isdigit()][:8]
    assert lines == [
        "204 True True",
        "304 True True",
        "400 False False",
        "400 Client Error: Bad Request for url: /status/400 True",
        "404 False False",
        "404 Client Error: Not Found for url: /status/404 True",
        "503 False False",
        "503 Server Error: Service Unavailable for url: /status/503 True",
    ]


def test_failed_connection_returns_a_response_with_error(run):
    finished = run(
        in_a_task(
            """
            import requests
            response = self.client.get("/")
            print(response.status_code, response.ok, response.reason, response.content, repr(response.text))
            print(repr(response.error), dict(response.headers), len(response.cookies))
            try:
                response.raise_for_status()
            except requests.exceptions.ConnectionError as error:
                print(error, error.response)
            try:
                response.json()
            except ValueError as error:
                print(error)
            """
        ),
        "-H http://127.0.0.1:1",
    ).expect_code(1)
    assert finished.printed == [
        "0 False None None ''",
        "ConnectionError(ConnectionRefusedError(111, 'Connection refused')) {} 0",
        "[Errno 111] Connection refused None",
        "Expecting value: line 1 column 1 (char 0)",
    ]


def test_response_phases_show_the_time_of_each_part(run, server):
    finished = run(
        in_a_task(
            """
            for path in ("/", "/slow/0.05"):
                response = self.client.get(path)
                print(list(response.phases), [name for name, ms in response.phases.items() if ms])
                before_body = [ms for name, ms in response.phases.items() if name != "body"]
                print(sum(before_body) <= response.elapsed.total_seconds() * 1000 + 0.001)
            print(response.phases["first_byte"] >= 50)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    names = ["resolve", "connect", "tls", "first_byte", "body"]
    assert finished.printed == [f"{names} ['connect', 'first_byte']", "True", f"{names} ['first_byte']", "True", "True"]


def test_failed_connection_has_the_phases_reached(run):
    listener = """
    from locust import events

    @events.request.add_listener
    def show(response, **_):
        print("told", [name for name, ms in response.phases.items() if ms])
    """
    look = """print(self.client.get("/").phases)"""
    finished = run(in_a_task(look, listener), "-H http://127.0.0.1:1").expect_code(1)
    from_listener, from_task = finished.printed
    assert from_listener == "told ['connect']"
    phases = ast.literal_eval(from_task)
    assert phases.pop("connect") > 0 and phases == {"resolve": 0, "tls": 0, "first_byte": 0, "body": 0}


def test_response_content_outlives_its_user(run, server):
    """Checks that the engine does not reuse the memory of a body while Python code holds the response."""
    finished = run(
        """
        from locust import HttpUser, events, task
        from locust.exception import StopTest

        kept = []

        class Visitor(HttpUser):
            @task
            def visit(self):
                kept.append(self.client.post("/", data=str(len(kept)) * 1000))
                if len(kept) == 50:
                    raise StopTest()

        @events.quitting.add_listener
        def compare(environment, **_):
            print(all(response.text == str(number) * 1000 for number, response in enumerate(kept)))
        """,
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["True"]


def test_response_is_a_requests_response(run, server):
    """Checks the types, the attributes of requests, and attributes that the task sets."""
    server.replies["/page"] = Reply(
        body="prêt à-porter, déjà vu, où êtes-vous".encode("latin-1"),
        headers=(("Link", '</2>; rel="next", </9>; rel=last'), ("Content-Type", "application/x-own")),
    )
    finished = run(
        in_a_task(
            """
            import requests
            from locust.clients import HttpSession, Response
            response = self.client.post("/page?x=1", data={"a": "1"}, headers={"X-One": "1"})
            print(isinstance(response, requests.Response), isinstance(response, Response), isinstance(response, dict))
            print(isinstance(self.client, requests.Session), isinstance(self.client, HttpSession))
            print(response.links["next"]["url"], response.links["last"], response.encoding)
            print(response.apparent_encoding is not None, "porter" in response.text)
            response.encoding = "latin-1"
            print(response.text)
            request = response.request
            print(request.method, request.url.removeprefix(self.host), request.path_url, request.body)
            print(request.headers["x-one"], request.headers["Content-Type"], "User-Agent" in request.headers)
            print(self.client.get("/?next=http://other/ ü").url.removeprefix(self.host))
            print(self.client.get("/a[1]?b=50%").url.removeprefix(self.host))
            response.seen = True
            print(response.seen, hasattr(response, "never"), response.is_redirect, response.next)
            with response as same:
                print(same is response)
            print(requests.utils.dict_from_cookiejar(response.cookies))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        "True True False",
        "True True",
        "/2 {'url': '/9', 'rel': 'last'} None",
        "True True",
        "prêt à-porter, déjà vu, où êtes-vous",
        "POST /page?x=1 /page?x=1 a=1",
        "1 application/x-www-form-urlencoded True",
        "/?next=http://other/%20%C3%BC",
        "/a%5B1%5D?b=50%25",
        "True False False None",
        "True",
        "{}",
    ]


def test_compressed_bodies_are_decoded_in_streams(run, server):
    body = b"again and again " * 1000
    for path, coding, packed in (("/gzip", "gzip", gzip.compress(body)), ("/deflate", "deflate", zlib.compress(body))):
        server.replies[path] = Reply(body=packed, headers=(("Content-Encoding", coding),))
    finished = run(
        in_a_task(
            """
            for path in ("/gzip", "/deflate"):
                print(len(self.client.get(path).content), len(self.client.get(path, stream=True).content))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["16000 16000"] * 2


def test_response_hooks_run_and_can_replace_the_response(run, server):
    server.replies["/to"] = Reply(302, headers=(("Location", "/there"),))
    finished = run(
        in_a_task(
            """
            calls = []
            hook = lambda response, timeout, **_: calls.append((response.status_code, timeout))
            self.client.get("/to", hooks={"response": hook}, timeout=5)
            print(calls)
            self.client.hooks["response"] = [lambda response, **_: "replaced"]
            print(self.client.get("/"), self.client.get("/", hooks={"response": hook}).status_code, len(calls))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["[(302, 5), (200, 5)]", "replaced 200 3"]
