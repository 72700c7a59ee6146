"""The annotations of the package, the stubs of the extension module and of Locust's names, checked with mypy."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import gregaria
import pytest

PROJECT = Path(__file__).parents[1]
EXAMPLES = sorted((PROJECT.parent / "examples").glob("*.py"))
#: The examples of another protocol import names of Python 2 and pass the optional `host` on.
XMLRPC_OPTIONS = [
    "--no-strict-optional",
    "--disable-error-code",
    "import-not-found",
    "--disable-error-code",
    "no-redef",
]
STUBS = Path(gregaria.__file__).parents[1] / "locust-stubs"
#: Bodies of functions without annotations are checked, too: locustfiles have no others.
LOCUSTFILE_OPTIONS = ["--config-file", "", "--check-untyped-defs"]

CORRECT = """
import random

from locust import (
    FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User, between, constant, constant_pacing, events, tag, task
)
from locust.env import Environment
from locust.events import hatch_complete
from locust.exception import RescheduleTask, StopUser
from locust.runners import STATE_STOPPED, MasterRunner


class Browsing(TaskSet):
    @task(3)
    def look(self):
        self.client.get("/", name="home")
        if random.random() < 0.5:
            self.interrupt()


@events.request.add_listener
def request(request_type, name, response_time, **kwargs):
    pass


def hatched(user_count):
    pass


hatch_complete += hatched


@events.quitting.add_listener
def quitting(environment: Environment, **kwargs):
    if environment.stats.total.fail_ratio > 0.1 and not isinstance(environment.runner, MasterRunner):
        environment.process_exit_code = 1


class Visitor(HttpUser):
    wait_time = between(1, 2)
    tasks = {Browsing: 2}
    host = "http://shop.test"
    weight = 3

    def on_start(self):
        self.client.headers["Accept"] = "text/html"
        self.client.verify = False

    @tag("buy")
    @task
    def buy(self):
        with self.client.post("/cart", json={"item": 1}, catch_response=True) as response:
            if response.status_code != 200:
                response.failure("no cart")
            elif response.elapsed.total_seconds() > 1 or response.phases["first_byte"] > 900:
                raise StopUser()
        self.client.get("/", params={"q": 1}, headers={"X": "y"}, timeout=(1, 2), context={"a": 1}, stream=True)
        self.client.request("PUT", "/", data=b"x", auth=("user", "password"), files={"a": open("a")})


class Computed(FastHttpUser):
    tasks = [Browsing, (Browsing, 2)]

    def wait_time(self):
        return 1.5


class Other(User):
    wait_time = constant_pacing(1)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = object()

    @task
    class Steps(SequentialTaskSet):
        wait_time = constant(2)

        @task
        def call(self):
            self.user.client.own_method()
"""

MISTAKES = {
    "self.client.get(1)": 'Argument 1 to "get" of "HttpSession" has incompatible type "int"',
    'self.client.get("/", nam="x")': 'Unexpected keyword argument "nam" for "get" of "HttpSession"',
    'self.client.post("/", catch_response="yes")': 'Argument "catch_response" to "post" of "HttpSession"',
    'self.client.gett("/")': '"HttpSession" has no attribute "gett"',
    'self.client.get("/").fail("x")': '"Response" has no attribute "fail"',
    "self.environment.runner_()": '"Environment" has no attribute "runner_"',
    'between("a", 1)': 'Argument 1 to "between" has incompatible type "str"',
    "events.tset_start.add_listener(print)": '"Events" has no attribute "tset_start"',
}


def mypy(*arguments):
    """Returns the exit code and the output of mypy."""
    words = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, *map(str, arguments)]
    finished = subprocess.run(words, capture_output=True, text=True, timeout=300)
    return finished.returncode, finished.stdout + finished.stderr


def test_package_has_no_type_errors():
    code, output = mypy("--config-file", PROJECT / "pyproject.toml", PROJECT / "gregaria")
    assert code == 0, output


def test_native_stub_matches_module():
    words = [sys.executable, "-m", "mypy.stubtest", "gregaria._engine", "--ignore-disjoint-bases"]
    variables = os.environ | {"MYPY_CACHE_DIR": os.devnull}
    finished = subprocess.run(words, capture_output=True, text=True, timeout=300, env=variables)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_locust_stubs_have_the_installed_names():
    from gregaria.as_locust import MODULES
    from gregaria.event import EventHook, events

    hooks = {name for name, value in vars(events).items() if isinstance(value, EventHook)}
    for module, names in (MODULES | {"locust.events": {"EventHook", *hooks}}).items():
        path = STUBS.joinpath(*module.split(".")[1:])
        text = (path / "__init__.pyi" if path.is_dir() else path.with_suffix(".pyi")).read_text()
        assert declared_names(text) == set(names), module


def declared_names(text):
    """Returns the public names of a stub."""
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names}
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets}
    return names


def test_examples_have_no_type_errors():
    xmlrpc = [path for path in EXAMPLES if path.name.startswith("xmlrpc")]
    code, output = mypy(*LOCUSTFILE_OPTIONS, *(path for path in EXAMPLES if path not in xmlrpc))
    assert code == 0, output
    code, output = mypy(*LOCUSTFILE_OPTIONS, *XMLRPC_OPTIONS, *xmlrpc)
    assert code == 0, output


def test_correct_locustfile_has_no_type_errors(tmp_path):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(CORRECT)
    code, output = mypy(*LOCUSTFILE_OPTIONS, locustfile)
    assert code == 0, output


def test_wrong_locustfile_lines_are_type_errors(tmp_path):
    lines = [*"from locust import HttpUser, between, events, task\n\nclass Visitor(HttpUser):".splitlines()]
    lines += ["    @task", "    def visit(self):", *(f"        {mistake}" for mistake in MISTAKES)]
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text("\n".join(lines) + "\n")
    _, output = mypy(*LOCUSTFILE_OPTIONS, locustfile)
    for mistake, message in MISTAKES.items():
        line = lines.index(f"        {mistake}") + 1
        assert any(f"locustfile.py:{line}: error: {message}" in found for found in output.splitlines()), output


@pytest.mark.parametrize("name", ["py.typed", "_engine.pyi"])
def test_wheel_contains_type_information(name):
    assert (Path(gregaria.__file__).parent / name).is_file()
    assert (STUBS / "py.typed").read_text() == "partial\n"
