"""The full results of a run (`--json-full`): they match their schema, which allows no other keys, and mask secrets."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMA_FILE = Path(__file__).parents[2] / "docs/results.schema.json"

SHOP = """
from locust import HttpUser, constant_throughput, events, task

@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--api-token", is_secret=True)
    parser.add_argument("--page", default="/")

class Visitor(HttpUser):
    wait_time = constant_throughput(50)

    @task
    def visit(self):
        self.client.get(self.environment.parsed_options.page)
        self.client.get("/status/404")
        raise KeyError("id")
"""


def test_results_of_a_locustfile_match_the_schema(run, server, program):
    host = server.url.replace("://", "://me:hidden@")
    arguments = f"-H {host} -u 1 -n 40 --api-token hidden --page /page --json-full-file results/full.json"
    run(SHOP, arguments).expect_code(1)
    text = (program.directory / "results/full.json").read_text()
    results = validated(text)
    assert "hidden" not in text
    assert results["arguments"]["host"] == [server.url.replace("://", "://me:***@")]
    assert (results["arguments"]["api-token"], results["arguments"]["page"]) == (["***"], ["/page"])
    assert [user_class["name"] for user_class in results["settings"]["user_classes"]] == ["Visitor"]
    assert results["settings"]["locustfiles"] == [str(program.directory / "locustfile.py")]
    assert (results["run"]["end_reason"], results["total"]["num_requests"]) == ("num_requests", 40)
    counts = {entry["name"]: entry["num_requests"] for entry in results["entries"]}
    assert counts == {"/page": 20, "/status/404": 20}
    assert [(error["name"], error["occurrences"]) for error in results["errors"]] == [("/status/404", 20)]
    assert results["exceptions"][0]["message"] == "'id'"
    assert [thread["name"] for thread in results["generator"]["threads"]] == ["the Python thread", "the I/O thread"]


def test_results_of_a_quick_run_match_the_schema(program, server):
    arguments = f"{server.url}/page -u 2 -n 20 --json-full --header Authorization:hidden --body hidden"
    finished = program.command(arguments.split()).finish().expect_code(0)
    results = validated(finished.stdout)
    assert "hidden" not in finished.stdout
    assert (results["settings"]["method"], results["settings"]["url"]) == ("POST", f"{server.url}/page")
    assert results["arguments"]["header"] == ["Authorization: ***"]
    (entry,) = results["entries"]
    assert entry["percentiles_us"]["p50"] <= entry["percentiles_us"]["p99.999"] <= entry["max_us"]
    assert sum(entry["num_reqs_per_sec"].values()) == 20


def validated(text):
    """Parses results and compares them with the schema, in which every key of the results must be described."""
    results = json.loads(text)
    Draft202012Validator(closed(json.loads(SCHEMA_FILE.read_text()))).validate(results)
    return results


def closed(schema):
    """Returns the schema without permission for keys that it does not describe."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    has_keys = schema.get("type") == "object" and "properties" in schema
    return inner | {"additionalProperties": False} if has_keys else inner
