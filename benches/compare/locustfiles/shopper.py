"""Python users for the measurement of CPU time per request: two weighted, named tasks without waits.

The tasks are those of `../scenario.rs`. The log-in is left out: the work of Locust's clients on a cookie per request
would be a large part of the comparison. CLIENT names the base class, so that each host runs the same file.
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
