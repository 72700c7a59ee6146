"""Runs `python -m gregaria` as a user does: a locustfile, arguments, signals, output, exit code.

Each run has a directory of its own, which is also its home, and none of the program's variables. A run that does not
end in time is killed and fails its test with its output.
"""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent, indent

import pytest


def in_a_task(code, before=""):
    """Returns a locustfile with a user that runs this code once and then ends the run."""
    return dedent(before) + ONE_TASK + indent(dedent(code).strip(), " " * 8) + "\n        raise StopTest()\n"


class Program:
    """A directory with a locustfile, and calls of the command in it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self._started = []

    def write(self, name, text):
        """Writes a file beside the locustfile."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def run(self, locustfile, arguments="", **variables):
        """Runs a locustfile, given as its text or its path, to its end. Arguments are separated by spaces."""
        return self.start(locustfile, arguments, **variables).finish()

    def start(self, locustfile, arguments="", **variables):
        """Starts a locustfile as `run` does, without waiting for its end."""
        path = locustfile if isinstance(locustfile, Path) else self.write("locustfile.py", locustfile)
        return self.command(["-f", path, "--headless", *arguments.split()], **variables)

    def command(self, arguments, **variables):
        """Starts the command with any arguments."""
        return self.other([sys.executable, "-m", "gregaria", *arguments], **variables)

    def other(self, words, **variables):
        """Starts another program in the same directory."""
        running = Running(words, self.directory, variables)
        self._started.append(running)
        return running

    def close(self):
        for running in self._started:
            running.kill()


class Running:
    """A program that has been started."""

    def __init__(self, words, directory, variables):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "GREGARIA_"))
        }
        environment |= {"HOME": str(directory), "PYTHONUNBUFFERED": "1"} | variables
        self._process = subprocess.Popen(
            words,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stdout = _Collected(self._process.stdout)
        self._stderr = _Collected(self._process.stderr)

    def signal(self, number):
        self._process.send_signal(number)

    def wait_for(self, text):
        """Waits until the program has printed this."""
        with self._stderr.changed:
            seen = lambda: text in self._stderr.text or text in self._stdout.text
            if not self._stderr.changed.wait_for(seen, LIMIT_S):
                self._fail(f"{text!r} was never printed")

    def finish(self):
        """Waits for the end of the program."""
        try:
            code = self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"it did not end within {LIMIT_S} s")
        return Finished(code, self._stdout.whole(), self._stderr.whole())

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _fail(self, what):
        pytest.fail(f"{what}\nstdout:\n{self._stdout.text[-2000:]}\nstderr:\n{self._stderr.text[:4000]}")


class Finished:
    """A program that has ended."""

    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def __repr__(self):
        return f"exit code {self.code}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"

    def expect_code(self, code):
        """Fails with the whole output unless this is the exit code."""
        assert self.code == code, repr(self)
        return self

    @property
    def said(self):
        """The lines that the locustfile has printed."""
        return self.stdout.splitlines()

    @property
    def entries(self):
        """The list that --json has printed, by method and name."""
        return {(entry["method"], entry["name"]): entry for entry in json.loads(self.stdout)}

    def counts(self):
        """Returns the number of requests by method and name, from --json."""
        return {row: entry["num_requests"] for row, entry in self.entries.items()}

    def failures(self):
        """Returns the number of failures by method and name, from --json, without rows that have none."""
        return {row: entry["num_failures"] for row, entry in self.entries.items() if entry["num_failures"]}

    @property
    def log(self):
        """The lines of the log, without time and host, and what follows them (tracebacks, tables) left out."""
        return re.findall(r"^\[[^]]+\] [^/]+/(.*)$", self.stderr, re.MULTILINE)

    @property
    def errors(self):
        """The rows of the error table: number, method, name and error, with single spaces."""
        rows = self.stderr.partition("\nError report\n")[2].partition("\n\n")[0].splitlines()
        return [" ".join(row.split()) for row in rows if row[:1].isdigit()]


class _Collected:
    """The output of a pipe, read to its end on a thread."""

    #: Shared by all pipes, because a waiter reads two.
    changed = threading.Condition()

    def __init__(self, pipe):
        self.text = ""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def whole(self):
        self._thread.join(LIMIT_S)
        return self.text

    def _read(self):
        while piece := os.read(self._pipe.fileno(), 65536):
            with self.changed:
                self.text += piece.decode(errors="replace")
                self.changed.notify_all()


LIMIT_S = 20
ONE_TASK = """
from locust import HttpUser, constant, task
from locust.exception import StopTest

class Visitor(HttpUser):
    # Once: a test that fails is not to go on for long.
    wait_time = constant(60)

    @task
    def visit(self):
"""
