"""Fixtures: a server, and the command that runs locustfiles."""

import pytest
from echo_server import EchoServer
from program import Program


@pytest.fixture
def server():
    """Yields an echo server with a log, on a free port of 127.0.0.1."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture
def program(tmp_path):
    """Yields a directory to run locustfiles in."""
    program = Program(tmp_path)
    yield program
    program.close()


@pytest.fixture
def run(program):
    """Returns a function that runs the text of a locustfile with arguments to its end."""
    return program.run
