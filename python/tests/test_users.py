"""Start and stop of users, user classes and their weights, hosts, and users that end the run."""

import pytest


def test_on_start_and_on_stop_run_in_order(run):
    finished = run(
        """
        from locust import HttpUser, TaskSet, task
        from locust.exception import StopTest

        class Visitor(HttpUser):
            host = "http://127.0.0.1:1"

            def on_start(self):
                print("user starts", self.environment.host, self.client.base_url)

            def on_stop(self):
                print("user stops")

            @task
            class Outer(TaskSet):
                def on_start(self):
                    print("outer starts")

                def on_stop(self):
                    print("outer stops")

                @task
                class Inner(TaskSet):
                    def on_start(self):
                        print("inner starts")

                    def on_stop(self):
                        print("inner stops")

                    @task
                    def end(self):
                        print("task")
                        raise StopTest()
        """,
    ).expect_code(0)
    assert finished.printed == [
        "user starts None http://127.0.0.1:1",
        "outer starts",
        "inner starts",
        "task",
        "inner stops",
        "outer stops",
        "user stops",
    ]


def test_requests_in_on_stop_at_the_end_are_not_sent(run, server):
    finished = run(
        """
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(60)

            def on_stop(self):
                print("stops")
                response = self.client.get("/farewell")
                print(response.status_code, response.error)

            @task
            def visit(self):
                self.client.get("/")
        """,
        f"-H {server.url} -u 5 -r 100 -t 1s",
    ).expect_code(0)
    assert sorted(finished.printed) == ["0 not sent: the run is over"] * 5 + ["stops"] * 5
    assert server.counts() == {("GET", "/"): 5}


def test_user_that_stops_itself_can_send_in_on_stop(run, server):
    """Checks also that the run ends after the last user has stopped."""
    finished = run(
        """
        from locust import HttpUser, task
        from locust.exception import StopUser

        class Visitor(HttpUser):
            def on_stop(self):
                self.client.get("/farewell")

            @task
            def visit(self):
                self.client.get("/")
                raise StopUser()
        """,
        f"-H {server.url} -u 3 -r 100 --json",
    ).expect_code(0)
    assert finished.counts() == server.counts() == {("GET", "/"): 3, ("GET", "/farewell"): 3}
    assert any("All users have stopped" in line for line in finished.log)


def test_users_of_0_7_stop_after_their_stop_timeout(run):
    finished = run(
        """
        from locust import Locust, TaskSet, task

        class Visitor(Locust):
            stop_timeout = 0.2
            min_wait = max_wait = 50

            class task_set(TaskSet):
                def on_stop(self):
                    print("task set stops")

                @task
                def visit(self):
                    print("visit")

            def on_stop(self):
                print("user stops")
        """,
        "-r 100",
    ).expect_code(0)
    visits = finished.printed.count("visit")
    assert 1 < visits < 10, finished
    assert finished.printed == ["visit"] * visits + ["task set stops", "user stops"]


def test_weights_and_fixed_counts_distribute_users(run):
    text = """
        from locust import Locust, TaskSet, User, constant, task

        class Base(User):
            abstract = True
            wait_time = constant(60)

            @task
            def visit(self):
                pass

        class Three(Base):
            weight = 3

        class One(Base):
            pass

        class Fixed(Base):
            fixed_count = 2
            weight = 100
        """
    finished = run(text, "-u 10 -r 1000 -t 1s").expect_code(0)
    assert 'All users spawned: {"Three": 6, "One": 2, "Fixed": 2} (10 total users)' in finished.stderr
    finished = run(text, "-u 4 -r 1000 -t 1s One Fixed").expect_code(0)
    assert 'All users spawned: {"One": 2, "Fixed": 2} (4 total users)' in finished.stderr


def test_list_shows_only_runnable_user_classes(run):
    finished = run(
        """
        from locust import HttpLocust, HttpUser, Locust, TaskSet, User, task

        class Behaviour(TaskSet):
            @task
            def visit(self):
                pass

        class OfToday(User):
            tasks = [Behaviour]

        class Of0_7(Locust):
            task_set = Behaviour

        class NoTaskSet(HttpLocust):
            pass

        class Abstract(User):
            abstract = True

        class _Private(User):
            tasks = [Behaviour]

        class Concrete(Abstract):
            tasks = [Behaviour]

        class WithoutHost(HttpUser):
            tasks = [Behaviour]
        """,
        "-l",
    ).expect_code(0)
    assert [line.strip() for line in finished.printed[1:]] == ["OfToday", "Of0_7", "Concrete", "WithoutHost"]


def test_host_flag_overrides_the_host_of_the_class(run, server):
    text = f"""
        from locust import HttpLocust, HttpUser, TaskSet, constant, task

        class Behaviour(TaskSet):
            @task
            def visit(self):
                self.client.get("/" + type(self.locust).__name__)

        class Own(HttpUser):
            host = "{server.url}/own"
            wait_time = constant(60)
            tasks = [Behaviour]

        class Of0_7(HttpLocust):
            host = "{server.url}/old"
            min_wait = max_wait = 60000
            weight = 1
            task_set = Behaviour
        """
    run(text, "-u 2 -r 100 -t 1s").expect_code(0)
    assert sorted(server.targets()) == ["/old/Of0_7", "/own/Own"]
    server.requests.clear()
    run(text, f"-u 2 -r 100 -t 1s -H {server.url}/given").expect_code(0)
    assert sorted(server.targets()) == ["/given/Of0_7", "/given/Own"]


def test_user_without_http_has_no_client(run):
    finished = run(
        """
        from locust import Locust, TaskSet, task
        from locust.exception import LocustError, StopTest

        class Visitor(Locust):
            class task_set(TaskSet):
                @task
                def visit(self):
                    try:
                        self.client.get("/")
                    except LocustError as error:
                        print(error)
                    raise StopTest()
        """,
    ).expect_code(0)
    assert finished.printed == ["No client instantiated. Did you intend to inherit from HttpLocust?"]


@pytest.mark.parametrize(("ending", "code"), [("raise StopTest('enough')", 0), ("sys.exit(7)", 7), ("sys.exit()", 0)])
@pytest.mark.parametrize("method", ["__init__", "on_start", "visit"])
def test_user_can_end_the_run_from_any_method(run, method, ending, code):
    finished = run(ENDING.replace("METHOD", method).replace("ENDING", ending), "-u 3 -r 1000").expect_code(code)
    assert "Traceback" not in finished.stderr and "Aggregated" in finished.stderr, finished
    stops = 2 if method == "__init__" else 3
    assert finished.printed == ["stops"] * stops, finished


def test_user_can_stop_itself_and_others(run):
    finished = run(
        """
        import gevent
        from locust import User, constant, task

        users = []

        class Visitor(User):
            wait_time = constant(0.01)

            def on_start(self):
                users.append(self)
                self.number = len(users)

            def on_stop(self):
                print("stops", self.number)

            @task
            def visit(self):
                if self.number == 1 and len(users) == 3:
                    users[1].stop()
                    users[2].stop(force=True)
                    gevent.sleep(0.1)
                    self.stop()
        """,
        "-u 3 -r 1000",
    ).expect_code(0)
    assert sorted(finished.printed[:2]) + finished.printed[2:] == ["stops 2", "stops 3", "stops 1"]


ENDING = """
import sys

import gevent
from locust import User, constant
from locust.exception import StopTest

class Visitor(User):
    wait_time = constant(60)
    tasks = [lambda user: user.visit()]

    def on_stop(self):
        print("stops")

    def visit(self):
        pass

class Ender(Visitor):
    fixed_count = 1

    def METHOD(self, *_):
        gevent.sleep(0.2)
        ENDING
"""
