"""The names of `locust.user`."""

from gregaria.task import DefaultTaskSet as DefaultTaskSet
from gregaria.task import TaskSet as TaskSet
from gregaria.task import tag as tag
from gregaria.task import task as task
from gregaria.user import FastHttpUser as FastHttpUser
from gregaria.user import HttpUser as HttpUser
from gregaria.user import User as User
