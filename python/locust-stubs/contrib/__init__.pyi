"""The package `locust.contrib`."""
