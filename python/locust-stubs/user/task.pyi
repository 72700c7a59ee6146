"""The names of `locust.user.task`."""

from gregaria.task import DefaultTaskSet as DefaultTaskSet
from gregaria.task import TaskSet as TaskSet
from gregaria.task import tag as tag
from gregaria.task import task as task
