"""Which task comes next: both forms of task sets, weights, nesting, interrupts and scheduled tasks."""

import math


def test_tasks_of_the_manual_in_both_forms(run, server):
    for behaviour in (DICT, DECORATED):
        server.requests.clear()
        finished = run(behaviour + USER, f"-H {server.url} -c 4 -r 100 -n 304 --json").expect_code(0)
        counts = finished.counts()
        assert counts == server.counts() and sum(counts.values()) == 304
        assert counts["POST", "/login"] == 4
        assert near(counts["GET", "/"], 300, 2 / 3) and near(counts["GET", "/profile"], 300, 1 / 3), counts


def near(count, draws, share):
    """Whether so many of the draws are within five standard deviations of what is to be expected."""
    return abs(count - draws * share) < 5 * math.sqrt(draws * share * (1 - share))


DICT = """
from locust import HttpLocust, TaskSet

def index(l):
    l.client.get("/")

def profile(l):
    l.client.get("/profile")

class UserBehavior(TaskSet):
    tasks = {index: 2, profile: 1}

    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})
"""
DECORATED = """
from locust import HttpLocust, TaskSet, task

class UserBehavior(TaskSet):
    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})

    @task(2)
    def index(self):
        self.client.get("/")

    @task(1)
    def profile(self):
        self.client.get("/profile")
"""
USER = """
class WebsiteUser(HttpLocust):
    task_set = UserBehavior
    min_wait = 1
    max_wait = 5
"""
