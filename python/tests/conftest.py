"""Fixtures: an echo server, and a program that runs locustfiles."""

import pytest
from echo_server import EchoServer
from program import Program


@pytest.fixture
def server():
    """Starts an echo server with a request log on a free port of 127.0.0.1."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture
def program(tmp_path):
    """Creates a directory in which locustfiles run."""
    program = Program(tmp_path)
    yield program
    program.close()


@pytest.fixture
def run(program):
    """Returns the function that runs a locustfile with arguments until the process ends."""
    return program.run
