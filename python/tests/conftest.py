"""What tests are given: a server, and the command to run locustfiles with."""

import pytest
from echo_server import EchoServer
from program import Program


@pytest.fixture
def server():
    """An echo server with a log, on a free port of 127.0.0.1."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture
def program(tmp_path):
    """A directory to run locustfiles in."""
    program = Program(tmp_path)
    yield program
    program.close()


@pytest.fixture
def run(program):
    """Runs the text of a locustfile with arguments to its end."""
    return program.run
