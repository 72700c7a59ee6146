"""Requests of `self.client`: verbs, bodies, parameters, headers, names, timeouts and threads."""

import base64
import json

from echo_server import Reply
from program import in_a_task


def test_each_verb_is_sent_and_counted_as_a_row(run, server):
    finished = run(
        in_a_task(
            """
            for verb in ("get", "options", "head", "post", "put", "patch", "delete"):
                response = getattr(self.client, verb)("/" + verb)
                assert response.status_code == 200, response
            self.client.request("GET", "/request")
            self.client.request("delete", url="/small")
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(0)
    verbs = ["GET", "OPTIONS", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    expected = {(verb, "/" + verb.lower()): 1 for verb in verbs} | {("GET", "/request"): 1, ("DELETE", "/small"): 1}
    assert finished.counts() == server.counts() == expected


def test_request_names_become_rows(run, server):
    finished = run(
        in_a_task(
            f"""
            self.client.get("/items/1?x=1")
            self.client.get("/items/2", name="/items/[id]")
            self.client.post("/items/3", name="/items/[id]")
            with self.client.rename_request("renamed"):
                self.client.get("/a")
                self.client.get("/b", name="named")
            self.client.request_name = "all"
            self.client.get("/c")
            self.client.request_name = None
            self.client.get("{server.url}/whole?y=2")
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(0)
    assert finished.counts() == {
        ("GET", "/items/1?x=1"): 1,
        ("GET", "/items/[id]"): 1,
        ("POST", "/items/[id]"): 1,
        ("GET", "renamed"): 1,
        ("GET", "named"): 1,
        ("GET", "all"): 1,
        ("GET", "/whole?y=2"): 1,
    }
    assert server.targets() == ["/items/1?x=1", "/items/2", "/items/3", "/a", "/b", "/c", "/whole?y=2"]


def test_default_name_is_the_encoded_path_and_query(run, server):
    """Checks that names are formed as in Locust, so that both programs have the same rows."""
    base = f"{server.url}/base"
    finished = run(
        in_a_task(
            f"""
            for url in ("/a", "/a#one", "/a#two", "/ä b?c d", "/q?", "", "{server.url}", "{server.url}?x=1"):
                self.client.get(url)
            """
        ),
        f"-H {base} --json",
    ).expect_code(0)
    rows = ["/base/a", "/base/%C3%A4%20b?c%20d", "/base/q", "/base", "/", "/?x=1"]
    assert finished.counts() == {("GET", row): 3 if row == "/base/a" else 1 for row in rows}


def test_bodies_are_sent_with_their_content_types(run, server):
    run(
        in_a_task(
            """
            import io
            self.client.post("/0", {"a": "1 2", "b": ["x", "y"], "c": None, "d": 5, "e": "ü&="})
            self.client.post("/1", data=[("a", "1"), ("a", 2), ("b", b"raw")])
            self.client.post("/2", data="plain ü")
            self.client.post("/3", data=bytes(range(256)))
            self.client.post("/4", data=io.BytesIO(b"of a file"))
            self.client.post("/5", json={"a": [1, None, "ü"]})
            self.client.put("/6", json={"a": 1}, headers={"Content-Type": "application/own"})
            self.client.post("/7", data="x", json={"ignored": 1})
            self.client.post("/8")
            self.client.post("/9", data=bytearray(b"array"))
            self.client.post("/10", json=[])
            self.client.post("/11", data={"form": 1}, headers={"content-type": "text/mine"})
            self.client.post("/12", data=(chunk for chunk in (b"pie", b"ces")))
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    form, types = (
        "application/x-www-form-urlencoded",
        [request.headers.get("content-type") for request in server.requests],
    )
    assert [request.body for request in server.requests] == [
        b"a=1+2&b=x&b=y&d=5&e=%C3%BC%26%3D",
        b"a=1&a=2&b=raw",
        "plain ü".encode(),
        bytes(range(256)),
        b"of a file",
        json.dumps({"a": [1, None, "ü"]}).encode(),
        b'{"a": 1}',
        b"x",
        b"",
        b"array",
        b"[]",
        b"form=1",
        b"pieces",
    ]
    as_json = "application/json"
    assert types == [
        form,
        form,
        None,
        None,
        None,
        as_json,
        "application/own",
        None,
        None,
        None,
        as_json,
        "text/mine",
        None,
    ]
    assert server.requests[8].headers["content-length"] == "0"


def test_params_become_the_query(run, server):
    finished = run(
        in_a_task(
            """
            self.client.get("/", params={"q": "a b", "page": [1, 2], "none": None})
            self.client.get("/?x=1", params=[("y", "2"), ("y", "&")])
            self.client.get("/", params="as=it&is")
            self.client.get("/", params={})
            self.client.get("/named", params={"id": 7}, name="/named")
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(0)
    targets = ["/?q=a+b&page=1&page=2", "/?x=1&y=2&y=%26", "/?as=it&is", "/", "/named?id=7"]
    assert server.targets() == targets
    assert set(finished.counts()) == {("GET", target) for target in targets[:4]} | {("GET", "/named")}


def test_request_headers_override_session_headers(run, server):
    run(
        in_a_task(
            """
            self.client.get("/0", headers={"X-One": "1", "X-Bytes": b"b"})
            self.client.headers.update({"X-One": "session", "X-Two": "2"})
            self.client.headers["user-agent"] = "mine"
            self.client.get("/1")
            self.client.get("/2", headers={"x-one": "request", "X-TWO": None})
            del self.client.headers["X-Two"]
            self.client.get("/3")
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    sent = [
        {name: request.headers.get(name) for name in ("x-one", "x-two", "user-agent")} for request in server.requests
    ]
    assert server.requests[0].headers["x-bytes"] == "b" and sent[0]["x-one"] == "1"
    assert server.requests[0].headers["host"] == server.address
    assert sent[1] == {"x-one": "session", "x-two": "2", "user-agent": "mine"}
    assert sent[2] == {"x-one": "request", "x-two": None, "user-agent": "mine"}
    assert sent[3] == {"x-one": "session", "x-two": None, "user-agent": "mine"}


def test_sessions_share_no_cookies_and_no_connections(run, server):
    server.replies["/login"] = Reply(headers=(("Set-Cookie", "id=7; Path=/"), ("Set-Cookie", "lang=de; Path=/x")))
    run(
        """
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(60)

            @task
            def visit(self):
                for path in ("/login", "/a", "/x/b"):
                    self.client.get(path)
        """,
        f"-H {server.url} -u 2 -r 100 -t 1s",
    ).expect_code(0)
    cookies = {target: [] for target in ("/login", "/a", "/x/b")}
    for request in server.requests:
        cookies[request.target].append(request.headers.get("cookie"))
    assert cookies["/login"] == [None] * 2 and cookies["/a"] == ["id=7"] * 2, cookies
    assert [set(cookie.split("; ")) for cookie in cookies["/x/b"]] == [{"id=7", "lang=de"}] * 2
    assert len({request.client for request in server.requests}) == 2, "one connection for each user"


def test_timeout_is_a_failure_without_a_response(run, server):
    finished = run(
        in_a_task(
            """
            from urllib3 import Timeout
            for timeout in (0.1, (5, 0.1), (None, 0.1), Timeout(total=0.1), Timeout(connect=5, read=0.1)):
                response = self.client.get("/slow/1", timeout=timeout)
                print(response.status_code, type(response.error).__name__, response.content, repr(response.text))
            print(self.client.get("/", timeout=5).status_code)
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["0 ReadTimeout None ''"] * 5 + ["200"]
    assert "ReadTimeout(" in finished.errors[0]


def test_invalid_timeout_raises_value_error(run, server):
    finished = run(
        in_a_task(
            """
            for timeout in ("5", 0, True, (1,), (1, 2, 3), [1, 2]):
                try:
                    self.client.get("/", timeout=timeout)
                except ValueError as error:
                    print(error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert len(finished.printed) == 6 and server.requests == []
    assert finished.printed[0] == "Timeout value connect was 5, but it must be an int, float or None."
    assert finished.printed[3] == "timeout=(1,): takes seconds, or a pair of connect and read timeout"


def test_credentials_in_the_host_become_a_header(run, server):
    run(in_a_task('self.client.get("/a")'), f"-H http://ellen:k%40y@{server.address}/base").expect_code(0)
    (request,) = server.requests
    assert request.target == "/base/a"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"ellen:k@y").decode()
    assert request.headers["host"] == server.address


def test_concurrent_requests_of_a_user_use_own_connections(run, server):
    finished = run(
        in_a_task(
            """
            import gevent
            pages = [gevent.spawn(self.client.get, f"/slow/0.{number}", name="/slow") for number in (5, 4, 3, 2)]
            gevent.joinall(pages, raise_error=True)
            print([page.value.text for page in pages])
            """
        ),
        f"-H {server.url} --stop-timeout 5",
    ).expect_code(0)
    assert finished.printed == ["['ok', 'ok', 'ok', 'ok']"]
    assert len({request.client for request in server.requests}) == 4, "one connection for each concurrent request"


def test_test_start_listener_can_send_requests(run, server):
    """Checks that requests before the first user are sent and counted."""
    finished = run(
        """
        from locust import HttpUser, constant, events, task
        from locust.clients import HttpSession

        @events.test_start.add_listener
        def prepare(environment, **_):
            session = HttpSession(environment.host, environment.events.request, None)
            print(session.get("/prepare").text)

        class Visitor(HttpUser):
            wait_time = constant(60)

            @task
            def visit(self):
                self.client.get("/")
        """,
        f"-H {server.url} -t 1s",
    ).expect_code(0)
    assert finished.printed == ["ok"]
    assert server.targets() == ["/prepare", "/"]
    assert "/prepare" in finished.stderr


def test_client_outside_a_run_raises_an_error(run, server):
    finished = run(
        f"""
        from locust import HttpUser, task
        from locust.clients import HttpSession

        HttpSession("{server.url}", None, None).get("/")
        """,
    ).expect_code(1)
    (line,) = finished.stderr.splitlines()
    assert line == "gregaria: locustfile.py, line 5: LocustError: a client can send requests only during a run"


def test_unsupported_features_raise_clear_errors(run, server):
    finished = run(
        in_a_task(
            """
            for more in ({"wrong": 1}, {"return_response": False}, {"config": {"verbose": True}}):
                try:
                    self.client.get("/", **more)
                except TypeError as error:
                    print(error)
            try:
                self.client.post("/", data=5)
            except TypeError as error:
                print(error)
            for other in (
                lambda: self.client.mount("https://", object()),
                lambda: self.client.adapters,
                lambda: self.client.get("/").connection,
                lambda: self.client.request("BREW TEA", "/"),
            ):
                try:
                    other()
                except (NotImplementedError, AttributeError, ValueError) as error:
                    print(error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    adapters = (
        "adapters cannot be mounted: the engine sends all requests; use requests.Session() for a request that needs one"
    )
    assert finished.printed == [
        "request() got an unexpected keyword argument 'wrong'",
        "return_response= is not supported, because requests has removed it: make the request with "
        "requests.Request(...).prepare() and send it with client.send()",
        "config= is not supported, because requests has removed it: give timeout=, proxies=, verify=, "
        "allow_redirects= and the like, or set them as attributes of the client",
        "data takes bytes, a text, a form, a file or an iterable of pieces, not 5",
        adapters,
        adapters,
        "a response has no connection here: send again with client.send()",
        '"BREW TEA": a method is a word of letters, digits and !#$%&\'*+-.^_`|~',
    ]
    assert server.targets() == ["/"]


def test_invalid_request_raises_and_is_not_counted(run, server):
    """Checks that the exception is raised in the task, as in Locust."""
    finished = run(
        in_a_task(
            """
            import requests
            for url, more in (
                ("http://[", {}),
                ("ftp://127.0.0.1/", {}),
                ("/", {"headers": {"X": "a\\r\\nY: b"}}),
                ("/", {"headers": {"X": " a"}}),
                ("/", {"headers": {"X": 1}}),
                ("/", {"headers": {"X Y": "1"}}),
                ("/", {"proxies": {"http": "socks5://p"}}),
                ("/", {"verify": "/not/there"}),
                ("/", {"json": float("nan")}),
            ):
                try:
                    self.client.get(url, **more)
                except (requests.RequestException, OSError) as error:
                    print(type(error).__name__)
                    if url != "/":
                        print(repr(url) in str(error).replace('"', "'"))
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(0)
    lines = finished.stderr.splitlines()
    names = ["InvalidURL", "InvalidURL", *["InvalidHeader"] * 4, "InvalidProxyURL", "OSError"]
    names[1:1] = names[3:3] = ["True"]
    assert [line for line in lines if line.isalpha()] == [*names, "InvalidJSONError"]
    assert finished.counts() == {} and server.requests == []


def test_concurrent_requests_reuse_connections(run, server):
    """Checks that the pool holds as many connections as are used concurrently, not one for each request."""
    finished = run(
        """
        import gevent
        from gevent.pool import Pool
        from locust import HttpUser, task

        class Visitor(HttpUser):
            @task
            def visit(self):
                pool = Pool(5)
                for _ in range(20):
                    pool.spawn(self.client.get, "/")
                pool.join()
        """,
        f"-H {server.url} -n 200 --json",
    ).expect_code(0)
    assert finished.counts() == {("GET", "/"): 200} == server.counts()
    assert server.connections <= 10


def test_stopped_user_leaves_no_open_connection(run, server):
    """Checks this for a user that holds a response, with the garbage collector disabled."""
    finished = run(
        """
        import gc, gevent, os
        from locust import HttpUser, constant, events, task
        from locust.exception import StopUser

        gc.disable()
        before = []

        def sockets():
            links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
            return sum(os.path.lexists(link) and os.readlink(link).startswith("socket:") for link in links)

        events.test_start.add_listener(lambda **_: before.append(sockets()))

        class Visitor(HttpUser):
            @task
            def visit(self):
                self.kept = self.client.get("/")
                raise StopUser()

        class Waiter(HttpUser):
            fixed_count = 1
            wait_time = constant(60)

            @task
            def wait_for_others(self):
                gevent.sleep(0.7)
                self.client.get("/")
                print(sockets() - before[0])
        """,
        f"-H {server.url} -u 11 -r 100 -t 2s",
    ).expect_code(0)
    assert finished.printed == ["1"] and len(server.requests) == 11


def test_client_in_another_thread_raises_runtime_error(run, server):
    finished = run(
        in_a_task(
            """
            import gevent
            from locust import events
            pool = gevent.get_hub().threadpool
            for call in (
                lambda: self.client.get("/"),
                lambda: events.request.fire(request_type="X", name="x", response_time=1, response_length=0),
            ):
                try:
                    pool.apply(call)
                except RuntimeError as error:
                    print(error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        "clients and responses belong to the Python thread: use greenlets (gevent.spawn)",
        "events must be fired on the Python thread: use greenlets (gevent.spawn)",
    ]
    assert server.requests == []
