"""The quick start of the manual of Locust 0.7: users log in, then request the start page twice as often as the profile.

    gregaria -f examples/quickstart.py --demo -c 10 -r 2

Waits are in milliseconds, as in Locust 0.7. quickstart_dict.py is the same scenario without the decorator,
quickstart.rs is the same scenario in Rust.
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
