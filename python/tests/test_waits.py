"""Waits of a user between two tasks: milliseconds as in Locust 0.7, seconds as in Locust 2."""

from collections import Counter


def test_waits_of_0_7_fall_back_to_the_user(run):
    """Checks that a task set uses the waits of the user where its own are 0 or missing.

    Waits of the outer task set are never used.
    """
    finished = run(
        """
        from locust import Locust, TaskSet, task
        from locust.exception import StopTest

        class Shown(TaskSet):
            @task
            def show(self):
                waits = sorted({self.wait_time() for _ in range(400)})
                print(type(self).__name__, waits[0], waits[-1], len(waits))
                self.interrupt()

        class Own(Shown):
            min_wait = 1
            max_wait = 4

        class Falsy(Shown):
            min_wait = 0
            max_wait = 8

        class Silent(Shown):
            pass

        class Outer(TaskSet):
            min_wait = max_wait = 77000
            order = [Own, Falsy, Silent]

            @task
            def next_one(self):
                if not self.order:
                    raise StopTest()
                self.schedule_task(self.order.pop(0))
                self.interrupt_wait()

            def wait(self):
                pass

            def interrupt_wait(self):
                pass

        class Visitor(Locust):
            task_set = Outer
            min_wait = 5
            max_wait = 6
        """,
    ).expect_code(0)
    assert finished.printed == ["Own 0.001 0.004 4", "Falsy 0.005 0.008 4", "Silent 0.005 0.006 2"]


def test_wait_time_functions_return_seconds(run):
    finished = run(
        """
        from locust import TaskSet, User, between, constant, constant_pacing, constant_throughput, task
        from locust.exception import StopTest

        def a_third(user):
            return 1 / 3

        class Behaviour(TaskSet):
            wait_time = constant(0.25)

            @task
            def show(self):
                print("task set", self.wait_time())
                for user_class in (Constant, Between, Function, Default):
                    waits = sorted(user_class(self.user.environment).wait_time() for _ in range(1000))
                    print(user_class.__name__, round(waits[0], 1), round(waits[-1], 1), len(set(waits)) > 900)
                raise StopTest()

        class Constant(User):
            wait_time = constant(0.5)
            tasks = [Behaviour]

        class Between(Constant):
            wait_time = between(2, 3.5)

        class Function(Constant):
            wait_time = a_third

        class Default(User):
            tasks = [Behaviour]
        """,
        "Constant",
    ).expect_code(0)
    assert finished.printed == [
        "task set 0.25",
        "Constant 0.5 0.5 False",
        "Between 2.0 3.5 True",
        "Function 0.3 0.3 False",
        "Default 0 0 False",
    ]


def test_constant_pacing_counts_from_the_task_start(run):
    """Checks tasks that are shorter and tasks that are longer than the pace."""
    finished = run(
        """
        import gevent
        from locust import User, constant_pacing, constant_throughput, task

        class Paced(User):
            weight = 1

            @task
            def visit(self):
                gevent.sleep(self.takes_s)
                print(type(self).__name__)

        class Third(Paced):
            wait_time = constant_pacing(0.3)
            takes_s = 0.2

        class Tenth(Paced):
            wait_time = constant_throughput(10)
            takes_s = 0

        class Late(Paced):
            wait_time = constant_pacing(0.1)
            takes_s = 0.2
        """,
        "-u 3 -r 1000 -t 2s Third Tenth Late",
    ).expect_code(0)
    counts = Counter(finished.printed)
    # Expected are 7, 20 or 21, and 10 tasks on an idle machine. Waits after the tasks would give 4, 20 and 6.
    assert 5 <= counts["Third"] <= 8 and 12 <= counts["Tenth"] <= 22 and 7 <= counts["Late"] <= 11, counts


def test_user_without_wait_lets_others_run(run):
    finished = run(
        """
        from locust import User, task
        from locust.exception import StopTest

        class Busy(User):
            fixed_count = 1

            @task
            def spin(self):
                pass

        class Other(User):
            @task
            def end(self):
                print("had its turn")
                raise StopTest()
        """,
        "-u 2 -r 1000",
    ).expect_code(0)
    assert finished.printed == ["had its turn"]


def test_wait_can_be_called_in_a_task(run):
    finished = run(
        """
        from locust import TaskSet, User, constant, task
        from locust.exception import StopTest

        class Visitor(User):
            wait_time = constant(0.01)

            @task
            class Behaviour(TaskSet):
                @task
                def visit(self):
                    self.wait()
                    self.user.wait()
                    print("waited")
                    raise StopTest()
        """,
    ).expect_code(0)
    assert finished.printed == ["waited"]
