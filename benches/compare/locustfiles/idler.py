"""Python users for the memory measurement: one request, then an hour of waiting on an open connection."""

from locust import HttpUser, constant, task


class Idler(HttpUser):
    wait_time = constant(3600)

    @task
    def cart(self):
        self.client.get("/cart")
