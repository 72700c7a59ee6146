"""Errors before a run: one line with the cause and the remedy, and the exit code."""

import sys

import pytest

USER = """
from locust import HttpUser, task

class Visitor(HttpUser):
    host = "http://127.0.0.1:1"

    @task
    def visit(self):
        pass
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def broken(:\n    pass\n", "locustfile.py, line 1: invalid syntax: def broken(:"),
        ("x = [\n", "locustfile.py, line 1: '[' was never closed: x = ["),
        (
            "import no_such_module\n",
            "locustfile.py, line 1: ModuleNotFoundError: No module named 'no_such_module': install it with"
            f" {sys.executable} -m pip, or put it beside the locustfile",
        ),
        (
            "\nfrom locust import NoSuchName\n",
            "locustfile.py, line 2: ImportError: cannot import name 'NoSuchName' from 'locust' (unknown location):"
            " this part of Locust is not supported; docs/python.md lists the supported parts",
        ),
        ("x = 1\nx.upper()\n", "locustfile.py, line 2: AttributeError: 'int' object has no attribute 'upper'"),
        ("print(undefined)\n", "locustfile.py, line 1: NameError: name 'undefined' is not defined"),
        (
            "import sys\nsys.exit(3)\n",
            "locustfile.py, line 2: it calls sys.exit(3) on import: a locustfile must not end the process",
        ),
        (
            "x = 1\n",
            "locustfile.py: no user class found: derive one from HttpUser or User, and give it tasks",
        ),
        (
            "from locust import HttpUser\nclass Idle(HttpUser):\n    pass\n",
            "user class Idle has no tasks: give it some with @task or tasks, or set abstract = True if it is only there"
            " to be derived from",
        ),
        (
            USER + "    weight = 'x'\n",
            "user class Visitor: weight must be a number of at least 0, not 'x'",
        ),
    ],
)
def test_locustfile_error_prints_one_line(run, text, line):
    assert error_line(run(text, "-t 1s"), 1) == line


def test_error_in_an_imported_module_names_both_files(run, program):
    program.write("pages.py", "def path():\n    return 1 / 0\n\nHOME = path()\n")
    line = error_line(run("import pages\n"), 1)
    assert line == "locustfile.py, line 1: ZeroDivisionError: division by zero (in pages.py, line 2)"
    program.write("pages.py", "x = (\n")
    assert error_line(run("import pages\n"), 1) == "pages.py, line 1: '(' was never closed: x = ("


def test_user_classes_of_the_same_name_are_an_error(program):
    paths = [program.write(name, USER) for name in ("a.py", "b.py")]
    finished = program.command(["-f", ",".join(map(str, paths)), "--headless"]).finish()
    assert error_line(finished, 1) == "two locustfiles have a user class Visitor: rename one"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ("NoSuchClass", 1, "there is no user class NoSuchClass: see --list"),
        ("-u 0", 2, "-u 0: takes a whole number of at least 1"),
        ("-t soon", 2, "-t soon: takes a time of more than 0, such as 90 (seconds), 1.5s, 500ms, 20m or 1h30m"),
        ("-z 10s", 2, "-z 10s: the run time is -t 10s"),
        ("localhost:80", 2, "localhost:80: is no user class: give the host with -H http://localhost:80"),
        ("-H Accept:x", 2, "-H Accept:x: -H is the host, headers are --header: write --header 'Accept:x'"),
        ("-H 127.0.0.1:8080", 2, "-H 127.0.0.1:8080: has no scheme: write http://127.0.0.1:8080"),
    ],
)
def test_wrong_argument_prints_one_line(run, arguments, code, line):
    assert error_line(run(USER, arguments), code) == line


def test_conflicting_and_unknown_flags_are_errors(run):
    assert "--demo" in error_line(run(USER, "--demo -H http://127.0.0.1:1"), 2)
    assert "--no-such-flag" in error_line(run(USER, "--no-such-flag"), 2)


def test_missing_and_invalid_hosts_are_errors(run):
    missing = error_line(run(USER.replace("host =", "no_host =")), 2)
    assert missing == "user class Visitor has no host: set one for the class or for the run (--host)"
    wrong = error_line(run(USER.replace("http://127", "127")), 2)
    assert wrong == 'host "127.0.0.1:1" of user class Visitor: has no scheme: write http://127.0.0.1:1'


def test_missing_locustfile_is_an_error(program):
    assert "nowhere.py" in error_line(program.command(["-f", "nowhere.py"]).finish(), 1)
    program.write("urls.txt", "http://127.0.0.1:1/")
    line = error_line(program.command(["-f", "urls.txt"]).finish(), 2)
    assert line.startswith("-f urls.txt: is no locustfile, because its name does not end with .py; ")
    assert "locustfile" in error_line(program.command([]).finish(), 1)


def error_line(finished, code):
    """Returns the only line on stderr, without the program name. Fails if stdout is not empty."""
    finished.expect_code(code)
    assert finished.stdout == "", finished
    (line,) = finished.stderr.splitlines()
    assert line.startswith("gregaria: "), finished
    return line.removeprefix("gregaria: ")


def test_tags_without_matching_tasks_are_an_error(run):
    text = """
        from locust import User, constant, tag, task

        class Buyer(User):
            wait_time = constant(0.1)

            @tag("buy")
            @task
            def buy(self):
                print("buys")

        class Reader(User):
            @tag("read")
            @task
            def read(self):
                print("reads")
        """
    finished = run(text, "-T nothing").expect_code(1)
    assert finished.stderr == "gregaria: no task is left with these tags (-T) and without those (-E)\n"
    finished = run(text, "-T buy -t 1s -u 2 -r 10").expect_code(0)
    assert set(finished.printed) == {"buys"}
