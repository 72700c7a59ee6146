"""Destinations of the output of a locustfile: stdout, stderr, log file and JSON file."""

import json

TALKATIVE = """
import logging
import sys
from locust import HttpUser, task
from locust.exception import StopTest

logging.getLogger("before").info("at import")
print("at import")

class Visitor(HttpUser):
    @task
    def visit(self):
        print("printed")
        print("to stderr", file=sys.stderr)
        logging.info("root")
        logging.getLogger("my_shop.cart").warning("worth %d", 7)
        logging.getLogger("my_shop.cart").debug("never seen")
        logging.getLogger("my_shop.cart").critical("two\\nlines")
        self.client.get("/")
        raise StopTest()
"""


def test_prints_go_to_stdout(run, server):
    finished = run(TALKATIVE, f"-H {server.url}").expect_code(0)
    assert finished.printed == ["printed"]
    assert "\nto stderr\n" in finished.stderr
    assert finished.stderr.startswith("at import\n"), "output during the import goes to stderr"


def test_json_flag_reserves_stdout_for_json(run, server):
    finished = run(TALKATIVE, f"-H {server.url} --json").expect_code(0)
    (entry,) = json.loads(finished.stdout)
    assert (entry["method"], entry["name"], entry["num_requests"]) == ("GET", "/", 1)
    assert "\nprinted\n" in finished.stderr and "at import" in finished.stderr


def test_json_file_flag_writes_json_to_the_file(run, server, program):
    run(TALKATIVE, f"-H {server.url} --json-file result").expect_code(0)
    (entry,) = json.loads((program.directory / "result.json").read_text())
    assert entry["num_requests"] == 1


def test_report_begins_with_status_codes_and_users(run, server):
    stderr = run(TALKATIVE, f"-H {server.url} -u 1").expect_code(0).stderr
    assert "  (1 request in " in stderr and " by 1 user)\nFailures:     0.00 %  (0 failures)\n" in stderr, stderr
    assert "\nStatus codes: 200: 1\n" in stderr, stderr


def test_locustfile_logs_use_the_log_format(run, server):
    finished = run(TALKATIVE, f"-H {server.url}").expect_code(0)
    for line in ("INFO/root: root", "WARNING/my_shop.cart: worth 7", "ERROR/my_shop.cart: two"):
        assert line in finished.log, finished
    assert "never seen" not in finished.stderr
    finished = run(TALKATIVE, f"-H {server.url} -L WARNING").expect_code(0)
    assert finished.log == ["WARNING/my_shop.cart: worth 7", "ERROR/my_shop.cart: two"]


def test_logfile_flag_writes_logs_to_the_file(run, server, program):
    finished = run(TALKATIVE, f"-H {server.url} --logfile run.log").expect_code(0)
    text = (program.directory / "run.log").read_text()
    assert "WARNING/my_shop.cart: worth 7" in text and "Shutting down" in text
    assert "my_shop" not in finished.stderr


def test_skip_log_setup_leaves_logging_to_the_locustfile(run, server):
    text = TALKATIVE + 'logging.basicConfig(format="own %(name)s %(message)s", stream=sys.stdout, level="INFO")\n'
    finished = run(text, f"-H {server.url} --skip-log-setup").expect_code(0)
    assert "own my_shop.cart worth 7" in finished.printed and "Starting gregaria" not in finished.stderr


def test_list_and_task_ratio_go_to_stdout(run):
    text = """
        from locust import TaskSet, User, task

        print("at import")

        class Shopper(User):
            weight = 3

            @task(3)
            def look(self):
                pass

            @task
            class Buying(TaskSet):
                @task
                def buy(self):
                    pass

        class Crawler(User):
            tasks = [Shopper.look]
        """
    listed = run(text, "--list").expect_code(0)
    assert [line.strip() for line in listed.printed[1:]] == ["Shopper", "Crawler"]
    ratios = run(text, "--show-task-ratio-json").expect_code(0)
    per_class = json.loads(ratios.stdout)["per_class"]
    assert per_class["Shopper"]["ratio"] == 0.75 and per_class["Shopper"]["tasks"]["look"]["ratio"] == 0.75
    assert per_class["Shopper"]["tasks"]["Buying"]["tasks"]["buy"]["ratio"] == 1
    assert "Buying" in run(text, "--show-task-ratio").expect_code(0).stdout
