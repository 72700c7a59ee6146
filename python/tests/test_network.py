"""Flags for the connections and requests of Python users: addresses, timeouts and limits."""

import pytest
from echo_server import Reply
from program import in_a_task

VISIT = in_a_task("self.client.get('/')")


def test_resolve_flag_sets_the_addresses_of_a_name(run, server):
    port = server.address.partition(":")[2]
    host = f"http://shop.test:{port}"
    run(VISIT, f"-H {host} --resolve shop.test:{port}:[::1],127.0.0.1").expect_code(0)
    assert [request.headers["host"] for request in server.requests] == [f"shop.test:{port}"]


def test_source_ip_flag_sets_the_local_address(run, server):
    run(VISIT, f"-H {server.url} --source-ip 127.0.0.5").expect_code(0)
    assert [request.client[0] for request in server.requests] == ["127.0.0.5"]


def test_source_ip_of_another_machine_is_an_error(run, server):
    finished = run(VISIT, f"-H {server.url} --source-ip 203.0.113.9").expect_code(2)
    assert finished.stderr.startswith("gregaria: --source-ip: 203.0.113.9 is not an address of this machine: ")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "arguments", "error"),
    [
        ("/slow/20", "--read-timeout 0.1", "ReadTimeout('read timeout')"),
        ("/", "--limit head-bytes=10", "ConnectionError('response head too large (--limit head-bytes)')"),
    ],
)
def test_request_flags_apply_to_python_users(run, server, path, arguments, error):
    finished = run(in_a_task(f"self.client.get({path!r})"), f"-H {server.url} {arguments}").expect_code(1)
    assert error in finished.stderr


def test_redirect_is_an_answer_with_no_redirects(run, server):
    server.replies["/one"] = Reply(302, headers=(("Location", server.url.replace("http", "HTTP") + "/two"),))
    code = """
        responses = [
            self.client.get("/one"),
            self.client.request("HEAD", "/one"),
            self.client.get("/one", allow_redirects=True),
        ]
        print(*[response.status_code for response in responses])
        """
    host = server.url.replace("http", "HTTP")
    finished = run(in_a_task(code), f"-H {host} --no-redirects").expect_code(0)
    assert finished.stdout.splitlines() == ["302 302 200"]
    assert server.targets() == ["/one", "/one", "/one", "/two"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_beyond_the_limit_keeps_the_status(run, server, is_chunked):
    server.replies["/large"] = Reply(201, iter([b"x" * 11]) if is_chunked else b"x" * 11)
    finished = run(
        in_a_task(
            """
            response = self.client.get("/large")
            print(response.status_code, response.ok, response.content, response.error)
            """
        ),
        f"-H {server.url} --limit body-bytes=10",
    ).expect_code(1)
    error = "response body too large (--limit body-bytes)"
    assert finished.printed == [f"201 False None {error}"]
    assert f"GET /large: ConnectionError('{error}')\n" in finished.stderr


def test_custom_flag_replaces_the_built_in_flag(run, server):
    added = """
        from locust import events

        @events.init_command_line_parser.add_listener
        def add(parser):
            parser.add_argument("--timeout")
            parser.add_argument("-k")
        """
    code = "self.client.get('/' + self.environment.parsed_options.timeout + self.environment.parsed_options.k)"
    run(in_a_task(code, added), f"-H {server.url} --timeout soon -k x").expect_code(0)
    assert server.targets() == ["/soonx"]
