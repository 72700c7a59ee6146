"""Python users for the measurement of memory: one request, then an idle hour on an open connection."""

from locust import HttpUser, constant, task


class Idler(HttpUser):
    wait_time = constant(3600)

    @task
    def cart(self):
        self.client.get("/cart")
