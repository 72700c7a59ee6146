"""The Python users whose requests are priced: two weighted tasks under names, no waits, as in `../scenario.rs`.

Without its log-in: what Locust's clients do about a cookie with each request would be a good part of what is compared.
CLIENT names the class that they derive from, so that one file is run by every host of them.
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
