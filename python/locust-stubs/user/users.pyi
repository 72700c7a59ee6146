"""The names of `locust.user.users`."""

from gregaria.user import FastHttpUser as FastHttpUser
from gregaria.user import HttpUser as HttpUser
from gregaria.user import User as User
