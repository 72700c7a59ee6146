"""TLS certificates, proxies and redirects."""

import gzip
import ssl
import subprocess

import pytest
from echo_server import EchoServer, Reply
from program import in_a_task


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Creates a directory with a self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("identity")
    names = "-subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 {names}"
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True
    )
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return folder


@pytest.fixture
def tls_server(identity):
    server = EchoServer(_context(identity))
    yield server
    server.close()


def _context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return context


def test_verify_option_controls_certificate_checks(run, tls_server, identity):
    finished = run(
        in_a_task(
            f"""
            response = self.client.get("/")
            print(response.status_code, type(response.error).__name__)
            print(self.client.get("/", verify="{identity}/cert.pem").text)
            print(self.client.get("/", verify=False).text, self.client.get("/", verify=True).status_code)
            self.client.verify = False
            echoed = self.client.post("/", data=(b"x" * 70_000 for _ in range(2))).text
            print(self.client.get("/").text, echoed == "x" * 140_000)
            self.client.verify = "{identity}/cert.pem"
            print(self.client.get("/", stream=True).text)
            """
        ),
        f"-H {tls_server.url}",
    ).expect_code(1)
    assert finished.printed == ["0 SSLError", "ok", "ok 0", "ok True", "ok"]
    assert "SSLError(" in finished.errors[0]


def test_cert_option_sends_a_client_certificate(run, identity):
    context = _context(identity)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(identity / "cert.pem")
    server = EchoServer(context)
    try:
        finished = run(
            in_a_task(
                f"""
                self.client.verify = "{identity}/cert.pem"
                print(self.client.get("/").status_code)
                print(self.client.get("/", cert="{identity}/both.pem").text)
                self.client.cert = ("{identity}/cert.pem", "{identity}/key.pem")
                print(self.client.get("/").text)
                """
            ),
            f"-H {server.url}",
        ).expect_code(1)
    finally:
        server.close()
    assert finished.printed == ["0", "ok", "ok"]


def test_proxies_option_sends_requests_to_the_proxy(run, server):
    """Checks that the proxy receives absolute URLs, that `no_proxy` holds, and that proxy variables are ignored."""
    finished = run(
        in_a_task(
            f"""
            proxies = {{"http": "http://u:p@{server.address}", "ftp": "unknown"}}
            print(self.client.get("http://target.example/a?b=1", proxies=proxies).text)
            self.client.proxies = proxies
            print(self.client.get("http://target.example/c").text)
            print(self.client.get("/d", proxies={{"no_proxy": "127.0.0.1"}}).text)
            print(self.client.get("/e", proxies={{"http": None}}).text)
            """
        ),
        f"-H {server.url}",
        http_proxy="http://127.0.0.1:1",
    ).expect_code(0)
    assert finished.printed == ["ok"] * 4
    assert server.targets() == ["http://target.example/a?b=1", "http://target.example/c", "/d", "/e"]
    authorization = [request.headers.get("proxy-authorization") for request in server.requests]
    assert authorization == ["Basic dTpw", "Basic dTpw", None, None]
    assert server.requests[0].headers["host"] == "target.example"


def test_missing_proxy_is_named(run, server):
    finished = run(
        in_a_task(
            """
            response = self.client.get("/", proxies={"http": "http://127.0.0.1:1"})
            print(type(response.error).__name__, response.error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["ProxyError proxy: connection refused"] and server.requests == []


def test_unsupported_digest_challenge_is_named(run, server):
    header = ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=SHA3-256')
    server.replies["/"] = Reply(401, headers=(header,))
    finished = run(
        in_a_task(
            """
            from requests.auth import HTTPDigestAuth
            print(self.client.get("/", auth=HTTPDigestAuth("u", "p")).status_code)
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["401"]
    assert "401 Client Error: Unauthorized: no supported Digest challenge for url: /" in finished.stderr


def test_trust_env_applies_proxy_variables(run, server):
    finished = run(
        in_a_task(
            """
            self.client.trust_env = True
            print(self.client.get("http://target.example/").text, self.client.get("/direct").text)
            """
        ),
        f"-H {server.url}",
        http_proxy=server.url,
        no_proxy="127.0.0.1",
    ).expect_code(0)
    assert finished.printed == ["ok ok"] and server.targets() == ["http://target.example/", "/direct"]


def test_redirects_are_followed_and_kept_in_history(run, server):
    server.replies["/one"] = Reply(302, b"first", (("Location", "/two?x=1"), ("Set-Cookie", "a=1; Path=/")))
    server.replies["/two"] = Reply(307, b"second", (("Location", f"{server.url}/three#end"),))
    server.replies["/for-good"] = Reply(308, headers=(("Location", "/three"),))
    finished = run(
        in_a_task(
            """
            base = len(self.host)
            response = self.client.post("/one", data={"a": 1})
            request = response.request
            print(response.status_code, response.url[base:], request.method, request.body, response.next)
            for hop in response.history:
                location = hop.headers["Location"].replace(self.host, "")
                print(hop.status_code, hop.url[base:], hop.request.method, hop.text, location)
                print(hop.is_redirect, hop.is_permanent_redirect, dict(hop.cookies), hop.history, hop.ok)
            kept = self.client.get("/for-good", allow_redirects=False)
            print(kept.status_code, kept.is_permanent_redirect, kept.next.method, kept.next.url[base:], kept.history)
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(0)
    assert [line for line in finished.stderr.splitlines() if line[:3] in ("200", "302", "307", "308", "Tru")][:6] == [
        "200 /three#end GET None None",
        "302 /one POST first /two?x=1",
        "True False {'a': '1'} [] True",
        "307 /two?x=1 GET second /three#end",
        "True False {} [] True",
        "308 True GET /three []",
    ]
    assert finished.counts() == {("POST", "/one"): 1, ("GET", "/for-good"): 1}, "a chain counts as one request"


def test_bodies_of_history_are_kept_up_to_the_limit(run, server):
    text = b"moved " * 20
    coding = ("Content-Encoding", "gzip")
    server.replies["/"] = Reply(302, gzip.compress(text), (("Location", "/wrong"), coding))
    server.replies["/wrong"] = Reply(302, b"moved", (("Location", "/long"), coding))
    server.replies["/long"] = Reply(302, b"x" * 99, (("Location", "/short"),))
    server.replies["/short"] = Reply(302, b"short", (("Location", "/end"),))
    finished = run(
        in_a_task(
            """
            response = self.client.get("/")
            zipped, wrong, long, short = response.history
            print(response.status_code, response.error, zipped.text.count("moved"), long.content, short.content)
            print(long.status_code, long.headers["Content-Length"], repr(long.text))
            try:
                print(wrong.content)
            except Exception as error:
                print(type(error).__name__)
            streamed = self.client.get("/short", stream=True)
            print(streamed.history[0].content, streamed.content)
            """
        ),
        f"-H {server.url} --limit body-bytes=80",
    ).expect_code(0)
    assert finished.printed == [
        "200 None 20 None b'short'",
        "302 99 ''",
        "ContentDecodingError",
        "b'short' b'ok'",
    ]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_request_on_a_lost_connection_is_sent_again(run, server, tls_server, scheme):
    server = tls_server if scheme == "https" else server
    used_connections = set()

    def reply_once(request):
        """Replies to the first request of a connection, and closes the connection at the second one."""
        if request.client in used_connections:
            raise ConnectionError
        used_connections.add(request.client)
        return Reply(body=request.body or b"ok")

    server.replies["/"] = reply_once
    finished = run(
        in_a_task(
            """
            client = self.client
            client.verify = False
            assert client.get("/").text == "ok"
            assert client.get("/").text == "ok"
            assert client.put("/", data=b"again").text == "again"
            assert type(client.put("/", data=iter([b"once"])).error).__name__ == "ConnectionError"
            assert client.get("/").text == "ok"
            assert type(client.post("/").error).__name__ == "ConnectionError"
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(1)
    assert "AssertionError" not in finished.stderr
    assert finished.counts() == {("GET", "/"): 3, ("PUT", "/"): 2, ("POST", "/"): 1}
    assert finished.failures() == {("PUT", "/"): 1, ("POST", "/"): 1}
    retries = {row: entry["num_retries"] for row, entry in finished.entries.items()}
    assert retries == {("GET", "/"): 1, ("PUT", "/"): 1, ("POST", "/"): 0}
    assert len(server.requests) == 6 + 2 and "2 requests sent again" in finished.stderr


def test_refused_expectation_is_sent_again_without_it(run, server):
    server.replies["/"] = lambda request: Reply(417 if "expect" in request.headers else 200, request.body)
    finished = run(
        in_a_task(
            """
            response = self.client.post("/", data=b"body", headers={"Expect": "100-continue"})
            print(response.text, [earlier.status_code for earlier in response.history])
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["body [417]"]


def test_redirects_end_at_limit_or_invalid_url(run, server):
    server.replies["/round"] = Reply(302, headers=(("Location", "/round"),))
    server.replies["/nowhere"] = Reply(302, headers=(("Location", "http://["),))
    finished = run(
        in_a_task(
            """
            print(repr(self.client.get("/round").error))
            self.client.max_redirects = 2
            print(type(self.client.get("/round").error).__name__, repr(self.client.get("/nowhere").error))
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    nowhere = "InvalidURL('redirect to a URL that is invalid, or not http or https')"
    assert finished.printed == ["TooManyRedirects('too many redirects')", f"TooManyRedirects {nowhere}"]
    assert len(server.requests) == 31 + 3 + 1
