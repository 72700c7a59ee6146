"""Shoppers and a few crawlers load the demo shop. Shows weighted and nested tasks, state, custom row names, and a task
that decides the outcome of a response.

    gregaria -f examples/shop.py --demo -u 50 -r 10 -t 30s

shop.rs is the same scenario in Rust. Locust 2 runs this file unchanged, with the address of the shop in --host.
"""

import random

from locust import HttpUser, TaskSet, between, constant_pacing, task

ITEMS = 200
PAGES = 10
WORDS = ["lamp", "chair", "blue", "walnut"]


class Shopper(HttpUser):
    weight = 9
    wait_time = between(0.5, 2)

    def on_start(self):
        self.client.post("/login", {"username": "ellen_key", "password": "education"})

    @task(4)
    def front_page(self):
        self.client.get("/")

    @task(6)
    def browse_items(self):
        item = random.randint(1, ITEMS)
        # All items share one row of the statistics.
        self.client.get(f"/items/{item}", name="/items/[id]")

    @task(1)
    def search(self):
        word = random.choice(WORDS)
        self.client.get(f"/search?q={word}", name="/search?q=[word]")

    @task(2)
    class Buying(TaskSet):
        @task(2)
        def add_to_cart(self):
            self.client.post("/cart", json={"item": random.randint(1, ITEMS), "amount": random.randint(1, 3)})

        @task(1)
        def look_at_cart(self):
            self.client.get("/cart")

        @task(1)
        def checkout(self):
            """Orders the cart, then leaves the task set, so that the shopper continues with the outer tasks."""
            with self.client.post("/checkout", catch_response=True) as response:
                # 201 is an order. 409 is the correct response to an empty cart.
                if response.status_code in (201, 409):
                    response.success()
                else:
                    response.failure(f"no order: {response.status_code}")
            self.interrupt(reschedule=False)


class Crawler(HttpUser):
    weight = 1
    wait_time = constant_pacing(1)
    page = 0

    @task
    def next_page(self):
        self.page = self.page % PAGES + 1
        self.client.get(f"/items?page={self.page}", name="/items?page=[n]")
