"""Listeners of requests and errors: their arguments, their order, and exceptions in listeners."""

from echo_server import Reply
from program import in_a_task


def test_old_request_listeners_receive_the_0_7_arguments(run, server):
    """Checks this with listeners that accept only the arguments of 0.7."""
    finished = run(
        in_a_task(
            """
            self.client.get("/a")
            self.client.post("/status/500", name="b")
            with self.client.get("/c", catch_response=True) as response:
                response.failure("no")
            with self.client.get("/status/404", name="d", catch_response=True) as response:
                response.success()
            events.request_failure -= failure
            self.client.get("/status/404")
            """,
            before="""
            from locust import events

            def success(request_type, name, response_time, response_length):
                print("success", request_type, name, type(response_time).__name__, response_length)

            def failure(request_type, name, response_time, exception):
                print("failure", request_type, name, type(response_time).__name__, repr(exception))

            events.request_success += success
            events.request_failure += failure
            """,
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == [
        "success GET /a int 2",
        "failure POST b int HTTPError('500 Server Error: Internal Server Error for url: b')",
        "failure GET /c int CatchResponseError('no')",
        "success GET d int 2",
    ]


def test_request_listener_receives_all_arguments(run, server):
    server.replies["/moved"] = Reply(302, headers=(("Location", "/there"),))
    finished = run(
        in_a_task(
            """
            self.context = lambda: {"user": 1, "both": 1}
            self.client.get("/a?b=c", name="a", context={"request": 2, "both": 2})
            with self.client.get("/status/404", name="b", catch_response=True, context={"x": 3}) as response:
                pass
            self.client.get("/moved", name="c")
            """,
            before="""
            import time
            from locust import events

            began = time.time()

            @events.request.add_listener
            def tell(
                request_type, name, response_time, response_length, response,
                context, exception, start_time, url, **more
            ):
                assert isinstance(response_time, float) and 0 < response_time < 5000
                assert began < start_time < time.time()
                print(request_type, name, response_length, response.status_code, context, repr(exception), url, more)
            """,
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == [
        f"GET a 2 200 {{'user': 1, 'both': 2, 'request': 2}} None {server.url}/a?b=c {{}}",
        "GET b 2 404 {'user': 1, 'both': 1, 'x': 3} HTTPError('404 Client Error: Not Found for url: b')"
        f" {server.url}/status/404 {{}}",
        f"GET c 2 200 {{'user': 1, 'both': 1}} None {server.url}/moved {{}}",
    ]


def test_request_listener_is_called_without_a_response(run):
    finished = run(
        in_a_task(
            'self.client.get("/")',
            before="""
            from locust import events

            @events.request.add_listener
            def tell(response, exception, response_length, **_):
                is_same = repr(response.error.args[0]) == repr(exception)
                print(response.status_code, repr(exception), response_length, is_same)
            """,
        ),
        "-H http://127.0.0.1:1",
    ).expect_code(1)
    assert finished.printed == ["0 ConnectionRefusedError(111, 'Connection refused') 0 True"]


def test_fired_requests_are_counted_and_reach_all_listeners(run):
    finished = run(
        """
        from locust import User, events, task
        from locust.exception import StopTest

        @events.request.add_listener
        def today(request_type, name, response_time, exception, **_):
            print("request", request_type, name, response_time, repr(exception))

        def success(request_type, name, response_time, response_length):
            print("success", request_type, name, response_time, response_length)

        def failure(request_type, name, response_time, exception):
            print("failure", request_type, name, response_time, repr(exception))

        events.request_success += success
        events.request_failure += failure

        class Visitor(User):
            @task
            def call(self):
                events.request_success.fire(request_type="rpc", name="old", response_time=7, response_length=9)
                events.request_failure.fire(request_type="rpc", name="old", response_time=8, exception=OSError("x"))
                events.request.fire(
                    request_type="rpc", name="new", response_time=1.5, response_length=3, exception=None
                )
                self.environment.events.request.fire(
                    request_type="rpc", name="new", response_time=None, response_length=0, exception="text", context={}
                )
                events.request.fire(
                    request_type="rpc", name="new", response_time=1, response_length=0, exception=ValueError(object())
                )
                with events.request.measure("rpc", "measured") as meta:
                    meta["response_length"] = 5
                raise StopTest()
        """,
    ).expect_code(1)
    assert [line for line in finished.printed if "measured" not in line and "object" not in line] == [
        "request rpc old 7 None",
        "success rpc old 7 9",
        "request rpc old 8 OSError('x')",
        "failure rpc old 8 OSError('x')",
        "request rpc new 1.5 None",
        "success rpc new 1 3",
        "request rpc new None 'text'",
        "failure rpc new 0 'text'",
    ]
    assert sorted(finished.errors) == [
        "1 rpc new: ValueError(<object object at 0x....>)",
        "1 rpc new: text",
        "1 rpc old: OSError('x')",
    ]
    assert {line.split()[1] for line in finished.stderr.splitlines() if line.startswith("rpc")} == {
        "old",
        "new",
        "measured",
    }


def test_fired_response_times_enter_the_statistics(run):
    finished = run(
        """
        from locust import User, events, task
        from locust.exception import StopTest

        class Visitor(User):
            @task
            def call(self):
                for milliseconds in (10, 20.5, 3000):
                    events.request.fire(
                        request_type="rpc", name="call", response_time=milliseconds, response_length=100, exception=None
                    )
                raise StopTest()
        """,
        "--json",
    ).expect_code(0)
    entry = finished.entries["rpc", "call"]
    assert entry["num_requests"] == 3 and entry["num_failures"] == 0
    assert (entry["min_response_time"], entry["max_response_time"]) == (10, 3000)
    assert abs(entry["total_response_time"] - 3030.5) < 1 and entry["total_content_length"] == 300


def test_request_is_recorded_before_listeners_are_called(run, server):
    """Checks that a slow listener does not delay the statistics, and that the block decides the outcome first."""
    finished = run(
        in_a_task(
            """
            self.client.get("/plain")
            with self.client.get("/caught", catch_response=True) as response:
                gevent.sleep(0.3)
                print("inside", total())
                response.failure("x")
            print("after", total())
            """,
            before="""
            import gevent
            from locust import events

            @events.request.add_listener
            def tell(name, exception, **_):
                gevent.sleep(0.3)
                print(name, "told", exception, total())

            @events.init.add_listener
            def remember(environment, **_):
                globals()["environment"] = environment

            def total():
                return environment.stats.total.num_requests, environment.stats.total.num_failures
            """,
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["/plain told None (1, 0)", "inside (1, 0)", "/caught told x (2, 1)", "after (2, 1)"]


def test_failing_listener_is_logged_and_sets_the_exit_code(run, server):
    text = """
        from locust import HttpUser, events, task

        @events.request.add_listener
        def broken(**_):
            raise ValueError("listener")

        @events.request.add_listener
        def fine(name, **_):
            print(name)

        class Visitor(HttpUser):
            @task
            def visit(self):
                self.client.get("PATH")
        """
    finished = run(text.replace("PATH", "/"), f"-H {server.url} -n 3").expect_code(2)
    assert finished.printed == ["/"] * 3, "other listeners are called, and the task continues"
    assert "A listener failed: broken" in finished.stderr and "ValueError: listener" in finished.stderr
    run(text.replace("PATH", "/status/404"), f"-H {server.url} -n 3").expect_code(1)


def test_user_errors_reach_old_and_new_listeners(run):
    finished = run(
        """
        import traceback
        from locust import TaskSet, User, events, task
        from locust.exception import StopTest

        @events.user_error.add_listener
        def today(user_instance, exception, tb, **more):
            print("user_error", type(user_instance).__name__, repr(exception), traceback.extract_tb(tb)[-1].name, more)

        def old(locust_instance, exception, tb):
            print("locust_error", type(locust_instance).__name__, repr(exception))

        events.locust_error += old

        class Behaviour(TaskSet):
            seen = 0

            @task
            def visit(self):
                self.seen += 1
                if self.seen == 2:
                    raise StopTest()
                raise ValueError(1)

        class Visitor(User):
            tasks = [Behaviour]
        """,
    ).expect_code(1)
    assert finished.printed == ["user_error Behaviour ValueError(1) visit {}", "locust_error Behaviour ValueError(1)"]


def test_custom_event_hook_calls_its_listeners(run):
    finished = run(
        """
        from locust import User, events, task
        from locust.event import EventHook
        from locust.exception import StopTest

        events.bought = EventHook()

        @events.bought.add_listener
        def tell(item):
            print("bought", item)

        class Visitor(User):
            @task
            def visit(self):
                events.bought.fire(item=7)
                raise StopTest()
        """,
    ).expect_code(0)
    assert finished.printed == ["bought 7"]
