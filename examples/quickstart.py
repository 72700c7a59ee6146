"""The quick start of Locust's manual, version 0.7: log in, then request the index twice as often as the profile.

    gregaria -f examples/quickstart.py --demo -c 10 -r 2

Waits are in milliseconds, as in that version. quickstart_dict.py is the same without the decorator, quickstart.rs the
same in Rust.
"""

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


class WebsiteUser(HttpLocust):
    task_set = UserBehavior
    min_wait = 5000
    max_wait = 9000
