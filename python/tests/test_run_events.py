"""Listeners of the run: their order, failing and slow listeners, and listeners that end the run."""

import pytest


def test_run_events_fire_in_order(run, server):
    finished = run(LISTENERS, f"-u 2 -r 1000 -n 20 -H {server.url}").expect_code(0)
    assert finished.printed == [
        f"init LocalRunner True {server.url}",
        "test_start True",
        "locust_start_hatching",
        "spawning_complete 2",
        "hatch_complete 2",
        "test_stopping",
        "test_stop 20",
        "locust_stop_hatching",
        "quitting of 0.7",
        "quitting 20 0",
        "quit 0",
    ]


def test_quitting_listener_sees_the_final_statistics(run, server):
    finished = run(
        """
        from locust import HttpUser, events, task

        @events.quitting.add_listener
        def judge(environment, **_):
            stats = environment.stats
            rows = {key: (entry.num_requests, entry.num_failures) for key, entry in stats.entries.items()}
            print(sorted(rows.items()), stats.total.num_requests, stats.num_requests, stats.total.fail_ratio)
            page = stats.get("/", "GET")
            print(page.name, page.method, page.num_requests, page.fail_ratio)
            assert page.min_response_time <= page.median_response_time <= page.max_response_time
            assert 0 < page.avg_response_time and page.total_rps > 0
            assert page.get_response_time_percentile(1.0) == page.max_response_time
            assert page.avg_content_length == 2
            environment.process_exit_code = 42 if stats.total.fail_ratio > 0.1 else 0

        class Visitor(HttpUser):
            @task
            def visit(self):
                self.client.get("/")
                self.client.get("/status/404")
        """,
        f"-H {server.url} -n 10",
    ).expect_code(42)
    rows = {("/", "GET"): (5, 0), ("/status/404", "GET"): (5, 5)}
    assert finished.printed == [f"{sorted(rows.items())} 10 10 0.5", "/ GET 5 0.0"]


def test_current_rates_are_right_from_the_first_second_on(run, server):
    finished = run(
        """
        import gevent
        from locust import HttpUser, constant_throughput, events, task

        @events.test_start.add_listener
        def watch(environment, **_):
            gevent.spawn(print_rates, environment)

        def print_rates(environment):
            for seconds in (0.6, 0.8, 1.2, 1.2):
                gevent.sleep(seconds)
                total, page = environment.stats.total, environment.stats.get("/status/404", "GET")
                print(total.current_rps, page.current_rps, page.current_fail_per_sec)
            environment.runner.quit()

        class Visitor(HttpUser):
            wait_time = constant_throughput(10)

            @task
            def visit(self):
                self.client.get("/")
                self.client.get("/status/404")
        """,
        f"-H {server.url} -u 4 -r 1000",
    ).expect_code(1)
    first, *whole = [[float(rate) for rate in line.split()] for line in finished.printed]
    assert 40 <= first[0] <= 100
    for total, page, failures in whole:
        assert 70 <= total <= 90 and 35 <= page <= 45 and failures == page, finished.printed


@pytest.mark.parametrize("hook", ["init", "test_start", "spawning_complete", "test_stop", "quitting"])
def test_run_continues_after_a_failing_listener(run, server, hook):
    finished = run(
        f"""
        from locust import HttpUser, constant, events, task

        @events.{hook}.add_listener
        def broken(**_):
            raise ValueError("listener")

        class Visitor(HttpUser):
            wait_time = constant(0.3)

            @task
            def visit(self):
                self.client.get("/")
        """,
        f"-H {server.url} -r 1000 -n 3",
    ).expect_code(2)
    assert len(server.requests) == 3 and "A listener failed: broken" in finished.stderr


def test_runner_quit_in_a_listener_ends_the_run(run, server):
    finished = run(
        """
        from locust import HttpUser, constant, events, task

        @events.request.add_listener
        def quit_after_five(**_):
            if environment.stats.total.num_requests >= 5:
                environment.runner.quit()

        @events.init.add_listener
        def remember(environment, **_):
            globals()["environment"] = environment

        class Visitor(HttpUser):
            wait_time = constant(0.01)

            @task
            def visit(self):
                self.client.get("/")
        """,
        f"-H {server.url} --json",
    ).expect_code(0)
    assert finished.counts() == server.counts()
    assert 5 <= len(server.requests) < 100


def test_exception_in_a_listener_ends_the_run(run, server):
    for hook, ending, code in (
        ("test_start", "raise StopTest('enough')", 0),
        ("spawning_complete", "sys.exit(5)", 5),
        ("quitting", "sys.exit(6)", 6),
    ):
        finished = run(
            f"""
            import sys
            from locust import HttpUser, constant, events, task
            from locust.exception import StopTest

            @events.{hook}.add_listener
            def end(**_):
                {ending}

            class Visitor(HttpUser):
                wait_time = constant(0.01)

                @task
                def visit(self):
                    self.client.get("/")
            """,
            f"-H {server.url} -t 2s",
        ).expect_code(code)
        assert "Traceback" not in finished.stderr and "Aggregated" in finished.stderr, hook


LISTENERS = """
from locust import HttpUser, events, task
from locust.runners import MasterRunner, WorkerRunner

@events.init.add_listener
def init(environment, runner, web_ui, **_):
    print("init", type(runner).__name__, runner is environment.runner, environment.host)
    assert not isinstance(runner, (MasterRunner, WorkerRunner)) and web_ui is None

@events.test_start.add_listener
def test_start(environment, **_):
    print("test_start", environment.runner is not None)

@events.spawning_complete.add_listener
def spawning_complete(user_count, **_):
    print("spawning_complete", user_count)

@events.test_stopping.add_listener
def test_stopping(environment, **_):
    print("test_stopping")

@events.test_stop.add_listener
def test_stop(environment, **_):
    print("test_stop", environment.stats.total.num_requests)

@events.quitting.add_listener
def quitting(environment, **_):
    print("quitting", environment.stats.total.num_requests, environment.stats.total.num_failures)

@events.quit.add_listener
def quit(exit_code, **_):
    print("quit", exit_code)

def hatch_complete(user_count):
    print("hatch_complete", user_count)

def old_start():
    print("locust_start_hatching")

def old_stop():
    print("locust_stop_hatching")

events.hatch_complete += hatch_complete
events.locust_start_hatching += old_start
events.locust_stop_hatching += old_stop

def old_quitting():
    print("quitting of 0.7")

events.quitting += old_quitting

class Visitor(HttpUser):
    wait_time = lambda self: 0.15

    @task
    def visit(self):
        self.client.get("/")
"""


def test_slow_run_listeners_delay_start_and_end(run, server):
    """Checks that users start after the `test_start` listener and stop during the `test_stopping` listener.

    The sleeping listeners are not reported as blocking.
    """
    finished = run(
        """
        import gevent
        from locust import HttpUser, constant, events, task

        @events.test_start.add_listener
        def start(environment, **_):
            gevent.sleep(1.5)
            print("started")

        @events.test_stopping.add_listener
        def stopping(environment, **_):
            gevent.sleep(1.5)
            print("stopped")

        @events.quitting.add_listener
        def quitting(environment, **_):
            print("quits", environment.stats.total.num_requests > 0)

        class Visitor(HttpUser):
            wait_time = constant(0.05)

            def on_start(self):
                print("user")

            @task
            def visit(self):
                self.client.get("/")
        """,
        f"-H {server.url} -u 2 -r 100 -t 3s",
    ).expect_code(0)
    assert finished.printed == ["started", "user", "user", "stopped", "quits True"]
    assert "has been blocked" not in finished.stderr and "2 total users" in finished.stderr


def test_checker_greenlet_ends_the_run(run, server):
    """Checks the checker of Locust's documentation, and access to the runner as in 0.7."""
    finished = run(
        """
        import gevent
        from locust import HttpUser, constant, events, runners, task
        from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING, MasterRunner, WorkerRunner

        def checker(environment):
            while environment.runner.state not in [STATE_STOPPING, STATE_STOPPED, STATE_CLEANUP]:
                gevent.sleep(0.1)
                if environment.runner.stats.total.fail_ratio > 0.2:
                    print(environment.runner.user_classes_count, runners.locust_runner is environment.runner)
                    environment.runner.quit()
                    return

        @events.init.add_listener
        def init(environment, **_):
            if not isinstance(environment.runner, (MasterRunner, WorkerRunner)):
                gevent.spawn(checker, environment)

        class Visitor(HttpUser):
            wait_time = constant(0.05)

            @task
            def visit(self):
                self.client.get("/status/500")
        """,
        f"-H {server.url} -u 2 -r 100 -t 30s",
    ).expect_code(1)
    assert finished.printed == ["{'Visitor': 2} True"]
