"""Python users that check responses: JSON of 1 KiB is decoded and checked, and one listener receives each request.

CLIENT names the base class, so that each host runs the same file.
"""

import os

import locust

Base = getattr(locust, os.environ["CLIENT"])
longest = {}


@locust.events.request.add_listener
def record(name, response_time, **_):
    longest[name] = max(response_time, longest.get(name, 0))


class Checker(Base):
    @locust.task
    def stock(self):
        with self.client.get("/stock.json?page=2", name="/stock.json", catch_response=True) as response:
            if len(response.json()["articles"]) == 13:
                response.success()
            else:
                response.failure("articles are missing")
