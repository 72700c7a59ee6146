"""The first locustfile of the README.

Users log in, then request two pages.

    gregaria -f examples/website.py --headless -H http://127.0.0.1:8080 -u 10 -r 10 -t 10s
"""

from locust import HttpUser, between, task


class WebsiteUser(HttpUser):
    wait_time = between(5, 9)

    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})

    @task(2)
    def index(self):
        self.client.get("/")

    @task
    def profile(self):
        self.client.get("/profile")
