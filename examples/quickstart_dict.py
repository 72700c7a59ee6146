"""The scenario of quickstart.py with a dict of weights.

Tasks are functions that receive the task set.

    gregaria -f examples/quickstart_dict.py --demo -c 10 -r 2
"""

from locust import HttpLocust, TaskSet


def login(visitor):
    visitor.client.post("/login", {"username": "ellen_key", "password": "education"})


def index(visitor):
    visitor.client.get("/")


def profile(visitor):
    visitor.client.get("/profile")


class UserBehavior(TaskSet):
    tasks = {index: 2, profile: 1}

    def on_start(self):
        login(self)


class WebsiteUser(HttpLocust):
    task_set = UserBehavior
    min_wait = 5000
    max_wait = 9000
