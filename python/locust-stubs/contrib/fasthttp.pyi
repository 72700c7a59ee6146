"""The names of `locust.contrib.fasthttp`."""

from gregaria.user import FastHttpUser as FastHttpUser
