"""The choice of the next task: both forms of task sets, weights, nesting, interrupts, scheduled tasks."""

import math

import pytest


def test_task_weights_hold_in_dict_and_decorator_form(run, server):
    for behaviour in (DICT, DECORATED):
        server.requests.clear()
        finished = run(behaviour + USER, f"-H {server.url} -c 4 -r 100 -n 304 --json").expect_code(0)
        counts = finished.counts()
        assert counts == server.counts() and sum(counts.values()) == 304
        assert counts["POST", "/login"] == 4
        assert near(counts["GET", "/"], 300, 2 / 3) and near(counts["GET", "/profile"], 300, 1 / 3), counts


def test_task_weights_of_all_sources_are_combined(run, server):
    """Checks inherited tasks, tasks in `tasks` and tasks with the decorator."""
    finished = run(
        """
        from locust import HttpUser, task

        def listed(user):
            user.client.get("/listed")

        class Base(HttpUser):
            abstract = True

            @task
            def inherited(self):
                self.client.get("/inherited")

        class Visitor(Base):
            tasks = [listed, (listed, 2)]

            @task(2)
            def marked(self):
                self.client.get("/marked")
        """,
        f"-H {server.url} -n 600 --json",
    ).expect_code(0)
    counts = finished.counts()
    assert counts == server.counts() and sum(counts.values()) == 600
    for path, share in (("/inherited", 1 / 6), ("/listed", 3 / 6), ("/marked", 2 / 6)):
        assert near(counts["GET", path], 600, share), counts


def test_task_sets_can_be_nested_in_every_form(run):
    finished = run(
        """
        from locust import Locust, TaskSet, task

        class Leaving(TaskSet):
            @task
            def leave(self):
                print(type(self).__name__, type(self.parent).__name__, self.locust is self.user is self.parent.locust)
                self.interrupt()

        class Listed(Leaving):
            pass

        class Outer(TaskSet):
            tasks = {Listed: 1}

            @task
            class Inline(Leaving):
                pass

            @task(1)
            class Deep(TaskSet):
                @task
                class Deeper(Leaving):
                    pass

                @task
                def leave(self):
                    self.interrupt()

        class Visitor(Locust):
            task_set = Outer
            min_wait = max_wait = 0
        """,
        "-t 1s",
    ).expect_code(0)
    assert set(finished.printed) == {"Listed Outer True", "Inline Outer True", "Deeper Deep True"}


@pytest.mark.parametrize(
    ("leaving", "expected"),
    [
        ("self.interrupt()", ["inner", "inner", "inner"]),
        ("self.interrupt(reschedule=False)", ["inner", "wait", "inner", "wait", "inner"]),
        ("raise InterruptTaskSet(False)", ["inner", "wait", "inner", "wait", "inner"]),
        ("raise RescheduleTask()", ["inner", "inner wait", "inner", "inner wait", "inner"]),
        ("raise RescheduleTaskImmediately()", ["inner", "inner", "inner"]),
    ],
)
def test_interrupt_form_sets_next_task_and_wait(run, leaving, expected):
    assert run(INTERRUPTED.replace("LEAVING", leaving)).expect_code(0).printed == expected


def test_interrupt_outside_a_nested_set_is_an_exception(run):
    finished = run(
        """
        from locust import Locust, TaskSet, task

        class Outermost(TaskSet):
            @task
            def leave(self):
                self.interrupt()

        class Visitor(Locust):
            task_set = Outermost
        """,
    ).expect_code(1)
    assert "LocustError: interrupt() outside of a nested TaskSet" in finished.stderr


def test_interrupt_in_on_start_leaves_the_task_set(run):
    finished = run(
        """
        from locust import User, TaskSet, task
        from locust.exception import StopTest

        class Visitor(User):
            entered = 0

            @task
            class Closed(TaskSet):
                def on_start(self):
                    self.user.entered += 1
                    print("on_start", self.user.entered)
                    if self.user.entered == 3:
                        raise StopTest()
                    self.interrupt()

                @task
                def never(self):
                    print("never")
        """,
    ).expect_code(0)
    assert finished.printed == ["on_start 1", "on_start 2", "on_start 3"]


def test_scheduled_tasks_run_before_picked_tasks(run):
    finished = run(
        """
        from locust import TaskSet, User, task
        from locust.exception import StopTest

        class Nested(TaskSet):
            def on_start(self):
                print("nested", self.args, self.kwargs)
                self.interrupt()

            @task
            def never(self):
                pass

        def plain(task_set, *args):
            print("plain", type(task_set).__name__, args)

        class Behaviour(TaskSet):
            @task
            def picked(self):
                self.schedule_task(self.bound, args=[1], kwargs={"k": 2})
                self.schedule_task(plain, (3,))
                self.schedule_task(plain, first=True)
                self.schedule_task(Nested, ["a"], {"b": 4})
                self.schedule_task(self.bound, True)
                self.schedule_task(self.last, False)
                print("picked")

            def bound(self, *args, **kwargs):
                print("bound", args, kwargs)

            def last(self):
                print("last")
                raise StopTest()

        class Visitor(User):
            tasks = [Behaviour]
        """,
    ).expect_code(0)
    assert finished.printed == [
        "picked",
        "bound () {}",
        "plain Behaviour ()",
        "bound (1,) {'k': 2}",
        "plain Behaviour (3,)",
        "nested ('a',) {'b': 4}",
        "last",
    ]


def test_sequential_task_set_runs_in_declared_order(run):
    finished = run(
        """
        from locust import SequentialTaskSet, User, task
        from locust.exception import StopTest

        class Visitor(User):
            rounds = 0

            @task
            class Steps(SequentialTaskSet):
                @task
                def one(self):
                    print("one")

                @task(2)
                def two(self):
                    print("two")

                @task
                class Inner(SequentialTaskSet):
                    @task
                    def three(self):
                        print("three")

                    @task
                    def back(self):
                        self.interrupt()

                @task
                def four(self):
                    print("four")
                    self.user.rounds += 1
                    if self.user.rounds == 2:
                        raise StopTest()
        """,
    ).expect_code(0)
    assert finished.printed == ["one", "two", "two", "three", "four"] * 2


def test_tag_flags_select_tasks(run, server):
    for arguments, expected in (
        ("-T a", {"/first", "/second"}),
        ("-E a", {"/third"}),
        ("-T a -E b", {"/first"}),
    ):
        finished = run(TAGGED, f"-H {server.url} -n 60 --json {arguments}").expect_code(0)
        assert {name for _, name in finished.entries} == expected, arguments


def near(count, draws, share):
    """Returns `True` if the count is within five standard deviations of its expectation."""
    return abs(count - draws * share) < 5 * math.sqrt(draws * share * (1 - share))


DICT = """
from locust import HttpLocust, TaskSet

def index(l):
    l.client.get("/")

def profile(l):
    l.client.get("/profile")

class UserBehavior(TaskSet):
    tasks = {index: 2, profile: 1}

    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})
"""
DECORATED = """
from locust import HttpLocust, TaskSet, task

class UserBehavior(TaskSet):
    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})

    @task(2)
    def index(self):
        self.client.get("/")

    @task(1)
    def profile(self):
        self.client.get("/profile")
"""
USER = """
class WebsiteUser(HttpLocust):
    task_set = UserBehavior
    min_wait = 1
    max_wait = 5
"""
TAGGED = """
from locust import HttpUser, tag, task

class Visitor(HttpUser):
    @tag("a")
    @task
    def first(self):
        self.client.get("/first")

    @tag("a", "b")
    @task
    def second(self):
        self.client.get("/second")

    @task
    def third(self):
        self.client.get("/third")
"""
INTERRUPTED = """
from locust import InterruptTaskSet, RescheduleTaskImmediately, TaskSet, User, task
from locust.exception import RescheduleTask, StopTest

class Inner(TaskSet):
    def wait_time(self):
        print("inner wait")
        return 0

    @task
    def leave(self):
        print("inner")
        self.user.seen += 1
        if self.user.seen == 3:
            raise StopTest()
        LEAVING

class Outer(TaskSet):
    tasks = [Inner]

    def wait_time(self):
        print("wait")
        return 0

class Visitor(User):
    seen = 0
    tasks = [Outer]
"""
