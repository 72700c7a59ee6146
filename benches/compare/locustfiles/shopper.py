"""The Python users whose requests are priced, as in `../scenario.rs`: a log-in that sets a cookie, two weighted tasks
under names, no waits. CLIENT names the class that they derive from, so that one file is run by every host of them.
"""

import os

import locust

Base = getattr(locust, os.environ["CLIENT"])


class Shopper(Base):
    def on_start(self):
        self.client.get("/login?user=1", name="/login")

    @locust.task(3)
    def catalogue(self):
        self.client.get("/catalogue?page=2", name="/catalogue")

    @locust.task(1)
    def cart(self):
        self.client.get("/cart")
