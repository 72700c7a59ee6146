"""The names of `locust.env`."""

from gregaria.environment import Environment as Environment
