"""Comparison with Locust: one locustfile has the same rows, task mix and error texts under both programs."""

import os
import socket
from pathlib import Path

import pytest
from echo_server import Reply
from shop import Shop

LOCUST = os.environ.get("LOCUST_PROGRAM")
pytestmark = pytest.mark.skipif(
    not LOCUST, reason="LOCUST_PROGRAM is not set: tests/run-python sets it to the path of Locust"
)

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("example", ["shop.py", "website.py"])
def test_task_mix_matches_locust(program, tmp_path, example):
    # Each limit is exceeded by chance once in a thousand runs, hardly twice in a row.
    assert any(is_same_mix(program, tmp_path, example) for _ in range(2))


def test_error_texts_match_locust(program, server):
    server.replies["/odd"] = Reply(418)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        text = FAILING.replace("CLOSED", f"http://127.0.0.1:{unused.getsockname()[1]}/")
        path = program.write("failing.py", text)
        arguments = f"-f {path} -H {server.url} --headless -t 3s".split()
        theirs = program.start_program([LOCUST, *arguments]).finish()
        ours = program.command(arguments).finish()
    assert (theirs.code, ours.code) == (1, 1), f"{theirs}\n{ours}"
    assert len(theirs.errors) == 9, theirs
    assert sorted(map(named, ours.errors)) == sorted(map(named, theirs.errors))
    assert ours.printed == theirs.printed
    assert "ZeroDivisionError" in ours.stderr and "ZeroDivisionError" in theirs.stderr


def named(error):
    """Returns the error, cut to its class for a timeout: Locust's text has the address and the time."""
    return error.partition("(")[0] if "Timeout" in error else error


def is_same_mix(program, tmp_path, example):
    """Returns `True` if chi-square tests of homogeneity accept that both programs draw from the same mix.

    Two kinds of picks are independent draws: those among the tasks of a user, and those inside the task set. A
    shopper's checkout ends the task set, so that the number of checkouts is the number of visits to the set.
    """
    site = Shop(tmp_path / "shop.log")
    try:
        arguments = f"-f {EXAMPLES / example} -H {site.url} --headless -u 150 -r 1000 -t 8s -s 5 --json".split()
        arguments += ["--exit-code-on-error", "0"]
        pair = [program.start_program([LOCUST, *arguments]), program.command(arguments)]
        theirs, ours = (running.finish().expect_code(0) for running in pair)
    finally:
        site.close()
    theirs, ours = theirs.counts(), ours.counts()
    users, mixes = MIXES[example]
    assert set(theirs) == set(ours) and theirs["POST", "/login"] == ours["POST", "/login"] == users
    return all(
        chi_square([[counts[row] for row in rows] for counts in (theirs, ours)]) < limit for rows, limit in mixes
    )


def chi_square(table):
    columns = [sum(column) for column in zip(*table)]
    whole = sum(columns)
    expected = [[sum(row) * column / whole for column in columns] for row in table]
    cells = [(seen - fair) ** 2 / fair for row, fairs in zip(table, expected) for seen, fair in zip(row, fairs)]
    return sum(cells)


#: By example: the number of logins, and groups of rows with the chi-square limit of their size (p = 0.001).
MIXES = {
    "shop.py": (
        135,
        [
            ([("GET", "/"), ("GET", "/items/[id]"), ("GET", "/search?q=[word]"), ("POST", "/checkout")], 16.27),
            ([("POST", "/cart"), ("GET", "/cart"), ("POST", "/checkout")], 13.82),
        ],
    ),
    "website.py": (150, [([("GET", "/"), ("GET", "/profile")], 10.83)]),
}
FAILING = """
from locust import HttpUser, constant, task
from locust.exception import ResponseError, StopTest

class Visitor(HttpUser):
    wait_time = constant(0)
    step = 0

    @task
    def fail(self):
        self.step += 1
        if self.step == 2:
            raise StopTest()
        self.client.get("/status/404")
        self.client.post("/status/500?x=1", name="named")
        self.client.get("/odd")
        self.client.get("CLOSED", name="closed")
        with self.client.get("/text", catch_response=True) as response:
            response.failure("x")
        with self.client.get("/exception", catch_response=True) as response:
            response.failure(ValueError("y"))
        with self.client.get("/raised", catch_response=True) as response:
            raise ResponseError("z")
        self.client.get("/slow/5", timeout=0.2)
        for caught in (self.client.get("CLOSED", name="closed"), self.client.get("/status/503")):
            try:
                caught.raise_for_status()
            except Exception as error:
                print(type(error).__name__, error.response is not None)
        1 / 0
"""
