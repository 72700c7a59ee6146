"""The Python users whose memory is measured: one request, then an hour of nothing on a live connection."""

from locust import HttpUser, constant, task


class Idler(HttpUser):
    wait_time = constant(3600)

    @task
    def cart(self):
        self.client.get("/cart")
