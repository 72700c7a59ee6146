"""The names of `locust.core` in 0.7."""

from gregaria.event import events as events
from gregaria.task import DefaultTaskSet as DefaultTaskSet
from gregaria.task import TaskSet as TaskSet
from gregaria.task import tag as tag
from gregaria.task import task as task
from gregaria.user import HttpLocust as HttpLocust
from gregaria.user import Locust as Locust
