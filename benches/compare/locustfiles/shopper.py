"""Python users for the request measurement: two weighted tasks with names, no waits, as in `../scenario.rs`.

They do not log in: the cookie handling of Locust's clients would be a large part of the measured cost.
The variable CLIENT names their base class, so that each host runs the same file.
"""

import os

import locust

Base = getattr(locust, os.environ["CLIENT"])


class Shopper(Base):
    @locust.task(3)
    def catalogue(self):
        self.client.get("/catalogue?page=2", name="/catalogue")

    @locust.task(1)
    def cart(self):
        self.client.get("/cart")
