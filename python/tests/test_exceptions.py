"""Exceptions in the code of users: their counts, the exception report with its source lines, and the exit code."""

import re


def test_task_exceptions_are_counted_and_reported(run):
    finished = run(
        """
        from locust import HttpUser, constant, task
        from locust.exception import StopTest

        class Visitor(HttpUser):
            wait_time = constant(0)
            seen = 0

            @task
            def visit(self):
                self.seen += 1
                if self.seen == 8:
                    raise StopTest()
                if self.seen % 2:
                    look_up({})
                self.client.get("/", no_such_argument=1)

        def look_up(page):
            return page["missing"]
        """,
        "-H http://127.0.0.1:1",
    ).expect_code(1)
    assert report(finished) == [
        "4 'missing'",
        "Traceback (most recent call last):",
        'File "locustfile.py", line 15, in visit',
        "look_up({})",
        'File "locustfile.py", line 19, in look_up',
        'return page["missing"]',
        "KeyError: 'missing'",
        "3 request() got an unexpected keyword argument 'no_such_argument'",
        "Traceback (most recent call last):",
        'File "locustfile.py", line 16, in visit',
        'self.client.get("/", no_such_argument=1)',
        "TypeError: request() got an unexpected keyword argument 'no_such_argument'",
    ]
    assert finished.stderr.count("KeyError: 'missing' (others like it are counted only)") == 1


def test_exceptions_of_a_place_are_one_row(run):
    finished = run(
        """
        from locust import User, constant, task
        from locust.exception import StopTest

        class Visitor(User):
            wait_time = constant(0)
            seen = 0

            @task
            def visit(self):
                self.seen += 1
                if self.seen > 9:
                    raise StopTest()
                raise ValueError(f"value {self.seen}")
        """,
    ).expect_code(1)
    shown = report(finished)
    assert shown[0] == "9 value 1" and sum("ValueError: value" in line for line in shown) == 1, shown
    assert finished.stderr.count("(others like it are counted only)") == 1


def test_exception_report_includes_the_cause(run):
    finished = run(
        """
        from locust import User, task
        from locust.exception import StopTest

        class Visitor(User):
            seen = 0

            @task
            def visit(self):
                self.seen += 1
                if self.seen > 1:
                    raise StopTest()
                try:
                    self.no_such_attribute
                except AttributeError as error:
                    raise ValueError("of our own") from error
        """,
    ).expect_code(1)
    shown = " ".join(report(finished))
    assert "AttributeError" in shown and "direct cause" in shown and shown.endswith("ValueError: of our own"), shown


def test_exceptions_outside_tasks_are_counted(run):
    """Checks that exceptions in the constructor and in `on_start` end their user, and that other users continue."""
    finished = run(
        """
        from locust import TaskSet, User, constant, task
        from locust.exception import StopTest

        class Base(User):
            abstract = True
            fixed_count = 1
            wait_time = constant(60)

            @task
            def visit(self):
                print(type(self).__name__)

        class Unmade(Base):
            def __init__(self, environment):
                super().__init__(environment)
                raise ValueError("constructor")

        class Unstarted(Base):
            def on_start(self):
                raise ValueError("on_start")

            def on_stop(self):
                print("never: it has not started")

        class Unstopped(Base):
            def on_stop(self):
                raise ValueError("on_stop")

        class InASet(Base):
            wait_time = constant(0)
            tasks = []

            @task
            class Unstarted(TaskSet):
                entered = 0

                def on_start(self):
                    self.user.visit()
                    type(self).entered += 1
                    raise StopTest() if self.entered == 3 else ValueError("on_start of a task set")

                @task
                def never(self):
                    print("never")
        """,
        "-u 4 -r 1000 Unmade Unstarted Unstopped InASet",
    ).expect_code(1)
    assert "never" not in finished.stdout and finished.printed.count("Unstopped") == 1, finished
    counts = {
        row.partition(" ")[2]: row.partition(" ")[0] for row in report(finished) if re.match(r"\d+ (con|on_)", row)
    }
    assert counts == {"constructor": "1", "on_start": "1", "on_stop": "1", "on_start of a task set": "2"}


def test_task_set_without_tasks_is_an_exception_and_waits(run):
    finished = run(
        """
        from locust import TaskSet, User, constant, task

        class Visitor(User):
            wait_time = constant(60)

            @task
            class Empty(TaskSet):
                pass
        """,
        "-t 1s",
    ).expect_code(1)
    assert report(finished)[0].startswith("1 No tasks defined on Empty"), finished


def test_exit_code_on_error_applies_to_exceptions(run):
    text = """
        from locust import User, constant, task

        class Visitor(User):
            wait_time = constant(60)

            @task
            def visit(self):
                raise ValueError()
        """
    run(text, "-t 1s --exit-code-on-error 5").expect_code(5)
    run(text, "-t 1s --exit-code-on-error 0").expect_code(0)


def report(finished):
    """Returns the lines of the exception report, with file names instead of paths and without marker lines."""
    rows = finished.stderr.partition("\nException report\n")[2].partition("\n\n")[0].splitlines()[2:-1]
    rows = (re.sub(r'File "[^"]*/', 'File "', " ".join(row.split())) for row in rows)
    return [row for row in rows if row.strip("~^ ")]
