"""Runs `python -m gregaria` as a process: locustfile, arguments, signals, output and exit code.

Each run has its own directory, which is also its home directory. Variables that start with `LOCUST_` or `GREGARIA_` are
removed, so that only the test configures the run. A process that does not end within 20 s is killed, and its test fails
with the output.
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
    """Returns the text of a locustfile with one user, which executes the code once and then ends the run."""
    return dedent(before) + ONE_TASK + indent(dedent(code).strip(), " " * 8) + "\n        raise StopTest()\n"


class Program:
    """A directory with a locustfile, in which programs are started."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self._started = []

    def write(self, name, text):
        """Writes a file next to the locustfile."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def run(self, locustfile, arguments="", **variables):
        """Runs a locustfile, given as text or path, and waits for the end. Arguments are separated by spaces."""
        return self.start(locustfile, arguments, **variables).finish()

    def start(self, locustfile, arguments="", **variables):
        """Starts a locustfile like `run`, without waiting for the end."""
        path = locustfile if isinstance(locustfile, Path) else self.write("locustfile.py", locustfile)
        return self.command(["-f", path, "--headless", *arguments.split()], **variables)

    def command(self, arguments, **variables):
        """Starts `python -m gregaria` with the arguments."""
        return self.start_program([sys.executable, "-m", "gregaria", *arguments], **variables)

    def start_program(self, command, **variables):
        """Starts another program in the same directory."""
        running = Running(command, self.directory, variables)
        self._started.append(running)
        return running

    def close(self):
        for running in self._started:
            running.kill()


class Running:
    """A process that has been started."""

    def __init__(self, command, directory, variables):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COLUMNS", "LOCUST_", "GREGARIA_"))
        }
        environment |= {"HOME": str(directory), "PYTHONUNBUFFERED": "1"} | variables
        self._process = subprocess.Popen(
            command,
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
        """Waits until the process has printed the text. Fails the test after 20 s."""
        with self._stderr.changed:
            seen = lambda: text in self._stderr.text or text in self._stdout.text
            if not self._stderr.changed.wait_for(seen, LIMIT_S):
                self._fail(f"{text!r} was never printed")

    def finish(self):
        """Waits for the end of the process. Kills the process and fails the test after 20 s."""
        try:
            code = self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"the program did not end within {LIMIT_S} s")
        return Finished(code, self._stdout.whole(), self._stderr.whole())

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _fail(self, message):
        pytest.fail(f"{message}\nstdout:\n{self._stdout.text[-2000:]}\nstderr:\n{self._stderr.text[:4000]}")


class Finished:
    """The exit code and the output of a process that has ended."""

    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def __repr__(self):
        return f"exit code {self.code}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"

    def expect_code(self, code):
        """Fails with the whole output if the exit code differs."""
        assert self.code == code, repr(self)
        return self

    @property
    def printed(self):
        """The lines on stdout."""
        return self.stdout.splitlines()

    @property
    def entries(self):
        """The rows that `--json` has printed, by method and name."""
        return {(entry["method"], entry["name"]): entry for entry in json.loads(self.stdout)}

    def counts(self):
        """Returns the number of requests by method and name, without rows of 0 requests. Needs `--json`."""
        return {row: entry["num_requests"] for row, entry in self.entries.items() if entry["num_requests"]}

    def failures(self):
        """Returns the number of failures by method and name, without rows of 0 failures. Needs `--json`."""
        return {row: entry["num_failures"] for row, entry in self.entries.items() if entry["num_failures"]}

    @property
    def log(self):
        """The log lines without time and host. Tracebacks and tables between them are left out."""
        return re.findall(r"^\[[^]]+\] [^/]+/(.*)$", self.stderr, re.MULTILINE)

    @property
    def errors(self):
        """The rows of the error table: number, method, name and error, separated by single spaces."""
        rows = self.stderr.partition("\nError report\n")[2].partition("\n\n")[0].splitlines()
        return [" ".join(row.split()) for row in rows if row[:1].isdigit()]


class _Collected:
    """A thread that reads a pipe until its end, and the text read so far."""

    #: One condition for all pipes, because `Running.wait_for` searches both stdout and stderr.
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
        while chunk := os.read(self._pipe.fileno(), 65536):
            with self.changed:
                self.text += chunk.decode(errors="replace")
                self.changed.notify_all()


LIMIT_S = 20
ONE_TASK = """
from locust import HttpUser, constant, task
from locust.exception import StopTest

class Visitor(HttpUser):
    # The task runs once, so that a failing test ends soon.
    wait_time = constant(60)

    @task
    def visit(self):
"""
