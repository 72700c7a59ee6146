"""Ends of a run: limits, signals, failures. After each kind of end the counts match the log of the server."""

import signal

import pytest
from echo_server import Reply

VISITORS = """
from locust import HttpUser, task

class Visitor(HttpUser):
    @task
    def visit(self):
        self.client.get("/a")
        self.client.post("/b", {"x": 1})
        with self.client.get("/c", catch_response=True) as response:
            response.success()
"""
SLOW = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(60)

    @task
    def visit(self):
        self.client.get("/slow/SECONDS")
        print("answered")
"""


@pytest.mark.parametrize(("users", "number"), [(1, 1), (3, 20), (50, 1000), (20, 7)])
def test_request_limit_is_exact(run, server, users, number):
    finished = run(VISITORS, f"-H {server.url} -u {users} -r 1000 -n {number} --json").expect_code(0)
    assert finished.counts() == server.counts()
    assert len(server.requests) == number
    assert "cut off" not in finished.stderr


def test_fired_events_count_towards_the_request_limit(run):
    finished = run(
        """
        from locust import User, constant, events, task

        class Visitor(User):
            wait_time = constant(0.01)

            @task
            def call(self):
                events.request.fire(request_type="rpc", name="x", response_time=1, response_length=0, exception=None)
        """,
        "-n 20 --json",
    ).expect_code(0)
    assert finished.counts()["rpc", "x"] >= 20


def test_run_time_limit_loses_no_request(run, server):
    finished = run(VISITORS, f"-H {server.url} -u 20 -r 1000 -t 1s --json").expect_code(0)
    assert finished.counts() == server.counts()
    assert any("--run-time limit reached" in line for line in finished.log)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_ends_the_run_in_order(program, server, number):
    running = program.start(VISITORS, f"-H {server.url} -u 5 -r 1000 --json")
    running.wait_for("All users spawned")
    running.signal(number)
    finished = running.finish().expect_code(0)
    assert finished.counts() == server.counts() and len(server.requests) > 0
    assert "Traceback" not in finished.stderr and "Aggregated" in finished.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_second_signal_ends_the_run_immediately(program, server, number, code):
    running = program.start(SLOW.replace("SECONDS", "15"), f"-H {server.url} --stop-timeout 15")
    running.wait_for("All users spawned")
    running.signal(number)
    running.wait_for("shutting down")
    running.signal(number)
    assert "Traceback" not in running.finish().expect_code(code).stderr


def test_response_within_stop_timeout_is_awaited(run, server):
    finished = run(SLOW.replace("SECONDS", "2"), f"-H {server.url} -u 3 -r 1000 -t 1s --stop-timeout 9").expect_code(0)
    assert finished.printed == ["answered"] * 3
    assert "cut off" not in finished.stderr


def test_response_after_stop_timeout_is_aborted(run, server):
    finished = run(SLOW.replace("SECONDS", "5"), f"-H {server.url} -u 3 -r 1000 -t 1s --stop-timeout 0.3 --json")
    assert finished.expect_code(1).counts() == {}
    aborted = finished.entries["GET", "/slow/5"]["aborted"]
    assert aborted["count"] == 3 and 1200 <= aborted["max_wait"] < 5000
    assert "3 requests cut off: the oldest had waited 1." in finished.stderr
    assert "\nanswered\n" not in finished.stderr and len(server.requests) == 3


def test_request_of_a_spawned_greenlet_ends_like_others(run, server):
    """Checks that a request in a greenlet without a waiting task is counted or aborted, and never lost."""
    text = """
        import gevent
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(60)

            @task
            def visit(self):
                gevent.spawn(self.client.get, "/slow/2")
        """
    finished = run(text, f"-H {server.url} -t 1s --stop-timeout 9 --json").expect_code(0)
    assert finished.counts() == server.counts() and "cut off" not in finished.stderr
    finished = run(text, f"-H {server.url} -t 1s --stop-timeout 0.2 --json").expect_code(1)
    assert finished.counts() == {} and "1 request cut off" in finished.stderr


def test_removed_users_finish_requests_in_flight(run, server):
    finished = run(
        """
        from locust import HttpUser, constant, events, task

        class Visitor(HttpUser):
            wait_time = constant(0.1)

            def on_stop(self):
                print("stops", environment.runner.state)

            @task
            def visit(self):
                self.client.get("/slow/0.3")

        @events.spawning_complete.add_listener
        def reduce_users(user_count):
            print("spawned", user_count)
            if user_count == 5:
                environment.runner.start(2, 1000)

        @events.init.add_listener
        def remember(environment, **_):
            globals()["environment"] = environment
        """,
        f"-H {server.url} -u 5 -r 1000 -t 2s --stop-timeout 5",
    ).expect_code(0)
    assert finished.printed[:5].count("stops spawning") + finished.printed[:5].count("stops running") == 3, finished
    assert [line for line in finished.printed if line.startswith("spawned")] == ["spawned 5", "spawned 2"]
    assert finished.printed.count("stops stopping") == 2
    rows = [line.split() for line in finished.stderr.splitlines() if line.startswith("GET")]
    assert int(rows[-1][-1]) == len(server.requests) and "cut off" not in finished.stderr


def test_failures_count_as_requests_and_set_the_exit_code(run, server):
    server.replies["/b"] = Reply(503)
    finished = run(VISITORS, f"-H {server.url} -u 2 -r 1000 -n 30 --json").expect_code(1)
    assert finished.counts() == server.counts() and finished.failures() == {
        ("POST", "/b"): server.counts()["POST", "/b"]
    }
    server.requests.clear()
    run(VISITORS, f"-H {server.url} -n 30 --exit-code-on-error 0").expect_code(0)


def test_refused_connections_count_as_failures(run):
    finished = run(VISITORS, "-H http://127.0.0.1:1 -u 3 -r 1000 -t 1s --json").expect_code(1)
    counts = finished.counts()
    assert counts and finished.failures() == {row: count for row, count in counts.items() if row != ("GET", "/c")}


def test_reset_stats_clears_statistics_after_spawning(run, server):
    finished = run(VISITORS, f"-H {server.url} -u 4 -r 8 -t 2s --reset-stats --json").expect_code(0)
    assert 0 < sum(finished.counts().values()) < len(server.requests)
