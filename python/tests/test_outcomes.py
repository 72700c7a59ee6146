"""The outcome of a request: set by its status, or by the task with `catch_response`."""

from program import in_a_task


def test_task_decides_the_outcome_in_the_with_block(run, server):
    finished = run(
        in_a_task(
            """
            with self.client.get("/status/404", name="/404 is fine", catch_response=True) as response:
                response.success()
            with self.client.get("/200 is not fine", catch_response=True) as response:
                response.failure("Got wrong response")
            with self.client.get("/exception", catch_response=True) as response:
                response.failure(ValueError("a value"))
            with self.client.get("/changed", catch_response=True) as response:
                response.failure("first")
                response.success()
            with self.client.get("/status/500", name="/silent 500", catch_response=True) as response:
                pass
            with self.client.get("/silent", catch_response=True) as response:
                pass
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(1)
    assert sum(finished.counts().values()) == 6 and set(finished.counts().values()) == {1}
    assert finished.failures() == {
        ("GET", "/200%20is%20not%20fine"): 1,
        ("GET", "/exception"): 1,
        ("GET", "/silent 500"): 1,
    }
    for error in (
        "GET /200%20is%20not%20fine: Got wrong response",
        "GET /exception: ValueError('a value')",
        "GET /silent 500: HTTPError('500 Server Error: Internal Server Error for url: /silent 500')",
    ):
        assert f"1 {error}" in finished.errors


def test_exception_in_the_with_block_sets_the_outcome(run, server):
    """Checks that a `ResponseError` is a failure, and that other exceptions reach the task.

    With another exception, the request counts by the decision of the task, otherwise by its status.
    """
    finished = run(
        in_a_task(
            """
            from locust import ResponseError
            with self.client.get("/response error", catch_response=True) as response:
                raise ResponseError("not what was asked for")
            print("goes on")
            for status, say in ((200, None), (404, None), (200, "failure"), (404, "success")):
                try:
                    with self.client.get(f"/status/{status}", name=f"{status} {say}", catch_response=True) as response:
                        if say:
                            getattr(response, say)(*["said"][: say == "failure"])
                        raise KeyError(status)
                except KeyError as error:
                    print(error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["goes on", "200", "404", "200", "404"]
    assert "1 GET /response%20error: ResponseError('not what was asked for')" in finished.errors
    assert "1 GET 404 None: HTTPError('404 Client Error: Not Found for url: 404 None')" in finished.errors
    assert "1 GET 200 failure: said" in finished.errors
    assert len(finished.errors) == 3


def test_caught_response_outside_a_block_counts_by_status(run, server):
    finished = run(
        in_a_task(
            """
            self.client.get("/status/404", name="dropped", catch_response=True)
            kept = self.client.get("/", name="kept", catch_response=True)
            decided = self.client.get("/", name="told", catch_response=True)
            decided.failure("outside")
            decided.success()
            del kept, decided
            """
        ),
        f"-H {server.url} --json",
    ).expect_code(1)
    assert finished.counts() == {("GET", "dropped"): 1, ("GET", "kept"): 1, ("GET", "told"): 1}
    assert finished.failures() == {("GET", "dropped"): 1, ("GET", "told"): 1}


def test_success_and_failure_need_catch_response(run, server):
    finished = run(
        in_a_task(
            """
            from locust.exception import LocustError
            response = self.client.get("/")
            for decide in (response.success, lambda: response.failure("x")):
                try:
                    decide()
                except LocustError as error:
                    print(error)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        f"{method} needs catch_response=True in the request" for method in ("success()", "failure()")
    ]


def test_raise_for_status_follows_the_decided_outcome(run, server):
    finished = run(
        in_a_task(
            """
            with self.client.get("/status/404", catch_response=True) as response:
                response.success()
                print(response.raise_for_status())
                response.failure("said")
                try:
                    response.raise_for_status()
                except Exception as error:
                    print(repr(error))
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["None", "CatchResponseError('said')"]


def test_caught_request_aborted_at_the_end_is_not_counted(run, server):
    finished = run(
        """
        from locust import HttpUser, task

        class Visitor(HttpUser):
            @task
            def visit(self):
                with self.client.get("/slow/3", catch_response=True) as response:
                    response.failure("never")
        """,
        f"-H {server.url} -t 1s -s 0.1 --json",
    ).expect_code(1)
    assert finished.counts() == {}
    assert "1 request cut off" in finished.stderr


def test_request_limit_is_reached_despite_faulty_requests(run, server):
    """Checks requests without a printable error, with an invalid name, or without a decision."""
    finished = run(
        """
        from locust import HttpUser, task

        class Mute(Exception):
            def __repr__(self):
                raise ValueError("no words")

        class Visitor(HttpUser):
            @task
            def speechless(self):
                with self.client.get("/speechless", catch_response=True) as response:
                    response.failure(Mute())

            @task
            def unspeakable(self):
                self.client.get("/unspeakable", name="\\udc80")

            @task
            def forgotten(self):
                self.kept = self.client.get("/forgotten", catch_response=True)
        """,
        f"-H {server.url} -u 3 -r 100 -n 60 --json",
    ).expect_code(1)
    counts = finished.counts()
    assert sum(counts.values()) == 60 and counts == server.counts() and ("GET", "/unspeakable") not in counts
    assert "GET /speechless: Mute" in finished.stderr


def test_failing_raw_greenlet_does_not_stop_the_users(run, server):
    finished = run(
        """
        import gevent
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(0.01)

            @task
            def visit(self):
                self.client.get("/")

            @task
            def stray(self):
                def ask():
                    self.client.get("/stray")
                    raise KeyError("stray")
                gevent.spawn_raw(ask)
        """,
        f"-H {server.url} -u 3 -r 100 -n 60 --json",
    )
    assert sum(finished.counts().values()) == 60 == len(server.requests)


def test_cancelled_request_closes_its_socket(run, server):
    finished = run(
        """
        import gevent, os
        from locust import HttpUser, constant, task

        def sockets():
            links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
            return sum(os.path.lexists(link) and os.readlink(link).startswith("socket:") for link in links)

        class Visitor(HttpUser):
            wait_time = constant(0.05)

            @task
            def hurry(self):
                with gevent.Timeout(0.05, False):
                    self.client.get("/slow/9")
                self.client.get("/")
                print(sockets())
        """,
        f"-H {server.url} -t 1s --json",
    ).expect_code(0)
    counted = [int(line) for line in finished.stderr.splitlines() if line.isdigit()]
    assert finished.counts()[("GET", "/")] >= 3 and max(counted) == min(counted)
