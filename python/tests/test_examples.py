"""The counts of the examples match the logs of their servers."""

import importlib.util
import threading
from collections import Counter
from pathlib import Path

import pytest
from shop import logged

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["quickstart.py", "quickstart_dict.py", "website.py"])
def test_quickstart_counts_match_the_server_log(run, tmp_path, name):
    log = tmp_path / "shop.log"
    finished = run(EXAMPLES / name, "--demo -c 10 -r 1000 -t 1s --json", GREGARIA_DEMO_LOG=str(log)).expect_code(0)
    counts = finished.counts()
    assert counts == logged(log)
    assert counts.pop(("POST", "/login")) == 10 and sum(counts.values()) == 10
    assert set(counts) <= {("GET", "/"), ("GET", "/profile")}


def test_shop_counts_match_the_server_log(run, tmp_path):
    log = tmp_path / "shop.log"
    arguments = "--demo -u 200 -r 1000 -t 4s -s 20 --json --exit-code-on-error 0"
    finished = run(EXAMPLES / "shop.py", arguments, GREGARIA_DEMO_LOG=str(log)).expect_code(0)
    counts = finished.counts()
    assert counts == logged(log) and len(counts) == 8, counts
    assert counts["POST", "/login"] == 180, "nine of ten users are shoppers"
    # The shop rejects every fiftieth checkout.
    failed = counts["POST", "/checkout"] // 50
    assert finished.failures() == ({("POST", "/checkout"): failed} if failed else {})


def test_demo_alone_runs_its_own_users(program, tmp_path):
    log = tmp_path / "shop.log"
    program.write("locustfile.py", "raise SystemExit('not imported')")
    arguments = ["--demo", "-n", "100", "--json", "--exit-code-on-error", "0"]
    finished = program.command(arguments, GREGARIA_DEMO_LOG=str(log)).finish().expect_code(0)
    counts = finished.counts()
    assert counts == logged(log) and sum(counts.values()) == 100
    assert counts["POST", "/login"] == 45, "nine of ten users are shoppers"


def test_xmlrpc_users_counts_match_the_server(run):
    server, calls = rpc_server()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        finished = run(EXAMPLES / "xmlrpc_users.py", f"-H {address} -c 10 -r 1000 -t 2s --json").expect_code(0)
    finally:
        server.shutdown()
        server.server_close()
    assert finished.counts() == {("xmlrpc", name): count for name, count in calls.items()}
    assert set(calls) == {"get_time", "get_random_number"} and "cut off" not in finished.stderr


def test_xmlrpc_users_without_a_server_record_failures(run):
    finished = run(EXAMPLES / "xmlrpc_users.py", "-H http://127.0.0.1:1/ -c 2 -r 1000 -t 1s --json").expect_code(1)
    assert finished.failures() == finished.counts()
    assert "ConnectionRefusedError(111, 'Connection refused')" in finished.stderr


def rpc_server():
    """Starts the server of the example on a free port. Returns the server and a counter of calls by function."""
    spec = importlib.util.spec_from_file_location("xmlrpc_server", EXAMPLES / "xmlrpc_server.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    calls = Counter()
    server = example.Server(("127.0.0.1", 0), logRequests=False)
    for function in (example.get_time, example.get_random_number):
        server.register_function(counted(function, calls), function.__name__)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, calls


def counted(function, calls):
    def call(*args):
        calls[function.__name__] += 1
        return function(*args)

    return call
