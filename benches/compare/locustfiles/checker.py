"""Python users who look at what they get: JSON of 1 KiB, decoded, judged, and one listener that hears of each request.

CLIENT names the class that they derive from, so that one file is run by every host of them.
"""

import os

import locust

Base = getattr(locust, os.environ["CLIENT"])
heard = {}


@locust.events.request.add_listener
def hear(name, response_time, **_):
    heard[name] = max(response_time, heard.get(name, 0))


class Checker(Base):
    @locust.task
    def stock(self):
        with self.client.get("/stock.json?page=2", name="/stock.json", catch_response=True) as response:
            if len(response.json()["articles"]) == 13:
                response.success()
            else:
                response.failure("articles are missing")
