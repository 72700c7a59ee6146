"""Python users that decode and check 1 KiB of JSON, with one listener for request events.

The variable CLIENT names their base class, so that each host runs the same file.
"""

import os

import locust

Base = getattr(locust, os.environ["CLIENT"])
max_times = {}


@locust.events.request.add_listener
def record_max_time(name, response_time, **_):
    max_times[name] = max(response_time, max_times.get(name, 0))


class Checker(Base):
    @locust.task
    def stock(self):
        with self.client.get("/stock.json?page=2", name="/stock.json", catch_response=True) as response:
            if len(response.json()["articles"]) == 13:
                response.success()
            else:
                response.failure("articles are missing")
